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
#define OFFSET_IP6_SOURCE  (ETH_LEN + 8)
#define OFFSET_IP6_DEST	   (ETH_LEN + 24)

/* Where the checksum over the addresses lies; 0: nowhere, or in another fragment. */
static __always_inline int checksum_offset(const struct walk *w)
{
	if (w->is.fragment == FRAGMENT_LATER)
		return 0;
	if (w->key.protocol == IPPROTO_TCP)
		return w->is.l4_offset + 16;
	if (w->key.protocol == IPPROTO_UDP)
		return w->is.l4_offset + 6;
	return w->key.family == AF_INET6 && w->key.protocol == IPPROTO_ICMPV6 ? w->is.l4_offset + 2
									      : 0;
}

static __always_inline void rewrite_address(struct __sk_buff *skb, const struct walk *w, __u32 at,
					    __be32 from, __be32 to)
{
	int l4 = checksum_offset(w);
	__u64 mangled = w->key.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (from == to)
		return;
	if (l4)
		bpf_l4_csum_replace(skb, l4, from, to, BPF_F_PSEUDO_HDR | mangled | 4);
	bpf_l3_csum_replace(skb, OFFSET_IP_CHECKSUM, from, to, 4);
	bpf_skb_store_bytes(skb, at, &to, 4, 0);
}

static __always_inline void rewrite_address6(struct __sk_buff *skb, const struct walk *w, __u32 at,
					     const struct ip128 *from, const struct ip128 *to)
{
	int l4 = checksum_offset(w);
	struct ip128 old = *from, new = *to;

	if (ip128_equal(from, to))
		return;
	if (l4)
		bpf_l4_csum_replace(skb, l4, 0, bpf_csum_diff(old.w, 16, new.w, 16, 0),
				    BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	bpf_skb_store_bytes(skb, at, &new, 16, 0);
}

static __always_inline void rewrite_port(struct __sk_buff *skb, const struct walk *w, __u32 at,
					 __u32 checksum, __be16 from, __be16 to)
{
	__u64 mangled = w->key.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (from == to)
		return;
	bpf_l4_csum_replace(skb, checksum, from, to, mangled | 2);
	bpf_skb_store_bytes(skb, at, &to, 2, 0);
}

static __always_inline __be16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)sum;
}

/* What of a tuple stands in IPv4 headers. */
struct headers4 {
	__be32 saddr, daddr;
	__be16 sport, dport;
};

/* May the packet's headers be rewritten where they lie: TCP or UDP over IPv4, with its ports? */
static __always_inline int is_plain(const struct walk *w)
{
	return w->is.direct && w->key.family == AF_INET && w->is.fragment != FRAGMENT_LATER &&
	       (w->key.protocol == IPPROTO_TCP || w->key.protocol == IPPROTO_UDP);
}

/* One pass over the headers, and the sums by the differences (RFC 1624). Where the checksum is left
 * to the kernel its field holds the sum of the pseudo header. Of a plain packet; 0: too short,
 * which the parser has excluded. */
static __always_inline int rewrite_in_place(struct __sk_buff *skb, const struct walk *w,
					    struct headers4 to)
{
	const int is_tcp = w->key.protocol == IPPROTO_TCP;
	struct iphdr *ip = (void *)(long)skb->data + ETH_LEN;
	__be16 *ports = (void *)(ip + 1), *check = is_tcp ? ports + 8 : ports + 3;
	__u64 addresses, all;

	if ((void *)(check + 1) > (void *)(long)skb->data_end)
		return 0;
	addresses =
		(__u64)(__u32)~w->key.saddr.w[3] + (__u32)~w->key.daddr.w[3] + to.saddr + to.daddr;
	all = addresses + (__u16)~w->key.sport + (__u16)~w->key.dport + to.sport + to.dport;
	ip->saddr = to.saddr;
	ip->daddr = to.daddr;
	ip->check = (__be16)~sum_fold((__u16)~ip->check + addresses);
	ports[0] = to.sport;
	ports[1] = to.dport;
	if (w->is.partial) {
		*check = sum_fold(*check + addresses);
	} else if (is_tcp || *check) {
		*check = (__be16)~sum_fold((__u16) ~*check + all);
		if (!is_tcp && !*check)
			*check = 0xffff;
	}
	return 1;
}

static __noinline void rewrite(struct __sk_buff *skb, const struct walk *w, const struct tuple *to)
{
	const struct headers4 plain = {to->saddr.w[3], to->daddr.w[3], to->sport, to->dport};
	const __u32 l4 = w->is.l4_offset;

	if (is_plain(w) && rewrite_in_place(skb, w, plain))
		return;
	if (w->key.family == AF_INET6) {
		rewrite_address6(skb, w, OFFSET_IP6_SOURCE, &w->key.saddr, &to->saddr);
		rewrite_address6(skb, w, OFFSET_IP6_DEST, &w->key.daddr, &to->daddr);
	} else {
		rewrite_address(skb, w, OFFSET_IP_SOURCE, w->key.saddr.w[3], to->saddr.w[3]);
		rewrite_address(skb, w, OFFSET_IP_DEST, w->key.daddr.w[3], to->daddr.w[3]);
	}
	if (w->is.fragment == FRAGMENT_LATER)
		return;
	if (w->key.protocol == IPPROTO_TCP || w->key.protocol == IPPROTO_UDP) {
		rewrite_port(skb, w, l4, checksum_offset(w), w->key.sport, to->sport);
		rewrite_port(skb, w, l4 + 2, checksum_offset(w), w->key.dport, to->dport);
	} else if (w->is.is_echo) {
		rewrite_port(skb, w, l4 + 4, l4 + 2, w->key.sport, to->sport);
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

#endif
