/* SPDX-License-Identifier: MIT
 * A small world for the compiled programs, in a network namespace of the test's own:
 *
 *   VPC 16, 10.0.0.0/16                            VPC 17, 10.0.0.0/16
 *     subnet 1 10.0.1.0/24  A .10  B .11             subnet 4 10.0.1.0/24  X .10  Y .11
 *     subnet 2 10.0.2.0/24  C .10  (route: nat)    internet
 *     subnet 3 10.0.3.0/24  W .10 = 198.51.100.20    H 203.0.113.80
 *              NAT gateway 7 .9 = 198.51.100.10    service S 169.254.169.253
 *
 * Interfaces exist (a test run needs the device), and nothing is ever sent on them.
 */
#ifndef VPCD_TESTS_WORLD_H
#define VPCD_TESTS_WORLD_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/private.h"
#include "packet.h"
#include "reset.h"

enum { A = 101, B, C, W, X, Y, H, S, LAST = S };
#define NAT	       7
#define NAT_ENI	       900
#define IGW	       5
#define LOCAL	       50 /* route table of VPC 16's blocks alone; of VPC 17's: the next one */
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define IP_NAT	       IP(198, 51, 100, 10)
#define IP_WEB	       IP(198, 51, 100, 20)
#define IP_HOST	       IP(203, 0, 113, 80)
#define RESOLVER       IP(10, 0, 0, 2)

static const uint8_t router_mac[6] = ROUTER_MAC;

struct world {
	struct dataplane *dp;
	uint32_t classifiers;
};

static inline const uint8_t *mac_of(uint32_t eni)
{
	static uint8_t macs[LAST + 1][6];

	macs[eni][0] = 2;
	macs[eni][5] = (uint8_t)eni;
	return macs[eni];
}

static inline uint32_t ip_of(uint32_t eni)
{
	static const uint32_t ips[LAST + 1] = {
		[A] = IP(10, 0, 1, 10), [B] = IP(10, 0, 1, 11),	     [C] = IP(10, 0, 2, 10),
		[W] = IP(10, 0, 3, 10), [X] = IP(10, 0, 1, 10),	     [Y] = IP(10, 0, 1, 11),
		[H] = IP_HOST,		[S] = IP(169, 254, 169, 253)};

	return ips[eni];
}

static inline struct ip128 v4(uint32_t a)
{
	struct ip128 r = {.w = {0, 0, htonl(0xffff), htonl(a)}};

	return r;
}

/* The interface's IPv6 address: 2600:1f18:0:16<subnet>::/64 and ::<host> as in IPv4; H
 * 2001:db8::80.
 */
static inline struct ip128 ip6_of(uint32_t eni)
{
	uint32_t a = ip_of(eni), vpc = eni == X || eni == Y ? 0x1700 : 0x1600;
	struct ip128 r = {.w = {htonl(0x26001f18), htonl(vpc | (a >> 8 & 0xff)), 0,
				htonl(0x100 | (a & 0xff))}};
	struct ip128 host = {.w = {htonl(0x20010db8), 0, 0, htonl(0x80)}};
	struct ip128 resolver = {.w = {htonl(0xfd000ec2), 0, 0, htonl(0x253)}};

	return eni == H ? host : eni == S ? resolver : r;
}

static inline void put(struct world *w, enum dp_map map, const void *key, const void *value)
{
	struct err e;

	if (dataplane_update(w->dp, map, key, value, 1, &e))
		fail_msg("%s", e.msg);
}

static inline void put_eni(struct world *w, uint32_t eni, uint32_t vpc, uint32_t subnet,
			   uint32_t groups, uint32_t flags)
{
	struct eni v = {.vpc = vpc,
			.subnet = subnet,
			.groups = groups,
			.flags = flags,
			.address = v4(ip_of(eni)),
			.address6 = ip6_of(eni),
			.service_address = htonl(IP(100, 64, 0, 0) | eni),
			.mtu = vpc == VPC_INTERNET ? 1500 : 9001};

	memcpy(v.mac, mac_of(eni), 6);
	put(w, DP_ENIS, &eni, &v);
}

static inline void put_address(struct world *w, uint32_t vpc, uint32_t address,
			       const struct addr_entry *v)
{
	struct addr_key k = {.vpc = vpc, .family = 2, .address = v4(address)};

	put(w, DP_ADDRESSES, &k, v);
}

static inline void put_holder(struct world *w, uint32_t eni, uint32_t vpc, uint32_t public)
{
	struct addr_entry v = {
		.kind = ADDR_ENI, .ifindex = eni, .vpc = vpc, .gateway = vpc == 16 ? IGW : 0};

	if (public)
		v.other = v4(public);
	put_address(w, vpc, ip_of(eni), &v);
}

static inline void put_subnet(struct world *w, uint32_t subnet, uint32_t vpc, uint32_t table,
			      uint32_t acl, uint32_t router)
{
	struct subnet_entry v = {
		.vpc = vpc, .route_table = table, .acl = acl, .router = v4(router)};

	put(w, DP_SUBNETS, &subnet, &v);
}

static inline void put_route(struct world *w, uint32_t table, uint32_t net, uint32_t len,
			     uint32_t target, uint32_t id)
{
	struct route_key k = {
		.prefixlen = 64 + 96 + len, .table = table, .family = 2, .address = v4(net)};
	struct route_entry v = {.target = target, .id = id};

	if (!len) /* all of IPv4 */
		k.address = v4(0);
	put(w, DP_ROUTES, &k, &v);
}

/* A classifier with one rule; port -1: all of the protocol; protocol -1: everything. peer: a group
 * set that it refers to instead of the range; untracked: the rule leaves flows untracked. */
static inline uint32_t put_rule(struct world *w, uint32_t net, uint32_t len, int protocol, int port,
				uint32_t peer, bool deny, bool untracked)
{
	uint32_t number = ++w->classifiers;
	struct rules_bitmap one = {.w = {1}};
	struct classifier c = {.rules = 1};

	c.deny.w[0] = deny;
	c.untracked.w[0] = untracked;
	for (uint32_t v6 = 0; v6 < 2; v6++) { /* ranges of IPv6: put_rule_range6() */
		uint32_t id = CLASSIFIER_ID(number, v6);
		struct rule_addr_key a = {.prefixlen = 64 + 96 + len,
					  .classifier = id,
					  .family = 2,
					  .address = v4(net)};
		struct rule_port_key p = {.prefixlen = protocol < 0 ? 32
						       : port < 0   ? 48
								    : 64,
					  .classifier = id,
					  .protocol = (uint8_t)(protocol < 0 ? 0 : protocol),
					  .port = htons((uint16_t)(port < 0 ? 0 : port))};
		struct rule_peer_key k = {.classifier = id, .groups = peer};

		c.flags = peer				? CLASSIFIER_PEERS
			  : protocol < 0 && !len && !v6 ? CLASSIFIER_OPEN
							: 0;
		if (peer)
			put(w, DP_RULE_PEERS, &k, &one);
		else if (!v6)
			put(w, DP_RULE_ADDRESSES, &a, &one);
		put(w, DP_RULE_PORTS, &p, &one);
		put(w, DP_CLASSIFIERS, &id, &c);
	}
	return number;
}

static inline uint32_t allow_all(struct world *w)
{
	return put_rule(w, 0, 0, -1, -1, 0, false, false);
}

/* Group sets: 1 everything; 2 all out, TCP 80 in from 10.0.1.0/24; 3 nothing at all; 4 all out,
 * UDP 53 in from members of set 1; 5 open and untracked. */
static inline void put_groups(struct world *w)
{
	uint32_t all = allow_all(w), open = put_rule(w, 0, 0, -1, -1, 0, false, true);
	struct rules_pair sets[] = {
		[1] = {all, all},
		[2] = {put_rule(w, IP(10, 0, 1, 0), 24, 6, 80, 0, false, false), all},
		[3] = {0, 0},
		[4] = {put_rule(w, 0, 0, 17, 53, 1, false, false), all},
		[5] = {open, open}};

	for (uint32_t i = 1; i < 6; i++)
		dataplane_set_group_rules(w->dp, i, sets[i]);
}

static inline void put_edges(struct world *w)
{
	uint32_t number = NAT;
	struct nat_entry nat = {.vpc = 16,
				.subnet = 3,
				.flags = NAT_AVAILABLE,
				.gateway = IGW,
				.ifindex = NAT_ENI,
				.n_addresses = 1,
				.addresses = {{v4(IP(10, 0, 3, 9)), v4(IP_NAT)}}};
	struct addr_entry at_nat = {.kind = ADDR_NAT, .ifindex = NAT, .vpc = 16, .gateway = IGW};
	struct addr_entry nat_public = at_nat;
	struct addr_entry at_web = {.kind = ADDR_PUBLIC,
				    .ifindex = W,
				    .vpc = 16,
				    .gateway = IGW,
				    .other = v4(ip_of(W))};

	put(w, DP_NATS, &number, &nat);
	at_nat.other = v4(IP_NAT);
	nat_public.other = v4(IP(10, 0, 3, 9));
	put_address(w, VPC_INTERNET, IP_NAT, &nat_public);
	put_address(w, 16, IP(10, 0, 3, 9), &at_nat);
	put_address(w, VPC_INTERNET, IP_WEB, &at_web);
	put_route(w, 2, 0, 0, TARGET_NAT_GATEWAY, NAT);
	put_route(w, 3, 0, 0, TARGET_INTERNET_GATEWAY, IGW);
}

static inline void put_vpcs(struct world *w)
{
	uint32_t a = 16, b = 17;
	uint32_t gateway = IGW;
	struct gateway_entry g = {.vpc = 16, .route_table = LOCAL};
	struct vpc_entry v = {
		.flags = VPC_DNS_SUPPORT, .local_table = LOCAL, .resolver = v4(RESOLVER)};

	put(w, DP_VPCS, &a, &v);
	v.local_table = LOCAL + 1;
	put(w, DP_VPCS, &b, &v);
	put(w, DP_GATEWAYS, &gateway, &g);
	put_route(w, LOCAL, IP(10, 0, 0, 0), 16, TARGET_LOCAL, 0);
	put_route(w, LOCAL + 1, IP(10, 0, 0, 0), 16, TARGET_LOCAL, 0);
	for (uint32_t table = 1; table <= 4; table++)
		put_route(w, table, IP(10, 0, 0, 0), 16, TARGET_LOCAL, 0);
	put_subnet(w, 1, 16, 1, 0, IP(10, 0, 1, 1));
	put_subnet(w, 2, 16, 2, 0, IP(10, 0, 2, 1));
	put_subnet(w, 3, 16, 3, 0, IP(10, 0, 3, 1));
	put_subnet(w, 4, 17, 4, 0, IP(10, 0, 1, 1));
	put_subnet(w, 9, VPC_INTERNET, 9, 0, IP(203, 0, 113, 1));
}

static inline void put_interfaces(struct world *w)
{
	const uint32_t check = ENI_SOURCE_DEST_CHECK;

	put_eni(w, A, 16, 1, 1, check);
	put_eni(w, B, 16, 1, 1, check);
	put_eni(w, C, 16, 2, 1, check);
	put_eni(w, W, 16, 3, 1, check);
	put_eni(w, X, 17, 4, 1, check);
	put_eni(w, Y, 17, 4, 1, check);
	put_eni(w, H, VPC_INTERNET, 9, 0, check | ENI_INTERNET);
	put_eni(w, S, VPC_SERVICE, 0, 0, ENI_SERVICE);
	put_holder(w, A, 16, 0);
	put_holder(w, B, 16, 0);
	put_holder(w, C, 16, 0);
	put_holder(w, W, 16, IP_WEB);
	put_holder(w, X, 17, 0);
	put_holder(w, Y, 17, 0);
	put_holder(w, H, VPC_INTERNET, 0);
	dataplane_set_service(w->dp, S);
}

static inline int world_setup_with(void **state, uint32_t max_flows)
{
	struct dataplane_config cfg = {.max_flows = max_flows, .max_enis = 64};
	struct world *w = calloc(1, sizeof(*w));

	w->dp = shared_open(&cfg);
	put_vpcs(w);
	put_groups(w);
	put_interfaces(w);
	put_edges(w);
	*state = w;
	return 0;
}

static inline int world_setup(void **state)
{
	return world_setup_with(state, 4096);
}

static inline int world_teardown(void **state)
{
	free(*state);
	return 0;
}

/* ---- which reasons a test program produced: a line each, for tests/bpf/reasons ---- */

static bool reasons_seen[DROP_REASON_COUNT];

static inline void reasons_write(void)
{
	const char *dir = getenv("VPCD_TEST_REASONS");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "", program_invocation_short_name);
	f = dir ? fopen(path, "w") : NULL;
	if (!f)
		return;
	for (int r = 0; r < DROP_REASON_COUNT; r++)
		if (reasons_seen[r])
			fprintf(f, "%s\n", drop_reason_name((enum drop_reason)r));
	fclose(f);
}

/* Once for the program: a network namespace with the interfaces. */
static inline int world_enter(void **state)
{
	char command[128];

	atexit(reasons_write);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	for (int i = A; i <= LAST; i++) {
		snprintf(command, sizeof(command),
			 "ip link add v%d index %d type veth peer name p%d index %d", i, i, i,
			 i + 100);
		assert_int_equal(system(command), 0);
	}
	return 0;
}

/* ---- running ---- */

/* What came of a frame: TC_ACT_REDIRECT and the frame as it left, or TC_ACT_SHOT. */
static inline int run(struct world *w, uint32_t eni, struct packet *p)
{
	struct __sk_buff ctx = {.ifindex = eni};
	struct packet out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->len,
		    .data_out = out.b, .data_size_out = sizeof(out.b), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(dataplane_eni_prog(w->dp), &opts))
		fail_msg("test run: %s", strerror(errno));
	memcpy(p->b, out.b, opts.data_size_out);
	p->len = opts.data_size_out;
	return (int)opts.retval;
}

struct drop_sum {
	uint32_t reason;
	uint64_t packets;
};

static inline int add_drops(void *arg, const struct drop_key *k, const struct counter *c)
{
	struct drop_sum *s = arg;

	if (k->reason == s->reason)
		s->packets += c->packets;
	return 0;
}

static inline uint64_t drops(struct world *w, enum drop_reason r)
{
	struct drop_sum s = {.reason = r};

	assert_int_equal(dataplane_drops(w->dp, add_drops, &s, NULL), 0);
	return s.packets;
}

static inline void assert_passes(struct world *w, uint32_t eni, struct packet *p)
{
	if (run(w, eni, p) == TC_ACT_REDIRECT)
		return;
	for (int r = 0; r < DROP_REASON_COUNT; r++)
		if (drops(w, (enum drop_reason)r))
			print_message("%s %llu\n", drop_reason_name((enum drop_reason)r),
				      (unsigned long long)drops(w, (enum drop_reason)r));
	fail_msg("the frame from %u was dropped", eni);
}

/* What was shown of drops. */
struct drops_shown {
	size_t n;
	struct drop_event last;
};

static inline void take_shown(void *arg, const struct drop_event *ev)
{
	struct drops_shown *s = arg;

	s->n++;
	memcpy(&s->last, ev, offsetof(struct drop_event, frame) + ev->captured);
}

static inline void drops_listen(struct world *w, uint32_t snaplen)
{
	struct err e;

	if (dataplane_drops_watch(w->dp, snaplen, &e))
		fail_msg("%s", e.msg);
}

/* What was shown since the last call. */
static inline struct drops_shown *drops_shown(struct world *w)
{
	static struct drops_shown s;
	struct err e;

	memset(&s, 0, sizeof(s));
	if (dataplane_drops_read(w->dp, UINT32_MAX, take_shown, &s, &e))
		fail_msg("%s", e.msg);
	return &s;
}

/* Dropped, counted once under this reason, shown as it was sent, with this verdict. */
static inline void assert_refused(struct world *w, uint32_t eni, struct packet *p,
				  enum drop_reason r, int wanted)
{
	uint64_t before = drops(w, r);
	const struct packet sent = *p;
	const struct drops_shown *shown;
	int verdict;

	drops_listen(w, DROP_FRAME_MAX);
	drops_shown(w);
	verdict = run(w, eni, p);
	drops_listen(w, 0);

	if (drops(w, r) != before + 1) {
		for (int i = 0; i < DROP_REASON_COUNT; i++)
			if (drops(w, (enum drop_reason)i))
				print_message("%s %llu\n", drop_reason_name((enum drop_reason)i),
					      (unsigned long long)drops(w, (enum drop_reason)i));
		fail_msg("verdict %d, not dropped as %s", verdict, drop_reason_name(r));
	}
	assert_int_equal(verdict, wanted);
	shown = drops_shown(w);
	assert_int_equal(shown->n, 1);
	assert_int_equal(shown->last.reason, r);
	assert_int_equal(shown->last.ifindex, eni);
	assert_int_equal(shown->last.captured, sent.len);
	assert_memory_equal(shown->last.frame, sent.b, sent.len);
	reasons_seen[r] = true;
}

static inline void assert_drops(struct world *w, uint32_t eni, struct packet *p, enum drop_reason r)
{
	assert_refused(w, eni, p, r, TC_ACT_SHOT);
}

/* Dropped, and its sender is told: the frame is the answer then. */
static inline void assert_answers(struct world *w, uint32_t eni, struct packet *p,
				  enum drop_reason r)
{
	assert_refused(w, eni, p, r, TC_ACT_REDIRECT);
}

/* ---- flows ---- */

struct flow_list {
	size_t n;
	struct flow_key keys[4096];
	struct flow flows[4096];
};

static inline int add_flow(void *arg, const struct flow_key *k, const struct flow *f)
{
	struct flow_list *l = arg;

	if (l->n < 4096) {
		l->keys[l->n] = *k;
		l->flows[l->n] = *f;
	}
	l->n++;
	return 0;
}

static inline struct flow_list *flows_of(struct world *w)
{
	static struct flow_list l;

	l.n = 0;
	assert_int_equal(dataplane_flows(w->dp, add_flow, &l, NULL), 0);
	return &l;
}

/* Entries of flows that ended and are not collected yet, as many as there is room for but n. */
static inline void put_ended_flows(struct world *w, uint32_t n)
{
	struct flow f = {.state = FLOW_CLOSED};
	struct flow_key k = {.family = 2, .protocol = 17, .ifindex = 1000};
	int fd = w->dp->flows.fd;

	while (!bpf_map_update_elem(fd, &k, &f, BPF_NOEXIST))
		k.ifindex++;
	while (n--) {
		k.ifindex--;
		assert_int_equal(bpf_map_delete_elem(fd, &k), 0);
	}
}

/* The half that enters at an interface; NULL: none. */
static inline const struct flow *half_at(struct world *w, uint32_t eni)
{
	struct flow_list *l = flows_of(w);

	for (size_t i = 0; i < l->n && i < 4096; i++)
		if (l->keys[i].ifindex == eni)
			return &l->flows[i];
	return NULL;
}

#endif
