/* SPDX-License-Identifier: MIT
 * One command in a sandbox. Without a terminal the command gets our own descriptors and we only
 * wait; with one it gets a pseudo-terminal's slave, and we copy between its master and ours.
 */
#include "cli/session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/event.h"
#include "lib/sockmsg.h"

#define CONNECT_PATIENCE_MS 5000

struct session {
	struct event_loop *loop;
	struct event_source *stdin_source;
	int ctl;
	int master; /* -1: no terminal */
	bool raw;   /* our terminal is in raw mode and to be restored */
	struct termios saved;
	int exit_code;
	struct err *e;
};

int session_connect(const char *path, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000};
	int fd = -1;

	for (int waited = 0; waited < CONNECT_PATIENCE_MS; waited += 10) {
		fd = sockmsg_connect(path, e);
		if (fd != -ENOENT && fd != -ECONNREFUSED)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

static int answer_error(const struct json *msg, struct err *e)
{
	const struct json *error = json_get(msg, "error");
	const char *code = json_str(json_get(error, "Code"));
	const char *text = json_str(json_get(error, "Message"));

	if (!error)
		return 0;
	return err_set(e, -EPROTO, code ? code : "InternalError", "", "%s",
		       text ? text : "the sandbox refused");
}

int session_ask(int ctl, const struct json *request, struct json **ret, struct err *e)
{
	int r = sockmsg_send(ctl, request, NULL, 0, e);

	if (!r)
		r = sockmsg_recv(ctl, ret, NULL, NULL, e);
	if (r == 0)
		return err_set(e, -EPROTO, "InternalError", "", "the sandbox hung up");
	return r < 0 ? r : answer_error(*ret, e);
}

/* ---- the terminal ---- */

static void terminal_resize(const struct session *s)
{
	struct winsize ws;

	if (s->master >= 0 && !ioctl(STDIN_FILENO, TIOCGWINSZ, &ws))
		ioctl(s->master, TIOCSWINSZ, &ws);
}

static int terminal_open(struct session *s, int *ret_slave, struct err *e)
{
	char name[64];

	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (s->master < 0 || grantpt(s->master) || unlockpt(s->master) ||
	    ptsname_r(s->master, name, sizeof(name)))
		return err_sys(e, -errno, "open a pseudo-terminal");
	*ret_slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*ret_slave < 0)
		return err_sys(e, -errno, "open %s", name);
	terminal_resize(s); /* before the command asks */
	return 0;
}

static void terminal_raw(struct session *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->saved))
		return;
	raw = s->saved;
	cfmakeraw(&raw);
	s->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

/* Writes it all, also to a descriptor that somebody made non-blocking. */
static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EAGAIN) {
			struct timespec pause = {.tv_nsec = 1000000};

			nanosleep(&pause, NULL);
			continue;
		}
		if (w < 0 && errno != EINTR)
			return;
		if (w > 0) {
			p += w;
			n -= w;
		}
	}
}

/* Copies what is there; false at the end. */
static bool copy_some(int from, int to)
{
	char chunk[4096];
	ssize_t n = read(from, chunk, sizeof(chunk));

	if (n > 0)
		write_all(to, chunk, n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_stdin(void *arg, int fd, uint32_t events)
{
	struct session *s = arg;

	if (copy_some(fd, s->master))
		return;
	event_source_free(s->stdin_source);
	s->stdin_source = NULL;
}

static void on_master(void *arg, int fd, uint32_t events)
{
	/* A hung-up master is read to its end by session_end(). */
	if (events & EPOLLIN)
		copy_some(fd, STDOUT_FILENO);
}

/* ---- the conversation ---- */

static void on_signal(void *arg, int signo)
{
	struct session *s = arg;
	cleanup_json struct json *msg = NULL;

	if (signo == SIGWINCH) {
		terminal_resize(s);
		return;
	}
	msg = json_new_obj();
	json_set_str(msg, "op", "signal");
	json_set_num(msg, "signal", signo);
	sockmsg_send(s->ctl, msg, NULL, 0, NULL);
}

static void on_message(void *arg, int fd, uint32_t events)
{
	struct session *s = arg;
	cleanup_json struct json *msg = NULL;
	int r = sockmsg_recv(fd, &msg, NULL, NULL, s->e);

	if (r == -EAGAIN)
		return;
	if (r == 0)
		r = err_set(s->e, -EPROTO, "InternalError", "", "the sandbox hung up");
	if (r > 0)
		r = answer_error(msg, s->e);
	if (r < 0) {
		event_loop_exit(s->loop, r);
	} else if (json_get(msg, "exit")) {
		s->exit_code = json_num(json_get(msg, "exit"));
		event_loop_exit(s->loop, 0);
	}
}

static int watch_terminal(struct session *s, bool interactive, struct err *e)
{
	int r = event_add_io(s->loop, s->master, EPOLLIN, on_master, s, NULL, e);

	if (r || !interactive || !isatty(STDIN_FILENO))
		return r;
	terminal_resize(s);
	terminal_raw(s);
	return event_add_io(s->loop, STDIN_FILENO, EPOLLIN, on_stdin, s, &s->stdin_source, e);
}

static int watch(struct session *s, struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
	int r = event_loop_new(&s->loop, e);

	if (!r)
		r = event_add_io(s->loop, s->ctl, EPOLLIN, on_message, s, NULL, e);
	for (size_t i = 0; !r && i < ARRAY_SIZE(signals); i++)
		r = event_add_signal(s->loop, signals[i], on_signal, s, e);
	return r;
}

static void session_end(struct session *s)
{
	/* What the command wrote last. */
	while (s->master >= 0) {
		char chunk[4096];
		ssize_t n = read(s->master, chunk, sizeof(chunk));

		if (n <= 0)
			break;
		write_all(STDOUT_FILENO, chunk, n);
	}
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	event_loop_free(s->loop);
	if (s->master >= 0)
		close(s->master);
}

/* Sends the request with its three descriptors; ours of the slave are closed on return, so that the
 * master sees the end. */
static int request_send(struct session *s, struct json *request, const struct session_options *opt,
			struct err *e)
{
	cleanup_close int slave = -1, null = -1;
	int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	int r;

	json_set_bool(request, "tty", opt->tty);
	if (opt->tty) {
		r = terminal_open(s, &slave, e);
		if (r)
			return r;
		fds[0] = fds[1] = fds[2] = slave;
	} else if (!opt->interactive) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0)
			return err_sys(e, -errno, "open /dev/null");
		fds[0] = null;
	}
	return sockmsg_send(s->ctl, request, fds, ARRAY_SIZE(fds), e);
}

int session_run(int ctl, struct json *request, const struct session_options *opt, int *ret_exit,
		struct err *e)
{
	struct session s = {.ctl = ctl, .master = -1, .e = e};
	int r = request_send(&s, request, opt, e);

	if (!r)
		r = watch(&s, e);
	if (!r && opt->tty)
		r = watch_terminal(&s, opt->interactive, e);
	if (!r)
		r = event_loop_run(s.loop);
	session_end(&s);
	*ret_exit = s.exit_code;
	return r;
}
