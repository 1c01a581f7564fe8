/* SPDX-License-Identifier: MIT
 * Transactions: pending versions of objects over the committed ones; see model.h and store.h.
 *
 * Each call is all or nothing too: a log keeps what a pending version replaced, and a call that
 * fails goes back to where the log stood. What was replaced or dropped is freed at the end of the
 * transaction, so that pointers handed out last as long.
 */
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <utlist.h>

#include "model/object.h"
#include "model/resolve.h"
#include "model/txn.h"
#include "model/types.h"

struct undo {
	struct model_entry *entry;
	struct object *pending; /* as it was; owned */
	bool touched;
};

struct txn {
	struct store *store;
	char *lab;
	struct undo *log;
	size_t n_log, cap_log;
	struct object **dropped;
	size_t n_dropped, cap_dropped;
	struct change *changes; /* as of the last txn_changes */
	struct err scratch;	/* for callers without one */
};

struct txn *txn_begin(struct store *s)
{
	struct txn *t = s->txn ? NULL : calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->store = s;
	s->txn = t;
	return t;
}

const struct model *txn_model(const struct txn *t)
{
	return &t->store->index->pending;
}

struct store *txn_store(const struct txn *t)
{
	return t->store;
}

void txn_set_lab(struct txn *t, const char *lab)
{
	free(t->lab);
	t->lab = lab ? strdup(lab) : NULL;
	t->store->index->pending.lab = t->lab;
}

/* ---- pending versions ---- */

static int grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t wanted = *cap ? 2 * *cap : 16;
	void *v;

	if (n < *cap)
		return 0;
	v = reallocarray(*(void **)array, wanted, size);
	if (!v)
		return -ENOMEM;
	*(void **)array = v;
	*cap = wanted;
	return 0;
}

/* Room for one more in both arrays, so that nothing fails half way later. */
static int reserve(struct txn *t)
{
	int r = grow(&t->log, t->n_log, &t->cap_log, sizeof(*t->log));

	return r ? r
		 : grow(&t->dropped, t->n_dropped + t->n_log, &t->cap_dropped, sizeof(*t->dropped));
}

static void touch(struct txn *t, struct model_entry *entry, bool touched)
{
	struct model_index *ix = t->store->index;

	if (entry->touched)
		DL_DELETE2(ix->touched, entry, touched_prev, touched_next);
	if (touched)
		DL_APPEND2(ix->touched, entry, touched_prev, touched_next);
	entry->touched = touched;
}

/* Makes `version` (NULL: deleted) the pending one. Takes it over, on failure too. */
static int put(struct txn *t, struct model_entry *entry, struct object *version)
{
	struct model_index *ix = t->store->index;

	model_settle(ix);
	if (version)
		version->entry = entry;
	if (reserve(t) || (version && model_post(ix, version))) {
		object_free(version);
		return err_sys(&t->scratch, -ENOMEM, "%s", entry->id);
	}
	if (entry->pending)
		model_unpost(ix, entry->pending);
	t->log[t->n_log++] = (struct undo){entry, entry->pending, entry->touched};
	entry->pending = version;
	if (!entry->touched || !version)
		touch(t, entry, true);
	return 0;
}

static void undo_to(struct txn *t, size_t mark)
{
	struct model_index *ix = t->store->index;

	model_settle(ix);
	while (t->n_log > mark) {
		struct undo *u = &t->log[--t->n_log];

		if (u->entry->pending) {
			model_unpost(ix, u->entry->pending);
			t->dropped[t->n_dropped++] = u->entry->pending;
		}
		u->entry->pending = u->pending;
		if (u->pending)
			model_post(ix, u->pending);
		if (u->touched != u->entry->touched)
			touch(t, u->entry, u->touched);
	}
}

/* The end of a call: on failure nothing of it stays. */
static int conclude(struct txn *t, size_t mark, int r)
{
	if (r)
		undo_to(t, mark);
	return r;
}

static struct object *seen(const struct txn *t, const char *id)
{
	return (struct object *)model_get(txn_model(t), id);
}

struct object *txn_edit(struct txn *t, const char *id)
{
	struct object *o = seen(t, id), *copy = o ? object_copy(o) : NULL;
	struct model_entry *entry;

	if (!copy)
		return NULL;
	entry = o->entry;
	/* An own version is changed in place, for its holders' sake; the log gets the copy. */
	if (entry->touched) {
		if (reserve(t)) {
			object_free(copy);
			return NULL;
		}
		copy->entry = entry;
		t->log[t->n_log++] = (struct undo){entry, copy, true};
	} else if (put(t, entry, copy)) {
		return NULL;
	}
	model_edit(t->store->index, entry);
	return entry->pending;
}

bool txn_deleting(const struct txn *t, const char *id)
{
	struct model_entry *entry = id ? model_entry_find(t->store->index, id) : NULL;

	return entry && entry->deleting;
}

/* ---- checks of create and update ---- */

struct unique_arg {
	struct txn *t;
	const struct object *o;
	struct err *e;
};

static int check_unique(void *arg, char **value, const struct ref_at *at)
{
	struct unique_arg *a = arg;
	const struct model *m = txn_model(a->t);
	const struct postings *p = at->flags & UNIQUE_REF ? model_postings(m, *value) : NULL;
	char path[sizeof(a->e->field)];

	for (size_t i = 0; p && i < p->n; i++) {
		const struct object *other = p->v[i].version;

		if (other->kind != a->o->kind || model_seen(m, other->entry) != other ||
		    !strcmp(other->id, a->o->id) || p->v[i].field != ref_top(at))
			continue;
		ref_path(at, path, sizeof(path));
		return err_set(a->e, -EEXIST, "Resource.AlreadyAssociated", path,
			       "%s: %s already has %s %s", path, *value, other->kind->name,
			       other->id);
	}
	return 0;
}

static int check_immutable(const struct object *old, const struct object *new, struct err *e)
{
	field_for_each (f, new->kind->fields) {
		const void *was = field_at_const(f, old);
		cleanup_free char *text = NULL;

		if (!(f->flags & IMMUTABLE) && !((f->flags & ALLOCATED) && value_is_set(f, was)))
			continue;
		if (!value_compare(f, was, field_at_const(f, new)))
			continue;
		text = field_format(old, f);
		return err_set(e, -EPERM, "InvalidParameterValue", f->name,
			       "%s of %s %s is immutable; it is %.64s", f->name, old->kind->name,
			       old->id, text && *text ? text : "not set");
	}
	return 0;
}

/* What both have in common once the input is parsed. */
static int complete(struct txn *t, const char *scope_vpc, const struct object *old,
		    struct object *new, struct err *e)
{
	struct unique_arg unique = {t, new, e};
	int r = resolve_refs(txn_model(t), scope_vpc, old, new, e);

	if (!r && old)
		r = check_immutable(old, new, e);
	if (!r)
		r = object_each_ref(new, check_unique, &unique);
	if (!r && new->kind->check)
		r = new->kind->check(t, old, new, e);
	return r;
}

/* ---- create ---- */

static int id_new(const struct txn *t, struct object *o)
{
	do {
		uint64_t random[2];

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		snprintf(o->id, sizeof(o->id), "%s%016llx%01x", o->kind->id_prefix,
			 (unsigned long long)random[0], (unsigned)random[1] & 0xf);
	} while (model_entry_find(t->store->index, o->id));
	return 0;
}

static struct object *object_begin(const struct txn *t, const struct kind *k)
{
	const struct store_config *cfg = &t->store->cfg;
	struct object *o = object_new(k);

	if (!o)
		return NULL;
	o->created = store_now(t->store);
	o->account = strdup(cfg->account);
	o->region = strdup(cfg->region);
	o->lab = t->lab ? strdup(t->lab) : NULL;
	if (o->account && o->region && (o->lab || !t->lab) && !id_new(t, o))
		return o;
	object_free(o);
	return NULL;
}

static int insert(struct txn *t, struct object *o, struct err *e)
{
	struct model_entry *entry = model_entry_add(t->store->index, o->kind, o->id);

	if (!entry)
		object_free(o);
	if (!entry || put(t, entry, o))
		return err_sys(e, -ENOMEM, "create");
	return o->kind->created ? o->kind->created(t, o, e) : 0;
}

int txn_create(struct txn *t, const struct kind *k, const struct json *spec, const char *scope_vpc,
	       const struct object **ret, struct err *e)
{
	cleanup_object struct object *o = object_begin(t, k);
	char id[sizeof(o->id)];
	size_t mark = t->n_log;
	int r;

	e = e ? e : &t->scratch;
	if (!o)
		return err_sys(e, -ENOMEM, "create %s", k->name);
	memcpy(id, o->id, sizeof(id));
	r = object_input(o, spec, e);
	if (!r)
		r = object_tags_check(o, e);
	if (!r)
		r = complete(t, scope_vpc, NULL, o, e);
	if (!r)
		r = insert(t, TAKE(o), e);
	conclude(t, mark, r);
	if (!r && ret)
		*ret = seen(t, id);
	return r;
}

/* ---- update ---- */

static int unknown_id(const char *id, struct err *e)
{
	return err_set(e, -ENOENT, "InvalidID.NotFound", "", "no object %.64s", id);
}

/* Takes `new` over. */
static int replace(struct txn *t, struct object *old, struct object *new, struct err *e)
{
	if (object_equal(old, new)) {
		object_free(new);
		return 0;
	}
	return put(t, old->entry, new) ? err_sys(e, -ENOMEM, "update") : 0;
}

int txn_update(struct txn *t, const char *id, const struct json *patch, struct err *e)
{
	struct object *old = seen(t, id);
	cleanup_object struct object *new = old ? object_copy(old) : NULL;
	size_t mark = t->n_log;
	int r;

	e = e ? e : &t->scratch;
	if (!old)
		return unknown_id(id, e);
	if (!new)
		return err_sys(e, -ENOMEM, "update %s", id);
	if (object_is_past(old))
		return err_set(e, -EPERM, "IncorrectState", "", "%s %s is deleted", old->kind->name,
			       id);
	r = object_patch(new, patch, e);
	if (!r)
		r = object_tags_check(new, e);
	if (!r)
		r = complete(t, model_object_vpc(txn_model(t), old), old, new, e);
	if (!r)
		r = replace(t, old, TAKE(new), e);
	return conclude(t, mark, r);
}

int txn_adopt(struct txn *t, const char *id, struct err *e)
{
	struct object *old = seen(t, id);
	cleanup_object struct object *new = old ? object_copy(old) : NULL;

	e = e ? e : &t->scratch;
	if (!old)
		return unknown_id(id, e);
	if (!new)
		return err_sys(e, -ENOMEM, "adopt %s", id);
	free(new->lab);
	new->lab = t->lab ? strdup(t->lab) : NULL;
	if (t->lab && !new->lab)
		return err_sys(e, -ENOMEM, "adopt %s", id);
	return replace(t, old, TAKE(new), e);
}

/* ---- delete ---- */

/* Who stands in the way, who goes along and who only forgets. Ids: objects may move meanwhile. */
struct referrer {
	char id[sizeof(((struct object *)0)->id)];
	bool goes, blocks, clears; /* in that order, where several hold */
};

static bool lets_go(const struct posting *p)
{
	return p->flags & (WEAK | COMPUTED);
}

/* Live referrers but the object itself and those being deleted; one element each. */
static int referrers(struct txn *t, const char *id, struct referrer **ret, size_t *ret_n)
{
	const struct model *m = txn_model(t);
	const struct postings *p = model_postings(m, id);
	struct referrer *v = p ? calloc(p->n, sizeof(*v)) : NULL;
	size_t n = 0;

	*ret = v;
	*ret_n = 0;
	if (p && !v)
		return -ENOMEM;
	for (size_t i = 0; p && i < p->n; i++) {
		const struct posting *q = &p->v[i];
		const struct object *o = q->version;

		if (model_seen(m, o->entry) != o || o->entry->deleting)
			continue;
		if (!n || strcmp(v[n - 1].id, o->id))
			memcpy(v[n++].id, o->id, sizeof(o->id));
		v[n - 1].goes |= !!(q->flags & CASCADE);
		v[n - 1].blocks |= !lets_go(q);
		v[n - 1].clears |= lets_go(q) && !q->in_record && !(q->flags & DANGLES);
	}
	*ret_n = n;
	return 0;
}

static void describe(const struct txn *t, const char *id, struct buf *b)
{
	const struct object *o = seen(t, id);

	buf_printf(b, "%s %s", o->kind->name, id);
	if (o->name)
		buf_printf(b, " (%s)", o->name);
}

static int violation(struct txn *t, const char *id, const struct referrer *v, size_t n,
		     struct err *e)
{
	cleanup_buf struct buf b = {0};
	size_t found = 0;

	describe(t, id, &b);
	buf_puts(&b, " is used by ");
	for (size_t i = 0; i < n; i++) {
		if (!v[i].blocks || v[i].goes || ++found > 3)
			continue;
		buf_puts(&b, found > 1 ? ", " : "");
		describe(t, v[i].id, &b);
	}
	if (!found)
		return 0;
	if (found > 3)
		buf_printf(&b, " and %zu more", found - 3);
	return err_set(e, -EBUSY, "DependencyViolation", "", "%s", buf_str(&b));
}

/* A referrer that may outlive the object forgets it. */
static int forget(struct txn *t, const char *referrer, const char *id, struct err *e)
{
	struct object *old = seen(t, referrer), *new = object_copy(old);
	int r = 0;

	if (!new)
		return err_sys(e, -ENOMEM, "delete %s", id);
	object_clear_ref(new, id);
	if (!object_equal(old, new) && new->kind->check)
		r = new->kind->check(t, old, new, e);
	if (r) {
		object_free(new);
		return r;
	}
	return replace(t, old, new, e);
}

static int release(struct txn *t, const char *id, const struct referrer *v, size_t n, struct err *e)
{
	int r = violation(t, id, v, n, e);

	for (size_t i = 0; !r && i < n; i++) {
		if (!seen(t, v[i].id))
			continue; /* went with another */
		if (v[i].goes)
			r = txn_delete(t, v[i].id, e);
		else if (v[i].clears)
			r = forget(t, v[i].id, id, e);
	}
	return r;
}

static int erase(struct txn *t, struct model_entry *entry, struct err *e)
{
	const struct object *o = seen(t, entry->id);
	cleanup_free struct referrer *v = NULL;
	size_t n;
	int r = o->kind->deleting ? o->kind->deleting(t, o, e) : 0, stays = r > 0;

	if (r < 0 || !seen(t, entry->id))
		return r;
	r = referrers(t, entry->id, &v, &n);
	if (r)
		return err_sys(e, r, "delete %s", entry->id);
	r = release(t, entry->id, v, n, e);
	if (!r && !stays && put(t, entry, NULL))
		r = err_sys(e, -ENOMEM, "delete %s", entry->id);
	return r;
}

int txn_delete(struct txn *t, const char *id, struct err *e)
{
	struct object *o = seen(t, id);
	size_t mark = t->n_log;
	struct model_entry *entry;
	int r;

	e = e ? e : &t->scratch;
	if (!o)
		return unknown_id(id, e);
	entry = o->entry;
	if (entry->deleting)
		return 0;
	entry->deleting = true;
	r = erase(t, entry, e);
	entry->deleting = false;
	return conclude(t, mark, r);
}

/* ---- the end ---- */

static bool is_change(const struct model_entry *entry)
{
	if (entry->committed && entry->pending)
		return !object_equal(entry->committed, entry->pending);
	return entry->committed || entry->pending;
}

static enum change_op op_of(const struct object *old, const struct object *new)
{
	if (!old)
		return CHANGE_CREATE;
	if (!new)
		return CHANGE_DELETE;
	return object_is_past(new) && !object_is_past(old) ? CHANGE_RETIRE : CHANGE_UPDATE;
}

static struct change change_of(const struct model_entry *entry)
{
	return (struct change){.op = op_of(entry->committed, entry->pending),
			       .old = entry->committed,
			       .new = entry->pending};
}

size_t txn_changes(const struct txn *t, const struct change **ret)
{
	struct model_index *ix = t->store->index;
	struct model_entry *entry;
	struct change *v;
	size_t n = 0;

	model_settle(ix);
	DL_COUNT2(ix->touched, entry, n, touched_next);
	v = reallocarray(t->changes, n ? n : 1, sizeof(*v));
	*ret = v;
	if (!v)
		return 0;
	((struct txn *)t)->changes = v;
	n = 0;
	DL_FOREACH2(ix->touched, entry, touched_next)
	{
		if (is_change(entry))
			v[n++] = change_of(entry);
	}
	return n;
}

static void txn_free(struct txn *t)
{
	for (size_t i = 0; i < t->n_log; i++)
		object_free(t->log[i].pending);
	for (size_t i = 0; i < t->n_dropped; i++)
		object_free(t->dropped[i]);
	free(t->log);
	free(t->dropped);
	free(t->changes);
	t->store->index->pending.lab = NULL;
	free(t->lab);
	free(t);
}

/* Entries that a call created and took back have no version. */
static void sweep(struct txn *t)
{
	struct model_index *ix = t->store->index;

	for (size_t i = 0; i < t->n_dropped; i++) {
		struct model_entry *entry = model_entry_find(ix, t->dropped[i]->id);

		if (entry && !entry->committed && !entry->touched)
			model_entry_remove(ix, entry);
	}
}

void txn_abort(struct txn *t)
{
	if (!t)
		return;
	undo_to(t, 0);
	sweep(t);
	t->store->txn = NULL;
	txn_free(t);
}

/* The pending version becomes the committed one; what it replaces lives on in the changes. */
static void adopt(struct txn *t, struct model_entry *entry)
{
	struct model_index *ix = t->store->index;
	bool changed = is_change(entry);

	touch(t, entry, false);
	if (changed) {
		if (entry->committed) {
			model_unpost(ix, entry->committed);
			entry->committed->entry = NULL;
		}
		entry->committed = entry->pending;
	} else if (entry->pending) {
		model_unpost(ix, entry->pending);
		t->dropped[t->n_dropped++] = entry->pending;
	}
	entry->pending = NULL;
	if (!entry->committed)
		model_entry_remove(ix, entry);
}

/* After the database: the model follows, and whoever listens hears of it. */
static void publish(struct txn *t, uint64_t revision, const struct change *c, size_t n)
{
	struct store *s = t->store;
	struct model_entry *entry, *tmp;

	DL_FOREACH_SAFE2(s->index->touched, entry, tmp, touched_next)
	{
		adopt(t, entry);
	}
	sweep(t);
	s->revision = revision;
	s->txn = NULL;
	if (s->on_commit)
		s->on_commit(s->on_commit_arg, revision, c, n);
	for (size_t i = 0; i < n; i++)
		object_free((struct object *)c[i].old);
}

int txn_commit(struct txn *t, uint64_t *ret_revision, struct err *e)
{
	struct store *s = t->store;
	uint64_t revision = s->revision + 1;
	const struct change *c;
	size_t n = txn_changes(t, &c);
	int r = c ? 0 : err_sys(e, -ENOMEM, "commit");

	for (size_t i = 0; i < n; i++)
		if (c[i].new)
			((struct object *)c[i].new)->revision = revision;
	if (n)
		r = db_commit(s->db, revision, c, n, e);
	if (r || !n) {
		txn_abort(t);
	} else {
		publish(t, revision, c, n);
		txn_free(t);
	}
	if (!r && ret_revision)
		*ret_revision = s->revision;
	return r;
}
