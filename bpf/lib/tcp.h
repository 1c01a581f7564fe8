/* SPDX-License-Identifier: MIT
 * What a NAT gateway does to TCP beyond translating it: the reset to who sends on a connection that
 * it has forgotten, and the largest segment that it lets both ends agree on.
 */
#ifndef VPCD_BPF_LIB_TCP_H
#define VPCD_BPF_LIB_TCP_H

#include "bpf/lib/output.h"

/* ---- the reset ---- */

struct reset_frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static __always_inline void reset_ip(struct reset_frame *r, const struct walk *w)
{
	r->ip.version = 4;
	r->ip.ihl = 5;
	r->ip.ttl = 255;
	r->ip.protocol = IPPROTO_TCP;
	r->ip.tot_len = bpf_htons(sizeof(r->ip) + sizeof(r->tcp));
	r->ip.frag_off = bpf_htons(0x4000);
	r->ip.saddr = w->key.daddr.w[3];
	r->ip.daddr = w->key.saddr.w[3];
}

/* RFC 9293, section 3.5.2: it takes its sequence number from the ACK that it answers, or has zero
 * and acknowledges what came. */
static __always_inline void reset_tcp(struct reset_frame *r, const struct walk *w,
				      const struct tcphdr *in)
{
	__u32 len = w->bytes - sizeof(r->ip) - in->doff * 4u + !!(w->is.tcp_flags & TCP_SYN) +
		    !!(w->is.tcp_flags & TCP_FIN);

	r->tcp.source = in->dest;
	r->tcp.dest = in->source;
	r->tcp.doff = 5;
	r->tcp.rst = 1;
	if (w->is.tcp_flags & TCP_ACK) {
		r->tcp.seq = in->ack_seq;
		return;
	}
	r->tcp.ack = 1;
	r->tcp.ack_seq = bpf_htonl(bpf_ntohl(in->seq) + len);
}

/* Where the sender left the sum to the kernel, the field holds that of the pseudo header. */
static __always_inline void reset_sums(struct reset_frame *r, int partial)
{
	const __be32 pseudo[3] = {r->ip.saddr, r->ip.daddr,
				  bpf_htonl(IPPROTO_TCP << 16 | sizeof(r->tcp))};
	__be32 words[5];
	__s64 sum;

	__builtin_memcpy(words, &r->ip, sizeof(r->ip));
	r->ip.check = (__be16)~sum_fold((__u32)bpf_csum_diff(NULL, 0, words, sizeof(words), 0));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)pseudo, sizeof(pseudo), 0);
	if (partial) {
		r->tcp.check = sum_fold((__u32)sum);
		return;
	}
	__builtin_memcpy(words, &r->tcp, sizeof(r->tcp));
	sum = bpf_csum_diff(NULL, 0, words, sizeof(words), (__u32)sum);
	r->tcp.check = (__be16)~sum_fold((__u32)sum);
}

/* Makes the packet the reset that answers it; 0, or it has no answer. */
__noinline int reset_answer(struct __sk_buff *skb, const struct walk *w)
{
	const __u8 router[6] = ROUTER_MAC;
	struct reset_frame r = {};
	struct tcphdr in;

	if (!w || (w->is.tcp_flags & TCP_RST) ||
	    bpf_skb_load_bytes(skb, ETH_LEN + sizeof(struct iphdr), &in, sizeof(in)))
		return -1;
	__builtin_memcpy(r.eth.h_dest, w->smac, 6);
	__builtin_memcpy(r.eth.h_source, router, 6);
	r.eth.h_proto = bpf_htons(ETH_P_IP);
	reset_ip(&r, w);
	reset_tcp(&r, w, &in);
	reset_sums(&r, w->is.partial);
	if (bpf_skb_change_tail(skb, sizeof(r), 0))
		return -1;
	return bpf_skb_store_bytes(skb, 0, &r, sizeof(r), BPF_F_INVALIDATE_HASH) ? -1 : 0;
}

/* ---- the largest segment ---- */

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_HEADERS    40 /* IPv4 and TCP without options */

static __always_inline void mss_lower(struct __sk_buff *skb, const struct walk *w, __u32 at,
				      __u16 limit)
{
	__be16 old, new = bpf_htons(limit);

	if (bpf_skb_load_bytes(skb, at, &old, sizeof(old)) || bpf_ntohs(old) <= limit)
		return;
	bpf_skb_store_bytes(skb, at, &new, sizeof(new), 0);
	/* The sum is one of 16-bit words of the segment: at an odd place the octets change sides.
	 */
	if ((at - w->is.l4_offset) & 1) {
		old = (__be16)(old << 8 | old >> 8);
		new = (__be16)(new << 8 | new >> 8);
	}
	bpf_l4_csum_replace(skb, checksum_offset(w), old, new, 2);
}

/* A SYN through a NAT gateway offers no larger segments than the path takes (VPC User Guide, NAT
 * gateway basics; RFC 9293, section 3.7.1: MTU less 40). */
__noinline int mss_clamp(struct __sk_buff *skb, const struct walk *w, __u32 mtu)
{
	__u32 at, end;
	__u8 option[2], doff;

	if (!w || mtu <= TCP_HEADERS || bpf_skb_load_bytes(skb, w->is.l4_offset + 12, &doff, 1))
		return 0;
	at = w->is.l4_offset + sizeof(struct tcphdr);
	end = w->is.l4_offset + (doff >> 4) * 4;
	for (int i = 0; i < 40; i++) {
		if (at + 2 > end || bpf_skb_load_bytes(skb, at, option, sizeof(option)))
			return 0;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (option[0] == TCP_OPTION_END || option[1] < 2)
			return 0;
		if (option[0] == TCP_OPTION_MSS && option[1] == 4 && at + 4 <= end) {
			mss_lower(skb, w, at + 2, (__u16)(mtu - TCP_HEADERS));
			return 0;
		}
		at += option[1];
	}
	return 0;
}

#endif
