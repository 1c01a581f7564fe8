/* SPDX-License-Identifier: MIT
 * Virtual time: what idle time-outs are measured by. A lab may move it forward.
 */
#include <errno.h>
#include <math.h>

#include "api/request.h"

/* One advance; the offset itself has room for 584 years. */
#define ADVANCE_MAX_S (10.0 * 365 * 86400)

static void answer(struct request *rq, uint64_t advance_ms)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	uint64_t offset_ms = 0;
	struct json *j;
	struct err e = {0};

	if (!h->clock_advance) {
		fail_with(rq, 500, "InternalError", "the daemon has no clock");
		return;
	}
	if (h->clock_advance(h->arg, advance_ms, is_dry_run(rq), &offset_ms, &e)) {
		fail(rq, &e);
		return;
	}
	j = json_new_obj();
	json_set_num(j, "OffsetSeconds", (double)offset_ms / 1000);
	if (is_dry_run(rq))
		json_set_bool(j, "DryRun", true);
	succeed(rq, 200, j);
}

void get_clock(struct request *rq)
{
	answer(rq, 0);
}

/* {"AdvanceSeconds": 350} */
void post_clock(struct request *rq)
{
	cleanup_json struct json *body = NULL;
	double s;

	if (!body_json(rq, &body))
		return;
	s = json_num(json_get(body, "AdvanceSeconds"));
	if (!(s >= 0.001) || s > ADVANCE_MAX_S) {
		struct err e;

		err_set(&e, -EINVAL, "InvalidParameterValue", "AdvanceSeconds",
			"must be a number of seconds from 0.001 to %.0f", ADVANCE_MAX_S);
		fail(rq, &e);
		return;
	}
	answer(rq, (uint64_t)llround(s * 1000));
}
