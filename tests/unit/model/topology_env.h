/* SPDX-License-Identifier: MIT
 * A store and topology files for it: load, export, and what the loading did.
 */
#ifndef TOPOLOGY_ENV_H
#define TOPOLOGY_ENV_H

#include "lib/buf.h"
#include "model/topology.h"
#include "test_store.h"

struct lab {
	bool adopt; /* as up --adopt */
	struct store *s;
	struct plan_steps steps;
	struct faults faults;
};

static inline int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	l->s = open_store(":memory:");
	*state = l;
	return 0;
}

static inline void forget(struct lab *l)
{
	plan_steps_done(&l->steps);
	faults_done(&l->faults);
}

static inline int teardown(void **state)
{
	struct lab *l = *state;

	forget(l);
	store_close(l->s);
	free(l);
	return 0;
}

/* Loads and commits; faults leave the store as it was. */
static inline int load(struct lab *l, const char *text, size_t len)
{
	struct txn *t = txn_begin(l->s);
	char *name;
	int rc;

	forget(l);
	rc = topology_load(t, text, len, NULL, "lab", "/srv/lab", l->adopt, &name, &l->steps,
			   &l->faults);
	free(name);
	if (rc)
		txn_abort(t);
	else
		commit(t);
	return rc;
}

/* With ' for ". */
static inline int load_text(struct lab *l, const char *text)
{
	cleanup_free char *copy = strdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return load(l, copy, strlen(copy));
}

static inline void must_load(struct lab *l, const char *text)
{
	if (!load_text(l, text))
		return;
	for (size_t i = 0; i < l->faults.n; i++)
		print_message("%s: %s\n", l->faults.v[i].pointer, l->faults.v[i].err.msg);
	fail_msg("not loaded");
}

static inline bool has_step(const struct lab *l, enum plan_op op, enum kind_id kind,
			    const char *name)
{
	for (size_t i = 0; i < l->steps.n; i++)
		if (l->steps.v[i].op == op && l->steps.v[i].kind == kind && l->steps.v[i].name &&
		    !strcmp(l->steps.v[i].name, name))
			return true;
	return false;
}

static inline char *export_text(struct lab *l, bool canonical)
{
	cleanup_json struct json *j = NULL;
	struct err e;

	if (topology_export(store_model(l->s), "lab", canonical, &j, &e))
		fail_msg("%s", e.msg);
	return json_print_pretty(j);
}

static inline char *with(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	struct buf b = {0};

	assert_non_null(at);
	buf_printf(&b, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return buf_take(&b);
}

static inline char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	long n;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	assert_int_equal(fread(text, 1, (size_t)n, f), n);
	fclose(f);
	return text;
}

static inline const struct object *named(struct lab *l, enum kind_id kind, const char *name)
{
	const struct object *o;
	struct err e;

	if (model_resolve(store_model(l->s), kind, name, NULL, &o, &e))
		fail_msg("%s", e.msg);
	return o;
}

#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
