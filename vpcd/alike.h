/* SPDX-License-Identifier: MIT
 * Ends of which nothing that judges packets tells one from the other: what is true of one is true
 * of all, and one is asked.
 */
#ifndef VPCD_VPCD_ALIKE_H
#define VPCD_VPCD_ALIKE_H

#include "vpcd/twin_ends.h"

/* ret_first (malloc'd): for each end the first one that is like it, by index; itself if there is
 * none. Alike are interfaces of one subnet with the same groups and flags and one address each, a
 * private one, if each range of a rule, an ACL entry or a route has all of the addresses or none,
 * before and after. */
int alike_find(const struct trace_env env[SIDES], const struct twin_ends *ends, size_t **ret_first,
	       struct err *e);

#endif
