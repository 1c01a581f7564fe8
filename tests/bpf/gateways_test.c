/* SPDX-License-Identifier: MIT
 * Internet and NAT gateways: what is rewritten, both ways, with right checksums, and what is
 * refused.
 */
#include "world.h"

static void nat_gateway_lends_address_and_port(void **state)
{
	struct world *w = *state;
	struct packet p;
	unsigned port;

	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(H), 6);
	assert_int_equal(packet_src(&p), IP_NAT);
	assert_int_equal(packet_dst(&p), IP_HOST);
	assert_int_equal(packet_dport(&p), 53);
	assert_true(checksums_right(&p));
	port = packet_sport(&p);
	assert_in_range(port, 1024, 65535);

	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, port);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_int_equal(packet_dst(&p), ip_of(C));
	assert_int_equal(packet_dport(&p), 4000);
	assert_int_equal(packet_src(&p), IP_HOST);
	assert_true(checksums_right(&p));
}

static void nat_keeps_tcp_and_echo_apart_and_right(void **state)
{
	struct world *w = *state;
	struct packet p;
	unsigned id, port;

	packet_tcp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 80, 2);
	assert_passes(w, C, &p);
	port = packet_sport(&p);
	assert_true(checksums_right(&p));
	packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 80, IP_NAT, port, 0x12);
	assert_passes(w, H, &p);
	assert_int_equal(packet_dport(&p), 4000);
	assert_true(checksums_right(&p));

	packet_echo(&p, mac_of(C), router_mac, ip_of(C), IP_HOST, 8, 77);
	assert_passes(w, C, &p);
	assert_int_equal(packet_src(&p), IP_NAT);
	assert_true(checksums_right(&p));
	id = packet_echo_id(&p);
	packet_echo(&p, mac_of(H), router_mac, IP_HOST, IP_NAT, 0, id);
	assert_passes(w, H, &p);
	assert_int_equal(packet_dst(&p), ip_of(C));
	assert_int_equal(packet_echo_id(&p), 77);
	assert_true(checksums_right(&p));
}

static void clients_with_the_same_port_get_different_ones(void **state)
{
	struct world *w = *state;
	const uint32_t clients[] = {A, B, C};
	unsigned ports[3];
	struct packet p;

	put_route(w, 1, 0, 0, TARGET_NAT_GATEWAY, NAT);
	for (int i = 0; i < 3; i++) {
		packet_udp(&p, mac_of(clients[i]), router_mac, ip_of(clients[i]), 4000, IP_HOST,
			   53);
		assert_passes(w, clients[i], &p);
		ports[i] = packet_sport(&p);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
	}
	for (int i = 0; i < 3; i++) {
		packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, ports[i]);
		assert_passes(w, H, &p);
		assert_int_equal(packet_dst(&p), ip_of(clients[i]));
	}
}

static void nothing_comes_in_through_a_nat_gateway(void **state)
{
	struct world *w = *state;
	struct packet p;
	unsigned port;

	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, 4000);
	assert_drops(w, H, &p, DROP_NAT_UNSOLICITED);
	packet_echo(&p, mac_of(H), router_mac, IP_HOST, IP_NAT, 8, 1);
	assert_drops(w, H, &p, DROP_NAT_UNSOLICITED);
	/* Filtering is endpoint-dependent too (RFC 4787, section 5). */
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	port = packet_sport(&p);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 54, IP_NAT, port);
	assert_drops(w, H, &p, DROP_NAT_UNSOLICITED);
}

static void other_protocols_and_dead_gateways_are_refused(void **state)
{
	struct world *w = *state;
	uint32_t number = NAT;
	struct nat_entry dead = {.vpc = 16, .subnet = 3};
	struct packet p;

	packet_begin(&p, mac_of(C), router_mac, ip_of(C), IP_HOST, 47, 32);
	packet_seal(&p);
	assert_drops(w, C, &p, DROP_NAT_PROTOCOL);
	put(w, DP_NATS, &number, &dead);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4001, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_NAT_STATE);
}

static void a_nat_gateways_subnet_has_its_acl_and_routes(void **state)
{
	struct world *w = *state;
	uint32_t all = allow_all(w);
	struct packet p;

	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){all, 0});
	put_subnet(w, 3, 16, 3, 1, IP(10, 0, 3, 1));
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_ACL_EGRESS);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){0, all});
	assert_drops(w, C, &p, DROP_ACL_INGRESS);
	/* The way out is open, the reply's way in is not. */
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){all, all});
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){0, all});
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, packet_sport(&p));
	assert_drops(w, H, &p, DROP_ACL_INGRESS);
	/* A gateway whose subnet leads back to it goes round once. */
	put_route(w, 3, 0, 0, TARGET_NAT_GATEWAY, NAT);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){all, all});
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4009, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_LOOP);
}

/* ---- a middlebox between NAT gateway and internet gateway ---- */

#define INGRESS 60 /* route table of the internet gateway */
#define NAT_IP	IP(10, 0, 3, 9)

/* What the NAT gateway sends goes to A, which forwards, and so does what comes in for its subnet.
 */
static void put_inspection(struct world *w)
{
	struct gateway_entry g = {.vpc = 16, .route_table = INGRESS};
	uint32_t gateway = IGW;

	put_eni(w, A, 16, 1, 2, 0); /* TCP 80 from 10.0.1.0/24 alone, and all out */
	put_route(w, 3, 0, 0, TARGET_ENI, A);
	put_route(w, 1, 0, 0, TARGET_INTERNET_GATEWAY, IGW);
	put_route(w, INGRESS, IP(10, 0, 0, 0), 16, TARGET_LOCAL, 0);
	put_route(w, INGRESS, IP(10, 0, 3, 0), 24, TARGET_ENI, A);
	put(w, DP_GATEWAYS, &gateway, &g);
}

static void a_middlebox_behind_a_nat_gateway_is_passed_both_ways(void **state)
{
	struct world *w = *state;
	struct packet p;
	unsigned port;

	put_inspection(w);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_SG_INGRESS); /* of the middlebox */
	put_eni(w, A, 16, 1, 1, 0);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
	assert_int_equal(packet_src(&p), NAT_IP);
	port = packet_sport(&p);

	packet_udp(&p, mac_of(A), router_mac, NAT_IP, port, IP_HOST, 53);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(H), 6);
	assert_int_equal(packet_src(&p), IP_NAT);
	assert_int_equal(packet_sport(&p), port);
	assert_true(checksums_right(&p));

	put_eni(w, A, 16, 1, 2,
		0); /* it lets nothing of this in, and need not: it knows the flow */
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, port);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(A), 6);
	assert_int_equal(packet_dst(&p), NAT_IP);
	assert_int_equal(packet_dport(&p), port);
	assert_true(checksums_right(&p));

	packet_udp(&p, mac_of(A), router_mac, IP_HOST, 53, NAT_IP, port);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_int_equal(packet_dst(&p), ip_of(C));
	assert_int_equal(packet_dport(&p), 4000);
	assert_true(checksums_right(&p));

	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 54, IP_NAT, port);
	assert_drops(w, H, &p, DROP_SG_INGRESS);
	packet_udp(&p, mac_of(A), router_mac, IP_HOST, 54, NAT_IP, port);
	assert_drops(w, A, &p, DROP_NAT_UNSOLICITED);
}

/* The NAT gateway's memory lasts 350 s, its own interface's that of datagrams. */
static void each_of_both_forgets_in_its_own_time(void **state)
{
	struct world *w = *state;
	struct packet p;
	unsigned port;

	put_inspection(w);
	put_eni(w, A, 16, 1, 1, 0);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	port = packet_sport(&p);
	packet_udp(&p, mac_of(A), router_mac, NAT_IP, port, IP_HOST, 53);
	assert_passes(w, A, &p);
	dataplane_clock_advance(w->dp, TIMEOUT_UDP * 1000000000ull);
	put_eni(w, A, 16, 1, 2, 0);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_NAT, port);
	assert_drops(w, H, &p, DROP_SG_INGRESS);
	packet_udp(&p, mac_of(A), router_mac, IP_HOST, 53, NAT_IP, port);
	assert_passes(w, A, &p);
	assert_int_equal(packet_dst(&p), ip_of(C));
	dataplane_clock_advance(w->dp, TIMEOUT_NAT * 1000000000ull);
	packet_udp(&p, mac_of(A), router_mac, IP_HOST, 53, NAT_IP, port);
	assert_drops(w, A, &p, DROP_NAT_UNSOLICITED);
}

/* The NAT port of a flow of C's that middlebox A sends on; B could. */
static unsigned open_by_a(struct world *w)
{
	struct packet p;

	put_inspection(w);
	put_eni(w, A, 16, 1, 1, 0);
	put_eni(w, B, 16, 1, 1, 0);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	return packet_sport(&p);
}

/* Enters what A got of C's connection at B too, as another client's. */
static void put_port_taken_at_b(struct world *w)
{
	struct flow_list *l = flows_of(w);

	for (size_t i = 0; i < l->n; i++) {
		struct flow_key k = l->keys[i];
		struct flow f = l->flows[i];

		if (k.ifindex != A)
			continue;
		k.ifindex = B;
		f.daddr.w[3] ^= htonl(1);
		assert_int_equal(bpf_map_update_elem(w->dp->flows.fd, &k, &f, BPF_NOEXIST), 0);
		return;
	}
	fail();
}

/* A port is the gateway's, address's and destination's, whichever middlebox is behind the gateway:
 * a flow that goes to another one, where its port is another client's, ends. */
static void a_port_that_is_taken_behind_another_middlebox_ends_the_flow(void **state)
{
	struct world *w = *state;
	unsigned port = open_by_a(w);
	struct packet p;

	put_port_taken_at_b(w);
	put_route(w, 3, 0, 0, TARGET_ENI, B);
	dataplane_bump_generation(w->dp);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_FLOW_PATH);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	assert_int_not_equal(packet_sport(&p), port);
}

/* A flow that goes to another middlebox keeps its port, if that is free there. */
static void a_port_is_kept_behind_another_middlebox(void **state)
{
	struct world *w = *state;
	unsigned port = open_by_a(w);
	struct packet p;

	put_route(w, 3, 0, 0, TARGET_ENI, B);
	dataplane_bump_generation(w->dp);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	assert_memory_equal(p.b, mac_of(B), 6);
	assert_int_equal(packet_sport(&p), port);
	packet_udp(&p, mac_of(B), router_mac, IP_HOST, 53, NAT_IP, port);
	assert_passes(w, B, &p);
	assert_int_equal(packet_dst(&p), ip_of(C));
	assert_int_equal(packet_dport(&p), 4000);
}

/* A private gateway has no public address, whoever carries its packets to the internet gateway. */
static void a_middlebox_lends_a_private_nat_gateway_no_address(void **state)
{
	struct world *w = *state;
	struct addr_entry at = {.kind = ADDR_NAT, .ifindex = NAT, .vpc = 16, .gateway = IGW};
	struct packet p;

	put_inspection(w);
	put_address(w, 16, NAT_IP, &at);
	packet_udp(&p, mac_of(A), router_mac, NAT_IP, 4000, IP_HOST, 53);
	assert_drops(w, A, &p, DROP_IGW_NO_PUBLIC_IP);
}

static void a_full_flow_table_refuses_new_flows_and_counts(void **state)
{
	struct world *w = *state;
	struct nat_stats st;
	struct packet p;

	put_ended_flows(w, 3);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 1, IP_HOST, 53);
	assert_passes(w, C, &p);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 2, IP_HOST, 53);
	assert_drops(w, C, &p, DROP_FLOW_TABLE_FULL);
	assert_int_equal(dataplane_nat_stats(w->dp, NAT, &st, NULL), 0);
	assert_int_equal(st.connection_attempts, 1);
	assert_int_equal(st.packets_dropped, 1);
}

/* ---- the internet gateway ---- */

static void elastic_ips_stand_for_private_addresses(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 5000, IP_WEB, 80, 2);
	assert_passes(w, H, &p);
	assert_memory_equal(p.b, mac_of(W), 6);
	assert_int_equal(packet_dst(&p), ip_of(W));
	assert_int_equal(packet_src(&p), IP_HOST);
	assert_true(checksums_right(&p));
	packet_tcp(&p, mac_of(W), router_mac, ip_of(W), 80, IP_HOST, 5000, 0x12);
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
	assert_true(checksums_right(&p));

	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
	assert_int_equal(packet_sport(&p), 4000);
	assert_true(checksums_right(&p));
	packet_begin(&p, mac_of(W), router_mac, ip_of(W), IP_HOST, 47, 32); /* any protocol */
	packet_seal(&p);
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
}

static void a_udp_datagram_without_checksum_stays_so(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	put16be(p.b + ETH + IP4 + 6, 0);
	assert_passes(w, W, &p);
	assert_int_equal(get16be(p.b + ETH + IP4 + 6), 0);
	assert_int_equal(packet_src(&p), IP_WEB);
}

static void groups_of_the_receiver_guard_its_elastic_ip(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, W, 16, 3, 4, ENI_SOURCE_DEST_CHECK); /* UDP 53 from members of set 1 */
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 5000, IP_WEB, 53);
	assert_drops(w, H, &p, DROP_SG_INGRESS);
	/* A member that comes by the public address is none (SG_REFERENCES_NOT_PRESERVED). */
	put_route(w, 1, 0, 0, TARGET_NAT_GATEWAY, NAT);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 5000, IP_WEB, 53);
	assert_drops(w, A, &p, DROP_SG_INGRESS);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 5000, ip_of(W), 53);
	assert_passes(w, A, &p);
}

static void what_may_not_pass_an_internet_gateway_does_not(void **state)
{
	struct world *w = *state;
	struct addr_entry detached = {
		.kind = ADDR_PUBLIC, .ifindex = W, .vpc = 16, .other = v4(ip_of(W))};
	struct packet p;

	put_route(w, 1, 0, 0, TARGET_INTERNET_GATEWAY, IGW);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4000, IP_HOST, 53);
	assert_drops(w, A, &p, DROP_IGW_NO_PUBLIC_IP);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP(192, 168, 0, 1), 53);
	assert_drops(w, W, &p, DROP_IGW_PRIVATE_DESTINATION);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP(100, 64, 0, 1), 53);
	assert_drops(w, W, &p, DROP_IGW_PRIVATE_DESTINATION);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 4000, IP(198, 51, 100, 99), 53);
	assert_drops(w, H, &p, DROP_NO_DESTINATION);
	put_address(w, VPC_INTERNET, IP_WEB, &detached);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 4000, IP_WEB, 53);
	assert_drops(w, H, &p, DROP_IGW_UNASSOCIATED);
	put_eni(w, H, VPC_INTERNET, 9, 0, ENI_INTERNET); /* no source check */
	packet_udp(&p, mac_of(H), router_mac, IP(10, 0, 0, 1), 4000, IP_NAT, 53);
	assert_drops(w, H, &p, DROP_IGW_PRIVATE_SOURCE);
}

static void a_reply_that_would_leave_by_another_gateway_ends_the_flow(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_tcp(&p, mac_of(H), router_mac, IP_HOST, 5000, IP_WEB, 80, 2);
	assert_passes(w, H, &p);
	put_route(w, 3, 0, 0, TARGET_BLACKHOLE, 0);
	packet_tcp(&p, mac_of(W), router_mac, ip_of(W), 80, IP_HOST, 5000, 0x12);
	assert_drops(w, W, &p, DROP_BLACKHOLE);
	put_route(w, 3, 0, 0, TARGET_ENI, C);
	put_eni(w, C, 16, 2, 1, 0);
	packet_tcp(&p, mac_of(W), router_mac, ip_of(W), 80, IP_HOST, 5000, 0x12);
	assert_drops(w, W, &p, DROP_FLOW_PATH);
}

static void a_larger_packet_than_the_internets_is_dropped(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_begin(&p, mac_of(W), router_mac, ip_of(W), IP_HOST, 47, 1480);
	packet_seal(&p);
	assert_passes(w, W, &p);
	packet_begin(&p, mac_of(W), router_mac, ip_of(W), IP_HOST, 47, 1481);
	p.b[ETH + 6] = 0x40;
	packet_seal(&p);
	assert_answers(w, W, &p, DROP_MTU);
}

/* RFC 768: a sum of zero is sent as 0xffff, and a field of zero says that there is none. */
static void udp_checksums_of_zero_keep_their_meaning(void **state)
{
	struct world *w = *state;
	struct packet p;
	uint8_t *udp = p.b + ETH + IP4;

	for (unsigned i = 0; i < 2000; i++) {
		packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
		put16be(udp + 8, i * 33); /* sums of all kinds */
		packet_seal(&p);
		assert_passes(w, W, &p);
		assert_int_equal(packet_src(&p), IP_WEB);
		assert_true(checksums_right(&p));
		assert_int_not_equal(get16be(udp + 6), 0);
	}
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	put16be(udp + 6, 0);
	assert_passes(w, W, &p);
	assert_int_equal(get16be(udp + 6), 0);
	assert_true(checksums_right(&p));
}

static void set_loss(struct world *w, uint16_t loss)
{
	struct eni host = {.vpc = VPC_INTERNET,
			   .subnet = 9,
			   .flags = ENI_SOURCE_DEST_CHECK | ENI_INTERNET,
			   .address = v4(ip_of(H)),
			   .address6 = ip6_of(H),
			   .mtu = 1500,
			   .loss = loss};
	uint32_t id = H;

	memcpy(host.mac, mac_of(H), 6);
	put(w, DP_ENIS, &id, &host);
	dataplane_bump_generation(w->dp);
}

/* Of 2,000 packets of one flow and 2,000 of new ones each way. */
static void hosts_of_the_internet_lose_as_many_as_asked(void **state)
{
	struct world *w = *state;
	unsigned port, out = 0, back = 0, new = 0;
	struct packet p;

	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_passes(w, W, &p);
	port = packet_sport(&p);
	set_loss(w, 2500);
	for (unsigned i = 0; i < 2000; i++) {
		packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
		out += run(w, W, &p) == TC_ACT_SHOT;
		packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_WEB, port);
		back += run(w, H, &p) == TC_ACT_SHOT;
		packet_udp(&p, mac_of(W), router_mac, ip_of(W), 5000 + i % 500, IP_HOST, 53);
		new += run(w, W, &p) == TC_ACT_SHOT;
	}
	/* 500 each; 5 standard deviations are 97. */
	assert_in_range(out, 400, 600);
	assert_in_range(back, 400, 600);
	assert_in_range(new, 400, 600);
	assert_int_equal(drops(w, DROP_LOSS), out + back + new);
	set_loss(w, 10000);
	packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
	assert_drops(w, W, &p, DROP_LOSS);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, IP_WEB, port);
	assert_drops(w, H, &p, DROP_LOSS);
	set_loss(w, 0);
	for (unsigned i = 0; i < 100; i++) {
		packet_udp(&p, mac_of(W), router_mac, ip_of(W), 4000, IP_HOST, 53);
		assert_passes(w, W, &p);
	}
}

#define OUTSIDE IP(192, 0, 2, 9)

/* Interface X becomes the uplink, with the simulated internet's default route to it; 198.18.0.0/16
 * is nowhere. */
static void put_uplink(struct world *w)
{
	uint32_t internet = VPC_INTERNET;
	struct vpc_entry v = {.local_table = 90};

	put(w, DP_VPCS, &internet, &v);
	put_route(w, 90, 0, 0, TARGET_ENI, X);
	put_route(w, 90, IP(198, 18, 0, 0), 16, TARGET_LOCAL, 0);
	put_eni(w, X, VPC_INTERNET, 9, 0, ENI_INTERNET | ENI_UPLINK);
	put_eni(w, H, VPC_INTERNET, 9, 0, ENI_SOURCE_DEST_CHECK | ENI_INTERNET | ENI_STAYS);
	dataplane_bump_generation(w->dp);
}

static void the_uplink_takes_what_no_simulated_host_has_and_opens_nothing(void **state)
{
	struct world *w = *state;
	struct packet p, reply;
	unsigned port;

	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, OUTSIDE, 53);
	assert_drops(w, C, &p, DROP_NO_DESTINATION);
	put_uplink(w);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, OUTSIDE, 53);
	assert_passes(w, C, &p);
	assert_int_equal(packet_src(&p), IP_NAT);
	port = packet_sport(&p);
	packet_udp(&reply, mac_of(X), router_mac, OUTSIDE, 53, IP_NAT, port);
	assert_passes(w, X, &reply);
	assert_int_equal(packet_dst(&reply), ip_of(C));
	/* Neither to the gateway nor to an elastic IP whose groups would let it in. */
	packet_udp(&p, mac_of(X), router_mac, IP(192, 0, 2, 10), 53, IP_NAT, port);
	assert_drops(w, X, &p, DROP_UPLINK_UNSOLICITED);
	packet_udp(&p, mac_of(X), router_mac, OUTSIDE, 53, IP_WEB, 53);
	assert_drops(w, X, &p, DROP_UPLINK_UNSOLICITED);
	/* Simulated hosts win, and stay. */
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP_HOST, 53);
	assert_passes(w, C, &p);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, OUTSIDE, 53);
	assert_drops(w, H, &p, DROP_NO_DESTINATION);
	packet_udp(&p, mac_of(C), router_mac, ip_of(C), 4000, IP(198, 18, 0, 9), 53);
	assert_drops(w, C, &p, DROP_NO_DESTINATION);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(udp_checksums_of_zero_keep_their_meaning),
		WORLD_TEST(hosts_of_the_internet_lose_as_many_as_asked),
		WORLD_TEST(the_uplink_takes_what_no_simulated_host_has_and_opens_nothing),
		WORLD_TEST(nat_gateway_lends_address_and_port),
		WORLD_TEST(nat_keeps_tcp_and_echo_apart_and_right),
		WORLD_TEST(clients_with_the_same_port_get_different_ones),
		WORLD_TEST(nothing_comes_in_through_a_nat_gateway),
		WORLD_TEST(other_protocols_and_dead_gateways_are_refused),
		WORLD_TEST(a_nat_gateways_subnet_has_its_acl_and_routes),
		WORLD_TEST(a_middlebox_behind_a_nat_gateway_is_passed_both_ways),
		WORLD_TEST(each_of_both_forgets_in_its_own_time),
		WORLD_TEST(a_port_that_is_taken_behind_another_middlebox_ends_the_flow),
		WORLD_TEST(a_port_is_kept_behind_another_middlebox),
		WORLD_TEST(a_middlebox_lends_a_private_nat_gateway_no_address),
		WORLD_TEST(a_full_flow_table_refuses_new_flows_and_counts),
		WORLD_TEST(elastic_ips_stand_for_private_addresses),
		WORLD_TEST(a_udp_datagram_without_checksum_stays_so),
		WORLD_TEST(groups_of_the_receiver_guard_its_elastic_ip),
		WORLD_TEST(what_may_not_pass_an_internet_gateway_does_not),
		WORLD_TEST(a_reply_that_would_leave_by_another_gateway_ends_the_flow),
		WORLD_TEST(a_larger_packet_than_the_internets_is_dropped),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
