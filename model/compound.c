/* SPDX-License-Identifier: MIT
 * Lists, records and maps, and the fields of a struct; see types.h.
 */
#include <stdio.h>
#include <string.h>

#include "model/field.h"
#include "model/suggest.h"
#include "model/types.h"

const struct field elem_string = {.name = "Item", .type = T_STRING, .size = sizeof(char *)};
const struct field elem_cidr = {.name = "Item", .type = T_CIDR, .size = sizeof(struct cidr)};
const struct field elem_ip = {.name = "Item", .type = T_IP, .size = sizeof(struct ip)};
const struct field elem_ip_auto = {
	.name = "Item", .type = T_IP, .size = sizeof(struct ip), .flags = AUTO};

/* ---- the fields of a struct ---- */

int fields_defaults(const struct field *fields, void *base, struct err *e)
{
	field_for_each (f, fields) {
		int r = f->def ? value_parse_text(f, f->def, field_at(f, base), e) : 0;

		if (r)
			return err_within(e, f->name);
	}
	return 0;
}

void fields_clear(const struct field *fields, void *base)
{
	field_for_each (f, fields) {
		value_clear(f, field_at(f, base));
	}
}

int fields_copy(const struct field *fields, const void *from, void *to)
{
	field_for_each (f, fields) {
		int r = value_copy(f, field_at_const(f, from), field_at(f, to));

		if (r)
			return r;
	}
	return 0;
}

int fields_compare(const struct field *fields, const void *a, const void *b)
{
	field_for_each (f, fields) {
		int r = value_compare(f, field_at_const(f, a), field_at_const(f, b));

		if (r)
			return r;
	}
	return 0;
}

int fields_check_oneof(const struct field *fields, const void *base, struct err *e)
{
	field_for_each (f, fields) {
		if (!f->oneof || value_is_absent(f, field_at_const(f, base)))
			continue;
		for (const struct field *g = f + 1; g->name; g++) {
			if (!g->oneof || strcmp(f->oneof, g->oneof) ||
			    value_is_absent(g, field_at_const(g, base)))
				continue;
			return err_set(e, -EINVAL, "InvalidParameterCombination", g->name,
				       "%s and %s exclude one another", f->name, g->name);
		}
	}
	return 0;
}

int fields_refuse_unknown(const struct field *fields, const char *name, const char *of,
			  struct err *e)
{
	struct suggestion s = {.wanted = name};
	char hint[SUGGEST_STRLEN];

	field_for_each (f, fields) {
		if (!(f->flags & COMPUTED))
			suggest(&s, f->name);
	}
	return err_set(e, -EINVAL, "UnknownParameter", name, "unknown field %.64s of %s%s", name,
		       of, suggest_text(&s, hint));
}

void fields_schema(const struct field *fields, struct json *out)
{
	struct json *properties = json_new_obj(), *required = json_new_arr();

	field_for_each (f, fields) {
		if (f->flags & COMPUTED)
			continue;
		json_set(properties, f->name, field_schema(f));
		if (f->flags & REQUIRED)
			json_append(required, json_new_str(f->name));
	}
	json_set_str(out, "type", "object");
	json_set(out, "properties", properties);
	json_set(out, "required", required);
	json_set_bool(out, "additionalProperties", false);
}

/* ---- list ---- */

static void *item_at(const struct field *f, const struct list *l, size_t i)
{
	return (char *)l->v + i * f->elem->size;
}

static void list_done(const struct field *f, void *p)
{
	struct list *l = p;

	for (size_t i = 0; i < l->n; i++)
		value_clear(f->elem, item_at(f, l, i));
	free(l->v);
}

/* given: one without items has memory too, which tells it from one that was left out. */
static int list_alloc(const struct field *f, size_t n, bool given, struct list *ret)
{
	*ret = (struct list){.v = n || given ? calloc(n ? n : 1, f->elem->size) : NULL, .n = n};
	if ((n || given) && !ret->v) {
		ret->n = 0;
		return -ENOMEM;
	}
	return 0;
}

static int list_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	struct list l;
	char index[24];
	size_t i = 0;
	int r;

	if (json_type(j) != JSON_ARRAY)
		return value_refuse(j, e, "an array");
	if (list_alloc(f, json_len(j), true, &l))
		return err_sys(e, -ENOMEM, "parse");
	json_for_each (c, j) {
		r = value_parse(f->elem, c, item_at(f, &l, i), e);
		if (r) {
			list_done(f, &l);
			snprintf(index, sizeof(index), "%zu", i);
			return err_within(e, index);
		}
		i++;
	}
	list_done(f, p);
	*(struct list *)p = l;
	return 0;
}

static struct json *list_print(const struct field *f, const void *p)
{
	const struct list *l = p;
	struct json *arr = json_new_arr();

	for (size_t i = 0; i < l->n; i++) {
		struct json *v = value_print(f->elem, item_at(f, l, i));

		json_append(arr, v ? v : json_new_null());
	}
	return arr;
}

static int list_compare(const struct field *f, const void *a, const void *b)
{
	const struct list *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	for (size_t i = 0; i < x->n; i++) {
		int r = value_compare(f->elem, item_at(f, x, i), item_at(f, y, i));

		if (r)
			return r;
	}
	return 0;
}

static void list_format(const struct field *f, const void *p, struct buf *b)
{
	const struct list *l = p;

	for (size_t i = 0; i < l->n; i++) {
		buf_puts(b, i ? "," : "");
		value_format(f->elem, item_at(f, l, i), b);
	}
}

static void list_schema(const struct field *f, struct json *out)
{
	json_set_str(out, "type", "array");
	json_set(out, "items", value_schema(f->elem));
}

static int list_copy(const struct field *f, const void *from, void *to)
{
	const struct list *l = from;
	int r = list_alloc(f, l->n, l->v != NULL, to);

	for (size_t i = 0; !r && i < l->n; i++)
		r = value_copy(f->elem, item_at(f, l, i), item_at(f, to, i));
	return r;
}

const struct type_ops type_list = {"list",	list_parse,  list_print, list_compare,
				   list_format, list_schema, list_done,	 list_copy};

/* ---- record ---- */

static int record_member(const struct field *f, const struct json *m, void *base, struct err *e)
{
	const struct field *member = field_find(f->fields, json_key(m));

	if (!member)
		return fields_refuse_unknown(f->fields, json_key(m), f->name, e);
	/* What was read may be written back: what is computed in it is ignored. */
	if (json_type(m) == JSON_NULL || (member->flags & COMPUTED))
		return 0;
	return value_parse(member, m, field_at(member, base), e) ? err_within(e, member->name) : 0;
}

static int record_fill(const struct field *f, const struct json *j, void *base, struct err *e)
{
	int r = fields_defaults(f->fields, base, e);

	if (r)
		return r;
	json_for_each (m, j) {
		r = record_member(f, m, base, e);
		if (r)
			return r;
	}
	field_for_each (member, f->fields) {
		if ((member->flags & REQUIRED) && json_type(json_get(j, member->name)) == JSON_NULL)
			return err_set(e, -EINVAL, "MissingParameter", member->name,
				       "required, and missing");
	}
	return fields_check_oneof(f->fields, base, e);
}

static int record_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	cleanup_free void *base = NULL;
	int r;

	if (json_type(j) != JSON_OBJECT)
		return value_refuse(j, e, "an object");
	base = calloc(1, f->size);
	if (!base)
		return err_sys(e, -ENOMEM, "parse");
	r = record_fill(f, j, base, e);
	if (r) {
		fields_clear(f->fields, base);
		return r;
	}
	fields_clear(f->fields, p);
	memcpy(p, base, f->size);
	return 0;
}

static struct json *record_print(const struct field *f, const void *p)
{
	struct json *out = json_new_obj();

	field_for_each (member, f->fields) {
		if (!value_is_absent(member, field_at_const(member, p)))
			json_set(out, member->name, value_print(member, field_at_const(member, p)));
	}
	return out;
}

static int record_compare(const struct field *f, const void *a, const void *b)
{
	return fields_compare(f->fields, a, b);
}

static void record_format(const struct field *f, const void *p, struct buf *b)
{
	const char *space = "";

	field_for_each (member, f->fields) {
		if (!value_is_set(member, field_at_const(member, p)) ||
		    value_is_absent(member, field_at_const(member, p)))
			continue;
		buf_printf(b, "%s%s=", space, member->name);
		value_format(member, field_at_const(member, p), b);
		space = " ";
	}
}

static void record_schema(const struct field *f, struct json *out)
{
	fields_schema(f->fields, out);
}

static void record_done(const struct field *f, void *p)
{
	fields_clear(f->fields, p);
}

static int record_copy(const struct field *f, const void *from, void *to)
{
	return fields_copy(f->fields, from, to);
}

const struct type_ops type_record = {"record",	    record_parse,  record_print, record_compare,
				     record_format, record_schema, record_done,	 record_copy};

/* ---- map ---- */

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->keys[i]);
		free(m->values[i]);
	}
	free(m->keys);
	free(m->values);
	*m = (struct map){0};
}

static size_t map_find(const struct map *m, const char *key)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->keys[i], key))
		i++;
	return i;
}

const char *map_get(const struct map *m, const char *key)
{
	size_t i = map_find(m, key);

	return i < m->n ? m->values[i] : NULL;
}

static void map_remove(struct map *m, size_t i)
{
	free(m->keys[i]);
	free(m->values[i]);
	m->n--;
	memmove(m->keys + i, m->keys + i + 1, (m->n - i) * sizeof(char *));
	memmove(m->values + i, m->values + i + 1, (m->n - i) * sizeof(char *));
}

static int map_add(struct map *m, const char *key, const char *value)
{
	char **keys = reallocarray(m->keys, m->n + 1, sizeof(char *)), **values;

	if (!keys)
		return -ENOMEM;
	m->keys = keys;
	values = reallocarray(m->values, m->n + 1, sizeof(char *));
	if (!values)
		return -ENOMEM;
	m->values = values;
	keys[m->n] = strdup(key);
	values[m->n] = strdup(value);
	m->n++;
	return keys[m->n - 1] && values[m->n - 1] ? 0 : -ENOMEM;
}

int map_set(struct map *m, const char *key, const char *value)
{
	size_t i = map_find(m, key);
	char *copy;

	if (i == m->n)
		return value ? map_add(m, key, value) : 0;
	if (!value) {
		map_remove(m, i);
		return 0;
	}
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(m->values[i]);
	m->values[i] = copy;
	return 0;
}

int map_copy(const struct map *from, struct map *to)
{
	int r = 0;

	*to = (struct map){0};
	for (size_t i = 0; !r && i < from->n; i++)
		r = map_add(to, from->keys[i], from->values[i]);
	return r;
}

static int map_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	struct map m = {0};
	int r = 0;

	if (json_type(j) != JSON_OBJECT)
		return value_refuse(j, e, "an object of strings");
	json_for_each (c, j) {
		if (json_str(c))
			r = map_add(&m, json_key(c), json_str(c));
		else
			r = -EINVAL;
		if (!r)
			continue;
		map_done(&m);
		if (r == -ENOMEM)
			return err_sys(e, r, "parse");
		value_refuse(c, e, "a string");
		return err_within(e, json_key(c));
	}
	map_done(p);
	*(struct map *)p = m;
	return 0;
}

static struct json *map_print(const struct field *f, const void *p)
{
	const struct map *m = p;
	struct json *out = json_new_obj();

	for (size_t i = 0; i < m->n; i++)
		json_set_str(out, m->keys[i], m->values[i]);
	return out;
}

/* The order of members does not count. */
static int map_compare(const struct field *f, const void *a, const void *b)
{
	const struct map *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	for (size_t i = 0; i < x->n; i++) {
		const char *other = map_get(y, x->keys[i]);
		int r = other ? strcmp(x->values[i], other) : 1;

		if (r)
			return r;
	}
	return 0;
}

static void map_format(const struct field *f, const void *p, struct buf *b)
{
	const struct map *m = p;

	for (size_t i = 0; i < m->n; i++)
		buf_printf(b, "%s%s=%s", i ? "," : "", m->keys[i], m->values[i]);
}

static void map_schema(const struct field *f, struct json *out)
{
	struct json *value = json_new_obj();

	json_set_str(value, "type", "string");
	json_set_str(out, "type", "object");
	json_set(out, "additionalProperties", value);
}

static void map_value_done(const struct field *f, void *p)
{
	map_done(p);
}

static int map_value_copy(const struct field *f, const void *from, void *to)
{
	return map_copy(from, to);
}

const struct type_ops type_map = {"map",      map_parse,  map_print,	  map_compare,
				  map_format, map_schema, map_value_done, map_value_copy};
