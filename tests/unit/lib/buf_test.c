/* SPDX-License-Identifier: MIT
 * The growing buffer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/buf.h"

static void empty_buffer_reads_as_empty_text(void **state)
{
	struct buf b = {0};
	char *s;

	assert_string_equal(buf_str(&b), "");
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
}

static void text_grows_across_many_additions(void **state)
{
	cleanup_buf struct buf b = {0};

	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	buf_puts(&b, "end");
	assert_int_equal(b.rc, 0);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 3);
	assert_int_equal(strlen(b.p), b.len);
	assert_string_equal(b.p + b.len - 7, "999,end");
}

static void bytes_may_hold_nul(void **state)
{
	cleanup_buf struct buf b = {0};

	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "a\0b", 4);
}

static void taken_buffer_starts_anew(void **state)
{
	struct buf b = {0};
	char *first, *second;

	buf_puts(&b, "one");
	first = buf_take(&b);
	buf_puts(&b, "two");
	second = buf_take(&b);
	assert_string_equal(first, "one");
	assert_string_equal(second, "two");
	free(first);
	free(second);
}

static void impossible_size_is_a_sticky_error(void **state)
{
	struct buf b = {0};

	buf_puts(&b, "x");
	buf_add(&b, "", SIZE_MAX - 64);
	assert_int_equal(b.rc, -12);
	buf_puts(&b, "y");
	assert_int_equal(b.rc, -12);
	assert_null(buf_take(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_buffer_reads_as_empty_text),
		cmocka_unit_test(text_grows_across_many_additions),
		cmocka_unit_test(bytes_may_hold_nul),
		cmocka_unit_test(taken_buffer_starts_anew),
		cmocka_unit_test(impossible_size_is_a_sticky_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
