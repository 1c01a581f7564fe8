/* SPDX-License-Identifier: MIT
 * Security group. VPC User Guide, security-groups.
 */
#include <ctype.h>
#include <string.h>

#include "model/kinds/common.h"
#include "model/topology.h"

static const struct field fields[] = {
	REF(security_group, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "VPC that owns the group"),
	FIELD(security_group, group_name, "GroupName", .flags = ALLOCATED | COLUMN, .max = 255,
	      .help = "Name, unique in the VPC; absent: the tag Name"),
	FIELD(security_group, description, "Description", .flags = IMMUTABLE, .max = 255,
	      .help = "What it is for"),
	{0},
};

static bool has_name(const void *arg, const struct object *o)
{
	const struct security_group *sg = arg, *other = AS_CONST(security_group, o);

	return strcmp(sg->o.id, o->id) && !strcmp(sg->group_name, other->group_name);
}

/* EC2 API Reference, CreateSecurityGroup. */
static bool is_name(const char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr(" ._-:/()#,@[]+=&;{}!$*", *name))
			return false;
	return true;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct security_group *sg = AS(security_group, new);
	const struct object *other;
	int rc = 0;

	if (old)
		return 0;
	if (!sg->group_name)
		rc = text_set(&sg->group_name, new->name, e);
	if (!rc && !sg->group_name)
		rc = err_set(e, -EINVAL, "MissingParameter", "GroupName",
			     "a security group needs a GroupName");
	if (rc)
		return rc;
	if (!strncmp(sg->group_name, "sg-", 3))
		return err_set(e, -EINVAL, "InvalidParameterValue", "GroupName",
			       "%s: a group's name may not begin with sg-", sg->group_name);
	if (!sg->group_name[0] || !is_name(sg->group_name))
		return err_set(e, -EINVAL, "InvalidParameterValue", "GroupName",
			       "\"%.80s\": a group's name has letters, digits, spaces and "
			       "._-:/()#,@[]+=&;{}!$*",
			       sg->group_name);
	other = find_referrer(txn_model(t), sg->vpc_id, KIND_SECURITY_GROUP, has_name, sg);
	if (other)
		return err_set(e, -EEXIST,
			       strcmp(sg->group_name, "default") ? "InvalidGroup.Duplicate"
								 : "InvalidGroup.Reserved",
			       "GroupName", "%s has a group %s already (%s)", sg->vpc_id,
			       sg->group_name, other->id);
	return object_name_default(new, sg->group_name, e);
}

int group_rule_add(struct txn *t, const char *group_id, bool egress, const char *peer,
		   const char *value, struct err *e)
{
	struct json *spec = json_new_obj();

	json_set_str(spec, "GroupId", group_id);
	json_set_bool(spec, "IsEgress", egress);
	json_set_str(spec, "IpProtocol", "-1");
	json_set_str(spec, peer, value);
	return create_along(t, KIND_SECURITY_GROUP_RULE, spec, NULL, e);
}

/* Everything may leave, over IPv6 where the VPC has it; into the default group its own members may
 * come. */
static int created(struct txn *t, struct object *o, struct err *e)
{
	const struct security_group *sg = AS(security_group, o);
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), sg->vpc_id));
	bool is_default = !strcmp(sg->group_name, "default");
	char id[sizeof(o->id)];
	int rc;

	memcpy(id, o->id, sizeof(id)); /* o may move */
	rc = group_rule_add(t, id, true, "CidrIpv4", "0.0.0.0/0", e);
	if (!rc && ip_is_set(&v->ipv6_cidr_block.ip))
		rc = group_rule_add(t, id, true, "CidrIpv6", "::/0", e);
	return rc || !is_default ? rc : group_rule_add(t, id, false, "ReferencedGroupId", id, e);
}

struct reference {
	const struct model *m;
	const struct security_group *sg;
};

/* A rule of another group of the same VPC that refers to it. */
static bool holds_it(const void *arg, const struct object *o)
{
	const struct reference *ref = arg;
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	const struct object *own = model_get(ref->m, r->group_id);

	return own && strcmp(r->group_id, ref->sg->o.id) &&
	       !strcmp(AS_CONST(security_group, own)->vpc_id, ref->sg->vpc_id);
}

/* Rules of peered VPCs become stale and stay (VPC Peering Guide, vpc-peering-security-groups). */
static int references_check(struct txn *t, const struct security_group *sg, struct err *e)
{
	struct reference ref = {txn_model(t), sg};
	const struct object *o =
		find_referrer(ref.m, sg->o.id, KIND_SECURITY_GROUP_RULE, holds_it, &ref);
	const struct object *group =
		o ? model_get(ref.m, AS_CONST(security_group_rule, o)->group_id) : NULL;

	return o ? err_set(e, -EBUSY, "DependencyViolation", "",
			   "security-group %s (%s) is used by security-group-rule %s of %s (%s)",
			   sg->o.id, sg->group_name, o->id, group->id,
			   group->name ? group->name : "")
		 : 0;
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct security_group *sg = AS_CONST(security_group, o);

	if (!strcmp(sg->group_name, "default") && !txn_deleting(t, sg->vpc_id))
		return err_set(e, -EBUSY, "CannotDelete", "",
			       "%s is the default group of %s and goes with it", o->id, sg->vpc_id);
	return references_check(t, sg, e);
}

struct texts {
	const struct model *m;
	const char *group;
	struct json *ingress, *egress;
};

static void add_text(void *arg, const struct object *o)
{
	struct texts *x = arg;
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	cleanup_free char *text = NULL;

	if (strcmp(r->group_id, x->group))
		return; /* merely refers to it */
	text = rule_format(x->m, r);
	json_append(r->is_egress ? x->egress : x->ingress, json_new_str(text));
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	struct texts x = {m, o->id, json_new_arr(), json_new_arr()};

	model_referrers(m, o->id, KIND_SECURITY_GROUP_RULE, add_text, &x);
	json_set(out, "Ingress", x.ingress);
	json_set(out, "Egress", x.egress);
}

const struct kind security_group_kind = {
	.kind = KIND_SECURITY_GROUP,
	.name = "security-group",
	.plural = "security-groups",
	.short_name = "sg",
	.id_prefix = "sg-",
	.id_field = "GroupId",
	.help = "Rules that say what may reach and leave the interfaces that have it",
	.size = sizeof(struct security_group),
	.fields = fields,
	.check = check,
	.created = created,
	.deleting = deleting,
	.derive = derive,
};
