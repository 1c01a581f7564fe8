/* SPDX-License-Identifier: MIT
 * Record data as master-file text: what query logs show.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "dns/rdata.h"
#include "dns/wire.h"
#include "lib/cleanup.h"

/* What is left of the data, and where the text goes; `ok` falls at the first octet too many. */
struct print {
	const uint8_t *p, *end;
	struct buf *out;
	bool ok;
};

static uint32_t number(struct print *pr, unsigned octets)
{
	uint32_t v = 0;

	if ((size_t)(pr->end - pr->p) < octets) {
		pr->ok = false;
		return 0;
	}
	while (octets--)
		v = v << 8 | *pr->p++;
	return v;
}

static void numbers(struct print *pr, unsigned n, unsigned octets)
{
	for (; n; n--)
		buf_printf(pr->out, "%u ", number(pr, octets));
}

static void name(struct print *pr)
{
	size_t pos = 0;
	char text[DNS_NAME_TEXT];
	struct dns_name n;

	if (dns_name_parse(pr->p, (size_t)(pr->end - pr->p), &pos, &n)) {
		pr->ok = false;
		return;
	}
	pr->p += pos;
	buf_printf(pr->out, "%s%s", dns_name_to_text(&n, text), n.len > 1 ? "." : "");
}

static void octets(struct print *pr, size_t n)
{
	buf_puts(pr->out, "\"");
	if (n > (size_t)(pr->end - pr->p)) {
		pr->ok = false;
		n = 0;
	}
	for (; n; n--, pr->p++) {
		if (*pr->p == '"' || *pr->p == '\\')
			buf_printf(pr->out, "\\%c", *pr->p);
		else if (*pr->p >= 0x20 && *pr->p < 0x7f)
			buf_printf(pr->out, "%c", *pr->p);
		else
			buf_printf(pr->out, "\\%03u", *pr->p);
	}
	buf_puts(pr->out, "\"");
}

static void address(struct print *pr, int family)
{
	size_t n = family == AF_INET ? 4 : 16;
	char text[INET6_ADDRSTRLEN];

	if ((size_t)(pr->end - pr->p) < n) {
		pr->ok = false;
		return;
	}
	buf_puts(pr->out, inet_ntop(family, pr->p, text, sizeof(text)));
	pr->p += n;
}

static void txt(struct print *pr)
{
	do {
		octets(pr, number(pr, 1));
		if (pr->p < pr->end)
			buf_puts(pr->out, " ");
	} while (pr->ok && pr->p < pr->end);
}

static void soa(struct print *pr)
{
	name(pr);
	buf_puts(pr->out, " ");
	name(pr);
	buf_puts(pr->out, " ");
	numbers(pr, 4, 4);
	buf_printf(pr->out, "%u", number(pr, 4));
}

static void caa(struct print *pr)
{
	uint32_t n;

	numbers(pr, 1, 1);
	n = number(pr, 1);
	for (; n && pr->p < pr->end && isalnum(*pr->p); n--)
		buf_printf(pr->out, "%c", *pr->p++);
	buf_puts(pr->out, " ");
	octets(pr, n ? 0 : (size_t)(pr->end - pr->p));
	pr->ok = pr->ok && !n;
}

static void known(struct print *pr, uint16_t type)
{
	switch (type) {
	case DNS_A:
		address(pr, AF_INET);
		break;
	case DNS_AAAA:
		address(pr, AF_INET6);
		break;
	case DNS_MX:
	case DNS_SRV:
		numbers(pr, type == DNS_MX ? 1 : 3, 2);
		name(pr);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		name(pr);
		break;
	case DNS_TXT:
		txt(pr);
		break;
	case DNS_SOA:
		soa(pr);
		break;
	case DNS_CAA:
		caa(pr);
		break;
	default:
		pr->ok = false;
	}
}

void dns_rdata_to_text(uint16_t type, const uint8_t *rdata, size_t len, struct buf *out)
{
	struct print pr = {rdata, rdata + len, out, true};
	size_t from = out->len;

	if (type >= DNS_DS && type <= DNS_NSEC3PARAM &&
	    dns_rdata_dnssec_to_text(type, rdata, len, out))
		return;
	known(&pr, type);
	if (pr.ok && pr.p == pr.end)
		return;
	out->len = out->p ? from : 0; /* RFC 3597 section 5 */
	buf_printf(out, "\\# %zu ", len);
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", rdata[i]);
}

const char *dns_type_to_text(uint16_t type, char *buf, size_t len)
{
	static const struct {
		uint16_t type;
		const char *text;
	} names[] = {
		{DNS_A, "A"},		{DNS_NS, "NS"},	      {DNS_CNAME, "CNAME"},
		{DNS_SOA, "SOA"},	{DNS_PTR, "PTR"},     {DNS_MX, "MX"},
		{DNS_TXT, "TXT"},	{DNS_AAAA, "AAAA"},   {DNS_SRV, "SRV"},
		{DNS_CAA, "CAA"},	{DNS_ANY, "ANY"},     {DNS_HINFO, "HINFO"},
		{64, "SVCB"},		{65, "HTTPS"},	      {DNS_DS, "DS"},
		{DNS_DNSKEY, "DNSKEY"}, {35, "NAPTR"},	      {DNS_RRSIG, "RRSIG"},
		{DNS_NSEC, "NSEC"},	{DNS_NSEC3, "NSEC3"}, {DNS_NSEC3PARAM, "NSEC3PARAM"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].type == type)
			return names[i].text;
	snprintf(buf, len, "TYPE%u", type);
	return buf;
}
