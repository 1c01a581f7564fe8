/* SPDX-License-Identifier: MIT
 * Out of a VPC and into one: internet gateways, egress-only internet gateways, peerings, and the
 * simulated internet between them.
 */
#ifndef VPCD_BPF_LIB_GATEWAY_H
#define VPCD_BPF_LIB_GATEWAY_H

#include "bpf/lib/trail.h"

#define MTU_INTERNET 1500

static __always_inline const struct route_entry *route_lookup(struct walk *w, __u32 table,
							      const struct ip128 *address)
{
	w->route_key.prefixlen = 64 + 128;
	w->route_key.table = table;
	w->route_key.family = w->key.family;
	w->route_key.address = *address;
	return bpf_map_lookup_elem(&routes, &w->route_key);
}

static __always_inline __u32 local_table_of(__u32 vpc)
{
	const struct vpc_entry *v = bpf_map_lookup_elem(&vpcs, &vpc);

	return v ? v->local_table : 0;
}

/* Is the address of one of the VPC's blocks? */
static __always_inline int is_local(struct walk *w, __u32 vpc, const struct ip128 *address)
{
	const struct route_entry *r = route_lookup(w, local_table_of(vpc), address);

	return r && r->target == TARGET_LOCAL;
}

/* ---- the internet ---- */

/* Into a VPC from the internet, by the gateway of the address's holder. */
static __always_inline int enter_vpc(struct walk *w, const struct addr_entry *holder)
{
	const __u32 reply = FLOW_REPLY | FLOW_EGRESS_ONLY;
	__u32 gateway = holder->gateway;

	w->vpc = holder->vpc;
	if (holder->egress_gateway && w->is.has_flow && (w->old_flags & reply) == reply)
		return walk_next(w, STEP_HOLDER, 0);
	if (!gateway)
		return holder->egress_gateway ? DROP_EIGW_UNSOLICITED : DROP_IGW_UNASSOCIATED;
	if (w->key.family == AF_INET && is_private(&w->at.saddr))
		return DROP_IGW_PRIVATE_SOURCE;
	w->at.daddr = holder->other;
	return walk_next(w, STEP_INGRESS, gateway);
}

/* Nobody of the simulated internet has the destination: by its default route, which leads to the
 * uplink if there is one. What must never leave is routed as local. */
static __always_inline int leave_internet(struct walk *w)
{
	const struct route_entry *r;

	if (w->self.flags & (ENI_STAYS | ENI_UPLINK))
		return DROP_NO_DESTINATION;
	r = route_lookup(w, local_table_of(VPC_INTERNET), &w->at.daddr);
	if (!r || r->target != TARGET_ENI)
		return DROP_NO_DESTINATION;
	return walk_next(w, STEP_DELIVER, r->id);
}

/* On the simulated internet, by the destination's public address. */
__noinline int walk_public(struct walk *w)
{
	const struct addr_entry *holder;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	w->hops++;
	w->vpc = VPC_INTERNET;
	w->subnet = 0;
	w->local = 0;
	if (w->mtu > MTU_INTERNET)
		w->mtu = MTU_INTERNET;
	if (w->dry)
		trail_hop(w, TRAIL_INTERNET, 0, DROP_NONE, 0);
	holder = holder_of(w, VPC_INTERNET, &w->at.daddr);
	if (!holder)
		return leave_internet(w);
	if (holder->kind == ADDR_ENI)
		return walk_next(w, STEP_DELIVER, holder->ifindex);
	return enter_vpc(w, holder);
}

/* In by an internet gateway, the destination private by now: by the gateway's own route table
 * (ingress routing), or the VPC's local one. */
__noinline int walk_ingress(struct walk *w)
{
	__u32 number = w ? w->next_id : 0, table;
	const struct gateway_entry *g = bpf_map_lookup_elem(&gateways, &number);
	const struct route_entry *r;
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	if (w->dry)
		trail_hop(w, TRAIL_INTERNET_GATEWAY, number, DROP_NONE, 0);
	table = g ? g->route_table : 0;
	r = route_lookup(w, table, &w->at.daddr);
	reason = route_refusal(r);
	if (w->dry && table != local_table_of(w->vpc))
		trail_hop(w, TRAIL_ROUTE, table, reason, r ? r->target : 0);
	if (!r || reason)
		return reason;
	return r->target == TARGET_ENI ? walk_next(w, STEP_DETOUR, r->id)
				       : walk_next(w, STEP_HOLDER, 0);
}

/* The public address of the packet's source at this gateway, which knows the VPC's private
 * addresses alone, whoever sends: an interface, a NAT gateway, or a middlebox what it got from
 * either. NULL: it has none. */
static __always_inline const struct ip128 *find_public(struct walk *w, __u32 gateway)
{
	const struct addr_entry *a = holder_of(w, w->vpc, &w->at.saddr);

	return a && a->gateway == gateway && ip128_is_set(&a->other) ? &a->other : NULL;
}

static __always_inline int leave_by_gateway(struct walk *w)
{
	const struct ip128 *public = find_public(w, w->next_id);
	struct ip128 source;

	if (!public)
		return DROP_IGW_NO_PUBLIC_IP;
	source = *public; /* is_local() has the key */
	if (is_local(w, w->vpc, &w->at.daddr))
		return DROP_IGW_VPC_DESTINATION;
	if (w->key.family == AF_INET && is_private(&w->at.daddr))
		return DROP_IGW_PRIVATE_DESTINATION;
	w->at.saddr = source;
	w->translated = 1;
	return DROP_NONE;
}

/* Out by an internet gateway: the source becomes its public address. */
__noinline int walk_internet_gateway(struct walk *w)
{
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	reason = leave_by_gateway(w);
	if (w->dry)
		trail_hop(w, TRAIL_INTERNET_GATEWAY | TRAIL_EGRESS, w->next_id, reason, 0);
	return reason ? reason : walk_next(w, STEP_PUBLIC, 0);
}

static __always_inline int leave_by_egress_only(struct walk *w)
{
	const struct addr_entry *a;

	if (w->key.family != AF_INET6)
		return DROP_BLACKHOLE;
	a = holder_of(w, VPC_INTERNET, &w->at.saddr);
	if (!a || a->kind != ADDR_PUBLIC || a->vpc != w->vpc || a->egress_gateway != w->next_id)
		return DROP_IGW_NO_PUBLIC_IP;
	if (w->is.has_flow && (w->old_flags & FLOW_REPLY))
		return DROP_EIGW_UNSOLICITED;
	if (is_local(w, w->vpc, &w->at.daddr))
		return DROP_IGW_VPC_DESTINATION;
	w->flow_flags |= FLOW_EGRESS_ONLY;
	w->translated = 1;
	return DROP_NONE;
}

/* Out by an egress-only gateway: nothing that was opened from outside, replies included. */
__noinline int walk_egress_only(struct walk *w)
{
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	reason = leave_by_egress_only(w);
	if (w->dry)
		trail_hop(w, TRAIL_EGRESS_ONLY | TRAIL_EGRESS, w->next_id, reason, 0);
	return reason ? reason : walk_next(w, STEP_PUBLIC, 0);
}

/* ---- peering ---- */

/* To the other side of an active peering: between the two VPCs' own blocks alone, so that nothing
 * goes through one of them to a third, nor to the other side's gateways. */
__noinline int walk_peering(struct walk *w)
{
	int reason = DROP_NONE;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	if (!is_local(w, w->vpc, &w->at.saddr))
		reason = DROP_PEERING_SOURCE;
	else if (!is_local(w, w->next_id, &w->at.daddr))
		reason = DROP_PEERING_DESTINATION;
	if (w->dry)
		trail_hop(w, TRAIL_PEERING | TRAIL_EGRESS, w->next_id, reason, 0);
	if (reason)
		return reason;
	w->hops++;
	w->vpc = w->next_id;
	w->subnet = 0;
	return walk_next(w, STEP_HOLDER, 0);
}

#endif
