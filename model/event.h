/* SPDX-License-Identifier: MIT
 * Events as JSON. Internal to model.
 */
#ifndef VPCD_MODEL_EVENT_H
#define VPCD_MODEL_EVENT_H

#include "model/schema.h"

/* type: created, updated, deleted, status. Shape: store_events() in store.h. */
struct json *event_new(uint64_t revision, const char *type, const struct object *o);

#endif
