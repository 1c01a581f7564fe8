/* SPDX-License-Identifier: MIT
 * Network interface (ENI). EC2 User Guide, using-eni.
 */
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

static const char *const type_names[] = {"interface", "nat_gateway", "lambda", NULL};

static const struct field fields[] = {
	REF(network_interface, subnet_id, "SubnetId", KIND_SUBNET,
	    .flags = REQUIRED | IMMUTABLE | COLUMN, .help = "Subnet that it lies in"),
	FIELD(network_interface, private_ip_address, "PrivateIpAddress",
	      .flags = ALLOCATED | COLUMN, .help = "Address; absent: the lowest free one"),
	FIELD(network_interface, secondary_private_ip_addresses, "SecondaryPrivateIpAddresses",
	      .flags = COMPUTED, .elem = &elem_ip, .help = "More addresses, of a NAT gateway"),
	FIELD(network_interface, groups, "Groups", .elem = &elem_group,
	      .help = "Security groups; empty: the VPC's default group"),
	FIELD(network_interface, mac_address, "MacAddress", .flags = ALLOCATED,
	      .help = "Hardware address"),
	FIELD(network_interface, source_dest_check, "SourceDestCheck", .def = "true",
	      .help = "Whether packets that are not its own are dropped"),
	FIELD(network_interface, interface_type, "InterfaceType", .flags = COMPUTED | COLUMN,
	      .values = type_names, .def = "interface", .help = "What it serves"),
	REF(network_interface, attachment_id, "AttachmentId", KIND_NONE, .flags = COMPUTED | COLUMN,
	    .help = "Instance, function or NAT gateway that has it"),
	FIELD(network_interface, description, "Description", .max = 255, .help = "What it is for"),
	FIELD(network_interface, status, "Status", .flags = COMPUTED | COLUMN,
	      .help = "available, in-use or failed"),
	FIELD(network_interface, status_reason, "StatusReason", .flags = COMPUTED,
	      .help = "Why it failed"),
	{0},
};

static int address_check(struct txn *t, struct network_interface *eni, const struct subnet *s,
			 struct err *e)
{
	static const struct mac none;

	if (!memcmp(&eni->mac_address, &none, sizeof(none)))
		eni->mac_address = ipam_mac(eni->o.id);
	if (eni->mac_address.b[0] & 1)
		return err_set(e, -EINVAL, "InvalidParameterValue", "MacAddress",
			       "a multicast address is no interface's");
	if (ip_is_set(&eni->private_ip_address))
		return ipam_subnet_check(txn_model(t), s, &eni->private_ip_address, e);
	return ipam_subnet_pick(txn_model(t), s, &eni->private_ip_address, e);
}

/* What the holder's record says of groups and check follows its interface. */
static int tell_holder(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const struct object *o =
		eni->attachment_id ? model_get(txn_model(t), eni->attachment_id) : NULL;

	if (o && o->kind->kind == KIND_INSTANCE) {
		struct instance *i = EDIT(instance, t, o->id, e);

		if (!i)
			return -ENOMEM;
		i->source_dest_check = eni->source_dest_check;
		return ids_copy(&eni->groups, &i->security_group_ids, e);
	}
	if (o && o->kind->kind == KIND_FUNCTION) {
		struct function *f = EDIT(function, t, o->id, e);

		return f ? ids_copy(&eni->groups, &f->security_group_ids, e) : -ENOMEM;
	}
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct network_interface *eni = AS(network_interface, new);
	const struct subnet *s = AS_CONST(subnet, model_get(txn_model(t), eni->subnet_id));
	int rc = 0;

	if (eni->interface_type == INTERFACE_NAT_GATEWAY) {
		if (eni->groups.n)
			rc = err_set(e, -EINVAL, "OperationNotPermitted", "Groups",
				     "a NAT gateway's interface has no groups");
	} else {
		rc = groups_check(t, s->vpc_id, &eni->groups, "Groups", e);
	}
	if (!rc && !old)
		rc = address_check(t, eni, s, e);
	if (!rc && old)
		rc = tell_holder(t, eni, e);
	return rc || eni->status ? rc : text_set(&eni->status, "available", e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *holder = AS_CONST(network_interface, o)->attachment_id;

	if (holder && !txn_deleting(t, holder))
		return err_set(e, -EBUSY, "InvalidNetworkInterface.InUse", "",
			       "%s belongs to %s and goes with it", o->id, holder);
	return 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct elastic_ip *eip = model_eni_elastic_ip(m, o->id);
	const char *vpc = model_object_vpc(m, o);
	char text[IP_STRLEN];

	json_set_str(out, "VpcId", vpc);
	if (eip)
		json_set_str(out, "PublicIp", ip_format(&eip->public_ip, text));
}

const struct kind network_interface_kind = {
	.kind = KIND_NETWORK_INTERFACE,
	.name = "network-interface",
	.plural = "network-interfaces",
	.short_name = "eni",
	.id_prefix = "eni-",
	.id_field = "NetworkInterfaceId",
	.help = "An address in a subnet with its groups",
	.size = sizeof(struct network_interface),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.derive = derive,
};
