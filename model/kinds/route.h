/* SPDX-License-Identifier: MIT
 * One route of a table. Internal to model.
 */
#ifndef VPCD_MODEL_KINDS_ROUTE_H
#define VPCD_MODEL_KINDS_ROUTE_H

#include "model/field.h"
#include "model/store.h"

extern const struct field elem_route; /* T_RECORD struct route */

/* Id of the target; NULL: the VPC itself, or none. */
const char *route_target(const struct route *r);
/* Same destination? */
bool route_same_destination(const struct route *a, const struct route *b);
/* Same destination and target? */
bool route_equal(const struct route *a, const struct route *b);
/* The destination as text, a prefix list by its id; returns buf, CIDR_STRLEN bytes. */
const char *route_destination(const struct route *r, char *buf);

/* A route as `rtb`, of VPC v, would have it: ranges, targets, and the ways that lead within the
 * VPC. is_new: it did not stand before; otherwise its target may have gone. field: its path. */
int route_check(struct txn *t, const struct route_table *rtb, const struct vpc *v,
		const struct route *r, bool is_new, const char *field, struct err *e);

#endif
