/* SPDX-License-Identifier: MIT
 * Objects from and to JSON, and their references. Internal to model.
 */
#ifndef VPCD_MODEL_OBJECT_H
#define VPCD_MODEL_OBJECT_H

#include "model/schema.h"

/* Fills a new object from a spec: unknown and COMPUTED members are refused, REQUIRED ones must be
 * there. References stay as given. e is not NULL, here and below. */
int object_input(struct object *o, const struct json *spec, struct err *e);
/* Applies a merge patch (RFC 7396) of the spec; null restores the default. */
int object_patch(struct object *o, const struct json *patch, struct err *e);

/* COMPUTED members: apart from the spec in the database too. Null clears. */
/* The tags of an object that is written, its name among them (EC2 User Guide, tag restrictions; of
 * an object that is read nothing is asked). TagLimitExceeded, InvalidParameterValue. */
#define TAGS_MAX      50
#define TAG_KEY_MAX   128 /* characters */
#define TAG_VALUE_MAX 256
int object_tags_check(const struct object *o, struct err *e);

struct json *object_status(const struct object *o);
int object_set_status(struct object *o, const struct json *status, struct err *e);

/* Intent and status alike; identity, revision and time of creation aside. */
bool object_equal(const struct object *a, const struct object *b);

/* Where a reference stands: its field, and the lists and records around it. */
struct ref_at {
	const struct field *field;
	const struct ref_at *up; /* NULL: a field of the object itself */
	size_t index;		 /* of the current item, where field is a list */
	unsigned flags;		 /* of the field and all around it */
	bool in_record;
};
/* Outermost field. */
const struct field *ref_top(const struct ref_at *at);
/* "Routes/0/GatewayId"; returns buf. */
const char *ref_path(const struct ref_at *at, char *buf, size_t size);

/* Calls fn for each reference that is set; it may replace *value. Non-zero ends and is returned. */
typedef int ref_fn(void *arg, char **value, const struct ref_at *at);
int object_each_ref(struct object *o, ref_fn *fn, void *arg);

/* Clears WEAK and COMPUTED references to id that do not lie within records. */
void object_clear_ref(struct object *o, const char *id);

DEFINE_CLEANUP(struct object *, object_free)
#define cleanup_object cleanup(object_freep)

#endif
