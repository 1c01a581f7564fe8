/* SPDX-License-Identifier: MIT
 * Log lines: quoting and levels, read back from a pipe in place of stderr.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "lib/log.h"

static char line[1024];

/* Everything that fn writes to stderr (less than a pipe holds). */
static const char *captured(void (*fn)(void))
{
	int saved = dup(STDERR_FILENO), p[2];
	ssize_t n;

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	dup2(p[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	n = read(p[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	close(saved);
	close(p[0]);
	close(p[1]);
	return line;
}

static void write_plain(void)
{
	log_info("apply done", "revision", log_fmt("%d", 12), "vpc", "shop");
}

static void plain_values_stay_unquoted(void **state)
{
	assert_non_null(strstr(captured(write_plain),
			       "Z level=info msg=\"apply done\" revision=12 vpc=shop\n"));
}

static void write_odd(void)
{
	log_warn("x", "a", "two words", "b", "say \"hi\"\n", "c", NULL, "d", "k=v");
}

static void odd_values_are_quoted_on_one_line(void **state)
{
	assert_non_null(strstr(captured(write_odd), " msg=x a=\"two words\" b=\"say \\\"hi\\\"\\n\""
						    " c=\"\" d=\"k=v\"\n"));
}

static void write_debug(void)
{
	log_debug("hidden");
}

static void levels_above_the_threshold_are_dropped(void **state)
{
	assert_string_equal(captured(write_debug), "");
	log_level_set(LOG_DEBUG);
	assert_non_null(strstr(captured(write_debug), "level=debug msg=hidden"));
	log_level_set(LOG_INFO);
}

static void level_names_parse(void **state)
{
	assert_int_equal(log_level_parse("error"), LOG_ERROR);
	assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
	assert_int_equal(log_level_parse("loud"), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_stay_unquoted),
		cmocka_unit_test(odd_values_are_quoted_on_one_line),
		cmocka_unit_test(levels_above_the_threshold_are_dropped),
		cmocka_unit_test(level_names_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
