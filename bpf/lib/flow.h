/* SPDX-License-Identifier: MIT
 * The life of a flow entry: CLAIMED, LIVE, CLOSED, DEAD, changed by compare-and-swap.
 *
 * The kernel recycles a deleted element at once, so nobody deletes a visible one: both halves are
 * marked DEAD, and deleted when no program can hold them from before. A CLOSED, DEAD or expired
 * entry may be taken over in place.
 */
#ifndef VPCD_BPF_LIB_FLOW_H
#define VPCD_BPF_LIB_FLOW_H

#include "bpf/lib/account.h"
#include "bpf/lib/nat_stats.h"
#include "bpf/lib/parse.h"

#define CLAIM_RE_READS 8

static __always_inline __u32 flow_state(const struct flow *f)
{
	return *(volatile const __u32 *)&f->state;
}

static __always_inline int flow_swap(struct flow *f, __u32 from, __u32 to)
{
	return __sync_val_compare_and_swap(&f->state, from, to) == from;
}

/* ---- how many flows an interface has open (halves that are not replies, while LIVE) ---- */

static __always_inline __u32 *common_open(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flows_common, &zero);
}

/* Each step up from the share or above takes one of the common part, each step down to it or above
 * gives one back: whatever the order of several CPUs, the common part is what all have beyond their
 * shares. */
static __noinline void flow_discount(__u32 ifindex)
{
	struct eni_flows *e = bpf_map_lookup_elem(&eni_flows, &ifindex);
	__u32 *common;

	if (!e || !*(volatile __u32 *)&e->open || __sync_fetch_and_add(&e->open, -1) <= e->share)
		return;
	common = common_open();
	if (common)
		__sync_fetch_and_add(common, -1);
}

/* From LIVE to another state. */
static __always_inline int flow_leave(const struct flow_key *k, struct flow *f, __u32 to)
{
	__u32 flags = *(volatile __u32 *)&f->flags;

	if (!flow_swap(f, FLOW_LIVE, to))
		return 0;
	if (!(flags & FLOW_REPLY))
		flow_discount(k->ifindex);
	if (f->nat)
		nat_fold(f->nat, flags & FLOW_REPLY, f->packets, f->bytes);
	return 1;
}

/* The key of the half that travels the other way. */
static __always_inline void flow_other_key(const struct flow_key *k, const struct flow *f,
					   struct flow_key *other)
{
	other->ifindex = f->output_ifindex;
	other->family = k->family;
	other->protocol = k->protocol;
	other->reserved = 0;
	other->saddr = f->daddr;
	other->daddr = f->saddr;
	turn_ports(is_echo_key(k), f->sport, f->dport, &other->sport, &other->dport);
}

/* A pair is as old as its younger half; but what began when this half was over already (unasked,
 * and by another way) does not bring it back. */
static __noinline int flow_expired(const struct flow_key *k, const struct flow *f, __u64 now)
{
	__u64 timeout = flow_timeout(k, f), end = f->last_seen_ns + timeout;
	const struct flow *other;
	struct flow_key key;

	if (end > now)
		return 0;
	flow_other_key(k, f, &key);
	other = bpf_map_lookup_elem(&flows, &key);
	return !other || other->last_seen_ns + timeout <= now ||
	       (__s32)(other->born - (__u32)(end / FLOW_BORN_NS)) > 0;
}

static __always_inline int key_less(const struct flow_key *a, const struct flow_key *b)
{
	const __u32 *x = (const void *)a, *y = (const void *)b;

	for (unsigned i = 0; i < sizeof(*a) / 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i];
	return 0;
}

/* What a half makes of a packet. */
static __always_inline void tuple_of_flow(struct tuple *t, const struct flow *f)
{
	t->saddr = f->saddr;
	t->daddr = f->daddr;
	t->sport = f->sport;
	t->dport = f->dport;
}

/* ---- what a half knows ---- */

/* Did the gate of the interface where the half enters pass its flow, tracked: the egress gate of
 * who opened it, the ingress gate of who was opened to? */
static __always_inline int flow_is_own(__u32 flags)
{
	return !!(flags & (flags & FLOW_REPLY ? FLOW_TRACKED_IN : FLOW_TRACKED_OUT));
}

/* An echo reply is an answer or nothing: a half of an opener carries requests, a reply's replies.
 */
static __always_inline int is_role(const struct flow_key *k, const struct flow *f)
{
	return !is_echo_key(k) ||
	       (k->dport == bpf_htons(FLOW_ECHO_REQUEST)) == !(f->flags & FLOW_REPLY);
}

/* A new connection on the ports of one that is closing. */
static __always_inline int is_reopening(const struct walk *w, const struct flow *f)
{
	return (w->is.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && (f->flags & FLOW_CLOSING);
}

enum claim { CLAIM_OK, CLAIM_TAKEN, CLAIM_RACE, CLAIM_FULL };

/* When the flow that has a key is over, so that another may have it: once it has expired, or as
 * soon as both its ends have said that it is closing. Or anyway: at the sender, flow_find() saw
 * that the flow is no obstacle (it is closing, and the packet opens anew); at the receiver, who
 * spoke last from an address gets the answers (it changed hands, or routes did). The other half of
 * such a flow stays. */
enum over { OVER_EXPIRED, OVER_CLOSING, OVER_ANYWAY };

static __always_inline int key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return !key_less(a, b) && !key_less(b, a);
}

/* The other half, unless the entry there belongs to another pair by now. */
static __noinline struct flow *flow_mate(const struct flow_key *k, const struct flow_key *mate_key)
{
	struct flow *mate = bpf_map_lookup_elem(&flows, mate_key);
	struct flow_key back;

	if (!mate)
		return NULL;
	flow_other_key(mate_key, mate, &back);
	return key_equal(k, &back) ? mate : NULL;
}

/* A flow that is over loses the half whose key somebody else wants: its other half must not send
 * any more before that. */
static __always_inline void flow_part(const struct flow_key *k, const struct flow *f,
				      const struct flow_key *mate_key)
{
	struct flow *mate = flow_mate(k, mate_key);

	if (f->nat && !(f->flags & FLOW_CLOSING))
		nat_count(f->nat, NAT_TIMED_OUT);
	if (mate)
		flow_leave(mate_key, mate, FLOW_CLOSED);
}

/* Makes the entry of a key ours, CLAIMED. `mate` is the key of its other half: a live entry that is
 * of our own pair is taken over, as is one that is over; anything else live is TAKEN. */
static __noinline int flow_claim(const struct flow_key *k, const struct flow_key *mate,
				 const struct flow *blank, __u64 now, enum over over)
{
	struct walk *w = walk_mine(); /* its memory: the stack is deep here */
	struct flow *f;
	/* int: before Linux 6.4 the upper half of what a map returns is undefined. */
	int rc = (int)bpf_map_update_elem(&flows, k, blank, BPF_NOEXIST);
	__u32 state;

	if (!rc)
		return CLAIM_OK;
	if (rc != -17 /* EEXIST */)
		return CLAIM_FULL;
	f = bpf_map_lookup_elem(&flows, k);
	if (!f)
		return CLAIM_RACE;
	state = flow_state(f);
	if (state == FLOW_CLOSED || state == FLOW_DEAD)
		return flow_swap(f, state, FLOW_CLAIMED) ? CLAIM_OK : CLAIM_RACE;
	if (state != FLOW_LIVE)
		return CLAIM_RACE;
	if (!w)
		return CLAIM_RACE;
	flow_other_key(k, f, &w->other_key);
	if (!key_equal(&w->other_key, mate)) {
		if (flow_expired(k, f, now) || (over == OVER_CLOSING && (f->flags & FLOW_CLOSING)))
			flow_part(k, f, &w->other_key);
		else if (over != OVER_ANYWAY)
			return CLAIM_TAKEN;
	} else if (f->nat && !(f->flags & (FLOW_CLOSING | FLOW_REPLY)) && flow_expired(k, f, now)) {
		nat_count(f->nat, NAT_TIMED_OUT);
	}
	return flow_leave(k, f, FLOW_CLAIMED) ? CLAIM_OK : CLAIM_RACE;
}

static __always_inline void flow_set_state(const struct flow_key *k, __u32 from, __u32 to)
{
	struct flow *f = bpf_map_lookup_elem(&flows, k);

	if (f)
		flow_swap(f, from, to);
}

/* Fills a claimed entry and lets it forward. */
static __noinline void flow_publish(const struct flow_key *k, const struct flow *v,
				    enum publish what)
{
	struct flow *f = bpf_map_lookup_elem(&flows, k);

	if (!f)
		return;
	flow_account(k, f, what); /* what it was before */
	if (what == PUBLISH_NEW) {
		f->packets = v->packets;
		f->bytes = v->bytes;
		if (f->last_seen_ns + flow_timeout(k, f) <= v->last_seen_ns)
			f->born = v->born;
	}
	f->since = v->since;
	f->generation = v->generation;
	f->last_seen_ns = v->last_seen_ns;
	f->saddr = v->saddr;
	f->daddr = v->daddr;
	f->sport = v->sport;
	f->dport = v->dport;
	f->output_ifindex = v->output_ifindex;
	__builtin_memcpy(f->dmac, v->dmac, 6);
	f->mtu = v->mtu;
	f->flags = v->flags;
	f->group_generation = v->group_generation;
	f->nat = v->nat;
	f->output = v->output;
	f->established_timeout = v->established_timeout;
	f->opening_timeout = v->opening_timeout;
	/* A full barrier: the fields are there before the state says so. */
	flow_swap(f, FLOW_CLAIMED, FLOW_LIVE);
}

static __noinline void flow_close_pair(const struct flow_key *k, struct flow *f)
{
	struct flow_key key;
	struct flow *other;

	flow_other_key(k, f, &key);
	flow_leave(k, f, FLOW_CLOSED);
	other = flow_mate(k, &key);
	if (other)
		flow_leave(&key, other, FLOW_CLOSED);
}

/* ---- states of protocols ---- */

/* A mate that is a reply half too has a receiver whom the opener's packets did not come from (its
 * replies go another way): that one has not seen an exchange, whatever this half's sender has. */
static __noinline void both_flags(const struct flow_key *k, struct flow *f, __u32 flags)
{
	struct flow_key key;
	struct flow *other;

	flow_other_key(k, f, &key);
	other = bpf_map_lookup_elem(&flows, &key);
	__sync_fetch_and_or(&f->flags, flags);
	if (other && (other->flags & FLOW_REPLY))
		flags &= ~FLOW_ESTABLISHED;
	if (other && flags)
		__sync_fetch_and_or(&other->flags, flags);
}

static __noinline void flow_saw_fin(const struct flow_key *k, struct flow *f)
{
	struct flow_key key;
	struct flow *other;

	__sync_fetch_and_or(&f->flags, FLOW_SEEN_FIN);
	flow_other_key(k, f, &key);
	other = bpf_map_lookup_elem(&flows, &key);
	if (other && (other->flags & FLOW_SEEN_FIN))
		both_flags(k, f, FLOW_CLOSING);
}

/* What a packet of a live flow changes beyond its counters; seldom more than one test. Returns
 * whether a NATed connection was established by it. */
static __always_inline int flow_advance(const struct walk *w, const struct flow_key *k,
					struct flow *f)
{
	__u32 flags = f->flags;

	if (w->key.protocol == IPPROTO_TCP && (w->is.tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST))) {
		if (tcp_flags_told(w) & ~flags)
			__sync_fetch_and_or(&f->flags, tcp_flags_told(w));
		if (w->is.tcp_flags & TCP_RST) {
			__sync_fetch_and_or(&f->flags, FLOW_SEEN_RST);
			both_flags(k, f, FLOW_CLOSING);
			return 0;
		}
		if ((w->is.tcp_flags & TCP_FIN) && !(flags & FLOW_SEEN_FIN))
			flow_saw_fin(k, f);
	}
	if ((flags & FLOW_ESTABLISHED) || !(flags & FLOW_REPLY))
		return 0;
	/* TCP: the other end answered. UDP: more than one exchange. */
	if (w->key.protocol == IPPROTO_TCP || (w->key.protocol == IPPROTO_UDP && f->packets)) {
		both_flags(k, f, FLOW_ESTABLISHED);
		return 1;
	}
	return 0;
}

#endif
