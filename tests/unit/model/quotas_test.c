/* SPDX-License-Identifier: MIT
 * Quotas that are asked for: their ranges, the product of rules and groups, and what an interface
 * can have.
 */
#include "kinds_env.h"
#include "model/quotas.h"

static void quotas_are_set_by_name_within_their_range(void **state)
{
	static const char *const bad[] = {"nonsense=1",
					  "routes-per-table",
					  "routes-per-table=",
					  "routes-per-table=x",
					  "routes-per-table=0",
					  "routes-per-table=1001",
					  "groups-per-interface=17",
					  "entries-per-acl=41",
					  "rules-per-group=1001",
					  "=1",
					  ""};
	struct quotas q = {0};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(quota_set(&q, bad[i], &e), &e, "InvalidParameterValue", "quota");
	assert_int_equal(quota_set(&q, "routes-per-table=100", &e), 0);
	assert_int_equal(quotas_complete(&q, &e), 0);
	assert_int_equal(q.routes_per_table, 100);
	assert_int_equal(q.rules_per_group, 60);
	assert_int_equal(q.groups_per_interface, 5);
	assert_int_equal(q.entries_per_acl, 20);
}

static void rules_times_groups_are_a_thousand_at_most(void **state)
{
	struct quotas fits = {.rules_per_group = 200}, exceeds = {.rules_per_group = 201};
	struct store_config cfg = {.quotas = exceeds};
	struct store *s;
	struct err e;

	assert_int_equal(quotas_complete(&fits, &e), 0);
	assert_refused(quotas_complete(&exceeds, &e), &e, "InvalidParameterValue", "quota");
	assert_int_not_equal(store_open(":memory:", &cfg, &s, &e), 0);
}

/* A group with n IPv4 rules. */
static const char *group(struct txn *t, const char *vpc, const char *name, int n)
{
	const char *sg =
		make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': '%s'}", vpc, name);

	for (int i = 0; i < n; i++)
		make(t, KIND_SECURITY_GROUP_RULE,
		     "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': %d, 'CidrIpv4': "
		     "'0.0.0.0/0'}",
		     sg, i + 1);
	return sg;
}

static void interface_has_a_thousand_rules_of_each_family(void **state)
{
	const struct store_config cfg = {
		.quotas = {.rules_per_group = 1000, .groups_per_interface = 1}};
	struct store *s;
	struct txn *t;
	struct net n;
	const char *sg;
	struct err e;

	assert_int_equal(store_open(":memory:", &cfg, &s, &e), 0);
	t = txn_begin(s);
	n = net_make(t);
	sg = group(t, n.vpc, "a", 1000);
	make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s', 'Groups': ['%s']}", n.subnet, sg);
	for (int i = 0; i < 1000; i++)
		make(t, KIND_SECURITY_GROUP_RULE,
		     "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': %d, 'CidrIpv6': '::/0'}",
		     sg, i + 1);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "RulesPerSecurityGroupLimitExceeded", "GroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'udp', 'CidrIpv4': '0.0.0.0/0'}", sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "RulesPerSecurityGroupLimitExceeded", "GroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'udp', 'CidrIpv6': '::/0'}", sg);
	txn_abort(t);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_are_set_by_name_within_their_range),
		cmocka_unit_test(rules_times_groups_are_a_thousand_at_most),
		cmocka_unit_test(interface_has_a_thousand_rules_of_each_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
