/* SPDX-License-Identifier: MIT
 * One epoll loop.
 */
#include "lib/event.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "lib/cleanup.h"

#define EVENTS_A_TURN 64

enum source_type { SOURCE_IO, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_DEFER };

struct event_source {
	struct event_loop *loop;
	struct event_source *prev, *next;
	enum source_type type;
	int fd; /* -1 for SOURCE_DEFER */
	bool enabled;
	bool dead; /* freed at the end of the turn: the turn's list may still name it */
	union {
		event_io_fn *io;
		event_fn *plain;
		event_signal_fn *signal;
	} fn;
	void *arg;
};

struct event_loop {
	int epfd;
	struct event_source *sources, *tail;
	unsigned n_deferred; /* enabled SOURCE_DEFER */
	bool has_dead, dispatching;
	bool exiting;
	int exit_code;
};

int event_loop_new(struct event_loop **ret, struct err *e)
{
	cleanup_free struct event_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return err_sys(e, -ENOMEM, "event loop");
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return err_sys(e, -errno, "epoll_create1");
	*ret = TAKE(l);
	return 0;
}

static void source_destroy(struct event_source *s)
{
	struct event_loop *l = s->loop;

	*(s->prev ? &s->prev->next : &l->sources) = s->next;
	*(s->next ? &s->next->prev : &l->tail) = s->prev;
	free(s);
}

void event_loop_free(struct event_loop *l)
{
	if (!l)
		return;
	for (struct event_source *s = l->sources, *next; s; s = next) {
		next = s->next;
		if (!s->dead)
			event_source_free(s);
	}
	l->dispatching = false;
	while (l->sources)
		source_destroy(l->sources);
	close(l->epfd);
	free(l);
}

/* Appends a source; fd -1: one that epoll does not watch. */
static int source_add(struct event_loop *l, struct event_source init, uint32_t epoll_events,
		      struct event_source **ret, struct err *e)
{
	cleanup_free struct event_source *s = malloc(sizeof(*s));
	struct epoll_event ev = {.events = epoll_events, .data.ptr = s};

	if (!s)
		return err_sys(e, -ENOMEM, "event source");
	*s = init;
	s->loop = l;
	if (s->fd >= 0 && epoll_ctl(l->epfd, EPOLL_CTL_ADD, s->fd, &ev))
		return err_sys(e, -errno, "epoll_ctl");
	s->prev = l->tail;
	*(l->tail ? &l->tail->next : &l->sources) = s;
	l->tail = s;
	if (ret)
		*ret = s;
	TAKE(s);
	return 0;
}

int event_add_io(struct event_loop *l, int fd, uint32_t epoll_events, event_io_fn *fn, void *arg,
		 struct event_source **ret, struct err *e)
{
	struct event_source s = {.type = SOURCE_IO, .fd = fd, .fn.io = fn, .arg = arg};

	return source_add(l, s, epoll_events, ret, e);
}

static int timer_arm(int fd, uint64_t first_ns, uint64_t interval_ns)
{
	const uint64_t second = UINT64_C(1000000000);
	struct itimerspec its = {
		.it_value = {first_ns / second, first_ns % second},
		.it_interval = {interval_ns / second, interval_ns % second},
	};

	return timerfd_settime(fd, 0, &its, NULL) ? -errno : 0;
}

int event_add_timer(struct event_loop *l, uint64_t first_ns, uint64_t interval_ns, event_fn *fn,
		    void *arg, struct event_source **ret, struct err *e)
{
	struct event_source s = {.type = SOURCE_TIMER, .fn.plain = fn, .arg = arg};
	cleanup_close int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return err_sys(e, -errno, "timerfd_create");
	r = timer_arm(fd, first_ns, interval_ns);
	if (r)
		return err_sys(e, r, "timerfd_settime");
	s.fd = fd;
	r = source_add(l, s, EPOLLIN, ret, e);
	if (r)
		return r;
	(void)TAKE_FD(fd);
	return 0;
}

int event_timer_set(struct event_source *s, uint64_t first_ns, uint64_t interval_ns)
{
	return timer_arm(s->fd, first_ns, interval_ns);
}

int event_add_signal(struct event_loop *l, int signo, event_signal_fn *fn, void *arg, struct err *e)
{
	struct event_source s = {.type = SOURCE_SIGNAL, .fn.signal = fn, .arg = arg};
	cleanup_close int fd = -1;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, signo);
	r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r)
		return err_sys(e, -r, "block signal %d", signo);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(e, -errno, "signalfd");
	s.fd = fd;
	r = source_add(l, s, EPOLLIN, NULL, e);
	if (r)
		return r;
	(void)TAKE_FD(fd);
	return 0;
}

int event_add_defer(struct event_loop *l, event_fn *fn, void *arg, struct event_source **ret,
		    struct err *e)
{
	struct event_source s = {.type = SOURCE_DEFER, .fd = -1, .fn.plain = fn, .arg = arg};
	int r = source_add(l, s, 0, &s.next, e);

	if (r)
		return r;
	event_defer_set(s.next, true);
	if (ret)
		*ret = s.next;
	return 0;
}

void event_defer_set(struct event_source *s, int enabled)
{
	if (s->enabled == !!enabled)
		return;
	s->enabled = enabled;
	s->loop->n_deferred += enabled ? 1 : -1;
}

void event_source_free(struct event_source *s)
{
	if (!s)
		return;
	if (s->type == SOURCE_DEFER)
		event_defer_set(s, false);
	else
		epoll_ctl(s->loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->type == SOURCE_TIMER || s->type == SOURCE_SIGNAL)
		close(s->fd);
	s->dead = true;
	if (s->loop->dispatching)
		s->loop->has_dead = true;
	else
		source_destroy(s);
}

static void timer_dispatch(struct event_source *s)
{
	uint64_t expirations;

	/* EAGAIN: it was set anew after epoll_wait returned. */
	if (read(s->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		s->fn.plain(s->arg);
}

static void signal_dispatch(struct event_source *s)
{
	struct signalfd_siginfo si;

	while (!s->dead && read(s->fd, &si, sizeof(si)) == sizeof(si))
		s->fn.signal(s->arg, si.ssi_signo);
}

static void source_dispatch(struct event_source *s, uint32_t events)
{
	if (s->dead)
		return;
	switch (s->type) {
	case SOURCE_IO:
		s->fn.io(s->arg, s->fd, events);
		break;
	case SOURCE_TIMER:
		timer_dispatch(s);
		break;
	case SOURCE_SIGNAL:
		signal_dispatch(s);
		break;
	case SOURCE_DEFER:
		if (s->enabled)
			s->fn.plain(s->arg);
		break;
	}
}

static void bury_dead(struct event_loop *l)
{
	for (struct event_source *s = l->has_dead ? l->sources : NULL, *next; s; s = next) {
		next = s->next;
		if (s->dead)
			source_destroy(s);
	}
	l->has_dead = false;
}

int event_loop_run(struct event_loop *l)
{
	struct epoll_event events[EVENTS_A_TURN];

	l->exiting = false;
	while (!l->exiting) {
		int n = epoll_wait(l->epfd, events, EVENTS_A_TURN, l->n_deferred ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		l->dispatching = true;
		for (int i = 0; i < n; i++)
			source_dispatch(events[i].data.ptr, events[i].events);
		for (struct event_source *s = l->n_deferred ? l->sources : NULL; s; s = s->next)
			if (s->type == SOURCE_DEFER)
				source_dispatch(s, 0);
		l->dispatching = false;
		bury_dead(l);
	}
	return l->exit_code;
}

void event_loop_exit(struct event_loop *l, int code)
{
	l->exiting = true;
	l->exit_code = code;
}
