/* SPDX-License-Identifier: MIT
 * What a change would change: the network as it is and as it would be, each as a twin, asked the
 * same questions. Nothing of the running network is read or written.
 */
#ifndef VPCD_VPCD_WHATIF_H
#define VPCD_VPCD_WHATIF_H

#include "vpcd/trace.h"

struct whatif {
	const struct model *before, *after;
	uint32_t max_enis; /* of the running data plane */
	const char *lab;   /* whose sandboxes the sets of tests are of; NULL: all */
};

/* {"Tests"?: [...], "Flows"?: [...], "Vpc"?, "All"?}: docs/api.md, POST /v1/whatif. Without Flows,
 * and unless Tests are the only question ("Pairs": false), every pair of ends is asked that the
 * change can touch. NULL: *e. */
struct json *whatif_judge(const struct whatif *w, const struct json *question, struct err *e);

#endif
