/* SPDX-License-Identifier: MIT
 * The parser: from a frame to struct walk, or the reason why not. Bounds are checked against what
 * the headers say as well as against what is there.
 */
#ifndef VPCD_BPF_LIB_PARSE_H
#define VPCD_BPF_LIB_PARSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/lib/walk.h"

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK	  0x1fff
#define IP_DONT_FRAGMENT  0x4000

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

/* linux/icmp.h does not compile for this target. */
#define ICMP_ECHOREPLY	   0
#define ICMP_DEST_UNREACH  3
#define ICMP_ECHO	   8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

struct icmp_header {
	__u8 type, code;
	__be16 checksum, id, sequence;
};

/* Enough for all headers that are read. */
#define HEADERS_LEN (ETH_LEN + 20 + 20)

/* Ethernet: 0 and the type, or the reason. */
static __always_inline int parse_ethernet(struct __sk_buff *skb, struct walk *w, __be16 *type)
{
	struct ethhdr *eth;

	if (skb->len < ETH_LEN)
		return DROP_TRUNCATED;
	if ((void *)(long)skb->data + HEADERS_LEN > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < HEADERS_LEN ? skb->len : HEADERS_LEN);
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return DROP_TRUNCATED;
	__builtin_memcpy(w->dmac, eth->h_dest, 6);
	__builtin_memcpy(w->smac, eth->h_source, 6);
	*type = eth->h_proto;
	if (skb->vlan_present || *type == bpf_htons(ETH_P_8021Q) ||
	    *type == bpf_htons(ETH_P_8021AD))
		return DROP_VLAN;
	return DROP_NONE;
}

static __always_inline int parse_icmp(struct walk *w, void *l4, void *end)
{
	struct icmp_header *icmp = l4;

	if ((void *)(icmp + 1) > end)
		return DROP_TRUNCATED;
	w->icmp_type = icmp->type;
	w->icmp_code = icmp->code;
	if (icmp->type == ICMP_ECHO || icmp->type == ICMP_ECHOREPLY) {
		w->is_echo = 1;
		w->in.sport = w->in.dport = icmp->id;
	} else {
		w->is_error = icmp->type == ICMP_DEST_UNREACH || icmp->type == ICMP_TIME_EXCEEDED ||
			      icmp->type == ICMP_PARAMETERPROB;
		w->in.sport = bpf_htons(icmp->type << 8 | icmp->code);
	}
	return DROP_NONE;
}

static __always_inline int parse_tcp(struct walk *w, void *l4, void *end, __u32 l4_len)
{
	struct tcphdr *tcp = l4;

	if ((void *)(tcp + 1) > end)
		return DROP_TRUNCATED;
	if (tcp->doff < 5)
		return DROP_MALFORMED;
	if (tcp->doff * 4u > l4_len)
		return DROP_TRUNCATED;
	w->in.sport = tcp->source;
	w->in.dport = tcp->dest;
	w->tcp_flags = ((__u8 *)tcp)[13];
	return DROP_NONE;
}

static __always_inline int parse_udp(struct walk *w, void *l4, void *end, __u32 l4_len, __u32 gso)
{
	struct udphdr *udp = l4;

	if ((void *)(udp + 1) > end)
		return DROP_TRUNCATED;
	if (bpf_ntohs(udp->len) < sizeof(*udp))
		return DROP_MALFORMED;
	if (bpf_ntohs(udp->len) > l4_len && !gso)
		return DROP_TRUNCATED;
	w->in.sport = udp->source;
	w->in.dport = udp->dest;
	return DROP_NONE;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct walk *w)
{
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = (void *)(long)skb->data + ETH_LEN;
	__u32 total, l4_len, gso = skb->gso_size;
	__u16 fragment;

	if ((void *)(ip + 1) > end)
		return DROP_TRUNCATED;
	if (ip->version != 4 || ip->ihl < 5 || !ip->ttl)
		return DROP_MALFORMED;
	if (ip->ihl > 5)
		return DROP_IP_OPTIONS;
	total = bpf_ntohs(ip->tot_len);
	/* A large segment's length does not fit: the kernel cuts it (zero, or more than is said).
	 */
	if (!gso && total > skb->len - ETH_LEN)
		return DROP_TRUNCATED;
	if (gso)
		total = skb->len - ETH_LEN;
	if (total < sizeof(*ip))
		return DROP_MALFORMED;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		return DROP_FRAGMENT;
	w->dont_fragment = !!(fragment & IP_DONT_FRAGMENT);
	w->protocol = ip->protocol;
	w->in.saddr = ip128_v4(ip->saddr);
	w->in.daddr = ip128_v4(ip->daddr);
	w->l4_offset = ETH_LEN + sizeof(*ip);
	/* The headers stay, whatever the segments carry. */
	w->bytes = total;
	w->len = gso ? gso + sizeof(*ip) + 20 : total;
	l4_len = total - sizeof(*ip);
	switch (ip->protocol) {
	case IPPROTO_TCP:
		return parse_tcp(w, ip + 1, end, l4_len);
	case IPPROTO_UDP:
		return parse_udp(w, ip + 1, end, l4_len, gso);
	case IPPROTO_ICMP:
		return parse_icmp(w, ip + 1, end);
	}
	return DROP_NONE;
}

/* What a sender may not say of itself. */
static __always_inline int check_source(const struct walk *w)
{
	__u32 a = bpf_ntohl(w->in.saddr.w[3]);

	if ((w->self.flags & ENI_SOURCE_DEST_CHECK) && !ip128_equal(&w->in.saddr, &w->self.address))
		return DROP_SOURCE_ADDRESS;
	if (a >> 24 == 127 || a >> 28 == 14 || a >> 24 == 0 || a == 0xffffffff)
		return DROP_SOURCE_ADDRESS;
	return DROP_NONE;
}

#endif
