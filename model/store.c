/* SPDX-License-Identifier: MIT
 * The store: database and model together; see store.h. Transactions: txn.c.
 */
#include "model/store.h"

#include <string.h>
#include <time.h>

#include "model/event.h"
#include "model/object.h"
#include "model/txn.h"
#include "model/types.h"

static int config_copy(struct store_config *to, const struct store_config *from, struct err *e)
{
	const char *account = from && from->account ? from->account : "123456789012";
	const char *region = from && from->region ? from->region : "us-east-1";

	to->account = strdup(account);
	to->region = strdup(region);
	if (from && ip_is_set(&from->pool.ip))
		to->pool = from->pool;
	else
		cidr_parse("198.51.100.0/24", &to->pool);
	if (from) {
		memcpy(to->more_pools, from->more_pools, sizeof(to->more_pools));
		to->n_more_pools = from->n_more_pools;
	}
	if (from && ip_is_set(&from->ipv6_pool.ip))
		to->ipv6_pool = from->ipv6_pool;
	else
		cidr_parse("2001:db8:1000::/36", &to->ipv6_pool);
	if (from)
		to->quotas = from->quotas;
	if (!to->account || !to->region)
		return err_sys(e, -ENOMEM, "configuration");
	return quotas_complete(&to->quotas, e);
}

/* ---- open ---- */

static int row_parse(struct object *o, const struct db_row *row, struct err *e)
{
	cleanup_json struct json *spec = NULL, *status = NULL;
	int r;

	r = json_parse(row->spec, strlen(row->spec), false, &spec, e);
	if (!r)
		r = object_input(o, spec, e);
	if (!r && row->status)
		r = json_parse(row->status, strlen(row->status), false, &status, e);
	if (!r && status)
		r = object_set_status(o, status, e);
	return r;
}

static struct object *row_object(const struct kind *k, const struct db_row *row)
{
	struct object *o = object_new(k);

	if (!o)
		return NULL;
	strncpy(o->id, row->id, sizeof(o->id) - 1);
	o->account = strdup(row->account);
	o->region = strdup(row->region);
	o->lab = row->lab ? strdup(row->lab) : NULL;
	o->revision = row->revision;
	o->created = row->created;
	if (o->account && o->region && (o->lab || !row->lab))
		return o;
	object_free(o);
	return NULL;
}

static int load_row(void *arg, const struct db_row *row, struct err *e)
{
	struct store *s = arg;
	const struct kind *k = kind_find(row->kind);
	cleanup_object struct object *o = NULL;
	struct model_entry *entry;

	if (!k)
		return err_set(e, -EINVAL, "InternalError", "", "object %s: unknown kind %s",
			       row->id, row->kind);
	o = row_object(k, row);
	if (!o)
		return err_sys(e, -ENOMEM, "object %s", row->id);
	if (row_parse(o, row, e))
		return err_wrap(e, "object %s", row->id);
	entry = model_entry_add(s->index, k, row->id);
	if (!entry)
		return err_sys(e, -ENOMEM, "object %s", row->id);
	o->entry = entry;
	entry->committed = TAKE(o);
	return model_post(s->index, entry->committed) ? err_sys(e, -ENOMEM, "object %s", row->id)
						      : 0;
}

int store_open(const char *path, const struct store_config *cfg, struct store **ret, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	struct err local;
	int r;

	e = e ? e : &local;
	if (!s)
		return err_sys(e, -ENOMEM, "open %s", path);
	s->index = model_index_new();
	r = s->index ? config_copy(&s->cfg, cfg, e) : err_sys(e, -ENOMEM, "open %s", path);
	if (!r)
		r = db_open(path, &s->db, e);
	if (!r) {
		s->revision = db_revision(s->db);
		r = db_load(s->db, load_row, s, e);
		if (r)
			err_wrap(e, "%s", path);
	}
	if (r) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	txn_abort(s->txn);
	model_index_free(s->index);
	db_close(s->db);
	free((char *)s->cfg.account);
	free((char *)s->cfg.region);
	free(s);
}

const struct model *store_model(const struct store *s)
{
	return &s->index->committed;
}

uint64_t store_revision(const struct store *s)
{
	return s->revision;
}

void store_set_clock(struct store *s, int64_t (*now)(void *arg), void *arg)
{
	s->clock = now;
	s->clock_arg = arg;
}

int64_t store_now(const struct store *s)
{
	return s->clock ? s->clock(s->clock_arg) : time(NULL);
}

const struct store_config *store_configuration(const struct store *s)
{
	return &s->cfg;
}

void store_on_commit(struct store *s, store_commit_fn *fn, void *arg)
{
	s->on_commit = fn;
	s->on_commit_arg = arg;
}

/* ---- status ---- */

/* The object keeps its place in memory: exchange the fields' bytes. */
static void swap_fields(struct object *a, struct object *b)
{
	field_for_each (f, a->kind->fields) {
		char *x = field_at(f, a), *y = field_at(f, b);

		for (size_t i = 0; i < f->size; i++) {
			char byte = x[i];

			x[i] = y[i];
			y[i] = byte;
		}
	}
}

int store_set_status(struct store *s, const char *id, const struct json *status, struct err *e)
{
	struct model_entry *entry = model_entry_find(s->index, id);
	struct object *o = entry ? entry->committed : NULL;
	cleanup_object struct object *other = NULL;
	struct change c;
	struct err local;
	int r;

	e = e ? e : &local;
	if (!o)
		return 0;
	if (s->txn)
		return err_set(e, -EBUSY, "InternalError", "",
			       "status of %s: a transaction is open", id);
	other = object_copy(o);
	if (!other)
		return err_sys(e, -ENOMEM, "status of %s", id);
	r = object_set_status(other, status, e);
	if (r || object_equal(o, other))
		return r;
	r = db_set_status(s->db, s->revision + 1, other, e);
	if (r)
		return err_wrap(e, "status of %s", id);
	s->revision++;
	model_unpost(s->index, o);
	swap_fields(o, other);
	model_post(s->index, o);
	c = (struct change){.op = CHANGE_UPDATE, .old = other, .new = o};
	if (s->on_commit)
		s->on_commit(s->on_commit_arg, s->revision, &c, 1);
	return 0;
}

int store_event(struct store *s, const char *id, const char *type, const char *reason,
		struct err *e)
{
	const struct object *o = model_get(store_model(s), id);
	struct err local;
	int r;

	e = e ? e : &local;
	if (!o)
		return 0;
	if (s->txn)
		return err_set(e, -EBUSY, "InternalError", "", "event of %s: a transaction is open",
			       id);
	r = db_event(s->db, s->revision + 1, type, reason, o, e);
	if (r)
		return err_wrap(e, "event of %s", id);
	s->revision++;
	if (s->on_commit)
		s->on_commit(s->on_commit_arg, s->revision, NULL, 0);
	return 0;
}

/* ---- events and meta ---- */

struct event_arg {
	void (*fn)(void *arg, const struct json *event);
	void *arg;
};

static void event_text(void *arg, const char *text)
{
	struct event_arg *a = arg;
	cleanup_json struct json *event = NULL;

	if (!json_parse(text, strlen(text), false, &event, NULL))
		a->fn(a->arg, event);
}

int store_events(struct store *s, uint64_t since, size_t limit,
		 void (*fn)(void *arg, const struct json *event), void *arg, struct err *e)
{
	struct event_arg a = {fn, arg};

	return db_events(s->db, since, limit, event_text, &a, e);
}
