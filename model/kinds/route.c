/* SPDX-License-Identifier: MIT
 * One route of a table. VPC User Guide, VPC_Route_Tables; see route.h.
 */
#include "model/kinds/route.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/peering.h"

static const struct field route_fields[] = {
	FIELD(route, destination, "DestinationCidrBlock", .oneof = "destination",
	      .help = "Destination, as an IPv4 range"),
	FIELD(route, ipv6_destination, "DestinationIpv6CidrBlock", .oneof = "destination",
	      .help = "Destination, as an IPv6 range"),
	REF(route, prefix_list_id, "DestinationPrefixListId", KIND_PREFIX_LIST,
	    .oneof = "destination", .help = "Destination, as the ranges of a prefix list"),
	FIELD(route, local, "LocalTarget", .oneof = "target", .help = "The VPC itself"),
	REF(route, gateway_id, "GatewayId", KIND_INTERNET_GATEWAY, .oneof = "target", .flags = WEAK,
	    .help = "Internet gateway"),
	REF(route, egress_only_internet_gateway_id, "EgressOnlyInternetGatewayId",
	    KIND_EGRESS_ONLY_INTERNET_GATEWAY, .oneof = "target", .flags = WEAK,
	    .help = "Egress-only internet gateway, for IPv6"),
	REF(route, nat_gateway_id, "NatGatewayId", KIND_NAT_GATEWAY, .oneof = "target",
	    .flags = WEAK, .help = "NAT gateway"),
	REF(route, vpc_peering_connection_id, "VpcPeeringConnectionId", KIND_VPC_PEERING_CONNECTION,
	    .oneof = "target", .flags = WEAK, .help = "VPC peering connection"),
	REF(route, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .oneof = "target", .flags = WEAK, .help = "Network interface"),
	REF(route, instance_id, "InstanceId", KIND_INSTANCE, .oneof = "target", .flags = WEAK,
	    .help = "Instance, by its primary interface"),
	FIELD(route, state, "State", .flags = COMPUTED,
	      .help = "active, or blackhole: its target is gone or carries nothing"),
	{0},
};
const struct field elem_route = {
	.name = "Route", .type = T_RECORD, .size = sizeof(struct route), .fields = route_fields};

const char *route_target(const struct route *r)
{
	const char *const ids[] = {r->gateway_id,	    r->egress_only_internet_gateway_id,
				   r->nat_gateway_id,	    r->vpc_peering_connection_id,
				   r->network_interface_id, r->instance_id};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i])
			return ids[i];
	return NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

bool route_same_destination(const struct route *a, const struct route *b)
{
	return !cidr_cmp(&a->destination, &b->destination) &&
	       !cidr_cmp(&a->ipv6_destination, &b->ipv6_destination) &&
	       text_equal(a->prefix_list_id, b->prefix_list_id);
}

bool route_equal(const struct route *a, const struct route *b)
{
	return route_same_destination(a, b) && a->local == b->local &&
	       text_equal(route_target(a), route_target(b));
}

/* The range that it goes to; NULL: a prefix list's. */
static const struct cidr *range_of(const struct route *r)
{
	if (ip_is_set(&r->destination.ip))
		return &r->destination;
	return ip_is_set(&r->ipv6_destination.ip) ? &r->ipv6_destination : NULL;
}

const char *route_destination(const struct route *r, char *buf)
{
	if (range_of(r))
		return cidr_format(range_of(r), buf);
	snprintf(buf, CIDR_STRLEN, "%s", r->prefix_list_id ? r->prefix_list_id : "");
	return buf;
}

/* What the checks of one route share. */
struct ask {
	struct txn *t;
	const struct route_table *rtb;
	const struct vpc *v;
	const struct route *r;
	const char *field;
	struct err *e;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct ask *a, const char *code,
							const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(a->e, -EINVAL, code, a->field, "%s", text);
}

#define BAD(a, ...) refuse(a, "InvalidParameterValue", __VA_ARGS__)

/* ---- destination ---- */

static int range_check(const struct ask *a)
{
	const struct cidr *range = range_of(a->r);
	struct cidr reserved[2];
	char text[CIDR_STRLEN], other[CIDR_STRLEN];

	if (!range)
		return a->r->prefix_list_id
			       ? 0
			       : refuse(a, "MissingParameter",
					"a route needs a destination: DestinationCidrBlock, "
					"DestinationIpv6CidrBlock or DestinationPrefixListId");
	cidr_format(range, text);
	if (range == &a->r->destination && range->ip.family != AF_INET)
		return BAD(a, "%s is no IPv4 range: write it as DestinationIpv6CidrBlock", text);
	if (range == &a->r->ipv6_destination && range->ip.family != AF_INET6)
		return BAD(a, "%s is no IPv6 range: write it as DestinationCidrBlock", text);
	cidr_parse("169.254.168.0/22", &reserved[0]);
	cidr_parse("fd00:ec2::/32", &reserved[1]);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (cidr_contains(&reserved[i], range))
			return BAD(a, "%s lies in %s, which is reserved", text,
				   cidr_format(&reserved[i], other));
	return 0;
}

/* The family that it carries. */
static bool is_ipv6(const struct ask *a)
{
	const struct route *r = a->r;
	const struct prefix_list *pl;

	if (!r->prefix_list_id)
		return ip_is_set(&r->ipv6_destination.ip);
	pl = AS_CONST(prefix_list, model_get(txn_model(a->t), r->prefix_list_id));
	return pl && pl->address_family == PREFIX_LIST_IPV6;
}

static bool has_block(const void *arg, const struct object *o)
{
	const struct subnet *s = AS_CONST(subnet, o);

	return !cidr_cmp(&s->cidr_block, arg) || !cidr_cmp(&s->ipv6_cidr_block, arg);
}

static bool is_subnet(const struct ask *a)
{
	return find_referrer(txn_model(a->t), a->v->o.id, KIND_SUBNET, has_block, range_of(a->r));
}

static bool is_within(const struct ask *a)
{
	return range_of(a->r) && vpc_contains(a->v, range_of(a->r));
}

/* The local routes themselves, and what is more specific: a whole subnet, by an interface or NAT
 * gateway. */
static int local_check(const struct ask *a)
{
	const struct route *r = a->r;
	bool block = is_within(a) && vpc_has_block(a->v, range_of(r));
	char text[CIDR_STRLEN];

	route_destination(r, text);
	if (r->local && !block && !(a->rtb->gateway_id && is_within(a) && is_subnet(a)))
		return BAD(a, "%s is not the VPC's own: only its blocks are local", text);
	if (!is_within(a) || r->local)
		return 0;
	if (!r->nat_gateway_id && !r->network_interface_id && !r->instance_id)
		return BAD(
			a,
			"%s lies within the VPC: such a route leads to an interface, an instance "
			"or a NAT gateway",
			text);
	if (!block && !is_subnet(a))
		return BAD(a,
			   "%s lies within the VPC and is neither a block of it nor a whole subnet",
			   text);
	return 0;
}

/* ---- target ---- */

static int missing_target(const struct ask *a)
{
	return refuse(
		a, "InvalidParameterCombination",
		"a route needs a target: LocalTarget, GatewayId, EgressOnlyInternetGatewayId, "
		"NatGatewayId, VpcPeeringConnectionId, NetworkInterfaceId or InstanceId");
}

static int family_check(const struct ask *a)
{
	struct cidr nat64;
	const struct cidr *range = range_of(a->r);
	char text[CIDR_STRLEN];

	if (a->r->egress_only_internet_gateway_id && !is_ipv6(a))
		return BAD(a, "%s: an egress-only internet gateway carries IPv6 alone",
			   route_destination(a->r, text));
	cidr_parse("64:ff9b::/96", &nat64);
	if (a->r->nat_gateway_id && is_ipv6(a) && !(range && cidr_contains(&nat64, range)))
		return BAD(a, "%s: of IPv6, a NAT gateway carries 64:ff9b::/96 alone",
			   route_destination(a->r, text));
	return 0;
}

static int target_check(const struct ask *a)
{
	const struct model *m = txn_model(a->t);
	const char *id = route_target(a->r), *vpc;
	const struct object *o = id ? model_get(m, id) : NULL;

	if (!id)
		return a->r->local ? 0 : missing_target(a);
	if (!o)
		return 0;
	if (o->kind->kind == KIND_VPC_PEERING_CONNECTION) {
		if (peering_other_end(AS_CONST(vpc_peering_connection, o), a->v->o.id))
			return 0;
		return BAD(a, "%s does not connect the table's VPC %s", id, a->v->o.id);
	}
	vpc = model_object_vpc(m, o);
	if (!vpc)
		return refuse(a, "Gateway.NotAttached", "%s %s is attached to no VPC",
			      o->kind->name, id);
	return strcmp(vpc, a->v->o.id)
		       ? BAD(a, "%s %s is not of the table's VPC %s", o->kind->name, id, a->v->o.id)
		       : 0;
}

/* ---- gateway tables ---- */

static int gateway_check(const struct ask *a)
{
	char text[CIDR_STRLEN];

	route_destination(a->r, text);
	if (!range_of(a->r))
		return BAD(a, "%s: a gateway's route table has no prefix lists", text);
	if (!a->r->local && !a->r->network_interface_id && !a->r->instance_id)
		return BAD(
			a,
			"%s: a gateway's route table leads to the VPC itself, an interface or an "
			"instance",
			text);
	if (!is_within(a) || (!vpc_has_block(a->v, range_of(a->r)) && !is_subnet(a)))
		return BAD(a,
			   "%s: the destinations of a gateway's route table are the VPC's blocks "
			   "and whole subnets",
			   text);
	return 0;
}

int route_check(struct txn *t, const struct route_table *rtb, const struct vpc *v,
		const struct route *r, bool is_new, const char *field, struct err *e)
{
	struct ask a = {t, rtb, v, r, field, e};
	int rc = is_new ? range_check(&a) : 0;

	if (!rc && is_new)
		rc = target_check(&a);
	if (!rc && is_new)
		rc = local_check(&a);
	if (!rc && is_new)
		rc = family_check(&a);
	return rc || !rtb->gateway_id ? rc : gateway_check(&a);
}

/* ---- state ---- */

static bool interface_is_active(const struct model *m, const char *id)
{
	const struct object *o = id ? model_get(m, id) : NULL;

	return o && AS_CONST(network_interface, o)->attachment_id;
}

static bool instance_is_active(const struct model *m, const char *id)
{
	const struct object *o = model_get(m, id);

	return o && interface_is_active(m, AS_CONST(instance, o)->network_interface_id);
}

static bool gateway_is_active(const struct model *m, const char *id, const char *vpc_id)
{
	const struct object *o = model_get(m, id);
	const char *vpc = o ? model_object_vpc(m, o) : NULL;

	return vpc && !strcmp(vpc, vpc_id);
}

static bool nat_is_active(const struct model *m, const char *id)
{
	const struct object *o = model_get(m, id);
	const char *state = o ? AS_CONST(nat_gateway, o)->state : NULL;

	return state && !strcmp(state, "available");
}

bool model_route_active(const struct model *m, const struct route_table *rtb, const struct route *r)
{
	const struct object *o;

	if (r->gateway_id)
		return gateway_is_active(m, r->gateway_id, rtb->vpc_id);
	if (r->egress_only_internet_gateway_id)
		return gateway_is_active(m, r->egress_only_internet_gateway_id, rtb->vpc_id);
	if (r->nat_gateway_id)
		return nat_is_active(m, r->nat_gateway_id);
	if (r->instance_id)
		return instance_is_active(m, r->instance_id);
	if (r->network_interface_id)
		return interface_is_active(m, r->network_interface_id);
	if (!r->vpc_peering_connection_id)
		return r->local;
	o = model_get(m, r->vpc_peering_connection_id);
	return o && AS_CONST(vpc_peering_connection, o)->status == PEERING_ACTIVE;
}
