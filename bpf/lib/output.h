/* SPDX-License-Identifier: MIT
 * Rewriting and handing over.
 */
#ifndef VPCD_BPF_LIB_OUTPUT_H
#define VPCD_BPF_LIB_OUTPUT_H

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "bpf/lib/parse.h"

#define OFFSET_IP_CHECKSUM (ETH_LEN + 10)
#define OFFSET_IP_SOURCE   (ETH_LEN + 12)
#define OFFSET_IP_DEST	   (ETH_LEN + 16)

static __always_inline int checksum_offset(const struct walk *w)
{
	if (w->protocol == IPPROTO_TCP)
		return w->l4_offset + 16;
	return w->protocol == IPPROTO_UDP ? w->l4_offset + 6 : 0;
}

static __always_inline void rewrite_address(struct __sk_buff *skb, const struct walk *w, __u32 at,
					    __be32 from, __be32 to)
{
	int l4 = checksum_offset(w);
	__u64 mangled = w->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (from == to)
		return;
	if (l4)
		bpf_l4_csum_replace(skb, l4, from, to, BPF_F_PSEUDO_HDR | mangled | 4);
	bpf_l3_csum_replace(skb, OFFSET_IP_CHECKSUM, from, to, 4);
	bpf_skb_store_bytes(skb, at, &to, 4, 0);
}

static __always_inline void rewrite_port(struct __sk_buff *skb, const struct walk *w, __u32 at,
					 __u32 checksum, __be16 from, __be16 to)
{
	__u64 mangled = w->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (from == to)
		return;
	bpf_l4_csum_replace(skb, checksum, from, to, mangled | 2);
	bpf_skb_store_bytes(skb, at, &to, 2, 0);
}

static __noinline void rewrite(struct __sk_buff *skb, const struct walk *w, const struct tuple *to)
{
	rewrite_address(skb, w, OFFSET_IP_SOURCE, w->in.saddr.w[3], to->saddr.w[3]);
	rewrite_address(skb, w, OFFSET_IP_DEST, w->in.daddr.w[3], to->daddr.w[3]);
	if (w->protocol == IPPROTO_TCP || w->protocol == IPPROTO_UDP) {
		rewrite_port(skb, w, w->l4_offset, checksum_offset(w), w->in.sport, to->sport);
		rewrite_port(skb, w, w->l4_offset + 2, checksum_offset(w), w->in.dport, to->dport);
	} else if (w->is_echo) {
		rewrite_port(skb, w, w->l4_offset + 4, w->l4_offset + 2, w->in.dport, to->dport);
	}
}

static __always_inline void set_macs(struct __sk_buff *skb, const __u8 dmac[6], int routed)
{
	const __u8 router[6] = ROUTER_MAC;
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return;
	__builtin_memcpy(eth->h_dest, dmac, 6);
	if (routed)
		__builtin_memcpy(eth->h_source, router, 6);
}

/* bpf_redirect_peer leaves the packet type as the host-side link saw it: somebody else's. */
static __always_inline int hand_over(struct __sk_buff *skb, __u32 ifindex, __u8 mode)
{
	if (mode == OUTPUT_REDIRECT)
		return bpf_redirect(ifindex, 0);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(ifindex, 0);
}

static __noinline void count_drop(__u32 ifindex, __u32 reason, __u32 len)
{
	struct drop_key key = {.ifindex = ifindex, .reason = reason};
	struct counter *c = bpf_map_lookup_elem(&drops, &key), one = {.packets = 1, .bytes = len};

	if (c) {
		c->packets++;
		c->bytes += len;
	} else if (bpf_map_update_elem(&drops, &key, &one, BPF_NOEXIST)) {
		c = bpf_map_lookup_elem(&drops, &key);
		if (c) {
			c->packets++;
			c->bytes += len;
		}
	}
}

#endif
