/* SPDX-License-Identifier: MIT
 * One epoll loop: descriptors, timers (timerfd, CLOCK_MONOTONIC), signals (signalfd) and deferred
 * calls. Single-threaded: every function is called from the loop's thread.
 */
#ifndef VPCD_LIB_EVENT_H
#define VPCD_LIB_EVENT_H

#include <stdint.h>

#include "lib/err.h"

struct event_loop;
struct event_source;

typedef void event_io_fn(void *arg, int fd, uint32_t epoll_events);
typedef void event_fn(void *arg);
typedef void event_signal_fn(void *arg, int signo);

int event_loop_new(struct event_loop **ret, struct err *e);
void event_loop_free(struct event_loop *l); /* NULL ok; frees its sources, closes no caller's fd */

/* The loop does not own fd. epoll_events as in epoll_ctl(2). ret may be NULL. */
int event_add_io(struct event_loop *l, int fd, uint32_t epoll_events, event_io_fn *fn, void *arg,
		 struct event_source **ret, struct err *e);
/* First call after first_ns, then each interval_ns (0: once). first_ns 0 leaves it disarmed. */
int event_add_timer(struct event_loop *l, uint64_t first_ns, uint64_t interval_ns, event_fn *fn,
		    void *arg, struct event_source **ret, struct err *e);
int event_timer_set(struct event_source *s, uint64_t first_ns, uint64_t interval_ns);
/* Blocks signo in this thread and delivers it through the loop. */
int event_add_signal(struct event_loop *l, int signo, event_signal_fn *fn, void *arg,
		     struct err *e);
/* Calls fn once per turn of the loop while enabled, without blocking in epoll_wait in between. */
int event_add_defer(struct event_loop *l, event_fn *fn, void *arg, struct event_source **ret,
		    struct err *e);
void event_defer_set(struct event_source *s, int enabled);
void event_source_free(struct event_source *s); /* NULL ok; safe from within its own callback */

int event_loop_run(struct event_loop *l); /* until event_loop_exit; returns its code */
void event_loop_exit(struct event_loop *l, int code);

#endif
