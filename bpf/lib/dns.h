/* SPDX-License-Identifier: MIT
 * Link-local services at the sender's own interface: the allowance of packets, and answers to DNS
 * queries that the resolver has left in `dns_answers`.
 *
 * An answer is what the resolver itself would send, octet by octet: everything behind the question
 * was built by its code, and what depends on the query is small (id, RD, CD, the spelling of the
 * name, whether it had an OPT record). A query with anything unusual in it is the resolver's.
 */
#ifndef VPCD_BPF_LIB_DNS_H
#define VPCD_BPF_LIB_DNS_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "bpf/maps.h"

#define DNS_HEADER    12
#define DNS_QUERY_MAX 256 /* octets of a query that is answered here */
#define DNS_OPT_LEN   11
#define DNS_OPTIONS   4	   /* in one OPT record */
#define DNS_UDP_SIZE  1232 /* that the resolver advertises */
#define DNS_CHUNK     32   /* octets of an answer that are copied at a time */
#define DNS_MISS      -1

#define DNS_FLAGS_OTHER 0xf800 /* QR, opcode */
#define DNS_FLAGS_KEPT	0x0110 /* RD, CD */
#define DNS_FLAG_QR	0x8000

struct dns_scratch {
	struct dns_key key;
	__u8 pad[4]; /* so that the name is aligned */
	__u8 query[DNS_QUERY_MAX + 128];
	__u8 tail[512];		      /* answer, then OPT, then zeros */
	__u64 name[DNS_KEY_NAME / 8]; /* in lower case; behind its last word anything */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_scratch);
} dns_scratch SEC(".maps");

/* Where the parts of the packet lie, and what of it is written back. */
struct dns_packet {
	__u32 udp;     /* offset of the UDP header */
	__u32 len;     /* of the message */
	__u32 end;     /* of the question */
	__u32 old_len; /* what follows the question in the query */
	__u32 new_len; /* and in the answer */
	__u16 type;
	__u8 ipv6, edns, dnssec_ok;
};

/* In a register, where every verifier sees it: older ones forget what comparisons told them. */
#define DNS_BOUND(v, mask) asm volatile("%0 &= %1" : "+r"(v) : "i"(mask))

/* ---- the allowance ---- */

/* 0: within it; DROP_LINKLOCAL_ALLOWANCE: above. A window is a second of virtual time. */
static __always_inline int linklocal_allow(__u32 ifindex, __u64 now, __u32 limit)
{
	struct linklocal *l = bpf_map_lookup_elem(&linklocal, &ifindex), fresh = {};
	__u64 second = now / 1000000000, was;

	if (!l) {
		bpf_map_update_elem(&linklocal, &ifindex, &fresh, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&linklocal, &ifindex);
		if (!l)
			return DROP_INTERNAL;
	}
	was = *(volatile __u64 *)&l->window;
	if (was >> 32 != (second & 0xffffffff))
		__sync_val_compare_and_swap(&l->window, was, second << 32);
	was = __sync_fetch_and_add(&l->window, 1);
	if ((__u32)was < (limit ? limit : LINKLOCAL_PACKETS))
		return DROP_NONE;
	__sync_fetch_and_add(&l->exceeded, 1);
	return DROP_LINKLOCAL_ALLOWANCE;
}

/* ---- reading the query ---- */

static __always_inline int dns_find_message(struct __sk_buff *skb, struct dns_packet *p)
{
	struct udphdr udp;
	__be16 type = 0;

	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)))
		return DNS_MISS;
	p->ipv6 = type == bpf_htons(ETH_P_IPV6);
	p->udp = ETH_HLEN + (p->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (bpf_skb_load_bytes(skb, p->udp, &udp, sizeof(udp)))
		return DNS_MISS;
	/* No more and no less than the datagram: neither fragments nor padding. */
	if (p->udp + bpf_ntohs(udp.len) != skb->len || skb->gso_size)
		return DNS_MISS;
	p->len = bpf_ntohs(udp.len) - sizeof(udp);
	return 0;
}

/* ASCII capitals of eight octets in lower case; length octets are below them. */
static __always_inline __u64 dns_lower(__u64 v)
{
	const __u64 ones = 0x0101010101010101;
	__u64 seven = v & 0x7f * ones;
	__u64 capital =
		((seven + (0x80 - 'A') * ones) ^ (seven + (0x7f - 'Z') * ones)) & ~v & 0x80 * ones;

	return v | capital >> 2;
}

/* Copies and hashes the name: up to the first zero octet, for no name in `dns_answers` has one
 * within a label. Returns its length, or 0: too long. */
static __always_inline __u32 dns_read_name(struct dns_scratch *s)
{
	const __u64 ones = 0x0101010101010101;
	const __u64 *from = (const __u64 *)(s->query + DNS_HEADER);
	__u64 hash = 0;

#pragma unroll
	for (int i = 0; i < DNS_KEY_NAME / 8; i++) {
		__u64 v = from[i], zero = (v - ones) & ~v & 0x80 * ones, below;

		if (!zero) {
			s->name[i] = dns_lower(v);
			hash = dns_hash(hash, s->name[i]);
			continue;
		}
		below = (zero & -zero) - 1; /* all bits before that octet's highest */
		s->name[i] = dns_lower(v & below >> 7);
		s->key.hash = dns_hash(hash, s->name[i]);
		/* Octets before it: each has its lowest bit in this mask. */
		return 8 * i + (((below >> 7 & ones) * ones) >> 56) + 1;
	}
	return 0;
}

/* Whether the answer is the name's: others may have its hash. */
static __always_inline int dns_is_of(const struct dns_scratch *s, const struct dns_value *a)
{
	const __u64 *name = (const __u64 *)a->name;

#pragma unroll
	for (int i = 0; i < DNS_KEY_NAME / 8; i++) {
		if (8 * i >= s->key.name_len)
			break;
		if (s->name[i] != name[i])
			return 0;
	}
	return 1;
}

static __always_inline __u32 dns_get16(const struct dns_scratch *s, __u32 at)
{
	at &= DNS_QUERY_MAX - 1;
	return (__u32)s->query[at] << 8 | s->query[at + 1];
}

/* RFC 6891 section 6.1.2: options that fill the record exactly. */
static __always_inline int dns_check_options(const struct dns_scratch *s, __u32 at, __u32 end)
{
#pragma unroll
	for (int i = 0; i < DNS_OPTIONS; i++) {
		if (at == end)
			return 0;
		if (at + 4 > end)
			return DNS_MISS;
		at += 4 + dns_get16(s, at + 2);
	}
	return at == end ? 0 : DNS_MISS;
}

static __always_inline int dns_read_opt(const struct dns_scratch *s, struct dns_packet *p)
{
	__u32 at = p->end;

	p->edns = 1;
	/* owner the root, type OPT, version 0 */
	if (p->len < at + DNS_OPT_LEN || s->query[at & (DNS_QUERY_MAX - 1)] ||
	    dns_get16(s, at + 1) != 41 || s->query[(at + 6) & (DNS_QUERY_MAX - 1)])
		return DNS_MISS;
	p->dnssec_ok = s->query[(at + 7) & (DNS_QUERY_MAX - 1)] & 0x80;
	if (at + DNS_OPT_LEN + dns_get16(s, at + 9) != p->len)
		return DNS_MISS;
	return dns_check_options(s, at + DNS_OPT_LEN, p->len);
}

/* One question for an address, and at most an OPT record: into key and p. */
static __always_inline int dns_read_query(struct dns_scratch *s, struct dns_packet *p)
{
	__u32 counts = dns_get16(s, 4) << 16 | dns_get16(s, 10), len;

	if (dns_get16(s, 2) & DNS_FLAGS_OTHER || counts >> 16 != 1 || (counts & 0xffff) > 1 ||
	    dns_get16(s, 6) || dns_get16(s, 8))
		return DNS_MISS;
	len = dns_read_name(s);
	if (!len)
		return DNS_MISS;
	p->end = DNS_HEADER + len + 4;
	p->type = dns_get16(s, DNS_HEADER + len);
	if (p->end > p->len || dns_get16(s, DNS_HEADER + len + 2) != 1)
		return DNS_MISS;
	s->key.type = p->type;
	s->key.name_len = len;
	p->old_len = p->len - p->end;
	if (!(counts & 0xffff))
		return p->old_len ? DNS_MISS : 0;
	return dns_read_opt(s, p);
}

/* ---- writing the answer ---- */

/* The answer's part behind the question, zeros behind it. */
static __always_inline void dns_build_tail(struct dns_scratch *s, struct dns_packet *p,
					   const struct dns_value *a)
{
	const __u8 opt[DNS_OPT_LEN] = {
		0, 0, 41, DNS_UDP_SIZE >> 8, DNS_UDP_SIZE & 255, 0, 0, p->dnssec_ok, 0, 0, 0};
	__u32 at = a->len & (DNS_BODY_MAX - 1);

	/* No more of it than what zeros must stand behind: the rest costs cache misses. */
#pragma unroll
	for (__u32 i = 0; i < DNS_BODY_MAX; i += DNS_CHUNK) {
		if (i > at + DNS_OPT_LEN + 3)
			break;
		__builtin_memcpy(s->tail + i, a->body + i, DNS_CHUNK);
	}
	__builtin_memset(s->tail + DNS_BODY_MAX, 0, 16);
	p->new_len = at;
	if (!p->edns)
		return;
	for (int i = 0; i < DNS_OPT_LEN; i++)
		s->tail[at + i] = opt[i];
	p->new_len += DNS_OPT_LEN;
}

/* The sum of a part that begins at an odd offset has its octets the other way round. */
static __always_inline __u32 dns_turn(__u32 sum, __u32 offset)
{
	return offset & 1 ? (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff) : sum;
}

/* Replaces header and tail, and keeps the checksum right: of a packet whose checksum is the
 * device's to fill in, only the pseudo header's part changes (bpf-helpers(7)). */
static __always_inline int dns_write_message(struct __sk_buff *skb, struct dns_scratch *s,
					     const struct dns_packet *p, const struct dns_value *a)
{
	__be16 header[5] = {bpf_htons(DNS_FLAG_QR | (dns_get16(s, 2) & DNS_FLAGS_KEPT) | a->flags),
			    bpf_htons(1), bpf_htons(a->answers), bpf_htons(a->authority),
			    bpf_htons(p->edns)};
	__be16 old_header[6] = {}, new_header[6] = {};
	__u32 check = p->udp + 6, message = p->udp + sizeof(struct udphdr);
	__u64 old_len = p->old_len, new_len = p->new_len, at, from, to, stored;
	__be16 was = bpf_htons(sizeof(struct udphdr) + p->len);
	__be16 is = bpf_htons(sizeof(struct udphdr) + p->end + new_len);
	__s64 sum;

	if (old_len > 252 || !new_len || new_len > DNS_BODY_MAX + DNS_OPT_LEN)
		return DNS_MISS;
	at = p->end;
	from = old_len + 3;
	to = new_len + 3;
	stored = new_len - 1;
	DNS_BOUND(at, 0xff);
	DNS_BOUND(from, 0xfc);
	DNS_BOUND(to, 0x1fc);
	DNS_BOUND(stored, 0x1ff);
	__builtin_memcpy(old_header, s->query + 2, 10);
	__builtin_memcpy(new_header, header, 10);
	if (bpf_skb_change_tail(skb, message + p->end + new_len, 0))
		return DNS_MISS;
	bpf_skb_store_bytes(skb, message + 2, header, 10, 0);
	bpf_skb_store_bytes(skb, message + p->end, s->tail, stored + 1, 0);
	bpf_skb_store_bytes(skb, p->udp + 4, &is, sizeof(is), 0);
	sum = bpf_csum_diff((__be32 *)(s->query + at), from, (__be32 *)s->tail, to, 0);
	bpf_l4_csum_replace(skb, check, 0, dns_turn(sum, p->end), BPF_F_MARK_MANGLED_0);
	sum = bpf_csum_diff((__be32 *)old_header, 12, (__be32 *)new_header, 12, 0);
	bpf_l4_csum_replace(skb, check, 0, sum, BPF_F_MARK_MANGLED_0);
	/* The length stands in the header and in the pseudo header. */
	bpf_l4_csum_replace(skb, check, was, is, BPF_F_MARK_MANGLED_0 | 2);
	bpf_l4_csum_replace(skb, check, was, is, BPF_F_MARK_MANGLED_0 | BPF_F_PSEUDO_HDR | 2);
	return 0;
}

/* Sums do not depend on the order: swapping needs no repair. */
static __always_inline void dns_swap(struct __sk_buff *skb, __u32 at, __u32 len)
{
	__u8 a[16], b[16];

	bpf_skb_load_bytes(skb, at, a, len);
	bpf_skb_load_bytes(skb, at + len, b, len);
	bpf_skb_store_bytes(skb, at, b, len, 0);
	bpf_skb_store_bytes(skb, at + len, a, len, 0);
}

static __always_inline void dns_turn_round4(struct __sk_buff *skb)
{
	const __u32 at = ETH_HLEN, check = at + 10;
	__be16 lengths[2] = {}, ttls[2] = {};

	bpf_skb_load_bytes(skb, at + 2, &lengths[0], 2);
	lengths[1] = bpf_htons(skb->len - ETH_HLEN);
	bpf_skb_load_bytes(skb, at + 8, &ttls[0], 2);
	ttls[1] = (ttls[0] & bpf_htons(0x00ff)) | bpf_htons(64 << 8);
	bpf_l3_csum_replace(skb, check, lengths[0], lengths[1], 2);
	bpf_l3_csum_replace(skb, check, ttls[0], ttls[1], 2);
	bpf_skb_store_bytes(skb, at + 2, &lengths[1], 2, 0);
	bpf_skb_store_bytes(skb, at + 8, &ttls[1], 2, 0);
	dns_swap(skb, at + 12, 4);
}

static __always_inline void dns_turn_round6(struct __sk_buff *skb)
{
	const __u32 at = ETH_HLEN;
	__be16 len = bpf_htons(skb->len - ETH_HLEN - sizeof(struct ipv6hdr));
	__u8 hops = 64;

	bpf_skb_store_bytes(skb, at + 4, &len, 2, 0);
	bpf_skb_store_bytes(skb, at + 7, &hops, 1, 0);
	dns_swap(skb, at + 8, 16);
}

static __always_inline void dns_turn_round(struct __sk_buff *skb, const struct dns_packet *p)
{
	const __u8 router[6] = ROUTER_MAC;
	__u8 sender[6];

	bpf_skb_load_bytes(skb, 6, sender, 6);
	bpf_skb_store_bytes(skb, 0, sender, 6, 0);
	bpf_skb_store_bytes(skb, 6, router, 6, 0);
	if (p->ipv6)
		dns_turn_round6(skb);
	else
		dns_turn_round4(skb);
	dns_swap(skb, p->udp, 2);
}

/* ---- all of it ---- */

/* A UDP packet of an interface of the VPC to its resolver: DNS_MISS and the packet as it was, or 0
 * and the answer in its place. The packet has no IP options or extension headers. */
__noinline int dns_answer_here(struct __sk_buff *skb, __u32 vpc)
{
	__u32 zero = 0, ifindex = skb->ifindex;
	struct dns_scratch *s = bpf_map_lookup_elem(&dns_scratch, &zero);
	const struct dns_value *a;
	struct dns_packet p = {};
	struct linklocal *l;
	__u64 len;

	if (!s || dns_find_message(skb, &p))
		return DNS_MISS;
	if (p.len < DNS_HEADER + 5 || p.len > DNS_QUERY_MAX)
		return DNS_MISS;
	__builtin_memset(s->query, 0, sizeof(s->query));
	len = p.len - 1;
	DNS_BOUND(len, DNS_QUERY_MAX - 1);
	if (bpf_skb_load_bytes(skb, p.udp + sizeof(struct udphdr), s->query, len + 1) ||
	    dns_read_query(s, &p))
		return DNS_MISS;
	s->key.vpc = vpc;
	a = bpf_map_lookup_elem(&dns_answers, &s->key);
	if (!a || !dns_is_of(s, a))
		return DNS_MISS;
	dns_build_tail(s, &p, a);
	if (dns_write_message(skb, s, &p, a))
		return DNS_MISS;
	dns_turn_round(skb, &p);
	l = bpf_map_lookup_elem(&linklocal, &ifindex);
	if (l)
		__sync_fetch_and_add(&l->answered, 1);
	return 0;
}

#endif
