/* SPDX-License-Identifier: MIT
 * Answers and errors, and what handlers ask of a request.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "lib/log.h"

/* ---- errors ---- */

static unsigned status_of(const struct err *e)
{
	static const char *const malformed[] = {"MalformedJSON", "MissingParameter",
						"UnknownParameter", "InvalidAction"};

	if (!strcmp(e->code, "InternalError"))
		return 500;
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++)
		if (!strcmp(e->code, malformed[i]))
			return 400;
	switch (e->rc) {
	case -ENOENT:
		return e->field[0] ? 422 : 404;
	case -EBUSY:
	case -EEXIST:
	case -ENOSPC:
		return 409;
	case -EINVAL:
	case -EPERM:
		return 422;
	default:
		return 500;
	}
}

void fail(struct request *rq, const struct err *e)
{
	struct json *error = json_new_obj();

	json_set_str(error, "Code", e->code[0] ? e->code : "InternalError");
	json_set_str(error, "Message", e->msg);
	if (e->field[0])
		json_set_str(error, "Field", e->field);
	json_free(rq->answer);
	rq->answer = json_new_obj();
	json_set(rq->answer, "Error", error);
	rq->status = status_of(e);
	if (rq->status == 500)
		log_error("request failed", "request", rq->id, "error", e->msg);
}

void fail_with(struct request *rq, unsigned status, const char *code, const char *fmt, ...)
{
	struct err e = {.rc = -EINVAL};
	va_list ap;

	snprintf(e.code, sizeof(e.code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	va_end(ap);
	fail(rq, &e);
	rq->status = status;
}

void succeed(struct request *rq, unsigned status, struct json *j)
{
	rq->status = status;
	json_free(rq->answer);
	rq->answer = j;
}

/* ---- query and body ---- */

const char *query_get(const struct request *rq, const char *name)
{
	return json_str(json_get(rq->query, name));
}

bool query_is_set(const struct request *rq, const char *name)
{
	const char *v = query_get(rq, name);

	return v && (!*v || !strcmp(v, "1") || !strcmp(v, "true"));
}

bool query_number(struct request *rq, const char *name, uint64_t *ret)
{
	const char *v = query_get(rq, name);
	char *end = NULL;

	*ret = 0;
	if (!v)
		return true;
	errno = 0;
	if (*v >= '0' && *v <= '9')
		*ret = strtoull(v, &end, 10);
	if (end && !*end && !errno)
		return true;
	fail_with(rq, 400, "InvalidParameterValue", "%s is a whole number, not \"%s\"", name, v);
	return false;
}

bool body_json(struct request *rq, struct json **ret)
{
	struct err e;

	if (!json_parse(buf_str(&rq->body), rq->body.len, false, ret, &e))
		return true;
	fail(rq, &e);
	return false;
}

const struct model *request_model(const struct request *rq)
{
	return store_model(rq->api->cfg.store);
}

const struct object *path_object(struct request *rq, const struct kind *k, const char *name)
{
	const struct object *o;
	struct err e;

	if (!model_resolve(request_model(rq), k ? k->kind : KIND_NONE, name, NULL, &o, &e))
		return o;
	e.field[0] = 0;
	fail(rq, &e);
	return NULL;
}

/* ---- transactions ---- */

bool is_dry_run(const struct request *rq)
{
	return query_is_set(rq, "dry_run");
}

struct txn *change_begin(struct request *rq)
{
	struct txn *t = txn_begin(rq->api->cfg.store);

	if (!t)
		fail_with(rq, 500, "InternalError", "no transaction can be opened");
	return t;
}

void change_end(struct request *rq, struct txn *t, void (*finish)(struct request *rq), void *arg)
{
	struct err e;
	int rc;

	rq->finish_arg = arg;
	if (is_dry_run(rq)) {
		txn_abort(t);
		if (rq->answer)
			json_set_bool(rq->answer, "DryRun", true);
		return;
	}
	rc = txn_commit(t, &rq->revision, &e);
	if (rc)
		fail(rq, &e);
	else
		rq->finish = finish;
}
