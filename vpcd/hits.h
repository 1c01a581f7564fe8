/* SPDX-License-Identifier: MIT
 * How often each rule decided. Programs count by position in a classifier; rules outlive
 * classifiers, so before one goes its counts are added to totals by rule id, which stand in a
 * pinned map of user space alone: they survive the daemon, not the machine.
 */
#ifndef VPCD_VPCD_HITS_H
#define VPCD_VPCD_HITS_H

#include "bpf/dataplane.h"
#include "lib/err.h"
#include "vpcd/plan.h"

struct hits;

/* Reads totals, and which counters the classifiers in the kernel have. */
int hits_open(struct dataplane *dp, struct hits **ret, struct err *e);
void hits_free(struct hits *h); /* NULL ok */

/* Zeroed counters for a classifier of n rules: the index of the first, or 0: none left, and its
 * rules are not counted. */
uint32_t hits_take(struct hits *h, uint32_t n);
/* Counters that hits_take, or an earlier daemon's, gave. first 0: nothing. */
void hits_release(struct hits *h, uint32_t first, uint32_t n);

/* Adds what the counters say to the totals of rules[0..n) and sets them back. */
int hits_fold(struct hits *h, uint32_t first, const struct item_rule *rules, size_t n,
	      struct err *e);
/* What stands in counters: begin, then once for each classifier, first 0 for one without. hits_get
 * is as of then. */
void hits_live_begin(struct hits *h);
int hits_live_add(struct hits *h, uint32_t first, const struct item_rule *rules, size_t n,
		  struct err *e);
/* How often a rule decided; 0 for one that is not known. false: it decides somewhere without being
 * counted, and *ret is what was counted elsewhere or before. */
bool hits_get(const struct hits *h, const char *rule, uint64_t *ret);
/* Forgets the totals of rules that keep() denies. */
void hits_sweep(struct hits *h, bool (*keep)(void *arg, const char *rule), void *arg);

#endif
