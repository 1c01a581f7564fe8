/* SPDX-License-Identifier: MIT
 * Makes a script that ends in a difference short.
 */
#ifndef VPCD_TESTS_REFERENCE_SHRINK_H
#define VPCD_TESTS_REFERENCE_SHRINK_H

#include "script.h"

/* Leaves lines out while both sides still differ. ret_difference: what the short one ends in. */
int shrink(struct script *s, char *ret_difference, size_t len, struct err *e);

#endif
