/* SPDX-License-Identifier: MIT
 * Reading messages: queries, and the records of replies.
 */
#include <string.h>

#include "dns/wire.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* A record's fixed part behind its owner. */
struct rr_head {
	uint16_t type, class;
	uint32_t ttl;
	uint16_t rdlen;
	size_t rdata; /* offset */
};

static int rr_head_parse(const uint8_t *msg, size_t len, size_t *pos, struct rr_head *ret)
{
	size_t at = *pos;

	if (len - at < 10)
		return -EBADMSG;
	*ret = (struct rr_head){.type = get16(msg + at),
				.class = get16(msg + at + 2),
				.ttl = get32(msg + at + 4),
				.rdlen = get16(msg + at + 8),
				.rdata = at + 10};
	if (ret->rdlen > len - ret->rdata)
		return -EBADMSG;
	*pos = ret->rdata + ret->rdlen;
	return 0;
}

/* RFC 6891 section 6.1: one OPT at most, in the additional section, owned by the root. */
static int opt_parse(const uint8_t *msg, const struct rr_head *h, bool at_root, bool additional,
		     struct dns_query *ret)
{
	size_t at = h->rdata, end = h->rdata + h->rdlen;

	if (!at_root || !additional || ret->edns)
		return DNS_FORMERR;
	while (at < end) {
		if (end - at < 4 || get16(msg + at + 2) > end - at - 4)
			return DNS_FORMERR;
		at += 4u + get16(msg + at + 2);
	}
	ret->edns = true;
	ret->dnssec_ok = h->ttl & 0x8000;
	ret->udp_size = h->class;
	if (ret->udp_size < DNS_UDP_MIN)
		ret->udp_size = DNS_UDP_MIN;
	if (ret->udp_size > DNS_UDP_MAX)
		ret->udp_size = DNS_UDP_MAX;
	return (h->ttl >> 16 & 0xff) ? DNS_BADVERS : DNS_NOERROR;
}

static int records_parse(const uint8_t *msg, size_t len, size_t pos, struct dns_query *ret)
{
	unsigned before = get16(msg + 6) + get16(msg + 8), n = before + get16(msg + 10);
	int rcode = DNS_NOERROR;

	for (unsigned i = 0; i < n; i++) {
		struct dns_name owner;
		struct rr_head h;

		if (dns_name_parse(msg, len, &pos, &owner) || rr_head_parse(msg, len, &pos, &h))
			return DNS_FORMERR;
		if (h.type == DNS_OPT)
			rcode = opt_parse(msg, &h, owner.len == 1, i >= before, ret);
		if (rcode == DNS_FORMERR)
			return rcode;
	}
	return pos == len ? rcode : DNS_FORMERR;
}

/* Types that are no data of a name: meta types are 128 to 255 (RFC 6895 section 3.1). */
static int question_check(const struct dns_query *q)
{
	if (q->type == 0 || q->type == DNS_OPT || q->type == DNS_TSIG || q->type == DNS_NXNAME)
		return DNS_FORMERR;
	if (q->class != DNS_CLASS_IN || q->type == DNS_AXFR || q->type == DNS_IXFR)
		return DNS_REFUSED;
	if (q->type >= 128 && q->type < DNS_ANY)
		return DNS_NOTIMP;
	return DNS_NOERROR;
}

int dns_query_parse(const uint8_t *msg, size_t len, struct dns_query *ret)
{
	size_t pos = DNS_HEADER_LEN;
	int rcode;

	ret->name.len = 0;
	ret->edns = ret->dnssec_ok = false;
	ret->udp_size = DNS_UDP_MIN;
	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	ret->id = get16(msg);
	ret->flags = get16(msg + 2);
	if (ret->flags & DNS_QR)
		return -EBADMSG; /* never answer an answer: two servers would play for ever */
	if (ret->flags & DNS_OPCODE)
		return DNS_NOTIMP;
	if (get16(msg + 4) != 1) /* RFC 9619 */
		return DNS_FORMERR;
	if (dns_name_parse(msg, len, &pos, &ret->name) || len - pos < 4) {
		ret->name.len = 0;
		return DNS_FORMERR;
	}
	ret->type = get16(msg + pos);
	ret->class = get16(msg + pos + 2);
	rcode = records_parse(msg, len, pos + 4, ret);
	return rcode ? rcode : question_check(ret);
}

int dns_message_records(const uint8_t *msg, size_t len, uint16_t count[DNS_SECTIONS])
{
	size_t pos = DNS_HEADER_LEN;
	struct dns_name name;

	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	for (int i = 0; i < DNS_SECTIONS; i++)
		count[i] = get16(msg + 4 + 2 * i);
	for (unsigned i = 0; i < count[DNS_QUESTION]; i++) {
		if (dns_name_parse(msg, len, &pos, &name) || len - pos < 4)
			return -EBADMSG;
		pos += 4;
	}
	return (int)pos;
}

int dns_rr_parse(const uint8_t *msg, size_t len, size_t *pos, struct dns_rr_in *ret)
{
	struct dns_rdata_form form;
	struct rr_head h;
	size_t at, n = 0;

	if (dns_name_parse(msg, len, pos, &ret->owner) || rr_head_parse(msg, len, pos, &h))
		return -EBADMSG;
	ret->rr = (struct dns_rr){.owner = &ret->owner,
				  .type = h.type,
				  .ttl = h.ttl,
				  .rdata = msg + h.rdata,
				  .rdlen = h.rdlen};
	form = dns_rdata_form(h.type);
	if (!form.names)
		return 0;
	at = h.rdata + form.before;
	if (h.rdlen < form.before)
		return -EBADMSG;
	memcpy(ret->storage, msg + h.rdata, n = form.before);
	for (unsigned i = 0; i < form.names; i++) {
		struct dns_name name;

		if (dns_name_parse(msg, h.rdata + h.rdlen, &at, &name))
			return -EBADMSG;
		memcpy(ret->storage + n, name.b, name.len);
		n += name.len;
	}
	if (h.rdata + h.rdlen - at != form.after)
		return -EBADMSG;
	memcpy(ret->storage + n, msg + at, form.after);
	ret->rr.rdata = ret->storage;
	ret->rr.rdlen = (uint16_t)(n + form.after);
	return 0;
}
