/* SPDX-License-Identifier: MIT
 * Messages with descriptors over a socket pair and over a path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sockmsg.h"

static int pair[2];

static int setup(void **state)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}

static int teardown(void **state)
{
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static struct json *message(void)
{
	struct json *j = json_new_obj();

	json_set_str(j, "op", "start");
	return j;
}

static void descriptors_travel_with_the_message(void **state)
{
	cleanup_json struct json *sent = message(), *got = NULL;
	int p[2], fds[3] = {-1, -1, -1};
	size_t n = 3;
	char c = 0;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(sockmsg_send(pair[0], sent, p, 2, NULL), 0);
	assert_int_equal(sockmsg_recv(pair[1], &got, fds, &n, NULL), 1);
	assert_true(json_equal(sent, got));
	assert_int_equal(n, 2);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fds[1], "q", 1), 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	assert_int_equal(c, 'q');
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(fds[i]);
	}
}

static void more_descriptors_than_room_are_closed(void **state)
{
	cleanup_json struct json *sent = message(), *got = NULL;
	int p[2], fd = -1;
	size_t n = 1;
	char c;

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	assert_int_equal(sockmsg_send(pair[0], sent, p, 2, NULL), 0);
	close(p[1]);
	assert_int_equal(sockmsg_recv(pair[1], &got, &fd, &n, NULL), -EMSGSIZE);
	assert_int_equal(n, 0);
	assert_null(got);
	/* No writer is left, or this would be EAGAIN. */
	assert_int_equal(read(p[0], &c, 1), 0);
	close(p[0]);
}

static void nothing_there_is_eagain(void **state)
{
	struct json *got = NULL;

	assert_int_equal(sockmsg_recv(pair[1], &got, NULL, NULL, NULL), -EAGAIN);
}

static void closed_peer_is_the_end(void **state)
{
	struct json *got = NULL;
	int other[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	close(other[0]);
	assert_int_equal(sockmsg_recv(other[1], &got, NULL, NULL, NULL), 0);
	close(other[1]);
}

static void malformed_message_is_an_error(void **state)
{
	struct json *got = NULL;
	struct err e = {0};

	assert_int_equal(write(pair[0], "{\"op\"", 5), 5);
	assert_int_equal(sockmsg_recv(pair[1], &got, NULL, NULL, &e), -EINVAL);
	assert_string_equal(e.code, "MalformedJSON");
}

static void oversized_message_is_refused_by_the_sender(void **state)
{
	cleanup_json struct json *j = json_new_obj();
	cleanup_free char *text = malloc(SOCKMSG_MAX + 1);

	memset(text, 'a', SOCKMSG_MAX);
	text[SOCKMSG_MAX] = '\0';
	json_set_str(j, "x", text);
	assert_int_equal(sockmsg_send(pair[0], j, NULL, 0, NULL), -EMSGSIZE);
}

static void path_socket_replaces_an_old_one_with_mode_0660(void **state)
{
	cleanup_json struct json *sent = message(), *got = NULL;
	char dir[] = "/tmp/sockmsg_test.XXXXXX", path[64];
	int first, second, client, server;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	first = sockmsg_listen(path, -1, NULL);
	assert_true(first >= 0);
	second = sockmsg_listen(path, -1, NULL);
	assert_true(second >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	client = sockmsg_connect(path, NULL);
	assert_true(client >= 0);
	server = accept(second, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(sockmsg_send(client, sent, NULL, 0, NULL), 0);
	assert_int_equal(sockmsg_recv(server, &got, NULL, NULL, NULL), 1);
	close(first);
	close(second);
	close(client);
	close(server);
	unlink(path);
	rmdir(dir);
}

static void absent_path_says_which(void **state)
{
	struct err e = {0};

	assert_int_equal(sockmsg_connect("/nonexistent/s", &e), -ENOENT);
	assert_string_equal(e.msg, "connect /nonexistent/s: No such file or directory");
}

#define pair_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pair_test(descriptors_travel_with_the_message),
		pair_test(more_descriptors_than_room_are_closed),
		pair_test(nothing_there_is_eagain),
		cmocka_unit_test(closed_peer_is_the_end),
		pair_test(malformed_message_is_an_error),
		pair_test(oversized_message_is_refused_by_the_sender),
		cmocka_unit_test(path_socket_replaces_an_old_one_with_mode_0660),
		cmocka_unit_test(absent_path_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
