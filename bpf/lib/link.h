/* SPDX-License-Identifier: MIT
 * Who answers on the sender's link, be it asked by ARP or by neighbour discovery: the router, the
 * resolver and live neighbours of the subnet. Absent addresses stay unanswered, as in a VPC, and so
 * do one's own: duplicate address detection finds nobody.
 */
#ifndef VPCD_BPF_LIB_LINK_H
#define VPCD_BPF_LIB_LINK_H

#include "bpf/lib/walk.h"

#define ADDRESS_RESOLVER 0xa9fea9fd /* 169.254.169.253 */

static __always_inline int is_resolver(const struct walk *w, const struct ip128 *address)
{
	const struct vpc_entry *v = bpf_map_lookup_elem(&vpcs, &w->self.vpc);

	if (!v || !(v->flags & VPC_DNS_SUPPORT))
		return 0;
	if (w->key.family == AF_INET6)
		return ip128_is(address, RESOLVER6);
	return ip128_equal(address, &v->resolver) || address->w[3] == bpf_htonl(ADDRESS_RESOLVER);
}

/* Is it an address of the sender's own? Mostly its primary one. */
static __always_inline int is_own_address(struct walk *w, const struct ip128 *address)
{
	const struct addr_entry *a;

	if (ip128_equal(address, w->key.family == AF_INET6 ? &w->self.address6 : &w->self.address))
		return ip128_is_set(address);
	a = holder_of(w, w->self.vpc, address);
	return a && a->kind == ADDR_ENI && a->ifindex == w->key.ifindex;
}

/* The subnet's router over IPv6 besides fe80:ec2::1: its block + 1. */
static __always_inline struct ip128 router_of6(const struct subnet_entry *s)
{
	struct ip128 r = s->prefix6;

	r.w[3] |= bpf_htonl(1);
	return r;
}

static __always_inline int is_router(const struct walk *w, const struct subnet_entry *s,
				     const struct ip128 *address)
{
	struct ip128 router;

	if (w->key.family != AF_INET6)
		return ip128_equal(address, &s->router);
	if (ip128_is(address, ROUTER6))
		return s->prefix6_len || ip128_is_set(&w->self.address6);
	router = router_of6(s);
	return s->prefix6_len && ip128_equal(address, &router);
}

enum link_answer { LINK_NOBODY, LINK_ROUTER, LINK_RESOLVER, LINK_NEIGHBOUR };

/* The MAC that answers for an address, into w->answer. */
__noinline int link_answer(struct walk *w)
{
	const __u8 router[6] = ROUTER_MAC;
	const struct subnet_entry *s;
	const struct addr_entry *a;
	const struct nat_entry *gateway;
	const struct eni *neighbour;
	__u32 ifindex;

	w = walk_own(w);
	if (!w)
		return LINK_NOBODY;
	s = bpf_map_lookup_elem(&subnets, &w->self.subnet);
	if (!s)
		return LINK_NOBODY;
	__builtin_memcpy(w->answer, router, 6);
	if (is_router(w, s, &w->match_address))
		return LINK_ROUTER;
	if (is_resolver(w, &w->match_address))
		return LINK_RESOLVER;
	a = holder_of(w, w->self.vpc, &w->match_address);
	if (!a)
		return LINK_NOBODY;
	ifindex = a->ifindex;
	if (a->kind == ADDR_NAT) { /* its frames are the router's */
		gateway = bpf_map_lookup_elem(&nats, &ifindex);
		return gateway && gateway->subnet == w->self.subnet ? LINK_NEIGHBOUR : LINK_NOBODY;
	}
	if (a->kind != ADDR_ENI || ifindex == w->key.ifindex)
		return LINK_NOBODY;
	neighbour = bpf_map_lookup_elem(&enis, &ifindex);
	if (!neighbour || neighbour->subnet != w->self.subnet)
		return LINK_NOBODY;
	__builtin_memcpy(w->answer, neighbour->mac, 6);
	return LINK_NEIGHBOUR;
}

#endif
