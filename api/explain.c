/* SPDX-License-Identifier: MIT
 * Questions about packets. The daemon answers them.
 */
#include "api/request.h"

static void ask(struct request *rq,
		struct json *(*hook)(void *arg, const struct json *question, struct err *e))
{
	cleanup_json struct json *question = NULL;
	struct json *answer;
	struct err e = {0};

	if (!body_json(rq, &question))
		return;
	if (!hook)
		return fail_with(rq, 501, "UnsupportedOperation", "this daemon forwards nothing");
	answer = hook(rq->api->cfg.hooks.arg, question, &e);
	if (answer)
		succeed(rq, 200, answer);
	else
		fail(rq, &e);
}

void post_trace(struct request *rq)
{
	ask(rq, rq->api->cfg.hooks.trace);
}
