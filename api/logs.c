/* SPDX-License-Identifier: MIT
 * Files of lines that grow: what sandboxes write, records of flow logs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/request.h"

struct log {
	char *path;
	int fd;
	bool follow;
	char id[40];
};

/* Where the last n lines begin. */
static off_t tail_offset(int fd, long n)
{
	off_t pos = lseek(fd, 0, SEEK_END);
	char chunk[4096];
	long lines = -1;

	while (pos > 0 && n > 0) {
		size_t len = pos < (off_t)sizeof(chunk) ? (size_t)pos : sizeof(chunk);

		pos -= (off_t)len;
		if (pread(fd, chunk, len, pos) != (ssize_t)len)
			return 0;
		for (size_t i = len; i > 0; i--)
			/* The newline at the very end ends a line; the others begin one. */
			if (chunk[i - 1] == '\n' && ++lines == n)
				return pos + (off_t)i;
		if (lines < 0)
			lines = 0; /* the last line is not finished */
	}
	return pos;
}

/* Is another file in its place? */
static bool moved_aside(const struct log *l)
{
	struct stat own, now;

	return l->fd >= 0 && !fstat(l->fd, &own) && !stat(l->path, &now) &&
	       own.st_ino != now.st_ino;
}

static bool next_log(struct stream *s, struct buf *out)
{
	struct log *l = s->arg;
	char chunk[16384];
	ssize_t n;

	if (l->fd < 0)
		l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	while (l->fd >= 0 && out->len < 65536 && (n = read(l->fd, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	if (l->follow && !out->len && moved_aside(l)) {
		close(l->fd);
		l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	}
	if (!l->follow)
		return out->len > 0;
	return model_get(store_model(s->api->cfg.store), l->id) != NULL;
}

static void done_log(struct stream *s)
{
	struct log *l = s->arg;

	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
}

/* The file, or its last lines ("tail"), and what is appended ("follow") as long as o is there. */
static void log_start(struct request *rq, const struct object *o, const char *path)
{
	const char *tail = query_get(rq, "tail");
	char *end = NULL;
	long lines = tail ? strtol(tail, &end, 10) : -1;
	struct log *l;

	if (tail && (*end || !*tail || lines < 0)) {
		fail_with(rq, 400, "InvalidParameterValue", "tail is a number of lines");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return fail_with(rq, 500, "InternalError", "out of memory");
	l->path = strdup(path ? path : "/dev/null");
	l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	l->follow = query_is_set(rq, "follow");
	memcpy(l->id, o->id, sizeof(l->id));
	if (l->fd >= 0 && tail)
		lseek(l->fd, tail_offset(l->fd, lines), SEEK_SET);
	stream_start(rq, "text/plain; charset=utf-8", next_log, done_log, l);
}

void get_sandbox_logs(struct request *rq)
{
	const struct object *o = path_sandbox(rq);
	const struct api_hooks *h = &rq->api->cfg.hooks;
	cleanup_json struct json *more = o && h->sandbox ? h->sandbox(h->arg, o->id) : NULL;

	if (o)
		log_start(rq, o, json_str(json_get(more, "LogFile")));
}

void get_flow_log_records(struct request *rq)
{
	const struct object *o = path_object(rq, kinds[KIND_FLOW_LOG], rq->segments[2]);
	const struct api_hooks *h = &rq->api->cfg.hooks;
	cleanup_json struct json *more = json_new_obj();

	if (!o)
		return;
	if (h->figures)
		h->figures(h->arg, o, more);
	log_start(rq, o, json_str(json_get(more, "LogDestination")));
}
