/* SPDX-License-Identifier: MIT
 * Items of route tables, and of internet gateways that have one.
 *
 * Of routes to the same prefix one is emitted: a static one, then the implied local one, then those
 * of prefix lists in the order of the table (VPC User Guide, VPC_Route_Tables, route priority).
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "model/peering.h"
#include "vpcd/plan.h"

static void route_key_of(const char *table, const struct cidr *dst, char *key, size_t len)
{
	char text[CIDR_STRLEN];

	snprintf(key, len, "%s %s", table, cidr_format(dst, text));
}

void plan_emit_route(struct plan_pass *pp, const char *table, const struct cidr *dst,
		     uint32_t target, const char *id)
{
	char key[2 * SYMBOL_LEN + 8];
	struct item_route body;

	memset(&body, 0, sizeof(body));
	symbol_set(body.table, table);
	body.destination = *dst;
	body.target = target;
	symbol_set(body.id, id);
	route_key_of(table, dst, key, sizeof(key));
	plan_emit(pp, ITEM_ROUTE, key, &body, sizeof(body));
}

void plan_local_table(const char *vpc, char *ret_symbol)
{
	memset(ret_symbol, 0, SYMBOL_LEN);
	snprintf(ret_symbol, SYMBOL_LEN, SYMBOL_LOCAL_TABLE "%.40s", vpc);
}

const char *symbol_object(const char *symbol)
{
	size_t len = strlen(SYMBOL_LOCAL_TABLE);

	return strncmp(symbol, SYMBOL_LOCAL_TABLE, len) ? symbol : symbol + len;
}

/* Where a route leads. */
struct target {
	uint32_t kind; /* enum route_target */
	const char *id;
};

static const struct target blackhole = {.kind = TARGET_BLACKHOLE};

static bool equal(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static struct target gateway_target(const struct plan_pass *pp, const struct route_table *t,
				    const char *id)
{
	const struct object *o = model_get(pp->model, id);

	if (!o || !equal(AS_CONST(internet_gateway, o)->vpc_id, t->vpc_id))
		return blackhole;
	return (struct target){TARGET_INTERNET_GATEWAY, id};
}

static struct target egress_only_target(const struct plan_pass *pp, const struct route_table *t,
					const char *id)
{
	const struct object *o = model_get(pp->model, id);

	if (!o || !equal(AS_CONST(egress_only_internet_gateway, o)->vpc_id, t->vpc_id))
		return blackhole;
	return (struct target){TARGET_EGRESS_ONLY, id};
}

static struct target nat_target(const struct plan_pass *pp, const char *id)
{
	const struct object *o = model_get(pp->model, id);

	/* A pending one is made, and takes packets once it is. */
	if (!o || object_is_past(o) || equal(AS_CONST(nat_gateway, o)->state, "failed"))
		return blackhole;
	return (struct target){TARGET_NAT_GATEWAY, id};
}

static struct target peering_target(const struct plan_pass *pp, const struct route_table *t,
				    const char *id)
{
	const struct object *o = model_get(pp->model, id);
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	const char *other =
		p && p->status == PEERING_ACTIVE ? peering_other_end(p, t->vpc_id) : NULL;

	return other ? (struct target){TARGET_PEERING, other} : blackhole;
}

static void count_elastic_ip(void *arg, const struct object *o)
{
	++*(size_t *)arg;
}

/* An interface takes packets while a sandbox has it; those that come by an internet gateway's table
 * only with a public address (VPC User Guide, gateway route tables). */
static struct target eni_target(const struct plan_pass *pp, const struct route_table *t,
				const char *id, int family)
{
	const struct object *o = id ? model_get(pp->model, id) : NULL;
	const struct network_interface *eni = AS_CONST(network_interface, o);
	const struct object *holder =
		eni && eni->attachment_id ? model_get(pp->model, eni->attachment_id) : NULL;
	size_t public = 0;

	if (!holder || !object_sandbox_const(holder))
		return blackhole;
	if (t->gateway_id && family == AF_INET)
		model_referrers(pp->model, id, KIND_ELASTIC_IP, count_elastic_ip, &public);
	else
	public = family == AF_INET ? 1 : eni->ipv6_addresses.n;
	if (t->gateway_id && !public)
		return (struct target){TARGET_ENI_PRIVATE, id};
	return (struct target){TARGET_ENI, id};
}

static const char *instance_eni(const struct model *m, const char *instance_id)
{
	const struct object *o = model_get(m, instance_id);

	return o ? AS_CONST(instance, o)->network_interface_id : NULL;
}

static struct target route_target_of(const struct plan_pass *pp, const struct route_table *t,
				     const struct route *r, int family)
{
	if (r->local)
		return (struct target){.kind = TARGET_LOCAL};
	if (r->gateway_id)
		return gateway_target(pp, t, r->gateway_id);
	if (r->egress_only_internet_gateway_id)
		return egress_only_target(pp, t, r->egress_only_internet_gateway_id);
	if (r->nat_gateway_id)
		return nat_target(pp, r->nat_gateway_id);
	if (r->vpc_peering_connection_id)
		return peering_target(pp, t, r->vpc_peering_connection_id);
	if (r->network_interface_id)
		return eni_target(pp, t, r->network_interface_id, family);
	if (r->instance_id)
		return eni_target(pp, t, instance_eni(pp->model, r->instance_id), family);
	return blackhole; /* its target is gone */
}

/* Emits a route unless the table has one of that prefix already. */
static void emit_one(struct plan_pass *pp, const struct route_table *t, const struct cidr *dst,
		     const struct target *target)
{
	char key[2 * SYMBOL_LEN + 8];

	route_key_of(t->o.id, dst, key, sizeof(key));
	if (!plan_shared(pp, ITEM_ROUTE, key))
		plan_emit_route(pp, t->o.id, dst, target->kind, target->id);
}

static void emit_static(struct plan_pass *pp, const struct route_table *t, const struct route *r)
{
	const struct cidr *dst =
		ip_is_set(&r->destination.ip) ? &r->destination : &r->ipv6_destination;
	struct target target = route_target_of(pp, t, r, dst->ip.family);

	emit_one(pp, t, dst, &target);
}

static void emit_prefix_list(struct plan_pass *pp, const struct route_table *t,
			     const struct route *r)
{
	const struct object *o = model_get(pp->model, r->prefix_list_id);
	const struct prefix_list *pl = AS_CONST(prefix_list, o);
	const struct prefix_list_entry *v = pl ? pl->entries.v : NULL;

	for (size_t i = 0; pl && i < pl->entries.n; i++) {
		struct target target = route_target_of(pp, t, r, v[i].cidr.ip.family);

		emit_one(pp, t, &v[i].cidr, &target);
	}
}

void plan_route_table(struct plan_pass *pp, const struct object *o)
{
	const struct route_table *t = AS_CONST(route_table, o);
	const struct vpc *v = AS_CONST(vpc, model_get(pp->model, t->vpc_id));
	const struct target local = {.kind = TARGET_LOCAL};
	const struct route *r = t->routes.v;
	struct cidr block;

	if (!v)
		return;
	for (size_t i = 0; i < t->routes.n; i++)
		if (!r[i].prefix_list_id)
			emit_static(pp, t, &r[i]);
	for (size_t i = 0; vpc_block(v, i, &block); i++)
		emit_one(pp, t, &block, &local);
	for (size_t i = 0; i < t->routes.n; i++)
		if (r[i].prefix_list_id)
			emit_prefix_list(pp, t, &r[i]);
}

void plan_internet_gateway(struct plan_pass *pp, const struct object *o)
{
	const struct internet_gateway *igw = AS_CONST(internet_gateway, o);
	const struct route_table *t = model_gateway_route_table(pp->model, o->id);
	struct item_gateway body;

	if (!igw->vpc_id)
		return;
	memset(&body, 0, sizeof(body));
	symbol_set(body.vpc, igw->vpc_id);
	if (t)
		symbol_set(body.route_table, t->o.id);
	else
		plan_local_table(igw->vpc_id, body.route_table);
	plan_emit(pp, ITEM_GATEWAY, o->id, &body, sizeof(body));
}
