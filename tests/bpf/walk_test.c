/* SPDX-License-Identifier: MIT
 * Within VPCs: neighbours, subnets, equal ranges, ARP, security groups, network ACLs, routes, the
 * resolver.
 */
#include "world.h"

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, ip_of(from), 4000, to, dport);
}

/* ---- forwarding ---- */

static void neighbours_talk_without_the_router(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	packet_udp(&p, mac_of(A), mac_of(B), ip_of(A), 4000, ip_of(B), 7);
	sent = p;
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	assert_memory_equal(p.b + 6, mac_of(A), 6);
	assert_int_equal(p.len, sent.len);
	assert_memory_equal(p.b + ETH, sent.b + ETH, p.len - ETH);
	assert_int_equal(flows_of(w)->n, 2);
	assert_int_equal(half_at(w, A)->output_ifindex, B);
	assert_int_equal(half_at(w, B)->output_ifindex, A);
}

static void other_subnets_are_reached_through_the_router(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_memory_equal(p.b + 6, router_mac, 6);
	assert_true(checksums_right(&p));
	assert_int_equal(p.b[ETH + 8], 64); /* a VPC's router takes nothing from the TTL */
}

static void equal_addresses_lead_each_to_its_own_vpc(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, IP(10, 0, 1, 11), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	udp(&p, X, IP(10, 0, 1, 11), 7);
	assert_passes(w, X, &p);
	assert_memory_equal(p.b, mac_of(Y), 6);
	assert_int_equal(half_at(w, X)->output_ifindex, Y);
}

static void a_flow_is_carried_both_ways_by_one_pair(void **state)
{
	struct world *w = *state;
	struct packet p;

	for (int i = 0; i < 5; i++) {
		udp(&p, A, ip_of(C), 7);
		assert_passes(w, A, &p);
		packet_udp(&p, mac_of(C), router_mac, ip_of(C), 7, ip_of(A), 4000);
		assert_passes(w, C, &p);
		assert_memory_equal(p.b, mac_of(A), 6);
	}
	assert_int_equal(flows_of(w)->n, 2);
	assert_int_equal(half_at(w, A)->packets, 5);
	assert_int_equal(half_at(w, A)->bytes, 5 * (p.len - ETH));
	assert_int_equal(half_at(w, C)->packets, 5);
}

/* ---- ARP ---- */

static void assert_answered(struct world *w, uint32_t from, uint32_t target, const uint8_t *mac)
{
	struct packet p;

	packet_arp(&p, mac_of(from), ip_of(from), target);
	assert_passes(w, from, &p);
	assert_int_equal(get16be(p.b + ETH + 6), 2);
	assert_memory_equal(p.b, mac_of(from), 6);
	assert_memory_equal(p.b + 6, mac, 6);
	assert_memory_equal(p.b + ETH + 8, mac, 6);
	assert_int_equal(get32be(p.b + ETH + 14), target);
	assert_memory_equal(p.b + ETH + 18, mac_of(from), 6);
	assert_int_equal(get32be(p.b + ETH + 24), ip_of(from));
}

static void router_resolver_and_neighbours_answer_arp(void **state)
{
	struct world *w = *state;

	assert_answered(w, A, IP(10, 0, 1, 1), router_mac);
	assert_answered(w, A, RESOLVER, router_mac);
	assert_answered(w, A, IP(169, 254, 169, 253), router_mac);
	assert_answered(w, A, ip_of(B), mac_of(B));
	assert_answered(w, X, IP(10, 0, 1, 11), mac_of(Y));
}

static void absent_own_and_forged_arp_stay_unanswered(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_arp(&p, mac_of(A), ip_of(A), IP(10, 0, 1, 99));
	assert_drops(w, A, &p, DROP_ARP);
	packet_arp(&p, mac_of(A), ip_of(A), ip_of(C)); /* another subnet's */
	assert_drops(w, A, &p, DROP_ARP);
	packet_arp(&p, mac_of(A), 0, ip_of(A)); /* a probe (RFC 5227) */
	assert_drops(w, A, &p, DROP_ARP);
	packet_arp(&p, mac_of(A), ip_of(B), ip_of(B));
	assert_drops(w, A, &p, DROP_ARP);
	packet_arp(&p, mac_of(B), ip_of(A), ip_of(B));
	assert_drops(w, A, &p, DROP_SOURCE_MAC);
	packet_arp(&p, mac_of(A), ip_of(A), ip_of(B));
	put16be(p.b + ETH + 6, 2); /* a reply that nobody asked for */
	assert_drops(w, A, &p, DROP_ARP);
}

/* ---- security groups ---- */

static void tcp(struct packet *p, uint32_t from, unsigned sport, uint32_t to, unsigned dport,
		uint8_t flags)
{
	packet_tcp(p, mac_of(from), router_mac, ip_of(from), sport, ip_of(to), dport, flags);
}

static void ingress_goes_by_protocol_port_and_range(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 2, ENI_SOURCE_DEST_CHECK);
	tcp(&p, A, 4000, C, 80, 2);
	assert_passes(w, A, &p);
	tcp(&p, A, 4000, C, 81, 2);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	udp(&p, A, ip_of(C), 80);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	tcp(&p, W, 4000, C, 80, 2); /* 10.0.3.10 is not of 10.0.1.0/24 */
	assert_drops(w, W, &p, DROP_SG_INGRESS);
}

static void replies_pass_and_new_flows_do_not(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 2, ENI_SOURCE_DEST_CHECK); /* lets in TCP 80 only */
	tcp(&p, A, 4000, C, 443, 2);
	assert_passes(w, A, &p);
	tcp(&p, C, 443, A, 4000, 0x12);
	assert_passes(w, C, &p);
	tcp(&p, C, 444, A, 4000, 0x12);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void sender_and_receiver_are_two_gates(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, A, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_SG_EGRESS);
	udp(&p, C, ip_of(A), 7);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void group_references_match_members_only(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 4, ENI_SOURCE_DEST_CHECK); /* UDP 53 from set 1 */
	udp(&p, A, ip_of(C), 53);
	assert_passes(w, A, &p);
	put_eni(w, B, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
	udp(&p, B, ip_of(C), 53);
	assert_drops(w, B, &p, DROP_SG_INGRESS);
}

static void revoked_rules_leave_tracked_flows_and_end_untracked_ones(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 5, ENI_SOURCE_DEST_CHECK);
	put_eni(w, B, 16, 1, 5, ENI_SOURCE_DEST_CHECK);
	udp(&p, A, ip_of(W), 7); /* both sets track */
	assert_passes(w, A, &p);
	udp(&p, B, ip_of(C), 7); /* neither does */
	assert_passes(w, B, &p);
	for (uint32_t set = 1; set < 6; set++)
		dataplane_set_group_rules(w->dp, set, (struct rules_pair){0});
	dataplane_bump_group_generation(w->dp);
	udp(&p, A, ip_of(W), 7);
	assert_passes(w, A, &p);
	udp(&p, B, ip_of(C), 7);
	assert_drops(w, B, &p, DROP_SG_EGRESS);
}

static void functions_are_always_tracked(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, B, 16, 1, 5, ENI_SOURCE_DEST_CHECK | ENI_ALWAYS_TRACKED);
	put_eni(w, C, 16, 2, 5, ENI_SOURCE_DEST_CHECK | ENI_ALWAYS_TRACKED);
	udp(&p, B, ip_of(C), 7);
	assert_passes(w, B, &p);
	dataplane_set_group_rules(w->dp, 5, (struct rules_pair){0});
	dataplane_bump_group_generation(w->dp);
	udp(&p, B, ip_of(C), 7);
	assert_passes(w, B, &p);
}

/* ---- network ACLs ---- */

static void acls_are_stateless_and_act_at_the_edge(void **state)
{
	struct world *w = *state;
	uint32_t all = allow_all(w);
	struct packet p;

	/* Subnet 2: TCP 80 in, nothing out. */
	dataplane_set_acl_rules(w->dp, 1,
				(struct rules_pair){put_rule(w, 0, 0, 6, 80, 0, false, false), 0});
	put_subnet(w, 2, 16, 2, 1, IP(10, 0, 2, 1));
	tcp(&p, A, 4000, C, 80, 2);
	assert_passes(w, A, &p);
	tcp(&p, A, 4000, C, 81, 2);
	assert_drops(w, A, &p, DROP_ACL_INGRESS);
	tcp(&p, C, 80, A, 4000, 0x12);
	assert_drops(w, C, &p, DROP_ACL_EGRESS);

	/* Subnet 1: closed, and yet its neighbours talk. */
	dataplane_set_acl_rules(w->dp, 2, (struct rules_pair){0});
	put_subnet(w, 1, 16, 1, 2, IP(10, 0, 1, 1));
	dataplane_bump_generation(w->dp);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	udp(&p, A, ip_of(W), 7);
	assert_drops(w, A, &p, DROP_ACL_EGRESS);
	dataplane_set_acl_rules(w->dp, 2, (struct rules_pair){all, all});
	udp(&p, A, ip_of(W), 7);
	assert_passes(w, A, &p);
}

static void a_denying_entry_cuts_a_flow_under_way(void **state)
{
	struct world *w = *state;
	uint32_t all = allow_all(w), none = put_rule(w, 0, 0, -1, -1, 0, true, false);
	struct packet p;

	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){all, all});
	put_subnet(w, 2, 16, 2, 1, IP(10, 0, 2, 1));
	udp(&p, A, ip_of(C), 7);
	assert_passes(w, A, &p);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){none, all});
	dataplane_bump_generation(w->dp);
	udp(&p, A, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_ACL_INGRESS);
}

static void no_acl_is_asked_on_the_way_to_a_middlebox_of_the_subnet(void **state)
{
	struct world *w = *state;
	struct packet p;

	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){0});
	put_subnet(w, 1, 16, 1, 1, IP(10, 0, 1, 1));
	put_eni(w, B, 16, 1, 1, 0);
	put_route(w, 1, IP(192, 0, 2, 0), 24, TARGET_ENI, B);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	put_route(w, 1, IP(192, 0, 2, 0), 24, TARGET_ENI, C);
	dataplane_bump_generation(w->dp);
	udp(&p, A, IP(192, 0, 2, 2), 7);
	assert_drops(w, A, &p, DROP_ACL_EGRESS);
}

static void a_middlebox_of_the_subnet_answers_as_a_neighbour(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, B, 16, 1, 1, 0);
	put_route(w, 1, IP(192, 0, 2, 0), 24, TARGET_ENI, B);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b + 6, router_mac, 6);
	packet_udp(&p, mac_of(B), mac_of(A), IP(192, 0, 2, 1), 7, ip_of(A), 4000);
	assert_passes(w, B, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
	assert_memory_equal(p.b + 6, mac_of(B), 6);
}

/* A middlebox sends on what a member of set 1 sent; it is in set 1 itself. */
static void a_middlebox_lends_nobody_its_groups(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 4, ENI_SOURCE_DEST_CHECK); /* UDP 53 from set 1 */
	put_eni(w, B, 16, 1, 1, 0);
	packet_udp(&p, mac_of(B), router_mac, ip_of(A), 4000, ip_of(C), 53);
	assert_drops(w, B, &p, DROP_SG_INGRESS);
	udp(&p, B, ip_of(C), 53);
	assert_passes(w, B, &p);
}

/* ---- routes ---- */

static void routes_go_by_the_longest_prefix(void **state)
{
	struct world *w = *state;
	struct packet p;

	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_drops(w, A, &p, DROP_NO_ROUTE);
	put_route(w, 1, IP(192, 0, 2, 0), 24, TARGET_BLACKHOLE, 0);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_drops(w, A, &p, DROP_BLACKHOLE);
	put_eni(w, C, 16, 2, 1, 0); /* a middlebox: no destination check */
	put_route(w, 1, IP(192, 0, 2, 1), 32, TARGET_ENI, C);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_int_equal(packet_dst(&p), IP(192, 0, 2, 1));
	put_route(w, 1, IP(192, 0, 2, 2), 32, TARGET_ENI, B);
	udp(&p, A, IP(192, 0, 2, 2), 7);
	assert_drops(w, A, &p, DROP_DEST_CHECK);
	udp(&p, A, IP(10, 0, 1, 99), 7);
	assert_drops(w, A, &p, DROP_NO_DESTINATION);
}

/* ---- the resolver ---- */

static void resolver_sees_clients_of_equal_addresses_apart(void **state)
{
	struct world *w = *state;
	const uint32_t clients[] = {A, X};
	struct packet p;

	for (int i = 0; i < 2; i++) {
		uint32_t seen = IP(100, 64, 0, 0) | clients[i];

		packet_udp(&p, mac_of(clients[i]), router_mac, ip_of(clients[i]), 5353, RESOLVER,
			   53);
		assert_passes(w, clients[i], &p);
		assert_memory_equal(p.b, mac_of(S), 6);
		assert_int_equal(packet_src(&p), seen);
		assert_int_equal(packet_dst(&p), ip_of(S));
		assert_true(checksums_right(&p));
		packet_udp(&p, mac_of(S), router_mac, ip_of(S), 53, seen, 5353);
		assert_passes(w, S, &p);
		assert_memory_equal(p.b, mac_of(clients[i]), 6);
		assert_int_equal(packet_src(&p), RESOLVER);
		assert_int_equal(packet_dst(&p), ip_of(clients[i]));
		assert_true(checksums_right(&p));
	}
}

static void no_gate_filters_the_resolver_and_nothing_else_answers_there(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, A, IP(169, 254, 169, 253), 53);
	assert_passes(w, A, &p);
	udp(&p, A, RESOLVER, 54);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	udp(&p, A, IP(169, 254, 169, 254), 80);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	packet_udp(&p, mac_of(S), router_mac, ip_of(S), 53, IP(100, 64, 0, 0) | B, 5353);
	assert_drops(w, S, &p, DROP_NO_ROUTE);
}

/* Cases share one load of the programs: nothing of one may be left in the next one's world. */
static void the_next_world_is_as_new(void **state)
{
	struct world *w = *state;
	struct eni_flows f;
	struct packet p;

	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 7);
	assert_passes(w, A, &p);
	packet_udp(&p, mac_of(A), router_mac, ip_of(B), 4000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_SOURCE_ADDRESS);
	dataplane_set_group_rules(w->dp, 9, (struct rules_pair){1, 1});
	dataplane_clock_advance(w->dp, 1000);
	assert_int_equal(world_teardown(state), 0);
	assert_int_equal(world_setup(state), 0);
	w = *state;
	assert_int_equal(flows_of(w)->n, 0);
	assert_int_equal(drops(w, DROP_SOURCE_ADDRESS), 0);
	assert_int_equal(dataplane_eni_flows(w->dp, A, &f, NULL), 0);
	assert_int_equal(f.open, 0);
	assert_int_equal(dataplane_group_rules(w->dp, 9).in, 0);
	assert_int_equal(dataplane_clock_offset(w->dp), 0);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_next_world_is_as_new),
		WORLD_TEST(neighbours_talk_without_the_router),
		WORLD_TEST(other_subnets_are_reached_through_the_router),
		WORLD_TEST(equal_addresses_lead_each_to_its_own_vpc),
		WORLD_TEST(a_flow_is_carried_both_ways_by_one_pair),
		WORLD_TEST(router_resolver_and_neighbours_answer_arp),
		WORLD_TEST(absent_own_and_forged_arp_stay_unanswered),
		WORLD_TEST(ingress_goes_by_protocol_port_and_range),
		WORLD_TEST(replies_pass_and_new_flows_do_not),
		WORLD_TEST(sender_and_receiver_are_two_gates),
		WORLD_TEST(group_references_match_members_only),
		WORLD_TEST(revoked_rules_leave_tracked_flows_and_end_untracked_ones),
		WORLD_TEST(functions_are_always_tracked),
		WORLD_TEST(acls_are_stateless_and_act_at_the_edge),
		WORLD_TEST(a_denying_entry_cuts_a_flow_under_way),
		WORLD_TEST(no_acl_is_asked_on_the_way_to_a_middlebox_of_the_subnet),
		WORLD_TEST(a_middlebox_of_the_subnet_answers_as_a_neighbour),
		WORLD_TEST(a_middlebox_lends_nobody_its_groups),
		WORLD_TEST(routes_go_by_the_longest_prefix),
		WORLD_TEST(resolver_sees_clients_of_equal_addresses_apart),
		WORLD_TEST(no_gate_filters_the_resolver_and_nothing_else_answers_there),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
