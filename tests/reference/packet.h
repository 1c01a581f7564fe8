/* SPDX-License-Identifier: MIT
 * A packet as people speak of it, and the frame that it is: built with complete checksums, and read
 * back by a plain implementation that knows nothing of the programs. The reference judges packets;
 * the programs judge frames.
 */
#ifndef VPCD_TESTS_REFERENCE_PACKET_H
#define VPCD_TESTS_REFERENCE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define FRAME_MAX 3072

/* What is wrong or unusual with a frame, beside what its packet says. */
enum oddity {
	ODD_NONE,
	ODD_VLAN,      /* an 802.1Q tag */
	ODD_ETHERTYPE, /* one that nobody carries */
	ODD_OPTIONS,   /* IPv4 header of 24 bytes */
	ODD_TTL,       /* 0 */
	ODD_SHORT,     /* one byte less than the IP header says */
	ODD_DOFF,      /* TCP header shorter than itself */
	ODD_MAC,       /* source MAC of somebody else */
	ODD_EXTENSION, /* IPv6: a hop-by-hop header */
	ODD_MAPPED,    /* IPv6: source ::ffff:10.0.1.4 */
	ODD_COUNT
};
extern const char *const oddity_names[ODD_COUNT];

/* What an ICMP error quotes: headers and `len` bytes of transport of a packet. */
struct quoted {
	struct ip src, dst;
	uint8_t protocol;
	uint16_t sport, dport;
	uint8_t tcp_flags, icmp_type, icmp_code;
	uint16_t icmp_id;
	uint16_t payload; /* of the quoted packet when it was whole */
	bool dont_fragment;
	uint16_t len;
};

struct packet {
	/* A question of src about who has dst, and its answer (ARP, neighbour solicitation):
	 * nothing but addresses and MACs count then. */
	bool arp;
	struct ip src, dst;
	uint8_t protocol;
	uint16_t sport, dport; /* TCP, UDP */
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code; /* ICMP, ICMPv6 */
	uint16_t icmp_id;	      /* of an echo */
	uint16_t icmp_mtu;	      /* of an error that tells one */
	uint16_t payload;	      /* bytes after the transport header */
	bool dont_fragment;
	/* A fragment: more of them follow, or it begins at an offset (and has no transport header).
	 */
	bool more;
	uint16_t offset; /* in bytes, a multiple of 8 */
	uint16_t fragment_id;
	bool error; /* ICMP error: its payload is what it quotes */
	struct quoted quoted;
	enum oddity odd;
	struct mac smac, dmac;
};

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

bool packet_is_icmp(const struct packet *p); /* of its family */
bool packet_is_echo(const struct packet *p); /* request or reply */
bool packet_is_echo_request(const struct packet *p);
bool packet_is_error_type(const struct packet *p); /* of an ICMP error */
bool packet_is_fragment(const struct packet *p);
/* The packet that is quoted, and back. len: bytes of its transport, at most what there is. */
struct packet packet_of_quote(const struct quoted *q);
struct quoted packet_quote(const struct packet *p, unsigned len);
size_t packet_ip_len(const struct packet *p); /* of the IP packet, header included */

/* Returns the frame's length. */
size_t packet_build(const struct packet *p, uint8_t frame[FRAME_MAX]);
/* Reads a frame of the kind that packet_build makes; false, and why, if it is none, or if one of
 * its checksums is wrong. */
bool packet_read(const uint8_t *frame, size_t len, struct packet *ret, const char **ret_why);
/* Is everything behind the first 8 bytes of the transport as packet_build(p) has it? */
bool packet_payload_intact(const uint8_t *frame, size_t len, const struct packet *p);

/* "udp 10.0.1.5:4000 > 10.0.2.7:53 len 41", for messages. */
const char *packet_text(const struct packet *p, char *buf, size_t len);

#endif
