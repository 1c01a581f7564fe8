/* SPDX-License-Identifier: MIT
 * Recorded flows, replayed in two networks.
 */
#ifndef VPCD_VPCD_WHATIF_FLOWS_H
#define VPCD_VPCD_WHATIF_FLOWS_H

#include "vpcd/flips.h"

/* flows: as recorded_find() takes them. Asks each once, whoever saw it, and sets "Flows" (how many
 * were judged), "NotJudged" and "NotJudgedFlows" of out. If none can be judged: -EINVAL. */
int flows_judge(struct flips *f, struct twin *const twins[SIDES], const char *vpc,
		const struct json *flows, struct json *out, struct err *e);

#endif
