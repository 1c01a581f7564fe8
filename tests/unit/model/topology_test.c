/* SPDX-License-Identifier: MIT
 * Topology files: loading, changing, replacing, pruning, exporting, unloading, and their faults.
 */
#include <time.h>

#include "lib/buf.h"
#include "model/topology.h"
#include "topology_env.h"

#define SHOP                                                                                     \
	"{'Lab': 'lab', 'Vpcs': {'shop': {'CidrBlock': '10.0.0.0/16', 'InternetGateway': 'igw'," \
	" 'EnableDnsHostnames': true,"                                                           \
	" 'Subnets': {'public': {'CidrBlock': '10.0.0.0/24', 'RouteTable': 'public'},"           \
	"             'private': {'CidrBlock': '10.0.1.0/24', 'RouteTable': 'private',"          \
	"                         'NetworkAcl': 'strict'}},"                                     \
	" 'NatGateways': {'nat': {'Subnet': 'public', 'PublicIp': '198.51.100.10',"              \
	"                         'SecondaryElasticIps': ['spare']}},"                           \
	" 'RouteTables': {'public': {'Routes': {'0.0.0.0/0': 'igw'}},"                           \
	"                 'private': {'Routes': {'0.0.0.0/0': 'nat', '192.0.2.0/24': 'web'}}},"  \
	" 'NetworkAcls': {'strict': {'Entries': ['100 allow tcp 80-90 from 0.0.0.0/0',"          \
	"                                        '200 deny all to 10.9.0.0/16']}},"              \
	" 'SecurityGroups': {'web': {'Ingress': ['tcp 80 from 0.0.0.0/0', 'icmp 8 from db']},"   \
	"                    'db': {'Ingress': ['tcp 5432 from web'], 'Egress': []}}}},"         \
	" 'ElasticIps': {'spare': {'PublicIp': '198.51.100.77'}},"                               \
	" 'Instances': {'web': {'Subnet': 'shop/public', 'SecurityGroups': ['web'],"             \
	"                       'PublicIp': '198.51.100.20', 'Command': ['httpd'],"              \
	"                       'Environment': {'A': '1', 'B': '2'}},"                           \
	"               'db': {'Subnet': 'shop/private', 'SecurityGroups': ['db'],"              \
	"                      'PrivateIpAddress': '10.0.1.50', 'Tags': {'Team': 'data'}}},"     \
	" 'Functions': {'fn': {'Subnets': ['shop/private'], 'Command': ['true']}},"              \
	" 'InternetHosts': {'www.example.com': {'Address': '203.0.113.80'}},"                    \
	" 'HostedZones': {'shop.test': {'Vpcs': ['shop'],"                                       \
	"   'Records': {'db A': '@db', 'pg CNAME': 'db.shop.test',"                              \
	"               'txt TXT': {'TTL': 5, 'Values': ['one', 'two']}}}}}"

static const char *shop(void)
{
	return SHOP;
}

/* A copy with one text replaced; malloc'd. */
static void a_file_becomes_objects_of_its_lab(void **state)
{
	struct lab *l = *state;
	const struct instance *web;
	const struct elastic_ip *eip;

	must_load(l, shop());
	assert_true(has_step(l, PLAN_CREATE, KIND_SUBNET, "shop/public"));
	assert_true(has_step(l, PLAN_CREATE, KIND_ELASTIC_IP, "shop-nat"));
	web = AS_CONST(instance, named(l, KIND_INSTANCE, "web"));
	assert_string_equal(web->o.lab, "lab");
	assert_string_equal(web->sandbox.directory, "/srv/lab");
	eip = model_eni_elastic_ip(store_model(l->s), web->network_interface_id);
	assert_non_null(eip);
	assert_int_equal(ip_to_v4(&eip->public_ip), 0xc6336414);
	assert_string_equal(AS_CONST(nat_gateway, named(l, KIND_NAT_GATEWAY, "nat"))->state,
			    "pending");
	assert_string_equal(AS_CONST(subnet, named(l, KIND_SUBNET, "shop/private"))->route_table_id,
			    named(l, KIND_ROUTE_TABLE, "private")->id);
	assert_int_equal(count(store_model(l->s), KIND_RECORD_SET), 3);
}

static void loading_again_changes_nothing(void **state)
{
	struct lab *l = *state;
	uint64_t revision;

	must_load(l, shop());
	revision = store_revision(l->s);
	must_load(l, shop());
	assert_int_equal(l->steps.n, 0);
	assert_int_equal(store_revision(l->s), revision);
}

static void a_changed_file_updates_in_place(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = with(shop(), "'B': '2'", "'C': '3'");
	cleanup_free char *rules = with(text, "tcp 80 from", "tcp 81 from");
	char id[40];

	must_load(l, shop());
	snprintf(id, sizeof(id), "%s", named(l, KIND_INSTANCE, "web")->id);
	must_load(l, rules);
	assert_true(has_step(l, PLAN_UPDATE, KIND_INSTANCE, "web"));
	assert_true(
		has_step(l, PLAN_CREATE, KIND_SECURITY_GROUP_RULE, "web: tcp 81 from 0.0.0.0/0"));
	assert_true(
		has_step(l, PLAN_DELETE, KIND_SECURITY_GROUP_RULE, "web: tcp 80 from 0.0.0.0/0"));
	assert_int_equal(l->steps.n, 3);
	assert_string_equal(named(l, KIND_INSTANCE, "web")->id, id);
	assert_int_equal(AS_CONST(instance, named(l, KIND_INSTANCE, "web"))->sandbox.environment.n,
			 2);
}

static void an_immutable_change_replaces(void **state)
{
	struct lab *l = *state;
	cleanup_free char *moved = with(shop(), "'10.0.1.50'", "'10.0.1.51'");
	cleanup_free char *wider = with(shop(), "'10.0.1.0/24'", "'10.0.1.0/25'");
	char web[40];

	must_load(l, shop());
	snprintf(web, sizeof(web), "%s", named(l, KIND_INSTANCE, "web")->id);
	must_load(l, moved);
	assert_true(has_step(l, PLAN_REPLACE, KIND_INSTANCE, "db"));
	assert_int_equal(l->steps.n, 1);
	must_load(l, wider); /* what lies in the subnet goes with it */
	assert_true(has_step(l, PLAN_REPLACE, KIND_SUBNET, "shop/private"));
	assert_true(has_step(l, PLAN_REPLACE, KIND_INSTANCE, "db"));
	assert_true(has_step(l, PLAN_REPLACE, KIND_FUNCTION, "fn"));
	assert_string_equal(named(l, KIND_INSTANCE, "web")->id, web);
	must_load(l, wider);
	assert_int_equal(l->steps.n, 0);
}

static void what_left_the_file_goes_and_what_is_not_of_the_lab_stays(void **state)
{
	struct lab *l = *state;
	struct txn *t;

	must_load(l, shop());
	t = txn_begin(l->s);
	make(t, KIND_VPC, "{'Name': 'mine', 'CidrBlock': '10.5.0.0/16'}");
	commit(t);
	must_load(l, "{'Lab': 'lab', 'Vpcs': {'shop': {'CidrBlock': '10.0.0.0/16',"
		     " 'EnableDnsHostnames': true}}}");
	assert_int_equal(count(store_model(l->s), KIND_INSTANCE), 0);
	assert_int_equal(count(store_model(l->s), KIND_ELASTIC_IP), 0);
	assert_int_equal(count(store_model(l->s), KIND_NAT_GATEWAY), 0);
	assert_int_equal(count(store_model(l->s), KIND_SUBNET), 0);
	assert_int_equal(count(store_model(l->s), KIND_VPC), 2);
	must_load(l, shop());
	must_load(l, "{'Lab': 'lab'}");
	assert_int_equal(count(store_model(l->s), KIND_VPC), 1);
}

static void addresses_may_change_places(void **state)
{
	struct lab *l = *state;
	static const char text[] =
		"{'Lab': 'lab', 'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16', 'InternetGateway': 'g',"
		" 'Subnets': {'s': {'CidrBlock': '10.0.0.0/24'}}}},"
		" 'ElasticIps': {'x': {'PublicIp': '198.51.100.1'}, 'y': {'PublicIp': "
		"'198.51.100.2'}},"
		" 'Instances': {'a': {'Subnet': 'v/s', 'ElasticIp': 'x'},"
		"               'b': {'Subnet': 'v/s', 'ElasticIp': 'y'}}}";
	cleanup_free char *once = with(text, "'ElasticIp': 'x'", "'ElasticIp': 'z'");
	cleanup_free char *twice = with(once, "'ElasticIp': 'y'", "'ElasticIp': 'x'");
	cleanup_free char *swapped = with(twice, "'ElasticIp': 'z'", "'ElasticIp': 'y'");

	must_load(l, text);
	must_load(l, swapped);
	assert_int_equal(l->steps.n, 2);
	assert_true(has_step(l, PLAN_UPDATE, KIND_ELASTIC_IP, "x"));
}

/* ---- export ---- */

static void export_loads_to_the_same_lab(void **state)
{
	struct lab *l = *state;

	must_load(l, shop());
	for (int canonical = 0; canonical < 2; canonical++) {
		cleanup_free char *text = export_text(l, canonical), *again = NULL;

		if (load(l, text, strlen(text)))
			fail_msg("%s\n%s: %s", text, l->faults.v[0].pointer,
				 l->faults.v[0].err.msg);
		for (size_t i = 0; i < l->steps.n; i++)
			print_message("%d %s: %s\n", l->steps.v[i].op, l->steps.v[i].name,
				      l->steps.v[i].detail ? l->steps.v[i].detail : "");
		assert_int_equal(l->steps.n, 0);
		again = export_text(l, canonical);
		assert_string_equal(text, again);
	}
}

static void an_export_loads_into_an_empty_store(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = NULL, *again = NULL;

	must_load(l, shop());
	text = export_text(l, false);
	store_close(l->s);
	l->s = open_store(":memory:");
	assert_int_equal(load(l, text, strlen(text)), 0);
	again = export_text(l, false);
	assert_string_equal(text, again);
}

/* ---- unloading ---- */

static void unloading_leaves_nothing(void **state)
{
	struct lab *l = *state;
	struct txn *t;
	struct err e;

	must_load(l, shop());
	forget(l);
	t = txn_begin(l->s);
	if (topology_unload(t, "lab", &l->steps, &e))
		fail_msg("%s", e.msg);
	commit(t);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		assert_int_equal(count(store_model(l->s), k), 0);
	assert_true(has_step(l, PLAN_DELETE, KIND_VPC, "shop"));
}

static void somebody_elses_object_in_the_lab_stands_in_the_way(void **state)
{
	struct lab *l = *state;
	struct txn *t;
	struct err e;

	must_load(l, shop());
	t = txn_begin(l->s);
	make(t, KIND_INSTANCE, "{'Name': 'guest', 'SubnetId': 'shop/private'}");
	commit(t);
	forget(l);
	t = txn_begin(l->s);
	assert_int_not_equal(topology_unload(t, "lab", &l->steps, &e), 0);
	txn_abort(t);
	assert_string_equal(e.code, "DependencyViolation");
	assert_non_null(strstr(e.msg, "guest"));
}

/* ---- faults ---- */

static const struct {
	const char *from, *to, *pointer, *code, *text;
} bad[] = {
	{"'CidrBlock': '10.0.0.0/16'", "'CidrBlok': '10.0.0.0/16'", "/Vpcs/shop/CidrBlok",
	 "UnknownParameter", "CidrBlock"},
	{"'10.0.0.0/16'", "'10.0.0.0/8'", "/Vpcs/shop/CidrBlock", "InvalidVpc.Range", "10.0.0.0/8"},
	{"'10.0.1.0/24'", "'10.0.0.128/25'", "/Vpcs/shop/Subnets/private/CidrBlock",
	 "InvalidSubnet.Conflict", "10.0.0.128/25"},
	{"'10.0.1.0/24'", "'10.9.1.0/24'", "/Vpcs/shop/Subnets/private/CidrBlock",
	 "InvalidSubnet.Range", "10.9.1.0/24"},
	{"'10.0.1.50'", "'10.0.1.3'", "/Instances/db/PrivateIpAddress", "InvalidParameterValue",
	 "10.0.1.3"},
	{"'SecurityGroups': ['db']", "'SecurityGroups': ['dbs']", "/Instances/db/SecurityGroups/0",
	 "InvalidGroup.NotFound", "did you mean db"},
	{"'Subnet': 'shop/private', 'Sec", "'Subnet': 'shop/privat', 'Sec", "/Instances/db/Subnet",
	 "InvalidSubnetID.NotFound", "privat"},
	{"'RouteTable': 'private'", "'RouteTable': 'privte'",
	 "/Vpcs/shop/Subnets/private/RouteTable", "InvalidRouteTableID.NotFound", "privte"},
	{"'0.0.0.0/0': 'nat'", "'0.0.0.0/0': 'not'",
	 "/Vpcs/shop/RouteTables/private/Routes/0.0.0.0~10", "InvalidParameterValue", "not"},
	{"'0.0.0.0/0': 'nat'", "'0.0.0.0': 'nat'", "/Vpcs/shop/RouteTables/private/Routes/0.0.0.0",
	 "InvalidParameterValue", "0.0.0.0"},
	{"tcp 5432 from web", "tcp 5432 form web", "/Vpcs/shop/SecurityGroups/db/Ingress/0",
	 "InvalidPermission.Malformed", "form"},
	{"tcp 5432 from web", "tcp 5432 to web", "/Vpcs/shop/SecurityGroups/db/Ingress/0",
	 "InvalidPermission.Malformed", "from"},
	{"tcp 5432 from web", "tcp 99999 from web", "/Vpcs/shop/SecurityGroups/db/Ingress/0",
	 "InvalidPermission.Malformed", "99999"},
	{"100 allow", "allow", "/Vpcs/shop/NetworkAcls/strict/Entries/0", "InvalidParameterValue",
	 "NUMBER"},
	{"'198.51.100.20'", "'192.0.2.1'", "/Instances/web/PublicIp", "InvalidParameterValue",
	 "192.0.2.1"},
	{"'db A': '@db'", "'db A': '@nobody'", "/HostedZones/shop.test/Records/db A",
	 "InvalidChangeBatch", "nobody"},
	{"'db A'", "'dbA'", "/HostedZones/shop.test/Records/dbA", "InvalidChangeBatch",
	 "NAME TYPE"},
	{"'203.0.113.80'", "'10.0.0.1'", "/InternetHosts/www.example.com/Address",
	 "InvalidParameterValue", "10.0.0.1"},
	{"'Command': ['true']", "'Command': 'true'", "/Functions/fn/Command",
	 "InvalidParameterValue", "true"},
	{"'Lab': 'lab'", "'Lab': 7", "/Lab", "InvalidParameterValue", "string"},
	{"'Vpcs': {", "'Vpc': {", "/Vpc", "UnknownParameter", "Vpcs"},
};

static void faults_name_place_code_and_value_and_change_nothing(void **state)
{
	struct lab *l = *state;
	cleanup_free char *before = NULL;

	must_load(l, shop());
	before = dump(store_model(l->s));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_free char *text = with(shop(), bad[i].from, bad[i].to), *after = NULL;
		const struct fault *f;

		if (!load_text(l, text))
			fail_msg("accepted: %s", bad[i].to);
		f = &l->faults.v[0];
		if (strcmp(f->pointer, bad[i].pointer) || strcmp(f->err.code, bad[i].code) ||
		    !strstr(f->err.msg, bad[i].text))
			fail_msg("%s: %s %s: %s", bad[i].to, f->pointer, f->err.code, f->err.msg);
		assert_true(f->line >= 1 && f->col >= 1);
		after = dump(store_model(l->s));
		assert_string_equal(before, after);
	}
}

static void all_faults_come_at_once_and_none_for_what_follows_from_another(void **state)
{
	struct lab *l = *state;

	assert_int_not_equal(
		load_text(l, "{'Lab': 'lab', 'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16',"
			     " 'Subnets': {'a': {'CidrBlock': '10.9.0.0/24'},"
			     "             'b': {'CidrBlock': '10.0.1.0/24'}}}},"
			     " 'Instances': {'in-a': {'Subnet': 'v/a'}, 'none': {'Subnet': 'v/c'},"
			     "               'low': {'Subnet': 'v/b', 'PrivateIpAddress': "
			     "'10.0.1.1'}}}"),
		0);
	assert_int_equal(l->faults.n, 3);
	assert_string_equal(l->faults.v[0].pointer, "/Vpcs/v/Subnets/a/CidrBlock");
	assert_string_equal(l->faults.v[1].pointer, "/Instances/none/Subnet");
	assert_string_equal(l->faults.v[2].pointer, "/Instances/low/PrivateIpAddress");
}

static void a_file_cut_anywhere_changes_nothing(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = NULL, *before = NULL, *after = NULL;

	must_load(l, shop());
	text = export_text(l, false);
	before = dump(store_model(l->s));
	for (size_t n = 0; n + 2 < strlen(text); n++) {
		if (!load(l, text, n))
			fail_msg("accepted at %zu", n);
		assert_true(l->faults.v[0].line >= 1);
		assert_string_equal(l->faults.v[0].err.code, "MalformedJSON");
	}
	after = dump(store_model(l->s));
	assert_string_equal(before, after);
}

/* ---- size ---- */

static void fifty_subnets_and_two_hundred_sandboxes_load_and_unload(void **state)
{
	struct lab *l = *state;
	cleanup_buf struct buf b = {0};
	struct txn *t;
	struct err e;

	buf_puts(&b, "{\"Lab\": \"lab\", \"Vpcs\": {\"v\": {\"CidrBlock\": \"10.0.0.0/16\", "
		     "\"Subnets\": {");
	for (int i = 0; i < 50; i++)
		buf_printf(&b, "%s\"s%d\": {\"CidrBlock\": \"10.0.%d.0/24\"}", i ? ", " : "", i, i);
	buf_puts(&b, "}}}, \"Instances\": {");
	for (int i = 0; i < 200; i++)
		buf_printf(&b, "%s\"i%d\": {\"Subnet\": \"v/s%d\"}", i ? ", " : "", i, i % 50);
	buf_puts(&b, "}}");
	assert_int_equal(load(l, b.p, b.len), 0);
	assert_int_equal(l->steps.n, 251);
	assert_int_equal(load(l, b.p, b.len), 0);
	assert_int_equal(l->steps.n, 0);
	forget(l);
	t = txn_begin(l->s);
	assert_int_equal(topology_unload(t, "lab", &l->steps, &e), 0);
	commit(t);
	assert_int_equal(count(store_model(l->s), KIND_NETWORK_INTERFACE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_file_becomes_objects_of_its_lab),
		LAB_TEST(loading_again_changes_nothing),
		LAB_TEST(a_changed_file_updates_in_place),
		LAB_TEST(an_immutable_change_replaces),
		LAB_TEST(what_left_the_file_goes_and_what_is_not_of_the_lab_stays),
		LAB_TEST(addresses_may_change_places),
		LAB_TEST(export_loads_to_the_same_lab),
		LAB_TEST(an_export_loads_into_an_empty_store),
		LAB_TEST(unloading_leaves_nothing),
		LAB_TEST(somebody_elses_object_in_the_lab_stands_in_the_way),
		LAB_TEST(faults_name_place_code_and_value_and_change_nothing),
		LAB_TEST(all_faults_come_at_once_and_none_for_what_follows_from_another),
		LAB_TEST(a_file_cut_anywhere_changes_nothing),
		LAB_TEST(fifty_subnets_and_two_hundred_sandboxes_load_and_unload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
