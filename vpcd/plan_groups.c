/* SPDX-License-Identifier: MIT
 * Items of group sets: the union of the rules of an interface's groups.
 */
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "vpcd/plan.h"

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct rule_list {
	size_t n, cap;
	const struct security_group_rule **v;
};

static void rule_list_add(void *arg, const struct object *o)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	struct rule_list *l = arg;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (!l->v)
			abort();
	}
	l->v[l->n++] = r;
}

static int rule_order(const void *a, const void *b)
{
	const struct security_group_rule *x = *(const struct security_group_rule *const *)a;
	const struct security_group_rule *y = *(const struct security_group_rule *const *)b;

	if (x->is_egress != y->is_egress)
		return x->is_egress ? 1 : -1;
	return strcmp(x->o.id, y->o.id);
}

/* ---- a rule's items ---- */

static void body_add(struct buf *out, const struct item_rule *r)
{
	buf_add(out, r, sizeof(*r));
}

/* A prefix list's entries, each as a rule of its own. */
static void add_prefix_list(struct buf *out, const struct model *m, const struct item_rule *r,
			    const char *id)
{
	const struct prefix_list *pl = AS_CONST(prefix_list, model_get(m, id));
	const struct prefix_list_entry *v = pl ? pl->entries.v : NULL;

	for (size_t i = 0; pl && i < pl->entries.n; i++) {
		struct item_rule one = *r;

		one.cidr = v[i].cidr;
		body_add(out, &one);
	}
}

/* A rule that refers to a group which is gone, or in a VPC that is no peer any more, is stale and
 * matches nobody (VPC Peering Guide). */
static void add_rule(struct buf *out, const struct model *m, const struct security_group_rule *from)
{
	struct item_rule r;

	memset(&r, 0, sizeof(r));
	symbol_set(r.id, from->o.id);
	r.protocol = (int16_t)from->ip_protocol;
	r.from = (int32_t)from->from_port;
	r.to = (int32_t)from->to_port;
	if (from->prefix_list_id) {
		add_prefix_list(out, m, &r, from->prefix_list_id);
		return;
	}
	if (from->referenced_group_id && security_group_rule_is_stale(m, from))
		return;
	if (from->referenced_group_id)
		symbol_set(r.group, from->referenced_group_id);
	else
		r.cidr = ip_is_set(&from->cidr_ipv4.ip) ? from->cidr_ipv4 : from->cidr_ipv6;
	body_add(out, &r);
}

/* ---- sets ---- */

/* Rules of all groups of the set: referrers of a group include rules that merely name it as their
 * peer, so the owner is checked. Sorted: the same rules give the same body. */
static void rules_collect(const struct model *m, const char *const *groups, size_t n,
			  struct rule_list *ret)
{
	size_t kept = 0;

	for (size_t g = 0; g < n; g++) {
		size_t from = ret->n;

		model_referrers(m, groups[g], KIND_SECURITY_GROUP_RULE, rule_list_add, ret);
		for (size_t i = from; i < ret->n; i++)
			if (!strcmp(ret->v[i]->group_id, groups[g]))
				ret->v[kept++] = ret->v[i];
		ret->n = kept;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), rule_order);
}

static void emit_groups(struct plan_pass *pp, const char *symbol, const char *const *groups,
			size_t n)
{
	struct item_rules head;
	struct rule_list rules = {0};
	cleanup_buf struct buf body = {0};
	size_t ingress = 0;

	rules_collect(pp->model, groups, n, &rules);
	memset(&head, 0, sizeof(head));
	for (size_t i = 0; i < n; i++)
		symbol_set(head.groups[i], groups[i]);
	buf_add(&body, &head, sizeof(head));
	for (size_t i = 0; i < rules.n; i++) { /* ingress first */
		add_rule(&body, pp->model, rules.v[i]);
		if (!rules.v[i]->is_egress)
			ingress = body.len;
	}
	free(rules.v);
	if (body.rc)
		abort();
	head.n_in = ingress ? (uint32_t)((ingress - sizeof(head)) / sizeof(struct item_rule)) : 0;
	head.n_out = (uint32_t)((body.len - sizeof(head)) / sizeof(struct item_rule)) - head.n_in;
	memcpy(body.p, &head, sizeof(head));
	plan_emit(pp, ITEM_GROUPS, symbol, body.p, body.len);
}

/* The symbol of an interface's group set: a hash of the group ids. Interfaces with the same groups
 * share it, and its classifier. */
void plan_emit_groups(struct plan_pass *pp, const struct list *groups, char *ret_symbol)
{
	const char *sorted[GROUPS_PER_INTERFACE];
	XXH3_state_t *state;
	size_t n = groups->n < GROUPS_PER_INTERFACE ? groups->n : GROUPS_PER_INTERFACE;

	ret_symbol[0] = 0;
	if (!n)
		return;
	memcpy(sorted, groups->v, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_id);
	state = XXH3_createState();
	XXH3_64bits_reset(state);
	for (size_t i = 0; i < n; i++)
		XXH3_64bits_update(state, sorted[i], strlen(sorted[i]) + 1);
	snprintf(ret_symbol, SYMBOL_LEN, "groups:%016llx",
		 (unsigned long long)XXH3_64bits_digest(state));
	XXH3_freeState(state);
	if (!plan_shared(pp, ITEM_GROUPS, ret_symbol))
		emit_groups(pp, ret_symbol, sorted, n);
}
