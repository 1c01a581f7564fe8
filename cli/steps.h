/* SPDX-License-Identifier: MIT
 * The steps from what is to what a topology file says, as diff, up, down and whatif print them.
 */
#ifndef VPCD_CLI_STEPS_H
#define VPCD_CLI_STEPS_H

#include "cli/cli.h"

struct plan_counts {
	unsigned add, change, delete;
};

struct plan_counts steps_count(const struct json *steps);
/* A line for each, and one with the counts. */
struct plan_counts steps_print(const struct cli *c, const struct json *steps);

#endif
