/* SPDX-License-Identifier: MIT
 * The HTTP server: libmicrohttpd without threads; its epoll descriptor nests in our loop.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grp.h>
#include <pwd.h>
#include <utlist.h>

#include "api/request.h"
#include "lib/log.h"

#define TICK_NS 100000000ull /* streams look for news */

/* ---- the loop ---- */

static void run(struct api *a)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(a->mhd);
	if (MHD_get_timeout(a->mhd, &ms) != MHD_YES) {
		event_defer_set(a->again, 0);
		return;
	}
	event_defer_set(a->again, ms == 0);
	if (ms)
		event_timer_set(a->timer, ms * 1000000ull, 0);
}

static void on_io(void *arg, int fd, uint32_t events)
{
	run(arg);
}

static void on_again(void *arg)
{
	run(arg);
}

/* ---- path and query ---- */

static size_t keep_escapes(void *arg, struct MHD_Connection *c, char *s)
{
	return strlen(s); /* "/" within a name stays escaped until the path is cut */
}

static char *decode(const char *s, size_t n)
{
	char *copy = strndup(s, n);

	if (copy)
		MHD_http_unescape(copy);
	return copy;
}

static void cut_path(struct request *rq, const char *path)
{
	while (*path == '/' && rq->n_segments < SEGMENTS_MAX) {
		size_t n = strcspn(++path, "/");

		rq->segments[rq->n_segments++] = decode(path, n);
		path += n;
	}
}

static enum MHD_Result add_query(void *arg, enum MHD_ValueKind kind, const char *key,
				 const char *value)
{
	struct request *rq = arg;
	cleanup_free char *k = decode(key, strlen(key));
	cleanup_free char *v = value ? decode(value, strlen(value)) : strdup("");

	if (k && v)
		json_set_str(rq->query, k, v);
	return MHD_YES;
}

/* ---- requests ---- */

static struct request *request_new(struct api *a, struct MHD_Connection *conn, const char *path,
				   const char *method)
{
	struct request *rq = calloc(1, sizeof(*rq));

	if (!rq)
		return NULL;
	rq->api = a;
	rq->conn = conn;
	rq->method = method;
	rq->query = json_new_obj();
	snprintf(rq->id, sizeof(rq->id), "req-%08x%08llx", (unsigned)getpid(),
		 (unsigned long long)++a->serial);
	cut_path(rq, path);
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, add_query, rq);
	return rq;
}

static void request_free(struct request *rq)
{
	if (rq->ticket) {
		rq->api->cfg.hooks.forget(rq->api->cfg.hooks.arg, rq->ticket);
		DL_DELETE(rq->api->waiting, rq);
	}
	for (size_t i = 0; i < rq->n_segments; i++)
		free(rq->segments[i]);
	json_free(rq->query);
	json_free(rq->answer);
	buf_done(&rq->body);
	free(rq->finish_arg);
	free(rq->text);
	free(rq->location);
	free(rq->etag);
	free(rq->allow);
	free(rq);
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	if (*con_cls)
		request_free(*con_cls);
	*con_cls = NULL;
}

/* ---- who may speak ---- */

static bool is_member(uid_t uid, gid_t gid, gid_t wanted)
{
	struct passwd *pw = getpwuid(uid);
	gid_t groups[256];
	int n = 256;

	if (gid == wanted)
		return true;
	if (!pw || getgrouplist(pw->pw_name, gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static bool may_speak(const struct api *a, struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	return cred.uid == 0 || cred.uid == geteuid() ||
	       (a->cfg.gid != (gid_t)-1 && is_member(cred.uid, cred.gid, a->cfg.gid));
}

/* ---- answers ---- */

static struct MHD_Response *body_response(struct request *rq)
{
	cleanup_free char *text = rq->text ? strdup(rq->text) : NULL;

	if (!text) {
		if (rq->status >= 400)
			json_set_str(rq->answer, "RequestId", rq->id);
		text = json_print_pretty(rq->answer);
	}
	if (!text)
		return NULL;
	replay_keep(rq, text);
	return MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
}

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
	if (value)
		MHD_add_response_header(r, name, value);
}

static enum MHD_Result answer(struct request *rq)
{
	struct MHD_Response *r = rq->stream ? stream_response(rq->stream) : body_response(rq);
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	add_header(r, "Content-Type", rq->content_type ? rq->content_type : "application/json");
	add_header(r, "X-Request-Id", rq->id);
	add_header(r, "Location", rq->location);
	add_header(r, "ETag", rq->etag);
	add_header(r, "Allow", rq->allow);
	if (rq->status < STATUSES)
		rq->api->by_status[rq->status]++;
	rc = MHD_queue_response(rq->conn, rq->status, r);
	MHD_destroy_response(r);
	return rc;
}

/* ---- waiting for apply ---- */

static void on_applied(void *arg)
{
	struct request *rq = arg;

	DL_DELETE(rq->api->waiting, rq);
	rq->ticket = 0;
	rq->applied = true;
	MHD_resume_connection(rq->conn);
	event_defer_set(rq->api->again, 1);
}

/* true: the request sleeps until its change is applied. */
static bool wait_for_apply(struct request *rq)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	const char *wait = query_get(rq, "wait");

	if (!rq->finish || rq->applied || !h->when_applied || (wait && !strcmp(wait, "0")))
		return false;
	MHD_suspend_connection(rq->conn);
	DL_APPEND(rq->api->waiting, rq);
	rq->ticket = h->when_applied(h->arg, rq->revision, on_applied, rq);
	return true;
}

static enum MHD_Result complete(struct request *rq)
{
	if (!rq->handled) {
		rq->handled = true;
		if (!may_speak(rq->api, rq->conn))
			fail_with(
				rq, MHD_HTTP_FORBIDDEN, "UnauthorizedOperation",
				"only root and members of the daemon's group may use this socket");
		else if (rq->too_large)
			fail_with(rq, MHD_HTTP_CONTENT_TOO_LARGE, "RequestEntityTooLarge",
				  "the body is larger than %u bytes", BODY_MAX);
		else if (!replay_find(rq))
			route(rq);
	}
	if (wait_for_apply(rq))
		return MHD_YES;
	if (rq->finish)
		rq->finish(rq);
	rq->finish = NULL;
	return answer(rq);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **con_cls)
{
	struct request *rq = *con_cls;

	if (!rq) {
		*con_cls = request_new(arg, conn, url, method);
		return *con_cls ? MHD_YES : MHD_NO;
	}
	if (*size) {
		if (rq->body.len + *size > BODY_MAX)
			rq->too_large = true;
		if (!rq->too_large)
			buf_add(&rq->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return complete(rq);
}

/* ---- streams' clock ---- */

static void on_tick(void *arg)
{
	struct api *a = arg;
	struct stream *s;

	DL_FOREACH2(a->streams, s, next_stream)
	{
		if (s->suspended) {
			s->suspended = false;
			MHD_resume_connection(s->conn);
		}
	}
	if (a->streams)
		run(a);
}

/* ---- start and stop ---- */

static void quiet(void *arg, const char *fmt, va_list ap)
{
}

static int open_server(struct api *a, struct err *e)
{
	const union MHD_DaemonInfo *info;

	a->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		on_request, a, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET,
		a->cfg.listen_fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT,
		1024u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
	if (!a->mhd)
		return err_sys(e, -EIO, "start the HTTP server");
	info = MHD_get_daemon_info(a->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return err_sys(e, -EIO, "start the HTTP server");
	return event_add_io(a->cfg.loop, info->epoll_fd, EPOLLIN, on_io, a, &a->io, e);
}

int api_start(const struct api_config *cfg, struct api **ret, struct err *e)
{
	struct api *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_sys(e, -ENOMEM, "API");
	a->cfg = *cfg;
	rc = event_add_defer(cfg->loop, on_again, a, &a->again, e);
	if (!rc)
		rc = event_add_timer(cfg->loop, 0, 0, on_again, a, &a->timer, e);
	if (!rc)
		rc = event_add_timer(cfg->loop, TICK_NS, TICK_NS, on_tick, a, &a->tick, e);
	if (!rc)
		rc = open_server(a, e);
	if (rc) {
		api_stop(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void api_stop(struct api *a)
{
	struct request *rq, *tmp;
	struct stream *s;

	if (!a)
		return;
	/* MHD does not stop while a connection sleeps. */
	DL_FOREACH_SAFE(a->waiting, rq, tmp)
	{
		a->cfg.hooks.forget(a->cfg.hooks.arg, rq->ticket);
		on_applied(rq);
	}
	DL_FOREACH2(a->streams, s, next_stream)
	{
		s->gone = true;
		if (s->suspended)
			MHD_resume_connection(s->conn);
		s->suspended = false;
	}
	if (a->mhd) {
		MHD_run(a->mhd);
		event_source_free(a->io);
		MHD_stop_daemon(a->mhd);
	}
	event_source_free(a->again);
	event_source_free(a->timer);
	event_source_free(a->tick);
	replays_free(a);
	free(a);
}
