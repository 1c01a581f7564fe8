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

const char *const oddity_names[ODD_COUNT] = {"none",  "vlan", "ethertype", "options",	"ttl",
					     "short", "doff", "mac",	   "extension", "mapped"};

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

bool packet_is_error_type(const struct packet *p)
{
	if (!packet_is_icmp(p))
		return false;
	if (p->protocol == IPPROTO_ICMP)
		return p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12;
	return p->icmp_type >= 1 && p->icmp_type <= 4;
}

bool packet_is_fragment(const struct packet *p)
{
	return p->more || p->offset;
}

static size_t l4_header_len(const struct packet *p)
{
	if (p->offset)
		return 0;
	if (p->protocol == IPPROTO_TCP)
		return 20;
	return p->protocol == IPPROTO_UDP || packet_is_icmp(p) ? 8 : 0;
}

static size_t ip_header_len(const struct packet *p)
{
	if (p->src.family == AF_INET6)
		return packet_is_fragment(p) ? IP6 + 8 : IP6;
	return p->odd == ODD_OPTIONS ? IP4 + 4 : IP4;
}

size_t packet_ip_len(const struct packet *p)
{
	return ip_header_len(p) + l4_header_len(p) + p->payload;
}

/* ---- building ---- */

struct packet packet_of_quote(const struct quoted *q)
{
	return (struct packet){.src = q->src,
			       .dst = q->dst,
			       .protocol = q->protocol,
			       .sport = q->sport,
			       .dport = q->dport,
			       .tcp_flags = q->tcp_flags,
			       .icmp_type = q->icmp_type,
			       .icmp_code = q->icmp_code,
			       .icmp_id = q->icmp_id,
			       .payload = q->payload,
			       .dont_fragment = q->dont_fragment};
}

struct quoted packet_quote(const struct packet *p, unsigned len)
{
	size_t there = l4_header_len(p) + p->payload;

	return (struct quoted){.src = p->src,
			       .dst = p->dst,
			       .protocol = p->protocol,
			       .sport = p->sport,
			       .dport = p->dport,
			       .tcp_flags = p->tcp_flags,
			       .icmp_type = p->icmp_type,
			       .icmp_code = p->icmp_code,
			       .icmp_id = p->icmp_id,
			       .payload = p->payload,
			       .dont_fragment = p->dont_fragment,
			       .len = (uint16_t)(len < there ? len : there)};
}

/* The head of the packet as it was, with its checksums over all of it. */
static void build_quote(const struct quoted *q, uint8_t *to)
{
	struct packet p = packet_of_quote(q);
	uint8_t frame[FRAME_MAX];

	packet_build(&p, frame);
	memcpy(to, frame + ETH, ip_header_len(&p) + q->len);
}

static void build_ipv4(const struct packet *p, uint8_t *ip)
{
	size_t header = ip_header_len(p);

	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, (unsigned)packet_ip_len(p));
	put16(ip + 4, packet_is_fragment(p) ? p->fragment_id : 0);
	put16(ip + 6, (p->dont_fragment ? 0x4000 : 0) | (p->more ? 0x2000 : 0) | p->offset / 8);
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
	ip[6] = packet_is_fragment(p) ? 44 : p->protocol;
	ip[7] = p->odd == ODD_TTL ? 0 : 64;
	if (p->odd == ODD_EXTENSION)
		ip[6] = 0;
	memcpy(ip + 8, p->src.b, 16);
	memcpy(ip + 24, p->dst.b, 16);
	if (p->odd == ODD_MAPPED) {
		memset(ip + 8, 0, 10);
		memset(ip + 18, 0xff, 2);
	}
	if (packet_is_fragment(p)) {
		ip[IP6] = p->protocol;
		put16(ip + IP6 + 2, (unsigned)p->offset | p->more);
		put16(ip + IP6 + 6, p->fragment_id);
	}
}

/* RFC 4861, section 4.3, to the solicited-node multicast address. */
static size_t build_solicitation(const struct packet *p, uint8_t *f)
{
	uint8_t *ip = f + ETH, *icmp = ip + IP6;
	struct packet q = {.src = p->src, .protocol = IPPROTO_ICMPV6};

	ip_parse("ff02::1:ff00:0", &q.dst);
	memcpy(q.dst.b + 13, p->dst.b + 13, 3);
	f[0] = f[1] = 0x33;
	memcpy(f + 2, q.dst.b + 12, 4);
	put16(f + 12, 0x86dd);
	q.payload = 24;
	build_ipv6(&q, ip);
	ip[7] = 255;
	icmp[0] = 135;
	memcpy(icmp + 8, p->dst.b, 16);
	icmp[24] = icmp[25] = 1;
	memcpy(icmp + 26, p->smac.b, 6);
	put16(icmp + 2, ~l4_sum(&q, icmp, 32) & 0xffff);
	return ETH + IP6 + 32;
}

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

static void build_l4(const struct packet *p, uint8_t *l4)
{
	size_t header = l4_header_len(p), n = header + p->payload, at = 2;

	for (size_t i = header; i < n; i++)
		l4[i] = (uint8_t)(i * 7);
	if (p->offset)
		return;
	if (p->error)
		build_quote(&p->quoted, l4 + header);
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
		put16(l4 + 6, p->icmp_mtu);
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
		return v6 ? build_solicitation(p, frame) : build_arp(p, frame);
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
		if (ip[6] == 44 && len >= IP6 + 8) {
			*ret_header = IP6 + 8;
			p->protocol = ip[IP6];
			p->offset = (uint16_t)(get16(ip + IP6 + 2) & 0xfff8);
			p->more = ip[IP6 + 3] & 1;
			p->fragment_id = (uint16_t)get16(ip + IP6 + 6);
		}
		return get16(ip + 4) + IP6 == len;
	}
	p->src = ip_from_v4((uint32_t)get16(ip + 12) << 16 | get16(ip + 14));
	p->dst = ip_from_v4((uint32_t)get16(ip + 16) << 16 | get16(ip + 18));
	p->protocol = ip[9];
	p->dont_fragment = (get16(ip + 6) & 0x4000) != 0;
	p->more = (get16(ip + 6) & 0x2000) != 0;
	p->offset = (uint16_t)(get16(ip + 6) * 8);
	if (packet_is_fragment(p))
		p->fragment_id = (uint16_t)get16(ip + 4);
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
	if (p->offset)
		return true;
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) {
		p->sport = (uint16_t)get16(l4);
		p->dport = (uint16_t)get16(l4 + 2);
		p->tcp_flags = p->protocol == IPPROTO_TCP ? l4[13] : 0;
	} else if (packet_is_icmp(p)) {
		p->icmp_type = l4[0];
		p->icmp_code = l4[1];
		p->icmp_id = (uint16_t)get16(l4 + 4);
		p->icmp_mtu = (uint16_t)get16(l4 + 6);
	} else {
		return true;
	}
	*why = "transport checksum";
	return l4_sum(p, l4, len) == 0xffff;
}

/* The answer to a solicitation: of the target, to who asked, with the MAC that the frame is from.
 */
static bool read_advertisement(const uint8_t *frame, struct packet *ret, const char **why)
{
	const uint8_t *ip = frame + ETH, *icmp = ip + IP6;
	struct packet q = {.protocol = IPPROTO_ICMPV6};

	q.src.family = q.dst.family = AF_INET6;
	memcpy(q.src.b, ip + 8, 16);
	memcpy(q.dst.b, ip + 24, 16);
	ret->arp = true;
	ret->src = q.src;
	ret->dst = q.dst;
	*why = "advertisement";
	return ip[7] == 255 && l4_sum(&q, icmp, 32) == 0xffff && !memcmp(icmp + 8, q.src.b, 16) &&
	       icmp[24] == 2 && icmp[25] == 1 && !memcmp(icmp + 26, frame + 6, 6);
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
	if (len == ETH + IP6 + 32 && frame[ETH + 6] == IPPROTO_ICMPV6 && frame[ETH + IP6] == 136)
		return read_advertisement(frame, ret, ret_why);
	return read_ip(frame + ETH, len - ETH, ret, &header, ret_why) &&
	       read_l4(frame + ETH + header, len - ETH - header, ret, ret_why);
}

/* Two one's complement sums of the same: 0 and 0xffff are one number. */
static bool word_same(unsigned a, unsigned b)
{
	return a == b || ((a == 0 || a == 0xffff) && (b == 0 || b == 0xffff));
}

bool packet_payload_intact(const uint8_t *frame, size_t len, const struct packet *p)
{
	size_t from = ETH + ip_header_len(p), header = l4_header_len(p);
	uint8_t wanted[FRAME_MAX];

	if (packet_build(p, wanted) != len)
		return false;
	from += p->protocol == IPPROTO_TCP && !p->offset ? 18 : header;
	for (; from + 1 < len; from += 2)
		if (!word_same(get16(frame + from), get16(wanted + from)))
			return false;
	return from == len || frame[from] == wanted[from];
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
	if (packet_is_fragment(p)) {
		size_t n = strlen(buf);

		snprintf(buf + n, len - n, " fragment %u at %u%s", p->fragment_id, p->offset,
			 p->more ? " more" : "");
	}
	return buf;
}
