/* SPDX-License-Identifier: MIT
 * A supervisor: one process a sandbox, parent of its init and of every command that was started in
 * it. It serves the control socket (docs/sandbox-protocol.md) and, once the sandbox has ended,
 * keeps its exit code until the daemon has taken note of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <utlist.h>

#include "lib/cleanup.h"
#include "lib/event.h"
#include "lib/sockmsg.h"
#include "netns/processes.h"
#include "netns/sandbox.h"
#include "netns/supervise.h"

enum state { STATE_WAITING, STATE_RUNNING, STATE_IDLE, STATE_EXITED };
static const char *const state_names[] = {"waiting", "running", "idle", "exited"};

struct sup;

/* A client's connection. */
struct conn {
	struct sup *s;
	int fd;
	struct event_source *source;
	bool watches; /* wants status messages */
	pid_t child;  /* that it started; 0: none */
	struct conn *prev, *next;
};

struct sup {
	const struct supervise_config *cfg;
	const struct supervisor_spec *spec;
	struct event_loop *loop;
	struct sandbox_ns ns;
	struct conn *conns;
	struct event_source *kill_timer;
	int listen_fd, log_fd;
	pid_t init, main; /* 0: none, or ended */
	enum state state;
	bool main_ended;
	int exit_code;
};

/* ---- answers ---- */

static void conn_close(struct conn *c)
{
	/* As a terminal that hangs up. */
	if (c->child)
		kill(c->child, SIGHUP);
	DL_DELETE(c->s->conns, c);
	event_source_free(c->source);
	close(c->fd);
	free(c);
}

/* A client that does not read is not waited for. */
static void send_message(struct conn *c, struct json *msg)
{
	sockmsg_send(c->fd, msg, NULL, 0, NULL);
	json_free(msg);
}

static void answer_ok(struct conn *c, pid_t pid)
{
	struct json *msg = json_new_obj();

	json_set_bool(msg, "ok", true);
	if (pid)
		json_set_num(msg, "pid", pid);
	send_message(c, msg);
}

static void answer_error(struct conn *c, const struct err *e)
{
	struct json *msg = json_new_obj(), *error = json_new_obj();

	json_set_str(error, "Code", e->code);
	json_set_str(error, "Message", e->msg);
	json_set(msg, "error", error);
	send_message(c, msg);
}

static void send_exit(struct conn *c, int code)
{
	struct json *msg = json_new_obj();

	c->child = 0;
	json_set_num(msg, "exit", code);
	send_message(c, msg);
}

static void send_status(struct conn *c)
{
	const struct sup *s = c->s;
	struct json *msg = json_new_obj();

	json_set_str(msg, "state", state_names[s->state]);
	json_set_num(msg, "pid", s->init);
	json_set(msg, "exit",
		 s->state == STATE_EXITED ? json_new_num(s->exit_code) : json_new_null());
	send_message(c, msg);
}

static void set_state(struct sup *s, enum state state)
{
	struct conn *c;

	s->state = state;
	DL_FOREACH(s->conns, c)
	if (c->watches)
		send_status(c);
}

/* ---- processes ---- */

static int exit_code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct conn *conn_of_child(struct sup *s, pid_t pid)
{
	struct conn *c;

	DL_FOREACH(s->conns, c)
	if (c->child == pid)
		return c;
	return NULL;
}

/* The command's end is the sandbox's: with init the kernel kills what is left. */
static void main_ended(struct sup *s, int code)
{
	s->main = 0;
	s->main_ended = true;
	s->exit_code = code;
	if (s->init)
		kill(s->init, SIGKILL);
}

static void init_ended(struct sup *s, int code)
{
	s->init = 0;
	/* The command is not reaped yet if somebody killed init: both go at once. */
	if (!s->main_ended)
		s->exit_code = code;
	set_state(s, STATE_EXITED);
}

static void child_ended(struct sup *s, pid_t pid, int status)
{
	int code = exit_code_of(status);
	struct conn *c = conn_of_child(s, pid);

	if (pid == s->main)
		main_ended(s, code);
	if (c)
		send_exit(c, code);
	if (pid == s->init)
		init_ended(s, code);
}

static void on_child(void *arg, int signo)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_ended(arg, pid, status);
}

static int start_main(struct sup *s, const int stdio[3], bool tty, struct err *e)
{
	const struct supervisor_spec *spec = s->spec;
	struct sandbox_command c = {.argv = spec->argv,
				    .env = spec->env,
				    .capabilities = spec->capabilities,
				    .directory = spec->directory ? spec->directory : "/",
				    .stdio = {stdio[0], stdio[1], stdio[2]},
				    .tty = tty};
	int rc = sandbox_exec(&s->ns, &c, &s->main, e);

	if (!rc)
		set_state(s, STATE_RUNNING);
	return rc;
}

static int start_logged(struct sup *s, struct err *e)
{
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int stdio[3] = {null, s->log_fd, s->log_fd};

	return null < 0 ? err_sys(e, -errno, "/dev/null") : start_main(s, stdio, false, e);
}

static void kill_now(void *arg)
{
	struct sup *s = arg;

	if (s->init)
		kill(s->init, SIGKILL);
}

/* ---- requests ---- */

static int op_start(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		    struct err *e)
{
	struct sup *s = c->s;
	int rc;

	if (s->state != STATE_WAITING)
		return err_set(e, -EBUSY, "IncorrectState", "",
			       "the sandbox does not wait to be started: it is %s",
			       state_names[s->state]);
	if (n_fds != 3)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "start needs three descriptors: stdin, stdout, stderr");
	rc = start_main(s, fds, json_bool(json_get(rq, "tty")), e);
	if (rc)
		return rc;
	c->child = s->main;
	answer_ok(c, s->main);
	return 0;
}

static const char **string_vector(const struct json *arr)
{
	const char **v = calloc(json_len(arr) + 1, sizeof(*v));
	size_t i = 0;

	json_for_each (it, arr)
		if (v && json_str(it))
			v[i++] = json_str(it);
	return v;
}

/* The sandbox's variables, then those of the request, which win. */
static char **environment(const struct sup *s, const struct json *more)
{
	size_t n = 0, i = 0;
	char **v;

	while (s->spec->env[n])
		n++;
	v = calloc(n + json_len(more) + 1, sizeof(*v));
	if (!v)
		return NULL;
	json_for_each (it, more)
		if (json_str(it) && asprintf(&v[i], "%s=%s", json_key(it), json_str(it)) >= 0)
			i++;
	for (size_t k = 0; k < n; k++) {
		const char *var = s->spec->env[k];
		cleanup_free char *name = strndup(var, strcspn(var, "="));

		if (name && !json_get(more, name))
			v[i++] = strdup(var);
	}
	return v;
}

static void environment_free(char ***v)
{
	for (size_t i = 0; *v && (*v)[i]; i++)
		free((*v)[i]);
	free(*v);
}

static int op_exec(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		   struct err *e)
{
	struct sup *s = c->s;
	cleanup_free const char **argv = string_vector(json_get(rq, "argv"));
	cleanup(environment_free) char **env = environment(s, json_get(rq, "env"));
	const char *cwd = json_str(json_get(rq, "cwd"));
	struct sandbox_command cmd = {.argv = argv,
				      .env = (const char *const *)env,
				      .capabilities = s->spec->capabilities,
				      .directory = cwd			? cwd
						   : s->spec->directory ? s->spec->directory
									: "/",
				      .tty = json_bool(json_get(rq, "tty")),
				      .user = (unsigned)json_num(json_get(rq, "user"))};
	pid_t pid;
	int rc;

	if (!s->init || s->state == STATE_EXITED)
		return err_set(e, -ESRCH, "IncorrectState", "", "the sandbox has ended");
	if (c->child)
		return err_set(e, -EBUSY, "IncorrectState", "",
			       "this connection has a command already");
	if (!argv || !argv[0] || !env)
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "exec needs argv");
	if (n_fds != 3)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "exec needs three descriptors: stdin, stdout, stderr");
	memcpy(cmd.stdio, fds, sizeof(cmd.stdio));
	rc = sandbox_exec(&s->ns, &cmd, &pid, e);
	if (rc)
		return rc;
	c->child = pid;
	answer_ok(c, pid);
	return 0;
}

static int op_signal(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		     struct err *e)
{
	int signo = (int)json_num(json_get(rq, "signal"));

	if (!c->child)
		return err_set(e, -ESRCH, "IncorrectState", "",
			       "this connection has started no command");
	if (signo < 1 || signo >= NSIG || kill(c->child, signo))
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "signal %d", signo);
	answer_ok(c, 0);
	return 0;
}

static int op_kill(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		   struct err *e)
{
	struct sup *s = c->s;
	double grace = json_num(json_get(rq, "grace_ms"));
	int signo = json_get(rq, "signal") ? (int)json_num(json_get(rq, "signal")) : SIGTERM;

	if (signo < 1 || signo >= NSIG || grace < 0 || grace > 3600e3)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "signal %d with grace_ms %.0f", signo, grace);
	if (!s->main || !grace)
		kill_now(s);
	else if (!kill(s->main, signo))
		event_timer_set(s->kill_timer, (uint64_t)(grace * 1e6), 0);
	answer_ok(c, 0);
	return 0;
}

static int op_status(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		     struct err *e)
{
	c->watches = true;
	send_status(c);
	return 0;
}

static int op_ps(struct conn *c, const struct json *rq, const int *fds, size_t n_fds, struct err *e)
{
	struct json *msg = json_new_obj();

	json_set(msg, "processes", processes_list(c->s->ns.fd[NS_PID]));
	send_message(c, msg);
	return 0;
}

/* The daemon has taken note of the end. */
static int op_release(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		      struct err *e)
{
	struct sup *s = c->s;

	if (s->state != STATE_EXITED)
		return err_set(e, -EBUSY, "IncorrectState", "", "the sandbox is %s",
			       state_names[s->state]);
	sandbox_directory_remove(s->cfg->run_dir, s->spec->id);
	_exit(0);
}

static int dispatch(struct conn *c, const struct json *rq, const int *fds, size_t n_fds,
		    struct err *e)
{
	static const struct {
		const char *op;
		int (*fn)(struct conn *, const struct json *, const int *, size_t, struct err *);
	} ops[] = {{"start", op_start},	   {"exec", op_exec},	  {"signal", op_signal},
		   {"kill", op_kill},	   {"status", op_status}, {"ps", op_ps},
		   {"release", op_release}};
	const char *op = json_str(json_get(rq, "op"));

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++)
		if (!strcmp(op, ops[i].op))
			return ops[i].fn(c, rq, fds, n_fds, e);
	return err_set(e, -EINVAL, "InvalidAction", "", "no operation \"%.32s\"", op ? op : "");
}

static void on_request(void *arg, int fd, uint32_t events)
{
	struct conn *c = arg;
	cleanup_json struct json *rq = NULL;
	int fds[SOCKMSG_MAX_FD];
	size_t n = SOCKMSG_MAX_FD;
	struct err e = {0};
	int rc = sockmsg_recv(fd, &rq, fds, &n, &e);

	if (rc == -EAGAIN)
		return;
	if (rc > 0)
		rc = dispatch(c, rq, fds, n, &e);
	else if (!rc || rc == -ECONNRESET || rc == -EPIPE) {
		conn_close(c);
		return;
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	if (rc < 0)
		answer_error(c, &e);
}

static void on_connection(void *arg, int fd, uint32_t events)
{
	struct sup *s = arg;
	struct conn *c = calloc(1, sizeof(*c));
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client < 0 || !c) {
		if (client >= 0)
			close(client);
		free(c);
		return;
	}
	c->s = s;
	c->fd = client;
	if (event_add_io(s->loop, client, EPOLLIN, on_request, c, &c->source, NULL)) {
		close(client);
		free(c);
		return;
	}
	DL_APPEND(s->conns, c);
}

/* ---- start ---- */

static int open_control(struct sup *s, struct err *e)
{
	char path[PATH_MAX + 64];

	sandbox_path(s->cfg->run_dir, s->spec->id, NULL, path, sizeof(path));
	if (mkdir(path, 0755))
		return err_sys(e, -errno, "make %s", path);
	sandbox_path(s->cfg->run_dir, s->spec->id, "ctl.sock", path, sizeof(path));
	s->listen_fd = sockmsg_listen(path, (int)s->cfg->gid, e);
	return s->listen_fd < 0 ? s->listen_fd : 0;
}

static int open_loop(struct sup *s, struct err *e)
{
	int rc = event_loop_new(&s->loop, e);

	if (!rc)
		rc = event_add_signal(s->loop, SIGCHLD, on_child, s, e);
	if (!rc)
		rc = event_add_io(s->loop, s->listen_fd, EPOLLIN, on_connection, s, NULL, e);
	return rc ? rc : event_add_timer(s->loop, 0, 0, kill_now, s, &s->kill_timer, e);
}

static int begin(struct sup *s, struct err *e)
{
	const struct supervisor_spec *spec = s->spec;
	int rc = open_control(s, e);

	if (!rc)
		rc = sandbox_init_start(spec, s->cfg->run_dir, &s->ns, &s->init, e);
	if (!rc)
		rc = open_loop(s, e);
	if (rc)
		return rc;
	s->state = STATE_IDLE;
	if (spec->argv[0] && spec->attach)
		s->state = STATE_WAITING;
	else if (spec->argv[0])
		rc = start_logged(s, e);
	return rc;
}

void supervise(const struct supervise_config *cfg, const struct supervisor_spec *spec, int log_fd,
	       int result_fd)
{
	struct sup s = {.cfg = cfg, .spec = spec, .listen_fd = -1, .log_fd = log_fd};
	struct err e = {0};
	int rc;

	setsid();
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "vpcd-sandbox");
	close(3); /* the zygote's socket */
	rc = begin(&s, &e);
	if (write(result_fd, &e, sizeof(e)) != sizeof(e) || rc) {
		kill_now(&s);
		if (s.listen_fd >= 0)
			sandbox_directory_remove(cfg->run_dir, spec->id);
		_exit(1);
	}
	close(result_fd);
	close(spec->netns_fd);
	close(spec->userns_fd);
	event_loop_run(s.loop);
	_exit(0);
}
