/* SPDX-License-Identifier: MIT
 * See capture_format.h.
 */
#include <time.h>

#include "vpcd/capture_format.h"
#include "vpcd/packet_text.h"

static uint64_t unix_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void capture_put_begin(struct buf *out, enum capture_format format,
		       const struct capture_interface *first)
{
	if (format == CAPTURE_PCAP)
		pcap_header(out, first->linktype, first->snaplen);
	if (format == CAPTURE_PCAPNG)
		pcapng_section(out, "vpcd " VPCD_VERSION);
}

void capture_put_interface(struct buf *out, enum capture_format format,
			   const struct capture_interface *i)
{
	if (format == CAPTURE_PCAPNG)
		pcapng_interface(out, i->linktype, i->snaplen, i->name, i->description, i->filter);
}

void capture_put_packet(struct buf *out, enum capture_format format, uint16_t linktype,
			const struct captured *p)
{
	if (format == CAPTURE_PCAPNG)
		pcapng_packet(out, p);
	else if (format == CAPTURE_PCAP)
		pcap_packet(out, p);
	else
		packet_text(out, linktype, p);
}

void capture_put_losses(struct buf *out, enum capture_format format, uint64_t received,
			uint64_t lost)
{
	if (format == CAPTURE_PCAPNG)
		pcapng_statistics(out, 0, unix_now(), received, lost);
	else if (format == CAPTURE_TEXT)
		buf_printf(out, "# %llu packets were lost: the reader is too slow\n",
			   (unsigned long long)lost);
}
