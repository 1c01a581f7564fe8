/* SPDX-License-Identifier: MIT
 * The topology files of a command line.
 */
#include "cli/topology_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "model/topology.h"

static const char *const default_names[] = {"vpcd.json", "vpcd.jsonc"};

void topology_file_done(struct topology_file *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->files[i].name);
		free(t->files[i].text);
	}
	free(t->files);
	free(t->text);
	free(t->directory);
	free(t->file_lab);
	*t = (struct topology_file){0};
}

static int stream_read(FILE *f, struct buf *b)
{
	char chunk[16384];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), f)))
		buf_add(b, chunk, n);
	return ferror(f) ? -EIO : b->rc;
}

static int source_read(struct cli *c, struct topology_file *t, const char *name)
{
	bool is_stdin = !strcmp(name, "-");
	cleanup_fclose FILE *f = is_stdin ? NULL : fopen(name, "re");
	struct topology_source *files;
	struct buf b = {0};

	if (!is_stdin && !f)
		return cli_fail(c, EXIT_USAGE, "%s: %s", name, strerror(errno));
	if (stream_read(is_stdin ? stdin : f, &b)) {
		buf_done(&b);
		return cli_fail(c, EXIT_USAGE, "%s: cannot be read: %s", name, strerror(errno));
	}
	files = reallocarray(t->files, t->n + 1, sizeof(*files));
	if (!files) {
		buf_done(&b);
		return cli_fail(c, EXIT_REFUSED, "out of memory");
	}
	t->files = files;
	files[t->n].name = strdup(is_stdin ? "<stdin>" : name);
	files[t->n].len = b.len;
	files[t->n++].text = buf_take(&b);
	return 0;
}

static int sources_read(struct cli *c, struct topology_file *t)
{
	const char *name;
	size_t i = 0;
	int r = 0;

	while (!r && (name = args_next(&c->args, "file", &i)))
		r = source_read(c, t, name);
	for (int k = 0; !r && k < c->args.n_pos; k++)
		r = source_read(c, t, c->args.pos[k]);
	for (i = 0; !r && !t->n && i < ARRAY_SIZE(default_names); i++)
		if (!access(default_names[i], F_OK))
			r = source_read(c, t, default_names[i]);
	if (!r && !t->n)
		return cli_usage(c, "no topology file: give -f FILE, or have a vpcd.json here");
	return r;
}

/* Syntax first, so that its faults name the right one of several files. */
static int source_parse(const struct topology_file *t, size_t i, struct json **ret)
{
	const struct topology_source *f = &t->files[i];
	struct err e = {0};
	unsigned line = 0, col = 0;
	int skip = 0, r;

	r = json_parse(f->text, f->len, true, ret, &e);
	if (!r)
		return 0;
	if (sscanf(e.msg, "line %u, column %u: %n", &line, &col, &skip) == 2)
		fprintf(stderr, "%s:%u:%u: %s: %s\n", f->name, line, col, e.code, e.msg + skip);
	else
		fprintf(stderr, "%s: %s: %s\n", f->name, e.code, e.msg);
	return r;
}

static int sources_merge(struct topology_file *t)
{
	cleanup_json struct json *all = NULL;
	const char *lab;

	for (size_t i = 0; i < t->n; i++) {
		cleanup_json struct json *doc = NULL;
		int r = source_parse(t, i, &doc);

		if (r)
			return r;
		if (all)
			json_merge(all, doc);
		else
			all = TAKE(doc);
	}
	lab = json_str(json_get(all, "Lab"));
	t->file_lab = lab ? strdup(lab) : NULL;
	if (t->n > 1)
		t->text = json_print_pretty(all);
	else
		t->text = strdup(t->files[0].text);
	t->len = t->text ? strlen(t->text) : 0;
	return t->text ? 0 : -ENOMEM;
}

static char *directory_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	cleanup_free char *dir =
		slash ? strndup(name, slash == name ? 1 : slash - name) : strdup(".");

	return dir ? realpath(dir, NULL) : NULL;
}

static int file_finish(struct cli *c, struct topology_file *t, int r)
{
	struct err e = {0};

	if (!r && sources_merge(t))
		r = EXIT_USAGE;
	if (r)
		return r;
	t->directory = directory_of(t->files[0].name);
	if (!t->directory)
		return cli_fail(c, EXIT_USAGE, "%s: no directory", t->files[0].name);
	if (lab_name_check(topology_file_lab(c, t), &e))
		return cli_fail(c, EXIT_USAGE, "%s", e.msg);
	return 0;
}

int topology_file_read(struct cli *c, struct topology_file *t)
{
	*t = (struct topology_file){0};
	return file_finish(c, t, sources_read(c, t));
}

int topology_file_read_one(struct cli *c, const char *name, struct topology_file *t)
{
	*t = (struct topology_file){0};
	return file_finish(c, t, source_read(c, t, name));
}

const char *topology_file_lab(const struct cli *c, const struct topology_file *t)
{
	const char *lab = config_get(&c->config, SETTING_LAB), *slash;

	if (lab || t->file_lab)
		return lab ? lab : t->file_lab;
	slash = strrchr(t->directory, '/');
	return slash && slash[1] ? slash + 1 : "default";
}

/* Of merged files, the last one that has the place decides. The pointer's parents stand in for what
 * is missing from a file. */
static const char *fault_locate(const struct topology_file *t, const char *pointer, unsigned *line,
				unsigned *col)
{
	cleanup_free char *p = strdup(pointer);

	while (p) {
		for (size_t i = t->n; i-- > 0;)
			if (!json_locate(t->files[i].text, t->files[i].len, true, p, false, line,
					 col))
				return t->files[i].name;
		if (!*p)
			break;
		*strrchr(p, '/') = '\0';
	}
	return t->files[t->n - 1].name;
}

void topology_fault_print(const struct topology_file *t, const char *pointer, unsigned line,
			  unsigned col, const char *code, const char *msg)
{
	const char *name = t->files[0].name;

	if (t->n > 1 || !line)
		name = fault_locate(t, *pointer == '/' ? pointer : "", &line, &col);
	fprintf(stderr, "%s:%u:%u: %s: %s: %s\n", name, line, col, *pointer ? pointer : "/", code,
		msg);
}

static const char *text_of(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key)) ?: "";
}

/* Every fault of the file on its line; the exit code, or -1 if the answer names none. */
static int faults_report(struct cli *c, const struct topology_file *t, const struct response *resp)
{
	const struct json *errors = json_get(json_get(resp->json, "Error"), "Errors");

	if (!t || !json_len(errors) || c->out.format == OUTPUT_JSON)
		return -1;
	json_for_each (fault, errors)
		topology_fault_print(t, text_of(fault, "Pointer"),
				     json_num(json_get(fault, "Line")),
				     json_num(json_get(fault, "Column")), text_of(fault, "Code"),
				     text_of(fault, "Message"));
	return EXIT_USAGE;
}

int topology_report(struct cli *c, const struct topology_file *t, const struct response *resp)
{
	int r = faults_report(c, t, resp);

	if (r < 0)
		r = client_report(c, resp);
	if (t && resp->outcome == CALL_ANSWERED && resp->status >= 400 && resp->status < 500 &&
	    resp->status != 403)
		return EXIT_USAGE;
	return r;
}
