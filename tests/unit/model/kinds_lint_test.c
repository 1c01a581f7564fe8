/* SPDX-License-Identifier: MIT
 * What holds for the table of every kind: described, well-formed, and nothing lost between an
 * object and its JSON.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/kinds.h"
#include "model/object.h"
#include "model/types.h"

#define kind_for_each(k)                                             \
	for (int k##_i = KIND_NONE + 1; k##_i < KIND_COUNT; k##_i++) \
		for (const struct kind *k = kinds[k##_i]; k; k = NULL)

/* ---- kinds ---- */

static void every_kind_is_there(void **state)
{
	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) {
		if (!kinds[i])
			fail_msg("kind %d is missing", i);
		assert_int_equal(kinds[i]->kind, i);
	}
	assert_null(kinds[KIND_NONE]);
}

static void names_find_their_kind(void **state)
{
	kind_for_each(k)
	{
		assert_ptr_equal(kind_find(k->name), k);
		assert_ptr_equal(kind_find(k->plural), k);
		if (k->short_name)
			assert_ptr_equal(kind_find(k->short_name), k);
		assert_string_not_equal(k->name, k->plural);
		assert_int_equal(k->id_prefix[strlen(k->id_prefix) - 1], '-');
		assert_ptr_equal(kind_of_id(k->id_prefix), k);
		assert_true(strlen(k->id_prefix) + 17 < sizeof(((struct object *)0)->id));
	}
}

/* ---- fields ---- */

static void assert_help(const char *help, const char *where)
{
	if (!help || !*help)
		fail_msg("%s: no help", where);
	if (help[strlen(help) - 1] == '.')
		fail_msg("%s: help ends with a full stop", where);
}

static void lint_fields(const struct field *fields, size_t size, const char *where);

static void lint_type(const struct field *f, const char *where)
{
	static const size_t sizes[] = {
		[T_BOOL] = sizeof(bool),	[T_INT] = sizeof(int64_t),
		[T_ENUM] = sizeof(int),		[T_STRING] = sizeof(char *),
		[T_IP] = sizeof(struct ip),	[T_CIDR] = sizeof(struct cidr),
		[T_MAC] = sizeof(struct mac),	[T_PROTO] = sizeof(int),
		[T_TIME] = sizeof(int64_t),	[T_REF] = sizeof(char *),
		[T_LIST] = sizeof(struct list), [T_RECORD] = 0,
		[T_MAP] = sizeof(struct map)};

	if (!f->size || (sizes[f->type] && f->size != sizes[f->type]))
		fail_msg("%s: size %zu", where, f->size);
	if ((f->type == T_LIST) != !!f->elem || (f->type == T_RECORD) != !!f->fields ||
	    (f->type == T_ENUM) != !!f->values)
		fail_msg("%s: elem, fields or values do not fit the type", where);
	if (f->ref && (f->type != T_REF || f->ref >= KIND_COUNT))
		fail_msg("%s: ref does not fit the type", where);
	if (f->min > f->max)
		fail_msg("%s: min > max", where);
	if (f->elem && f->elem->offset)
		fail_msg("%s: items have no offset", where);
	if (f->elem)
		lint_type(f->elem, where);
	if (f->fields)
		lint_fields(f->fields, f->size, where);
}

static void lint_flags(const struct field *f, const char *where)
{
	if ((f->flags & COMPUTED) && (f->flags & (REQUIRED | ALLOCATED)))
		fail_msg("%s: computed fields are not input", where);
	if ((f->flags & REQUIRED) && f->def)
		fail_msg("%s: a required field has no default", where);
	if ((f->flags & REQUIRED) && (f->flags & WEAK))
		fail_msg("%s: a required reference cannot be cleared", where);
	if ((f->flags & (CASCADE | WEAK | UNIQUE_REF)) && f->type != T_REF &&
	    !(f->elem && f->elem->type == T_REF))
		fail_msg("%s: a flag for references", where);
	if (f->oneof && (f->type == T_INT || f->type == T_ENUM))
		fail_msg("%s: a value that is never unset excludes nothing", where);
}

static void lint_field(const struct field *f, const char *where)
{
	if (!isupper((unsigned char)*f->name))
		fail_msg("%s: EC2's names begin with a capital", where);
	assert_help(f->help, where);
	lint_flags(f, where);
	lint_type(f, where);
}

static void lint_fields(const struct field *fields, size_t size, const char *where)
{
	field_for_each (f, fields) {
		char name[256];

		snprintf(name, sizeof(name), "%.120s.%.120s", where, f->name);
		lint_field(f, name);
		if (f->offset + f->size > size)
			fail_msg("%s: outside its struct", name);
		if (field_find(fields, f->name) != f)
			fail_msg("%s: twice", name);
	}
}

static void every_field_is_described(void **state)
{
	static const char *const common[] = {"Name", "Tags",	 "OwnerId",   "Region",
					     "Lab",  "Revision", "CreateTime"};

	kind_for_each(k)
	{
		assert_help(k->help, k->name);
		lint_fields(k->fields, k->size, k->name);
		assert_null(field_find(k->fields, k->id_field));
		for (size_t i = 0; i < ARRAY_SIZE(common); i++)
			assert_null(field_find(k->fields, common[i]));
		field_for_each (f, k->fields) {
			assert_true(f->offset >= sizeof(struct object));
		}
	}
}

static void defaults_parse(void **state)
{
	kind_for_each(k)
	{
		cleanup_free char *base = calloc(1, k->size);
		struct err e;

		if (fields_defaults(k->fields, base, &e))
			fail_msg("%s: %s: %s", k->name, e.field, e.msg);
		fields_clear(k->fields, base);
	}
}

/* ---- objects and JSON ---- */

static struct json *sample(const struct field *f);

static struct json *sample_record(const struct field *f)
{
	struct json *out = json_new_obj();

	field_for_each (m, f->fields) {
		bool excluded = false;

		for (const struct field *before = f->fields; before != m; before++)
			excluded |= m->oneof && before->oneof && !strcmp(m->oneof, before->oneof);
		if (!excluded)
			json_set(out, m->name, sample(m));
	}
	return out;
}

static struct json *sample_string(const struct field *f)
{
	char text[512] = "x";

	while ((int64_t)strlen(text) < f->min)
		strcat(text, "x");
	return json_new_str(text);
}

/* A value that differs from the unset one. */
static struct json *sample(const struct field *f)
{
	struct json *out;

	switch (f->type) {
	case T_BOOL:
		return json_new_bool(true);
	case T_INT:
		return json_new_num(f->max ? f->max : 1);
	case T_ENUM:
		return json_new_str(f->values[1] ? f->values[1] : f->values[0]);
	case T_IP:
		return json_new_str("10.0.0.5");
	case T_CIDR:
		return json_new_str("10.0.0.0/16");
	case T_MAC:
		return json_new_str("02:00:00:00:00:01");
	case T_PROTO:
		return json_new_str("udp");
	case T_TIME:
		return json_new_str("2026-01-31T12:00:00Z");
	case T_LIST:
		out = json_new_arr();
		json_append(out, sample(f->elem));
		json_append(out, sample(f->elem));
		return out;
	case T_RECORD:
		return sample_record(f);
	case T_MAP:
		out = json_new_obj();
		json_set_str(out, "key", "value");
		return out;
	default:
		return sample_string(f);
	}
}

/* Prints every field of a, parses it into b, and expects what was printed. */
static void assert_round_trip(const struct object *a)
{
	cleanup_object struct object *b = object_new(a->kind);

	field_for_each (f, a->kind->fields) {
		cleanup_json struct json *printed = value_print(f, field_at_const(f, a));
		struct err e;

		value_clear(f, field_at(f, b));
		if (printed && value_parse(f, printed, field_at(f, b), &e))
			fail_msg("%s.%s: %s", a->kind->name, f->name, e.msg);
		if (value_compare(f, field_at_const(f, a), field_at_const(f, b)))
			fail_msg("%s.%s: parse(print(x)) differs", a->kind->name, f->name);
	}
	assert_true(object_equal(a, b));
}

static void what_prints_parses_back(void **state)
{
	kind_for_each(k)
	{
		cleanup_object struct object *o = object_new(k), *copy = NULL;

		assert_round_trip(o);
		field_for_each (f, k->fields) {
			cleanup_json struct json *j = sample(f);
			struct err e;

			if (value_parse(f, j, field_at(f, o), &e))
				fail_msg("%s.%s: %s", k->name, f->name, e.msg);
			assert_true(value_is_set(f, field_at_const(f, o)));
		}
		assert_round_trip(o);
		copy = object_copy(o);
		assert_true(object_equal(o, copy));
	}
}

static void schemas_name_every_input_field(void **state)
{
	kind_for_each(k)
	{
		cleanup_json struct json *j = kind_json_schema(k);
		struct json *properties = json_get(j, "properties");

		field_for_each (f, k->fields) {
			bool there = json_get(json_get(properties, f->name), "description");

			assert_int_equal(there, !(f->flags & COMPUTED));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_there),
		cmocka_unit_test(names_find_their_kind),
		cmocka_unit_test(every_field_is_described),
		cmocka_unit_test(defaults_parse),
		cmocka_unit_test(what_prints_parses_back),
		cmocka_unit_test(schemas_name_every_input_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
