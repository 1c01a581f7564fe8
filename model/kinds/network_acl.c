/* SPDX-License-Identifier: MIT
 * Network ACL. VPC User Guide, vpc-network-acls.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define ENTRIES_PER_DIRECTION 20 /* of each family, with the final deny */

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
	FIELD(network_acl_entry, cidr_block, "CidrBlock", .flags = REQUIRED,
	      .help = "Range of the other end"),
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

static int entry_check(struct network_acl *acl, size_t i, size_t *count, struct err *e)
{
	struct network_acl_entry *v = acl->entries.v, *en = &v[i];
	char path[sizeof(e->field)];
	int rc;

	snprintf(path, sizeof(path), "Entries/%zu", i);
	for (size_t j = 0; j < i; j++)
		if (v[j].egress == en->egress && v[j].rule_number == en->rule_number)
			return err_set(e, -EEXIST, "NetworkAclEntryAlreadyExists", path,
				       "%s entry %lld is there twice",
				       en->egress ? "egress" : "ingress",
				       (long long)en->rule_number);
	if (++*count >= ENTRIES_PER_DIRECTION)
		return err_set(e, -ENOSPC, "NetworkAclEntryLimitExceeded", path,
			       "at most %d %s entries beside the final deny",
			       ENTRIES_PER_DIRECTION - 1, en->egress ? "egress" : "ingress");
	rc = ports_check(en->protocol, &en->from_port, &en->to_port, "InvalidParameterValue", e);
	if (rc)
		snprintf(e->field, sizeof(e->field), "%s", path);
	return rc;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct network_acl *acl = AS(network_acl, new);
	const struct network_acl_entry *v = acl->entries.v;
	size_t count[2][2] = {0};
	int rc = 0;

	for (size_t i = 0; !rc && i < acl->entries.n; i++)
		rc = entry_check(acl, i, &count[v[i].egress][v[i].cidr_block.ip.family == AF_INET6],
				 e);
	return rc;
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
