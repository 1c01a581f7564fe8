/* SPDX-License-Identifier: MIT
 * Command-line options as tables: getopt_long does the parsing, this turns tables into its terms.
 */
#include "cli/args.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

#define LONG_BASE 256 /* values of long options: beyond every character */

struct getopt_tables {
	struct option *longs;
	const struct opt **by_index;
	size_t n;
	struct buf shorts;
};

static void tables_add(struct getopt_tables *t, const struct opt *o)
{
	static const int has_arg[] = {no_argument, required_argument, optional_argument};
	static const char *const colons[] = {"", ":", "::"};

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->by_index[i]->name, o->name))
			return; /* an earlier table's option of that name wins */
	t->longs[t->n] = (struct option){o->name, has_arg[o->arg], NULL, LONG_BASE + (int)t->n};
	t->by_index[t->n++] = o;
	if (o->letter)
		buf_printf(&t->shorts, "%c%s", o->letter, colons[o->arg]);
}

static int tables_init(struct getopt_tables *t, const struct opt *const *tables, bool first_ends)
{
	size_t n = 0;

	*t = (struct getopt_tables){0};
	for (size_t i = 0; tables[i]; i++)
		for (const struct opt *o = tables[i]; o->name; o++)
			n++;
	t->longs = calloc(n + 1, sizeof(*t->longs));
	t->by_index = calloc(n + 1, sizeof(*t->by_index));
	if (!t->longs || !t->by_index)
		return -ENOMEM;
	if (first_ends)
		buf_puts(&t->shorts, "+");
	for (size_t i = 0; tables[i]; i++)
		for (const struct opt *o = tables[i]; o->name; o++)
			tables_add(t, o);
	return t->shorts.rc;
}

static void tables_done(struct getopt_tables *t)
{
	free(t->longs);
	free(t->by_index);
	buf_done(&t->shorts);
}

static const struct opt *option_of(const struct getopt_tables *t, int got)
{
	if (got >= LONG_BASE)
		return t->by_index[got - LONG_BASE];
	for (size_t i = 0; i < t->n; i++)
		if (t->by_index[i]->letter == got)
			return t->by_index[i];
	return NULL;
}

static int args_add(struct args *a, const struct opt *o, const char *value)
{
	void *v = reallocarray(a->v, a->n + 1, sizeof(*a->v));

	if (!v)
		return -ENOMEM;
	a->v = v;
	a->v[a->n].opt = o;
	a->v[a->n++].value = value;
	return 0;
}

/* The value of an OPT_MAYBE may also be the next word, where it can be nothing else. */
static const char *maybe_value(const char *word)
{
	bool fits = word && (!strcmp(word, "true") || !strcmp(word, "false") ||
			     isdigit((unsigned char)word[0]));

	return fits ? word : NULL;
}

int args_parse(struct args *a, int argc, char **argv, const struct opt *const *tables,
	       bool first_ends)
{
	cleanup(tables_done) struct getopt_tables t;
	int got, r = tables_init(&t, tables, first_ends);

	optind = 0; /* GNU: start anew */
	while (!r && (got = getopt_long(argc, argv, buf_str(&t.shorts), t.longs, NULL)) != -1) {
		const struct opt *o = option_of(&t, got);

		if (o && o->arg == OPT_MAYBE && !optarg && maybe_value(argv[optind]))
			optarg = argv[optind++];
		r = o ? args_add(a, o, optarg) : -EINVAL;
	}
	a->pos = argv + optind;
	a->n_pos = argc - optind;
	return r;
}

void args_done(struct args *a)
{
	free(a->v);
	*a = (struct args){0};
}

bool args_has(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i].opt->name, name))
			return true;
	return false;
}

const char *args_value(const struct args *a, const char *name)
{
	for (size_t i = a->n; i-- > 0;)
		if (!strcmp(a->v[i].opt->name, name))
			return a->v[i].value;
	return NULL;
}

const char *args_next(const struct args *a, const char *name, size_t *i)
{
	while (*i < a->n) {
		size_t at = (*i)++;

		if (!strcmp(a->v[at].opt->name, name) && a->v[at].value)
			return a->v[at].value;
	}
	return NULL;
}
