/* SPDX-License-Identifier: MIT
 * See ref_walk.h. Gate by gate, in the order of DESIGN.md section 3.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "ref_policy.h"
#include "ref_walk.h"

#define MTU_INTERNET 1500
#define MTU_NAT	     8500
#define HOPS_MAX     8

bool ip_within4(const struct ip *a, uint32_t net, unsigned len)
{
	struct cidr c = {ip_from_v4(net), (uint8_t)len};

	return a->family == AF_INET && cidr_contains_ip(&c, a);
}

bool ip_within6(const struct ip *a, const char *block)
{
	struct cidr c;

	return a->family == AF_INET6 && !cidr_parse(block, &c) && cidr_contains_ip(&c, a);
}

/* RFC 1918, RFC 6598. */
static bool is_private(const struct ip *a)
{
	return ip_within4(a, 0x0a000000, 8) || ip_within4(a, 0xac100000, 12) ||
	       ip_within4(a, 0xc0a80000, 16) || ip_within4(a, 0x64400000, 10);
}

bool packet_opens(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* ---- gates ---- */

static struct question question_of(const struct walk *w, bool egress, const struct list *groups)
{
	return (struct question){
		.protocol = w->p->protocol,
		.dport = w->at.dport,
		.icmp_type = w->icmp_type,
		.icmp_code = w->icmp_code,
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
	struct tuple reply = tuple_reverse(w->of_error ? &w->known->to : &w->at);
	const struct entry *known = memory_find(&r->memory, w->to.id, &reply, packet_opens(w->p));
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
	const struct subnet *s = AS_CONST(subnet, model_get(r->m, n->subnet_id));
	enum drop_reason reason = DROP_NONE;
	struct holder client;
	struct place to;

	if (!w->known || strcmp(w->known->nat, gateway))
		return DROP_NAT_UNSOLICITED;
	w->vpc = s->vpc_id;
	if (w->subnet != s)
		reason = enter_subnet(r, w, s);
	if (reason)
		return reason;
	strcpy(w->nat, gateway);
	w->subnet = s;
	w->local = false;
	w->at.dst = w->known->to.dst;
	if (!w->of_error) {
		w->at.sport = w->known->to.sport;
		w->at.dport = w->known->to.dport;
	}
	client = holder_in_vpc(r->m, w->vpc, &w->at.dst);
	if (client.kind != HOLDER_ENI || !place_find(r->m, client.id, &to))
		return DROP_NO_DESTINATION;
	if (to.subnet != s)
		reason = leave_subnet(r, w, s);
	return reason ? reason : deliver(r, w, client.id);
}

static enum drop_reason within_vpc(struct reference *r, struct walk *w);

static enum drop_reason to_holder(struct reference *r, struct walk *w, const struct holder *h)
{
	if (h->kind == HOLDER_NOBODY)
		return DROP_NO_DESTINATION;
	return h->kind == HOLDER_NAT ? nat_return(r, w, h->id) : deliver(r, w, h->id);
}

static const struct vpc *vpc_of(const struct reference *r, const char *id)
{
	return AS_CONST(vpc, model_get(r->m, id));
}

/* Into a VPC by its internet gateway, the destination private by now: by the gateway's own table
 * (ingress routing), or the VPC's local routes. */
static enum drop_reason by_ingress(struct reference *r, struct walk *w, const char *gateway)
{
	struct hop hop =
		route_find(r->m, vpc_of(r, w->vpc), gateway_table(r->m, gateway), &w->at.dst);

	switch (hop.kind) {
	case HOP_NONE:
		return DROP_NO_ROUTE;
	case HOP_LOCAL:
		return within_vpc(r, w);
	case HOP_ENI:
		return deliver(r, w, hop.id);
	case HOP_NOT_PUBLIC:
		return DROP_INGRESS_NO_PUBLIC_IP;
	default:
		return DROP_BLACKHOLE;
	}
}

/* From the internet to a public address of a VPC. What came out by an egress-only gateway gets its
 * answers; nothing else comes in by it. */
static enum drop_reason into_vpc(struct reference *r, struct walk *w, const struct holder *h)
{
	const struct internet_gateway *igw = vpc_internet_gateway(r->m, h->vpc);
	const char *eigw = vpc_egress_only_gateway(r->m, h->vpc);

	w->vpc = h->vpc;
	if (w->at.dst.family == AF_INET6) {
		if (eigw && w->known && !w->known->opened && w->known->egress_only)
			return within_vpc(r, w);
		if (!igw && eigw)
			return DROP_EIGW_UNSOLICITED;
	}
	if (!igw)
		return DROP_IGW_UNASSOCIATED;
	if (is_private(&w->at.src))
		return DROP_IGW_PRIVATE_SOURCE;
	w->at.dst = h->private_;
	return by_ingress(r, w, igw->o.id);
}

/* Nobody's on any internet, or the simulated one's own: RFC 6890, 203.0.113.0/24 and the pool. */
static bool is_outside(const struct ip *a)
{
	static const struct {
		uint32_t net;
		unsigned len;
	} inside[] = {{0, 8},		{0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
		      {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3},
		      {0xcb007100, 24}, {0xc6336400, 31}};

	for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
		if (ip_within4(a, inside[i].net, inside[i].len))
			return false;
	return a->family == AF_INET;
}

/* Out of the machine, where nobody here has the address: what VPCs send, and the resolver. */
static enum drop_reason by_uplink(struct reference *r, struct walk *w)
{
	bool may = w->from.kind == PLACE_VPC || !strcmp(w->from.id, PLACE_ID_SERVICE_INTERNET);

	if (!r->uplink || !may || !is_outside(&w->at.dst))
		return DROP_NO_DESTINATION;
	return deliver(r, w, PLACE_ID_UPLINK);
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
	if (r->uplink && ip_within4(&w->at.dst, 0xcb0071fe, 32)) /* its own end */
		return deliver(r, w, PLACE_ID_UPLINK);
	if (h.kind == HOLDER_NOBODY)
		return by_uplink(r, w);
	if (h.kind == HOLDER_ENI)
		return to_holder(r, w, &h);
	return into_vpc(r, w, &h);
}

/* The public address that a packet's source has at its VPC's gateways, whoever sends it: what a NAT
 * gateway has translated may come from a middlebox behind it. Unset: none. */
static struct ip public_source(struct reference *r, struct walk *w)
{
	struct holder h = holder_in_vpc(r->m, w->vpc, &w->at.src);
	struct ip none = {0};

	if (h.kind == HOLDER_NAT)
		return nat_public_address(r->m, h.id, &w->at.src);
	return h.kind == HOLDER_ENI ? public_address(r->m, h.id, &w->at.src) : none;
}

/* Out by the internet gateway: the source becomes the public address that it has. */
static enum drop_reason by_internet_gateway(struct reference *r, struct walk *w)
{
	struct ip a = public_source(r, w);

	if (!ip_is_set(&a))
		return DROP_IGW_NO_PUBLIC_IP;
	if (vpc_is_local(vpc_of(r, w->vpc), &w->at.dst))
		return DROP_IGW_VPC_DESTINATION;
	if (is_private(&w->at.dst))
		return DROP_IGW_PRIVATE_DESTINATION;
	w->at.src = a;
	return on_internet(r, w);
}

/* Out by an egress-only gateway: IPv6, and nothing that was opened from outside. */
static enum drop_reason by_egress_only(struct reference *r, struct walk *w)
{
	struct ip a = public_source(r, w);

	if (w->at.src.family != AF_INET6)
		return DROP_BLACKHOLE;
	if (!ip_is_set(&a))
		return DROP_IGW_NO_PUBLIC_IP;
	if (w->known && !w->known->opened)
		return DROP_EIGW_UNSOLICITED;
	if (vpc_is_local(vpc_of(r, w->vpc), &w->at.dst))
		return DROP_IGW_VPC_DESTINATION;
	w->egress_only = true;
	return on_internet(r, w);
}

/* Over a peering: between the two VPCs' own blocks alone. */
static enum drop_reason by_peering(struct reference *r, struct walk *w, const char *peer)
{
	if (!vpc_is_local(vpc_of(r, w->vpc), &w->at.src))
		return DROP_PEERING_SOURCE;
	if (!vpc_is_local(vpc_of(r, peer), &w->at.dst))
		return DROP_PEERING_DESTINATION;
	w->vpc = peer;
	w->subnet = NULL;
	return within_vpc(r, w);
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

/* The n-th of a gateway's private addresses; false: there are not so many. */
static bool nat_address(const struct reference *r, const struct nat_gateway *n, unsigned i,
			struct ip *ret)
{
	const struct network_interface *eni = nat_interface(r->m, n);
	const struct ip *more = eni->secondary_private_ip_addresses.v;

	if (i > eni->secondary_private_ip_addresses.n)
		return false;
	*ret = i ? more[i - 1] : eni->private_ip_address;
	return true;
}

/* A connection keeps the address that it has; a new one gets any. */
static void nat_source(const struct reference *r, struct walk *w, const struct nat_gateway *n,
		       struct ip *ret)
{
	w->nat_choices = 0;
	for (unsigned i = 0; w->known && nat_address(r, n, i, ret); i++) {
		struct ip public = nat_public_address(r->m, n->o.id, ret);

		if (!ip_cmp(ret, &w->known->to.src) ||
		    (ip_is_set(&public) && !ip_cmp(&public, &w->known->to.src)))
			return;
	}
	while (nat_address(r, n, w->nat_choices, ret))
		w->nat_choices++;
	nat_address(r, n, w->known ? 0 : w->nat_choice % w->nat_choices, ret);
}

/* Only a SYN opens a connection through a NAT gateway: all else is of one that it has forgotten. */
static bool is_stray(const struct walk *w)
{
	return w->p->protocol == IPPROTO_TCP && !w->known &&
	       (w->p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN;
}

/* Through a NAT gateway: into its subnet, translated, and out by that subnet's routes. */
static enum drop_reason by_nat(struct reference *r, struct walk *w, const char *gateway)
{
	const struct nat_gateway *n = AS_CONST(nat_gateway, model_get(r->m, gateway));
	const struct subnet *s = AS_CONST(subnet, model_get(r->m, n->subnet_id));
	enum drop_reason reason = DROP_NONE;
	struct ip private_;
	struct hop hop;

	if (w->at.src.family != AF_INET)
		return DROP_NAT_PROTOCOL;
	if (w->p->protocol != IPPROTO_TCP && w->p->protocol != IPPROTO_UDP && !w->at.echo &&
	    !w->of_error)
		return DROP_NAT_PROTOCOL;
	if (packet_is_fragment(w->p) && w->p->protocol != IPPROTO_UDP)
		return DROP_NAT_FRAGMENT;
	if (w->nat[0])
		return DROP_LOOP;
	strcpy(w->nat, gateway);
	if (is_stray(w))
		return DROP_NAT_IDLE;
	nat_source(r, w, n, &private_);
	if (w->mtu > MTU_NAT)
		w->mtu = MTU_NAT;
	if (w->subnet != s)
		reason = enter_subnet(r, w, s);
	if (reason)
		return reason;
	w->subnet = s;
	w->local = false;
	w->at.src = private_;
	w->port_open = !w->of_error;
	if (w->port_open && w->known && !strcmp(w->known->nat, gateway))
		w->at.sport = w->known->to.sport; /* which the receiver knows it by */
	hop = subnet_route(r->m, s, &w->at.dst);
	if (hop.kind == HOP_PEERING || hop.kind == HOP_EGRESS_ONLY)
		hop = (struct hop){HOP_BLACKHOLE, NULL};
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
	w->local = w->local && (hop->kind == HOP_LOCAL || hop->kind == HOP_PEERING);
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
	case HOP_PEERING:
		return by_peering(r, w, hop->id);
	case HOP_EGRESS_ONLY:
		return by_egress_only(r, w);
	default:
		return DROP_BLACKHOLE;
	}
}

/* ---- from the sender ---- */

bool vpc_resolves_at(const struct vpc *v, const struct ip *a)
{
	struct ip primary = v ? cidr_nth(&v->cidr_block, 2) : *a;

	return v && v->enable_dns_support &&
	       (!ip_cmp(a, &primary) || ip_within4(a, 0xa9fea9fd, 32) ||
		ip_within6(a, "fd00:ec2::253/128"));
}

static bool is_link_local(const struct ip *a)
{
	return ip_within4(a, 0xa9fe0000, 16) || ip_within6(a, "fe80::/10") ||
	       ip_within6(a, "fd00:ec2::/32");
}

/* Names are served to every client under an address of its own; no gate filters them. What answers
 * somebody else, who used the resolver's address, has none. */
static enum drop_reason to_resolver(struct reference *r, struct walk *w)
{
	bool standing = w->known && !strcmp(w->known->out, PLACE_ID_SERVICE);
	bool asks = (w->p->protocol == IPPROTO_UDP || w->p->protocol == IPPROTO_TCP) &&
		    w->at.dport == 53;

	if ((!asks && !w->of_error) || !place_find(r->m, PLACE_ID_SERVICE, &w->to))
		return DROP_LINK_LOCAL;
	w->at.dst = w->to.addresses[w->at.dst.family == AF_INET6];
	w->source_open = !w->known || standing;
	if (w->known)
		w->at.src = standing ? w->known->to.src : (struct ip){0};
	w->routed = w->tracked_out = w->tracked_in = true;
	return DROP_NONE;
}

static enum drop_reason from_resolver(struct reference *r, struct walk *w)
{
	if (!w->known)
		return DROP_NO_ROUTE;
	if (!place_find(r->m, w->known->out, &w->to))
		return DROP_NO_DESTINATION;
	w->at.src = w->known->to.src;
	w->at.dst = w->known->to.dst;
	if (!w->of_error)
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
	if (hop.kind == HOP_PEERING) {
		h = holder_in_vpc(r->m, hop.id, &w->at.dst);
		known = h.kind == HOLDER_ENI && place_find(r->m, h.id, &peer);
	} else if (hop.kind != HOP_LOCAL) {
		known = false;
	}
	reason = sender_groups(r, w, known ? &peer : NULL);
	return reason ? reason : take_hop(r, w, &hop);
}

bool ip_is_multicast(const struct ip *a)
{
	if (a->family == AF_INET6)
		return a->b[0] == 0xff;
	return ip_within4(a, 0xe0000000, 4) || ip_within4(a, 0xffffffff, 32);
}

enum drop_reason walk_run(struct reference *r, struct walk *w)
{
	if (w->from.kind == PLACE_SERVICE)
		return from_resolver(r, w);
	if (ip_is_multicast(&w->at.dst) || (w->p->dmac.b[0] & 1))
		return DROP_MULTICAST;
	if (vpc_resolves_at(w->from.vpc, &w->at.dst))
		return to_resolver(r, w);
	if (is_link_local(&w->at.dst))
		return DROP_LINK_LOCAL;
	if (w->from.kind == PLACE_VPC)
		return from_vpc(r, w);
	if (w->from.leaves && !w->known)
		return DROP_UPLINK_UNSOLICITED;
	w->routed = true;
	return on_internet(r, w);
}
