/* SPDX-License-Identifier: MIT
 * See reach.h.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/end_set.h"
#include "vpcd/reach.h"

static const char *id_of(const struct trace_end *end)
{
	return end->object ? end->object->id : end->name;
}

static void edge_add(struct json *edges, const struct trace_end *from, const struct trace_end *to)
{
	struct json *edge = json_new_obj();

	json_set_str(edge, "From", id_of(from));
	json_set_str(edge, "To", id_of(to));
	json_append(edges, edge);
}

/* Ends without an address in common do not reach one another. */
static bool reaches(const struct trace_env *env, const struct trace_end *from,
		    const struct trace_end *to, const struct trace_service *service,
		    struct trace *t)
{
	struct trace_query q = {.from = from, .to = to, .service = *service, .verdict_only = true};

	return !trace_run(env, &q, t, NULL) && t->allowed;
}

static int ends_read(const struct trace_env *env, const struct json *question, struct end_set *ret,
		     struct err *e)
{
	const char *lab = json_str(json_get(question, "Lab"));
	int rc = end_set_parse(env->model, env->plan, lab, "all,internet", ret, e);

	if (!rc && ret->n > REACH_SANDBOXES_MAX)
		rc = err_set(e, -ENOSPC, "LimitExceeded", "",
			     "%zu sandboxes are too many to ask for every pair of: choose a lab",
			     ret->n);
	return rc;
}

struct json *reach_judge(const struct trace_env *env, const struct json *question, struct err *e)
{
	const char *text = json_str(json_get(question, "Service"));
	cleanup_free struct trace *t = calloc(1, sizeof(*t));
	struct json *out = NULL, *edges;
	struct trace_service service;
	struct end_set ends = {0};
	int rc = t ? 0 : err_sys(e, -ENOMEM, "reach");

	if (!rc)
		rc = trace_service_parse(text ? text : "", IPPROTO_TCP, &service, e);
	if (!rc && service.any)
		rc = err_set(e, -EINVAL, "InvalidParameterValue", "Service",
			     "a picture is of one port");
	if (!rc)
		rc = ends_read(env, question, &ends, e);
	if (!rc) {
		edges = json_new_arr();
		for (size_t i = 0; i < ends.n; i++)
			for (size_t j = 0; j < ends.n; j++)
				if (i != j && reaches(env, &ends.v[i], &ends.v[j], &service, t))
					edge_add(edges, &ends.v[i], &ends.v[j]);
		out = json_new_obj();
		json_set_str(out, "Service", text);
		json_set(out, "Edges", edges);
	}
	end_set_done(&ends);
	return out;
}
