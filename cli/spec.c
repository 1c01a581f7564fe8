/* SPDX-License-Identifier: MIT
 * Specs made of flags. The daemon checks values; here they only get the JSON type of their field.
 */
#include "cli/spec.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

static int value_put(struct json *obj, const struct field *f, const char *text, struct err *e);

static int refuse(const struct field *f, const char *text, const char *wanted, struct err *e)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", f->name, "\"%s\" is no %s", text,
		       wanted);
}

static bool is_json(const char *text)
{
	return *text == '{' || *text == '[' || !strcmp(text, "null");
}

static int bool_of(const struct field *f, const char *text, struct json **ret, struct err *e)
{
	if (!text || !strcmp(text, "true"))
		*ret = json_new_bool(true);
	else if (!strcmp(text, "false"))
		*ret = json_new_bool(false);
	else
		return refuse(f, text, "boolean: true or false", e);
	return 0;
}

static int int_of(const struct field *f, const char *text, struct json **ret, struct err *e)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (end == text || *end)
		return refuse(f, text, "integer", e);
	*ret = json_new_num(v);
	return 0;
}

/* "DestinationCidrBlock=0.0.0.0/0,GatewayId=igw": a record's members, in either spelling. */
static int record_of(const struct field *f, const char *text, struct json **ret, struct err *e)
{
	const struct kind fields = {.fields = f->fields};
	cleanup_json struct json *obj = json_new_obj();
	cleanup_free char *copy = strdup(text);
	char *save, *part = strtok_r(copy, ",", &save);

	for (; part; part = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(part, '=');
		const struct field *member;
		int r;

		if (!eq)
			return refuse(f, part, "Key=value", e);
		*eq = '\0';
		member = kind_field(&fields, part);
		if (!member)
			return refuse(f, part, "member of this field", e);
		r = value_put(obj, member, eq + 1, e);
		if (r)
			return r;
	}
	*ret = TAKE(obj);
	return 0;
}

static int list_put(struct json *obj, const struct field *f, const char *text, struct err *e)
{
	struct json *list = json_get(obj, f->name), *item = NULL;
	cleanup_free char *copy = NULL;
	char *save, *part;
	int r;

	if (json_type(list) != JSON_ARRAY) {
		json_set(obj, f->name, json_new_arr());
		list = json_get(obj, f->name);
	}
	if (f->elem && f->elem->type == T_RECORD) {
		r = record_of(f->elem, text, &item, e);
		if (!r)
			json_append(list, item);
		return r;
	}
	copy = strdup(text);
	for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
		json_append(list, json_new_str(part));
	return 0;
}

static int map_put(struct json *obj, const char *member, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	cleanup_free char *key = eq ? strndup(text, eq - text) : NULL;

	if (!key || !*key)
		return err_set(e, -EINVAL, "InvalidParameterValue", member,
			       "\"%s\" is no KEY=VALUE", text);
	if (json_type(json_get(obj, member)) != JSON_OBJECT)
		json_set(obj, member, json_new_obj());
	json_set_str(json_get(obj, member), key, eq + 1);
	return 0;
}

static int json_put(struct json *obj, const struct field *f, const char *text, struct err *e)
{
	struct json *v = NULL, *list = json_get(obj, f->name);
	int r = json_parse(text, strlen(text), false, &v, e);

	if (r)
		return r;
	if (f->type == T_LIST && json_type(v) == JSON_OBJECT) {
		if (json_type(list) != JSON_ARRAY)
			json_set(obj, f->name, json_new_arr());
		json_append(json_get(obj, f->name), v);
	} else {
		json_set(obj, f->name, v);
	}
	return 0;
}

/* Sets or, for lists and maps, extends a member. text may be NULL for a boolean only. */
static int value_put(struct json *obj, const struct field *f, const char *text, struct err *e)
{
	struct json *v = NULL;
	int r = 0;

	if (text && is_json(text))
		return json_put(obj, f, text, e);
	switch (f->type) {
	case T_BOOL:
		r = bool_of(f, text, &v, e);
		break;
	case T_INT:
		r = int_of(f, text, &v, e);
		break;
	case T_LIST:
		return list_put(obj, f, text, e);
	case T_MAP:
		return map_put(obj, f->name, text, e);
	case T_RECORD:
		r = record_of(f, text, &v, e);
		break;
	default:
		v = json_new_str(text);
		break;
	}
	if (!r)
		json_set(obj, f->name, v);
	return r;
}

/* "Field=value" or "Tags.Key=value" */
static int set_put(const struct kind *k, struct json *spec, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	cleanup_free char *name = eq ? strndup(text, eq - text) : NULL;
	const struct field *f;

	if (!name)
		return err_set(e, -EINVAL, "InvalidUsage", "", "--set takes Field=value, not %s",
			       text);
	if (!strcasecmp(name, "Name")) {
		json_set_str(spec, "Name", eq + 1);
		return 0;
	}
	if (!strncasecmp(name, "Tags.", 5))
		return map_put(spec, "Tags", text + 5, e);
	f = kind_field(k, name);
	if (!f)
		return err_set(e, -EINVAL, "UnknownParameter", name,
			       "%s has no such field: see `vpcctl explain %s`", k->plural, k->name);
	return value_put(spec, f, eq + 1, e);
}

static int unset_put(const struct kind *k, struct json *spec, const char *name, struct err *e)
{
	const struct field *f = kind_field(k, name);

	if (!f && strcasecmp(name, "Name"))
		return err_set(e, -EINVAL, "UnknownParameter", name, "%s has no such field",
			       k->plural);
	json_set(spec, f ? f->name : "Name", json_new_null());
	return 0;
}

static int arg_put(const struct kind *k, struct json *spec, const char *option, const char *value,
		   struct err *e)
{
	const struct field *f = kind_field(k, option);

	if (f)
		return value_put(spec, f, value, e);
	if (!strcmp(option, "name"))
		json_set_str(spec, "Name", value);
	else if (!strcmp(option, "tag"))
		return map_put(spec, "Tags", value, e);
	else if (!strcmp(option, "set"))
		return set_put(k, spec, value, e);
	else if (!strcmp(option, "unset"))
		return unset_put(k, spec, value, e);
	return 0; /* an option of the command's own */
}

static int command_put(const struct kind *k, const struct args *a, int first, struct json *spec,
		       struct err *e)
{
	struct json *argv;

	if (a->n_pos <= first)
		return 0;
	if (!field_find(k->fields, "Command"))
		return err_set(e, -EINVAL, "InvalidUsage", "", "unexpected argument %s",
			       a->pos[first]);
	argv = json_new_arr();
	for (int i = first; i < a->n_pos; i++)
		json_append(argv, json_new_str(a->pos[i]));
	json_set(spec, "Command", argv);
	return 0;
}

int spec_from_args(const struct kind *k, const struct args *a, int first, struct json **ret,
		   struct err *e)
{
	cleanup_json struct json *spec = json_new_obj();
	int r = 0;

	for (size_t i = 0; !r && i < a->n; i++)
		r = arg_put(k, spec, a->v[i].opt->name, a->v[i].value, e);
	if (!r)
		r = command_put(k, a, first, spec, e);
	if (!r)
		*ret = TAKE(spec);
	return r;
}

int spec_check_required(const struct kind *k, const struct json *spec, struct err *e)
{
	cleanup_buf struct buf missing = {0};

	for (const struct field *f = k->fields; f->name; f++) {
		cleanup_free char *flag = NULL;

		if (!(f->flags & REQUIRED) || json_get(spec, f->name))
			continue;
		flag = kebab(f->name);
		buf_printf(&missing, " --%s", flag ? flag : f->name);
	}
	if (!missing.len)
		return 0;
	return err_set(e, -EINVAL, "MissingParameter", "", "%s needs%s", k->name,
		       buf_str(&missing));
}

/* ---- flags made of fields ---- */

static const char *metavar_of(const struct field *f)
{
	switch (f->type) {
	case T_BOOL:
		return "false";
	case T_INT:
		return "N";
	case T_ENUM:
		return "WORD";
	case T_IP:
		return "ADDRESS";
	case T_CIDR:
		return "CIDR";
	case T_MAC:
		return "MAC";
	case T_PROTO:
		return "PROTOCOL";
	case T_TIME:
		return "TIME";
	case T_REF:
		return "NAME";
	case T_MAP:
		return "KEY=VALUE";
	case T_LIST:
		return f->elem && f->elem->type == T_RECORD ? "KEY=VALUE,…" : "A,B";
	case T_RECORD:
		return "KEY=VALUE,…";
	case T_STRING:
		break;
	}
	return "TEXT";
}

static char *completion_of(const struct field *f)
{
	struct buf b = {0};

	if (f->ref)
		return strdup(kinds[f->ref]->name);
	if (f->elem && f->elem->ref)
		return strdup(kinds[f->elem->ref]->name);
	for (size_t i = 0; f->type == T_ENUM && f->values && f->values[i]; i++)
		buf_printf(&b, "%s%s", i ? " " : "", f->values[i]);
	if (f->type == T_BOOL)
		buf_puts(&b, "true false");
	return buf_take(&b);
}

static char *help_of(const struct field *f)
{
	char *help = NULL;

	if (asprintf(&help, "%s%s%s%s%s", f->help ? f->help : "",
		     f->flags & REQUIRED ? " (required)" : "", f->def ? " (default " : "",
		     f->def ? f->def : "", f->def ? ")" : "") < 0)
		return NULL;
	return help;
}

struct opt *kind_opts(const struct kind *k)
{
	size_t n = 0;
	struct opt *opts;

	for (const struct field *f = k->fields; f->name; f++)
		n++;
	opts = calloc(n + 1, sizeof(*opts));
	n = 0;
	for (const struct field *f = k->fields; opts && f->name; f++) {
		if (f->flags & COMPUTED)
			continue;
		opts[n].name = kebab(f->name);
		opts[n].arg = f->type == T_BOOL ? OPT_MAYBE : OPT_VALUE;
		opts[n].metavar = metavar_of(f);
		opts[n].help = help_of(f);
		opts[n++].complete = completion_of(f);
	}
	return opts;
}

void kind_opts_free(struct opt *o)
{
	for (struct opt *p = o; p && p->name; p++) {
		free((char *)p->name);
		free((char *)p->help);
		free((char *)p->complete);
	}
	free(o);
}
