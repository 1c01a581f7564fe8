/* SPDX-License-Identifier: MIT
 * Group sets and ACLs in the data plane: classifiers are immutable and named by their content; a
 * set changes by one store that points it at other classifiers; a classifier that nobody points at
 * any more goes after a grace period, since a program may still be reading it.
 */
#ifndef VPCD_VPCD_APPLY_RULES_H
#define VPCD_VPCD_APPLY_RULES_H

#include "bpf/dataplane.h"
#include "vpcd/names.h"
#include "vpcd/plan.h"
#include "vpcd/shadow.h"

struct rulesets;

/* After shadow_sync. */
int rulesets_open(struct dataplane *dp, struct names *names, struct shadow *shadow,
		  struct rulesets **ret, struct err *e);
void rulesets_free(struct rulesets *r); /* NULL ok */

/* it: ITEM_GROUPS or ITEM_ACL, with a body. *ret_changed: whether packets may be judged anew. */
int rulesets_put(struct rulesets *r, const struct item *it, bool *ret_changed, struct err *e);
int rulesets_remove(struct rulesets *r, const struct item *it, struct err *e);
/* After an audit's shadow_sync: every rule set that is put again is compared to what was read. */
void rulesets_audit(struct rulesets *r);
/* Deletes classifiers whose grace period is over; true while some are waiting. */
bool rulesets_collect(struct rulesets *r, uint64_t now_ns);
/* Is a classifier of this content hash in use, or waiting to go? */
bool rulesets_uses(const struct rulesets *r, const char *symbol);

/* Reads all counters; then, how often the rule of an item_rule's id decided, as of that reading. */
int rulesets_hits_read(struct rulesets *r, struct err *e);
bool rulesets_hits(const struct rulesets *r, const char *rule, uint64_t *ret); /* as hits_get */
/* Rules that decide without being counted: in classifiers for which no counters were left. */
size_t rulesets_uncounted(const struct rulesets *r);
/* Forgets the counts of rules that keep() denies. */
void rulesets_hits_sweep(struct rulesets *r, bool (*keep)(void *arg, const char *rule), void *arg);

#endif
