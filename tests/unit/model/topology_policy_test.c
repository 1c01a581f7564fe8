/* SPDX-License-Identifier: MIT
 * Topology files with policy and routing: examples/everything.json whole, what absent blocks mean,
 * the rule grammar, peering, and IPv6 that comes and goes.
 */
#include <sys/socket.h>

#include "model/peering.h"
#include "topology_env.h"

#define EXAMPLE EXAMPLES "/everything.json"

static void must_load_raw(struct lab *l, const char *text)
{
	if (load(l, text, strlen(text)))
		fail_msg("%s: %s: %s", l->faults.v[0].pointer, l->faults.v[0].err.code,
			 l->faults.v[0].err.msg);
}

static void no_steps(const struct lab *l)
{
	for (size_t i = 0; i < l->steps.n; i++)
		print_message("%d %s: %s\n", l->steps.v[i].op, l->steps.v[i].name,
			      l->steps.v[i].detail ? l->steps.v[i].detail : "");
	assert_int_equal(l->steps.n, 0);
}

static char *export_everything(struct lab *l, bool canonical)
{
	struct json *j;
	char *text;

	assert_int_equal(topology_export(store_model(l->s), "everything", canonical, &j, NULL), 0);
	text = json_print(j);
	json_free(j);
	return text;
}

/* ---- everything ---- */

static void everything_loads_twice_to_the_same(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = read_file(EXAMPLE);

	must_load_raw(l, text);
	assert_true(l->steps.n > 20);
	must_load_raw(l, text);
	no_steps(l);
}

static void export_of_everything_loads_to_the_same_lab(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = read_file(EXAMPLE);

	must_load_raw(l, text);
	for (int canonical = 0; canonical < 2; canonical++) {
		cleanup_free char *once = export_everything(l, canonical), *again = NULL;

		must_load_raw(l, once);
		no_steps(l);
		again = export_everything(l, canonical);
		assert_string_equal(once, again);
	}
}

static void export_of_everything_loads_into_an_empty_store(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = read_file(EXAMPLE);

	must_load_raw(l, text);
	for (int canonical = 0; canonical < 2; canonical++) {
		cleanup_free char *once = export_everything(l, canonical), *again = NULL;

		store_close(l->s);
		l->s = open_store(":memory:");
		must_load_raw(l, once);
		again = export_everything(l, canonical);
		assert_string_equal(once, again);
	}
}

static void everything_unloads(void **state)
{
	struct lab *l = *state;
	cleanup_free char *text = read_file(EXAMPLE);
	struct txn *t;
	struct err e;

	must_load_raw(l, text);
	forget(l);
	t = txn_begin(l->s);
	if (topology_unload(t, "everything", &l->steps, &e))
		fail_msg("%s", e.msg);
	commit(t);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		assert_int_equal(count(store_model(l->s), k), 0);
}

/* ---- small files ---- */

#define FILE_OF(vpc, more) \
	"{'Lab': 'lab', 'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16'" vpc "}}" more "}"
#define GROUP(rules) FILE_OF(", 'SecurityGroups': {'g': {'Ingress': [" rules "]}}", LISTS)
#define LISTS                                                 \
	", 'PrefixLists': {'g': {'Entries': ['10.0.0.0/8']}," \
	" 'offices': {'Entries': ['192.0.2.0/24']}}"

/* The texts of a group's ingress rules, in the order of their creation, with commas. */
static const char *ingress(struct lab *l, const char *group)
{
	static char text[4096];
	cleanup_json struct json *j = NULL;

	j = object_to_json(store_model(l->s), named(l, KIND_SECURITY_GROUP, group));
	text[0] = 0;
	json_for_each (it, json_get(j, "Ingress")) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "", json_str(it));
	}
	return text;
}

static void rules_are_written_as_they_are_read(void **state)
{
	static const char *const rules[] = {
		"tcp 80 from 0.0.0.0/0",
		"tcp 80-90 from ::/0",
		"udp from 10.0.0.0/8",
		"icmp 8/0 from g",
		"icmp 3 from 10.0.0.0/8",
		"icmpv6 128/0 from ::/0",
		"icmpv6 from 2001:db8::/32",
		"all from offices",
		"47 from pl:g",
		"50 from 192.0.2.0/24",
		"tcp from g",
	};
	struct lab *l = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char text[1024];

		snprintf(text, sizeof(text), GROUP("'%s'"), rules[i]);
		must_load(l, text);
		assert_string_equal(ingress(l, "g"), rules[i]);
	}
}

static void a_group_wins_over_a_list_of_its_name(void **state)
{
	struct lab *l = *state;

	must_load(l, GROUP("'tcp from g', 'udp from pl:g'"));
	model_for_each (o, store_model(l->s), KIND_SECURITY_GROUP_RULE) {
		const struct security_group_rule *r = AS_CONST(security_group_rule, o);

		if (r->is_egress || r->ip_protocol == -1)
			continue;
		assert_int_equal(r->ip_protocol == 6, !!r->referenced_group_id);
		assert_int_equal(r->ip_protocol == 17, !!r->prefix_list_id);
	}
}

/* Where the first fault of a file is. */
static const char *fault_of(struct lab *l, const char *text)
{
	static char at[400];

	assert_int_not_equal(load_text(l, text), 0);
	snprintf(at, sizeof(at), "%s %s", l->faults.v[0].err.code, l->faults.v[0].pointer);
	return at;
}

static void bad_rules_are_named(void **state)
{
	static const char *const rules[] = {
		"tcp 80 from",		"tcp eighty from g", "icmp 8-9 from g",
		"icmp 256 from g",	"tcp 90-80 from g",  "tcp 80 from 10.0.0.1",
		"tcp 80 from 10.0.0/8", "256 from g",	     "tcp 80 to g",
		"icmp 8/0/1 from g",	"tcp 65536 from g",  "tcp 80 from 2001:db8::/129",
		"tcp 80 from ::1",
	};
	struct lab *l = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char text[1024];

		snprintf(text, sizeof(text), GROUP("'%s'"), rules[i]);
		assert_string_equal(fault_of(l, text), "InvalidPermission.Malformed "
						       "/Vpcs/v/SecurityGroups/g/Ingress/0");
	}
	assert_string_equal(fault_of(l, GROUP("'tcp 80 from 10.0.0.1/8'")),
			    "InvalidParameterValue /Vpcs/v/SecurityGroups/g/Ingress/0");
	assert_string_equal(fault_of(l, GROUP("'tcp 80 from nobody'")),
			    "InvalidGroup.NotFound /Vpcs/v/SecurityGroups/g/Ingress/0");
	assert_string_equal(fault_of(l, GROUP("'tcp 80 from ofices'")),
			    "InvalidGroup.NotFound /Vpcs/v/SecurityGroups/g/Ingress/0");
	assert_non_null(strstr(l->faults.v[0].err.msg, "no prefix list; did you mean offices?"));
	assert_string_equal(fault_of(l, GROUP("'tcp 80 from pl:nobody'")),
			    "InvalidPrefixListID.NotFound /Vpcs/v/SecurityGroups/g/Ingress/0");
	assert_string_equal(fault_of(l, GROUP("'tcp 80 from g', 'tcp 80-80 from g'")),
			    "InvalidPermission.Duplicate /Vpcs/v/SecurityGroups/g/Ingress/1");
}

static void sixty_rules_may_all_be_replaced(void **state)
{
	struct lab *l = *state;

	for (int base = 1000; base <= 2000; base += 1000) {
		cleanup_buf struct buf b = {0};

		buf_puts(&b, "{'Lab': 'lab', 'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16', "
			     "'SecurityGroups': {'g': {'Ingress': [");
		for (int i = 0; i < 60; i++)
			buf_printf(&b, "%s'tcp %d from 0.0.0.0/0'", i ? ", " : "", base + i);
		buf_puts(&b, "]}}}}}");
		must_load(l, buf_str(&b));
	}
	assert_non_null(strstr(ingress(l, "g"), "tcp 2059"));
}

/* ---- routes ---- */

static void bad_routes_are_named(void **state)
{
	struct lab *l = *state;

#define ROUTES(routes) \
	FILE_OF(", 'InternetGateway': 'igw', 'RouteTables': {'r': {'Routes': {" routes "}}}", "")
	assert_string_equal(fault_of(l, ROUTES("'0.0.0.0/0': 'nobody'")),
			    "InvalidParameterValue /Vpcs/v/RouteTables/r/Routes/0.0.0.0~10");
	assert_string_equal(fault_of(l, ROUTES("'nowhere': 'igw'")),
			    "InvalidParameterValue /Vpcs/v/RouteTables/r/Routes/nowhere");
	assert_string_equal(fault_of(l, ROUTES("'10.2.0.0/16': 'local'")),
			    "InvalidParameterValue /Vpcs/v/RouteTables/r/Routes/10.2.0.0~116");
	assert_string_equal(
		fault_of(l, ROUTES("'fd00:ec2::254/128': 'igw'")),
		"InvalidParameterValue /Vpcs/v/RouteTables/r/Routes/fd00:ec2::254~1128");
	assert_string_equal(fault_of(l,
				     "{'Lab': 'lab', 'Vpcs': {'a': {'CidrBlock': '10.0.0.0/16', "
				     "'InternetGateway': 'far'}, 'b': {'CidrBlock': '10.1.0.0/16', "
				     "'RouteTables': {'r': {'Routes': {'0.0.0.0/0': 'far'}}}}}}"),
			    "InvalidParameterValue /Vpcs/b/RouteTables/r/Routes/0.0.0.0~10");
}

/* ---- ACLs ---- */

static void default_acl_and_group_may_be_declared_and_are_restored(void **state)
{
	struct lab *l = *state;
	const struct network_acl *acl;

	must_load(l, FILE_OF(", 'NetworkAcls': {'default': {'Entries': ['7 deny all from ::/0']}},"
			     " 'SecurityGroups': {'default': {'Ingress': ['tcp 1 from default']}}",
			     ""));
	acl = AS_CONST(network_acl, named(l, KIND_NETWORK_ACL, "default"));
	assert_true(acl->is_default);
	assert_int_equal(acl->entries.n, 1);
	assert_string_equal(ingress(l, "default"), "tcp 1 from default");
	must_load(l, FILE_OF("", ""));
	acl = AS_CONST(network_acl, named(l, KIND_NETWORK_ACL, "default"));
	assert_int_equal(acl->entries.n, 2);
	assert_string_equal(ingress(l, "default"), "all from default");
}

static void bad_acl_entries_are_named(void **state)
{
	static const char *const entries[] = {
		"tcp 80 from 0.0.0.0/0",
		"0 allow all from 0.0.0.0/0",
		"32767 allow all from 0.0.0.0/0",
		"100 permit all from 0.0.0.0/0",
		"100 allow all from g",
		"100 allow tcp 90-80 from 0.0.0.0/0",
		"100 allow icmp 300 from 0.0.0.0/0",
		"100 allow all 0.0.0.0/0",
	};
	struct lab *l = *state;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		char text[1024];

		snprintf(text, sizeof(text),
			 FILE_OF(", 'NetworkAcls': {'a': {'Entries': ['%s']}}", ""), entries[i]);
		if (strncmp(fault_of(l, text),
			    "InvalidParameterValue /Vpcs/v/NetworkAcls/a/Entries/0", 53))
			fail_msg("%s: %s", entries[i], fault_of(l, text));
	}
	assert_string_equal(
		fault_of(l, FILE_OF(", 'NetworkAcls': {'a': {'Entries': ['1 allow all from ::/0', "
				    "'1 deny all from 0.0.0.0/0']}}",
				    "")),
		"NetworkAclEntryAlreadyExists /Vpcs/v/NetworkAcls/a/Entries/1");
}

/* ---- peering ---- */

#define PEERS(b, accept)                                                       \
	"{'Lab': 'lab', 'Vpcs': {'a': {'CidrBlock': '10.0.0.0/16'}, 'b': {"    \
	"'CidrBlock': '" b "'}}, 'VpcPeeringConnections': {'ab': {'Vpc': 'a'," \
	" 'PeerVpc': 'b'" accept "}}}"

static enum peering_status status_of(struct lab *l)
{
	return AS_CONST(vpc_peering_connection, named(l, KIND_VPC_PEERING_CONNECTION, "ab"))
		->status;
}

static void peering_is_accepted_unless_the_file_says_otherwise(void **state)
{
	struct lab *l = *state;

	must_load(l, PEERS("10.1.0.0/16", ""));
	assert_int_equal(status_of(l), PEERING_ACTIVE);
	must_load(l, PEERS("10.1.0.0/16", ", 'Accept': false"));
	assert_int_equal(status_of(l), PEERING_PENDING_ACCEPTANCE);
	assert_true(has_step(l, PLAN_REPLACE, KIND_VPC_PEERING_CONNECTION, "ab"));
	must_load(l, PEERS("10.1.0.0/16", ""));
	assert_int_equal(status_of(l), PEERING_ACTIVE);
}

static void failed_peering_stands_and_is_asked_for_again_once_it_may_be(void **state)
{
	struct lab *l = *state;

	must_load(l, PEERS("10.0.0.0/24", ""));
	assert_int_equal(status_of(l), PEERING_FAILED);
	must_load(l, PEERS("10.0.0.0/24", ""));
	no_steps(l);
	must_load(l, PEERS("10.1.0.0/16", ""));
	assert_int_equal(status_of(l), PEERING_ACTIVE);
}

static void rejected_peering_is_asked_for_again(void **state)
{
	struct lab *l = *state;
	struct txn *t;
	struct err e;

	must_load(l, PEERS("10.1.0.0/16", ", 'Accept': false"));
	t = txn_begin(l->s);
	if (peering_reject(t, named(l, KIND_VPC_PEERING_CONNECTION, "ab")->id, &e))
		fail_msg("%s", e.msg);
	commit(t);
	assert_int_equal(status_of(l), PEERING_REJECTED);
	must_load(l, PEERS("10.1.0.0/16", ", 'Accept': false"));
	assert_int_equal(status_of(l), PEERING_PENDING_ACCEPTANCE);
}

/* ---- what the plan says ---- */

static const char *detail_of(const struct lab *l, enum kind_id kind)
{
	for (size_t i = 0; i < l->steps.n; i++)
		if (l->steps.v[i].kind == kind)
			return l->steps.v[i].detail ? l->steps.v[i].detail : "";
	return "no step";
}

#define TABLE(routes)                                                                             \
	FILE_OF(", 'InternetGateway': 'igw', 'EgressOnlyInternetGateway': 'eigw', "               \
		"'RouteTables': {'r': {'Routes': {" routes "}}}, 'NetworkAcls': {'a': {'Entries'" \
		": ['1 allow all from ::/0']}}",                                                  \
		"")

static void plan_names_what_a_list_gains_and_loses(void **state)
{
	struct lab *l = *state;
	cleanup_free char *denied = NULL;

	must_load(l, TABLE("'0.0.0.0/0': 'igw', '192.0.2.0/24': 'igw'"));
	must_load(l, TABLE("'0.0.0.0/0': 'igw', '::/0': 'eigw'"));
	assert_string_equal(detail_of(l, KIND_ROUTE_TABLE),
			    "Routes: -192.0.2.0/24 by igw +::/0 by eigw");
	denied = with(TABLE("'0.0.0.0/0': 'igw', '::/0': 'eigw'"), "1 allow", "2 deny");
	must_load(l, denied);
	assert_string_equal(detail_of(l, KIND_NETWORK_ACL),
			    "Entries: -1 allow all from ::/0 +2 deny all from ::/0");
}

static void plan_says_why_an_object_is_replaced(void **state)
{
	struct lab *l = *state;

	must_load(l, PEERS("10.1.0.0/16", ""));
	must_load(l, PEERS("10.2.0.0/16", ""));
	assert_string_equal(detail_of(l, KIND_VPC), "CidrBlock is immutable");
	assert_string_equal(detail_of(l, KIND_VPC_PEERING_CONNECTION),
			    "what it belongs to is replaced");
	must_load(l, PEERS("10.2.0.0/16", ", 'Accept': false"));
	assert_string_equal(detail_of(l, KIND_VPC_PEERING_CONNECTION), "it was active");
}

/* ---- IPv6 that comes and goes ---- */

#define SIX(vpc, subnet, instance)                                                       \
	"{'Lab': 'lab', 'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16'" vpc ", 'Subnets': {"  \
	"'s': {'CidrBlock': '10.0.0.0/24'" subnet "}}}}, 'Instances': {'i': {'Subnet': " \
	"'v/s'" instance "}}}"

static size_t addresses_of(struct lab *l)
{
	return AS_CONST(instance, named(l, KIND_INSTANCE, "i"))->ipv6_addresses.n;
}

static void ipv6_is_added_moved_and_taken_away(void **state)
{
	struct lab *l = *state;
	const char *with_six = SIX(", 'Ipv6CidrBlock': 'auto'",
				   ", 'Ipv6CidrBlock': 'auto', "
				   "'AssignIpv6AddressOnCreation': true",
				   "");

	must_load(l, SIX("", "", ""));
	must_load(l, with_six);
	assert_int_equal(addresses_of(l), 1);
	must_load(l, with_six);
	no_steps(l);
	must_load(l, SIX(", 'Ipv6CidrBlock': '2001:db8:ffff::/48'",
			 ", 'Ipv6CidrBlock': '2001:db8:ffff:a::/64'",
			 ", 'Ipv6Addresses': ['2001:db8:ffff:a::a', 'auto']"));
	assert_int_equal(addresses_of(l), 2);
	must_load(l, SIX("", "", ""));
	assert_int_equal(addresses_of(l), 0);
	assert_false(ip_is_set(&AS_CONST(vpc, named(l, KIND_VPC, "v"))->ipv6_cidr_block.ip));
}

static void groups_and_acls_of_an_ipv6_vpc_let_it_out(void **state)
{
	struct lab *l = *state;
	size_t rules;

	must_load(l, FILE_OF(", 'SecurityGroups': {'g': {}}", ""));
	rules = count(store_model(l->s), KIND_SECURITY_GROUP_RULE);
	must_load(l, FILE_OF(", 'Ipv6CidrBlock': 'auto', 'SecurityGroups': {'g': {}}", ""));
	assert_int_equal(count(store_model(l->s), KIND_SECURITY_GROUP_RULE), rules + 2);
	assert_int_equal(AS_CONST(network_acl, named(l, KIND_NETWORK_ACL, "default"))->entries.n,
			 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(everything_loads_twice_to_the_same),
		LAB_TEST(export_of_everything_loads_to_the_same_lab),
		LAB_TEST(export_of_everything_loads_into_an_empty_store),
		LAB_TEST(everything_unloads),
		LAB_TEST(rules_are_written_as_they_are_read),
		LAB_TEST(a_group_wins_over_a_list_of_its_name),
		LAB_TEST(bad_rules_are_named),
		LAB_TEST(sixty_rules_may_all_be_replaced),
		LAB_TEST(bad_routes_are_named),
		LAB_TEST(default_acl_and_group_may_be_declared_and_are_restored),
		LAB_TEST(bad_acl_entries_are_named),
		LAB_TEST(peering_is_accepted_unless_the_file_says_otherwise),
		LAB_TEST(failed_peering_stands_and_is_asked_for_again_once_it_may_be),
		LAB_TEST(rejected_peering_is_asked_for_again),
		LAB_TEST(plan_names_what_a_list_gains_and_loses),
		LAB_TEST(plan_says_why_an_object_is_replaced),
		LAB_TEST(ipv6_is_added_moved_and_taken_away),
		LAB_TEST(groups_and_acls_of_an_ipv6_vpc_let_it_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
