/* SPDX-License-Identifier: MIT
 * ICMP errors, over either family. An error belongs to the flow whose packet it quotes: it goes the
 * way of that flow's replies, translated inside and outside (RFC 5508, section 4), and skips the
 * groups where the flow is tracked, but no network ACL.
 */
#ifndef VPCD_BPF_LIB_ICMP_H
#define VPCD_BPF_LIB_ICMP_H

#include "bpf/lib/admit.h"
#include "bpf/lib/output.h"

#define QUOTE_L4 20 /* octets of the quoted transport header that are rewritten, if quoted */

/* What an error quotes. Words, since checksums are summed by them. */
union quote {
	struct {
		struct iphdr ip;
		__u8 l4[QUOTE_L4];
	} v4;
	struct {
		struct ipv6hdr ip;
		__u8 l4[QUOTE_L4];
	} v6;
	__be32 w[(sizeof(struct ipv6hdr) + QUOTE_L4) / 4];
};

/* The first 8 octets of each transport header that a rewriting reaches. */
struct quoted_l4 {
	__be16 a, b; /* ports; ICMP: type and code, checksum */
	__be16 c, d; /* UDP: length, checksum; ICMP: identifier, sequence */
};

static __always_inline int quote_ports(struct walk *w, const struct quoted_l4 *l4)
{
	struct flow_key *k = &w->quoted_key;

	k->sport = k->dport = 0;
	if (k->protocol == IPPROTO_TCP || k->protocol == IPPROTO_UDP) {
		k->sport = l4->b;
		k->dport = l4->a;
	} else if (is_icmp(k)) {
		const __be16 direction = echo_direction(*(const __u8 *)l4, k->family == AF_INET6);

		if (!direction)
			return -1;
		turn_ports(1, l4->c, direction, &k->sport, &k->dport);
	}
	return 0;
}

/* Reads the quoted packet: the key of our side of it, which is the way back. */
static __always_inline int quote_read(struct __sk_buff *skb, struct walk *w, union quote *q)
{
	const __u32 at = w->is.l4_offset + sizeof(struct icmp_header);
	struct flow_key *k = &w->quoted_key;

	k->ifindex = w->key.ifindex;
	k->family = w->key.family;
	k->reserved = 0;
	if (k->family == AF_INET6) {
		if (bpf_skb_load_bytes(skb, at, q, sizeof(struct ipv6hdr) + 8))
			return -1;
		k->protocol = q->v6.ip.nexthdr;
		__builtin_memcpy(&k->saddr, &q->v6.ip.daddr, 16);
		__builtin_memcpy(&k->daddr, &q->v6.ip.saddr, 16);
		return quote_ports(w, (void *)q->v6.l4);
	}
	if (bpf_skb_load_bytes(skb, at, q, sizeof(struct iphdr) + 8) || q->v4.ip.ihl != 5 ||
	    (q->v4.ip.frag_off & bpf_htons(0x1fff)))
		return -1;
	k->protocol = q->v4.ip.protocol;
	k->saddr = ip128_v4(q->v4.ip.daddr);
	k->daddr = ip128_v4(q->v4.ip.saddr);
	return quote_ports(w, (void *)q->v4.l4);
}

/* ---- rewriting the quoted packet ---- */

static __always_inline __be16 checksum_add(__be16 sum, __s64 diff)
{
	__u64 s = (__u16)~sum + (__u64)(__u32)diff;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (__be16)~s;
}

/* Ports or identifier, and the checksum as far as it is quoted. diff: of the addresses. */
static __always_inline void quote_l4_rewrite(const struct walk *w, __u8 *l4, __s64 diff,
					     int has_tcp)
{
	struct quoted_l4 *h = (void *)l4;
	__be16 *tcp_checksum = (void *)(l4 + 16);
	__be32 old, new;

	if (is_icmp(&w->quoted_key)) {
		old = h->c;
		new = w->old.sport;
		h->c = w->old.sport;
		diff = bpf_csum_diff(&old, 4, &new, 4, w->key.family == AF_INET6 ? diff : 0);
		h->b = checksum_add(h->b, diff);
		return;
	}
	if (w->quoted_key.protocol != IPPROTO_TCP && w->quoted_key.protocol != IPPROTO_UDP)
		return;
	old = (__be32)h->b << 16 | h->a;
	h->a = w->old.dport;
	h->b = w->old.sport;
	new = (__be32)h->b << 16 | h->a;
	diff = bpf_csum_diff(&old, 4, &new, 4, diff);
	if (w->quoted_key.protocol == IPPROTO_UDP && h->d)
		h->d = checksum_add(h->d, diff);
	if (w->quoted_key.protocol == IPPROTO_TCP && has_tcp)
		*tcp_checksum = checksum_add(*tcp_checksum, diff);
}

/* To what the flow's opener sent: its reply (w->old), turned round. */
static __always_inline void quote_rewrite(const struct walk *w, union quote *q, int has_tcp)
{
	struct ip128 from[2] = {w->quoted_key.daddr, w->quoted_key.saddr};
	struct ip128 to[2] = {w->old.daddr, w->old.saddr};
	__s64 diff = bpf_csum_diff(from[0].w, 32, to[0].w, 32, 0);

	if (w->key.family == AF_INET6) {
		__builtin_memcpy(&q->v6.ip.saddr, &to[0], 16);
		__builtin_memcpy(&q->v6.ip.daddr, &to[1], 16);
		quote_l4_rewrite(w, q->v6.l4, diff, has_tcp);
		return;
	}
	q->v4.ip.saddr = to[0].w[3];
	q->v4.ip.daddr = to[1].w[3];
	q->v4.ip.check = checksum_add(q->v4.ip.check, diff);
	quote_l4_rewrite(w, q->v4.l4, diff, has_tcp);
}

/* The whole error for its receiver: the quoted packet, the checksum over it, the addresses. */
__noinline int error_rewrite(struct __sk_buff *skb, struct walk *w)
{
	union quote before = {}, after;
	__u32 at;
	int has_tcp;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	at = w->is.l4_offset + sizeof(struct icmp_header);
	if (w->key.family == AF_INET6) {
		has_tcp = !bpf_skb_load_bytes(skb, at, &before, sizeof(before.v6));
		if (!has_tcp && bpf_skb_load_bytes(skb, at, &before, sizeof(struct ipv6hdr) + 8))
			return DROP_TRUNCATED;
	} else {
		has_tcp = !bpf_skb_load_bytes(skb, at, &before, sizeof(before.v4));
		if (!has_tcp && bpf_skb_load_bytes(skb, at, &before, sizeof(struct iphdr) + 8))
			return DROP_TRUNCATED;
	}
	after = before;
	quote_rewrite(w, &after, has_tcp);
	bpf_l4_csum_replace(skb, w->is.l4_offset + 2, 0,
			    bpf_csum_diff(before.w, sizeof(before), after.w, sizeof(after), 0), 0);
	if (w->key.family == AF_INET6)
		bpf_skb_store_bytes(skb, at, &after, has_tcp ? 60 : 48, 0);
	else
		bpf_skb_store_bytes(skb, at, &after, has_tcp ? 40 : 28, 0);
	rewrite(skb, w, &w->at);
	return DROP_NONE;
}

/* ---- judging ---- */

/* Is it the error of a live flow? Then w is set to walk for it. */
static __always_inline int error_match(struct __sk_buff *skb, struct walk *w)
{
	union quote q;
	struct flow *f;

	if (w->is.fragment || quote_read(skb, w, &q) ||
	    !ip128_equal(&w->key.daddr, &w->quoted_key.daddr))
		return 0;
	f = bpf_map_lookup_elem(&flows, &w->quoted_key);
	if (!f || flow_state(f) != FLOW_LIVE || flow_expired(&w->quoted_key, f, w->now) ||
	    !is_role(&w->quoted_key, f))
		return 0;
	flow_recall(w, f);
	w->old_protocol = w->quoted_key.protocol;
	w->is.of_error = 1;
	return 1;
}

/* An ICMP error: -1 if it quotes no live flow (the rules decide then, as over any packet), 0 and
 * the walk's decision, or the reason. */
__noinline int error_judge(struct __sk_buff *skb, struct walk *w)
{
	int reason;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	if (!error_match(skb, w))
		return -1;
	reason = walk_run(w);
	if (reason)
		return reason;
	/* Another gateway's translation says nothing to who gets it. The error may be of a router
	 * on the way, whose address is its own. */
	if (w->nat != w->old_nat || !ip128_equal(&w->at.daddr, &w->old.daddr) ||
	    (ip128_equal(&w->key.saddr, &w->quoted_key.saddr) &&
	     !ip128_equal(&w->at.saddr, &w->old.saddr)))
		return DROP_FLOW_PATH;
	return w->len > w->mtu ? DROP_MTU : DROP_NONE;
}

#endif
