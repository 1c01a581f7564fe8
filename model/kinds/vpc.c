/* SPDX-License-Identifier: MIT
 * VPC. Blocks: VPC User Guide, vpc-cidr-blocks.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define BLOCKS_MAX 5

static const struct field fields[] = {
	FIELD(vpc, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .help = "Primary IPv4 range, /16 to /28"),
	FIELD(vpc, secondary_cidr_blocks, "SecondaryCidrBlocks", .elem = &elem_cidr,
	      .help = "Further IPv4 ranges, /16 to /28"),
	FIELD(vpc, enable_dns_support, "EnableDnsSupport", .def = "true",
	      .help = "Whether the resolver answers at the primary range + 2"),
	FIELD(vpc, enable_dns_hostnames, "EnableDnsHostnames", .def = "false",
	      .help = "Whether interfaces and private zones have names"),
	FIELD(vpc, state, "State", .flags = COMPUTED | COLUMN, .help = "available"),
	{0},
};

/* ---- blocks ---- */

enum range { RANGE_PUBLIC, RANGE_SHARED, RANGE_10, RANGE_172, RANGE_192, RANGE_198_19 };

static bool within(const struct cidr *c, uint32_t address, uint8_t len)
{
	struct cidr range = {ip_from_v4(address), len};

	return cidr_contains(&range, c);
}

static bool touches(const struct cidr *c, uint32_t address, uint8_t len)
{
	struct cidr range = {ip_from_v4(address), len};

	return cidr_overlaps(&range, c);
}

static enum range range_of(const struct cidr *c)
{
	if (within(c, 0x0a000000, 8))
		return RANGE_10;
	if (within(c, 0xac100000, 12))
		return RANGE_172;
	if (within(c, 0xc0a80000, 16))
		return RANGE_192;
	if (within(c, 0xc6130000, 16))
		return RANGE_198_19;
	return within(c, 0x64400000, 10) ? RANGE_SHARED : RANGE_PUBLIC;
}

static int block_check(const struct cidr *c, const char *field, struct err *e)
{
	char text[CIDR_STRLEN];

	if (c->ip.family != AF_INET || c->len < 16 || c->len > 28)
		return err_set(e, -EINVAL, "InvalidVpc.Range", field,
			       "%s: a VPC's block is IPv4, /16 to /28", cidr_format(c, text));
	if (touches(c, 0xa9fe0000, 16) || touches(c, 0x7f000000, 8) || touches(c, 0, 8) ||
	    touches(c, 0xe0000000, 3))
		return err_set(e, -EINVAL, "InvalidVpc.Range", field,
			       "%s: link-local, loopback and multicast ranges are no VPC's",
			       cidr_format(c, text));
	return 0;
}

/* Which ranges may stand beside a primary one. */
static bool may_join(enum range primary, enum range secondary)
{
	if (primary == secondary || primary == RANGE_PUBLIC || primary == RANGE_SHARED)
		return secondary == RANGE_PUBLIC || secondary == RANGE_SHARED ||
		       primary == secondary;
	return secondary == RANGE_PUBLIC || secondary == RANGE_SHARED;
}

static int secondary_check(const struct vpc *v, size_t i, struct err *e)
{
	const struct cidr *more = v->secondary_cidr_blocks.v;
	char field[64], text[CIDR_STRLEN], other[CIDR_STRLEN];
	int rc;

	snprintf(field, sizeof(field), "SecondaryCidrBlocks/%zu", i);
	rc = block_check(&more[i], field, e);
	if (rc)
		return rc;
	if (!may_join(range_of(&v->cidr_block), range_of(&more[i])))
		return err_set(e, -EINVAL, "InvalidVpc.Range", field,
			       "%s may not join %s: private ranges do not mix",
			       cidr_format(&more[i], text), cidr_format(&v->cidr_block, other));
	if (cidr_overlaps(&v->cidr_block, &more[i]))
		return err_set(e, -EEXIST, "InvalidVpc.Range", field, "%s overlaps %s",
			       cidr_format(&more[i], text), cidr_format(&v->cidr_block, other));
	for (size_t j = 0; j < i; j++)
		if (cidr_overlaps(&more[j], &more[i]))
			return err_set(e, -EEXIST, "InvalidVpc.Range", field, "%s overlaps %s",
				       cidr_format(&more[i], text), cidr_format(&more[j], other));
	return 0;
}

static bool serves_within(const void *arg, const struct object *o)
{
	const struct route_table *rtb = AS_CONST(route_table, o);
	const struct route *r = rtb->routes.v;

	for (size_t i = 0; i < rtb->routes.n; i++)
		if (cidr_contains(arg, &r[i].destination))
			return true;
	return false;
}

/* A new block may not take a route's destination in. */
static int addition_check(struct txn *t, const struct vpc *old, const struct vpc *v, struct err *e)
{
	const struct cidr *more = v->secondary_cidr_blocks.v;
	char text[CIDR_STRLEN], field[64];
	const struct object *rtb;

	for (size_t i = 0; i < v->secondary_cidr_blocks.n; i++) {
		rtb = vpc_has_block(old, &more[i])
			      ? NULL
			      : find_referrer(txn_model(t), v->o.id, KIND_ROUTE_TABLE,
					      serves_within, &more[i]);
		if (!rtb)
			continue;
		snprintf(field, sizeof(field), "SecondaryCidrBlocks/%zu", i);
		return err_set(e, -EEXIST, "InvalidVpc.Range", field,
			       "%s contains the destination of a route of %s",
			       cidr_format(&more[i], text), rtb->id);
	}
	return 0;
}

static bool lies_outside(const void *arg, const struct object *o)
{
	return !vpc_contains(arg, &AS_CONST(subnet, o)->cidr_block);
}

/* A block goes only when no subnet lies in it. */
static int removal_check(struct txn *t, const struct vpc *v, struct err *e)
{
	const struct object *s = find_referrer(txn_model(t), v->o.id, KIND_SUBNET, lies_outside, v);

	return s ? err_set(e, -EBUSY, "DependencyViolation", "SecondaryCidrBlocks",
			   "subnet %s lies in the block that would go", s->id)
		 : 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct vpc *v = AS(vpc, new);
	int rc = block_check(&v->cidr_block, "CidrBlock", e);

	if (!rc && v->secondary_cidr_blocks.n >= BLOCKS_MAX)
		rc = err_set(e, -ENOSPC, "VpcLimitExceeded", "SecondaryCidrBlocks",
			     "a VPC has at most %d blocks", BLOCKS_MAX);
	for (size_t i = 0; !rc && i < v->secondary_cidr_blocks.n; i++)
		rc = secondary_check(v, i, e);
	if (!rc && v->enable_dns_hostnames && !v->enable_dns_support)
		rc = err_set(e, -EINVAL, "InvalidParameterCombination", "EnableDnsHostnames",
			     "EnableDnsHostnames needs EnableDnsSupport");
	if (!rc && old)
		rc = addition_check(t, AS_CONST(vpc, old), v, e);
	if (!rc && old)
		rc = removal_check(t, v, e);
	return rc || v->state ? rc : text_set(&v->state, "available", e);
}

/* ---- what comes and goes with it ---- */

static int make_main_table(struct txn *t, const char *vpc_id, struct err *e)
{
	struct json *spec = json_new_obj();
	const struct object *o;
	struct route_table *rtb;
	int rc;

	json_set_str(spec, "VpcId", vpc_id);
	json_set_str(spec, "Name", "main");
	rc = create_along(t, KIND_ROUTE_TABLE, spec, &o, e);
	if (rc)
		return rc;
	rtb = EDIT(route_table, t, o->id, e);
	if (!rtb)
		return -ENOMEM;
	rtb->main = true;
	return 0;
}

static int make_default_group(struct txn *t, const char *vpc_id, struct err *e)
{
	struct json *spec = json_new_obj();

	json_set_str(spec, "VpcId", vpc_id);
	json_set_str(spec, "GroupName", "default");
	json_set_str(spec, "Description", "default VPC security group");
	return create_along(t, KIND_SECURITY_GROUP, spec, NULL, e);
}

static struct json *allow_all(bool egress)
{
	struct json *j = json_new_obj();

	json_set_num(j, "RuleNumber", 100);
	json_set_bool(j, "Egress", egress);
	json_set_str(j, "Protocol", "-1");
	json_set_str(j, "CidrBlock", "0.0.0.0/0");
	json_set_str(j, "RuleAction", "allow");
	return j;
}

static int make_default_acl(struct txn *t, const char *vpc_id, struct err *e)
{
	struct json *spec = json_new_obj(), *entries = json_new_arr();
	const struct object *o;
	struct network_acl *acl;
	int rc;

	json_append(entries, allow_all(false));
	json_append(entries, allow_all(true));
	json_set_str(spec, "VpcId", vpc_id);
	json_set_str(spec, "Name", "default");
	json_set(spec, "Entries", entries);
	rc = create_along(t, KIND_NETWORK_ACL, spec, &o, e);
	if (rc)
		return rc;
	acl = EDIT(network_acl, t, o->id, e);
	if (!acl)
		return -ENOMEM;
	acl->is_default = true;
	return 0;
}

static int created(struct txn *t, struct object *o, struct err *e)
{
	int rc = make_main_table(t, o->id, e);

	if (!rc)
		rc = make_default_group(t, o->id, e);
	if (!rc)
		rc = make_default_acl(t, o->id, e);
	return rc;
}

static bool is_main(const void *arg, const struct object *o)
{
	return AS_CONST(route_table, o)->main;
}

static bool is_default(const void *arg, const struct object *o)
{
	return AS_CONST(network_acl, o)->is_default;
}

static int delete_found(struct txn *t, const struct object *o, struct err *e)
{
	return o ? txn_delete(t, o->id, e) : 0;
}

/* What it was made with goes, unless somebody else uses it. */
static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct model *m = txn_model(t);
	const struct object *s = find_referrer(m, o->id, KIND_SUBNET, NULL, NULL);
	const struct security_group *sg = model_vpc_default_group(m, o->id);
	int rc;

	if (s)
		return err_set(e, -EBUSY, "DependencyViolation", "",
			       "vpc %s has %zu subnets, among them %s (%s)", o->id,
			       count_referrers(m, o->id, KIND_SUBNET, NULL, NULL), s->id,
			       s->name ? s->name : "");
	rc = delete_found(t, find_referrer(m, o->id, KIND_ROUTE_TABLE, is_main, NULL), e);
	if (!rc && sg)
		rc = txn_delete(t, sg->o.id, e);
	if (!rc)
		rc = delete_found(t, find_referrer(m, o->id, KIND_NETWORK_ACL, is_default, NULL),
				  e);
	return rc;
}

const struct kind vpc_kind = {
	.kind = KIND_VPC,
	.name = "vpc",
	.plural = "vpcs",
	.id_prefix = "vpc-",
	.id_field = "VpcId",
	.help = "A private network with an address range of its own",
	.size = sizeof(struct vpc),
	.fields = fields,
	.check = check,
	.created = created,
	.deleting = deleting,
};
