/* SPDX-License-Identifier: MIT
 * See pcapng.h. A block is its type, its length, a body padded to 32 bits with options at its end,
 * and its length again.
 */
#include <string.h>

#include "vpcd/pcapng.h"

#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define PCAP_MAGIC_NS	 0xa1b23c4du

enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_TIME_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
};

static void put16(struct buf *b, uint16_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void put32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void put_padded(struct buf *b, const void *data, size_t len)
{
	static const char zero[4];

	buf_add(b, data, len);
	buf_add(b, zero, -len & 3);
}

static void put_option(struct buf *b, enum option code, const void *value, size_t len)
{
	put16(b, (uint16_t)code);
	put16(b, (uint16_t)len);
	put_padded(b, value, len);
}

/* An option's length has 16 bits: a longer text is cut. */
static void put_text(struct buf *b, enum option code, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len)
		put_option(b, code, text, len < 65532 ? len : 65532);
}

static void put_time(struct buf *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

/* Returns where the block begins, for block_end(). */
static size_t block_begin(struct buf *b, uint32_t type)
{
	size_t at = b->len;

	put32(b, type);
	put32(b, 0);
	return at;
}

static void block_end(struct buf *b, size_t at)
{
	uint32_t len;

	put16(b, OPTION_END);
	put16(b, 0);
	len = (uint32_t)(b->len - at) + 4;
	put32(b, len);
	if (!b->rc)
		memcpy(b->p + at + 4, &len, sizeof(len));
}

void pcapng_section(struct buf *out, const char *application)
{
	size_t at = block_begin(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* its length is not known */
	put32(out, UINT32_MAX);
	put_text(out, SECTION_APPLICATION, application);
	block_end(out, at);
}

void pcapng_interface(struct buf *out, uint16_t linktype, uint32_t snaplen, const char *name,
		      const char *description, const char *filter)
{
	static const uint8_t nanoseconds = 9;
	cleanup_buf struct buf text = {0};
	size_t at = block_begin(out, BLOCK_INTERFACE);

	put16(out, linktype);
	put16(out, 0);
	put32(out, snaplen);
	put_text(out, INTERFACE_NAME, name);
	put_text(out, INTERFACE_DESCRIPTION, description);
	put_option(out, INTERFACE_TIME_RESOLUTION, &nanoseconds, 1);
	if (filter && *filter) {
		buf_add(&text, "", 1); /* kind 0: text as libpcap reads it */
		buf_puts(&text, filter);
		put_option(out, INTERFACE_FILTER, text.p, text.len);
	}
	block_end(out, at);
}

void pcapng_packet(struct buf *out, const struct captured *p)
{
	size_t at = block_begin(out, BLOCK_PACKET);
	uint32_t flags = p->direction; /* bits 0 and 1: 1 inbound, 2 outbound */

	put32(out, p->interface);
	put_time(out, p->time_ns);
	put32(out, p->len_captured);
	put32(out, p->len_original);
	put_padded(out, p->data, p->len_captured);
	if (flags)
		put_option(out, PACKET_FLAGS, &flags, sizeof(flags));
	put_text(out, OPTION_COMMENT, p->comment);
	block_end(out, at);
}

void pcapng_statistics(struct buf *out, uint32_t interface, uint64_t time_ns, uint64_t received,
		       uint64_t dropped)
{
	size_t at = block_begin(out, BLOCK_STATISTICS);

	put32(out, interface);
	put_time(out, time_ns);
	put_option(out, STATISTICS_RECEIVED, &received, sizeof(received));
	put_option(out, STATISTICS_DROPPED, &dropped, sizeof(dropped));
	block_end(out, at);
}

void pcap_header(struct buf *out, uint32_t linktype, uint32_t snaplen)
{
	put32(out, PCAP_MAGIC_NS);
	put16(out, 2); /* version 2.4 */
	put16(out, 4);
	put32(out, 0);
	put32(out, 0);
	put32(out, snaplen);
	put32(out, linktype);
}

void pcap_packet(struct buf *out, const struct captured *p)
{
	put32(out, (uint32_t)(p->time_ns / 1000000000u));
	put32(out, (uint32_t)(p->time_ns % 1000000000u));
	put32(out, p->len_captured);
	put32(out, p->len_original);
	buf_add(out, p->data, p->len_captured);
}
