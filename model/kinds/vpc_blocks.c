/* SPDX-License-Identifier: MIT
 * The blocks of a VPC. VPC User Guide, vpc-cidr-blocks. IPv6 is not translated, so no two VPCs have
 * an IPv6 address in common.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/peering.h"

#define BLOCKS_MAX 5

/* ---- all of them ---- */

bool vpc_block(const struct vpc *v, size_t i, struct cidr *ret)
{
	size_t n = v->secondary_cidr_blocks.n;

	if (!i)
		*ret = v->cidr_block;
	else if (i <= n)
		*ret = ((const struct cidr *)v->secondary_cidr_blocks.v)[i - 1];
	else if (i == n + 1 && ip_is_set(&v->ipv6_cidr_block.ip))
		*ret = v->ipv6_cidr_block;
	else
		return false;
	return true;
}

typedef bool cidr_relation(const struct cidr *block, const struct cidr *c);

static bool some_block(const struct vpc *v, cidr_relation *holds, const struct cidr *c,
		       struct cidr *ret)
{
	for (size_t i = 0; vpc_block(v, i, ret); i++)
		if (holds(ret, c))
			return true;
	return false;
}

static bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return !cidr_cmp(a, b);
}

bool vpc_contains(const struct vpc *v, const struct cidr *c)
{
	struct cidr found;

	return some_block(v, cidr_contains, c, &found);
}

bool vpc_has_block(const struct vpc *v, const struct cidr *c)
{
	struct cidr found;

	return some_block(v, cidr_equal, c, &found);
}

bool vpcs_overlap(const struct vpc *a, const struct vpc *b, struct cidr *ret_a, struct cidr *ret_b)
{
	for (size_t i = 0; vpc_block(a, i, ret_a); i++)
		if (some_block(b, cidr_overlaps, ret_a, ret_b))
			return true;
	return false;
}

/* ---- IPv4 ---- */

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

static int ipv4_check(const struct cidr *c, const char *field, struct err *e)
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
	rc = ipv4_check(&more[i], field, e);
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

/* ---- IPv6 ---- */

static bool is_unicast(const struct cidr *c)
{
	struct cidr global, local, reserved;

	cidr_parse("2000::/3", &global);
	cidr_parse("fc00::/7", &local);
	cidr_parse("fd00:ec2::/32", &reserved);
	return (cidr_contains(&global, c) || cidr_contains(&local, c)) &&
	       !cidr_overlaps(&reserved, c);
}

static int internet_check(const struct model *m, const struct cidr *c, struct err *e)
{
	char text[CIDR_STRLEN], address[IP_STRLEN];

	model_for_each (o, m, KIND_INTERNET_HOST) {
		const struct ip *ip = &AS_CONST(internet_host, o)->ipv6_address;

		if (ip_is_set(ip) && cidr_contains_ip(c, ip))
			return err_set(e, -EEXIST, "InvalidVpc.Range", "Ipv6CidrBlock",
				       "%s contains %s of internet host %s", cidr_format(c, text),
				       ip_format(ip, address), o->name ? o->name : o->id);
	}
	return 0;
}

static int ipv6_check(const struct model *m, const struct vpc *v, struct err *e)
{
	const struct cidr *c = &v->ipv6_cidr_block;
	char text[CIDR_STRLEN], other[CIDR_STRLEN];

	cidr_format(c, text);
	if (c->ip.family != AF_INET6 || c->len < 44 || c->len > 60 || c->len % 4)
		return err_set(e, -EINVAL, "InvalidVpc.Range", "Ipv6CidrBlock",
			       "%s: a VPC's IPv6 block is a /44, /48, /52, /56 or /60", text);
	if (!is_unicast(c))
		return err_set(e, -EINVAL, "InvalidVpc.Range", "Ipv6CidrBlock",
			       "%s: a VPC's IPv6 block lies in 2000::/3 or fc00::/7, and outside "
			       "the reserved fd00:ec2::/32",
			       text);
	model_for_each (o, m, KIND_VPC) {
		const struct cidr *taken = &AS_CONST(vpc, o)->ipv6_cidr_block;

		if (strcmp(o->id, v->o.id) && ip_is_set(&taken->ip) && cidr_overlaps(c, taken))
			return err_set(e, -EEXIST, "InvalidVpc.Range", "Ipv6CidrBlock",
				       "%s overlaps %s of VPC %s: IPv6 is not translated, so each "
				       "VPC has its own",
				       text, cidr_format(taken, other), o->name ? o->name : o->id);
	}
	return internet_check(m, c, e);
}

/* "auto" keeps the block that is there. */
static int ipv6_choose(struct txn *t, const struct vpc *old, struct vpc *v, struct err *e)
{
	const struct cidr *pool = &store_configuration(txn_store(t))->ipv6_pool;

	if (v->ipv6_cidr_block.len == CIDR_AUTO && old && ip_is_set(&old->ipv6_cidr_block.ip))
		v->ipv6_cidr_block = old->ipv6_cidr_block;
	if (v->ipv6_cidr_block.len == CIDR_AUTO)
		return ipam_vpc_pick(txn_model(t), pool, &v->ipv6_cidr_block, e);
	if (!ip_is_set(&v->ipv6_cidr_block.ip) ||
	    (old && !cidr_cmp(&old->ipv6_cidr_block, &v->ipv6_cidr_block)))
		return 0;
	return ipv6_check(txn_model(t), v, e);
}

/* ---- additions and removals ---- */

static bool serves_within(const void *arg, const struct object *o)
{
	const struct route_table *rtb = AS_CONST(route_table, o);
	const struct route *r = rtb->routes.v;

	for (size_t i = 0; i < rtb->routes.n; i++)
		if (cidr_contains(arg, &r[i].destination) ||
		    cidr_contains(arg, &r[i].ipv6_destination))
			return true;
	return false;
}

struct addition {
	const struct model *m;
	const struct vpc *v;
	const struct cidr *block;
	const char *field;
	struct err *e;
	int rc;
};

/* A block that an active peering's other end has, or its part. */
static void ask_peer(void *arg, const struct object *o)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	struct addition *a = arg;
	const struct vpc *peer = AS_CONST(vpc, model_get(a->m, peering_other_end(p, a->v->o.id)));
	char text[CIDR_STRLEN], other[CIDR_STRLEN];
	struct cidr taken;

	if (a->rc || p->status != PEERING_ACTIVE ||
	    !some_block(peer, cidr_overlaps, a->block, &taken))
		return;
	a->rc = err_set(a->e, -EEXIST, "InvalidVpc.Range", a->field,
			"%s overlaps %s of the peered VPC %s", cidr_format(a->block, text),
			cidr_format(&taken, other), peer->o.name ? peer->o.name : peer->o.id);
}

static int addition_check(struct addition *a)
{
	const struct object *rtb =
		find_referrer(a->m, a->v->o.id, KIND_ROUTE_TABLE, serves_within, a->block);
	char text[CIDR_STRLEN];

	if (rtb)
		return err_set(a->e, -EEXIST, "InvalidVpc.Range", a->field,
			       "%s contains the destination of a route of %s",
			       cidr_format(a->block, text), rtb->id);
	model_referrers(a->m, a->v->o.id, KIND_VPC_PEERING_CONNECTION, ask_peer, a);
	return a->rc;
}

static int additions_check(struct txn *t, const struct vpc *old, const struct vpc *v, struct err *e)
{
	struct cidr block;
	char field[64];
	int rc = 0;

	for (size_t i = 1; !rc && vpc_block(v, i, &block); i++) {
		struct addition a = {txn_model(t), v, &block, field, e, 0};

		if (vpc_has_block(old, &block))
			continue;
		if (block.ip.family == AF_INET6)
			snprintf(field, sizeof(field), "Ipv6CidrBlock");
		else
			snprintf(field, sizeof(field), "SecondaryCidrBlocks/%zu", i - 1);
		rc = addition_check(&a);
	}
	return rc;
}

static bool lies_outside(const void *arg, const struct object *o)
{
	const struct subnet *s = AS_CONST(subnet, o);

	return !vpc_contains(arg, &s->cidr_block) ||
	       (ip_is_set(&s->ipv6_cidr_block.ip) && !vpc_contains(arg, &s->ipv6_cidr_block));
}

/* A block goes only when no subnet lies in it. */
static int removal_check(struct txn *t, const struct vpc *v, struct err *e)
{
	const struct object *s = find_referrer(txn_model(t), v->o.id, KIND_SUBNET, lies_outside, v);

	return s ? err_set(e, -EBUSY, "DependencyViolation",
			   vpc_contains(v, &AS_CONST(subnet, s)->cidr_block)
				   ? "Ipv6CidrBlock"
				   : "SecondaryCidrBlocks",
			   "subnet %s (%s) lies in the block that would go", s->id,
			   s->name ? s->name : "unnamed")
		 : 0;
}

int vpc_blocks_check(struct txn *t, const struct vpc *old, struct vpc *v, struct err *e)
{
	int rc = ipv4_check(&v->cidr_block, "CidrBlock", e);

	if (!rc && v->secondary_cidr_blocks.n >= BLOCKS_MAX)
		rc = err_set(e, -ENOSPC, "VpcLimitExceeded", "SecondaryCidrBlocks",
			     "a VPC has at most %d blocks", BLOCKS_MAX);
	for (size_t i = 0; !rc && i < v->secondary_cidr_blocks.n; i++)
		rc = secondary_check(v, i, e);
	if (!rc)
		rc = ipv6_choose(t, old, v, e);
	if (!rc && old)
		rc = additions_check(t, old, v, e);
	return rc || !old ? rc : removal_check(t, v, e);
}
