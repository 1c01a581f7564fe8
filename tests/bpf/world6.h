/* SPDX-License-Identifier: MIT
 * The world of world.h with IPv6 in it:
 *
 *   VPC 16, 2600:1f18:0:1600::/56                  VPC 17, 2600:1f18:0:1700::/56
 *     subnet 1 2600:1f18:0:1601::/64  A  B           subnet 4 2600:1f18:0:1701::/64  X  Y
 *     subnet 2 2600:1f18:0:1602::/64  C              internet
 *     subnet 3 2600:1f18:0:1603::/64  W                H 2001:db8::80
 *
 * Routes over IPv6: subnet 2 to egress-only gateway 6, subnet 3 to internet gateway 5.
 */
#ifndef VPCD_TESTS_WORLD6_H
#define VPCD_TESTS_WORLD6_H

#include "packet6.h"
#include "world.h"

#define EIGW 6

static inline struct ip128 v6(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (struct ip128){.w = {htonl(a), htonl(b), htonl(c), htonl(d)}};
}

static inline void put_route6(struct world *w, uint32_t table, struct ip128 net, uint32_t len,
			      uint32_t target, uint32_t id)
{
	struct route_key k = {.prefixlen = 64 + len, .table = table, .family = 10, .address = net};
	struct route_entry v = {.target = target, .id = id};

	put(w, DP_ROUTES, &k, &v);
}

static inline void put_address6(struct world *w, uint32_t vpc, struct ip128 address,
				const struct addr_entry *v)
{
	struct addr_key k = {.vpc = vpc, .family = 10, .address = address};

	put(w, DP_ADDRESSES, &k, v);
}

/* gateway, egress: numbers of its VPC's gateways, 0: none. */
static inline void put_holder6(struct world *w, uint32_t eni, uint32_t vpc, uint32_t gateway,
			       uint32_t egress)
{
	struct addr_entry v = {.kind = ADDR_ENI,
			       .ifindex = eni,
			       .vpc = vpc,
			       .gateway = gateway,
			       .egress_gateway = egress,
			       .other = ip6_of(eni)};

	put_address6(w, vpc, ip6_of(eni), &v);
	if (vpc == VPC_INTERNET)
		return;
	v.kind = ADDR_PUBLIC;
	put_address6(w, VPC_INTERNET, ip6_of(eni), &v);
}

/* Rules of the world's group sets, in IPv6: 1 everything; 2 all out, TCP 80 in from subnet 1. */
static inline void put_rule_range6(struct world *w, uint32_t number, struct ip128 net, uint32_t len)
{
	struct rules_bitmap one = {.w = {1}};
	struct rule_addr_key a = {.prefixlen = 64 + len,
				  .classifier = CLASSIFIER_ID(number, true),
				  .family = 10,
				  .address = net};

	put(w, DP_RULE_ADDRESSES, &a, &one);
}

static inline void put_rules6(struct world *w)
{
	for (uint32_t set = 1; set < 6; set++) {
		struct rules_pair pair = dataplane_group_rules(w->dp, set);

		if (pair.out)
			put_rule_range6(w, pair.out, v6(0, 0, 0, 0), 0);
		if (set == 1 || set == 5)
			put_rule_range6(w, pair.in, v6(0, 0, 0, 0), 0);
		if (set == 2)
			put_rule_range6(w, pair.in, v6(0x26001f18, 0x1601, 0, 0), 64);
	}
}

static inline void put_subnet6(struct world *w, uint32_t subnet, uint32_t vpc, uint32_t acl)
{
	uint32_t third = subnet == 4 ? 1 : subnet;
	struct subnet_entry v = {
		.vpc = vpc,
		.route_table = subnet,
		.acl = acl,
		.router = v4(IP(10, 0, third, 1)),
		.prefix6 = v6(0x26001f18, (subnet == 4 ? 0x1700 : 0x1600) | third, 0, 0),
		.prefix6_len = 64};

	put(w, DP_SUBNETS, &subnet, &v);
}

static inline int world6_setup_with(void **state, uint32_t max_flows)
{
	struct world *w;
	int rc = world_setup_with(state, max_flows);

	w = *state;
	for (uint32_t t = 1; t <= 4; t++)
		put_route6(w, t, v6(0x26001f18, t == 4 ? 0x1700 : 0x1600, 0, 0), 56, TARGET_LOCAL,
			   0);
	put_route6(w, LOCAL, v6(0x26001f18, 0x1600, 0, 0), 56, TARGET_LOCAL, 0);
	put_route6(w, LOCAL + 1, v6(0x26001f18, 0x1700, 0, 0), 56, TARGET_LOCAL, 0);
	put_route6(w, 2, v6(0, 0, 0, 0), 0, TARGET_EGRESS_ONLY, EIGW);
	put_route6(w, 3, v6(0, 0, 0, 0), 0, TARGET_INTERNET_GATEWAY, IGW);
	for (uint32_t s = 1; s <= 4; s++)
		put_subnet6(w, s, s == 4 ? 17 : 16, 0);
	for (uint32_t i = A; i <= W; i++)
		put_holder6(w, i, 16, IGW, EIGW);
	put_holder6(w, X, 17, 0, EIGW + 1);
	put_holder6(w, Y, 17, 0, EIGW + 1);
	put_holder6(w, H, VPC_INTERNET, 0, 0);
	put_rules6(w);
	return rc;
}

static inline int world6_setup(void **state)
{
	return world6_setup_with(state, 4096);
}

#endif
