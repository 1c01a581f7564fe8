/* SPDX-License-Identifier: MIT
 * VPC peering: its life, one per pair, quotas, overlaps, and group references across it. VPC
 * Peering Guide.
 */
#include "kinds_env.h"
#include "model/age.h"
#include "model/peering.h"

static const char *vpc(struct txn *t, const char *name, const char *block)
{
	return make(t, KIND_VPC, "{'Name': '%s', 'CidrBlock': '%s'}", name, block);
}

static const char *request(struct txn *t, const char *a, const char *b)
{
	return make(t, KIND_VPC_PEERING_CONNECTION, "{'VpcId': '%s', 'PeerVpcId': '%s'}", a, b);
}

static const char *status(struct txn *t, const char *pcx)
{
	return printed(t, pcx, "Status");
}

/* ---- transitions ---- */

static void request_waits_and_is_accepted(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *pcx = request(t, vpc(t, "a", "10.0.0.0/16"), vpc(t, "b", "10.1.0.0/16"));
	struct err e;

	assert_string_equal(status(t, pcx), "pending-acceptance");
	assert_string_not_equal(printed(t, pcx, "ExpirationTime"), "");
	refuse_patch(t, pcx, "OperationNotPermitted", "AccepterPeeringConnectionOptions",
		     "{'AccepterPeeringConnectionOptions': {'AllowDnsResolutionFromRemoteVpc': "
		     "true}}");
	assert_int_equal(peering_accept(t, pcx, &e), 0);
	change(t, pcx,
	       "{'AccepterPeeringConnectionOptions': {'AllowDnsResolutionFromRemoteVpc': true}}");
	assert_string_equal(status(t, pcx), "active");
	assert_string_equal(printed(t, pcx, "ExpirationTime"), "");
	assert_refused(peering_accept(t, pcx, &e), &e, "InvalidStateTransition", "");
	assert_refused(peering_reject(t, pcx, &e), &e, "InvalidStateTransition", "");
	refuse_patch(t, pcx, "InvalidStateTransition", "Accept", "{'Accept': false}");
	drop(t, pcx);
}

static void rejected_request_stays_rejected(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");
	const char *pcx = request(t, a, b);
	struct err e;

	assert_int_equal(peering_reject(t, pcx, &e), 0);
	assert_string_equal(status(t, pcx), "rejected");
	assert_refused(peering_accept(t, pcx, &e), &e, "InvalidStateTransition", "");
	refuse_patch(t, pcx, "InvalidStateTransition", "Accept", "{'Accept': true}");
	request(t, b, a); /* another request may be made */
}

static void overlap_of_any_block_fails(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");
	const char *pcx;
	struct err e;

	change(t, a, "{'SecondaryCidrBlocks': ['100.64.0.0/16']}");
	change(t, b, "{'SecondaryCidrBlocks': ['100.64.128.0/24']}");
	pcx = make(t, KIND_VPC_PEERING_CONNECTION,
		   "{'VpcId': '%s', 'PeerVpcId': '%s', 'Accept': true}", a, b);
	assert_string_equal(status(t, pcx), "failed");
	assert_non_null(strstr(printed(t, pcx, "StatusMessage"), "100.64.128.0/24"));
	assert_refused(peering_accept(t, pcx, &e), &e, "InvalidStateTransition", "");
}

static void pair_has_one_connection(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");

	request(t, a, b);
	refuse_make(t, KIND_VPC_PEERING_CONNECTION, "VpcPeeringConnectionAlreadyExists",
		    "PeerVpcId", "{'VpcId': '%s', 'PeerVpcId': '%s'}", a, b);
	refuse_make(t, KIND_VPC_PEERING_CONNECTION, "VpcPeeringConnectionAlreadyExists",
		    "PeerVpcId", "{'VpcId': '%s', 'PeerVpcId': '%s'}", b, a);
	refuse_make(t, KIND_VPC_PEERING_CONNECTION, "InvalidParameterValue", "PeerVpcId",
		    "{'VpcId': '%s', 'PeerVpcId': '%s'}", a, a);
	refuse_make(t, KIND_VPC_PEERING_CONNECTION, "InvalidVpcID.NotFound", "PeerVpcId",
		    "{'VpcId': '%s', 'PeerVpcId': 'nobody'}", a);
}

static void twenty_five_requests_and_fifty_active_ones_are_the_most(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *hub = vpc(t, "hub", "10.200.0.0/16"), *pcx = NULL, *last;
	char name[16], block[32];
	struct err e;

	for (int i = 0; i < 52; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		snprintf(block, sizeof(block), "10.%d.0.0/16", i);
		last = vpc(t, name, block);
		if (i < 50)
			make(t, KIND_VPC_PEERING_CONNECTION,
			     "{'VpcId': '%s', 'PeerVpcId': '%s', 'Accept': true}", hub, last);
		else if (i == 50)
			pcx = request(t, hub, last);
	}
	assert_refused(peering_accept(t, pcx, &e), &e,
		       "ActiveVpcPeeringConnectionPerVpcLimitExceeded", "VpcId");
	assert_string_equal(status(t, pcx), "pending-acceptance");
	for (int i = 0; i < 24; i++) {
		snprintf(block, sizeof(block), "v%d", i);
		snprintf(name, sizeof(name), "v%d", i + 25);
		request(t, block, name);
	}
	refuse_make(t, KIND_VPC_PEERING_CONNECTION, "OutstandingVpcPeeringConnectionLimitExceeded",
		    "VpcId", "{'VpcId': 'v0', 'PeerVpcId': 'v1'}");
}

/* ---- time ---- */

static int64_t clock_at;

static int64_t fake_clock(void *arg)
{
	return clock_at;
}

static const struct vpc_peering_connection *only(struct store *s)
{
	return AS_CONST(vpc_peering_connection,
			model_first(store_model(s), KIND_VPC_PEERING_CONNECTION));
}

static void age(struct store *s, int64_t now, int64_t next)
{
	int64_t due;
	struct err e;

	if (model_age(s, now, &due, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(due, next);
}

static void request_expires_after_seven_days_and_goes_two_later(void **state)
{
	struct store *s = open_store(":memory:");
	int64_t week = 7 * 86400, days = 2 * 86400;
	struct txn *t;

	clock_at = 1000000;
	store_set_clock(s, fake_clock, NULL);
	t = txn_begin(s);
	request(t, vpc(t, "a", "10.0.0.0/16"), vpc(t, "b", "10.1.0.0/16"));
	commit(t);
	age(s, clock_at + week - 1, clock_at + week);
	assert_int_equal(only(s)->status, PEERING_PENDING_ACCEPTANCE);
	clock_at += week;
	age(s, clock_at, clock_at + days);
	assert_int_equal(only(s)->status, PEERING_EXPIRED);
	age(s, clock_at + days, 0);
	assert_null(only(s));
	store_close(s);
}

static void failed_one_is_shown_for_two_hours(void **state)
{
	struct store *s = open_store(":memory:");
	struct txn *t;

	clock_at = 5000;
	store_set_clock(s, fake_clock, NULL);
	t = txn_begin(s);
	request(t, vpc(t, "a", "10.0.0.0/16"), vpc(t, "b", "10.0.0.0/16"));
	commit(t);
	age(s, clock_at + 7199, clock_at + 7200);
	assert_int_equal(only(s)->status, PEERING_FAILED);
	age(s, clock_at + 7200, 0);
	assert_null(only(s));
	store_close(s);
}

static void deleted_one_is_shown_for_two_days_and_holds_nothing(void **state)
{
	struct store *s = open_store(":memory:");
	const struct vpc_peering_connection *p;
	struct txn *t;
	const char *a, *b, *pcx;

	clock_at = 5000;
	store_set_clock(s, fake_clock, NULL);
	t = txn_begin(s);
	a = vpc(t, "a", "10.0.0.0/16");
	b = vpc(t, "b", "10.1.0.0/16");
	pcx = request(t, a, b);
	drop(t, pcx);
	assert_string_equal(status(t, pcx), "deleted");
	request(t, a, b); /* the pair is free */
	drop(t, model_first(txn_model(t), KIND_VPC_PEERING_CONNECTION)->id);
	drop(t, a);
	commit(t);
	assert_null(only(s));
	p = AS_CONST(vpc_peering_connection,
		     model_first_shown(store_model(s), KIND_VPC_PEERING_CONNECTION));
	assert_int_equal(p->status, PEERING_DELETED);
	age(s, clock_at + 2 * 86400 - 1, clock_at + 2 * 86400);
	clock_at += 2 * 86400;
	age(s, clock_at, 0);
	assert_null(model_first_shown(store_model(s), KIND_VPC_PEERING_CONNECTION));
	store_close(s);
}

static void active_one_does_not_age(void **state)
{
	struct store *s = open_store(":memory:");
	struct txn *t = txn_begin(s);
	const char *pcx = request(t, vpc(t, "a", "10.0.0.0/16"), vpc(t, "b", "10.1.0.0/16"));
	struct err e;

	assert_int_equal(peering_accept(t, pcx, &e), 0);
	commit(t);
	age(s, INT64_MAX - 1, 0);
	assert_int_equal(only(s)->status, PEERING_ACTIVE);
	store_close(s);
}

/* ---- its VPCs ---- */

static void vpc_stays_while_it_is_peered(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");
	const char *pcx = request(t, a, b);
	struct err e;

	refuse_delete(t, a, "DependencyViolation");
	refuse_delete(t, b, "DependencyViolation");
	assert_int_equal(peering_reject(t, pcx, &e), 0);
	drop(t, a); /* what is over does not hold it */
	assert_null(model_get(txn_model(t), pcx));
}

static void new_block_may_not_overlap_the_peers(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");
	struct err e;

	assert_int_equal(peering_accept(t, request(t, a, b), &e), 0);
	refuse_patch(t, a, "InvalidVpc.Range", "SecondaryCidrBlocks/0",
		     "{'SecondaryCidrBlocks': ['10.1.128.0/24']}");
	change(t, a, "{'SecondaryCidrBlocks': ['10.2.0.0/16']}");
}

/* ---- group references ---- */

static void group_of_a_peered_vpc_may_be_referred_to(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = vpc(t, "a", "10.0.0.0/16"), *b = vpc(t, "b", "10.1.0.0/16");
	const char *own = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'own'}", a);
	const char *far = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'far'}", b);
	const char *pcx = request(t, a, b), *rule;
	struct err e;

#define REFER "{'GroupId': '%s', 'IpProtocol': 'tcp', 'ReferencedGroupId': '%s'}"
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidGroup.NotFound", "ReferencedGroupId",
		    REFER, own, far); /* pending is not enough */
	assert_int_equal(peering_accept(t, pcx, &e), 0);
	rule = make(t, KIND_SECURITY_GROUP_RULE, REFER, own, far);
	assert_string_equal(printed(t, rule, "Rule"), "tcp from b/far");
	assert_false(security_group_rule_is_stale(txn_model(t), GET(security_group_rule, t, rule)));
	drop(t, pcx);
	assert_true(security_group_rule_is_stale(txn_model(t), GET(security_group_rule, t, rule)));
	change(t, rule, "{'Description': 'stands'}");
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "InvalidGroup.NotFound", "ReferencedGroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'udp', 'ReferencedGroupId': '%s'}", own, far);
	drop(t, far); /* a rule of another VPC does not hold it */
	assert_true(security_group_rule_is_stale(txn_model(t), GET(security_group_rule, t, rule)));
	assert_string_equal(GET(security_group_rule, t, rule)->referenced_group_id, far);
	change(t, rule, "{'FromPort': 1, 'ToPort': 2}");
	drop(t, rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(request_waits_and_is_accepted),
		env_test(rejected_request_stays_rejected),
		env_test(overlap_of_any_block_fails),
		env_test(pair_has_one_connection),
		env_test(twenty_five_requests_and_fifty_active_ones_are_the_most),
		cmocka_unit_test(request_expires_after_seven_days_and_goes_two_later),
		cmocka_unit_test(failed_one_is_shown_for_two_hours),
		cmocka_unit_test(deleted_one_is_shown_for_two_days_and_holds_nothing),
		cmocka_unit_test(active_one_does_not_age),
		env_test(vpc_stays_while_it_is_peered),
		env_test(new_block_may_not_overlap_the_peers),
		env_test(group_of_a_peered_vpc_may_be_referred_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
