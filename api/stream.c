/* SPDX-License-Identifier: MIT
 * Responses without an end. One with nothing to say sleeps; the server's tick wakes it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "api/request.h"

#define PENDING_MAX (1u << 20) /* a client that is this far behind is cut off */

static void on_hangup(void *arg, int fd, uint32_t events)
{
	struct stream *s = arg;

	s->gone = true;
	event_source_free(s->hangup);
	s->hangup = NULL;
}

static ssize_t read_stream(void *arg, uint64_t pos, char *out, size_t max)
{
	struct stream *s = arg;
	size_t n;

	if (s->gone)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->sent == s->pending.len) {
		s->pending.len = s->sent = 0;
		if (!s->next(s, &s->pending) && !s->pending.len)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	n = s->pending.len - s->sent;
	if (!n) {
		s->suspended = true;
		MHD_suspend_connection(s->conn);
		return 0;
	}
	if (s->pending.len > PENDING_MAX)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = n < max ? n : max;
	memcpy(out, s->pending.p + s->sent, n);
	s->sent += n;
	return (ssize_t)n;
}

static void free_stream(void *arg)
{
	struct stream *s = arg;

	DL_DELETE2(s->api->streams, s, prev, next_stream);
	event_source_free(s->hangup);
	event_source_free(s->source);
	if (s->done)
		s->done(s);
	free(s->arg);
	buf_done(&s->pending);
	free(s);
}

struct MHD_Response *stream_response(struct stream *s)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, s,
						 free_stream);
}

void stream_start(struct request *rq, const char *content_type,
		  bool (*next)(struct stream *s, struct buf *out), void (*done)(struct stream *s),
		  void *arg)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(rq->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		fail_with(rq, 500, "InternalError", "out of memory");
		return;
	}
	*s = (struct stream){
		.api = rq->api, .conn = rq->conn, .next = next, .done = done, .arg = arg};
	DL_APPEND2(rq->api->streams, s, prev, next_stream);
	if (info)
		event_add_io(rq->api->cfg.loop, info->connect_fd, EPOLLRDHUP, on_hangup, s,
			     &s->hangup, NULL);
	rq->status = 200;
	rq->content_type = content_type;
	rq->stream = s;
}

/* ---- a descriptor's ---- */

struct source {
	int fd;
};

static bool next_of_source(struct stream *s, struct buf *out)
{
	const struct source *src = s->arg;
	char chunk[16384];
	ssize_t n = 0;

	while (out->len < 65536 && (n = read(src->fd, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void done_source(struct stream *s)
{
	const struct source *src = s->arg;

	close(src->fd);
}

static void on_source(void *arg, int fd, uint32_t events)
{
	struct stream *s = arg;

	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->conn);
	event_defer_set(s->api->again, 1);
}

void stream_start_fd(struct request *rq, const char *content_type, int fd)
{
	struct source *src = malloc(sizeof(*src));

	if (!src) {
		close(fd);
		return fail_with(rq, 500, "InternalError", "out of memory");
	}
	src->fd = fd;
	stream_start(rq, content_type, next_of_source, done_source, src);
	/* On the edge: what a slow client has left in the pipe shall not keep the loop awake. */
	if (rq->stream)
		event_add_io(rq->api->cfg.loop, fd, EPOLLIN | EPOLLET, on_source, rq->stream,
			     &rq->stream->source, NULL);
}
