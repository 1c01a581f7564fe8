/* SPDX-License-Identifier: MIT
 * What a transaction did, as the steps that people read.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "model/kinds/common.h"
#include "model/kinds/route.h"
#include "model/topology_load.h"
#include "model/types.h"

#define ITEMS_SHOWN 4 /* of a list that changes */

void plan_steps_done(struct plan_steps *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].detail);
	}
	free(p->v);
	*p = (struct plan_steps){0};
}

/* ---- what changed ---- */

static const char *name_of(const struct model *m, const char *id, const struct txn *t)
{
	const struct object *o = model_get(m, id);

	o = o ? o : model_get(store_model(txn_store(t)), id);
	return o && o->name ? o->name : id;
}

/* An item for people: routes and ACL entries as the file writes them, references by name. */
static void add_item(const struct txn *t, const struct field *elem, const void *item, struct buf *b)
{
	const struct model *m = txn_model(t);
	char text[CIDR_STRLEN];

	if (elem == &elem_route) {
		const struct route *r = item;
		const char *target = r->local ? "local" : route_target(r);

		buf_printf(b, "%s by %s",
			   r->prefix_list_id ? name_of(m, r->prefix_list_id, t)
					     : route_destination(r, text),
			   target ? name_of(m, target, t) : "nothing");
	} else if (elem->fields && field_find(elem->fields, "RuleNumber")) {
		cleanup_free char *entry = acl_entry_format(item);

		buf_puts(b, entry);
	} else if (elem->type == T_REF) {
		buf_puts(b, name_of(m, *(char *const *)item, t));
	} else {
		value_format(elem, item, b);
	}
}

static const void *item_at(const struct field *f, const struct list *l, size_t i)
{
	return (const char *)l->v + i * f->elem->size;
}

static bool list_has(const struct field *f, const struct list *l, const void *item)
{
	for (size_t i = 0; i < l->n; i++)
		if (!value_compare(f->elem, item_at(f, l, i), item))
			return true;
	return false;
}

/* " +10.9.0.0/16 by pcx", for the items that the other list has not. */
static size_t add_items(const struct txn *t, const struct field *f, const struct list *l,
			const struct list *other, char sign, struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (list_has(f, other, item_at(f, l, i)))
			continue;
		if (++n > ITEMS_SHOWN)
			continue;
		buf_printf(b, " %c", sign);
		add_item(t, f->elem, item_at(f, l, i), b);
	}
	if (n > ITEMS_SHOWN)
		buf_printf(b, " %cand %zu more", sign, n - ITEMS_SHOWN);
	return n;
}

static void add_list_change(const struct txn *t, const struct field *f, const struct list *was,
			    const struct list *is, struct buf *b)
{
	size_t n;

	buf_printf(b, "%s:", f->name);
	n = add_items(t, f, was, is, '-', b);
	n += add_items(t, f, is, was, '+', b);
	if (!n)
		buf_puts(b, " another order");
}

static void add_value_change(const struct txn *t, const struct field *f, const struct object *old,
			     const struct object *new, struct buf *b)
{
	cleanup_free char *was = field_format(old, f), *is = field_format(new, f);

	if (f->type == T_REF) {
		const char *from = *(char *const *)field_at_const(f, old);
		const char *to = *(char *const *)field_at_const(f, new);

		buf_printf(b, "%s: %s -> %s", f->name,
			   from ? name_of(txn_model(t), from, t) : "none",
			   to ? name_of(txn_model(t), to, t) : "none");
		return;
	}
	buf_printf(b, "%s: %.80s -> %.80s", f->name, was && *was ? was : "none",
		   is && *is ? is : "none");
}

/* Rules and records go with what they belong to. */
static bool is_adopted(const struct object *old, const struct object *new)
{
	return !old->lab && new->lab &&new->kind->kind !=
				    KIND_SECURITY_GROUP_RULE &&new->kind->kind != KIND_RECORD_SET;
}

/* Changed input fields: "MapPublicIpOnLaunch: false -> true". */
static char *describe_change(const struct txn *t, const struct object *old,
			     const struct object *new)
{
	cleanup_buf struct buf b = {0};

	if (is_adopted(old, new))
		buf_printf(&b, "Lab: none -> %s", new->lab);
	field_for_each (f, new->kind->fields) {
		const void *was = field_at_const(f, old), *is = field_at_const(f, new);

		if ((f->flags & COMPUTED) || !value_compare(f, was, is))
			continue;
		buf_puts(&b, b.len ? ", " : "");
		if (f->type == T_LIST)
			add_list_change(t, f, was, is, &b);
		else
			add_value_change(t, f, old, new, &b);
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

/* Why an object made way for another of its name: "CidrBlock is immutable". */
static char *describe_replacement(const struct object *old, const struct object *new)
{
	bool moved = false;
	char *text = NULL;

	field_for_each (f, new->kind->fields) {
		const void *was = field_at_const(f, old), *is = field_at_const(f, new);
		bool ref = f->type == T_REF || (f->elem && f->elem->type == T_REF);

		if (!(f->flags & (IMMUTABLE | ALLOCATED)) || !value_compare(f, was, is))
			continue;
		moved |= ref;
		if (ref)
			continue;
		if (asprintf(&text, "%s is immutable", f->name) < 0)
			return NULL;
		return text;
	}
	if (!moved && new->kind->kind == KIND_VPC_PEERING_CONNECTION &&
	    asprintf(&text, "it was %s",
		     peering_status_names[AS_CONST(vpc_peering_connection, old)->status]) >= 0)
		return text;
	return strdup("what it belongs to is replaced");
}

/* ---- steps ---- */

static bool is_deletion(const struct change *c)
{
	return c->op == CHANGE_DELETE || c->op == CHANGE_RETIRE;
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

/* The object that a step's deletion took away. */
static const struct object *gone_object(struct txn *t, const struct plan_step *s)
{
	return model_get(store_model(txn_store(t)), s->id);
}

static void add_step(struct txn *t, struct plan_steps *p, struct plan_step s)
{
	struct plan_step *gone = s.op == PLAN_CREATE ? replaced(p, &s) : NULL;

	if (!gone) {
		p->v[p->n++] = s;
		return;
	}
	gone->op = PLAN_REPLACE;
	free(gone->detail);
	gone->detail = describe_replacement(gone_object(t, gone), model_get(txn_model(t), s.id));
	memcpy(gone->id, s.id, sizeof(gone->id));
	free(s.name);
	free(s.detail);
}

static struct plan_step step_of(struct txn *t, const struct change *c)
{
	static const enum plan_op ops[] = {[CHANGE_CREATE] = PLAN_CREATE,
					   [CHANGE_UPDATE] = PLAN_UPDATE,
					   [CHANGE_DELETE] = PLAN_DELETE,
					   [CHANGE_RETIRE] = PLAN_DELETE};
	const struct model *m = is_deletion(c) ? store_model(txn_store(t)) : txn_model(t);
	const struct object *o = is_deletion(c) ? c->old : c->new;
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
		s.detail = describe_change(t, c->old, c->new);
	if (c->op == CHANGE_CREATE && o->lab && s.name && !strchr(s.name, '/') && o->name &&
	    unowned_namesake(m, o->kind->kind, o->name))
		s.detail = strdup("another of its name belongs to no lab: see --adopt");
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

			if (is_deletion(&c[i]) != deletions || !is_shown(c, n, o))
				continue;
			s = step_of(t, &c[i]);
			if (c[i].op == CHANGE_UPDATE && !s.detail) {
				free(s.name); /* status alone */
				continue;
			}
			add_step(t, ret, s);
		}
	return 0;
}
