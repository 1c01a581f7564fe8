/* SPDX-License-Identifier: MIT
 * Ports of NAT gateways: which one a new flow gets.
 *
 * A port is taken per destination only (endpoint-dependent mapping, RFC 4787, section 4.1): what
 * may not be given twice is (gateway address, port, destination, protocol). That is the key of the
 * flow's reply half, the packet that the destination will send. So the flow table itself is the
 * allocator: whoever claims the reply key has the port.
 *
 * Why two CPUs never give the same port: a key has one element in the table, whatever CPUs do, and
 * it becomes ours in one of two ways only. It is inserted with BPF_NOEXIST, which the kernel does
 * under the bucket's lock: of two inserts one gets EEXIST. Or it is taken over from a flow that is
 * over (CLOSED, DEAD, expired) by a compare-and-swap of its state to CLAIMED, which one CPU wins.
 * Before that swap the old flow's own half is closed, so that nothing it still sends leaves by this
 * port (a packet that passed the look-up before that is a packet that was on its way). An element
 * is deleted only after the daemon has swapped DEAD to CLAIMED itself, so never under a new owner.
 * All else here is a hint where to look, and may be wrong without harm.
 *
 * A destination's window is 55,000 ports of 1024 to 65535, its place given by the destination:
 * 1024 + (hash(destination) + 0 … 54,999) mod 64,512. So there are 55,000 to a destination and
 * address, exactly, and nobody counts them.
 *
 *  1. A destination that few flows go to has no record: a few ports of the window, spread by the
 *     flow's hash, are tried. At half load one try of two succeeds.
 *  2. If all of them are taken, the destination gets a bitmap (`nat_ports`): a bit for each port
 *     that is known to be taken, and a summary bit for each full word. From now on a port that is
 *     not known to be taken is two shifts away. A try that fails teaches the bitmap one port that
 * it did not know, so that it cannot fail there again: in all, a destination's tries fail once at
 *     most for each port that was taken before the bitmap came. Bits are cleared when elements are
 *     deleted (flows_forget).
 *  3. If the bitmap is full, connections that were closed in order count as over: a ring has the
 *     ports that were closed last. Then the window is looked through, some ports a packet, from
 *     where the last look ended, for flows that are over but not collected yet. Only if all that
 *     fails is the packet refused.
 *
 * The bitmaps are an LRU table of NAT_CROWDED: more destinations may be crowded at once, and those
 * that are in use stay. One whose bitmap was thrown out begins anew: at 52,000 of its ports taken
 * each flow still finds one (tests/bpf/nat_test.c), and of the last ones some packets may be
 * refused, until its tries, NAT_TRIES_BITMAP a packet, have found out what is taken.
 */
#ifndef VPCD_BPF_LIB_NAT_H
#define VPCD_BPF_LIB_NAT_H

#include "bpf/lib/flow.h"

#define NAT_TRIES_SPREAD 8    /* without a bitmap */
#define NAT_TRIES_BITMAP 256  /* ports that the bitmap holds for free: the first, once it knows */
#define NAT_TRIES_LOOK	 256  /* of a full window */
#define NAT_STRIDE	 7919 /* coprime with 55,000 */

/* ---- windows ---- */

static __always_inline void nat_ports_key_fill(struct nat_ports_key *p,
					       const struct flow_key *reply, __u32 nat)
{
	p->nat = nat;
	p->protocol = reply->protocol;
	p->reserved = 0;
	p->port = reply->protocol == IPPROTO_ICMP ? 0 : reply->sport;
	p->address = reply->daddr;
	p->destination = reply->saddr;
}

/* An echo's identifier stands where a packet's own port does, whichever way it goes. */
static __always_inline __be16 nat_port_of(const struct flow_key *reply)
{
	return reply->protocol == IPPROTO_ICMP ? reply->sport : reply->dport;
}

static __always_inline __u32 nat_window(const struct nat_ports_key *p)
{
	return hash_mix(ip128_hash(&p->destination) ^ ((__u32)p->protocol << 16 | p->port)) %
	       NAT_PORTS;
}

static __always_inline __be16 nat_port_at(__u32 window, __u32 index)
{
	return bpf_htons(NAT_PORT_FIRST + (window + index) % NAT_PORTS);
}

static __always_inline __u32 nat_index_of(__u32 window, __be16 port)
{
	return (bpf_ntohs(port) - NAT_PORT_FIRST + NAT_PORTS - window) % NAT_PORTS;
}

/* ---- bitmaps ---- */

/* The mask is for the verifier, and the barrier for the compiler, which knows better. */
static __always_inline __u64 *word_at(struct nat_ports *p, __u32 word)
{
	asm volatile("" : "+r"(word));
	return &p->taken[word & (sizeof(p->taken) / sizeof(p->taken[0]) - 1)];
}

static __always_inline __u64 *summary_at(struct nat_ports *p, __u32 i)
{
	asm volatile("" : "+r"(i));
	return &p->full[i & (sizeof(p->full) / sizeof(p->full[0]) - 1)];
}

/* Ports of a word, and words of a summary, that are not known to be taken. */
static __always_inline __u64 free_ports(struct nat_ports *p, __u32 word)
{
	const __u64 there = word == NAT_WORDS - 1 ? (1ull << NAT_WINDOW % 64) - 1 : ~0ull;

	return ~*(volatile __u64 *)word_at(p, word) & there;
}

static __always_inline __u64 free_words(struct nat_ports *p, __u32 i)
{
	const __u64 there = i == NAT_SUMMARY - 1 ? (1ull << NAT_WORDS % 64) - 1 : ~0ull;

	return ~*(volatile __u64 *)summary_at(p, i) & there;
}

static __always_inline void bitmap_clear(struct nat_ports *p, __u32 index)
{
	__u32 word = index / 64;

	__sync_fetch_and_and(word_at(p, word), ~(1ull << index % 64));
	__sync_fetch_and_and(summary_at(p, word / 64), ~(1ull << word % 64));
}

static __always_inline void summary_set(struct nat_ports *p, __u32 word)
{
	__u64 *full = summary_at(p, word / 64);

	__sync_fetch_and_or(full, 1ull << word % 64);
	/* Did somebody clear a port, and the summary before we set it? */
	if (free_ports(p, word))
		__sync_fetch_and_and(full, ~(1ull << word % 64));
}

/* 0: the port was known to be taken. */
__noinline int bitmap_set(struct nat_ports *p, __u32 index)
{
	__u64 bit = 1ull << index % 64, was;

	if (!p)
		return 0;
	was = __sync_fetch_and_or(word_at(p, index / 64), bit);
	if (!free_ports(p, index / 64))
		summary_set(p, index / 64);
	return !(was & bit);
}

/* The next port from `from` on, around the window, that is not known to be taken; NAT_WINDOW:
 * none. */
__noinline __u32 bitmap_next(struct nat_ports *p, __u32 from)
{
	__u32 word = from / 64, summary = word / 64;
	__u64 free, words;

	if (!p)
		return NAT_WINDOW;
	free = free_ports(p, word) & ~0ull << from % 64;
	if (free)
		return word * 64 + first_bit(free);
	words = free_words(p, summary) & ~1ull << word % 64; /* behind it */
	for (int i = 0; i <= NAT_SUMMARY; i++) {
		if (words) {
			word = summary * 64 + first_bit(words);
			free = free_ports(p, word);
			if (free)
				return word * 64 + first_bit(free);
			summary_set(p, word);
		}
		summary = summary + 1 < NAT_SUMMARY ? summary + 1 : 0;
		words = free_words(p, summary);
	}
	return NAT_WINDOW;
}

static __always_inline struct nat_ports *bitmap_make(const struct nat_ports_key *key)
{
	__u32 zero = 0;
	const struct nat_ports *none = bpf_map_lookup_elem(&nat_ports_none, &zero);

	if (none)
		bpf_map_update_elem(&nat_ports, key, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&nat_ports, key);
}

/* The reply half of a flow of a gateway is deleted: its port is free. */
static __noinline void nat_port_free(const struct flow_key *reply, __u32 nat)
{
	struct nat_ports_key key = {};
	struct nat_ports *p;

	nat_ports_key_fill(&key, reply, nat);
	p = bpf_map_lookup_elem(&nat_ports, &key);
	if (p)
		bitmap_clear(p, nat_index_of(nat_window(&key), nat_port_of(reply)));
}

static __always_inline __u16 *closing_at(struct nat_ports *p, __u32 i)
{
	asm volatile("" : "+r"(i));
	return &p->closing[i & (NAT_CLOSING - 1)];
}

/* The connection of a half was closed by both its ends, or reset. */
static __noinline void nat_port_closing(const struct flow_key *k, const struct flow *f)
{
	struct nat_ports_key key = {};
	struct flow_key reply = *k;
	struct nat_ports *p;

	if (!(f->flags & FLOW_REPLY))
		flow_other_key(k, f, &reply);
	nat_ports_key_fill(&key, &reply, f->nat);
	p = bpf_map_lookup_elem(&nat_ports, &key);
	if (p)
		*closing_at(p, __sync_fetch_and_add(&p->closed, 1)) =
			(__u16)nat_index_of(nat_window(&key), nat_port_of(&reply));
}

/* ---- the search ---- */

struct nat_search {
	struct nat_ports_key key;
	__u32 window, first, tries;
	int claim; /* enum claim of the last try */
};

__noinline int nat_try(struct nat_search *s, __u32 index, int over)
{
	struct walk *w = walk_mine();
	__be16 port;

	if (!w || !s)
		return CLAIM_RACE;
	port = nat_port_at(s->window, index);
	if (w->is.is_echo)
		w->reverse_key.sport = port;
	else
		w->reverse_key.dport = port;
	s->tries++;
	s->claim = flow_claim(&w->reverse_key, &w->key, &w->flow, w->now, over);
	return s->claim;
}

static __always_inline int search_ends(const struct nat_search *s)
{
	return s->claim == CLAIM_OK || s->claim == CLAIM_FULL;
}

static long try_spread(__u32 i, void *arg)
{
	struct nat_search *s = arg;

	nat_try(s, (s->first + i * NAT_STRIDE) % NAT_WINDOW, OVER_EXPIRED);
	return search_ends(s);
}

/* From another place each time: ports are taken in runs, and a bitmap that is new knows of none. */
static long try_bitmap(__u32 i, void *arg)
{
	struct nat_search *s = arg;
	struct nat_ports *p = bpf_map_lookup_elem(&nat_ports, &s->key);
	__u32 from = i ? hash_mix(s->first + i * 0x9e3779b9u) : s->first;
	__u32 index = p ? bitmap_next(p, from % NAT_WINDOW) : NAT_WINDOW;

	if (!p || index >= NAT_WINDOW)
		return 1;
	if (!bitmap_set(p, index))
		return 0; /* another CPU was faster */
	nat_try(s, index, OVER_EXPIRED);
	if (s->claim == CLAIM_RACE || s->claim == CLAIM_FULL)
		bitmap_clear(p, index);
	return search_ends(s);
}

static long try_closing(__u32 i, void *arg)
{
	struct nat_search *s = arg;
	struct nat_ports *p = bpf_map_lookup_elem(&nat_ports, &s->key);
	__u32 n;

	if (!p || p->reopened == *(volatile __u32 *)&p->closed)
		return 1;
	/* What was overwritten is left to the look. */
	if (p->closed - p->reopened > NAT_CLOSING)
		p->reopened = p->closed - NAT_CLOSING;
	n = __sync_fetch_and_add(&p->reopened, 1);
	nat_try(s, *closing_at(p, n), OVER_CLOSING);
	return search_ends(s);
}

static long try_look(__u32 i, void *arg)
{
	struct nat_search *s = arg;
	struct nat_ports *p = bpf_map_lookup_elem(&nat_ports, &s->key);

	if (!p)
		return 1;
	nat_try(s, __sync_fetch_and_add(&p->look, 1) % NAT_WINDOW, OVER_CLOSING);
	return search_ends(s);
}

static __always_inline int search_result(const struct nat_search *s)
{
	struct walk *w = walk_mine();
	struct nat_stats *stats = w ? nat_stats_of(w->nat) : NULL;

	if (stats)
		stats->port_tries += s->tries;
	if (s->claim == CLAIM_OK)
		return DROP_NONE;
	return s->claim == CLAIM_FULL ? DROP_FLOW_TABLE_FULL : DROP_NAT_PORTS;
}

/* The flow that the same sender had on the same ports is over (a connection opened anew in
 * TIME_WAIT): its port is the first choice. */
static __always_inline int try_own(struct nat_search *s)
{
	struct walk *w = walk_mine();
	struct flow *f;

	if (!w)
		return 0;
	f = bpf_map_lookup_elem(&flows, &w->key);
	if (!f || flow_state(f) != FLOW_LIVE || (f->flags & FLOW_REPLY) || !f->nat)
		return 0;
	if (f->nat == w->nat && ip128_equal(&f->saddr, &w->reverse_key.daddr) &&
	    nat_try(s, nat_index_of(s->window, f->sport), OVER_EXPIRED) == CLAIM_OK)
		return 1;
	flow_close_pair(&w->key, f);
	return 0;
}

/* Claims a reply key with a free port: 0 and reverse_key.dport set (for an echo: sport), or the
 * reason. The walk is this CPU's own. */
__noinline int nat_claim_port(__u32 unused)
{
	struct walk *w = walk_mine();
	struct nat_search s = {.claim = CLAIM_TAKEN};
	struct nat_ports *p;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	nat_ports_key_fill(&s.key, &w->reverse_key, w->nat);
	s.window = nat_window(&s.key);
	s.first =
		hash_mix(ip128_hash(&w->key.saddr) ^ ((__u32)w->key.ifindex << 16 ^ w->key.sport)) %
		NAT_WINDOW;
	if (try_own(&s))
		return search_result(&s);
	p = bpf_map_lookup_elem(&nat_ports, &s.key);
	if (!p) {
		bpf_loop(NAT_TRIES_SPREAD, try_spread, &s, 0);
		if (search_ends(&s))
			return search_result(&s);
		p = bitmap_make(&s.key);
	}
	bpf_loop(NAT_TRIES_BITMAP, try_bitmap, &s, 0);
	if (!search_ends(&s) && p && bitmap_next(p, 0) >= NAT_WINDOW) {
		bpf_loop(NAT_CLOSING, try_closing, &s, 0);
		if (!search_ends(&s))
			bpf_loop(NAT_TRIES_LOOK, try_look, &s, 0);
	}
	return search_result(&s);
}

#endif
