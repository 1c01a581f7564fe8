/* SPDX-License-Identifier: MIT
 * See answer.h.
 */
#include <string.h>

#include "dns/answer.h"
#include "dns/denial.h"

#define CNAMES_MAX 16 /* a longer chain is taken for a loop */

/* The first name that a wildcard stood for. */
struct expansion {
	struct dns_name name; /* len 0: there was none */
	struct dns_found in;
};

struct answer {
	const struct dns_view *view;
	const struct dns_query *query;
	const struct dns_upstream *up;
	uint32_t random;
	struct dns_reply reply;
	struct dns_name name; /* where the chain of CNAMEs stands, in lower case */
	uint16_t flags;
	enum dns_rcode rcode;
	const struct dns_rule *rule; /* of the place outside */
	bool outside;		     /* the chain has left the view's zones */
	bool varies;
	bool signed_too; /* DO, and some zone of the view is signed */
	enum dns_security security;
	struct expansion *expanded;
	unsigned cnames;
};

size_t dns_answer_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *buf, size_t limit)
{
	struct dns_reply r;

	dns_reply_begin(&r, q, buf, limit);
	return dns_reply_end(&r, DNS_RA, rcode);
}

static bool add_records(struct answer *a, enum dns_section section, const struct dns_name *owner,
			const struct dns_rrset *s)
{
	for (const struct dns_record *r = s->records; r; r = r->next) {
		struct dns_rr rr = {owner, s->type, s->ttl, r->rdata, r->rdlen};

		if (!dns_reply_add(&a->reply, section, &rr))
			return false;
	}
	return true;
}

/* Signatures are part of an answer for those who ask (RFC 4035 section 3.1.1). Theirs is the TTL of
 * what they cover. */
static bool add_signatures(struct answer *a, enum dns_section section, const struct dns_name *owner,
			   const struct dns_node *node, uint16_t covered, uint32_t ttl)
{
	const struct dns_rrset *s = a->signed_too ? dns_node_rrset(node, DNS_RRSIG) : NULL;

	for (const struct dns_record *r = s ? s->records : NULL; r; r = r->next) {
		struct dns_rr rr = {owner, DNS_RRSIG, ttl, r->rdata, r->rdlen};

		if (r->rdlen > 2 && (r->rdata[0] << 8 | r->rdata[1]) == covered &&
		    !dns_reply_add(&a->reply, section, &rr))
			return false;
	}
	return true;
}

/* A set of the node, and what signs it: all of it or, with TC, nothing. */
static void add_set(struct answer *a, enum dns_section section, const struct dns_name *owner,
		    const struct dns_node *node, const struct dns_rrset *s)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);

	if (!add_records(a, section, owner, s) ||
	    !add_signatures(a, section, owner, node, s->type, s->ttl))
		dns_reply_cut(&a->reply, &mark);
}

static void prove(struct answer *a, const struct dns_found *f, enum dns_proof what)
{
	const struct dns_node *nodes[DNS_PROOF_MAX];
	size_t n = 0;

	if (a->signed_too)
		n = dns_denial_prove(dns_view_denial(a->view), f, &a->name, what, nodes);
	for (size_t i = 0; i < n; i++) {
		const struct dns_rrset *s = dns_node_rrset(nodes[i], DNS_NSEC);
		struct dns_name owner = dns_node_name(nodes[i]);

		if (!s)
			s = dns_node_rrset(nodes[i], DNS_NSEC3);
		add_set(a, DNS_AUTHORITY, &owner, nodes[i], s);
	}
}

/* ---- routing policies ---- */

/* xorshift32: a draw need not be secret, only fair. */
static uint32_t draw(struct answer *a, uint32_t below)
{
	a->random ^= a->random << 13;
	a->random ^= a->random >> 17;
	a->random ^= a->random << 5;
	return a->random % below;
}

/* By weight; where all weights are zero, all are equal (Route 53 Developer Guide, "Weighted
 * routing"). */
static const struct dns_rrset *draw_weighted(struct answer *a, const struct dns_rrset *first)
{
	uint32_t sum = 0, n = 0, at;

	for (const struct dns_rrset *s = first; s; s = dns_rrset_sibling(s), n++)
		sum += s->weight;
	at = draw(a, sum ? sum : n);
	for (const struct dns_rrset *s = first; s; s = dns_rrset_sibling(s)) {
		uint32_t share = sum ? s->weight : 1;

		if (at < share)
			return s;
		at -= share;
	}
	return first;
}

/* Up to eight sets of all, each as likely as any other. */
static void add_multivalue(struct answer *a, const struct dns_rrset *first)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);
	uint32_t left = 0, want, ttl = first->ttl;

	for (const struct dns_rrset *s = first; s; s = dns_rrset_sibling(s), left++)
		ttl = s->ttl < ttl ? s->ttl : ttl;
	want = left < DNS_MULTIVALUE_MAX ? left : DNS_MULTIVALUE_MAX;
	for (const struct dns_rrset *s = first; s && want; s = dns_rrset_sibling(s), left--) {
		struct dns_rrset one = *s;

		if (draw(a, left) >= want)
			continue;
		want--;
		one.ttl = ttl;
		if (add_records(a, DNS_ANSWER, &a->name, &one))
			continue;
		dns_reply_cut(&a->reply, &mark);
		return;
	}
}

/* The set that answers, of those of one name and type; the answer is another one next time. */
static const struct dns_rrset *set_of(struct answer *a, const struct dns_rrset *first)
{
	if (first->policy == DNS_SIMPLE)
		return first;
	a->varies = true;
	return first->policy == DNS_WEIGHTED ? draw_weighted(a, first) : first;
}

static void add_one(struct answer *a, enum dns_section section, const struct dns_rr *rr)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);

	if (!dns_reply_add(&a->reply, section, rr))
		dns_reply_cut(&a->reply, &mark);
}

/* RFC 2308 section 3 */
static void add_negative(struct answer *a, const struct dns_found *f, enum dns_proof what)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);
	struct dns_soa soa;

	dns_zone_soa(f, &soa);
	if (!dns_reply_add(&a->reply, DNS_AUTHORITY,
			   &(struct dns_rr){&f->origin, DNS_SOA, soa.negative_ttl, soa.rdata,
					    soa.rdlen}) ||
	    !add_signatures(a, DNS_AUTHORITY, &f->origin, f->zone, DNS_SOA, soa.negative_ttl))
		dns_reply_cut(&a->reply, &mark);
	prove(a, f, what);
}

/* RFC 8482 section 4.2, for names of which we hold nothing. */
static void add_any_outside(struct answer *a)
{
	static const uint8_t hinfo[] = "\007RFC8482";

	add_one(a, DNS_ANSWER, &(struct dns_rr){&a->name, DNS_HINFO, 3789, hinfo, sizeof(hinfo)});
}

static void follow(struct answer *a, const struct dns_rrset *cname)
{
	size_t pos = 0;

	dns_name_parse(cname->records->rdata, cname->records->rdlen, &pos, &a->name);
	dns_name_lower(&a->name);
}

/* RFC 1034 section 4.3.2, step 3b: the name is somebody else's to answer for. */
static void refer(struct answer *a, const struct dns_found *f)
{
	const struct dns_rrset *ns = dns_node_rrset(f->cut, DNS_NS);
	const struct dns_rrset *ds = dns_node_rrset(f->cut, DNS_DS);
	struct dns_reply mark = dns_reply_mark(&a->reply);

	a->flags &= (uint16_t)~DNS_AA;
	if (!add_records(a, DNS_AUTHORITY, &f->cut_name, ns)) {
		dns_reply_cut(&a->reply, &mark);
		return;
	}
	if (a->signed_too && ds) {
		add_set(a, DNS_AUTHORITY, &f->cut_name, f->cut, ds);
	} else if (a->signed_too) {
		a->name = f->cut_name;
		prove(a, f, DNS_NO_TYPE);
	}
	for (const struct dns_record *r = ns->records; r; r = r->next) {
		static const uint16_t types[] = {DNS_A, DNS_AAAA};
		const struct dns_node *host;
		struct dns_name name;
		size_t pos = 0;

		dns_name_parse(r->rdata, r->rdlen, &pos, &name);
		dns_name_lower(&name);
		host = dns_view_node(a->view, &name);
		for (size_t i = 0; host && i < 2; i++) {
			const struct dns_rrset *s = dns_node_rrset(host, types[i]);

			for (const struct dns_record *g = s ? s->records : NULL; g; g = g->next)
				dns_reply_add(&a->reply, DNS_ADDITIONAL,
					      &(struct dns_rr){&name, types[i], s->ttl, g->rdata,
							       g->rdlen});
		}
	}
}

/* That a wildcard stood for the name is proved behind all answers. */
static void note_expansion(struct answer *a, const struct dns_found *f, const struct dns_node *node)
{
	if (!a->signed_too || node != f->wildcard || a->expanded->name.len)
		return;
	a->expanded->name = a->name;
	a->expanded->in = *f;
}

static void prove_expansion(struct answer *a)
{
	if (!a->expanded->name.len)
		return;
	a->name = a->expanded->name;
	prove(a, &a->expanded->in, DNS_EXPANDED);
}

/* The name exists, or a wildcard stands for it. True: follow the CNAME that a->name has become. */
static bool answer_node(struct answer *a, const struct dns_found *f, const struct dns_node *node)
{
	uint16_t type = a->query->type;
	/* RFC 8482 section 4.1: one RRset answers ANY. */
	const struct dns_rrset *s =
		type == DNS_ANY ? dns_node_rrsets(node) : dns_node_rrset(node, type);

	if (s && s->policy == DNS_MULTIVALUE) {
		a->varies = true;
		add_multivalue(a, s);
		return false;
	}
	if (s) {
		add_set(a, DNS_ANSWER, &a->name, node, set_of(a, s));
		note_expansion(a, f, node);
		return false;
	}
	if (type == DNS_SOA && node == f->zone) {
		struct dns_soa soa;

		dns_zone_soa(f, &soa);
		add_one(a, DNS_ANSWER,
			&(struct dns_rr){&a->name, DNS_SOA, soa.ttl, soa.rdata, soa.rdlen});
		return false;
	}
	s = dns_node_rrset(node, DNS_CNAME);
	if (!s) {
		add_negative(a, f, node == f->wildcard ? DNS_EXPANDED_NO_TYPE : DNS_NO_TYPE);
		return false;
	}
	s = set_of(a, s);
	add_set(a, DNS_ANSWER, &a->name, node, s);
	note_expansion(a, f, node);
	follow(a, s);
	return true;
}

/* RFC 4035 section 3.1.4.1: DS records are the zone's above, on both sides of a cut. True: all is
 * said. */
static bool answer_ds(struct answer *a, struct dns_found *f)
{
	struct dns_found parent;

	if (a->query->type != DNS_DS)
		return false;
	if (f->cut && dns_name_equal(&f->cut_name, &a->name)) {
		answer_node(a, f, f->cut);
		return true;
	}
	if (f->cut || f->node != f->zone || !dns_view_find_parent(a->view, &a->name, &parent))
		return false;
	if (parent.node)
		answer_node(a, &parent, parent.node);
	else
		add_negative(a, &parent, DNS_NO_TYPE);
	return true;
}

static void leave_zones(struct answer *a, const struct dns_rule *rule, bool first)
{
	bool recursion = a->query->flags & DNS_RD;

	if ((rule || dns_view_forwards(a->view)) && recursion) {
		a->rule = rule;
		if (a->query->type == DNS_ANY)
			add_any_outside(a);
		else
			a->outside = true;
	} else if (first) {
		a->rcode = DNS_REFUSED;
	}
}

static void answer_local(struct answer *a)
{
	a->outside = false;
	for (; a->cnames <= CNAMES_MAX; a->cnames++) {
		struct dns_found f;

		if (dns_view_find(a->view, &a->name, &f) != DNS_INSIDE) {
			leave_zones(a, f.rule, a->cnames == 0);
			return;
		}
		a->flags |= a->cnames == 0 ? DNS_AA : 0;
		if (answer_ds(a, &f))
			return;
		if (f.cut) {
			refer(a, &f);
			return;
		}
		if (!f.node && !f.wildcard) {
			a->rcode = DNS_NXDOMAIN;
			add_negative(a, &f, DNS_NO_NAME);
			return;
		}
		if (!answer_node(a, &f, f.node ? f.node : f.wildcard))
			return;
	}
	a->rcode = DNS_SERVFAIL;
}

/* ---- what upstream said ---- */

static bool wanted(const struct answer *a, enum dns_section section, const struct dns_rr *rr)
{
	bool dnssec = rr->type == DNS_RRSIG || rr->type == DNS_NSEC || rr->type == DNS_NSEC3;

	if (rr->type == a->query->type)
		return true;
	if (dnssec)
		return a->query->dnssec_ok;
	return section == DNS_ANSWER || rr->type == DNS_SOA;
}

static uint32_t aged(const struct answer *a, uint32_t ttl)
{
	return ttl > a->up->age ? ttl - a->up->age : 0;
}

/* Appends the answer and authority sections of an upstream message, RRset by RRset. -EBADMSG. */
static int add_upstream(struct answer *a, const uint8_t *msg, size_t len)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);
	uint16_t count[DNS_SECTIONS], type = 0;
	struct dns_name owner = {0};
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;

	if (rc < 0)
		return rc;
	for (int s = DNS_ANSWER; s <= DNS_AUTHORITY; s++) {
		for (unsigned i = 0; i < count[s]; i++) {
			struct dns_rr_in in;

			rc = dns_rr_parse(msg, len, &pos, &in);
			if (rc)
				return rc;
			if (!wanted(a, (enum dns_section)s, &in.rr))
				continue;
			in.rr.ttl = aged(a, in.rr.ttl);
			if (in.rr.type != type || !dns_name_equal(&in.owner, &owner)) {
				mark = dns_reply_mark(&a->reply);
				type = in.rr.type;
				owner = in.owner;
			}
			if (dns_reply_add(&a->reply, (enum dns_section)s, &in.rr))
				continue;
			dns_reply_cut(&a->reply, &mark);
			return 0;
		}
	}
	return 0;
}

/* The target of a CNAME of a->name in the answer; false: it has none. */
static bool upstream_cname(const struct answer *a, const uint8_t *msg, size_t len,
			   struct dns_rr_in *ret)
{
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;

	for (unsigned i = 0; rc >= 0 && i < count[DNS_ANSWER]; i++) {
		if (dns_rr_parse(msg, len, &pos, ret))
			return false;
		if (ret->rr.type == DNS_CNAME && dns_name_equal(&ret->owner, &a->name))
			return true;
	}
	return false;
}

/* A chain that upstream follows may lead to a name that the view knows better: it is followed as
 * far as that. True: it was, and a->name is that name. */
static bool follow_upstream(struct answer *a, const uint8_t *msg, size_t len)
{
	struct answer at = *a;
	struct dns_rr_in in;

	if (a->query->type == DNS_CNAME)
		return false;
	while (at.cnames++ <= CNAMES_MAX && upstream_cname(&at, msg, len, &in)) {
		struct dns_found f;
		size_t pos = 0;

		if (dns_name_parse(in.rr.rdata, in.rr.rdlen, &pos, &at.name))
			return false;
		in.rr.ttl = aged(a, in.rr.ttl);
		add_one(&at, DNS_ANSWER, &in.rr);
		dns_name_lower(&at.name);
		if (dns_view_find(a->view, &at.name, &f) != DNS_INSIDE)
			continue;
		*a = at;
		return true;
	}
	return false;
}

/* RFC 6840 section 5.8: AD for those who understand it. What the view adds is not validated. */
static void note_security(struct answer *a, const uint8_t *msg)
{
	const struct dns_query *q = a->query;

	if (!a->up->validated || a->rcode == DNS_SERVFAIL)
		return;
	a->security = (msg[3] & DNS_AD) && !a->cnames ? DNS_SECURE : DNS_INSECURE;
	if (a->security == DNS_SECURE && (q->dnssec_ok || (q->flags & DNS_AD)))
		a->flags |= DNS_AD;
}

static void answer_upstream(struct answer *a)
{
	const uint8_t *msg = a->up->msg;

	if (!msg) {
		a->rcode = DNS_SERVFAIL;
		return;
	}
	if (follow_upstream(a, msg, a->up->len)) {
		answer_local(a);
		if (a->outside) /* in and out again: once is enough */
			a->rcode = DNS_SERVFAIL;
		return;
	}
	if (add_upstream(a, msg, a->up->len))
		a->rcode = DNS_SERVFAIL;
	else
		a->rcode = (enum dns_rcode)(msg[3] & DNS_RCODE);
	note_security(a, msg);
}

/* ---- the firewall ---- */

/* Route 53 Developer Guide, "Rule actions in DNS Firewall". True: the chain goes on, at the name
 * that overrides. */
static bool block(struct answer *a, const struct dns_verdict *v)
{
	uint8_t *to = (uint8_t *)v->override.b;

	switch (v->response) {
	case DNS_BLOCK_NXDOMAIN:
		a->rcode = DNS_NXDOMAIN;
		return false;
	case DNS_BLOCK_OVERRIDE:
		add_one(a, DNS_ANSWER,
			&(struct dns_rr){&a->name, DNS_CNAME, v->override_ttl, to,
					 v->override.len});
		a->name = v->override;
		a->cnames++;
		return a->query->type != DNS_CNAME;
	default:
		return false;
	}
}

static size_t answer_bogus(const struct dns_query *q, const char *why, uint8_t *buf, size_t limit)
{
	struct dns_reply r;

	dns_reply_begin(&r, q, buf, limit);
	dns_reply_explain(&r, DNS_EDE_BOGUS, why);
	return dns_reply_end(&r, DNS_RA, DNS_SERVFAIL);
}

/* 0: upstream must be asked first. */
static size_t finish(struct answer *a, uint8_t *buf, size_t limit, struct dns_outcome *ret)
{
	ret->varies = a->varies;
	if (a->outside && (!a->up || !dns_name_equal(&a->up->name, &a->name))) {
		ret->forward = a->name;
		ret->rule = a->rule;
		return 0;
	}
	if (a->outside && a->up->bogus) {
		ret->security = DNS_BOGUS;
		return answer_bogus(a->query, a->up->bogus, buf, limit);
	}
	if (a->outside)
		answer_upstream(a);
	else
		prove_expansion(a);
	ret->security = a->security;
	if (a->rcode == DNS_SERVFAIL)
		return dns_answer_error(a->query, DNS_SERVFAIL, buf, limit);
	return dns_reply_end(&a->reply, a->flags, a->rcode);
}

size_t dns_answer(const struct dns_ask *ask, uint8_t *buf, size_t limit, struct dns_outcome *ret)
{
	const struct dns_query *q = ask->query;
	struct expansion expanded; /* large, and hardly ever used: only its length is set */
	struct answer a = {.view = ask->view,
			   .query = q,
			   .up = ask->up,
			   .random = ask->random ? ask->random : 1,
			   .name = q->name,
			   .expanded = &expanded,
			   .flags = DNS_RA};

	expanded.name.len = 0;
	*ret = (struct dns_outcome){0};
	if (!a.view)
		return dns_answer_error(q, DNS_REFUSED, buf, limit);
	a.signed_too = q->dnssec_ok && dns_view_denial(a.view);
	dns_name_lower(&a.name);
	dns_reply_begin(&a.reply, q, buf, limit);
	if (!ask->verdict || ask->verdict->action != DNS_BLOCK || block(&a, ask->verdict))
		answer_local(&a);
	return finish(&a, buf, limit, ret);
}
