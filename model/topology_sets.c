/* SPDX-License-Identifier: MIT
 * Security group rules and DNS records: sets that belong to an entry. See topology_load.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/topology_load.h"

static void delete_others(struct load *l, struct entry *e, const struct ids *all,
			  const struct ids *kept)
{
	for (size_t i = 0; i < all->n; i++) {
		bool keep = false;
		struct err err;

		for (size_t j = 0; j < kept->n && !keep; j++)
			keep = !strcmp(all->v[i], kept->v[j]);
		if (!keep && txn_delete(l->t, all->v[i], &err))
			entry_fault(l, e, &err);
	}
}

static void own_rules(void *arg, const struct object *o)
{
	struct ids *ids = ((void **)arg)[0];
	const char *group = ((void **)arg)[1];

	if (!strcmp(AS_CONST(security_group_rule, o)->group_id, group))
		ids_add(ids, o);
}

static int want_rule(struct load *l, struct entry *e, const struct json *rule, bool egress,
		     struct ids *kept, struct err *err)
{
	cleanup_json struct json *spec = NULL;
	const struct object *o, *group = model_get(txn_model(l->t), e->id);
	int rc = 0;

	if (json_str(rule))
		rc = rule_parse(json_str(rule), &spec, err);
	else if (json_type(rule) == JSON_OBJECT)
		spec = json_copy(rule);
	else
		rc = err_set(err, -EINVAL, "InvalidPermission.Malformed", "",
			     "a rule is a text (\"tcp 80 from 0.0.0.0/0\") or an object");
	if (rc)
		return rc;
	if (json_str(rule) && json_bool(json_get(spec, "IsEgress")) != egress)
		return err_set(err, -EINVAL, "InvalidPermission.Malformed", "",
			       "\"%.128s\": %s rules say \"%s\"", json_str(rule),
			       egress ? "egress" : "ingress", egress ? "to" : "from");
	json_set_bool(spec, "IsEgress", egress);
	if (json_str(json_get(spec, "ReferencedGroupId")) &&
	    entry_is_failed(l, KIND_SECURITY_GROUP, json_str(json_get(spec, "ReferencedGroupId")),
			    e->vpc))
		return 0;
	rc = rule_find(txn_model(l->t), group, spec, &o, err);
	if (rc == -ENOENT && !strcmp(err->code, "InvalidPermission.NotFound")) {
		json_set_str(spec, "GroupId", e->id);
		rc = txn_create(l->t, kinds[KIND_SECURITY_GROUP_RULE], spec, entry_vpc_id(l, e), &o,
				err);
	}
	if (!rc)
		ids_add(kept, o);
	return rc;
}

static void want_rules(struct load *l, struct entry *e, bool egress, struct ids *kept)
{
	const char *key = egress ? "Egress" : "Ingress";
	const struct json *rules = json_get(e->body, key);
	cleanup_json struct json *defaults = json_new_arr();
	size_t i = 0;

	if (!rules) {
		if (egress)
			json_append(defaults, json_new_str("all to 0.0.0.0/0"));
		else if (!strcmp(e->name, "default"))
			json_append(defaults, json_new_str("all from default"));
		rules = defaults;
	}
	if (json_type(rules) != JSON_ARRAY) {
		fault_format(l, e->pointer, key, false, "InvalidParameterValue",
			     "must be an array of rules");
		return;
	}
	json_for_each (rule, rules) {
		char tail[64];
		struct err err;

		snprintf(tail, sizeof(tail), "%s/%zu", key, i++);
		if (want_rule(l, e, rule, egress, kept, &err))
			fault_add(l, e->pointer, tail, false, &err);
	}
}

void sync_rules(struct load *l, struct entry *e)
{
	struct ids all = {0}, kept = {0};
	void *arg[] = {&all, e->id};

	if (e->failed)
		return;
	model_referrers(txn_model(l->t), e->id, KIND_SECURITY_GROUP_RULE, own_rules, arg);
	want_rules(l, e, false, &kept);
	want_rules(l, e, true, &kept);
	delete_others(l, e, &all, &kept);
	free(all.v);
	free(kept.v);
}

struct record_search {
	const char *name, *type;
	const struct object *found;
};

static void find_record(void *arg, const struct object *o)
{
	struct record_search *s = arg;
	const struct record_set *r = AS_CONST(record_set, o);

	if (!strcasecmp(r->record_name, s->name) && !strcasecmp(r->type, s->type))
		s->found = o;
}

/* "pg CNAME": "db.shop.test", or a list, or {"TTL": 60, "Values": [...]}. */
static struct json *record_spec(const struct json *record, const char *name, const char *type)
{
	struct json *spec = json_new_obj(), *values = json_new_arr();

	json_set_str(spec, "RecordName", name);
	json_set_str(spec, "Type", type);
	if (json_type(record) == JSON_OBJECT) {
		json_for_each (m, record)
			json_set(spec, json_key(m), json_copy(m));
		json_free(values);
		return spec;
	}
	if (json_type(record) == JSON_ARRAY)
		json_for_each (v, record)
			json_append(values, json_copy(v));
	else
		json_append(values, json_copy(record));
	json_set(spec, "Values", values);
	return spec;
}

static int want_record(struct load *l, struct entry *e, const struct json *record, struct ids *kept,
		       struct err *err)
{
	cleanup_free char *name = strdup(json_key(record));
	char *type = name ? strrchr(name, ' ') : NULL;
	cleanup_json struct json *spec = NULL;
	struct record_search s = {.name = name};
	int rc;

	if (!type || type == name)
		return err_set(err, -EINVAL, "InvalidChangeBatch", "",
			       "\"%.64s\": a record's key is NAME TYPE, as in \"db A\"",
			       json_key(record));
	*type++ = 0;
	s.type = type;
	spec = record_spec(record, name, type);
	model_referrers(txn_model(l->t), e->id, KIND_RECORD_SET, find_record, &s);
	if (s.found) {
		cleanup_json struct json *patch = json_new_obj();
		const struct json *ttl = json_get(spec, "TTL");

		ids_add(kept, s.found);
		json_set(patch, "Values", json_copy(json_get(spec, "Values")));
		json_set(patch, "TTL", ttl ? json_copy(ttl) : json_new_null());
		return txn_update(l->t, s.found->id, patch, err);
	}
	json_set_str(spec, "HostedZoneId", e->id);
	rc = txn_create(l->t, kinds[KIND_RECORD_SET], spec, NULL, &s.found, err);
	if (!rc)
		ids_add(kept, s.found);
	return rc;
}

void sync_records(struct load *l, struct entry *e)
{
	const struct json *records = json_get(e->body, "Records");
	char pointer[sizeof(e->pointer) + 16], key[200];
	struct ids all = {0}, kept = {0};

	if (e->failed)
		return;
	snprintf(pointer, sizeof(pointer), "%.240s/Records", e->pointer);
	if (records && json_type(records) != JSON_OBJECT) {
		fault_format(l, e->pointer, "Records", false, "InvalidParameterValue",
			     "must be an object: {\"db A\": \"10.0.0.5\"}");
		return;
	}
	model_referrers(txn_model(l->t), e->id, KIND_RECORD_SET, ids_add, &all);
	json_for_each (record, records) {
		struct err err;

		if (want_record(l, e, record, &kept, &err))
			fault_add(l, pointer, pointer_escape(json_key(record), key, sizeof(key)),
				  false, &err);
	}
	delete_others(l, e, &all, &kept);
	free(all.v);
	free(kept.v);
}
