/* SPDX-License-Identifier: MIT
 * Marking flows DEAD. Programs share entries with each other and with the daemon, and a state
 * changes by compare-and-swap only, which user space cannot do on a map: so the daemon looks for
 * entries whose time has come and a program marks them.
 */
#ifndef VPCD_BPF_LIB_RETIRE_H
#define VPCD_BPF_LIB_RETIRE_H

#include "bpf/lib/flow.h"

/* From the state that was judged: an entry that another flow has taken over since is left alone. */
static __always_inline int mark_dead(const struct flow_key *k, struct flow *f, __u32 from)
{
	if (from == FLOW_LIVE ? !flow_leave(k, f, FLOW_DEAD)
			      : from != FLOW_CLOSED || !flow_swap(f, from, FLOW_DEAD))
		return 0;
	f->last_seen_ns = bpf_ktime_get_ns();
	return 1;
}

/* The other half, unless the entry there belongs to another pair by now. */
static __noinline int mark_mate_dead(const struct flow_key *k, const struct flow_key *mate_key)
{
	struct flow *mate = bpf_map_lookup_elem(&flows, mate_key);
	struct flow_key back;
	__u32 state;

	if (!mate)
		return 0;
	state = flow_state(mate);
	flow_other_key(mate_key, mate, &back);
	if (key_less(k, &back) || key_less(&back, k))
		return 0;
	return mark_dead(mate_key, mate, state);
}

static __always_inline void count_idle_timeout(__u32 nat)
{
	struct nat_stats *s = bpf_map_lookup_elem(&nat_stats, &nat);

	if (s)
		s->idle_timeouts++;
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
		count_idle_timeout(f->nat);
	return 0;
}

/* Whoever swaps the state first has it: this, or a flow that resumes. */
static __always_inline int delete_dead(struct retire_entry *r)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &r->key);

	if (f && flow_swap(f, FLOW_DEAD, FLOW_DELETING))
		r->deleted = !bpf_map_delete_elem(&flows, &r->key);
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
