/* SPDX-License-Identifier: MIT
 * What the data plane's maps hold, as far as this daemon knows, and on behalf of which item.
 * Writing an item's entries writes the difference only; entries that no item claims are swept.
 * Start, change and audit are the same: shadow_sync reads the kernel, then every item is put again.
 */
#ifndef VPCD_VPCD_SHADOW_H
#define VPCD_VPCD_SHADOW_H

#include "bpf/dataplane.h"
#include "lib/err.h"

struct shadow;

struct shadow *shadow_new(struct dataplane *dp);
void shadow_free(struct shadow *s); /* NULL ok */

/* Reads every map: what stands there and was not known becomes unclaimed; what is missing or
 * differs is written again at the next put. */
int shadow_sync(struct shadow *s, struct err *e);

/* One item's entries: begin, put each, commit. On failure of commit the item's claim covers what
 * may have been written. counts may be NULL. */
struct shadow_counts {
	size_t inserted, updated, deleted;
};
void shadow_begin(struct shadow *s, const char *item);
int shadow_put(struct shadow *s, enum dp_map map, const void *key, const void *value);
int shadow_commit(struct shadow *s, struct shadow_counts *counts, struct err *e);
/* What the kernel has for a key, as far as known: copies it to ret and returns true. */
bool shadow_get(const struct shadow *s, enum dp_map map, const void *key, void *ret);
/* Entries written and deleted since the start, by all items. */
struct shadow_counts shadow_totals(const struct shadow *s);
/* Deletes an item's entries. */
int shadow_remove(struct shadow *s, const char *item, struct err *e);

/* Deletes what no item claims. Returns how many, or -errno. */
int shadow_sweep(struct shadow *s, struct err *e);

#endif
