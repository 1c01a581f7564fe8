/* SPDX-License-Identifier: MIT
 * A capture as people and programs read it: pcapng, pcap, or lines of text.
 */
#ifndef VPCD_VPCD_CAPTURE_FORMAT_H
#define VPCD_VPCD_CAPTURE_FORMAT_H

#include "vpcd/pcapng.h"

enum capture_format { CAPTURE_PCAPNG, CAPTURE_PCAP, CAPTURE_TEXT };

/* An interface of a capture. name, description, filter: NULL ok. */
struct capture_interface {
	uint16_t linktype;
	uint32_t snaplen;
	const char *name, *description, *filter;
};

/* The beginning; first: the one interface of a pcap file. */
void capture_put_begin(struct buf *out, enum capture_format format,
		       const struct capture_interface *first);
/* Interfaces are numbered in this order; only pcapng tells of them. */
void capture_put_interface(struct buf *out, enum capture_format format,
			   const struct capture_interface *i);
void capture_put_packet(struct buf *out, enum capture_format format, uint16_t linktype,
			const struct captured *p);
/* What was received and what was lost for want of room since the capture began. */
void capture_put_losses(struct buf *out, enum capture_format format, uint64_t received,
			uint64_t lost);

#endif
