/* SPDX-License-Identifier: MIT
 * See packet_text.h. Reads no byte that was not captured.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "vpcd/packet_text.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV6 0x86dd

struct view {
	const uint8_t *p;
	size_t len;
};

/* False where fewer than n bytes are left. */
static bool view_skip(struct view *v, size_t n)
{
	if (v->len < n)
		return false;
	v->p += n;
	v->len -= n;
	return true;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put_address(struct buf *out, int family, const uint8_t *address, int port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, text, sizeof(text));
	if (port < 0)
		buf_puts(out, text);
	else
		buf_printf(out, family == AF_INET6 ? "[%s]:%d" : "%s:%d", text, port);
}

static void put_tcp_flags(struct buf *out, unsigned flags)
{
	static const char letters[] = "FSRPAUEC";
	char text[9];
	size_t n = 0;

	for (size_t i = 0; i < 8; i++)
		if (flags & 1u << i)
			text[n++] = letters[i];
	text[n] = 0;
	buf_printf(out, " tcp %s", n ? text : "-");
}

static void put_protocol(struct buf *out, unsigned protocol, const struct view *l4, bool first)
{
	if (protocol == IPPROTO_TCP && first && l4->len >= 14)
		put_tcp_flags(out, l4->p[13]);
	else if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		buf_puts(out, protocol == IPPROTO_TCP ? " tcp" : " udp");
	else if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) && first && l4->len >= 2)
		buf_printf(out, " %s type %u code %u", protocol == IPPROTO_ICMP ? "icmp" : "icmpv6",
			   l4->p[0], l4->p[1]);
	else
		buf_printf(out, " proto %u", protocol);
	if (!first)
		buf_puts(out, " fragment");
}

static void put_ip(struct buf *out, int family, const uint8_t *src, const uint8_t *dst,
		   unsigned protocol, const struct view *l4, bool first)
{
	bool ports = (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && first && l4->len >= 4;

	put_address(out, family, src, ports ? (int)get16(l4->p) : -1);
	buf_puts(out, " > ");
	put_address(out, family, dst, ports ? (int)get16(l4->p + 2) : -1);
	put_protocol(out, protocol, l4, first);
}

static void put_ipv4(struct buf *out, struct view v)
{
	const uint8_t *ip = v.p;
	bool first;

	if (v.len < 20 || !view_skip(&v, (ip[0] & 15u) * 4)) {
		buf_puts(out, "ip cut short");
		return;
	}
	first = !(get16(ip + 6) & 0x1fff);
	put_ip(out, AF_INET, ip + 12, ip + 16, ip[9], &v, first);
}

static void put_ipv6(struct buf *out, struct view v)
{
	const uint8_t *ip = v.p;
	unsigned next;
	bool first = true;

	if (!view_skip(&v, 40)) {
		buf_puts(out, "ip6 cut short");
		return;
	}
	next = ip[6];
	if (next == IPPROTO_FRAGMENT && v.len >= 8) {
		next = v.p[0];
		first = !(get16(v.p + 2) & 0xfff8);
		view_skip(&v, 8);
	}
	put_ip(out, AF_INET6, ip + 8, ip + 24, next, &v, first);
}

static void put_arp(struct buf *out, const struct view *v)
{
	bool request;

	if (v->len < 28) {
		buf_puts(out, "arp cut short");
		return;
	}
	request = get16(v->p + 6) == 1;
	buf_puts(out, request ? "arp who-has " : "arp reply ");
	put_address(out, AF_INET, v->p + (request ? 24 : 14), -1);
	buf_puts(out, request ? " tell " : " to ");
	put_address(out, AF_INET, v->p + (request ? 14 : 24), -1);
}

static void put_payload(struct buf *out, unsigned type, const struct view *v)
{
	if (type == ETHERTYPE_IPV4)
		put_ipv4(out, *v);
	else if (type == ETHERTYPE_IPV6)
		put_ipv6(out, *v);
	else if (type == ETHERTYPE_ARP)
		put_arp(out, v);
	else
		buf_printf(out, "ethertype 0x%04x", type);
}

static void put_time(struct buf *out, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;

	localtime_r(&s, &tm);
	buf_printf(out, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (unsigned)(ns % 1000000000u / 1000));
}

void packet_text(struct buf *out, uint16_t linktype, const struct captured *p)
{
	static const char *const directions[] = {"  ", "in", "out"};
	bool cooked = linktype == LINKTYPE_LINUX_SLL2;
	struct view v = {p->data, p->len_captured};
	const uint8_t *header = v.p;

	put_time(out, p->time_ns);
	buf_printf(out, " %-3s ", directions[p->direction]);
	if (view_skip(&v, cooked ? 20 : 14))
		put_payload(out, get16(header + (cooked ? 0 : 12)), &v);
	else
		buf_puts(out, "cut short");
	buf_printf(out, " %u bytes", p->len_original);
	if (p->comment)
		buf_printf(out, " # %s", p->comment);
	buf_puts(out, "\n");
}
