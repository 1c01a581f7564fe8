/* SPDX-License-Identifier: MIT
 * See end_set.h.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/end_set.h"

struct scope {
	const struct model *m;
	const struct plan *p;
	const char *lab;
};

void end_set_done(struct end_set *s)
{
	free(s->v);
	*s = (struct end_set){0};
}

static bool same_end(const struct trace_end *a, const struct trace_end *b)
{
	return a->object ? a->object == b->object : !strcmp(a->name, b->name);
}

static bool has(const struct end_set *s, const struct trace_end *end)
{
	for (size_t i = 0; i < s->n; i++)
		if (same_end(&s->v[i], end))
			return true;
	return false;
}

static int add(struct end_set *s, const struct trace_end *end)
{
	if (has(s, end))
		return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		void *v = reallocarray(s->v, cap, sizeof(*s->v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *end;
	return 0;
}

/* By id, which is never ambiguous; it goes by its name. */
static int add_object(const struct scope *sc, struct end_set *s, const struct object *o,
		      struct err *e)
{
	struct trace_end end;
	int rc = trace_end_parse(sc->m, sc->p, o->id, &end, e);

	if (rc)
		return rc;
	if (o->name)
		snprintf(end.name, sizeof(end.name), "%s", o->name);
	return add(s, &end);
}

/* ---- predicates on sandboxes ---- */

typedef bool match_fn(const struct scope *sc, const struct object *o, const char *pattern);

static const struct object *interface_of(const struct scope *sc, const struct object *o)
{
	const char *id = NULL;

	if (o->kind->kind == KIND_INSTANCE)
		id = AS_CONST(instance, o)->network_interface_id;
	else if (o->kind->kind == KIND_FUNCTION)
		id = AS_CONST(function, o)->network_interface_id;
	return id ? model_get(sc->m, id) : NULL;
}

/* By its id, name, or "vpc/name". */
static bool object_matches(const struct scope *sc, const struct object *o, const char *pattern)
{
	const char *vpc_id = o ? model_object_vpc(sc->m, o) : NULL;
	const struct object *vpc = vpc_id ? model_get(sc->m, vpc_id) : NULL;
	char qualified[256];

	if (!o)
		return false;
	if (!fnmatch(pattern, o->id, 0) || (o->name && !fnmatch(pattern, o->name, 0)))
		return true;
	if (!vpc || !vpc->name || !o->name)
		return false;
	snprintf(qualified, sizeof(qualified), "%s/%s", vpc->name, o->name);
	return !fnmatch(pattern, qualified, 0);
}

static bool in_subnet(const struct scope *sc, const struct object *o, const char *pattern)
{
	const struct object *eni = interface_of(sc, o);

	return eni &&
	       object_matches(sc, model_get(sc->m, AS_CONST(network_interface, eni)->subnet_id),
			      pattern);
}

static bool in_vpc(const struct scope *sc, const struct object *o, const char *pattern)
{
	const struct object *eni = interface_of(sc, o);
	const char *vpc = eni ? model_object_vpc(sc->m, eni) : NULL;

	return vpc && object_matches(sc, model_get(sc->m, vpc), pattern);
}

static bool in_group(const struct scope *sc, const struct object *o, const char *pattern)
{
	const struct object *eni = interface_of(sc, o);
	const struct list *groups = eni ? &AS_CONST(network_interface, eni)->groups : NULL;

	for (size_t i = 0; groups && i < groups->n; i++)
		if (object_matches(sc, model_get(sc->m, ((char **)groups->v)[i]), pattern))
			return true;
	return false;
}

static bool has_tag(const struct scope *sc, const struct object *o, const char *pattern)
{
	const char *equals = strchr(pattern, '=');

	for (size_t i = 0; equals && i < o->tags.n; i++)
		if (!strncmp(o->tags.keys[i], pattern, (size_t)(equals - pattern)) &&
		    !o->tags.keys[i][equals - pattern] &&
		    !fnmatch(equals + 1, o->tags.values[i], 0))
			return true;
	return false;
}

static bool is_kind(const struct scope *sc, const struct object *o, const char *pattern)
{
	return !strcmp(pattern, "sandboxes") || !strcmp(pattern, o->kind->plural);
}

static int add_matching(const struct scope *sc, struct end_set *s, match_fn *fn,
			const char *pattern, struct err *e)
{
	static const enum kind_id sandboxes[] = {KIND_INSTANCE, KIND_FUNCTION, KIND_INTERNET_HOST};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sandboxes); i++)
		model_for_each (o, sc->m, sandboxes[i]) {
			if (sc->lab && (!o->lab || strcmp(o->lab, sc->lab)))
				continue;
			if (!rc && fn(sc, o, pattern))
				rc = add_object(sc, s, o, e);
		}
	return rc;
}

/* ---- expressions ---- */

static const struct {
	const char *word;
	match_fn *fn;
} predicates[] = {{"subnet ", in_subnet}, {"vpc ", in_vpc},  {"group ", in_group},
		  {"sg ", in_group},	  {"tag ", has_tag}, {"all ", is_kind}};

static int add_term(const struct scope *sc, struct end_set *s, const char *term, struct err *e)
{
	struct trace_end end;
	size_t before = s->n;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(predicates); i++) {
		size_t len = strlen(predicates[i].word);

		if (strncmp(term, predicates[i].word, len))
			continue;
		rc = add_matching(sc, s, predicates[i].fn, term + len, e);
		if (!rc && s->n == before)
			rc = err_set(e, -ENOENT, "InvalidParameterValue", "",
				     "no sandbox matches \"%.128s\"", term);
		return rc;
	}
	if (!strcmp(term, "all"))
		return add_matching(sc, s, is_kind, "sandboxes", e);
	if (strpbrk(term, "*?[") && *term != '[') {
		rc = add_matching(sc, s, object_matches, term, e);
		if (!rc && s->n == before)
			rc = err_set(e, -ENOENT, "InvalidParameterValue", "",
				     "no sandbox matches \"%.128s\"", term);
		return rc;
	}
	rc = trace_end_parse(sc->m, sc->p, term, &end, e);
	return rc ? rc : add(s, &end);
}

static int add_union(const struct scope *sc, struct end_set *s, const char *text, struct err *e)
{
	cleanup_free char *copy = strdup(text);
	char *save, *term;
	int rc = copy ? 0 : -ENOMEM;

	for (term = copy ? strtok_r(copy, ",", &save) : NULL; term && !rc;
	     term = strtok_r(NULL, ",", &save)) {
		size_t len;

		term += strspn(term, " ");
		for (len = strlen(term); len && term[len - 1] == ' '; len--)
			term[len - 1] = 0;
		rc = add_term(sc, s, term, e);
	}
	return rc;
}

static void subtract(struct end_set *from, const struct end_set *what)
{
	size_t kept = 0;

	for (size_t i = 0; i < from->n; i++)
		if (!has(what, &from->v[i]))
			from->v[kept++] = from->v[i];
	from->n = kept;
}

int end_set_parse(const struct model *m, const struct plan *p, const char *lab, const char *text,
		  struct end_set *ret, struct err *e)
{
	struct scope sc = {m, p, lab};
	struct end_set but = {0};
	int rc;

	*ret = (struct end_set){0};
	if (*text == '!') {
		rc = add_union(&sc, &but, text + 1 + strspn(text + 1, " "), e);
		if (!rc)
			rc = add_matching(&sc, ret, is_kind, "sandboxes", e);
		subtract(ret, &but);
		end_set_done(&but);
	} else {
		rc = add_union(&sc, ret, text, e);
	}
	if (!rc && !ret->n)
		rc = err_set(e, -ENOENT, "InvalidParameterValue", "",
			     "\"%.128s\" is an empty set: an assertion about nothing always holds",
			     text);
	if (rc)
		end_set_done(ret);
	return rc;
}
