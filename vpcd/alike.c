/* SPDX-License-Identifier: MIT
 * See alike.h.
 */
#include "vpcd/alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <xxhash.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"

struct ranges {
	size_t n, cap;
	struct cidr *v;
};

/* Interfaces that are not like any other, and how many addresses each has. */
struct special {
	char attachment[SYMBOL_LEN];
	size_t addresses;
	bool is_special;
	UT_hash_handle hh;
};

struct side {
	const struct trace_env *env;
	struct ranges ranges;
	struct special *specials;
};

struct known_class {
	char key[512];
	size_t first;
	UT_hash_handle hh;
};

/* ---- what tells addresses apart ---- */

static int range_add(struct ranges *r, const struct cidr *c)
{
	if (!ip_is_set(&c->ip))
		return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		void *v = reallocarray(r->v, cap, sizeof(*r->v));

		if (!v)
			return -ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = *c;
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	return cidr_cmp(a, b);
}

static void ranges_unique(struct ranges *r)
{
	size_t kept = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare_ranges);
	for (size_t i = 0; i < r->n; i++)
		if (!kept || cidr_cmp(&r->v[kept - 1], &r->v[i]))
			r->v[kept++] = r->v[i];
	r->n = kept;
}

static int rules_add(struct ranges *r, const struct plan *p, enum item_type type)
{
	int rc = 0;

	for (const struct item *it = plan_next(p, type, NULL); it; it = plan_next(p, type, it)) {
		const struct item_rules *body = it->body;

		for (uint32_t i = 0; i < body->n_in + body->n_out && !rc; i++)
			rc = range_add(r, &body->rules[i].cidr);
	}
	return rc;
}

/* ---- interfaces that stand out ---- */

static struct special *special_get(struct side *s, const char *attachment)
{
	struct special *sp;

	HASH_FIND_STR(s->specials, attachment, sp);
	if (sp)
		return sp;
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return NULL;
	symbol_set(sp->attachment, attachment);
	HASH_ADD_STR(s->specials, attachment, sp);
	return sp;
}

/* The target of a route gets what is not its own. */
static int routes_note(struct side *s)
{
	const struct plan *p = s->env->plan;
	int rc = 0;

	for (const struct item *it = plan_next(p, ITEM_ROUTE, NULL); it && !rc;
	     it = plan_next(p, ITEM_ROUTE, it)) {
		const struct item_route *r = it->body;
		struct special *sp = r->target == TARGET_ENI ? special_get(s, r->id) : NULL;

		rc = range_add(&s->ranges, &r->destination);
		if (sp)
			sp->is_special = true;
		else if (r->target == TARGET_ENI)
			rc = -ENOMEM;
	}
	return rc;
}

static int addresses_note(struct side *s)
{
	const struct plan *p = s->env->plan;

	for (const struct item *it = plan_next(p, ITEM_ADDRESS, NULL); it;
	     it = plan_next(p, ITEM_ADDRESS, it)) {
		const struct item_address *a = it->body;
		struct special *sp = a->kind == ADDR_NAT ? NULL : special_get(s, a->holder);

		if (!sp && a->kind != ADDR_NAT)
			return -ENOMEM;
		if (sp && ++sp->addresses > 1)
			sp->is_special = true;
		if (sp && ip_is_set(&a->other))
			sp->is_special = true;
	}
	return 0;
}

static int side_fill(struct side *s, const struct trace_env *env)
{
	int rc;

	s->env = env;
	rc = rules_add(&s->ranges, env->plan, ITEM_GROUPS);
	if (!rc)
		rc = rules_add(&s->ranges, env->plan, ITEM_ACL);
	if (!rc)
		rc = routes_note(s);
	if (!rc)
		rc = addresses_note(s);
	ranges_unique(&s->ranges);
	return rc;
}

static void side_done(struct side *s)
{
	struct special *sp, *tmp;

	HASH_ITER (hh, s->specials, sp, tmp) {
		HASH_DEL(s->specials, sp);
		free(sp);
	}
	free(s->ranges.v);
}

/* ---- classes ---- */

/* Which of the ranges have the address. */
static XXH128_hash_t membership(const struct ranges *r, const struct ip *ip)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_hash_t h;

	XXH3_128bits_reset(state);
	for (size_t i = 0; i < r->n; i++) {
		uint8_t in = cidr_contains_ip(&r->v[i], ip);

		XXH3_128bits_update(state, &in, 1);
	}
	h = XXH3_128bits_digest(state);
	XXH3_freeState(state);
	return h;
}

/* False: it is like no other. */
static bool side_key(const struct side *s, const struct trace_end *end, bool there, char *ret,
		     size_t len)
{
	const struct item *it = there && end->attachment[0]
					? plan_get(s->env->plan, ITEM_ENI, end->attachment)
					: NULL;
	const struct item_eni *eni = it ? it->body : NULL;
	struct special *sp;
	XXH128_hash_t h;

	snprintf(ret, len, "absent");
	if (!there)
		return true;
	HASH_FIND_STR(s->specials, end->attachment, sp);
	if (!eni || !sp || sp->is_special || ip_is_set(&eni->address6) ||
	    (eni->flags & ~ENI_ALWAYS_TRACKED) != ENI_SOURCE_DEST_CHECK)
		return false;
	h = membership(&s->ranges, &eni->address);
	snprintf(ret, len, "%s %s %s %x %u %016llx%016llx", eni->vpc, eni->subnet, eni->groups,
		 eni->flags, eni->mtu, (unsigned long long)h.high64, (unsigned long long)h.low64);
	return true;
}

static bool end_key(const struct side sides[SIDES], const struct twin_end *end,
		    char ret[sizeof(((struct known_class *)0)->key)])
{
	char part[SIDES][250];

	for (int side = 0; side < SIDES; side++)
		if (!side_key(&sides[side], &end->at[side], end->there[side], part[side],
			      sizeof(part[side])))
			return false;
	snprintf(ret, sizeof(((struct known_class *)0)->key), "%s|%s", part[BEFORE], part[AFTER]);
	return true;
}

static int classes_make(const struct side sides[SIDES], const struct twin_ends *ends, size_t *first)
{
	struct known_class *classes = NULL, *c, *tmp;
	char key[sizeof(c->key)];
	int rc = 0;

	for (size_t i = 0; i < ends->n && !rc; i++) {
		first[i] = i;
		if (!end_key(sides, &ends->v[i], key))
			continue;
		HASH_FIND_STR(classes, key, c);
		if (c) {
			first[i] = c->first;
			continue;
		}
		c = calloc(1, sizeof(*c));
		if (!c) {
			rc = -ENOMEM;
			break;
		}
		snprintf(c->key, sizeof(c->key), "%s", key);
		c->first = i;
		HASH_ADD_STR(classes, key, c);
	}
	HASH_ITER (hh, classes, c, tmp) {
		HASH_DEL(classes, c);
		free(c);
	}
	return rc;
}

int alike_find(const struct trace_env env[SIDES], const struct twin_ends *ends, size_t **ret_first,
	       struct err *e)
{
	cleanup_free size_t *first = calloc(ends->n + 1, sizeof(*first));
	struct side sides[SIDES] = {0};
	int rc = first ? 0 : -ENOMEM;

	for (int side = 0; side < SIDES && !rc; side++)
		rc = side_fill(&sides[side], &env[side]);
	if (!rc)
		rc = classes_make(sides, ends, first);
	for (int side = 0; side < SIDES; side++)
		side_done(&sides[side]);
	if (rc)
		return err_sys(e, rc, "ends that are alike");
	*ret_first = TAKE(first);
	return 0;
}
