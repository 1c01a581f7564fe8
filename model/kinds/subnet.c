/* SPDX-License-Identifier: MIT
 * Subnet. VPC User Guide, subnet-sizing.
 */
#include <ctype.h>
#include <string.h>
#include <sys/socket.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

#define SUBNETS_MAX 200

static const struct field fields[] = {
	REF(subnet, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "VPC that owns the subnet"),
	FIELD(subnet, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .help = "Range within the VPC, /16 to /28"),
	FIELD(subnet, ipv6_cidr_block, "Ipv6CidrBlock", .flags = AUTO | COLUMN,
	      .help = "IPv6 range within the VPC's, /44 to /64 in steps of 4; auto: a free /64"),
	FIELD(subnet, availability_zone, "AvailabilityZone", .flags = ALLOCATED | COLUMN, .max = 32,
	      .help = "Zone of the region"),
	FIELD(subnet, map_public_ip_on_launch, "MapPublicIpOnLaunch", .def = "false",
	      .help = "Whether its instances get a public address"),
	FIELD(subnet, assign_ipv6_address_on_creation, "AssignIpv6AddressOnCreation",
	      .def = "false", .help = "Whether its interfaces get an IPv6 address"),
	REF(subnet, route_table_id, "RouteTableId", KIND_ROUTE_TABLE,
	    .help = "Route table; absent: the VPC's main one"),
	REF(subnet, network_acl_id, "NetworkAclId", KIND_NETWORK_ACL,
	    .help = "Network ACL; absent: the VPC's default one"),
	FIELD(subnet, state, "State", .flags = COMPUTED, .help = "available"),
	{0},
};

static bool overlaps(const void *arg, const struct object *o)
{
	const struct subnet *s = arg, *other = AS_CONST(subnet, o);

	return strcmp(s->o.id, o->id) && cidr_overlaps(&s->cidr_block, &other->cidr_block);
}

static int range_check(struct txn *t, const struct subnet *s, const struct vpc *v, struct err *e)
{
	char text[CIDR_STRLEN], block[CIDR_STRLEN];
	const struct object *other;

	if (s->cidr_block.ip.family != AF_INET || s->cidr_block.len < 16 || s->cidr_block.len > 28)
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "CidrBlock",
			       "%s: a subnet's block is IPv4, /16 to /28",
			       cidr_format(&s->cidr_block, text));
	if (!vpc_contains(v, &s->cidr_block))
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "CidrBlock",
			       "%s lies outside its VPC's block %s",
			       cidr_format(&s->cidr_block, text),
			       cidr_format(&v->cidr_block, block));
	other = find_referrer(txn_model(t), v->o.id, KIND_SUBNET, overlaps, s);
	if (other)
		return err_set(e, -EEXIST, "InvalidSubnet.Conflict", "CidrBlock",
			       "%s overlaps subnet %s (%s) of the VPC",
			       cidr_format(&s->cidr_block, text),
			       other->name ? other->name : other->id,
			       cidr_format(&AS_CONST(subnet, other)->cidr_block, block));
	if (count_referrers(txn_model(t), v->o.id, KIND_SUBNET, NULL, NULL) >= SUBNETS_MAX)
		return err_set(e, -ENOSPC, "SubnetLimitExceeded", "VpcId",
			       "a VPC has at most %d subnets", SUBNETS_MAX);
	return 0;
}

/* ---- IPv6 ---- */

static bool overlaps_ipv6(const void *arg, const struct object *o)
{
	const struct subnet *s = arg, *other = AS_CONST(subnet, o);

	return strcmp(s->o.id, o->id) && ip_is_set(&other->ipv6_cidr_block.ip) &&
	       cidr_overlaps(&s->ipv6_cidr_block, &other->ipv6_cidr_block);
}

static int ipv6_range_check(struct txn *t, const struct subnet *s, const struct vpc *v,
			    struct err *e)
{
	const struct cidr *c = &s->ipv6_cidr_block;
	char text[CIDR_STRLEN], block[CIDR_STRLEN];
	const struct object *other;

	cidr_format(c, text);
	if (c->ip.family != AF_INET6 || c->len < 44 || c->len > 64 || c->len % 4)
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "Ipv6CidrBlock",
			       "%s: a subnet's IPv6 block is a /64, or from /44 in steps of 4",
			       text);
	if (!ip_is_set(&v->ipv6_cidr_block.ip) || !cidr_contains(&v->ipv6_cidr_block, c))
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "Ipv6CidrBlock",
			       "%s lies outside its VPC's IPv6 block %s", text,
			       ip_is_set(&v->ipv6_cidr_block.ip)
				       ? cidr_format(&v->ipv6_cidr_block, block)
				       : "(it has none)");
	other = find_referrer(txn_model(t), v->o.id, KIND_SUBNET, overlaps_ipv6, s);
	return other ? err_set(e, -EEXIST, "InvalidSubnet.Conflict", "Ipv6CidrBlock",
			       "%s overlaps subnet %s (%s) of the VPC", text,
			       other->name ? other->name : other->id,
			       cidr_format(&AS_CONST(subnet, other)->ipv6_cidr_block, block))
		     : 0;
}

static bool has_ipv6_outside(const void *arg, const struct object *o)
{
	const struct list *l = &AS_CONST(network_interface, o)->ipv6_addresses;
	const struct subnet *s = arg;

	for (size_t i = 0; i < l->n; i++)
		if (!ip_is_set(&s->ipv6_cidr_block.ip) ||
		    !cidr_contains_ip(&s->ipv6_cidr_block, &((const struct ip *)l->v)[i]))
			return true;
	return false;
}

static int ipv6_check(struct txn *t, const struct subnet *old, struct subnet *s,
		      const struct vpc *v, struct err *e)
{
	const struct object *eni;
	int rc = 0;

	if (s->ipv6_cidr_block.len == CIDR_AUTO && old && ip_is_set(&old->ipv6_cidr_block.ip))
		s->ipv6_cidr_block = old->ipv6_cidr_block;
	if (s->ipv6_cidr_block.len == CIDR_AUTO)
		rc = ipam_subnet_block_pick(txn_model(t), v, &s->ipv6_cidr_block, e);
	else if (ip_is_set(&s->ipv6_cidr_block.ip) &&
		 !(old && !cidr_cmp(&old->ipv6_cidr_block, &s->ipv6_cidr_block)))
		rc = ipv6_range_check(t, s, v, e);
	if (rc)
		return rc;
	if (s->assign_ipv6_address_on_creation && !ip_is_set(&s->ipv6_cidr_block.ip))
		return err_set(e, -EINVAL, "InvalidParameterCombination",
			       "AssignIpv6AddressOnCreation", "the subnet has no IPv6 block");
	eni = find_referrer(txn_model(t), s->o.id, KIND_NETWORK_INTERFACE, has_ipv6_outside, s);
	return eni ? err_set(e, -EBUSY, "DependencyViolation", "Ipv6CidrBlock",
			     "%s has an address of the IPv6 block that would go", eni->id)
		   : 0;
}

/* "<region>a" to "<region>z". */
static int zone_check(struct subnet *s, struct err *e)
{
	size_t n = strlen(s->o.region);
	char zone[64];

	if (!s->availability_zone) {
		snprintf(zone, sizeof(zone), "%.60sa", s->o.region);
		return text_set(&s->availability_zone, zone, e);
	}
	if (strncmp(s->availability_zone, s->o.region, n) ||
	    !islower((unsigned char)s->availability_zone[n]) || s->availability_zone[n + 1])
		return err_set(e, -EINVAL, "InvalidParameterValue", "AvailabilityZone",
			       "%s is no zone of region %s: they are %sa to %sz",
			       s->availability_zone, s->o.region, s->o.region, s->o.region);
	return 0;
}

static int owner_check(struct txn *t, const struct subnet *s, const char *id, const char *field,
		       struct err *e)
{
	const struct object *o = id ? model_get(txn_model(t), id) : NULL;
	const char *vpc = o ? model_object_vpc(txn_model(t), o) : NULL;

	if (o && o->kind->kind == KIND_ROUTE_TABLE && AS_CONST(route_table, o)->gateway_id)
		return err_set(e, -EBUSY, "Resource.AlreadyAssociated", field,
			       "%s routes what comes in by %s: a gateway's table serves no subnet",
			       id, AS_CONST(route_table, o)->gateway_id);
	if (vpc && strcmp(vpc, s->vpc_id))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s %s is of %s, the subnet of %s", o->kind->name, id, vpc,
			       s->vpc_id);
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct subnet *s = AS(subnet, new);
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), s->vpc_id));
	int rc = old ? 0 : range_check(t, s, v, e);

	if (!rc)
		rc = ipv6_check(t, AS_CONST(subnet, old), s, v, e);
	if (!rc)
		rc = zone_check(s, e);
	if (!rc)
		rc = owner_check(t, s, s->route_table_id, "RouteTableId", e);
	if (!rc)
		rc = owner_check(t, s, s->network_acl_id, "NetworkAclId", e);
	return rc || s->state ? rc : text_set(&s->state, "available", e);
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	json_set_num(out, "AvailableIpAddressCount",
		     (double)ipam_subnet_free(m, AS_CONST(subnet, o)));
}

const struct kind subnet_kind = {
	.kind = KIND_SUBNET,
	.name = "subnet",
	.plural = "subnets",
	.id_prefix = "subnet-",
	.id_field = "SubnetId",
	.help = "A range of a VPC in one zone, with one route table and one network ACL",
	.size = sizeof(struct subnet),
	.fields = fields,
	.check = check,
	.derive = derive,
};
