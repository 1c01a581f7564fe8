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
	refuse_record(t, z, "x", "NAPTR", "'x'", "InvalidParameterValue", "Type");
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

/* ---- signed zones ---- */

#define DIGEST "e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766"

static void records_of_signed_zones_stand_where_they_may(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *z = zone(t, "shop.test");
	const char *private =
		make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", vpc);

	record(t, z, "@", "SOA", "'ns.shop.test. h.shop.test. 1 2 3 4 5'");
	record(t, z, "@", "DNSKEY", "'257 3 13 AAECAwQF'");
	record(t, z, "@", "NSEC3PARAM", "'1 0 1 abcd'");
	record(t, z, "sub", "DS", "'1 13 2 " DIGEST "'");
	record(t, z, "x", "CNAME", "'y.test'");
	record(t, z, "x", "RRSIG",
	       "'CNAME 13 3 60 20300101000000 20200101000000 1 shop.test. AAAA'");
	record(t, z, "x", "NSEC", "'y.shop.test. CNAME RRSIG'");
	refuse_record(t, z, "x", "A", "'10.0.0.1'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, z, "www", "SOA", "'a. b. 1 2 3 4 5'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, z, "www", "DNSKEY", "'257 3 13 AAECAwQF'", "InvalidChangeBatch",
		      "RecordName");
	refuse_record(t, z, "@", "DS", "'1 13 2 " DIGEST "'", "InvalidChangeBatch", "RecordName");
	refuse_record(t, z, "other", "DS", "'1 13 2'", "InvalidChangeBatch", "Values");
	refuse_record(t, z, "other", "RRSIG", "'A 13'", "InvalidChangeBatch", "Values");
	refuse_record(t, private, "sub", "DS", "'1 13 2 " DIGEST "'", "InvalidChangeBatch", "Type");
}

static void trust_anchors_are_checked(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const bad[] = {
		"shop.test A 10.0.0.1",		  "shop.test",
		"shop.test DS 1 99 2 " DIGEST,	  "shop.test DS 1 13 1 " DIGEST,
		"shop.test DS 1 13 3 " DIGEST,	  "shop.test DNSKEY 1 3 13 AAECAwQF",
		"shop.test CH DS 1 13 2 " DIGEST,
	};
	const char *vpc = make(t, KIND_VPC,
			       "{'CidrBlock': '10.0.0.0/16', 'EnableDnssecValidation': true, "
			       "'DnssecTrustAnchors': ['shop.test. 60 IN DS 1 13 2 " DIGEST
			       "', '. DNSKEY 257 3 8 AAECAwQF']}");

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_patch(t, vpc, "InvalidParameterValue", "DnssecTrustAnchors",
			     "{'DnssecTrustAnchors': ['%s']}", bad[i]);
	refuse_patch(t, vpc, "InvalidParameterCombination", "EnableDnssecValidation",
		     "{'EnableDnsSupport': false}");
}

/* A Name that could be one in DNS is one, and then nobody else's. */
static void internet_hosts_answer_to_a_name_that_is_a_domain(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *h = make(t, KIND_INTERNET_HOST, "{'Name': 'WWW.example.com'}");

	assert_string_equal(GET(internet_host, t, h)->domain_name, "www.example.com");
	h = make(t, KIND_INTERNET_HOST, "{'Name': 'www'}");
	assert_null(GET(internet_host, t, h)->domain_name);
	h = make(t, KIND_INTERNET_HOST, "{'Name': 'a.test', 'DomainName': 'b.test'}");
	assert_string_equal(GET(internet_host, t, h)->domain_name, "b.test");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidParameterValue", "DomainName",
		    "{'Name': 'b.test'}");
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
	record(t, z, "x", "AAAA", "'@db'"); /* as soon as it has one */
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

/* ---- routing policies ---- */

static const char *set(struct txn *t, const char *z, const char *id, const char *more)
{
	return make(
		t, KIND_RECORD_SET,
		"{'HostedZoneId': '%s', 'RecordName': 'www', 'Type': 'A', 'Values': ['10.0.0.1'], "
		"'SetIdentifier': '%s'%s}",
		z, id, more);
}

#define REFUSE_SET(t, z, field, id, more)                                                         \
	refuse_make(                                                                              \
		t, KIND_RECORD_SET, "InvalidChangeBatch", field,                                  \
		"{'HostedZoneId': '%s', 'RecordName': 'www', 'Type': 'A', 'Values': ['10.0.0.1']" \
		"%s%s}",                                                                          \
		z, id, more)

static void sets_of_one_name_have_identifiers_and_one_policy(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *z = zone(t, "shop.test"), *blue;

	blue = set(t, z, "blue", ", 'Weight': 3");
	set(t, z, "green", ", 'Weight': 1");
	REFUSE_SET(t, z, "RecordName", ", 'SetIdentifier': 'blue'", "");
	REFUSE_SET(t, z, "RecordName", "", "");
	REFUSE_SET(t, z, "RecordName", ", 'SetIdentifier': 'red'", ", 'MultiValueAnswer': true");
	REFUSE_SET(t, z, "SetIdentifier", "", ", 'Weight': 3");
	REFUSE_SET(t, z, "Weight", ", 'SetIdentifier': 'red'",
		   ", 'Weight': 1, 'MultiValueAnswer': true");
	change(t, blue, "{'Weight': 0}");
	refuse_patch(t, blue, "InvalidParameterValue", "Weight", "{'Weight': 256}");
	refuse_patch(t, blue, "InvalidParameterValue", "SetIdentifier", "{'SetIdentifier': 'x'}");
}

/* ---- DHCP option sets ---- */

static void option_sets_are_replaced_not_changed(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *d = make(t, KIND_DHCP_OPTIONS,
			     "{'DomainName': 'Corp.Test.', 'DomainNameServers': "
			     "['AmazonProvidedDNS', '10.0.0.53']}");
	const char *vpc =
		make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'DhcpOptionsId': '%s'}", d);

	assert_string_equal(GET(dhcp_options, t, d)->domain_name, "corp.test");
	refuse_patch(t, d, "InvalidParameterValue", "DomainName", "{'DomainName': 'x.test'}");
	refuse_delete(t, d, "DependencyViolation");
	change(t, vpc, "{'DhcpOptionsId': null}");
	drop(t, d);
}

static void malformed_option_sets_are_refused(void **state)
{
	static const char *const bad[][3] = {
		{"{}", "MissingParameter", "DomainNameServers"},
		{"{'DomainName': 'a..b'}", "InvalidDomainName", "DomainName"},
		{"{'DomainNameServers': ['nowhere']}", "InvalidParameterValue",
		 "DomainNameServers"},
		{"{'DomainNameServers': ['10.0.0.1', '10.0.0.1']}", "InvalidParameterValue",
		 "DomainNameServers"},
		{"{'DomainNameServers': ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', "
		 "'AmazonProvidedDNS']}",
		 "InvalidParameterValue", "DomainNameServers"},
		{"{'DomainName': 'a.test', 'NetbiosNodeType': 3}", "InvalidParameterValue",
		 "NetbiosNodeType"},
	};
	struct txn *t = ((struct env *)*state)->t;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_DHCP_OPTIONS, bad[i][1], bad[i][2], "%s", bad[i][0]);
}

/* ---- resolver rules ---- */

static void a_vpc_follows_one_rule_for_a_domain(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}"), *r;

	r = make(t, KIND_RESOLVER_RULE,
		 "{'DomainName': 'Corp.Test', 'TargetIps': [{'Ip': '192.0.2.53'}, {'Ip': "
		 "'2001:db8::53', 'Port': 5353}], 'VpcIds': ['%s']}",
		 vpc);
	assert_string_equal(GET(resolver_rule, t, r)->domain, "corp.test");
	refuse_make(t, KIND_RESOLVER_RULE, "ResourceExistsException", "VpcIds",
		    "{'DomainName': 'corp.test', 'RuleType': 'SYSTEM', 'VpcIds': ['%s']}", vpc);
	make(t, KIND_RESOLVER_RULE, "{'DomainName': 'corp.test', 'RuleType': 'SYSTEM'}");
	make(t, KIND_RESOLVER_RULE, "{'DomainName': '.', 'TargetIps': [{'Ip': '192.0.2.53'}]}");
	refuse_delete(t, vpc, "DependencyViolation");
}

static void malformed_rules_are_refused(void **state)
{
	static const char *const bad[][3] = {
		{"{'DomainName': 'a.test'}", "InvalidParameterException", "TargetIps"},
		{"{'DomainName': 'a.test', 'RuleType': 'SYSTEM', 'TargetIps': [{'Ip': "
		 "'192.0.2.1'}]}",
		 "InvalidParameterException", "TargetIps"},
		{"{'DomainName': 'a..test', 'RuleType': 'SYSTEM'}", "InvalidDomainName",
		 "DomainName"},
		{"{'DomainName': 'a.test', 'TargetIps': [{'Ip': 'x'}]}", "InvalidParameterValue",
		 "TargetIps/0/Ip"},
		{"{'DomainName': 'a.test', 'TargetIps': [{'Ip': '192.0.2.1', 'Port': 0}]}",
		 "InvalidParameterValue", "TargetIps/0/Port"},
	};
	struct txn *t = ((struct env *)*state)->t;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_RESOLVER_RULE, bad[i][1], bad[i][2], "%s", bad[i][0]);
}

/* ---- the DNS firewall ---- */

static void firewall_rules_refer_to_lists_and_have_an_order(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *l = make(t, KIND_FIREWALL_DOMAIN_LIST,
			     "{'Domains': ['Bad.Test.', '*.bad.test', '*'], 'Name': 'bad'}");

	assert_string_equal(((char **)GET(firewall_domain_list, t, l)->domains.v)[0], "bad.test");
	make(t, KIND_FIREWALL_RULE_GROUP,
	     "{'VpcIds': ['%s'], 'FirewallRules': [{'FirewallDomainListId': 'bad', 'Priority': 1, "
	     "'Action': 'BLOCK', 'BlockResponse': 'OVERRIDE', 'BlockOverrideDomain': "
	     "'wall.test'}]}",
	     vpc);
	refuse_delete(t, l, "DependencyViolation");
	refuse_make(t, KIND_FIREWALL_RULE_GROUP, "ConflictException", "Priority",
		    "{'VpcIds': ['%s']}", vpc);
	make(t, KIND_FIREWALL_RULE_GROUP, "{'VpcIds': ['%s'], 'Priority': 102}", vpc);
	refuse_make(
		t, KIND_FIREWALL_RULE_GROUP, "ValidationException", "FirewallRules/1/Priority",
		"{'FirewallRules': [{'FirewallDomainListId': 'bad', 'Priority': 1, 'Action': "
		"'ALLOW'}, {'FirewallDomainListId': 'bad', 'Priority': 1, 'Action': 'ALERT'}]}");
	refuse_make(t, KIND_FIREWALL_RULE_GROUP, "ValidationException",
		    "FirewallRules/0/BlockOverrideDomain",
		    "{'FirewallRules': [{'FirewallDomainListId': 'bad', 'Priority': 1, 'Action': "
		    "'BLOCK', 'BlockResponse': 'OVERRIDE'}]}");
	refuse_make(t, KIND_FIREWALL_RULE_GROUP, "ValidationException",
		    "FirewallRules/0/BlockOverrideDomain",
		    "{'FirewallRules': [{'FirewallDomainListId': 'bad', 'Priority': 1, 'Action': "
		    "'ALLOW', 'BlockOverrideDomain': 'x.test'}]}");
	refuse_make(t, KIND_FIREWALL_DOMAIN_LIST, "ValidationException", "Domains",
		    "{'Domains': ['a.*.test']}");
}

static void a_vpc_has_four_query_logs_at_most(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}"), *q = NULL;

	for (int i = 0; i < 4; i++)
		q = make(t, KIND_QUERY_LOG_CONFIG, "{'VpcIds': ['%s']}", vpc);
	refuse_make(t, KIND_QUERY_LOG_CONFIG, "LimitExceededException", "VpcIds",
		    "{'VpcIds': ['%s']}", vpc);
	change(t, q, "{'Name': 'fourth'}");
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
		env_test(records_of_signed_zones_stand_where_they_may),
		env_test(trust_anchors_are_checked),
		env_test(internet_hosts_answer_to_a_name_that_is_a_domain),
		env_test(cname_stands_alone),
		env_test(private_zones_and_wildcards_delegate_nothing),
		env_test(sandboxs_name_is_resolved_in_the_zones_vpc),
		env_test(records_go_with_their_zone),
		env_test(sets_of_one_name_have_identifiers_and_one_policy),
		env_test(option_sets_are_replaced_not_changed),
		env_test(malformed_option_sets_are_refused),
		env_test(a_vpc_follows_one_rule_for_a_domain),
		env_test(malformed_rules_are_refused),
		env_test(firewall_rules_refer_to_lists_and_have_an_order),
		env_test(a_vpc_has_four_query_logs_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
