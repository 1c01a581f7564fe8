/* SPDX-License-Identifier: MIT
 * IPv6: forwarding, extension headers, groups and ACLs, gateways, the resolver.
 */
#include "world6.h"

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned sport, unsigned dport)
{
	packet6_udp(p, mac_of(from), router_mac, ip6_of(from), sport, ip6_of(to), dport);
}

static void neighbours_and_subnets_are_reached(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	udp(&p, A, B, 4000, 7);
	sent = p;
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	assert_memory_equal(p.b + ETH, sent.b + ETH, p.len - ETH);
	udp(&p, A, C, 4000, 7);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_memory_equal(p.b + 6, router_mac, 6);
	assert_int_equal(p.b[ETH + 7], 64);
	udp(&p, C, A, 7, 4000);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
	assert_int_equal(flows_of(w)->n, 4);
	assert_int_equal(flows_of(w)->keys[0].family, 10);
}

static void groups_go_by_the_family_of_the_packet(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, C, 16, 2, 2, ENI_SOURCE_DEST_CHECK);
	packet6_tcp(&p, mac_of(A), router_mac, ip6_of(A), 4000, ip6_of(C), 80, 2);
	assert_passes(w, A, &p);
	packet6_tcp(&p, mac_of(A), router_mac, ip6_of(A), 4000, ip6_of(C), 81, 2);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	packet6_tcp(&p, mac_of(W), router_mac, ip6_of(W), 4000, ip6_of(C), 80, 2);
	assert_drops(w, W, &p, DROP_SG_INGRESS);
	/* 0.0.0.0/0 never covers IPv6. */
	dataplane_set_group_rules(w->dp, 2, (struct rules_pair){allow_all(w), 0});
	udp(&p, A, C, 4000, 7);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
}

static void icmpv6_echo_is_a_flow_of_its_identifier(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
	packet6_echo(&p, mac_of(A), router_mac, ip6_of(A), ip6_of(C), 128, 5);
	assert_passes(w, A, &p);
	packet6_echo(&p, mac_of(C), router_mac, ip6_of(C), ip6_of(A), 129, 5);
	assert_passes(w, C, &p);
	packet6_echo(&p, mac_of(C), router_mac, ip6_of(C), ip6_of(A), 128, 5);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
}

static void foreign_and_mapped_addresses_are_refused(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet6_udp(&p, mac_of(A), router_mac, ip6_of(B), 1, ip6_of(C), 7);
	assert_drops(w, A, &p, DROP_SOURCE_ADDRESS);
	packet6_udp(&p, mac_of(A), router_mac, v4(ip_of(A)), 1, v4(ip_of(C)), 7);
	assert_drops(w, A, &p, DROP_MAPPED_ADDRESS);
	packet6_udp(&p, mac_of(A), router_mac, ip6_of(A), 1, v4(ip_of(C)), 7);
	assert_drops(w, A, &p, DROP_MAPPED_ADDRESS);
	packet6_udp(&p, mac_of(A), router_mac, ip6_of(A), 1, v6(0xff020000, 0, 0, 0xfb), 5353);
	assert_drops(w, A, &p, DROP_MULTICAST);
	packet6_udp(&p, mac_of(A), router_mac, ip6_of(A), 1, v6(0xfe800000, 0, 0, 9), 7);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	packet6_udp(&p, mac_of(A), router_mac, ip6_of(A), 1, v6(0xfd000ec2, 0, 0, 0x254), 80);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	assert_int_equal(flows_of(w)->n, 0);
}

/* ---- extension headers ---- */

static void headers_for_the_destination_are_carried_and_others_are_not(void **state)
{
	const uint8_t options[8] = {0, 0, 1, 4}, long_options[24] = {0, 2, 1, 20};
	struct world *w = *state;
	struct packet p;

	udp(&p, A, C, 4000, 7);
	packet6_insert(&p, 60, options, 8);
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->dport, htons(7));
	packet6_insert(&p, 60, long_options, 24);
	memcpy(p.b, router_mac, 6);
	memcpy(p.b + 6, mac_of(A), 6);
	assert_passes(w, A, &p);
	assert_int_equal(half_at(w, A)->packets, 2);
	for (int i = 0; i < 3; i++)
		packet6_insert(&p, 60, options, 8);
	memcpy(p.b + 6, mac_of(A), 6);
	assert_drops(w, A, &p, DROP_EXTENSION_HEADER);
	udp(&p, A, C, 4000, 7);
	packet6_insert(&p, 0, options, 8);
	assert_drops(w, A, &p, DROP_EXTENSION_HEADER);
	udp(&p, A, C, 4000, 7);
	packet6_insert(&p, 43, options, 8);
	assert_drops(w, A, &p, DROP_EXTENSION_HEADER);
	udp(&p, A, C, 4000, 7); /* options beyond the packet */
	packet6_insert(&p, 60, options, 8);
	p.b[ETH + IP6 + 1] = 255;
	assert_drops(w, A, &p, DROP_TRUNCATED);
	udp(&p, A, C, 4000, 7);
	p.b[ETH + 4] = 4;
	assert_drops(w, A, &p, DROP_TRUNCATED);
	udp(&p, A, C, 4000, 7);
	p.b[ETH] = 0x40;
	assert_drops(w, A, &p, DROP_MALFORMED);
	udp(&p, A, C, 4000, 7);
	p.b[ETH + 7] = 0;
	assert_drops(w, A, &p, DROP_MALFORMED);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(neighbours_and_subnets_are_reached),
		WORLD_TEST(groups_go_by_the_family_of_the_packet),
		WORLD_TEST(icmpv6_echo_is_a_flow_of_its_identifier),
		WORLD_TEST(foreign_and_mapped_addresses_are_refused),
		WORLD_TEST(headers_for_the_destination_are_carried_and_others_are_not),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
