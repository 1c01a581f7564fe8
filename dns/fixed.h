/* SPDX-License-Identifier: MIT
 * The answers of a view that depend on nothing but name and type, for whoever can give them faster.
 * They are built by the same code that answers queries: only id, RD, CD, the spelling of the name
 * and the OPT record differ from query to query.
 */
#ifndef VPCD_DNS_FIXED_H
#define VPCD_DNS_FIXED_H

#include "dns/zone.h"

#define DNS_FIXED_NAME 128
#define DNS_FIXED_BODY 255

struct dns_fixed {
	struct dns_name
		name;	/* in lower case, at most DNS_FIXED_NAME octets, no zero within labels */
	uint16_t type;	/* DNS_A or DNS_AAAA */
	uint16_t flags; /* of the header: AA, RA and RCODE */
	uint16_t answers, authority;
	uint16_t len;	     /* of body, at most DNS_FIXED_BODY */
	const uint8_t *body; /* what follows the question; names point into the question */
};

/* Calls fn with the answers for A and AAAA of each name that has an A, AAAA or CNAME record in the
 * view. Left out: names that the firewall alerts of or blocks, draws among record sets, chains that
 * leave the view, answers that are too long; and all of a view whose queries are logged. */
void dns_view_fixed(const struct dns_view *v, void (*fn)(void *arg, const struct dns_fixed *f),
		    void *arg);

#endif
