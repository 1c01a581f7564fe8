/* SPDX-License-Identifier: MIT
 * See packet.h.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "packet.h"

#define ETH 14
#define IP4 20
#define IP6 40

const char *const oddity_names[ODD_COUNT] = {"none", "vlan",  "ethertype", "options",
					     "ttl",  "short", "doff",	   "mac"};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* ---- RFC 1071 ---- */

static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	return n & 1 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static unsigned sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum & 0xffff;
}

/* Of a transport header with its payload, pseudo header included where the protocol has one. */
static unsigned l4_sum(const struct packet *p, const uint8_t *l4, size_t n)
{
	bool v6 = p->src.family == AF_INET6;
	uint32_t sum = 0;

	if (p->protocol != IPPROTO_ICMP) {
		size_t from = v6 ? 0 : 12;

		sum = sum_add(sum, p->src.b + from, 16 - from);
		sum = sum_add(sum, p->dst.b + from, 16 - from);
		sum += p->protocol + (uint32_t)n;
	}
	return sum_fold(sum_add(sum, l4, n));
}

/* ---- what it is ---- */

bool packet_is_icmp(const struct packet *p)
{
	return p->protocol == (p->src.family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

bool packet_is_echo_request(const struct packet *p)
{
	return packet_is_icmp(p) && p->icmp_type == (p->protocol == IPPROTO_ICMP ? 8 : 128);
}

bool packet_is_echo(const struct packet *p)
{
	return packet_is_echo_request(p) ||
	       (packet_is_icmp(p) && p->icmp_type == (p->protocol == IPPROTO_ICMP ? 0 : 129));
}

static size_t l4_header_len(const struct packet *p)
{
	if (p->protocol == IPPROTO_TCP)
		return 20;
	return p->protocol == IPPROTO_UDP || packet_is_icmp(p) ? 8 : 0;
}

static size_t ip_header_len(const struct packet *p)
{
	if (p->src.family == AF_INET6)
		return IP6;
	return p->odd == ODD_OPTIONS ? IP4 + 4 : IP4;
}

size_t packet_ip_len(const struct packet *p)
{
	return ip_header_len(p) + l4_header_len(p) + p->payload;
}

/* ---- building ---- */

static size_t build_arp(const struct packet *p, uint8_t *f)
{
	uint8_t *arp = f + ETH;

	memset(f, 0xff, 6);
	put16(f + 12, 0x0806);
	put16(arp, 1);
	put16(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, 1);
	memcpy(arp + 8, p->smac.b, 6);
	memcpy(arp + 14, p->src.b + 12, 4);
	memcpy(arp + 24, p->dst.b + 12, 4);
	return ETH + 28;
}

static void build_ipv4(const struct packet *p, uint8_t *ip)
{
	size_t header = ip_header_len(p);

	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, (unsigned)packet_ip_len(p));
	put16(ip + 6, p->dont_fragment ? 0x4000 : 0);
	ip[8] = p->odd == ODD_TTL ? 0 : 64;
	ip[9] = p->protocol;
	memcpy(ip + 12, p->src.b + 12, 4);
	memcpy(ip + 16, p->dst.b + 12, 4);
	put16(ip + 10, ~sum_fold(sum_add(0, ip, header)) & 0xffff);
}

static void build_ipv6(const struct packet *p, uint8_t *ip)
{
	ip[0] = 0x60;
	put16(ip + 4, (unsigned)(packet_ip_len(p) - IP6));
	ip[6] = p->protocol;
	ip[7] = p->odd == ODD_TTL ? 0 : 64;
	memcpy(ip + 8, p->src.b, 16);
	memcpy(ip + 24, p->dst.b, 16);
}

static void build_l4(const struct packet *p, uint8_t *l4)
{
	size_t header = l4_header_len(p), n = header + p->payload, at = 2;

	for (size_t i = header; i < n; i++)
		l4[i] = (uint8_t)(i * 7);
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) {
		put16(l4, p->sport);
		put16(l4 + 2, p->dport);
		at = p->protocol == IPPROTO_TCP ? 16 : 6;
	}
	if (p->protocol == IPPROTO_TCP) {
		l4[12] = p->odd == ODD_DOFF ? 0x40 : 0x50;
		l4[13] = p->tcp_flags;
	} else if (p->protocol == IPPROTO_UDP) {
		put16(l4 + 4, (unsigned)n);
	} else if (packet_is_icmp(p)) {
		l4[0] = p->icmp_type;
		l4[1] = p->icmp_code;
		put16(l4 + 4, p->icmp_id);
	} else {
		return;
	}
	put16(l4 + at, ~l4_sum(p, l4, n) & 0xffff);
}

size_t packet_build(const struct packet *p, uint8_t frame[FRAME_MAX])
{
	bool v6 = p->src.family == AF_INET6;
	uint8_t *ip = frame + ETH;

	memset(frame, 0, FRAME_MAX);
	memcpy(frame, p->dmac.b, 6);
	memcpy(frame + 6, p->smac.b, 6);
	if (p->arp)
		return build_arp(p, frame);
	put16(frame + 12, v6 ? 0x86dd : 0x0800);
	if (v6)
		build_ipv6(p, ip);
	else
		build_ipv4(p, ip);
	build_l4(p, ip + ip_header_len(p));
	if (p->odd == ODD_ETHERTYPE)
		put16(frame + 12, 0x88cc);
	if (p->odd == ODD_VLAN)
		put16(frame + 12, 0x8100);
	return ETH + packet_ip_len(p) - (p->odd == ODD_SHORT);
}

/* ---- reading ---- */

static bool read_ip(const uint8_t *ip, size_t len, struct packet *p, size_t *ret_header,
		    const char **why)
{
	bool v6 = ip[0] >> 4 == 6;

	*ret_header = v6 ? IP6 : IP4;
	*why = "IP header";
	if (len < *ret_header)
		return false;
	p->src.family = p->dst.family = v6 ? AF_INET6 : AF_INET;
	if (v6) {
		p->protocol = ip[6];
		memcpy(p->src.b, ip + 8, 16);
		memcpy(p->dst.b, ip + 24, 16);
		return get16(ip + 4) + IP6 == len;
	}
	p->src = ip_from_v4((uint32_t)get16(ip + 12) << 16 | get16(ip + 14));
	p->dst = ip_from_v4((uint32_t)get16(ip + 16) << 16 | get16(ip + 18));
	p->protocol = ip[9];
	p->dont_fragment = get16(ip + 6) == 0x4000;
	if (ip[0] != 0x45 || get16(ip + 2) != len)
		return false;
	*why = "IP checksum";
	return sum_fold(sum_add(0, ip, IP4)) == 0xffff;
}

static bool read_l4(const uint8_t *l4, size_t len, struct packet *p, const char **why)
{
	size_t header = l4_header_len(p);

	*why = "transport header";
	if (len < header)
		return false;
	p->payload = (uint16_t)(len - header);
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) {
		p->sport = (uint16_t)get16(l4);
		p->dport = (uint16_t)get16(l4 + 2);
		p->tcp_flags = p->protocol == IPPROTO_TCP ? l4[13] : 0;
	} else if (packet_is_icmp(p)) {
		p->icmp_type = l4[0];
		p->icmp_code = l4[1];
		p->icmp_id = (uint16_t)get16(l4 + 4);
	} else {
		return true;
	}
	*why = "transport checksum";
	return l4_sum(p, l4, len) == 0xffff;
}

bool packet_read(const uint8_t *frame, size_t len, struct packet *ret, const char **ret_why)
{
	unsigned type = get16(frame + 12);
	size_t header;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->dmac.b, frame, 6);
	memcpy(ret->smac.b, frame + 6, 6);
	*ret_why = "EtherType";
	if (type == 0x0806) {
		ret->arp = true;
		ret->src = ip_from_v4((uint32_t)get16(frame + ETH + 14) << 16 |
				      get16(frame + ETH + 16));
		ret->dst = ip_from_v4((uint32_t)get16(frame + ETH + 24) << 16 |
				      get16(frame + ETH + 26));
		*ret_why = "ARP is no reply, or not from its sender";
		return get16(frame + ETH + 6) == 2 && !memcmp(frame + ETH + 8, frame + 6, 6) &&
		       !memcmp(frame + ETH + 18, frame, 6);
	}
	if (type != 0x0800 && type != 0x86dd)
		return false;
	return read_ip(frame + ETH, len - ETH, ret, &header, ret_why) &&
	       read_l4(frame + ETH + header, len - ETH - header, ret, ret_why);
}

bool packet_payload_intact(const uint8_t *frame, size_t len, const struct packet *p)
{
	const uint8_t *l4 = frame + ETH + ip_header_len(p);
	size_t header = l4_header_len(p), n = header + p->payload;

	if (ETH + packet_ip_len(p) != len)
		return false;
	for (size_t i = header; i < n; i++)
		if (l4[i] != (uint8_t)(i * 7))
			return false;
	return true;
}

/* ---- for people ---- */

static const char *flags_text(uint8_t flags, char buf[8])
{
	size_t n = 0;

	if (flags & TCP_SYN)
		buf[n++] = 'S';
	if (flags & TCP_ACK)
		buf[n++] = 'A';
	if (flags & TCP_FIN)
		buf[n++] = 'F';
	if (flags & TCP_RST)
		buf[n++] = 'R';
	buf[n] = 0;
	return buf;
}

const char *packet_text(const struct packet *p, char *buf, size_t len)
{
	char src[IP_STRLEN], dst[IP_STRLEN], flags[8];

	ip_format(&p->src, src);
	ip_format(&p->dst, dst);
	if (p->arp)
		snprintf(buf, len, "arp %s > %s", src, dst);
	else if (p->protocol == IPPROTO_TCP)
		snprintf(buf, len, "tcp %s %u > %s %u %s len %zu", src, p->sport, dst, p->dport,
			 flags_text(p->tcp_flags, flags), packet_ip_len(p));
	else if (p->protocol == IPPROTO_UDP)
		snprintf(buf, len, "udp %s %u > %s %u len %zu", src, p->sport, dst, p->dport,
			 packet_ip_len(p));
	else if (packet_is_icmp(p))
		snprintf(buf, len, "icmp %s > %s type %u code %u id %u", src, dst, p->icmp_type,
			 p->icmp_code, p->icmp_id);
	else
		snprintf(buf, len, "protocol %u %s > %s", p->protocol, src, dst);
	return buf;
}
