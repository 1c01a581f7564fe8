// SPDX-License-Identifier: MIT
/* The program at the ingress of every host-side veth: what an interface sends passes here once, is
 * judged for sender and receiver, rewritten, and handed to the receiver's namespace.
 *
 * Two entry points are compiled from the same walk: eni_ingress, attached, and eni_trace, which
 * runs by BPF_PROG_TEST_RUN only and changes nothing. No field of a packet can choose between them.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lib/admit.h"
#include "bpf/lib/arp.h"
#include "bpf/lib/checksum.h"
#include "bpf/lib/dns.h"
#include "bpf/lib/drop.h"
#include "bpf/lib/fragment.h"
#include "bpf/lib/icmp.h"
#include "bpf/lib/mirror.h"
#include "bpf/lib/mtu.h"
#include "bpf/lib/nd.h"
#include "bpf/lib/output.h"
#include "bpf/lib/parse4.h"
#include "bpf/lib/parse6.h"
#include "bpf/lib/retire.h"
#include "bpf/lib/tcp.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ACTION_REPLY -2 /* of inspect(): an answer, in place of the question */

static __always_inline struct walk *walk_begin(struct __sk_buff *skb, const int dry)
{
	__u32 slot = dry;
	struct walk *w = bpf_map_lookup_elem(&scratch, &slot);

	if (!w)
		return NULL;
	__builtin_memset(&w->is, 0, sizeof(w->is));
	w->dry = dry;
	w->key.ifindex = skb->ifindex;
	w->key.reserved = 0;
	w->key.sport = w->key.dport = 0;
	w->nat = w->nat_tried = w->nat_left = 0;
	w->hops = 0;
	w->flow_flags = 0;
	w->output_ifindex = 0;
	return w;
}

static __always_inline int inspect_arp(struct __sk_buff *skb, struct walk *w,
				       const struct eni *self)
{
	int reason;

	w->self = *self;
	reason = arp_reply(skb, w);
	return reason ? reason : ACTION_REPLY;
}

static __always_inline int inspect_discovery(struct __sk_buff *skb, struct walk *w,
					     const struct eni *self)
{
	int reason;

	w->self = *self;
	reason = nd_reply(skb, w);
	return reason ? reason : ACTION_REPLY;
}

/* As often as asked of hosts of the simulated internet. */
static __always_inline int is_lost(const struct walk *w, __u32 loss)
{
	return loss && !w->dry && bpf_get_prandom_u32() % 10000 < loss;
}

static __always_inline int is_lost_on_arrival(const struct walk *w, __u32 ifindex)
{
	const struct eni *t = bpf_map_lookup_elem(&enis, &ifindex);

	return t && is_lost(w, t->loss);
}

/* Everything before the flow table: 0, ACTION_REPLY, or the reason. */
static __always_inline int inspect(struct __sk_buff *skb, struct walk *w, const struct eni *self)
{
	__be16 type = 0;
	int reason = parse_ethernet(skb, w, &type);

	if (!self)
		return DROP_NO_ENI;
	if (reason)
		return reason;
	if (type == bpf_htons(ETH_P_ARP))
		return inspect_arp(skb, w, self);
	if (!mac_equal(w->smac, self->mac))
		return DROP_SOURCE_MAC;
	if (is_lost(w, self->loss))
		return DROP_LOSS;
	if (type == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(skb, w);
	else if (type == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(skb, w);
	else
		reason = DROP_ETHERTYPE;
	if (!reason && is_discovery(w))
		return inspect_discovery(skb, w, self);
	return reason ? reason : check_checksum_start(skb, w);
}

/* An entry that may forward this packet; one that another CPU is filling is re-read. */
static __always_inline struct flow *flow_find(struct walk *w)
{
	struct flow *f = w->dry ? flow_assumed(w) : bpf_map_lookup_elem(&flows, &w->key);

	if (!f)
		return NULL;
	for (int i = 0; i < CLAIM_RE_READS && flow_state(f) == FLOW_CLAIMED; i++)
		;
	if (flow_state(f) != FLOW_LIVE || flow_expired(&w->key, f, w->now) || is_reopening(w, f) ||
	    !is_role(&w->key, f))
		return NULL;
	return f;
}

static __always_inline int flow_is_current(const struct flow *f, const struct dp_config *cfg)
{
	const __u32 tracked = FLOW_TRACKED_IN | FLOW_TRACKED_OUT;

	if (f->generation != *(volatile const __u32 *)&cfg->generation ||
	    (f->flags & FLOW_ACL_UNKNOWN))
		return 0;
	return (f->flags & tracked) == tracked ||
	       f->group_generation == *(volatile const __u32 *)&cfg->group_generation;
}

/* NAT gateways carry no fragments but UDP's (VPC User Guide, NAT gateway basics). */
static __always_inline int is_refused_fragment(const struct walk *w, const struct flow *f)
{
	return w->is.fragment && f->nat && w->key.protocol != IPPROTO_UDP;
}

static __always_inline int send(struct __sk_buff *skb, struct walk *w, __u32 ifindex, __u8 mode)
{
	int action;

	if (!w->is.cut)
		return hand_over(skb, ifindex, mode);
	w->output_ifindex = ifindex;
	action = cut(skb, w);
	if (action == TC_ACT_SHOT)
		packet_dropped(skb, w, DROP_INTERNAL, w->bytes);
	return action;
}

/* What a NAT gateway does beside rewriting: it counts and remembers. flags: before this packet. */
static __always_inline void nat_advance(struct walk *w, struct flow *f, __u32 flags,
					int established)
{
	if (established)
		nat_count(f->nat, NAT_ESTABLISHED);
	if (!(flags & FLOW_CLOSING) && (f->flags & FLOW_CLOSING))
		nat_port_closing(&w->key, f);
}

/* A packet of a live flow: what everything else is fast for. What it is rewritten to is read before
 * anything else happens to the entry. */
static __always_inline int forward(struct __sk_buff *skb, struct walk *w, struct flow *f)
{
	__u32 ifindex = f->output_ifindex, flags = f->flags, nat = f->nat;
	const __u32 rewrites = flags & (FLOW_SNAT | FLOW_DNAT), plain = rewrites && is_plain(w);
	struct headers4 to = {f->saddr.w[3], f->daddr.w[3], f->sport, f->dport};
	__u8 dmac[6], mode = f->output, mirror = f->mirror;
	__u16 mtu = f->mtu;
	int established;

	__builtin_memcpy(dmac, f->dmac, 6);
	if (rewrites && !plain)
		tuple_of_flow(&w->at, f);
	established = flow_advance(w, &w->key, f);
	f->last_seen_ns = w->now;
	__sync_fetch_and_add(&f->packets, 1);
	__sync_fetch_and_add(&f->bytes, w->bytes);
	if (nat)
		nat_advance(w, f, flags, established);
	if (w->is.fragment == FRAGMENT_FIRST)
		fragment_remember(w);
	if (mirror)
		mirror_sent(skb, w, mirror);
	set_macs(skb, dmac, flags & FLOW_ROUTED);
	if (plain && !rewrite_in_place(skb, w, to)) {
		count_drop(w->key.ifindex, DROP_INTERNAL, w->bytes);
		return TC_ACT_SHOT;
	}
	if (rewrites && !plain)
		rewrite(skb, w, &w->at);
	if (nat && (w->is.tcp_flags & TCP_SYN))
		mss_clamp(skb, w, mtu);
	if (mirror)
		mirror_received(skb, ifindex, mirror);
	return send(skb, w, ifindex, mode);
}

/* What the walk decided, without an entry of its own: an ICMP error. */
static __always_inline int pass_error(struct __sk_buff *skb, struct walk *w, int *action)
{
	int reason;

	if (w->dry)
		return DROP_NONE;
	w->mirror = mirror_choose(w);
	if (w->mirror)
		mirror_sent(skb, w, w->mirror);
	/* A router on the way has an address of its own, which a gateway may translate. */
	if ((w->old_flags & (FLOW_SNAT | FLOW_DNAT)) || !ip128_equal(&w->at.saddr, &w->key.saddr)) {
		reason = error_rewrite(skb, w);
		if (reason)
			return reason;
	}
	set_macs(skb, w->target.mac, w->flow_flags & FLOW_ROUTED);
	if (w->mirror)
		mirror_received(skb, w->output_ifindex, w->mirror);
	*action = hand_over(skb, w->output_ifindex, w->target.output);
	return DROP_NONE;
}

/* The first packet of a flow, or one that no entry may carry. */
static __always_inline int open_flow(struct __sk_buff *skb, struct walk *w, const struct eni *self,
				     int *action)
{
	int reason;

	w->self = *self;
	if (w->is.fragment == FRAGMENT_LATER)
		return DROP_FRAGMENT;
	if (w->is.is_error) {
		reason = error_judge(skb, w);
		if (reason >= 0)
			return reason ? reason : pass_error(skb, w, action);
	}
	reason = walk_run(w);
	if (reason)
		return reason;
	reason = mtu_check(skb, w, w->mtu, action);
	if (reason || w->dry)
		return reason;
	reason = admit(w);
	if (reason == DROP_NAT_PORTS)
		reason = admit_elsewhere(w);
	if (reason)
		return reason;
	if (is_lost(w, w->target.loss))
		return DROP_LOSS;
	if (w->is.fragment == FRAGMENT_FIRST)
		fragment_remember(w);
	if (w->mirror)
		mirror_sent(skb, w, w->mirror);
	set_macs(skb, w->target.mac, w->flow_flags & FLOW_ROUTED);
	if (w->flow_flags & (FLOW_SNAT | FLOW_DNAT))
		rewrite(skb, w, &w->at);
	if (w->nat && (w->is.tcp_flags & TCP_SYN))
		mss_clamp(skb, w, w->mtu);
	if (w->mirror)
		mirror_received(skb, w->output_ifindex, w->mirror);
	*action = send(skb, w, w->output_ifindex, w->target.output);
	return DROP_NONE;
}

/* What a flow that stands would do, for a trace. */
static __always_inline void flow_tell(struct walk *w, const struct flow *f)
{
	w->output_ifindex = f->output_ifindex;
	w->flow_flags = f->flags;
	w->mtu = f->mtu;
	w->nat = f->nat;
	w->at.saddr = f->saddr;
	w->at.daddr = f->daddr;
	w->at.sport = f->sport;
	w->at.dport = f->dport;
}

/* What goes to the VPC's resolver: counted against the allowance, and answered here where the
 * answer is held. 0: it goes on its way; else the reason, or ACTION_REPLY. */
static __always_inline int inspect_query(struct __sk_buff *skb, struct walk *w,
					 const struct eni *self, const struct dp_config *cfg,
					 int *action)
{
	const __u32 l4 = ETH_LEN + (w->key.family == AF_INET6 ? sizeof(struct ipv6hdr)
							      : sizeof(struct iphdr));
	int reason;

	if (w->dry || w->key.dport != bpf_htons(53) ||
	    (w->key.protocol != IPPROTO_UDP && w->key.protocol != IPPROTO_TCP))
		return DROP_NONE;
	w->self = *self;
	if (!is_resolver(w, &w->key.daddr))
		return DROP_NONE;
	reason = linklocal_allow(w->key.ifindex, w->now,
				 *(volatile const __u32 *)&cfg->linklocal_packets);
	if (reason || w->key.protocol != IPPROTO_UDP || w->is.l4_offset != l4 ||
	    (w->self.flags & ENI_MIRRORED_DNS) || !is_own_address(w, &w->key.saddr))
		return reason;
	if (dns_answer_here(skb, w->self.vpc) == DNS_MISS)
		return DROP_NONE;
	*action = hand_over(skb, w->key.ifindex, w->self.output);
	return ACTION_REPLY;
}

static __always_inline int judge(struct __sk_buff *skb, struct walk *w, int *action)
{
	const struct eni *self = bpf_map_lookup_elem(&enis, &w->key.ifindex);
	const struct dp_config *cfg = dp_config();
	struct flow *f;
	int reason = inspect(skb, w, self);

	if (reason == ACTION_REPLY) {
		*action = w->dry ? TC_ACT_OK : bpf_redirect(w->key.ifindex, 0);
		return DROP_NONE;
	}
	if (reason)
		return reason;
	if (!cfg || !self)
		return DROP_INTERNAL;
	w->now = virtual_now(cfg);
	if (w->is.fragment == FRAGMENT_LATER) {
		reason = fragment_follow(w);
		if (reason)
			return reason;
	}
	reason = inspect_query(skb, w, self, cfg, action);
	if (reason)
		return reason == ACTION_REPLY ? DROP_NONE : reason;
	f = flow_find(w);
	if (!f)
		return open_flow(skb, w, self, action);
	if (!flow_is_current(f, cfg)) {
		w->self = *self;
		reason = walk_again(w);
		if (reason)
			return reason;
	}
	if (!w->is.has_flow)
		w->output_ifindex = f->output_ifindex;
	if (is_refused_fragment(w, f))
		return DROP_NAT_FRAGMENT;
	reason = mtu_check(skb, w, w->is.has_flow ? w->mtu : f->mtu, action);
	if (reason)
		return reason;
	if ((f->flags & FLOW_LOSSY) && is_lost_on_arrival(w, f->output_ifindex))
		return DROP_LOSS;
	if (w->dry) {
		if (w->is.has_flow) /* it walked again, perhaps elsewhere */
			w->flow_flags = f->flags;
		else
			flow_tell(w, f);
		return DROP_NONE;
	}
	*action = forward(skb, w, f);
	return DROP_NONE;
}

SEC("tc")
int eni_ingress(struct __sk_buff *skb)
{
	struct walk *w = walk_begin(skb, 0);
	int action = TC_ACT_SHOT, reason;
	__u32 len = skb->len;

	if (!w)
		return TC_ACT_SHOT;
	reason = judge(skb, w, &action);
	if (reason) {
		packet_dropped(skb, w, reason, len);
		if (w->nat)
			nat_count(w->nat, NAT_DROPPED);
		if (reason == DROP_NAT_IDLE && !reset_answer(skb, w))
			return bpf_redirect(w->key.ifindex, 0);
	}
	return action;
}

/* At the pair of links that copies of mirrored packets take; see lib/mirror.h. */
SEC("tc")
int eni_mirror(struct __sk_buff *skb)
{
	__u32 mark = skb->mark, len = skb->len;
	struct walk *w = walk_begin(skb, 0);
	int reason;

	if (!w)
		return TC_ACT_SHOT;
	skb->mark = 0;
	reason = mirror_send(skb, w, mark);
	mirror_tell(MARK_IFINDEX(mark), mark & MARK_INBOUND, reason, len);
	if (!reason)
		return bpf_redirect(w->output_ifindex, 0);
	drop_show(skb, w, reason);
	return TC_ACT_SHOT;
}

SEC("tc")
int eni_trace(struct __sk_buff *skb)
{
	struct walk *w = walk_begin(skb, 1);
	int action = TC_ACT_OK, reason;

	if (!w)
		return TC_ACT_SHOT;
	trail_begin(w);
	reason = judge(skb, w, &action);
	trail_finish(w);
	skb->cb[0] = reason;
	skb->cb[1] = reason ? 0 : w->output_ifindex;
	skb->cb[2] = w->flow_flags;
	skb->cb[3] = w->hops;
	return TC_ACT_OK;
}

/* Run by the daemon: works the first n elements of `retire` off. */
SEC("syscall")
int flows_retire(struct retire_args *args)
{
	__u64 now = args->now;

	bpf_loop(args->n, retire_one, &now, 0);
	return 0;
}

/* Run by the daemon's audit. */
SEC("syscall")
int flows_correct(struct correct_args *args)
{
	__u32 ifindex = args->ifindex, delta = args->delta;
	struct eni_flows *e = ifindex ? bpf_map_lookup_elem(&eni_flows, &ifindex) : NULL;
	__u32 *open = e ? &e->open : ifindex ? NULL : common_open();

	if (open)
		__sync_fetch_and_add(open, delta);
	return 0;
}
