/* SPDX-License-Identifier: MIT
 * The life of flows: states, time-outs on the virtual clock, generations, collection; and the dry
 * entry point, which changes nothing.
 */
#include <time.h>

#include "world.h"

#define S_NS 1000000000ull

static void tcp(struct packet *p, uint32_t from, unsigned sport, uint32_t to, unsigned dport,
		uint8_t flags)
{
	packet_tcp(p, mac_of(from), router_mac, ip_of(from), sport, ip_of(to), dport, flags);
}

static void udp(struct packet *p, uint32_t from, unsigned sport, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, ip_of(from), sport, ip_of(to), dport);
}

/* A lets nothing of this in by itself, so that only a live flow admits a reply. */
static void guard(struct world *w)
{
	put_eni(w, A, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
}

static void udp_flows_expire_and_streams_live_longer(void **state)
{
	struct world *w = *state;
	struct packet p;

	guard(w);
	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP - 1) * S_NS);
	udp(&p, C, 7, A, 4000);
	assert_passes(w, C, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	udp(&p, C, 7, A, 4000);
	assert_drops(w, C, &p, DROP_SG_INGRESS);

	for (int i = 0; i < 2; i++) { /* two exchanges make a stream */
		udp(&p, A, 4001, C, 7);
		assert_passes(w, A, &p);
		udp(&p, C, 7, A, 4001);
		assert_passes(w, C, &p);
	}
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP_STREAM - 1) * S_NS);
	udp(&p, C, 7, A, 4001);
	assert_passes(w, C, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP_STREAM + 1) * S_NS);
	udp(&p, C, 7, A, 4001);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void tcp_flows_go_through_their_states(void **state)
{
	struct world *w = *state;
	struct packet p;

	guard(w);
	tcp(&p, A, 4000, C, 80, 0x02);
	assert_passes(w, A, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_TCP_OPENING + 1) * S_NS);
	tcp(&p, C, 80, A, 4000, 0x12);
	assert_drops(w, C, &p, DROP_SG_INGRESS);

	tcp(&p, A, 4000, C, 80, 0x02);
	assert_passes(w, A, &p);
	tcp(&p, C, 80, A, 4000, 0x12);
	assert_passes(w, C, &p);
	assert_true(half_at(w, A)->flags & FLOW_ESTABLISHED);
	dataplane_clock_advance(w->dp, (TIMEOUT_TCP_ESTABLISHED - 10) * S_NS);
	tcp(&p, C, 80, A, 4000, 0x10);
	assert_passes(w, C, &p);

	tcp(&p, A, 4000, C, 80, 0x11);
	assert_passes(w, A, &p);
	assert_false(half_at(w, A)->flags & FLOW_CLOSING);
	tcp(&p, C, 80, A, 4000, 0x11);
	assert_passes(w, C, &p);
	assert_true(half_at(w, A)->flags & half_at(w, C)->flags & FLOW_CLOSING);
	tcp(&p, A, 4000, C, 80, 0x10); /* the last ACK still passes */
	assert_passes(w, A, &p);
	tcp(&p, A, 4000, C, 80, 0x02); /* and the ports may be used again */
	assert_passes(w, A, &p);
	assert_false(half_at(w, A)->flags & FLOW_CLOSING);
	tcp(&p, C, 80, A, 4000, 0x14);
	assert_passes(w, C, &p);
	assert_true(half_at(w, A)->flags & FLOW_CLOSING);
	dataplane_clock_advance(w->dp, (TIMEOUT_TCP_CLOSING + 1) * S_NS);
	tcp(&p, C, 80, A, 4000, 0x10);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
	assert_int_equal(flows_of(w)->n, 2);
}

static void a_first_packet_may_end_its_connection(void **state)
{
	struct world *w = *state;
	struct packet p;

	tcp(&p, A, 4000, C, 80, 0x11);
	assert_passes(w, A, &p);
	tcp(&p, C, 80, A, 4000, 0x11);
	assert_passes(w, C, &p);
	assert_true(half_at(w, A)->flags & half_at(w, C)->flags & FLOW_CLOSING);
	tcp(&p, B, 4000, C, 80, 0x04);
	assert_passes(w, B, &p);
	assert_true(half_at(w, B)->flags & FLOW_CLOSING);
}

static void an_echo_flow_carries_requests_one_way_and_replies_the_other(void **state)
{
	struct world *w = *state;
	struct packet p;

	guard(w);
	packet_echo(&p, mac_of(A), router_mac, ip_of(A), ip_of(C), 8, 5);
	assert_passes(w, A, &p);
	packet_echo(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), 0, 5);
	assert_passes(w, C, &p);
	packet_echo(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), 8, 5);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void two_ends_may_ping_each_other_with_one_identifier(void **state)
{
	struct world *w = *state;
	struct packet p;

	for (int i = 0; i < 2; i++) {
		packet_echo(&p, mac_of(A), router_mac, ip_of(A), ip_of(C), 8, 5);
		assert_passes(w, A, &p);
		packet_echo(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), 8, 5);
		assert_passes(w, C, &p);
		guard(w);
		packet_echo(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), 0, 5);
		assert_passes(w, C, &p);
		packet_echo(&p, mac_of(A), router_mac, ip_of(A), ip_of(C), 0, 5);
		assert_passes(w, A, &p);
	}
	assert_int_equal(flows_of(w)->n, 4);
}

static void icmp_errors_belong_to_the_flow_that_they_quote(void **state)
{
	struct world *w = *state;
	struct packet sent, p;
	uint8_t *icmp = p.b + ETH + IP4;

	guard(w);
	udp(&sent, A, 4000, C, 7);
	p = sent;
	assert_passes(w, A, &p);
	packet_begin(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), IPPROTO_ICMP, 8 + 28);
	icmp[0] = 3;
	icmp[1] = 3;
	memcpy(icmp + 8, sent.b + ETH, 28);
	packet_seal(&p);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
	/* One that quotes nothing of ours is asked of the rules. */
	packet_begin(&p, mac_of(C), router_mac, ip_of(C), ip_of(A), IPPROTO_ICMP, 8 + 28);
	icmp[0] = 3;
	icmp[1] = 3;
	memcpy(icmp + 8, sent.b + ETH, 28);
	put16be(icmp + 8 + IP4, 4001);
	packet_seal(&p);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void both_ends_may_open_at_once(void **state)
{
	struct world *w = *state;
	struct packet p;

	tcp(&p, A, 4000, C, 4000, 0x02);
	assert_passes(w, A, &p);
	tcp(&p, C, 4000, A, 4000, 0x02);
	assert_passes(w, C, &p);
	assert_int_equal(flows_of(w)->n, 2);
}

/* ---- generations ---- */

static void a_changed_route_ends_a_flow_that_would_go_elsewhere(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_passes(w, W, &p);
	dataplane_bump_generation(w->dp);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_passes(w, W, &p); /* the same way again */
	put_route(w, 3, 0, 0, TARGET_NAT_GATEWAY, NAT);
	put_subnet(w, 2, 16, 3, 0, IP(10, 0, 2, 1));
	put_route(w, 3, IP_HOST, 32, TARGET_ENI, C);
	put_eni(w, C, 16, 2, 1, 0);
	dataplane_bump_generation(w->dp);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_drops(w, W, &p, DROP_FLOW_PATH);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_passes(w, W, &p); /* a new flow, to the middlebox */
	assert_memory_equal(p.b, mac_of(C), 6);
}

/* ---- collection ---- */

static void await_grace(void)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	nanosleep(&pause, NULL);
}

/* Collects until the table is empty: what is dead goes after the grace period. */
static struct flow_stats collect_all(struct world *w)
{
	struct flow_stats sum = {0}, st;
	struct err e;

	for (int i = 0; i < 500 && flows_of(w)->n; i++) {
		if (dataplane_collect(w->dp, 1 << 20, &st, &e))
			fail_msg("%s", e.msg);
		sum.collected += st.collected;
		sum.timed_out += st.timed_out;
		await_grace();
	}
	return sum;
}

static void expired_flows_are_collected_in_pairs(void **state)
{
	struct world *w = *state;
	struct flow_stats st;
	struct packet p;

	for (unsigned i = 0; i < 100; i++) {
		udp(&p, A, 5000 + i, C, 7);
		assert_passes(w, A, &p);
	}
	assert_int_equal(flows_of(w)->n, 200);
	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	assert_int_equal(st.live, 200);
	assert_int_equal(st.timed_out, 0);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	st = collect_all(w);
	assert_int_equal(st.collected, 200);
	assert_int_equal(st.timed_out, 100);
	assert_int_equal(flows_of(w)->n, 0);
}

static void a_flow_that_resumes_while_it_is_collected_is_a_new_one(void **state)
{
	struct world *w = *state;
	struct flow_stats st;
	struct packet p;

	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	assert_int_equal(half_at(w, A)->state, FLOW_DEAD);
	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->state, FLOW_LIVE);
	assert_int_equal(half_at(w, C)->state, FLOW_LIVE);
	assert_int_equal(half_at(w, A)->packets, 1);
}

static void a_younger_half_keeps_its_pair(void **state)
{
	struct world *w = *state;
	struct flow_stats st;
	struct packet p;

	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP - 5) * S_NS);
	udp(&p, C, 7, A, 4000);
	assert_passes(w, C, &p);
	dataplane_clock_advance(w->dp, 10 * S_NS); /* A's half alone is too old now */
	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	assert_int_equal(st.timed_out, 0);
	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->packets, 2);
}

static void flows_of_a_detached_interface_end(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, 4000, C, 7);
	assert_passes(w, A, &p);
	udp(&p, B, 4000, W, 7);
	assert_passes(w, B, &p);
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){C}, 1, NULL), 0);
	assert_int_equal(half_at(w, A)->state, FLOW_DEAD);
	assert_int_equal(half_at(w, C)->state, FLOW_DEAD);
	assert_int_equal(half_at(w, B)->state, FLOW_LIVE);
	udp(&p, A, 4000, C, 7); /* what is dead may be taken over, as a new flow */
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->packets, 1);
	assert_int_equal(half_at(w, C)->state, FLOW_LIVE);
}

/* ---- the dry entry point ---- */

static void a_trace_tells_and_changes_nothing(void **state)
{
	struct world *w = *state;
	struct flow_list before;
	struct trace_result r;
	struct packet p;
	uint64_t dropped;

	udp(&p, B, 4000, C, 7);
	assert_passes(w, B, &p);
	before = *flows_of(w);
	dropped = drops(w, DROP_NO_ROUTE);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_int_equal(dataplane_trace(w->dp, C, p.b, p.len, &r, NULL), 0);
	assert_int_equal(r.reason, DROP_NONE);
	assert_int_equal(r.output_ifindex, H);
	assert_true(r.hops > 2);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, IP_HOST, 53);
	assert_int_equal(dataplane_trace(w->dp, A, p.b, p.len, &r, NULL), 0);
	assert_int_equal(r.reason, DROP_NO_ROUTE);
	udp(&p, B, 4000, C, 7); /* of the live flow */
	assert_int_equal(dataplane_trace(w->dp, B, p.b, p.len, &r, NULL), 0);
	assert_int_equal(r.output_ifindex, C);
	put_route(w, 1, ip_of(C), 32, TARGET_ENI, W); /* and where it would go now */
	put_eni(w, W, 16, 3, 1, 0);
	dataplane_bump_generation(w->dp);
	assert_int_equal(dataplane_trace(w->dp, B, p.b, p.len, &r, NULL), 0);
	assert_int_equal(r.output_ifindex, W);
	assert_int_equal(flows_of(w)->n, before.n);
	assert_memory_equal(flows_of(w)->flows, before.flows, before.n * sizeof(before.flows[0]));
	assert_int_equal(drops(w, DROP_NO_ROUTE), dropped);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(udp_flows_expire_and_streams_live_longer),
		WORLD_TEST(tcp_flows_go_through_their_states),
		WORLD_TEST(a_first_packet_may_end_its_connection),
		WORLD_TEST(two_ends_may_ping_each_other_with_one_identifier),
		WORLD_TEST(an_echo_flow_carries_requests_one_way_and_replies_the_other),
		WORLD_TEST(icmp_errors_belong_to_the_flow_that_they_quote),
		WORLD_TEST(both_ends_may_open_at_once),
		WORLD_TEST(a_changed_route_ends_a_flow_that_would_go_elsewhere),
		WORLD_TEST(expired_flows_are_collected_in_pairs),
		WORLD_TEST(a_flow_that_resumes_while_it_is_collected_is_a_new_one),
		WORLD_TEST(a_younger_half_keeps_its_pair),
		WORLD_TEST(flows_of_a_detached_interface_end),
		WORLD_TEST(a_trace_tells_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
