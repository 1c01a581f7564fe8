/* SPDX-License-Identifier: MIT
 * ICMP errors: to the flow that they quote, through translation, past groups but never ACLs.
 */
#include "world6.h"

/* An error of `from` about a frame that it got; quoted: octets of its packet. */
static void error(struct packet *p, uint32_t from, uint32_t source, const struct packet *about,
		  size_t quoted)
{
	uint8_t *icmp = p->b + ETH + IP4;

	packet_begin(p, mac_of(from), router_mac, source, packet_src(about), IPPROTO_ICMP,
		     8 + quoted);
	memset(icmp, 0, 8);
	icmp[0] = 3;
	icmp[1] = 3;
	memcpy(icmp + 8, about->b + ETH, quoted);
	packet_seal(p);
}

/* What is quoted is what was sent, as far as it is quoted. */
static void assert_quotes(const struct packet *p, const struct packet *sent, size_t quoted)
{
	const uint8_t *q = p->b + ETH + IP4 + 8;

	assert_true(checksums_right(p));
	assert_int_equal(sum_fold(sum_add(0, q, IP4)), 0xffff);
	assert_memory_equal(q, sent->b + ETH, quoted);
}

static void guard(struct world *w, uint32_t eni, uint32_t subnet)
{
	put_eni(w, eni, 16, subnet, 2, ENI_SOURCE_DEST_CHECK); /* lets in TCP 80 alone */
}

static void through_an_elastic_ip_both_ways(void **state)
{
	struct world *w = *state;
	struct packet sent, p, e;

	guard(w, W, 3);
	packet_udp(&sent, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 7);
	p = sent;
	assert_passes(w, W, &p);
	error(&e, H, IP_HOST, &p, 28);
	assert_passes(w, H, &e);
	assert_memory_equal(e.b, mac_of(W), 6);
	assert_int_equal(packet_src(&e), IP_HOST);
	assert_int_equal(packet_dst(&e), ip_of(W));
	assert_quotes(&e, &sent, 28);

	put_eni(w, W, 16, 3, 1, ENI_SOURCE_DEST_CHECK);
	packet_tcp(&sent, mac_of(H), router_mac, IP_HOST, 5000, IP_WEB, 80, 2);
	p = sent;
	assert_passes(w, H, &p);
	error(&e, W, ip_of(W), &p, 40);
	assert_passes(w, W, &e);
	assert_memory_equal(e.b, mac_of(H), 6);
	assert_int_equal(packet_src(&e), IP_WEB);
	assert_int_equal(packet_dst(&e), IP_HOST);
	assert_quotes(&e, &sent, 40);
}

static void through_a_nat_gateway(void **state)
{
	struct world *w = *state;
	struct packet sent, p, e;

	guard(w, C, 2);
	packet_udp(&sent, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 7);
	p = sent;
	assert_passes(w, C, &p);
	error(&e, H, IP_HOST, &p, 28);
	assert_passes(w, H, &e);
	assert_memory_equal(e.b, mac_of(C), 6);
	assert_int_equal(packet_dst(&e), ip_of(C));
	assert_quotes(&e, &sent, 28);

	packet_tcp(&sent, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
	p = sent;
	assert_passes(w, C, &p);
	error(&e, H, IP_HOST, &p, 28); /* its checksum is not quoted */
	assert_passes(w, H, &e);
	assert_quotes(&e, &sent, 28);

	packet_echo(&sent, mac_of(C), router_mac, ip_of(C), IP_HOST, 8, 77);
	p = sent;
	assert_passes(w, C, &p);
	error(&e, H, IP_HOST, &p, 28);
	assert_passes(w, H, &e);
	assert_quotes(&e, &sent, 28);
	assert_int_equal(packet_dst(&e), ip_of(C));
}

static void only_what_quotes_a_live_flow_passes_the_groups(void **state)
{
	struct world *w = *state;
	struct packet sent, p, e;

	guard(w, C, 2);
	packet_udp(&sent, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 7);
	p = sent;
	assert_passes(w, C, &p);
	put16be(p.b + ETH + IP4 + 2, 8); /* not our port */
	error(&e, H, IP_HOST, &p, 28);
	assert_drops(w, H, &e, DROP_NAT_UNSOLICITED);

	packet_udp(&sent, mac_of(A), router_mac, ip_of(A), 4000, ip_of(B), 7);
	p = sent;
	assert_passes(w, A, &p);
	guard(w, A, 1);
	error(&e, B, ip_of(B), &p, 28);
	assert_passes(w, B, &e);
	error(&e, B, ip_of(B), &p, 27); /* ports cut off */
	assert_drops(w, B, &e, DROP_SG_INGRESS);
	error(&e, C, ip_of(C), &p, 28); /* of somebody who never got it */
	assert_drops(w, C, &e, DROP_SG_INGRESS);
	error(&e, B, ip_of(C), &p, 28);
	assert_drops(w, B, &e, DROP_SOURCE_ADDRESS);
	dataplane_clock_advance(w->dp, (TIMEOUT_UDP + 1) * 1000000000ull);
	error(&e, B, ip_of(B), &p, 28);
	assert_drops(w, B, &e, DROP_SG_INGRESS);
}

static void no_acl_is_skipped(void **state)
{
	struct world *w = *state;
	uint32_t udp_alone = put_rule(w, 0, 0, 17, -1, 0, false, false), all = allow_all(w);
	struct packet sent, p, e;

	packet_udp(&sent, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 7);
	p = sent;
	assert_passes(w, A, &p);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){udp_alone, all});
	put_subnet(w, 1, 16, 1, 1, IP(10, 0, 1, 1));
	error(&e, C, ip_of(C), &p, 28);
	assert_drops(w, C, &e, DROP_ACL_INGRESS);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){all, all});
	error(&e, C, ip_of(C), &p, 28);
	assert_passes(w, C, &e);
}

static void ipv6_errors_go_the_same_way(void **state)
{
	struct world *w = *state;
	struct packet sent, p, e;
	uint8_t body[4 + 48] = {0};

	put_eni(w, W, 16, 3, 2, ENI_SOURCE_DEST_CHECK);
	packet6_udp(&sent, mac_of(W), router_mac, ip6_of(W), 4000, ip6_of(H), 7);
	p = sent;
	assert_passes(w, W, &p);
	memcpy(body + 4, p.b + ETH, 48);
	packet6_icmp(&e, mac_of(H), router_mac, ip6_of(H), ip6_of(W), 1, 4, body, sizeof(body));
	assert_passes(w, H, &e);
	assert_memory_equal(e.b, mac_of(W), 6);
	assert_true(checksums_right6(&e));
	body[4 + 40]++;
	packet6_icmp(&e, mac_of(H), router_mac, ip6_of(H), ip6_of(W), 1, 4, body, sizeof(body));
	assert_drops(w, H, &e, DROP_SG_INGRESS);
}

/* The resolver's namespace sees the client by another address, inside the error too. */
static void an_error_of_the_resolver_is_translated_over_ipv6(void **state)
{
	const struct ip128 resolver = v6(0xfd000ec2, 0, 0, 0x253);
	struct world *w = *state;
	struct packet sent, p, e;
	uint8_t body[4 + 48] = {0};

	packet6_udp(&sent, mac_of(A), router_mac, ip6_of(A), 4000, resolver, 53);
	p = sent;
	assert_passes(w, A, &p);
	memcpy(body + 4, p.b + ETH, 48);
	packet6_icmp(&e, mac_of(S), router_mac, resolver, v6(0xfd000ec2, 0x100, 0, A), 1, 4, body,
		     sizeof(body));
	assert_passes(w, S, &e);
	assert_memory_equal(e.b, mac_of(A), 6);
	assert_memory_equal(e.b + ETH + 24, ip6_of(A).b, 16);
	assert_memory_equal(e.b + ETH + IP6 + 8, sent.b + ETH, 48);
	assert_true(checksums_right6(&e));
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(through_an_elastic_ip_both_ways),
		WORLD_TEST(through_a_nat_gateway),
		WORLD_TEST(only_what_quotes_a_live_flow_passes_the_groups),
		WORLD_TEST(no_acl_is_skipped),
		WORLD_TEST(ipv6_errors_go_the_same_way),
		WORLD_TEST(an_error_of_the_resolver_is_translated_over_ipv6),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
