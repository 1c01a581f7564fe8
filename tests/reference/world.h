/* SPDX-License-Identifier: MIT
 * The other side of the comparison: a store, the daemon's own plan and apply, and the compiled
 * programs, in a network namespace of the test's own. Nothing is ever sent: frames go through
 * BPF_PROG_TEST_RUN.
 */
#ifndef VPCD_TESTS_REFERENCE_WORLD_H
#define VPCD_TESTS_REFERENCE_WORLD_H

#include "bpf/dataplane.h"
#include "model/store.h"
#include "packet.h"
#include "reference.h"

struct world;

/* Once for the process: a network namespace with devices for interface indexes. */
int world_enter(struct err *e);
/* An empty world. The programs are loaded once and their tables emptied for each. */
int world_open(struct world **ret, struct err *e);
void world_close(struct world *w); /* NULL ok */
void world_unload(void);	   /* the programs, at the end */

struct store *world_store(const struct world *w);
struct dataplane *world_dataplane(const struct world *w);

/* Works off what was committed: 0, or an item that could not be applied. */
int world_apply(struct world *w, struct err *e);
/* The daemon ends and another one begins with the same store and the same maps. */
int world_restart(struct world *w, struct err *e);
/* The same, and from now on with an uplink, whose pool is 198.51.100.0/31. */
int world_uplink(struct world *w, struct err *e);
int world_collect(struct world *w, struct err *e);

/* What the programs did with a frame. */
struct outcome {
	enum drop_reason reason; /* of the real run: by its counter */
	enum drop_reason traced; /* of the dry run before it */
	bool passed;		 /* or an answer goes back, though it was dropped */
	char output[ID_LEN];	 /* of the dry run */
	uint8_t frame[FRAME_MAX];
	size_t len;
};
int world_send(struct world *w, const char *eni, const uint8_t *frame, size_t len,
	       struct outcome *ret, struct err *e);

#endif
