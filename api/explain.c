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

void post_reach(struct request *rq)
{
	ask(rq, rq->api->cfg.hooks.reach);
}

void post_least_privilege(struct request *rq)
{
	ask(rq, rq->api->cfg.hooks.least_privilege);
}

static void ask_live(struct request *rq)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	cleanup_json struct json *question = NULL;
	struct err e = {0};
	int fd;

	if (!body_json(rq, &question))
		return;
	if (!h->test_live)
		return fail_with(rq, 501, "UnsupportedOperation", "this daemon forwards nothing");
	fd = h->test_live(h->arg, question, &e);
	if (fd < 0)
		return fail(rq, &e);
	stream_start_fd(rq, "application/json", fd);
}

void post_test(struct request *rq)
{
	if (query_is_set(rq, "live"))
		ask_live(rq);
	else
		ask(rq, rq->api->cfg.hooks.test);
}
