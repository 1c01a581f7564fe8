/* SPDX-License-Identifier: MIT
 * What signed zones prove of names and types that are not there: the chains of NSEC (RFC 4034
 * section 4) or NSEC3 (RFC 5155) records that came with their files, in canonical order. Nothing is
 * signed here.
 */
#ifndef VPCD_DNS_DENIAL_H
#define VPCD_DNS_DENIAL_H

#include "dns/zone.h"

/* RFC 4035 section 3.1.3, RFC 5155 section 7.2. */
enum dns_proof {
	DNS_NO_TYPE, /* the name exists, its type does not */
	DNS_NO_NAME,
	DNS_EXPANDED,	      /* a wildcard stood for the name */
	DNS_EXPANDED_NO_TYPE, /* it did, and has no such type */
};

#define DNS_PROOF_MAX 3

/* Of all signed zones of a view; NULL: there is none, or no memory (*ret_rc says). */
struct dns_denial *dns_denial_new(const struct dns_view *v, int *ret_rc);
void dns_denial_free(struct dns_denial *d); /* NULL ok */
/* The nodes whose NSEC or NSEC3 records prove it of the name (in lower case) in f's zone; returns
 * how many: 0 in a zone that is not signed. */
size_t dns_denial_prove(const struct dns_denial *d, const struct dns_found *f,
			const struct dns_name *name, enum dns_proof what,
			const struct dns_node *ret[DNS_PROOF_MAX]);

#endif
