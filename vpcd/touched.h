/* SPDX-License-Identifier: MIT
 * Whose packets a change can affect: what two plans differ in, followed to the interfaces whose
 * gates, addresses and routes it is. An interface that is not touched may still be the other end of
 * one that is.
 */
#ifndef VPCD_VPCD_TOUCHED_H
#define VPCD_VPCD_TOUCHED_H

#include "vpcd/plan.h"

struct touched;

/* Rather too many than too few: what others' packets pass (a gateway, a NAT gateway's subnet, a
 * middlebox) touches all. */
int touched_find(const struct plan *before, const struct plan *after, struct touched **ret,
		 struct err *e);
void touched_free(struct touched *t); /* NULL ok */
bool touched_has(const struct touched *t, const char *attachment);

#endif
