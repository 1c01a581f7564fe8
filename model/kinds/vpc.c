/* SPDX-License-Identifier: MIT
 * VPC. Blocks: VPC User Guide, vpc-cidr-blocks.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/signed.h"
#include "model/peering.h"

static const struct field fields[] = {
	FIELD(vpc, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .help = "Primary IPv4 range, /16 to /28"),
	FIELD(vpc, secondary_cidr_blocks, "SecondaryCidrBlocks", .elem = &elem_cidr,
	      .help = "Further IPv4 ranges, /16 to /28"),
	FIELD(vpc, ipv6_cidr_block, "Ipv6CidrBlock", .flags = AUTO | COLUMN,
	      .help = "IPv6 range, /44 to /60 in steps of 4; auto: a free /56 of the pool"),
	FIELD(vpc, enable_dns_support, "EnableDnsSupport", .def = "true",
	      .help = "Whether the resolver answers at the primary range + 2"),
	FIELD(vpc, enable_dns_hostnames, "EnableDnsHostnames", .def = "false",
	      .help = "Whether interfaces and private zones have names"),
	FIELD(vpc, enable_dnssec_validation, "EnableDnssecValidation", .def = "false",
	      .help = "Whether the resolver checks the signatures of public names"),
	FIELD(vpc, dnssec_trust_anchors, "DnssecTrustAnchors", .elem = &elem_string,
	      .help = "DS or DNSKEY records that it trusts, \"example.com DS 12345 13 2 4A5B...\""),
	REF(vpc, dhcp_options_id, "DhcpOptionsId", KIND_DHCP_OPTIONS,
	    .help = "DHCP option set; without one the resolver and the region's domain"),
	FIELD(vpc, state, "State", .flags = COMPUTED | COLUMN, .help = "available"),
	{0},
};

/* ---- IPv6 that comes later ---- */

static bool is_default(const void *arg, const struct object *o)
{
	return AS_CONST(network_acl, o)->is_default;
}

static struct json *allow_all(bool egress, bool v6)
{
	struct json *j = json_new_obj();

	json_set_num(j, "RuleNumber", v6 ? 101 : 100);
	json_set_bool(j, "Egress", egress);
	json_set_str(j, "Protocol", "-1");
	json_set_str(j, v6 ? "Ipv6CidrBlock" : "CidrBlock", v6 ? "::/0" : "0.0.0.0/0");
	json_set_str(j, "RuleAction", "allow");
	return j;
}

struct json *default_acl_entries(bool v6)
{
	struct json *entries = json_new_arr();

	for (int i = 0; i < 2 * (1 + v6); i++)
		json_append(entries, allow_all(i % 2, i / 2));
	return entries;
}

/* As it was made: 100 allows all of IPv4, and there is no other. */
static bool is_unmodified(const struct network_acl *acl, bool egress)
{
	const struct network_acl_entry *v = acl->entries.v, *only = NULL;

	for (size_t i = 0; i < acl->entries.n; i++)
		if (v[i].egress == egress) {
			if (only)
				return false;
			only = &v[i];
		}
	return only && only->rule_number == 100 && only->protocol == -1 &&
	       only->rule_action == ACL_ALLOW && only->cidr_block.ip.family == AF_INET &&
	       !only->cidr_block.len;
}

/* A direction of the default ACL that nobody changed lets IPv6 through as it does IPv4. */
static int open_default_acl(struct txn *t, const char *vpc_id, struct err *e)
{
	const struct object *o =
		find_referrer(txn_model(t), vpc_id, KIND_NETWORK_ACL, is_default, NULL);
	const struct network_acl *acl = AS_CONST(network_acl, o);
	cleanup_json struct json *patch = NULL;
	struct json *entries;

	if (!acl)
		return 0;
	patch = object_spec(o);
	entries = json_get(patch, "Entries");
	for (int egress = 0; egress < 2; egress++)
		if (is_unmodified(acl, egress))
			json_append(entries, allow_all(egress, true));
	return txn_update(t, o->id, patch, e);
}

static bool is_egress(const void *arg, const struct object *o)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);

	return r->is_egress && !strcmp(r->group_id, arg);
}

static bool is_first_egress(const void *arg, const struct object *o)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);

	return is_egress(arg, o) && r->ip_protocol == -1 && r->cidr_ipv4.ip.family == AF_INET &&
	       !r->cidr_ipv4.len;
}

static int open_default_group(struct txn *t, const char *vpc_id, struct err *e)
{
	const struct model *m = txn_model(t);
	const struct security_group *sg = model_vpc_default_group(m, vpc_id);
	const char *id = sg ? sg->o.id : NULL;

	if (!id || count_referrers(m, id, KIND_SECURITY_GROUP_RULE, is_egress, id) != 1 ||
	    !find_referrer(m, id, KIND_SECURITY_GROUP_RULE, is_first_egress, id))
		return 0;
	return group_rule_add(t, id, true, "CidrIpv6", "::/0", e);
}

/* The defaults that a VPC would have, had it been made with IPv6 (VPC User Guide,
 * default-security-group and default-network-acl). */
static int ipv6_defaults(struct txn *t, const struct vpc *old, const struct vpc *v, struct err *e)
{
	int rc;

	if (ip_is_set(&old->ipv6_cidr_block.ip) || !ip_is_set(&v->ipv6_cidr_block.ip))
		return 0;
	rc = open_default_acl(t, v->o.id, e);
	return rc ? rc : open_default_group(t, v->o.id, e);
}

/* Route 53 Resolver API, ResolverDnssecConfig. */
static int dnssec_check(const struct vpc *v, struct err *e)
{
	int rc = 0;

	if (v->enable_dnssec_validation && !v->enable_dns_support)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "EnableDnssecValidation",
			       "EnableDnssecValidation needs EnableDnsSupport");
	for (size_t i = 0; i < v->dnssec_trust_anchors.n && !rc; i++)
		rc = trust_anchor_check(((char **)v->dnssec_trust_anchors.v)[i], e);
	return rc;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct vpc *v = AS(vpc, new);
	int rc = vpc_blocks_check(t, AS_CONST(vpc, old), v, e);

	if (!rc && v->enable_dns_hostnames && !v->enable_dns_support)
		rc = err_set(e, -EINVAL, "InvalidParameterCombination", "EnableDnsHostnames",
			     "EnableDnsHostnames needs EnableDnsSupport");
	if (!rc)
		rc = dnssec_check(v, e);
	if (!rc && old)
		rc = ipv6_defaults(t, AS_CONST(vpc, old), v, e);
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

static int make_default_acl(struct txn *t, const char *vpc_id, bool v6, struct err *e)
{
	struct json *spec = json_new_obj();
	const struct object *o;
	struct network_acl *acl;
	int rc;

	json_set_str(spec, "VpcId", vpc_id);
	json_set_str(spec, "Name", "default");
	json_set(spec, "Entries", default_acl_entries(v6));
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
	bool v6 = ip_is_set(&AS(vpc, o)->ipv6_cidr_block.ip);
	int rc = make_main_table(t, o->id, e);

	if (!rc)
		rc = make_default_group(t, o->id, e);
	if (!rc)
		rc = make_default_acl(t, o->id, v6, e);
	return rc;
}

static bool is_main(const void *arg, const struct object *o)
{
	return AS_CONST(route_table, o)->main;
}

static int delete_found(struct txn *t, const struct object *o, struct err *e)
{
	return o ? txn_delete(t, o->id, e) : 0;
}

static bool is_over(const void *arg, const struct object *o)
{
	return peering_is_over(AS_CONST(vpc_peering_connection, o));
}

static int delete_past_peerings(struct txn *t, const char *vpc_id, struct err *e)
{
	const struct object *o;
	int rc = 0;

	while (!rc && (o = find_referrer(txn_model(t), vpc_id, KIND_VPC_PEERING_CONNECTION, is_over,
					 NULL)))
		rc = txn_delete(t, o->id, e);
	return rc;
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
			       "vpc %s (%s) still has subnets, such as %s (%s)", o->id,
			       o->name ? o->name : "", s->id, s->name ? s->name : "");
	rc = delete_past_peerings(t, o->id, e);
	if (!rc)
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
