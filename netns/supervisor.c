/* SPDX-License-Identifier: MIT
 * The daemon's end of a supervisor's control socket. See supervisor.h.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/cleanup.h"
#include "lib/sockmsg.h"
#include "netns/supervise.h"

#define PATIENCE_MS 10000

struct supervisor {
	struct event_loop *loop;
	struct event_source *source, *defer;
	char run_dir[PATH_MAX], id[64];
	supervisor_fn *fn;
	void *arg;
	int fd;
	pid_t pid;
	struct json *first; /* the answer to the first request, not yet reported */
};

/* ---- messages ---- */

static int send_op(int fd, const char *op, struct err *e)
{
	cleanup_json struct json *msg = json_new_obj();

	json_set_str(msg, "op", op);
	return sockmsg_send(fd, msg, NULL, 0, e);
}

/* The next message, waited for; 0 at the peer's end. */
static int receive(int fd, struct json **ret, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, PATIENCE_MS) <= 0)
		return err_sys(e, -ETIMEDOUT, "a supervisor does not answer");
	return sockmsg_recv(fd, ret, NULL, NULL, e);
}

/* Its directory is gone once its end of the connection is. */
static void release(int fd)
{
	int rc = send_op(fd, "release", NULL);

	while (!rc) {
		cleanup_json struct json *msg = NULL;

		rc = receive(fd, &msg, NULL) > 0 ? 0 : -1;
	}
}

static bool has_exited(const struct json *msg)
{
	const char *state = json_str(json_get(msg, "state"));

	return state && !strcmp(state, "exited");
}

/* ---- connections ---- */

static void lost(struct supervisor *s)
{
	event_source_free(TAKE(s->source));
	sandbox_directory_remove(s->run_dir, s->id);
	s->fn(s->arg, SUPERVISOR_LOST, -1);
}

/* fn may free s: nothing follows it. */
static void changed(struct supervisor *s, const struct json *msg)
{
	int code = (int)json_num(json_get(msg, "exit"));

	if (json_get(msg, "pid"))
		s->pid = (pid_t)json_num(json_get(msg, "pid"));
	if (!has_exited(msg)) {
		if (json_get(msg, "state"))
			s->fn(s->arg, SUPERVISOR_RUNNING, -1);
		return;
	}
	event_source_free(TAKE(s->source));
	release(s->fd);
	s->fn(s->arg, SUPERVISOR_EXITED, code);
}

static void on_message(void *arg, int fd, uint32_t events)
{
	struct supervisor *s = arg;
	cleanup_json struct json *msg = NULL;
	struct err e;

	if (sockmsg_recv(fd, &msg, NULL, NULL, &e) > 0)
		changed(s, msg);
	else
		lost(s);
}

static void report_first(void *arg)
{
	struct supervisor *s = arg;
	cleanup_json struct json *msg = TAKE(s->first);

	event_source_free(TAKE(s->defer));
	changed(s, msg);
}

/* Connects and asks for the state. -ENOENT: no supervisor; what one left is removed. */
static int connect_to(const char *run_dir, const char *id, struct json **ret, struct err *e)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX + 64];
	int rc;

	fd = sockmsg_connect(sandbox_path(run_dir, id, "ctl.sock", path, sizeof(path)), e);
	if (fd == -ECONNREFUSED || fd == -ENOENT) {
		sandbox_directory_remove(run_dir, id);
		return -ENOENT;
	}
	if (fd < 0)
		return fd;
	rc = send_op(fd, "status", e);
	if (!rc)
		rc = receive(fd, ret, e);
	if (!rc)
		rc = err_sys(e, -ENOENT, "sandbox %s has no supervisor", id);
	return rc < 0 ? rc : TAKE_FD(fd);
}

int supervisor_connect(struct event_loop *l, const char *run_dir, const char *id, supervisor_fn *fn,
		       void *arg, struct supervisor **ret, struct err *e)
{
	cleanup_json struct json *msg = NULL;
	int fd = connect_to(run_dir, id, &msg, e), rc;
	struct supervisor *s;

	if (fd < 0)
		return fd;
	s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return err_sys(e, -ENOMEM, "sandbox %s", id);
	}
	*s = (struct supervisor){.loop = l, .fn = fn, .arg = arg, .fd = fd};
	snprintf(s->run_dir, sizeof(s->run_dir), "%s", run_dir);
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->pid = (pid_t)json_num(json_get(msg, "pid"));
	rc = event_add_io(l, fd, EPOLLIN, on_message, s, &s->source, e);
	/* An end that happened before is reported from the loop, as any other. */
	if (!rc && has_exited(msg)) {
		s->first = TAKE(msg);
		rc = event_add_defer(l, report_first, s, &s->defer, e);
		if (!rc)
			event_defer_set(s->defer, 1);
	}
	if (rc) {
		supervisor_disconnect(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void supervisor_disconnect(struct supervisor *s)
{
	if (!s)
		return;
	event_source_free(s->source);
	event_source_free(s->defer);
	json_free(s->first);
	close(s->fd);
	free(s);
}

pid_t supervisor_init_pid(const struct supervisor *s)
{
	return s->pid;
}

static int send_kill(int fd, unsigned grace_ms, struct err *e)
{
	cleanup_json struct json *msg = json_new_obj();

	json_set_str(msg, "op", "kill");
	json_set_num(msg, "signal", 15);
	json_set_num(msg, "grace_ms", grace_ms);
	return sockmsg_send(fd, msg, NULL, 0, e);
}

int supervisor_stop(struct supervisor *s, unsigned grace_ms, struct err *e)
{
	return send_kill(s->fd, grace_ms, e);
}

/* ---- all of them ---- */

int supervisor_list(const char *run_dir, int (*fn)(void *arg, const char *id), void *arg,
		    struct err *e)
{
	char path[PATH_MAX + 64];
	struct dirent *ent;
	int rc = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/sandboxes", run_dir);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s", path);
	while (!rc && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			rc = fn(arg, ent->d_name);
	closedir(d);
	return rc;
}

struct purge {
	const char *run_dir;
	struct err *e;
};

static int purge_one(void *arg, const char *id)
{
	struct purge *p = arg;
	cleanup_json struct json *msg = NULL;
	cleanup_close int fd = connect_to(p->run_dir, id, &msg, p->e);
	int rc;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	rc = send_kill(fd, 0, p->e);
	while (!rc && !has_exited(msg)) {
		json_free(TAKE(msg));
		rc = receive(fd, &msg, p->e);
		rc = rc > 0 ? 0 : rc ? rc : -ENOENT;
	}
	if (!rc)
		release(fd);
	return rc == -ENOENT ? 0 : rc;
}

int supervisor_purge(const char *run_dir, struct err *e)
{
	struct purge p = {run_dir, e};
	char path[PATH_MAX + 64];
	int rc = supervisor_list(run_dir, purge_one, &p, e);

	snprintf(path, sizeof(path), "%s/sandboxes", run_dir);
	rmdir(path);
	return rc;
}
