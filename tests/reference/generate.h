/* SPDX-License-Identifier: MIT
 * Random topologies and events, weighed so that things happen: VPCs with the same blocks, few
 * addresses and ports, rules near each other, frequent replies, changes between packets, time
 * moving around the time-outs.
 */
#ifndef VPCD_TESTS_REFERENCE_GENERATE_H
#define VPCD_TESTS_REFERENCE_GENERATE_H

#include "script.h"

/* One topology and `events` events after it, done as they are made up; s is what was done. Ends
 * early at a difference (r->difference) or when the run stalled. The same seed gives the same
 * script as long as the programs do the same. */
int generate_run(uint64_t seed, unsigned events, struct script *s, struct run *r, struct err *e);

#endif
