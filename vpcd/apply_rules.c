/* SPDX-License-Identifier: MIT
 * See apply_rules.h. The order of a change: the new classifier with all its tables, then the peers
 * of every classifier that the set's groups concern, then the one store that switches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

#include "lib/cleanup.h"
#include "vpcd/apply_rules.h"
#include "vpcd/rules.h"

#define GRACE_NS 1000000000ull /* a program runs for microseconds */

struct cls {
	char symbol[SYMBOL_LEN]; /* content hash */
	uint32_t number;
	unsigned refs;
	uint64_t free_at; /* 0: in use */
	size_t n;
	struct item_rule *rules; /* for peers; owned */
	bool has_peers;
	UT_hash_handle hh;
};

struct set {
	char key[2 * SYMBOL_LEN]; /* item type and symbol */
	bool acl;
	uint32_t number;
	char groups[GROUPS_PER_INTERFACE][SYMBOL_LEN];
	struct cls *in, *out;
	UT_hash_handle hh;
};

struct rulesets {
	struct dataplane *dp;
	struct names *names;
	struct shadow *shadow;
	struct cls *classifiers;
	struct set *sets;
};

struct rulesets *rulesets_new(struct dataplane *dp, struct names *names, struct shadow *shadow)
{
	struct rulesets *r = calloc(1, sizeof(*r));

	if (r)
		*r = (struct rulesets){.dp = dp, .names = names, .shadow = shadow};
	return r;
}

static void cls_free(struct rulesets *r, struct cls *c)
{
	HASH_DEL(r->classifiers, c);
	free(c->rules);
	free(c);
}

void rulesets_free(struct rulesets *r)
{
	struct cls *c, *c_tmp;
	struct set *s, *s_tmp;

	if (!r)
		return;
	HASH_ITER (hh, r->classifiers, c, c_tmp)
		cls_free(r, c);
	HASH_ITER (hh, r->sets, s, s_tmp) {
		HASH_DEL(r->sets, s);
		free(s);
	}
	free(r);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- peers: which group sets does a classifier's group rule match? ---- */

static int put_peers(struct rulesets *r, struct cls *c, struct err *e)
{
	char item[SYMBOL_LEN + 16];
	struct rules_bitmap bitmap;
	struct set *s, *tmp;
	int rc = 0;

	if (!c->has_peers)
		return 0;
	snprintf(item, sizeof(item), "peers %s", c->symbol);
	shadow_begin(r->shadow, item);
	HASH_ITER (hh, r->sets, s, tmp) {
		struct rule_peer_key key = {.classifier = c->number, .groups = s->number};

		if (!s->acl && !rc &&
		    rules_peer_bitmap(c->rules, c->n, (const char(*)[SYMBOL_LEN])s->groups,
				      &bitmap))
			rc = shadow_put(r->shadow, DP_RULE_PEERS, &key, &bitmap);
	}
	if (rc)
		err_sys(e, rc, "peers of classifier %u", c->number);
	else
		rc = shadow_commit(r->shadow, NULL, e);
	return rc;
}

/* A set came or went: classifiers that refer to one of its groups see it. */
static int put_peers_of(struct rulesets *r, const struct set *s, struct err *e)
{
	struct rules_bitmap bitmap;
	struct cls *c, *tmp;

	HASH_ITER (hh, r->classifiers, c, tmp) {
		int rc = 0;

		if (rules_peer_bitmap(c->rules, c->n, (const char(*)[SYMBOL_LEN])s->groups,
				      &bitmap))
			rc = put_peers(r, c, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- classifiers ---- */

static void cls_symbol(const struct item_rule *rules, size_t n, const struct classifier_tables *t,
		       char *ret)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_hash_t h;

	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, rules, n * sizeof(*rules));
	XXH3_128bits_update(state, &t->info, sizeof(t->info));
	h = XXH3_128bits_digest(state);
	XXH3_freeState(state);
	snprintf(ret, SYMBOL_LEN, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

static int cls_write(struct rulesets *r, const struct cls *c, struct classifier_tables *t,
		     struct err *e)
{
	char item[SYMBOL_LEN + 16];
	int rc = 0;

	snprintf(item, sizeof(item), "classifier %s", c->symbol);
	shadow_begin(r->shadow, item);
	for (size_t i = 0; i < t->n_addresses && !rc; i++) {
		t->addresses[i].classifier = c->number;
		rc = shadow_put(r->shadow, DP_RULE_ADDRESSES, &t->addresses[i],
				&t->address_bitmaps[i]);
	}
	for (size_t i = 0; i < t->n_ports && !rc; i++) {
		t->ports[i].classifier = c->number;
		rc = shadow_put(r->shadow, DP_RULE_PORTS, &t->ports[i], &t->port_bitmaps[i]);
	}
	if (!rc)
		rc = shadow_put(r->shadow, DP_CLASSIFIERS, &c->number, &t->info);
	if (rc)
		return err_sys(e, rc, "classifier %u", c->number);
	return shadow_commit(r->shadow, NULL, e);
}

static void cls_destroy(struct rulesets *r, struct cls *c)
{
	char item[SYMBOL_LEN + 16];

	snprintf(item, sizeof(item), "peers %s", c->symbol);
	shadow_remove(r->shadow, item, NULL);
	snprintf(item, sizeof(item), "classifier %s", c->symbol);
	shadow_remove(r->shadow, item, NULL);
	names_release(r->names, NAME_CLASSIFIER, c->symbol);
	cls_free(r, c);
}

static int cls_fill(struct rulesets *r, struct cls *c, const struct item_rule *rules, size_t n,
		    struct classifier_tables *t, struct err *e)
{
	int rc = names_get(r->names, NAME_CLASSIFIER, c->symbol, &c->number, e);

	if (rc)
		return rc;
	c->rules = calloc(n ? n : 1, sizeof(*rules));
	if (!c->rules)
		return err_sys(e, -ENOMEM, "classifier");
	memcpy(c->rules, rules, n * sizeof(*rules));
	c->n = n;
	for (size_t i = 0; i < n; i++)
		c->has_peers = c->has_peers || rules[i].group[0];
	rc = cls_write(r, c, t, e);
	return rc ? rc : put_peers(r, c, e);
}

/* The classifier of a rule list, with one more reference. */
static int cls_get(struct rulesets *r, const struct item_rule *rules, size_t n,
		   const struct item_rule *reverse, size_t n_reverse, struct cls **ret,
		   struct err *e)
{
	cleanup(classifier_tables_done) struct classifier_tables t = {0};
	char symbol[SYMBOL_LEN] = "";
	struct cls *c;
	int rc = rules_compile(rules, n, reverse, n_reverse, &t);

	if (rc)
		return err_sys(e, rc, "compile %zu rules", n);
	cls_symbol(rules, n, &t, symbol);
	HASH_FIND_STR(r->classifiers, symbol, c);
	if (c) { /* written again: an audit may have found entries missing */
		rc = cls_write(r, c, &t, e);
		if (!rc)
			rc = put_peers(r, c, e);
		if (rc)
			return rc;
	} else {
		c = calloc(1, sizeof(*c));
		if (!c)
			return err_sys(e, -ENOMEM, "classifier");
		symbol_set(c->symbol, symbol);
		HASH_ADD_STR(r->classifiers, symbol, c);
		rc = cls_fill(r, c, rules, n, &t, e);
		if (rc) {
			cls_destroy(r, c);
			return rc;
		}
	}
	c->refs++;
	c->free_at = 0;
	*ret = c;
	return 0;
}

static void cls_unref(struct cls *c)
{
	if (c && !--c->refs)
		c->free_at = now() + GRACE_NS;
}

bool rulesets_collect(struct rulesets *r, uint64_t now_ns)
{
	struct cls *c, *tmp;
	bool waiting = false;

	HASH_ITER (hh, r->classifiers, c, tmp) {
		if (c->free_at && c->free_at <= now_ns)
			cls_destroy(r, c);
		else
			waiting = waiting || c->free_at;
	}
	return waiting;
}

bool rulesets_uses(const struct rulesets *r, const char *symbol)
{
	const struct cls *c;

	HASH_FIND_STR(r->classifiers, symbol, c);
	return c != NULL;
}

/* ---- sets ---- */

static void set_key(const struct item *it, char *ret, size_t len)
{
	snprintf(ret, len, "%d %.*s", it->type, SYMBOL_LEN, it->key);
}

static struct set *set_find(struct rulesets *r, const struct item *it)
{
	char key[2 * SYMBOL_LEN];
	struct set *s;

	set_key(it, key, sizeof(key));
	HASH_FIND_STR(r->sets, key, s);
	return s;
}

static int set_make(struct rulesets *r, const struct item *it, struct set **ret, struct err *e)
{
	const struct item_rules *body = it->body;
	struct set *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_sys(e, -ENOMEM, "%s", it->key);
	set_key(it, s->key, sizeof(s->key));
	s->acl = it->type == ITEM_ACL;
	memcpy(s->groups, body->groups, sizeof(s->groups));
	rc = names_get(r->names, s->acl ? NAME_ACL : NAME_GROUPS, it->key, &s->number, e);
	if (rc) {
		free(s);
		return rc;
	}
	HASH_ADD_STR(r->sets, key, s);
	*ret = s;
	return s->acl ? 0 : put_peers_of(r, s, e);
}

static struct rules_pair set_current(struct rulesets *r, const struct set *s)
{
	return s->acl ? dataplane_acl_rules(r->dp, s->number)
		      : dataplane_group_rules(r->dp, s->number);
}

static void set_switch(struct rulesets *r, const struct set *s, struct rules_pair pair)
{
	if (s->acl)
		dataplane_set_acl_rules(r->dp, s->number, pair);
	else
		dataplane_set_group_rules(r->dp, s->number, pair);
}

int rulesets_put(struct rulesets *r, const struct item *it, bool *ret_changed, struct err *e)
{
	const struct item_rules *body = it->body;
	const struct item_rule *in = body->rules, *out = body->rules + body->n_in;
	struct set *s = set_find(r, it);
	struct cls *new_in, *new_out;
	struct rules_pair old, pair;
	int rc = s ? 0 : set_make(r, it, &s, e);

	if (rc)
		return rc;
	rc = cls_get(r, in, body->n_in, out, body->n_out, &new_in, e);
	if (rc)
		return rc;
	rc = cls_get(r, out, body->n_out, in, body->n_in, &new_out, e);
	if (rc) {
		cls_unref(new_in);
		return rc;
	}
	old = set_current(r, s);
	pair = (struct rules_pair){.in = new_in->number, .out = new_out->number};
	*ret_changed = memcmp(&old, &pair, sizeof(pair)) != 0;
	if (*ret_changed)
		set_switch(r, s, pair);
	cls_unref(s->in);
	cls_unref(s->out);
	s->in = new_in;
	s->out = new_out;
	return 0;
}

int rulesets_remove(struct rulesets *r, const struct item *it, struct err *e)
{
	struct set *s = set_find(r, it);

	if (!s)
		return 0;
	set_switch(r, s, (struct rules_pair){0});
	cls_unref(s->in);
	cls_unref(s->out);
	HASH_DEL(r->sets, s);
	if (!s->acl)
		put_peers_of(r, s, e);
	names_release(r->names, s->acl ? NAME_ACL : NAME_GROUPS, it->key);
	free(s);
	return 0;
}
