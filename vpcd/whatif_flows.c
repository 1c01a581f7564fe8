/* SPDX-License-Identifier: MIT
 * See whatif_flows.h.
 */
#include "vpcd/whatif_flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "vpcd/recorded.h"

#define NOT_JUDGED_SHOWN 20

/* A flow that was asked: its two interfaces may both have seen it. */
struct asked {
	UT_hash_handle hh;
	char key[];
};

struct replay {
	struct flips *flips;
	struct twin *const *twins;
	struct recorded *recorded;
	struct asked *asked;
	struct json *not_judged;
	size_t judged, skipped;
};

static void asked_free(struct asked *all)
{
	struct asked *a, *tmp;

	HASH_ITER (hh, all, a, tmp) {
		HASH_DEL(all, a);
		free(a);
	}
}

/* 1: it was asked before. */
static int asked_add(struct replay *r, const struct recorded_flow *flow)
{
	char key[320], service[32];
	struct asked *a;
	int len = snprintf(key, sizeof(key), "%s>%s:%s<%u", flow->from.name, flow->to.name,
			   trace_service_format(&flow->service, service, sizeof(service)),
			   flow->from_port);

	HASH_FIND_STR(r->asked, key, a);
	if (a)
		return 1;
	a = malloc(sizeof(*a) + (size_t)len + 1);
	if (!a)
		return -ENOMEM;
	memcpy(a->key, key, (size_t)len + 1);
	HASH_ADD_KEYPTR(hh, r->asked, a->key, (size_t)len, a);
	return 0;
}

static void skip(struct replay *r, const struct json *flow, const char *why)
{
	struct json *j;

	if (r->skipped++ >= NOT_JUDGED_SHOWN)
		return;
	j = json_copy(flow);
	json_set_str(j, "Message", why);
	json_append(r->not_judged, j);
}

static int flow_replay(struct replay *r, const struct json *flow, struct err *e)
{
	struct recorded_flow found;
	int rc = recorded_find(r->recorded, flow, &found, e);
	struct flip_case c = {.from = &found.from,
			      .to = &found.to,
			      .service = found.service,
			      .from_port = found.from_port,
			      .family = found.family,
			      .packets = found.packets};

	if (rc)
		return rc;
	if (found.obstacle[0]) {
		skip(r, flow, found.obstacle);
		return 0;
	}
	rc = asked_add(r, &found);
	if (rc)
		return rc < 0 ? err_sys(e, rc, "flows") : 0;
	for (int side = 0; side < SIDES && !rc && ip_is_set(&found.guest); side++)
		rc = twin_guest(r->twins[side], &found.guest, e);
	if (!rc)
		rc = flips_case(r->flips, &c, e);
	r->flips->last.flip = NULL; /* its ends are on our stack */
	r->judged++;
	return rc;
}

int flows_judge(struct flips *f, struct twin *const twins[SIDES], const char *vpc,
		const struct json *flows, struct json *out, struct err *e)
{
	struct replay r = {.flips = f, .twins = twins};
	int rc = recorded_open(f->env, vpc, &r.recorded, e);

	r.not_judged = json_new_arr();
	json_for_each (flow, flows)
		if (!rc)
			rc = flow_replay(&r, flow, e);
	if (!rc && !r.judged)
		rc = err_set(e, -EINVAL, "InvalidParameterValue", "Flows",
			     "none of the %zu flows can be judged: %s", json_len(flows),
			     r.skipped ? json_str(json_get(json_at(r.not_judged, 0), "Message"))
				       : "there are none");
	if (!rc) {
		json_set_num(out, "Flows", (double)r.judged);
		json_set_num(out, "NotJudgedFlows", (double)r.skipped);
		json_set(out, "NotJudged", TAKE(r.not_judged));
	}
	json_free(r.not_judged);
	asked_free(r.asked);
	recorded_free(r.recorded);
	return rc;
}
