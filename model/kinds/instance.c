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
	FIELD(instance, secondary_private_ip_addresses, "SecondaryPrivateIpAddresses",
	      .elem = &elem_ip_auto, .help = "Further addresses; auto: the lowest free one"),
	FIELD(instance, ipv6_addresses, "Ipv6Addresses", .elem = &elem_ip_auto,
	      .help = "IPv6 addresses; auto: the lowest free one"),
	FIELD(instance, security_group_ids, "SecurityGroupIds", .elem = &elem_group,
	      .help = "Security groups; empty: the VPC's default group"),
	FIELD(instance, source_dest_check, "SourceDestCheck", .def = "true",
	      .help = "Whether packets that are not its own are dropped"),
	FIELD_AS(instance, connection_tracking, "ConnectionTrackingSpecification", T_RECORD,
		 .fields = connection_tracking_fields, .help = "Idle time-outs of its flows"),
	SANDBOX_FIELDS(instance),
	REF(instance, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Its interface"),
	{0},
};

int instance_follow(struct instance *i, const struct network_interface *eni, struct err *e)
{
	int rc = ids_copy(&eni->groups, &i->security_group_ids, e);

	i->source_dest_check = eni->source_dest_check;
	i->connection_tracking = eni->connection_tracking;
	if (!rc)
		rc = addresses_copy(&eni->secondary_private_ip_addresses,
				    &i->secondary_private_ip_addresses, e);
	return rc ? rc : addresses_copy(&eni->ipv6_addresses, &i->ipv6_addresses, e);
}

/* Groups, addresses and check of the record become those of the interface. */
static int update_interface(struct txn *t, struct instance *i, const struct subnet *s,
			    struct err *e)
{
	struct network_interface *eni;
	int rc;

	if (!i->network_interface_id)
		return 0;
	eni = EDIT(network_interface, t, i->network_interface_id, e);
	if (!eni)
		return -ENOMEM;
	rc = addresses_check(t, s, eni, &eni->private_ip_address,
			     &i->secondary_private_ip_addresses, &i->ipv6_addresses, e);
	eni->source_dest_check = i->source_dest_check;
	eni->connection_tracking = i->connection_tracking;
	if (!rc)
		rc = ids_copy(&i->security_group_ids, &eni->groups, e);
	if (!rc)
		rc = addresses_copy(&i->secondary_private_ip_addresses,
				    &eni->secondary_private_ip_addresses, e);
	if (!rc)
		rc = addresses_copy(&i->ipv6_addresses, &eni->ipv6_addresses, e);
	return rc ? rc : addresses_release(t, eni, e);
}

static bool interface_differs(const struct instance *old, const struct instance *new)
{
	const char *const names[] = {"SecurityGroupIds", "SecondaryPrivateIpAddresses",
				     "Ipv6Addresses", "SourceDestCheck",
				     "ConnectionTrackingSpecification"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct field *f = field_find(fields, names[i]);

		if (value_compare(f, field_at_const(f, old), field_at_const(f, new)))
			return true;
	}
	return false;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct instance *i = AS(instance, new);
	const struct subnet *s = AS_CONST(subnet, model_get(txn_model(t), i->subnet_id));
	int rc = groups_check(t, s->vpc_id, &i->security_group_ids, "SecurityGroupIds", e);

	if (!rc)
		rc = connection_tracking_check(&i->connection_tracking, e);
	if (!rc)
		rc = host_name_check(new, e);
	if (!rc)
		rc = sandbox_check(&i->sandbox, e);
	if (!rc && old && interface_differs(AS_CONST(instance, old), i))
		rc = update_interface(t, i, s, e);
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
	const struct interface_input in = {.holder = o->id,
					   .subnet_id = i->subnet_id,
					   .address = &i->private_ip_address,
					   .secondary = &i->secondary_private_ip_addresses,
					   .ipv6 = &i->ipv6_addresses,
					   .groups = &i->security_group_ids};
	struct network_interface *eni;
	int rc = interface_make(t, &in, &eni, e);

	if (rc)
		return rc;
	eni->source_dest_check = i->source_dest_check;
	eni->connection_tracking = i->connection_tracking;
	i = EDIT(instance, t, o->id, e);
	if (!i)
		return -ENOMEM;
	i->private_ip_address = eni->private_ip_address;
	rc = instance_follow(i, eni, e);
	if (!rc)
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
