/* SPDX-License-Identifier: MIT
 * Function: a sandbox that never has a public address, is always tracked and may name several
 * subnets (Lambda Developer Guide, configuration-vpc).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/types.h"

static const struct field elem_subnet = {
	.name = "SubnetId", .type = T_REF, .size = sizeof(char *), .ref = KIND_SUBNET};

static const struct field fields[] = {
	FIELD(function, subnet_ids, "SubnetIds", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .elem = &elem_subnet, .help = "Subnets; its interface lies in the first with room"),
	FIELD(function, security_group_ids, "SecurityGroupIds", .elem = &elem_group,
	      .help = "Security groups; empty: the VPC's default group"),
	FIELD(function, ipv6_allowed_for_dual_stack, "Ipv6AllowedForDualStack", .def = "false",
	      .help = "Whether its interface has an IPv6 address too"),
	SANDBOX_FIELDS(function),
	REF(function, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Its interface"),
	{0},
};

static const struct subnet *subnet_at(const struct model *m, const struct function *f, size_t i)
{
	return AS_CONST(subnet, model_get(m, ((char **)f->subnet_ids.v)[i]));
}

static int subnets_check(struct txn *t, const struct function *f, struct err *e)
{
	const struct model *m = txn_model(t);
	const struct subnet *first = f->subnet_ids.n ? subnet_at(m, f, 0) : NULL;

	if (!first)
		return err_set(e, -EINVAL, "InvalidParameterValue", "SubnetIds",
			       "a function needs at least one subnet");
	for (size_t i = 1; i < f->subnet_ids.n; i++)
		if (strcmp(subnet_at(m, f, i)->vpc_id, first->vpc_id))
			return err_set(e, -EINVAL, "InvalidParameterValue", "SubnetIds",
				       "subnets %s and %s are of different VPCs", first->o.id,
				       subnet_at(m, f, i)->o.id);
	/* Lambda Developer Guide, configuration-vpc: only with dual-stack subnets. */
	for (size_t i = 0; f->ipv6_allowed_for_dual_stack && i < f->subnet_ids.n; i++)
		if (!ip_is_set(&subnet_at(m, f, i)->ipv6_cidr_block.ip))
			return err_set(e, -EINVAL, "InvalidParameterValue",
				       "Ipv6AllowedForDualStack", "subnet %s has no IPv6 block",
				       subnet_at(m, f, i)->o.id);
	return 0;
}

/* Its interface gets an IPv6 address, or loses it. */
static int update_ipv6(struct txn *t, struct network_interface *eni, bool wanted, struct err *e)
{
	const struct subnet *s = AS_CONST(subnet, model_get(txn_model(t), eni->subnet_id));
	struct list ipv6 = {0}, secondary = {0};
	int rc = wanted ? addresses_add_auto(&ipv6, e) : 0;

	if (!rc)
		rc = addresses_check(t, s, eni, &eni->private_ip_address, &secondary, &ipv6, e);
	if (!rc)
		rc = addresses_copy(&ipv6, &eni->ipv6_addresses, e);
	free(ipv6.v);
	return rc;
}

static int update_interface(struct txn *t, const struct function *old, const struct function *f,
			    struct err *e)
{
	const struct field *groups = field_find(fields, "SecurityGroupIds");
	bool stack = old->ipv6_allowed_for_dual_stack != f->ipv6_allowed_for_dual_stack;
	struct network_interface *eni;
	int rc;

	if (!f->network_interface_id ||
	    (!stack && !value_compare(groups, &old->security_group_ids, &f->security_group_ids)))
		return 0;
	eni = EDIT(network_interface, t, f->network_interface_id, e);
	rc = eni ? ids_copy(&f->security_group_ids, &eni->groups, e) : -ENOMEM;
	return rc || !stack ? rc : update_ipv6(t, eni, f->ipv6_allowed_for_dual_stack, e);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct function *f = AS(function, new);
	int rc = subnets_check(t, f, e);

	if (!rc)
		rc = groups_check(t, subnet_at(txn_model(t), f, 0)->vpc_id, &f->security_group_ids,
				  "SecurityGroupIds", e);
	if (!rc)
		rc = host_name_check(new, e);
	if (!rc)
		rc = sandbox_check(&f->sandbox, e);
	return rc || !old ? rc : update_interface(t, AS_CONST(function, old), f, e);
}

static int created(struct txn *t, struct object *o, struct err *e)
{
	struct function *f = AS(function, o);
	const struct model *m = txn_model(t);
	struct interface_input in = {
		.holder = o->id, .type = INTERFACE_LAMBDA, .groups = &f->security_group_ids};
	struct ip automatic = {.family = IP_AUTO};
	struct list ipv6 = {1, &automatic};
	struct network_interface *eni;
	size_t i = 0;
	int rc;

	while (i + 1 < f->subnet_ids.n && !ipam_subnet_free(m, subnet_at(m, f, i)))
		i++;
	in.subnet_id = subnet_at(m, f, i)->o.id;
	in.ipv6 = f->ipv6_allowed_for_dual_stack ? &ipv6 : NULL;
	rc = interface_make(t, &in, &eni, e);
	if (rc == -ENOSPC && e)
		snprintf(e->field, sizeof(e->field), "SubnetIds");
	if (rc)
		return rc;
	f = EDIT(function, t, o->id, e);
	return f ? text_set(&f->network_interface_id, eni->o.id, e) : -ENOMEM;
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *id = AS_CONST(function, o)->network_interface_id;

	return id ? txn_delete(t, id, e) : 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const char *id = AS_CONST(function, o)->network_interface_id;
	const struct object *eni = id ? model_get(m, id) : NULL;
	const char *vpc = model_object_vpc(m, o);
	char text[IP_STRLEN];

	json_set_str(out, "VpcId", vpc);
	if (!eni)
		return;
	json_set_str(out, "PrivateIpAddress",
		     ip_format(&AS_CONST(network_interface, eni)->private_ip_address, text));
	if (AS_CONST(network_interface, eni)->ipv6_addresses.n)
		json_set_str(out, "Ipv6Address",
			     ip_format(AS_CONST(network_interface, eni)->ipv6_addresses.v, text));
}

const struct kind function_kind = {
	.kind = KIND_FUNCTION,
	.name = "function",
	.plural = "functions",
	.short_name = "fn",
	.id_prefix = "fn-",
	.id_field = "FunctionId",
	.help = "A sandbox without a public address, in any of several subnets",
	.size = sizeof(struct function),
	.fields = fields,
	.check = check,
	.created = created,
	.deleting = deleting,
	.derive = derive,
};
