/* SPDX-License-Identifier: MIT
 * Reading flow log files, by zlib, which reads what is not compressed as it is.
 */
#include "model/flow_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/cleanup.h"

#define TEXT_MAX 8192 /* 42 fields, ARNs among them */

struct flow_file {
	gzFile gz;
	char *path;
	struct flow_format format;
	unsigned line;
	char text[TEXT_MAX];
};

static int name_fault(const struct flow_file *f, struct err *e)
{
	const char *field = e ? e->field : "";

	return err_wrap(e, "%s, line %u%s%s", f->path, f->line, *field ? ": " : "", field);
}

static int fault(const struct flow_file *f, struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "InvalidFlowRecord", "", "%s, line %u: %s", f->path, f->line,
		       what);
}

int flow_file_open(const char *path, const struct flow_format *format, struct flow_file **ret,
		   struct err *e)
{
	bool is_stdin = !strcmp(path, "-");
	cleanup_close int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	cleanup_flow_file struct flow_file *f = NULL;

	if (fd < 0)
		return err_sys(e, -errno, "open %s", path);
	f = calloc(1, sizeof(*f));
	if (!f || !(f->path = strdup(is_stdin ? "standard input" : path)))
		return err_sys(e, -ENOMEM, "open %s", path);
	f->gz = gzdopen(fd, "r");
	if (!f->gz)
		return err_sys(e, -ENOMEM, "open %s", path);
	TAKE_FD(fd);
	gzbuffer(f->gz, 65536);
	f->format = format ? *format : flow_format_default;
	*ret = TAKE(f);
	return 0;
}

void flow_file_free(struct flow_file *f)
{
	if (!f)
		return;
	if (f->gz)
		gzclose(f->gz);
	free(f->path);
	free(f);
}

/* 1, 0 at the end, or -errno. A compressed file that ends early gives what is there, then a fault.
 */
static int read_line(struct flow_file *f, struct err *e)
{
	const char *got, *why;
	size_t len;
	int rc;

	f->line++;
	got = gzgets(f->gz, f->text, sizeof(f->text));
	why = gzerror(f->gz, &rc);
	if (rc == Z_ERRNO)
		return err_sys(e, errno ? -errno : -EIO, "read %s", f->path);
	if (rc != Z_OK && rc != Z_STREAM_END && !(got && strchr(got, '\n')))
		return fault(f, e, why);
	if (!got)
		return 0;
	len = strlen(f->text);
	if (len + 1 == sizeof(f->text) && f->text[len - 1] != '\n')
		return fault(f, e, "line is too long");
	/* gzgets() does not tell a NUL from the end of the line. */
	if (!len || (f->text[len - 1] != '\n' && !gzeof(f->gz)))
		return fault(f, e, "not text");
	return 1;
}

int flow_file_next(struct flow_file *f, struct flow_record *ret, struct err *e)
{
	int rc;

	while ((rc = read_line(f, e)) == 1) {
		bool is_header = flow_line_is_header(f->text);

		if (!f->text[strspn(f->text, " \t\r\n")])
			continue;
		rc = is_header ? flow_format_parse_header(f->text, &f->format, e)
			       : flow_record_parse(f->text, &f->format, ret, e);
		if (rc)
			return name_fault(f, e);
		if (!is_header)
			return 1;
	}
	return rc;
}

const struct flow_format *flow_file_format(const struct flow_file *f)
{
	return &f->format;
}

unsigned flow_file_line(const struct flow_file *f)
{
	return f->line;
}
