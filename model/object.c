/* SPDX-License-Identifier: MIT
 * Objects: memory, JSON, references; see schema.h and object.h.
 */
#include "model/object.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model/types.h"

static const struct field tags_field = {.name = "Tags",
					.type = T_MAP,
					.offset = offsetof(struct object, tags),
					.size = sizeof(struct map)};

/* ---- memory ---- */

struct object *object_new(const struct kind *k)
{
	struct object *o = calloc(1, k->size);
	struct err e;

	if (!o)
		return NULL;
	o->kind = k;
	if (fields_defaults(k->fields, o, &e)) {
		assert(e.rc == -ENOMEM); /* the lint test parses all defaults */
		object_free(o);
		return NULL;
	}
	return o;
}

bool object_is_past(const struct object *o)
{
	return o->kind->past && o->kind->past(o);
}

void object_free(struct object *o)
{
	if (!o)
		return;
	fields_clear(o->kind->fields, o);
	map_done(&o->tags);
	free(o->name);
	free(o->account);
	free(o->region);
	free(o->lab);
	free(o);
}

static int copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

struct object *object_copy(const struct object *o)
{
	struct object *c = calloc(1, o->kind->size);

	if (!c)
		return NULL;
	c->kind = o->kind;
	c->revision = o->revision;
	c->created = o->created;
	memcpy(c->id, o->id, sizeof(c->id));
	if (copy_text(o->name, &c->name) || copy_text(o->account, &c->account) ||
	    copy_text(o->region, &c->region) || copy_text(o->lab, &c->lab) ||
	    map_copy(&o->tags, &c->tags) || fields_copy(o->kind->fields, o, c)) {
		object_free(c);
		return NULL;
	}
	return c;
}

bool object_equal(const struct object *a, const struct object *b)
{
	return !value_compare(&tags_field, &a->tags, &b->tags) &&
	       !strcmp(a->lab ? a->lab : "", b->lab ? b->lab : "") &&
	       !fields_compare(a->kind->fields, a, b);
}

/* ---- to JSON ---- */

static void print_fields(const struct object *o, unsigned without, unsigned with, struct json *out)
{
	field_for_each (f, o->kind->fields) {
		if (!(f->flags & without) && (f->flags & with) == with)
			json_set(out, f->name, value_print(f, field_at_const(f, o)));
	}
}

struct json *object_to_json(const struct model *m, const struct object *o)
{
	struct json *out = json_new_obj();
	char created[TIME_STRLEN];

	json_set_str(out, o->kind->id_field, o->id);
	json_set_str(out, "Name", o->name);
	print_fields(o, 0, 0, out);
	if (m && o->kind->derive)
		o->kind->derive(m, o, out);
	json_set_str(out, "OwnerId", o->account);
	json_set_str(out, "Region", o->region);
	json_set_str(out, "Lab", o->lab);
	json_set(out, "Tags", value_print(&tags_field, &o->tags));
	json_set_num(out, "Revision", o->revision);
	json_set_str(out, "CreateTime", time_format(o->created, created));
	return out;
}

struct json *object_spec(const struct object *o)
{
	struct json *out = json_new_obj();

	json_set_str(out, "Name", o->name);
	print_fields(o, COMPUTED, 0, out);
	if (o->tags.n)
		json_set(out, "Tags", value_print(&tags_field, &o->tags));
	return out;
}

struct json *object_status(const struct object *o)
{
	struct json *out = json_new_obj();

	print_fields(o, 0, COMPUTED, out);
	return out;
}

/* ---- from JSON ---- */

/* A fault in the value of a member: path and message get the member's name. */
static int refuse_value(struct err *e, const char *name)
{
	err_within(e, name);
	return err_wrap(e, "%s", e->field);
}

static int name_follows_tags(struct object *o, struct err *e)
{
	const char *name = map_get(&o->tags, "Name");

	free(o->name);
	o->name = NULL;
	if (!name || !*name)
		return 0;
	return copy_text(name, &o->name) ? err_sys(e, -ENOMEM, "Name") : 0;
}

static int input_name(struct object *o, const struct json *v, const struct json *all, struct err *e)
{
	const char *name = json_str(v), *tag = json_str(json_get(json_get(all, "Tags"), "Name"));

	if (!name && json_type(v) != JSON_NULL)
		return value_refuse(v, e, "a string"), refuse_value(e, "Name");
	if (name && tag && strcmp(name, tag))
		return err_set(e, -EINVAL, "InvalidParameterCombination", "Name",
			       "Name and the tag Name are the same and differ here: %.64s, %.64s",
			       name, tag);
	if (map_set(&o->tags, "Name", name))
		return err_sys(e, -ENOMEM, "Name");
	return 0;
}

static int refuse_computed(const struct object *o, const char *name, struct err *e)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", name,
		       "%s of %s is set by vpcd and cannot be given", name, o->kind->name);
}

static bool is_own_member(const struct object *o, const char *name)
{
	static const char *const own[] = {"OwnerId", "Region", "Lab", "Revision", "CreateTime"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(name, own[i]))
			return true;
	return !strcmp(name, o->kind->id_field);
}

/* Null: back to the default. */
static int input_null(struct object *o, const struct field *f, struct err *e)
{
	void *p = field_at(f, o);

	if (f->flags & REQUIRED)
		return err_set(e, -EINVAL, "MissingParameter", f->name,
			       "%s of %s is required and cannot be removed", f->name,
			       o->kind->name);
	value_clear(f, p);
	return f->def && value_parse_text(f, f->def, p, e) ? refuse_value(e, f->name) : 0;
}

/* Objects merge with what is there (RFC 7396); on creation that is the default. */
static int input_value(struct object *o, const struct field *f, const struct json *v, struct err *e)
{
	cleanup_json struct json *merged = NULL;
	void *p = field_at(f, o);

	if (json_type(v) == JSON_OBJECT && (f->type == T_MAP || f->type == T_RECORD)) {
		merged = value_print(f, p);
		json_merge(merged, v);
		v = merged;
	}
	return value_parse(f, v, p, e) ? refuse_value(e, f->name) : 0;
}

static int input_member(struct object *o, const struct json *v, const struct json *all,
			struct err *e)
{
	const char *name = json_key(v);
	const struct field *f = field_find(o->kind->fields, name);

	if (!f && !strcmp(name, "Name"))
		return 0; /* after Tags */
	if (!f && !strcmp(name, "Tags"))
		f = &tags_field;
	if (!f && is_own_member(o, name))
		return refuse_computed(o, name, e);
	if (!f)
		return fields_refuse_unknown(o->kind->fields, name, o->kind->name, e);
	if (f->flags & COMPUTED)
		return refuse_computed(o, name, e);
	if (json_type(v) == JSON_NULL)
		return input_null(o, f, e);
	return input_value(o, f, v, e);
}

static int need_object(const struct json *j, struct err *e)
{
	if (json_type(j) != JSON_OBJECT)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "%s given where an object of fields belongs",
			       json_type_name(json_type(j)));
	return 0;
}

int object_patch(struct object *o, const struct json *patch, struct err *e)
{
	const struct json *name = json_get(patch, "Name");
	int r = need_object(patch, e);

	if (r)
		return r;
	json_for_each (v, patch) {
		r = input_member(o, v, patch, e);
		if (r)
			return r;
	}
	r = name ? input_name(o, name, patch, e) : 0;
	if (!r)
		r = name_follows_tags(o, e);
	return r ? r : fields_check_oneof(o->kind->fields, o, e);
}

/* A new object's null is an absent member; only then is REQUIRED asked. */
static int check_required(const struct object *o, const struct json *spec, struct err *e)
{
	field_for_each (f, o->kind->fields) {
		if (!(f->flags & REQUIRED) || json_type(json_get(spec, f->name)) != JSON_NULL)
			continue;
		return err_set(e, -EINVAL, "MissingParameter", f->name, "%s of %s is required: %s",
			       f->name, o->kind->name, f->help);
	}
	return 0;
}

int object_input(struct object *o, const struct json *spec, struct err *e)
{
	int r = need_object(spec, e);

	if (!r)
		r = check_required(o, spec, e);
	return r ? r : object_patch(o, spec, e);
}

/* Characters, not octets, of UTF-8. */
static size_t text_len(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int object_tags_check(const struct object *o, struct err *e)
{
	if (o->tags.n > TAGS_MAX)
		return err_set(e, -ENOSPC, "TagLimitExceeded", "Tags", "%zu tags: at most %d",
			       o->tags.n, TAGS_MAX);
	for (size_t i = 0; i < o->tags.n; i++) {
		const char *key = o->tags.keys[i], *value = o->tags.values[i];
		bool name = !strcmp(key, "Name");

		if (text_len(key) > TAG_KEY_MAX)
			return err_set(e, -EINVAL, "InvalidParameterValue", "Tags",
				       "tag key %.32s...: at most %d characters", key, TAG_KEY_MAX);
		if (text_len(value) > TAG_VALUE_MAX)
			return err_set(e, -EINVAL, "InvalidParameterValue", name ? "Name" : "Tags",
				       "tag %s: its value has %zu characters, at most %d", key,
				       text_len(value), TAG_VALUE_MAX);
	}
	return 0;
}

static int status_member(struct object *o, const struct json *v, struct err *e)
{
	const struct field *f = field_find(o->kind->fields, json_key(v));

	if (!f || !(f->flags & COMPUTED))
		return err_set(e, -EINVAL, "InvalidParameterValue", json_key(v),
			       "%.64s is no status of %s", json_key(v), o->kind->name);
	if (json_type(v) == JSON_NULL)
		return input_null(o, f, e);
	return value_parse(f, v, field_at(f, o), e) ? refuse_value(e, f->name) : 0;
}

int object_set_status(struct object *o, const struct json *status, struct err *e)
{
	json_for_each (v, status) {
		int r = status_member(o, v, e);

		if (r)
			return r;
	}
	return 0;
}

/* ---- references ---- */

const struct field *ref_top(const struct ref_at *at)
{
	while (at->up)
		at = at->up;
	return at->field;
}

/* Items are named by their list: the item's own field adds nothing. */
static size_t path_add(const struct ref_at *at, char *buf, size_t size)
{
	size_t n = at->up ? path_add(at->up, buf, size) : 0;

	if (n < size && !(at->up && at->up->field->type == T_LIST))
		n += snprintf(buf + n, size - n, "%s%s", n ? "/" : "", at->field->name);
	if (n < size && at->field->type == T_LIST)
		n += snprintf(buf + n, size - n, "/%zu", at->index);
	return n;
}

const char *ref_path(const struct ref_at *at, char *buf, size_t size)
{
	*buf = '\0';
	path_add(at, buf, size);
	return buf;
}

static int walk(const struct field *f, void *p, const struct ref_at *up, ref_fn *fn, void *arg)
{
	struct ref_at at = {.field = f,
			    .up = up,
			    .flags = f->flags | (up ? up->flags : 0),
			    .in_record = up && (up->in_record || up->field->type == T_RECORD)};
	struct list *l = p;
	int r = 0;

	switch (f->type) {
	case T_REF:
		return *(char **)p ? fn(arg, p, &at) : 0;
	case T_LIST:
		for (; !r && at.index < l->n; at.index++)
			r = walk(f->elem, (char *)l->v + at.index * f->elem->size, &at, fn, arg);
		return r;
	case T_RECORD:
		for (const struct field *m = f->fields; !r && m->name; m++)
			r = walk(m, field_at(m, p), &at, fn, arg);
		return r;
	default:
		return 0;
	}
}

int object_each_ref(struct object *o, ref_fn *fn, void *arg)
{
	field_for_each (f, o->kind->fields) {
		int r = walk(f, field_at(f, o), NULL, fn, arg);

		if (r)
			return r;
	}
	return 0;
}

static void list_remove_ref(struct list *l, const char *id)
{
	char **v = l->v;
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(v[i], id))
			v[kept++] = v[i];
		else
			free(v[i]);
	}
	l->n = kept;
}

void object_clear_ref(struct object *o, const char *id)
{
	field_for_each (f, o->kind->fields) {
		void *p = field_at(f, o);

		if (!(f->flags & (WEAK | COMPUTED)) || (f->flags & DANGLES))
			continue;
		if (f->type == T_REF && *(char **)p && !strcmp(*(char **)p, id))
			value_clear(f, p);
		else if (f->type == T_LIST && f->elem->type == T_REF)
			list_remove_ref(p, id);
	}
}
