/* SPDX-License-Identifier: MIT
 * Traffic mirroring: A's packets (and W's) to C. Copies are really sent, by links M and M + 100;
 * what eni_mirror makes of one is looked at by a test run.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world6.h"

#define M	 150
#define OVERHEAD 50 /* Ethernet, IPv4, UDP, VXLAN */
#define VNI	 0x123456

static int far_end = -1;

static int enter_with_links(void **state)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = M + 100};

	world_enter(state);
	/* Up in a message of its own: no address is generated, and no packet of the links' own. */
	assert_int_equal(system("ip link add m150 index 150 type veth peer name n150 index 250 && "
				"ip link set m150 addrgenmode none && "
				"ip link set n150 addrgenmode none && "
				"ip link set m150 up && ip link set n150 up"),
			 0);
	far_end = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	assert_true(far_end >= 0);
	assert_int_equal(bind(far_end, (struct sockaddr *)&at, sizeof(at)), 0);
	return 0;
}

/* The next copy; false: there is none. */
static bool copied(struct packet *p)
{
	struct pollfd fd = {.fd = far_end, .events = POLLIN};
	ssize_t n = poll(&fd, 1, 0) > 0 ? recv(far_end, p->b, sizeof(p->b), 0) : -1;

	p->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static struct mirror_rule rule_any(void)
{
	return (struct mirror_rule){.family = 2,
				    .any_protocol = 1,
				    .sport_last = 65535,
				    .dport_last = 65535,
				    /* 0.0.0.0/0: the mapped prefix */
				    .saddr = v4(0),
				    .smask = {.w = {~0u, ~0u, ~0u, 0}},
				    .daddr = v4(0),
				    .dmask = {.w = {~0u, ~0u, ~0u, 0}}};
}

/* Of both directions. */
static struct mirror_session session_of(struct mirror_rule r)
{
	struct mirror_session s = {.target = v4(ip_of(C)),
				   .vni = VNI,
				   .in = {.n = 1, .rules = {r}},
				   .out = {.n = 1, .rules = {r}}};

	return s;
}

static void put_mirror(struct world *w, uint32_t eni, const struct mirror *m)
{
	put(w, DP_MIRRORS, &eni, m);
	put_eni(w, eni, 16, eni == W ? 3 : 1, 1, ENI_SOURCE_DEST_CHECK | ENI_MIRRORED);
	dataplane_set_mirror_device(w->dp, M);
	dataplane_bump_generation(w->dp);
}

static void mirror_all(struct world *w, uint32_t eni)
{
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};

	put_mirror(w, eni, &m);
}

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, ip_of(from), 4000, to, dport);
}

static void assert_copy(const struct packet *wanted)
{
	struct packet p;

	assert_true(copied(&p));
	assert_int_equal(p.len, wanted->len);
	assert_memory_equal(p.b, wanted->b, wanted->len);
}

static void assert_no_copy(void)
{
	struct packet p;

	assert_false(copied(&p));
}

/* ---- what is copied ---- */

static void both_directions_are_copied_once_each(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	mirror_all(w, A);
	for (int i = 0; i < 2; i++) { /* the first packet, and one of the flow */
		udp(&p, A, ip_of(B), 7);
		sent = p;
		assert_passes(w, A, &p);
		assert_copy(&sent);
		packet_udp(&p, mac_of(B), router_mac, ip_of(B), 7, ip_of(A), 4000);
		assert_passes(w, B, &p);
		assert_copy(&p); /* as A gets it */
		assert_no_copy();
	}
	udp(&p, B, ip_of(C), 7);
	assert_passes(w, B, &p);
	assert_no_copy();
}

static void addresses_are_the_interfaces_own(void **state)
{
	struct world *w = *state;
	struct packet p, sent;

	mirror_all(w, W);
	udp(&p, W, IP_HOST, 7);
	sent = p;
	assert_passes(w, W, &p);
	assert_int_equal(packet_src(&p), IP_WEB);
	assert_copy(&sent);
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 7, IP_WEB, 4000);
	assert_passes(w, H, &p);
	assert_int_equal(packet_dst(&p), ip_of(W));
	assert_copy(&p);
}

static void what_its_own_gates_drop_is_not_copied(void **state)
{
	struct world *w = *state;
	struct packet p;

	mirror_all(w, A);
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK | ENI_MIRRORED);
	udp(&p, A, ip_of(C), 7);
	assert_drops(w, A, &p, DROP_SG_EGRESS);
	udp(&p, C, ip_of(A), 7);
	assert_drops(w, C, &p, DROP_SG_INGRESS);
	assert_no_copy();
}

static void a_filter_without_rules_takes_nothing(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};
	struct packet p;

	m.sessions[0].out.n = 0;
	put_mirror(w, A, &m);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
	packet_udp(&p, mac_of(B), router_mac, ip_of(B), 7, ip_of(A), 4000);
	assert_passes(w, B, &p);
	assert_copy(&p);
}

static void the_first_rule_that_matches_decides(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};
	struct mirror_filter *out = &m.sessions[0].out;
	struct packet p, sent;

	out->n = 2;
	out->rules[1] = out->rules[0];
	out->rules[0].any_protocol = 0;
	out->rules[0].protocol = 17;
	out->rules[0].dport_first = 50;
	out->rules[0].dport_last = 60;
	out->rules[0].reject = 1;
	put_mirror(w, A, &m);
	for (unsigned port = 49; port <= 61; port++) {
		udp(&p, A, ip_of(B), port);
		sent = p;
		assert_passes(w, A, &p);
		if (port == 49 || port == 61)
			assert_copy(&sent);
		else
			assert_no_copy();
	}
	packet_tcp(&p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(B), 55, 2);
	assert_passes(w, A, &p);
	assert_true(copied(&sent));
}

static void ranges_are_of_either_end(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};
	struct mirror_rule *r = &m.sessions[0].out.rules[0];
	struct packet p;

	r->daddr = v4(IP(10, 0, 2, 0));
	r->dmask.w[3] = htonl(0xffffff00);
	r->sport_first = r->sport_last = 4000;
	put_mirror(w, A, &m);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
	udp(&p, A, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_true(copied(&p));
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 4001, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
}

static void the_first_session_that_wants_it_gets_it_alone(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 3,
			   .sessions = {session_of(rule_any()), session_of(rule_any()),
					session_of(rule_any())}};
	struct packet p;

	m.sessions[0].out.rules[0].reject = 1;
	put_mirror(w, A, &m);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_true(copied(&p));
	assert_no_copy();
	assert_int_equal(half_at(w, A)->mirror, 2); /* the second one of the sender */
}

static void a_session_takes_flows_that_stand_and_leaves_them(void **state)
{
	struct world *w = *state;
	struct mirror none = {.n = 0};
	struct packet p;

	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
	mirror_all(w, A);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_true(copied(&p));
	put_mirror(w, A, &none);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
}

static void without_a_device_the_copy_is_skipped_and_the_packet_goes(void **state)
{
	struct world *w = *state;
	struct packet p;

	mirror_all(w, A);
	dataplane_set_mirror_device(w->dp, 0);
	udp(&p, A, ip_of(B), 7);
	assert_passes(w, A, &p);
	assert_no_copy();
}

/* ---- what the target gets ---- */

static int run_mirror(struct world *w, uint32_t mark, struct packet *p)
{
	struct __sk_buff ctx = {.ifindex = A, .mark = mark};
	struct packet out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->len,
		    .data_out = out.b, .data_size_out = sizeof(out.b), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(dataplane_mirror_prog(w->dp), &opts))
		fail_msg("test run: %s", strerror(errno));
	memcpy(p->b, out.b, opts.data_size_out);
	p->len = opts.data_size_out;
	return (int)opts.retval;
}

static int take_counts(void *arg, uint32_t ifindex, const struct mirror_count *c)
{
	if (ifindex == A)
		*(struct mirror_count *)arg = *c;
	return 0;
}

static struct mirror_count counts(struct world *w)
{
	struct mirror_count c = {0};

	assert_int_equal(dataplane_mirror_counts(w->dp, take_counts, &c, NULL), 0);
	return c;
}

static void assert_encapsulated(const struct packet *p, const struct packet *inner, size_t len)
{
	const uint8_t *ip = p->b + ETH, *u = ip + IP4, *vxlan = u + 8;

	assert_int_equal(p->len, len + OVERHEAD);
	assert_memory_equal(p->b, mac_of(C), 6);
	assert_memory_equal(p->b + 6, router_mac, 6);
	assert_int_equal(get16be(p->b + 12), 0x0800);
	assert_int_equal(get16be(ip + 2), len + OVERHEAD - ETH);
	assert_int_equal(packet_src(p), ip_of(A));
	assert_int_equal(packet_dst(p), ip_of(C));
	assert_int_equal(ip[9], 17);
	assert_int_equal(get16be(u + 2), 4789);
	assert_true(get16be(u) >= 49152);
	assert_int_equal(get16be(u + 4), len + 16);
	assert_int_equal(get32be(vxlan), 0x08000000);
	assert_int_equal(get32be(vxlan + 4), VNI << 8);
	assert_memory_equal(p->b + OVERHEAD, inner->b, len);
}

static void a_copy_is_sent_in_vxlan_past_the_sources_groups(void **state)
{
	struct world *w = *state;
	struct packet p, inner;

	mirror_all(w, A);
	put_eni(w, A, 16, 1, 3, ENI_SOURCE_DEST_CHECK | ENI_MIRRORED);
	udp(&p, A, ip_of(B), 7);
	inner = p;
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_REDIRECT);
	assert_encapsulated(&p, &inner, inner.len);
	assert_true(checksums_right(&p));
	assert_int_equal(counts(w).out.packets, 1);
	assert_int_equal(counts(w).out.bytes, inner.len);
	assert_int_equal(flows_of(w)->n, 0); /* it is nobody's flow */
}

static void ipv6_travels_in_ipv4(void **state)
{
	struct world *w = *state;
	struct packet p, inner;

	mirror_all(w, A);
	packet6_udp(&p, mac_of(A), router_mac, ip6_of(A), 4000, ip6_of(C), 7);
	inner = p;
	assert_int_equal(run_mirror(w, A << 3 | 1, &p), TC_ACT_REDIRECT);
	assert_encapsulated(&p, &inner, inner.len);
	assert_int_equal(counts(w).in.packets, 1);
}

static void a_copy_is_cut_to_the_packet_length(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};
	struct packet p, inner;

	m.sessions[0].packet_length = 60;
	put_mirror(w, A, &m);
	packet_begin(&p, mac_of(A), router_mac, ip_of(A), ip_of(B), 17, 500);
	inner = p;
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_REDIRECT);
	assert_encapsulated(&p, &inner, 60);
}

static void a_copy_is_cut_to_the_targets_mtu(void **state)
{
	struct world *w = *state;
	struct packet p, inner;
	struct eni c = {.vpc = 16,
			.subnet = 2,
			.groups = 1,
			.flags = ENI_SOURCE_DEST_CHECK,
			.address = v4(ip_of(C)),
			.mtu = 1500};
	uint32_t key = C;

	mirror_all(w, A);
	memcpy(c.mac, mac_of(C), 6);
	put(w, DP_ENIS, &key, &c);
	packet_begin(&p, mac_of(A), router_mac, ip_of(A), ip_of(B), 17, 1480);
	inner = p;
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_REDIRECT);
	assert_encapsulated(&p, &inner, 1464);
	assert_int_equal(p.len, ETH + 1500);
}

static void the_targets_groups_and_acls_are_asked(void **state)
{
	struct world *w = *state;
	struct packet p;

	mirror_all(w, A);
	put_eni(w, C, 16, 2, 2, ENI_SOURCE_DEST_CHECK); /* TCP 80 alone */
	udp(&p, A, ip_of(B), 7);
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_SHOT);
	assert_int_equal(counts(w).skipped_out.packets, 1);
	assert_int_equal(counts(w).out.packets, 0);
	assert_int_equal(drops(w, DROP_SG_INGRESS), 0); /* no drop of A's */
	put_eni(w, C, 16, 2, 1, ENI_SOURCE_DEST_CHECK);
	dataplane_set_acl_rules(w->dp, 6, (struct rules_pair){allow_all(w), allow_all(w)});
	put_subnet(w, 1, 16, 1, 6, IP(10, 0, 1, 1));
	udp(&p, A, ip_of(B), 7);
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_REDIRECT);
	dataplane_set_acl_rules(
		w->dp, 6,
		(struct rules_pair){allow_all(w), put_rule(w, 0, 0, 17, 4789, 0, true, false)});
	udp(&p, A, ip_of(B), 7);
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_SHOT);
}

static void what_refused_it_is_shown(void **state)
{
	struct world *w = *state;
	struct packet p;

	mirror_all(w, A);
	put_eni(w, C, 16, 2, 3, ENI_SOURCE_DEST_CHECK);
	drops_listen(w, DROP_FRAME_MAX);
	udp(&p, A, ip_of(B), 7);
	assert_int_equal(run_mirror(w, A << 3, &p), TC_ACT_SHOT);
	assert_int_equal(drops_shown(w)->last.reason, DROP_SG_INGRESS);
	drops_listen(w, 0);
}

static void a_target_outside_of_vpcs_gets_nothing(void **state)
{
	struct world *w = *state;
	struct mirror m = {.n = 1, .sessions = {session_of(rule_any())}};
	struct packet p;

	m.sessions[0].target = v4(IP_HOST);
	put_mirror(w, W, &m);
	udp(&p, W, ip_of(B), 7);
	assert_int_equal(run_mirror(w, W << 3, &p), TC_ACT_SHOT);
}

static void marks_of_nobody_are_dropped(void **state)
{
	struct world *w = *state;
	struct packet p;

	mirror_all(w, A);
	for (uint32_t mark = 0; mark < 8; mark++) {
		udp(&p, A, ip_of(B), 7);
		assert_int_equal(run_mirror(w, B << 3 | mark, &p), TC_ACT_SHOT);
		if (mark >> 1) {
			udp(&p, A, ip_of(B), 7);
			assert_int_equal(run_mirror(w, A << 3 | mark, &p), TC_ACT_SHOT);
		}
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_directions_are_copied_once_each),
		T(addresses_are_the_interfaces_own),
		T(what_its_own_gates_drop_is_not_copied),
		T(a_filter_without_rules_takes_nothing),
		T(the_first_rule_that_matches_decides),
		T(ranges_are_of_either_end),
		T(the_first_session_that_wants_it_gets_it_alone),
		T(a_session_takes_flows_that_stand_and_leaves_them),
		T(without_a_device_the_copy_is_skipped_and_the_packet_goes),
		T(a_copy_is_sent_in_vxlan_past_the_sources_groups),
		T(ipv6_travels_in_ipv4),
		T(a_copy_is_cut_to_the_packet_length),
		T(a_copy_is_cut_to_the_targets_mtu),
		T(the_targets_groups_and_acls_are_asked),
		T(what_refused_it_is_shown),
		T(a_target_outside_of_vpcs_gets_nothing),
		T(marks_of_nobody_are_dropped),
	};

	return cmocka_run_group_tests(tests, enter_with_links, NULL);
}
