/* SPDX-License-Identifier: MIT
 * See assertions.h.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "vpcd/assertions.h"
#include "vpcd/end_set.h"
#include "vpcd/services.h"

#define FAILURES_SHOWN 20 /* of one assertion */

struct judging {
	const struct trace_env *env;
	const char *lab;
	struct trace *trace;
	size_t traces;
	size_t test; /* index of the assertion */
	struct {
		struct json *failures;
		size_t pairs, failed;
	} now; /* of it */
	struct live_tests *live;
	bool live_full;
};

/* ---- reading ---- */

static const char *member(const struct json *test, const char *key)
{
	return json_str(json_get(test, key));
}

static int members_check(const struct json *test, struct err *e)
{
	static const char *const known[] = {"from",   "to",	"port", "proto",
					    "expect", "reason", "via",	"name"};

	if (json_type(test) != JSON_OBJECT)
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "a test is an object");
	json_for_each (m, test) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			found = found || !strcmp(json_key(m), known[i]);
		if (!found)
			return err_set(e, -EINVAL, "UnknownParameter", json_key(m),
				       "unknown member \"%.64s\": from, to, port, proto, expect, "
				       "via, reason and name are known",
				       json_key(m));
	}
	if (!member(test, "from") || !member(test, "to"))
		return err_set(e, -EINVAL, "MissingParameter", "", "from and to are required");
	return 0;
}

static int expect_read(struct assertion *a, const struct json *test, struct err *e)
{
	const char *expect = member(test, "expect");

	a->allow = expect && !strcmp(expect, "allow");
	if (!expect || (!a->allow && strcmp(expect, "deny")))
		return err_set(e, -EINVAL, "InvalidParameterValue", "expect",
			       "expect is \"allow\" or \"deny\"");
	a->reason = member(test, "reason");
	if (a->reason && a->allow)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "reason",
			       "reason goes with \"expect\": \"deny\"");
	return 0;
}

/* What a packet may pass has the name, whatever else (a middlebox's elastic IP) has it too. */
static int via_resolve(const struct model *m, const char *name, const struct object **ret,
		       struct err *e)
{
	static const enum kind_id passed[] = {
		KIND_INSTANCE, KIND_NAT_GATEWAY, KIND_INTERNET_GATEWAY,
		KIND_EGRESS_ONLY_INTERNET_GATEWAY, KIND_VPC_PEERING_CONNECTION};
	const struct object *o, *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		if (!model_resolve(m, passed[i], name, NULL, &o, NULL)) {
			found = o;
			n++;
		}
	if (n != 1)
		return model_resolve(m, KIND_NONE, name, NULL, ret, e);
	*ret = found;
	return 0;
}

/* "SET:SERVICE", or "port" and "proto" beside "to". */
static int service_read(const struct json *test, const char *text, size_t *ret_len,
			struct trace_service *ret, struct err *e)
{
	const struct json *port = json_get(test, "port");
	const char *proto = member(test, "proto"), *colon = strrchr(text, ':');
	cleanup_buf struct buf b = {0};

	if (*text == '[')
		colon = strchr(text, ']') ? strchr(strchr(text, ']'), ':') : NULL;
	else if (colon && strchr(text, ':') != colon)
		colon = NULL;
	*ret_len = colon ? (size_t)(colon - text) : strlen(text);
	if (json_type(port) == JSON_NUMBER)
		buf_printf(&b, "%.0f%s%s", json_num(port), proto ? "/" : "", proto ? proto : "");
	else if (json_str(port))
		buf_printf(&b, "%s%s%s", json_str(port), proto ? "/" : "", proto ? proto : "");
	if (colon && b.len)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "port",
			       "the port stands in \"to\" or in \"port\", not in both");
	if (b.len || colon)
		return trace_service_parse(b.len ? buf_str(&b) : colon + 1, IPPROTO_TCP, ret, e);
	*ret = (struct trace_service){.any = true};
	return 0;
}

int assertion_read(const struct trace_env *env, const char *lab, const struct json *test,
		   struct assertion *a, struct err *e)
{
	const struct model own = model_of_lab(env->model, lab);
	const char *via = member(test, "via");
	cleanup_free char *to = NULL;
	bool bracket;
	size_t len;
	int rc = members_check(test, e);

	*a = (struct assertion){0};
	if (!rc)
		rc = expect_read(a, test, e);
	if (rc)
		return rc;
	a->from = member(test, "from");
	a->to = member(test, "to");
	rc = service_read(test, a->to, &len, &a->service, e);
	if (rc)
		return rc;
	bracket = a->to[0] == '[' && len && a->to[len - 1] == ']';
	to = strndup(a->to + bracket, len - 2 * bracket);
	rc = end_set_parse(&own, env->plan, lab, a->from, &a->senders, e);
	if (!rc)
		rc = end_set_parse(&own, env->plan, lab, to ? to : "", &a->receivers, e);
	if (!rc && via)
		rc = via_resolve(&own, via, &a->via, e);
	if (rc)
		assertion_done(a);
	return rc;
}

void assertion_done(struct assertion *a)
{
	end_set_done(&a->senders);
	end_set_done(&a->receivers);
}

/* ---- judging ---- */

/* An object is on the way itself, or by its interface. */
static bool went_via(const struct trace_env *env, const struct trace_path *p,
		     const struct object *o)
{
	if (o->kind->kind == KIND_INSTANCE)
		return trace_went_via(env, p, AS_CONST(instance, o)->network_interface_id);
	if (o->kind->kind == KIND_VPC_PEERING_CONNECTION)
		return trace_went_via(env, p, AS_CONST(vpc_peering_connection, o)->vpc_id) ||
		       trace_went_via(env, p, AS_CONST(vpc_peering_connection, o)->peer_vpc_id);
	return trace_went_via(env, p, o->id);
}

/* NULL: as expected; else why not. */
static const char *verdict_check(const struct judging *j, const struct assertion *a,
				 const struct trace_query *q)
{
	const struct trace *t = j->trace;
	const struct trace_path *refused = t->forward.reason ? &t->forward : &t->back;
	const char *code;

	if (t->allowed != a->allow)
		return t->allowed ? "is allowed" : "is denied";
	if (a->via && !went_via(j->env, &t->forward, a->via))
		return "goes another way";
	if (!a->reason)
		return NULL;
	code = trace_code(j->env, q, refused);
	if ((code && !strcmp(code, a->reason)) ||
	    !strcmp(drop_reason_name(refused->reason), a->reason))
		return NULL;
	return "is denied for another reason";
}

static void failure_add(struct judging *j, const struct trace_query *q, const char *what,
			const struct err *e)
{
	const struct trace *t = j->trace;
	const struct trace_path *refused = t->forward.reason ? &t->forward : &t->back;
	struct json *f;
	char text[32];

	if (j->now.failed++ >= FAILURES_SHOWN)
		return;
	f = json_new_obj();
	json_set_str(f, "From", q->from->name);
	json_set_str(f, "To", q->to->name);
	json_set_str(f, "Service", trace_service_format(&q->service, text, sizeof(text)));
	json_set_str(f, "Message", e ? e->msg : what);
	if (!e) {
		json_set_str(f, "Verdict", t->allowed ? "allow" : "deny");
		if (!t->allowed) {
			json_set_str(f, "Code", trace_code(j->env, q, refused));
			json_set_str(f, "Reason", drop_reason_name(refused->reason));
		}
	}
	json_append(j->now.failures, f);
}

static int one_trace(struct judging *j, const struct trace_query *q, struct err *e)
{
	int rc = trace_run(j->env, q, j->trace, e);

	j->traces++;
	if (!rc && j->live &&
	    live_tests_add(j->live, j->test, q, &j->trace->forward, j->trace->allowed))
		j->live_full = true;
	return rc;
}

static bool is_impossible(const struct err *e)
{
	return !strcmp(e->code, "InvalidParameterCombination");
}

/* Ends without an address in common reach one another by nothing. */
static void judge_service(struct judging *j, const struct assertion *a, struct trace_query *q)
{
	const char *what;
	struct err e = {0};

	if (one_trace(j, q, &e)) {
		if (a->allow || !is_impossible(&e))
			failure_add(j, q, NULL, &e);
		return;
	}
	what = verdict_check(j, a, q);
	if (what)
		failure_add(j, q, what, NULL);
}

/* Allowed: something passes. Denied: nothing does. */
static void judge_any(struct judging *j, const struct assertion *a, struct trace_query *q)
{
	struct services all = {0};
	bool passes = false;
	struct err e = {0};

	if (services_between(j->env, q->from, q->to, &all))
		all.n = 0;
	for (size_t i = 0; i < all.n && !passes; i++) {
		q->service = all.v[i];
		passes = !one_trace(j, q, &e) && j->trace->allowed;
	}
	services_done(&all);
	if (passes && !a->allow)
		failure_add(j, q, "is allowed", NULL);
	else if (passes && a->via && !went_via(j->env, &j->trace->forward, a->via))
		failure_add(j, q, "goes another way", NULL);
	else if (!passes && a->allow)
		failure_add(j, q, "nothing passes", NULL);
	else if (!passes && a->reason && verdict_check(j, a, q))
		failure_add(j, q, "is denied for another reason", NULL);
}

static int judge_pairs(struct judging *j, const struct assertion *a, struct err *e)
{
	for (size_t s = 0; s < a->senders.n; s++)
		for (size_t r = 0; r < a->receivers.n; r++) {
			struct trace_query q = {.from = &a->senders.v[s],
						.to = &a->receivers.v[r],
						.service = a->service,
						.verdict_only = true};

			if (q.from->object && q.from->object == q.to->object)
				continue; /* with itself it talks by its loopback */
			if (j->live_full)
				return err_set(e, -ENOSPC, "LimitExceeded", "",
					       "more than %d attempts: make the sets smaller",
					       LIVE_CASES_MAX);
			if (j->traces > ASSERTION_TRACES_MAX)
				return err_set(e, -ENOSPC, "LimitExceeded", "",
					       "more than %d traces: make the sets smaller",
					       ASSERTION_TRACES_MAX);
			j->now.pairs++;
			if (a->service.any)
				judge_any(j, a, &q);
			else
				judge_service(j, a, &q);
		}
	if (j->now.pairs)
		return 0;
	return err_set(e, -ENOENT, "InvalidParameterValue", "",
		       "there is nobody to ask: from and to are the same one sandbox");
}

/* "orders → db:5432/tcp allow" unless it has a name. */
static void name_set(struct json *out, const struct json *test)
{
	const char *name = member(test, "name"), *port = member(test, "port");
	cleanup_buf struct buf b = {0};

	buf_printf(&b, "%s -> %s", member(test, "from") ?: "?", member(test, "to") ?: "?");
	if (port)
		buf_printf(&b, ":%s", port);
	else if (json_get(test, "port"))
		buf_printf(&b, ":%.0f", json_num(json_get(test, "port")));
	if (member(test, "proto"))
		buf_printf(&b, "/%s", member(test, "proto"));
	buf_printf(&b, " %s", member(test, "expect") ?: "?");
	if (member(test, "via"))
		buf_printf(&b, " via %s", member(test, "via"));
	json_set_str(out, "Name", name ? name : buf_str(&b));
}

static struct json *judge(struct judging *j, const struct json *test)
{
	struct json *out = json_new_obj();
	struct assertion a;
	struct err e = {0};
	int rc = assertion_read(j->env, j->lab, test, &a, &e);

	j->now.failures = json_new_arr();
	j->now.pairs = j->now.failed = 0;
	name_set(out, test);
	if (!rc) {
		rc = judge_pairs(j, &a, &e);
		assertion_done(&a);
	}
	json_set_str(out, "Result", rc ? "error" : j->now.failed ? "fail" : "pass");
	json_set_num(out, "Pairs", (double)j->now.pairs);
	if (rc)
		json_set_str(out, "Message", e.msg);
	if (j->now.failed > FAILURES_SHOWN)
		json_set_num(out, "MoreFailures", (double)(j->now.failed - FAILURES_SHOWN));
	if (j->now.failed)
		json_set(out, "Failures", j->now.failures);
	else
		json_free(j->now.failures);
	return out;
}

static int question_check(const struct json *question, struct err *e)
{
	const struct json *tests = json_get(question, "Tests");

	if (json_type(tests) != JSON_ARRAY)
		return err_set(e, -EINVAL, "MissingParameter", "Tests", "Tests is an array");
	if (json_len(tests) > ASSERTIONS_MAX)
		return err_set(e, -ENOSPC, "LimitExceeded", "Tests", "more than %d tests",
			       ASSERTIONS_MAX);
	return 0;
}

struct json *assertions_judge(const struct trace_env *env, const struct json *question,
			      struct live_tests *live, struct err *e)
{
	cleanup_free struct trace *t = calloc(1, sizeof(*t));
	struct judging j = {.env = env, .lab = member(question, "Lab"), .trace = t, .live = live};
	struct json *out, *results;
	size_t counts[3] = {0};
	int rc = t ? question_check(question, e) : err_sys(e, -ENOMEM, "test");

	if (rc)
		return NULL;
	results = json_new_arr();
	json_for_each (test, json_get(question, "Tests")) {
		struct json *r = judge(&j, test);
		const char *result = member(r, "Result");

		counts[!strcmp(result, "fail") ? 1 : !strcmp(result, "error") ? 2 : 0]++;
		json_append(results, r);
		j.test++;
	}
	out = json_new_obj();
	json_set_num(out, "Passed", (double)counts[0]);
	json_set_num(out, "Failed", (double)counts[1]);
	json_set_num(out, "Errors", (double)counts[2]);
	json_set_num(out, "Traces", (double)j.traces);
	json_set(out, "Tests", results);
	return out;
}
