/* SPDX-License-Identifier: MIT
 * Fragments. The first one has the ports; what it said is remembered, so that those that follow go
 * where it went. Nothing is put together or held back: a fragment that comes before its first,
 * whose first was dropped or forgotten, or that overlaps the first (it could change the ports that
 * were judged) is dropped as FRAGMENT. Each interface has its own few places, so that a flood of
 * fragments costs its sender alone, and nothing is left behind.
 */
#ifndef VPCD_BPF_LIB_FRAGMENT_H
#define VPCD_BPF_LIB_FRAGMENT_H

#include "bpf/lib/parse.h"

#define FRAGMENT_TIMEOUT_NS (FRAGMENT_TIMEOUT_S * 1000000000ull)

static __always_inline struct fragment_key fragment_place(const struct walk *w)
{
	__u32 h = w->fragment_id * 0x9e3779b1u;

	h = (h ^ w->key.saddr.w[3] ^ w->key.saddr.w[0]) * 0x85ebca6bu;
	h = (h ^ w->key.daddr.w[3] ^ w->key.daddr.w[1]) * 0xc2b2ae35u;
	h ^= h >> 15 ^ w->key.protocol;
	return (struct fragment_key){.ifindex = w->key.ifindex, .slot = h % FRAGMENT_SLOTS};
}

/* Gives a later fragment the ports of its first: 0, or FRAGMENT. */
__noinline int fragment_follow(struct walk *w)
{
	const struct fragment *f;
	struct fragment_key k;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	k = fragment_place(w);
	f = bpf_map_lookup_elem(&fragments, &k);
	if (!f || f->seen_ns + FRAGMENT_TIMEOUT_NS <= w->now ||
	    f->identification != w->fragment_id || f->family != w->key.family ||
	    f->protocol != w->key.protocol || !ip128_equal(&f->saddr, &w->key.saddr) ||
	    !ip128_equal(&f->daddr, &w->key.daddr) || w->is.fragment_offset < f->first_len)
		return DROP_FRAGMENT;
	w->key.sport = f->sport;
	w->key.dport = f->dport;
	w->is.is_echo = is_echo_key(&w->key);
	w->is.icmp_type = f->icmp_type;
	w->is.icmp_code = f->icmp_code;
	return DROP_NONE;
}

/* A first fragment that was forwarded: so will those be that follow. */
__noinline int fragment_remember(struct walk *w)
{
	struct fragment f = {};
	struct fragment_key k;

	w = walk_own(w);
	if (!w)
		return 0;
	k = fragment_place(w);
	f.saddr = w->key.saddr;
	f.daddr = w->key.daddr;
	f.identification = w->fragment_id;
	f.family = w->key.family;
	f.protocol = w->key.protocol;
	f.icmp_type = w->is.icmp_type;
	f.icmp_code = w->is.icmp_code;
	f.sport = w->key.sport;
	f.dport = w->key.dport;
	f.first_len = w->payload_len;
	f.seen_ns = w->now;
	return bpf_map_update_elem(&fragments, &k, &f, BPF_ANY);
}

#endif
