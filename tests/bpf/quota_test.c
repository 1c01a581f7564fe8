/* SPDX-License-Identifier: MIT
 * How many flows an interface may have open: its quota, its share of the table, and the common part
 * (abi.h, eni_flows). The world's table has 4,096 entries for 64 interfaces.
 */
#include <pthread.h>
#include <unistd.h>

#include "world6.h"

#define S_NS   1000000000ull
#define FLOWS  (4096u / 2)
#define SHARE  (FLOWS / 2 / 64)
#define COMMON (FLOWS / 8 * 3 - FLOWS / 64)

static void udp(struct packet *p, uint32_t from, uint32_t source, unsigned sport, uint32_t to,
		unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, source, sport, to, dport);
}

static uint32_t open_flows(struct world *w, uint32_t eni)
{
	struct eni_flows f;

	assert_int_equal(dataplane_eni_flows(w->dp, eni, &f, NULL), 0);
	return f.open;
}

static void put_quota(struct world *w, uint32_t eni, uint32_t subnet, uint32_t quota)
{
	struct eni v = {.vpc = 16,
			.subnet = subnet,
			.groups = 1,
			.flags = ENI_SOURCE_DEST_CHECK,
			.address = v4(ip_of(eni)),
			.flow_quota = quota,
			.mtu = 9001};

	memcpy(v.mac, mac_of(eni), 6);
	put(w, DP_ENIS, &eni, &v);
}

static void an_interface_opens_as_many_flows_as_it_may(void **state)
{
	struct world *w = *state;
	struct eni_flows f;
	struct packet p;

	put_quota(w, A, 1, 10);
	for (unsigned i = 0; i < 10; i++) {
		udp(&p, A, ip_of(A), 5000 + i, ip_of(C), 7);
		assert_passes(w, A, &p);
	}
	assert_int_equal(open_flows(w, A), 10);
	udp(&p, A, ip_of(A), 6000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_CONNTRACK_ALLOWANCE);
	assert_int_equal(dataplane_eni_flows(w->dp, A, &f, NULL), 0);
	assert_int_equal(f.allowance_exceeded, 1);
	udp(&p, A, ip_of(A), 5003, ip_of(C), 7); /* what is open goes on */
	assert_passes(w, A, &p);
	udp(&p, C, ip_of(C), 4000, ip_of(A), 9); /* and others open to it */
	assert_passes(w, C, &p);
	assert_int_equal(open_flows(w, C), 1);
	assert_int_equal(open_flows(w, A), 10);
}

static struct flow_stats collect(struct world *w)
{
	struct flow_stats st;

	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	return st;
}

static void whatever_ends_a_flow_gives_its_place_back(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_quota(w, A, 1, 4);
	for (unsigned i = 0; i < 4; i++) {
		udp(&p, A, ip_of(A), 5000 + i, i < 2 ? ip_of(C) : ip_of(B), 7);
		assert_passes(w, A, &p);
	}
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){B}, 1, NULL), 0); /* a peer goes */
	assert_int_equal(open_flows(w, A), 2);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	udp(&p, A, ip_of(A), 5000, ip_of(C), 7); /* expired, and taken over in place */
	assert_passes(w, A, &p);
	assert_int_equal(open_flows(w, A), 2);
	collect(w);
	assert_int_equal(open_flows(w, A), 1);
	put_route(w, 3, 0, 0, TARGET_INTERNET_GATEWAY, IGW);
	udp(&p, W, ip_of(W), 4000, IP_HOST, 7);
	assert_passes(w, W, &p);
	put_route(w, 3, IP_HOST, 32, TARGET_ENI, C);
	put_eni(w, C, 16, 2, 1, 0);
	dataplane_bump_generation(w->dp);
	udp(&p, W, ip_of(W), 4000, IP_HOST, 7); /* would be translated otherwise: ended */
	assert_drops(w, W, &p, DROP_FLOW_PATH);
	assert_int_equal(open_flows(w, W), 0);
	assert_int_equal(dataplane_forget_counters(w->dp, A, NULL), 0);
	assert_int_equal(open_flows(w, A), 0);
}

static void the_audit_recounts(void **state)
{
	struct world *w = *state;
	uint32_t fixed = 9;
	struct packet p;

	for (unsigned i = 0; i < 5; i++) {
		udp(&p, A, ip_of(A), 5000 + i, ip_of(C), 7);
		assert_passes(w, A, &p);
	}
	assert_int_equal(dataplane_recount_flows(w->dp, &fixed, NULL), 0);
	assert_int_equal(fixed, 0);
	assert_int_equal(dataplane_forget_counters(w->dp, A, NULL), 0);
	udp(&p, A, ip_of(A), 6000, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_int_equal(open_flows(w, A), 1);
	assert_int_equal(dataplane_recount_flows(w->dp, &fixed, NULL), 0);
	assert_int_equal(fixed, 1);
	assert_int_equal(open_flows(w, A), 6);
}

/* Opens flows from the `first` port on until one is refused; how many. */
static uint32_t open_all(struct world *w, uint32_t eni, unsigned first, uint32_t to, uint32_t limit)
{
	struct packet p;

	for (uint32_t n = 0; n < limit; n++) {
		udp(&p, eni, ip_of(eni), first + n, to, 7);
		if (run(w, eni, &p) != TC_ACT_REDIRECT)
			return n;
	}
	return limit;
}

static uint32_t common_open(struct world *w)
{
	uint32_t n;

	assert_int_equal(dataplane_flows_common(w->dp, &n, NULL), 0);
	return n;
}

/* ---- shares ---- */

static void nobody_takes_anothers_share(void **state)
{
	struct world *w = *state;
	struct packet p;

	assert_int_equal(dataplane_flows_common_max(w->dp), COMMON);
	udp(&p, B, ip_of(B), 4000, ip_of(C), 7);
	assert_passes(w, B, &p);
	/* A takes all that there is but the others' shares. */
	assert_int_equal(open_all(w, A, 10000, ip_of(C), 4096), SHARE + COMMON);
	assert_int_equal(common_open(w), COMMON);
	udp(&p, A, ip_of(A), 9999, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_CONNTRACK_ALLOWANCE);
	/* Everybody else opens as many as ever, also of the same VPC, and no more. */
	assert_int_equal(open_all(w, B, 10000, ip_of(C), 4096), SHARE - 1);
	assert_int_equal(open_all(w, C, 10000, ip_of(B), 4096), SHARE);
	assert_int_equal(open_all(w, X, 10000, ip_of(Y), 4096), SHARE);
	/* Nothing that lives was touched. */
	udp(&p, B, ip_of(B), 4000, ip_of(C), 7);
	assert_passes(w, B, &p);
	udp(&p, A, ip_of(A), 10000, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_int_equal(drops(w, DROP_FLOW_TABLE_FULL), 0);
	assert_int_equal(common_open(w), COMMON);
}

static void all_shares_at_once_fit_the_table(void **state)
{
	struct world *w = *state;

	assert_int_equal(open_all(w, H, 10000, IP_WEB, 4096), SHARE + COMMON);
	assert_int_equal(open_all(w, A, 10000, ip_of(C), 4096), SHARE);
	assert_int_equal(open_all(w, B, 10000, ip_of(C), 4096), SHARE);
	assert_int_equal(open_all(w, C, 10000, ip_of(A), 4096), SHARE);
	assert_int_equal(open_all(w, W, 10000, ip_of(A), 4096), SHARE);
	assert_int_equal(open_all(w, X, 10000, ip_of(Y), 4096), SHARE);
	assert_int_equal(drops(w, DROP_FLOW_TABLE_FULL), 0);
	/* Those of 64 and the rest leave an eighth free. */
	assert_int_equal(64 * SHARE + COMMON + FLOWS / 64, FLOWS - FLOWS / 8);
}

static void the_resolver_has_a_share_for_everybody(void **state)
{
	struct world *w = *state;

	put_eni(w, H, VPC_INTERNET, 9, 0, ENI_INTERNET | ENI_SOURCE_DEST_CHECK | ENI_FOR_ALL);
	assert_int_equal(open_all(w, A, 10000, ip_of(C), 4096), SHARE + COMMON);
	assert_int_equal(open_all(w, H, 10000, IP_WEB, 4096), FLOWS / 64);
}

static void what_ends_makes_room_in_the_common_part(void **state)
{
	struct world *w = *state;

	assert_int_equal(open_all(w, A, 10000, ip_of(C), 100), 100);
	assert_int_equal(open_all(w, A, 20000, ip_of(B), 4096), SHARE + COMMON - 100);
	assert_int_equal(open_all(w, X, 10000, ip_of(Y), 4096), SHARE);
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){C}, 1, NULL), 0);
	assert_int_equal(common_open(w), COMMON - 100);
	assert_int_equal(open_all(w, X, 20000, ip_of(Y), 4096), 100);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	collect(w);
	assert_int_equal(common_open(w), 0);
	assert_int_equal(open_flows(w, A), 0);
	assert_int_equal(open_flows(w, X), 0);
}

static void an_interface_that_goes_leaves_the_common_part(void **state)
{
	struct world *w = *state;
	uint32_t fixed;

	assert_int_equal(open_all(w, A, 10000, ip_of(C), SHARE + 10), SHARE + 10);
	assert_int_equal(common_open(w), 10);
	assert_int_equal(dataplane_forget_counters(w->dp, A, NULL), 0);
	assert_int_equal(common_open(w), 0);
	/* As after a crash between two steps: 10 flows more than its number says, as before. */
	assert_int_equal(open_all(w, A, 20000, ip_of(C), 1), 1);
	assert_int_equal(dataplane_recount_flows(w->dp, &fixed, NULL), 0);
	assert_int_equal(fixed, 2); /* A's number and the common part's */
	assert_int_equal(open_flows(w, A), SHARE + 11);
	assert_int_equal(common_open(w), 11);
}

/* ---- two CPUs ---- */

struct opener {
	struct world *w;
	unsigned cpu, first;
};

/* Round its share: up to a few flows beyond it, refused, and down again. */
static void *open_and_end(void *arg)
{
	struct opener *o = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(o->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return NULL;
	for (unsigned i = 0; i < 20000; i++) {
		struct packet p;

		/* Of few ports, at the time-out's end each: taken over in place. */
		udp(&p, A, ip_of(A), o->first + i % 20, ip_of(C), 7);
		run(o->w, A, &p);
		if (i % 20 == 19)
			dataplane_clock_advance(o->w->dp, (TIMEOUT_UDP + 1) * S_NS);
	}
	return NULL;
}

static void two_cpus_count_exactly(void **state)
{
	struct opener o[2] = {{*state, 0, 10000}, {*state, 1, 20000}};
	struct world *w = *state;
	pthread_t threads[2];
	uint32_t fixed;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	put_quota(w, A, 1, SHARE + 4);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_end, &o[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(dataplane_recount_flows(w->dp, &fixed, NULL), 0);
	assert_int_equal(fixed, 0);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * S_NS);
	collect(w);
	assert_int_equal(open_flows(w, A), 0);
	assert_int_equal(common_open(w), 0);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_interface_opens_as_many_flows_as_it_may),
		WORLD_TEST(whatever_ends_a_flow_gives_its_place_back),
		WORLD_TEST(the_audit_recounts),
		WORLD_TEST(nobody_takes_anothers_share),
		WORLD_TEST(all_shares_at_once_fit_the_table),
		WORLD_TEST(the_resolver_has_a_share_for_everybody),
		WORLD_TEST(what_ends_makes_room_in_the_common_part),
		WORLD_TEST(an_interface_that_goes_leaves_the_common_part),
		WORLD_TEST(two_cpus_count_exactly),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
