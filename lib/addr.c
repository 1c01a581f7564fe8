/* SPDX-License-Identifier: MIT
 * IP addresses, prefixes and MACs.
 */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V4_OFFSET 12 /* where the IPv4 address lies in the v4-mapped form */

int ip_parse(const char *s, struct ip *ret)
{
	struct ip ip = {0};

	if (inet_pton(AF_INET, s, ip.b + V4_OFFSET) == 1) {
		ip.family = AF_INET;
		ip.b[10] = ip.b[11] = 0xff;
	} else if (inet_pton(AF_INET6, s, ip.b) == 1) {
		ip.family = AF_INET6;
	} else {
		return -EINVAL;
	}
	*ret = ip;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *s, struct mac *ret)
{
	struct mac m;

	if (strlen(s) != MAC_STRLEN - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++, s += 3) {
		int hi = hex_digit(s[0]), lo = hex_digit(s[1]);

		if (hi < 0 || lo < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		m.b[i] = hi << 4 | lo;
	}
	*ret = m;
	return 0;
}

static unsigned family_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

int cidr_parse(const char *s, struct cidr *ret)
{
	const char *slash = strchr(s, '/');
	char addr[IP_STRLEN];
	struct cidr c;
	unsigned len = 0;

	if (!slash || (size_t)(slash - s) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, slash - s);
	addr[slash - s] = '\0';
	if (ip_parse(addr, &c.ip))
		return -EINVAL;
	s = slash + 1;
	if (!*s || strlen(s) > 3 || strspn(s, "0123456789") != strlen(s) || (*s == '0' && s[1]))
		return -EINVAL;
	for (; *s; s++)
		len = 10 * len + (*s - '0');
	if (len > family_bits(c.ip.family))
		return -EINVAL;
	c.len = len;
	*ret = c;
	return 0;
}

const char *ip_format(const struct ip *ip, char *buf)
{
	*buf = '\0';
	if (ip->family == AF_INET)
		inet_ntop(AF_INET, ip->b + V4_OFFSET, buf, IP_STRLEN);
	else if (ip->family == AF_INET6)
		inet_ntop(AF_INET6, ip->b, buf, IP_STRLEN);
	return buf;
}

const char *cidr_format(const struct cidr *c, char *buf)
{
	char addr[IP_STRLEN];

	*buf = '\0';
	if (ip_is_set(&c->ip))
		snprintf(buf, CIDR_STRLEN, "%s/%u", ip_format(&c->ip, addr), c->len);
	return buf;
}

const char *mac_format(const struct mac *m, char *buf)
{
	static const struct mac none;

	*buf = '\0';
	if (memcmp(m, &none, sizeof(none)))
		snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1],
			 m->b[2], m->b[3], m->b[4], m->b[5]);
	return buf;
}

struct ip ip_from_v4(uint32_t host_order)
{
	struct ip ip = {.family = AF_INET};
	uint32_t n = htonl(host_order);

	ip.b[10] = ip.b[11] = 0xff;
	memcpy(ip.b + V4_OFFSET, &n, sizeof(n));
	return ip;
}

uint32_t ip_to_v4(const struct ip *ip)
{
	uint32_t n;

	memcpy(&n, ip->b + V4_OFFSET, sizeof(n));
	return ntohl(n);
}

bool ip_is_set(const struct ip *ip)
{
	return ip->family != AF_UNSPEC;
}

int ip_cmp(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

struct ip ip_add(const struct ip *ip, uint64_t n)
{
	struct ip r = *ip;

	if (ip->family == AF_INET)
		return ip_from_v4(ip_to_v4(ip) + (uint32_t)n);
	for (int i = sizeof(r.b) - 1; i >= 0 && n; i--) {
		uint64_t sum = r.b[i] + (n & 0xff);

		r.b[i] = sum;
		n = (n >> 8) + (sum >> 8);
	}
	return r;
}

uint8_t cidr_len128(const struct cidr *c)
{
	return c->ip.family == AF_INET ? c->len + 96 : c->len;
}

struct cidr cidr_canonical(const struct cidr *c)
{
	struct cidr r = *c;
	unsigned len = cidr_len128(c);

	if (!ip_is_set(&c->ip))
		return r;
	for (unsigned i = 0; i < sizeof(r.ip.b); i++) {
		if (len >= 8 * (i + 1))
			continue;
		r.ip.b[i] &= len <= 8 * i ? 0 : 0xff << (8 * (i + 1) - len);
	}
	return r;
}

bool cidr_is_canonical(const struct cidr *c)
{
	struct cidr r = cidr_canonical(c);

	return !ip_cmp(&r.ip, &c->ip);
}

bool cidr_contains_ip(const struct cidr *c, const struct ip *ip)
{
	struct cidr a = cidr_canonical(c), b = {.ip = *ip, .len = c->len};

	if (!ip_is_set(ip) || c->ip.family != ip->family)
		return false;
	b = cidr_canonical(&b);
	return !ip_cmp(&a.ip, &b.ip);
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
	return outer->len <= inner->len && cidr_contains_ip(outer, &inner->ip);
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
	return cidr_contains(a, b) || cidr_contains(b, a);
}

int cidr_cmp(const struct cidr *a, const struct cidr *b)
{
	int r = ip_cmp(&a->ip, &b->ip);

	return r ? r : (a->len > b->len) - (a->len < b->len);
}

uint64_t cidr_size(const struct cidr *c)
{
	unsigned host = family_bits(c->ip.family) - c->len;

	if (!ip_is_set(&c->ip))
		return 0;
	return host >= 64 ? UINT64_MAX : UINT64_C(1) << host;
}

struct ip cidr_nth(const struct cidr *c, uint64_t n)
{
	struct cidr r = cidr_canonical(c);

	return ip_add(&r.ip, n);
}
