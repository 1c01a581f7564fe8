/* SPDX-License-Identifier: MIT
 * Instance: a sandbox with an interface of its own and, if asked for, a public address.
 */
#include <string.h>

#include "model/kinds/common.h"
#include "model/types.h"

static const struct field fields[] = {
	REF(instance, subnet_id, "SubnetId", KIND_SUBNET, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "Subnet of its interface"),
	FIELD(instance, private_ip_address, "PrivateIpAddress", .flags = ALLOCATED | COLUMN,
	      .help = "Address; absent: the lowest free one"),
	FIELD(instance, security_group_ids, "SecurityGroupIds", .elem = &elem_group,
	      .help = "Security groups; empty: the VPC's default group"),
	FIELD(instance, source_dest_check, "SourceDestCheck", .def = "true",
	      .help = "Whether packets that are not its own are dropped"),
	SANDBOX_FIELDS(instance),
	REF(instance, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Its interface"),
	{0},
};

/* Groups and check of the record become those of the interface. */
static int update_interface(struct txn *t, const struct instance *i, struct err *e)
{
	struct network_interface *eni;

	if (!i->network_interface_id)
		return 0;
	eni = EDIT(network_interface, t, i->network_interface_id, e);
	if (!eni)
		return -ENOMEM;
	eni->source_dest_check = i->source_dest_check;
	return ids_copy(&i->security_group_ids, &eni->groups, e);
}

static bool interface_differs(const struct instance *old, const struct instance *new)
{
	const struct field *groups = field_find(fields, "SecurityGroupIds");

	return old->source_dest_check != new->source_dest_check ||
	       value_compare(groups, &old->security_group_ids, &new->security_group_ids);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct instance *i = AS(instance, new);
	const struct subnet *s = AS_CONST(subnet, model_get(txn_model(t), i->subnet_id));
	int rc = groups_check(t, s->vpc_id, &i->security_group_ids, "SecurityGroupIds", e);

	if (!rc)
		rc = host_name_check(new, e);
	if (!rc)
		rc = sandbox_check(&i->sandbox, e);
	if (!rc && old && interface_differs(AS_CONST(instance, old), i))
		rc = update_interface(t, i, e);
	return rc;
}

/* The public address of MapPublicIpOnLaunch goes with the instance. */
static int assign_public_ip(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const struct object *o;
	struct elastic_ip *eip;
	int rc = create_along(t, KIND_ELASTIC_IP, json_new_obj(), &o, e);

	if (rc)
		return rc;
	eip = EDIT(elastic_ip, t, o->id, e);
	if (!eip)
		return -ENOMEM;
	eip->auto_assigned = true;
	eip->private_ip = eni->private_ip_address;
	return text_set(&eip->network_interface_id, eni->o.id, e);
}

static int created(struct txn *t, struct object *o, struct err *e)
{
	struct instance *i = AS(instance, o);
	const struct subnet *s = AS_CONST(subnet, model_get(txn_model(t), i->subnet_id));
	bool public = s->map_public_ip_on_launch;
	struct network_interface *eni;
	int rc = interface_make(t, o->id, i->subnet_id, INTERFACE_INTERFACE, &i->private_ip_address,
				&i->security_group_ids, &eni, e);

	if (rc)
		return rc;
	eni->source_dest_check = i->source_dest_check;
	i = EDIT(instance, t, o->id, e);
	if (!i)
		return -ENOMEM;
	i->private_ip_address = eni->private_ip_address;
	rc = text_set(&i->network_interface_id, eni->o.id, e);
	return rc || !public ? rc : assign_public_ip(t, eni, e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *id = AS_CONST(instance, o)->network_interface_id;
	const struct elastic_ip *eip = id ? model_eni_elastic_ip(txn_model(t), id) : NULL;
	int rc = eip && eip->auto_assigned ? txn_delete(t, eip->o.id, e) : 0;

	return rc || !id ? rc : txn_delete(t, id, e);
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const char *id = AS_CONST(instance, o)->network_interface_id;
	const struct elastic_ip *eip = id ? model_eni_elastic_ip(m, id) : NULL;
	const char *vpc = model_object_vpc(m, o);
	char text[IP_STRLEN];

	json_set_str(out, "VpcId", vpc);
	if (eip)
		json_set_str(out, "PublicIpAddress", ip_format(&eip->public_ip, text));
}

const struct kind instance_kind = {
	.kind = KIND_INSTANCE,
	.name = "instance",
	.plural = "instances",
	.id_prefix = "i-",
	.id_field = "InstanceId",
	.help = "A sandbox in a subnet: a command, or an idle place to enter",
	.size = sizeof(struct instance),
	.fields = fields,
	.check = check,
	.created = created,
	.deleting = deleting,
	.derive = derive,
};
