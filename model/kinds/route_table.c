/* SPDX-License-Identifier: MIT
 * Route table. VPC User Guide, VPC_Route_Tables. The local routes are implied; a route to a block
 * of the VPC takes their place. A table that is associated with an internet gateway routes what
 * comes in by it (gateway-route-tables).
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/route.h"
#include "model/types.h"

static const struct field fields[] = {
	REF(route_table, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "VPC that owns the table"),
	FIELD(route_table, main, "Main", .flags = COMPUTED | COLUMN,
	      .help = "Whether it serves the subnets that name no table"),
	REF(route_table, gateway_id, "GatewayId", KIND_INTERNET_GATEWAY, .flags = WEAK | UNIQUE_REF,
	    .help = "Internet gateway whose inbound packets it routes; absent: it serves subnets"),
	FIELD(route_table, routes, "Routes", .elem = &elem_route,
	      .help = "Routes beside the local ones"),
	{0},
};

static bool stood_before(const struct route_table *old, const struct route *r)
{
	const struct route *v = old ? old->routes.v : NULL;

	for (size_t i = 0; old && i < old->routes.n; i++)
		if (route_equal(&v[i], r))
			return true;
	return false;
}

static int one_check(struct txn *t, const struct route_table *rtb, const struct route_table *old,
		     const struct vpc *v, size_t i, struct err *e)
{
	const struct route *all = rtb->routes.v, *r = &all[i];
	char field[64], text[CIDR_STRLEN];

	snprintf(field, sizeof(field), "Routes/%zu", i);
	for (size_t j = 0; j < i; j++)
		if (route_same_destination(&all[j], r))
			return err_set(e, -EEXIST, "RouteAlreadyExists", field,
				       "%s has a route already", route_destination(r, text));
	return route_check(t, rtb, v, r, !stood_before(old, r), field, e);
}

/* ---- how many: a prefix list counts with its size ---- */

int route_table_size_check(struct txn *t, const struct route_table *rtb,
			   const struct prefix_list *as, const char *field, struct err *e)
{
	unsigned max = store_configuration(txn_store(t))->quotas.routes_per_table;
	const struct route *r = rtb->routes.v;
	size_t n[2] = {0};

	for (size_t i = 0; i < rtb->routes.n; i++) {
		const char *id = r[i].prefix_list_id;
		const struct prefix_list *pl =
			id ? AS_CONST(prefix_list, model_get(txn_model(t), id)) : NULL;

		pl = as && id && !strcmp(as->o.id, id) ? as : pl;
		if (pl)
			n[pl->address_family == PREFIX_LIST_IPV6] += pl->max_entries;
		else
			n[ip_is_set(&r[i].ipv6_destination.ip)]++;
	}
	for (int v6 = 0; v6 < 2; v6++)
		if (n[v6] > max)
			return err_set(e, -ENOSPC, "RouteLimitExceeded", field,
				       "%s would have %zu IPv%d routes: a table has at most %u, a "
				       "prefix list counting with its MaxEntries",
				       rtb->o.id, n[v6], v6 ? 6 : 4, max);
	return 0;
}

/* ---- association with a gateway ---- */

static int association_check(struct txn *t, const struct route_table *rtb, struct err *e)
{
	const struct model *m = txn_model(t);
	const struct object *igw = rtb->gateway_id ? model_get(m, rtb->gateway_id) : NULL;
	const struct object *subnet;
	const char *vpc;

	if (!igw)
		return 0;
	vpc = AS_CONST(internet_gateway, igw)->vpc_id;
	if (!vpc)
		return err_set(e, -EINVAL, "Gateway.NotAttached", "GatewayId",
			       "%s is attached to no VPC", igw->id);
	if (strcmp(vpc, rtb->vpc_id))
		return err_set(e, -EINVAL, "InvalidParameterValue", "GatewayId",
			       "%s is of %s, the table of %s", igw->id, vpc, rtb->vpc_id);
	if (rtb->main)
		return err_set(e, -EINVAL, "InvalidParameterValue", "GatewayId",
			       "%s is the main route table, which cannot be a gateway's",
			       rtb->o.id);
	subnet = find_referrer(m, rtb->o.id, KIND_SUBNET, NULL, NULL);
	return subnet ? err_set(e, -EBUSY, "Resource.AlreadyAssociated", "GatewayId",
				"%s serves subnet %s (%s): a gateway's table serves no subnet",
				rtb->o.id, subnet->id, subnet->name ? subnet->name : "")
		      : 0;
}

static bool has_gateway(const void *arg, const struct object *o)
{
	const char *id = AS_CONST(route_table, o)->gateway_id;

	return id && !strcmp(id, arg);
}

const struct route_table *model_gateway_route_table(const struct model *m, const char *gateway_id)
{
	return AS_CONST(route_table,
			find_referrer(m, gateway_id, KIND_ROUTE_TABLE, has_gateway, gateway_id));
}

/* What leads to the VPC itself by its own block is implied. */
static void drop_implied(struct route_table *rtb, const struct vpc *v)
{
	struct route *r = rtb->routes.v;
	size_t kept = 0;

	for (size_t i = 0; i < rtb->routes.n; i++)
		if (r[i].local && (vpc_has_block(v, &r[i].destination) ||
				   vpc_has_block(v, &r[i].ipv6_destination)))
			value_clear(&elem_route, &r[i]);
		else
			r[kept++] = r[i];
	rtb->routes.n = kept;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct route_table *rtb = AS(route_table, new);
	const struct route_table *before = AS_CONST(route_table, old);
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), rtb->vpc_id));
	int rc = route_table_size_check(t, rtb, NULL, "Routes", e);

	if (!rc)
		rc = association_check(t, rtb, e);
	for (size_t i = 0; !rc && v && i < rtb->routes.n; i++)
		rc = one_check(t, rtb, before, v, i, e);
	if (!rc && v)
		drop_implied(rtb, v);
	return rc;
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct route_table *rtb = AS_CONST(route_table, o);

	if (rtb->main && !txn_deleting(t, rtb->vpc_id))
		return err_set(e, -EBUSY, "DependencyViolation", "",
			       "%s is the main route table of %s and goes with it", o->id,
			       rtb->vpc_id);
	if (rtb->gateway_id)
		return err_set(e, -EBUSY, "DependencyViolation", "",
			       "%s routes what comes in by %s: take its GatewayId away first",
			       o->id, rtb->gateway_id);
	return 0;
}

/* ---- what is derived ---- */

static void add_association(void *arg, const struct object *o)
{
	json_append(arg, json_new_str(o->id));
}

static bool is_retargeted(const struct route_table *rtb, const struct cidr *block)
{
	const struct route *r = rtb->routes.v;

	for (size_t i = 0; i < rtb->routes.n; i++)
		if (!cidr_cmp(&r[i].destination, block) || !cidr_cmp(&r[i].ipv6_destination, block))
			return true;
	return false;
}

static void add_route(const struct model *m, const struct route_table *rtb, const struct route *r,
		      struct json *out)
{
	struct json *j = value_print(&elem_route, r);

	json_set_str(j, "State", model_route_active(m, rtb, r) ? "active" : "blackhole");
	json_append(out, j);
}

/* The local routes come first, as EC2 shows them. */
static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct route_table *rtb = AS_CONST(route_table, o);
	const struct vpc *v = AS_CONST(vpc, model_get(m, rtb->vpc_id));
	struct json *subnets = json_new_arr(), *routes = json_new_arr();
	const struct route *r = rtb->routes.v;
	struct cidr block;

	for (size_t i = 0; v && vpc_block(v, i, &block); i++) {
		struct route local = {.local = true};

		*(block.ip.family == AF_INET6 ? &local.ipv6_destination : &local.destination) =
			block;
		if (!is_retargeted(rtb, &block))
			add_route(m, rtb, &local, routes);
	}
	for (size_t i = 0; i < rtb->routes.n; i++)
		add_route(m, rtb, &r[i], routes);
	json_set(out, "Routes", routes);
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
