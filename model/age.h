/* SPDX-License-Identifier: MIT
 * What time alone does to objects (struct kind, due and age): requests for peering expire, and what
 * is shown after its end goes.
 */
#ifndef VPCD_MODEL_AGE_H
#define VPCD_MODEL_AGE_H

#include "model/store.h"

/* Does everything that is due, in a transaction of its own; nothing if nothing is. now: Unix
 * seconds by the daemon's clock. *ret_next (may be NULL): when to call again, 0: not before there
 * is another change. -EBUSY: a transaction is open. */
int model_age(struct store *s, int64_t now, int64_t *ret_next, struct err *e);

#endif
