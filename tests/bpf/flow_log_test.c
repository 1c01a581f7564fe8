/* SPDX-License-Identifier: MIT
 * What flow logs are told: each packet once, through all that may happen to a flow, so that what
 * was told sums to what interfaces counted; and each refusal at the interface whose gate refused
 * it.
 */
#include <time.h>
#include <unistd.h>

#include "world.h"

#define S_NS 1000000000ull
#define TOLD 4096

/* What was told, in order, and by interface. */
struct told {
	struct flow_part parts[TOLD];
	size_t n;
	struct eni_totals sums[LAST + 1];
	uint64_t refused[LAST + 1], refused_bytes;
};

static struct told told;

static void hear(void *arg, const struct flow_part *p)
{
	uint32_t from = p->of.key.ifindex, to = p->of.output_ifindex;

	assert_true(told.n < TOLD);
	told.parts[told.n++] = *p;
	if (p->of.reason) {
		told.refused[p->of.nat ? 0 : to ? to : from] += p->n.packets;
		told.refused_bytes += p->n.bytes;
		return;
	}
	told.sums[from].sent_packets += p->n.packets;
	told.sums[from].sent_bytes += p->n.bytes;
	told.sums[to].received_packets += p->n.packets;
	told.sums[to].received_bytes += p->n.bytes;
}

static bool all_but_b(void *arg, uint32_t ifindex)
{
	return ifindex != B;
}

static void begin(struct world *w)
{
	memset(&told, 0, sizeof(told));
	dataplane_flow_log(w->dp, hear, all_but_b, NULL);
	for (uint32_t i = A; i <= LAST; i++)
		if (i != B)
			assert_int_equal(dataplane_flow_log_add(w->dp, i, NULL), 0);
	assert_int_equal(dataplane_flow_log_add(w->dp, NAT_ENI, NULL), 0);
}

/* All that there is to tell now: of flows, and of what is kept. */
static void tell_all(struct world *w)
{
	struct flow_stats st = {0};
	int rc;

	dataplane_flow_log_turn(w->dp);
	assert_int_equal(dataplane_flow_log_tell(w->dp, 100, NULL), -EAGAIN);
	dataplane_flow_log_due(w->dp, (uint32_t)(dataplane_now(w->dp) / S_NS) + 1);
	for (int i = 0; !st.end; i++) {
		assert_true(i < 1000);
		assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	}
	while ((rc = dataplane_flow_log_tell(w->dp, 100, NULL)) == -EAGAIN || rc == 1)
		usleep(1000);
	assert_int_equal(rc, 0);
}

static int add_up(void *arg, uint32_t ifindex, const struct eni_totals *t)
{
	struct eni_totals *sums = arg;

	assert_true(ifindex <= LAST);
	sums[ifindex].sent_packets += t->sent_packets;
	sums[ifindex].sent_bytes += t->sent_bytes;
	sums[ifindex].received_packets += t->received_packets;
	sums[ifindex].received_bytes += t->received_bytes;
	return 0;
}

/* What was told is what interfaces counted. */
static void assert_sums(struct world *w)
{
	struct eni_totals sums[LAST + 1] = {0};

	assert_int_equal(dataplane_eni_totals(w->dp, add_up, sums, NULL), 0);
	assert_memory_equal(sums, told.sums, sizeof(sums));
}

static void udp(struct world *w, uint32_t from, unsigned sport, uint32_t to, unsigned dport)
{
	struct packet p;

	packet_udp(&p, mac_of(from), router_mac, ip_of(from), sport, ip_of(to), dport);
	assert_passes(w, from, &p);
}

static void tcp(struct world *w, uint32_t from, unsigned sport, uint32_t to, unsigned dport,
		uint8_t flags)
{
	struct packet p;

	packet_tcp(&p, mac_of(from), router_mac, ip_of(from), sport, ip_of(to), dport, flags);
	assert_passes(w, from, &p);
}

/* The only part from an interface. */
static const struct flow_part *part_from(uint32_t ifindex)
{
	const struct flow_part *found = NULL;

	for (size_t i = 0; i < told.n; i++) {
		if (told.parts[i].of.key.ifindex != ifindex)
			continue;
		assert_null(found);
		found = &told.parts[i];
	}
	assert_non_null(found);
	return found;
}

/* ---- flows ---- */

static void a_standing_flow_is_told_as_far_as_it_is(void **state)
{
	struct world *w = *state;
	uint32_t from = (uint32_t)(dataplane_now(w->dp) / S_NS);
	const struct flow_part *p;

	begin(w);
	for (int i = 0; i < 3; i++)
		udp(w, A, 4000, C, 7);
	tell_all(w);
	assert_int_equal(told.n, 1); /* C sent nothing */
	p = part_from(A);
	assert_int_equal(p->n.packets, 3);
	assert_int_equal(p->n.bytes, 3 * (20 + 8 + 21));
	assert_int_equal(p->of.output_ifindex, C);
	assert_int_equal(ntohs(p->of.key.dport), 7);
	assert_int_equal(ntohl(p->of.daddr.w[3]), ip_of(C));
	assert_in_range(p->n.since, from, from + 60);
	assert_in_range(p->n.last_ns / S_NS, p->n.since, from + 60);
	assert_sums(w);
	tell_all(w);
	assert_int_equal(told.n, 1); /* nothing more */
	udp(w, A, 4000, C, 7);
	tell_all(w);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.parts[1].n.packets, 1);
	assert_sums(w);
}

static void a_flow_that_is_not_due_is_not_told(void **state)
{
	struct flow_stats st;
	struct world *w = *state;

	begin(w);
	udp(w, A, 4000, C, 7);
	dataplane_flow_log_due(w->dp, (uint32_t)(dataplane_now(w->dp) / S_NS) - 5);
	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	assert_int_equal(told.n, 0);
}

static void interfaces_that_are_not_logged_are_left(void **state)
{
	struct world *w = *state;

	begin(w);
	tcp(w, B, 4000, B, 80, 2);
	tell_all(w);
	assert_int_equal(told.n, 0);
	tcp(w, B, 4000, A, 80, 2); /* the other end is */
	tell_all(w);
	assert_int_equal(told.n, 1);
}

static void an_ended_flow_is_told_with_what_it_was(void **state)
{
	struct world *w = *state;
	uint64_t sent;

	begin(w);
	udp(w, A, 4000, C, 7);
	udp(w, C, 7, A, 4000);
	sent = dataplane_now(w->dp) / S_NS;
	dataplane_clock_advance(w->dp, 3600 * S_NS);
	tell_all(w);
	assert_int_equal(told.n, 2);
	/* when its last packet came, not when it was found to be over */
	assert_in_range(part_from(A)->n.last_ns / S_NS, sent - 5, sent);
	assert_in_range(part_from(C)->n.last_ns / S_NS, sent - 5, sent);
	while (flows_of(w)->n)
		tell_all(w);
	assert_int_equal(told.n, 2);
	assert_sums(w);
}

static void what_another_flow_takes_over_is_kept_and_told(void **state)
{
	struct world *w = *state;

	begin(w);
	for (int i = 0; i < 4; i++) {
		udp(w, A, 4000, C, 7);
		udp(w, A, 4000, C, 7);
		udp(w, C, 7, A, 4000);
		dataplane_clock_advance(w->dp, 3600 * S_NS);
	}
	tell_all(w);
	assert_sums(w);
	assert_int_equal(told.sums[A].sent_packets, 8);
}

static void a_flow_that_goes_elsewhere_is_told_at_both(void **state)
{
	struct world *w = *state;

	begin(w);
	for (int i = 0; i < 3; i++)
		udp(w, A, 4000, C, 7);
	put_eni(w, W, 16, 3, 1, 0);
	put_route(w, 1, ip_of(C), 32, TARGET_ENI, W);
	dataplane_bump_generation(w->dp);
	for (int i = 0; i < 4; i++)
		udp(w, A, 4000, C, 7);
	tell_all(w);
	assert_int_equal(told.sums[C].received_packets, 3);
	assert_int_equal(told.sums[W].received_packets, 4);
	assert_sums(w);
}

static void translations_are_told(void **state)
{
	struct world *w = *state;
	const struct flow_part *there, *back;
	struct packet p;

	begin(w);
	packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
	assert_passes(w, C, &p);
	unsigned port = packet_sport(&p);
	packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 80, IP_NAT, port, 18);
	assert_passes(w, H, &p);
	tell_all(w);
	there = part_from(C);
	back = part_from(H);
	assert_int_equal(there->of.nat, NAT);
	assert_int_equal(ntohl(there->of.key.saddr.w[3]), ip_of(C));
	assert_int_equal(ntohl(there->of.saddr.w[3]), IP_NAT);
	assert_int_equal(ntohs(there->of.sport), port);
	assert_int_equal(there->n.tcp_flags, 2);
	assert_int_equal(back->of.flags & FLOW_REPLY, FLOW_REPLY);
	assert_int_equal(ntohl(back->of.daddr.w[3]), ip_of(C));
	assert_int_equal(back->n.tcp_flags, 18);
	assert_sums(w);
}

static void a_port_that_is_taken_over_loses_nothing(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	for (int i = 0; i < 8; i++) {
		packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
		assert_passes(w, C, &p);
		unsigned port = packet_sport(&p);
		packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 80, IP_NAT, port, 18);
		assert_passes(w, H, &p);
		packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 17);
		assert_passes(w, C, &p);
		packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 80, IP_NAT, port, 17);
		assert_passes(w, H, &p);
		if (i & 1)
			dataplane_clock_advance(w->dp, 3600 * S_NS);
	}
	tell_all(w);
	assert_int_equal(told.sums[C].sent_packets, 16);
	assert_int_equal(told.sums[C].received_packets, 16);
	assert_sums(w);
}

static void flags_are_those_since_the_last_time(void **state)
{
	struct world *w = *state;

	begin(w);
	tcp(w, A, 4000, C, 80, 2);
	tcp(w, C, 80, A, 4000, 18);
	tcp(w, A, 4000, C, 80, 16);
	tell_all(w);
	assert_int_equal(part_from(A)->n.tcp_flags, 2);
	assert_int_equal(part_from(C)->n.tcp_flags, 18);
	told.n = 0;
	tcp(w, A, 4000, C, 80, 24); /* data: nothing of note */
	tell_all(w);
	assert_int_equal(part_from(A)->n.tcp_flags, 0);
	told.n = 0;
	tcp(w, A, 4000, C, 80, 17);
	tcp(w, C, 80, A, 4000, 20);
	tell_all(w);
	assert_int_equal(part_from(A)->n.tcp_flags, 1);
	assert_int_equal(part_from(C)->n.tcp_flags, 4);
}

static void a_flow_of_one_window_has_all_its_flags(void **state)
{
	struct world *w = *state;

	begin(w);
	tcp(w, A, 4000, C, 80, 2);
	tcp(w, C, 80, A, 4000, 18);
	tcp(w, A, 4000, C, 80, 16);
	tcp(w, A, 4000, C, 80, 17);
	tcp(w, C, 80, A, 4000, 17);
	tell_all(w);
	assert_int_equal(part_from(A)->n.tcp_flags, 3);
	assert_int_equal(part_from(C)->n.tcp_flags, 19);
}

/* ---- refusals ---- */

static void refusals_are_at_the_gate_that_refused(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_SG_EGRESS);
	for (int i = 0; i < 5; i++) {
		packet_tcp(&p, mac_of(W), router_mac, ip_of(W), 4000, ip_of(A), 22, 2);
		assert_drops(w, W, &p, DROP_SG_INGRESS);
	}
	tell_all(w);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.refused[A], 6);
	assert_int_equal(told.refused[W], 0);
	assert_int_equal(part_from(A)->of.reason, DROP_SG_EGRESS);
	assert_int_equal(part_from(A)->of.output_ifindex, 0);
	assert_int_equal(part_from(W)->of.reason, DROP_SG_INGRESS);
	assert_int_equal(part_from(W)->of.output_ifindex, A);
	assert_int_equal(part_from(W)->n.packets, 5);
	assert_int_equal(part_from(W)->n.tcp_flags, 2);
	assert_int_equal(told.refused_bytes, (20 + 8 + 21) + 5 * (20 + 20 + 10));
	tell_all(w);
	assert_int_equal(told.n, 2);
}

static void a_refusal_shows_the_receivers_address(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	put_eni(w, W, 16, 3, 3, ENI_SOURCE_DEST_CHECK);
	packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 4000, IP_WEB, 22, 2);
	assert_drops(w, H, &p, DROP_SG_INGRESS);
	tell_all(w);
	assert_int_equal(ntohl(part_from(H)->of.key.daddr.w[3]), IP_WEB);
	assert_int_equal(ntohl(part_from(H)->of.daddr.w[3]), ip_of(W));
	assert_int_equal(told.refused[W], 1);
}

/* A NAT gateway's subnet refuses: nobody but the gateway's own interface did. */
static void a_refusal_at_a_nat_gateway_is_its_own(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	dataplane_set_acl_rules(w->dp, 1,
				(struct rules_pair){put_rule(w, 0, 0, -1, -1, 0, true, false), 0});
	put_subnet(w, 3, 16, 3, 1, IP(10, 0, 3, 1));
	packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
	assert_drops(w, C, &p, DROP_ACL_INGRESS);
	tell_all(w);
	assert_int_equal(told.n, 1);
	assert_int_equal(part_from(C)->of.nat, NAT);
	assert_int_equal(part_from(C)->of.output_ifindex, 0);
}

static void services_and_what_is_no_packet_are_not_told(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, IP(169, 254, 169, 254), 80);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	packet_udp(&p, mac_of(C), router_mac, ip_of(A), 4000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_SOURCE_MAC);
	tell_all(w);
	assert_int_equal(told.n, 0);
}

static void nothing_is_kept_while_nobody_logs(void **state)
{
	struct world *w = *state;
	struct packet p;

	begin(w);
	dataplane_flow_log(w->dp, NULL, NULL, NULL);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, IP(192, 0, 2, 1), 7);
	assert_drops(w, A, &p, DROP_NO_ROUTE);
	assert_int_equal(dataplane_flow_log_entries(w->dp), 0);
	dataplane_flow_log(w->dp, hear, all_but_b, NULL);
	tell_all(w);
	assert_int_equal(told.n, 0);
}

static void what_finds_no_room_is_counted(void **state)
{
	const unsigned n = FLOW_PARTS_MAX + 1000;
	struct world *w = *state;
	struct flow_log_loss lost;
	struct packet p;

	begin(w);
	for (unsigned i = 0; i < n; i++) {
		packet_udp(&p, mac_of(A), router_mac, ip_of(A), i % 50000, IP(192, 0, 2, i / 50000),
			   7);
		assert_int_equal(run(w, A, &p), TC_ACT_SHOT);
	}
	assert_int_equal(dataplane_flow_log_loss(w->dp, A, &lost, NULL), 0);
	assert_int_equal(dataplane_flow_log_entries(w->dp) + lost.packets, n);
	assert_in_range(lost.packets, 1, 2000); /* CPUs hold some elements back */
	assert_int_equal(lost.bytes, lost.packets * (20 + 8 + 21));
	assert_int_equal(dataplane_flow_log_loss_told(w->dp, A, &lost, NULL), 0);
	assert_int_equal(dataplane_flow_log_loss(w->dp, A, &lost, NULL), 0);
	assert_int_equal(lost.packets, 0);
}

/* ---- anything ---- */

static unsigned dice(unsigned n)
{
	return (unsigned)random() % n;
}

static int add_refusals(void *arg, const struct drop_key *k, const struct counter *c)
{
	struct counter *sum = arg;

	if (refusal_side(k->reason) == REFUSED_NOWHERE)
		return 0;
	sum->packets += c->packets;
	sum->bytes += c->bytes;
	return 0;
}

/* Flows that open, go on, close, expire, are taken over and collected, told at random moments. */
static void whatever_happens_sums_up(void **state)
{
	static const uint32_t ends[] = {A, C, W, H};
	const char *given = getenv("VPCD_TEST_SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
	struct counter refused = {0};
	uint64_t all = 0;
	struct world *w = *state;

	print_message("VPCD_TEST_SEED=%u\n", seed);
	srandom(seed);
	begin(w);
	for (int i = 0; i < 3000; i++) {
		uint32_t from = ends[dice(4)], to = ends[dice(4)];
		uint32_t target = to == W && from == H ? IP_WEB : ip_of(to);
		const uint8_t flags[] = {2, 18, 16, 17, 4};
		struct flow_stats st;
		struct packet p;

		if (!dice(40))
			dataplane_clock_advance(w->dp, (1 + dice(400)) * S_NS);
		if (!dice(50))
			dataplane_collect(w->dp, 1 << 20, &st, NULL);
		if (!dice(150))
			tell_all(w);
		if (from == to)
			continue;
		if (dice(2))
			packet_tcp(&p, mac_of(from), router_mac, ip_of(from), 4000 + dice(4),
				   target, 80, flags[dice(5)]);
		else
			packet_udp(&p, mac_of(from), router_mac, ip_of(from), 4000 + dice(4),
				   target, 53 + dice(2));
		run(w, from, &p);
	}
	tell_all(w);
	assert_sums(w);
	assert_int_equal(dataplane_drops(w->dp, add_refusals, &refused, NULL), 0);
	for (int i = 0; i <= LAST; i++)
		all += told.refused[i];
	assert_int_equal(all, refused.packets);
	/* The counters are of frames. */
	assert_int_equal(told.refused_bytes, refused.bytes - ETH * refused.packets);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_standing_flow_is_told_as_far_as_it_is),
		WORLD_TEST(a_flow_that_is_not_due_is_not_told),
		WORLD_TEST(interfaces_that_are_not_logged_are_left),
		WORLD_TEST(an_ended_flow_is_told_with_what_it_was),
		WORLD_TEST(what_another_flow_takes_over_is_kept_and_told),
		WORLD_TEST(a_flow_that_goes_elsewhere_is_told_at_both),
		WORLD_TEST(translations_are_told),
		WORLD_TEST(a_port_that_is_taken_over_loses_nothing),
		WORLD_TEST(flags_are_those_since_the_last_time),
		WORLD_TEST(a_flow_of_one_window_has_all_its_flags),
		WORLD_TEST(refusals_are_at_the_gate_that_refused),
		WORLD_TEST(a_refusal_shows_the_receivers_address),
		WORLD_TEST(a_refusal_at_a_nat_gateway_is_its_own),
		WORLD_TEST(services_and_what_is_no_packet_are_not_told),
		WORLD_TEST(nothing_is_kept_while_nobody_logs),
		WORLD_TEST(what_finds_no_room_is_counted),
		WORLD_TEST(whatever_happens_sums_up),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
