/* SPDX-License-Identifier: MIT
 * Neighbour and router discovery (RFC 4861), answered in place as ARP is: nobody hears anybody's
 * solicitations, so nobody can be poisoned. The router's advertisement says that addresses are
 * managed (no prefix is autonomous, as in a VPC), and names the resolver where the VPC has DNS.
 */
#ifndef VPCD_BPF_LIB_ND_H
#define VPCD_BPF_LIB_ND_H

#include "bpf/lib/link.h"
#include "bpf/lib/parse.h"

#define ND_ROUTER_SOLICIT    133
#define ND_ROUTER_ADVERT     134
#define ND_NEIGHBOUR_SOLICIT 135
#define ND_NEIGHBOUR_ADVERT  136

#define ND_HOP_LIMIT 255
#define ND_LIFETIME  1800 /* seconds, of router and resolver */

#define NA_ROUTER    0x80000000u
#define NA_SOLICITED 0x40000000u
#define NA_OVERRIDE  0x20000000u
#define RA_MANAGED   0x80

#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define OPTION_MTU	  5
#define OPTION_RDNSS	  25 /* RFC 8106 */

struct nd_mac_option {
	__u8 type, len, mac[6];
};

struct nd_neighbour {
	__u8 type, code;
	__be16 checksum;
	__be32 flags;
	struct ip128 target;
	struct nd_mac_option mac;
};

struct nd_router {
	__u8 type, code;
	__be16 checksum;
	__u8 hop_limit, flags;
	__be16 lifetime;
	__be32 reachable, retransmit;
	struct nd_mac_option mac;
	struct {
		__u8 type, len;
		__be16 reserved;
		__be32 mtu;
	} mtu;
	struct {
		__u8 type, len;
		__be16 reserved;
		__be32 lifetime;
		struct ip128 address;
	} rdnss;
};

/* What is sent, with the room of the largest answer; words, since it is summed by them. */
union nd_body {
	struct nd_neighbour neighbour;
	struct nd_router router;
	__be32 w[sizeof(struct nd_router) / 4];
};

static __always_inline __be16 icmp6_checksum(const struct ip128 addresses[2], union nd_body *b,
					     __u32 len)
{
	__be32 rest[2] = {bpf_htonl(len), bpf_htonl(IPPROTO_ICMPV6)};
	__u64 s = (__u32)bpf_csum_diff(NULL, 0, (void *)addresses, 32, 0);

	s += (__u32)bpf_csum_diff(NULL, 0, rest, 8, 0);
	s += (__u32)bpf_csum_diff(NULL, 0, b->w, sizeof(*b), 0);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (__be16)~s;
}

/* The frame becomes the answer. `len`: of the body, of which the rest is zero. */
static __always_inline int nd_send(struct __sk_buff *skb, struct walk *w, union nd_body *b,
				   __u32 len, const struct ip128 *from, const struct ip128 *to)
{
	struct ip128 addresses[2] = {*from, *to};
	struct {
		struct ethhdr eth;
		__be32 version;
		__be16 len;
		__u8 next, hop_limit;
	} __attribute__((packed)) head = {};

	b->neighbour.checksum = icmp6_checksum(addresses, b, len);
	__builtin_memcpy(head.eth.h_dest, w->self.mac, 6);
	__builtin_memcpy(head.eth.h_source, w->answer, 6);
	head.eth.h_proto = bpf_htons(ETH_P_IPV6);
	head.version = bpf_htonl(6u << 28);
	head.len = bpf_htons(len);
	head.next = IPPROTO_ICMPV6;
	head.hop_limit = ND_HOP_LIMIT;
	if (bpf_skb_change_tail(skb, ETH_LEN + 40 + len, 0) ||
	    bpf_skb_store_bytes(skb, 0, &head, sizeof(head), 0) ||
	    bpf_skb_store_bytes(skb, ETH_LEN + 8, addresses, 32, 0))
		return DROP_INTERNAL;
	if (len == sizeof(struct nd_neighbour))
		return bpf_skb_store_bytes(skb, ETH_LEN + 40, b, sizeof(struct nd_neighbour), 0)
			       ? DROP_INTERNAL
			       : DROP_NONE;
	if (len == sizeof(struct nd_router))
		return bpf_skb_store_bytes(skb, ETH_LEN + 40, b, sizeof(struct nd_router), 0)
			       ? DROP_INTERNAL
			       : DROP_NONE;
	return bpf_skb_store_bytes(skb, ETH_LEN + 40, b,
				   sizeof(struct nd_router) - sizeof(b->router.rdnss), 0)
		       ? DROP_INTERNAL
		       : DROP_NONE;
}

static __always_inline int solicited_neighbour(struct __sk_buff *skb, struct walk *w)
{
	union nd_body b = {};
	int answer;

	/* Duplicate address detection (from ::) finds nobody. */
	if (w->bytes < 40 + 24 || !ip128_is_set(&w->key.saddr) ||
	    bpf_skb_load_bytes(skb, w->is.l4_offset + 8, &w->match_address, 16))
		return DROP_NEIGHBOUR;
	answer = link_answer(w);
	if (answer == LINK_NOBODY)
		return DROP_NEIGHBOUR;
	if (w->dry)
		return DROP_NONE;
	b.neighbour.type = ND_NEIGHBOUR_ADVERT;
	b.neighbour.flags =
		bpf_htonl(NA_SOLICITED | NA_OVERRIDE | (answer == LINK_ROUTER ? NA_ROUTER : 0));
	b.neighbour.target = w->match_address;
	b.neighbour.mac.type = OPTION_TARGET_MAC;
	b.neighbour.mac.len = 1;
	__builtin_memcpy(b.neighbour.mac.mac, w->answer, 6);
	return nd_send(skb, w, &b, sizeof(b.neighbour), &w->match_address, &w->key.saddr);
}

static __always_inline int has_dns(const struct walk *w)
{
	const struct vpc_entry *v = bpf_map_lookup_elem(&vpcs, &w->self.vpc);

	return v && (v->flags & VPC_DNS_SUPPORT);
}

static __always_inline int solicited_router(struct __sk_buff *skb, struct walk *w)
{
	struct ip128 to = w->key.saddr, from = ip128_words(ROUTER6);
	__u32 len = sizeof(struct nd_router);
	union nd_body b = {};

	w->match_address = from;
	if (link_answer(w) != LINK_ROUTER)
		return DROP_NEIGHBOUR;
	if (w->dry)
		return DROP_NONE;
	if (!ip128_is_set(&to))
		to = ip128_words(0xff020000, 0, 0, 1);
	b.router.type = ND_ROUTER_ADVERT;
	b.router.hop_limit = 64;
	b.router.flags = RA_MANAGED;
	b.router.lifetime = bpf_htons(ND_LIFETIME);
	b.router.mac.type = OPTION_SOURCE_MAC;
	b.router.mac.len = 1;
	__builtin_memcpy(b.router.mac.mac, w->answer, 6);
	b.router.mtu.type = OPTION_MTU;
	b.router.mtu.len = 1;
	b.router.mtu.mtu = bpf_htonl(w->self.mtu);
	if (has_dns(w)) {
		b.router.rdnss.type = OPTION_RDNSS;
		b.router.rdnss.len = 3;
		b.router.rdnss.lifetime = bpf_htonl(ND_LIFETIME);
		b.router.rdnss.address = ip128_words(RESOLVER6);
	} else {
		len -= sizeof(b.router.rdnss);
	}
	return nd_send(skb, w, &b, len, &from, &to);
}

/* Turns a solicitation into its answer in place: 0 (send it back), or the reason. Answers that
 * nobody asked for, redirects and solicitations of a forged source are dropped. */
__noinline int nd_reply(struct __sk_buff *skb, struct walk *w)
{
	__u8 hop_limit = 0;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	bpf_skb_load_bytes(skb, ETH_LEN + 7, &hop_limit, 1);
	if (hop_limit != ND_HOP_LIMIT || w->is.icmp_code || w->is.l4_offset != ETH_LEN + 40)
		return DROP_NEIGHBOUR;
	if (ip128_is_set(&w->key.saddr) && !is_link_local6(&w->key.saddr) &&
	    !is_own_address(w, &w->key.saddr))
		return DROP_NEIGHBOUR;
	if (w->is.icmp_type == ND_NEIGHBOUR_SOLICIT)
		return solicited_neighbour(skb, w);
	if (w->is.icmp_type == ND_ROUTER_SOLICIT)
		return solicited_router(skb, w);
	return DROP_NEIGHBOUR;
}

#endif
