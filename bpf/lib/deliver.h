/* SPDX-License-Identifier: MIT
 * The receiver's end of the walk: destination check, the edge of its subnet, its groups.
 */
#ifndef VPCD_BPF_LIB_DELIVER_H
#define VPCD_BPF_LIB_DELIVER_H

#include "bpf/lib/flow.h"
#include "bpf/lib/rules.h"

/* Whether group references may match: from the sender's own private address, by local routes and
 * peerings alone. */
static __always_inline int references_hold(const struct walk *w)
{
	return w->local && w->own_source && !w->translated;
}

/* Tracking is per interface: does the receiver's own state know what comes? It does if a half that
 * leaves it the other way is live, whichever way the packet came. */
static __always_inline int receiver_knows(struct walk *w)
{
	const struct tuple *t = w->is.of_error ? &w->old : &w->at;
	struct flow_key *k = &w->state_key;
	struct flow *f;

	if (w->dry) {
		int known = trail_knows(w->output_ifindex);

		if (known >= 0)
			return known;
	}
	/* The port is not chosen yet: nobody can know it. */
	if (w->nat && !w->is.has_flow)
		return 0;
	k->ifindex = w->output_ifindex;
	k->family = w->key.family;
	k->protocol = w->is.of_error ? w->old_protocol : w->key.protocol;
	k->reserved = 0;
	k->saddr = t->daddr;
	k->daddr = t->saddr;
	k->dport = t->dport;
	turn_ports(is_echo_key(k), t->sport, t->dport, &k->sport, &k->dport);
	f = bpf_map_lookup_elem(&flows, k);
	if (!f || flow_state(f) != FLOW_LIVE || flow_expired(k, f, w->now))
		return 0;
	if (!is_role(k, f) || (!w->is.of_error && is_reopening(w, f)))
		return 0;
	return flow_is_own(f->flags);
}

static __always_inline int receiver_gate(struct walk *w)
{
	int reason;

	if (receiver_knows(w)) {
		w->flow_flags |= FLOW_TRACKED_IN;
		if (w->dry && w->target.groups)
			trail_hop(w, TRAIL_TRACKED, w->output_ifindex, DROP_NONE, 0);
		return DROP_NONE;
	}
	reason = gate_groups(w, w->target.groups, references_hold(w) ? w->self.groups : 0, 0);
	if (!reason && (!w->match_untracked || (w->target.flags & ENI_ALWAYS_TRACKED)))
		w->flow_flags |= FLOW_TRACKED_IN;
	return reason;
}

static __always_inline int is_targets_address(struct walk *w)
{
	const struct addr_entry *a = holder_of(w, w->target.vpc, &w->at.daddr);

	return a && a->kind == ADDR_ENI && a->ifindex == w->output_ifindex;
}

/* Hands the packet to an interface: to who has the destination, or by a route to one that may not
 * have it. */
__noinline int walk_deliver(struct walk *w)
{
	__u32 ifindex, detour;
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	ifindex = w->next_id;
	if (!target_load(w, ifindex))
		return DROP_NO_DESTINATION;
	detour = w->step == STEP_DETOUR;
	w->step = STEP_DONE;
	w->output_ifindex = ifindex;
	if (w->target.mtu < w->mtu)
		w->mtu = w->target.mtu;
	if (detour && (w->target.flags & ENI_SOURCE_DEST_CHECK) && !is_targets_address(w)) {
		if (w->dry)
			trail_hop(w, TRAIL_INTERFACE, ifindex, DROP_DEST_CHECK, 0);
		return DROP_DEST_CHECK;
	}
	if (w->target.subnet != w->subnet) {
		w->flow_flags |= FLOW_ROUTED;
		reason = gate_acl(w, w->target.subnet, 0);
		if (reason)
			return reason;
	}
	reason = receiver_gate(w);
	if (w->dry)
		trail_hop(w, TRAIL_INTERFACE, ifindex, reason, 0);
	return reason;
}

/* Within w->vpc, to whoever has the address. */
__noinline int walk_holder(struct walk *w)
{
	const struct addr_entry *holder;
	__u32 id;

	w = walk_own(w);
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

#endif
