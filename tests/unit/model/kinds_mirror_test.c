/* SPDX-License-Identifier: MIT
 * Traffic mirror targets, filters and sessions.
 */
#include "kinds_env.h"

#define ALL "'SourceCidrBlock': '0.0.0.0/0', 'DestinationCidrBlock': '0.0.0.0/0'"

struct lab {
	struct net n;
	const char *source, *sink; /* instances */
	const char *target, *filter;
};

static const char *eni(struct txn *t, const char *instance)
{
	return GET(instance, t, instance)->network_interface_id;
}

static struct lab lab_make(struct txn *t)
{
	struct lab l = {.n = net_make(t)};

	l.source = make(t, KIND_INSTANCE, "{'Name': 'web', 'SubnetId': '%s'}", l.n.subnet);
	l.sink = make(t, KIND_INSTANCE, "{'Name': 'ids', 'SubnetId': '%s'}", l.n.subnet);
	l.target =
		make(t, KIND_TRAFFIC_MIRROR_TARGET, "{'NetworkInterfaceId': '%s'}", eni(t, l.sink));
	l.filter =
		make(t, KIND_TRAFFIC_MIRROR_FILTER,
		     "{'EgressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept', " ALL "}]}");
	return l;
}

static const char *session(struct txn *t, const struct lab *l, const char *interface, int number)
{
	return make(t, KIND_TRAFFIC_MIRROR_SESSION,
		    "{'NetworkInterfaceId': '%s', 'TrafficMirrorTargetId': '%s', "
		    "'TrafficMirrorFilterId': '%s', 'SessionNumber': %d}",
		    interface, l->target, l->filter, number);
}

static void an_interface_goes_by_the_name_of_what_has_it(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct lab l = lab_make(t);
	const char *s = session(t, &l, "web", 1);

	assert_string_equal(GET(traffic_mirror_session, t, s)->network_interface_id,
			    eni(t, l.source));
	assert_string_equal(printed(t, s, "VpcId"), l.n.vpc);
}

static void a_session_without_a_network_id_gets_one_of_its_own(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct lab l = lab_make(t);
	const char *a = session(t, &l, "web", 1), *b = session(t, &l, "web", 2);
	int64_t first = GET(traffic_mirror_session, t, a)->virtual_network_id;

	assert_true(first > 0 && first <= 16777215);
	assert_int_not_equal(first, GET(traffic_mirror_session, t, b)->virtual_network_id);
	change(t, a, "{'VirtualNetworkId': 7}");
	change(t, a, "{'VirtualNetworkId': null}"); /* the same again */
	assert_int_equal(GET(traffic_mirror_session, t, a)->virtual_network_id, first);
}

static void no_interface_is_source_and_target(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct lab l = lab_make(t);

	session(t, &l, "web", 1);
	refuse_make(t, KIND_TRAFFIC_MIRROR_TARGET, "InvalidParameterValue", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': 'web'}");
	refuse_make(t, KIND_TRAFFIC_MIRROR_SESSION, "InvalidParameterValue", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': 'ids', 'TrafficMirrorTargetId': '%s', "
		    "'TrafficMirrorFilterId': '%s', 'SessionNumber': 2}",
		    l.target, l.filter);
}

static void a_source_has_three_sessions_of_different_numbers(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct lab l = lab_make(t);
	const char *last = NULL;

	for (int i = 1; i <= 3; i++)
		last = session(t, &l, "web", i);
	refuse_make(t, KIND_TRAFFIC_MIRROR_SESSION,
		    "TrafficMirrorSessionsPerInterfaceLimitExceeded", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': 'web', 'TrafficMirrorTargetId': '%s', "
		    "'TrafficMirrorFilterId': '%s', 'SessionNumber': 4}",
		    l.target, l.filter);
	refuse_patch(t, last, "InvalidParameterValue", "SessionNumber", "{'SessionNumber': 1}");
	change(t, last, "{'SessionNumber': 32766}");
	refuse_patch(t, last, "InvalidParameterValue", "SessionNumber", "{'SessionNumber': 0}");
	refuse_patch(t, last, "InvalidParameterValue", "SessionNumber", "{'SessionNumber': 32767}");
	refuse_patch(t, last, "InvalidParameterValue", "PacketLength", "{'PacketLength': 8501}");
	refuse_patch(t, last, "InvalidParameterValue", "VirtualNetworkId",
		     "{'VirtualNetworkId': 16777216}");
}

static void rules_are_checked_by_name_and_place(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const enum kind_id k = KIND_TRAFFIC_MIRROR_FILTER;

	refuse_make(t, k, "InvalidParameterValue", "IngressFilterRules/1/RuleNumber",
		    "{'IngressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept', " ALL
		    "}, {'RuleNumber': 1, 'RuleAction': 'reject', " ALL "}]}");
	refuse_make(t, k, "InvalidParameterValue", "EgressFilterRules/0/DestinationCidrBlock",
		    "{'EgressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept', "
		    "'SourceCidrBlock': '0.0.0.0/0', 'DestinationCidrBlock': '::/0'}]}");
	refuse_make(t, k, "InvalidParameterValue", "EgressFilterRules/0/SourcePortRange",
		    "{'EgressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept', "
		    "'SourcePortRange': {'FromPort': 1, 'ToPort': 2}, " ALL "}]}");
	refuse_make(t, k, "InvalidParameterValue", "EgressFilterRules/0/DestinationPortRange",
		    "{'EgressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept', 'Protocol': "
		    "'tcp', 'DestinationPortRange': {'FromPort': 3, 'ToPort': 2}, " ALL "}]}");
	refuse_make(t, k, "MissingParameter", "EgressFilterRules/0/SourceCidrBlock",
		    "{'EgressFilterRules': [{'RuleNumber': 1, 'RuleAction': 'accept'}]}");
	refuse_make(t, k, "InvalidParameterValue", "NetworkServices/0",
		    "{'NetworkServices': ['amazon-ntp']}");
}

static void a_filter_has_ten_rules(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	char rules[4096] = "";
	size_t n = 0;

	for (int i = 1; i <= 10; i++)
		n += (size_t)snprintf(rules + n, sizeof(rules) - n,
				      "%s{'RuleNumber': %d, 'RuleAction': 'accept', " ALL "}",
				      i > 1 ? ", " : "", i);
	make(t, KIND_TRAFFIC_MIRROR_FILTER, "{'IngressFilterRules': [%s]}", rules);
	refuse_make(t, KIND_TRAFFIC_MIRROR_FILTER, "TrafficMirrorFilterRuleLimitExceeded",
		    "EgressFilterRules",
		    "{'IngressFilterRules': [%s], 'EgressFilterRules': "
		    "[{'RuleNumber': 1, 'RuleAction': 'accept', " ALL "}]}",
		    rules);
}

static void what_a_session_uses_stays_and_it_goes_with_its_source(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct lab l = lab_make(t);
	const char *s = session(t, &l, "web", 1);

	refuse_delete(t, l.target, "DependencyViolation");
	refuse_delete(t, l.filter, "DependencyViolation");
	drop(t, l.sink); /* the target stays and gets nothing */
	assert_non_null(model_get(txn_model(t), l.target));
	assert_non_null(model_get(txn_model(t), s));
	drop(t, l.source);
	assert_null(model_get(txn_model(t), s));
	drop(t, l.target);
	drop(t, l.filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(an_interface_goes_by_the_name_of_what_has_it),
		env_test(a_session_without_a_network_id_gets_one_of_its_own),
		env_test(no_interface_is_source_and_target),
		env_test(a_source_has_three_sessions_of_different_numbers),
		env_test(rules_are_checked_by_name_and_place),
		env_test(a_filter_has_ten_rules),
		env_test(what_a_session_uses_stays_and_it_goes_with_its_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
