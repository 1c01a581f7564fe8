/* SPDX-License-Identifier: MIT
 * A growing byte buffer, always NUL-terminated behind its length.
 */
#ifndef VPCD_LIB_BUF_H
#define VPCD_LIB_BUF_H

#include <stddef.h>

#include "lib/cleanup.h"

struct buf {
	char *p; /* NULL while empty */
	size_t len, cap;
	int rc; /* -ENOMEM is sticky: check once, at the end */
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text ("" while empty); owned by the buffer. */
const char *buf_str(const struct buf *b);
/* Hands the malloc'd text over (never NULL unless out of memory) and empties the buffer. */
char *buf_take(struct buf *b);
void buf_done(struct buf *b);

#define cleanup_buf cleanup(buf_done)

#endif
