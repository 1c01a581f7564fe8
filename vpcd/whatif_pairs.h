/* SPDX-License-Identifier: MIT
 * Every pair of ends that a change can touch, asked in two networks.
 */
#ifndef VPCD_VPCD_WHATIF_PAIRS_H
#define VPCD_VPCD_WHATIF_PAIRS_H

#include "vpcd/flips.h"

/* all: every pair, whatever the change touches. */
int pairs_judge(struct flips *f, bool all, struct err *e);

#endif
