/* SPDX-License-Identifier: MIT
 * See sqlite.h. An exclusive lock is held from db_open to db_close, so that a revision has one
 * writer; it goes with the process.
 */
#include "model/sqlite.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "lib/fault.h"
#include "model/event.h"
#include "model/object.h"

#define APPLICATION_ID 0x76706364 /* "vpcd" */

/* Step i leads from schema version i to i + 1; a new database starts at 0. Never change a step that
 * was released: append one. */
static const char *const upgrades[] = {
	"CREATE TABLE object (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE,"
	"  account TEXT NOT NULL, region TEXT NOT NULL, lab TEXT, revision INTEGER NOT NULL,"
	"  created INTEGER NOT NULL, spec TEXT NOT NULL);"
	"CREATE TABLE status (id TEXT PRIMARY KEY, status TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE ref (\"from\" TEXT NOT NULL, \"to\" TEXT NOT NULL, field TEXT NOT NULL);"
	"CREATE INDEX ref_from ON ref (\"from\");"
	"CREATE INDEX ref_to ON ref (\"to\");"
	"CREATE TABLE event (seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL,"
	"  event TEXT NOT NULL);"
	"CREATE INDEX event_revision ON event (revision);"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
};

#define SCHEMA_VERSION ((int)ARRAY_SIZE(upgrades))

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	LOAD,
	INSERT_OBJECT,
	UPDATE_OBJECT,
	DELETE_OBJECT,
	DELETE_STATUS,
	SET_STATUS,
	DELETE_REFS,
	INSERT_REF,
	INSERT_EVENT,
	TRIM_EVENTS,
	LIST_EVENTS,
	SET_META,
	GET_META,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[LOAD] = "SELECT kind, o.id, account, region, lab, revision, created, spec, status"
		 " FROM object o LEFT JOIN status s ON o.id = s.id ORDER BY seq",
	[INSERT_OBJECT] = "INSERT INTO object (revision, spec, id, kind, account, region, lab,"
			  " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[UPDATE_OBJECT] = "UPDATE object SET revision = ?, spec = ? WHERE id = ?",
	[DELETE_OBJECT] = "DELETE FROM object WHERE id = ?",
	[DELETE_STATUS] = "DELETE FROM status WHERE id = ?",
	[SET_STATUS] = "INSERT OR REPLACE INTO status VALUES (?, ?)",
	[DELETE_REFS] = "DELETE FROM ref WHERE \"from\" = ?",
	[INSERT_REF] = "INSERT INTO ref VALUES (?, ?, ?)",
	[INSERT_EVENT] = "INSERT INTO event (revision, event) VALUES (?, ?)",
	[TRIM_EVENTS] = "DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?",
	[LIST_EVENTS] = "SELECT revision, event FROM event WHERE revision > ? ORDER BY seq",
	[SET_META] = "INSERT OR REPLACE INTO meta VALUES (?, ?)",
	[GET_META] = "SELECT value FROM meta WHERE key = ?",
};

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[STATEMENTS];
};

/* ---- errors ---- */

static int errno_of(struct db *d)
{
	int sys = sqlite3_system_errno(d->handle);

	switch (sqlite3_errcode(d->handle)) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return sys > 0 ? -sys : -EIO;
	default:
		return -EIO;
	}
}

static int db_error(struct db *d, struct err *e, const char *what)
{
	int rc = errno_of(d);

	if (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG)
		return err_set(e, rc, "InternalError", "",
			       "%s: no space left for the database; nothing was changed", what);
	if (rc == -EBUSY)
		return err_set(e, rc, "InternalError", "", "%s: another process holds the database",
			       what);
	return err_set(e, rc, "InternalError", "", "%s: %s", what, sqlite3_errmsg(d->handle));
}

/* ---- statements ---- */

/* types: a letter for each argument: s text (may be NULL), i integer. */
static sqlite3_stmt *vbind(struct db *d, enum statement s, const char *types, va_list ap)
{
	sqlite3_stmt *st = d->statements[s];

	if (!st) {
		if (sqlite3_prepare_v3(d->handle, sql[s], -1, SQLITE_PREPARE_PERSISTENT,
				       &d->statements[s], NULL))
			return NULL;
		st = d->statements[s];
	}
	for (int i = 0; types[i]; i++) {
		if (types[i] == 's')
			sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1,
					  SQLITE_TRANSIENT);
		else
			sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
	}
	return st;
}

static sqlite3_stmt *bind(struct db *d, enum statement s, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	st = vbind(d, s, types, ap);
	va_end(ap);
	return st;
}

/* One that answers no rows. */
static int run(struct db *d, struct err *e, enum statement s, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r = SQLITE_ERROR;

	va_start(ap, types);
	st = vbind(d, s, types, ap);
	va_end(ap);
	if (st)
		r = sqlite3_step(st);
	if (r != SQLITE_DONE)
		r = db_error(d, e, "save");
	else
		r = 0;
	sqlite3_reset(st);
	return r;
}

static const char *text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

/* ---- open ---- */

static int exec(struct db *d, const char *statements, struct err *e)
{
	if (sqlite3_exec(d->handle, statements, NULL, NULL, NULL))
		return db_error(d, e, "open the database");
	return 0;
}

static int pragma_int(struct db *d, const char *query, int *ret, struct err *e)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(d->handle, query, -1, &st, NULL))
		return db_error(d, e, "open the database");
	if (sqlite3_step(st) != SQLITE_ROW) {
		sqlite3_finalize(st);
		return db_error(d, e, "open the database");
	}
	*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return 0;
}

static int check_owner(struct db *d, int version, struct err *e)
{
	int id, tables, r;

	r = pragma_int(d, "PRAGMA application_id", &id, e);
	if (!r)
		r = pragma_int(d, "SELECT count(*) FROM sqlite_schema", &tables, e);
	if (r)
		return r;
	if (id != APPLICATION_ID && (id || tables || version))
		return err_set(e, -EINVAL, "InternalError", "",
			       "open the database: it belongs to another program");
	if (version > SCHEMA_VERSION)
		return err_set(e, -EPROTO, "InternalError", "",
			       "open the database: its schema version %d is newer than %d, the "
			       "newest that this vpcd knows",
			       version, SCHEMA_VERSION);
	return 0;
}

static int upgrade(struct db *d, struct err *e)
{
	char pragmas[96];
	int version, r;

	r = pragma_int(d, "PRAGMA user_version", &version, e);
	if (!r)
		r = check_owner(d, version, e);
	if (r || version == SCHEMA_VERSION)
		return r;
	for (int i = version; !r && i < SCHEMA_VERSION; i++)
		r = exec(d, upgrades[i], e);
	snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 APPLICATION_ID, SCHEMA_VERSION);
	return r ? r : exec(d, pragmas, e);
}

static int open_locked(struct db *d, struct err *e)
{
	int r;

	r = exec(d,
		 "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		 "PRAGMA synchronous = FULL; BEGIN EXCLUSIVE",
		 e);
	if (!r)
		r = upgrade(d, e);
	return r ? r : exec(d, "COMMIT", e);
}

int db_open(const char *path, struct db **ret, struct err *e)
{
	struct db *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_sys(e, -ENOMEM, "open %s", path);
	if (sqlite3_open_v2(path, &d->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL))
		r = db_error(d, e, "open the database");
	else
		r = open_locked(d, e);
	if (r) {
		db_close(d);
		err_wrap(e, "%s", path);
		return r;
	}
	*ret = d;
	return 0;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(d->statements[i]);
	sqlite3_close(d->handle);
	free(d);
}

/* ---- objects ---- */

static int load_rows(struct db *d, sqlite3_stmt *st,
		     int (*fn)(void *arg, const struct db_row *row, struct err *e), void *arg,
		     struct err *e)
{
	int r, rc;

	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		struct db_row row = {.kind = text(st, 0),
				     .id = text(st, 1),
				     .account = text(st, 2),
				     .region = text(st, 3),
				     .lab = text(st, 4),
				     .revision = sqlite3_column_int64(st, 5),
				     .created = sqlite3_column_int64(st, 6),
				     .spec = text(st, 7),
				     .status = text(st, 8)};

		rc = fn(arg, &row, e);
		if (rc)
			return rc;
	}
	return r == SQLITE_DONE ? 0 : db_error(d, e, "read objects");
}

int db_load(struct db *d, int (*fn)(void *arg, const struct db_row *row, struct err *e), void *arg,
	    struct err *e)
{
	sqlite3_stmt *st = bind(d, LOAD, "");
	int r;

	if (!st)
		return db_error(d, e, "read objects");
	r = load_rows(d, st, fn, arg, e);
	sqlite3_reset(st);
	return r;
}

struct ref_arg {
	struct db *d;
	const struct object *o;
	struct err *e;
};

static int write_ref(void *arg, char **value, const struct ref_at *at)
{
	struct ref_arg *a = arg;
	char path[192];

	return run(a->d, a->e, INSERT_REF, "sss", a->o->id, *value,
		   ref_path(at, path, sizeof(path)));
}

static int write_status(struct db *d, const struct object *o, struct err *e)
{
	cleanup_json struct json *j = object_status(o);
	cleanup_free char *status = json_print(j);

	return json_len(j) ? run(d, e, SET_STATUS, "ss", o->id, status) : 0;
}

static int write_refs(struct db *d, const struct object *o, struct err *e)
{
	struct ref_arg arg = {d, o, e};

	return object_each_ref((struct object *)o, write_ref, &arg);
}

static int write_object(struct db *d, const struct change *c, struct err *e)
{
	const struct object *o = c->new;
	cleanup_json struct json *j = object_spec(o);
	cleanup_free char *spec = json_print(j);
	int r;

	if (c->op == CHANGE_CREATE)
		r = run(d, e, INSERT_OBJECT, "issssssi", (int64_t)o->revision, spec, o->id,
			o->kind->name, o->account, o->region, o->lab, o->created);
	else
		r = run(d, e, UPDATE_OBJECT, "iss", (int64_t)o->revision, spec, o->id);
	if (!r && c->old)
		r = run(d, e, DELETE_REFS, "s", o->id);
	if (!r)
		r = write_refs(d, o, e);
	return r ? r : write_status(d, o, e);
}

static int erase_object(struct db *d, const struct object *o, struct err *e)
{
	int r = run(d, e, DELETE_OBJECT, "s", o->id);

	if (!r)
		r = run(d, e, DELETE_STATUS, "s", o->id);
	return r ? r : run(d, e, DELETE_REFS, "s", o->id);
}

/* ---- transactions ---- */

static int write_event(struct db *d, uint64_t revision, const char *type, const struct object *o,
		       struct err *e)
{
	cleanup_json struct json *j = event_new(revision, type, o);
	cleanup_free char *event = json_print(j);

	return run(d, e, INSERT_EVENT, "is", (int64_t)revision, event);
}

static int write_change(struct db *d, uint64_t revision, const struct change *c, struct err *e)
{
	static const char *const types[] = {[CHANGE_CREATE] = "created",
					    [CHANGE_UPDATE] = "updated",
					    [CHANGE_DELETE] = "deleted",
					    [CHANGE_RETIRE] = "deleted"};
	int r = c->new ? write_object(d, c, e) : erase_object(d, c->old, e);

	return r ? r : write_event(d, revision, types[c->op], c->new ? c->new : c->old, e);
}

static int write_revision(struct db *d, uint64_t revision, struct err *e)
{
	char number[24];
	int r;

	snprintf(number, sizeof(number), "%llu", (unsigned long long)revision);
	r = run(d, e, SET_META, "ss", "revision", number);
	return r ? r : run(d, e, TRIM_EVENTS, "i", (int64_t)STORE_EVENTS_KEPT);
}

static int finish(struct db *d, uint64_t revision, int r, struct err *e)
{
	if (!r)
		r = write_revision(d, revision, e);
	if (!r) {
		r = fault_hit("model.commit");
		r = r ? err_sys(e, r, "save") : run(d, e, COMMIT, "");
	}
	if (r && !sqlite3_get_autocommit(d->handle))
		run(d, NULL, ROLLBACK, "");
	return r;
}

int db_commit(struct db *d, uint64_t revision, const struct change *c, size_t n, struct err *e)
{
	int r = run(d, e, BEGIN, "");

	for (size_t i = 0; !r && i < n; i++)
		r = write_change(d, revision, &c[i], e);
	return finish(d, revision, r, e);
}

int db_set_status(struct db *d, uint64_t revision, const struct object *o, struct err *e)
{
	int r = run(d, e, BEGIN, "");

	if (!r)
		r = run(d, e, DELETE_REFS, "s", o->id);
	if (!r)
		r = write_refs(d, o, e);
	if (!r)
		r = write_status(d, o, e);
	if (!r)
		r = write_event(d, revision, "status", o, e);
	return finish(d, revision, r, e);
}

int db_event(struct db *d, uint64_t revision, const char *type, const char *reason,
	     const struct object *o, struct err *e)
{
	cleanup_json struct json *j = event_new(revision, type, o);
	cleanup_free char *text = NULL;
	int r = run(d, e, BEGIN, "");

	json_set_str(j, "Reason", reason);
	text = json_print(j);
	if (!r)
		r = run(d, e, INSERT_EVENT, "is", (int64_t)revision, text);
	return finish(d, revision, r, e);
}

uint64_t db_revision(struct db *d)
{
	sqlite3_stmt *st = bind(d, GET_META, "s", "revision");
	uint64_t revision = 0;

	if (st && sqlite3_step(st) == SQLITE_ROW && text(st, 0))
		revision = strtoull(text(st, 0), NULL, 10);
	sqlite3_reset(st);
	return revision;
}

/* ---- events ---- */

int db_events(struct db *d, uint64_t since, size_t limit, void (*fn)(void *arg, const char *event),
	      void *arg, struct err *e)
{
	sqlite3_stmt *st = bind(d, LIST_EVENTS, "i", (int64_t)since);
	int64_t last = 0;
	size_t n = 0;
	int r = SQLITE_ERROR;

	while (st && (r = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t revision = sqlite3_column_int64(st, 0);

		if (n++ >= limit && revision != last) {
			r = SQLITE_DONE;
			break;
		}
		last = revision;
		fn(arg, text(st, 1));
	}
	r = r == SQLITE_DONE ? 0 : db_error(d, e, "read events");
	sqlite3_reset(st);
	return r;
}
