/* SPDX-License-Identifier: MIT
 * Route table. VPC User Guide, VPC_Route_Tables. The local routes are implied.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define ROUTES_MAX 50

static const struct field route_fields[] = {
	FIELD(route, destination, "DestinationCidrBlock", .flags = REQUIRED,
	      .help = "Destination of the packets"),
	REF(route, gateway_id, "GatewayId", KIND_INTERNET_GATEWAY, .oneof = "target", .flags = WEAK,
	    .help = "Internet gateway"),
	REF(route, nat_gateway_id, "NatGatewayId", KIND_NAT_GATEWAY, .oneof = "target",
	    .flags = WEAK, .help = "NAT gateway"),
	REF(route, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .oneof = "target", .flags = WEAK, .help = "Network interface"),
	REF(route, instance_id, "InstanceId", KIND_INSTANCE, .oneof = "target", .flags = WEAK,
	    .help = "Instance, by its primary interface"),
	{0},
};
static const struct field elem_route = {
	.name = "Route", .type = T_RECORD, .size = sizeof(struct route), .fields = route_fields};

static const struct field fields[] = {
	REF(route_table, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "VPC that owns the table"),
	FIELD(route_table, main, "Main", .flags = COMPUTED | COLUMN,
	      .help = "Whether it serves the subnets that name no table"),
	FIELD(route_table, routes, "Routes", .elem = &elem_route,
	      .help = "Routes beside the local ones"),
	{0},
};

static const char *route_target(const struct route *r)
{
	return r->gateway_id		 ? r->gateway_id
	       : r->nat_gateway_id	 ? r->nat_gateway_id
	       : r->network_interface_id ? r->network_interface_id
					 : r->instance_id;
}

static bool route_equal(const struct route *a, const struct route *b)
{
	const char *x = route_target(a), *y = route_target(b);

	return !cidr_cmp(&a->destination, &b->destination) && x && y && !strcmp(x, y);
}

static bool stood_before(const struct route_table *old, const struct route *r)
{
	const struct route *v = old ? old->routes.v : NULL;

	for (size_t i = 0; old && i < old->routes.n; i++)
		if (route_equal(&v[i], r))
			return true;
	return false;
}

static bool has_block(const void *arg, const struct object *o)
{
	return !cidr_cmp(&AS_CONST(subnet, o)->cidr_block, arg);
}

/* More specific than local: a whole subnet, by an interface or NAT gateway. */
static int local_check(struct txn *t, const struct vpc *v, const struct route *r, const char *field,
		       struct err *e)
{
	char text[CIDR_STRLEN];

	if (!vpc_contains(v, &r->destination))
		return 0;
	if (vpc_has_block(v, &r->destination))
		return err_set(e, -EEXIST, "RouteAlreadyExists", field,
			       "%s is the VPC's local route", cidr_format(&r->destination, text));
	if (r->gateway_id ||
	    !find_referrer(txn_model(t), v->o.id, KIND_SUBNET, has_block, &r->destination))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s lies within the VPC: such a route must be a whole subnet's, to "
			       "an interface or NAT gateway",
			       cidr_format(&r->destination, text));
	return 0;
}

static int destination_check(struct txn *t, const struct vpc *v, const struct route *r,
			     const char *field, struct err *e)
{
	struct cidr reserved = {ip_from_v4(0xa9fea800), 22};
	char text[CIDR_STRLEN];

	if (r->destination.ip.family != AF_INET)
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s: only IPv4 destinations", cidr_format(&r->destination, text));
	if (cidr_contains(&reserved, &r->destination))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s lies in 169.254.168.0/22, which is reserved",
			       cidr_format(&r->destination, text));
	return local_check(t, v, r, field, e);
}

static int target_check(struct txn *t, const struct route_table *rtb, const struct route *r,
			const char *field, struct err *e)
{
	const struct model *m = txn_model(t);
	const char *id = route_target(r), *vpc;
	const struct object *o = id ? model_get(m, id) : NULL;

	if (!id)
		return err_set(e, -EINVAL, "InvalidParameterCombination", field,
			       "a route needs a target: GatewayId, NatGatewayId, "
			       "NetworkInterfaceId or InstanceId");
	vpc = o ? model_object_vpc(m, o) : NULL;
	if (o && (!vpc || strcmp(vpc, rtb->vpc_id)))
		return err_set(e, -EINVAL, vpc ? "InvalidParameterValue" : "Gateway.NotAttached",
			       field, "%s %s is not of the table's VPC %s", o->kind->name, id,
			       rtb->vpc_id);
	return 0;
}

static int route_check(struct txn *t, const struct route_table *rtb, const struct route_table *old,
		       const struct vpc *v, size_t i, struct err *e)
{
	const struct route *all = rtb->routes.v, *r = &all[i];
	char field[64], text[CIDR_STRLEN];
	int rc;

	snprintf(field, sizeof(field), "Routes/%zu", i);
	for (size_t j = 0; j < i; j++)
		if (!cidr_cmp(&all[j].destination, &r->destination))
			return err_set(e, -EEXIST, "RouteAlreadyExists", field,
				       "%s has a route already",
				       cidr_format(&r->destination, text));
	if (stood_before(old, r))
		return 0; /* its target may have gone: a blackhole */
	rc = destination_check(t, v, r, field, e);
	return rc ? rc : target_check(t, rtb, r, field, e);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	const struct route_table *rtb = AS(route_table, new), *before = AS_CONST(route_table, old);
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), rtb->vpc_id));
	int rc = 0;

	if (rtb->routes.n > ROUTES_MAX)
		return err_set(e, -ENOSPC, "RouteLimitExceeded", "Routes",
			       "%zu routes: a table has at most %d", rtb->routes.n, ROUTES_MAX);
	for (size_t i = 0; !rc && v && i < rtb->routes.n; i++)
		rc = route_check(t, rtb, before, v, i, e);
	return rc;
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct route_table *rtb = AS_CONST(route_table, o);

	if (rtb->main && !txn_deleting(t, rtb->vpc_id))
		return err_set(e, -EBUSY, "DependencyViolation", "",
			       "%s is the main route table of %s and goes with it", o->id,
			       rtb->vpc_id);
	return 0;
}

static void add_association(void *arg, const struct object *o)
{
	json_append(arg, json_new_str(o->id));
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	struct json *subnets = json_new_arr();

	model_referrers(m, o->id, KIND_SUBNET, add_association, subnets);
	json_set(out, "Associations", subnets);
}

const struct kind route_table_kind = {
	.kind = KIND_ROUTE_TABLE,
	.name = "route-table",
	.plural = "route-tables",
	.short_name = "rtb",
	.id_prefix = "rtb-",
	.id_field = "RouteTableId",
	.help = "Where packets that leave a subnet go, by the longest prefix",
	.size = sizeof(struct route_table),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.derive = derive,
};
