/* SPDX-License-Identifier: MIT
 * Paths into JSON values, for -o json=.path and for columns.
 */
#include <ctype.h>
#include <string.h>

#include "cli/output.h"

typedef void each_fn(void *arg, const struct json *v);

static void member_each(const struct json *j, const char *name, size_t len, const char *rest,
			each_fn *fn, void *arg)
{
	if (json_type(j) == JSON_ARRAY) {
		json_for_each (item, j)
			member_each(item, name, len, rest, fn, arg);
		return;
	}
	if (json_type(j) != JSON_OBJECT)
		return;
	json_for_each (m, j) {
		const char *key = json_key(m);

		if (strlen(key) == len && !memcmp(key, name, len))
			json_path_each(m, rest, fn, arg);
	}
}

/* "[0]" or "[]": path points behind the bracket. */
static void index_each(const struct json *j, const char *path, each_fn *fn, void *arg)
{
	const char *end = strchr(path, ']');

	if (!end)
		return;
	if (isdigit((unsigned char)*path)) {
		json_path_each(json_at(j, strtoul(path, NULL, 10)), end + 1, fn, arg);
		return;
	}
	json_for_each (item, j)
		json_path_each(item, end + 1, fn, arg);
}

void json_path_each(const struct json *j, const char *path, each_fn *fn, void *arg)
{
	size_t len;

	if (!j)
		return;
	path += *path == '.';
	if (!*path) {
		fn(arg, j);
		return;
	}
	if (*path == '[') {
		index_each(j, path + 1, fn, arg);
		return;
	}
	len = strcspn(path, ".[");
	member_each(j, path, len, path + len, fn, arg);
}

static void keep_first(void *arg, const struct json *v)
{
	const struct json **ret = arg;

	if (!*ret)
		*ret = v;
}

const struct json *json_path_first(const struct json *j, const char *path)
{
	const struct json *ret = NULL;

	json_path_each(j, path, keep_first, &ret);
	return ret;
}
