/* SPDX-License-Identifier: MIT
 * Hosted zones and record sets.
 */
#include "kinds_env.h"

static const char *zone(struct txn *t, const char *domain)
{
	return make(t, KIND_HOSTED_ZONE, "{'DomainName': '%s'}", domain);
}

/* ---- zones ---- */

static void zone_gets_the_name_of_its_domain(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "Shop.Test.");

	assert_string_equal(GET(hosted_zone, t, z)->domain, "shop.test");
	assert_string_equal(printed(t, z, "Name"), "shop.test");
}

static void malformed_domain_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const bad[] = {
		"",
		".",
		"a..b",
		".a",
		"a b",
		"*.a",
		"a123456789b123456789c123456789d123456789e123456789f123456789g123.test"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_HOSTED_ZONE, "InvalidDomainName", "DomainName",
			    "{'DomainName': '%s'}", bad[i]);
}

static void second_zone_in_the_same_view_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *b = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *of_b;

	zone(t, "shop.test");
	make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", a);
	of_b = make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", b);
	refuse_make(t, KIND_HOSTED_ZONE, "ConflictingDomainExists", "DomainName",
		    "{'DomainName': 'SHOP.test'}");
	refuse_patch(t, of_b, "ConflictingDomainExists", "DomainName", "{'VpcIds': ['%s', '%s']}",
		     a, b);
	make(t, KIND_HOSTED_ZONE, "{'DomainName': 'db.shop.test', 'VpcIds': ['%s']}", b);
}

static void private_zone_stays_private(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *private =
		make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", vpc);

	refuse_patch(t, private, "LastVPCAssociation", "VpcIds", "{'VpcIds': []}");
	refuse_patch(t, zone(t, "example.com"), "PublicZoneVPCAssociation", "VpcIds",
		     "{'VpcIds': ['%s']}", vpc);
	refuse_delete(t, vpc, "DependencyViolation");
	drop(t, private);
	drop(t, vpc);
}

/* ---- records ---- */

static const char *record(struct txn *t, const char *z, const char *name, const char *type,
			  const char *values)
{
	return make(t, KIND_RECORD_SET,
		    "{'HostedZoneId': '%s', 'RecordName': '%s', 'Type': '%s', 'Values': [%s]}", z,
		    name, type, values);
}

static void refuse_record(struct txn *t, const char *z, const char *name, const char *type,
			  const char *values, const char *code, const char *field)
{
	refuse_make(t, KIND_RECORD_SET, code, field,
		    "{'HostedZoneId': '%s', 'RecordName': '%s', 'Type': '%s', 'Values': [%s]}", z,
		    name, type, values);
}

static void well_formed_values_are_taken(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");
	const char *id = record(t, z, "DB", "a", "'10.0.0.1', '10.0.0.2'");

	assert_string_equal(GET(record_set, t, id)->record_name, "db");
	assert_string_equal(GET(record_set, t, id)->type, "A");
	assert_int_equal(GET(record_set, t, id)->ttl, 60);
	record(t, z, "db", "AAAA", "'2001:db8::1'");
	record(t, z, "pg", "CNAME", "'db.shop.test'");
	record(t, z, "@", "TXT", "'\\'v=spf1 -all\\'', 'two words', '\\'a\\\\034b\\' c'");
	record(t, z, "@", "MX", "'10 mail.shop.test.', '20 other.test'");
	record(t, z, "none", "MX", "'0 .'");
	record(t, z, "_http._tcp", "SRV", "'1 1 80 web.shop.test'");
	record(t, z, "@", "NS", "'ns.shop.test'");
	record(t, z, "sub", "NS", "'ns.sub.shop.test'");
	record(t, z, "4", "PTR", "'db.shop.test'");
	record(t, z, "@", "CAA", "'0 issue \\'ca.test\\''");
	record(t, z, "*", "A", "'10.0.0.9'");
	record(t, z, "*.dev", "A", "'10.0.0.9'");
}

static void malformed_values_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");
	static const char *const bad[][2] = {
		{"A", "'::1'"},
		{"A", "'10.0.0'"},
		{"A", "'10.0.0.1', '10.0.0.1'"},
		{"A", ""},
		{"AAAA", "'10.0.0.1'"},
		{"CNAME", "'a b'"},
		{"CNAME", "'a.test', 'b.test'"},
		{"TXT", "'\\'open'"},
		{"TXT", "'\\'x\\\\999\\''"},
		{"TXT", "'ends in a backslash\\\\'"},
		{"MX", "'mail.test'"},
		{"MX", "'65536 mail.test'"},
		{"MX", "'-1 mail.test'"},
		{"SRV", "'1 1 web.test'"},
		{"NS", "''"},
		{"PTR", "'a..b'"},
		{"CAA", "'256 issue \\'ca.test\\''"},
		{"CAA", "'0 is-sue \\'ca.test\\''"},
		{"CAA", "'0 issue'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_record(t, z, "x", bad[i][0], bad[i][1],
			      !strcmp(bad[i][1], "''") ? "InvalidParameterValue"
						       : "InvalidChangeBatch",
			      !strcmp(bad[i][1], "''") ? "Values/0" : "Values");
}

static void long_string_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");
	char value[300] = "'";

	memset(value + 1, 'x', 255);
	strcpy(value + 256, "'");
	record(t, z, "fits", "TXT", value);
	strcpy(value + 256, "x'");
	refuse_record(t, z, "long", "TXT", value, "InvalidChangeBatch", "Values");
}

static void bad_name_type_or_ttl_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");
	static const char *const names[] = {"a..b", "a b", "x.*", "*x", "db."};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		refuse_record(t, z, names[i], "A", "'10.0.0.1'", "InvalidChangeBatch",
			      "RecordName");
	refuse_record(t, z, "x", "SOA", "'x'", "InvalidParameterValue", "Type");
	refuse_record(t, z, "x", "WKS", "'x'", "InvalidParameterValue", "Type");
	refuse_make(t, KIND_RECORD_SET, "InvalidParameterValue", "TTL",
		    "{'HostedZoneId': '%s', 'RecordName': 'x', 'Type': 'A', 'TTL': 2147483648, "
		    "'Values': ['10.0.0.1']}",
		    z);
	refuse_make(t, KIND_RECORD_SET, "InvalidParameterValue", "TTL",
		    "{'HostedZoneId': '%s', 'RecordName': 'x', 'Type': 'A', 'TTL': -1, "
		    "'Values': ['10.0.0.1']}",
		    z);
}

static void name_that_is_too_long_with_its_zone_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");
	char name[260] = "";

	for (int i = 0; i < 61; i++)
		strcat(name, "aaa.");
	strcpy(name + 240, "a");
	record(t, z, name, "A", "'10.0.0.1'");
	strcpy(name + 240, "aaaa");
	refuse_record(t, z, name, "A", "'10.0.0.1'", "InvalidChangeBatch", "RecordName");
}

static void cname_stands_alone(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");

	record(t, z, "db", "A", "'10.0.0.1'");
	refuse_record(t, z, "DB", "CNAME", "'x.test'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, z, "db", "A", "'10.0.0.2'", "InvalidChangeBatch", "RecordName");
	record(t, z, "pg", "CNAME", "'db.shop.test'");
	refuse_record(t, z, "pg", "TXT", "'x'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, z, "@", "CNAME", "'x.test'", "InvalidChangeBatch", "RecordName");
	record(t, zone(t, "other.test"), "pg", "A", "'10.0.0.1'");
}

static void private_zones_and_wildcards_delegate_nothing(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *private =
		make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", vpc);

	refuse_record(t, private, "sub", "NS", "'ns.test'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, zone(t, "example.com"), "*", "NS", "'ns.test'", "InvalidChangeBatch",
		      "RecordName");
}

static void sandboxs_name_is_resolved_in_the_zones_vpc(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t), other;
	const char *z =
		make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", n.vpc);
	const char *public = zone(t, "example.com"), *db, *rr;

	db = make(t, KIND_INSTANCE, "{'SubnetId': '%s', 'Name': 'db'}", n.subnet);
	make(t, KIND_FUNCTION, "{'SubnetIds': ['%s'], 'Name': 'orders'}", n.subnet);
	rr = record(t, z, "db", "A", "'@db', '@orders'");
	record(t, public, "db", "A", "'@db'");
	refuse_record(t, z, "x", "A", "'@nobody'", "InvalidChangeBatch", "Values");
	refuse_record(t, z, "x", "A", "'@a'", "InvalidChangeBatch", "Values"); /* a subnet */
	refuse_record(t, z, "x", "AAAA", "'@db'", "InvalidChangeBatch", "Values");
	refuse_record(t, z, "x", "CNAME", "'@db'", "InvalidChangeBatch", "Values");
	change(t, n.vpc, "{'Name': 'first'}");
	other = net_make(t);
	make(t, KIND_INSTANCE, "{'SubnetId': '%s', 'Name': 'db'}", other.subnet);
	record(t, z, "db2", "A", "'@db'");
	refuse_record(t, public, "db2", "A", "'@db'", "InvalidChangeBatch", "Values");
	/* One that has gone since does not keep the record from being changed. */
	drop(t, db);
	change(t, rr, "{'TTL': 5}");
}

static void records_go_with_their_zone(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test");

	record(t, z, "db", "A", "'10.0.0.1'");
	drop(t, z);
	assert_int_equal(count(txn_model(t), KIND_RECORD_SET), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(zone_gets_the_name_of_its_domain),
		env_test(malformed_domain_is_refused),
		env_test(second_zone_in_the_same_view_is_refused),
		env_test(private_zone_stays_private),
		env_test(well_formed_values_are_taken),
		env_test(malformed_values_are_refused),
		env_test(long_string_is_refused),
		env_test(bad_name_type_or_ttl_is_refused),
		env_test(name_that_is_too_long_with_its_zone_is_refused),
		env_test(cname_stands_alone),
		env_test(private_zones_and_wildcards_delegate_nothing),
		env_test(sandboxs_name_is_resolved_in_the_zones_vpc),
		env_test(records_go_with_their_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
