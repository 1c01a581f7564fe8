/* SPDX-License-Identifier: MIT
 * See recorded_packet.h.
 */
#include "cli/recorded_packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <netinet/in.h>
#include <string.h>

#include <pcap/dlt.h>

#define IPV6_EXTENSIONS_MAX 8
#define VLAN_TAGS_MAX	    2

/* The rest of a packet that has been captured. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

static bool take(struct bytes *b, size_t n)
{
	if (n > b->n)
		return false;
	b->p += n;
	b->n -= n;
	return true;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* ---- link layers: what follows is of EtherType *ret ---- */

static bool ethernet_read(struct bytes *b, struct seen_packet *ret, uint16_t *ret_type)
{
	if (b->n < ETH_HLEN)
		return false;
	memcpy(ret->to_mac.b, b->p, 6);
	memcpy(ret->from_mac.b, b->p + 6, 6);
	*ret_type = be16(b->p + 12);
	take(b, ETH_HLEN);
	for (int i = 0;
	     i < VLAN_TAGS_MAX && (*ret_type == ETH_P_8021Q || *ret_type == ETH_P_8021AD); i++) {
		if (b->n < 4)
			return false;
		*ret_type = be16(b->p + 2);
		take(b, 4);
	}
	return true;
}

/* LINKTYPE_LINUX_SLL and _SLL2 (tcpdump.org/linktypes): where the protocol stands, and what
 * follows. */
static bool cooked_read(struct bytes *b, size_t protocol_at, size_t len, uint16_t *ret_type)
{
	if (b->n < len)
		return false;
	*ret_type = be16(b->p + protocol_at);
	return take(b, len);
}

static bool raw_read(struct bytes *b, uint16_t *ret_type)
{
	if (!b->n)
		return false;
	*ret_type = b->p[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
	return true;
}

static bool link_read(int link, struct bytes *b, struct seen_packet *ret, uint16_t *ret_type)
{
	switch (link) {
	case DLT_EN10MB:
		return ethernet_read(b, ret, ret_type);
	case DLT_LINUX_SLL:
		return cooked_read(b, 14, 16, ret_type);
	case DLT_LINUX_SLL2:
		return cooked_read(b, 0, 20, ret_type);
	default:
		return raw_read(b, ret_type);
	}
}

bool recorded_link_is_known(int link)
{
	return link == DLT_EN10MB || link == DLT_LINUX_SLL || link == DLT_LINUX_SLL2 ||
	       link == DLT_RAW || link == DLT_IPV4 || link == DLT_IPV6;
}

/* ---- IP ---- */

static void address_set(struct ip *ret, const struct in6_addr *v6)
{
	ret->family = AF_INET6;
	memcpy(ret->b, v6, sizeof(*v6));
}

static bool ipv4_read(struct bytes *b, struct seen_packet *ret)
{
	struct iphdr ip;

	if (b->n < sizeof(ip))
		return false;
	memcpy(&ip, b->p, sizeof(ip));
	/* A fragment but the first has no ports, and is of a flow that had one. */
	if (ip.version != 4 || ip.ihl < 5 || ntohs(ip.frag_off) & 0x1fff)
		return false;
	ret->from = ip_from_v4(ntohl(ip.saddr));
	ret->to = ip_from_v4(ntohl(ip.daddr));
	ret->protocol = ip.protocol;
	return take(b, ip.ihl * 4u);
}

static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

static bool extension_skip(struct bytes *b, uint8_t *next)
{
	bool fragment = *next == IPPROTO_FRAGMENT;
	size_t len;

	if (b->n < 8 || (fragment && be16(b->p + 2) & 0xfff8))
		return false;
	len = fragment ? 8 : 8 * (1u + b->p[1]);
	*next = b->p[0];
	return take(b, len);
}

static bool ipv6_read(struct bytes *b, struct seen_packet *ret)
{
	struct ipv6hdr ip;
	uint8_t next;

	if (b->n < sizeof(ip))
		return false;
	memcpy(&ip, b->p, sizeof(ip));
	if (ip.version != 6)
		return false;
	address_set(&ret->from, (const struct in6_addr *)(b->p + 8));
	address_set(&ret->to, (const struct in6_addr *)(b->p + 24));
	next = ip.nexthdr;
	take(b, sizeof(ip));
	for (int i = 0; is_extension(next); i++)
		if (i == IPV6_EXTENSIONS_MAX || !extension_skip(b, &next))
			return false;
	ret->protocol = next;
	return true;
}

/* ---- what lies above ---- */

static bool ports_read(const struct bytes *b, struct seen_packet *ret)
{
	if (b->n < 4)
		return false;
	ret->from_port = be16(b->p);
	ret->to_port = be16(b->p + 2);
	return true;
}

static bool tcp_read(const struct bytes *b, struct seen_packet *ret)
{
	const uint8_t SYN = 0x02, ACK = 0x10;

	if (b->n < 14 || !ports_read(b, ret))
		return false;
	if (b->p[13] & SYN)
		ret->role = b->p[13] & ACK ? SEEN_ANSWERS : SEEN_OPENS;
	return true;
}

/* Errors are of a flow that stands (RFC 792; RFC 4443: types below 128); neighbour discovery, 133
 * to 137, goes nowhere. */
static bool icmp_read(const struct bytes *b, struct seen_packet *ret)
{
	const bool v6 = ret->protocol == IPPROTO_ICMPV6;
	const uint8_t echo = v6 ? 128 : 8, reply = v6 ? 129 : 0;

	if (!b->n)
		return false;
	ret->type = b->p[0];
	if (v6 ? ret->type < 128 || (ret->type >= 133 && ret->type <= 137)
	       : ret->type == 3 || ret->type == 4 || ret->type == 5 || ret->type == 11 ||
			    ret->type == 12)
		return false;
	ret->role = ret->type == reply ? SEEN_ANSWERS : SEEN_OPENS;
	if (ret->type == reply)
		ret->type = echo;
	return true;
}

bool recorded_packet_read(int link, const uint8_t *data, size_t len, struct seen_packet *ret)
{
	struct bytes b = {data, len};
	uint16_t type = 0;

	*ret = (struct seen_packet){.packets = 1};
	if (!link_read(link, &b, ret, &type))
		return false;
	if (type == ETH_P_IP ? !ipv4_read(&b, ret) : type != ETH_P_IPV6 || !ipv6_read(&b, ret))
		return false;
	switch (ret->protocol) {
	case IPPROTO_TCP:
		return tcp_read(&b, ret);
	case IPPROTO_UDP:
		return ports_read(&b, ret);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return icmp_read(&b, ret);
	default:
		return false;
	}
}
