/* SPDX-License-Identifier: MIT
 * A store and the plan that follows its commits.
 */
#ifndef PLAN_ENV_H
#define PLAN_ENV_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "vpcd/plan.h"

struct fixture {
	struct store *store;
	struct plan *plan;
	unsigned seed; /* of random changes */
};

static inline void follow(void *arg, uint64_t revision, const struct change *c, size_t n)
{
	struct fixture *f = arg;

	plan_changes(f->plan, store_model(f->store), c, n);
}

static inline struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	if (store_open(":memory:", NULL, &f->store, &e))
		fail_msg("%s", e.msg);
	f->plan = plan_new();
	plan_full(f->plan, store_model(f->store));
	store_on_commit(f->store, follow, f);
	return f;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	plan_free(f->plan);
	store_close(f->store);
	free(f);
	return 0;
}

/* JSON with ' for ". */
static inline struct json *spec_of(const char *text)
{
	cleanup_free char *copy = strdup(text);
	struct json *j;
	struct err e;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(copy, strlen(copy), false, &j, &e))
		fail_msg("%s: %s", text, e.msg);
	return j;
}

#endif
