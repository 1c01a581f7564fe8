/* SPDX-License-Identifier: MIT
 * Deleting an object of a lab with what depends on it. See topology_load.h.
 */
#include <stdlib.h>
#include <string.h>

#include "model/topology_load.h"

int patch_null(struct txn *t, const char *id, const char *field, struct err *e)
{
	cleanup_json struct json *patch = json_new_obj();

	json_set(patch, field, json_new_null());
	return txn_update(t, id, patch, e);
}

static bool equal(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* A referrer lets go of id: by forgetting it where that is possible, otherwise by going too. */
static int let_go(struct txn *t, const char *lab, const struct object *o, const char *id,
		  struct err *e)
{
	const struct kind *k = kind_of_id(id);

	switch (o->kind->kind) {
	case KIND_SUBNET:
		if (equal(AS_CONST(subnet, o)->route_table_id, id))
			return patch_null(t, o->id, "RouteTableId", e);
		if (equal(AS_CONST(subnet, o)->network_acl_id, id))
			return patch_null(t, o->id, "NetworkAclId", e);
		break;
	case KIND_NETWORK_INTERFACE:
		if (AS_CONST(network_interface, o)->attachment_id)
			return 0; /* its holder is asked */
		break;
	case KIND_INSTANCE:
	case KIND_FUNCTION:
		if (k == kinds[KIND_SECURITY_GROUP])
			return patch_null(t, o->id, "SecurityGroupIds", e);
		break;
	default:
		break;
	}
	return delete_deep(t, lab, o->id, e);
}

void ids_add(void *arg, const struct object *o)
{
	struct ids *ids = arg;

	if (ids->n == ids->cap) {
		size_t cap = ids->cap ? 2 * ids->cap : 16;
		void *v = reallocarray(ids->v, cap, sizeof(*ids->v));

		if (!v)
			return;
		ids->v = v;
		ids->cap = cap;
	}
	memcpy(ids->v[ids->n++], o->id, sizeof(*ids->v));
}

/* Public addresses keep interfaces and gateways busy without referring to them the usual way. */
static int release_addresses(struct txn *t, const char *lab, const char *vpc_id, struct err *e)
{
	struct ids ids = {0};
	int rc = 0;

	model_for_each (o, txn_model(t), KIND_ELASTIC_IP)
		ids_add(&ids, o);
	for (size_t i = 0; !rc && i < ids.n; i++) {
		const struct object *o = model_get(txn_model(t), ids.v[i]);
		const char *eni_id = o ? AS_CONST(elastic_ip, o)->network_interface_id : NULL;
		const struct object *eni = eni_id ? model_get(txn_model(t), eni_id) : NULL;
		const char *holder = eni ? AS_CONST(network_interface, eni)->attachment_id : NULL;

		if (!eni || !object_of_lab(o, lab) ||
		    !equal(model_object_vpc(txn_model(t), eni), vpc_id))
			continue;
		if (AS_CONST(network_interface, eni)->interface_type == INTERFACE_NAT_GATEWAY ||
		    AS_CONST(elastic_ip, o)->auto_assigned)
			rc = delete_deep(t, lab, holder, e);
		else
			rc = patch_null(t, o->id, "NetworkInterfaceId", e);
	}
	free(ids.v);
	return rc;
}

static int prepare_delete(struct txn *t, const char *lab, const struct object *o, struct err *e)
{
	if (o->kind->kind == KIND_INTERNET_GATEWAY && AS_CONST(internet_gateway, o)->vpc_id)
		return release_addresses(t, lab, AS_CONST(internet_gateway, o)->vpc_id, e);
	if (o->kind->kind == KIND_ROUTE_TABLE && AS_CONST(route_table, o)->gateway_id)
		return patch_null(t, o->id, "GatewayId", e);
	return 0;
}

static void note_ipv6(void *arg, const struct object *o)
{
	if (AS_CONST(network_interface, o)->ipv6_addresses.n)
		ids_add(arg, o);
}

/* An interface's IPv6 addresses go, by its holder where it has one. */
static int release_interface(struct txn *t, const char *lab, const char *eni_id, struct err *e)
{
	const struct object *eni = model_get(txn_model(t), eni_id);
	const char *id = AS_CONST(network_interface, eni)->attachment_id;
	const struct object *holder = id ? model_get(txn_model(t), id) : eni;

	if (!holder || !object_of_lab(holder, lab))
		return 0; /* the block cannot go, and says so */
	return patch_null(t, holder->id,
			  holder->kind->kind == KIND_FUNCTION ? "Ipv6AllowedForDualStack"
							      : "Ipv6Addresses",
			  e);
}

static int release_subnet(struct txn *t, const char *lab, const char *id, struct err *e)
{
	struct ids enis = {0};
	int rc = 0;

	model_referrers(txn_model(t), id, KIND_NETWORK_INTERFACE, note_ipv6, &enis);
	for (size_t i = 0; !rc && i < enis.n; i++)
		rc = release_interface(t, lab, enis.v[i], e);
	free(enis.v);
	return rc;
}

static int release_subnets(struct txn *t, const char *lab, const char *vpc_id, struct err *e)
{
	struct ids subnets = {0};
	int rc = 0;

	model_referrers(txn_model(t), vpc_id, KIND_SUBNET, ids_add, &subnets);
	for (size_t i = 0; !rc && i < subnets.n; i++) {
		const struct object *o = model_get(txn_model(t), subnets.v[i]);

		if (!object_of_lab(o, lab) || !ip_is_set(&AS_CONST(subnet, o)->ipv6_cidr_block.ip))
			continue;
		rc = release_subnet(t, lab, subnets.v[i], e);
		if (!rc)
			rc = patch_null(t, subnets.v[i], "AssignIpv6AddressOnCreation", e);
		if (!rc)
			rc = patch_null(t, subnets.v[i], "Ipv6CidrBlock", e);
	}
	free(subnets.v);
	return rc;
}

static bool is_kept(const struct cidr *block, const struct json *wanted)
{
	const char *text = json_str(wanted);
	struct cidr c;

	if (!text || !strcmp(text, "auto"))
		return text != NULL;
	if (cidr_parse(text, &c))
		return true; /* a fault of its own */
	c = cidr_canonical(&c);
	return !cidr_cmp(&c, block);
}

int release_ipv6(struct txn *t, const char *lab, const struct object *o, const struct json *wanted,
		 struct err *e)
{
	char id[sizeof(o->id)];
	const struct cidr *block = o->kind->kind == KIND_VPC ? &AS_CONST(vpc, o)->ipv6_cidr_block
				   : o->kind->kind == KIND_SUBNET
					   ? &AS_CONST(subnet, o)->ipv6_cidr_block
					   : NULL;

	if (!block || !ip_is_set(&block->ip) || is_kept(block, wanted))
		return 0;
	memcpy(id, o->id, sizeof(id)); /* o may move */
	return o->kind->kind == KIND_VPC ? release_subnets(t, lab, id, e)
					 : release_subnet(t, lab, id, e);
}

static bool holds_back(const struct err *e)
{
	return !strcmp(e->code, "DependencyViolation") ||
	       !strcmp(e->code, "InvalidIPAddress.InUse") ||
	       !strcmp(e->code, "InvalidNetworkInterface.InUse");
}

/* A rule that somebody added to a group of the lab goes with the group. */
static bool goes_with_lab(const struct model *m, const struct object *o, const char *lab)
{
	const char *id = object_of_lab(o, lab) ? NULL : object_owner(m, o);
	const struct object *owner = id ? model_get(m, id) : NULL;

	return object_of_lab(o, lab) || (owner && object_of_lab(owner, lab));
}

static int free_from_referrers(struct txn *t, const char *lab, const char *id, struct err *e)
{
	struct ids ids = {0};
	int rc = 0;

	model_referrers(txn_model(t), id, KIND_NONE, ids_add, &ids);
	for (size_t i = 0; !rc && i < ids.n; i++) {
		const struct object *o = model_get(txn_model(t), ids.v[i]);

		if (!o || object_came_along(o))
			continue;
		if (!goes_with_lab(txn_model(t), o, lab))
			rc = err_set(e, -EBUSY, "DependencyViolation", "",
				     "%s is used by %s %s (%s), which is not of lab %s", id,
				     o->kind->name, o->id, o->name ? o->name : "unnamed", lab);
		else
			rc = let_go(t, lab, o, id, e);
	}
	free(ids.v);
	return rc;
}

int delete_deep(struct txn *t, const char *lab, const char *id, struct err *e)
{
	const struct object *o = model_get(txn_model(t), id);
	char own[40];
	int rc;

	if (!o)
		return 0;
	memcpy(own, o->id, sizeof(own)); /* o may move */
	rc = prepare_delete(t, lab, o, e);
	if (!rc)
		rc = txn_delete(t, own, e);
	if (!rc || !holds_back(e))
		return rc;
	o = model_get(txn_model(t), own);
	if (o && o->kind->kind == KIND_ELASTIC_IP && AS_CONST(elastic_ip, o)->network_interface_id)
		patch_null(t, own, "NetworkInterfaceId", NULL);
	rc = free_from_referrers(t, lab, own, e);
	return rc ? rc : txn_delete(t, own, e);
}
