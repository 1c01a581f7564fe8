/* SPDX-License-Identifier: MIT
 * Packets larger than their path. IPv4 that may be fragmented is cut here, on its way to the
 * receiver (there is no kernel stack between the two to do it); of everything else the sender is
 * told the path's MTU, by its router and past all groups and ACLs (RFC 1191, RFC 8201; EC2 User
 * Guide, network_mtu), which is what path MTU discovery lives on.
 */
#ifndef VPCD_BPF_LIB_MTU_H
#define VPCD_BPF_LIB_MTU_H

#include <linux/pkt_cls.h>

#include "bpf/lib/drop.h"
#include "bpf/lib/link.h"
#include "bpf/lib/parse4.h"

#define ICMP_FRAG_NEEDED 4
#define MTU_MIN6	 1280
#define MTU_MIN4	 512 /* below it nothing is cut */

#define PAYLOAD_MAX 9216 /* of a packet that is cut */
#define PIECES_MAX  20	 /* of 512 octets and more */
#define PIECE_MIN   24	 /* of the last: a frame is not cut above a checksum left to hardware */
#define SUM_CHUNK   512	 /* bpf_csum_diff takes no more */

/* Room for what a packet carries; twice, since the verifier adds the bounds of place and length. */
struct payload {
	__u8 b[2 * PAYLOAD_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct payload);
} payload SEC(".maps");

static __always_inline struct payload *payload_buffer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&payload, &zero);
}

static __always_inline __u16 fold(__u64 s)
{
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}

static __always_inline __u64 sum_words(const void *p, __u32 len)
{
	return (__u32)bpf_csum_diff(NULL, 0, (void *)p, len, 0);
}

/* ---- telling the sender ---- */

/* As much of the packet as an error may quote (RFC 1812, section 4.3.2.3; RFC 4443, section 2.4).
 */
#define QUOTE4 (576 - 20 - 8)
#define QUOTE6 (MTU_MIN6 - 40 - 8)

struct error_head {
	__u8 type, code;
	__be16 checksum;
	__be32 mtu; /* IPv4: the lower half */
};

static __always_inline int frame_head(struct __sk_buff *skb, const struct walk *w, __be16 type)
{
	const __u8 router[6] = ROUTER_MAC;
	struct ethhdr eth;

	__builtin_memcpy(eth.h_dest, w->self.mac, 6);
	__builtin_memcpy(eth.h_source, router, 6);
	eth.h_proto = type;
	return bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0);
}

static __always_inline int too_big4(struct __sk_buff *skb, const struct walk *w,
				    const struct subnet_entry *s, struct payload *b, __u32 mtu)
{
	struct {
		struct iphdr ip;
		struct error_head icmp;
	} h = {};

	if (bpf_skb_load_bytes(skb, ETH_LEN, b->b, QUOTE4))
		return -1;
	h.ip.version = 4;
	h.ip.ihl = 5;
	h.ip.tot_len = bpf_htons(sizeof(h) + QUOTE4);
	h.ip.ttl = 64;
	h.ip.protocol = IPPROTO_ICMP;
	h.ip.saddr = s->router.w[3];
	h.ip.daddr = w->key.saddr.w[3];
	h.ip.check = ~fold(sum_words(&h.ip, sizeof(h.ip)));
	h.icmp.type = ICMP_DEST_UNREACH;
	h.icmp.code = ICMP_FRAG_NEEDED;
	h.icmp.mtu = bpf_htonl(mtu);
	h.icmp.checksum = ~fold(sum_words(&h.icmp, sizeof(h.icmp)) + sum_words(b->b, SUM_CHUNK) +
				sum_words(b->b + SUM_CHUNK, QUOTE4 - SUM_CHUNK));
	if (bpf_skb_change_tail(skb, ETH_LEN + sizeof(h) + QUOTE4, 0) ||
	    frame_head(skb, w, bpf_htons(ETH_P_IP)) ||
	    bpf_skb_store_bytes(skb, ETH_LEN, &h, sizeof(h), 0))
		return -1;
	return bpf_skb_store_bytes(skb, ETH_LEN + sizeof(h), b->b, QUOTE4, 0);
}

static __always_inline int too_big6(struct __sk_buff *skb, const struct walk *w,
				    const struct subnet_entry *s, struct payload *b, __u32 mtu)
{
	struct {
		struct ipv6hdr ip;
		struct error_head icmp;
	} h = {};
	struct ip128 router = s->prefix6_len ? router_of6(s) : ip128_words(ROUTER6);
	__be32 rest[2] = {bpf_htonl(sizeof(h.icmp) + QUOTE6), bpf_htonl(IPPROTO_ICMPV6)};

	if (bpf_skb_load_bytes(skb, ETH_LEN, b->b, QUOTE6))
		return -1;
	h.ip.version = 6;
	h.ip.payload_len = bpf_htons(sizeof(h.icmp) + QUOTE6);
	h.ip.nexthdr = IPPROTO_ICMPV6;
	h.ip.hop_limit = 64;
	__builtin_memcpy(&h.ip.saddr, &router, 16);
	__builtin_memcpy(&h.ip.daddr, &w->key.saddr, 16);
	h.icmp.type = ICMP6_PACKET_TOOBIG;
	h.icmp.mtu = bpf_htonl(mtu < MTU_MIN6 ? MTU_MIN6 : mtu);
	h.icmp.checksum = ~fold(sum_words(&h.ip.saddr, 32) + sum_words(rest, 8) +
				sum_words(&h.icmp, sizeof(h.icmp)) + sum_words(b->b, SUM_CHUNK) +
				sum_words(b->b + SUM_CHUNK, SUM_CHUNK) +
				sum_words(b->b + 2 * SUM_CHUNK, QUOTE6 - 2 * SUM_CHUNK));
	if (bpf_skb_change_tail(skb, ETH_LEN + sizeof(h) + QUOTE6, 0) ||
	    frame_head(skb, w, bpf_htons(ETH_P_IPV6)) ||
	    bpf_skb_store_bytes(skb, ETH_LEN, &h, sizeof(h), 0))
		return -1;
	return bpf_skb_store_bytes(skb, ETH_LEN + sizeof(h), b->b, QUOTE6, 0);
}

/* The packet becomes the error that its sender gets: 0; -1: none is due (no errors about errors,
 * nor about later fragments; RFC 1122, section 3.2.2). */
__noinline int too_big(struct __sk_buff *skb, struct walk *w, __u32 mtu)
{
	struct payload *b = payload_buffer();
	const struct subnet_entry *s;
	const struct eni *self;

	w = walk_own(w);
	if (!w || !b || w->is.is_error || w->is.fragment == FRAGMENT_LATER)
		return -1;
	self = bpf_map_lookup_elem(&enis, &w->key.ifindex);
	if (!self)
		return -1;
	w->self = *self;
	s = bpf_map_lookup_elem(&subnets, &w->self.subnet);
	if (!s)
		return -1;
	return w->key.family == AF_INET6 ? too_big6(skb, w, s, b, mtu)
					 : too_big4(skb, w, s, b, mtu);
}

/* ---- cutting ---- */

/* The sum of the payload in the buffer; octets behind it up to a word are zeroed. */
static __always_inline __u64 payload_sum(struct payload *b, __u64 len)
{
	__u64 sum = 0, at = 0;

	OPAQUE(len);
	if (len > PAYLOAD_MAX)
		return 0;
	b->b[len] = b->b[len + 1] = b->b[len + 2] = 0;
	len = (len + 3) & ~3ull;
	for (int i = 0; i < PAYLOAD_MAX / SUM_CHUNK && at < len; i++) {
		__u64 n = len - at;

		if (n > SUM_CHUNK)
			n = SUM_CHUNK;
		OPAQUE(n);
		OPAQUE(at);
		if (n > SUM_CHUNK || at > PAYLOAD_MAX)
			return 0;
		sum += sum_words(b->b + at, n);
		at += SUM_CHUNK;
	}
	return sum;
}

/* A sender may have left the L4 checksum to the hardware: then the field holds the sum of the
 * pseudo header, and nobody would complete it in a fragment. Which of both it is, the sum itself
 * says. */
static __always_inline void checksum_complete(const struct walk *w, const struct iphdr *ip,
					      struct payload *b, __u32 len)
{
	__be16 *field = (void *)(b->b + (w->key.protocol == IPPROTO_TCP ? 16 : 6));
	__be32 rest = bpf_htonl((__u32)ip->protocol << 16 | len);
	__u64 pseudo, sum;

	if (w->key.protocol != IPPROTO_TCP && w->key.protocol != IPPROTO_UDP)
		return;
	if (w->is.fragment || (w->key.protocol == IPPROTO_UDP && !*field))
		return;
	pseudo = sum_words(&ip->saddr, 8) + sum_words(&rest, 4);
	sum = payload_sum(b, len);
	if (fold(pseudo + sum) == 0xffff || *field != fold(pseudo))
		return;
	*field = ~fold(sum);
	if (!*field && w->key.protocol == IPPROTO_UDP)
		*field = 0xffff;
}

/* One piece, from `at` of the payload on, to the receiver. */
__noinline int cut_piece(struct __sk_buff *skb, struct walk *w, __u32 at, __u32 len, __u32 more)
{
	struct payload *b = payload_buffer();
	__u64 from = at, less = len - 1ull;
	struct iphdr ip;

	w = walk_own(w);
	OPAQUE(from);
	OPAQUE(less);
	if (!w || !b || from > PAYLOAD_MAX || less >= PAYLOAD_MAX)
		return -1;
	ip = w->cut_head;
	ip.tot_len = bpf_htons(sizeof(ip) + len);
	ip.frag_off = bpf_htons((w->is.fragment_offset + at) / 8 | (more ? IP_MORE_FRAGMENTS : 0));
	ip.check = 0;
	ip.check = ~fold(sum_words(&ip, sizeof(ip)));
	if (bpf_skb_change_tail(skb, ETH_LEN + sizeof(ip) + len, 0) ||
	    bpf_skb_store_bytes(skb, ETH_LEN, &ip, sizeof(ip), 0) ||
	    bpf_skb_store_bytes(skb, ETH_LEN + sizeof(ip), b->b + from, less + 1, 0))
		return -1;
	return bpf_clone_redirect(skb, w->output_ifindex, 0);
}

/* Sends a packet, rewritten already, to w->output_ifindex in pieces of w->mtu: the action. */
__noinline int cut(struct __sk_buff *skb, struct walk *w)
{
	struct payload *b = payload_buffer();
	__u32 slice, at = 0;
	__u64 len, less;

	w = walk_own(w);
	if (!w || !b)
		return TC_ACT_SHOT;
	len = w->bytes - sizeof(struct iphdr);
	slice = (w->mtu - sizeof(struct iphdr)) & ~7u;
	if (bpf_skb_load_bytes(skb, ETH_LEN, &w->cut_head, sizeof(w->cut_head)))
		return TC_ACT_SHOT;
	less = len - 1;
	OPAQUE(less);
	if (less >= PAYLOAD_MAX || bpf_skb_load_bytes(skb, ETH_LEN + 20, b->b, less + 1))
		return TC_ACT_SHOT;
	checksum_complete(w, &w->cut_head, b, len);
	for (int i = 0; i < PIECES_MAX && at < len; i++) {
		__u32 left = len - at, n = left < slice ? left : slice;

		if (left > n && left - n < PIECE_MIN)
			n -= PIECE_MIN;
		if (cut_piece(skb, w, at, n, at + n < len || w->is.more_fragments))
			return TC_ACT_SHOT;
		at += n;
	}
	return TC_ACT_STOLEN;
}

/* Does the packet fit, or will it be cut (w->is.cut)? 0, or MTU; *action: what becomes of the
 * packet, which is the answer to its sender by then. */
static __always_inline int mtu_check(struct __sk_buff *skb, struct walk *w, __u32 mtu, int *action)
{
	if (w->len <= mtu)
		return DROP_NONE;
	if (!w->is.dont_fragment && !skb->gso_size && mtu >= MTU_MIN4 &&
	    w->bytes <= PAYLOAD_MAX + sizeof(struct iphdr)) {
		w->is.cut = 1;
		w->mtu = mtu;
		return DROP_NONE;
	}
	if (w->dry)
		return DROP_MTU;
	drop_show(skb, w, DROP_MTU); /* before it becomes the answer */
	if (!too_big(skb, w, mtu))
		*action = bpf_redirect(w->key.ifindex, 0);
	return DROP_MTU;
}

#endif
