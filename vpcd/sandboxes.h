/* SPDX-License-Identifier: MIT
 * Sandboxes' processes as the daemon sees them: starts and stops supervisors as the plan says,
 * keeps what they report in the store, and finds those that an earlier daemon started.
 */
#ifndef VPCD_VPCD_SANDBOXES_H
#define VPCD_VPCD_SANDBOXES_H

#include "lib/event.h"
#include "lib/json.h"
#include "model/store.h"
#include "netns/fabric.h"
#include "netns/supervisor.h"
#include "vpcd/plan.h"

struct sandboxes;

struct sandboxes_config {
	struct event_loop *loop;
	struct store *store;
	struct zygote *zygote;
	struct fabric *fabric;
	const char *run_dir, *log_dir;
	void (*idle)(void *arg); /* the last removal has ended */
	void *arg;
};

struct sandboxes *sandboxes_new(const struct sandboxes_config *cfg);
void sandboxes_free(struct sandboxes *s); /* the sandboxes live on; NULL ok */

/* it: ITEM_SANDBOX with a body. Its attachment stands. */
int sandboxes_put(struct sandboxes *s, const struct item *it, struct err *e);
/* Ends it at once (SIGKILL); what it leaves is gone when busy() is 0 again. */
void sandboxes_remove(struct sandboxes *s, const char *id);
/* Ends what no item of the plan knows: sandboxes of objects deleted while no daemon ran. */
void sandboxes_sweep(struct sandboxes *s, const struct plan *p);
/* Removals under way. */
size_t sandboxes_busy(const struct sandboxes *s);

/* {"ControlSocket", "LogFile", "NetnsPath", "Pid"} or NULL. */
struct json *sandboxes_describe(const struct sandboxes *s, const char *id);

#endif
