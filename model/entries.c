/* SPDX-License-Identifier: MIT
 * See entries.h. Each call patches the whole list, so that the kind's own checks judge it.
 */
#include "model/entries.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/route.h"
#include "model/topology_load.h"
#include "model/types.h"

#define NONE ((size_t)-1)

/* The list with item `at` (NONE: a new last one) being `with` (NULL: gone). */
static int list_patch(struct txn *t, const struct object *o, const char *field, size_t at,
		      const struct json *with, struct err *e)
{
	cleanup_json struct json *spec = object_spec(o), *patch = json_new_obj();
	struct json *list = json_new_arr();
	size_t i = 0;

	json_for_each (item, json_get(spec, field)) {
		if (i != at)
			json_append(list, json_copy(item));
		else if (with)
			json_append(list, json_copy(with));
		i++;
	}
	if (at == NONE && with)
		json_append(list, json_copy(with));
	json_set(patch, field, list);
	return txn_update(t, o->id, patch, e);
}

/* ---- ACL entries ---- */

static size_t entry_at(const struct network_acl *acl, int64_t number, bool egress)
{
	const struct network_acl_entry *v = acl->entries.v;

	for (size_t i = 0; i < acl->entries.n; i++)
		if (v[i].rule_number == number && v[i].egress == egress)
			return i;
	return NONE;
}

static int no_entry(const char *acl_id, int64_t number, bool egress, struct err *e)
{
	return err_set(e, -ENOENT, "InvalidNetworkAclEntry.NotFound", "", "%s has no %s entry %lld",
		       acl_id, egress ? "egress" : "ingress", (long long)number);
}

int acl_entry_put(struct txn *t, const char *acl_id, const struct json *entry, bool replace,
		  struct err *e)
{
	const struct object *o = model_get(txn_model(t), acl_id);
	int64_t number = (int64_t)json_num(json_get(entry, "RuleNumber"));
	bool egress = json_bool(json_get(entry, "Egress"));
	size_t at = entry_at(AS_CONST(network_acl, o), number, egress);

	if (replace && at == NONE)
		return no_entry(acl_id, number, egress, e);
	if (!replace && at != NONE)
		return err_set(e, -EEXIST, "NetworkAclEntryAlreadyExists", "RuleNumber",
			       "%s has an %s entry %lld already", acl_id,
			       egress ? "egress" : "ingress", (long long)number);
	return list_patch(t, o, "Entries", at, entry, e);
}

int acl_entry_remove(struct txn *t, const char *acl_id, int64_t number, bool egress, struct err *e)
{
	const struct object *o = model_get(txn_model(t), acl_id);
	size_t at = entry_at(AS_CONST(network_acl, o), number, egress);

	return at == NONE ? no_entry(acl_id, number, egress, e)
			  : list_patch(t, o, "Entries", at, NULL, e);
}

/* ---- routes ---- */

static const char *target_field(const struct model *m, const char *vpc_id, const char *target)
{
	const struct object *found;

	for (size_t i = 0; i < N_ROUTE_TARGETS; i++)
		if (!model_resolve(m, route_targets[i].kind, target, vpc_id, &found, NULL) &&
		    (!route_targets[i].of_vpc || !model_object_vpc(m, found) ||
		     !strcmp(model_object_vpc(m, found), vpc_id)))
			return route_targets[i].field;
	/* One of another VPC, to be refused as such. */
	for (size_t i = 0; i < N_ROUTE_TARGETS; i++)
		if (!model_resolve(m, route_targets[i].kind, target, vpc_id, &found, NULL))
			return route_targets[i].field;
	return NULL;
}

int route_parse(const struct model *m, const char *vpc_id, const char *destination,
		const char *target, struct json **ret, struct err *e)
{
	const char *field =
		strcmp(target, "local") ? target_field(m, vpc_id, target) : "LocalTarget";

	if (!field)
		return err_set(
			e, -EINVAL, "InvalidParameterValue", "Target",
			"\"%.64s\" is no gateway, NAT gateway, peering connection, interface "
			"or instance, nor local",
			target);
	*ret = json_new_obj();
	route_set_destination(*ret, destination);
	if (strcmp(target, "local"))
		json_set_str(*ret, field, target);
	else
		json_set_bool(*ret, field, true);
	return 0;
}

/* The route of the table that has the destination of a record; NONE: there is none. */
static int route_at(const struct model *m, const struct route_table *rtb, const struct json *record,
		    size_t *ret, struct err *e)
{
	const struct route *v = rtb->routes.v;
	struct route wanted = {0};
	const struct object *pl;
	int rc = value_parse(&elem_route, record, &wanted, e);

	*ret = NONE;
	if (!rc && wanted.prefix_list_id)
		rc = model_resolve(m, KIND_PREFIX_LIST, wanted.prefix_list_id, NULL, &pl, e);
	if (!rc && wanted.prefix_list_id)
		rc = text_set(&wanted.prefix_list_id, pl->id, e);
	for (size_t i = 0; !rc && i < rtb->routes.n; i++)
		if (route_same_destination(&v[i], &wanted))
			*ret = i;
	value_clear(&elem_route, &wanted);
	return rc;
}

static bool is_local(const struct model *m, const struct route_table *rtb, const char *destination)
{
	const struct vpc *v = AS_CONST(vpc, model_get(m, rtb->vpc_id));
	struct cidr c;

	if (cidr_parse(destination, &c))
		return false;
	c = cidr_canonical(&c);
	return vpc_has_block(v, &c);
}

static const char *destination_of(const struct json *route)
{
	static const char *const names[] = {"DestinationCidrBlock", "DestinationIpv6CidrBlock",
					    "DestinationPrefixListId"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (json_str(json_get(route, names[i])))
			return json_str(json_get(route, names[i]));
	return "";
}

static int no_route(const char *rtb_id, const char *destination, struct err *e)
{
	return err_set(e, -ENOENT, "InvalidRoute.NotFound", "", "%s has no route to %.64s", rtb_id,
		       destination);
}

int route_put(struct txn *t, const char *rtb_id, const struct json *route, bool replace,
	      struct err *e)
{
	const struct object *o = model_get(txn_model(t), rtb_id);
	const struct route_table *rtb = AS_CONST(route_table, o);
	const char *to = destination_of(route);
	size_t at;
	int rc = route_at(txn_model(t), rtb, route, &at, e);
	bool local = is_local(txn_model(t), rtb, to);

	if (rc)
		return rc;
	if (replace && at == NONE && !local)
		return no_route(rtb_id, to, e);
	if (!replace && (at != NONE || local))
		return err_set(e, -EEXIST, "RouteAlreadyExists", "",
			       "%s has a route to %.64s already", rtb_id, to);
	return list_patch(t, o, "Routes", at, route, e);
}

int route_remove(struct txn *t, const char *rtb_id, const char *destination, struct err *e)
{
	const struct object *o = model_get(txn_model(t), rtb_id);
	const struct route_table *rtb = AS_CONST(route_table, o);
	cleanup_json struct json *record = json_new_obj();
	size_t at;
	int rc;

	route_set_destination(record, destination);
	rc = route_at(txn_model(t), rtb, record, &at, e);
	if (rc)
		return rc;
	if (is_local(txn_model(t), rtb, destination))
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "%s is local and cannot be deleted: %s", destination,
			       at == NONE ? "it is implied"
					  : "replace its target with local instead");
	return at == NONE ? no_route(rtb_id, destination, e)
			  : list_patch(t, o, "Routes", at, NULL, e);
}
