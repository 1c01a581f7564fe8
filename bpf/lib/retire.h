/* SPDX-License-Identifier: MIT
 * Marking flows DEAD. Programs share entries with each other and with the daemon, and a state
 * changes by compare-and-swap only, which user space cannot do on a map: so the daemon looks for
 * entries whose time has come and a program marks them.
 */
#ifndef VPCD_BPF_LIB_RETIRE_H
#define VPCD_BPF_LIB_RETIRE_H

#include "bpf/lib/flow.h"
#include "bpf/lib/nat.h"

static __always_inline int mark_dead(struct flow *f)
{
	__u64 now = bpf_ktime_get_ns();

	if (!flow_swap(f, FLOW_CLOSED, FLOW_DEAD) && !flow_swap(f, FLOW_LIVE, FLOW_DEAD))
		return 0;
	f->last_seen_ns = now;
	return 1;
}

static __noinline int retire_pair(struct retire_entry *r, __u64 now)
{
	struct flow_key other_key;
	struct flow *f, *other;
	int expired;

	f = bpf_map_lookup_elem(&flows, &r->key);
	if (!f)
		return 0;
	expired = flow_state(f) == FLOW_LIVE && flow_expired(&r->key, f, now);
	if (!r->force && !expired && flow_state(f) != FLOW_CLOSED)
		return 0;
	flow_other_key(&r->key, f, &other_key);
	r->timed_out = expired && !(f->flags & FLOW_CLOSING);
	if (r->timed_out && f->nat) {
		struct nat_stats *s = nat_stats_of(f->nat);

		if (s)
			s->idle_timeouts++;
	}
	r->retired = mark_dead(f);
	other = bpf_map_lookup_elem(&flows, &other_key);
	if (r->retired && other)
		mark_dead(other);
	return 0;
}

static long retire_one(__u32 i, void *arg)
{
	__u64 now = *(__u64 *)arg;
	struct retire_entry *r = bpf_map_lookup_elem(&retire, &i);

	if (!r)
		return 1;
	retire_pair(r, now);
	return 0;
}

#endif
