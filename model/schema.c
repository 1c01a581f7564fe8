/* SPDX-License-Identifier: MIT
 * Descriptors: finding kinds and fields, and describing them as JSON.
 */
#include "model/schema.h"

#include <ctype.h>
#include <string.h>

#include "model/types.h"

/* Letters and digits alone, any case: "security-groups" equals "SecurityGroups". */
static bool same_name(const char *a, const char *b)
{
	if (!b)
		return false;
	for (;; a++, b++) {
		while (*a == '-' || *a == '_')
			a++;
		while (*b == '-' || *b == '_')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

const struct kind *kind_find(const char *name)
{
	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) {
		const struct kind *k = kinds[i];

		if (k && (same_name(name, k->name) || same_name(name, k->plural) ||
			  same_name(name, k->short_name)))
			return k;
	}
	return NULL;
}

const struct kind *kind_of_id(const char *id)
{
	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++)
		if (kinds[i] && !strncmp(id, kinds[i]->id_prefix, strlen(kinds[i]->id_prefix)))
			return kinds[i];
	return NULL;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	field_for_each (f, fields) {
		if (!strcmp(f->name, name))
			return f;
	}
	return NULL;
}

char *field_format(const struct object *o, const struct field *f)
{
	struct buf b = {0};

	value_format(f, field_at_const(f, o), &b);
	return buf_take(&b);
}

/* ---- JSON Schema ---- */

static void describe_member(struct json *properties, const char *name, const char *type,
			    const char *help)
{
	struct json *s = json_new_obj(), *value;

	json_set_str(s, "type", type);
	if (!strcmp(type, "object")) {
		value = json_new_obj();
		json_set_str(value, "type", "string");
		json_set(s, "additionalProperties", value);
	}
	json_set_str(s, "description", help);
	json_set(properties, name, s);
}

struct json *kind_json_schema(const struct kind *k)
{
	struct json *out = json_new_obj(), *properties;

	json_set_str(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_set_str(out, "title", k->name);
	json_set_str(out, "description", k->help);
	fields_schema(k->fields, out);
	properties = json_get(out, "properties");
	describe_member(properties, "Name", "string", "Name; the same as the tag Name");
	describe_member(properties, "Tags", "object", "Tags, by key");
	return out;
}

/* ---- GET /v1/schema ---- */

static const char *const flag_names[] = {"Required", "Immutable", "Computed",  "UniqueRef",
					 "Cascade",  "Weak",	  "Allocated", "Column",
					 "Dangles",  "Network",	  "Auto"};

static struct json *describe_fields(const struct field *fields);

static struct json *describe_flags(unsigned flags)
{
	struct json *arr = json_new_arr();

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (flags & 1u << i)
			json_append(arr, json_new_str(flag_names[i]));
	return arr;
}

static void describe_type(const struct field *f, struct json *out)
{
	json_set_str(out, "Type", type_of(f)->name);
	if (f->ref)
		json_set_str(out, "Ref", kinds[f->ref]->name);
	if (f->values) {
		struct json *values = json_new_arr();

		for (int i = 0; f->values[i]; i++)
			json_append(values, json_new_str(f->values[i]));
		json_set(out, "Values", values);
	}
	if (f->min || f->max) {
		json_set_num(out, "Min", f->min);
		json_set_num(out, "Max", f->max);
	}
	if (f->elem) {
		struct json *elem = json_new_obj();

		describe_type(f->elem, elem);
		json_set(out, "Elem", elem);
	}
	if (f->fields)
		json_set(out, "Fields", describe_fields(f->fields));
}

static struct json *describe_fields(const struct field *fields)
{
	struct json *arr = json_new_arr();

	field_for_each (f, fields) {
		struct json *out = json_new_obj();

		json_set_str(out, "Name", f->name);
		describe_type(f, out);
		json_set(out, "Flags", describe_flags(f->flags));
		json_set_str(out, "OneOf", f->oneof);
		json_set_str(out, "Default", f->def);
		json_set_str(out, "Help", f->help);
		json_append(arr, out);
	}
	return arr;
}

static struct json *describe_kind(const struct kind *k)
{
	struct json *out = json_new_obj();

	json_set_str(out, "Name", k->name);
	json_set_str(out, "Plural", k->plural);
	json_set_str(out, "ShortName", k->short_name);
	json_set_str(out, "IdPrefix", k->id_prefix);
	json_set_str(out, "IdField", k->id_field);
	json_set_str(out, "Help", k->help);
	json_set(out, "Fields", describe_fields(k->fields));
	return out;
}

struct json *schema_describe(void)
{
	struct json *out = json_new_obj(), *arr = json_new_arr();

	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++)
		if (kinds[i])
			json_append(arr, describe_kind(kinds[i]));
	json_set(out, "Kinds", arr);
	return out;
}
