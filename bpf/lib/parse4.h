/* SPDX-License-Identifier: MIT
 * The IPv4 header.
 */
#ifndef VPCD_BPF_LIB_PARSE4_H
#define VPCD_BPF_LIB_PARSE4_H

#include "bpf/lib/parse.h"

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK	  0x1fff
#define IP_DONT_FRAGMENT  0x4000

/* The length of the packet: what its header says, if that is there. A large segment's does not fit:
 * the kernel cuts it (zero, or more than is said). 0: lies. */
static __always_inline __u32 total_length(const struct __sk_buff *skb, const struct iphdr *ip,
					  __u32 gso)
{
	__u32 there = skb->len - ETH_LEN, said = bpf_ntohs(ip->tot_len);

	if (gso)
		return there;
	return said > there ? 0 : said;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct walk *w)
{
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = (void *)(long)skb->data + ETH_LEN;
	__u32 total, gso = skb->gso_size;
	__u16 fragment;
	int reason;

	if ((void *)(ip + 1) > end)
		return DROP_TRUNCATED;
	if (ip->version != 4 || ip->ihl < 5 || !ip->ttl)
		return DROP_MALFORMED;
	if (ip->ihl > 5)
		return DROP_IP_OPTIONS;
	total = total_length(skb, ip, gso);
	if (!total)
		return ip->tot_len ? DROP_TRUNCATED : DROP_MALFORMED;
	if (total < sizeof(*ip))
		return DROP_MALFORMED;
	w->key.family = AF_INET;
	w->key.protocol = ip->protocol;
	w->key.saddr = ip128_v4(ip->saddr);
	w->key.daddr = ip128_v4(ip->daddr);
	w->is.l4_offset = ETH_LEN + sizeof(*ip);
	w->bytes = total;
	/* Segments get the headers each; the transport's is added when it is known. */
	w->len = gso ? gso + sizeof(*ip) : total;
	fragment = bpf_ntohs(ip->frag_off);
	w->is.dont_fragment = !!(fragment & IP_DONT_FRAGMENT);
	if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) {
		w->fragment_id = ip->id;
		w->payload_len = total - sizeof(*ip);
		reason = parse_fragment(w, (fragment & IP_OFFSET_MASK) * 8,
					!!(fragment & IP_MORE_FRAGMENTS), gso);
		if (reason || w->is.fragment == FRAGMENT_LATER)
			return reason;
	}
	return parse_transport(w, ip + 1, end, total - sizeof(*ip), gso);
}

#endif
