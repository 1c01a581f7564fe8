/* SPDX-License-Identifier: MIT
 * Counters of rules: handed out until there are none, and what is said of rules without.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "vpcd/hits.h"

static int setup(void **state)
{
	const struct dataplane_config cfg = {.max_flows = 4096, .max_enis = 16, .only_trace = true};
	struct dataplane *dp;
	struct err e;

	if (dataplane_open(&cfg, &dp, &e))
		fail_msg("%s", e.msg);
	*state = dp;
	return 0;
}

static int teardown(void **state)
{
	dataplane_close(*state);
	return 0;
}

static void rules_without_counters_are_said_to_be(void **state)
{
	struct item_rule rules[] = {{.id = "sgr-a"}, {.id = "sgr-b"}};
	struct dataplane *dp = *state;
	uint32_t all = dataplane_rule_hits_size(dp) - RULE_HITS_FIRST, first, rest;
	struct hits *h;
	struct err e;
	uint64_t n = 9;

	assert_int_equal(hits_open(dp, &h, &e), 0);
	assert_int_equal(hits_take(h, all + 1), 0);
	first = hits_take(h, all - 1);
	assert_int_equal(first, RULE_HITS_FIRST);
	assert_int_equal(hits_take(h, 2), 0);
	rest = hits_take(h, 1);
	assert_int_equal(rest, RULE_HITS_FIRST + all - 1);
	assert_int_equal(hits_take(h, 1), 0);

	hits_live_begin(h);
	assert_int_equal(hits_live_add(h, rest, rules, 1, &e), 0);
	assert_int_equal(hits_live_add(h, 0, rules, 2, &e), 0);
	assert_false(hits_get(h, "sgr-a", &n)); /* counted in one place, not in another */
	assert_int_equal(n, 0);
	assert_false(hits_get(h, "sgr-b", &n));
	assert_true(hits_get(h, "sgr-c", &n));

	/* Room again, and they are counted. */
	hits_release(h, first, all - 1);
	assert_int_equal(hits_take(h, 2), first);
	hits_live_begin(h);
	assert_int_equal(hits_live_add(h, first, rules, 2, &e), 0);
	assert_true(hits_get(h, "sgr-a", &n));
	assert_true(hits_get(h, "sgr-b", &n));
	hits_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rules_without_counters_are_said_to_be, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
