/* SPDX-License-Identifier: MIT
 * Words of traces, for other commands that show some of one.
 */
#ifndef VPCD_CLI_TRACE_CMD_H
#define VPCD_CLI_TRACE_CMD_H

#include "lib/buf.h"
#include "lib/json.h"

/* One hop: what it is, the rule or route that matched there, its id. */
void trace_hop_put(const struct json *hop, struct buf *out);

#endif
