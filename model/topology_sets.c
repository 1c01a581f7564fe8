/* SPDX-License-Identifier: MIT
 * Security group rules and DNS records: sets that belong to an entry. See topology_load.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/kinds/common.h"
#include "model/topology_load.h"

static bool ids_have(const struct ids *ids, const char *id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (!strcmp(ids->v[i], id))
			return true;
	return false;
}

static void delete_others(struct load *l, struct entry *e, const struct ids *all,
			  const struct ids *kept)
{
	for (size_t i = 0; i < all->n; i++) {
		struct err err;

		if (!ids_have(kept, all->v[i]) && txn_delete(l->t, all->v[i], &err))
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

/* A fault of what a rule names is told where it stands. */
static bool names_failed(struct load *l, const struct entry *e, const struct json *spec)
{
	const char *group = json_str(json_get(spec, "ReferencedGroupId"));
	const char *pl = json_str(json_get(spec, "PrefixListId"));

	return (group && (entry_is_failed(l, KIND_SECURITY_GROUP, group, e->vpc) ||
			  entry_is_failed(l, KIND_PREFIX_LIST, group, NULL))) ||
	       (pl && entry_is_failed(l, KIND_PREFIX_LIST, pl, NULL));
}

static int describe_rule(struct txn *t, const struct object *o, const struct json *spec,
			 struct err *e)
{
	const char *is = AS_CONST(security_group_rule, o)->description;
	const struct json *wanted = json_get(spec, "Description");
	cleanup_json struct json *patch = NULL;

	if (!is && !wanted)
		return 0;
	patch = json_new_obj();
	json_set(patch, "Description", wanted ? json_copy(wanted) : json_new_null());
	return txn_update(t, o->id, patch, e);
}

static int rule_read(const struct json *rule, bool egress, struct json **ret, struct err *e)
{
	cleanup_json struct json *spec = NULL;
	int rc = 0;

	if (json_str(rule))
		rc = rule_parse(json_str(rule), &spec, e);
	else if (json_type(rule) == JSON_OBJECT)
		spec = json_copy(rule);
	else
		rc = err_set(e, -EINVAL, "InvalidPermission.Malformed", "",
			     "a rule is a text (\"tcp 80 from 0.0.0.0/0\") or an object");
	if (rc)
		return rc;
	if (json_str(rule) && json_bool(json_get(spec, "IsEgress")) != egress)
		return err_set(e, -EINVAL, "InvalidPermission.Malformed", "",
			       "\"%.128s\": %s rules say \"%s\"", json_str(rule),
			       egress ? "egress" : "ingress", egress ? "to" : "from");
	json_set_bool(spec, "IsEgress", egress);
	*ret = TAKE(spec);
	return 0;
}

/* What is there stays; `create`: what is not is made, and a fault is told. */
static int want_rule(struct load *l, struct entry *e, const struct json *rule, bool egress,
		     bool create, struct ids *kept, struct err *err)
{
	const struct model *m = txn_model(l->t);
	const struct object *o, *group = model_get(m, e->id);
	cleanup_json struct json *spec = NULL;
	int rc = rule_read(rule, egress, &spec, err);

	if (rc)
		return rc;
	rule_settle(m, entry_vpc_id(l, e), spec);
	if (names_failed(l, e, spec))
		return 0;
	rc = rule_find(m, group, spec, &o, err);
	if (rc == -ENOENT && create && !strcmp(err->code, "InvalidPermission.NotFound")) {
		json_set_str(spec, "GroupId", e->id);
		rc = txn_create(l->t, kinds[KIND_SECURITY_GROUP_RULE], spec, entry_vpc_id(l, e), &o,
				err);
	} else if (!rc && ids_have(kept, o->id)) {
		rc = err_set(err, -EEXIST, "InvalidPermission.Duplicate", "",
			     "the group has this rule already, above");
	} else if (!rc && create) {
		rc = describe_rule(l->t, o, spec, err);
	}
	if (!rc)
		ids_add(kept, o);
	else
		rule_hint(m, spec, err);
	return rc;
}

static void want_rules(struct load *l, struct entry *e, bool egress, bool create, struct ids *kept)
{
	const char *key = egress ? "Egress" : "Ingress";
	const struct json *rules = json_get(e->body, key);
	cleanup_json struct json *defaults = json_new_arr();
	size_t i = 0;

	if (!rules) {
		if (egress)
			json_append(defaults, json_new_str("all to 0.0.0.0/0"));
		if (egress && entry_has_ipv6(l, e))
			json_append(defaults, json_new_str("all to ::/0"));
		if (!egress && !strcmp(e->name, "default"))
			json_append(defaults, json_new_str("all from default"));
		rules = defaults;
	}
	if (json_type(rules) != JSON_ARRAY && !create)
		return;
	if (json_type(rules) != JSON_ARRAY) {
		fault_format(l, e->pointer, key, false, "InvalidParameterValue",
			     "must be an array of rules");
		return;
	}
	json_for_each (rule, rules) {
		char tail[64];
		struct err err;

		snprintf(tail, sizeof(tail), "%s/%zu", key, i++);
		if (want_rule(l, e, rule, egress, create, kept, &err) && create)
			fault_add(l, e->pointer, tail, false, &err);
	}
}

void sync_rules(struct load *l, struct entry *e)
{
	struct ids all = {0}, kept = {0}, made = {0};
	void *arg[] = {&all, e->id};

	if (e->failed)
		return;
	model_referrers(txn_model(l->t), e->id, KIND_SECURITY_GROUP_RULE, own_rules, arg);
	/* What goes makes room first. */
	want_rules(l, e, false, false, &kept);
	want_rules(l, e, true, false, &kept);
	delete_others(l, e, &all, &kept);
	want_rules(l, e, false, true, &made);
	want_rules(l, e, true, true, &made);
	free(all.v);
	free(kept.v);
	free(made.v);
}

void reset_rules(struct load *l, const char *group_id)
{
	const struct model *m = txn_model(l->t);
	const struct object *o = model_get(m, group_id);
	const struct object *vpc = model_get(m, AS_CONST(security_group, o)->vpc_id);
	struct entry e = {.kind = KIND_SECURITY_GROUP, .name = (char[]){"default"}};

	e.vpc = vpc->name;
	memcpy(e.id, o->id, sizeof(e.id));
	snprintf(e.pointer, sizeof(e.pointer), "/Vpcs");
	sync_rules(l, &e);
}

void reset_acl(struct txn *t, const char *acl_id)
{
	const struct network_acl *acl = AS_CONST(network_acl, model_get(txn_model(t), acl_id));
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), acl->vpc_id));
	cleanup_json struct json *patch = json_new_obj();

	json_set(patch, "Entries", default_acl_entries(ip_is_set(&v->ipv6_cidr_block.ip)));
	txn_update(t, acl_id, patch, NULL);
}

struct record_search {
	const char *name, *type, *set; /* set NULL: simple */
	const struct object *found;
};

static void find_record(void *arg, const struct object *o)
{
	struct record_search *s = arg;
	const struct record_set *r = AS_CONST(record_set, o);

	bool same_set = s->set ? r->set_identifier && !strcmp(r->set_identifier, s->set)
			       : !r->set_identifier;

	if (same_set && !strcasecmp(r->record_name, s->name) && !strcasecmp(r->type, s->type))
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

/* "db A", or "www A blue" for one set of several; the key is cut up. */
static bool record_key(char *key, struct record_search *ret)
{
	char *type = strchr(key, ' '), *set = type ? strchr(type + 1, ' ') : NULL;

	if (!type || type == key || !type[1])
		return false;
	*type = 0;
	if (set)
		*set = 0;
	*ret = (struct record_search){.name = key, .type = type + 1, .set = set ? set + 1 : NULL};
	return !set || set[1];
}

/* What may change; absent members have their defaults again. */
static int update_record(struct load *l, const char *id, const struct json *spec, struct err *err)
{
	static const char *const members[] = {"Values", "TTL", "Weight"};
	cleanup_json struct json *patch = json_new_obj();

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct json *v = json_get(spec, members[i]);

		json_set(patch, members[i], v ? json_copy(v) : json_new_null());
	}
	return txn_update(l->t, id, patch, err);
}

static int want_record(struct load *l, struct entry *e, const struct json *record, struct ids *kept,
		       struct err *err)
{
	cleanup_free char *key = strdup(json_key(record));
	cleanup_json struct json *spec = NULL;
	struct record_search s = {0};
	int rc;

	if (!key || !record_key(key, &s))
		return err_set(
			err, -EINVAL, "InvalidChangeBatch", "",
			"\"%.64s\": a record's key is NAME TYPE, as in \"db A\", and a set's "
			"identifier where there are several",
			json_key(record));
	spec = record_spec(record, s.name, s.type);
	if (s.set)
		json_set_str(spec, "SetIdentifier", s.set);
	model_referrers(txn_model(l->t), e->id, KIND_RECORD_SET, find_record, &s);
	if (s.found) {
		ids_add(kept, s.found);
		return update_record(l, s.found->id, spec, err);
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
