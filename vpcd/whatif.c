/* SPDX-License-Identifier: MIT
 * See whatif.h.
 */
#include "vpcd/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/assertions.h"
#include "vpcd/flips.h"
#include "vpcd/whatif_flows.h"
#include "vpcd/whatif_pairs.h"

struct comparison {
	const struct whatif *w;
	struct twin *twins[SIDES];
	struct flips flips;
};

static const char *member(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

static int members_check(const struct json *question, struct err *e)
{
	static const struct {
		const char *name;
		enum json_type type;
	} known[] = {{"Topology", JSON_STRING}, {"Tests", JSON_ARRAY}, {"Flows", JSON_ARRAY},
		     {"Vpc", JSON_STRING},	{"Pairs", JSON_BOOL},  {"All", JSON_BOOL}};

	json_for_each (m, question) {
		size_t i = 0;

		while (i < ARRAY_SIZE(known) && strcmp(known[i].name, json_key(m)))
			i++;
		if (i == ARRAY_SIZE(known))
			return err_set(e, -EINVAL, "UnknownParameter", json_key(m),
				       "unknown member %.64s of a what-if", json_key(m));
		if (json_type(m) != known[i].type)
			return err_set(e, -EINVAL, "InvalidParameterValue", json_key(m),
				       "%s is of type %s", known[i].name,
				       json_type_name(known[i].type));
	}
	return 0;
}

/* ---- tests ---- */

static int pairs_ask(struct flips *f, const struct twin_ends *from, const struct twin_ends *to,
		     struct flip_case *c, bool any, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && !rc; i++)
		for (size_t j = 0; j < to->n && !rc; j++) {
			c->from = &from->v[i];
			c->to = &to->v[j];
			if (twin_end_same(c->from, c->to))
				continue;
			rc = any ? flips_services(f, c, e) : flips_case(f, c, e);
		}
	return rc;
}

/* The pairs of a test, as its sets are before and after: a set that is empty or names nobody on one
 * side has no ends there. */
static int test_ask(struct comparison *cmp, const struct json *test, const char *name,
		    struct err *e)
{
	struct flips *f = &cmp->flips;
	struct twin_ends from = {0}, to = {0};
	struct assertion a[SIDES] = {0};
	bool read[SIDES];
	int rc = 0;

	for (int side = 0; side < SIDES; side++)
		read[side] = !assertion_read(&f->env[side], cmp->w->lab, test, &a[side], NULL);
	if (read[BEFORE] || read[AFTER])
		rc = twin_ends_merge(f->env, &a[BEFORE].senders, &a[AFTER].senders, &from, e);
	if (!rc)
		rc = twin_ends_merge(f->env, &a[BEFORE].receivers, &a[AFTER].receivers, &to, e);
	if (!rc) {
		struct flip_case c = {.service = a[read[AFTER] ? AFTER : BEFORE].service,
				      .test = name};

		rc = pairs_ask(f, &from, &to, &c, c.service.any, e);
	}
	f->last.flip = NULL; /* its ends go */
	twin_ends_done(&from);
	twin_ends_done(&to);
	for (int side = 0; side < SIDES; side++)
		assertion_done(&a[side]);
	return rc;
}

/* Tests whose result changes, and how many hold before and after. */
static void results_compare(const struct json *answers[SIDES], struct json *out)
{
	static const char *const counts[] = {"Passed", "Failed", "Errors"}, *const sides[SIDES] = {
										    "TestsBefore",
										    "TestsAfter"};
	const struct json *after = json_get(answers[AFTER], "Tests");
	struct json *changed = json_new_arr();
	size_t i = 0;

	for (int side = 0; side < SIDES; side++) {
		struct json *n = json_new_obj();

		for (size_t k = 0; k < ARRAY_SIZE(counts); k++)
			json_set_num(n, counts[k], json_num(json_get(answers[side], counts[k])));
		json_set(out, sides[side], n);
	}
	json_for_each (before, json_get(answers[BEFORE], "Tests")) {
		struct json *now = json_at(after, i++), *t;

		if (!strcmp(member(before, "Result"), member(now, "Result")))
			continue;
		t = json_copy(now);
		json_set_str(t, "Before", member(before, "Result"));
		json_append(changed, t);
	}
	json_set(out, "Tests", changed);
}

/* Their results, and the verdicts of their pairs unless those are asked anyway. */
static int tests_judge(struct comparison *cmp, const struct json *tests, bool pairs,
		       struct json *out, struct err *e)
{
	cleanup_json struct json *question = json_new_obj();
	struct json *answers[SIDES] = {0};
	int rc = 0;
	size_t i = 0;

	json_set(question, "Tests", json_copy(tests));
	json_set_str(question, "Lab", cmp->w->lab);
	for (int side = 0; side < SIDES && !rc; side++) {
		answers[side] = assertions_judge(&cmp->flips.env[side], question, NULL, e);
		rc = answers[side] ? 0 : e->rc;
	}
	if (!rc)
		results_compare((const struct json **)answers, out);
	json_for_each (test, tests) {
		const char *name = member(json_at(json_get(answers[AFTER], "Tests"), i++), "Name");

		if (!rc && pairs)
			rc = test_ask(cmp, test, name, e);
	}
	for (int side = 0; side < SIDES; side++)
		json_free(answers[side]);
	return rc;
}

/* ---- all of it ---- */

static int comparison_open(struct comparison *cmp, struct err *e)
{
	const struct model *const models[SIDES] = {cmp->w->before, cmp->w->after};
	int rc = 0;

	for (int side = 0; side < SIDES && !rc; side++)
		rc = twin_make(models[side], cmp->w->max_enis, &cmp->twins[side], e);
	return rc ? rc : flips_init(&cmp->flips, cmp->twins[BEFORE], cmp->twins[AFTER], e);
}

static void comparison_close(struct comparison *cmp)
{
	flips_done(&cmp->flips);
	for (int side = 0; side < SIDES; side++)
		twin_free(cmp->twins[side]);
}

static int comparison_run(struct comparison *cmp, const struct json *question, struct json *out,
			  struct err *e)
{
	const struct json *tests = json_get(question, "Tests"),
			  *pairs = json_get(question, "Pairs");
	const struct json *flows = json_get(question, "Flows");
	bool all_pairs = !pairs || json_bool(pairs);
	int rc = tests ? tests_judge(cmp, tests, !all_pairs, out, e) : 0;

	if (!rc && flows)
		rc = flows_judge(&cmp->flips, cmp->twins, member(question, "Vpc"), flows, out, e);
	if (!rc && all_pairs)
		rc = pairs_judge(&cmp->flips, json_bool(json_get(question, "All")), e);
	return rc;
}

static void answer_finish(struct flips *f, struct json *out)
{
	json_set(out, "Flips", TAKE(f->list));
	json_set_num(out, "Opened", (double)f->opened);
	json_set_num(out, "Closed", (double)f->closed);
	if (f->more)
		json_set_num(out, "MoreFlips", (double)f->more);
	json_set_num(out, "Asked", (double)f->cases);
}

struct json *whatif_judge(const struct whatif *w, const struct json *question, struct err *e)
{
	cleanup_json struct json *out = json_new_obj();
	struct comparison cmp = {.w = w};
	int rc = members_check(question, e);

	if (!rc)
		rc = comparison_open(&cmp, e);
	if (!rc)
		rc = comparison_run(&cmp, question, out, e);
	if (!rc)
		answer_finish(&cmp.flips, out);
	comparison_close(&cmp);
	return rc ? NULL : TAKE(out);
}
