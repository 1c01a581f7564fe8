/* SPDX-License-Identifier: MIT
 * Network ACL. VPC User Guide, vpc-network-acls.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

static const char *const action_names[] = {"allow", "deny", NULL};

static const struct field entry_fields[] = {
	FIELD(network_acl_entry, rule_number, "RuleNumber", .flags = REQUIRED, .min = 1,
	      .max = 32766, .help = "Order; the lowest that matches decides"),
	FIELD(network_acl_entry, egress, "Egress", .def = "false",
	      .help = "Whether it is about packets that leave the subnet"),
	FIELD_AS(network_acl_entry, protocol, "Protocol", T_PROTO, .flags = REQUIRED,
		 .help = "tcp, udp, icmp, icmpv6, a number, or -1 for all"),
	FIELD(network_acl_entry, from_port, "FromPort", .def = "-1", .min = -1, .max = 65535,
	      .help = "First port, or ICMP type; -1 for all"),
	FIELD(network_acl_entry, to_port, "ToPort", .def = "-1", .min = -1, .max = 65535,
	      .help = "Last port, or ICMP code; -1 for all"),
	FIELD(network_acl_entry, cidr_block, "CidrBlock", .oneof = "cidr",
	      .help = "Range of the other end, IPv4"),
	FIELD(network_acl_entry, ipv6_cidr_block, "Ipv6CidrBlock", .oneof = "cidr",
	      .help = "Range of the other end, IPv6"),
	FIELD(network_acl_entry, rule_action, "RuleAction", .flags = REQUIRED,
	      .values = action_names, .help = "allow or deny"),
	{0},
};
static const struct field elem_entry = {.name = "Entry",
					.type = T_RECORD,
					.size = sizeof(struct network_acl_entry),
					.fields = entry_fields};

static const struct field fields[] = {
	REF(network_acl, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "VPC that owns the ACL"),
	FIELD(network_acl, is_default, "IsDefault", .flags = COMPUTED | COLUMN,
	      .help = "Whether it serves the subnets that name no ACL"),
	FIELD(network_acl, entries, "Entries", .elem = &elem_entry,
	      .help = "Entries; what none matches is denied"),
	{0},
};

static int entry_refuse(struct err *e, size_t i, int rc, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static int entry_refuse(struct err *e, size_t i, int rc, const char *code, const char *fmt, ...)
{
	char field[64], text[256];
	va_list ap;

	snprintf(field, sizeof(field), "Entries/%zu", i);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, rc, code, field, "%s", text);
}

static int range_check(const struct network_acl_entry *en, size_t i, struct err *e)
{
	char text[CIDR_STRLEN];

	if (!ip_is_set(&en->cidr_block.ip) && !ip_is_set(&en->ipv6_cidr_block.ip))
		return entry_refuse(e, i, -EINVAL, "MissingParameter",
				    "entry %lld needs CidrBlock or Ipv6CidrBlock",
				    (long long)en->rule_number);
	if (en->cidr_block.ip.family == AF_INET6)
		return entry_refuse(e, i, -EINVAL, "InvalidParameterValue",
				    "%s is no IPv4 range: write it as Ipv6CidrBlock",
				    cidr_format(&en->cidr_block, text));
	if (en->ipv6_cidr_block.ip.family == AF_INET)
		return entry_refuse(e, i, -EINVAL, "InvalidParameterValue",
				    "%s is no IPv6 range: write it as CidrBlock",
				    cidr_format(&en->ipv6_cidr_block, text));
	return 0;
}

static int entry_check(struct network_acl *acl, size_t i, struct err *e)
{
	struct network_acl_entry *v = acl->entries.v, *en = &v[i];
	int rc;

	for (size_t j = 0; j < i; j++)
		if (v[j].egress == en->egress && v[j].rule_number == en->rule_number)
			return entry_refuse(e, i, -EEXIST, "NetworkAclEntryAlreadyExists",
					    "%s entry %lld is there twice",
					    en->egress ? "egress" : "ingress",
					    (long long)en->rule_number);
	rc = range_check(en, i, e);
	if (rc)
		return rc;
	rc = ports_check(en->protocol, &en->from_port, &en->to_port, "InvalidParameterValue", e);
	if (rc && e)
		snprintf(e->field, sizeof(e->field), "Entries/%zu", i);
	return rc;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct network_acl *acl = AS(network_acl, new);
	unsigned max = store_configuration(txn_store(t))->quotas.entries_per_acl;
	const struct network_acl_entry *v = acl->entries.v;
	size_t count[2][2] = {0};
	int rc = 0;

	for (size_t i = 0; !rc && i < acl->entries.n; i++) {
		bool v6 = ip_is_set(&v[i].ipv6_cidr_block.ip);

		rc = entry_check(acl, i, e);
		if (!rc && ++count[v[i].egress][v6] >= max)
			rc = entry_refuse(e, i, -ENOSPC, "NetworkAclEntryLimitExceeded",
					  "at most %u %s entries for IPv%d beside the final deny",
					  max - 1, v[i].egress ? "egress" : "ingress", v6 ? 6 : 4);
	}
	return rc;
}

const char *network_acl_entry_id(const struct network_acl *acl, const struct network_acl_entry *en,
				 char buf[ACL_ENTRY_ID_LEN])
{
	snprintf(buf, ACL_ENTRY_ID_LEN, "%.21s/%s/%d", acl->o.id, en->egress ? "out" : "in",
		 (int)en->rule_number);
	return buf;
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct network_acl *acl = AS_CONST(network_acl, o);

	if (acl->is_default && !txn_deleting(t, acl->vpc_id))
		return err_set(e, -EBUSY, "OperationNotPermitted", "",
			       "%s is the default network ACL of %s and goes with it", o->id,
			       acl->vpc_id);
	return 0;
}

static void add_association(void *arg, const struct object *o)
{
	json_append(arg, json_new_str(o->id));
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	struct json *subnets = json_new_arr();

	model_referrers(m, o->id, KIND_SUBNET, add_association, subnets);
	json_set(out, "Associations", subnets);
}

const struct kind network_acl_kind = {
	.kind = KIND_NETWORK_ACL,
	.name = "network-acl",
	.plural = "network-acls",
	.short_name = "acl",
	.id_prefix = "acl-",
	.id_field = "NetworkAclId",
	.help = "Stateless rules at the edge of subnets",
	.size = sizeof(struct network_acl),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.derive = derive,
};
