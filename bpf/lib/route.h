/* SPDX-License-Identifier: MIT
 * The walk: what the VPC's router would do with the first packet of a flow, step by step, each
 * step a gate. A flow that walks again (its generation is old, or its first reply) keeps the gates
 * that it passed tracked and its translation; see struct walk.
 */
#ifndef VPCD_BPF_LIB_ROUTE_H
#define VPCD_BPF_LIB_ROUTE_H

#include "bpf/lib/deliver.h"
#include "bpf/lib/gateway.h"
#include "bpf/lib/nat_walk.h"
#include "bpf/lib/service.h"

/* ---- the sender's end ---- */

/* No interface may say this of itself, source check or not. */
static __always_inline int is_bad_source(const struct walk *w)
{
	const struct ip128 *s = &w->key.saddr;
	__u32 a = bpf_ntohl(s->w[3]);

	if (w->key.family == AF_INET6)
		return s->b[0] == 0xff || is_link_local6(s) || ip128_is(s, 0, 0, 0, 0) ||
		       ip128_is(s, 0, 0, 0, 1);
	return a >> 24 == 127 || a >> 28 == 14 || a >> 24 == 0 || a == 0xffffffff;
}

/* A live flow's source was checked when it was admitted: this is for what walks. */
static __always_inline int check_source(struct walk *w)
{
	if (w->self.flags & ENI_SERVICE)
		return DROP_NONE;
	w->own_source = is_own_address(w, &w->key.saddr);
	if (((w->self.flags & ENI_SOURCE_DEST_CHECK) && !w->own_source) || is_bad_source(w))
		return DROP_SOURCE_ADDRESS;
	return DROP_NONE;
}

static __always_inline int is_multicast(const struct walk *w)
{
	__u32 a = bpf_ntohl(w->at.daddr.w[3]);

	if (w->key.family == AF_INET6)
		return w->at.daddr.b[0] == 0xff;
	return a >> 28 == 14 || a == 0xffffffff;
}

static __always_inline int is_link_local(const struct walk *w)
{
	if (w->key.family == AF_INET6)
		return is_link_local6(&w->at.daddr) || is_service_range6(&w->at.daddr);
	return bpf_ntohl(w->at.daddr.w[3]) >> 16 == 0xa9fe;
}

static __always_inline int sender_gate(struct walk *w, __u32 peer_groups)
{
	int reason;

	if (w->is.skip_egress) {
		w->flow_flags |= FLOW_TRACKED_OUT;
		if (w->dry && w->self.groups)
			trail_hop(w, TRAIL_TRACKED | TRAIL_EGRESS, w->key.ifindex, DROP_NONE, 0);
		return DROP_NONE;
	}
	reason = gate_groups(w, w->self.groups, w->own_source ? peer_groups : 0, 1);
	if (!reason && (!w->match_untracked || (w->self.flags & ENI_ALWAYS_TRACKED)))
		w->flow_flags |= FLOW_TRACKED_OUT;
	return reason;
}

/* The interface that has the destination in a VPC becomes the target; 0: none has it. */
static __always_inline int destination_load(struct walk *w, __u32 vpc)
{
	const struct addr_entry *holder = holder_of(w, vpc, &w->at.daddr);

	return holder && holder->kind == ADDR_ENI && target_load(w, holder->ifindex);
}

/* found: w->target has the destination in the sender's VPC. */
static __always_inline int walk_route(struct walk *w, int found)
{
	const struct route_entry *r = subnet_route(w, w->self.subnet);
	__u32 target = r ? r->target : TARGET_BLACKHOLE, id = r ? r->id : 0, known = r != NULL;
	__u32 peer_groups = 0;
	int reason;

	/* A reference matches on a local path or a peering only. */
	if (target == TARGET_PEERING ? destination_load(w, id) : target == TARGET_LOCAL && found)
		peer_groups = w->target.groups;
	reason = sender_gate(w, peer_groups);
	if (reason)
		return reason;
	/* A destination in the subnet itself is none of routes. */
	if ((target == TARGET_LOCAL && found) || next_subnet(w, r) != w->self.subnet) {
		reason = gate_acl(w, w->self.subnet, 1);
		if (reason)
			return reason;
	}
	trail_route(w, w->self.subnet, r);
	if (!known)
		return DROP_NO_ROUTE;
	w->local = target == TARGET_LOCAL || target == TARGET_PEERING;
	switch (target) {
	case TARGET_LOCAL:
		return found ? walk_next(w, STEP_DELIVER, w->target_ifindex)
			     : walk_next(w, STEP_HOLDER, 0);
	case TARGET_INTERNET_GATEWAY:
		return walk_next(w, STEP_IGW, id);
	case TARGET_NAT_GATEWAY:
		return walk_next(w, STEP_NAT, id);
	case TARGET_ENI:
		return walk_next(w, STEP_DETOUR, id);
	case TARGET_PEERING:
		return walk_next(w, STEP_PEERING, id);
	case TARGET_EGRESS_ONLY:
		return walk_next(w, STEP_EGRESS_ONLY, id);
	}
	return DROP_BLACKHOLE;
}

/* Within the subnet there is no route and no ACL. The address says who it is, not the frame: a
 * stale neighbour entry for an address that changed hands must not cost the seconds that it lives.
 */
static __always_inline int walk_out(struct walk *w, int found)
{
	int reason;

	if (found && w->target.subnet == w->self.subnet) {
		reason = sender_gate(w, w->target.groups);
		return reason ? reason : walk_next(w, STEP_DELIVER, w->target_ifindex);
	}
	w->flow_flags |= FLOW_ROUTED;
	return walk_route(w, found);
}

static __always_inline int walk_resolver(struct walk *w)
{
	int reason = walk_service(w);

	if (w->dry)
		trail_hop(w, TRAIL_SERVICE, 0, reason, 0);
	return reason;
}

/* The step at the sender's own interface. */
__noinline int walk_first(struct walk *w)
{
	int reason, found;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	if (w->dry)
		trail_hop(w, TRAIL_INTERFACE | TRAIL_EGRESS, w->key.ifindex, DROP_NONE, 0);
	if (w->self.flags & ENI_SERVICE)
		return walk_from_service(w);
	reason = check_source(w);
	if (reason)
		return reason;
	if (w->dmac[0] & 1)
		return DROP_MULTICAST;
	found = !(w->self.flags & ENI_INTERNET) && destination_load(w, w->vpc);
	/* What an interface has is none of these. */
	if (!found) {
		if (is_multicast(w))
			return DROP_MULTICAST;
		if (is_resolver(w, &w->at.daddr))
			return walk_resolver(w);
		if (is_link_local(w))
			return DROP_LINK_LOCAL;
	}
	if ((w->self.flags & ENI_UPLINK) && !w->is.has_flow)
		return DROP_UPLINK_UNSOLICITED;
	if (w->self.flags & ENI_INTERNET) {
		w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT;
		return walk_next(w, STEP_PUBLIC, 0);
	}
	return walk_out(w, found);
}

static __always_inline int walk_step(struct walk *w)
{
	switch (w->step) {
	case STEP_DELIVER:
	case STEP_DETOUR:
		return walk_deliver(w);
	case STEP_HOLDER:
		return walk_holder(w);
	case STEP_PUBLIC:
		return walk_public(w);
	case STEP_INGRESS:
		return walk_ingress(w);
	case STEP_IGW:
		return walk_internet_gateway(w);
	case STEP_EGRESS_ONLY:
		return walk_egress_only(w);
	case STEP_PEERING:
		return walk_peering(w);
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

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	w->at.saddr = w->key.saddr;
	w->at.daddr = w->key.daddr;
	w->at.sport = w->key.sport;
	w->at.dport = w->key.dport;
	w->vpc = w->self.vpc;
	w->subnet = w->self.subnet;
	w->mtu = w->self.mtu;
	w->local = 1;
	w->own_source = 0;
	w->translated = 0;
	w->flow_flags = 0;
	w->hops = 1;
	w->step = STEP_DONE;
	w->target_ifindex = 0;
	reason = walk_first(w);
	for (int i = 0; i < STEPS_MAX && !reason && w->step != STEP_DONE; i++)
		reason = walk_step(w);
	if (reason)
		return reason;
	return w->step == STEP_DONE ? DROP_NONE : DROP_LOOP;
}

#endif
