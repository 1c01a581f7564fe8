/* SPDX-License-Identifier: MIT
 * Assertions about who may talk to whom, judged by the program that forwards the packets.
 */
#ifndef VPCD_VPCD_ASSERTIONS_H
#define VPCD_VPCD_ASSERTIONS_H

#include "vpcd/end_set.h"
#include "vpcd/live_tests.h"

#define ASSERTIONS_MAX	     10000
#define ASSERTION_TRACES_MAX 200000 /* of one question: about 3 seconds, 15 us each */

/* One assertion, read: its text belongs to the JSON, its ends to the model. */
struct assertion {
	const char *from, *to, *reason;
	const struct object *via;
	bool allow;
	struct trace_service service;
	struct end_set senders, receivers;
};

int assertion_read(const struct trace_env *env, const char *lab, const struct json *test,
		   struct assertion *ret, struct err *e);
void assertion_done(struct assertion *a);

/* {"Tests": [{"from", "to", "expect": "allow"|"deny", "via"?, "reason"?, "name"?}], "Lab"?}:
 * answers {"Passed", "Failed", "Errors", "Traces", "Tests": [{"Name", "Result":
 * "pass"|"fail"|"error", "Pairs", "Message"?, "Failures"?: [{"From", "To", "Service", "Verdict",
 * "Code"?, "Reason"?}]}]}. Faults of one assertion are its result, not the question's. live: is
 * told what was asked and answered, to try it out; NULL ok. NULL: *e. */
struct json *assertions_judge(const struct trace_env *env, const struct json *question,
			      struct live_tests *live, struct err *e);

#endif
