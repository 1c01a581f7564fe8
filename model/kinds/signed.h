/* SPDX-License-Identifier: MIT
 * Records of signed zones (RFC 4034, 5155) as text; libldns reads them.
 */
#ifndef VPCD_MODEL_KINDS_SIGNED_H
#define VPCD_MODEL_KINDS_SIGNED_H

#include <stdbool.h>

#include "lib/err.h"

/* Is it data of the type, "DS" for instance, as in a master file? */
bool signed_data_is_valid(const char *type, const char *value);
/* "example.com. DS 12345 13 2 4A5B…" or a DNSKEY record, with or without TTL and class. */
int trust_anchor_check(const char *text, struct err *e);

#endif
