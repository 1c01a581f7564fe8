/* SPDX-License-Identifier: MIT
 * IP addresses, prefixes and MACs, and nothing that knows what they are for.
 */
#ifndef VPCD_LIB_ADDR_H
#define VPCD_LIB_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_STRLEN   46 /* INET6_ADDRSTRLEN */
#define CIDR_STRLEN 50
#define MAC_STRLEN  18

/* An address of either family in 16 bytes, network order; IPv4 is v4-mapped (::ffff:a.b.c.d).
 * family: AF_INET, AF_INET6, or AF_UNSPEC (0) for "none". All-zero is a valid "none". */
struct ip {
	uint8_t family;
	uint8_t b[16];
};

/* len counts in the family's own terms: 0–32 for IPv4, 0–128 for IPv6. */
struct cidr {
	struct ip ip;
	uint8_t len;
};

struct mac {
	uint8_t b[6];
};

/* Strict numeric forms only (inet_pton): 0 or -EINVAL. */
int ip_parse(const char *s, struct ip *ret);
int mac_parse(const char *s, struct mac *ret);
/* "a.b.c.d/n" or "x::/n"; the prefix length is required. Host bits are kept: see cidr_canonical. */
int cidr_parse(const char *s, struct cidr *ret);

/* Format into a caller's buffer of at least *_STRLEN bytes and return it; "" for none. */
const char *ip_format(const struct ip *ip, char *buf);
const char *cidr_format(const struct cidr *c, char *buf);
const char *mac_format(const struct mac *m, char *buf);

/* IPv4 from and to a host-order number. */
struct ip ip_from_v4(uint32_t host_order);
uint32_t ip_to_v4(const struct ip *ip);

bool ip_is_set(const struct ip *ip);
/* memcmp order, family first: <0, 0, >0. */
int ip_cmp(const struct ip *a, const struct ip *b);
/* ip + n; wraps at the family's end. */
struct ip ip_add(const struct ip *ip, uint64_t n);

struct cidr cidr_canonical(const struct cidr *c); /* host bits cleared */
bool cidr_is_canonical(const struct cidr *c);
bool cidr_contains_ip(const struct cidr *c, const struct ip *ip);
bool cidr_contains(const struct cidr *outer, const struct cidr *inner); /* equal counts */
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);
int cidr_cmp(const struct cidr *a, const struct cidr *b);
/* Number of addresses, capped at UINT64_MAX. */
uint64_t cidr_size(const struct cidr *c);
struct ip cidr_nth(const struct cidr *c, uint64_t n); /* n-th address, 0 = the network address */
/* Prefix length in the 128-bit v4-mapped form (IPv4: len + 96). */
uint8_t cidr_len128(const struct cidr *c);

#endif
