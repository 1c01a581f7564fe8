/* SPDX-License-Identifier: MIT
 * Every pair of ends that a change can touch, asked in two networks.
 */
#ifndef VPCD_VPCD_WHATIF_PAIRS_H
#define VPCD_VPCD_WHATIF_PAIRS_H

#include "vpcd/flips.h"

/* all: every pair by itself, whatever the change touches. Else ends that are alike (alike.h) are
 * asked as one, and named with it. */
int pairs_judge(struct flips *f, bool all, struct err *e);

#endif
