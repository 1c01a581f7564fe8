/* SPDX-License-Identifier: MIT
 * See reference.h. The walk, gate by gate, in the order of DESIGN.md section 3.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ref_policy.h"
#include "ref_state.h"
#include "reference.h"

#define MTU_INTERNET 1500
#define MTU_NAT	     8500
#define HOPS_MAX     8

/* A packet on its way. */
struct walk {
	const struct packet *p;
	struct place from, to;
	struct tuple at;	     /* as it is here */
	const char *vpc;	     /* where it is; NULL: on the internet */
	const struct subnet *subnet; /* NULL: in none */
	bool local;		     /* by local and peering routes alone: references may match */
	bool routed;		     /* left the sender's link by the router */
	unsigned mtu, hops;
	char nat[ID_LEN];     /* gateway passed */
	struct ip nat_public; /* and the address that it has on the internet */
	bool egress_only;
	bool port_open, source_open;
	const struct entry *known; /* the sender's entry of this connection; NULL: none */
	bool tracked_out, tracked_in;
};

struct reference {
	const struct model *m;
	struct memory memory;
	struct walk w; /* of the last judgement */
	enum drop_reason reason;
	bool ended; /* by it the connection ends */
	bool answered;
};

struct reference *reference_new(void)
{
	return calloc(1, sizeof(struct reference));
}

void reference_free(struct reference *r)
{
	if (!r)
		return;
	memory_done(&r->memory);
	free(r);
}

/* An interface that is gone remembers nothing, and nobody remembers what went to it. */
void reference_model(struct reference *r, const struct model *m)
{
	struct place p;

	r->m = m;
	for (struct entry *en = r->memory.entries, *next; en; en = next) {
		next = en->next;
		if (!place_find(m, en->eni, &p) || !place_find(m, en->out, &p))
			memory_forget(&r->memory, en->eni, &en->t);
	}
}

void reference_advance(struct reference *r, uint64_t seconds)
{
	r->memory.now += seconds;
}

size_t reference_entries(const struct reference *r)
{
	return r->memory.n;
}

static bool v4_within(const struct ip *a, uint32_t net, unsigned len)
{
	struct cidr c = {ip_from_v4(net), (uint8_t)len};

	return a->family == AF_INET && cidr_contains_ip(&c, a);
}

/* RFC 1918, RFC 6598. */
static bool is_private(const struct ip *a)
{
	return v4_within(a, 0x0a000000, 8) || v4_within(a, 0xac100000, 12) ||
	       v4_within(a, 0xc0a80000, 16) || v4_within(a, 0x64400000, 10);
}

static bool is_opening(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* ---- gates ---- */

static struct question question_of(const struct walk *w, bool egress, const struct list *groups)
{
	return (struct question){
		.protocol = w->p->protocol,
		.dport = w->at.dport,
		.icmp_type = w->p->icmp_type,
		.icmp_code = w->p->icmp_code,
		.other = egress ? w->at.dst : w->at.src,
		.other_groups = groups,
	};
}

/* The groups of the sender. peer: who has the destination address on this path; NULL: references do
 * not match, nor do they for what a middlebox sends on. */
static enum drop_reason sender_groups(struct reference *r, struct walk *w, const struct place *peer)
{
	bool own = place_owns(&w->from, &w->at.src);
	struct question q = question_of(w, true, peer && own ? &peer->eni->groups : NULL);
	bool untracked;

	if (w->known && w->known->tracked) {
		w->tracked_out = true;
		return DROP_NONE;
	}
	if (!groups_allow(r->m, &w->from.eni->groups, true, &q, &untracked))
		return DROP_SG_EGRESS;
	w->tracked_out = !untracked || w->from.always_tracked;
	return DROP_NONE;
}

/* The groups of the receiver. A reference matches a packet whose source is the sender's own private
 * address, by local and peering routes alone. */
static enum drop_reason receiver_groups(struct reference *r, struct walk *w)
{
	bool own = w->from.kind == PLACE_VPC && w->local && place_owns(&w->from, &w->at.src);
	struct question q = question_of(w, false, own ? &w->from.eni->groups : NULL);
	struct tuple reply = tuple_reverse(&w->at);
	const struct entry *known = memory_find(&r->memory, w->to.id, &reply, is_opening(w->p));
	bool untracked;

	if (known && known->tracked) {
		w->tracked_in = true;
		return DROP_NONE;
	}
	if (!groups_allow(r->m, &w->to.eni->groups, false, &q, &untracked))
		return DROP_SG_INGRESS;
	w->tracked_in = !untracked || w->to.always_tracked;
	return DROP_NONE;
}

static enum drop_reason leave_subnet(struct reference *r, struct walk *w, const struct subnet *s)
{
	struct question q = question_of(w, true, NULL);

	return acl_allows(r->m, s, true, &q) ? DROP_NONE : DROP_ACL_EGRESS;
}

static enum drop_reason enter_subnet(struct reference *r, struct walk *w, const struct subnet *s)
{
	struct question q = question_of(w, false, NULL);

	return acl_allows(r->m, s, false, &q) ? DROP_NONE : DROP_ACL_INGRESS;
}

/* ---- to the receiver ---- */

static enum drop_reason deliver(struct reference *r, struct walk *w, const char *eni)
{
	enum drop_reason reason = DROP_NONE;

	if (!place_find(r->m, eni, &w->to))
		return DROP_NO_DESTINATION;
	if (w->to.mtu < w->mtu)
		w->mtu = w->to.mtu;
	if (w->to.source_dest_check && !place_owns(&w->to, &w->at.dst))
		return DROP_DEST_CHECK;
	if (w->to.kind != PLACE_VPC)
		return DROP_NONE;
	if (w->to.subnet != w->subnet)
		reason = enter_subnet(r, w, w->to.subnet);
	return reason ? reason : receiver_groups(r, w);
}

/* Back through a NAT gateway: only what it translates. */
static enum drop_reason nat_return(struct reference *r, struct walk *w, const char *gateway)
{
	const struct nat_gateway *n = AS_CONST(nat_gateway, model_get(r->m, gateway));
	const struct network_interface *eni = nat_interface(r->m, n);
	const struct subnet *s = AS_CONST(subnet, model_get(r->m, n->subnet_id));
	enum drop_reason reason = DROP_NONE;
	struct holder client;
	struct place to;

	if (!w->known || strcmp(w->known->nat, gateway))
		return DROP_NAT_UNSOLICITED;
	w->at.dst = eni->private_ip_address;
	w->vpc = s->vpc_id;
	if (w->subnet != s)
		reason = enter_subnet(r, w, s);
	if (reason)
		return reason;
	strcpy(w->nat, gateway);
	w->subnet = s;
	w->local = false;
	w->at = w->known->to;
	client = holder_in_vpc(r->m, w->vpc, &w->at.dst);
	if (client.kind != HOLDER_ENI || !place_find(r->m, client.id, &to))
		return DROP_NO_DESTINATION;
	if (to.subnet != s)
		reason = leave_subnet(r, w, s);
	return reason ? reason : deliver(r, w, client.id);
}

static enum drop_reason to_holder(struct reference *r, struct walk *w, const struct holder *h)
{
	if (h->kind == HOLDER_NOBODY)
		return DROP_NO_DESTINATION;
	return h->kind == HOLDER_NAT ? nat_return(r, w, h->id) : deliver(r, w, h->id);
}

/* On the simulated internet. */
static enum drop_reason on_internet(struct reference *r, struct walk *w)
{
	struct holder h = holder_on_internet(r->m, &w->at.dst);

	w->vpc = NULL;
	w->subnet = NULL;
	w->local = false;
	if (w->mtu > MTU_INTERNET)
		w->mtu = MTU_INTERNET;
	if (h.kind == HOLDER_NOBODY || h.kind == HOLDER_ENI)
		return to_holder(r, w, &h);
	if (!vpc_internet_gateway(r->m, h.vpc))
		return DROP_IGW_UNASSOCIATED;
	if (is_private(&w->at.src))
		return DROP_IGW_PRIVATE_SOURCE;
	if (h.kind == HOLDER_NAT)
		return nat_return(r, w, h.id);
	w->vpc = h.vpc;
	w->at.dst = h.private_;
	return deliver(r, w, h.id);
}

/* Out by the internet gateway: the source becomes the public address that it has. */
static enum drop_reason by_internet_gateway(struct reference *r, struct walk *w)
{
	if (w->nat[0]) {
		if (!ip_is_set(&w->nat_public))
			return DROP_IGW_NO_PUBLIC_IP;
		w->at.src = w->nat_public;
	} else {
		struct holder h = holder_in_vpc(r->m, w->vpc, &w->at.src);
		struct ip a = {0};

		if (h.kind == HOLDER_ENI)
			a = public_address(r->m, h.id, &w->at.src);
		if (!ip_is_set(&a))
			return DROP_IGW_NO_PUBLIC_IP;
		w->at.src = a;
	}
	if (is_private(&w->at.dst))
		return DROP_IGW_PRIVATE_DESTINATION;
	return on_internet(r, w);
}

static enum drop_reason within_vpc(struct reference *r, struct walk *w)
{
	struct holder h = holder_in_vpc(r->m, w->vpc, &w->at.dst);

	return to_holder(r, w, &h);
}

static enum drop_reason take_hop(struct reference *r, struct walk *w, const struct hop *hop);

/* The subnet that a hop's interface lies in; NULL: the hop is none. */
static const struct subnet *hop_subnet(const struct reference *r, const struct walk *w,
				       const struct hop *hop)
{
	const struct object *o = hop->id ? model_get(r->m, hop->id) : NULL;

	if (hop->kind == HOP_NAT)
		return AS_CONST(subnet, model_get(r->m, AS_CONST(nat_gateway, o)->subnet_id));
	if (hop->kind == HOP_ENI)
		return AS_CONST(subnet, model_get(r->m, AS_CONST(network_interface, o)->subnet_id));
	if (hop->kind == HOP_LOCAL) {
		struct holder h = holder_in_vpc(r->m, w->vpc, &w->at.dst);
		struct hop next = {h.kind == HOLDER_NAT ? HOP_NAT : HOP_ENI, h.id};

		return h.kind == HOLDER_NOBODY ? NULL : hop_subnet(r, w, &next);
	}
	return NULL;
}

/* Through a NAT gateway: into its subnet, translated, and out by that subnet's routes. */
static enum drop_reason by_nat(struct reference *r, struct walk *w, const char *gateway)
{
	const struct nat_gateway *n = AS_CONST(nat_gateway, model_get(r->m, gateway));
	const struct subnet *s = AS_CONST(subnet, model_get(r->m, n->subnet_id));
	enum drop_reason reason = DROP_NONE;
	struct hop hop;

	if (w->p->protocol != IPPROTO_TCP && w->p->protocol != IPPROTO_UDP && !packet_is_echo(w->p))
		return DROP_NAT_PROTOCOL;
	if (w->nat[0])
		return DROP_LOOP;
	strcpy(w->nat, gateway);
	w->nat_public = nat_public_address(r->m, n);
	if (w->mtu > MTU_NAT)
		w->mtu = MTU_NAT;
	if (w->subnet != s)
		reason = enter_subnet(r, w, s);
	if (reason)
		return reason;
	w->subnet = s;
	w->local = false;
	w->at.src = nat_interface(r->m, n)->private_ip_address;
	w->port_open = true;
	hop = subnet_route(r->m, s, &w->at.dst);
	return take_hop(r, w, &hop);
}

/* Out of the subnet, unless the next interface lies in it, and on. */
static enum drop_reason take_hop(struct reference *r, struct walk *w, const struct hop *hop)
{
	enum drop_reason reason = DROP_NONE;

	if (++w->hops > HOPS_MAX)
		return DROP_LOOP;
	if (hop_subnet(r, w, hop) != w->subnet)
		reason = leave_subnet(r, w, w->subnet);
	if (reason)
		return reason;
	w->local = w->local && hop->kind == HOP_LOCAL;
	switch (hop->kind) {
	case HOP_NONE:
		return DROP_NO_ROUTE;
	case HOP_LOCAL:
		return within_vpc(r, w);
	case HOP_INTERNET_GATEWAY:
		return by_internet_gateway(r, w);
	case HOP_NAT:
		return by_nat(r, w, hop->id);
	case HOP_ENI:
		return deliver(r, w, hop->id);
	default:
		return DROP_BLACKHOLE;
	}
}

/* ---- from the sender ---- */

static bool is_resolver(const struct vpc *v, const struct ip *a)
{
	struct ip primary = v ? cidr_nth(&v->cidr_block, 2) : *a;

	return v && v->enable_dns_support && (!ip_cmp(a, &primary) || v4_within(a, 0xa9fea9fd, 32));
}

/* Names are served to every client under an address of its own; no gate filters them. */
static enum drop_reason to_resolver(struct reference *r, struct walk *w)
{
	if ((w->p->protocol != IPPROTO_UDP && w->p->protocol != IPPROTO_TCP) || w->at.dport != 53 ||
	    !place_find(r->m, PLACE_ID_SERVICE, &w->to))
		return DROP_LINK_LOCAL;
	w->at.dst = w->to.addresses[0];
	w->source_open = true;
	w->routed = w->tracked_out = w->tracked_in = true;
	return DROP_NONE;
}

static enum drop_reason from_resolver(struct reference *r, struct walk *w)
{
	if (!w->known)
		return DROP_NO_ROUTE;
	if (!place_find(r->m, w->known->out, &w->to))
		return DROP_NO_DESTINATION;
	w->at = w->known->to;
	w->routed = w->tracked_out = w->tracked_in = true;
	return DROP_NONE;
}

/* From an interface of a VPC: to a neighbour, or by the subnet's routes. */
static enum drop_reason from_vpc(struct reference *r, struct walk *w)
{
	struct holder h = holder_in_vpc(r->m, w->vpc, &w->at.dst);
	struct place peer;
	bool known = h.kind == HOLDER_ENI && place_find(r->m, h.id, &peer);
	enum drop_reason reason;
	struct hop hop;

	if (known && place_same_subnet(&w->from, &peer)) {
		reason = sender_groups(r, w, &peer);
		return reason ? reason : deliver(r, w, h.id);
	}
	w->routed = true;
	hop = subnet_route(r->m, w->subnet, &w->at.dst);
	reason = sender_groups(r, w, known && hop.kind == HOP_LOCAL ? &peer : NULL);
	return reason ? reason : take_hop(r, w, &hop);
}

static bool is_multicast(const struct ip *a)
{
	if (a->family == AF_INET6)
		return a->b[0] == 0xff;
	return v4_within(a, 0xe0000000, 4) || v4_within(a, 0xffffffff, 32);
}

static enum drop_reason walk_run(struct reference *r, struct walk *w)
{
	if (w->from.kind == PLACE_SERVICE)
		return from_resolver(r, w);
	if (is_multicast(&w->at.dst) || (w->p->dmac.b[0] & 1))
		return DROP_MULTICAST;
	if (w->from.kind == PLACE_INTERNET) {
		if (v4_within(&w->at.dst, 0xa9fe0000, 16))
			return DROP_LINK_LOCAL;
		w->routed = true;
		return on_internet(r, w);
	}
	if (is_resolver(w->from.vpc, &w->at.dst))
		return to_resolver(r, w);
	if (v4_within(&w->at.dst, 0xa9fe0000, 16))
		return DROP_LINK_LOCAL;
	return from_vpc(r, w);
}

/* ---- before the walk ---- */

/* What a sender may not say of itself. */
static enum drop_reason check_source(const struct walk *w)
{
	const struct ip *a = &w->p->src;

	if (w->from.source_dest_check && !place_owns(&w->from, a))
		return DROP_SOURCE_ADDRESS;
	if (v4_within(a, 0, 8) || v4_within(a, 0x7f000000, 8) || is_multicast(a))
		return DROP_SOURCE_ADDRESS;
	return DROP_NONE;
}

/* The frame and its headers. */
static enum drop_reason inspect(const struct walk *w)
{
	const struct packet *p = w->p;

	switch (p->odd) {
	case ODD_VLAN:
		return DROP_VLAN;
	case ODD_MAC:
		return DROP_SOURCE_MAC;
	case ODD_ETHERTYPE:
		return DROP_ETHERTYPE;
	case ODD_TTL:
		return DROP_MALFORMED;
	case ODD_OPTIONS:
		return DROP_IP_OPTIONS;
	case ODD_SHORT:
		return DROP_TRUNCATED;
	case ODD_DOFF:
		return p->protocol == IPPROTO_TCP ? DROP_MALFORMED : check_source(w);
	default:
		return check_source(w);
	}
}

/* ARP for the router, the resolver and live neighbours is answered with the MAC that reaches them;
 * for one's own address (a probe) and for others it is not. */
static enum drop_reason judge_arp(struct reference *r, struct walk *w, struct verdict *v)
{
	struct place *from = &w->from, neighbour;
	const struct packet *p = w->p;
	struct mac mac = {ROUTER_MAC};
	struct holder h;
	struct ip router;

	if (p->odd == ODD_MAC)
		return DROP_SOURCE_MAC;
	if (from->kind == PLACE_SERVICE || !place_owns(from, &p->src) || place_owns(from, &p->dst))
		return DROP_ARP;
	router = from->vpc ? cidr_nth(&from->subnet->cidr_block, 1) : ip_from_v4(0xcb007101);
	if (ip_cmp(&p->dst, &router) && !is_resolver(from->vpc, &p->dst)) {
		h = from->vpc ? holder_in_vpc(r->m, w->vpc, &p->dst)
			      : holder_on_internet(r->m, &p->dst);
		if (h.kind != HOLDER_ENI || !place_find(r->m, h.id, &neighbour) ||
		    !place_same_subnet(from, &neighbour))
			return DROP_ARP;
		mac = neighbour.mac;
	}
	v->out = (struct packet){
		.arp = true, .src = p->dst, .dst = p->src, .smac = mac, .dmac = from->mac};
	strcpy(v->output, from->id);
	return DROP_NONE;
}

/* A connection keeps its translation: if it would be another one now, it ends. */
static bool translation_differs(const struct walk *w)
{
	const struct entry *en = w->known;
	struct tuple at = w->at;

	if (!en)
		return false;
	if (strcmp(en->nat, w->nat))
		return true;
	if (w->port_open)
		at.sport = en->to.sport;
	if (w->source_open)
		at.src = en->to.src;
	return !tuple_same(&at, &en->to);
}

static void fill_output(struct walk *w, struct verdict *v)
{
	struct packet *out = &v->out;
	struct mac router = {ROUTER_MAC};

	if (w->known) {
		w->at = w->known->to;
		w->port_open = w->source_open = false;
	}
	*out = *w->p;
	out->src = w->at.src;
	out->dst = w->at.dst;
	if (w->at.echo) {
		out->icmp_id = w->at.sport;
	} else if (!packet_is_icmp(out)) {
		out->sport = w->at.sport;
		out->dport = w->at.dport;
	}
	out->dmac = w->to.mac;
	if (w->routed)
		out->smac = router;
	v->port_open = w->port_open;
	v->source_open = w->source_open;
	strcpy(v->output, w->to.id);
}

static enum drop_reason judge(struct reference *r, struct walk *w, struct verdict *v)
{
	enum drop_reason reason = inspect(w);

	if (reason)
		return reason;
	w->at = tuple_of(w->p);
	w->known = memory_find(&r->memory, w->from.id, &w->at, is_opening(w->p));
	reason = walk_run(r, w);
	if (reason)
		return reason;
	if (translation_differs(w)) {
		r->ended = true;
		return DROP_FLOW_PATH;
	}
	if (packet_ip_len(w->p) > w->mtu) {
		v->in_pieces = w->p->src.family == AF_INET && !w->p->dont_fragment;
		return DROP_MTU;
	}
	fill_output(w, v);
	return DROP_NONE;
}

void reference_judge(struct reference *r, const char *eni, const struct packet *p,
		     struct verdict *ret)
{
	struct walk *w = &r->w;

	memset(ret, 0, sizeof(*ret));
	memset(w, 0, sizeof(*w));
	r->ended = r->answered = false;
	w->p = p;
	if (!place_find(r->m, eni, &w->from)) {
		ret->reason = r->reason = DROP_NO_ENI;
		return;
	}
	w->vpc = w->from.kind == PLACE_VPC ? w->from.vpc->o.id : NULL;
	w->subnet = w->from.subnet;
	w->mtu = w->from.mtu;
	w->local = true;
	r->answered = p->arp;
	ret->reason = r->reason = p->arp ? judge_arp(r, w, ret) : judge(r, w, ret);
}

/* ---- what is remembered ---- */

static unsigned lesser(int64_t a, int64_t b)
{
	if (!a || !b)
		return (unsigned)(a ? a : b);
	return (unsigned)(a < b ? a : b);
}

/* Time-outs are the smaller of the two ends'. */
static void set_timeouts(struct entry *en, const struct walk *w)
{
	static const struct connection_tracking none;
	const struct connection_tracking *a = w->from.eni ? &w->from.eni->connection_tracking
							  : &none,
					 *b = w->to.eni ? &w->to.eni->connection_tracking : &none;

	if (en->t.protocol == IPPROTO_TCP)
		en->established_timeout =
			lesser(a->tcp_established_timeout, b->tcp_established_timeout);
	if (en->t.protocol == IPPROTO_UDP) {
		en->established_timeout = lesser(a->udp_stream_timeout, b->udp_stream_timeout);
		en->opening_timeout = lesser(a->udp_timeout, b->udp_timeout);
	}
}

/* One end's entry of the connection that the packet belongs to, made if there is none. */
static void remember(struct reference *r, const char *eni, const struct tuple *t,
		     const struct tuple *to, const char *out, bool sent)
{
	const struct walk *w = &r->w;
	struct entry *en = memory_find(&r->memory, eni, t, is_opening(w->p));

	if (!en) {
		en = memory_make(&r->memory, eni, t);
		en->opened = sent;
		en->tracked = sent ? w->tracked_out : w->tracked_in;
		en->egress_only = w->egress_only;
		set_timeouts(en, w);
	}
	en->to = *to;
	strcpy(en->out, out);
	strcpy(en->nat, w->nat);
	entry_note(en, &r->memory, w->p, sent);
}

bool reference_commit(struct reference *r, const struct packet *out)
{
	struct walk *w = &r->w;
	struct tuple sent, to, reply, back;

	if (r->ended) {
		to = tuple_reverse(&w->known->to);
		memory_forget(&r->memory, w->known->out, &to);
		sent = w->known->t;
		memory_forget(&r->memory, w->from.id, &sent);
	}
	if (r->reason || r->answered || !out)
		return true;
	sent = tuple_of(w->p);
	to = tuple_of(out);
	if (w->port_open && memory_port_taken(&r->memory, &to))
		return false;
	reply = tuple_reverse(&to);
	back = tuple_reverse(&sent);
	remember(r, w->from.id, &sent, &to, w->to.id, true);
	remember(r, w->to.id, &reply, &back, w->from.id, false);
	return true;
}
