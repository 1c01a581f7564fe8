/* SPDX-License-Identifier: MIT
 * Assertions about who may talk to whom, judged by the program that forwards the packets.
 */
#ifndef VPCD_VPCD_ASSERTIONS_H
#define VPCD_VPCD_ASSERTIONS_H

#include "vpcd/live_tests.h"

#define ASSERTIONS_MAX	     10000
#define ASSERTION_TRACES_MAX 200000 /* of one question: about 3 seconds, 15 us each */

/* {"Tests": [{"from", "to", "expect": "allow"|"deny", "via"?, "reason"?, "name"?}], "Lab"?}:
 * answers {"Passed", "Failed", "Errors", "Traces", "Tests": [{"Name", "Result":
 * "pass"|"fail"|"error", "Pairs", "Message"?, "Failures"?: [{"From", "To", "Service", "Verdict",
 * "Code"?, "Reason"?}]}]}. Faults of one assertion are its result, not the question's. live: is
 * told what was asked and answered, to try it out; NULL ok. NULL: *e. */
struct json *assertions_judge(const struct trace_env *env, const struct json *question,
			      struct live_tests *live, struct err *e);

#endif
