/* SPDX-License-Identifier: MIT
 * Security group rule. EC2 API Reference, SecurityGroupRule.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/peering.h"
#include "model/topology.h"

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
	FIELD(security_group_rule, cidr_ipv4, "CidrIpv4", .flags = COLUMN | NETWORK,
	      .oneof = "peer", .help = "Peers, as an IPv4 range"),
	FIELD(security_group_rule, cidr_ipv6, "CidrIpv6", .flags = COLUMN | NETWORK,
	      .oneof = "peer", .help = "Peers, as an IPv6 range"),
	REF(security_group_rule, referenced_group_id, "ReferencedGroupId", KIND_SECURITY_GROUP,
	    .flags = WEAK | DANGLES | COLUMN, .oneof = "peer",
	    .help = "Peers, as the members of a group of the VPC or of a peered one"),
	REF(security_group_rule, prefix_list_id, "PrefixListId", KIND_PREFIX_LIST, .flags = COLUMN,
	    .oneof = "peer", .help = "Peers, as the ranges of a prefix list"),
	FIELD(security_group_rule, description, "Description", .max = 255,
	      .help = "What it is for"),
	{0},
};

static bool text_equal(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

static const char *group_vpc(const struct model *m, const char *group_id)
{
	const struct object *o = group_id ? model_get(m, group_id) : NULL;

	return o ? AS_CONST(security_group, o)->vpc_id : NULL;
}

bool security_group_rule_is_stale(const struct model *m, const struct security_group_rule *r)
{
	const char *own = group_vpc(m, r->group_id), *peer = group_vpc(m, r->referenced_group_id);

	if (!r->referenced_group_id || !own)
		return false;
	return !peer || (strcmp(own, peer) && !model_active_peering(m, own, peer));
}

static int family_check(const struct cidr *c, int family, const char *field, struct err *e)
{
	char text[CIDR_STRLEN];

	if (!ip_is_set(&c->ip) || c->ip.family == family)
		return 0;
	return err_set(e, -EINVAL, "InvalidPermission.Malformed", field, "%s is no IPv%d range",
		       cidr_format(c, text), family == AF_INET ? 4 : 6);
}

/* A reference that stood before stays, stale or not. */
static int reference_check(const struct model *m, const struct security_group_rule *old,
			   const struct security_group_rule *r, struct err *e)
{
	const struct object *peer =
		r->referenced_group_id ? model_get(m, r->referenced_group_id) : NULL;

	if (!r->referenced_group_id ||
	    (old && text_equal(old->referenced_group_id, r->referenced_group_id)))
		return 0;
	if (!security_group_rule_is_stale(m, r))
		return 0;
	return err_set(e, -EINVAL, "InvalidGroup.NotFound", "ReferencedGroupId",
		       "group %s (%s) is neither of %s nor of a VPC that is peered with it",
		       r->referenced_group_id, peer && peer->name ? peer->name : "",
		       group_vpc(m, r->group_id));
}

static int peer_check(struct txn *t, const struct security_group_rule *old,
		      const struct security_group_rule *r, struct err *e)
{
	int rc = family_check(&r->cidr_ipv4, AF_INET, "CidrIpv4", e);

	if (!rc)
		rc = family_check(&r->cidr_ipv6, AF_INET6, "CidrIpv6", e);
	if (rc)
		return rc;
	if (!r->referenced_group_id && !r->prefix_list_id && !ip_is_set(&r->cidr_ipv4.ip) &&
	    !ip_is_set(&r->cidr_ipv6.ip))
		return err_set(e, -EINVAL, "MissingParameter", "CidrIpv4",
			       "a rule needs CidrIpv4, CidrIpv6, ReferencedGroupId or "
			       "PrefixListId");
	return reference_check(txn_model(t), old, r, e);
}

bool security_group_rule_equal(const struct security_group_rule *a,
			       const struct security_group_rule *b)
{
	return text_equal(a->group_id, b->group_id) && a->is_egress == b->is_egress &&
	       a->ip_protocol == b->ip_protocol && a->from_port == b->from_port &&
	       a->to_port == b->to_port && !cidr_cmp(&a->cidr_ipv4, &b->cidr_ipv4) &&
	       !cidr_cmp(&a->cidr_ipv6, &b->cidr_ipv6) &&
	       text_equal(a->referenced_group_id, b->referenced_group_id) &&
	       text_equal(a->prefix_list_id, b->prefix_list_id);
}

static bool is_same(const void *arg, const struct object *o)
{
	const struct security_group_rule *r = arg;

	return strcmp(r->o.id, o->id) &&
	       security_group_rule_equal(r, AS_CONST(security_group_rule, o));
}

/* ---- how many ---- */

struct sum {
	const struct model *m;
	const char *group_id;
	const struct security_group_rule *but; /* not counted; NULL: none */
	const struct prefix_list *as;	       /* as it is about to be; NULL: all as they are */
	size_t n[2][2];			       /* by egress, by family */
};

/* What a rule counts in a family: a group reference in both, a prefix list with its size. */
static size_t weight(const struct sum *s, const struct security_group_rule *r, bool v6)
{
	const struct prefix_list *pl;

	if (!r->prefix_list_id)
		return r->referenced_group_id || ip_is_set(&r->cidr_ipv6.ip) == v6;
	pl = s->as && !strcmp(s->as->o.id, r->prefix_list_id)
		     ? s->as
		     : AS_CONST(prefix_list, model_get(s->m, r->prefix_list_id));
	return pl && (pl->address_family == PREFIX_LIST_IPV6) == v6 ? (size_t)pl->max_entries : 0;
}

static void sum_one(void *arg, const struct object *o)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	struct sum *s = arg;

	if (!text_equal(r->group_id, s->group_id) || (s->but && !strcmp(s->but->o.id, o->id)))
		return;
	for (int v6 = 0; v6 < 2; v6++)
		s->n[r->is_egress][v6] += weight(s, r, v6);
}

static int too_many(const char *group_id, const char *field, size_t n, size_t max, bool egress,
		    bool v6, struct err *e)
{
	return err_set(e, -ENOSPC, "RulesPerSecurityGroupLimitExceeded", field,
		       "group %s would have %zu %s rules for %s: at most %zu, a group reference "
		       "counting in both families and a prefix list with its MaxEntries",
		       group_id, n, egress ? "egress" : "ingress", v6 ? "IPv6" : "IPv4", max);
}

static int limit_check(struct txn *t, const struct security_group_rule *r, struct err *e)
{
	size_t max = store_configuration(txn_store(t))->quotas.rules_per_group;
	struct sum s = {txn_model(t), r->group_id, r, NULL, {{0}}};

	model_referrers(s.m, r->group_id, KIND_SECURITY_GROUP_RULE, sum_one, &s);
	for (int v6 = 0; v6 < 2; v6++) {
		size_t own = weight(&s, r, v6), n = s.n[r->is_egress][v6] + own;

		if (own && n > max)
			return too_many(r->group_id, "GroupId", n, max, r->is_egress, v6, e);
	}
	return 0;
}

int group_size_check(struct txn *t, const char *group_id, const struct prefix_list *as,
		     struct err *e)
{
	size_t max = store_configuration(txn_store(t))->quotas.rules_per_group;
	struct sum s = {txn_model(t), group_id, NULL, as, {{0}}};

	model_referrers(s.m, group_id, KIND_SECURITY_GROUP_RULE, sum_one, &s);
	for (int i = 0; i < 4; i++)
		if (s.n[i / 2][i % 2] > max)
			return too_many(group_id, "MaxEntries", s.n[i / 2][i % 2], max, i / 2,
					i % 2, e);
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
		rc = peer_check(t, AS_CONST(security_group_rule, old), r, e);
	if (rc)
		return rc;
	other = find_referrer(m, r->group_id, KIND_SECURITY_GROUP_RULE, is_same, r);
	if (other)
		return err_set(e, -EEXIST, "InvalidPermission.Duplicate", "",
			       "group %s has this rule already (%s)", r->group_id, other->id);
	return limit_check(t, r, e);
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	cleanup_free char *text = rule_format(m, r);

	json_set_str(out, "Rule", text);
	if (r->referenced_group_id)
		json_set_bool(out, "Stale", security_group_rule_is_stale(m, r));
}

const struct kind security_group_rule_kind = {
	.kind = KIND_SECURITY_GROUP_RULE,
	.name = "security-group-rule",
	.plural = "security-group-rules",
	.short_name = "sgr",
	.id_prefix = "sgr-",
	.id_field = "SecurityGroupRuleId",
	.help = "What one group lets in or out",
	.size = sizeof(struct security_group_rule),
	.fields = fields,
	.check = check,
	.derive = derive,
};
