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
	FIELD(subnet, availability_zone, "AvailabilityZone", .flags = ALLOCATED | COLUMN, .max = 32,
	      .help = "Zone of the region"),
	FIELD(subnet, map_public_ip_on_launch, "MapPublicIpOnLaunch", .def = "false",
	      .help = "Whether its instances get a public address"),
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
