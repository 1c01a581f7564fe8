/* SPDX-License-Identifier: MIT
 * Function: a sandbox that never has a public address, is always tracked and may name several
 * subnets (Lambda Developer Guide, configuration-vpc).
 */
#include <stdio.h>
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
	return 0;
}

static int update_interface(struct txn *t, const struct function *old, const struct function *f,
			    struct err *e)
{
	const struct field *groups = field_find(fields, "SecurityGroupIds");
	struct network_interface *eni;

	if (!f->network_interface_id ||
	    !value_compare(groups, &old->security_group_ids, &f->security_group_ids))
		return 0;
	eni = EDIT(network_interface, t, f->network_interface_id, e);
	return eni ? ids_copy(&f->security_group_ids, &eni->groups, e) : -ENOMEM;
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
	struct network_interface *eni;
	size_t i = 0;
	int rc;

	while (i + 1 < f->subnet_ids.n && !ipam_subnet_free(m, subnet_at(m, f, i)))
		i++;
	rc = interface_make(t, o->id, subnet_at(m, f, i)->o.id, INTERFACE_LAMBDA, NULL,
			    &f->security_group_ids, &eni, e);
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
	if (eni)
		json_set_str(
			out, "PrivateIpAddress",
			ip_format(&AS_CONST(network_interface, eni)->private_ip_address, text));
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
