/* SPDX-License-Identifier: MIT
 * See answer.h.
 */
#include <string.h>

#include "dns/answer.h"

#define CNAMES_MAX 16 /* a longer chain is taken for a loop */

struct answer {
	const struct dns_view *view;
	const struct dns_query *query;
	struct dns_reply reply;
	struct dns_name name; /* where the chain of CNAMEs stands, in lower case */
	uint16_t flags;
	enum dns_rcode rcode;
	bool outside; /* the chain has left the view's zones */
};

size_t dns_answer_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *buf, size_t limit)
{
	struct dns_reply r;

	dns_reply_begin(&r, q, buf, limit);
	return dns_reply_end(&r, DNS_RA, rcode);
}

static void add_rrset(struct answer *a, const struct dns_rrset *s)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);

	for (const struct dns_record *r = s->records; r; r = r->next) {
		struct dns_rr rr = {&a->name, s->type, s->ttl, r->rdata, r->rdlen};

		if (dns_reply_add(&a->reply, DNS_ANSWER, &rr))
			continue;
		dns_reply_cut(&a->reply, &mark);
		return;
	}
}

static void add_one(struct answer *a, enum dns_section section, const struct dns_rr *rr)
{
	struct dns_reply mark = dns_reply_mark(&a->reply);

	if (!dns_reply_add(&a->reply, section, rr))
		dns_reply_cut(&a->reply, &mark);
}

/* RFC 2308 section 3 */
static void add_negative(struct answer *a, const struct dns_found *f)
{
	struct dns_soa soa;

	dns_zone_soa(f, &soa);
	add_one(a, DNS_AUTHORITY,
		&(struct dns_rr){&f->origin, DNS_SOA, soa.negative_ttl, soa.rdata, soa.rdlen});
}

/* RFC 8482 section 4.2, for names of which we hold nothing. */
static void add_any_outside(struct answer *a)
{
	static const uint8_t hinfo[] = "\007RFC8482";

	add_one(a, DNS_ANSWER, &(struct dns_rr){&a->name, DNS_HINFO, 3789, hinfo, sizeof(hinfo)});
}

/* The name exists. True: follow the CNAME that a->name has become. */
static bool answer_node(struct answer *a, const struct dns_found *f)
{
	uint16_t type = a->query->type;
	/* RFC 8482 section 4.1: one RRset answers ANY. */
	const struct dns_rrset *s =
		type == DNS_ANY ? dns_node_rrsets(f->node) : dns_node_rrset(f->node, type);
	size_t pos = 0;

	if (s) {
		add_rrset(a, s);
		return false;
	}
	if (type == DNS_SOA && f->node == f->zone) {
		struct dns_soa soa;

		dns_zone_soa(f, &soa);
		add_one(a, DNS_ANSWER,
			&(struct dns_rr){&a->name, DNS_SOA, soa.ttl, soa.rdata, soa.rdlen});
		return false;
	}
	s = dns_node_rrset(f->node, DNS_CNAME);
	if (!s) {
		add_negative(a, f);
		return false;
	}
	add_rrset(a, s);
	dns_name_parse(s->records->rdata, s->records->rdlen, &pos, &a->name);
	dns_name_lower(&a->name);
	return true;
}

static void leave_zones(struct answer *a, bool first)
{
	bool recursion = a->query->flags & DNS_RD;

	if (dns_view_forwards(a->view) && recursion) {
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
	for (int i = 0; i <= CNAMES_MAX; i++) {
		struct dns_found f;

		if (!dns_view_find(a->view, &a->name, &f)) {
			leave_zones(a, i == 0);
			return;
		}
		a->flags |= i == 0 ? DNS_AA : 0;
		if (!f.node) {
			a->rcode = DNS_NXDOMAIN;
			add_negative(a, &f);
			return;
		}
		if (!answer_node(a, &f))
			return;
	}
	a->rcode = DNS_SERVFAIL;
}

static bool wanted(const struct answer *a, enum dns_section section, const struct dns_rr *rr)
{
	bool dnssec = rr->type == DNS_RRSIG || rr->type == DNS_NSEC || rr->type == DNS_NSEC3;

	if (rr->type == a->query->type)
		return true;
	if (dnssec)
		return a->query->dnssec_ok;
	return section == DNS_ANSWER || rr->type == DNS_SOA;
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

static void answer_upstream(struct answer *a, const struct dns_upstream *up)
{
	if (!up->msg || add_upstream(a, up->msg, up->len))
		a->rcode = DNS_SERVFAIL;
	else
		a->rcode = (enum dns_rcode)(up->msg[3] & DNS_RCODE);
}

size_t dns_answer(const struct dns_view *v, const struct dns_query *q,
		  const struct dns_upstream *up, uint8_t *buf, size_t limit,
		  struct dns_name *ret_forward)
{
	struct answer a = {.view = v, .query = q, .name = q->name, .flags = DNS_RA};

	if (!v)
		return dns_answer_error(q, DNS_REFUSED, buf, limit);
	dns_name_lower(&a.name);
	dns_reply_begin(&a.reply, q, buf, limit);
	answer_local(&a);
	if (a.outside) {
		if (!up || !dns_name_equal(&up->name, &a.name)) {
			*ret_forward = a.name;
			return 0;
		}
		answer_upstream(&a, up);
	}
	if (a.rcode == DNS_SERVFAIL)
		return dns_answer_error(q, DNS_SERVFAIL, buf, limit);
	return dns_reply_end(&a.reply, a.flags, a.rcode);
}
