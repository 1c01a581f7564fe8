/* SPDX-License-Identifier: MIT
 * Who may talk to whom on a port: every pair of sandboxes, asked of the program.
 */
#ifndef VPCD_VPCD_REACH_H
#define VPCD_VPCD_REACH_H

#include "vpcd/trace.h"

#define REACH_SANDBOXES_MAX 300 /* 90,000 pairs: about 2 seconds */

/* {"Service": "80/tcp", "Lab"?}: {"Service", "Edges": [{"From": id, "To": id}]}; "internet" is an
 * end too. NULL: *e. */
struct json *reach_judge(const struct trace_env *env, const struct json *question, struct err *e);

#endif
