/* SPDX-License-Identifier: MIT
 * Building replies: name compression, RRsets that fit or not at all, OPT.
 */
#include <string.h>

#include "dns/wire.h"

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct dns_rdata_form dns_rdata_form(uint16_t type)
{
	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return (struct dns_rdata_form){0, 1, 0};
	case DNS_MX:
		return (struct dns_rdata_form){2, 1, 0};
	case DNS_SOA:
		return (struct dns_rdata_form){0, 2, 20};
	default:
		return (struct dns_rdata_form){0, 0, 0};
	}
}

static bool put(struct dns_reply *r, const void *data, size_t n)
{
	if (n > r->limit - r->len)
		return false;
	memcpy(r->p + r->len, data, n);
	r->len += n;
	return true;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Is the name that we wrote at `at` the same as these labels? */
static bool written_equal(const struct dns_reply *r, size_t at, const uint8_t *label)
{
	for (;;) {
		while (r->p[at] >= 0xc0)
			at = (size_t)(r->p[at] & 0x3f) << 8 | r->p[at + 1];
		for (unsigned i = 0; i <= *label; i++)
			if (lower(r->p[at + i]) != lower(label[i]))
				return false;
		if (!*label)
			return true;
		at += *label + 1u;
		label += *label + 1;
	}
}

static bool put_name(struct dns_reply *r, const uint8_t *label)
{
	/* Not this name's own labels: behind them nothing is written yet. */
	const unsigned known = r->n_names;

	for (; *label; label += *label + 1) {
		for (unsigned i = 0; i < known; i++) {
			uint8_t pointer[2];

			if (!written_equal(r, r->names[i], label))
				continue;
			put16(pointer, 0xc000u | r->names[i]);
			return put(r, pointer, 2);
		}
		if (r->n_names < DNS_COMPRESS_MAX && r->len < 0x4000)
			r->names[r->n_names++] = (uint16_t)r->len;
		if (!put(r, label, *label + 1u))
			return false;
	}
	return put(r, label, 1);
}

void dns_reply_begin(struct dns_reply *r, const struct dns_query *q, uint8_t *buf, size_t limit)
{
	uint8_t fixed[4];

	*r = (struct dns_reply){.p = buf, .len = DNS_HEADER_LEN, .query = q};
	r->limit = limit - (q->edns ? DNS_OPT_LEN : 0);
	if (!q->name.len)
		return;
	put16(fixed, q->type);
	put16(fixed + 2, q->class);
	put_name(r, q->name.b);
	put(r, fixed, 4);
	r->count[DNS_QUESTION] = 1;
}

static bool put_rdata(struct dns_reply *r, const struct dns_rr *rr)
{
	struct dns_rdata_form form = dns_rdata_form(rr->type);
	const uint8_t *p = rr->rdata + form.before;

	if (!form.names)
		return put(r, rr->rdata, rr->rdlen);
	if (!put(r, rr->rdata, form.before))
		return false;
	for (unsigned i = 0; i < form.names; i++) {
		if (!put_name(r, p))
			return false;
		while (*p)
			p += *p + 1;
		p++;
	}
	return put(r, p, form.after);
}

bool dns_reply_add(struct dns_reply *r, enum dns_section section, const struct dns_rr *rr)
{
	struct dns_reply mark = *r;
	uint8_t fixed[10];
	size_t rdlen_at;

	if (r->truncated)
		return false;
	put16(fixed, rr->type);
	put16(fixed + 2, DNS_CLASS_IN);
	put32(fixed + 4, rr->ttl);
	put16(fixed + 8, 0);
	if (!put_name(r, rr->owner->b) || !put(r, fixed, sizeof(fixed)))
		goto full;
	rdlen_at = r->len - 2;
	if (!put_rdata(r, rr))
		goto full;
	put16(r->p + rdlen_at, (unsigned)(r->len - rdlen_at - 2));
	r->count[section]++;
	return true;
full:
	*r = mark;
	return false;
}

struct dns_reply dns_reply_mark(const struct dns_reply *r)
{
	return *r;
}

void dns_reply_cut(struct dns_reply *r, const struct dns_reply *mark)
{
	*r = *mark;
	r->truncated = true;
}

/* RFC 8914 section 2: into the OPT record at p, which is the message's end. */
static void put_ede(struct dns_reply *r, uint8_t *p)
{
	size_t n = strnlen(r->ede_text, DNS_EDE_TEXT);

	put16(p + 9, (unsigned)(6 + n));
	put16(p + 11, 15);
	put16(p + 13, (unsigned)(2 + n));
	put16(p + 15, r->ede);
	memcpy(p + 17, r->ede_text, n);
	r->len += 6 + n;
}

/* RFC 6891 section 6.1.3; DO is copied (RFC 3225). */
static void put_opt(struct dns_reply *r, enum dns_rcode rcode)
{
	uint8_t *p = r->p + r->len;

	p[0] = 0;
	put16(p + 1, DNS_OPT);
	put16(p + 3, DNS_UDP_MAX);
	put32(p + 5, (uint32_t)(rcode >> 4) << 24 | (r->query->dnssec_ok ? 0x8000 : 0));
	put16(p + 9, 0);
	r->len += DNS_OPT_LEN;
	r->count[DNS_ADDITIONAL]++;
	if (r->ede)
		put_ede(r, p);
}

void dns_reply_explain(struct dns_reply *r, enum dns_ede code, const char *text)
{
	r->ede = code;
	r->ede_text = text;
}

size_t dns_reply_end(struct dns_reply *r, uint16_t flags, enum dns_rcode rcode)
{
	const struct dns_query *q = r->query;

	if (q->edns)
		put_opt(r, rcode);
	put16(r->p, q->id);
	put16(r->p + 2, DNS_QR | (q->flags & (DNS_OPCODE | DNS_RD | DNS_CD)) | flags |
				(r->truncated ? DNS_TC : 0) | (rcode & DNS_RCODE));
	for (int i = 0; i < DNS_SECTIONS; i++)
		put16(r->p + 4 + 2 * i, r->count[i]);
	return r->len;
}
