/* SPDX-License-Identifier: MIT
 * The event loop: descriptors, timers, signals, deferred calls, sources freed in their callbacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/event.h"

struct fixture {
	struct event_loop *loop;
	struct event_source *source, *other;
	int pipe[2];
	int calls;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	*state = f;
	return event_loop_new(&f->loop, NULL) || pipe(f->pipe);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	event_loop_free(f->loop);
	close(f->pipe[0]);
	close(f->pipe[1]);
	test_free(f);
	return 0;
}

static void on_readable(void *arg, int fd, uint32_t events)
{
	struct fixture *f = arg;
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &c, 1), 1);
	f->calls++;
	event_loop_exit(f->loop, c);
}

static void readable_descriptor_calls_and_exit_code_returns(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(event_add_io(f->loop, f->pipe[0], EPOLLIN, on_readable, f, NULL, NULL), 0);
	assert_int_equal(write(f->pipe[1], "*", 1), 1);
	assert_int_equal(event_loop_run(f->loop), '*');
	assert_int_equal(f->calls, 1);
}

static void third_call_exits(void *arg)
{
	struct fixture *f = arg;

	if (++f->calls == 3)
		event_loop_exit(f->loop, 0);
}

static void periodic_timer_calls_again_and_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(event_add_timer(f->loop, 1, 1000, third_call_exits, f, NULL, NULL), 0);
	assert_int_equal(event_loop_run(f->loop), 0);
	assert_int_equal(f->calls, 3);
}

static void arm_other(void *arg)
{
	struct fixture *f = arg;

	f->calls += 10;
	assert_int_equal(event_timer_set(f->other, 1, 0), 0);
}

static void exit_now(void *arg)
{
	struct fixture *f = arg;

	event_loop_exit(f->loop, 7);
}

static void disarmed_timer_waits_until_set(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(event_add_timer(f->loop, 0, 0, exit_now, f, &f->other, NULL), 0);
	assert_int_equal(event_add_timer(f->loop, 1, 0, arm_other, f, NULL, NULL), 0);
	assert_int_equal(event_loop_run(f->loop), 7);
	assert_int_equal(f->calls, 10);
}

static void on_signal(void *arg, int signo)
{
	struct fixture *f = arg;

	event_loop_exit(f->loop, signo);
}

static void signal_is_delivered_through_the_loop(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(event_add_signal(f->loop, SIGUSR1, on_signal, f, NULL), 0);
	raise(SIGUSR1);
	assert_int_equal(event_loop_run(f->loop), SIGUSR1);
}

static void disabled_defer_is_not_called(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(event_add_defer(f->loop, third_call_exits, f, &f->source, NULL), 0);
	assert_int_equal(event_loop_run(f->loop), 0);
	assert_int_equal(f->calls, 3);
	event_defer_set(f->source, 0);
	assert_int_equal(event_add_timer(f->loop, 1, 0, exit_now, f, NULL, NULL), 0);
	assert_int_equal(event_loop_run(f->loop), 7);
	assert_int_equal(f->calls, 3);
}

/* Both sources are ready in one turn: whichever runs first frees both. */
static void free_both(void *arg, int fd, uint32_t events)
{
	struct fixture *f = arg;

	f->calls++;
	event_source_free(f->source);
	event_source_free(f->other);
	event_loop_exit(f->loop, 0);
}

static void source_freed_by_another_in_the_same_turn_is_not_called(void **state)
{
	struct fixture *f = *state;
	int second[2];

	assert_int_equal(pipe(second), 0);
	event_add_io(f->loop, f->pipe[0], EPOLLIN, free_both, f, &f->source, NULL);
	event_add_io(f->loop, second[0], EPOLLIN, free_both, f, &f->other, NULL);
	assert_int_equal(write(f->pipe[1], "x", 1) + write(second[1], "x", 1), 2);
	assert_int_equal(event_loop_run(f->loop), 0);
	assert_int_equal(f->calls, 1);
	close(second[0]);
	close(second[1]);
}

static void bad_descriptor_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(event_add_io(f->loop, 9999, EPOLLIN, free_both, f, NULL, &e), -EBADF);
	assert_string_equal(e.code, "InternalError");
}

#define loop_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(readable_descriptor_calls_and_exit_code_returns),
		loop_test(periodic_timer_calls_again_and_again),
		loop_test(disarmed_timer_waits_until_set),
		loop_test(signal_is_delivered_through_the_loop),
		loop_test(disabled_defer_is_not_called),
		loop_test(source_freed_by_another_in_the_same_turn_is_not_called),
		loop_test(bad_descriptor_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
