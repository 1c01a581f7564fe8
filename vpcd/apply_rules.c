/* SPDX-License-Identifier: MIT
 * See apply_rules.h. The order of a change: the new classifier with all its tables, then the peers
 * of every classifier that the set's groups concern, then the one store that switches. A classifier
 * that stands is neither compiled nor written again, but after an audit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/apply_rules.h"
#include "vpcd/hits.h"
#include "vpcd/rules.h"

#define GRACE_NS 1000000000ull /* a program runs for microseconds */

/* The rules of one family: a classifier of the data plane. */
struct cls_part {
	size_t n;
	struct item_rule *rules; /* for peers and hits; owned */
	uint32_t bits, hits;	 /* as in struct classifier; its `rules` */
	bool has_peers;
};

/* A rule list: one number, and a classifier for each family that it has rules of. */
struct cls {
	char symbol[SYMBOL_LEN]; /* content hash */
	uint32_t number;
	unsigned refs;
	uint64_t free_at; /* 0: in use */
	uint64_t epoch;	  /* of the audit after which it was last written */
	struct cls_part parts[2];
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
	struct hits *hits;
	struct cls *classifiers;
	struct set *sets;
	uint64_t epoch; /* audits */
};

int rulesets_open(struct dataplane *dp, struct names *names, struct shadow *shadow,
		  struct rulesets **ret, struct err *e)
{
	struct rulesets *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_sys(e, -ENOMEM, "rules");
	*r = (struct rulesets){.dp = dp, .names = names, .shadow = shadow, .epoch = 1};
	rc = hits_open(dp, &r->hits, e);
	if (rc) {
		rulesets_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void rulesets_audit(struct rulesets *r)
{
	r->epoch++;
}

static void cls_free(struct rulesets *r, struct cls *c)
{
	HASH_DEL(r->classifiers, c);
	for (int v6 = 0; v6 < 2; v6++)
		free(c->parts[v6].rules);
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
	hits_free(r->hits);
	free(r);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- peers: which group sets does a classifier's group rule match? ---- */

static bool part_refers(const struct cls_part *p, const struct set *s, struct rules_bitmap *ret)
{
	return p->has_peers &&
	       rules_peer_bitmap(p->rules, p->n, (const char(*)[SYMBOL_LEN])s->groups, ret);
}

static int put_peers(struct rulesets *r, struct cls *c, struct err *e)
{
	char item[SYMBOL_LEN + 16];
	struct rules_bitmap bitmap;
	struct set *s, *tmp;
	int rc = 0;

	if (!c->parts[0].has_peers && !c->parts[1].has_peers)
		return 0;
	snprintf(item, sizeof(item), "peers %s", c->symbol);
	shadow_begin(r->shadow, item);
	HASH_ITER (hh, r->sets, s, tmp) {
		for (uint32_t v6 = 0; v6 < 2 && !s->acl && !rc; v6++) {
			struct rule_peer_key key = {.classifier = CLASSIFIER_ID(c->number, v6),
						    .groups = s->number};

			if (part_refers(&c->parts[v6], s, &bitmap))
				rc = shadow_put(r->shadow, DP_RULE_PEERS, &key, &bitmap);
		}
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

		if (part_refers(&c->parts[0], s, &bitmap) || part_refers(&c->parts[1], s, &bitmap))
			rc = put_peers(r, c, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- classifiers ---- */

/* What it counted, to the rules' totals. */
static void cls_fold(struct rulesets *r, const struct cls *c)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const struct cls_part *p = &c->parts[v6];

		hits_fold(r->hits, p->hits, p->rules, p->n, NULL);
	}
}

static void cls_symbol(const struct item_rule *rules, size_t n, const struct rules_open *reverse,
		       char *ret)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_hash_t h;

	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, rules, n * sizeof(*rules));
	XXH3_128bits_update(state, reverse, sizeof(*reverse));
	h = XXH3_128bits_digest(state);
	XXH3_freeState(state);
	snprintf(ret, SYMBOL_LEN, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

/* An earlier daemon's classifier keeps its counters. */
static void part_take_hits(struct rulesets *r, struct cls_part *p, uint32_t id, uint32_t bits)
{
	struct classifier there;

	p->bits = bits;
	if (shadow_get(r->shadow, DP_CLASSIFIERS, &id, &there) && there.rules == bits && there.hits)
		p->hits = there.hits;
	else
		p->hits = hits_take(r->hits, bits);
	if (!p->hits)
		log_warn("no counters left: rules are not counted", "rules", log_fmt("%u", bits));
}

/* Puts what the kernel needs of it. */
static int part_put(struct rulesets *r, struct cls_part *p, uint32_t id,
		    const struct rules_open *reverse)
{
	cleanup(classifier_tables_done) struct classifier_tables t = {0};
	int rc = rules_compile(p->rules, p->n, reverse, &t);

	if (rc)
		return rc;
	if (!p->hits)
		part_take_hits(r, p, id, t.info.rules);
	t.info.hits = p->hits;
	for (size_t i = 0; i < t.n_addresses && !rc; i++) {
		t.addresses[i].classifier = id;
		rc = shadow_put(r->shadow, DP_RULE_ADDRESSES, &t.addresses[i],
				&t.address_bitmaps[i]);
	}
	for (size_t i = 0; i < t.n_ports && !rc; i++) {
		t.ports[i].classifier = id;
		rc = shadow_put(r->shadow, DP_RULE_PORTS, &t.ports[i], &t.port_bitmaps[i]);
	}
	return rc ? rc : shadow_put(r->shadow, DP_CLASSIFIERS, &id, &t.info);
}

static void cls_destroy(struct rulesets *r, struct cls *c)
{
	char item[SYMBOL_LEN + 16];

	cls_fold(r, c);
	snprintf(item, sizeof(item), "peers %s", c->symbol);
	shadow_remove(r->shadow, item, NULL);
	snprintf(item, sizeof(item), "classifier %s", c->symbol);
	shadow_remove(r->shadow, item, NULL);
	for (int v6 = 0; v6 < 2; v6++)
		hits_release(r->hits, c->parts[v6].hits, c->parts[v6].bits);
	names_release(r->names, NAME_CLASSIFIER, c->symbol);
	cls_free(r, c);
}

static int part_make(struct cls_part *p, const struct item_rule *rules, size_t n, bool v6)
{
	p->n = rules_of_family(rules, n, v6, NULL);
	p->rules = calloc(p->n ? p->n : 1, sizeof(*rules));
	if (!p->rules)
		return -ENOMEM;
	rules_of_family(rules, n, v6, p->rules);
	for (size_t i = 0; i < p->n; i++)
		p->has_peers = p->has_peers || p->rules[i].group[0];
	return 0;
}

static int cls_make(struct rulesets *r, const char *symbol, const struct item_rule *rules, size_t n,
		    struct cls **ret, struct err *e)
{
	struct cls *c = calloc(1, sizeof(*c));

	if (!c)
		return err_sys(e, -ENOMEM, "classifier");
	symbol_set(c->symbol, symbol);
	HASH_ADD_STR(r->classifiers, symbol, c);
	*ret = c;
	for (int v6 = 0; v6 < 2; v6++)
		if (part_make(&c->parts[v6], rules, n, v6))
			return err_sys(e, -ENOMEM, "classifier");
	return names_get(r->names, NAME_CLASSIFIER, c->symbol, &c->number, e);
}

/* Compiles it and writes what the kernel lacks. */
static int cls_put(struct rulesets *r, struct cls *c, const struct rules_open *reverse,
		   struct err *e)
{
	char item[SYMBOL_LEN + 16];
	int rc = 0;

	snprintf(item, sizeof(item), "classifier %s", c->symbol);
	shadow_begin(r->shadow, item);
	for (uint32_t v6 = 0; v6 < 2 && !rc; v6++)
		if (c->parts[v6].n)
			rc = part_put(r, &c->parts[v6], CLASSIFIER_ID(c->number, v6), reverse);
	if (rc)
		return err_sys(e, rc, "classifier %u", c->number);
	rc = shadow_commit(r->shadow, NULL, e);
	if (!rc)
		rc = put_peers(r, c, e);
	if (!rc)
		c->epoch = r->epoch;
	return rc;
}

/* The classifier of a rule list, with one more reference. */
static int cls_get(struct rulesets *r, const struct item_rule *rules, size_t n,
		   const struct rules_open *reverse, struct cls **ret, struct err *e)
{
	char symbol[SYMBOL_LEN] = "";
	struct cls *c;
	int rc = 0;

	cls_symbol(rules, n, reverse, symbol);
	HASH_FIND_STR(r->classifiers, symbol, c);
	if (!c)
		rc = cls_make(r, symbol, rules, n, &c, e);
	if (!rc && c->epoch != r->epoch)
		rc = cls_put(r, c, reverse, e);
	if (rc) {
		if (c && !c->refs && !c->free_at)
			cls_destroy(r, c);
		return rc;
	}
	c->refs++;
	c->free_at = 0;
	*ret = c;
	return 0;
}

/* Counts are kept from here on; what comes within the grace period is added when it goes. */
static void cls_unref(struct rulesets *r, struct cls *c)
{
	if (!c || --c->refs)
		return;
	c->free_at = now() + GRACE_NS;
	cls_fold(r, c);
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

/* The rule that stands for most: a prefix list counts with its entries. */
static const char *largest_rule(const struct item_rule *rules, size_t n, size_t *ret_size)
{
	const char *largest = "";

	*ret_size = 0;
	for (size_t i = 0, size = 0; i < n; i++) { /* those of one rule stand together */
		size = i && !strcmp(rules[i].id, rules[i - 1].id) ? size + 1 : 1;
		if (size > *ret_size) {
			*ret_size = size;
			largest = rules[i].id;
		}
	}
	return largest;
}

/* The model keeps the quotas, so that this is met by those who lowered them, with objects that are
 * older. */
static int size_check(const struct item_rules *body, const struct item_rule *rules, size_t n,
		      const char *direction, struct err *e)
{
	cleanup_buf struct buf groups = {0};
	size_t counts[2], size;
	const char *rule;

	for (int v6 = 0; v6 < 2; v6++)
		counts[v6] = rules_of_family(rules, n, v6, NULL);
	if (counts[0] <= RULES_MAX && counts[1] <= RULES_MAX)
		return 0;
	for (int i = 0; i < GROUPS_PER_INTERFACE && body->groups[i][0]; i++)
		buf_printf(&groups, "%s%s", i ? ", " : "", body->groups[i]);
	rule = largest_rule(rules, n, &size);
	return err_set(
		e, -E2BIG, "RulesPerSecurityGroupLimitExceeded", "",
		"%s: %zu IPv4 and %zu IPv6 %s rules, of which %s is %zu: an interface has at "
		"most %u of a family and direction; until then the rules before hold, or "
		"none where there were none",
		buf_str(&groups), counts[0], counts[1], direction, rule, size, RULES_MAX);
}

int rulesets_put(struct rulesets *r, const struct item *it, bool *ret_changed, struct err *e)
{
	const struct item_rules *body = it->body;
	const struct item_rule *in = body->rules, *out = body->rules + body->n_in;
	/* Network ACLs track nothing. */
	bool groups = it->type == ITEM_GROUPS;
	struct rules_open open_in = groups ? rules_open(in, body->n_in) : (struct rules_open){0};
	struct rules_open open_out = groups ? rules_open(out, body->n_out) : (struct rules_open){0};
	struct set *s = set_find(r, it);
	struct cls *new_in, *new_out;
	struct rules_pair old, pair;
	int rc;

	rc = size_check(body, in, body->n_in, "ingress", e);
	if (!rc)
		rc = size_check(body, out, body->n_out, "egress", e);
	if (rc)
		return rc;
	rc = s ? 0 : set_make(r, it, &s, e);
	if (rc)
		return rc;
	rc = cls_get(r, in, body->n_in, &open_out, &new_in, e);
	if (rc)
		return rc;
	rc = cls_get(r, out, body->n_out, &open_in, &new_out, e);
	if (rc) {
		cls_unref(r, new_in);
		return rc;
	}
	old = set_current(r, s);
	pair = (struct rules_pair){.in = new_in->number, .out = new_out->number};
	*ret_changed = memcmp(&old, &pair, sizeof(pair)) != 0;
	if (*ret_changed)
		set_switch(r, s, pair);
	cls_unref(r, s->in);
	cls_unref(r, s->out);
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
	cls_unref(r, s->in);
	cls_unref(r, s->out);
	HASH_DEL(r->sets, s);
	if (!s->acl)
		put_peers_of(r, s, e);
	names_release(r->names, s->acl ? NAME_ACL : NAME_GROUPS, it->key);
	free(s);
	return 0;
}

/* ---- hits ---- */

int rulesets_hits_read(struct rulesets *r, struct err *e)
{
	struct cls *c, *tmp;
	int rc = 0;

	hits_live_begin(r->hits);
	HASH_ITER (hh, r->classifiers, c, tmp) {
		for (int v6 = 0; v6 < 2 && !rc; v6++)
			rc = hits_live_add(r->hits, c->parts[v6].hits, c->parts[v6].rules,
					   c->parts[v6].n, e);
	}
	return rc;
}

bool rulesets_hits(const struct rulesets *r, const char *rule, uint64_t *ret)
{
	return hits_get(r->hits, rule, ret);
}

size_t rulesets_uncounted(const struct rulesets *r)
{
	size_t n = 0;

	for (const struct cls *c = r->classifiers; c; c = c->hh.next)
		for (int v6 = 0; v6 < 2; v6++)
			n += c->parts[v6].hits ? 0 : c->parts[v6].n;
	return n;
}

void rulesets_hits_sweep(struct rulesets *r, bool (*keep)(void *arg, const char *rule), void *arg)
{
	hits_sweep(r->hits, keep, arg);
}
