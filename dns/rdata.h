/* SPDX-License-Identifier: MIT
 * Record data: master-file text to wire form and back (RFC 1035 section 5; SRV 2782, CAA 8659).
 */
#ifndef VPCD_DNS_RDATA_H
#define VPCD_DNS_RDATA_H

#include <stdint.h>

#include "dns/wire.h"
#include "lib/buf.h"
#include "lib/err.h"

#define DNS_RDATA_MAX 4096 /* a longer TXT record would fit no reply beside others */

struct dns_rdata {
	uint16_t len;
	uint8_t b[DNS_RDATA_MAX];
};

/* "A", any case, to its number; -EINVAL for a type that zones do not hold. */
int dns_type_from_text(const char *type, struct err *e);
/* Names are absolute, a final dot is optional. -EINVAL says what is wrong. */
int dns_rdata_from_text(uint16_t type, const char *text, struct dns_rdata *ret, struct err *e);

/* Appends the text; what is no well-formed data of the type in the form of RFC 3597. Names in it
 * are not compressed. */
void dns_rdata_to_text(uint16_t type, const uint8_t *rdata, size_t len, struct buf *out);
/* "A", "TYPE65280"; in buf, of 12 octets or more, where it is no known one. */
const char *dns_type_to_text(uint16_t type, char *buf, size_t len);

/* ---- rdata_dnssec.c: DS, DNSKEY, RRSIG, NSEC, NSEC3 and NSEC3PARAM ---- */

int dns_rdata_dnssec_from_text(uint16_t type, const char *text, struct dns_rdata *ret,
			       struct err *e);
/* False: not well-formed. */
bool dns_rdata_dnssec_to_text(uint16_t type, const uint8_t *rdata, size_t len, struct buf *out);
/* The label that stands for a name in a chain of NSEC3 records, as a name of its own. params: data
 * that begins as NSEC3's and NSEC3PARAM's does. -EBADMSG, -ENOMEM. */
int dns_nsec3_hash(const struct dns_name *name, const uint8_t *params, size_t len,
		   struct dns_name *ret);

#endif
