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
};

/* Builds the reply to a query that dns_query_parse accepted and returns its length. 0: upstream
 * must be asked for *ret_forward (in lower case) first, and the answer given in `up` then. v NULL:
 * the client sees no view (REFUSED). limit: octets of buf, at least DNS_UDP_MIN. */
size_t dns_answer(const struct dns_view *v, const struct dns_query *q,
		  const struct dns_upstream *up, uint8_t *buf, size_t limit,
		  struct dns_name *ret_forward);

/* A reply without records. Returns its length. */
size_t dns_answer_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *buf,
			size_t limit);

#endif
