/* SPDX-License-Identifier: MIT
 * Objects of all kinds: list, create, show, change, delete.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

#define LIMIT_MAX 1000

static const struct kind *path_kind(const struct request *rq)
{
	return kind_find(rq->segments[1]);
}

static void set_etag(struct request *rq, const struct object *o)
{
	free(rq->etag);
	if (asprintf(&rq->etag, "\"%llu\"", (unsigned long long)o->revision) < 0)
		rq->etag = NULL;
}

/* ---- lists ---- */

static bool value_matches(const struct json *v, const char *wanted)
{
	cleanup_free char *text = NULL;

	if (json_type(v) == JSON_ARRAY) {
		json_for_each (it, v)
			if (value_matches(it, wanted))
				return true;
		return false;
	}
	if (json_str(v))
		return !strcmp(json_str(v), wanted);
	text = v ? json_print(v) : NULL;
	return text && !strcmp(text, wanted);
}

/* The id that a filter's text means, where its field refers to objects. */
static const char *filter_id(const struct request *rq, const struct kind *k, const char *name,
			     const char *text)
{
	const struct field *f = field_find(k->fields, name);
	const struct object *o;
	enum kind_id kind = KIND_NONE;

	if (f && f->type == T_REF)
		kind = f->ref;
	else if (f && f->type == T_LIST && f->elem->type == T_REF)
		kind = f->elem->ref;
	if (!kind || model_resolve(request_model(rq), kind, text, NULL, &o, NULL))
		return text;
	return o->id;
}

static const struct json *member(const struct json *obj, const char *path)
{
	if (!strncmp(path, "Tags.", 5))
		return json_get(json_get(obj, "Tags"), path + 5);
	return json_get(obj, path);
}

static bool is_control(const char *name)
{
	return !strcmp(name, "limit") || !strcmp(name, "after");
}

static bool passes(const struct request *rq, const struct kind *k, const struct json *obj)
{
	json_for_each (f, rq->query) {
		const char *name = json_key(f);

		if (is_control(name))
			continue;
		if (!value_matches(member(obj, name), filter_id(rq, k, name, json_str(f))) &&
		    !value_matches(member(obj, name), json_str(f)))
			return false;
	}
	return true;
}

static bool known_filter(const struct kind *k, const char *name)
{
	static const char *const common[] = {"Name", "Lab", "OwnerId", "Region", "Revision"};

	if (is_control(name) || !strncmp(name, "Tags.", 5) || !strcmp(name, k->id_field) ||
	    field_find(k->fields, name))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (!strcmp(name, common[i]))
			return true;
	/* Derived members (VpcId of an instance) have no field. */
	return k->derive && name[0] >= 'A' && name[0] <= 'Z';
}

static bool check_filters(struct request *rq, const struct kind *k)
{
	json_for_each (f, rq->query)
		if (!known_filter(k, json_key(f))) {
			fail_with(rq, 400, "InvalidParameterValue",
				  "%s has no field %s to filter by", k->name, json_key(f));
			return false;
		}
	return true;
}

void get_objects(struct request *rq)
{
	const struct kind *k = path_kind(rq);
	const char *limit_text = query_get(rq, "limit"), *after = query_get(rq, "after");
	unsigned long limit = limit_text ? strtoul(limit_text, NULL, 10) : ~0ul;
	const struct object *o = after ? model_get(request_model(rq), after) : NULL;
	struct json *out, *items;
	const char *last = NULL;

	bool hits = k->kind == KIND_SECURITY_GROUP_RULE && hits_read(rq, k);

	if (!check_filters(rq, k))
		return;
	if (limit_text && (limit < 1 || limit > LIMIT_MAX)) {
		fail_with(rq, 400, "InvalidParameterValue", "limit goes from 1 to %d", LIMIT_MAX);
		return;
	}
	if (after && !o) {
		fail_with(rq, 404, "InvalidID.NotFound", "after: no object %s", after);
		return;
	}
	out = json_new_obj();
	items = json_new_arr();
	o = o ? model_next_shown(request_model(rq), o)
	      : model_first_shown(request_model(rq), k->kind);
	for (size_t n = 0; o; o = model_next_shown(request_model(rq), o)) {
		struct json *j = object_to_json(request_model(rq), o);

		if (hits)
			hits_add(rq, o, j);
		if (!passes(rq, k, j)) {
			json_free(j);
			continue;
		}
		if (n++ == limit) {
			json_set_str(out, "NextAfter", last);
			json_free(j);
			break;
		}
		json_append(items, j);
		last = o->id;
	}
	json_set(out, "Items", items);
	json_set_num(out, "Revision", (double)store_revision(rq->api->cfg.store));
	succeed(rq, 200, out);
}

/* ---- one object ---- */

void get_object(struct request *rq)
{
	const struct object *o = path_object(rq, path_kind(rq), rq->segments[2]);
	const struct api_hooks *h = &rq->api->cfg.hooks;
	struct json *j;

	if (!o)
		return;
	set_etag(rq, o);
	j = object_to_json(request_model(rq), o);
	if (h->figures)
		h->figures(h->arg, o, j);
	if (hits_read(rq, o->kind))
		hits_add(rq, o, j);
	succeed(rq, 200, j);
}

/* After apply: the object with the status that applying gave it. */
static void show_changed(struct request *rq)
{
	const struct object *o = model_get(request_model(rq), rq->finish_arg);

	if (!o)
		return; /* deleted since: the answer of the commit stands */
	set_etag(rq, o);
	succeed(rq, rq->status, object_to_json(request_model(rq), o));
}

void post_object(struct request *rq)
{
	const struct kind *k = path_kind(rq);
	cleanup_json struct json *spec = NULL;
	const struct object *o;
	struct txn *t;
	struct err e;

	if (!body_json(rq, &spec))
		return;
	t = change_begin(rq);
	if (!t)
		return;
	txn_set_lab(t, query_get(rq, "Lab"));
	if (txn_create(t, k, spec, NULL, &o, &e)) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	succeed(rq, is_dry_run(rq) ? 200 : 201, object_to_json(txn_model(t), o));
	if (!is_dry_run(rq) && asprintf(&rq->location, "/v1/%s/%s", k->plural, o->id) < 0)
		rq->location = NULL;
	change_end(rq, t, show_changed, strdup(o->id));
}

/* If-Match: false if the object is of another revision. */
static bool precondition(struct request *rq, const struct object *o)
{
	const char *match = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "If-Match");
	char etag[32];

	snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)o->revision);
	if (!match || !strcmp(match, "*") || !strcmp(match, etag))
		return true;
	fail_with(rq, 412, "PreconditionFailed", "%s is of revision %s, not %s", o->id, etag,
		  match);
	return false;
}

void patch_object(struct request *rq)
{
	const struct object *o = path_object(rq, path_kind(rq), rq->segments[2]);
	cleanup_json struct json *patch = NULL;
	char id[sizeof(o->id)];
	struct txn *t;
	struct err e;

	if (!o || !precondition(rq, o) || !body_json(rq, &patch))
		return;
	memcpy(id, o->id, sizeof(id));
	t = change_begin(rq);
	if (!t)
		return;
	if (txn_update(t, id, patch, &e)) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	succeed(rq, 200, object_to_json(txn_model(t), model_get(txn_model(t), id)));
	change_end(rq, t, show_changed, strdup(id));
}

static void nothing_more(struct request *rq)
{
}

void delete_object(struct request *rq)
{
	const struct object *o = path_object(rq, path_kind(rq), rq->segments[2]);
	char id[sizeof(o->id)];
	struct txn *t;
	struct err e;

	if (!o || !precondition(rq, o))
		return;
	memcpy(id, o->id, sizeof(id));
	succeed(rq, 200, object_to_json(request_model(rq), o));
	t = change_begin(rq);
	if (!t)
		return;
	if (txn_delete(t, id, &e)) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	change_end(rq, t, nothing_more, NULL);
}

/* ---- by any name ---- */

void get_resolve(struct request *rq)
{
	const char *kind = query_get(rq, "Kind");
	const struct kind *k = kind ? kind_find(kind) : NULL;
	const struct object *o;

	if (kind && !k) {
		fail_with(rq, 400, "InvalidParameterValue", "no kind %s", kind);
		return;
	}
	o = path_object(rq, k, rq->segments[2]);
	if (o)
		succeed(rq, 200, object_to_json(request_model(rq), o));
}
