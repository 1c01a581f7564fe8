/* SPDX-License-Identifier: MIT
 * NAT gateways on the way, out and back.
 */
#ifndef VPCD_BPF_LIB_NAT_WALK_H
#define VPCD_BPF_LIB_NAT_WALK_H

#include "bpf/lib/gateway.h"
#include "bpf/lib/rules.h"

#define MTU_NAT 8500

static __always_inline const struct route_entry *subnet_route(struct walk *w, __u32 subnet)
{
	const struct subnet_entry *s = bpf_map_lookup_elem(&subnets, &subnet);

	return s ? route_lookup(w, s->route_table, &w->at.daddr) : NULL;
}

/* The subnet of the interface where a route leads next: a middlebox, a NAT gateway, or who has a
 * local destination; 0: another edge. No ACL is asked within a subnet. */
static __always_inline __u32 next_subnet(struct walk *w, const struct route_entry *r)
{
	const struct addr_entry *a;
	const struct nat_entry *n;
	const struct eni *t;
	__u32 id, kind;

	if (!r)
		return 0;
	id = r->id;
	kind = r->target == TARGET_ENI ? ADDR_ENI : r->target == TARGET_NAT_GATEWAY ? ADDR_NAT : 0;
	if (r->target == TARGET_LOCAL) {
		a = holder_of(w, w->vpc, &w->at.daddr);
		kind = a ? a->kind : 0;
		id = a ? a->ifindex : 0;
	}
	if (kind == ADDR_ENI) {
		t = bpf_map_lookup_elem(&enis, &id);
		return t ? t->subnet : 0;
	}
	n = kind == ADDR_NAT ? bpf_map_lookup_elem(&nats, &id) : NULL;
	return n ? n->subnet : 0;
}

/* The address by which a NAT gateway translates the packet's flow.
 * The mask is for the verifier, and the barrier for the compiler, which knows better. */
static __always_inline const struct nat_address *nat_address_at(const struct nat_entry *n, __u32 i)
{
	asm volatile("" : "+r"(i));
	return &n->addresses[i & (NAT_ADDRESSES_MAX - 1)];
}

/* Which of the gateway's addresses is this one, public or private? NAT_ADDRESSES_MAX: none. */
static __always_inline __u32 nat_address_find(const struct nat_entry *n, const struct ip128 *ip)
{
	__u32 i;

	for (i = 0; i < NAT_ADDRESSES_MAX; i++)
		if (i < n->n_addresses && (ip128_equal(&n->addresses[i].public_address, ip) ||
					   ip128_equal(&n->addresses[i].private_address, ip)))
			break;
	return i;
}

/* A reply that comes back to a NAT gateway: only for a flow that it translates. */
__noinline int walk_nat_return(struct walk *w)
{
	__u32 number = w ? w->next_id : 0;
	const struct nat_entry *n = bpf_map_lookup_elem(&nats, &number);
	const struct addr_entry *holder;
	__u32 ifindex;
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	/* The flow's own, not one that its packets would pass now. */
	if (!n || !w->is.has_flow || w->old_nat != number)
		return DROP_NAT_UNSOLICITED;
	w->nat = number;
	w->vpc = n->vpc;
	w->hops++;
	if (w->subnet != n->subnet) {
		w->subnet = n->subnet;
		reason = gate_acl(w, n->subnet, 0);
		if (reason)
			return reason;
	}
	w->at.daddr = w->old.daddr;
	w->at.sport = w->old.sport;
	w->at.dport = w->old.dport;
	if (w->dry)
		trail_hop(w, TRAIL_NAT_GATEWAY, number, DROP_NONE, 0);
	holder = holder_of(w, w->vpc, &w->at.daddr);
	if (!holder || holder->kind != ADDR_ENI)
		return DROP_NO_DESTINATION;
	ifindex = holder->ifindex;
	w->local = 0;
	if (target_load(w, ifindex) && w->target.subnet != w->subnet) {
		reason = gate_acl(w, w->subnet, 1);
		if (reason)
			return reason;
	}
	return walk_next(w, STEP_DELIVER, ifindex);
}

/* Only a SYN opens a connection (RFC 5382, section 4.1): any other segment without a flow is one of
 * a connection that was idle for too long. */
static __always_inline int is_stray_segment(const struct walk *w)
{
	return w->key.protocol == IPPROTO_TCP && !w->is.has_flow && !w->is.of_error &&
	       (w->is.tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN;
}

/* The address that a flow leaves by: the one it has, or for a new one that of its sender (RFC 4787,
 * section 4.1, paired pooling), or the next one if all ports of that are taken. */
static __always_inline __u32 nat_address_choose(struct walk *w, const struct nat_entry *n)
{
	__u32 i;

	if (w->is.has_flow) {
		i = nat_address_find(n, &w->old.saddr);
	} else {
		i = (ip128_hash(&w->key.saddr) + w->nat_tried) %
		    (n->n_addresses ? n->n_addresses : 1);
		w->nat_left = n->n_addresses > w->nat_tried + 1;
	}
	return i & (NAT_ADDRESSES_MAX - 1);
}

/* Through a NAT gateway: into its subnet, translated, and out by that subnet's routes. The port is
 * chosen at admission, when the destination is known. */
__noinline int walk_nat(struct walk *w)
{
	__u32 number = w ? w->next_id : 0;
	const struct nat_entry *n = bpf_map_lookup_elem(&nats, &number);
	const struct route_entry *r;
	__u32 subnet, address;
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	if (!n || !(n->flags & NAT_AVAILABLE)) {
		if (w->dry)
			trail_hop(w, TRAIL_NAT_GATEWAY | TRAIL_EGRESS, number, DROP_NAT_STATE, 0);
		return DROP_NAT_STATE;
	}
	if (w->key.family != AF_INET)
		return DROP_NAT_PROTOCOL;
	if (w->key.protocol != IPPROTO_TCP && w->key.protocol != IPPROTO_UDP && !w->is.is_echo &&
	    !w->is.of_error)
		return DROP_NAT_PROTOCOL;
	if (w->is.fragment && w->key.protocol != IPPROTO_UDP)
		return DROP_NAT_FRAGMENT;
	if (w->nat)
		return DROP_LOOP;
	w->nat = number;
	w->hops++;
	if (is_stray_segment(w))
		return DROP_NAT_IDLE;
	if (w->mtu > MTU_NAT)
		w->mtu = MTU_NAT;
	subnet = n->subnet;
	address = nat_address_choose(w, n);
	if (w->subnet != subnet) {
		w->subnet = subnet;
		reason = gate_acl(w, subnet, 0);
		if (reason)
			return reason;
	}
	w->at.saddr = nat_address_at(n, address)->private_address;
	if (w->is.has_flow) {
		w->at.sport = w->old.sport;
		w->at.dport = w->old.dport;
	}
	w->translated = 1;
	if (w->dry)
		trail_hop(w, TRAIL_NAT_GATEWAY | TRAIL_EGRESS, number, DROP_NONE, 0);
	r = subnet_route(w, subnet);
	if (next_subnet(w, r) != subnet) {
		reason = gate_acl(w, subnet, 1);
		if (reason)
			return reason;
	}
	trail_route(w, subnet, r);
	if (!r)
		return DROP_NO_ROUTE;
	switch (r->target) {
	case TARGET_LOCAL:
		return walk_next(w, STEP_HOLDER, 0);
	case TARGET_INTERNET_GATEWAY:
		return walk_next(w, STEP_IGW, r->id);
	case TARGET_ENI:
		return walk_next(w, STEP_DETOUR, r->id);
	case TARGET_NAT_GATEWAY:
		return DROP_LOOP;
	}
	return DROP_BLACKHOLE;
}

#endif
