/* SPDX-License-Identifier: MIT
 * Master-file text of the record types that zones hold.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/rdata.h"
#include "dns/server.h"
#include "dns/wire.h"
#include "lib/cleanup.h"

#define TOKEN_MAX 1100 /* a name with every octet escaped fits */

/* What is left of the text, and what has been written. */
struct parse {
	const char *s;
	uint16_t type;
	struct dns_rdata *out;
	struct err *e;
};

static int bad(struct parse *p, const char *what)
{
	return err_set(p->e, -EINVAL, "InvalidChangeBatch", "", "record data: %s", what);
}

static int put(struct parse *p, const void *data, size_t n)
{
	if (p->out->len + n > DNS_RDATA_MAX)
		return bad(p, "longer than 4096 octets");
	memcpy(p->out->b + p->out->len, data, n);
	p->out->len = (uint16_t)(p->out->len + n);
	return 0;
}

/* The next word, up to white space; "" at the end. Escapes stay as they are. */
static int word(struct parse *p, char tok[TOKEN_MAX])
{
	size_t n = 0;

	while (isspace((unsigned char)*p->s))
		p->s++;
	while (*p->s && !isspace((unsigned char)*p->s)) {
		if (n + 3 > TOKEN_MAX)
			return bad(p, "a word is too long");
		if (*p->s == '\\' && p->s[1])
			tok[n++] = *p->s++;
		tok[n++] = *p->s++;
	}
	tok[n] = '\0';
	return 0;
}

static int end(struct parse *p)
{
	while (isspace((unsigned char)*p->s))
		p->s++;
	return *p->s ? bad(p, "text behind the last field") : 0;
}

static int number(struct parse *p, unsigned octets)
{
	uint64_t max = (1ull << (8 * octets)) - 1;
	char tok[TOKEN_MAX], *stop;
	unsigned long long v;
	uint8_t be[4];
	int rc = word(p, tok);

	if (rc)
		return rc;
	if (!isdigit((unsigned char)tok[0]))
		return bad(p, "a number is missing");
	errno = 0;
	v = strtoull(tok, &stop, 10);
	if (*stop || errno || v > max)
		return bad(p, "a number is malformed or too large");
	for (unsigned i = 0; i < octets; i++)
		be[i] = (uint8_t)(v >> 8 * (octets - 1 - i));
	return put(p, be, octets);
}

static int name(struct parse *p)
{
	char tok[TOKEN_MAX];
	struct dns_name n;
	int rc = word(p, tok);

	if (rc)
		return rc;
	if (!tok[0])
		return bad(p, "a name is missing");
	rc = dns_name_from_text(tok, &n, p->e);
	return rc ? rc : put(p, n.b, n.len);
}

static int address(struct parse *p, int family)
{
	char tok[TOKEN_MAX];
	uint8_t a[16];
	int rc = word(p, tok);

	if (rc)
		return rc;
	if (inet_pton(family, tok, a) != 1)
		return bad(p, family == AF_INET ? "not an IPv4 address" : "not an IPv6 address");
	return put(p, a, family == AF_INET ? 4 : 16);
}

/* A character-string, quoted or one word. max: 255, or more where no length octet limits it. */
static int string(struct parse *p, size_t max, bool with_length)
{
	uint8_t text[DNS_RDATA_MAX], len;
	size_t n = 0;
	bool quoted;
	int rc = 0;

	while (isspace((unsigned char)*p->s))
		p->s++;
	quoted = *p->s == '"';
	if (quoted)
		p->s++;
	while (*p->s && (quoted ? *p->s != '"' : !isspace((unsigned char)*p->s))) {
		int c = dns_text_octet(&p->s);

		if (c < 0)
			return bad(p, "bad escape");
		if (n == max)
			return bad(p, "a string is longer than 255 octets: split it in several");
		text[n++] = (uint8_t)c;
	}
	if (!quoted && !n)
		return bad(p, "a string is missing");
	if (quoted && *p->s++ != '"')
		return bad(p, "a quote is not closed");
	len = (uint8_t)n;
	if (with_length)
		rc = put(p, &len, 1);
	return rc ? rc : put(p, text, n);
}

static int txt(struct parse *p)
{
	do {
		int rc = string(p, 255, true);

		if (rc)
			return rc;
		while (isspace((unsigned char)*p->s))
			p->s++;
	} while (*p->s);
	return 0;
}

static int caa(struct parse *p)
{
	char tag[TOKEN_MAX];
	uint8_t len;
	int rc = number(p, 1);

	if (!rc)
		rc = word(p, tag);
	if (rc)
		return rc;
	if (!tag[0] || strlen(tag) > 15)
		return bad(p, "a CAA tag has 1 to 15 letters and digits");
	for (const char *c = tag; *c; c++)
		if (!isalnum((unsigned char)*c))
			return bad(p, "a CAA tag has 1 to 15 letters and digits");
	len = (uint8_t)strlen(tag);
	rc = put(p, &len, 1);
	if (!rc)
		rc = put(p, tag, len);
	return rc ? rc : string(p, DNS_RDATA_MAX - 17, false);
}

static int a(struct parse *p)
{
	return address(p, AF_INET);
}

static int aaaa(struct parse *p)
{
	return address(p, AF_INET6);
}

static int mx(struct parse *p)
{
	int rc = number(p, 2);

	return rc ? rc : name(p);
}

static int srv(struct parse *p)
{
	int rc = 0;

	for (int i = 0; i < 3 && !rc; i++)
		rc = number(p, 2);
	return rc ? rc : name(p);
}

static int soa(struct parse *p)
{
	int rc = name(p);

	if (!rc)
		rc = name(p);
	for (int i = 0; i < 5 && !rc; i++)
		rc = number(p, 4);
	return rc;
}

static int dnssec(struct parse *p)
{
	const char *text = p->s;

	p->s += strlen(p->s);
	return dns_rdata_dnssec_from_text(p->type, text, p->out, p->e);
}

static const struct {
	const char *text;
	uint16_t type;
	int (*parse)(struct parse *p);
} types[] = {
	{"A", DNS_A, a},
	{"AAAA", DNS_AAAA, aaaa},
	{"CNAME", DNS_CNAME, name},
	{"PTR", DNS_PTR, name},
	{"MX", DNS_MX, mx},
	{"TXT", DNS_TXT, txt},
	{"SRV", DNS_SRV, srv},
	{"NS", DNS_NS, name},
	{"SOA", DNS_SOA, soa},
	{"CAA", DNS_CAA, caa},
	{"DS", DNS_DS, dnssec},
	{"DNSKEY", DNS_DNSKEY, dnssec},
	{"RRSIG", DNS_RRSIG, dnssec},
	{"NSEC", DNS_NSEC, dnssec},
	{"NSEC3", DNS_NSEC3, dnssec},
	{"NSEC3PARAM", DNS_NSEC3PARAM, dnssec},
};

int dns_type_from_text(const char *type, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcasecmp(types[i].text, type))
			return types[i].type;
	return err_set(e, -EINVAL, "InvalidChangeBatch", "Type", "record type \"%.40s\" is unknown",
		       type);
}

int dns_rdata_from_text(uint16_t type, const char *text, struct dns_rdata *ret, struct err *e)
{
	struct parse p = {.s = text, .type = type, .out = ret, .e = e};

	ret->len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type) {
			int rc = types[i].parse(&p);

			return rc ? rc : end(&p);
		}
	return bad(&p, "unknown type");
}
