/* SPDX-License-Identifier: MIT
 * See touched.h.
 */
#include "vpcd/touched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "bpf/abi.h"

/* A symbol that differs, by the item type that it is the key of; of route tables, which are no
 * items, ITEM_ROUTE. */
struct mark {
	char key[SYMBOL_LEN + 8];
	UT_hash_handle hh;
};

struct touched {
	struct mark *marks;
	bool all;
	int rc;
};

static void key_make(enum item_type type, const char *symbol, char *ret, size_t len)
{
	memset(ret, 0, len);
	snprintf(ret, len, "%d %.*s", type, SYMBOL_LEN, symbol);
}

static bool is_marked(const struct touched *t, enum item_type type, const char *symbol)
{
	char key[SYMBOL_LEN + 8];
	struct mark *m;

	key_make(type, symbol, key, sizeof(key));
	HASH_FIND_STR(t->marks, key, m);
	return m != NULL;
}

static void mark(struct touched *t, enum item_type type, const char *symbol)
{
	struct mark *m;

	if (!symbol[0] || is_marked(t, type, symbol))
		return;
	m = calloc(1, sizeof(*m));
	if (!m) {
		t->rc = -ENOMEM;
		return;
	}
	key_make(type, symbol, m->key, sizeof(m->key));
	HASH_ADD_STR(t->marks, key, m);
}

/* ---- what differs ---- */

static void note_route(struct touched *t, const struct item_route *r)
{
	/* A VPC's blocks: peerings and gateways route by them. */
	if (!strncmp(r->table, SYMBOL_LOCAL_TABLE, strlen(SYMBOL_LOCAL_TABLE)) ||
	    symbol_is_builtin(r->table))
		t->all = true;
	mark(t, ITEM_ROUTE, r->table);
}

static void note_address(struct touched *t, const struct item_address *a)
{
	if (a->kind == ADDR_NAT)
		t->all = true;
	mark(t, ITEM_ENI, a->holder);
}

static void note(struct touched *t, const struct item *it)
{
	switch (it->type) {
	case ITEM_VPC:
	case ITEM_NAT:
	case ITEM_GATEWAY:
		t->all = true;
		return;
	case ITEM_GROUPS:
	case ITEM_ACL:
	case ITEM_SUBNET:
	case ITEM_ENI:
		mark(t, it->type, it->key);
		return;
	case ITEM_ADDRESS:
		note_address(t, it->body);
		return;
	case ITEM_ROUTE:
		note_route(t, it->body);
		return;
	default: /* no packet is judged by it */
		return;
	}
}

/* What `a` has and `b` has not, or otherwise. */
static void note_differences(struct touched *t, const struct plan *a, const struct plan *b)
{
	for (int type = 0; type < ITEM_TYPE_COUNT; type++)
		for (const struct item *it = plan_next(a, type, NULL); it;
		     it = plan_next(a, type, it)) {
			const struct item *other = plan_get(b, type, it->key);

			if (!other || other->len != it->len ||
			    memcmp(other->body, it->body, it->len))
				note(t, it);
		}
}

/* ---- whose it is ---- */

static bool subnet_is_touched(const struct touched *t, const struct item *it)
{
	const struct item_subnet *s = it->body;

	return is_marked(t, ITEM_SUBNET, it->key) || is_marked(t, ITEM_ROUTE, s->route_table) ||
	       (s->acl[0] && is_marked(t, ITEM_ACL, s->acl));
}

static void follow_subnets(struct touched *t, const struct plan *p)
{
	for (const struct item *it = plan_next(p, ITEM_SUBNET, NULL); it;
	     it = plan_next(p, ITEM_SUBNET, it))
		if (subnet_is_touched(t, it))
			mark(t, ITEM_SUBNET, it->key);
}

static void follow_interfaces(struct touched *t, const struct plan *p)
{
	for (const struct item *it = plan_next(p, ITEM_ENI, NULL); it;
	     it = plan_next(p, ITEM_ENI, it)) {
		const struct item_eni *eni = it->body;

		if (!is_marked(t, ITEM_ENI, it->key) && !is_marked(t, ITEM_SUBNET, eni->subnet) &&
		    !is_marked(t, ITEM_GROUPS, eni->groups))
			continue;
		mark(t, ITEM_ENI, it->key);
		if (!(eni->flags & ENI_SOURCE_DEST_CHECK)) /* others' packets may pass it */
			t->all = true;
	}
}

/* Gateways stand on the way of many. */
static void follow_gateways(struct touched *t, const struct plan *p)
{
	for (const struct item *it = plan_next(p, ITEM_NAT, NULL); it;
	     it = plan_next(p, ITEM_NAT, it))
		if (is_marked(t, ITEM_SUBNET, ((const struct item_nat *)it->body)->subnet))
			t->all = true;
	for (const struct item *it = plan_next(p, ITEM_GATEWAY, NULL); it;
	     it = plan_next(p, ITEM_GATEWAY, it))
		if (is_marked(t, ITEM_ROUTE, ((const struct item_gateway *)it->body)->route_table))
			t->all = true;
}

int touched_find(const struct plan *before, const struct plan *after, struct touched **ret,
		 struct err *e)
{
	const struct plan *const plans[] = {before, after};
	struct touched *t = calloc(1, sizeof(*t));

	if (!t)
		return err_sys(e, -ENOMEM, "what a change touches");
	note_differences(t, before, after);
	note_differences(t, after, before);
	for (size_t i = 0; i < 2; i++)
		follow_subnets(t, plans[i]);
	for (size_t i = 0; i < 2; i++) {
		follow_interfaces(t, plans[i]);
		follow_gateways(t, plans[i]);
	}
	if (t->rc) {
		touched_free(t);
		return err_sys(e, -ENOMEM, "what a change touches");
	}
	*ret = t;
	return 0;
}

void touched_free(struct touched *t)
{
	struct mark *m, *tmp;

	if (!t)
		return;
	HASH_ITER (hh, t->marks, m, tmp) {
		HASH_DEL(t->marks, m);
		free(m);
	}
	free(t);
}

bool touched_has(const struct touched *t, const char *attachment)
{
	return t->all || (attachment[0] && is_marked(t, ITEM_ENI, attachment));
}
