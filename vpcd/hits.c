/* SPDX-License-Identifier: MIT
 * See hits.h. A classifier's counters stand in a row, one a rule, and a classifier in the kernel
 * says which are its own.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/cleanup.h"
#include "vpcd/hits.h"

struct total {
	struct name_key key; /* the rule's id */
	uint64_t hits;	     /* as the map has it */
	uint64_t live;	     /* in counters, when they were last read */
	bool uncounted;	     /* decides in a classifier without counters, as of then */
	UT_hash_handle hh;
};

struct hits {
	struct dataplane *dp;
	struct total *totals;
	uint32_t n;
	bool *taken; /* by counter; those before RULE_HITS_FIRST are never handed out */
};

static void key_set(struct name_key *key, const char *rule)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->name, rule, strnlen(rule, sizeof(key->name) - 1));
}

static void counters_set(struct hits *h, uint32_t first, uint32_t n, bool taken)
{
	for (uint32_t i = first; i - first < n && i < h->n; i++)
		h->taken[i] = taken;
}

static int load_classifier(void *arg, const void *key, const void *value)
{
	const struct classifier *c = value;

	if (c->hits)
		counters_set(arg, c->hits, c->rules, true);
	return 0;
}

static struct total *total_add(struct hits *h, const struct name_key *key)
{
	struct total *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->key = *key;
	HASH_ADD(hh, h->totals, key, sizeof(t->key), t);
	return t;
}

static int load_total(void *arg, const void *key, const void *value)
{
	struct total *t = total_add(arg, key);

	if (!t)
		return -ENOMEM;
	memcpy(&t->hits, value, sizeof(t->hits));
	return 0;
}

int hits_open(struct dataplane *dp, struct hits **ret, struct err *e)
{
	struct hits *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return err_sys(e, -ENOMEM, "rule hits");
	h->dp = dp;
	h->n = dataplane_rule_hits_size(dp);
	h->taken = calloc(h->n ? h->n : 1, sizeof(*h->taken));
	if (!h->taken) {
		hits_free(h);
		return err_sys(e, -ENOMEM, "rule hits");
	}
	counters_set(h, 0, RULE_HITS_FIRST, true);
	rc = dataplane_dump(dp, DP_CLASSIFIERS, load_classifier, h, e);
	if (!rc)
		rc = dataplane_dump(dp, DP_RULE_TOTALS, load_total, h, e);
	if (rc) {
		hits_free(h);
		return err_wrap(e, "rule hits");
	}
	*ret = h;
	return 0;
}

void hits_free(struct hits *h)
{
	struct total *t, *tmp;

	if (!h)
		return;
	HASH_ITER (hh, h->totals, t, tmp) {
		HASH_DEL(h->totals, t);
		free(t);
	}
	free(h->taken);
	free(h);
}

uint32_t hits_take(struct hits *h, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 0; n && i < h->n; i++) {
		uint32_t first = i + 1 - n;

		run = h->taken[i] ? 0 : run + 1;
		if (run < n)
			continue;
		if (dataplane_rule_hits_clear(h->dp, first, n, NULL))
			return 0;
		counters_set(h, first, n, true);
		return first;
	}
	return 0;
}

void hits_release(struct hits *h, uint32_t first, uint32_t n)
{
	if (first)
		counters_set(h, first, n, false);
}

static struct total *total_find(const struct hits *h, const char *rule)
{
	struct name_key key;
	struct total *t;

	key_set(&key, rule);
	HASH_FIND(hh, h->totals, &key, sizeof(key), t);
	return t;
}

static struct total *total_get(struct hits *h, const char *rule)
{
	struct total *t = total_find(h, rule);
	struct name_key key;

	if (t)
		return t;
	key_set(&key, rule);
	return total_add(h, &key);
}

/* The counts of n rules, malloc'd, NULL: none of them has any, or rc says why. */
static uint64_t *counts_read(struct hits *h, uint32_t first, size_t n, int *rc, struct err *e)
{
	cleanup_free uint64_t *counts = NULL;
	bool any = false;

	*rc = 0;
	if (!first || !n)
		return NULL;
	counts = calloc(n, sizeof(*counts));
	*rc = counts ? dataplane_rule_hits(h->dp, first, (uint32_t)n, counts, e)
		     : err_sys(e, -ENOMEM, "rule hits");
	for (size_t i = 0; i < n && !*rc; i++)
		any = any || counts[i];
	return any ? TAKE(counts) : NULL;
}

int hits_fold(struct hits *h, uint32_t first, const struct item_rule *rules, size_t n,
	      struct err *e)
{
	int rc;
	cleanup_free uint64_t *counts = counts_read(h, first, n, &rc, e);

	if (!counts)
		return rc;
	for (size_t i = 0; i < n; i++) {
		struct total *t = counts[i] ? total_get(h, rules[i].id) : NULL;

		if (!counts[i])
			continue;
		if (!t)
			return err_sys(e, -ENOMEM, "rule hits");
		t->hits += counts[i];
		rc = dataplane_update(h->dp, DP_RULE_TOTALS, &t->key, &t->hits, 1, e);
		if (rc)
			return rc;
	}
	return dataplane_rule_hits_clear(h->dp, first, (uint32_t)n, e);
}

void hits_live_begin(struct hits *h)
{
	for (struct total *t = h->totals; t; t = t->hh.next)
		t->live = t->uncounted = 0;
}

int hits_live_add(struct hits *h, uint32_t first, const struct item_rule *rules, size_t n,
		  struct err *e)
{
	int rc;
	cleanup_free uint64_t *counts = counts_read(h, first, n, &rc, e);

	for (size_t i = 0; (counts || !first) && i < n; i++) {
		struct total *t = !first || counts[i] ? total_get(h, rules[i].id) : NULL;

		if (t && first)
			t->live += counts[i];
		else if (t)
			t->uncounted = true;
	}
	return rc;
}

bool hits_get(const struct hits *h, const char *rule, uint64_t *ret)
{
	const struct total *t = total_find(h, rule);

	*ret = t ? t->hits + t->live : 0;
	return !t || !t->uncounted;
}

void hits_sweep(struct hits *h, bool (*keep)(void *arg, const char *rule), void *arg)
{
	struct total *t, *tmp;

	HASH_ITER (hh, h->totals, t, tmp) {
		if (keep(arg, t->key.name))
			continue;
		dataplane_delete(h->dp, DP_RULE_TOTALS, &t->key, 1, NULL);
		HASH_DEL(h->totals, t);
		free(t);
	}
}
