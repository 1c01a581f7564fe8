/* SPDX-License-Identifier: MIT
 * Security group rules as people write them, and how often the rules of groups and ACLs decided.
 */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "model/entries.h"
#include "model/peering.h"
#include "model/topology.h"

/* ---- hits ---- */

bool hits_read(const struct request *rq, const struct kind *k)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	bool has = k->kind == KIND_SECURITY_GROUP || k->kind == KIND_SECURITY_GROUP_RULE ||
		   k->kind == KIND_NETWORK_ACL;

	return has && h->hits_read && h->rule_hits && !h->hits_read(h->arg, NULL);
}

/* null: nobody knows, for it decides without being counted. */
static struct json *hits_of(const struct request *rq, const char *rule)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	uint64_t n;

	return h->rule_hits(h->arg, rule, &n) ? json_new_num((double)n) : json_new_null();
}

struct group_rules {
	const struct request *rq;
	const char *group;
	struct json *out;
};

static void add_group_rule(void *arg, const struct object *o)
{
	struct group_rules *g = arg;
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	cleanup_free char *text = NULL;
	struct json *j;

	if (strcmp(r->group_id, g->group))
		return; /* merely refers to it */
	text = rule_format(request_model(g->rq), r);
	j = json_new_obj();
	json_set_str(j, "SecurityGroupRuleId", o->id);
	json_set_bool(j, "IsEgress", r->is_egress);
	json_set_str(j, "Rule", text);
	json_set_str(j, "Description", r->description);
	json_set(j, "Hits", hits_of(g->rq, o->id));
	if (security_group_rule_is_stale(request_model(g->rq), r))
		json_set_bool(j, "Stale", true);
	json_append(g->out, j);
}

static struct json *group_rules(const struct request *rq, const struct object *group)
{
	struct group_rules g = {rq, group->id, json_new_arr()};

	model_referrers(request_model(rq), group->id, KIND_SECURITY_GROUP_RULE, add_group_rule, &g);
	return g.out;
}

static struct json *acl_rules(const struct request *rq, const struct network_acl *acl)
{
	const struct network_acl_entry *v = acl->entries.v;
	struct json *out = json_new_arr();

	for (size_t i = 0; i < acl->entries.n; i++) {
		cleanup_free char *text = acl_entry_format(&v[i]);
		struct json *j = json_new_obj();
		char id[ACL_ENTRY_ID_LEN];

		json_set_num(j, "RuleNumber", (double)v[i].rule_number);
		json_set_bool(j, "Egress", v[i].egress);
		json_set_str(j, "Rule", text);
		json_set(j, "Hits", hits_of(rq, network_acl_entry_id(acl, &v[i], id)));
		json_append(out, j);
	}
	return out;
}

void hits_add(const struct request *rq, const struct object *o, struct json *out)
{
	switch (o->kind->kind) {
	case KIND_SECURITY_GROUP:
		json_set(out, "Rules", group_rules(rq, o));
		break;
	case KIND_SECURITY_GROUP_RULE:
		json_set(out, "Hits", hits_of(rq, o->id));
		break;
	case KIND_NETWORK_ACL:
		json_set(out, "Rules", acl_rules(rq, AS_CONST(network_acl, o)));
		break;
	default:
		break;
	}
}

static void nothing_more(struct request *rq)
{
}

/* ---- security group rules, as people write them ---- */

/* A rule's text or spec as a spec of its own. */
static struct json *rule_spec(const struct json *rule, struct err *e)
{
	struct json *spec = NULL;

	if (json_type(rule) == JSON_OBJECT)
		return json_copy(rule);
	if (!json_str(rule)) {
		err_set(e, -EINVAL, "InvalidParameterValue", "Rules",
			"a rule is a text (\"tcp 80 from 0.0.0.0/0\") or an object");
		return NULL;
	}
	return rule_parse(json_str(rule), &spec, e) ? NULL : spec;
}

static int create_rule(struct txn *t, const struct object *group, struct json *spec,
		       struct json *items, struct err *e)
{
	const struct object *o;
	int rc;

	json_set_str(spec, "GroupId", group->id);
	rule_settle(txn_model(t), AS_CONST(security_group, group)->vpc_id, spec);
	rc = txn_create(t, kinds[KIND_SECURITY_GROUP_RULE], spec,
			AS_CONST(security_group, group)->vpc_id, &o, e);
	if (!rc)
		json_append(items, object_to_json(txn_model(t), o));
	else
		rule_hint(txn_model(t), spec, e);
	return rc;
}

static int delete_rule(struct txn *t, const struct object *group, struct json *spec,
		       struct json *items, struct err *e)
{
	const struct object *o;
	int rc = rule_find(txn_model(t), group, spec, &o, e);

	if (rc)
		return rc;
	json_append(items, object_to_json(txn_model(t), o));
	return txn_delete(t, o->id, e);
}

static void change_rules(struct request *rq, unsigned status,
			 int (*change)(struct txn *, const struct object *, struct json *,
				       struct json *, struct err *))
{
	const struct object *group = path_object(rq, kinds[KIND_SECURITY_GROUP], rq->segments[2]);
	cleanup_json struct json *body = NULL;
	struct json *items, *out;
	struct txn *t;
	struct err e;
	int rc = 0;

	if (!group || !body_json(rq, &body))
		return;
	if (json_type(json_get(body, "Rules")) != JSON_ARRAY || json_len(body) != 1) {
		fail_with(rq, 400, "InvalidParameterValue", "the body is {\"Rules\": [...]}");
		return;
	}
	t = change_begin(rq);
	if (!t)
		return;
	items = json_new_arr();
	json_for_each (rule, json_get(body, "Rules")) {
		cleanup_json struct json *spec = rule_spec(rule, &e);

		rc = spec ? change(t, group, spec, items, &e) : -EINVAL;
		if (rc)
			break;
	}
	if (rc) {
		fail(rq, &e);
		json_free(items);
		txn_abort(t);
		return;
	}
	out = json_new_obj();
	json_set(out, "Items", items);
	succeed(rq, status, out);
	change_end(rq, t, nothing_more, NULL);
}

void post_rules(struct request *rq)
{
	change_rules(rq, is_dry_run(rq) ? 200 : 201, create_rule);
}

void delete_rules(struct request *rq)
{
	change_rules(rq, 200, delete_rule);
}

/* ---- entries of ACLs and route tables, one at a time ---- */

/* Changes one list of an object in a transaction of its own: {"Entries": [...]}. */
typedef int change_fn(struct txn *t, const char *id, const struct json *item, bool replace,
		      struct err *e);

static void change_list(struct request *rq, enum kind_id kind, const char *member,
			change_fn *change)
{
	const struct object *o = path_object(rq, kinds[kind], rq->segments[2]);
	bool replace = query_get(rq, "replace") && !strcmp(query_get(rq, "replace"), "1");
	cleanup_json struct json *body = NULL;
	char id[sizeof(o->id)];
	struct txn *t;
	struct err e;
	int rc = 0;

	if (!o || !body_json(rq, &body))
		return;
	if (json_type(json_get(body, member)) != JSON_ARRAY || json_len(body) != 1) {
		fail_with(rq, 400, "InvalidParameterValue", "the body is {\"%s\": [...]}", member);
		return;
	}
	memcpy(id, o->id, sizeof(id));
	t = change_begin(rq);
	if (!t)
		return;
	json_for_each (item, json_get(body, member)) {
		rc = change(t, id, item, replace, &e);
		if (rc)
			break;
	}
	if (rc) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	succeed(rq, 200, object_to_json(txn_model(t), model_get(txn_model(t), id)));
	change_end(rq, t, nothing_more, NULL);
}

static int put_entry(struct txn *t, const char *id, const struct json *item, bool replace,
		     struct err *e)
{
	cleanup_json struct json *parsed = NULL;
	int rc = json_str(item) ? acl_entry_parse(json_str(item), &parsed, e) : 0;

	return rc ? rc : acl_entry_put(t, id, parsed ? parsed : item, replace, e);
}

static int remove_entry(struct txn *t, const char *id, const struct json *item, bool replace,
			struct err *e)
{
	return acl_entry_remove(t, id, (int64_t)json_num(json_get(item, "RuleNumber")),
				json_bool(json_get(item, "Egress")), e);
}

void post_acl_entries(struct request *rq)
{
	change_list(rq, KIND_NETWORK_ACL, "Entries", put_entry);
}

void delete_acl_entries(struct request *rq)
{
	change_list(rq, KIND_NETWORK_ACL, "Entries", remove_entry);
}

static int put_route(struct txn *t, const char *id, const struct json *item, bool replace,
		     struct err *e)
{
	const struct route_table *rtb = AS_CONST(route_table, model_get(txn_model(t), id));
	const char *to = json_str(json_get(item, "Destination"));
	const char *target = json_str(json_get(item, "Target"));
	cleanup_json struct json *parsed = NULL;
	int rc = to && target ? route_parse(txn_model(t), rtb->vpc_id, to, target, &parsed, e) : 0;

	return rc ? rc : route_put(t, id, parsed ? parsed : item, replace, e);
}

static int remove_route(struct txn *t, const char *id, const struct json *item, bool replace,
			struct err *e)
{
	const char *to = json_str(json_get(item, "Destination"));

	if (!to)
		return err_set(e, -EINVAL, "MissingParameter", "Destination",
			       "a route to delete is {\"Destination\": CIDR or prefix list}");
	return route_remove(t, id, to, e);
}

void post_routes(struct request *rq)
{
	change_list(rq, KIND_ROUTE_TABLE, "Routes", put_route);
}

void delete_routes(struct request *rq)
{
	change_list(rq, KIND_ROUTE_TABLE, "Routes", remove_route);
}

/* ---- peering ---- */

static void decide(struct request *rq,
		   int (*decision)(struct txn *t, const char *id, struct err *e))
{
	const struct object *o =
		path_object(rq, kinds[KIND_VPC_PEERING_CONNECTION], rq->segments[2]);
	char id[sizeof(o->id)];
	struct txn *t;
	struct err e;

	if (!o)
		return;
	memcpy(id, o->id, sizeof(id));
	t = change_begin(rq);
	if (!t)
		return;
	if (decision(t, id, &e)) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	succeed(rq, 200, object_to_json(txn_model(t), model_get(txn_model(t), id)));
	change_end(rq, t, nothing_more, NULL);
}

void post_peering_accept(struct request *rq)
{
	decide(rq, peering_accept);
}

void post_peering_reject(struct request *rq)
{
	decide(rq, peering_reject);
}
