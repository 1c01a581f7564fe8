/* SPDX-License-Identifier: MIT
 * IPv6 frames of tests; see packet.h.
 */
#ifndef VPCD_TESTS_PACKET6_H
#define VPCD_TESTS_PACKET6_H

#include "bpf/abi.h"
#include "packet.h"

#define IP6 40

/* The L4 checksum over pseudo header and payload, with `skip` octets of extension headers. */
static inline unsigned l4_sum6(const struct packet *p, uint8_t proto, size_t skip)
{
	const uint8_t *ip = p->b + ETH;
	size_t n = p->len - ETH - IP6 - skip;
	uint32_t sum = sum_add(0, ip + 8, 32) + proto + (uint32_t)n;

	return sum_fold(sum_add(sum, ip + IP6 + skip, n));
}

static inline bool checksums_right6(const struct packet *p)
{
	uint8_t proto = p->b[ETH + 6];

	return (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMPV6) ||
	       l4_sum6(p, proto, 0) == 0xffff;
}

static inline void packet6_seal_behind(struct packet *p, uint8_t proto, size_t skip)
{
	uint8_t *l4 = p->b + ETH + IP6 + skip;
	size_t at = proto == IPPROTO_ICMPV6 ? 2 : l4_checksum_offset(proto);

	put16be(p->b + ETH + 4, (unsigned)(p->len - ETH - IP6));
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMPV6)
		return;
	put16be(l4 + at, 0);
	put16be(l4 + at, ~l4_sum6(p, proto, skip) & 0xffff);
}

static inline void packet6_seal(struct packet *p)
{
	packet6_seal_behind(p, p->b[ETH + 6], 0);
}

static inline void packet6_begin(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
				 struct ip128 src, struct ip128 dst, uint8_t proto, size_t l4_len)
{
	uint8_t *ip = p->b + ETH;

	memset(p, 0, sizeof(*p));
	memcpy(p->b, dmac, 6);
	memcpy(p->b + 6, smac, 6);
	put16be(p->b + 12, 0x86dd);
	ip[0] = 0x60;
	ip[6] = proto;
	ip[7] = 64;
	memcpy(ip + 8, src.b, 16);
	memcpy(ip + 24, dst.b, 16);
	p->len = ETH + IP6 + l4_len;
	for (size_t i = 0; i < l4_len; i++)
		ip[IP6 + i] = (uint8_t)(i * 7);
}

static inline void packet6_udp(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
			       struct ip128 src, unsigned sport, struct ip128 dst, unsigned dport)
{
	uint8_t *udp = p->b + ETH + IP6;

	packet6_begin(p, smac, dmac, src, dst, IPPROTO_UDP, 8 + 21);
	put16be(udp, sport);
	put16be(udp + 2, dport);
	put16be(udp + 4, 8 + 21);
	packet6_seal(p);
}

static inline void packet6_tcp(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
			       struct ip128 src, unsigned sport, struct ip128 dst, unsigned dport,
			       uint8_t flags)
{
	uint8_t *tcp = p->b + ETH + IP6;

	packet6_begin(p, smac, dmac, src, dst, IPPROTO_TCP, 20 + 10);
	put16be(tcp, sport);
	put16be(tcp + 2, dport);
	tcp[12] = 0x50;
	tcp[13] = flags;
	packet6_seal(p);
}

static inline void packet6_icmp(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
				struct ip128 src, struct ip128 dst, uint8_t type, uint8_t code,
				const void *body, size_t len)
{
	uint8_t *icmp = p->b + ETH + IP6;

	packet6_begin(p, smac, dmac, src, dst, IPPROTO_ICMPV6, 4 + len);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 4, body, len);
	packet6_seal(p);
}

static inline void packet6_echo(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
				struct ip128 src, struct ip128 dst, uint8_t type, unsigned id)
{
	uint8_t body[20] = {0};

	put16be(body, id);
	packet6_icmp(p, smac, dmac, src, dst, type, 0, body, sizeof(body));
}

/* Puts `len` octets between the header and what follows it; next[0] becomes the next header. */
static inline void packet6_insert(struct packet *p, uint8_t type, const uint8_t *header, size_t len)
{
	uint8_t *ip = p->b + ETH;

	memmove(ip + IP6 + len, ip + IP6, p->len - ETH - IP6);
	memcpy(ip + IP6, header, len);
	ip[IP6] = ip[6];
	ip[6] = type;
	p->len += len;
	put16be(ip + 4, (unsigned)(p->len - ETH - IP6));
}

#endif
