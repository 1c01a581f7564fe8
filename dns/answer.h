/* SPDX-License-Identifier: MIT
 * From a question to a reply: RFC 1034 section 4.3.2 over one view, with the part of the answer
 * that lies outside its zones taken from upstream.
 */
#ifndef VPCD_DNS_ANSWER_H
#define VPCD_DNS_ANSWER_H

#include "dns/zone.h"

/* What upstream said of a name and the query's type. */
struct dns_upstream {
	struct dns_name name;
	const uint8_t *msg; /* NULL: nothing in time */
	size_t len;
	uint32_t age;	   /* seconds since it came: TTLs are smaller by it */
	bool validated;	   /* the message's AD says whether it is secure (RFC 4035 section 4.3) */
	const char *bogus; /* why its signatures do not hold; NULL: they do, or there are none */
};

enum dns_security { DNS_UNCHECKED, DNS_INSECURE, DNS_SECURE, DNS_BOGUS };

struct dns_ask {
	const struct dns_view *view;	   /* NULL: the client sees none (REFUSED) */
	const struct dns_query *query;	   /* that dns_query_parse accepted */
	const struct dns_verdict *verdict; /* the firewall's; NULL: none */
	const struct dns_upstream *up;	   /* NULL: not asked yet */
	uint32_t random; /* draws among sets; the same in all calls of one query */
};

struct dns_outcome {
	/* Set when nothing was built: ask for `forward` (in lower case) first, and give the answer
	 * in `up` then. rule NULL: of the public server. */
	struct dns_name forward;
	const struct dns_rule *rule;
	bool varies; /* the same query may be answered otherwise: sets were drawn from */
	enum dns_security security; /* of what upstream said */
};

/* Builds the reply and returns its length; 0: see struct dns_outcome. limit: octets of buf, at
 * least DNS_UDP_MIN. */
size_t dns_answer(const struct dns_ask *ask, uint8_t *buf, size_t limit, struct dns_outcome *ret);

/* A reply without records. Returns its length. */
size_t dns_answer_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *buf,
			size_t limit);

#endif
