/* SPDX-License-Identifier: MIT
 * Packets larger than their path: errors to the sender, and IPv4 cut in pieces. Pieces are really
 * sent, so the receiver's link is up here and its far end is read.
 */
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "world6.h"

#define DF 0x40

static void large_udp(struct packet *p, uint32_t from, uint32_t to, size_t payload, uint8_t flags)
{
	uint8_t *udp = p->b + ETH + IP4;

	packet_begin(p, mac_of(from), router_mac, ip_of(from), to, IPPROTO_UDP, 8 + payload);
	p->b[ETH + 6] = flags;
	put16be(p->b + ETH + 4, 0x1234);
	put16be(udp, 4000);
	put16be(udp + 2, 7);
	put16be(udp + 4, (unsigned)(8 + payload));
	packet_seal(p);
}

/* ---- errors ---- */

static void assert_frag_needed(const struct packet *p, const struct packet *sent, uint32_t router)
{
	const uint8_t *icmp = p->b + ETH + IP4;

	assert_int_equal(p->len, ETH + 576);
	assert_memory_equal(p->b, sent->b + 6, 6);
	assert_memory_equal(p->b + 6, router_mac, 6);
	assert_int_equal(packet_src(p), router);
	assert_int_equal(packet_dst(p), packet_src(sent));
	assert_int_equal(p->b[ETH + 9], IPPROTO_ICMP);
	assert_int_equal(icmp[0], 3);
	assert_int_equal(icmp[1], 4);
	assert_int_equal(get32be(icmp + 4), 1500);
	assert_memory_equal(icmp + 8, sent->b + ETH, 548);
	assert_true(checksums_right(p));
}

static void a_sender_is_told_the_paths_mtu(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	large_udp(&p, W, IP_HOST, 1473, DF); /* of 1,501 octets */
	sent = p;
	assert_answers(w, W, &p, DROP_MTU);
	assert_frag_needed(&p, &sent, IP(10, 0, 3, 1));
	assert_int_equal(flows_of(w)->n, 0);
	large_udp(&p, W, IP_HOST, 1472, DF);
	assert_passes(w, W, &p);
	p = sent; /* of a live flow */
	assert_answers(w, W, &p, DROP_MTU);
	assert_frag_needed(&p, &sent, IP(10, 0, 3, 1));
	/* And past what its groups and ACL let in. */
	put_eni(w, W, 16, 3, 3, ENI_SOURCE_DEST_CHECK);
	dataplane_set_acl_rules(w->dp, 1, (struct rules_pair){0, allow_all(w)});
	put_subnet(w, 3, 16, 3, 1, IP(10, 0, 3, 1));
	dataplane_bump_generation(w->dp);
	p = sent;
	assert_answers(w, W, &p, DROP_MTU);
	assert_frag_needed(&p, &sent, IP(10, 0, 3, 1));
}

static void ipv6_is_never_cut(void **state)
{
	struct world *w = *state;
	struct ip128 router = v6(0x26001f18, 0x1603, 0, 1);
	struct packet p, sent;
	const uint8_t *icmp = p.b + ETH + IP6;

	packet6_begin(&p, mac_of(W), router_mac, ip6_of(W), ip6_of(H), 47, 1461);
	packet6_seal(&p);
	sent = p;
	assert_answers(w, W, &p, DROP_MTU);
	assert_int_equal(p.len, ETH + 1280);
	assert_memory_equal(p.b, mac_of(W), 6);
	assert_memory_equal(p.b + ETH + 8, router.b, 16);
	assert_memory_equal(p.b + ETH + 24, ip6_of(W).b, 16);
	assert_int_equal(icmp[0], 2);
	assert_int_equal(icmp[1], 0);
	assert_int_equal(get32be(icmp + 4), 1500);
	assert_memory_equal(icmp + 8, sent.b + ETH, 1232);
	assert_true(checksums_right6(&p));
	packet6_begin(&p, mac_of(W), router_mac, ip6_of(W), ip6_of(H), 47, 1460);
	packet6_seal(&p);
	assert_passes(w, W, &p);
}

static void nobody_is_told_about_errors_and_later_fragments(void **state)
{
	struct world *w = *state;
	struct packet p;

	packet_begin(&p, mac_of(W), router_mac, ip_of(W), IP_HOST, IPPROTO_ICMP, 1490);
	p.b[ETH + 6] = DF;
	p.b[ETH + IP4] = 3;
	p.b[ETH + IP4 + 1] = 1;
	packet_seal(&p);
	assert_drops(w, W, &p, DROP_MTU);
}

/* ---- pieces ---- */

static int open_far_end(uint32_t eni)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)eni + 100};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* The next IPv4 frame that arrives; false: none. */
static bool receive(int fd, struct packet *p)
{
	struct pollfd pf = {.fd = fd, .events = POLLIN};

	while (poll(&pf, 1, 2000) == 1) {
		ssize_t n = recv(fd, p->b, sizeof(p->b), 0);

		assert_true(n > 0);
		p->len = (size_t)n;
		if (get16be(p->b + 12) == 0x0800)
			return true;
	}
	return false;
}

/* Puts the pieces together again, checking each: the datagram's length. */
static size_t reassemble(int fd, struct packet *whole)
{
	bool more = true;
	size_t at = 0;

	for (int i = 0; more; i++) {
		struct packet p;
		size_t len;

		assert_true(receive(fd, &p));
		len = get16be(p.b + ETH + 2) - IP4;
		assert_int_equal(p.len, ETH + IP4 + len);
		assert_true(len + IP4 <= 1500);
		assert_int_equal(sum_fold(sum_add(0, p.b + ETH, IP4)), 0xffff);
		assert_int_equal(get16be(p.b + ETH + 4), 0x1234);
		assert_int_equal((get16be(p.b + ETH + 6) & 0x1fff) * 8, at);
		more = p.b[ETH + 6] & 0x20;
		assert_true(!more || len % 8 == 0);
		if (!i)
			memcpy(whole, &p, sizeof(p));
		else
			memcpy(whole->b + ETH + IP4 + at, p.b + ETH + IP4, len);
		at += len;
	}
	whole->len = ETH + IP4 + at;
	put16be(whole->b + ETH + 6, 0);
	put16be(whole->b + ETH + 2, (unsigned)(whole->len - ETH));
	put16be(whole->b + ETH + 10, 0);
	put16be(whole->b + ETH + 10, ~sum_fold(sum_add(0, whole->b + ETH, IP4)) & 0xffff);
	return at;
}

static void assert_cut(struct world *w, struct packet *p, size_t payload)
{
	int fd = open_far_end(H);
	struct packet whole;

	assert_int_equal(run(w, W, p), TC_ACT_STOLEN);
	assert_int_equal(reassemble(fd, &whole), payload + 8);
	assert_memory_equal(whole.b, mac_of(H), 6);
	assert_memory_equal(whole.b + 6, router_mac, 6);
	assert_int_equal(packet_src(&whole), IP_WEB);
	assert_int_equal(packet_dst(&whole), IP_HOST);
	assert_true(checksums_right(&whole));
	for (size_t i = 8; i < payload; i++)
		assert_int_equal(whole.b[ETH + IP4 + i], (uint8_t)(i * 7));
	close(fd);
}

static void ipv4_without_df_is_cut_behind_its_translation(void **state)
{
	static const size_t sizes[] = {1473, 2000, 2960, 3001, 3333};
	struct world *w = *state;
	struct packet p;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		large_udp(&p, W, IP_HOST, sizes[i], 0);
		assert_cut(w, &p, sizes[i]);
	}
	assert_int_equal(half_at(w, W)->packets, 5);
}

static void a_checksum_that_was_left_to_hardware_is_completed(void **state)
{
	struct eni c = {.vpc = 16, .subnet = 2, .groups = 1, .address = v4(ip_of(C)), .mtu = 1500};
	struct world *w = *state;
	struct packet p, whole;
	uint32_t key = C;
	int fd = open_far_end(C);

	memcpy(c.mac, mac_of(C), 6);
	put(w, DP_ENIS, &key, &c);
	large_udp(&p, A, ip_of(C), 2001, 0);
	put16be(p.b + ETH + IP4 + 6, sum_fold(sum_add(0, p.b + ETH + 12, 8) + IPPROTO_UDP + 2009));
	assert_false(checksums_right(&p));
	assert_int_equal(run(w, A, &p), TC_ACT_STOLEN);
	assert_int_equal(reassemble(fd, &whole), 2009);
	assert_true(checksums_right(&whole));
	/* And what is wrong stays wrong: it is not for a router to mend. */
	large_udp(&p, A, ip_of(C), 2001, 0);
	p.b[ETH + IP4 + 100] ^= 1;
	assert_int_equal(run(w, A, &p), TC_ACT_STOLEN);
	assert_int_equal(reassemble(fd, &whole), 2009);
	assert_false(checksums_right(&whole));
	close(fd);
}

/* A live frame whose checksum is the kernel's to write: what a sandbox's own stack sends. */
static void send_live(const struct packet *p)
{
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = ETH + IP4, .csum_offset = 6};
	uint8_t frame[sizeof(h) + sizeof(p->b)];
	int on = 1, fd = open_far_end(A);

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	memcpy(frame, &h, sizeof(h));
	memcpy(frame + sizeof(h), p->b, p->len);
	assert_int_equal(write(fd, frame, sizeof(h) + p->len), sizeof(h) + p->len);
	close(fd);
}

static void a_last_piece_is_as_long_as_its_frame_may_be_cut(void **state)
{
	static const size_t sizes[] = {1473, 1474, 1480, 1495, 1496, 1497, 2953, 2960};
	struct eni c = {.vpc = 16, .subnet = 2, .groups = 1, .address = v4(ip_of(C)), .mtu = 1500};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = A, .attach_point = BPF_TC_INGRESS);
	struct world *w = *state;
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = dataplane_eni_prog(w->dp));
	struct packet p, whole;
	uint32_t key = C;
	int fd = open_far_end(C);

	memcpy(c.mac, mac_of(C), 6);
	put(w, DP_ENIS, &key, &c);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		large_udp(&p, A, ip_of(C), sizes[i], 0);
		put16be(p.b + ETH + IP4 + 6, sum_fold(sum_add(0, p.b + ETH + 12, 8) + IPPROTO_UDP +
						      (uint32_t)sizes[i] + 8));
		send_live(&p);
		assert_int_equal(reassemble(fd, &whole), sizes[i] + 8);
		assert_true(checksums_right(&whole));
	}
	assert_int_equal(drops(w, DROP_INTERNAL), 0);
	close(fd);
	bpf_tc_hook_destroy(&hook);
}

static int enter_with_links(void **state)
{
	int rc = world_enter(state);

	assert_int_equal(system("for i in 101 103 107; do for e in v p; do ip link set $e$i mtu "
				"9001 up; done; done"),
			 0);
	return rc;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world6_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_sender_is_told_the_paths_mtu),
		WORLD_TEST(ipv6_is_never_cut),
		WORLD_TEST(nobody_is_told_about_errors_and_later_fragments),
		WORLD_TEST(ipv4_without_df_is_cut_behind_its_translation),
		WORLD_TEST(a_last_piece_is_as_long_as_its_frame_may_be_cut),
		WORLD_TEST(a_checksum_that_was_left_to_hardware_is_completed),
	};

	return cmocka_run_group_tests(tests, enter_with_links, NULL);
}
