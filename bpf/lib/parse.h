/* SPDX-License-Identifier: MIT
 * The parser's common part: Ethernet and the transport headers. From a frame to struct walk, or the
 * reason why not; bounds are checked against what the headers say as well as against what is there.
 */
#ifndef VPCD_BPF_LIB_PARSE_H
#define VPCD_BPF_LIB_PARSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/lib/walk.h"

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

#define ICMP6_DEST_UNREACH  1
#define ICMP6_PACKET_TOOBIG 2
#define ICMP6_PARAMPROB	    4
#define ICMP6_ECHO	    128
#define ICMP6_ECHOREPLY	    129
#define ICMP6_ND_FIRST	    133 /* router solicitation … */
#define ICMP6_ND_LAST	    137 /* … redirect */

struct icmp_header {
	__u8 type, code;
	__be16 checksum, id, sequence;
};

/* Enough for all headers that are read in place. */
#define HEADERS4_LEN (ETH_LEN + 20 + 20)
#define HEADERS6_LEN (ETH_LEN + 40 + 20)

/* Ethernet: 0 and the type, or the reason. */
static __always_inline int parse_ethernet(struct __sk_buff *skb, struct walk *w, __be16 *type)
{
	struct ethhdr *eth;

	if (skb->len < ETH_LEN)
		return DROP_TRUNCATED;
	if ((void *)(long)skb->data + HEADERS4_LEN > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < HEADERS4_LEN ? skb->len : HEADERS4_LEN);
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

/* Of a TCP segment's flags those that flow logs tell, as flags of its flow: FIN, SYN, RST, and ACK
 * where it stands with SYN (VPC User Guide, "Flow log records", tcp-flags). */
static __always_inline __u32 tcp_flags_told(const struct walk *w)
{
	__u32 told = w->is.tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST);

	if (told & TCP_SYN)
		told |= w->is.tcp_flags & TCP_ACK;
	return told << FLOW_TCP_SHIFT;
}

static __always_inline int is_icmp(const struct flow_key *k)
{
	return k->protocol == (k->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* Neighbour and router discovery. */
static __always_inline int is_discovery(const struct walk *w)
{
	return w->is.icmp_type >= ICMP6_ND_FIRST && w->is.icmp_type <= ICMP6_ND_LAST &&
	       w->key.family == AF_INET6 && w->key.protocol == IPPROTO_ICMPV6;
}

static __always_inline int is_echo_key(const struct flow_key *k)
{
	return is_icmp(k) && (k->dport | bpf_htons(1)) == bpf_htons(FLOW_ECHO_REPLY);
}

/* The other direction's ports. */
static __always_inline void turn_ports(int echo, __be16 sport, __be16 dport, __be16 *ret_sport,
				       __be16 *ret_dport)
{
	*ret_sport = echo ? sport : dport;
	*ret_dport = echo ? dport ^ bpf_htons(1) : sport;
}

/* Of an echo: what stands for the destination port; 0: not of one. */
static __always_inline __be16 echo_direction(__u8 type, int v6)
{
	if (type == (v6 ? ICMP6_ECHO : ICMP_ECHO))
		return bpf_htons(FLOW_ECHO_REQUEST);
	return type == (v6 ? ICMP6_ECHOREPLY : ICMP_ECHOREPLY) ? bpf_htons(FLOW_ECHO_REPLY) : 0;
}

static __always_inline int parse_icmp(struct walk *w, const struct icmp_header *icmp, __u32 l4_len)
{
	const int v6 = w->key.family == AF_INET6;

	if (l4_len < sizeof(*icmp))
		return DROP_TRUNCATED;
	w->is.icmp_type = icmp->type;
	w->is.icmp_code = icmp->code;
	w->key.dport = echo_direction(icmp->type, v6);
	if (w->key.dport) {
		w->is.is_echo = 1;
		w->key.sport = icmp->id;
		return DROP_NONE;
	}
	w->is.is_error = v6 ? icmp->type >= ICMP6_DEST_UNREACH && icmp->type <= ICMP6_PARAMPROB
			    : icmp->type == ICMP_DEST_UNREACH || icmp->type == ICMP_TIME_EXCEEDED ||
					 icmp->type == ICMP_PARAMETERPROB;
	w->key.sport = bpf_htons(icmp->type << 8 | icmp->code);
	return DROP_NONE;
}

static __always_inline int parse_tcp(struct walk *w, const struct tcphdr *tcp, __u32 l4_len,
				     __u32 gso)
{
	if (l4_len < sizeof(*tcp))
		return DROP_TRUNCATED;
	if (tcp->doff < 5)
		return DROP_MALFORMED;
	if (tcp->doff * 4u > l4_len)
		return DROP_TRUNCATED;
	w->key.sport = tcp->source;
	w->key.dport = tcp->dest;
	w->is.tcp_flags = ((const __u8 *)tcp)[13];
	if (gso)
		w->len += tcp->doff * 4u;
	return DROP_NONE;
}

/* A large segment's length is that of what it is cut into, a first fragment's that of the whole. */
static __always_inline int parse_udp(struct walk *w, const struct udphdr *udp, __u32 l4_len,
				     __u32 gso)
{
	if (bpf_ntohs(udp->len) < sizeof(*udp))
		return DROP_MALFORMED;
	if (l4_len < sizeof(*udp) || (bpf_ntohs(udp->len) > l4_len && !gso && !w->is.fragment))
		return DROP_TRUNCATED;
	w->key.sport = udp->source;
	w->key.dport = udp->dest;
	if (gso)
		w->len += sizeof(*udp);
	return DROP_NONE;
}

/* The transport header, where it lies in the packet's linear part. */
static __always_inline int parse_transport(struct walk *w, void *l4, void *end, __u32 l4_len,
					   __u32 gso)
{
	if (w->key.protocol == IPPROTO_TCP)
		return l4 + sizeof(struct tcphdr) > end ? DROP_TRUNCATED
							: parse_tcp(w, l4, l4_len, gso);
	if (w->key.protocol == IPPROTO_UDP)
		return l4 + sizeof(struct udphdr) > end ? DROP_TRUNCATED
							: parse_udp(w, l4, l4_len, gso);
	if (is_icmp(&w->key))
		return l4 + sizeof(struct icmp_header) > end ? DROP_TRUNCATED
							     : parse_icmp(w, l4, l4_len);
	return DROP_NONE;
}

/* The same, where it may lie anywhere. */
static __always_inline int parse_transport_far(struct __sk_buff *skb, struct walk *w, __u32 l4_len,
					       __u32 gso)
{
	__u32 at = w->is.l4_offset;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
		struct icmp_header icmp;
	} l4;

	if (w->key.protocol == IPPROTO_TCP)
		return bpf_skb_load_bytes(skb, at, &l4.tcp, sizeof(l4.tcp))
			       ? DROP_TRUNCATED
			       : parse_tcp(w, &l4.tcp, l4_len, gso);
	if (w->key.protocol == IPPROTO_UDP)
		return bpf_skb_load_bytes(skb, at, &l4.udp, sizeof(l4.udp))
			       ? DROP_TRUNCATED
			       : parse_udp(w, &l4.udp, l4_len, gso);
	if (is_icmp(&w->key))
		return bpf_skb_load_bytes(skb, at, &l4.icmp, sizeof(l4.icmp))
			       ? DROP_TRUNCATED
			       : parse_icmp(w, &l4.icmp, l4_len);
	return DROP_NONE;
}

/* A part of a datagram: `offset` of its payload, of which w->payload_len octets are here. The
 * receiver puts 65,535 together at most, and cuts at multiples of 8. */
static __always_inline int parse_fragment(struct walk *w, __u32 offset, int more, __u32 gso)
{
	if (gso || offset + w->payload_len > 0xffff || (more && (w->payload_len & 7)) ||
	    !w->payload_len)
		return DROP_MALFORMED;
	w->is.fragment = offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
	w->is.fragment_offset = offset;
	w->is.more_fragments = more;
	return DROP_NONE;
}

#endif
