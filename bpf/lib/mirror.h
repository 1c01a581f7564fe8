/* SPDX-License-Identifier: MIT
 * Traffic mirroring (VPC Traffic Mirroring guide): copies of what an interface sends and receives,
 * as it sends and receives it, in VXLAN (RFC 7348) to a target.
 *
 * When a flow is entered, the filters of its two ends are asked which session wants its packets,
 * and the entry keeps the answer: no other packet pays. A copy goes out by a pair of links of the
 * fabric's own that offload nothing, so that the kernel makes of a large segment what would be on
 * the wire; the mark says whose it is (sandboxes cannot set it: it does not survive their veth). At
 * the pair's other end eni_mirror walks to the target as if the source's interface had sent it,
 * only past the source's groups, cuts the copy, and puts the headers before it.
 */
#ifndef VPCD_BPF_LIB_MIRROR_H
#define VPCD_BPF_LIB_MIRROR_H

#include <linux/udp.h>

#include "bpf/lib/drop.h"
#include "bpf/lib/mtu.h"
#include "bpf/lib/route.h"

/* ---- which session? ---- */

static __always_inline int is_within(const struct ip128 *a, const struct ip128 *net,
				     const struct ip128 *mask)
{
	return !(((a->w[0] & mask->w[0]) ^ net->w[0]) | ((a->w[1] & mask->w[1]) ^ net->w[1]) |
		 ((a->w[2] & mask->w[2]) ^ net->w[2]) | ((a->w[3] & mask->w[3]) ^ net->w[3]));
}

static __always_inline int is_mirror_rule(const struct walk *w, const struct tuple *t,
					  const struct mirror_rule *r)
{
	const __u16 sport = bpf_ntohs(t->sport), dport = bpf_ntohs(t->dport);

	if (r->family != w->key.family || (!r->any_protocol && r->protocol != w->key.protocol) ||
	    !is_within(&t->saddr, &r->saddr, &r->smask) ||
	    !is_within(&t->daddr, &r->daddr, &r->dmask))
		return 0;
	if (w->key.protocol != IPPROTO_TCP && w->key.protocol != IPPROTO_UDP)
		return 1;
	return sport >= r->sport_first && sport <= r->sport_last && dport >= r->dport_first &&
	       dport <= r->dport_last;
}

/* One of an interface's sessions, from 0; NULL: it has not so many. */
static __always_inline const struct mirror_session *mirror_session_at(__u32 ifindex, __u64 n)
{
	const struct mirror *m = bpf_map_lookup_elem(&mirrors, &ifindex);

	OPAQUE(n);
	if (!m || n >= MIRROR_SESSIONS || n >= m->n)
		return NULL;
	return &m->sessions[n];
}

/* Does the session want the packet with the addresses of w->mirror_at? */
__noinline int mirror_wants(struct walk *w, __u32 ifindex, __u32 session, __u32 inbound)
{
	const struct mirror_session *s = mirror_session_at(ifindex, session);
	const struct mirror_filter *f;

	w = walk_own(w);
	if (!w || !s)
		return 0;
	if ((w->self.flags | w->target.flags) & ENI_SERVICE)
		return !!(s->flags & MIRROR_DNS);
	f = inbound ? &s->in : &s->out;
	for (__u32 i = 0; i < MIRROR_RULES && i < f->n; i++)
		if (is_mirror_rule(w, &w->mirror_at, &f->rules[i]))
			return !f->rules[i].reject;
	return 0;
}

static __always_inline __u32 mirror_session_of(struct walk *w, __u32 ifindex, __u32 inbound)
{
	for (__u32 i = 0; i < MIRROR_SESSIONS; i++)
		if (mirror_wants(w, ifindex, i, inbound))
			return i + 1;
	return 0;
}

#define MIRROR_OUT(mirror) ((mirror)&3)
#define MIRROR_IN(mirror)  ((mirror) >> 2 & 3)

/* What a walk has decided on: the sessions of sender and receiver that want its packets, 1 and up,
 * as MIRROR_OUT and MIRROR_IN take them apart. */
__noinline int mirror_choose(struct walk *w)
{
	__u32 out = 0, in = 0;

	w = walk_own(w);
	if (!w)
		return 0;
	if (w->self.flags & ENI_MIRRORED) {
		w->mirror_at.saddr = w->key.saddr;
		w->mirror_at.daddr = w->key.daddr;
		w->mirror_at.sport = w->key.sport;
		w->mirror_at.dport = w->key.dport;
		out = mirror_session_of(w, w->key.ifindex, 0);
	}
	if (w->target.flags & ENI_MIRRORED) {
		w->mirror_at = w->at;
		in = mirror_session_of(w, w->output_ifindex, 1);
	}
	return out | in << 2;
}

/* ---- the copy ---- */

/* A copy's mark. Interface indexes have fewer than 29 bits: they rise by one for each interface. */
#define MARK_INBOUND	1
#define MARK_SESSION(m) ((m) >> 1 & 3)
#define MARK_IFINDEX(m) ((m) >> 3)

static __always_inline struct mirror_count *mirror_count_of(__u32 ifindex)
{
	struct mirror_count *c = bpf_map_lookup_elem(&mirror_counts, &ifindex), zero = {};

	if (c)
		return c;
	bpf_map_update_elem(&mirror_counts, &ifindex, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&mirror_counts, &ifindex);
}

static __noinline void mirror_tell(__u32 ifindex, __u32 inbound, __u32 skipped, __u32 len)
{
	struct mirror_count *c = mirror_count_of(ifindex);
	struct counter *n;

	if (!c)
		return;
	if (skipped)
		n = inbound ? &c->skipped_in : &c->skipped_out;
	else
		n = inbound ? &c->in : &c->out;
	n->packets++;
	n->bytes += len;
}

/* The packet as it is now is copied for a session (from 1) of an interface. */
__noinline int mirror_copy(struct __sk_buff *skb, __u32 ifindex, __u32 session, __u32 inbound)
{
	__u32 zero = 0, len = skb->len;
	const struct mirror_device *d = bpf_map_lookup_elem(&mirror_device, &zero);
	__u32 device = d ? *(volatile const __u32 *)&d->ifindex : 0;
	int rc = -1;

	if (device) {
		skb->mark = ifindex << 3 | (session - 1) << 1 | inbound;
		rc = bpf_clone_redirect(skb, device, 0);
		skb->mark = 0;
	}
	if (rc)
		mirror_tell(ifindex, inbound, 1, len);
	return 0;
}

static __always_inline void mirror_sent(struct __sk_buff *skb, const struct walk *w, __u32 mirror)
{
	if (MIRROR_OUT(mirror))
		mirror_copy(skb, w->key.ifindex, MIRROR_OUT(mirror), 0);
}

static __always_inline void mirror_received(struct __sk_buff *skb, __u32 ifindex, __u32 mirror)
{
	if (MIRROR_IN(mirror))
		mirror_copy(skb, ifindex, MIRROR_IN(mirror), 1);
}

/* ---- to the target ---- */

struct vxlan_head {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be32 flags, vni; /* RFC 7348, section 5 */
} __attribute__((packed));

#define VXLAN_VALID_VNI 0x08000000
#define VXLAN_OVERHEAD	(sizeof(struct vxlan_head) - ETH_LEN) /* of what an MTU counts */
#define MIRROR_CUT_MIN	(ETH_LEN + sizeof(struct ipv6hdr))    /* the kernel cuts no deeper */
#define PORTS_DYNAMIC	49152

/* From the source's interface to the target, past its groups: as a packet of its own would go, by
 * local routes and peerings. 0, or the reason. */
static __always_inline int mirror_walk(struct walk *w, __u32 ifindex, const struct ip128 *target,
				       __u32 hash)
{
	const struct dp_config *cfg = dp_config();
	const struct eni *self = bpf_map_lookup_elem(&enis, &ifindex);
	const __u8 router[6] = ROUTER_MAC;
	int reason;

	if (!cfg)
		return DROP_INTERNAL;
	if (!self)
		return DROP_NO_ENI;
	w->self = *self;
	w->now = virtual_now(cfg);
	w->key.ifindex = ifindex;
	w->key.family = AF_INET;
	w->key.protocol = IPPROTO_UDP;
	w->key.saddr = w->self.address;
	w->key.daddr = *target;
	w->key.sport = bpf_htons(PORTS_DYNAMIC | (hash & 0x3fff));
	w->key.dport = bpf_htons(MIRROR_PORT);
	__builtin_memcpy(w->dmac, router, 6);
	w->is.skip_egress = 1;
	reason = walk_run(w);
	if (reason)
		return reason;
	return w->local ? DROP_NONE : DROP_NO_DESTINATION;
}

static __always_inline int mirror_encapsulate(struct __sk_buff *skb, const struct walk *w,
					      __u32 vni, __u32 most)
{
	const __u32 room = w->mtu - VXLAN_OVERHEAD;
	const __u8 router[6] = ROUTER_MAC;
	struct vxlan_head h = {};
	__u32 len = skb->len;

	most = !most || most > room ? room : most;
	if (len > most) {
		most = most < MIRROR_CUT_MIN ? MIRROR_CUT_MIN : most;
		if (len > most && bpf_skb_change_tail(skb, most, 0))
			return DROP_INTERNAL;
		len = skb->len;
	}
	if (bpf_skb_change_head(skb, sizeof(h), 0))
		return DROP_INTERNAL;
	__builtin_memcpy(h.eth.h_dest, w->target.mac, 6);
	if (w->flow_flags & FLOW_ROUTED)
		__builtin_memcpy(h.eth.h_source, router, 6);
	else
		__builtin_memcpy(h.eth.h_source, w->self.mac, 6);
	h.eth.h_proto = bpf_htons(ETH_P_IP);
	h.ip.version = 4;
	h.ip.ihl = 5;
	h.ip.tot_len = bpf_htons(len + VXLAN_OVERHEAD);
	h.ip.frag_off = bpf_htons(IP_DONT_FRAGMENT);
	h.ip.ttl = 64;
	h.ip.protocol = IPPROTO_UDP;
	h.ip.saddr = w->key.saddr.w[3];
	h.ip.daddr = w->at.daddr.w[3];
	h.ip.check = ~fold(sum_words(&h.ip, sizeof(h.ip)));
	h.udp.source = w->key.sport;
	h.udp.dest = w->key.dport;
	h.udp.len = bpf_htons(len + VXLAN_OVERHEAD - sizeof(h.ip));
	h.flags = bpf_htonl(VXLAN_VALID_VNI);
	h.vni = bpf_htonl(vni << 8);
	return bpf_skb_store_bytes(skb, 0, &h, sizeof(h), 0) ? DROP_INTERNAL : DROP_NONE;
}

/* A copy becomes a packet of its source to its target: 0 and w->output_ifindex, or the reason. */
static __always_inline int mirror_send(struct __sk_buff *skb, struct walk *w, __u32 mark)
{
	const __u32 ifindex = MARK_IFINDEX(mark);
	const struct mirror_session *s = mirror_session_at(ifindex, MARK_SESSION(mark));
	int reason;

	if (!s)
		return DROP_NO_ENI;
	reason = mirror_walk(w, ifindex, &s->target, bpf_get_hash_recalc(skb));
	return reason ? reason : mirror_encapsulate(skb, w, s->vni, s->packet_length);
}

#endif
