/* SPDX-License-Identifier: MIT
 * See whatif_pairs.h.
 */
#include "vpcd/whatif_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/alike.h"
#include "vpcd/touched.h"

static bool end_is_touched(const struct touched *t, const struct twin_end *end)
{
	if (end->there[BEFORE] != end->there[AFTER] ||
	    strcmp(end->at[BEFORE].attachment, end->at[AFTER].attachment))
		return true;
	return touched_has(t, end->at[AFTER].attachment);
}

/* Ends by what is true of them: each class goes by the first of its members. */
struct classes {
	const struct twin_ends *ends;
	size_t *first, *second; /* second: another member, or the first itself */
	bool *touched;
	struct json **others; /* names of those but the first; NULL: there are none */
};

static void classes_done(struct classes *c)
{
	for (size_t i = 0; c->others && i < c->ends->n; i++)
		json_free(c->others[i]);
	free(c->others);
	free(c->touched);
	free(c->second);
	free(c->first);
}

static int classes_alloc(struct classes *c, const struct trace_env env[SIDES], bool all,
			 struct err *e)
{
	const size_t n = c->ends->n + 1;
	int rc = all ? 0 : alike_find(env, c->ends, &c->first, e);

	if (rc)
		return rc;
	if (all)
		c->first = calloc(n, sizeof(*c->first));
	c->second = calloc(n, sizeof(*c->second));
	c->touched = calloc(n, sizeof(*c->touched));
	c->others = calloc(n, sizeof(*c->others));
	if (!c->first || !c->second || !c->touched || !c->others)
		return err_sys(e, -ENOMEM, "pairs");
	for (size_t i = 0; all && i < c->ends->n; i++)
		c->first[i] = i;
	return 0;
}

static int classes_find(struct classes *c, const struct trace_env env[SIDES],
			const struct touched *t, bool all, struct err *e)
{
	int rc = classes_alloc(c, env, all, e);

	for (size_t i = 0; i < c->ends->n && !rc; i++) {
		const size_t first = c->first[i];

		if (first == i)
			c->second[i] = i;
		else
			c->second[first] = i;
		c->touched[first] = c->touched[first] || all || end_is_touched(t, &c->ends->v[i]);
		if (first == i)
			continue;
		if (!c->others[first])
			c->others[first] = json_new_arr();
		json_append(c->others[first], json_new_str(c->ends->v[i].name));
	}
	return rc;
}

/* One class asks another. */
static int class_ask(const struct classes *c, size_t from, size_t to, struct flips *f,
		     struct err *e)
{
	const struct flip_case one = {.from = &c->ends->v[from],
				      .to = &c->ends->v[to],
				      .from_alike = c->others[from],
				      .to_alike = c->others[to]};

	return flips_services(f, &one, e);
}

/* Within a class, the first asks another: that stands for each asking each. */
static int members_ask(const struct classes *c, size_t first, struct flips *f, struct err *e)
{
	cleanup_json struct json *others = json_new_arr();
	const size_t second = c->second[first];
	struct flip_case one = {.from = &c->ends->v[first],
				.to = &c->ends->v[second],
				.from_alike = c->others[first],
				.to_alike = others};

	if (second == first)
		return 0;
	json_append(others, json_new_str(c->ends->v[first].name));
	for (size_t i = first + 1; i < c->ends->n; i++)
		if (c->first[i] == first && i != second)
			json_append(others, json_new_str(c->ends->v[i].name));
	return flips_services(f, &one, e);
}

static int classes_ask(const struct classes *c, struct flips *f, struct err *e)
{
	const size_t n = c->ends->n;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		for (size_t j = 0; j < n && !rc && c->first[i] == i; j++) {
			if (c->first[j] != j || (!c->touched[i] && !c->touched[j]))
				continue;
			rc = i == j ? members_ask(c, i, f, e) : class_ask(c, i, j, f, e);
		}
	return rc;
}

int pairs_judge(struct flips *f, bool all, struct err *e)
{
	const struct trace_env *env = f->env;
	struct twin_ends ends = {0};
	struct classes c = {.ends = &ends};
	struct touched *t = NULL;
	int rc = touched_find(env[BEFORE].plan, env[AFTER].plan, &t, e);

	if (!rc)
		rc = twin_ends_all(env, &ends, e);
	if (!rc)
		rc = classes_find(&c, env, t, all, e);
	if (!rc)
		rc = classes_ask(&c, f, e);
	f->last.flip = NULL;
	classes_done(&c);
	twin_ends_done(&ends);
	touched_free(t);
	return rc;
}
