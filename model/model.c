/* SPDX-License-Identifier: MIT
 * See model.h. Reading: store.h.
 */
#include "model/model.h"

#include <string.h>
#include <utlist.h>

#include "model/object.h"

struct model_index *model_index_new(void)
{
	struct model_index *ix = calloc(1, sizeof(*ix));

	if (!ix)
		return NULL;
	ix->committed = (struct model){.index = ix};
	ix->pending = (struct model){.index = ix, .transaction = true};
	return ix;
}

static void postings_free(struct postings **table)
{
	struct postings *p, *tmp;

	HASH_ITER (hh, *table, p, tmp) {
		HASH_DEL(*table, p);
		free(p->v);
		free(p);
	}
}

void model_index_free(struct model_index *ix)
{
	struct model_entry *entry, *tmp;

	if (!ix)
		return;
	HASH_ITER (hh, ix->entries, entry, tmp) {
		object_free(entry->committed);
		object_free(entry->pending);
		model_entry_remove(ix, entry);
	}
	postings_free(&ix->names);
	postings_free(&ix->refs);
	free(ix);
}

struct model_entry *model_entry_find(const struct model_index *ix, const char *id)
{
	struct model_entry *entry;

	HASH_FIND_STR(ix->entries, id, entry);
	return entry;
}

struct model_entry *model_entry_add(struct model_index *ix, const struct kind *k, const char *id)
{
	struct model_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->kind = k;
	strncpy(entry->id, id, sizeof(entry->id) - 1);
	HASH_ADD_STR(ix->entries, id, entry);
	DL_APPEND(ix->kinds[k->kind], entry);
	return entry;
}

void model_entry_remove(struct model_index *ix, struct model_entry *entry)
{
	HASH_DEL(ix->entries, entry);
	DL_DELETE(ix->kinds[entry->kind->kind], entry);
	free(entry);
}

/* ---- postings ---- */

static struct postings *postings_get(struct postings **table, const char *text)
{
	struct postings *p;

	HASH_FIND_STR(*table, text, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p) + strlen(text) + 1);
	if (!p)
		return NULL;
	strcpy(p->text, text);
	HASH_ADD_STR(*table, text, p);
	return p;
}

static int post(struct postings **table, const char *text, const struct posting *posting)
{
	struct postings *p = postings_get(table, text);
	struct posting *v;

	if (!p)
		return -ENOMEM;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 4;

		v = reallocarray(p->v, cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = *posting;
	return 0;
}

/* Takes back one posting of a version; the youngest, for those come and go. */
static void unpost(struct postings **table, const char *text, const struct object *version)
{
	struct postings *p;
	size_t i;

	HASH_FIND_STR(*table, text, p);
	if (!p)
		return;
	for (i = p->n; i > 0 && p->v[i - 1].version != version; i--)
		;
	if (!i)
		return;
	p->n--;
	memmove(p->v + i - 1, p->v + i, (p->n - (i - 1)) * sizeof(*p->v));
	if (p->n)
		return;
	HASH_DEL(*table, p);
	free(p->v);
	free(p);
}

struct post_arg {
	struct model_index *ix;
	struct object *version;
};

static int post_ref(void *arg, char **value, const struct ref_at *at)
{
	struct post_arg *a = arg;
	struct posting p = {.version = a->version,
			    .field = ref_top(at),
			    .flags = at->flags,
			    .in_record = at->in_record};

	return post(&a->ix->refs, *value, &p);
}

static int unpost_ref(void *arg, char **value, const struct ref_at *at)
{
	struct post_arg *a = arg;

	unpost(&a->ix->refs, *value, a->version);
	return 0;
}

int model_post(struct model_index *ix, struct object *version)
{
	struct post_arg arg = {ix, version};
	struct posting name = {.version = version};
	int r = 0;

	if (object_is_past(version))
		return 0;
	if (version->name)
		r = post(&ix->names, version->name, &name);
	if (!r)
		r = object_each_ref(version, post_ref, &arg);
	if (r)
		model_unpost(ix, version);
	return r;
}

void model_unpost(struct model_index *ix, struct object *version)
{
	struct post_arg arg = {ix, version};

	if (version->name)
		unpost(&ix->names, version->name, version);
	object_each_ref(version, unpost_ref, &arg);
}

void model_edit(struct model_index *ix, struct model_entry *entry)
{
	if (entry->edited)
		return;
	model_unpost(ix, entry->pending);
	entry->edited = true;
	entry->edited_next = ix->edited;
	ix->edited = entry;
}

void model_settle(struct model_index *ix)
{
	while (ix->edited) {
		struct model_entry *entry = ix->edited;

		ix->edited = entry->edited_next;
		entry->edited = false;
		model_post(ix, entry->pending);
	}
}

/* ---- reading ---- */

struct object *model_seen(const struct model *m, const struct model_entry *entry)
{
	return m->transaction && entry->touched ? entry->pending : entry->committed;
}

const struct object *model_get(const struct model *m, const char *id)
{
	struct model_entry *entry = id ? model_entry_find(m->index, id) : NULL;

	return entry ? model_seen(m, entry) : NULL;
}

static const struct object *first_shown(const struct model *m, const struct model_entry *entry)
{
	while (entry && !model_seen(m, entry))
		entry = entry->next;
	return entry ? model_seen(m, entry) : NULL;
}

const struct object *model_first_shown(const struct model *m, enum kind_id kind)
{
	return first_shown(m, m->index->kinds[kind]);
}

const struct object *model_next_shown(const struct model *m, const struct object *o)
{
	return first_shown(m, o->entry->next);
}

static const struct object *present(const struct model *m, const struct object *o)
{
	while (o && object_is_past(o))
		o = model_next_shown(m, o);
	return o;
}

const struct object *model_first(const struct model *m, enum kind_id kind)
{
	return present(m, model_first_shown(m, kind));
}

const struct object *model_next(const struct model *m, const struct object *o)
{
	return present(m, model_next_shown(m, o));
}

static const struct postings *find(const struct model *m, struct postings *const *table,
				   const char *text)
{
	struct postings *p;

	if (m->transaction)
		model_settle(m->index);
	HASH_FIND_STR(*table, text, p);
	return p;
}

const struct postings *model_named(const struct model *m, const char *name)
{
	return find(m, &m->index->names, name);
}

const struct postings *model_postings(const struct model *m, const char *id)
{
	return find(m, &m->index->refs, id);
}

/* Visits copies, so that fn may change the transaction. A version's postings are neighbours. */
void model_referrers(const struct model *m, const char *id, enum kind_id kind,
		     void (*fn)(void *arg, const struct object *o), void *arg)
{
	const struct postings *p = model_postings(m, id);
	cleanup_free struct object **found = p ? calloc(p->n, sizeof(*found)) : NULL;
	size_t n = 0;

	for (size_t i = 0; found && i < p->n; i++) {
		struct object *o = p->v[i].version;

		if (model_seen(m, o->entry) == o && (!kind || o->kind->kind == kind) &&
		    (!n || found[n - 1] != o))
			found[n++] = o;
	}
	for (size_t i = 0; i < n; i++)
		if (model_seen(m, found[i]->entry) == found[i])
			fn(arg, found[i]);
}
