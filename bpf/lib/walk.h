/* SPDX-License-Identifier: MIT
 * A packet on its way: what the parser found, where the walk stands and what it decided. It lives
 * in a per-CPU map, since the gates are global functions, which the verifier checks one by one and
 * which take a pointer to memory of known size.
 */
#ifndef VPCD_BPF_LIB_WALK_H
#define VPCD_BPF_LIB_WALK_H

#include <linux/ip.h>

#include "bpf/maps.h"

#define AF_INET	 2
#define AF_INET6 10

#define ETH_LEN 14

/* The address, protocol and ports that a packet has at some point of its way. */
struct tuple {
	struct ip128 saddr, daddr;
	__be16 sport, dport; /* as in struct flow_key */
};

/* What the walk does next; `next_id` is the step's argument. */
enum step {
	STEP_DONE,
	STEP_DELIVER, /* to the interface that has the destination */
	STEP_DETOUR,  /* to one that a route names */
	STEP_HOLDER,
	STEP_PUBLIC,
	STEP_INGRESS,
	STEP_IGW,
	STEP_EGRESS_ONLY,
	STEP_PEERING,
	STEP_NAT,
	STEP_NAT_RETURN
};
#define STEPS_MAX 8

enum fragment_kind { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

/* What a packet is beside its key; zeroed at once for each. */
struct packet_bits {
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 is_echo;  /* ICMP echo request or reply */
	__u8 is_error; /* ICMP error */
	__u8 dont_fragment;
	__u8 fragment; /* enum fragment_kind */
	__u8 more_fragments;
	__u8 skip_egress; /* the gate that the flow passed, tracked */
	__u8 has_flow;	  /* walks for a flow: `nat`, `old` and `old_flags` are the flow's */
	__u8 of_error;	  /* and is an ICMP error that quotes it, not a packet of it */
	__u8 partial;	  /* the sender left its checksum to the kernel */
	__u8 cut;	  /* too large for `mtu`: leaves in pieces */
	__u8 direct;	  /* headers may be rewritten in place */
	__u8 shown;	  /* dropped, and those who listen to drops know */
	__u8 pad;
	__u16 fragment_offset; /* in octets */
	__u16 l4_offset;
};

struct walk {
	/* the packet as it came */
	struct flow_key key;
	struct packet_bits is;
	__u32 len;   /* of the IP packet, or of each segment that it will be cut into */
	__u32 bytes; /* of all segments */
	__u32 fragment_id;
	__u32 payload_len; /* of a fragment */
	__u8 smac[6], dmac[6];
	__u32 dry;

	/* where it stands */
	struct tuple at;
	__u32 vpc, subnet; /* subnet 0: outside of any */
	__u32 step, next_id;
	__u32 hops;
	struct eni self;
	__u8 local;	 /* by local routes and peerings alone so far: group references may match */
	__u8 own_source; /* the source is an address of the sender's own */
	__u8 translated; /* or was, before a gateway changed it */
	__u8 pad;
	struct tuple old;
	__u32 old_flags;
	__u32 old_protocol;
	__u64 now;	 /* virtual time */
	__u32 nat;	 /* NAT gateway on the way; 0: none */
	__u32 old_nat;	 /* the flow's, as `old` is */
	__u32 nat_tried; /* addresses of it that had no port left */
	__u32 nat_left;	 /* addresses that were not tried */

	/* what was decided */
	__u32 output_ifindex;
	struct eni target;
	__u32 target_ifindex; /* whose; 0: nobody's yet */
	__u32 flow_flags;
	__u32 mtu;
	__u32 rule;   /* bit of the rule that matched last */
	__u32 mirror; /* mirror_choose()'s */
	struct tuple mirror_at;
	/* The gate that refused, as in struct drop_event: set by groups and ACLs, when they do. */
	__u32 refused_number, refused_rule;

	/* arguments of the classifier */
	__u32 classifier;
	__u32 peer_groups;
	struct ip128 match_address;
	__u32 match_deny, match_untracked;
	struct rules_bitmap matched;
	struct rules_bitmap no_rules; /* stays zero */
	struct nat_stats no_stats;    /* likewise */

	struct iphdr cut_head;
	__u8 answer[6]; /* link_answer()'s */
	__u8 pad2[2];

	struct flow_key reverse_key, state_key, quoted_key, other_key;
	struct flow flow;
	struct rule_addr_key addr_key; /* too large for a stack of several frames */
	struct rule_port_key port_key;
	struct route_key route_key;
	struct addr_key holder_key;
	struct flow_part part;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct walk);
} scratch SEC(".maps");

/* The same walk, as a map's value: to Linux 6.1 a global function's argument is memory in which no
 * map key may lie, so each one that looks a map up begins with this. NULL for NULL. */
static __always_inline struct walk *walk_own(const struct walk *w)
{
	__u32 slot;

	if (!w)
		return NULL;
	slot = w->dry;
	return bpf_map_lookup_elem(&scratch, &slot);
}

/* That of the packet that is being forwarded, where no argument says it. */
static __always_inline struct walk *walk_mine(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&scratch, &slot);
}

/* Keeps the compiler from proving away a bound that the verifier needs. Such numbers are 64 bits
 * wide, and lengths are compared less one: Linux 6.1 learns nothing from halves, nor from "not 0".
 */
#define OPAQUE(x) asm volatile("" : "+r"(x))

static __always_inline struct dp_config *dp_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

/* Virtual time; a tick's resolution is enough for time-outs. */
static __always_inline __u64 virtual_now(const struct dp_config *cfg)
{
	return bpf_ktime_get_coarse_ns() + *(volatile const __u64 *)&cfg->clock_offset_ns;
}

static __always_inline struct ip128 ip128_v4(__be32 a)
{
	struct ip128 r = {};

	r.w[2] = bpf_htonl(0xffff);
	r.w[3] = a;
	return r;
}

static __always_inline int ip128_equal(const struct ip128 *a, const struct ip128 *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

static __always_inline int ip128_is_set(const struct ip128 *a)
{
	return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) != 0;
}

static __always_inline int mac_equal(const __u8 *a, const __u8 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] &&
	       a[5] == b[5];
}

static __always_inline int v4_within(const struct ip128 *a, __u32 net, __u32 len)
{
	return ((bpf_ntohl(a->w[3]) ^ net) >> (32 - len)) == 0;
}

/* RFC 1918 and RFC 6598: never a source or destination on the internet. */
static __always_inline int is_private(const struct ip128 *a)
{
	return v4_within(a, 0x0a000000, 8) || v4_within(a, 0xac100000, 12) ||
	       v4_within(a, 0xc0a80000, 16) || v4_within(a, 0x64400000, 10);
}

static __always_inline __u32 hash_mix(__u32 h)
{
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static __always_inline __u32 ip128_hash(const struct ip128 *a)
{
	return hash_mix(hash_mix(hash_mix(a->w[0]) ^ a->w[1]) ^ a->w[2]) ^ hash_mix(a->w[3]);
}

/* Its number, of a word that has one set: how many bits lie below the lowest. Without branches,
 * each of which would double what the verifier looks at. */
static __always_inline __u32 first_bit(__u64 v)
{
	v = (v & -v) - 1;
	v -= v >> 1 & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (__u32)(v * 0x0101010101010101ull >> 56);
}

static __always_inline int is_v4_mapped(const struct ip128 *a)
{
	return !(a->w[0] | a->w[1]) && a->w[2] == bpf_htonl(0xffff);
}

/* fe80::/10 */
static __always_inline int is_link_local6(const struct ip128 *a)
{
	return (a->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* ---- IPv6 addresses of the cloud itself (VPC User Guide: fe80:ec2::1, fd00:ec2::/32) ---- */

static __always_inline struct ip128 ip128_words(__u32 a, __u32 b, __u32 c, __u32 d)
{
	struct ip128 r;

	r.w[0] = bpf_htonl(a);
	r.w[1] = bpf_htonl(b);
	r.w[2] = bpf_htonl(c);
	r.w[3] = bpf_htonl(d);
	return r;
}

static __always_inline int ip128_is(const struct ip128 *a, __u32 w0, __u32 w1, __u32 w2, __u32 w3)
{
	return a->w[0] == bpf_htonl(w0) && a->w[1] == bpf_htonl(w1) && a->w[2] == bpf_htonl(w2) &&
	       a->w[3] == bpf_htonl(w3);
}

#define ROUTER6	  0xfe800ec2, 0, 0, 1
#define RESOLVER6 0xfd000ec2, 0, 0, 0x253
#define CLIENT6	  0xfd000ec2, 0x00000100, 0 /* and the client's interface index */

static __always_inline int is_service_range6(const struct ip128 *a)
{
	return a->w[0] == bpf_htonl(0xfd000ec2);
}

/* The interface that gets the packet, or may get it, into w->target: 0 if it is not there. */
static __always_inline int target_load(struct walk *w, __u32 ifindex)
{
	const struct eni *t;

	if (ifindex && ifindex == w->target_ifindex)
		return 1;
	t = bpf_map_lookup_elem(&enis, &ifindex);
	if (!t)
		return 0;
	w->target = *t;
	w->target_ifindex = ifindex;
	return 1;
}

static __always_inline int walk_next(struct walk *w, __u32 step, __u32 id)
{
	w->step = step;
	w->next_id = id;
	return DROP_NONE;
}

static __always_inline struct addr_entry *holder_of(struct walk *w, __u32 vpc,
						    const struct ip128 *address)
{
	w->holder_key.vpc = vpc;
	w->holder_key.family = w->key.family;
	w->holder_key.address = *address;
	return bpf_map_lookup_elem(&addresses, &w->holder_key);
}

#endif
