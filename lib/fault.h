/* SPDX-License-Identifier: MIT
 * Fault injection for tests: kernel steps name themselves, and a test that starts the program with
 * VPCD_FAULT="netns.link_add:2=EEXIST,bpf.eni_update=ENOMEM" makes the second link_add and every
 * eni_update fail. Unset, a call costs one branch.
 */
#ifndef VPCD_LIB_FAULT_H
#define VPCD_LIB_FAULT_H

/* 0, or the negative errno to fail with. step: "<room>.<step>". */
int fault_hit(const char *step);

#endif
