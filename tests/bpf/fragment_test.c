/* SPDX-License-Identifier: MIT
 * Fragments: carried behind their first; anything else has a defined end and leaves nothing.
 */
#include "world6.h"

#define MORE	   0x2000
#define TIMEOUT_NS (FRAGMENT_TIMEOUT_S * 1000000000ull)

/* Octets [at, at + len) of the payload of a datagram of `total`, whose L4 header is UDP's. */
static void piece(struct packet *p, uint32_t from, uint32_t to, uint8_t proto, unsigned id,
		  size_t at, size_t len, size_t total)
{
	uint8_t *l4 = p->b + ETH + IP4;

	packet_begin(p, mac_of(from), router_mac, ip_of(from), to, proto, len);
	put16be(p->b + ETH + 4, id);
	put16be(p->b + ETH + 6, (unsigned)(at / 8) | (at + len < total ? MORE : 0));
	if (!at && proto == IPPROTO_UDP) {
		put16be(l4, 4000);
		put16be(l4 + 2, 7);
		put16be(l4 + 4, (unsigned)total);
		put16be(l4 + 6, 0);
	}
	if (!at && proto == IPPROTO_TCP) {
		put16be(l4, 4000);
		put16be(l4 + 2, 80);
		l4[12] = 0x50;
		l4[13] = 0x10;
	}
	if (!at && proto == IPPROTO_ICMP) {
		l4[0] = 8;
		l4[1] = 0;
		put16be(l4 + 4, 5);
	}
	put16be(p->b + ETH + 2, (unsigned)(p->len - ETH));
	put16be(p->b + ETH + 10, ~sum_fold(sum_add(0, p->b + ETH, IP4)) & 0xffff);
}

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned id, size_t at, size_t len)
{
	piece(p, from, to, IPPROTO_UDP, id, at, len, 104);
}

static void fragments_follow_their_first(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(C), 1, 0, 40);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	udp(&p, A, ip_of(C), 1, 40, 40);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	udp(&p, A, ip_of(C), 1, 80, 24);
	assert_passes(w, A, &p);
	assert_int_equal(flows_of(w)->n, 2);
	assert_int_equal(half_at(w, A)->packets, 3);
	udp(&p, A, ip_of(C), 1, 80, 24); /* again, or in another order: nothing is put together */
	assert_passes(w, A, &p);
}

static void the_first_is_judged_and_the_others_share_its_fate(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 2, ENI_SOURCE_DEST_CHECK); /* TCP 80 from subnet 1 alone */
	udp(&p, A, ip_of(C), 1, 0, 40);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	udp(&p, A, ip_of(C), 1, 40, 40);
	assert_drops(w, A, &p, DROP_FRAGMENT);
	piece(&p, A, ip_of(C), IPPROTO_TCP, 2, 0, 40, 80);
	assert_passes(w, A, &p);
	piece(&p, A, ip_of(C), IPPROTO_TCP, 2, 40, 40, 80);
	assert_passes(w, A, &p);
	piece(&p, A, ip_of(C), IPPROTO_ICMP, 3, 0, 40, 80);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	piece(&p, A, ip_of(B), IPPROTO_ICMP, 3, 0, 40, 80);
	assert_passes(w, A, &p);
	piece(&p, A, ip_of(B), IPPROTO_ICMP, 3, 40, 40, 80);
	assert_passes(w, A, &p);
}

static void orphans_and_overlaps_are_dropped(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(C), 1, 40, 40); /* before its first */
	assert_drops(w, A, &p, DROP_FRAGMENT);
	udp(&p, A, ip_of(C), 1, 0, 40);
	assert_passes(w, A, &p);
	udp(&p, A, ip_of(C), 1, 32, 40); /* over its first */
	assert_drops(w, A, &p, DROP_FRAGMENT);
	udp(&p, A, ip_of(C), 2, 40, 40); /* another datagram */
	assert_drops(w, A, &p, DROP_FRAGMENT);
	udp(&p, A, ip_of(B), 1, 40, 40); /* another receiver */
	assert_drops(w, A, &p, DROP_FRAGMENT);
	piece(&p, A, ip_of(C), IPPROTO_TCP, 1, 40, 40, 80);
	assert_drops(w, A, &p, DROP_FRAGMENT);
	udp(&p, B, ip_of(C), 1, 40, 40); /* another sender */
	assert_drops(w, B, &p, DROP_FRAGMENT);
	dataplane_clock_advance(w->dp, TIMEOUT_NS);
	udp(&p, A, ip_of(C), 1, 40, 40); /* too late */
	assert_drops(w, A, &p, DROP_FRAGMENT);
}

static void a_flow_that_ended_takes_no_fragments_along(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(C), 1, 0, 40);
	assert_passes(w, A, &p);
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){C}, 1, NULL), 0);
	udp(&p, A, ip_of(C), 1, 40, 40);
	assert_drops(w, A, &p, DROP_FRAGMENT);
	udp(&p, A, ip_of(C), 1, 0, 40);
	assert_passes(w, A, &p);
	assert_int_equal(dataplane_end_flows(w->dp, (uint32_t[]){A}, 1, NULL), 0);
	udp(&p, A, ip_of(C), 1, 0, 40); /* the flow is new, what A sent of fragments forgotten */
	udp(&p, A, ip_of(C), 1, 40, 40);
	assert_drops(w, A, &p, DROP_FRAGMENT);
}

static void pieces_that_lie_are_named(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(C), 1, 0, 41); /* not of 8 octets, and more follow */
	assert_drops(w, A, &p, DROP_MALFORMED);
	udp(&p, A, ip_of(C), 1, 0, 40);
	put16be(p.b + ETH + 6, 0x1fff); /* beyond 65,535 */
	assert_drops(w, A, &p, DROP_MALFORMED);
	piece(&p, A, ip_of(C), IPPROTO_TCP, 1, 0, 16, 80); /* ports, but no whole header */
	assert_drops(w, A, &p, DROP_TRUNCATED);
	piece(&p, A, ip_of(C), IPPROTO_ICMP, 1, 0, 40, 80); /* no error in pieces */
	p.b[ETH + IP4] = 3;
	assert_passes(w, A, &p);
}

static void one_sender_takes_no_others_room(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, B, ip_of(C), 7, 0, 40);
	assert_passes(w, B, &p);
	for (unsigned id = 1; id < 500; id++) {
		udp(&p, A, ip_of(C), id, 0, 40);
		assert_passes(w, A, &p);
	}
	udp(&p, B, ip_of(C), 7, 40, 40);
	assert_passes(w, B, &p);
	assert_int_equal(flows_of(w)->n, 4);
}

static void gateways_carry_udps_fragments_alone(void **state)
{
	struct world *w = *state;
	struct packet p;
	uint32_t nat;

	udp(&p, C, IP_HOST, 1, 0, 40);
	assert_passes(w, C, &p);
	nat = packet_src(&p);
	assert_int_equal(nat, IP_NAT);
	udp(&p, C, IP_HOST, 1, 40, 40);
	assert_passes(w, C, &p);
	assert_int_equal(packet_src(&p), IP_NAT);
	assert_int_equal(sum_fold(sum_add(0, p.b + ETH, IP4)), 0xffff);
	for (size_t i = 0; i < 40; i++) /* no header in it, none is rewritten */
		assert_int_equal(p.b[ETH + IP4 + i], (uint8_t)(i * 7));
	piece(&p, C, IP_HOST, IPPROTO_TCP, 2, 0, 40, 80);
	assert_drops(w, C, &p, DROP_NAT_FRAGMENT);
	piece(&p, C, IP_HOST, IPPROTO_ICMP, 3, 0, 40, 80);
	assert_drops(w, C, &p, DROP_NAT_FRAGMENT);
	/* Of a flow that stands, too. */
	packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
	assert_passes(w, C, &p);
	piece(&p, C, IP_HOST, IPPROTO_TCP, 4, 0, 40, 80);
	assert_drops(w, C, &p, DROP_NAT_FRAGMENT);
	/* The internet gateway's 1:1 has no such limit. */
	piece(&p, W, IP_HOST, IPPROTO_TCP, 5, 0, 40, 80);
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
	piece(&p, W, IP_HOST, IPPROTO_TCP, 5, 40, 40, 80);
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
}

/* ---- IPv6 ---- */

static void piece6(struct packet *p, uint32_t from, uint32_t to, uint32_t id, size_t at, size_t len,
		   bool more)
{
	uint8_t header[8] = {0}, *l4 = p->b + ETH + IP6;

	packet6_begin(p, mac_of(from), router_mac, ip6_of(from), ip6_of(to), IPPROTO_UDP, len);
	if (!at) {
		put16be(l4, 4000);
		put16be(l4 + 2, 7);
		put16be(l4 + 4, 1000);
	}
	put16be(header + 2, (unsigned)at | more);
	put32be(header + 4, id);
	packet6_insert(p, 44, header, 8);
}

static void ipv6_fragments_follow_too(void **state)
{
	struct world *w = *state;
	struct packet p;

	piece6(&p, A, C, 1, 40, 40, true);
	assert_drops(w, A, &p, DROP_FRAGMENT);
	piece6(&p, A, C, 1, 0, 40, true);
	assert_passes(w, A, &p);
	piece6(&p, A, C, 1, 40, 40, true);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	piece6(&p, A, C, 1, 80, 10, false);
	assert_passes(w, A, &p);
	piece6(&p, A, C, 2, 80, 10, false);
	assert_drops(w, A, &p, DROP_FRAGMENT);
	assert_int_equal(half_at(w, A)->packets, 3);
	piece6(&p, A, C, 3, 0, 29, false); /* whole in one (RFC 6946) */
	put16be(p.b + ETH + IP6 + 8 + 4, 29);
	assert_passes(w, A, &p);
	piece6(&p, A, C, 4, 0, 40, true);
	p.b[ETH + IP6] = 60; /* options behind: the ports may be in another piece */
	assert_drops(w, A, &p, DROP_EXTENSION_HEADER);
	piece6(&p, A, C, 5, 0, 41, true);
	assert_drops(w, A, &p, DROP_MALFORMED);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(fragments_follow_their_first),
		WORLD_TEST(the_first_is_judged_and_the_others_share_its_fate),
		WORLD_TEST(orphans_and_overlaps_are_dropped),
		WORLD_TEST(a_flow_that_ended_takes_no_fragments_along),
		WORLD_TEST(pieces_that_lie_are_named),
		WORLD_TEST(one_sender_takes_no_others_room),
		WORLD_TEST(gateways_carry_udps_fragments_alone),
		WORLD_TEST(ipv6_fragments_follow_too),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
