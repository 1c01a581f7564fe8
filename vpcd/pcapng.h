/* SPDX-License-Identifier: MIT
 * Writing pcapng (draft-ietf-opsawg-pcapng) and pcap: blocks appended to a buffer, in this
 * machine's byte order, timestamps in nanoseconds.
 */
#ifndef VPCD_VPCD_PCAPNG_H
#define VPCD_VPCD_PCAPNG_H

#include <stdint.h>

#include "lib/buf.h"

#define LINKTYPE_ETHERNET   1
#define LINKTYPE_LINUX_SLL2 276

enum packet_direction { PACKET_UNKNOWN, PACKET_INBOUND, PACKET_OUTBOUND };

/* A captured packet. data: len_captured bytes of the len_original that it had. */
struct captured {
	uint32_t interface; /* by order of pcapng_interface() */
	uint64_t time_ns;   /* Unix time */
	const void *data;
	uint32_t len_captured, len_original;
	enum packet_direction direction;
	const char *comment; /* UTF-8; NULL: none */
};

/* Begins a file. */
void pcapng_section(struct buf *out, const char *application);
/* The next interface. filter: NULL or the text of the capture filter. */
void pcapng_interface(struct buf *out, uint16_t linktype, uint32_t snaplen, const char *name,
		      const char *description, const char *filter);
void pcapng_packet(struct buf *out, const struct captured *p);
/* received, dropped: since the capture began; dropped by the kernel for want of room. */
void pcapng_statistics(struct buf *out, uint32_t interface, uint64_t time_ns, uint64_t received,
		       uint64_t dropped);

/* The older format: one link type, no comments. */
void pcap_header(struct buf *out, uint32_t linktype, uint32_t snaplen);
void pcap_packet(struct buf *out, const struct captured *p);

#endif
