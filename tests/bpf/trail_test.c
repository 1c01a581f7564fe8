/* SPDX-License-Identifier: MIT
 * The dry entry point's trail: what a walk asked on its way, and that it leaves no trace itself.
 */
#include "world.h"

static struct trail *ask(struct world *w, uint32_t from, uint32_t to, uint16_t port,
			 struct trace_result *r)
{
	struct trail *t = dataplane_trail(w->dp);
	struct packet p;
	struct err e;

	packet_tcp(&p, mac_of(from), router_mac, ip_of(from), 40000, to, port, 2);
	if (dataplane_trace(w->dp, from, p.b, p.len, r, &e))
		fail_msg("%s", e.msg);
	return t;
}

static struct trail *fresh(struct world *w)
{
	struct trail *t = dataplane_trail(w->dp);

	memset(t, 0, sizeof(*t));
	t->mode = TRAIL_FRESH;
	return t;
}

static void assert_hop(const struct trail *t, size_t i, uint32_t kind, bool egress, uint32_t number)
{
	assert_true(i < t->n);
	assert_int_equal(t->hops[i].kind, kind);
	assert_int_equal(t->hops[i].egress, egress);
	assert_int_equal(t->hops[i].number, number);
}

static void every_step_to_the_internet_is_a_hop(void **state)
{
	struct world *w = *state;
	struct trace_result r;
	struct trail *t;

	fresh(w);
	t = ask(w, C, IP_HOST, 80, &r);
	assert_int_equal(r.reason, DROP_NONE);
	assert_int_equal(r.output_ifindex, H);
	assert_int_equal(t->reason, DROP_NONE);
	assert_hop(t, 0, TRAIL_INTERFACE, true, C);
	assert_hop(t, 1, TRAIL_GROUPS, true, 1);
	assert_hop(t, 2, TRAIL_ROUTE, true, 2);
	assert_hop(t, 3, TRAIL_NAT_GATEWAY, true, NAT);
	assert_hop(t, 4, TRAIL_ROUTE, true, 3);
	assert_hop(t, 5, TRAIL_INTERNET_GATEWAY, true, IGW);
	assert_hop(t, 6, TRAIL_INTERNET, false, 0);
	assert_hop(t, 7, TRAIL_INTERFACE, false, H);
	assert_int_equal(t->n, 8);
	assert_int_equal(t->mtu, 1500);
	assert_int_equal(t->nat, NAT);
	assert_int_equal(t->hops[3].saddr.w[3], htonl(IP(10, 0, 3, 9)));
	assert_int_equal(t->saddr.w[3], htonl(IP_NAT));
}

static void every_gate_that_refuses_is_named_and_the_first_is_the_reason(void **state)
{
	struct world *w = *state;
	struct trace_result r;
	struct trail *t;

	/* nothing out of A; C admits TCP 80 from A's subnet alone */
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	put_eni(w, C, 16, 2, 2, ENI_SOURCE_DEST_CHECK);
	put_subnet(w, 2, 16, 2, 1, IP(10, 0, 2, 1));
	dataplane_set_acl_rules(
		w->dp, 1,
		(struct rules_pair){put_rule(w, 0, 0, -1, -1, 0, true, false), allow_all(w)});
	fresh(w);
	t = ask(w, A, ip_of(C), 81, &r);
	assert_int_equal(t->reason, DROP_SG_EGRESS);
	assert_int_equal(t->hops[1].reason, DROP_SG_EGRESS);
	assert_int_equal(t->hops[1].rule, RULES_MAX);
	assert_hop(t, 3, TRAIL_ACL, false, 1);
	assert_int_equal(t->hops[3].reason, DROP_ACL_INGRESS);
	assert_int_equal(t->hops[3].rule, 0);
	assert_hop(t, 4, TRAIL_GROUPS, false, 2);
	assert_int_equal(t->hops[4].reason, DROP_SG_INGRESS);
	/* and the attached program drops for that reason */
	struct packet p;

	packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 40000, ip_of(C), 81, 2);
	assert_drops(w, A, &p, DROP_SG_EGRESS);
}

static void a_reply_is_judged_by_the_flow_that_is_named(void **state)
{
	struct world *w = *state;
	struct trace_result r;
	struct trail *t = fresh(w);

	/* A opens to C; nothing may enter A by its groups, nor leave C by its own */
	put_eni(w, A, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
	put_eni(w, C, 16, 2, 3, ENI_SOURCE_DEST_CHECK);
	t = ask(w, C, ip_of(A), 40000, &r);
	assert_int_equal(t->reason, DROP_SG_EGRESS);
	fresh(w);
	t->mode = TRAIL_REPLY;
	t->flow = (struct flow){.state = FLOW_LIVE,
				.saddr = v4(ip_of(C)),
				.daddr = v4(ip_of(A)),
				.sport = htons(40000),
				.dport = htons(40000),
				.output_ifindex = A,
				.mtu = UINT16_MAX,
				.last_seen_ns = UINT64_MAX / 2,
				.flags = FLOW_REPLY | FLOW_ACL_UNKNOWN | FLOW_TRACKED_IN |
					 FLOW_TRACKED_OUT};
	t->known[0] = A;
	t->n_known = 1;
	t = ask(w, C, ip_of(A), 40000, &r);
	assert_int_equal(r.reason, DROP_NONE);
	assert_int_equal(t->reason, DROP_NONE);
	assert_int_equal(r.output_ifindex, A);
	assert_hop(t, 1, TRAIL_TRACKED, true, C);
	assert_hop(t, 3, TRAIL_TRACKED, false, A);
	/* without A's own state its rules are asked */
	t->n_known = 0;
	t = ask(w, C, ip_of(A), 40000, &r);
	assert_int_equal(t->reason, DROP_SG_INGRESS);
}

static int add_bytes(void *arg, const void *key, const void *value)
{
	uint64_t *sum = arg;

	sum[0]++;
	return 0;
}

static int add_counts(void *arg, const struct drop_key *k, const struct counter *c)
{
	uint64_t *sum = arg;

	*sum += c->packets * 1000003 + c->bytes * 31 + k->reason;
	return 0;
}

static uint64_t drop_print(struct world *w)
{
	uint64_t sum = 0;

	assert_int_equal(dataplane_drops(w->dp, add_counts, &sum, NULL), 0);
	return sum;
}

static void traces_leave_flows_counters_and_hits_as_they_were(void **state)
{
	static struct flow_list before;
	struct world *w = *state;
	struct trace_result r;
	uint64_t dropped, entries = 0, after = 0;
	struct packet p;

	packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 40000, ip_of(C), 80, 2);
	assert_passes(w, A, &p);
	packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 40000, IP(192, 0, 2, 1), 80, 2);
	assert_drops(w, A, &p, DROP_NO_ROUTE);
	before = *flows_of(w);
	dropped = drop_print(w);
	assert_int_equal(dataplane_dump(w->dp, DP_ADDRESSES, add_bytes, &entries, NULL), 0);
	for (uint32_t mode = TRAIL_LIVE; mode <= TRAIL_FRESH; mode++)
		for (uint32_t from = A; from <= H; from++) {
			fresh(w)->mode = mode;
			ask(w, from, ip_of(C), 80, &r);
			ask(w, from, IP_HOST, 443, &r);
			ask(w, from, IP(192, 0, 2, 1), 80, &r);
			ask(w, from, IP_WEB, 80, &r);
		}
	assert_int_equal(flows_of(w)->n, before.n);
	assert_memory_equal(flows_of(w)->keys, before.keys, before.n * sizeof(before.keys[0]));
	assert_memory_equal(flows_of(w)->flows, before.flows, before.n * sizeof(before.flows[0]));
	assert_int_equal(drop_print(w), dropped);
	assert_int_equal(dataplane_dump(w->dp, DP_ADDRESSES, add_bytes, &after, NULL), 0);
	assert_int_equal(entries, after);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_step_to_the_internet_is_a_hop),
		WORLD_TEST(every_gate_that_refuses_is_named_and_the_first_is_the_reason),
		WORLD_TEST(a_reply_is_judged_by_the_flow_that_is_named),
		WORLD_TEST(traces_leave_flows_counters_and_hits_as_they_were),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
