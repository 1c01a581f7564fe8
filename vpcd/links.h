/* SPDX-License-Identifier: MIT
 * Attachments: which stand, and making them as the plan says.
 */
#ifndef VPCD_VPCD_LINKS_H
#define VPCD_VPCD_LINKS_H

#include "bpf/dataplane.h"
#include "netns/fabric.h"
#include "vpcd/names.h"
#include "vpcd/plan.h"

struct links;

struct links *links_new(struct fabric *f, struct dataplane *dp, struct names *names,
			const char *run_dir);
void links_free(struct links *l); /* the links stay; NULL ok */

/* Reads what stands. */
int links_sync(struct links *l, struct err *e);
/* it: ITEM_ATTACHMENT with a body. An attachment that stands as it should is left alone; one whose
 * addresses differ gets the new ones; any other difference makes it anew. */
int links_put(struct links *l, const struct item *it, struct err *e);
/* Removes it; its flows end with links_settle(). */
int links_remove(struct links *l, const char *id, struct err *e);
/* Ends the flows of what was removed since the last time, all in one pass over the flow table. On
 * failure the next call tries again. */
int links_settle(struct links *l, struct err *e);
/* Does this attachment stand? */
bool links_up(const struct links *l, const char *id);
/* Removes what no item of the plan asks for. Returns how many. */
int links_sweep(struct links *l, const struct plan *p, struct err *e);

#endif
