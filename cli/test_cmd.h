/* SPDX-License-Identifier: MIT
 * Assertions of a topology file, judged by the daemon.
 */
#ifndef VPCD_CLI_TEST_CMD_H
#define VPCD_CLI_TEST_CMD_H

#include "cli/topology_file.h"

/* Has the daemon judge the file's Tests and prints the results (--report). Returns an exit code. */
int tests_run(struct cli *c, const struct topology_file *t);

/* The tests of a file: a topology, {"Tests": […]}, or the array alone. *ret: NULL where there are
 * none and none are required. Returns an exit code. */
int tests_read(struct cli *c, const struct topology_file *t, bool required, struct json **ret);
/* Why a test does not hold, a line for each failure. */
void test_failures_put(const struct json *test, const char *indent, struct buf *out);

#endif
