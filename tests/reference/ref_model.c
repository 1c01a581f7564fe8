/* SPDX-License-Identifier: MIT
 * See ref_model.h.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/ipam.h"
#include "ref_model.h"

#define MTU_VPC	     9001
#define MTU_INTERNET 1500

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool ip_same(const struct ip *a, const struct ip *b)
{
	return !ip_cmp(a, b);
}

/* ---- places ---- */

static void place_builtin(const char *id, enum place_kind kind, const char *v4, struct place *ret)
{
	ret->kind = kind;
	ret->id = id;
	ret->mac = ipam_mac(id);
	ret->mtu = MTU_INTERNET;
	ret->source_dest_check = kind == PLACE_INTERNET;
	ip_parse(v4, &ret->addresses[0]);
	if (kind == PLACE_SERVICE)
		ip_parse("fd00:ec2::253", &ret->addresses[1]);
}

static bool place_interface(const struct model *m, const struct network_interface *eni,
			    struct place *ret)
{
	const struct object *holder = eni->attachment_id ? model_get(m, eni->attachment_id) : NULL;

	if (!holder || !object_sandbox_const(holder))
		return false;
	ret->kind = PLACE_VPC;
	ret->id = eni->o.id;
	ret->mac = eni->mac_address;
	ret->mtu = MTU_VPC;
	ret->source_dest_check = eni->source_dest_check;
	ret->eni = eni;
	ret->subnet = AS_CONST(subnet, model_get(m, eni->subnet_id));
	ret->vpc = AS_CONST(vpc, model_get(m, ret->subnet->vpc_id));
	ret->always_tracked = eni->interface_type == INTERFACE_LAMBDA;
	return true;
}

bool place_find(const struct model *m, const char *id, struct place *ret)
{
	const struct object *o = model_get(m, id);

	memset(ret, 0, sizeof(*ret));
	if (same(id, PLACE_ID_SERVICE))
		place_builtin(PLACE_ID_SERVICE, PLACE_SERVICE, "169.254.169.253", ret);
	else if (same(id, PLACE_ID_SERVICE_INTERNET))
		place_builtin(PLACE_ID_SERVICE_INTERNET, PLACE_INTERNET, "203.0.113.2", ret);
	else if (same(id, PLACE_ID_PUBLIC_DNS))
		place_builtin(PLACE_ID_PUBLIC_DNS, PLACE_INTERNET, "203.0.113.53", ret);
	else if (same(id, PLACE_ID_UPLINK)) {
		place_builtin(PLACE_ID_UPLINK, PLACE_INTERNET, "203.0.113.254", ret);
		ret->source_dest_check = false;
		ret->leaves = true;
	} else if (o && o->kind->kind == KIND_NETWORK_INTERFACE)
		return place_interface(m, AS_CONST(network_interface, o), ret);
	else if (o && o->kind->kind == KIND_INTERNET_HOST) {
		const struct internet_host *h = AS_CONST(internet_host, o);

		ret->kind = PLACE_INTERNET;
		ret->id = o->id;
		ret->mac = h->mac_address;
		ret->mtu = MTU_INTERNET;
		ret->source_dest_check = true;
		ret->addresses[0] = h->address;
		ret->addresses[1] = h->ipv6_address;
	}
	return ret->id != NULL;
}

static bool interface_has(const struct network_interface *eni, const struct ip *a)
{
	const struct ip *more = eni->secondary_private_ip_addresses.v, *v6 = eni->ipv6_addresses.v;

	if (ip_same(&eni->private_ip_address, a))
		return true;
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		if (ip_same(&more[i], a))
			return true;
	for (size_t i = 0; i < eni->ipv6_addresses.n; i++)
		if (ip_same(&v6[i], a))
			return true;
	return false;
}

bool place_owns(const struct place *p, const struct ip *a)
{
	if (p->kind == PLACE_VPC)
		return interface_has(p->eni, a);
	return ip_same(&p->addresses[0], a) ||
	       (ip_is_set(&p->addresses[1]) && ip_same(&p->addresses[1], a));
}

bool place_same_subnet(const struct place *a, const struct place *b)
{
	return a->kind == b->kind && a->subnet == b->subnet;
}

/* ---- addresses ---- */

struct holder holder_in_vpc(const struct model *m, const char *vpc, const struct ip *a)
{
	model_for_each (o, m, KIND_NETWORK_INTERFACE) {
		const struct network_interface *eni = AS_CONST(network_interface, o);
		struct place p;

		if (!same(model_object_vpc(m, o), vpc) || !interface_has(eni, a))
			continue;
		if (eni->interface_type == INTERFACE_NAT_GATEWAY)
			return (struct holder){HOLDER_NAT, eni->attachment_id, vpc, {0}};
		if (place_find(m, o->id, &p))
			return (struct holder){HOLDER_ENI, o->id, vpc, {0}};
	}
	return (struct holder){0};
}

static struct holder elastic_ip_holder(const struct model *m, const struct ip *a)
{
	model_for_each (o, m, KIND_ELASTIC_IP) {
		const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
		const struct object *eo =
			eip->network_interface_id ? model_get(m, eip->network_interface_id) : NULL;
		const struct network_interface *eni = AS_CONST(network_interface, eo);

		if (!eni || !eni->attachment_id || !ip_same(&eip->public_ip, a))
			continue;
		if (eni->interface_type == INTERFACE_NAT_GATEWAY)
			return (struct holder){HOLDER_NAT, eni->attachment_id,
					       model_object_vpc(m, eo), eip->private_ip};
		return (struct holder){HOLDER_PUBLIC, eo->id, model_object_vpc(m, eo),
				       eip->private_ip};
	}
	return (struct holder){0};
}

/* An IPv6 address is public as it is. */
static struct holder ipv6_holder(const struct model *m, const struct ip *a)
{
	model_for_each (o, m, KIND_NETWORK_INTERFACE) {
		const struct network_interface *eni = AS_CONST(network_interface, o);
		struct place p;

		if (interface_has(eni, a) && place_find(m, o->id, &p))
			return (struct holder){HOLDER_PUBLIC, o->id, model_object_vpc(m, o), *a};
	}
	return (struct holder){0};
}

struct holder holder_on_internet(const struct model *m, const struct ip *a)
{
	static const char *const builtin[] = {PLACE_ID_SERVICE_INTERNET, PLACE_ID_PUBLIC_DNS};
	struct place p;

	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
		if (place_find(m, builtin[i], &p) && place_owns(&p, a))
			return (struct holder){HOLDER_ENI, builtin[i], NULL, {0}};
	model_for_each (o, m, KIND_INTERNET_HOST)
		if (place_find(m, o->id, &p) && place_owns(&p, a))
			return (struct holder){HOLDER_ENI, o->id, NULL, {0}};
	return a->family == AF_INET6 ? ipv6_holder(m, a) : elastic_ip_holder(m, a);
}

struct ip public_address(const struct model *m, const char *eni, const struct ip *a)
{
	struct ip none = {0};

	if (a->family == AF_INET6)
		return *a;
	model_for_each (o, m, KIND_ELASTIC_IP) {
		const struct elastic_ip *eip = AS_CONST(elastic_ip, o);

		if (same(eip->network_interface_id, eni) && ip_same(&eip->private_ip, a))
			return eip->public_ip;
	}
	return none;
}

struct ip nat_public_address(const struct model *m, const char *gateway, const struct ip *a)
{
	const struct nat_gateway *n = AS_CONST(nat_gateway, model_get(m, gateway));
	struct ip none = {0};

	return n->connectivity_type == NAT_PUBLIC ? public_address(m, nat_interface(m, n)->o.id, a)
						  : none;
}

const struct internet_gateway *vpc_internet_gateway(const struct model *m, const char *vpc)
{
	model_for_each (o, m, KIND_INTERNET_GATEWAY)
		if (same(AS_CONST(internet_gateway, o)->vpc_id, vpc))
			return AS_CONST(internet_gateway, o);
	return NULL;
}

const char *vpc_egress_only_gateway(const struct model *m, const char *vpc)
{
	model_for_each (o, m, KIND_EGRESS_ONLY_INTERNET_GATEWAY)
		if (same(AS_CONST(egress_only_internet_gateway, o)->vpc_id, vpc))
			return o->id;
	return NULL;
}

const struct route_table *gateway_table(const struct model *m, const char *gateway)
{
	model_for_each (o, m, KIND_ROUTE_TABLE)
		if (same(AS_CONST(route_table, o)->gateway_id, gateway))
			return AS_CONST(route_table, o);
	return NULL;
}

const struct network_interface *nat_interface(const struct model *m, const struct nat_gateway *n)
{
	return n->network_interface_id
		       ? AS_CONST(network_interface, model_get(m, n->network_interface_id))
		       : NULL;
}

/* ---- routes ---- */

static bool in_block(const struct cidr *c, const struct ip *a)
{
	return ip_is_set(&c->ip) && c->ip.family == a->family && cidr_contains_ip(c, a);
}

bool vpc_is_local(const struct vpc *v, const struct ip *a)
{
	const struct cidr *more = v->secondary_cidr_blocks.v;

	if (in_block(&v->cidr_block, a) || in_block(&v->ipv6_cidr_block, a))
		return true;
	for (size_t i = 0; i < v->secondary_cidr_blocks.n; i++)
		if (in_block(&more[i], a))
			return true;
	return false;
}

static const struct hop blackhole = {HOP_BLACKHOLE, NULL};

static bool has_public_address(const struct model *m, const struct network_interface *eni,
			       int family)
{
	if (family == AF_INET6)
		return eni->ipv6_addresses.n > 0;
	model_for_each (o, m, KIND_ELASTIC_IP)
		if (same(AS_CONST(elastic_ip, o)->network_interface_id, eni->o.id))
			return true;
	return false;
}

/* An interface that is attached; a gateway's table needs one that has a public address. */
static struct hop interface_hop(const struct model *m, const char *id, bool of_gateway, int family)
{
	const struct object *o = id ? model_get(m, id) : NULL;
	struct place p;

	if (!o || !place_find(m, o->id, &p))
		return blackhole;
	if (of_gateway && !has_public_address(m, p.eni, family))
		return (struct hop){HOP_NOT_PUBLIC, NULL};
	return (struct hop){HOP_ENI, o->id};
}

static struct hop peering_hop(const struct model *m, const char *id, const struct vpc *v)
{
	const struct object *o = model_get(m, id);
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

	if (!o || p->status != PEERING_ACTIVE)
		return blackhole;
	if (same(p->vpc_id, v->o.id))
		return (struct hop){HOP_PEERING, p->peer_vpc_id};
	return same(p->peer_vpc_id, v->o.id) ? (struct hop){HOP_PEERING, p->vpc_id} : blackhole;
}

static struct hop gateway_hop(const struct model *m, const struct route *r, const struct vpc *v)
{
	const struct object *o;

	if (r->gateway_id) {
		o = model_get(m, r->gateway_id);
		return o && same(AS_CONST(internet_gateway, o)->vpc_id, v->o.id)
			       ? (struct hop){HOP_INTERNET_GATEWAY, o->id}
			       : blackhole;
	}
	if (r->egress_only_internet_gateway_id) {
		o = model_get(m, r->egress_only_internet_gateway_id);
		return o && same(AS_CONST(egress_only_internet_gateway, o)->vpc_id, v->o.id)
			       ? (struct hop){HOP_EGRESS_ONLY, o->id}
			       : blackhole;
	}
	o = model_get(m, r->nat_gateway_id);
	return o && !same(AS_CONST(nat_gateway, o)->state, "failed") &&
			       nat_interface(m, AS_CONST(nat_gateway, o))
		       ? (struct hop){HOP_NAT, o->id}
		       : blackhole;
}

static struct hop route_hop(const struct model *m, const struct route *r, const struct vpc *v,
			    bool of_gateway, int family)
{
	const struct object *o;

	if (r->local)
		return (struct hop){HOP_LOCAL, NULL};
	if (r->gateway_id || r->egress_only_internet_gateway_id || r->nat_gateway_id)
		return gateway_hop(m, r, v);
	if (r->vpc_peering_connection_id)
		return peering_hop(m, r->vpc_peering_connection_id, v);
	if (!r->instance_id)
		return interface_hop(m, r->network_interface_id, of_gateway, family);
	o = model_get(m, r->instance_id);
	return interface_hop(m, o ? AS_CONST(instance, o)->network_interface_id : NULL, of_gateway,
			     family);
}

/* The best route so far, and what ranks it: length, then who wins at the same length. A static
 * route to a block of the VPC retargets the local one; a prefix list never does. */
enum rank { RANK_PREFIX_LIST, RANK_LOCAL, RANK_STATIC };
struct best {
	int len;
	enum rank rank;
	struct hop hop;
};

static void offer(struct best *b, const struct cidr *c, const struct ip *a, enum rank rank,
		  struct hop hop)
{
	if (!in_block(c, a) || c->len < b->len || (c->len == b->len && rank <= b->rank))
		return;
	*b = (struct best){c->len, rank, hop};
}

static void offer_route(struct best *b, const struct model *m, const struct route *r,
			const struct ip *a, struct hop hop)
{
	const struct object *o = r->prefix_list_id ? model_get(m, r->prefix_list_id) : NULL;
	const struct prefix_list *l = AS_CONST(prefix_list, o);
	const struct prefix_list_entry *v = l ? l->entries.v : NULL;

	if (!r->prefix_list_id) {
		offer(b, &r->destination, a, RANK_STATIC, hop);
		offer(b, &r->ipv6_destination, a, RANK_STATIC, hop);
	}
	for (size_t i = 0; l && i < l->entries.n; i++)
		offer(b, &v[i].cidr, a, RANK_PREFIX_LIST, hop);
}

struct hop route_find(const struct model *m, const struct vpc *v, const struct route_table *t,
		      const struct ip *a)
{
	const struct cidr *more = v->secondary_cidr_blocks.v;
	const struct route *r = t ? t->routes.v : NULL;
	struct hop local = {HOP_LOCAL, NULL};
	struct best best = {.len = -1};

	offer(&best, &v->cidr_block, a, RANK_LOCAL, local);
	offer(&best, &v->ipv6_cidr_block, a, RANK_LOCAL, local);
	for (size_t i = 0; i < v->secondary_cidr_blocks.n; i++)
		offer(&best, &more[i], a, RANK_LOCAL, local);
	for (size_t i = 0; t && i < t->routes.n; i++)
		offer_route(&best, m, &r[i], a,
			    route_hop(m, &r[i], v, t->gateway_id != NULL, a->family));
	return best.hop;
}

static const struct route_table *subnet_table(const struct model *m, const struct subnet *s)
{
	const struct object *named = s->route_table_id ? model_get(m, s->route_table_id) : NULL;

	if (named)
		return AS_CONST(route_table, named);
	model_for_each (o, m, KIND_ROUTE_TABLE) {
		const struct route_table *t = AS_CONST(route_table, o);

		if (t->main && same(t->vpc_id, s->vpc_id))
			return t;
	}
	return NULL;
}

struct hop subnet_route(const struct model *m, const struct subnet *s, const struct ip *a)
{
	const struct vpc *v = AS_CONST(vpc, model_get(m, s->vpc_id));

	return route_find(m, v, subnet_table(m, s), a);
}
