/* SPDX-License-Identifier: MIT
 * The dry entry point's trail: what a walk asked on its way. Nothing here is done for a packet: the
 * attached program meets one test of a constant that it has set itself.
 */
#ifndef VPCD_BPF_LIB_TRAIL_H
#define VPCD_BPF_LIB_TRAIL_H

#include "bpf/lib/walk.h"

/* Beside enum trail_kind: the hop is on the way out. */
#define TRAIL_EGRESS 256

static __always_inline struct trail *trail_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&trail, &zero);
}

/* Notes a hop, and with a reason that it refused. rule: as in struct trail_hop. */
__noinline int trail_hop(struct walk *w, __u32 kind, __u32 number, __u32 reason, __u32 rule)
{
	struct trail *t = trail_get();
	struct trail_hop *h;
	__u32 n;

	if (!w || !t || !w->dry)
		return 0;
	if (reason && !t->reason)
		t->reason = reason;
	n = t->n++;
	if (n >= TRAIL_HOPS)
		return 0;
	h = &t->hops[n & (TRAIL_HOPS - 1)];
	h->kind = kind & (TRAIL_EGRESS - 1);
	h->number = number;
	h->reason = reason;
	h->rule = rule;
	h->peer_groups = w->peer_groups;
	h->egress = !!(kind & TRAIL_EGRESS);
	h->sport = w->at.sport;
	h->dport = w->at.dport;
	h->saddr = w->at.saddr;
	h->daddr = w->at.daddr;
	return 0;
}

/* A group or ACL has judged. The dry walk goes on where it refuses, to name what else does. */
static __always_inline int trail_gate(struct walk *w, __u32 kind, __u32 number, int reason,
				      int matched)
{
	if (!w->dry && reason) {
		w->refused_number = number;
		w->refused_rule = matched ? w->rule : RULES_MAX;
	}
	if (!w->dry)
		return reason;
	trail_hop(w, kind, number, reason, matched ? w->rule : RULES_MAX);
	return DROP_NONE;
}

/* Why a route leads nowhere; r NULL: there is none. */
static __always_inline int route_refusal(const struct route_entry *r)
{
	if (!r)
		return DROP_NO_ROUTE;
	if (r->target == TARGET_ENI_PRIVATE)
		return DROP_INGRESS_NO_PUBLIC_IP;
	return r->target == TARGET_BLACKHOLE ? DROP_BLACKHOLE : DROP_NONE;
}

/* The route that a subnet's table gave; r NULL: none. */
static __always_inline void trail_route(struct walk *w, __u32 subnet, const struct route_entry *r)
{
	__u32 target = r ? r->target : 0, reason = route_refusal(r);
	const struct subnet_entry *s;

	if (!w->dry)
		return;
	s = bpf_map_lookup_elem(&subnets, &subnet);
	trail_hop(w, TRAIL_ROUTE | TRAIL_EGRESS, s ? s->route_table : 0, reason, target);
}

/* Does the interface know the flow, as the trail has it? -1: the flow table tells. */
static __always_inline int trail_knows(__u32 ifindex)
{
	const struct trail *t = trail_get();

	if (!t || t->mode == TRAIL_LIVE)
		return -1;
	for (__u32 i = 0; i < TRAIL_KNOWN; i++)
		if (i < t->n_known && t->known[i] == ifindex)
			return 1;
	return 0;
}

/* The packet's interface is that of the trail: no device needs to have its number. */
static __always_inline void trail_begin(struct walk *w)
{
	struct trail *t = trail_get();

	if (!t)
		return;
	t->n = t->reason = 0;
	w->key.ifindex = t->ifindex;
}

static __always_inline void trail_finish(const struct walk *w)
{
	struct trail *t = trail_get();

	if (!t)
		return;
	t->mtu = w->mtu;
	t->nat = w->nat;
	t->saddr = w->at.saddr;
	t->daddr = w->at.daddr;
	t->sport = w->at.sport;
	t->dport = w->at.dport;
}

#endif
