/* SPDX-License-Identifier: MIT
 * What halves of flows carried, as sums and for flow logs. A half counts its packets; what it has
 * counted moves on when its entry goes, when another flow gets it, and when the daemon asks
 * (retire.h). Two may move at once: each packet is moved by one of them.
 */
#ifndef VPCD_BPF_LIB_ACCOUNT_H
#define VPCD_BPF_LIB_ACCOUNT_H

#include "bpf/lib/parse.h"

#define NS_PER_SECOND 1000000000ull

static __always_inline struct eni_totals *totals_of(__u32 ifindex)
{
	struct eni_totals *t = bpf_map_lookup_elem(&eni_totals, &ifindex), zero = {};

	/* What is left of a detached interface's flows does not bring its counts back. */
	if (t || !bpf_map_lookup_elem(&enis, &ifindex))
		return t;
	bpf_map_update_elem(&eni_totals, &ifindex, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&eni_totals, &ifindex);
}

static __noinline void totals_add(__u32 from, __u32 to, __u64 packets, __u64 bytes)
{
	struct eni_totals *t = totals_of(from);

	if (t) {
		__sync_fetch_and_add(&t->sent_packets, packets);
		__sync_fetch_and_add(&t->sent_bytes, bytes);
	}
	t = totals_of(to);
	if (t) {
		__sync_fetch_and_add(&t->received_packets, packets);
		__sync_fetch_and_add(&t->received_bytes, bytes);
	}
}

/* ---- flow logs ---- */

static __always_inline void part_fill(struct flow_part_key *p, const struct flow_key *k,
				      const struct flow *f)
{
	p->key = *k;
	p->output_ifindex = f->output_ifindex;
	p->saddr = f->saddr;
	p->daddr = f->daddr;
	p->sport = f->sport;
	p->dport = f->dport;
	p->nat = f->nat;
	p->flags = f->flags & FLOW_PART_FLAGS;
	p->reason = DROP_NONE;
	p->epoch = 0;
}

static __always_inline struct flow_log_loss *loss_of_nat(__u32 nat)
{
	const struct nat_entry *n = nat ? bpf_map_lookup_elem(&nats, &nat) : NULL;
	__u32 ifindex = n ? n->ifindex : 0;

	return ifindex ? bpf_map_lookup_elem(&flow_logged, &ifindex) : NULL;
}

static __always_inline void loss_add(struct flow_log_loss *l, __u64 packets, __u64 bytes)
{
	if (!l)
		return;
	__sync_fetch_and_add(&l->packets, packets);
	__sync_fetch_and_add(&l->bytes, bytes);
}

static __always_inline void part_add(struct flow_part_counts *c, const struct flow_part_counts *n)
{
	__sync_fetch_and_add(&c->packets, n->packets);
	__sync_fetch_and_add(&c->bytes, n->bytes);
	c->last_ns = n->last_ns;
	c->tcp_flags |= n->tcp_flags; /* of two at once, one may be missed */
}

/* Keeps w->part until the daemon has read it, if an interface that it is about is logged. What
 * finds no room is counted as lost. */
static __noinline void part_keep(__u32 epoch)
{
	struct walk *w = walk_mine();
	struct dp_config *cfg = dp_config();
	struct flow_log_loss *from, *to, *nat;
	struct flow_part_counts *c;
	int rc;

	if (!w || !cfg)
		return;
	from = bpf_map_lookup_elem(&flow_logged, &w->part.of.key.ifindex);
	to = bpf_map_lookup_elem(&flow_logged, &w->part.of.output_ifindex);
	nat = loss_of_nat(w->part.of.nat);
	if (!from && !to && !nat)
		return;
	w->part.of.epoch = epoch;
	c = bpf_map_lookup_elem(&flow_parts, &w->part.of);
	if (!c) {
		rc = (int)bpf_map_update_elem(&flow_parts, &w->part.of, &w->part.n, BPF_NOEXIST);
		if (!rc) {
			__sync_fetch_and_add(&cfg->flow_log_entries, 1);
			return;
		}
		c = bpf_map_lookup_elem(&flow_parts, &w->part.of);
	}
	if (c) {
		part_add(c, &w->part.n);
		return;
	}
	loss_add(from, w->part.n.packets, w->part.n.bytes);
	loss_add(to, w->part.n.packets, w->part.n.bytes);
	loss_add(nat, w->part.n.packets, w->part.n.bytes);
}

static __always_inline __u32 flow_log_epoch(const struct dp_config *cfg)
{
	return cfg ? *(volatile const __u32 *)&cfg->flow_log : 0;
}

/* A packet that was refused. */
static __noinline void refusal_log(__u32 reason)
{
	struct walk *w = walk_mine();
	const __u32 epoch = flow_log_epoch(dp_config()), side = refusal_side(reason);
	struct flow_part *p;

	if (!epoch || !side || !w)
		return;
	p = &w->part;
	__builtin_memset(p, 0, sizeof(*p));
	p->of.key = w->key;
	p->of.saddr = w->at.saddr;
	p->of.daddr = w->at.daddr;
	p->of.sport = w->at.sport;
	p->of.dport = w->at.dport;
	p->of.reason = reason;
	if (w->step == STEP_NAT)
		p->of.nat = w->nat;
	else if (w->step == STEP_NAT_RETURN)
		p->of.nat = w->old_nat, p->of.flags = FLOW_REPLY;
	else if (side == REFUSED_AT_RECEIVER)
		p->of.output_ifindex = w->output_ifindex;
	p->n.packets = 1;
	p->n.bytes = w->bytes;
	p->n.last_ns = w->now;
	p->n.since = w->now / NS_PER_SECOND;
	p->n.tcp_flags = tcp_flags_told(w) >> FLOW_TCP_SHIFT;
	part_keep(epoch);
}

/* ---- moving ---- */

/* What an entry becomes: another flow, or the same one, whose counts go on. */
enum publish { PUBLISH_NEW, PUBLISH_AGAIN };

/* By who has the entry; the daemon may be moving what it counted, once. */
static __always_inline __u64 take(__u64 *counted, __u64 *accounted, enum publish what)
{
	for (int i = 0; i < 3; i++) {
		__u64 was = *(volatile __u64 *)accounted, n = *(volatile __u64 *)counted;
		__u64 life = (was & ~FLOW_COUNTED) + FLOW_NEXT_LIFE;

		if (__sync_val_compare_and_swap(accounted, was,
						what == PUBLISH_NEW ? life : life | n) == was)
			return n - (was & FLOW_COUNTED);
	}
	return 0;
}

/* Moves what a half counted to the totals of its two interfaces, and to the flow logs. */
static __noinline void flow_account(const struct flow_key *k, struct flow *f, enum publish what)
{
	__u64 packets = take(&f->packets, &f->accounted_packets, what);
	__u64 bytes = take(&f->bytes, &f->accounted_bytes, what);
	const __u32 epoch = flow_log_epoch(dp_config());
	struct walk *w = walk_mine();

	if (!packets && !bytes)
		return;
	totals_add(k->ifindex, f->output_ifindex, packets, bytes);
	if (!epoch || !w)
		return;
	part_fill(&w->part.of, k, f);
	w->part.n.packets = packets;
	w->part.n.bytes = bytes;
	w->part.n.since = f->since;
	w->part.n.last_ns = 0; /* of a DEAD entry it is not known */
	w->part.n.tcp_flags = (f->flags & FLOW_TCP_SEEN) >> FLOW_TCP_SHIFT;
	part_keep(epoch);
}

#endif
