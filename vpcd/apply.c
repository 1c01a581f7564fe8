/* SPDX-License-Identifier: MIT
 * See apply.h. One deferred call of the loop works while items are dirty; when none is left it
 * finishes: generations move on, DNS is published, waiters are called.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "model/age.h"
#include "vpcd/apply.h"
#include "vpcd/apply_rules.h"
#include "vpcd/bind.h"
#include "vpcd/links.h"
#include "vpcd/shadow.h"

#define SLICE_NS       5000000ull     /* of work, before the loop looks at its sockets again */
#define RETRY_NS       5000000000ull  /* failed items */
#define AUDIT_NS       60000000000ull /* the kernel is read again */
#define COLLECT_NS     100000000ull
#define COLLECT_BUDGET 8192 /* flow entries a slice */
#define COLLECT_REST   9    /* slices that are left out after one that met the table's end */

struct waiter {
	uint64_t ticket, revision;
	void (*done)(void *arg);
	void *arg;
	struct waiter *prev, *next;
};

struct apply {
	struct apply_config cfg;
	struct plan *plan;
	struct shadow *shadow;
	struct rulesets *rulesets;
	struct bind bind;
	struct links *links;
	struct event_source *work, *retry, *audit, *collect, *age;
	struct waiter *waiters;
	uint64_t tickets;
	uint64_t applied; /* revision */
	uint64_t started; /* of this pass; 0: none under way */
	unsigned rest;	  /* slices of collection to leave out */
	bool paths_changed, groups_changed, dns_changed, sweep;
	bool sets_failed; /* rules of a group set could not be put, since the daemon started */
	bool deleted;	  /* an object or entry was: numbers and counts may be free */
	struct apply_stats stats;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- one item ---- */

/* New paths matter to no flow that stands; changed and removed ones do. A route is both: a more
 * specific one takes flows over; and a mirror takes those that stand. */
static void note_paths(struct apply *a, const struct item *it, const struct shadow_counts *c)
{
	if (c->updated || c->deleted ||
	    (c->inserted && (it->type == ITEM_ROUTE || it->type == ITEM_MIRROR)))
		a->paths_changed = true;
	if (it->type == ITEM_ENI && c->updated)
		a->groups_changed = true;
}

static int put_bound(struct apply *a, const struct item *it, struct err *e)
{
	struct shadow_counts counts = {0};
	int rc;

	if (it->type == ITEM_ENI && !links_up(a->links, it->key))
		return err_set(e, -ENOLINK, "InternalError", "", "%s has no link", it->key);
	rc = bind_put(&a->bind, it, &counts, e);
	if (rc)
		return rc;
	note_paths(a, it, &counts);
	if (it->type == ITEM_ENI && !strcmp(it->key, SYMBOL_SERVICE))
		dataplane_set_service(a->cfg.dp,
				      names_find(a->cfg.names, NAME_INTERFACE, SYMBOL_SERVICE));
	if (it->type == ITEM_VPC)
		resolver_touch(a->cfg.resolver, it);
	a->dns_changed = a->dns_changed || it->type == ITEM_ENI || it->type == ITEM_VPC;
	return 0;
}

static int put_rules(struct apply *a, const struct item *it, struct err *e)
{
	bool changed = false;
	int rc = rulesets_put(a->rulesets, it, &changed, e);

	if (it->type == ITEM_ACL)
		a->paths_changed = a->paths_changed || changed;
	else
		a->groups_changed = a->groups_changed || changed;
	return rc;
}

/* The links that copies take are made for the first session. */
static int put_mirror(struct apply *a, const struct item *it, struct err *e)
{
	uint32_t device = 0;
	int rc = fabric_mirror_device(a->cfg.fabric, dataplane_mirror_prog(a->cfg.dp), &device, e);

	if (rc)
		return rc;
	dataplane_set_mirror_device(a->cfg.dp, device);
	return put_bound(a, it, e);
}

static int put(struct apply *a, const struct item *it, struct err *e)
{
	switch (it->type) {
	case ITEM_GROUPS:
	case ITEM_ACL:
		return put_rules(a, it, e);
	case ITEM_ATTACHMENT:
		return links_put(a->links, it, e);
	case ITEM_SANDBOX:
		return sandboxes_put(a->cfg.sandboxes, it, e);
	case ITEM_MIRROR:
		return put_mirror(a, it, e);
	case ITEM_DNS_ZONE ... ITEM_DNS_LOG:
		resolver_touch(a->cfg.resolver, it);
		a->dns_changed = true;
		return 0;
	default:
		return put_bound(a, it, e);
	}
}

static int drop(struct apply *a, const struct item *it, struct err *e)
{
	switch (it->type) {
	case ITEM_GROUPS:
	case ITEM_ACL:
		return rulesets_remove(a->rulesets, it, e);
	case ITEM_ATTACHMENT:
		return links_remove(a->links, it->key, e);
	case ITEM_SANDBOX:
		sandboxes_remove(a->cfg.sandboxes, it->key);
		return 0;
	case ITEM_DNS_ZONE ... ITEM_DNS_LOG:
		resolver_touch(a->cfg.resolver, it);
		a->dns_changed = true;
		return 0;
	default:
		a->paths_changed = true;
		a->dns_changed = a->dns_changed || it->type == ITEM_ENI;
		return bind_remove(&a->bind, it, e);
	}
}

/* Says on the object what happened to its item. Sandboxes report success themselves. */
static void set_status(struct apply *a, const char *id, const char *state_field,
		       const char *reason_field, const char *state, const char *reason)
{
	cleanup_json struct json *status = json_new_obj();
	struct err e = {0};

	json_set_str(status, state_field, state);
	json_set(status, reason_field, reason ? json_new_str(reason) : json_new_null());
	if (store_set_status(a->cfg.store, id, status, &e))
		log_error("status not stored", "id", id, "error", e.msg);
}

/* pending until the data plane has it; what the daemon failed to make (and not what stood against
 * it at creation) may still become available. */
static void nat_status(struct apply *a, const char *id, const char *state, const char *message)
{
	cleanup_json struct json *status = json_new_obj();
	struct err e = {0};

	json_set_str(status, "State", state);
	json_set(status, "FailureCode", message ? json_new_str("InternalError") : json_new_null());
	json_set(status, "FailureMessage", message ? json_new_str(message) : json_new_null());
	if (store_set_status(a->cfg.store, id, status, &e))
		log_error("status not stored", "id", id, "error", e.msg);
}

/* What was asked to go is gone. */
static void nats_settle(struct apply *a)
{
	const struct model *m = store_model(a->cfg.store);
	const struct object *o = model_first_shown(m, KIND_NAT_GATEWAY), *next;

	for (; o; o = next) {
		next = model_next_shown(m, o);
		if (!strcmp(AS_CONST(nat_gateway, o)->state, "deleting"))
			nat_status(a, o->id, "deleted", NULL);
	}
}

/* ---- interfaces of a group set ---- */

struct set_members {
	const struct apply *a;
	const char *set;
	char (*ids)[SYMBOL_LEN]; /* a status change replaces the object, so they are listed first */
	size_t n, cap;
};

static void member_add(void *arg, const struct object *o)
{
	struct set_members *m = arg;
	const struct item *it = plan_get(m->a->plan, ITEM_ENI, o->id);

	if (!it || !it->body || strcmp(((const struct item_eni *)it->body)->groups, m->set))
		return;
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 16;
		m->ids = reallocarray(m->ids, m->cap, sizeof(*m->ids));
		if (!m->ids)
			abort();
	}
	symbol_set(m->ids[m->n++], o->id);
}

/* Says on an interface that stands how it is, if it says otherwise. */
static void interface_state(struct apply *a, const char *id, const char *state, const char *reason)
{
	const struct object *o = model_get(store_model(a->cfg.store), id);
	const char *status = o ? AS_CONST(network_interface, o)->status : NULL;

	if (status && links_up(a->links, id) && strcmp(status, state))
		set_status(a, id, "Status", "StatusReason", state, reason);
}

/* Whose rules they are says that they are not there, or are there again. */
static void report_groups(struct apply *a, const struct item *it, const char *reason)
{
	struct set_members m = {.a = a, .set = it->key};

	a->sets_failed = a->sets_failed || reason;
	if (!a->sets_failed)
		return;
	model_referrers(store_model(a->cfg.store), ((const struct item_rules *)it->body)->groups[0],
			KIND_NETWORK_INTERFACE, member_add, &m);
	for (size_t i = 0; i < m.n; i++)
		interface_state(a, m.ids[i], reason ? "failed" : "in-use", reason);
	free(m.ids);
}

/* It may have left the groups whose rules are not there. */
static void report_interface(struct apply *a, const struct item *it)
{
	const struct item *set =
		plan_get(a->plan, ITEM_GROUPS, ((const struct item_eni *)it->body)->groups);

	if (a->sets_failed && !(set && plan_has_failed(set)))
		interface_state(a, it->key, "in-use", NULL);
}

static void report_failure(struct apply *a, const struct item *it, const struct err *e)
{
	const struct object *o = model_get(store_model(a->cfg.store), plan_owner(it));

	const char *owner = plan_owner(it);
	char holder[SYMBOL_LEN] = ""; /* a status change replaces the object */

	a->stats.failures++;
	log_error("apply failed", "item", item_type_name(it->type), "key", it->key, "error",
		  e->msg);
	if (it->type == ITEM_GROUPS && it->body) {
		report_groups(a, it, e->msg);
		return;
	}
	if (!o || e->rc == -ENOLINK) /* the attachment itself has said why */
		return;
	if (o->kind->kind == KIND_NETWORK_INTERFACE) {
		symbol_set(holder, AS_CONST(network_interface, o)->attachment_id);
		set_status(a, owner, "Status", "StatusReason", "failed", e->msg);
		if (holder[0])
			set_status(a, holder, "State", "StateReason", "failed", e->msg);
	} else if (object_sandbox_const(o)) {
		set_status(a, owner, "State", "StateReason", "failed", e->msg);
	} else if (it->type == ITEM_NAT) {
		nat_status(a, owner, "failed", e->msg);
	}
}

static void report_success(struct apply *a, const struct item *it)
{
	const struct object *o = model_get(store_model(a->cfg.store), it->key);

	if (it->type == ITEM_NAT && o && strcmp(AS_CONST(nat_gateway, o)->state, "available"))
		nat_status(a, it->key, "available", NULL);
	if (it->type == ITEM_GROUPS)
		report_groups(a, it, NULL);
	if (it->type == ITEM_ENI && o && o->kind->kind == KIND_NETWORK_INTERFACE)
		report_interface(a, it);
	if (it->type != ITEM_ATTACHMENT)
		return;
	if (o && o->kind->kind == KIND_NETWORK_INTERFACE)
		set_status(a, it->key, "Status", "StatusReason", "in-use", NULL);
}

/* A sandbox whose interface failed is not started. */
static bool attachment_failed(struct apply *a, const struct item *it)
{
	cleanup_json struct json *body = NULL;
	const char *attachment;

	if (it->type != ITEM_SANDBOX || !it->body ||
	    json_parse(it->body, strlen(it->body), false, &body, NULL))
		return false;
	attachment = json_str(json_get(body, "Attachment"));
	return attachment && !links_up(a->links, attachment);
}

static void apply_one(struct apply *a, const struct item *it)
{
	struct err e = {0};
	int rc;

	if (attachment_failed(a, it))
		rc = err_set(&e, -ENOLINK, "InternalError", "", "its interface has no link");
	else
		rc = it->body ? put(a, it, &e) : drop(a, it, &e);
	a->stats.items++;
	if (rc)
		report_failure(a, it, &e);
	else if (it->body)
		report_success(a, it);
	plan_ack(a->plan, it, rc != 0);
}

/* ---- a pass ---- */

struct stale {
	struct apply *a;
	enum name_space space;
};

/* Symbols of objects that went while no daemon ran, and route tables and gateways, which are items
 * of their own nowhere. */
static void release_stale(void *arg, const char *symbol, uint32_t number)
{
	struct stale *st = arg;
	struct apply *a = st->a;
	bool used;

	if (st->space == NAME_CLASSIFIER)
		used = rulesets_uses(a->rulesets, symbol);
	else if (st->space == NAME_GROUPS)
		used = plan_get(a->plan, ITEM_GROUPS, symbol);
	else
		used = symbol_is_builtin(symbol) ||
		       model_get(store_model(a->cfg.store), symbol_object(symbol));
	if (!used)
		names_release(a->cfg.names, st->space, symbol);
}

static void release_space(struct apply *a, enum name_space space)
{
	struct stale st = {a, space};

	names_each(a->cfg.names, space, release_stale, &st);
}

/* After everything is put: what the kernel has and nobody wants. */
static void sweep(struct apply *a)
{
	struct err e = {0};
	int entries, links;

	a->sweep = false;
	entries = shadow_sweep(a->shadow, &e);
	if (entries < 0)
		log_error("sweep failed", "error", e.msg);
	links = links_sweep(a->links, a->plan, &e);
	if (links < 0)
		log_error("sweep failed", "error", e.msg);
	sandboxes_sweep(a->cfg.sandboxes, a->plan);
	for (int space = 0; space < NAME_SPACE_COUNT; space++)
		release_space(a, space);
	if (entries > 0 || links > 0) {
		a->stats.repaired +=
			(uint64_t)(entries > 0 ? entries : 0) + (uint64_t)(links > 0 ? links : 0);
		log_warn("removed what nobody wants", "entries", log_fmt("%d", entries), "links",
			 log_fmt("%d", links));
	}
}

static bool acl_has_entry(const struct network_acl *acl, const char *rule)
{
	const struct network_acl_entry *v = acl->entries.v;
	char id[ACL_ENTRY_ID_LEN];

	for (size_t i = 0; i < acl->entries.n; i++)
		if (!strcmp(network_acl_entry_id(acl, &v[i], id), rule))
			return true;
	return false;
}

/* "sgr-…", or an ACL's id and more behind a slash: see struct item_rule. */
static bool rule_exists(void *arg, const char *rule)
{
	const struct apply *a = arg;
	const char *slash = strchr(rule, '/');
	char id[SYMBOL_LEN];
	const struct object *o;

	snprintf(id, sizeof(id), "%.*s", slash ? (int)(slash - rule) : SYMBOL_LEN - 1, rule);
	o = model_get(store_model(a->cfg.store), id);
	return o && (!slash || acl_has_entry(AS_CONST(network_acl, o), rule));
}

static void publish_dns(struct apply *a)
{
	struct err e = {0};

	a->dns_changed = false;
	if (resolver_publish(a->cfg.resolver, a->plan, &e)) {
		a->dns_changed = true; /* again with the next pass */
		log_error("DNS not published", "error", e.msg);
	}
}

static void call_waiters(struct apply *a)
{
	struct waiter *w, *tmp, *due = NULL;

	DL_FOREACH_SAFE(a->waiters, w, tmp)
	{
		if (w->revision > a->applied)
			continue;
		DL_DELETE(a->waiters, w);
		DL_APPEND(due, w);
	}
	DL_FOREACH_SAFE(due, w, tmp)
	{
		DL_DELETE(due, w);
		w->done(w->arg);
		free(w);
	}
}

/* Of interfaces that went, before anybody walks anew: a flow never goes on at the next one that has
 * the address. */
static void end_flows(struct apply *a)
{
	struct err e = {0};

	if (links_settle(a->links, &e))
		log_error("flows of detached interfaces not ended", "error", e.msg);
}

static void finish(struct apply *a)
{
	if (a->sweep)
		sweep(a);
	end_flows(a);
	if (a->paths_changed)
		dataplane_bump_generation(a->cfg.dp);
	if (a->groups_changed)
		dataplane_bump_group_generation(a->cfg.dp);
	a->paths_changed = a->groups_changed = false;
	if (a->deleted) {
		release_space(a, NAME_TABLE);
		release_space(a, NAME_GATEWAY);
		rulesets_hits_sweep(a->rulesets, rule_exists, a);
		a->deleted = false;
	}
	if (a->dns_changed)
		publish_dns(a);
	if (a->started) {
		a->stats.passes++;
		a->stats.ns += now() - a->started;
		a->started = 0;
	}
	if (sandboxes_busy(a->cfg.sandboxes)) {
		event_defer_set(a->work, 0); /* until apply_kick */
		return;
	}
	if (!plan_failed(a->plan))
		nats_settle(a);
	a->applied = store_revision(a->cfg.store);
	event_defer_set(a->work, 0);
	call_waiters(a);
	event_timer_set(a->retry, plan_failed(a->plan) ? RETRY_NS : 0, 0);
}

static void work(void *arg)
{
	struct apply *a = arg;
	uint64_t until = now() + SLICE_NS;
	const struct item *it;

	if (!a->started)
		a->started = now();
	while ((it = plan_dirty(a->plan))) {
		apply_one(a, it);
		if (now() >= until)
			return;
	}
	finish(a);
}

void apply_kick(struct apply *a)
{
	event_defer_set(a->work, 1);
}

/* The commit comes back here by committed(). */
static void age(void *arg)
{
	struct apply *a = arg;
	int64_t now_s = store_now(a->cfg.store), next = 0;
	struct err e = {0};
	int rc = model_age(a->cfg.store, now_s, &next, &e);

	if (rc && rc != -EBUSY)
		log_error("objects not aged", "error", e.msg);
	if (rc)
		event_timer_set(a->age, RETRY_NS, 0);
	else if (next)
		event_timer_set(a->age, next > now_s ? (uint64_t)(next - now_s) * 1000000000ull : 1,
				0);
}

void apply_age(struct apply *a)
{
	event_timer_set(a->age, 1, 0);
}

static bool is_of(const struct change *c, enum kind_id kind)
{
	return (c->new ? c->new : c->old)->kind->kind == kind;
}

static void committed(void *arg, uint64_t revision, const struct change *c, size_t n)
{
	struct apply *a = arg;
	uint64_t begun = now();

	plan_changes(a->plan, store_model(a->cfg.store), c, n);
	a->stats.plan_ns += now() - begun;
	for (size_t i = 0; i < n; i++) {
		a->deleted =
			a->deleted || c[i].op >= CHANGE_DELETE || is_of(&c[i], KIND_NETWORK_ACL);
		if ((c[i].new ? c[i].new : c[i].old)->kind->due)
			apply_age(a);
	}
	if (plan_dirty(a->plan) || a->applied < revision)
		apply_kick(a);
}

static void retry(void *arg)
{
	struct apply *a = arg;

	plan_retry(a->plan, false);
	apply_kick(a);
}

static void audit(void *arg)
{
	struct apply *a = arg;
	struct err e = {0};
	uint32_t recounted = 0;
	int rc = shadow_sync(a->shadow, &e);

	if (!rc)
		rc = links_sync(a->links, &e);
	if (!rc)
		rc = dataplane_recount_flows(a->cfg.dp, &recounted, &e);
	if (rc) {
		log_error("audit failed", "error", e.msg);
		return;
	}
	a->stats.audits++;
	a->stats.repaired += recounted;
	rulesets_audit(a->rulesets);
	a->sweep = true;
	plan_retry(a->plan, true);
	apply_kick(a);
}

/* A large table costs a look even where it is empty: one with few entries is looked at once a
 * second. */
static void collect_flows(struct apply *a)
{
	struct flow_stats st = {0};
	struct err e = {0};
	bool hurry;

	if (a->rest)
		a->rest--;
	else if (dataplane_collect(a->cfg.dp, COLLECT_BUDGET, &st, &e))
		log_error("flow collection failed", "error", e.msg);
	else if (st.entries < COLLECT_BUDGET)
		a->rest = COLLECT_REST;
	hurry = a->cfg.collected && a->cfg.collected(a->cfg.collected_arg, &st);
	if (hurry)
		a->rest = 0;
}

static void collect(void *arg)
{
	struct apply *a = arg;
	struct err e = {0};

	collect_flows(a);
	if (fabric_reap(a->cfg.fabric, &e))
		log_error("detached links not removed", "error", e.msg);
	rulesets_collect(a->rulesets, now());
	fabric_pool_fill(a->cfg.fabric);
}

/* ---- life ---- */

static int add_sources(struct apply *a, struct err *e)
{
	struct event_loop *l = a->cfg.loop;
	int rc = event_add_defer(l, work, a, &a->work, e);

	if (!rc)
		rc = event_add_timer(l, 0, 0, retry, a, &a->retry, e);
	if (!rc)
		rc = event_add_timer(l, AUDIT_NS, AUDIT_NS, audit, a, &a->audit, e);
	if (!rc)
		rc = event_add_timer(l, COLLECT_NS, COLLECT_NS, collect, a, &a->collect, e);
	if (!rc)
		rc = event_add_timer(l, 1, 0, age, a, &a->age, e);
	return rc;
}

int apply_open(const struct apply_config *cfg, const char *run_dir, struct apply **ret,
	       struct err *e)
{
	struct apply *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_sys(e, -ENOMEM, "apply");
	a->cfg = *cfg;
	a->plan = plan_new();
	a->shadow = shadow_new(cfg->dp);
	a->bind = (struct bind){cfg->names, a->shadow, cfg->flow_quota};
	a->links = links_new(cfg->fabric, cfg->dp, cfg->names, run_dir);
	if (!a->plan || !a->shadow || !a->links)
		rc = err_sys(e, -ENOMEM, "apply");
	else
		rc = add_sources(a, e);
	if (!rc)
		rc = shadow_sync(a->shadow, e);
	if (!rc)
		rc = rulesets_open(cfg->dp, cfg->names, a->shadow, &a->rulesets, e);
	if (!rc)
		rc = links_sync(a->links, e);
	if (rc) {
		apply_close(a);
		return err_wrap(e, "apply");
	}
	if (cfg->uplink)
		plan_set_uplink(a->plan, cfg->uplink);
	plan_full(a->plan, store_model(cfg->store));
	store_on_commit(cfg->store, committed, a);
	a->sweep = a->dns_changed = true;
	apply_kick(a);
	*ret = a;
	return 0;
}

void apply_close(struct apply *a)
{
	struct waiter *w, *tmp;

	if (!a)
		return;
	store_on_commit(a->cfg.store, NULL, NULL);
	event_source_free(a->work);
	event_source_free(a->retry);
	event_source_free(a->audit);
	event_source_free(a->collect);
	event_source_free(a->age);
	DL_FOREACH_SAFE(a->waiters, w, tmp)
	free(w);
	links_free(a->links);
	rulesets_free(a->rulesets);
	shadow_free(a->shadow);
	plan_free(a->plan);
	free(a);
}

uint64_t apply_revision(const struct apply *a)
{
	return a->applied;
}

uint64_t apply_when(struct apply *a, uint64_t revision, void (*done)(void *arg), void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return 0;
	*w = (struct waiter){
		.ticket = ++a->tickets, .revision = revision, .done = done, .arg = arg};
	DL_APPEND(a->waiters, w);
	apply_kick(a);
	return w->ticket;
}

void apply_forget(struct apply *a, uint64_t ticket)
{
	struct waiter *w, *tmp;

	DL_FOREACH_SAFE(a->waiters, w, tmp)
	{
		if (w->ticket != ticket)
			continue;
		DL_DELETE(a->waiters, w);
		free(w);
	}
}

void apply_stats(const struct apply *a, struct apply_stats *ret)
{
	struct shadow_counts writes = shadow_totals(a->shadow);

	*ret = a->stats;
	ret->map_inserts = writes.inserted;
	ret->map_updates = writes.updated;
	ret->map_deletes = writes.deleted;
	ret->failed = plan_failed(a->plan);
	ret->uncounted = rulesets_uncounted(a->rulesets);
}

int apply_hits_read(struct apply *a, struct err *e)
{
	return rulesets_hits_read(a->rulesets, e);
}

bool apply_hits(const struct apply *a, const char *rule, uint64_t *ret)
{
	return rulesets_hits(a->rulesets, rule, ret);
}

const struct plan *apply_plan(const struct apply *a)
{
	return a->plan;
}
