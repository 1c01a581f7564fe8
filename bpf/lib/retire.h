/* SPDX-License-Identifier: MIT
 * Marking flows DEAD. Programs share entries with each other and with the daemon, and a state
 * changes by compare-and-swap only, which user space cannot do on a map: so the daemon looks for
 * entries whose time has come and a program marks them.
 */
#ifndef VPCD_BPF_LIB_RETIRE_H
#define VPCD_BPF_LIB_RETIRE_H

#include "bpf/lib/nat.h"

/* From the state that was judged: an entry that another flow has taken over since is left alone. */
static __always_inline int mark_dead(const struct flow_key *k, struct flow *f, __u32 from)
{
	if (from == FLOW_LIVE ? !flow_leave(k, f, FLOW_DEAD)
			      : from != FLOW_CLOSED || !flow_swap(f, from, FLOW_DEAD))
		return 0;
	f->last_seen_ns = bpf_ktime_get_ns();
	return 1;
}

static __always_inline int mark_mate_dead(const struct flow_key *k, const struct flow_key *mate_key)
{
	struct flow *mate = flow_mate(k, mate_key);

	return mate ? mark_dead(mate_key, mate, flow_state(mate)) : 0;
}

static __noinline int retire_pair(struct retire_entry *r, __u64 now)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &r->key);
	struct flow_key mate_key;
	__u32 state;

	if (!f)
		return 0;
	state = flow_state(f);
	if (state == FLOW_LIVE && r->what != RETIRE_LIVE && !flow_expired(&r->key, f, now))
		return 0;
	flow_other_key(&r->key, f, &mate_key);
	if (!mark_dead(&r->key, f, state))
		return 0;
	r->timed_out = state == FLOW_LIVE && r->what != RETIRE_LIVE && !(f->flags & FLOW_CLOSING);
	mark_mate_dead(&r->key, &mate_key);
	if (r->timed_out && f->nat)
		nat_count(f->nat, NAT_TIMED_OUT);
	return 0;
}

/* Whoever swaps the state first has it: this, or a flow that resumes. */
static __always_inline int delete_dead(struct retire_entry *r)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &r->key);
	__u32 nat, flags;

	if (!f || !flow_swap(f, FLOW_DEAD, FLOW_DELETING))
		return 0;
	flow_account(&r->key, f);
	nat = f->nat;
	flags = f->flags;
	r->deleted = !bpf_map_delete_elem(&flows, &r->key);
	if (nat && (flags & FLOW_REPLY))
		nat_port_free(&r->key, nat);
	return 0;
}

static long retire_one(__u32 i, void *arg)
{
	__u64 now = *(__u64 *)arg;
	struct retire_entry *r = bpf_map_lookup_elem(&retire, &i);

	if (!r)
		return 1;
	if (r->what == RETIRE_DELETE)
		delete_dead(r);
	else
		retire_pair(r, now);
	return 0;
}

#endif
