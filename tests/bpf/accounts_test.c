/* SPDX-License-Identifier: MIT
 * What interfaces sent and received, through all that may happen to a flow: each packet that passed
 * counts once at each end, for ever.
 */
#include <unistd.h>

#include "world.h"

#define HOUR 3600000000000ull

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

static void assert_counts(struct world *w, uint32_t eni, uint64_t sent, uint64_t received)
{
	struct eni_totals sums[LAST + 1] = {0};
	/* IPv4 and UDP headers, and 21 bytes: packet_udp() */
	const uint64_t each = 20 + 8 + 21;

	assert_int_equal(dataplane_eni_totals(w->dp, add_up, sums, NULL), 0);
	assert_int_equal(sums[eni].sent_packets, sent);
	assert_int_equal(sums[eni].sent_bytes, sent * each);
	assert_int_equal(sums[eni].received_packets, received);
	assert_int_equal(sums[eni].received_bytes, received * each);
}

static void send_udp(struct world *w, uint32_t from, uint32_t to, uint16_t port, int times)
{
	struct packet p;

	for (int i = 0; i < times; i++) {
		packet_udp(&p, mac_of(from), router_mac, ip_of(from), 4000, ip_of(to), port);
		assert_passes(w, from, &p);
	}
}

static void collect_all(struct world *w)
{
	struct flow_stats st;

	/* The grace period of entries is of real time. */
	for (int tries = 0; flows_of(w)->n; tries++) {
		assert_true(tries < 1000);
		assert_int_equal(dataplane_collect(w->dp, 100000, &st, NULL), 0);
		usleep(10000);
	}
}

static void packets_count_at_both_ends_and_drops_at_none(void **state)
{
	struct world *w = *state;
	struct packet p;

	send_udp(w, A, C, 7, 3);
	send_udp(w, C, A, 9, 2);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, IP(192, 0, 2, 1), 7);
	assert_drops(w, A, &p, DROP_NO_ROUTE);
	assert_counts(w, A, 3, 2);
	assert_counts(w, C, 2, 3);
	assert_counts(w, B, 0, 0);
}

static void counts_stay_when_flows_are_collected(void **state)
{
	struct world *w = *state;

	send_udp(w, A, C, 7, 5);
	dataplane_clock_advance(w->dp, HOUR);
	assert_counts(w, A, 5, 0);
	collect_all(w);
	assert_counts(w, A, 5, 0);
	assert_counts(w, C, 0, 5);
}

static void an_entry_that_is_taken_over_loses_nothing(void **state)
{
	struct world *w = *state;

	for (int i = 1; i <= 4; i++) {
		send_udp(w, A, C, 7, 2); /* the same ports, by an entry that has expired */
		assert_counts(w, A, 2 * (uint64_t)i, 0);
		dataplane_clock_advance(w->dp, HOUR);
	}
	collect_all(w);
	assert_counts(w, C, 0, 8);
}

static void what_went_to_another_interface_stays_there(void **state)
{
	struct world *w = *state;

	/* C's address moves to B's subnet: to another interface, by a walk of the same flow */
	send_udp(w, A, C, 7, 3);
	put_eni(w, W, 16, 3, 1, 0);
	put_route(w, 1, ip_of(C), 32, TARGET_ENI, W);
	dataplane_bump_generation(w->dp);
	send_udp(w, A, C, 7, 4);
	assert_counts(w, A, 7, 0);
	assert_counts(w, C, 0, 3);
	assert_counts(w, W, 0, 4);
	dataplane_clock_advance(w->dp, HOUR);
	collect_all(w);
	assert_counts(w, A, 7, 0);
	assert_counts(w, C, 0, 3);
	assert_counts(w, W, 0, 4);
}

static void a_detached_interfaces_counts_go_and_its_peers_stay(void **state)
{
	struct world *w = *state;
	uint32_t gone = C;

	send_udp(w, A, C, 7, 3);
	assert_int_equal(dataplane_delete(w->dp, DP_ENIS, &gone, 1, NULL), 0);
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){C}, 1, NULL), 0);
	assert_int_equal(dataplane_forget_counters(w->dp, C, NULL), 0);
	collect_all(w);
	assert_counts(w, A, 3, 0);
	assert_counts(w, C, 0, 0);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(packets_count_at_both_ends_and_drops_at_none),
		WORLD_TEST(counts_stay_when_flows_are_collected),
		WORLD_TEST(an_entry_that_is_taken_over_loses_nothing),
		WORLD_TEST(what_went_to_another_interface_stays_there),
		WORLD_TEST(a_detached_interfaces_counts_go_and_its_peers_stay),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
