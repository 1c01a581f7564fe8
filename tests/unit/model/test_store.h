/* SPDX-License-Identifier: MIT
 * What tests of the store do all the time, over whatever table of kinds.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "model/store.h"

static inline struct json *parse(const char *text)
{
	struct json *j;
	struct err e;

	if (json_parse(text, strlen(text), false, &j, &e))
		fail_msg("%s: %s", text, e.msg);
	return j;
}

/* Formats, with ' for ". */
static inline char *vquoted(const char *fmt, va_list ap)
{
	char *text;

	assert_true(vasprintf(&text, fmt, ap) >= 0);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

/* The id of a new object; fails the test if it is refused. */
__attribute__((format(printf, 3, 4))) static inline const char *
make(struct txn *t, enum kind_id kind, const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	const struct object *o;
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	if (txn_create(t, kinds[kind], spec, NULL, &o, &e))
		fail_msg("%s: %s", text, e.msg);
	return o->id;
}

/* The result of an attempt. */
__attribute__((format(printf, 4, 5))) static inline int
try_make(struct txn *t, enum kind_id kind, struct err *e, const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	return txn_create(t, kinds[kind], spec, NULL, NULL, e);
}

__attribute__((format(printf, 4, 5))) static inline int patch(struct txn *t, const char *id,
							      struct err *e, const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	return txn_update(t, id, spec, e);
}

static inline struct store *open_store(const char *path)
{
	struct store *s;
	struct err e;

	if (store_open(path, NULL, &s, &e))
		fail_msg("%s", e.msg);
	return s;
}

static inline void commit(struct txn *t)
{
	struct err e;

	if (txn_commit(t, NULL, &e))
		fail_msg("%s", e.msg);
}

/* Everything in a model as one text, in order of kinds and creation. */
static inline char *dump(const struct model *m)
{
	cleanup_json struct json *all = json_new_arr();

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, m, k)
			json_append(all, object_to_json(m, o));
	return json_print_pretty(all);
}

static inline size_t count(const struct model *m, enum kind_id kind)
{
	size_t n = 0;

	model_for_each (o, m, kind)
		n++;
	return n;
}

#endif
