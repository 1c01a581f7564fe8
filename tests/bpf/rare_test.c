/* SPDX-License-Identifier: MIT
 * Reasons that no ordinary packet meets: a full table, an entry under another CPU's hands, limits,
 * and a checksum that a sender would have the kernel write elsewhere (a live frame, since a test
 * run cannot leave one to the kernel).
 */
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "world.h"

static void udp(struct packet *p, unsigned sport, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(A), router_mac, ip_of(A), sport, to, dport);
}

static void a_full_table_takes_no_more(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_ended_flows(w, 3); /* room for one flow and a half */
	udp(&p, 1000, ip_of(C), 7);
	assert_passes(w, A, &p);
	udp(&p, 1001, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_FLOW_TABLE_FULL);
	udp(&p, 1000, ip_of(C), 7); /* those that are there go on */
	assert_passes(w, A, &p);
}

static void an_entry_under_other_hands_is_waited_for_but_briefly(void **state)
{
	struct flow_key k = {.ifindex = A,
			     .family = 2,
			     .protocol = IPPROTO_UDP,
			     .sport = htons(4000),
			     .dport = htons(7),
			     .saddr = v4(ip_of(A)),
			     .daddr = v4(ip_of(C))};
	struct flow f = {.state = FLOW_CLAIMED};
	struct world *w = *state;
	struct packet p;

	assert_int_equal(bpf_map_update_elem(w->dp->flows.fd, &k, &f, BPF_ANY), 0);
	udp(&p, 4000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_FLOW_RACE);
}

static void a_group_set_beyond_the_map_is_no_permission(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, A, 16, 1, 1 << 20, ENI_SOURCE_DEST_CHECK);
	udp(&p, 4000, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_INTERNAL);
}

static void a_flood_of_questions_meets_its_allowance(void **state)
{
	struct world *w = *state;
	struct packet p;

	for (int i = 0; i < 20000 && !drops(w, DROP_LINKLOCAL_ALLOWANCE); i++) {
		udp(&p, 4000, RESOLVER, 53);
		run(w, A, &p);
	}
	assert_true(drops(w, DROP_LINKLOCAL_ALLOWANCE) > 0);
	reasons_seen[DROP_LINKLOCAL_ALLOWANCE] = true;
}

/* ---- live ---- */

static int open_far_end(void)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = A + 100};
	int on = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void send_live(int fd, const struct packet *p, unsigned start, unsigned offset)
{
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				   .csum_start = (uint16_t)start,
				   .csum_offset = (uint16_t)offset};
	uint8_t frame[sizeof(h) + sizeof(p->b)];

	memcpy(frame, &h, sizeof(h));
	memcpy(frame + sizeof(h), p->b, p->len);
	assert_int_equal(write(fd, frame, sizeof(h) + p->len), sizeof(h) + p->len);
}

/* Until the counter stands at n, at most two seconds. */
static void await_drops(struct world *w, enum drop_reason r, uint64_t n)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < 2000 && drops(w, r) < n; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(drops(w, r), n);
}

static void a_checksum_belongs_where_the_l4_header_has_it(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = A, .attach_point = BPF_TC_INGRESS);
	struct world *w = *state;
	struct packet p;
	int fd;

	if (!dataplane_checks_checksum_start(w->dp)) {
		reasons_seen[DROP_CHECKSUM_START] = true; /* Linux before 6.2 cannot tell */
		skip();
	}
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = dataplane_eni_prog(w->dp));
	assert_int_equal(system("ip link set v101 up && ip link set p101 up"), 0);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	fd = open_far_end();
	udp(&p, 4000, IP(192, 0, 2, 1), 7);
	send_live(fd, &p, ETH + IP4, 6); /* its own: judged further */
	await_drops(w, DROP_NO_ROUTE, 1);
	assert_int_equal(drops(w, DROP_CHECKSUM_START), 0);
	send_live(fd, &p, ETH + 12, 0); /* over the source address */
	await_drops(w, DROP_CHECKSUM_START, 1);
	send_live(fd, &p, ETH + IP4, 2); /* over the destination port */
	await_drops(w, DROP_CHECKSUM_START, 2);
	assert_int_equal(drops(w, DROP_NO_ROUTE), 1);
	reasons_seen[DROP_CHECKSUM_START] = true;
	close(fd);
	bpf_tc_hook_destroy(&hook);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_full_table_takes_no_more),
		WORLD_TEST(an_entry_under_other_hands_is_waited_for_but_briefly),
		WORLD_TEST(a_group_set_beyond_the_map_is_no_permission),
		WORLD_TEST(a_flood_of_questions_meets_its_allowance),
		WORLD_TEST(a_checksum_belongs_where_the_l4_header_has_it),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
