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
#include "bpf/lib/output.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/retire.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ACTION_DROP  -1 /* results of judge(): the reason is in *ret_reason */
#define ACTION_REPLY -2 /* an ARP reply, in place */

static __always_inline struct walk *walk_begin(struct __sk_buff *skb, const int dry)
{
	__u32 slot = dry;
	struct walk *w = bpf_map_lookup_elem(&scratch, &slot);

	if (!w)
		return NULL;
	w->dry = dry;
	w->ifindex = skb->ifindex;
	w->len = w->bytes = skb->len;
	w->tcp_flags = w->icmp_type = w->icmp_code = 0;
	w->is_echo = w->is_error = w->dont_fragment = 0;
	w->in.sport = w->in.dport = 0;
	w->skip_egress = w->skip_ingress = w->has_flow = 0;
	w->nat = w->nat_address = 0;
	w->hops = 0;
	w->flow_flags = 0;
	w->output_ifindex = 0;
	return w;
}

/* Everything before the flow table: 0, ACTION_REPLY, or the reason. */
static __always_inline int inspect(struct __sk_buff *skb, struct walk *w)
{
	const struct eni *self = bpf_map_lookup_elem(&enis, &w->ifindex);
	__be16 type = 0;
	int reason = parse_ethernet(skb, w, &type);

	if (!self)
		return DROP_NO_ENI;
	w->self = *self;
	if (reason)
		return reason;
	if (type == bpf_htons(ETH_P_ARP)) {
		reason = arp_reply(skb, w);
		return reason ? reason : ACTION_REPLY;
	}
	if (!mac_equal(w->smac, w->self.mac))
		return DROP_SOURCE_MAC;
	if (type == bpf_htons(ETH_P_IPV6))
		return DROP_FAMILY;
	if (type != bpf_htons(ETH_P_IP))
		return DROP_ETHERTYPE;
	reason = parse_ipv4(skb, w);
	if (reason)
		return reason;
	reason = check_source(w);
	return reason ? reason : check_checksum_start(skb, w);
}

/* An entry that may forward this packet; one that another CPU is filling is re-read. */
static __always_inline struct flow *flow_find(struct walk *w, const struct dp_config *cfg,
					      __u64 now)
{
	struct flow *f = bpf_map_lookup_elem(&flows, &w->key);

	if (!f)
		return NULL;
	for (int i = 0; i < CLAIM_RE_READS && flow_state(f) == FLOW_CLAIMED; i++)
		;
	if (flow_state(f) != FLOW_LIVE || flow_expired(&w->key, f, now))
		return NULL;
	/* A new connection on the ports of one that is closing. */
	if ((w->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && (f->flags & FLOW_CLOSING))
		return NULL;
	/* A half carries one direction of an echo. */
	if (w->is_echo && (w->icmp_type == ICMP_ECHOREPLY) != !!(f->flags & FLOW_REPLY))
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

/* An ICMP error belongs to the flow whose packet it quotes. Only untranslated ones are known yet.
 */
static __always_inline int quoted_flow(struct __sk_buff *skb, struct walk *w)
{
	struct {
		struct iphdr ip;
		__be16 sport, dport;
	} quoted;
	struct flow *f;

	if (bpf_skb_load_bytes(skb, w->l4_offset + 8, &quoted, sizeof(quoted)) ||
	    quoted.ip.ihl != 5)
		return 0;
	/* The quoted packet came to us: our side of it is the way back. */
	__builtin_memset(&w->reverse_key, 0, sizeof(w->reverse_key));
	w->reverse_key.ifindex = w->ifindex;
	w->reverse_key.family = AF_INET;
	w->reverse_key.protocol = quoted.ip.protocol;
	w->reverse_key.saddr = ip128_v4(quoted.ip.daddr);
	w->reverse_key.daddr = ip128_v4(quoted.ip.saddr);
	if (quoted.ip.protocol == IPPROTO_TCP || quoted.ip.protocol == IPPROTO_UDP) {
		w->reverse_key.sport = quoted.dport;
		w->reverse_key.dport = quoted.sport;
	}
	f = bpf_map_lookup_elem(&flows, &w->reverse_key);
	if (!f || flow_state(f) != FLOW_LIVE || (f->flags & (FLOW_SNAT | FLOW_DNAT)) ||
	    !ip128_equal(&w->in.daddr, &w->reverse_key.daddr))
		return 0;
	w->output_ifindex = f->output_ifindex;
	w->flow.output = f->output;
	__builtin_memcpy(w->target.mac, f->dmac, 6);
	w->flow_flags = f->flags;
	return 1;
}

static __always_inline int is_too_large(const struct walk *w, __u32 mtu)
{
	return w->len > mtu;
}

/* A packet of a live flow: what everything else is fast for. */
static __always_inline int forward(struct __sk_buff *skb, struct walk *w, struct flow *f, __u64 now)
{
	struct tuple to = {f->saddr, f->daddr, f->sport, f->dport};
	__u32 ifindex = f->output_ifindex, flags = f->flags, nat = f->nat;
	__u8 dmac[6], mode = f->output;
	int established;

	__builtin_memcpy(dmac, f->dmac, 6);
	established = flow_advance(w, &w->key, f);
	f->last_seen_ns = now;
	__sync_fetch_and_add(&f->packets, 1);
	__sync_fetch_and_add(&f->bytes, w->bytes);
	if (nat)
		nat_count(nat, f, w->bytes, 0, established);
	set_macs(skb, dmac, flags & FLOW_ROUTED);
	if (flags & (FLOW_SNAT | FLOW_DNAT))
		rewrite(skb, w, &to);
	return hand_over(skb, ifindex, mode);
}

/* The first packet of a flow, or one that no entry may carry. */
static __always_inline int open_flow(struct __sk_buff *skb, struct walk *w, int *action)
{
	int reason;

	if (w->is_error && quoted_flow(skb, w)) {
		if (!w->dry) {
			set_macs(skb, w->target.mac, w->flow_flags & FLOW_ROUTED);
			*action = hand_over(skb, w->output_ifindex, w->flow.output);
		}
		return DROP_NONE;
	}
	reason = walk_run(w);
	if (reason)
		return reason;
	if (is_too_large(w, w->mtu))
		return DROP_MTU;
	if (w->dry)
		return DROP_NONE;
	reason = admit(w);
	if (reason)
		return reason;
	set_macs(skb, w->target.mac, w->flow_flags & FLOW_ROUTED);
	if (w->flow.flags & (FLOW_SNAT | FLOW_DNAT))
		rewrite(skb, w, &w->at);
	*action = hand_over(skb, w->output_ifindex, w->target.output);
	return DROP_NONE;
}

static __always_inline int judge(struct __sk_buff *skb, struct walk *w, int *action)
{
	const struct dp_config *cfg = dp_config();
	struct flow *f;
	__u64 now;
	int reason = inspect(skb, w);

	if (reason == ACTION_REPLY) {
		*action = w->dry ? TC_ACT_OK : bpf_redirect(w->ifindex, 0);
		return DROP_NONE;
	}
	if (reason)
		return reason;
	if (!cfg)
		return DROP_INTERNAL;
	now = virtual_now(cfg);
	key_fill(&w->key, w->ifindex, w->protocol, &w->in);
	f = flow_find(w, cfg, now);
	if (!f)
		return open_flow(skb, w, action);
	if (!flow_is_current(f, cfg)) {
		reason = walk_again(w);
		if (reason)
			return reason;
	}
	if (is_too_large(w, f->mtu))
		return DROP_MTU;
	if (w->dry) {
		w->output_ifindex = f->output_ifindex;
		w->flow_flags = f->flags;
		return DROP_NONE;
	}
	*action = forward(skb, w, f, now);
	return DROP_NONE;
}

SEC("tc")
int eni_ingress(struct __sk_buff *skb)
{
	struct walk *w = walk_begin(skb, 0);
	int action = TC_ACT_SHOT, reason;

	if (!w)
		return TC_ACT_SHOT;
	reason = judge(skb, w, &action);
	if (reason) {
		count_drop(w->ifindex, reason, skb->len);
		if (w->nat) {
			struct nat_stats *s = nat_stats_of(w->nat);

			if (s)
				s->packets_dropped++;
		}
		return TC_ACT_SHOT;
	}
	return action;
}

SEC("tc")
int eni_trace(struct __sk_buff *skb)
{
	struct walk *w = walk_begin(skb, 1);
	int action = TC_ACT_OK, reason;

	if (!w)
		return TC_ACT_SHOT;
	reason = judge(skb, w, &action);
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
