/* SPDX-License-Identifier: MIT
 * See capture_file.h. pcapng is a sequence of blocks, pcap a header and then records; both say the
 * length of what follows. What is neither packet nor statistics (a section's header, interfaces) is
 * kept and begins each further file.
 */
#include "cli/capture_file.h"

#include <errno.h>
#include <string.h>

#define PCAP_HEADER	 24
#define PCAP_RECORD	 16
#define BLOCK_STATISTICS 5
#define BLOCK_PACKET	 6
#define UNIT_MAX	 (1u << 24) /* more than any block or record can have */

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Of the block or record at p; 0: more is needed to tell. */
static size_t unit_length(const struct capture_file *c, const char *p, size_t n)
{
	if (!c->pcap)
		return n < 8 ? 0 : get32(p + 4);
	if (!c->prologue_known)
		return PCAP_HEADER;
	return n < PCAP_RECORD ? 0 : PCAP_RECORD + get32(p + 8);
}

static bool is_packet(const struct capture_file *c, const char *p)
{
	return c->pcap ? c->prologue_known : get32(p) == BLOCK_PACKET;
}

/* The dropped count of an Interface Statistics Block: its second option, as vpcd writes it. */
static void read_statistics(struct capture_file *c, const char *p, size_t len)
{
	if (!c->pcap && get32(p) == BLOCK_STATISTICS && len >= 44)
		memcpy(&c->lost, p + 36, sizeof(c->lost));
}

static const char *file_name(const struct capture_file *c, char *buf, size_t len)
{
	if (!c->size)
		return c->path;
	snprintf(buf, len, "%s%u", c->path, c->files ? c->number % c->files : c->number);
	return buf;
}

static bool put(struct capture_file *c, const char *p, size_t n)
{
	if (n && fwrite(p, 1, n, c->f) != n)
		c->error = errno;
	c->bytes += n;
	return !c->error;
}

int capture_file_open(struct capture_file *c)
{
	char name[4096];

	c->f = strcmp(c->path, "-") ? fopen(file_name(c, name, sizeof(name)), "we") : stdout;
	c->bytes = 0;
	return c->f ? 0 : -errno;
}

static int file_end(struct capture_file *c)
{
	int rc = c->f == stdout ? fflush(c->f) : c->f ? fclose(c->f) : 0;

	c->f = NULL;
	return rc ? -errno : 0;
}

static bool next_file(struct capture_file *c)
{
	int rc = file_end(c);

	c->number++;
	if (!rc)
		rc = capture_file_open(c);
	c->error = -rc;
	return !rc && put(c, c->prologue.p, c->prologue.len);
}

static bool take_unit(struct capture_file *c, const char *p, size_t len)
{
	bool packet = is_packet(c, p);

	if (!packet && (c->pcap || get32(p) != BLOCK_STATISTICS))
		buf_add(&c->prologue, p, len);
	c->prologue_known = true;
	read_statistics(c, p, len);
	if (packet && c->size && c->bytes + len > c->size && c->bytes > c->prologue.len &&
	    !next_file(c))
		return false;
	if (!put(c, p, len))
		return false;
	c->packets += packet;
	return true;
}

bool capture_file_feed(struct capture_file *c, const char *data, size_t n)
{
	size_t at = 0, len;

	buf_add(&c->rest, data, n);
	if (c->rest.rc)
		c->error = ENOMEM;
	while (!c->error) {
		const char *p = c->rest.p + at;
		size_t left = c->rest.len - at;

		len = unit_length(c, p, left);
		if (len > UNIT_MAX)
			c->error = EBADMSG;
		if (!len || len > left || !take_unit(c, p, len))
			break;
		at += len;
	}
	memmove(c->rest.p, c->rest.p + at, c->rest.len - at);
	c->rest.len -= at;
	if (!c->error && c->f && fflush(c->f))
		c->error = errno;
	return !c->error;
}

int capture_file_close(struct capture_file *c)
{
	int rc = file_end(c);

	buf_done(&c->prologue);
	buf_done(&c->rest);
	return rc;
}
