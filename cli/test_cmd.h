/* SPDX-License-Identifier: MIT
 * Assertions of a topology file, judged by the daemon.
 */
#ifndef VPCD_CLI_TEST_CMD_H
#define VPCD_CLI_TEST_CMD_H

#include "cli/topology_file.h"

/* Has the daemon judge the file's Tests and prints the results (--report). Returns an exit code. */
int tests_run(struct cli *c, const struct topology_file *t);

#endif
