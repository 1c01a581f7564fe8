/* SPDX-License-Identifier: MIT
 * The IPv6 header and its extensions (RFC 8200, section 4). What concerns the destination alone is
 * carried: destination options and fragments. What asks something of the routers on the way is not
 * (EXTENSION_HEADER): hop-by-hop options (the router of a VPC has none to obey) and routing headers
 * (they name another destination than the one that rules and routes would judge; RFC 5095). At most
 * EXTENSIONS_MAX of them, since a chain without end hides the transport header from every rule.
 */
#ifndef VPCD_BPF_LIB_PARSE6_H
#define VPCD_BPF_LIB_PARSE6_H

#include "bpf/lib/parse.h"

#define EXTENSIONS_MAX 4

/* linux/in6.h collides with linux/in.h here. */
#define NEXT_HOP_BY_HOP	  0
#define NEXT_ROUTING	  43
#define NEXT_FRAGMENT	  44
#define NEXT_NONE	  59
#define NEXT_DESTINATION  60
#define NEXT_MOBILITY	  135
#define NEXT_HIP	  139
#define NEXT_SHIM6	  140
#define NEXT_EXPERIMENT_1 253
#define NEXT_EXPERIMENT_2 254

struct fragment_header {
	__u8 next, reserved;
	__be16 offset; /* and flags */
	__be32 id;
};

static __always_inline int is_extension(__u8 next)
{
	if (next == IPPROTO_TCP || next == IPPROTO_UDP || next == IPPROTO_ICMPV6)
		return 0;
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_DESTINATION || next == NEXT_MOBILITY || next == NEXT_HIP ||
	       next == NEXT_SHIM6 || next == NEXT_EXPERIMENT_1 || next == NEXT_EXPERIMENT_2;
}

/* A fragment header at `at`; the first fragment must hold what is before the payload (RFC 7112), so
 * no further extensions are looked for behind it. */
static __always_inline int parse_fragment_header(struct __sk_buff *skb, struct walk *w, __u32 at,
						 __u32 end, __u32 gso)
{
	struct fragment_header h;
	__u16 offset;

	if (at + sizeof(h) > end || bpf_skb_load_bytes(skb, at, &h, sizeof(h)))
		return DROP_TRUNCATED;
	if (is_extension(h.next))
		return DROP_EXTENSION_HEADER;
	offset = bpf_ntohs(h.offset);
	w->key.protocol = h.next;
	w->is.l4_offset = at + sizeof(h);
	if (!(offset & 0xfff9)) /* whole (RFC 6946) */
		return DROP_NONE;
	w->fragment_id = h.id;
	w->payload_len = end - at - sizeof(h);
	return parse_fragment(w, offset & 0xfff8, offset & 1, gso);
}

/* From the first extension to the transport header. */
__noinline int parse_extensions(struct __sk_buff *skb, struct walk *w)
{
	__u32 at = ETH_LEN + sizeof(struct ipv6hdr), end, gso = skb->gso_size;
	int reason = DROP_NONE, i;
	__u8 h[2];

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	end = ETH_LEN + w->bytes;
	for (i = 0; i < EXTENSIONS_MAX && is_extension(w->key.protocol); i++) {
		if (w->key.protocol == NEXT_FRAGMENT) {
			reason = parse_fragment_header(skb, w, at, end, gso);
			break;
		}
		if (w->key.protocol != NEXT_DESTINATION)
			return DROP_EXTENSION_HEADER;
		if (at + 8 > end || bpf_skb_load_bytes(skb, at, h, sizeof(h)))
			return DROP_TRUNCATED;
		w->key.protocol = h[0];
		at += (h[1] + 1) * 8;
		w->is.l4_offset = at;
	}
	if (reason || w->is.fragment == FRAGMENT_LATER)
		return reason;
	if (is_extension(w->key.protocol))
		return DROP_EXTENSION_HEADER;
	if (w->is.l4_offset > end)
		return DROP_TRUNCATED;
	if (gso)
		w->len = w->is.l4_offset - ETH_LEN + gso;
	return parse_transport_far(skb, w, end - w->is.l4_offset, gso);
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct walk *w)
{
	__u32 gso = skb->gso_size, there = skb->len - ETH_LEN, total;
	struct ipv6hdr *ip;

	if ((void *)(long)skb->data + HEADERS6_LEN > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < HEADERS6_LEN ? skb->len : HEADERS6_LEN);
	ip = (void *)(long)skb->data + ETH_LEN;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return DROP_TRUNCATED;
	if (ip->version != 6 || !ip->hop_limit)
		return DROP_MALFORMED;
	total = gso ? there : bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (total > there)
		return DROP_TRUNCATED;
	w->key.family = AF_INET6;
	w->key.protocol = ip->nexthdr;
	__builtin_memcpy(&w->key.saddr, &ip->saddr, 16);
	__builtin_memcpy(&w->key.daddr, &ip->daddr, 16);
	if (is_v4_mapped(&w->key.saddr) || is_v4_mapped(&w->key.daddr))
		return DROP_MAPPED_ADDRESS;
	w->is.dont_fragment = 1;
	w->is.l4_offset = ETH_LEN + sizeof(*ip);
	w->bytes = total;
	w->len = gso ? gso + sizeof(*ip) : total;
	if (is_extension(ip->nexthdr))
		/* Listener reports, which every host sends unasked. */
		return ip->daddr.s6_addr[0] == 0xff ? DROP_MULTICAST : parse_extensions(skb, w);
	return parse_transport(w, ip + 1, (void *)(long)skb->data_end, total - sizeof(*ip), gso);
}

#endif
