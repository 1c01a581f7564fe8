/* SPDX-License-Identifier: MIT
 * The walk: what the VPC's router would do with the first packet of a flow, step by step, each
 * step a gate. A flow that walks again (its generation is old, or its first reply) keeps the gates
 * that it passed tracked and its translation; see struct walk.
 */
#ifndef VPCD_BPF_LIB_ROUTE_H
#define VPCD_BPF_LIB_ROUTE_H

#include "bpf/lib/arp.h"
#include "bpf/lib/rules.h"
#include "bpf/lib/walk.h"

#define MTU_INTERNET 1500
#define MTU_NAT	     8500

/* Hands the packet to an interface: destination check, its subnet's ACL, its groups. */
__noinline int walk_deliver(struct walk *w)
{
	__u32 ifindex = w ? w->next_id : 0;
	const struct eni *t;
	__u32 peer_groups;
	int reason;

	if (!w)
		return DROP_INTERNAL;
	t = bpf_map_lookup_elem(&enis, &ifindex);
	if (!t)
		return DROP_NO_DESTINATION;
	w->step = STEP_DONE;
	w->target = *t;
	w->output_ifindex = ifindex;
	if (w->target.mtu < w->mtu)
		w->mtu = w->target.mtu;
	if ((w->target.flags & ENI_SOURCE_DEST_CHECK) &&
	    !ip128_equal(&w->at.daddr, &w->target.address))
		return DROP_DEST_CHECK;
	if (w->target.subnet != w->subnet) {
		w->flow_flags |= FLOW_ROUTED;
		reason = gate_acl(w, w->target.subnet, 0);
		if (reason)
			return reason;
	}
	if (w->skip_ingress) {
		w->flow_flags |= FLOW_TRACKED_IN;
		return DROP_NONE;
	}
	peer_groups = w->local && !w->translated ? w->self.groups : 0;
	reason = gate_groups(w, w->target.groups, peer_groups, 0);
	if (!reason && (!w->match_untracked || (w->target.flags & ENI_ALWAYS_TRACKED)))
		w->flow_flags |= FLOW_TRACKED_IN;
	return reason;
}

static __always_inline const struct nat_address *nat_address_of(const struct nat_entry *n,
								const struct walk *w)
{
	return &n->addresses[w->nat_address & (NAT_ADDRESSES_MAX - 1)];
}

/* A reply that comes back to a NAT gateway: only for a flow that it translates. */
__noinline int walk_nat_return(struct walk *w)
{
	__u32 number = w ? w->next_id : 0;
	const struct nat_entry *n = bpf_map_lookup_elem(&nats, &number);
	const struct nat_address *a;
	const struct addr_entry *holder;
	__u32 ifindex;
	int reason;

	if (!w)
		return DROP_INTERNAL;
	if (!n || !w->has_flow || w->nat != number)
		return DROP_NAT_UNSOLICITED;
	a = nat_address_of(n, w);
	w->at.daddr = a->private_address;
	w->vpc = n->vpc;
	w->hops++;
	if (w->subnet != n->subnet) {
		w->subnet = n->subnet;
		reason = gate_acl(w, n->subnet, 0);
		if (reason)
			return reason;
	}
	w->at.daddr = w->old.daddr;
	w->at.dport = w->old.dport;
	holder = holder_of(w, w->vpc, &w->at.daddr);
	if (!holder || holder->kind != ADDR_ENI)
		return DROP_NO_DESTINATION;
	ifindex = holder->ifindex;
	holder = NULL;
	w->local = 0;
	if (w->self.subnet != w->subnet) {
		const struct eni *t = bpf_map_lookup_elem(&enis, &ifindex);

		if (t && t->subnet != w->subnet) {
			reason = gate_acl(w, w->subnet, 1);
			if (reason)
				return reason;
		}
	}
	return walk_next(w, STEP_DELIVER, ifindex);
}

/* On the simulated internet, by the destination's public address. */
__noinline int walk_public(struct walk *w)
{
	const struct addr_entry *holder;
	__u32 id;

	if (!w)
		return DROP_INTERNAL;
	w->hops++;
	w->vpc = VPC_INTERNET;
	w->subnet = 0;
	w->local = 0;
	if (w->mtu > MTU_INTERNET)
		w->mtu = MTU_INTERNET;
	holder = holder_of(w, VPC_INTERNET, &w->at.daddr);
	if (!holder)
		return DROP_NO_DESTINATION;
	id = holder->ifindex;
	if (holder->kind == ADDR_ENI)
		return walk_next(w, STEP_DELIVER, id);
	/* Into a VPC, by its internet gateway. */
	if (!holder->gateway)
		return DROP_IGW_UNASSOCIATED;
	if (is_private(&w->at.saddr))
		return DROP_IGW_PRIVATE_SOURCE;
	if (holder->kind == ADDR_NAT)
		return walk_next(w, STEP_NAT_RETURN, id);
	w->vpc = holder->vpc;
	w->at.daddr = holder->other;
	return walk_next(w, STEP_DELIVER, id);
}

/* Out by an internet gateway: the source becomes its public address. */
__noinline int walk_internet_gateway(struct walk *w)
{
	struct addr_entry *holder;
	__u32 gateway = w ? w->next_id : 0;

	if (!w)
		return DROP_INTERNAL;
	if (ip128_is_set(&w->public)) {
		w->at.saddr = w->public;
	} else {
		holder = holder_of(w, w->vpc, &w->at.saddr);
		if (!holder || holder->kind != ADDR_ENI || !ip128_is_set(&holder->other) ||
		    holder->gateway != gateway)
			return DROP_IGW_NO_PUBLIC_IP;
		w->at.saddr = holder->other;
	}
	if (is_private(&w->at.daddr))
		return DROP_IGW_PRIVATE_DESTINATION;
	w->translated = 1;
	return walk_next(w, STEP_PUBLIC, 0);
}

static __always_inline const struct route_entry *route_find(struct walk *w, __u32 subnet)
{
	const struct subnet_entry *s = bpf_map_lookup_elem(&subnets, &subnet);

	if (!s)
		return NULL;
	w->route_key.prefixlen = 64 + 128;
	w->route_key.table = s->route_table;
	w->route_key.family = AF_INET;
	w->route_key.address = w->at.daddr;
	return bpf_map_lookup_elem(&routes, &w->route_key);
}

/* Within the VPC, to whoever has the address. */
__noinline int walk_local(struct walk *w)
{
	const struct addr_entry *holder;
	__u32 id;

	if (!w)
		return DROP_INTERNAL;
	holder = holder_of(w, w->vpc, &w->at.daddr);
	if (!holder)
		return DROP_NO_DESTINATION;
	id = holder->ifindex;
	if (holder->kind == ADDR_NAT)
		return walk_next(w, STEP_NAT_RETURN, id);
	return walk_next(w, STEP_DELIVER, id);
}

/* Through a NAT gateway: into its subnet, translated, and out by that subnet's routes. The port is
 * chosen at admission, when the destination is known. */
__noinline int walk_nat(struct walk *w)
{
	__u32 number = w ? w->next_id : 0;
	const struct nat_entry *n = bpf_map_lookup_elem(&nats, &number);
	const struct route_entry *r;
	__u32 subnet;
	int reason;

	if (!w)
		return DROP_INTERNAL;
	if (!n || !(n->flags & NAT_AVAILABLE))
		return DROP_NAT_STATE;
	if (w->protocol != IPPROTO_TCP && w->protocol != IPPROTO_UDP && !w->is_echo)
		return DROP_NAT_PROTOCOL;
	if (w->nat && !w->has_flow)
		return DROP_LOOP;
	w->nat = number;
	w->hops++;
	if (w->mtu > MTU_NAT)
		w->mtu = MTU_NAT;
	subnet = n->subnet;
	if (n->flags & NAT_IS_PUBLIC)
		w->public = nat_address_of(n, w)->public_address;
	if (w->subnet != subnet) {
		w->subnet = subnet;
		reason = gate_acl(w, subnet, 0);
		if (reason)
			return reason;
	}
	w->at.saddr = nat_address_of(n, w)->private_address;
	if (w->has_flow)
		w->at.sport = w->old.sport;
	w->translated = 1;
	r = route_find(w, subnet);
	if (!r)
		return DROP_NO_ROUTE;
	reason = gate_acl(w, subnet, 1);
	if (reason)
		return reason;
	switch (r->target) {
	case TARGET_LOCAL:
		return walk_next(w, STEP_LOCAL, 0);
	case TARGET_INTERNET_GATEWAY:
		if (!ip128_is_set(&w->public))
			return DROP_IGW_NO_PUBLIC_IP;
		return walk_next(w, STEP_IGW, r->id);
	case TARGET_ENI:
		return walk_next(w, STEP_DELIVER, r->id);
	case TARGET_NAT_GATEWAY:
		return DROP_LOOP;
	}
	return DROP_BLACKHOLE;
}

/* The resolver's namespace serves all VPCs: the client gets an address that is its own there. */
static __always_inline int walk_service(struct walk *w)
{
	const struct dp_config *cfg = dp_config();
	const struct eni *t;
	__u32 ifindex;

	if ((w->protocol != IPPROTO_UDP && w->protocol != IPPROTO_TCP) ||
	    w->at.dport != bpf_htons(53) || !w->self.service_address || !cfg)
		return DROP_LINK_LOCAL;
	ifindex = *(volatile const __u32 *)&cfg->service_ifindex;
	t = bpf_map_lookup_elem(&enis, &ifindex);
	if (!t)
		return DROP_LINK_LOCAL;
	w->target = *t;
	w->output_ifindex = ifindex;
	w->at.saddr = ip128_v4(w->self.service_address);
	w->at.daddr = w->target.address;
	/* No gate filters the resolver. */
	w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT | FLOW_TRACKED_IN;
	return DROP_NONE;
}

/* The resolver's answers: only back to where the question came from. */
static __always_inline int walk_from_service(struct walk *w)
{
	const struct eni *t;
	__u32 ifindex;

	if (!w->has_flow)
		return DROP_NO_ROUTE;
	w->at = w->old;
	ifindex = w->output_ifindex;
	t = bpf_map_lookup_elem(&enis, &ifindex);
	if (!t)
		return DROP_NO_DESTINATION;
	w->target = *t;
	w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT | FLOW_TRACKED_IN;
	return DROP_NONE;
}

static __always_inline int sender_gate(struct walk *w, __u32 peer_groups)
{
	int reason;

	if (w->skip_egress) {
		w->flow_flags |= FLOW_TRACKED_OUT;
		return DROP_NONE;
	}
	reason = gate_groups(w, w->self.groups, peer_groups, 1);
	if (!reason && (!w->match_untracked || (w->self.flags & ENI_ALWAYS_TRACKED)))
		w->flow_flags |= FLOW_TRACKED_OUT;
	return reason;
}

/* To a neighbour of the subnet: no route, no ACL. The address says who it is, not the frame: a
 * stale neighbour entry for an address that changed hands must not cost the seconds that it lives.
 * 0 or a reason; -1: there is none. */
static __always_inline int walk_neighbour(struct walk *w, __u32 *peer_groups)
{
	const struct addr_entry *holder = holder_of(w, w->vpc, &w->at.daddr);
	const struct eni *t;
	__u32 ifindex;
	int reason;

	*peer_groups = 0;
	if (!holder || holder->kind != ADDR_ENI)
		return -1;
	ifindex = holder->ifindex;
	t = bpf_map_lookup_elem(&enis, &ifindex);
	if (!t)
		return -1;
	*peer_groups = t->groups;
	if (t->subnet != w->self.subnet)
		return -1;
	reason = sender_gate(w, *peer_groups);
	return reason ? reason : walk_next(w, STEP_DELIVER, ifindex);
}

static __always_inline int walk_route(struct walk *w, __u32 peer_groups)
{
	const struct route_entry *r = route_find(w, w->self.subnet);
	__u32 target = r ? r->target : TARGET_BLACKHOLE, id = r ? r->id : 0;
	int reason;

	/* A reference matches on a local path only. */
	reason = sender_gate(w, r && target == TARGET_LOCAL ? peer_groups : 0);
	if (reason)
		return reason;
	reason = gate_acl(w, w->self.subnet, 1);
	if (reason)
		return reason;
	if (!r)
		return DROP_NO_ROUTE;
	w->local = target == TARGET_LOCAL;
	switch (target) {
	case TARGET_LOCAL:
		return walk_next(w, STEP_LOCAL, 0);
	case TARGET_INTERNET_GATEWAY:
		return walk_next(w, STEP_IGW, id);
	case TARGET_NAT_GATEWAY:
		return walk_next(w, STEP_NAT, id);
	case TARGET_ENI:
		return walk_next(w, STEP_DELIVER, id);
	}
	return DROP_BLACKHOLE;
}

/* The step at the sender's own interface. */
static __always_inline int walk_first(struct walk *w)
{
	__u32 peer_groups, a = bpf_ntohl(w->at.daddr.w[3]);
	int reason;

	if (w->self.flags & ENI_SERVICE)
		return walk_from_service(w);
	if (a >> 28 == 14 || a == 0xffffffff || (w->dmac[0] & 1))
		return DROP_MULTICAST;
	if (is_resolver(w, &w->at.daddr))
		return walk_service(w);
	if (a >> 16 == 0xa9fe)
		return DROP_LINK_LOCAL;
	if (w->self.flags & ENI_INTERNET) {
		w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT;
		return walk_next(w, STEP_PUBLIC, 0);
	}
	reason = walk_neighbour(w, &peer_groups);
	if (reason >= 0)
		return reason;
	w->flow_flags |= FLOW_ROUTED;
	return walk_route(w, peer_groups);
}

static __always_inline int walk_step(struct walk *w)
{
	switch (w->step) {
	case STEP_DELIVER:
		return walk_deliver(w);
	case STEP_LOCAL:
		return walk_local(w);
	case STEP_PUBLIC:
		return walk_public(w);
	case STEP_IGW:
		return walk_internet_gateway(w);
	case STEP_NAT:
		return walk_nat(w);
	case STEP_NAT_RETURN:
		return walk_nat_return(w);
	}
	return DROP_INTERNAL;
}

/* From the sender's interface to the receiver's: 0 and the decision in w, or the reason. */
__noinline int walk_run(struct walk *w)
{
	int reason;

	if (!w)
		return DROP_INTERNAL;
	w->at = w->in;
	w->vpc = w->self.vpc;
	w->subnet = w->self.subnet;
	w->mtu = w->self.mtu;
	w->local = 1;
	w->translated = 0;
	w->flow_flags = 0;
	w->hops = 1;
	w->step = STEP_DONE;
	__builtin_memset(&w->public, 0, sizeof(w->public));
	reason = walk_first(w);
	for (int i = 0; i < STEPS_MAX && !reason && w->step != STEP_DONE; i++)
		reason = walk_step(w);
	if (reason)
		return reason;
	return w->step == STEP_DONE ? DROP_NONE : DROP_LOOP;
}

#endif
