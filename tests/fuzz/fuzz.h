/* SPDX-License-Identifier: MIT
 * What each fuzz target defines.
 */
#ifndef VPCD_TESTS_FUZZ_H
#define VPCD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A property that holds whatever the input. */
#define HOLDS(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#endif
