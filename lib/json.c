/* SPDX-License-Identifier: MIT
 * JSON values over cJSON: a `struct json` is a cJSON item under another name.
 */
#include "lib/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json_text.h"

#define INT_LIMIT 9007199254740992.0 /* 2^53 */

static cJSON *item(const struct json *j)
{
	return (cJSON *)j;
}

static struct json *wrap(cJSON *c)
{
	return (struct json *)c;
}

/* ---- text in ---- */

static int text_fault(const char *text, size_t pos, const char *msg, const char *detail,
		      struct err *e)
{
	unsigned line, col;

	json_text_position(text, pos, &line, &col);
	return err_set(e, -EINVAL, "MalformedJSON", "", "line %u, column %u: %s%s", line, col, msg,
		       detail);
}

static int key_cmp(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static unsigned child_index(const cJSON *container, const cJSON *child)
{
	unsigned i = 0;

	for (const cJSON *c = container->child; c != child; c = c->next)
		i++;
	return i;
}

/* The second of two members with one key, NULL if there are none. */
static const cJSON *object_duplicate(const cJSON *obj, int *rc)
{
	size_t n = cJSON_GetArraySize(obj), i = 0;
	cleanup_free cJSON **sorted = NULL;

	if (n < 2)
		return NULL;
	sorted = calloc(n, sizeof(cJSON *));
	if (!sorted) {
		*rc = -ENOMEM;
		return NULL;
	}
	for (cJSON *c = obj->child; c; c = c->next)
		sorted[i++] = c;
	qsort(sorted, n, sizeof(cJSON *), key_cmp);
	for (i = 1; i < n; i++) {
		if (key_cmp(&sorted[i - 1], &sorted[i]))
			continue;
		return child_index(obj, sorted[i]) > child_index(obj, sorted[i - 1])
			       ? sorted[i]
			       : sorted[i - 1];
	}
	return NULL;
}

/* The first duplicate member at or below j; *path then leads to it. *rc: -ENOMEM. */
static const cJSON *find_duplicate(const cJSON *j, struct json_path *path, int *rc)
{
	const cJSON *dup = cJSON_IsObject(j) ? object_duplicate(j, rc) : NULL;
	unsigned level = path->n, i = 0;

	if (!cJSON_IsObject(j) && !cJSON_IsArray(j))
		return NULL;
	path->n = level + 1;
	if (dup) {
		path->v[level] = child_index(j, dup);
		return dup;
	}
	for (const cJSON *c = j->child; c && !*rc; c = c->next) {
		path->v[level] = i++;
		dup = find_duplicate(c, path, rc);
		if (dup)
			return dup;
	}
	path->n = level;
	return NULL;
}

/* text: as it was given; blanked: without comments. */
static int refuse_duplicates(const char *text, const char *blanked, size_t len, const cJSON *root,
			     struct err *e)
{
	struct json_path path = {.n = 0};
	const cJSON *dup;
	const char *msg;
	size_t pos = 0;
	int rc = 0;

	dup = find_duplicate(root, &path, &rc);
	if (rc)
		return err_sys(e, rc, "parse JSON");
	if (!dup)
		return 0;
	json_text_scan(blanked, len, &path, true, &pos, &msg);
	return text_fault(text, pos, "duplicate key ", dup->string, e);
}

/* A copy of the text without comments. NULL: out of memory, or *ret_bad is an open comment. */
static char *copy_text(const char *text, size_t len, bool comments, long *ret_bad)
{
	char *copy = malloc(len + 1);

	*ret_bad = -1;
	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	/* RFC 8259, 8.1: editors write a byte order mark, and parsers may pass over it. */
	if (comments && len >= 3 && !memcmp(copy, "\xef\xbb\xbf", 3))
		memset(copy, ' ', 3);
	if (comments)
		*ret_bad = json_text_blank_comments(copy, len);
	return copy;
}

int json_parse(const char *text, size_t len, bool comments, struct json **ret, struct err *e)
{
	cleanup_free char *copy = NULL;
	const char *msg;
	size_t pos;
	cJSON *root;
	long bad;
	int r;

	copy = copy_text(text, len, comments, &bad);
	if (!copy)
		return err_sys(e, -ENOMEM, "parse JSON");
	if (bad >= 0)
		return text_fault(text, bad, "unterminated comment", "", e);
	if (json_text_scan(copy, len, NULL, false, &pos, &msg))
		return text_fault(text, pos, msg, "", e);
	root = cJSON_ParseWithLength(copy, len + 1);
	if (!root)
		return err_sys(e, -ENOMEM, "parse JSON");
	r = refuse_duplicates(text, copy, len, root, e);
	if (r) {
		cJSON_Delete(root);
		return r;
	}
	*ret = wrap(root);
	return 0;
}

/* One reference token of an RFC 6901 pointer, unescaped; *p moves behind it. malloc'd. */
static char *pointer_token(const char **p)
{
	size_t len = strcspn(*p, "/");
	char *token = strndup(*p, len), *w = token;

	*p += len;
	for (const char *r = token; r && *r; r++) {
		if (*r == '~' && (r[1] == '0' || r[1] == '1'))
			*w++ = *++r == '0' ? '~' : '/';
		else
			*w++ = *r;
	}
	if (token)
		*w = '\0';
	return token;
}

static const cJSON *child_by_token(const cJSON *c, const char *token)
{
	char *end;
	unsigned long i;

	if (cJSON_IsObject(c))
		return cJSON_GetObjectItemCaseSensitive(c, token);
	if (!cJSON_IsArray(c) || *token < '0' || *token > '9')
		return NULL;
	i = strtoul(token, &end, 10);
	return *end || i > INT32_MAX ? NULL : cJSON_GetArrayItem(c, i);
}

static int pointer_path(const cJSON *c, const char *pointer, struct json_path *path)
{
	path->n = 0;
	while (*pointer) {
		cleanup_free char *token = NULL;
		const cJSON *child;

		if (*pointer++ != '/' || path->n == JSON_MAX_DEPTH)
			return -ENOENT;
		token = pointer_token(&pointer);
		if (!token)
			return -ENOMEM;
		child = child_by_token(c, token);
		if (!child)
			return -ENOENT;
		path->v[path->n++] = child_index(c, child);
		c = child;
	}
	return 0;
}

int json_locate(const char *text, size_t len, bool comments, const char *pointer, bool key,
		unsigned *ret_line, unsigned *ret_col)
{
	cleanup_free char *copy = NULL;
	struct json_path path;
	const char *msg;
	size_t pos;
	cJSON *root;
	long bad;
	int r;

	copy = copy_text(text, len, comments, &bad);
	if (!copy)
		return -ENOMEM;
	root = cJSON_ParseWithLength(copy, len + 1);
	if (!root)
		return -ENOENT;
	r = pointer_path(root, pointer, &path);
	cJSON_Delete(root);
	if (r)
		return r;
	if (json_text_scan(copy, len, &path, key, &pos, &msg))
		return -ENOENT;
	json_text_position(text, pos, ret_line, ret_col);
	return 0;
}

/* ---- text out ---- */

/* cJSON prints at most 15 digits of a large integer and indents with tabs; hence our own. */
static void number_add(struct buf *b, const struct json *j)
{
	double v = json_num(j);
	char digits[32];

	if (json_is_int(j)) {
		buf_printf(b, "%.0f", v);
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, v);
		if (strtod(digits, NULL) == v)
			break;
	}
	buf_puts(b, isfinite(v) ? digits : "null");
}

static void string_add(struct buf *b, const char *s)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

	buf_puts(b, "\"");
	while (*s) {
		size_t plain = 0;
		const char *at;

		while ((unsigned char)s[plain] >= ' ' && s[plain] != '"' && s[plain] != '\\')
			plain++;
		buf_add(b, s, plain);
		s += plain;
		if (!*s)
			break;
		at = strchr(from, *s);
		if (at)
			buf_printf(b, "\\%c", to[at - from]);
		else
			buf_printf(b, "\\u%04x", (unsigned char)*s);
		s++;
	}
	buf_puts(b, "\"");
}

static void value_add(struct buf *b, const struct json *j, int indent);

/* indent: columns, or -1 for one line. */
static void line_add(struct buf *b, int indent)
{
	if (indent >= 0)
		buf_printf(b, "\n%*s", indent, "");
}

static void container_add(struct buf *b, const struct json *j, int indent)
{
	bool object = json_type(j) == JSON_OBJECT;
	int inner = indent < 0 ? -1 : indent + 2;

	buf_puts(b, object ? "{" : "[");
	json_for_each (c, j) {
		if (c != json_first(j))
			buf_puts(b, indent < 0 ? ", " : ",");
		line_add(b, inner);
		if (object) {
			string_add(b, json_key(c));
			buf_puts(b, ": ");
		}
		value_add(b, c, inner);
	}
	if (json_first(j))
		line_add(b, indent);
	buf_puts(b, object ? "}" : "]");
}

static void value_add(struct buf *b, const struct json *j, int indent)
{
	switch (json_type(j)) {
	case JSON_NULL:
		buf_puts(b, "null");
		break;
	case JSON_BOOL:
		buf_puts(b, json_bool(j) ? "true" : "false");
		break;
	case JSON_NUMBER:
		number_add(b, j);
		break;
	case JSON_STRING:
		string_add(b, json_str(j));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		container_add(b, j, indent);
		break;
	}
}

char *json_print(const struct json *j)
{
	struct buf b = {0};

	value_add(&b, j, -1);
	return buf_take(&b);
}

char *json_print_pretty(const struct json *j)
{
	struct buf b = {0};

	value_add(&b, j, 0);
	buf_puts(&b, "\n");
	return buf_take(&b);
}

/* ---- values ---- */

void json_free(struct json *j)
{
	cJSON_Delete(item(j));
}

struct json *json_copy(const struct json *j)
{
	return wrap(cJSON_Duplicate(item(j), true));
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return a == b;
	return cJSON_Compare(item(a), item(b), true);
}

enum json_type json_type(const struct json *j)
{
	switch (j ? item(j)->type & 0xff : cJSON_NULL) {
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {"null",   "boolean", "number",
					    "string", "array",	 "object"};

	return names[t];
}

struct json *json_new_null(void)
{
	return wrap(cJSON_CreateNull());
}

struct json *json_new_bool(bool v)
{
	return wrap(cJSON_CreateBool(v));
}

struct json *json_new_num(double v)
{
	return wrap(cJSON_CreateNumber(v));
}

struct json *json_new_str(const char *s)
{
	return wrap(cJSON_CreateString(s));
}

struct json *json_new_arr(void)
{
	return wrap(cJSON_CreateArray());
}

struct json *json_new_obj(void)
{
	return wrap(cJSON_CreateObject());
}

bool json_bool(const struct json *j)
{
	return cJSON_IsTrue(item(j));
}

double json_num(const struct json *j)
{
	return cJSON_IsNumber(item(j)) ? item(j)->valuedouble : 0;
}

const char *json_str(const struct json *j)
{
	return cJSON_GetStringValue(item(j));
}

bool json_is_int(const struct json *j)
{
	double v = json_num(j);

	return cJSON_IsNumber(item(j)) && fabs(v) <= INT_LIMIT && v == trunc(v);
}

size_t json_len(const struct json *j)
{
	enum json_type t = json_type(j);

	return t == JSON_ARRAY || t == JSON_OBJECT ? cJSON_GetArraySize(item(j)) : 0;
}

struct json *json_get(const struct json *obj, const char *key)
{
	if (json_type(obj) != JSON_OBJECT)
		return NULL;
	return wrap(cJSON_GetObjectItemCaseSensitive(item(obj), key));
}

struct json *json_at(const struct json *arr, size_t i)
{
	return i > INT32_MAX ? NULL : wrap(cJSON_GetArrayItem(item(arr), i));
}

const char *json_key(const struct json *member)
{
	return member ? item(member)->string : NULL;
}

struct json *json_first(const struct json *container)
{
	return container ? wrap(item(container)->child) : NULL;
}

struct json *json_next(const struct json *child)
{
	return wrap(item(child)->next);
}

void json_set(struct json *obj, const char *key, struct json *v)
{
	if (!v)
		cJSON_DeleteItemFromObjectCaseSensitive(item(obj), key);
	else if (json_get(obj, key))
		cJSON_ReplaceItemInObjectCaseSensitive(item(obj), key, item(v));
	else
		cJSON_AddItemToObject(item(obj), key, item(v));
}

void json_set_str(struct json *obj, const char *key, const char *v)
{
	json_set(obj, key, v ? json_new_str(v) : NULL);
}

void json_set_num(struct json *obj, const char *key, double v)
{
	json_set(obj, key, json_new_num(v));
}

void json_set_bool(struct json *obj, const char *key, bool v)
{
	json_set(obj, key, json_new_bool(v));
}

void json_append(struct json *arr, struct json *v)
{
	cJSON_AddItemToArray(item(arr), item(v));
}

struct json *json_detach(struct json *obj, const char *key)
{
	return wrap(cJSON_DetachItemFromObjectCaseSensitive(item(obj), key));
}

void json_merge(struct json *target, const struct json *patch)
{
	json_for_each (p, patch) {
		struct json *old = json_get(target, json_key(p)), *fresh;

		if (json_type(p) == JSON_NULL) {
			json_set(target, json_key(p), NULL);
		} else if (json_type(p) != JSON_OBJECT) {
			json_set(target, json_key(p), json_copy(p));
		} else if (json_type(old) == JSON_OBJECT) {
			json_merge(old, p);
		} else {
			/* Merging into an empty object drops the patch's nulls. */
			fresh = json_new_obj();
			json_merge(fresh, p);
			json_set(target, json_key(p), fresh);
		}
	}
}
