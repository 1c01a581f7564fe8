/* SPDX-License-Identifier: MIT
 * Security groups and their rules.
 */
#include "kinds_env.h"

static const struct security_group_rule *first_rule(struct txn *t, const char *group, bool egress)
{
	model_for_each (o, txn_model(t), KIND_SECURITY_GROUP_RULE) {
		const struct security_group_rule *r = AS_CONST(security_group_rule, o);

		if (!strcmp(r->group_id, group) && r->is_egress == egress)
			return r;
	}
	return NULL;
}

static const char *web_group(struct txn *t)
{
	return make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'web'}",
		    make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}"));
}

/* ---- groups ---- */

static void new_group_lets_nothing_in_and_all_out(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);
	const struct security_group_rule *r = first_rule(t, sg, true);

	assert_null(first_rule(t, sg, false));
	assert_int_equal(r->ip_protocol, -1);
	assert_int_equal(r->from_port, -1);
	assert_int_equal(r->cidr_ipv4.len, 0);
	assert_true(ip_is_set(&r->cidr_ipv4.ip));
}

static void default_group_lets_itself_in(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *sg = model_vpc_default_group(txn_model(t), vpc)->o.id;
	const struct security_group_rule *r = first_rule(t, sg, false);

	assert_int_equal(r->ip_protocol, -1);
	assert_string_equal(r->referenced_group_id, sg);
	assert_non_null(first_rule(t, sg, true));
}

static void group_name_is_unique_in_its_vpc(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *sg = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'web'}", vpc);

	make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'web'}", other);
	refuse_make(t, KIND_SECURITY_GROUP, "InvalidGroup.Duplicate", "GroupName",
		    "{'VpcId': '%s', 'GroupName': 'web'}", vpc);
	refuse_make(t, KIND_SECURITY_GROUP, "InvalidGroup.Reserved", "GroupName",
		    "{'VpcId': '%s', 'GroupName': 'default'}", vpc);
	refuse_make(t, KIND_SECURITY_GROUP, "InvalidParameterValue", "GroupName",
		    "{'VpcId': '%s', 'GroupName': 'sg-web'}", vpc);
	refuse_make(t, KIND_SECURITY_GROUP, "InvalidParameterValue", "GroupName",
		    "{'VpcId': '%s', 'GroupName': 'caf\u00e9'}", vpc);
	make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'a ._-:/()#,@[]+=&;{}!$*'}",
	     vpc);
	refuse_make(t, KIND_SECURITY_GROUP, "MissingParameter", "GroupName", "{'VpcId': '%s'}",
		    vpc);
	refuse_patch(t, sg, "InvalidParameterValue", "GroupName", "{'GroupName': 'www'}");
}

static void group_and_tag_take_each_others_name(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *a = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'a'}", vpc);
	const char *b = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'Name': 'b'}", vpc);

	assert_string_equal(printed(t, a, "Name"), "a");
	assert_string_equal(printed(t, b, "GroupName"), "b");
}

static void default_group_goes_with_its_vpc_only(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");

	refuse_delete(t, model_vpc_default_group(txn_model(t), vpc)->o.id, "CannotDelete");
	drop(t, vpc);
}

static void group_in_use_or_referenced_stays(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *db = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'db'}", n.vpc);
	const char *web = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'w'}", n.vpc);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s', 'Groups': ['%s']}",
			       n.subnet, db);
	const char *rule = make(t, KIND_SECURITY_GROUP_RULE,
				"{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': 5432, "
				"'ReferencedGroupId': '%s'}",
				db, web);

	refuse_delete(t, web, "DependencyViolation");
	refuse_delete(t, db, "DependencyViolation");
	drop(t, eni);
	drop(t, db);
	assert_null(model_get(txn_model(t), rule));
	drop(t, web);
}

static void group_that_names_itself_goes(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);

	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IpProtocol': '-1', 'ReferencedGroupId': '%s'}", sg, sg);
	drop(t, sg);
}

/* ---- rules ---- */

static void rule_without_sense_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);
	static const char *const bad[][2] = {
		{"FromPort", "'tcp', 'FromPort': 81, 'ToPort': 80"},
		{"FromPort", "'tcp', 'ToPort': 80"},
		{"FromPort", "'47', 'FromPort': 1, 'ToPort': 1"},
		{"FromPort", "'icmp', 'FromPort': 256"},
		{"FromPort", "'icmp', 'FromPort': 8, 'ToPort': 256"},
		{"ToPort", "'icmp', 'ToPort': 0"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidPermission.Malformed", bad[i][0],
			    "{'GroupId': '%s', 'CidrIpv4': '0.0.0.0/0', 'IpProtocol': %s}", sg,
			    bad[i][1]);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidParameterValue", "FromPort",
		    "{'GroupId': '%s', 'CidrIpv4': '0.0.0.0/0', 'IpProtocol': 'tcp', "
		    "'FromPort': 65536}",
		    sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidParameterValue", "IpProtocol",
		    "{'GroupId': '%s', 'CidrIpv4': '0.0.0.0/0', 'IpProtocol': 'tpc'}", sg);
}

static void rule_needs_exactly_one_peer(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);

	refuse_make(t, KIND_SECURITY_GROUP_RULE, "MissingParameter", "CidrIpv4",
		    "{'GroupId': '%s', 'IpProtocol': '-1'}", sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidParameterCombination", "ReferencedGroupId",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'CidrIpv4': '0.0.0.0/0', "
		    "'ReferencedGroupId': '%s'}",
		    sg, sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidPermission.Malformed", "CidrIpv4",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'CidrIpv4': '::/0'}", sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidPermission.Malformed", "CidrIpv6",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'CidrIpv6': '0.0.0.0/0'}", sg);
}

static void peer_group_of_another_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);
	const char *other = web_group(t);

	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidGroup.NotFound", "ReferencedGroupId",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'ReferencedGroupId': '%s'}", sg, other);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidGroup.NotFound", "ReferencedGroupId",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'ReferencedGroupId': 'nobody'}", sg);
}

static void single_port_is_completed(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);
	const char *id = make(t, KIND_SECURITY_GROUP_RULE,
			      "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': 80, "
			      "'CidrIpv4': '10.0.0.0/8'}",
			      sg);
	const char *all = make(t, KIND_SECURITY_GROUP_RULE,
			       "{'GroupId': '%s', 'IpProtocol': '-1', 'FromPort': 80, "
			       "'ToPort': 90, 'CidrIpv4': '10.0.0.0/8'}",
			       sg);

	assert_int_equal(GET(security_group_rule, t, id)->to_port, 80);
	assert_string_equal(printed(t, id, "CidrIpv4"), "10.0.0.0/8");
	assert_int_equal(GET(security_group_rule, t, all)->from_port, -1);
	assert_int_equal(GET(security_group_rule, t, all)->to_port, -1);
}

static void host_bits_of_a_rule_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);

	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidParameterValue", "CidrIpv4",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'CidrIpv4': '10.9.9.9/8'}", sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidParameterValue", "CidrIpv6",
		    "{'GroupId': '%s', 'IpProtocol': '-1', 'CidrIpv6': '2001:db8::1/32'}", sg);
}

static void rule_that_is_there_already_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);
	const char *other;

#define RULE(port, cidr, egress)                                                          \
	"{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': " port ", 'CidrIpv4': '" cidr \
	"', 'IsEgress': " egress "}"
	make(t, KIND_SECURITY_GROUP_RULE, RULE("80", "10.0.0.0/8", "false"), sg);
	make(t, KIND_SECURITY_GROUP_RULE, RULE("80", "10.0.0.0/8", "true"), sg);
	other = make(t, KIND_SECURITY_GROUP_RULE, RULE("81", "10.0.0.0/8", "false"), sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidPermission.Duplicate", "",
		    RULE("80", "10.0.0.0/8", "false"), sg);
	refuse_patch(t, other, "InvalidPermission.Duplicate", "", "{'FromPort': 80, 'ToPort': 80}");
	change(t, other, "{'Description': 'the second'}");
}

static void allow_port(struct txn *t, const char *sg, int port, const char *peer, const char *value)
{
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': %d, '%s': '%s'}", sg, port, peer,
	     value);
}

static void refuse_port(struct txn *t, const char *sg, const char *peer, const char *value)
{
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "RulesPerSecurityGroupLimitExceeded", "GroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': 999, '%s': '%s'}", sg, peer,
		    value);
}

static void sixty_first_rule_of_a_family_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);

	for (int i = 0; i < 60; i++)
		allow_port(t, sg, i, "CidrIpv4", "0.0.0.0/0");
	refuse_port(t, sg, "CidrIpv4", "0.0.0.0/0");
	refuse_port(t, sg, "ReferencedGroupId", sg);
	for (int i = 0; i < 60; i++)
		allow_port(t, sg, i, "CidrIpv6", "::/0");
	refuse_port(t, sg, "CidrIpv6", "::/0");
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IsEgress': true, 'IpProtocol': 'tcp', 'FromPort': 1, "
	     "'CidrIpv4': '0.0.0.0/0'}",
	     sg);
}

static void group_reference_counts_once_in_each_family(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *sg = web_group(t);

	for (int i = 0; i < 40; i++)
		allow_port(t, sg, i, "CidrIpv4", "0.0.0.0/0");
	for (int i = 0; i < 40; i++)
		allow_port(t, sg, i, "CidrIpv6", "::/0");
	for (int i = 0; i < 20; i++)
		allow_port(t, sg, i, "ReferencedGroupId", sg);
	refuse_port(t, sg, "ReferencedGroupId", sg);
	refuse_port(t, sg, "CidrIpv4", "0.0.0.0/0");
	refuse_port(t, sg, "CidrIpv6", "::/0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(new_group_lets_nothing_in_and_all_out),
		env_test(default_group_lets_itself_in),
		env_test(group_name_is_unique_in_its_vpc),
		env_test(group_and_tag_take_each_others_name),
		env_test(default_group_goes_with_its_vpc_only),
		env_test(group_in_use_or_referenced_stays),
		env_test(group_that_names_itself_goes),
		env_test(rule_without_sense_is_refused),
		env_test(rule_needs_exactly_one_peer),
		env_test(peer_group_of_another_vpc_is_refused),
		env_test(single_port_is_completed),
		env_test(host_bits_of_a_rule_are_refused),
		env_test(rule_that_is_there_already_is_refused),
		env_test(sixty_first_rule_of_a_family_is_refused),
		env_test(group_reference_counts_once_in_each_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
