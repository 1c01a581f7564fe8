/* SPDX-License-Identifier: MIT
 * Why a packet was dropped, in words.
 */
#ifndef VPCD_VPCD_DROP_TEXT_H
#define VPCD_VPCD_DROP_TEXT_H

#include "vpcd/trace.h"

/* "SG_INGRESS: no ingress rule of the receiver's groups matches (shop/db)": the reason and, as long
 * as it is still there, the resource that refused. malloc'd. env: names, plan and model. */
char *drop_text(const struct trace_env *env, const struct drop_event *ev);

#endif
