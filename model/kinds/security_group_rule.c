/* SPDX-License-Identifier: MIT
 * Security group rule. EC2 API Reference, SecurityGroupRule.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define RULES_PER_DIRECTION 60 /* of each family; a group reference counts in both */

static const struct field fields[] = {
	REF(security_group_rule, group_id, "GroupId", KIND_SECURITY_GROUP,
	    .flags = REQUIRED | IMMUTABLE | CASCADE | COLUMN, .help = "Group that it belongs to"),
	FIELD(security_group_rule, is_egress, "IsEgress", .flags = IMMUTABLE | COLUMN,
	      .def = "false", .help = "Whether it lets out; otherwise it lets in"),
	FIELD_AS(security_group_rule, ip_protocol, "IpProtocol", T_PROTO,
		 .flags = REQUIRED | COLUMN,
		 .help = "tcp, udp, icmp, icmpv6, a number, or -1 for all"),
	FIELD(security_group_rule, from_port, "FromPort", .flags = COLUMN, .def = "-1", .min = -1,
	      .max = 65535, .help = "First port, or ICMP type; -1 for all"),
	FIELD(security_group_rule, to_port, "ToPort", .flags = COLUMN, .def = "-1", .min = -1,
	      .max = 65535, .help = "Last port, or ICMP code; -1 for all"),
	FIELD(security_group_rule, cidr_ipv4, "CidrIpv4", .flags = COLUMN, .oneof = "peer",
	      .help = "Peers, as an IPv4 range"),
	FIELD(security_group_rule, cidr_ipv6, "CidrIpv6", .oneof = "peer",
	      .help = "Peers, as an IPv6 range"),
	REF(security_group_rule, referenced_group_id, "ReferencedGroupId", KIND_SECURITY_GROUP,
	    .flags = COLUMN, .oneof = "peer", .help = "Peers, as the members of a group"),
	FIELD(security_group_rule, description, "Description", .max = 255,
	      .help = "What it is for"),
	{0},
};

static int peer_check(struct txn *t, const struct security_group_rule *r, struct err *e)
{
	const struct object *group = model_get(txn_model(t), r->group_id);
	const struct object *peer =
		r->referenced_group_id ? model_get(txn_model(t), r->referenced_group_id) : NULL;
	char text[CIDR_STRLEN];

	if (ip_is_set(&r->cidr_ipv4.ip) && r->cidr_ipv4.ip.family != AF_INET)
		return err_set(e, -EINVAL, "InvalidPermission.Malformed", "CidrIpv4",
			       "%s is no IPv4 range", cidr_format(&r->cidr_ipv4, text));
	if (ip_is_set(&r->cidr_ipv6.ip) && r->cidr_ipv6.ip.family != AF_INET6)
		return err_set(e, -EINVAL, "InvalidPermission.Malformed", "CidrIpv6",
			       "%s is no IPv6 range", cidr_format(&r->cidr_ipv6, text));
	if (!peer && !ip_is_set(&r->cidr_ipv4.ip) && !ip_is_set(&r->cidr_ipv6.ip))
		return err_set(e, -EINVAL, "MissingParameter", "CidrIpv4",
			       "a rule needs CidrIpv4, CidrIpv6 or ReferencedGroupId");
	if (peer &&
	    strcmp(AS_CONST(security_group, peer)->vpc_id, AS_CONST(security_group, group)->vpc_id))
		return err_set(e, -EINVAL, "InvalidGroup.NotFound", "ReferencedGroupId",
			       "group %s (%s) is not of the VPC of %s", peer->id,
			       peer->name ? peer->name : "", group->id);
	return 0;
}

static bool text_equal(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

bool security_group_rule_equal(const struct security_group_rule *a,
			       const struct security_group_rule *b)
{
	return text_equal(a->group_id, b->group_id) && a->is_egress == b->is_egress &&
	       a->ip_protocol == b->ip_protocol && a->from_port == b->from_port &&
	       a->to_port == b->to_port && !cidr_cmp(&a->cidr_ipv4, &b->cidr_ipv4) &&
	       !cidr_cmp(&a->cidr_ipv6, &b->cidr_ipv6) &&
	       text_equal(a->referenced_group_id, b->referenced_group_id);
}

static bool is_same(const void *arg, const struct object *o)
{
	const struct security_group_rule *r = arg;

	return strcmp(r->o.id, o->id) &&
	       security_group_rule_equal(r, AS_CONST(security_group_rule, o));
}

static bool counts_as(const struct security_group_rule *r, bool v6)
{
	return r->referenced_group_id || ip_is_set(&r->cidr_ipv6.ip) == v6;
}

static bool counts_with(const struct security_group_rule *r, const struct object *o, bool v6)
{
	const struct security_group_rule *other = AS_CONST(security_group_rule, o);

	return strcmp(r->o.id, o->id) && text_equal(r->group_id, other->group_id) &&
	       r->is_egress == other->is_egress && counts_as(other, v6);
}

static bool counts_as_ipv4(const void *arg, const struct object *o)
{
	return counts_with(arg, o, false);
}

static bool counts_as_ipv6(const void *arg, const struct object *o)
{
	return counts_with(arg, o, true);
}

static int limit_check(struct txn *t, const struct security_group_rule *r, struct err *e)
{
	match_fn *const families[] = {counts_as_ipv4, counts_as_ipv6};

	for (int v6 = 0; v6 < 2; v6++)
		if (counts_as(r, v6) &&
		    count_referrers(txn_model(t), r->group_id, KIND_SECURITY_GROUP_RULE,
				    families[v6], r) >= RULES_PER_DIRECTION)
			return err_set(e, -ENOSPC, "RulesPerSecurityGroupLimitExceeded", "GroupId",
				       "group %s has %d %s rules for %s already", r->group_id,
				       RULES_PER_DIRECTION, r->is_egress ? "egress" : "ingress",
				       v6 ? "IPv6" : "IPv4");
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct security_group_rule *r = AS(security_group_rule, new);
	const struct model *m = txn_model(t);
	const struct object *other;
	int rc = ports_check(r->ip_protocol, &r->from_port, &r->to_port,
			     "InvalidPermission.Malformed", e);

	if (!rc)
		rc = peer_check(t, r, e);
	if (rc)
		return rc;
	other = find_referrer(m, r->group_id, KIND_SECURITY_GROUP_RULE, is_same, r);
	if (other)
		return err_set(e, -EEXIST, "InvalidPermission.Duplicate", "",
			       "group %s has this rule already (%s)", r->group_id, other->id);
	return limit_check(t, r, e);
}

const struct kind security_group_rule_kind = {
	.kind = KIND_SECURITY_GROUP_RULE,
	.name = "security-group-rule",
	.plural = "security-group-rules",
	.id_prefix = "sgr-",
	.id_field = "SecurityGroupRuleId",
	.help = "What one group lets in or out",
	.size = sizeof(struct security_group_rule),
	.fields = fields,
	.check = check,
};
