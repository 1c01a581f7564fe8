/* SPDX-License-Identifier: MIT
 * Suggestions by edit distance.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "model/suggest.h"

static void assert_suggests(const char *wanted, const char *candidate, const char *expected)
{
	struct suggestion s = {.wanted = wanted};
	char buf[SUGGEST_STRLEN];

	suggest(&s, candidate);
	assert_string_equal(suggest_text(&s, buf), expected);
}

static void missing_letter_suggests(void **state)
{
	assert_suggests("CidrBlok", "CidrBlock", "; did you mean CidrBlock?");
}

static void other_case_suggests(void **state)
{
	assert_suggests("cidrblock", "CidrBlock", "; did you mean CidrBlock?");
}

static void swapped_letters_count_one(void **state)
{
	assert_suggests("bd", "db", "");
	assert_suggests("wbe", "web", "; did you mean web?");
}

static void far_name_suggests_nothing(void **state)
{
	assert_suggests("orders", "web", "");
	assert_suggests("x", "", "");
	assert_suggests("", "web", "");
}

static void nearest_of_several_wins(void **state)
{
	struct suggestion s = {.wanted = "private-b"};

	suggest(&s, "public");
	suggest(&s, "private-ab");
	suggest(&s, "private-b2x");
	assert_string_equal(s.best, "private-ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_letter_suggests),
		cmocka_unit_test(other_case_suggests),
		cmocka_unit_test(swapped_letters_count_one),
		cmocka_unit_test(far_name_suggests_nothing),
		cmocka_unit_test(nearest_of_several_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
