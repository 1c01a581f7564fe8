/* SPDX-License-Identifier: MIT
 * What a transaction did, as the steps that people read.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "model/topology_load.h"
#include "model/types.h"

void plan_steps_done(struct plan_steps *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].detail);
	}
	free(p->v);
	*p = (struct plan_steps){0};
}

/* Changed input fields: "MapPublicIpOnLaunch: false -> true". */
static char *describe_change(const struct object *old, const struct object *new)
{
	cleanup_buf struct buf b = {0};

	field_for_each (f, new->kind->fields) {
		cleanup_free char *was = NULL, *is = NULL;

		if ((f->flags & COMPUTED) ||
		    !value_compare(f, field_at_const(f, old), field_at_const(f, new)))
			continue;
		was = field_format(old, f);
		is = field_format(new, f);
		buf_printf(&b, "%s%s: %.80s -> %.80s", b.len ? ", " : "", f->name,
			   was && *was ? was : "none", is && *is ? is : "none");
	}
	if (b.len || !(old->name || new->name))
		return b.len ? buf_take(&b) : NULL;
	if (!old->name || !new->name || strcmp(old->name, new->name))
		buf_printf(&b, "Name: %s -> %s", old->name ? old->name : "none",
			   new->name ? new->name : "none");
	else if (old->tags.n != new->tags.n)
		buf_puts(&b, "Tags");
	return b.len ? buf_take(&b) : NULL;
}

static bool is_new_or_gone(const struct change *c, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (c[i].op != CHANGE_UPDATE && !strcmp((c[i].new ? c[i].new : c[i].old)->id, id))
			return true;
	return false;
}

/* Rules count by themselves only where their group stays. */
static bool is_shown(const struct change *c, size_t n, const struct object *o)
{
	if (object_came_along(o))
		return false;
	if (o->kind->kind == KIND_SECURITY_GROUP_RULE)
		return !is_new_or_gone(c, n, AS_CONST(security_group_rule, o)->group_id);
	return true;
}

/* A deletion of the same kind and name that comes before: then this creation replaces it. */
static struct plan_step *replaced(struct plan_steps *p, const struct plan_step *created)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].op == PLAN_DELETE && p->v[i].kind == created->kind && created->name &&
		    p->v[i].name && !strcmp(p->v[i].name, created->name))
			return &p->v[i];
	return NULL;
}

static void add_step(struct plan_steps *p, struct plan_step s)
{
	struct plan_step *gone = s.op == PLAN_CREATE ? replaced(p, &s) : NULL;

	if (!gone) {
		p->v[p->n++] = s;
		return;
	}
	gone->op = PLAN_REPLACE;
	free(gone->detail);
	gone->detail = strdup("an immutable field changes");
	memcpy(gone->id, s.id, sizeof(gone->id));
	free(s.name);
	free(s.detail);
}

static struct plan_step step_of(struct txn *t, const struct change *c)
{
	static const enum plan_op ops[] = {PLAN_CREATE, PLAN_UPDATE, PLAN_DELETE};
	const struct model *m = c->new ? txn_model(t) : store_model(txn_store(t));
	const struct object *o = c->new ? c->new : c->old;
	struct plan_step s = {.op = ops[c->op], .kind = o->kind->kind};

	memcpy(s.id, o->id, sizeof(s.id));
	if (o->kind->kind == KIND_SECURITY_GROUP_RULE) {
		const struct security_group_rule *r = AS_CONST(security_group_rule, o);
		const struct object *group = model_get(m, r->group_id);
		cleanup_free char *rule = rule_format(m, r);

		if (asprintf(&s.name, "%s: %s", group && group->name ? group->name : r->group_id,
			     rule) < 0)
			s.name = NULL;
	} else if (o->kind->kind == KIND_RECORD_SET) {
		const struct record_set *r = AS_CONST(record_set, o);
		const struct object *zone = model_get(m, r->hosted_zone_id);

		if (asprintf(&s.name, "%s: %s %s", zone && zone->name ? zone->name : "?",
			     r->record_name, r->type) < 0)
			s.name = NULL;
	} else {
		s.name = object_label(m, o);
	}
	if (c->op == CHANGE_UPDATE)
		s.detail = describe_change(c->old, c->new);
	return s;
}

/* Deletions first, so that a creation finds what it replaces. */
int topology_steps(struct txn *t, struct plan_steps *ret)
{
	const struct change *c;
	size_t n = txn_changes(t, &c);

	ret->v = calloc(n ? n : 1, sizeof(*ret->v));
	if (!c || !ret->v)
		return -ENOMEM;
	for (int deletions = 1; deletions >= 0; deletions--)
		for (size_t i = 0; i < n; i++) {
			const struct object *o = c[i].new ? c[i].new : c[i].old;
			struct plan_step s;

			if ((c[i].op == CHANGE_DELETE) != deletions || !is_shown(c, n, o))
				continue;
			s = step_of(t, &c[i]);
			if (c[i].op == CHANGE_UPDATE && !s.detail) {
				free(s.name); /* status alone */
				continue;
			}
			add_step(ret, s);
		}
	return 0;
}
