/* SPDX-License-Identifier: MIT
 * The database: the only speaker of SQL. WAL and synchronous=FULL, so that what a function wrote is
 * durable when it returns 0; on failure nothing is changed. Internal to model.
 */
#ifndef VPCD_MODEL_SQLITE_H
#define VPCD_MODEL_SQLITE_H

#include "model/store.h"

struct db;

/* -EBUSY: another process holds it. A newer schema version, or somebody else's file: refused. */
int db_open(const char *path, struct db **ret, struct err *e);
void db_close(struct db *d);	    /* NULL ok */
uint64_t db_revision(struct db *d); /* 0: nothing was committed yet */

struct db_row {
	const char *kind, *id, *account, *region, *lab; /* lab may be NULL */
	uint64_t revision;
	int64_t created;
	const char *spec, *status; /* JSON; status may be NULL */
};
/* All objects in order of creation. fn returns 0 or a negative errno, which ends it. */
int db_load(struct db *d, int (*fn)(void *arg, const struct db_row *row, struct err *e), void *arg,
	    struct err *e);

/* Writes changed objects with their references, status and events under a new revision. */
int db_commit(struct db *d, uint64_t revision, const struct change *c, size_t n, struct err *e);
int db_set_status(struct db *d, uint64_t revision, const struct object *o, struct err *e);
int db_event(struct db *d, uint64_t revision, const char *type, const char *reason,
	     const struct object *o, struct err *e);

/* fn gets the events' JSON text. */
int db_events(struct db *d, uint64_t since, size_t limit, void (*fn)(void *arg, const char *event),
	      void *arg, struct err *e);

#endif
