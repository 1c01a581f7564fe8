/* SPDX-License-Identifier: MIT
 * Names in an object's references become ids. Internal to model; model_resolve is in store.h.
 */
#ifndef VPCD_MODEL_RESOLVE_H
#define VPCD_MODEL_RESOLVE_H

#include "model/store.h"

/* Replaces names in all references of o that are not COMPUTED; e->field names the reference at
 * fault. old (may be NULL): its previous version, whose dangling WEAK references may stay.
 * scope_vpc NULL: the VPC that o's own references lead to. */
int resolve_refs(const struct model *m, const char *scope_vpc, const struct object *old,
		 struct object *o, struct err *e);

#endif
