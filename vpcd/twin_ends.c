/* SPDX-License-Identifier: MIT
 * See twin_ends.h.
 */
#include "vpcd/twin_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

void twin_ends_done(struct twin_ends *s)
{
	free(s->v);
	*s = (struct twin_ends){0};
}

/* ---- objects ---- */

static bool text_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static const char *vpc_name(const struct model *m, const struct object *o)
{
	const char *id = model_object_vpc(m, o);
	const struct object *vpc = id ? model_get(m, id) : NULL;

	return vpc ? vpc->name : NULL;
}

const struct object *twin_counterpart(const struct model *from, const struct model *to,
				      const struct object *o)
{
	const struct object *same = model_get(to, o->id);

	if (same || !o->name)
		return same;
	model_for_each (other, to, o->kind->kind)
		if (text_equal(other->name, o->name) && text_equal(other->lab, o->lab) &&
		    text_equal(vpc_name(to, other), vpc_name(from, o)))
			return other;
	return NULL;
}

/* ---- ends ---- */

static const char *name_of(const struct object *o)
{
	return o->name ? o->name : o->id;
}

static int end_fill(const struct trace_env *env, const struct object *o, struct trace_end *ret,
		    struct err *e)
{
	int rc = trace_end_parse(env->model, env->plan, o->id, ret, e);

	snprintf(ret->name, sizeof(ret->name), "%s", name_of(o));
	return rc;
}

int twin_end_of(const struct trace_env env[SIDES], int side, const struct object *o,
		struct twin_end *ret, struct err *e)
{
	const int other = side == BEFORE ? AFTER : BEFORE;
	const struct object *there = twin_counterpart(env[side].model, env[other].model, o);
	int rc;

	*ret = (struct twin_end){0};
	snprintf(ret->name, sizeof(ret->name), "%s", name_of(o));
	rc = end_fill(&env[side], o, &ret->at[side], e);
	ret->there[side] = true;
	if (rc || !there)
		return rc;
	ret->there[other] = true;
	return end_fill(&env[other], there, &ret->at[other], e);
}

/* An end that is no object (an address, "internet") is the same text in both. */
static int end_of_text(const struct trace_env env[SIDES], const char *text, struct twin_end *ret,
		       struct err *e)
{
	int rc = 0;

	*ret = (struct twin_end){.there = {true, true}};
	snprintf(ret->name, sizeof(ret->name), "%s", text);
	for (int side = 0; side < SIDES && !rc; side++)
		rc = trace_end_parse(env[side].model, env[side].plan, text, &ret->at[side], e);
	return rc;
}

bool twin_end_same(const struct twin_end *a, const struct twin_end *b)
{
	for (int side = 0; side < SIDES; side++)
		if (a->there[side] && b->there[side] && a->at[side].object &&
		    a->at[side].object == b->at[side].object)
			return true;
	return !strcmp(a->name, b->name) && !a->at[BEFORE].object && !a->at[AFTER].object &&
	       !b->at[BEFORE].object && !b->at[AFTER].object;
}

/* ---- sets ---- */

static int ends_push(struct twin_ends *s, const struct twin_end *end, struct err *e)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		void *v = reallocarray(s->v, cap, sizeof(*s->v));

		if (!v)
			return err_sys(e, -ENOMEM, "ends");
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *end;
	return 0;
}

static int ends_add(const struct trace_env env[SIDES], int side, const struct trace_end *end,
		    struct twin_ends *s, struct err *e)
{
	struct twin_end both;
	int rc = end->object && !end->is_literal ? twin_end_of(env, side, end->object, &both, e)
						 : end_of_text(env, end->name, &both, e);

	if (rc)
		return rc;
	/* Those of the other side that were there before have been added with it. */
	for (size_t i = 0; side == AFTER && i < s->n; i++)
		if (twin_end_same(&s->v[i], &both))
			return 0;
	return ends_push(s, &both, e);
}

int twin_ends_merge(const struct trace_env env[SIDES], const struct end_set *before,
		    const struct end_set *after, struct twin_ends *ret, struct err *e)
{
	const struct end_set *const sets[SIDES] = {before, after};
	int rc = 0;

	*ret = (struct twin_ends){0};
	for (int side = 0; side < SIDES; side++)
		for (size_t i = 0; i < sets[side]->n && !rc; i++)
			rc = ends_add(env, side, &sets[side]->v[i], ret, e);
	if (rc)
		twin_ends_done(ret);
	return rc;
}

int twin_ends_all(const struct trace_env env[SIDES], struct twin_ends *ret, struct err *e)
{
	struct end_set sets[SIDES] = {0};
	int rc = 0;

	for (int side = 0; side < SIDES && !rc; side++)
		rc = end_set_parse(env[side].model, env[side].plan, NULL, "all,internet",
				   &sets[side], e);
	if (!rc)
		rc = twin_ends_merge(env, &sets[BEFORE], &sets[AFTER], ret, e);
	for (int side = 0; side < SIDES; side++)
		end_set_done(&sets[side]);
	return rc;
}
