/* SPDX-License-Identifier: MIT
 * A packet on its way: what the parser found, where the walk stands and what it decided. It lives
 * in a per-CPU map, since the gates are global functions, which the verifier checks one by one and
 * which take a pointer to memory of known size.
 */
#ifndef VPCD_BPF_LIB_WALK_H
#define VPCD_BPF_LIB_WALK_H

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
enum step { STEP_DONE, STEP_DELIVER, STEP_LOCAL, STEP_PUBLIC, STEP_IGW, STEP_NAT, STEP_NAT_RETURN };
#define STEPS_MAX 8

struct walk {
	/* the packet as it came */
	__u32 ifindex;
	__u32 len;   /* of the IP packet, or of each segment that it will be cut into */
	__u32 bytes; /* of all segments */
	struct tuple in;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 smac[6], dmac[6];
	__u16 l4_offset;
	__u8 is_echo;  /* ICMP echo request or reply */
	__u8 is_error; /* ICMP error */
	__u8 dry;
	__u8 dont_fragment;

	/* where it stands */
	struct tuple at;
	__u32 vpc, subnet; /* subnet 0: outside of any */
	__u32 step, next_id;
	__u32 hops;
	struct ip128 public; /* of the NAT gateway that was passed */
	struct eni self;
	__u8 local;	 /* by local routes alone so far: group references may match */
	__u8 translated; /* the source is not the sender's own private address any more */
	__u8 skip_egress, skip_ingress; /* gates that the flow passed, tracked */
	__u8 has_flow;			/* walks again: `nat` and `old` are the flow's */
	__u8 pad[3];
	struct tuple old;
	__u32 nat;	   /* NAT gateway on the way; 0: none */
	__u32 nat_address; /* which of its addresses */

	/* what was decided */
	__u32 output_ifindex;
	struct eni target;
	__u32 flow_flags;
	__u32 mtu;
	__u32 rule; /* bit of the rule that matched last */
	__u32 result_flags;

	/* arguments of the classifier */
	__u32 classifier;
	__u32 peer_groups;
	struct ip128 match_address;
	__u32 match_deny, match_untracked;
	struct rules_bitmap matched;
	struct rules_bitmap no_rules; /* stays zero */

	struct flow_key key, reverse_key;
	struct flow flow;
	struct rule_addr_key addr_key; /* too large for a stack of several frames */
	struct rule_port_key port_key;
	struct route_key route_key;
	struct addr_key holder_key;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct walk);
} scratch SEC(".maps");

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
	w->holder_key.family = AF_INET;
	w->holder_key.address = *address;
	return bpf_map_lookup_elem(&addresses, &w->holder_key);
}

#endif
