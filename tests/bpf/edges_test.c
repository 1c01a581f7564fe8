/* SPDX-License-Identifier: MIT
 * The edges of a VPC: peerings, egress-only gateways, ingress routing, the internet over IPv6, the
 * resolver over IPv6.
 *
 * VPC 17 has another range here, 10.1.0.0/16, so that it can be peered: Z 10.1.1.10 is X's
 * interface with that address.
 */
#include "world6.h"

#define IP_Z IP(10, 1, 1, 10)

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, ip_of(from), 4000, to, dport);
}

static void udp6(struct packet *p, uint32_t from, struct ip128 to, unsigned sport, unsigned dport)
{
	packet6_udp(p, mac_of(from), router_mac, ip6_of(from), sport, to, dport);
}

/* ---- peering ---- */

static void put_peering(struct world *w)
{
	const struct addr_key old[] = {{.vpc = 17, .family = 2, .address = v4(ip_of(X))},
				       {.vpc = 17, .family = 2, .address = v4(ip_of(Y))}};
	struct addr_entry z = {.kind = ADDR_ENI, .ifindex = X, .vpc = 17};

	assert_int_equal(dataplane_delete(w->dp, DP_ADDRESSES, old, 2, NULL), 0);
	put_address(w, 17, IP_Z, &z);
	put_route(w, 4, IP(10, 1, 0, 0), 16, TARGET_LOCAL, 0);
	put_route(w, LOCAL + 1, IP(10, 1, 0, 0), 16, TARGET_LOCAL, 0);
	put_route(w, 1, IP(10, 1, 0, 0), 16, TARGET_PEERING, 17);
}

static void z_answers(struct packet *p, uint32_t to)
{
	packet_udp(p, mac_of(X), router_mac, IP_Z, 7, to, 4000);
}

static void a_peering_needs_a_route_on_both_sides(void **state)
{
	struct world *w = *state;
	uint32_t table = 4;
	struct route_key local = {.prefixlen = 64 + 96 + 16,
				  .table = table,
				  .family = 2,
				  .address = v4(IP(10, 0, 0, 0))};
	struct packet p;

	put_peering(w);
	assert_int_equal(dataplane_delete(w->dp, DP_ROUTES, &local, 1, NULL), 0);
	udp(&p, A, IP_Z, 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(X), 6);
	assert_int_equal(packet_src(&p), ip_of(A));
	z_answers(&p, ip_of(A));
	assert_drops(w, X, &p, DROP_NO_ROUTE);
	put_route(w, 4, IP(10, 0, 1, 0), 24, TARGET_PEERING, 16);
	z_answers(&p, ip_of(A));
	assert_passes(w, X, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
}

static void a_peering_leads_between_its_two_vpcs_alone(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_peering(w);
	put_route(w, 1, 0, 0, TARGET_PEERING, 17);
	udp(&p, A, IP_HOST, 7); /* the other side's internet gateway */
	assert_drops(w, A, &p, DROP_PEERING_DESTINATION);
	udp(&p, A, IP(10, 2, 0, 1), 7); /* a third VPC */
	assert_drops(w, A, &p, DROP_PEERING_DESTINATION);
	udp(&p, A, IP(10, 1, 0, 2), 53); /* the other side's resolver */
	assert_drops(w, A, &p, DROP_NO_DESTINATION);
	put_eni(w, B, 16, 1, 1, 0); /* a middlebox sends on what is not of its VPC */
	packet_udp(&p, mac_of(B), router_mac, IP_HOST, 7, IP_Z, 7);
	assert_drops(w, B, &p, DROP_PEERING_SOURCE);
}

static void references_hold_across_a_peering(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_peering(w);
	put_eni(w, X, 17, 4, 4, 0); /* UDP 53 from members of set 1 */
	udp(&p, A, IP_Z, 53);
	assert_passes(w, A, &p);
	put_eni(w, A, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
	udp(&p, A, IP_Z, 54);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	/* Out, too: to members of the other VPC's set. */
	dataplane_set_group_rules(
		w->dp, 3, (struct rules_pair){0, put_rule(w, 0, 0, 17, 53, 4, false, false)});
	put_eni(w, C, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, C, IP_Z, 53);
	assert_drops(w, C, &p, DROP_SG_INGRESS); /* past its own gate: it is not of set 1 */
	udp(&p, C, ip_of(B), 53);
	assert_drops(w, C, &p, DROP_SG_EGRESS);
}

/* ---- the internet over IPv6 ---- */

static void ipv6_passes_an_internet_gateway_as_it_is(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	udp6(&p, W, ip6_of(H), 4000, 53);
	sent = p;
	assert_passes(w, W, &p);
	assert_memory_equal(p.b, mac_of(H), 6);
	assert_memory_equal(p.b + ETH, sent.b + ETH, p.len - ETH);
	udp6(&p, H, ip6_of(W), 53, 4000);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	udp6(&p, H, ip6_of(W), 5000, 80); /* and in, where groups let it */
	assert_passes(w, H, &p);
	put_route6(w, 1, v6(0, 0, 0, 0), 0, TARGET_INTERNET_GATEWAY, IGW + 9);
	udp6(&p, A, ip6_of(H), 4000, 53); /* not its VPC's */
	assert_drops(w, A, &p, DROP_IGW_NO_PUBLIC_IP);
	put_route6(w, 3, ip6_of(A), 128, TARGET_INTERNET_GATEWAY, IGW);
	udp6(&p, W, ip6_of(A), 4000, 53);
	assert_drops(w, W, &p, DROP_IGW_VPC_DESTINATION);
	put_holder6(w, W, 16, 0, 0); /* detached */
	udp6(&p, H, ip6_of(W), 5000, 81);
	assert_drops(w, H, &p, DROP_IGW_UNASSOCIATED);
}

static void an_egress_only_gateway_lets_nothing_in(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_holder6(w, C, 16, 0, EIGW); /* no internet gateway */
	udp6(&p, H, ip6_of(C), 5000, 80);
	assert_drops(w, H, &p, DROP_EIGW_UNSOLICITED);
	udp6(&p, C, ip6_of(H), 4000, 53);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(H), 6);
	assert_true(half_at(w, C)->flags & half_at(w, H)->flags & FLOW_EGRESS_ONLY);
	udp6(&p, H, ip6_of(C), 53, 4000);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	udp6(&p, H, ip6_of(C), 54, 4000);
	assert_drops(w, H, &p, DROP_EIGW_UNSOLICITED);
	dataplane_bump_generation(w->dp); /* still: the flow says that it was opened from inside */
	udp6(&p, H, ip6_of(C), 53, 4000);
	assert_passes(w, H, &p);
}

static void a_flow_from_outside_does_not_answer_by_an_egress_only_gateway(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp6(&p, H, ip6_of(C), 5000, 80); /* in by the internet gateway */
	assert_passes(w, H, &p);
	udp6(&p, C, ip6_of(H), 80, 5000); /* its subnet's route out is the other one */
	assert_drops(w, C, &p, DROP_EIGW_UNSOLICITED);
	put_route(w, 2, IP(192, 0, 2, 0), 24, TARGET_EGRESS_ONLY, EIGW);
	udp(&p, C, IP(192, 0, 2, 1), 7);
	assert_drops(w, C, &p, DROP_BLACKHOLE);
}

/* ---- ingress routing ---- */

static void what_comes_in_goes_by_the_gateways_own_table(void **state)
{
	struct gateway_entry g = {.vpc = 16, .route_table = 60};
	struct world *w = *state;
	uint32_t number = IGW;
	struct packet p;

	put(w, DP_GATEWAYS, &number, &g);
	put_route(w, 60, IP(10, 0, 0, 0), 16, TARGET_LOCAL, 0);
	put_route(w, 60, IP(10, 0, 3, 0), 24, TARGET_ENI, B);
	put_eni(w, B, 16, 1, 1, 0);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 5000, IP_WEB, 7);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(B), 6); /* the middlebox, the address private by now */
	assert_int_equal(packet_dst(&p), ip_of(W));
	packet_udp(&p, mac_of(B), router_mac, IP_HOST, 5000, ip_of(W), 7);
	assert_passes(w, B, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	put_route(w, 60, IP(10, 0, 3, 0), 24, TARGET_BLACKHOLE, 0);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 5001, IP_WEB, 7);
	assert_drops(w, H, &p, DROP_BLACKHOLE);
	put_route(w, 60, IP(10, 0, 3, 0), 24, TARGET_ENI_PRIVATE, B);
	assert_drops(w, H, &p, DROP_INGRESS_NO_PUBLIC_IP);
}

/* ---- the resolver over IPv6 ---- */

static void the_resolver_tells_clients_apart_over_ipv6(void **state)
{
	const struct ip128 resolver = v6(0xfd000ec2, 0, 0, 0x253);
	const uint32_t clients[] = {A, X};
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK); /* no gate filters it */
	for (int i = 0; i < 2; i++) {
		const struct ip128 seen = v6(0xfd000ec2, 0x100, 0, clients[i]);

		udp6(&p, clients[i], resolver, 5353, 53);
		assert_passes(w, clients[i], &p);
		assert_memory_equal(p.b, mac_of(S), 6);
		assert_memory_equal(p.b + ETH + 8, seen.b, 16);
		assert_memory_equal(p.b + ETH + 24, resolver.b, 16);
		assert_true(checksums_right6(&p));
		packet6_udp(&p, mac_of(S), router_mac, resolver, 53, seen, 5353);
		assert_passes(w, S, &p);
		assert_memory_equal(p.b, mac_of(clients[i]), 6);
		assert_memory_equal(p.b + ETH + 24, ip6_of(clients[i]).b, 16);
		assert_true(checksums_right6(&p));
	}
	udp6(&p, A, resolver, 5353, 54);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_peering_needs_a_route_on_both_sides),
		WORLD_TEST(a_peering_leads_between_its_two_vpcs_alone),
		WORLD_TEST(references_hold_across_a_peering),
		WORLD_TEST(ipv6_passes_an_internet_gateway_as_it_is),
		WORLD_TEST(an_egress_only_gateway_lets_nothing_in),
		WORLD_TEST(a_flow_from_outside_does_not_answer_by_an_egress_only_gateway),
		WORLD_TEST(what_comes_in_goes_by_the_gateways_own_table),
		WORLD_TEST(the_resolver_tells_clients_apart_over_ipv6),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
