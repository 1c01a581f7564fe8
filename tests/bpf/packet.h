/* SPDX-License-Identifier: MIT
 * Frames of tests: built with complete checksums, and judged by a plain implementation of RFC 1071
 * that knows nothing of the programs.
 */
#ifndef VPCD_TESTS_PACKET_H
#define VPCD_TESTS_PACKET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ETH 14
#define IP4 20

struct packet {
	uint8_t b[3584]; /* a test run takes no more than a page with its overhead */
	size_t len;
};

static inline void put16be(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32be(uint8_t *p, uint32_t v)
{
	put16be(p, v >> 16);
	put16be(p + 2, v & 0xffff);
}

static inline unsigned get16be(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline uint32_t get32be(const uint8_t *p)
{
	return (uint32_t)get16be(p) << 16 | get16be(p + 2);
}

static inline uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16be(p + i);
	return n & 1 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static inline unsigned sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum & 0xffff;
}

/* The L4 checksum over pseudo header and payload; 0xffff: right (or, for building, its complement
 * is what belongs into the field). */
static inline unsigned l4_sum(const struct packet *p)
{
	const uint8_t *ip = p->b + ETH;
	size_t n = p->len - ETH - IP4;
	uint32_t sum = 0;

	if (ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_UDP)
		sum = sum_add(sum, ip + 12, 8) + ip[9] + (uint32_t)n;
	return sum_fold(sum_add(sum, ip + IP4, n));
}

static inline size_t l4_checksum_offset(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
}

static inline bool checksums_right(const struct packet *p)
{
	const uint8_t *ip = p->b + ETH;
	uint8_t proto = ip[9];

	if (sum_fold(sum_add(0, ip, IP4)) != 0xffff)
		return false;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP)
		return true;
	if (proto == IPPROTO_UDP && !get16be(ip + IP4 + 6))
		return true; /* none was sent */
	return l4_sum(p) == 0xffff;
}

/* Lengths and checksums, once everything else is there. */
static inline void packet_seal(struct packet *p)
{
	uint8_t *ip = p->b + ETH, *l4 = ip + IP4;
	size_t at = l4_checksum_offset(ip[9]);

	put16be(ip + 2, (unsigned)(p->len - ETH));
	put16be(ip + 10, 0);
	put16be(ip + 10, ~sum_fold(sum_add(0, ip, IP4)) & 0xffff);
	if (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_ICMP)
		return;
	put16be(l4 + at, 0);
	put16be(l4 + at, ~l4_sum(p) & 0xffff);
}

static inline void packet_begin(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
				uint32_t src, uint32_t dst, uint8_t proto, size_t l4_len)
{
	uint8_t *ip = p->b + ETH;

	memset(p, 0, sizeof(*p));
	memcpy(p->b, dmac, 6);
	memcpy(p->b + 6, smac, 6);
	put16be(p->b + 12, 0x0800);
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = proto;
	put32be(ip + 12, src);
	put32be(ip + 16, dst);
	p->len = ETH + IP4 + l4_len;
	for (size_t i = 0; i < l4_len; i++)
		ip[IP4 + i] = (uint8_t)(i * 7);
}

static inline void packet_udp(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
			      uint32_t src, unsigned sport, uint32_t dst, unsigned dport)
{
	uint8_t *udp = p->b + ETH + IP4;

	packet_begin(p, smac, dmac, src, dst, IPPROTO_UDP, 8 + 21);
	put16be(udp, sport);
	put16be(udp + 2, dport);
	put16be(udp + 4, 8 + 21);
	packet_seal(p);
}

static inline void packet_tcp(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
			      uint32_t src, unsigned sport, uint32_t dst, unsigned dport,
			      uint8_t flags)
{
	uint8_t *tcp = p->b + ETH + IP4;

	packet_begin(p, smac, dmac, src, dst, IPPROTO_TCP, 20 + 10);
	put16be(tcp, sport);
	put16be(tcp + 2, dport);
	tcp[12] = 0x50;
	tcp[13] = flags;
	packet_seal(p);
}

static inline void packet_echo(struct packet *p, const uint8_t smac[6], const uint8_t dmac[6],
			       uint32_t src, uint32_t dst, uint8_t type, unsigned id)
{
	uint8_t *icmp = p->b + ETH + IP4;

	packet_begin(p, smac, dmac, src, dst, IPPROTO_ICMP, 8 + 16);
	icmp[0] = type;
	icmp[1] = 0;
	put16be(icmp + 4, id);
	packet_seal(p);
}

static inline void packet_arp(struct packet *p, const uint8_t smac[6], uint32_t sender,
			      uint32_t target)
{
	uint8_t *arp = p->b + ETH;

	memset(p, 0, sizeof(*p));
	memset(p->b, 0xff, 6);
	memcpy(p->b + 6, smac, 6);
	put16be(p->b + 12, 0x0806);
	put16be(arp, 1);
	put16be(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	put16be(arp + 6, 1);
	memcpy(arp + 8, smac, 6);
	put32be(arp + 14, sender);
	put32be(arp + 24, target);
	p->len = ETH + 28;
}

static inline uint32_t packet_src(const struct packet *p)
{
	return get32be(p->b + ETH + 12);
}

static inline uint32_t packet_dst(const struct packet *p)
{
	return get32be(p->b + ETH + 16);
}

static inline unsigned packet_sport(const struct packet *p)
{
	return get16be(p->b + ETH + IP4);
}

static inline unsigned packet_dport(const struct packet *p)
{
	return get16be(p->b + ETH + IP4 + 2);
}

static inline unsigned packet_echo_id(const struct packet *p)
{
	return get16be(p->b + ETH + IP4 + 4);
}

#endif
