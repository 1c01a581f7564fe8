/* SPDX-License-Identifier: MIT
 * Tracking: state per interface, time-outs that interfaces set, quotas, hits of rules.
 */
#include "world6.h"

#define S_NS 1000000000ull

static void udp(struct packet *p, uint32_t from, uint32_t source, unsigned sport, uint32_t to,
		unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, source, sport, to, dport);
}

static void guard(struct world *w, uint32_t eni, uint32_t subnet)
{
	put_eni(w, eni, 16, subnet, 2, ENI_SOURCE_DEST_CHECK); /* TCP 80 from subnet 1 alone */
}

/* ---- middleboxes ---- */

/* A's way to subnet 2 leads through W, a middlebox; C's way back does not. */
static void put_middlebox(struct world *w)
{
	put_eni(w, W, 16, 3, 1, 0);
	put_route(w, 1, IP(10, 0, 2, 0), 24, TARGET_ENI, W);
}

static void a_reply_round_a_middlebox_passes_at_both_ends(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_middlebox(w);
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	udp(&p, W, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, W, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	/* From here on nothing is let in or out but what is known. */
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	put_eni(w, C, 16, 2, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, C, ip_of(C), 7, ip_of(A), 4000);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(A), 6); /* straight */
	udp(&p, C, ip_of(C), 7, ip_of(A), 4001);
	assert_drops(w, C, &p, DROP_SG_EGRESS);
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7); /* the other direction goes on as it did */
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
}

static void a_reply_through_a_middlebox_is_asked_there(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_middlebox(w);
	put_route(w, 1, IP(10, 0, 2, 0), 24, TARGET_LOCAL, 0); /* there straight, back through W */
	put_route(w, 2, IP(10, 0, 1, 0), 24, TARGET_ENI, W);
	put_eni(w, W, 16, 3, 2, 0); /* lets in TCP 80 alone */
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	udp(&p, C, ip_of(C), 7, ip_of(A), 4000);
	assert_drops(w, C, &p, DROP_SG_INGRESS); /* W knows nothing of it */
	put_eni(w, W, 16, 3, 1, 0);
	udp(&p, C, ip_of(C), 7, ip_of(A), 4000);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, W, ip_of(C), 7, ip_of(A), 4000); /* A does */
	assert_passes(w, W, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
}

static void a_changed_way_keeps_a_flow_and_its_gates(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK); /* would not let it out any more */
	put_middlebox(w);
	dataplane_bump_generation(w->dp);
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	assert_int_equal(half_at(w, A)->packets, 2);
	assert_int_equal(half_at(w, A)->output_ifindex, W);
	udp(&p, W, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, W, &p);
	udp(&p, C, ip_of(C), 7, ip_of(A), 4000);
	assert_passes(w, C, &p);
}

/* ---- time-outs ---- */

static void put_timeouts(struct world *w, uint32_t eni, uint32_t subnet, uint32_t tcp, uint32_t one,
			 uint32_t stream)
{
	struct eni v = {.vpc = 16,
			.subnet = subnet,
			.groups = 1,
			.flags = ENI_SOURCE_DEST_CHECK,
			.address = v4(ip_of(eni)),
			.mtu = 9001,
			.tcp_established_timeout = tcp,
			.udp_timeout = one,
			.udp_stream_timeout = stream};

	memcpy(v.mac, mac_of(eni), 6);
	put(w, DP_ENIS, &eni, &v);
}

static void the_smaller_setting_of_both_ends_counts(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_timeouts(w, A, 1, 600, 60, 0);
	put_timeouts(w, C, 2, 3600, 0, 90);
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->opening_timeout, TIMEOUT_UDP); /* C's default: 30 < 60 */
	assert_int_equal(half_at(w, A)->established_timeout, 90);
	assert_int_equal(half_at(w, C)->established_timeout, 90);
	packet_tcp(&p, mac_of(B), router_mac, ip_of(B), 4000, ip_of(C), 80, 2);
	assert_passes(w, B, &p);
	assert_int_equal(half_at(w, B)->established_timeout, 3600);
	packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(B), 80, 2);
	assert_passes(w, A, &p);
	packet_tcp(&p, mac_of(B), mac_of(A), ip_of(B), 80, ip_of(A), 4000, 0x12);
	assert_passes(w, B, &p);
	guard(w, A, 1);
	dataplane_clock_advance(w->dp, 599 * S_NS);
	packet_tcp(&p, mac_of(B), mac_of(A), ip_of(B), 80, ip_of(A), 4000, 0x10);
	assert_passes(w, B, &p);
	dataplane_clock_advance(w->dp, 601 * S_NS);
	packet_tcp(&p, mac_of(B), mac_of(A), ip_of(B), 80, ip_of(A), 4000, 0x10);
	assert_drops(w, B, &p, DROP_SG_INGRESS);
	/* A host of the internet has no setting. */
	put_timeouts(w, W, 3, 0, 60, 0);
	udp(&p, W, ip_of(W), 4000, IP_HOST, 7);
	assert_passes(w, W, &p);
	assert_int_equal(half_at(w, W)->opening_timeout, 60);
}

/* ---- hits ---- */

static void the_deciding_rule_is_counted_once_an_evaluation(void **state)
{
	struct world *w = *state;
	struct classifier c = {.rules = 2, .hits = RULE_HITS_FIRST + 100};
	struct rules_bitmap both = {.w = {3}}, second = {.w = {2}};
	uint32_t number = put_rule(w, 0, 0, -1, -1, 0, false, false), all = allow_all(w);
	uint32_t id = CLASSIFIER_ID(number, false);
	struct rule_addr_key everyone = {
		.prefixlen = 64 + 96, .classifier = id, .family = 2, .address = v4(0)};
	struct rule_port_key any = {.prefixlen = 32, .classifier = id},
			     tcp = {.prefixlen = 48, .classifier = id, .protocol = 6};
	struct trace_result r;
	uint64_t hits[2];
	struct packet p;

	/* Rule 0: TCP. Rule 1: everything. */
	put(w, DP_RULE_ADDRESSES, &everyone, &both);
	put(w, DP_RULE_PORTS, &any, &second);
	put(w, DP_RULE_PORTS, &tcp, &both);
	put(w, DP_CLASSIFIERS, &id, &c);
	assert_int_equal(dataplane_rule_hits_clear(w->dp, c.hits, 2, NULL), 0);
	dataplane_set_group_rules(w->dp, 2, (struct rules_pair){number, all});
	guard(w, C, 2);
	for (int i = 0; i < 3; i++) {
		packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 80, 2);
		assert_passes(w, A, &p);
	}
	udp(&p, A, ip_of(A), 4000, ip_of(C), 7);
	assert_int_equal(dataplane_trace(w->dp, A, p.b, p.len, &r, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		udp(&p, A, ip_of(A), 4000 + i, ip_of(C), 7);
		assert_passes(w, A, &p);
	}
	assert_int_equal(dataplane_rule_hits(w->dp, c.hits, 2, hits, NULL), 0);
	assert_int_equal(hits[0], 1);
	assert_int_equal(hits[1], 2);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_reply_round_a_middlebox_passes_at_both_ends),
		WORLD_TEST(a_reply_through_a_middlebox_is_asked_there),
		WORLD_TEST(a_changed_way_keeps_a_flow_and_its_gates),
		WORLD_TEST(the_smaller_setting_of_both_ends_counts),
		WORLD_TEST(the_deciding_rule_is_counted_once_an_evaluation),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
