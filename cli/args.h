/* SPDX-License-Identifier: MIT
 * Command-line options as tables, on top of getopt_long.
 */
#ifndef VPCD_CLI_ARGS_H
#define VPCD_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* OPT_MAYBE: --name, --name=VALUE, or --name with true, false or a number behind it. */
enum opt_arg { OPT_FLAG, OPT_VALUE, OPT_MAYBE };

/* One option. Tables end with .name == NULL. Unique abbreviations of long names are accepted. */
struct opt {
	const char *name;
	char letter; /* 0: none */
	enum opt_arg arg;
	const char *metavar; /* of the value, for help */
	const char *help;
	/* What completes the value: "file", "lab", "sandbox", a kind's name, or words with spaces
	 * between them; NULL: nothing. */
	const char *complete;
};

#define OPT_TABLES_MAX 8

struct args {
	struct {
		const struct opt *opt;
		const char *value; /* NULL for a flag */
	} * v;
	size_t n;
	char **pos; /* positional arguments, in argv */
	int n_pos;
};

/* Adds argv[1..] to *a. tables: NULL-terminated. first_ends: options end at the first positional
 * argument. 0 or -EINVAL; getopt has then said what is wrong. argv is permuted. */
int args_parse(struct args *a, int argc, char **argv, const struct opt *const *tables,
	       bool first_ends);
void args_done(struct args *a);

bool args_has(const struct args *a, const char *name);
/* The last value given, or NULL. */
const char *args_value(const struct args *a, const char *name);
/* All values in turn: start with *i = 0; NULL at the end. */
const char *args_next(const struct args *a, const char *name, size_t *i);

#endif
