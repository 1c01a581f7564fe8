/* SPDX-License-Identifier: MIT
 * Loading and unloading labs. See topology_load.h.
 *
 * References may be circular in a file (a subnet's table routes to a NAT gateway that lies in the
 * subnet), so some fields are set in a second pass, once everything exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "model/kinds/common.h"
#include "model/peering.h"
#include "model/topology_load.h"
#include "model/types.h"

/* In the order of creation; deletion runs backwards. */
static const enum kind_id order[] = {KIND_PREFIX_LIST,
				     KIND_DHCP_OPTIONS,
				     KIND_VPC,
				     KIND_INTERNET_GATEWAY,
				     KIND_EGRESS_ONLY_INTERNET_GATEWAY,
				     KIND_VPC_PEERING_CONNECTION,
				     KIND_SUBNET,
				     KIND_SECURITY_GROUP,
				     KIND_NETWORK_ACL,
				     KIND_ELASTIC_IP,
				     KIND_NAT_GATEWAY,
				     KIND_NETWORK_INTERFACE,
				     KIND_INSTANCE,
				     KIND_FUNCTION,
				     KIND_INTERNET_HOST,
				     KIND_ROUTE_TABLE,
				     KIND_HOSTED_ZONE,
				     KIND_RESOLVER_RULE,
				     KIND_FIREWALL_DOMAIN_LIST,
				     KIND_FIREWALL_RULE_GROUP,
				     KIND_QUERY_LOG_CONFIG,
				     KIND_FLOW_LOG,
				     KIND_TRAFFIC_MIRROR_TARGET,
				     KIND_TRAFFIC_MIRROR_FILTER,
				     KIND_TRAFFIC_MIRROR_SESSION};

static bool is_nested(enum kind_id kind)
{
	return kind == KIND_SUBNET || kind == KIND_ROUTE_TABLE || kind == KIND_INTERNET_GATEWAY ||
	       kind == KIND_EGRESS_ONLY_INTERNET_GATEWAY || kind == KIND_NAT_GATEWAY ||
	       kind == KIND_SECURITY_GROUP || kind == KIND_NETWORK_ACL;
}

bool object_came_along(const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_ROUTE_TABLE:
		return AS_CONST(route_table, o)->main;
	case KIND_NETWORK_ACL:
		return AS_CONST(network_acl, o)->is_default;
	case KIND_SECURITY_GROUP:
		return !strcmp(AS_CONST(security_group, o)->group_name, "default");
	case KIND_NETWORK_INTERFACE:
		return AS_CONST(network_interface, o)->attachment_id != NULL;
	case KIND_ELASTIC_IP:
		return AS_CONST(elastic_ip, o)->auto_assigned;
	default:
		return false;
	}
}

static const char *vpc_name_of(const struct model *m, const struct object *o)
{
	const char *id = is_nested(o->kind->kind) ? model_object_vpc(m, o) : NULL;
	const struct object *v = id ? model_get(m, id) : NULL;

	return v ? v->name : NULL;
}

char *object_label(const struct model *m, const struct object *o)
{
	const char *vpc = vpc_name_of(m, o), *name = o->name ? o->name : o->id;
	char *label;

	if (asprintf(&label, "%s%s%s", vpc ? vpc : "", vpc ? "/" : "", name) < 0)
		return NULL;
	return label;
}

bool entry_has_ipv6(struct load *l, const struct entry *e)
{
	const char *id = entry_vpc_id(l, e);
	const struct object *o = id ? model_get(txn_model(l->t), id) : NULL;

	return o && ip_is_set(&AS_CONST(vpc, o)->ipv6_cidr_block.ip);
}

bool object_of_lab(const struct object *o, const char *lab)
{
	return o->lab && !strcmp(o->lab, lab);
}

static bool equal(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* ---- entries and objects ---- */

const char *entry_vpc_id(struct load *l, const struct entry *e)
{
	struct entry *v = e->vpc ? entry_find(l, KIND_VPC, e->vpc, NULL) : NULL;

	return v && v->id[0] ? v->id : NULL;
}

const struct object *entry_object(struct load *l, const struct entry *e, const char *lab)
{
	const struct model *m = txn_model(l->t);
	bool is_main = json_bool(json_get(e->body, "Main"));
	const char *vpc = entry_vpc_id(l, e);

	model_for_each (o, m, e->kind) {
		if ((lab ? !object_of_lab(o, lab) : o->lab != NULL) ||
		    (e->vpc && !equal(model_object_vpc(m, o), vpc)))
			continue;
		if (e->kind == KIND_ROUTE_TABLE && AS_CONST(route_table, o)->main != is_main)
			continue;
		if (is_main ||
		    (equal(o->name, e->name) &&
		     (e->kind != KIND_ELASTIC_IP || !AS_CONST(elastic_ip, o)->auto_assigned)))
			return o;
	}
	return NULL;
}

static const struct entry *entry_of(struct load *l, const struct object *o)
{
	const char *vpc = vpc_name_of(txn_model(l->t), o);

	if (!o->name)
		return NULL;
	if (is_nested(o->kind->kind) && !vpc)
		return NULL;
	return entry_find(l, o->kind->kind, o->name, vpc);
}

/* What the lab has and the file has not goes first: its names and ranges may be taken again. */
static void prune(struct load *l)
{
	for (size_t k = ARRAY_SIZE(order); k-- > 0;) {
		struct ids ids = {0};

		model_for_each (o, txn_model(l->t), order[k])
			if (object_of_lab(o, l->lab) && !object_came_along(o) && !entry_of(l, o))
				ids_add(&ids, o);
		for (size_t i = 0; i < ids.n; i++) {
			struct err e;

			if (delete_deep(l->t, l->lab, ids.v[i], &e))
				fault_add(l, "", NULL, false, &e);
		}
		free(ids.v);
	}
}

/* ---- faults of an entry ---- */

/* "SecurityGroupIds/0" of the kind is "SecurityGroups/0" of the file; false: the file has no key.
 */
static bool file_path(const struct entry *e, const char *field, char *ret, size_t len)
{
	size_t n = strcspn(field, "/");

	for (const struct key *k = block_keys(e->kind); k->key; k++)
		if (k->field && strlen(k->field) == n && !strncmp(k->field, field, n)) {
			snprintf(ret, len, "%s%s", k->key, field + n);
			return true;
		}
	return false;
}

/* "Routes/1/GatewayId" is the value of the second destination. */
static void route_path(const struct entry *e, char *path, size_t len)
{
	const struct json *routes = json_get(e->body, "Routes");
	char key[200];
	unsigned i;

	if (json_type(routes) != JSON_OBJECT || sscanf(path, "Routes/%u", &i) != 1)
		return;
	json_for_each (r, routes)
		if (!i--)
			snprintf(path, len, "Routes/%s",
				 pointer_escape(json_key(r), key, sizeof(key)));
}

void entry_fault(struct load *l, struct entry *e, const struct err *err)
{
	char path[256] = "";

	e->failed = true;
	/* Without a body it is a key of another's: its pointer says it all. */
	if (e->body && err->field[0] && file_path(e, err->field, path, sizeof(path)) &&
	    e->kind == KIND_ROUTE_TABLE)
		route_path(e, path, sizeof(path));
	/* Of two that collide, the one that comes later is at fault. */
	fault_add(l, e->pointer, path, false, err);
	if (!l->adopt && unowned_namesake(txn_model(l->t), e->kind, e->name))
		fault_append(l, "; %s %.64s belongs to no lab: --adopt makes it this one's",
			     kinds[e->kind]->name, e->name);
}

bool entry_is_failed(struct load *l, enum kind_id kind, const char *name, const char *vpc)
{
	const char *slash = strchr(name, '/');
	struct entry *e = NULL;

	if (slash) {
		cleanup_free char *scope = strndup(name, (size_t)(slash - name));

		e = scope ? entry_find(l, kind, slash + 1, scope) : NULL;
	}
	if (!e)
		e = entry_find(l, kind, name, vpc);
	if (!e && !vpc)
		e = entry_find(l, kind, name, NULL);
	return e && e->failed;
}

static bool value_failed(struct load *l, const struct field *f, const struct json *v,
			 const char *vpc)
{
	if (f->type == T_REF && json_str(v))
		return entry_is_failed(l, f->ref, json_str(v), vpc);
	if (f->type == T_LIST)
		json_for_each (it, v)
			if (value_failed(l, f->elem, it, vpc))
				return true;
	if (f->type == T_RECORD)
		field_for_each (m, f->fields)
			if (value_failed(l, m, json_get(v, m->name), vpc))
				return true;
	return false;
}

/* A reference to what has a fault already is no fault of its own. */
static bool depends_on_failed(struct load *l, const struct entry *e)
{
	if (e->vpc && entry_is_failed(l, KIND_VPC, e->vpc, NULL))
		return true;
	field_for_each (f, kinds[e->kind]->fields)
		if (value_failed(l, f, json_get(e->spec, f->name), e->vpc))
			return true;
	return false;
}

/* ---- making an entry hold ---- */

static bool in_second_pass(enum kind_id kind, const char *field)
{
	if (kind == KIND_SUBNET)
		return !strcmp(field, "RouteTableId") || !strcmp(field, "NetworkAclId");
	if (kind == KIND_ELASTIC_IP)
		return !strcmp(field, "NetworkInterfaceId") || !strcmp(field, "PrivateIpAddress");
	return false;
}

/* As a merge patch: what the map has and `wanted` has not becomes null. */
static struct json *map_patch(const struct map *has, const struct json *wanted)
{
	struct json *patch = wanted ? json_copy(wanted) : json_new_obj();

	for (size_t i = 0; i < has->n; i++)
		if (!json_get(wanted, has->keys[i]))
			json_set(patch, has->keys[i], json_new_null());
	return patch;
}

/* What the file does not say has its default again. */
static struct json *make_patch(const struct object *o, const struct json *spec)
{
	struct json *patch = json_new_obj();

	field_for_each (f, o->kind->fields) {
		const struct json *v = json_get(spec, f->name);

		if ((f->flags & COMPUTED) || in_second_pass(o->kind->kind, f->name))
			continue;
		if (f->type == T_MAP)
			json_set(patch, f->name, map_patch(field_at_const(f, o), v));
		else if (v)
			json_set(patch, f->name, json_copy(v));
		else if (!(f->flags & (IMMUTABLE | ALLOCATED | REQUIRED)))
			json_set(patch, f->name, json_new_null());
	}
	json_set(patch, "Tags", map_patch(&o->tags, json_get(spec, "Tags")));
	return patch;
}

/* In a subnet that assigns IPv6 addresses, an instance that names none has one. */
static void default_ipv6(struct load *l, struct json *spec)
{
	const char *subnet = json_str(json_get(spec, "SubnetId"));
	const struct object *o;
	struct json *addresses;

	if (json_get(spec, "Ipv6Addresses") || !subnet ||
	    model_resolve(txn_model(l->t), KIND_SUBNET, subnet, NULL, &o, NULL) ||
	    !AS_CONST(subnet, o)->assign_ipv6_address_on_creation)
		return;
	addresses = json_new_arr();
	json_append(addresses, json_new_str("auto"));
	json_set(spec, "Ipv6Addresses", addresses);
}

static struct json *make_spec(struct load *l, const struct entry *e)
{
	struct json *spec = json_copy(e->spec), *tags = json_get(spec, "Tags");

	if (!tags) {
		tags = json_new_obj();
		json_set(spec, "Tags", tags);
	}
	if (json_type(tags) == JSON_OBJECT)
		json_set_str(tags, "Name", e->name);
	if (e->kind == KIND_SUBNET) {
		json_set(spec, "RouteTableId", NULL);
		json_set(spec, "NetworkAclId", NULL);
	}
	if (is_nested(e->kind) && e->kind != KIND_NAT_GATEWAY)
		json_set_str(spec, "VpcId", entry_vpc_id(l, e));
	if (e->kind == KIND_INSTANCE)
		default_ipv6(l, spec);
	if (e->kind == KIND_NETWORK_ACL && !strcmp(e->name, "default") &&
	    !json_get(spec, "Entries"))
		json_set(spec, "Entries", default_acl_entries(entry_has_ipv6(l, e)));
	return spec;
}

static int create_entry(struct load *l, struct entry *e, const struct json *spec, struct err *err)
{
	const struct object *o;
	int rc = txn_create(l->t, kinds[e->kind], spec, entry_vpc_id(l, e), &o, err);

	if (!rc)
		memcpy(e->id, o->id, sizeof(e->id));
	return rc;
}

static int update_entry(struct load *l, struct entry *e, const struct object *o,
			const struct json *spec, struct err *err)
{
	cleanup_json struct json *patch = make_patch(o, spec);
	int rc;

	memcpy(e->id, o->id, sizeof(e->id));
	rc = release_ipv6(l->t, l->lab, o, json_get(spec, "Ipv6CidrBlock"), err);
	if (!rc)
		rc = txn_update(l->t, e->id, patch, err);
	if (rc != -EPERM)
		return rc;
	/* Immutable: another object takes its place. */
	rc = delete_deep(l->t, l->lab, e->id, err);
	e->id[0] = 0;
	return rc ? rc : create_entry(l, e, spec, err);
}

/* A peering connection that is over is asked for again, unless it would fail again. */
static int update_peering(struct load *l, struct entry *e, const struct object *o,
			  const struct json *spec, struct err *err)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	int rc;

	if (!peering_is_over(p))
		return update_entry(l, e, o, spec, err);
	memcpy(e->id, o->id, sizeof(e->id));
	if (p->status == PEERING_FAILED && peering_would_fail(txn_model(l->t), p))
		return 0;
	rc = delete_deep(l->t, l->lab, e->id, err);
	return rc ? rc : create_entry(l, e, spec, err);
}

static int make_hold(struct load *l, struct entry *e, const struct json *spec, struct err *err)
{
	const struct object *o = entry_object(l, e, l->lab);

	if (!o)
		return create_entry(l, e, spec, err);
	if (e->kind == KIND_VPC_PEERING_CONNECTION)
		return update_peering(l, e, o, spec, err);
	return update_entry(l, e, o, spec, err);
}

static void apply_entry(struct load *l, struct entry *e)
{
	cleanup_json struct json *spec = NULL;
	struct err err;

	if (e->failed || depends_on_failed(l, e)) {
		e->failed = true;
		return;
	}
	spec = make_spec(l, e);
	if (make_hold(l, e, spec, &err))
		entry_fault(l, e, &err);
}

static void apply_kind(struct load *l, enum kind_id kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			apply_entry(l, &l->v[i]);
}

/* ---- the second pass ---- */

static void apply_subnet_refs(struct load *l, struct entry *e)
{
	static const char *const fields[] = {"RouteTableId", "NetworkAclId"};
	cleanup_json struct json *patch = json_new_obj();
	struct err err;

	if (e->failed || depends_on_failed(l, e))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct json *v = json_get(e->spec, fields[i]);

		json_set(patch, fields[i], v ? json_copy(v) : json_new_null());
	}
	if (txn_update(l->t, e->id, patch, &err))
		entry_fault(l, e, &err);
}

/* The elastic IP that an instance's entry asks for; NULL: none. */
static struct entry *instance_eip(struct load *l, const struct entry *e)
{
	const char *name = json_str(json_get(e->body, "ElasticIp"));

	if (!name && json_get(e->body, "PublicIp"))
		name = e->name;
	return name ? entry_find(l, KIND_ELASTIC_IP, name, NULL) : NULL;
}

static const char *instance_eni(struct load *l, const struct entry *e)
{
	const struct object *o = e->id[0] ? model_get(txn_model(l->t), e->id) : NULL;

	return o ? AS_CONST(instance, o)->network_interface_id : NULL;
}

static bool is_wanted(struct load *l, const char *eip_id, const char *eni)
{
	for (size_t i = 0; i < l->n; i++) {
		struct entry *eip =
			l->v[i].kind == KIND_INSTANCE ? instance_eip(l, &l->v[i]) : NULL;

		if (eip && equal(eip->id, eip_id) && equal(instance_eni(l, &l->v[i]), eni))
			return true;
	}
	return false;
}

/* Associations that the file does not want go first, so that addresses may change places. */
static void disassociate(struct load *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct entry *e = &l->v[i];
		const struct object *o = e->id[0] ? model_get(txn_model(l->t), e->id) : NULL;
		const char *eni = o && e->kind == KIND_ELASTIC_IP
					  ? AS_CONST(elastic_ip, o)->network_interface_id
					  : NULL;
		const struct object *at = eni ? model_get(txn_model(l->t), eni) : NULL;
		struct err err;

		if (!at ||
		    AS_CONST(network_interface, at)->interface_type == INTERFACE_NAT_GATEWAY ||
		    is_wanted(l, e->id, eni))
			continue;
		if (patch_null(l->t, e->id, "NetworkInterfaceId", &err))
			entry_fault(l, e, &err);
	}
}

static void associate(struct load *l, struct entry *e)
{
	const char *name = json_str(json_get(e->body, "ElasticIp")), *eni = instance_eni(l, e);
	struct entry *eip = instance_eip(l, e);
	cleanup_json struct json *patch = json_new_obj();
	struct err err;

	if (name && !eip) {
		fault_format(l, e->pointer, "ElasticIp", false, "InvalidAllocationID.NotFound",
			     "no elastic IP %.64s in this file", name);
		return;
	}
	if (!eip || eip->failed || e->failed || !eni)
		return;
	json_set_str(patch, "NetworkInterfaceId", eni);
	if (txn_update(l->t, eip->id, patch, &err))
		fault_add(l, e->pointer, name ? "ElasticIp" : "PublicIp", false, &err);
}

static void each_entry(struct load *l, enum kind_id kind, void (*fn)(struct load *, struct entry *))
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			fn(l, &l->v[i]);
}

/* A main table that the file does not name any more has no routes but the local ones. */
static void reset_main_tables(struct load *l)
{
	struct ids ids = {0};

	model_for_each (o, txn_model(l->t), KIND_ROUTE_TABLE)
		if (object_of_lab(o, l->lab) && AS_CONST(route_table, o)->main &&
		    AS_CONST(route_table, o)->routes.n && !entry_of(l, o))
			ids_add(&ids, o);
	for (size_t i = 0; i < ids.n; i++)
		patch_null(l->t, ids.v[i], "Routes", NULL);
	free(ids.v);
}

/* So have default groups and ACLs what they were made with. */
static void reset_defaults(struct load *l)
{
	struct ids groups = {0}, acls = {0};

	model_for_each (o, txn_model(l->t), KIND_SECURITY_GROUP)
		if (object_of_lab(o, l->lab) && object_came_along(o) && !entry_of(l, o))
			ids_add(&groups, o);
	model_for_each (o, txn_model(l->t), KIND_NETWORK_ACL)
		if (object_of_lab(o, l->lab) && object_came_along(o) && !entry_of(l, o))
			ids_add(&acls, o);
	for (size_t i = 0; i < groups.n; i++)
		reset_rules(l, groups.v[i]);
	for (size_t i = 0; i < acls.n; i++)
		reset_acl(l->t, acls.v[i]);
	free(groups.v);
	free(acls.v);
}

static void apply_all(struct load *l)
{
	if (l->adopt)
		topology_adopt(l);
	prune(l);
	reset_main_tables(l);
	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		if (order[k] == KIND_ROUTE_TABLE) {
			/* Everything that a rule or route may name is there now. */
			each_entry(l, KIND_SECURITY_GROUP, sync_rules);
			reset_defaults(l);
			disassociate(l);
			each_entry(l, KIND_INSTANCE, associate);
		}
		apply_kind(l, order[k]);
	}
	each_entry(l, KIND_SUBNET, apply_subnet_refs);
	each_entry(l, KIND_HOSTED_ZONE, sync_records);
}

static void load_done(struct load *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].vpc);
		json_free(l->v[i].spec);
	}
	free(l->v);
	free(l->lab);
	json_free(l->doc);
}

int topology_load(struct txn *t, const char *text, size_t len, const char *lab_override,
		  const char *lab_default, const char *directory, bool adopt, char **ret_lab,
		  struct plan_steps *ret_steps, struct faults *ret_faults)
{
	struct load l = {.t = t,
			 .text = text,
			 .len = len,
			 .directory = directory,
			 .adopt = adopt,
			 .faults = ret_faults};
	int rc = 0;

	*ret_lab = NULL;
	*ret_steps = (struct plan_steps){0};
	*ret_faults = (struct faults){0};
	topology_read(&l, lab_override, lab_default);
	if (!ret_faults->n && !l.no_memory) {
		txn_set_lab(t, l.lab);
		apply_all(&l);
	}
	if (ret_faults->n)
		rc = ret_faults->v[0].err.rc;
	else if (l.no_memory)
		rc = -ENOMEM;
	else
		rc = topology_steps(t, ret_steps);
	*ret_lab = TAKE(l.lab);
	load_done(&l);
	return rc;
}

int topology_unload(struct txn *t, const char *lab, struct plan_steps *ret_steps, struct err *e)
{
	*ret_steps = (struct plan_steps){0};
	for (size_t k = ARRAY_SIZE(order); k-- > 0;) {
		struct ids ids = {0};
		int rc = 0;

		model_for_each (o, txn_model(t), order[k])
			if (object_of_lab(o, lab) && !object_came_along(o))
				ids_add(&ids, o);
		for (size_t i = 0; !rc && i < ids.n; i++)
			rc = delete_deep(t, lab, ids.v[i], e);
		free(ids.v);
		if (rc)
			return rc;
	}
	return topology_steps(t, ret_steps) ? err_sys(e, -ENOMEM, "steps") : 0;
}
