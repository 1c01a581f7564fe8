/* SPDX-License-Identifier: MIT
 * Fault injection by VPCD_FAULT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <errno.h>
#include <stdlib.h>

#include "lib/fault.h"

static void only_the_named_call_fails(void **state)
{
	assert_int_equal(fault_hit("netns.link_add"), 0);
	assert_int_equal(fault_hit("netns.link_add"), -EEXIST);
	assert_int_equal(fault_hit("netns.link_add"), 0);
}

static void step_without_number_fails_always(void **state)
{
	assert_int_equal(fault_hit("bpf.eni_update"), -ENOMEM);
	assert_int_equal(fault_hit("bpf.eni_update"), -ENOMEM);
	assert_int_equal(fault_hit("bpf.eni"), 0);
}

static void unknown_errno_becomes_eio(void **state)
{
	assert_int_equal(fault_hit("x"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_named_call_fails),
		cmocka_unit_test(step_without_number_fails_always),
		cmocka_unit_test(unknown_errno_becomes_eio),
	};

	setenv("VPCD_FAULT", "netns.link_add:2=EEXIST,bpf.eni_update=ENOMEM,x=EWHAT", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
