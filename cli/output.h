/* SPDX-License-Identifier: MIT
 * Data on stdout: tables for people, JSON, TSV and names for programs.
 */
#ifndef VPCD_CLI_OUTPUT_H
#define VPCD_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/args.h"
#include "lib/json.h"

enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_NAME, OUTPUT_TSV, OUTPUT_PATH };

struct output {
	enum output_format format;
	const char *path; /* of OUTPUT_PATH: ".Items[0].VpcId" */
	bool quiet;	  /* ids only */
	bool no_headers, no_trunc;
	bool color; /* on stdout */
	const char *columns, *sort;
	/* Its --filter options, "key=value" with a shell pattern for the value, choose the rows;
	 * NULL: the daemon has filtered. */
	const struct args *filters;
};

/* A column of a table: its header as --columns takes it ("cidr-block") and where its value lies in
 * a row ("CidrBlock", "Tags.Team"). Wide ones show with -o wide only. */
struct column {
	const char *header, *path;
	bool wide;
};

/* format: "table", "wide", "json", "json=.path", "name", "tsv"; -EINVAL. */
int output_format_parse(struct output *o, const char *format);
/* --color and NO_COLOR, TERM=dumb, a tty: shall this descriptor get colours? */
bool color_wanted(const char *when, int fd);

/* Prints the rows of an array of objects. id: the member that -q prints, and -o name where there is
 * no Name. 0, or -EINVAL after saying which column is unknown. */
int output_rows(const struct output *o, const struct json *items, const struct column *cols,
		size_t n, const char *id);
/* One object, as "key: value" lines or in the format asked for. */
void output_object(const struct output *o, const struct json *obj, const char *id);
/* A value for people: strings bare, lists joined with commas, ids cut short unless no_trunc. */
char *value_text(const struct json *v, bool no_trunc);

/* Calls fn for each value that a path names: "Tags.Team", ".Items[0].VpcId", "[].Name". A name
 * applied to an array is applied to each of its elements. */
void json_path_each(const struct json *j, const char *path,
		    void (*fn)(void *arg, const struct json *v), void *arg);
/* The first of them; NULL: none. */
const struct json *json_path_first(const struct json *j, const char *path);

#endif
