/* SPDX-License-Identifier: MIT
 * The uplink (--uplink): what it is called, what leaves by it, and that the host's side of it
 * stands. The link itself and the simulated internet's default route are items of the plan.
 */
#ifndef VPCD_VPCD_OUTSIDE_H
#define VPCD_VPCD_OUTSIDE_H

#include "lib/event.h"
#include "vpcd/config.h"
#include "vpcd/plan.h"

struct outside;

/* Makes the host's side, or removes what an earlier run left of another one. *ret: NULL without
 * --uplink. store: its configuration, with defaults. An interface that goes away and comes back is
 * taken up again within a minute. */
int outside_open(struct event_loop *loop, const struct config *c, const struct store_config *store,
		 struct outside **ret, struct err *e);
/* NULL for NULL. */
const struct plan_uplink *outside_plan(const struct outside *o);
void outside_close(struct outside *o); /* what is made stays; NULL ok */
/* Removes the host's side, if there is one. */
int outside_purge(const struct config *c, struct err *e);

#endif
