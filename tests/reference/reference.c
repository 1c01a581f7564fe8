/* SPDX-License-Identifier: MIT
 * See reference.h: what is looked at before the walk, and what is remembered after it.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ref_walk.h"

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

void reference_uplink(struct reference *r)
{
	r->uplink = true;
}

size_t reference_entries(const struct reference *r)
{
	return r->memory.n;
}

/* ---- before the walk ---- */

/* What a sender may not say of itself. */
static enum drop_reason check_source(const struct walk *w)
{
	const struct ip *a = &w->p->src;

	if (w->from.kind == PLACE_SERVICE)
		return DROP_NONE;
	if (w->from.source_dest_check && !place_owns(&w->from, a))
		return DROP_SOURCE_ADDRESS;
	if (ip_within4(a, 0, 8) || ip_within4(a, 0x7f000000, 8) || ip_is_multicast(a) ||
	    ip_within6(a, "::/127") || ip_within6(a, "fe80::/10"))
		return DROP_SOURCE_ADDRESS;
	return DROP_NONE;
}

/* A fragment with nothing in it, or not the last and cut within 8 bytes. */
static bool is_bad_fragment(const struct packet *p)
{
	size_t n = packet_ip_len(p) - (p->src.family == AF_INET6 ? 48 : 20);

	return packet_is_fragment(p) && (!n || (p->more && n % 8));
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
		if (p->src.family == AF_INET)
			return DROP_IP_OPTIONS;
		break;
	case ODD_SHORT:
		return DROP_TRUNCATED;
	case ODD_MAPPED:
		if (p->src.family == AF_INET6)
			return DROP_MAPPED_ADDRESS;
		break;
	case ODD_EXTENSION:
		if (p->src.family == AF_INET6)
			return ip_is_multicast(&p->dst) ? DROP_MULTICAST : DROP_EXTENSION_HEADER;
		break;
	case ODD_DOFF:
		if (p->protocol == IPPROTO_TCP && !p->offset)
			return DROP_MALFORMED;
		break;
	default:
		break;
	}
	/* What every host sends unasked to routers and neighbours has extension headers. */
	if (p->src.family == AF_INET6 && packet_is_fragment(p) && ip_is_multicast(&p->dst))
		return DROP_MULTICAST;
	return is_bad_fragment(p) ? DROP_MALFORMED : DROP_NONE;
}

/* A link's router has the subnet's first address but one of each family. */
static struct ip router_address(const struct place *p, bool v6)
{
	struct cidr c4 = {ip_from_v4(0xcb007100), 24}, c6 = {0};
	struct ip router;

	cidr_parse("2001:db8::/32", &c6);
	if (p->kind == PLACE_VPC) {
		c4 = p->subnet->cidr_block;
		c6 = p->subnet->ipv6_cidr_block;
	}
	ip_parse("fe80:ec2::1", &router);
	if (v6 && !ip_is_set(&c6.ip))
		return router;
	return cidr_nth(v6 ? &c6 : &c4, 1);
}

/* And fe80:ec2::1, where there is IPv6. */
static bool is_router(const struct place *p, const struct ip *a)
{
	bool v6 = a->family == AF_INET6;
	struct ip router = router_address(p, v6);

	if (v6 && p->kind == PLACE_VPC && !ip_is_set(&p->subnet->ipv6_cidr_block.ip))
		return false;
	return !ip_cmp(a, &router) || ip_within6(a, "fe80:ec2::1/128");
}

static const struct subnet *nat_subnet(const struct model *m, const char *gateway)
{
	const struct object *o = model_get(m, gateway);

	return AS_CONST(subnet, model_get(m, AS_CONST(nat_gateway, o)->subnet_id));
}

/* Who has an address on the sender's link? The router, the resolver and live neighbours are
 * answered for with the MAC that reaches them; one's own address (a probe) and others are not. */
static enum drop_reason judge_arp(struct reference *r, struct walk *w, struct verdict *v)
{
	struct place *from = &w->from, neighbour;
	const struct packet *p = w->p;
	struct mac mac = {ROUTER_MAC};
	enum drop_reason nobody = p->dst.family == AF_INET6 ? DROP_NEIGHBOUR : DROP_ARP;
	struct holder h;

	if (from->kind == PLACE_SERVICE || place_owns(from, &p->dst) ||
	    (!place_owns(from, &p->src) && !ip_within6(&p->src, "fe80::/10")))
		return nobody;
	if (!is_router(from, &p->dst) && !vpc_resolves_at(from->vpc, &p->dst)) {
		h = from->vpc ? holder_in_vpc(r->m, w->vpc, &p->dst)
			      : holder_on_internet(r->m, &p->dst);
		if (h.kind == HOLDER_ENI && place_find(r->m, h.id, &neighbour) &&
		    place_same_subnet(from, &neighbour))
			mac = neighbour.mac;
		else if (h.kind != HOLDER_NAT || nat_subnet(r->m, h.id) != from->subnet)
			return nobody;
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
	if (strcmp(en->nat, w->nat) || (en->opened && en->egress_only != w->egress_only))
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

	if (w->known && !w->of_error) {
		w->at = w->known->to;
		w->port_open = w->source_open = false;
	}
	*out = *w->p;
	out->src = w->at.src;
	out->dst = w->at.dst;
	if (w->p->offset) {
		; /* no ports in it */
	} else if (w->at.echo) {
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

/* Of an ICMP error, what it quotes as the receiver sent it. */
static void translate_quote(const struct walk *w, struct quoted *q)
{
	const struct tuple *to = &w->known->to;

	q->src = to->dst;
	q->dst = to->src;
	if (to->echo) {
		q->icmp_id = to->sport;
	} else if (q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP) {
		q->sport = to->dport;
		q->dport = to->sport;
	}
}

/* The connection that an ICMP error is about: one whose packet its sender got, and of which it
 * tells the one who sent that. */
static const struct entry *quoted_connection(const struct reference *r, const struct walk *w)
{
	struct packet q = packet_of_quote(&w->p->quoted);
	struct tuple t = tuple_of(&q), back = tuple_reverse(&t);

	if (!w->p->error || packet_is_fragment(w->p) || ip_cmp(&w->p->dst, &q.src) ||
	    (packet_is_icmp(&q) && !t.echo))
		return NULL;
	return memory_find(&r->memory, w->from.id, &back, false);
}

static enum drop_reason judge_error(struct reference *r, struct walk *w, struct verdict *v)
{
	enum drop_reason reason;

	w->of_error = true;
	reason = walk_run(r, w);
	if (reason)
		return reason;
	if (ip_cmp(&w->at.dst, &w->known->to.dst) || strcmp(w->nat, w->known->nat))
		return DROP_FLOW_PATH;
	/* An end speaks as it does otherwise; a router on the way has an address of its own. */
	if (!ip_cmp(&w->p->src, &w->p->quoted.dst) && ip_cmp(&w->at.src, &w->known->to.src))
		return DROP_FLOW_PATH;
	if (packet_ip_len(w->p) > w->mtu)
		return DROP_MTU;
	fill_output(w, v);
	translate_quote(w, &v->out.quoted);
	return DROP_NONE;
}

/* A later fragment has the ports of its first, and goes where that went. */
static enum drop_reason take_first(struct reference *r, struct walk *w)
{
	const struct first_fragment *f = memory_fragment(&r->memory, w->from.id, w->p);

	if (!f)
		return DROP_FRAGMENT;
	w->at = f->t;
	w->icmp_type = f->icmp_type;
	w->icmp_code = f->icmp_code;
	w->known = memory_find(&r->memory, w->from.id, &w->at, false);
	return w->known ? DROP_NONE : DROP_FRAGMENT;
}

/* The router tells who sends too large a packet, and what may be cut it cuts. */
static void fill_too_big(const struct walk *w, struct verdict *v)
{
	const struct packet *p = w->p;
	bool v6 = p->src.family == AF_INET6;

	v->in_pieces = !v6 && !p->dont_fragment;
	v->answered = !v->in_pieces && !packet_is_error_type(p) && !p->offset;
	if (!v->answered)
		return;
	v->out = (struct packet){
		.src = router_address(&w->from, v6),
		.dst = p->src,
		.protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.icmp_type = v6 ? 2 : 3,
		.icmp_code = v6 ? 0 : 4,
		.icmp_mtu = (uint16_t)w->mtu,
		.error = true,
		/* As much as fits into 576 bytes, 1280 bytes. */
		.quoted = packet_quote(p, v6 ? 1280 - 88 : 576 - 48),
		.payload = v6 ? 1280 - 48 : 576 - 28,
		.smac = {ROUTER_MAC},
		.dmac = p->smac,
	};
}

static enum drop_reason judge(struct reference *r, struct walk *w, struct verdict *v)
{
	enum drop_reason reason = inspect(w);

	if (reason)
		return reason;
	w->at = tuple_of(w->p);
	w->icmp_type = w->p->icmp_type;
	w->icmp_code = w->p->icmp_code;
	if (w->p->offset) {
		reason = take_first(r, w);
		v->may_forget = !reason && memory_fragments(&r->memory, w->from.id) > 1;
	} else {
		w->known = memory_find(&r->memory, w->from.id, &w->at, packet_opens(w->p));
	}
	if (!reason)
		reason = check_source(w);
	if (!reason && !w->known && (w->known = quoted_connection(r, w)))
		return judge_error(r, w, v);
	if (!reason)
		reason = walk_run(r, w);
	if (reason)
		return reason;
	if (translation_differs(w)) {
		r->ended = true;
		return DROP_FLOW_PATH;
	}
	if (packet_is_fragment(w->p) && w->nat[0] && w->p->protocol != IPPROTO_UDP)
		return DROP_NAT_FRAGMENT;
	if (packet_ip_len(w->p) > w->mtu) {
		fill_too_big(w, v);
		return DROP_MTU;
	}
	fill_output(w, v);
	return DROP_NONE;
}

/* What a NAT gateway tells who sends on a connection that it has forgotten (RFC 5382, REQ-10). */
static void fill_reset(const struct walk *w, struct verdict *v)
{
	const struct packet *p = w->p;

	if (p->tcp_flags & TCP_RST)
		return;
	v->answered = true;
	v->out = (struct packet){
		.src = p->dst,
		.dst = p->src,
		.protocol = p->protocol,
		.sport = p->dport,
		.dport = p->sport,
		.tcp_flags = (uint8_t)(TCP_RST | (p->tcp_flags & TCP_ACK ? 0 : TCP_ACK)),
		.dont_fragment = true,
		.smac = {ROUTER_MAC},
		.dmac = p->smac,
	};
}

void reference_judge(struct reference *r, const char *eni, const struct packet *p, unsigned choice,
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
	w->nat_choice = choice;
	ret->reason = r->reason = p->arp ? judge_arp(r, w, ret) : judge(r, w, ret);
	ret->choices = w->nat_choices;
	ret->by_nat = w->nat[0];
	if (ret->reason == DROP_NAT_IDLE)
		fill_reset(w, ret);
}

/* ---- what is remembered ---- */

/* The smaller of two ends' settings; 0: the default, which an end outside of VPCs does not have. */
static unsigned lesser(const struct walk *w, int64_t a, int64_t b, unsigned otherwise)
{
	if (w->from.kind == PLACE_VPC && !a)
		a = otherwise;
	if (w->to.kind == PLACE_VPC && !b)
		b = otherwise;
	if (!a || !b)
		return (unsigned)(a ? a : b);
	return (unsigned)(a < b ? a : b);
}

static void set_timeouts(struct entry *en, const struct walk *w)
{
	static const struct connection_tracking none;
	const struct connection_tracking *a = w->from.eni ? &w->from.eni->connection_tracking
							  : &none,
					 *b = w->to.eni ? &w->to.eni->connection_tracking : &none;

	if (en->t.protocol == IPPROTO_TCP)
		en->established_timeout =
			lesser(w, a->tcp_established_timeout, b->tcp_established_timeout, 432000);
	if (en->t.protocol == IPPROTO_UDP) {
		en->established_timeout =
			lesser(w, a->udp_stream_timeout, b->udp_stream_timeout, 180);
		en->opening_timeout = lesser(w, a->udp_timeout, b->udp_timeout, 30);
	}
}

/* The sender's entry of the connection that the packet belongs to. */
static void remember_sent(struct reference *r, const struct tuple *t, const struct tuple *to,
			  bool *ret_fresh, bool *ret_moved)
{
	const struct walk *w = &r->w;
	struct entry *en = memory_find(&r->memory, w->from.id, t, packet_opens(w->p));
	bool fresh = !en;

	if (fresh) {
		en = memory_make(&r->memory, w->from.id, t);
		en->opened = true;
		en->tracked = w->tracked_out;
		en->egress_only = w->egress_only;
		set_timeouts(en, w);
	}
	*ret_fresh = fresh;
	*ret_moved = strcmp(en->out, w->to.id) != 0;
	en->to = *to;
	strcpy(en->out, w->to.id);
	strcpy(en->nat, w->nat);
	entry_note(en, &r->memory, w->p, true);
}

/* The receiver's. If it knows the connection by another way (a middlebox sends on what it had from
 * the opener), what it sends goes as it went. Otherwise who opens anew gets the answers, as of a
 * new connection: whom it went to before has forgotten it, or its translation has changed, which
 * ends it (an address that changed hands). What goes on coming of a connection that ended does not
 * bring it back. */
static void remember_received(struct reference *r, const struct tuple *t, const struct tuple *to,
			      bool fresh, bool moved)
{
	const struct walk *w = &r->w;
	struct entry *en = memory_find(&r->memory, w->to.id, t, packet_opens(w->p));

	if (!en && !fresh && !moved && memory_ended(&r->memory, w->to.id, t))
		return;
	/* An echo reply to who asked nothing opens no way back, whomever it answers. */
	if (!en && t->echo && t->dport == ECHO_REQUEST)
		return;
	if (!en || (fresh && (!tuple_same(&en->to, to) || !strcmp(en->out, w->from.id)))) {
		en = memory_make(&r->memory, w->to.id, t);
		en->tracked = w->tracked_in;
		en->egress_only = w->egress_only;
		set_timeouts(en, w);
		en->to = *to;
		strcpy(en->out, w->from.id);
		strcpy(en->nat, w->nat);
	}
	entry_note(en, &r->memory, w->p, false);
}

bool reference_commit(struct reference *r, const struct packet *out)
{
	struct walk *w = &r->w;
	struct tuple sent, to, reply, back;
	bool fresh, moved;

	if (r->ended) {
		to = tuple_reverse(&w->known->to);
		memory_end(&r->memory, w->known->out, &to);
		memory_end(&r->memory, w->from.id, &w->known->t);
	}
	if (!r->reason && !out && w->p->offset)
		memory_forget_fragment(&r->memory, w->from.id, w->p);
	if (r->reason || r->answered || !out || w->of_error)
		return true;
	/* A later fragment says nothing of its ports itself. */
	sent = w->p->offset ? w->known->t : tuple_of(w->p);
	to = w->p->offset ? w->known->to : tuple_of(out);
	if (w->p->more && !w->p->offset)
		memory_note_fragment(&r->memory, w->from.id, w->p);
	/* An echo reply is an answer or nothing: it opens no way back. */
	if (sent.echo && sent.dport == ECHO_REPLY && !w->known)
		return true;
	if (w->port_open && memory_port_taken(&r->memory, w->from.id, &sent, &to))
		return false;
	reply = tuple_reverse(&to);
	back = tuple_reverse(&sent);
	remember_sent(r, &sent, &to, &fresh, &moved);
	remember_received(r, &reply, &back, fresh, moved);
	return true;
}
