/* SPDX-License-Identifier: MIT
 * Marking flows DEAD. Programs share entries with each other and with the daemon, and a state
 * changes by compare-and-swap only, which user space cannot do on a map: so the daemon looks for
 * entries whose time has come and a program marks them.
 */
#ifndef VPCD_BPF_LIB_RETIRE_H
#define VPCD_BPF_LIB_RETIRE_H

#include "bpf/lib/nat.h"

/* What a half carried moves to the totals, and *p says what, for the flow logs. From an entry that
 * is not ours: the number in `accounted` says that it was one flow from before we read until we
 * have it, and an entry that is being filled is left to who fills it. */
static __noinline void part_take(const struct flow_key *k, struct flow *f, struct flow_part *p,
				 __u64 now)
{
	/* Full barriers: what follows is read later. */
	__u64 packets = __sync_fetch_and_add(&f->accounted_packets, 0), n;
	__u64 bytes = __sync_fetch_and_add(&f->accounted_bytes, 0), n_bytes;
	__u32 state = flow_state(f);

	if (state == FLOW_CLAIMED)
		return;
	part_fill(&p->of, k, f);
	n = *(volatile __u64 *)&f->packets;
	n_bytes = *(volatile __u64 *)&f->bytes;
	p->n.last_ns = state == FLOW_DEAD || state == FLOW_DELETING ? 0 : f->last_seen_ns;
	if (n == (packets & FLOW_COUNTED) ||
	    __sync_val_compare_and_swap(&f->accounted_packets, packets,
					(packets & ~FLOW_COUNTED) | n) != packets)
		return;
	if (__sync_val_compare_and_swap(&f->accounted_bytes, bytes,
					(bytes & ~FLOW_COUNTED) | n_bytes) != bytes)
		n_bytes = bytes; /* it goes with the flow that has just taken the entry over */
	p->n.packets = n - (packets & FLOW_COUNTED);
	p->n.bytes = (n_bytes & FLOW_COUNTED) - (bytes & FLOW_COUNTED);
	p->n.since = f->since;
	p->n.tcp_flags =
		(__sync_fetch_and_and(&f->flags, ~FLOW_TCP_SEEN) & FLOW_TCP_SEEN) >> FLOW_TCP_SHIFT;
	f->since = now / NS_PER_SECOND;
	totals_add(p->of.key.ifindex, p->of.output_ifindex, p->n.packets, p->n.bytes);
}

/* From the state that was judged: an entry that another flow has taken over since is left alone. */
static __always_inline int mark_dead(const struct flow_key *k, struct flow *f, __u32 from)
{
	if (from == FLOW_LIVE ? !flow_leave(k, f, FLOW_DEAD)
			      : from != FLOW_CLOSED || !flow_swap(f, from, FLOW_DEAD))
		return 0;
	f->last_seen_ns = bpf_ktime_get_ns();
	return 1;
}

static __always_inline int mark_mate_dead(const struct flow_key *k, const struct flow_key *mate_key,
					  struct flow_part *part, __u64 now)
{
	struct flow *mate = flow_mate(k, mate_key);

	if (!mate)
		return 0;
	part_take(mate_key, mate, part, now);
	return mark_dead(mate_key, mate, flow_state(mate));
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
	part_take(&r->key, f, &r->parts[0], now);
	if (!mark_dead(&r->key, f, state))
		return 0;
	r->timed_out = state == FLOW_LIVE && r->what != RETIRE_LIVE && !(f->flags & FLOW_CLOSING);
	mark_mate_dead(&r->key, &mate_key, &r->parts[1], now);
	if (r->timed_out && f->nat)
		nat_count(f->nat, NAT_TIMED_OUT);
	return 0;
}

/* Whoever swaps the state first has it: this, or a flow that resumes. */
static __always_inline int delete_dead(struct retire_entry *r, __u64 now)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &r->key);
	__u32 nat, flags;

	if (!f || !flow_swap(f, FLOW_DEAD, FLOW_DELETING))
		return 0;
	part_take(&r->key, f, &r->parts[0], now);
	nat = f->nat;
	flags = f->flags;
	r->deleted = !bpf_map_delete_elem(&flows, &r->key);
	if (nat && (flags & FLOW_REPLY))
		nat_port_free(&r->key, nat);
	return 0;
}

static __noinline int account_half(struct retire_entry *r, __u64 now)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &r->key);

	if (f)
		part_take(&r->key, f, &r->parts[0], now);
	return 0;
}

static long retire_one(__u32 i, void *arg)
{
	__u64 now = *(__u64 *)arg;
	struct retire_entry *r = bpf_map_lookup_elem(&retire, &i);

	if (!r)
		return 1;
	if (r->what == RETIRE_DELETE)
		delete_dead(r, now);
	else if (r->what == RETIRE_ACCOUNT)
		account_half(r, now);
	else
		retire_pair(r, now);
	return 0;
}

#endif
