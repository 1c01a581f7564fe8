/* SPDX-License-Identifier: MIT
 * Capture filters, pcap-filter(7): checked, and held against packets that no socket delivered.
 */
#ifndef VPCD_VPCD_CAPTURE_FILTER_H
#define VPCD_VPCD_CAPTURE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct capture_filter;

/* text NULL or "": *ret is NULL, which matches everything. linktype: Ethernet or cooked (pcapng.h).
 * -EINVAL with libpcap's own message and the column (from 1) of the word at fault. */
int capture_filter_new(const char *text, int linktype, struct capture_filter **ret, struct err *e);
void capture_filter_free(struct capture_filter *f); /* NULL ok */
/* data: `captured` bytes of the `len` that the packet had. */
bool capture_filter_matches(const struct capture_filter *f, const void *data, uint32_t captured,
			    uint32_t len);

#endif
