/* SPDX-License-Identifier: MIT
 * The desired state: items, their owners, and which of them are dirty.
 *
 * Every item lies in one hash (by type and key) and in one of three kinds of list: clean, dirty by
 * type, or failed. An owner's items are found by its `share` list; an item that its last owner
 * stops emitting loses its body and stays, dirty, until apply acknowledges the removal.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "lib/cleanup.h"
#include "vpcd/plan.h"

enum queue { QUEUE_CLEAN, QUEUE_DIRTY, QUEUE_GONE, QUEUE_FAILED };

struct entry {
	struct item item; /* first: items are handed out, entries come back */
	char id[sizeof(((struct item *)0)->key) + 4]; /* "<type> <key>", the hash key */
	char owner[SYMBOL_LEN];
	unsigned owners;
	uint64_t pass; /* in which it was last emitted */
	enum queue queue;
	struct entry *prev, *next;
	UT_hash_handle hh;
};

/* One owner's hold on one entry. */
struct share {
	struct entry *entry;
	struct share *next;
};

struct owner {
	char id[SYMBOL_LEN];
	struct share *shares;
	struct share *old; /* those of the pass before, while the owner is recomputed */
	UT_hash_handle hh;
};

struct plan {
	struct entry *entries;
	struct entry *lists[ITEM_TYPE_COUNT][4]; /* by enum queue */
	struct owner *owners;
	uint64_t pass;
	size_t failed;
	struct plan_uplink uplink;
};

static const char *const type_names[ITEM_TYPE_COUNT] = {
	[ITEM_VPC] = "vpc",
	[ITEM_GROUPS] = "group set",
	[ITEM_ACL] = "network acl",
	[ITEM_SUBNET] = "subnet",
	[ITEM_ATTACHMENT] = "attachment",
	[ITEM_ENI] = "network interface",
	[ITEM_NAT] = "nat gateway",
	[ITEM_GATEWAY] = "internet gateway",
	[ITEM_ADDRESS] = "address",
	[ITEM_ROUTE] = "route",
	[ITEM_MIRROR] = "traffic mirror",
	[ITEM_SANDBOX] = "sandbox",
	[ITEM_DNS_ZONE] = "dns zone",
	[ITEM_DNS_RECORD] = "dns record",
	[ITEM_DNS_RULE] = "dns rule",
	[ITEM_DNS_DOMAINS] = "dns firewall domain list",
	[ITEM_DNS_FIREWALL] = "dns firewall rule",
	[ITEM_DNSSEC] = "dnssec validation",
	[ITEM_DNS_LOG] = "dns query log",
};

const char *item_type_name(enum item_type t)
{
	return type_names[t];
}

void symbol_set(char *dst, const char *src)
{
	memset(dst, 0, SYMBOL_LEN);
	if (src)
		memcpy(dst, src, strnlen(src, SYMBOL_LEN - 1));
}

struct plan *plan_new(void)
{
	return calloc(1, sizeof(struct plan));
}

void plan_set_uplink(struct plan *p, const struct plan_uplink *u)
{
	p->uplink = *u;
}

const struct plan_uplink *plan_uplink(const struct plan_pass *pp)
{
	return pp->plan->uplink.link[0] ? &pp->plan->uplink : NULL;
}

static void shares_free(struct share *s)
{
	struct share *it, *tmp;

	LL_FOREACH_SAFE(s, it, tmp)
	free(it);
}

void plan_free(struct plan *p)
{
	struct entry *en, *en_tmp;
	struct owner *o, *o_tmp;

	if (!p)
		return;
	HASH_ITER (hh, p->owners, o, o_tmp) {
		HASH_DEL(p->owners, o);
		shares_free(o->shares);
		free(o);
	}
	HASH_ITER (hh, p->entries, en, en_tmp) {
		HASH_DEL(p->entries, en);
		free(en->item.body);
		free(en);
	}
	free(p);
}

static void entry_id(char *id, size_t len, enum item_type type, const char *key)
{
	snprintf(id, len, "%02d %s", type, key);
}

static struct entry *entry_find(const struct plan *p, enum item_type type, const char *key)
{
	char id[sizeof(((struct entry *)0)->id)];
	struct entry *en;

	entry_id(id, sizeof(id), type, key);
	HASH_FIND_STR(p->entries, id, en);
	return en;
}

static void entry_queue(struct plan *p, struct entry *en, enum queue q)
{
	struct entry **lists = p->lists[en->item.type];

	if (en->queue == QUEUE_FAILED)
		p->failed--;
	if (q == QUEUE_FAILED)
		p->failed++;
	DL_DELETE(lists[en->queue], en);
	en->queue = q;
	DL_APPEND(lists[q], en);
}

static struct entry *entry_new(struct plan *p, enum item_type type, const char *key)
{
	struct entry *en = calloc(1, sizeof(*en));

	if (!en)
		abort(); /* as SQLite and GLib do: a plan that lacks items must not be applied */
	en->item.type = type;
	snprintf(en->item.key, sizeof(en->item.key), "%s", key);
	entry_id(en->id, sizeof(en->id), type, key);
	en->queue = QUEUE_DIRTY;
	DL_APPEND(p->lists[type][QUEUE_DIRTY], en);
	HASH_ADD_STR(p->entries, id, en);
	return en;
}

/* Gives the entry a body; dirty if it is another one than before. */
static void entry_set_body(struct plan *p, struct entry *en, const void *body, size_t len)
{
	struct item *it = &en->item;

	if (it->body && it->len == len && !memcmp(it->body, body, len))
		return;
	free(it->body);
	it->body = malloc(len ? len : 1);
	if (!it->body)
		abort();
	memcpy(it->body, body, len);
	it->len = len;
	entry_queue(p, en, QUEUE_DIRTY);
}

static struct owner *owner_get(struct plan *p, const char *id, bool make)
{
	struct owner *o;

	HASH_FIND_STR(p->owners, id, o);
	if (o || !make)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		abort();
	symbol_set(o->id, id);
	HASH_ADD_STR(p->owners, id, o);
	return o;
}

/* The owner's hold on an entry: the one of the last pass is taken over. */
static void owner_hold(struct owner *o, struct entry *en)
{
	struct share *s;

	LL_FOREACH(o->shares, s)
	if (s->entry == en)
		return;
	LL_FOREACH(o->old, s)
	if (s->entry == en)
		break;
	if (s) {
		LL_DELETE(o->old, s);
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			abort();
		s->entry = en;
		if (!en->owners++)
			symbol_set(en->owner, o->id);
	}
	LL_PREPEND(o->shares, s);
}

void plan_emit(struct plan_pass *pp, enum item_type type, const char *key, const void *body,
	       size_t len)
{
	struct plan *p = pp->plan;
	struct entry *en = entry_find(p, type, key);

	if (!en)
		en = entry_new(p, type, key);
	entry_set_body(p, en, body, len);
	en->pass = p->pass;
	owner_hold(owner_get(p, pp->owner, true), en);
}

bool plan_shared(struct plan_pass *pp, enum item_type type, const char *key)
{
	struct entry *en = entry_find(pp->plan, type, key);

	if (!en || en->pass != pp->plan->pass || !en->item.body)
		return false;
	owner_hold(owner_get(pp->plan, pp->owner, true), en);
	return true;
}

static void entry_release(struct plan *p, struct entry *en)
{
	if (--en->owners)
		return;
	free(TAKE(en->item.body));
	en->item.len = 0;
	entry_queue(p, en, QUEUE_GONE);
}

static void emit_object(struct plan_pass *pp, const struct object *o)
{
	static void (*const by_kind[KIND_COUNT])(struct plan_pass *, const struct object *) = {
		[KIND_VPC] = plan_vpc,
		[KIND_SUBNET] = plan_subnet,
		[KIND_ROUTE_TABLE] = plan_route_table,
		[KIND_INTERNET_GATEWAY] = plan_internet_gateway,
		[KIND_NAT_GATEWAY] = plan_nat_gateway,
		[KIND_ELASTIC_IP] = plan_elastic_ip,
		[KIND_NETWORK_ACL] = plan_network_acl,
		[KIND_NETWORK_INTERFACE] = plan_network_interface,
		[KIND_INSTANCE] = plan_sandbox,
		[KIND_FUNCTION] = plan_sandbox,
		[KIND_INTERNET_HOST] = plan_internet_host,
		[KIND_HOSTED_ZONE] = plan_hosted_zone,
		[KIND_RECORD_SET] = plan_record_set,
		[KIND_RESOLVER_RULE] = plan_resolver_rule,
		[KIND_FIREWALL_DOMAIN_LIST] = plan_firewall_domain_list,
		[KIND_FIREWALL_RULE_GROUP] = plan_firewall_rule_group,
		[KIND_QUERY_LOG_CONFIG] = plan_query_log_config,
	};

	if (by_kind[o->kind->kind])
		by_kind[o->kind->kind](pp, o);
}

/* Recomputes one owner: o is NULL for an object that is gone, or for the built-in owner. */
static void owner_recompute(struct plan *p, const struct model *m, const char *id,
			    const struct object *obj)
{
	bool builtin = !strcmp(id, SYMBOL_INTERNET);
	struct owner *o = owner_get(p, id, obj || builtin);
	struct plan_pass pp = {.plan = p, .model = m, .owner = id};
	struct share *s, *tmp;

	if (!o)
		return;
	o->old = TAKE(o->shares);
	if (builtin)
		plan_builtin(&pp);
	else if (obj)
		emit_object(&pp, obj);
	LL_FOREACH_SAFE(o->old, s, tmp)
	{
		entry_release(p, s->entry);
		free(s);
	}
	o->old = NULL;
	if (!o->shares) {
		HASH_DEL(p->owners, o);
		free(o);
	}
}

void plan_full(struct plan *p, const struct model *m)
{
	struct owner *o, *tmp;

	p->pass++;
	owner_recompute(p, m, SYMBOL_INTERNET, NULL);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (obj, m, k)
			owner_recompute(p, m, obj->id, obj);
	HASH_ITER (hh, p->owners, o, tmp) /* objects that are gone */
		if (strcmp(o->id, SYMBOL_INTERNET) && !model_get(m, o->id))
			owner_recompute(p, m, o->id, NULL);
}

struct recompute {
	struct plan *p;
	const struct model *m;
};

static void recompute_id(void *arg, const char *id)
{
	struct recompute *r = arg;

	owner_recompute(r->p, r->m, id, model_get(r->m, id));
}

void plan_changes(struct plan *p, const struct model *m, const struct change *c, size_t n)
{
	struct recompute r = {.p = p, .m = m};

	p->pass++;
	plan_affected(m, c, n, recompute_id, &r);
}

const struct item *plan_get(const struct plan *p, enum item_type type, const char *key)
{
	struct entry *en = entry_find(p, type, key);

	return en && en->item.body ? &en->item : NULL;
}

const struct item *plan_next(const struct plan *p, enum item_type type, const struct item *it)
{
	static const enum queue desired[] = {QUEUE_CLEAN, QUEUE_DIRTY, QUEUE_FAILED};
	const struct entry *en = (const struct entry *)it;
	bool past = !en;

	if (en && en->next)
		return &en->next->item;
	for (size_t i = 0; i < ARRAY_SIZE(desired); i++) {
		if (past && p->lists[type][desired[i]])
			return &p->lists[type][desired[i]]->item;
		past = past || en->queue == desired[i];
	}
	return NULL;
}

const char *plan_owner(const struct item *it)
{
	return ((const struct entry *)it)->owner;
}

static bool contains_all(const struct plan *a, const struct plan *b, char *ret, size_t len)
{
	for (struct entry *en = a->entries; en; en = en->hh.next) {
		if (!en->item.body)
			continue;
		const struct item *other = plan_get(b, en->item.type, en->item.key);

		if (other && other->len == en->item.len &&
		    !memcmp(other->body, en->item.body, other->len))
			continue;
		snprintf(ret, len, "%s %s: %s", type_names[en->item.type], en->item.key,
			 other ? "bodies differ" : "only one has it");
		return false;
	}
	return true;
}

bool plan_equal(const struct plan *a, const struct plan *b, char *ret, size_t len)
{
	return contains_all(a, b, ret, len) && contains_all(b, a, ret, len);
}

const struct item *plan_dirty(const struct plan *p)
{
	for (int t = 0; t < ITEM_TYPE_COUNT; t++)
		if (p->lists[t][QUEUE_DIRTY])
			return &p->lists[t][QUEUE_DIRTY]->item;
	for (int t = ITEM_TYPE_COUNT - 1; t >= 0; t--)
		if (p->lists[t][QUEUE_GONE])
			return &p->lists[t][QUEUE_GONE]->item;
	return NULL;
}

void plan_ack(struct plan *p, const struct item *it, bool failed)
{
	struct entry *en = (struct entry *)it;

	if (failed) {
		entry_queue(p, en, QUEUE_FAILED);
	} else if (en->item.body) {
		entry_queue(p, en, QUEUE_CLEAN);
	} else {
		entry_queue(p, en, QUEUE_CLEAN);
		DL_DELETE(p->lists[it->type][QUEUE_CLEAN], en);
		HASH_DEL(p->entries, en);
		free(en);
	}
}

static void requeue(struct plan *p, enum item_type t, enum queue from)
{
	struct entry *en, *tmp;

	DL_FOREACH_SAFE(p->lists[t][from], en, tmp)
	entry_queue(p, en, en->item.body ? QUEUE_DIRTY : QUEUE_GONE);
}

void plan_retry(struct plan *p, bool all)
{
	for (int t = 0; t < ITEM_TYPE_COUNT; t++) {
		requeue(p, t, QUEUE_FAILED);
		if (all)
			requeue(p, t, QUEUE_CLEAN);
	}
}

size_t plan_failed(const struct plan *p)
{
	return p->failed;
}

bool plan_has_failed(const struct item *it)
{
	return ((const struct entry *)it)->queue == QUEUE_FAILED;
}
