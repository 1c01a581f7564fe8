/* SPDX-License-Identifier: MIT
 * VPCs that a DNS object is associated with: lists of their ids. Internal to model.
 */
#ifndef VPCD_MODEL_KINDS_ASSOCIATIONS_H
#define VPCD_MODEL_KINDS_ASSOCIATIONS_H

#include "model/field.h"

extern const struct field elem_vpc_id;

/* An id that both lists have; NULL: none. */
const char *ids_common(const struct list *a, const struct list *b);
/* InvalidParameterValue where an id is given twice. */
int ids_unique(const struct list *ids, const char *field, struct err *e);

#endif
