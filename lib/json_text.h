/* SPDX-License-Identifier: MIT
 * JSON as text: strict syntax and positions, which cJSON does not offer. Internal to lib.
 */
#ifndef VPCD_LIB_JSON_TEXT_H
#define VPCD_LIB_JSON_TEXT_H

#include "lib/json.h"

/* Where a scan looks: the index of the child to enter, level by level from the root. */
struct json_path {
	unsigned v[JSON_MAX_DEPTH];
	unsigned n;
};

/* Turns comments into spaces in place, so that offsets and lines stay. Returns the offset of an
 * unterminated block comment, or -1. */
long json_text_blank_comments(char *text, size_t len);

/* Checks the text against RFC 8259 (and valid UTF-8, JSON_MAX_DEPTH, no \u0000). -EINVAL:
 * *ret_pos is the offset of the fault and *ret_msg names it. With path (may be NULL), *ret_pos is
 * the offset of that value on success, or of its key with `key`. */
int json_text_scan(const char *text, size_t len, const struct json_path *path, bool key,
		   size_t *ret_pos, const char **ret_msg);

/* Line and column (in characters), from 1, of an offset. */
void json_text_position(const char *text, size_t pos, unsigned *ret_line, unsigned *ret_col);

#endif
