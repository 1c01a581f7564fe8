/* SPDX-License-Identifier: MIT
 * A batch of changes to the records of a hosted zone, all or nothing (Route 53 API,
 * ChangeResourceRecordSets).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uthash.h>

#include "api/request.h"
#include "lib/cleanup.h"

/* A record set that the zone has, by what names it: "db\nA\n" and its set identifier. */
struct known {
	UT_hash_handle hh;
	char id[40];
	bool kept; /* named by the batch */
	char key[];
};

struct batch {
	struct txn *t;
	const struct object *zone;
	struct known *known;
	unsigned created, updated, deleted;
};

static char *key_make(const char *name, const char *type, const char *set)
{
	char *key = NULL;

	if (asprintf(&key, "%s\n%s\n%s", name ? name : "", type ? type : "", set ? set : "") < 0)
		abort();
	for (char *p = key; *p && p < key + strlen(key) - strlen(set ? set : ""); p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	return key;
}

static struct known *known_find(const struct batch *b, const char *key)
{
	struct known *k;

	HASH_FIND_STR(b->known, key, k);
	return k;
}

static struct known *known_add(struct batch *b, const struct object *o)
{
	const struct record_set *r = AS_CONST(record_set, o);
	cleanup_free char *key = key_make(r->record_name, r->type, r->set_identifier);
	struct known *k = calloc(1, sizeof(*k) + strlen(key) + 1);

	if (!k)
		abort();
	strcpy(k->key, key);
	memcpy(k->id, o->id, sizeof(k->id));
	HASH_ADD_STR(b->known, key, k);
	return k;
}

static void known_one(void *arg, const struct object *o)
{
	known_add(arg, o);
}

static void known_drop(struct batch *b, struct known *k)
{
	HASH_DEL(b->known, k);
	free(k);
}

static int create_set(struct batch *b, const struct json *set, struct err *e)
{
	cleanup_json struct json *spec = json_copy(set);
	const struct object *o;
	int rc;

	json_set_str(spec, "HostedZoneId", b->zone->id);
	rc = txn_create(b->t, kinds[KIND_RECORD_SET], spec, NULL, &o, e);
	if (rc)
		return rc;
	known_add(b, o)->kept = true;
	b->created++;
	return 0;
}

/* What the set does not say has its default again. */
static int update_set(struct batch *b, struct known *k, const struct json *set, struct err *e)
{
	static const char *const members[] = {"Values", "TTL", "Weight"};
	cleanup_json struct json *patch = json_new_obj();
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct json *v = json_get(set, members[i]);

		json_set(patch, members[i], v ? json_copy(v) : json_new_null());
	}
	rc = txn_update(b->t, k->id, patch, e);
	if (!rc) {
		k->kept = true;
		b->updated++;
	}
	return rc;
}

static int delete_set(struct batch *b, struct known *k, struct err *e)
{
	int rc = txn_delete(b->t, k->id, e);

	if (!rc) {
		known_drop(b, k);
		b->deleted++;
	}
	return rc;
}

static int change_one(struct batch *b, const struct json *change, struct err *e)
{
	const char *action = json_str(json_get(change, "Action"));
	const struct json *set = json_get(change, "RecordSet");
	cleanup_free char *key = NULL;
	struct known *k;

	if (!action || json_type(set) != JSON_OBJECT)
		return err_set(e, -EINVAL, "InvalidInput", "Action",
			       "a change is {\"Action\": …, \"RecordSet\": {…}}");
	key = key_make(json_str(json_get(set, "RecordName")), json_str(json_get(set, "Type")),
		       json_str(json_get(set, "SetIdentifier")));
	k = known_find(b, key);
	if (!strcmp(action, "UPSERT"))
		return k ? update_set(b, k, set, e) : create_set(b, set, e);
	if (!strcmp(action, "CREATE"))
		return create_set(b, set, e); /* one that is there already: refused by the kind */
	if (strcmp(action, "DELETE"))
		return err_set(e, -EINVAL, "InvalidInput", "Action",
			       "%.40s: CREATE, UPSERT and DELETE are actions", action);
	return k ? delete_set(b, k, e)
		 : err_set(e, -ENOENT, "InvalidChangeBatch", "RecordSet", "there is no such set");
}

/* The change at fault, by its place. */
static void blame(struct err *e, unsigned i)
{
	char field[sizeof(e->field)];

	snprintf(field, sizeof(field), "Changes/%u%s%.150s", i, e->field[0] ? "/" : "", e->field);
	memcpy(e->field, field, sizeof(field));
}

static int delete_others(struct batch *b, struct err *e)
{
	struct known *k, *tmp;

	HASH_ITER (hh, b->known, k, tmp) {
		int rc = k->kept ? 0 : delete_set(b, k, e);

		if (rc)
			return rc;
	}
	return 0;
}

static int change_all(struct batch *b, const struct json *body, struct err *e)
{
	unsigned i = 0;

	model_referrers(txn_model(b->t), b->zone->id, KIND_RECORD_SET, known_one, b);
	json_for_each (change, json_get(body, "Changes")) {
		int rc = change_one(b, change, e);

		if (rc) {
			blame(e, i);
			return rc;
		}
		i++;
	}
	return json_bool(json_get(body, "Replace")) ? delete_others(b, e) : 0;
}

static void done(struct request *rq)
{
	json_set_num(rq->answer, "Revision", (double)rq->revision);
}

void post_changes(struct request *rq)
{
	const struct object *zone = path_object(rq, kinds[KIND_HOSTED_ZONE], rq->segments[2]);
	cleanup_json struct json *body = NULL;
	struct batch b = {.zone = zone};
	struct known *k, *tmp;
	struct json *out;
	struct err e;
	int rc;

	if (!zone || !body_json(rq, &body))
		return;
	if (json_type(json_get(body, "Changes")) != JSON_ARRAY) {
		fail_with(rq, 400, "InvalidInput", "the body is {\"Changes\": [...]}");
		return;
	}
	b.t = change_begin(rq);
	if (!b.t)
		return;
	rc = change_all(&b, body, &e);
	HASH_ITER (hh, b.known, k, tmp)
		known_drop(&b, k);
	if (rc) {
		fail(rq, &e);
		txn_abort(b.t);
		return;
	}
	out = json_new_obj();
	json_set_num(out, "Created", b.created);
	json_set_num(out, "Updated", b.updated);
	json_set_num(out, "Deleted", b.deleted);
	succeed(rq, 200, out);
	change_end(rq, b.t, done, NULL);
}
