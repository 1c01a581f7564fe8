/* SPDX-License-Identifier: MIT
 * Neighbour and router discovery, answered in the program.
 */
#include "world6.h"

static const uint8_t any_multicast[6] = {0x33, 0x33, 0, 0, 0, 1};

/* A neighbour solicitation with the option of its sender's MAC. */
static void solicit(struct packet *p, uint32_t from, struct ip128 source, struct ip128 target)
{
	struct ip128 group = v6(0xff020000, 0, 1, 0xff000000);
	uint8_t body[28] = {0};

	group.w[3] |= target.w[3] & htonl(0x00ffffff);
	memcpy(body + 4, target.b, 16);
	body[20] = 1;
	body[21] = 1;
	memcpy(body + 22, mac_of(from), 6);
	packet6_icmp(p, mac_of(from), any_multicast, source, group, 135, 0, body, sizeof(body));
	p->b[ETH + 7] = 255;
}

static void assert_answered(struct world *w, uint32_t from, struct ip128 source,
			    struct ip128 target, const uint8_t *mac, uint8_t flags)
{
	const uint8_t *icmp;
	struct packet p;

	solicit(&p, from, source, target);
	assert_passes(w, from, &p);
	icmp = p.b + ETH + IP6;
	assert_int_equal(p.len, ETH + IP6 + 32);
	assert_memory_equal(p.b, mac_of(from), 6);
	assert_memory_equal(p.b + 6, mac, 6);
	assert_int_equal(get16be(p.b + 12), 0x86dd);
	assert_int_equal(get32be(p.b + ETH), 0x60000000);
	assert_int_equal(get16be(p.b + ETH + 4), 32);
	assert_int_equal(p.b[ETH + 6], IPPROTO_ICMPV6);
	assert_int_equal(p.b[ETH + 7], 255);
	assert_memory_equal(p.b + ETH + 8, target.b, 16);
	assert_memory_equal(p.b + ETH + 24, source.b, 16);
	assert_int_equal(icmp[0], 136);
	assert_int_equal(icmp[1], 0);
	assert_int_equal(icmp[4], flags);
	assert_memory_equal(icmp + 8, target.b, 16);
	assert_int_equal(icmp[24], 2);
	assert_int_equal(icmp[25], 1);
	assert_memory_equal(icmp + 26, mac, 6);
	assert_true(checksums_right6(&p));
}

static void router_resolver_and_neighbours_are_answered_for(void **state)
{
	const struct ip128 router = v6(0xfe800ec2, 0, 0, 1),
			   mine = v6(0xfe800000, 0, 0x2ff, 0xfe01);
	struct world *w = *state;

	assert_answered(w, A, ip6_of(A), router, router_mac, 0xe0);
	assert_answered(w, A, mine, router, router_mac, 0xe0); /* from a link-local address */
	assert_answered(w, A, ip6_of(A), v6(0x26001f18, 0x1601, 0, 1), router_mac, 0xe0);
	assert_answered(w, A, ip6_of(A), v6(0xfd000ec2, 0, 0, 0x253), router_mac, 0x60);
	assert_answered(w, A, ip6_of(A), ip6_of(B), mac_of(B), 0x60);
	assert_answered(w, X, ip6_of(X), ip6_of(Y), mac_of(Y), 0x60);
	assert_int_equal(flows_of(w)->n, 0);
}

static void absent_own_and_forged_solicitations_stay_unanswered(void **state)
{
	struct world *w = *state;
	struct packet p;

	solicit(&p, A, ip6_of(A), v6(0x26001f18, 0x1601, 0, 0x999));
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(C)); /* another subnet's */
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(A));
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, v6(0, 0, 0, 0), ip6_of(A)); /* duplicate address detection */
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, v6(0, 0, 0, 0), ip6_of(B));
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(B), ip6_of(B));
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(B)); /* from beyond the link (RFC 4861, section 7.1.1) */
	p.b[ETH + 7] = 64;
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(B));
	p.len -= 20; /* no whole target */
	p.b[ETH + 5] -= 20;
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(B));
	p.b[ETH + IP6] = 136; /* an answer that nobody asked for */
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	p.b[ETH + IP6] = 137;
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
	solicit(&p, A, ip6_of(A), ip6_of(B));
	memcpy(p.b + 6, mac_of(B), 6);
	assert_drops(w, A, &p, DROP_SOURCE_MAC);
}

static void a_fragmented_solicitation_is_none(void **state)
{
	const uint8_t whole[8] = {0, 0, 0, 0, 0, 0, 0, 1};
	struct world *w = *state;
	struct packet p;

	solicit(&p, A, ip6_of(A), ip6_of(B)); /* RFC 6980 */
	packet6_insert(&p, 44, whole, 8);
	memcpy(p.b + ETH + 24, v6(0xfe800ec2, 0, 0, 1).b, 16);
	assert_drops(w, A, &p, DROP_NEIGHBOUR);
}

static void the_router_advertises_itself_and_no_prefix(void **state)
{
	const struct ip128 all = v6(0xff020000, 0, 0, 1), router = v6(0xfe800ec2, 0, 0, 1);
	const struct ip128 resolver = v6(0xfd000ec2, 0, 0, 0x253);
	struct vpc_entry no_dns = {0};
	struct world *w = *state;
	const uint8_t *ra;
	uint32_t vpc = 16;
	struct packet p;

	packet6_icmp(&p, mac_of(A), any_multicast, v6(0, 0, 0, 0), v6(0xff020000, 0, 0, 2), 133, 0,
		     "\0\0\0", 4);
	p.b[ETH + 7] = 255;
	assert_passes(w, A, &p);
	ra = p.b + ETH + IP6;
	assert_int_equal(p.len, ETH + IP6 + 56);
	assert_memory_equal(p.b + ETH + 8, router.b, 16);
	assert_memory_equal(p.b + ETH + 24, all.b, 16);
	assert_int_equal(ra[0], 134);
	assert_int_equal(ra[5], 0x80);
	assert_int_equal(get16be(ra + 6), 1800);
	assert_int_equal(ra[16], 1);
	assert_memory_equal(ra + 18, router_mac, 6);
	assert_int_equal(ra[24], 5);
	assert_int_equal(get32be(ra + 28), 9001);
	assert_int_equal(ra[32], 25);
	assert_int_equal(ra[33], 3);
	assert_memory_equal(ra + 40, resolver.b, 16);
	assert_true(checksums_right6(&p));

	put(w, DP_VPCS, &vpc, &no_dns);
	packet6_icmp(&p, mac_of(A), any_multicast, ip6_of(A), v6(0xff020000, 0, 0, 2), 133, 0,
		     "\0\0\0", 4);
	p.b[ETH + 7] = 255;
	assert_passes(w, A, &p);
	assert_int_equal(p.len, ETH + IP6 + 32);
	assert_memory_equal(p.b + ETH + 24, ip6_of(A).b, 16);
	assert_true(checksums_right6(&p));
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(router_resolver_and_neighbours_are_answered_for),
		WORLD_TEST(absent_own_and_forged_solicitations_stay_unanswered),
		WORLD_TEST(a_fragmented_solicitation_is_none),
		WORLD_TEST(the_router_advertises_itself_and_no_prefix),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
