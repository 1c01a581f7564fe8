/* SPDX-License-Identifier: MIT
 * Admission: the pair of entries that a walk's decision becomes, and walking again.
 */
#ifndef VPCD_BPF_LIB_ADMIT_H
#define VPCD_BPF_LIB_ADMIT_H

#include "bpf/lib/flow.h"
#include "bpf/lib/nat.h"
#include "bpf/lib/route.h"

static __always_inline void key_fill(struct flow_key *k, __u32 ifindex, __u8 protocol,
				     const struct tuple *t)
{
	k->ifindex = ifindex;
	k->family = AF_INET;
	k->protocol = protocol;
	k->reserved = 0;
	k->saddr = t->saddr;
	k->daddr = t->daddr;
	k->sport = t->sport;
	k->dport = t->dport;
}

/* The half that the opener sends. */
static __always_inline void forward_fill(struct walk *w, const struct dp_config *cfg, __u64 now)
{
	struct flow *f = &w->flow;

	__builtin_memset(f, 0, sizeof(*f));
	f->state = FLOW_CLAIMED;
	f->generation = *(volatile const __u32 *)&cfg->generation;
	f->group_generation = *(volatile const __u32 *)&cfg->group_generation;
	f->last_seen_ns = now;
	f->saddr = w->at.saddr;
	f->daddr = w->at.daddr;
	f->sport = w->at.sport;
	f->dport = w->at.dport;
	f->output_ifindex = w->output_ifindex;
	__builtin_memcpy(f->dmac, w->target.mac, 6);
	f->mtu = w->mtu;
	f->output = w->target.output;
	f->nat = w->nat;
	f->nat_address = (__u8)w->nat_address;
	f->flags = w->flow_flags;
	if (!ip128_equal(&w->in.saddr, &w->at.saddr) || w->nat)
		f->flags |= FLOW_SNAT;
	if (!ip128_equal(&w->in.daddr, &w->at.daddr))
		f->flags |= FLOW_DNAT;
}

/* From the forward half to the other one, in place. */
static __always_inline void reverse_fill(struct walk *w)
{
	struct flow *f = &w->flow;
	__u32 flags = f->flags;

	f->saddr = w->in.daddr;
	f->daddr = w->in.saddr;
	f->sport = w->in.dport;
	f->dport = w->in.sport;
	f->output_ifindex = w->ifindex;
	__builtin_memcpy(f->dmac, w->self.mac, 6);
	f->output = w->self.output;
	f->flags = FLOW_REPLY | FLOW_ACL_UNKNOWN |
		   (flags & (FLOW_ROUTED | FLOW_TRACKED_IN | FLOW_TRACKED_OUT));
	if (flags & FLOW_SNAT)
		f->flags |= FLOW_DNAT;
	if (flags & FLOW_DNAT)
		f->flags |= FLOW_SNAT;
	f->packets = f->bytes = 0;
}

static __always_inline int claim_reason(int rc)
{
	return rc == CLAIM_FULL ? DROP_FLOW_TABLE_FULL : DROP_FLOW_RACE;
}

/* Without a choice of port: in canonical order, so that two ends that open towards each other at
 * once cannot both give up. */
static __always_inline int claim_both(struct walk *w, __u64 now)
{
	int forward_first = key_less(&w->key, &w->reverse_key);
	struct flow_key *first = forward_first ? &w->key : &w->reverse_key;
	struct flow_key *second = forward_first ? &w->reverse_key : &w->key;
	int rc = flow_claim(first, second, &w->flow, now);

	if (rc)
		return claim_reason(rc);
	if (!w->reverse_key.ifindex)
		return DROP_INTERNAL;
	rc = flow_claim(second, first, &w->flow, now);
	if (!rc)
		return DROP_NONE;
	flow_set_state(first, FLOW_CLAIMED, FLOW_CLOSED);
	return claim_reason(rc);
}

static __always_inline int claim_nat(struct walk *w, __u64 now)
{
	int rc = nat_claim_port(w);

	if (rc)
		return rc;
	rc = flow_claim(&w->key, &w->reverse_key, &w->flow, now);
	if (rc) {
		flow_set_state(&w->reverse_key, FLOW_CLAIMED, FLOW_CLOSED);
		return claim_reason(rc);
	}
	w->at.sport = w->reverse_key.dport;
	if (w->is_echo)
		w->at.dport = w->at.sport;
	return DROP_NONE;
}

/* Enters both halves of what the walk decided. */
__noinline int admit(struct walk *w)
{
	const struct dp_config *cfg = dp_config();
	struct tuple reply;
	__u64 now;
	int reason;

	if (!w || !cfg)
		return DROP_INTERNAL;
	now = virtual_now(cfg);
	reply.saddr = w->at.daddr;
	reply.daddr = w->at.saddr;
	reply.sport = w->at.dport;
	reply.dport = w->at.sport;
	key_fill(&w->reverse_key, w->output_ifindex, w->protocol, &reply);
	forward_fill(w, cfg, now);
	reason = w->nat ? claim_nat(w, now) : claim_both(w, now);
	if (reason)
		return reason;
	forward_fill(w, cfg, now);
	w->flow.packets = 1;
	w->flow.bytes = w->bytes;
	reverse_fill(w);
	flow_publish(&w->reverse_key, &w->flow);
	forward_fill(w, cfg, now);
	w->flow.packets = 1;
	w->flow.bytes = w->bytes;
	flow_publish(&w->key, &w->flow);
	if (w->nat)
		nat_count(w->nat, &w->flow, w->bytes, 1, 0);
	return DROP_NONE;
}

/* Does what is entered still hold? A half walks again when routes or ACLs changed, when it never
 * walked (the first reply), and, if some gate did not track it, when rules changed. 0, or the
 * reason; FLOW_PATH: the flow ends. */
__noinline int walk_again(struct walk *w)
{
	struct flow *f;
	__u32 tracked, same;
	int reason;

	if (!w)
		return DROP_INTERNAL;
	f = bpf_map_lookup_elem(&flows, &w->key);
	if (!f)
		return DROP_FLOW_RACE;
	tracked = f->flags;
	w->has_flow = 1;
	w->nat = f->nat;
	w->nat_address = f->nat_address;
	w->old.saddr = f->saddr;
	w->old.daddr = f->daddr;
	w->old.sport = f->sport;
	w->old.dport = f->dport;
	w->output_ifindex = f->output_ifindex;
	/* State is per gate: the reply's sender is the opener's receiver. */
	w->skip_egress = !!(tracked & (tracked & FLOW_REPLY ? FLOW_TRACKED_IN : FLOW_TRACKED_OUT));
	w->skip_ingress = !!(tracked & (tracked & FLOW_REPLY ? FLOW_TRACKED_OUT : FLOW_TRACKED_IN));
	same = f->output_ifindex;
	reason = walk_run(w);
	if (reason)
		return reason;
	if (w->output_ifindex != same || w->nat != f->nat ||
	    !ip128_equal(&w->at.saddr, &w->old.saddr) ||
	    !ip128_equal(&w->at.daddr, &w->old.daddr)) {
		if (!w->dry)
			flow_close_pair(&w->key, f);
		return DROP_FLOW_PATH;
	}
	if (!w->dry) {
		const struct dp_config *cfg = dp_config();

		if (cfg) {
			f->generation = *(volatile const __u32 *)&cfg->generation;
			f->group_generation = *(volatile const __u32 *)&cfg->group_generation;
		}
		if (tracked & FLOW_ACL_UNKNOWN)
			__sync_fetch_and_and(&f->flags, ~FLOW_ACL_UNKNOWN);
	}
	return DROP_NONE;
}

#endif
