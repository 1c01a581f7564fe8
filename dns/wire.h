/* SPDX-License-Identifier: MIT
 * DNS messages on the wire (RFC 1035, 2181, 3597, 6891): names, parsing a query, building a reply.
 * Nothing here allocates; every loop is bounded by the length of its input.
 */
#ifndef VPCD_DNS_WIRE_H
#define VPCD_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DNS_NAME_MAX   255 /* octets on the wire, final zero included */
#define DNS_LABEL_MAX  63
#define DNS_NAME_TEXT  1024 /* as text with every octet escaped, NUL included */
#define DNS_HEADER_LEN 12
#define DNS_UDP_MIN    512  /* without EDNS */
#define DNS_UDP_MAX    1232 /* what we send and advertise: never fragmented (DNS Flag Day 2020) */
#define DNS_TCP_MAX    65535
#define DNS_OPT_LEN    11 /* an OPT record without options */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_RRSIG = 46,
	DNS_NSEC = 47,
	DNS_DNSKEY = 48,
	DNS_NSEC3 = 50,
	DNS_NSEC3PARAM = 51,
	DNS_NXNAME = 128,
	DNS_TSIG = 250,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
	DNS_CAA = 257,
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
	DNS_NOERROR,
	DNS_FORMERR,
	DNS_SERVFAIL,
	DNS_NXDOMAIN,
	DNS_NOTIMP,
	DNS_REFUSED,
	DNS_BADVERS = 16, /* extended: needs an OPT record */
};

/* Extended errors (RFC 8914). */
enum dns_ede {
	DNS_EDE_BOGUS = 6,
};
#define DNS_EDE_TEXT 160 /* more of a text is cut off */

enum dns_flags {
	DNS_QR = 0x8000,
	DNS_OPCODE = 0x7800,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
	DNS_RCODE = 0x000f,
};

/* ---- names ---- */

/* A name in uncompressed wire form. The root is one zero octet. */
struct dns_name {
	uint8_t len; /* octets in use, final zero included; 0: no name */
	uint8_t b[DNS_NAME_MAX];
};

/* Reads the name at *pos, following pointers, which must point backwards (so that loops end), and
 * moves *pos behind it. -EBADMSG. */
int dns_name_parse(const uint8_t *msg, size_t len, size_t *pos, struct dns_name *ret);
/* The octet that master-file text at *s stands for (\X and \DDD are escapes), moving behind it; not
 * at the end of the text. -EINVAL. */
int dns_text_octet(const char **s);
/* Master-file form: \. and \DDD are understood; a final dot is optional; "" and "." are the root.
 */
int dns_name_from_text(const char *text, struct dns_name *ret, struct err *e);
/* The same form, without a final dot ("." for the root), into DNS_NAME_TEXT bytes; returns buf. */
const char *dns_name_to_text(const struct dns_name *n, char *buf);
/* ASCII letters in lower case (RFC 4343). Length octets are below 'A' and never change. */
void dns_name_lower(struct dns_name *n);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b); /* case ignored */
/* The name without its first label; the root's parent is the root. */
struct dns_name dns_name_parent(const struct dns_name *n);

/* ---- a query ---- */

struct dns_query {
	uint16_t id, flags;   /* as received */
	struct dns_name name; /* as received: its case is echoed; len 0: there was no question */
	uint16_t type, class;
	bool edns, dnssec_ok;
	uint16_t udp_size; /* largest reply over UDP */
};

/* < 0: no answer may be given (too short, or itself a reply). 0: *ret is a question that can be
 * looked up. Else the enum dns_rcode to refuse it with; *ret holds what could be read. */
int dns_query_parse(const uint8_t *msg, size_t len, struct dns_query *ret);

/* ---- building a reply ---- */

enum dns_section { DNS_QUESTION, DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

#define DNS_COMPRESS_MAX 48 /* names that later ones may point to */

struct dns_reply {
	uint8_t *p;
	size_t len, limit; /* limit leaves room for OPT */
	const struct dns_query *query;
	uint16_t count[DNS_SECTIONS];
	uint16_t names[DNS_COMPRESS_MAX]; /* offsets of labels written so far */
	uint8_t n_names;
	bool truncated;
	enum dns_ede ede; /* 0: none */
	const char *ede_text;
};

struct dns_rr {
	const struct dns_name *owner;
	uint16_t type;
	uint32_t ttl;
	const uint8_t *rdata; /* names in it uncompressed */
	uint16_t rdlen;
};

/* buf: at least limit octets, limit at least DNS_UDP_MIN. Writes the question as it was asked. */
void dns_reply_begin(struct dns_reply *r, const struct dns_query *q, uint8_t *buf, size_t limit);
/* Adds one record, in the order of sections. False: it does not fit, and nothing fits any more; the
 * caller rolls back to the start of its RRset (dns_reply_mark, dns_reply_cut). */
bool dns_reply_add(struct dns_reply *r, enum dns_section section, const struct dns_rr *rr);
struct dns_reply dns_reply_mark(const struct dns_reply *r);
/* Back to the mark, with TC set: the client asks again by TCP. */
void dns_reply_cut(struct dns_reply *r, const struct dns_reply *mark);
/* Writes header and OPT and returns the length. flags: DNS_AA, DNS_RA. */
size_t dns_reply_end(struct dns_reply *r, uint16_t flags, enum dns_rcode rcode);
/* Says why, if the query has an OPT record. For replies without records: their room is free. text:
 * lives until dns_reply_end. */
void dns_reply_explain(struct dns_reply *r, enum dns_ede code, const char *text);

/* ---- reading a reply ---- */

/* Where the names lie in rdata whose names may be compressed (RFC 3597 section 4): `before` octets,
 * `names` names, `after` octets. names 0: the type has none, its rdata is opaque. */
struct dns_rdata_form {
	uint8_t before, names, after;
};
struct dns_rdata_form dns_rdata_form(uint16_t type);

/* A record of a message; names in its rdata are written out into `storage`. */
struct dns_rr_in {
	struct dns_name owner;
	struct dns_rr rr;
	uint8_t storage[2 * DNS_NAME_MAX + 20];
};

/* Reads the counts and returns the position behind the questions, or -EBADMSG. */
int dns_message_records(const uint8_t *msg, size_t len, uint16_t count[DNS_SECTIONS]);
/* Reads the record at *pos and moves behind it. 0 or -EBADMSG. */
int dns_rr_parse(const uint8_t *msg, size_t len, size_t *pos, struct dns_rr_in *ret);

#endif
