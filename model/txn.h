/* SPDX-License-Identifier: MIT
 * What the store and its transaction share. Internal to model.
 */
#ifndef VPCD_MODEL_TXN_H
#define VPCD_MODEL_TXN_H

#include "model/model.h"
#include "model/sqlite.h"

struct store {
	struct store_config cfg; /* owns its strings */
	struct db *db;
	struct model_index *index;
	uint64_t revision;
	struct txn *txn; /* the open one */
	store_commit_fn *on_commit;
	void *on_commit_arg;
	int64_t (*clock)(void *arg); /* NULL: time() */
	void *clock_arg;
};

#endif
