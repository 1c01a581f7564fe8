/* SPDX-License-Identifier: MIT
 * Data on stdout (the only user of libsmartcols).
 */
#include "cli/output.h"

#include <errno.h>
#include <fnmatch.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "cli/cli.h"

#define SHORT_ID    8 /* characters of an id's random part in tables */
#define COLUMNS_MAX 64

int output_format_parse(struct output *o, const char *format)
{
	static const char *const names[] = {"table", "wide", "json", "name", "tsv"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(format, names[i])) {
			o->format = i;
			return 0;
		}
	if (strncmp(format, "json=", 5))
		return -EINVAL;
	o->format = OUTPUT_PATH;
	o->path = format + 5;
	return 0;
}

bool color_wanted(const char *when, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (!strcmp(when, "always"))
		return true;
	if (!strcmp(when, "never") || (no_color && *no_color))
		return false;
	return isatty(fd) && term && strcmp(term, "dumb");
}

/* ---- values as text ---- */

static void text_add(struct buf *b, const struct json *v, bool no_trunc);

static void string_add(struct buf *b, const char *s, bool no_trunc)
{
	const struct kind *k = no_trunc ? NULL : kind_of_id(s);
	size_t len = strlen(s);

	if (k && !strchr(s, '/') && len > strlen(k->id_prefix) + SHORT_ID)
		len = strlen(k->id_prefix) + SHORT_ID;
	buf_add(b, s, len);
}

static void container_add(struct buf *b, const struct json *v, bool no_trunc)
{
	json_for_each (c, v) {
		if (c != json_first(v))
			buf_puts(b, json_type(c) == JSON_OBJECT ? "; " : ",");
		if (json_type(v) == JSON_OBJECT)
			buf_printf(b, "%s=", json_key(c));
		text_add(b, c, no_trunc);
	}
}

static void text_add(struct buf *b, const struct json *v, bool no_trunc)
{
	char digits[32];

	switch (json_type(v)) {
	case JSON_NULL:
		break;
	case JSON_BOOL:
		buf_puts(b, json_bool(v) ? "true" : "false");
		break;
	case JSON_NUMBER:
		snprintf(digits, sizeof(digits), json_is_int(v) ? "%.0f" : "%g", json_num(v));
		buf_puts(b, digits);
		break;
	case JSON_STRING:
		string_add(b, json_str(v), no_trunc);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		container_add(b, v, no_trunc);
		break;
	}
}

char *value_text(const struct json *v, bool no_trunc)
{
	struct buf b = {0};

	text_add(&b, v, no_trunc);
	return buf_take(&b);
}

static char *cell_text(const struct json *row, const struct column *col, bool no_trunc)
{
	return value_text(json_path_first(row, col->path), no_trunc);
}

/* ---- which columns, which rows, in which order ---- */

static bool column_is(const struct column *col, const char *name, size_t len)
{
	return (strlen(col->header) == len && !strncasecmp(col->header, name, len)) ||
	       (strlen(col->path) == len && !strncasecmp(col->path, name, len));
}

static const struct column *column_find(const struct column *cols, size_t n, const char *name,
					size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (column_is(&cols[i], name, len))
			return &cols[i];
	return NULL;
}

static int unknown_column(const char *name, size_t len, const struct column *cols, size_t n)
{
	fprintf(stderr, "vpcctl: no column %.*s; there are:", (int)len, name);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", cols[i].header);
	fputc('\n', stderr);
	return -EINVAL;
}

/* The columns of one table. */
struct choice {
	struct column v[COLUMNS_MAX];
	int n;
	char *names; /* of columns that are paths of the user's own: --columns Tags.Team */
};

static void choice_done(struct choice *ch)
{
	free(ch->names);
}

static int choice_init(struct choice *ch, const struct output *o, const struct column *cols,
		       size_t n)
{
	bool all = o->format == OUTPUT_WIDE || o->format == OUTPUT_TSV;
	char *save, *name;

	for (size_t i = 0; !o->columns && i < n && ch->n < COLUMNS_MAX; i++)
		if (all || !cols[i].wide)
			ch->v[ch->n++] = cols[i];
	if (!o->columns)
		return 0;
	ch->names = strdup(o->columns);
	if (!ch->names)
		return -ENOMEM;
	for (name = strtok_r(ch->names, ",", &save); name && ch->n < COLUMNS_MAX;
	     name = strtok_r(NULL, ",", &save)) {
		const struct column *col = column_find(cols, n, name, strlen(name));

		if (col)
			ch->v[ch->n++] = *col;
		else if (*name >= 'A' && *name <= 'Z')
			ch->v[ch->n++] = (struct column){name, name, false};
		else
			return unknown_column(name, strlen(name), cols, n);
	}
	return 0;
}

struct row {
	const struct json *json;
	char *sort_key; /* with --sort */
};

struct rows {
	struct row *v;
	size_t n;
};

static void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->v[i].sort_key);
	free(rows->v);
}

static bool value_matches(const struct json *v, const char *pattern)
{
	cleanup_free char *text = NULL;

	if (json_type(v) == JSON_ARRAY) {
		json_for_each (item, v)
			if (value_matches(item, pattern))
				return true;
		return false;
	}
	text = value_text(v, true);
	return text && !fnmatch(pattern, text, FNM_CASEFOLD);
}

/* Does a row pass all --filter options? */
static bool row_passes(const struct output *o, const struct json *row, const struct column *cols,
		       size_t n)
{
	const char *f;
	size_t i = 0;

	while (o->filters && (f = args_next(o->filters, "filter", &i))) {
		size_t len = strcspn(f, "=");
		const struct column *col = column_find(cols, n, f, len);

		if (!value_matches(json_path_first(row, col->path), f + len + 1))
			return false;
	}
	return true;
}

static int filters_check(const struct output *o, const struct column *cols, size_t n)
{
	const char *f;
	size_t i = 0;

	while (o->filters && (f = args_next(o->filters, "filter", &i))) {
		size_t len = strcspn(f, "=");

		if (!f[len]) {
			fprintf(stderr, "vpcctl: --filter takes KEY=VALUE\n");
			return -EINVAL;
		}
		if (!column_find(cols, n, f, len))
			return unknown_column(f, len, cols, n);
	}
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	return strverscmp(((const struct row *)a)->sort_key, ((const struct row *)b)->sort_key);
}

/* "name", or "-name" for the other way round. */
static int rows_sort(struct rows *rows, const char *by, const struct column *cols, size_t n)
{
	bool descending = *by == '-';
	const struct column *col;

	by += descending;
	col = column_find(cols, n, by, strlen(by));
	if (!col)
		return unknown_column(by, strlen(by), cols, n);
	for (size_t i = 0; i < rows->n; i++) {
		rows->v[i].sort_key = cell_text(rows->v[i].json, col, true);
		if (!rows->v[i].sort_key)
			return -ENOMEM;
	}
	qsort(rows->v, rows->n, sizeof(*rows->v), row_cmp);
	for (size_t i = 0; descending && i < rows->n / 2; i++) {
		struct row t = rows->v[i];

		rows->v[i] = rows->v[rows->n - 1 - i];
		rows->v[rows->n - 1 - i] = t;
	}
	return 0;
}

static int rows_init(struct rows *rows, const struct output *o, const struct json *items,
		     const struct column *cols, size_t n)
{
	int r = filters_check(o, cols, n);

	if (r)
		return r;
	rows->v = calloc(json_len(items) + 1, sizeof(*rows->v));
	if (!rows->v)
		return -ENOMEM;
	json_for_each (item, items)
		if (row_passes(o, item, cols, n))
			rows->v[rows->n++].json = item;
	return o->sort ? rows_sort(rows, o->sort, cols, n) : 0;
}

/* ---- tables ---- */

static const char *word_color(const char *text)
{
	static const struct {
		const char *word, *color;
	} colors[] = {
		{"available", "green"}, {"running", "green"},  {"in-use", "green"},
		{"pending", "yellow"},	{"waiting", "yellow"}, {"failed", "red"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
		if (!strcmp(text, colors[i].word))
			return colors[i].color;
	return NULL;
}

static void header_upper(char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s -= 'a' - 'A';
}

static void line_fill(struct libscols_line *line, const struct json *row, const struct choice *ch,
		      bool no_trunc)
{
	for (int i = 0; i < ch->n; i++) {
		char *text = cell_text(row, &ch->v[i], no_trunc);
		const char *color = text ? word_color(text) : NULL;

		if (!text)
			continue;
		if (color)
			scols_cell_set_color(scols_line_get_cell(line, i), color);
		if (!*text) {
			free(text);
			text = strdup("-");
		}
		scols_line_refer_data(line, i, text);
	}
}

static void table_print(const struct output *o, const struct rows *rows, const struct choice *ch)
{
	struct libscols_table *tb = scols_new_table();

	if (!tb)
		return;
	scols_table_enable_noheadings(tb, o->no_headers);
	scols_table_enable_colors(tb, o->color);
	scols_table_set_column_separator(tb, "  ");
	for (int i = 0; i < ch->n; i++) {
		cleanup_free char *header = strdup(ch->v[i].header);

		if (header)
			header_upper(header);
		scols_table_new_column(tb, header, 0, 0);
	}
	for (size_t i = 0; i < rows->n; i++) {
		struct libscols_line *line = scols_table_new_line(tb, NULL);

		if (line)
			line_fill(line, rows->v[i].json, ch, o->no_trunc);
	}
	/* The terminal's width would cut cells; long lines may wrap. */
	scols_table_set_termforce(tb, SCOLS_TERMFORCE_NEVER);
	/* libsmartcols prints no header without a line. */
	for (int i = 0; !rows->n && !o->no_headers && i < ch->n; i++) {
		cleanup_free char *header = strdup(ch->v[i].header);

		if (header)
			header_upper(header);
		printf("%s%s", header ? header : "", i + 1 < ch->n ? "  " : "\n");
	}
	scols_print_table(tb);
	scols_unref_table(tb);
}

static void tsv_cell(const char *text)
{
	for (; *text; text++) {
		if (*text == '\t')
			fputs("\\t", stdout);
		else if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
}

static void tsv_print(const struct output *o, const struct rows *rows, const struct choice *ch)
{
	for (int c = 0; !o->no_headers && c < ch->n; c++)
		printf("%s%c", ch->v[c].header, c + 1 < ch->n ? '\t' : '\n');
	for (size_t i = 0; i < rows->n; i++)
		for (int c = 0; c < ch->n; c++) {
			cleanup_free char *text = cell_text(rows->v[i].json, &ch->v[c], true);

			tsv_cell(text ? text : "");
			putchar(c + 1 < ch->n ? '\t' : '\n');
		}
}

/* ---- the rest of the formats ---- */

static void json_write(const struct json *j)
{
	cleanup_free char *text = json_print_pretty(j);

	fputs(text ? text : "", stdout);
}

static void value_write(void *arg, const struct json *v)
{
	cleanup_free char *text = NULL;

	if (json_str(v)) {
		puts(json_str(v));
		return;
	}
	text = json_print(v);
	puts(text ? text : "");
}

static void name_print(const struct output *o, const struct json *obj, const char *id)
{
	const char *name = o->quiet ? NULL : json_str(json_get(obj, "Name"));

	if (!name)
		name = json_str(json_get(obj, id));
	if (name)
		puts(name);
}

static void rows_json(const struct output *o, const struct rows *rows)
{
	cleanup_json struct json *arr = json_new_arr();

	for (size_t i = 0; i < rows->n; i++)
		json_append(arr, json_copy(rows->v[i].json));
	if (o->format == OUTPUT_PATH)
		json_path_each(arr, o->path, value_write, NULL);
	else
		json_write(arr);
}

int output_rows(const struct output *o, const struct json *items, const struct column *cols,
		size_t n, const char *id)
{
	cleanup(rows_done) struct rows rows = {0};
	cleanup(choice_done) struct choice ch = {.n = 0};
	int r = choice_init(&ch, o, cols, n);

	if (!r)
		r = rows_init(&rows, o, items, cols, n);
	if (r)
		return r;
	if (o->quiet || o->format == OUTPUT_NAME)
		for (size_t i = 0; i < rows.n; i++)
			name_print(o, rows.v[i].json, id);
	else if (o->format == OUTPUT_JSON || o->format == OUTPUT_PATH)
		rows_json(o, &rows);
	else if (o->format == OUTPUT_TSV)
		tsv_print(o, &rows, &ch);
	else
		table_print(o, &rows, &ch);
	return 0;
}

/* "Key:  value"; an array of objects gets a line an element. */
static void member_print(const struct output *o, const struct json *m, int width)
{
	bool records = json_type(m) == JSON_ARRAY && json_type(json_first(m)) == JSON_OBJECT;
	const struct json *first = records ? json_first(m) : m;

	for (const struct json *v = first; v; v = records ? json_next(v) : NULL) {
		cleanup_free char *text = value_text(v, o->no_trunc || !records);
		char key[64];

		snprintf(key, sizeof(key), "%s:", v == first ? json_key(m) : "");
		printf("%-*s  %s\n", width, v == first ? key : "", text ? text : "");
	}
}

void output_object(const struct output *o, const struct json *obj, const char *id)
{
	int width = 0;

	if (o->quiet || o->format == OUTPUT_NAME) {
		name_print(o, obj, id);
	} else if (o->format == OUTPUT_JSON) {
		json_write(obj);
	} else if (o->format == OUTPUT_PATH) {
		json_path_each(obj, o->path, value_write, NULL);
	} else if (o->format == OUTPUT_TSV) {
		json_for_each (m, obj) {
			cleanup_free char *text = value_text(m, true);

			printf("%s\t", json_key(m));
			tsv_cell(text ? text : "");
			putchar('\n');
		}
	} else {
		json_for_each (m, obj)
			if ((int)strlen(json_key(m)) + 1 > width)
				width = strlen(json_key(m)) + 1;
		json_for_each (m, obj)
			member_print(o, m, width);
	}
}
