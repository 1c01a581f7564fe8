/* SPDX-License-Identifier: MIT
 * Errors as values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/err.h"

static void set_fills_every_member(void **state)
{
	struct err e = {0};

	assert_int_equal(err_set(&e, -EINVAL, "InvalidSubnet.Range", "CidrBlock", "%s is too %s",
				 "10.0.0.0/8", "wide"),
			 -EINVAL);
	assert_int_equal(e.rc, -EINVAL);
	assert_string_equal(e.code, "InvalidSubnet.Range");
	assert_string_equal(e.field, "CidrBlock");
	assert_string_equal(e.msg, "10.0.0.0/8 is too wide");
}

static void system_failure_names_the_errno(void **state)
{
	struct err e = {0};

	assert_int_equal(err_sys(&e, -EEXIST, "add link %s", "v1"), -EEXIST);
	assert_string_equal(e.code, "InternalError");
	assert_string_equal(e.msg, "add link v1: File exists");
}

static void wrapping_keeps_code_and_prefixes_message(void **state)
{
	struct err e = {0};

	err_sys(&e, -EEXIST, "add veth");
	assert_int_equal(err_wrap(&e, "attach %s", "eni-7"), -EEXIST);
	assert_string_equal(e.code, "InternalError");
	assert_string_equal(e.msg, "attach eni-7: add veth: File exists");
}

static void no_error_struct_is_fine(void **state)
{
	assert_int_equal(err_set(NULL, -EPERM, "X", NULL, "y"), -EPERM);
	assert_int_equal(err_sys(NULL, -EPERM, "y"), -EPERM);
	assert_int_equal(err_wrap(NULL, "y"), -EIO);
}

static void long_messages_are_cut_not_overrun(void **state)
{
	struct err e = {0};
	char text[4000];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	err_set(&e, -EINVAL, text, text, "%s", text);
	assert_int_equal(strlen(e.code), sizeof(e.code) - 1);
	assert_int_equal(strlen(e.field), sizeof(e.field) - 1);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	err_wrap(&e, "%s", text);
	err_sys(&e, -EINVAL, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void arguments_may_point_into_the_error_itself(void **state)
{
	struct err e = {0};

	err_set(&e, -EINVAL, "A", "B", "inner");
	err_set(&e, -EPERM, e.code, e.field, "outer (%s)", e.msg);
	assert_string_equal(e.code, "A");
	assert_string_equal(e.field, "B");
	assert_string_equal(e.msg, "outer (inner)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_every_member),
		cmocka_unit_test(system_failure_names_the_errno),
		cmocka_unit_test(wrapping_keeps_code_and_prefixes_message),
		cmocka_unit_test(no_error_struct_is_fine),
		cmocka_unit_test(long_messages_are_cut_not_overrun),
		cmocka_unit_test(arguments_may_point_into_the_error_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
