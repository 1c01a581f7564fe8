/* SPDX-License-Identifier: MIT
 * Admission: the pair of entries that a walk's decision becomes, and walking again.
 */
#ifndef VPCD_BPF_LIB_ADMIT_H
#define VPCD_BPF_LIB_ADMIT_H

#include "bpf/lib/mirror.h"
#include "bpf/lib/nat.h"
#include "bpf/lib/route.h"

/* ---- idle time-outs: the smaller of both interfaces' settings ---- */

static __always_inline __u32 smaller_of(__u32 a, __u32 b, __u32 otherwise)
{
	a = a ? a : otherwise;
	b = b ? b : otherwise;
	return a < b ? a : b;
}

static __always_inline void timeouts_fill(struct walk *w)
{
	const struct eni *a = &w->self, *b = &w->target;
	const __u32 outside = ENI_INTERNET | ENI_SERVICE;
	struct flow *f = &w->flow;

	/* An end without settings (a host of the internet, the resolver) has the other's. */
	if (a->flags & outside)
		a = b;
	if (b->flags & outside)
		b = a;
	if (w->key.protocol == IPPROTO_TCP) {
		f->established_timeout =
			smaller_of(a->tcp_established_timeout, b->tcp_established_timeout,
				   TIMEOUT_TCP_ESTABLISHED);
	} else if (w->key.protocol == IPPROTO_UDP) {
		f->opening_timeout = smaller_of(a->udp_timeout, b->udp_timeout, TIMEOUT_UDP);
		f->established_timeout = smaller_of(a->udp_stream_timeout, b->udp_stream_timeout,
						    TIMEOUT_UDP_STREAM);
	}
}

/* ---- quotas ---- */

static __always_inline struct eni_flows *eni_flows_of(const struct walk *w,
						      const struct dp_config *cfg)
{
	struct eni_flows *e = bpf_map_lookup_elem(&eni_flows, &w->key.ifindex), fresh = {};

	if (e)
		return e;
	fresh.share = w->self.flags & ENI_FOR_ALL ? cfg->share_for_all : cfg->flow_share;
	bpf_map_update_elem(&eni_flows, &w->key.ifindex, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&eni_flows, &w->key.ifindex);
}

/* One more of the common part; whether there was one. */
static __always_inline int common_take(const struct dp_config *cfg)
{
	__u32 *common = common_open();

	return common && __sync_fetch_and_add(common, 1) < cfg->flow_common;
}

/* One more flow of the sender's; 0, or the reason. flow_discount() gives it back. */
static __always_inline int quota_take(const struct walk *w, const struct dp_config *cfg)
{
	const __u32 quota = w->self.flow_quota ? w->self.flow_quota : FLOW_QUOTA_DEFAULT;
	struct eni_flows *e = eni_flows_of(w, cfg);
	__u32 open;

	if (!e)
		return DROP_FLOW_TABLE_FULL;
	open = __sync_fetch_and_add(&e->open, 1);
	if ((open < e->share || common_take(cfg)) && open < quota)
		return DROP_NONE;
	flow_discount(w->key.ifindex);
	__sync_fetch_and_add(&e->allowance_exceeded, 1);
	return DROP_CONNTRACK_ALLOWANCE;
}

/* ---- entries ---- */

static __always_inline void reply_key_fill(struct walk *w)
{
	struct flow_key *k = &w->reverse_key;

	k->ifindex = w->output_ifindex;
	k->family = w->key.family;
	k->protocol = w->key.protocol;
	k->reserved = 0;
	k->saddr = w->at.daddr;
	k->daddr = w->at.saddr;
	turn_ports(w->is.is_echo, w->at.sport, w->at.dport, &k->sport, &k->dport);
}

/* The half that the opener sends. */
static __always_inline void forward_fill(struct walk *w, const struct dp_config *cfg)
{
	struct flow *f = &w->flow;

	__builtin_memset(f, 0, sizeof(*f));
	f->state = FLOW_CLAIMED;
	f->generation = *(volatile const __u32 *)&cfg->generation;
	f->group_generation = *(volatile const __u32 *)&cfg->group_generation;
	f->last_seen_ns = w->now;
	/* A claimed entry has nothing to account for; flow_publish() says what it has. */
	f->packets = f->accounted_packets = 1;
	f->bytes = f->accounted_bytes = w->bytes;
	f->since = w->now / NS_PER_SECOND;
	f->born = w->now / FLOW_BORN_NS + 1;
	f->saddr = w->at.saddr;
	f->daddr = w->at.daddr;
	f->sport = w->at.sport;
	f->dport = w->at.dport;
	f->output_ifindex = w->output_ifindex;
	__builtin_memcpy(f->dmac, w->target.mac, 6);
	f->mtu = w->mtu;
	f->output = w->target.output;
	f->nat = w->nat;
	f->flags = w->flow_flags;
	if (!ip128_equal(&w->key.saddr, &w->at.saddr) || w->nat)
		f->flags |= FLOW_SNAT;
	if (!ip128_equal(&w->key.daddr, &w->at.daddr))
		f->flags |= FLOW_DNAT;
	f->mirror = w->mirror = mirror_choose(w);
	if (w->target.loss)
		f->flags |= FLOW_LOSSY;
	if (w->key.protocol == IPPROTO_TCP && (w->is.tcp_flags & TCP_FIN))
		f->flags |= FLOW_SEEN_FIN;
	if (w->key.protocol == IPPROTO_TCP && (w->is.tcp_flags & TCP_RST))
		f->flags |= FLOW_SEEN_RST | FLOW_CLOSING;
	f->flags |= tcp_flags_told(w);
	timeouts_fill(w);
}

/* From the forward half to the other one, in place. */
static __always_inline void reverse_fill(struct walk *w)
{
	struct flow *f = &w->flow;
	__u32 flags = f->flags;

	f->saddr = w->key.daddr;
	f->daddr = w->key.saddr;
	turn_ports(w->is.is_echo, w->key.sport, w->key.dport, &f->sport, &f->dport);
	f->output_ifindex = w->key.ifindex;
	__builtin_memcpy(f->dmac, w->self.mac, 6);
	f->output = w->self.output;
	f->mirror = 0; /* until it walks */
	f->flags = FLOW_REPLY | FLOW_ACL_UNKNOWN |
		   (flags & (FLOW_ROUTED | FLOW_TRACKED_IN | FLOW_TRACKED_OUT | FLOW_EGRESS_ONLY |
			     FLOW_CLOSING));
	if (w->self.loss)
		f->flags |= FLOW_LOSSY;
	if (flags & FLOW_SNAT)
		f->flags |= FLOW_DNAT;
	if (flags & FLOW_DNAT)
		f->flags |= FLOW_SNAT;
	f->packets = f->bytes = f->accounted_packets = f->accounted_bytes = 0;
}

static __always_inline int claim_reason(int rc)
{
	return rc == CLAIM_FULL ? DROP_FLOW_TABLE_FULL : DROP_FLOW_RACE;
}

enum reply_half { REPLY_WANTED, REPLY_KEPT };

/* An answer opens no way back. */
static __always_inline int is_echo_reply(const struct walk *w)
{
	return w->is.is_echo && w->key.dport == bpf_htons(FLOW_ECHO_REPLY);
}

/* The receiver's half may be there already, if it knows the flow by another way (a middlebox sent
 * on what the opener sent): what it sends comes out as our reply, so it stays as it is. */
static __always_inline int reply_half(struct walk *w, const int own_stays)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &w->reverse_key);
	__be16 sport, dport;

	turn_ports(w->is.is_echo, w->key.sport, w->key.dport, &sport, &dport);
	if (is_echo_reply(w))
		return REPLY_KEPT;
	if (!f || flow_state(f) != FLOW_LIVE || flow_expired(&w->reverse_key, f, w->now))
		return REPLY_WANTED;
	if (!ip128_equal(&f->saddr, &w->key.daddr) || !ip128_equal(&f->daddr, &w->key.saddr) ||
	    f->sport != sport || f->dport != dport)
		return REPLY_WANTED;
	if (f->output_ifindex == w->key.ifindex)
		return own_stays ? REPLY_KEPT : REPLY_WANTED;
	if (!is_reopening(w, f))
		return REPLY_KEPT;
	flow_leave(&w->reverse_key, f, FLOW_CLOSED);
	return REPLY_WANTED;
}

/* Without a choice of port: in canonical order, so that two ends that open towards each other at
 * once cannot both give up. */
static __always_inline int claim_both(struct walk *w)
{
	int forward_first = key_less(&w->key, &w->reverse_key);
	struct flow_key *first = forward_first ? &w->key : &w->reverse_key;
	struct flow_key *second = forward_first ? &w->reverse_key : &w->key;
	int rc = flow_claim(first, second, &w->flow, w->now, OVER_ANYWAY);

	if (rc)
		return claim_reason(rc);
	rc = flow_claim(second, first, &w->flow, w->now, OVER_ANYWAY);
	if (!rc)
		return DROP_NONE;
	flow_set_state(first, FLOW_CLAIMED, FLOW_CLOSED);
	return claim_reason(rc);
}

static __always_inline int claim_nat(struct walk *w)
{
	int rc = nat_claim_port(0);

	if (rc)
		return rc;
	rc = flow_claim(&w->key, &w->reverse_key, &w->flow, w->now, OVER_ANYWAY);
	if (rc) {
		flow_set_state(&w->reverse_key, FLOW_CLAIMED, FLOW_CLOSED);
		return claim_reason(rc);
	}
	w->at.sport = w->is.is_echo ? w->reverse_key.sport : w->reverse_key.dport;
	w->flow.sport = w->at.sport;
	return DROP_NONE;
}

static __always_inline int claim(struct walk *w, int *kept)
{
	int rc;

	*kept = REPLY_WANTED;
	if (w->nat)
		return claim_nat(w);
	*kept = reply_half(w, 0);
	if (*kept == REPLY_WANTED)
		return claim_both(w);
	rc = flow_claim(&w->key, &w->reverse_key, &w->flow, w->now, OVER_ANYWAY);
	return rc ? claim_reason(rc) : DROP_NONE;
}

/* What an echo reply that answers nothing opened is good for that one packet. */
static __always_inline void end_unasked(struct walk *w)
{
	struct flow *f;

	if (!w->is.is_echo)
		return;
	f = bpf_map_lookup_elem(&flows, &w->key);
	if (f && flow_state(f) == FLOW_LIVE && !is_role(&w->key, f))
		flow_leave(&w->key, f, FLOW_CLOSED);
}

/* Enters both halves of what the walk decided. */
__noinline int admit(struct walk *w)
{
	const struct dp_config *cfg = dp_config();
	int reason, kept;

	w = walk_own(w);
	if (!w || !cfg)
		return DROP_INTERNAL;
	end_unasked(w);
	reason = quota_take(w, cfg);
	if (reason)
		return reason;
	reply_key_fill(w);
	forward_fill(w, cfg);
	reason = claim(w, &kept);
	if (reason) {
		flow_discount(w->key.ifindex);
		return reason;
	}
	flow_publish(&w->key, &w->flow, PUBLISH_NEW);
	w->flow_flags = w->flow.flags;
	if (w->nat)
		nat_count(w->nat, NAT_ATTEMPT);
	if (kept == REPLY_KEPT)
		return DROP_NONE;
	reverse_fill(w);
	flow_publish(&w->reverse_key, &w->flow, PUBLISH_NEW);
	return DROP_NONE;
}

/* Nothing left, at any address, to the destination of the last try. */
__noinline int nat_refuse(__u32 nat)
{
	struct walk *w = walk_mine();
	struct nat_destination to = {};
	__u64 *count, one = 1;

	if (!w)
		return 0;
	to.nat = nat;
	to.protocol = w->key.protocol;
	to.port = w->is.is_echo ? 0 : w->key.dport;
	to.address = w->reverse_key.saddr;
	count = bpf_map_lookup_elem(&nat_refusals, &to);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&nat_refusals, &to, &one, BPF_ANY);
	nat_count(nat, NAT_REFUSED);
	return 0;
}

/* A NAT gateway that has no port left at the address that the walk chose may have one at another
 * (55,000 each): walks by the next one. */
static __always_inline int admit_elsewhere(struct walk *w)
{
	int reason = DROP_NAT_PORTS;

	if (!w)
		return DROP_INTERNAL;
	for (int i = 1; i < NAT_ADDRESSES_MAX && w->nat_left; i++) {
		w->nat_tried++;
		w->nat = 0;
		reason = walk_run(w);
		if (!reason)
			reason = admit(w);
		if (reason != DROP_NAT_PORTS)
			return reason;
	}
	nat_refuse(w->nat);
	return reason;
}

/* ---- walking again ---- */

/* The gates in the order of this half's direction, as flags of its flow. */
static __always_inline __u32 tracked_flags(__u32 walked, __u32 reply)
{
	if (!reply)
		return walked & (FLOW_TRACKED_IN | FLOW_TRACKED_OUT);
	return (walked & FLOW_TRACKED_OUT ? FLOW_TRACKED_IN : 0) |
	       (walked & FLOW_TRACKED_IN ? FLOW_TRACKED_OUT : 0);
}

/* A half that goes to another interface now, as what it was before: with the gates that it passed,
 * its age and its translation. Whoever receives it gets a half to answer by. */
static __always_inline int readmit(struct walk *w, struct flow *f, const struct dp_config *cfg)
{
	__u32 flags = *(volatile __u32 *)&f->flags & ~FLOW_TCP_SEEN;
	/* What its own gate said when it was asked first stays. */
	const __u32 own = flags & FLOW_REPLY ? FLOW_TRACKED_IN : FLOW_TRACKED_OUT;
	const __u32 paths =
		((FLOW_TRACKED_IN | FLOW_TRACKED_OUT) & ~own) | FLOW_ROUTED | FLOW_ACL_UNKNOWN;
	int kept, claimed;

	reply_key_fill(w);
	forward_fill(w, cfg);
	w->flow.flags = (flags & ~paths) |
			(tracked_flags(w->flow_flags, flags & FLOW_REPLY) & ~own) |
			(w->flow_flags & FLOW_ROUTED);
	kept = reply_half(w, 1);
	claimed = kept == REPLY_WANTED &&
		  !flow_claim(&w->reverse_key, &w->key, &w->flow, w->now, OVER_EXPIRED);
	/* The port that it has from its NAT gateway is another flow's there. */
	if (w->nat && !(flags & FLOW_REPLY) && kept == REPLY_WANTED && !claimed) {
		flow_close_pair(&w->key, f);
		return DROP_FLOW_PATH;
	}
	if (!flow_swap(f, FLOW_LIVE, FLOW_CLAIMED)) {
		if (claimed)
			flow_set_state(&w->reverse_key, FLOW_CLAIMED, FLOW_CLOSED);
		return DROP_FLOW_RACE;
	}
	flow_publish(&w->key, &w->flow, PUBLISH_AGAIN);
	if (claimed) {
		w->flow.flags =
			w->flow_flags | (flags & (FLOW_SNAT | FLOW_DNAT | FLOW_EGRESS_ONLY));
		reverse_fill(w);
		flow_publish(&w->reverse_key, &w->flow, PUBLISH_NEW);
	}
	return DROP_NONE;
}

static __always_inline void flow_recall(struct walk *w, const struct flow *f)
{
	w->is.has_flow = 1;
	w->old_nat = f->nat;
	w->old.saddr = f->saddr;
	w->old.daddr = f->daddr;
	w->old.sport = f->sport;
	w->old.dport = f->dport;
	w->old_flags = f->flags;
	w->output_ifindex = f->output_ifindex;
	w->is.skip_egress = flow_is_own(w->old_flags);
}

/* Translated as before, by the same gateway? */
static __always_inline int is_same_translation(const struct walk *w, const struct flow *f)
{
	if (!(w->old_flags & FLOW_REPLY) && ((w->flow_flags ^ w->old_flags) & FLOW_EGRESS_ONLY))
		return 0;
	return w->nat == f->nat && ip128_equal(&w->at.saddr, &w->old.saddr) &&
	       ip128_equal(&w->at.daddr, &w->old.daddr);
}

/* Each half has its own: a middlebox of the subnet answers as a neighbour. */
static __always_inline void flow_set_routed(struct flow *f, __u32 routed)
{
	if (routed == (f->flags & FLOW_ROUTED))
		return;
	if (routed)
		__sync_fetch_and_or(&f->flags, FLOW_ROUTED);
	else
		__sync_fetch_and_and(&f->flags, ~FLOW_ROUTED);
}

/* The flow of a packet that a trace asks about. */
static __always_inline struct flow *flow_assumed(struct walk *w)
{
	struct trail *t = trail_get();

	if (t && t->mode == TRAIL_REPLY)
		return &t->flow;
	return t && t->mode == TRAIL_FRESH ? NULL : bpf_map_lookup_elem(&flows, &w->key);
}

/* Does what is entered still hold? A half walks again when routes or ACLs changed, when it never
 * walked (the first reply), and, if some gate did not track it, when rules changed. 0, or the
 * reason; FLOW_PATH: the flow ends. */
__noinline int walk_again(struct walk *w)
{
	const struct dp_config *cfg = dp_config();
	struct flow *f;
	__u32 same;
	int reason;

	w = walk_own(w);
	if (!w || !cfg)
		return DROP_INTERNAL;
	f = w->dry ? flow_assumed(w) : bpf_map_lookup_elem(&flows, &w->key);
	if (!f)
		return DROP_FLOW_RACE;
	flow_recall(w, f);
	same = f->output_ifindex;
	reason = walk_run(w);
	if (reason)
		return reason;
	if (!is_same_translation(w, f)) {
		if (!w->dry)
			flow_close_pair(&w->key, f);
		return DROP_FLOW_PATH;
	}
	if (w->dry)
		return DROP_NONE;
	if (w->output_ifindex != same)
		return readmit(w, f, cfg);
	f->mtu = w->mtu;
	f->mirror = mirror_choose(w);
	flow_set_routed(f, w->flow_flags & FLOW_ROUTED);
	if (w->target.loss)
		__sync_fetch_and_or(&f->flags, FLOW_LOSSY);
	f->generation = *(volatile const __u32 *)&cfg->generation;
	f->group_generation = *(volatile const __u32 *)&cfg->group_generation;
	if (w->old_flags & FLOW_ACL_UNKNOWN)
		__sync_fetch_and_and(&f->flags, ~FLOW_ACL_UNKNOWN);
	return DROP_NONE;
}

#endif
