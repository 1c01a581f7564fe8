/* SPDX-License-Identifier: MIT
 * Elastic IP: a public address and the interface that has it.
 */
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

static const struct field fields[] = {
	FIELD(elastic_ip, public_ip, "PublicIp", .flags = ALLOCATED | COLUMN,
	      .help = "The address; absent: the lowest free one of the pool"),
	REF(elastic_ip, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = WEAK | UNIQUE_REF | COLUMN, .help = "Interface that has it"),
	FIELD(elastic_ip, private_ip, "PrivateIpAddress",
	      .help = "Address of the interface that it stands for; absent: the primary one"),
	FIELD(elastic_ip, auto_assigned, "AutoAssigned", .flags = COMPUTED,
	      .help = "Whether it came with an instance and goes with it"),
	{0},
};

static int address_check(struct txn *t, struct elastic_ip *eip, struct err *e)
{
	const struct cidr *pool = &store_configuration(txn_store(t))->pool;
	char text[IP_STRLEN], range[CIDR_STRLEN];

	if (!ip_is_set(&eip->public_ip))
		return ipam_pool_pick(txn_model(t), pool, &eip->public_ip, e);
	if (!cidr_contains_ip(pool, &eip->public_ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PublicIp",
			       "%s is not of the pool %s", ip_format(&eip->public_ip, text),
			       cidr_format(pool, range));
	model_for_each (o, txn_model(t), KIND_ELASTIC_IP)
		if (!ip_cmp(&AS_CONST(elastic_ip, o)->public_ip, &eip->public_ip))
			return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "PublicIp",
				       "%s is allocated already (%s)",
				       ip_format(&eip->public_ip, text), o->id);
	return 0;
}

static const struct object *nat_of(const struct model *m, const char *eip_id)
{
	return find_referrer(m, eip_id, KIND_NAT_GATEWAY, NULL, NULL);
}

static int holder_check(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const char *vpc = model_object_vpc(txn_model(t), &eni->o);

	if (eni->interface_type == INTERFACE_LAMBDA)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s is a function's: functions have no public address", eni->o.id);
	if (eni->interface_type == INTERFACE_NAT_GATEWAY)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s is NAT gateway %s's, which takes its address at creation",
			       eni->o.id, eni->attachment_id);
	if (!model_vpc_internet_gateway(txn_model(t), vpc))
		return err_set(e, -EINVAL, "Gateway.NotAttached", "NetworkInterfaceId",
			       "%s has no internet gateway attached", vpc);
	return 0;
}

static int association_check(struct txn *t, const struct elastic_ip *old, struct elastic_ip *eip,
			     struct err *e)
{
	const char *was = old ? old->network_interface_id : NULL;
	const struct network_interface *eni;
	const struct object *nat = old ? nat_of(txn_model(t), old->o.id) : NULL;
	char text[IP_STRLEN];
	int rc;

	if (!eip->network_interface_id)
		memset(&eip->private_ip, 0, sizeof(eip->private_ip));
	if ((!was && !eip->network_interface_id) ||
	    (was && eip->network_interface_id && !strcmp(was, eip->network_interface_id)))
		return 0;
	if (nat && !txn_deleting(t, nat->id))
		return err_set(e, -EEXIST, "Resource.AlreadyAssociated", "NetworkInterfaceId",
			       "%s belongs to NAT gateway %s", eip->o.id, nat->id);
	if (old && old->auto_assigned && eip->network_interface_id)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s came with an instance and stays with it", eip->o.id);
	if (!eip->network_interface_id)
		return 0;
	eni = AS_CONST(network_interface, model_get(txn_model(t), eip->network_interface_id));
	rc = holder_check(t, eni, e);
	if (rc)
		return rc;
	if (was || !ip_is_set(&eip->private_ip))
		eip->private_ip = eni->private_ip_address;
	if (ip_cmp(&eip->private_ip, &eni->private_ip_address))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PrivateIpAddress",
			       "%s is no address of %s", ip_format(&eip->private_ip, text),
			       eni->o.id);
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct elastic_ip *eip = AS(elastic_ip, new);
	int rc = old ? 0 : address_check(t, eip, e);

	return rc ? rc : association_check(t, AS_CONST(elastic_ip, old), eip, e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
	const struct object *eni = eip->network_interface_id
					   ? model_get(txn_model(t), eip->network_interface_id)
					   : NULL;
	const struct object *nat = nat_of(txn_model(t), o->id);
	char text[IP_STRLEN];

	if (nat)
		return err_set(e, -EBUSY, "InvalidIPAddress.InUse", "",
			       "%s belongs to NAT gateway %s", ip_format(&eip->public_ip, text),
			       nat->id);
	if (eni && !(eip->auto_assigned &&
		     txn_deleting(t, AS_CONST(network_interface, eni)->attachment_id)))
		return err_set(e, -EBUSY, "InvalidIPAddress.InUse", "",
			       "%s is associated with %s: disassociate it first",
			       ip_format(&eip->public_ip, text), eni->id);
	return 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const char *id = AS_CONST(elastic_ip, o)->network_interface_id;
	const struct object *eni = id ? model_get(m, id) : NULL;
	const char *holder = eni ? AS_CONST(network_interface, eni)->attachment_id : NULL;

	if (holder && kind_of_id(holder) == kinds[KIND_INSTANCE])
		json_set_str(out, "InstanceId", holder);
}

const struct kind elastic_ip_kind = {
	.kind = KIND_ELASTIC_IP,
	.name = "elastic-ip",
	.plural = "elastic-ips",
	.short_name = "eip",
	.id_prefix = "eipalloc-",
	.id_field = "AllocationId",
	.help = "A public address that stands for an interface",
	.size = sizeof(struct elastic_ip),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.derive = derive,
};
