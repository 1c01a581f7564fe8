/* SPDX-License-Identifier: MIT
 * Assertions tried out: what the program said of each pair, held against real attempts.
 */
#ifndef VPCD_VPCD_LIVE_TESTS_H
#define VPCD_VPCD_LIVE_TESTS_H

#include "netns/fabric.h"
#include "vpcd/live.h"
#include "vpcd/trace.h"

#define LIVE_CASES_MAX 4096

struct live_tests;

struct live_tests *live_tests_new(struct fabric *f);
void live_tests_free(struct live_tests *l); /* NULL ok */
/* Notes what the program said of a packet; test: index of the assertion. What cannot be tried is
 * left out. -ENOSPC: too many. */
int live_tests_add(struct live_tests *l, size_t test, const struct trace_query *q,
		   const struct trace_path *forward, bool allowed);
/* Tries everything in a thread of its own and then writes `answer` (of assertions_judge(); taken
 * over) with what disagreed. Takes l over. *ret_fd: a pipe to read it from, the caller's. */
int live_tests_run(struct live_tests *l, struct json *answer, int *ret_fd, struct err *e);

#endif
