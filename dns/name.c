/* SPDX-License-Identifier: MIT
 * Domain names: wire form, text form, comparison.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dns/server.h"
#include "dns/wire.h"

int dns_name_parse(const uint8_t *msg, size_t len, size_t *pos, struct dns_name *ret)
{
	size_t at = *pos, lowest = *pos, end = 0, n = 0;

	for (;;) {
		if (at >= len)
			return -EBADMSG;
		if (msg[at] >= 0xc0) {
			if (at + 1 >= len)
				return -EBADMSG;
			if (!end)
				end = at + 2;
			at = (size_t)(msg[at] & 0x3f) << 8 | msg[at + 1];
			if (at >= lowest) /* strictly backwards: a loop cannot be written */
				return -EBADMSG;
			lowest = at;
			continue;
		}
		if (msg[at] > DNS_LABEL_MAX || msg[at] >= len - at ||
		    n + msg[at] + 1u > DNS_NAME_MAX)
			return -EBADMSG;
		memcpy(ret->b + n, msg + at, msg[at] + 1u);
		n += msg[at] + 1u;
		if (!msg[at])
			break;
		at += msg[at] + 1u;
	}
	ret->len = (uint8_t)n;
	*pos = end ? end : at + 1;
	return 0;
}

int dns_text_octet(const char **s)
{
	const char *p = *s;
	int v;

	if (*p != '\\') {
		*s = p + 1;
		return (unsigned char)*p;
	}
	if (!isdigit((unsigned char)p[1])) {
		*s = p + 2;
		return p[1] ? (unsigned char)p[1] : -EINVAL;
	}
	if (!isdigit((unsigned char)p[2]) || !isdigit((unsigned char)p[3]))
		return -EINVAL;
	v = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	*s = p + 4;
	return v < 256 ? v : -EINVAL;
}

static int name_error(struct err *e, const char *text, const char *what)
{
	return err_set(e, -EINVAL, "InvalidDomainName", "", "name \"%.200s\": %s", text, what);
}

int dns_name_from_text(const char *text, struct dns_name *ret, struct err *e)
{
	const char *s = strcmp(text, ".") ? text : "";
	unsigned label = 0, n = 1; /* offsets of the label's length octet and of the next octet */

	ret->b[0] = 0;
	while (*s) {
		bool dot = *s == '.';
		int c = dns_text_octet(&s);

		if (c < 0)
			return name_error(e, text, "bad escape");
		if (!dot) {
			if (ret->b[label] == DNS_LABEL_MAX)
				return name_error(e, text, "a label is longer than 63 octets");
			ret->b[label]++;
		} else {
			if (!ret->b[label])
				return name_error(e, text, "empty label");
			if (!*s)
				break; /* the final dot */
			label = n;
			c = 0;
		}
		/* The final zero octet counts too. */
		if (n >= DNS_NAME_MAX - 1)
			return name_error(e, text, "longer than 253 octets");
		ret->b[n++] = (uint8_t)c;
	}
	if (ret->b[label])
		ret->b[n++] = 0;
	ret->len = (uint8_t)n;
	return 0;
}

int dns_name_check(const char *name, struct err *e)
{
	struct dns_name n;

	return dns_name_from_text(name, &n, e);
}

const char *dns_name_to_text(const struct dns_name *n, char *buf)
{
	char *out = buf;

	if (!n->len || !n->b[0])
		return strcpy(buf, ".");
	for (const uint8_t *l = n->b; *l; l += *l + 1) {
		if (out != buf)
			*out++ = '.';
		for (unsigned i = 1; i <= *l; i++) {
			if (isalnum(l[i]) || l[i] == '-' || l[i] == '_' || l[i] == '*' ||
			    l[i] == '/')
				*out++ = (char)l[i];
			else
				out += sprintf(out, "\\%03u", l[i]);
		}
	}
	*out = '\0';
	return buf;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

void dns_name_lower(struct dns_name *n)
{
	for (unsigned i = 0; i < n->len; i++)
		n->b[i] = lower(n->b[i]);
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	for (unsigned i = 0; i < a->len; i++)
		if (lower(a->b[i]) != lower(b->b[i]))
			return false;
	return true;
}

struct dns_name dns_name_parent(const struct dns_name *n)
{
	struct dns_name p = {.len = 1};
	unsigned skip = n->b[0] + 1u;

	if (n->b[0]) {
		p.len = (uint8_t)(n->len - skip);
		memcpy(p.b, n->b + skip, p.len);
	}
	return p;
}
