/* SPDX-License-Identifier: MIT
 * NAT gateway. What EC2 accepts and fails later ends in state failed here too (VPC User Guide,
 * nat-gateway-troubleshooting).
 */
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

static const char *const connectivity_names[] = {"public", "private", NULL};

static const struct field fields[] = {
	REF(nat_gateway, subnet_id, "SubnetId", KIND_SUBNET, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "Subnet that it lies in"),
	FIELD(nat_gateway, connectivity_type, "ConnectivityType", .flags = IMMUTABLE | COLUMN,
	      .values = connectivity_names, .def = "public",
	      .help = "public: translates to an elastic IP; private: to its own address"),
	REF(nat_gateway, allocation_id, "AllocationId", KIND_ELASTIC_IP, .flags = IMMUTABLE,
	    .help = "Elastic IP of a public one"),
	REF(nat_gateway, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Its interface"),
	FIELD(nat_gateway, state, "State", .flags = COMPUTED | COLUMN,
	      .help = "pending, available or failed"),
	FIELD(nat_gateway, failure_code, "FailureCode", .flags = COMPUTED,
	      .help = "Why it failed, as a code"),
	FIELD(nat_gateway, failure_message, "FailureMessage", .flags = COMPUTED,
	      .help = "Why it failed"),
	{0},
};

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct nat_gateway *nat = AS(nat_gateway, new);

	if (nat->connectivity_type == NAT_PUBLIC && !nat->allocation_id)
		return err_set(e, -EINVAL, "MissingParameter", "AllocationId",
			       "a public NAT gateway needs an elastic IP (AllocationId)");
	if (nat->connectivity_type == NAT_PRIVATE && nat->allocation_id)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "AllocationId",
			       "a private NAT gateway has no elastic IP");
	return nat->state ? 0 : text_set(&nat->state, "pending", e);
}

static int fail(struct txn *t, const char *id, const char *code, const char *message, struct err *e)
{
	struct nat_gateway *nat = EDIT(nat_gateway, t, id, e);
	int rc = nat ? text_set(&nat->state, "failed", e) : -ENOMEM;

	if (!rc)
		rc = text_set(&nat->failure_code, code, e);
	return rc ? rc : text_set(&nat->failure_message, message, e);
}

/* NULL: nothing stands against it. */
static const char *obstacle(const struct model *m, const struct nat_gateway *nat,
			    const char **ret_message)
{
	const struct subnet *s = AS_CONST(subnet, model_get(m, nat->subnet_id));
	const struct elastic_ip *eip =
		nat->allocation_id ? AS_CONST(elastic_ip, model_get(m, nat->allocation_id)) : NULL;

	if (nat->connectivity_type == NAT_PUBLIC && !model_vpc_internet_gateway(m, s->vpc_id)) {
		*ret_message = "the VPC has no internet gateway attached";
		return "Gateway.NotAttached";
	}
	if (eip && eip->network_interface_id) {
		*ret_message = "the elastic IP is associated already";
		return "Resource.AlreadyAssociated";
	}
	if (!ipam_subnet_free(m, s)) {
		*ret_message = "the subnet has no free address";
		return "InsufficientFreeAddressesInSubnet";
	}
	return NULL;
}

static int associate(struct txn *t, const char *eip_id, const struct network_interface *eni,
		     struct err *e)
{
	struct elastic_ip *eip = EDIT(elastic_ip, t, eip_id, e);

	if (!eip)
		return -ENOMEM;
	eip->private_ip = eni->private_ip_address;
	return text_set(&eip->network_interface_id, eni->o.id, e);
}

static int created(struct txn *t, struct object *o, struct err *e)
{
	struct nat_gateway *nat = AS(nat_gateway, o);
	const char *message, *code = obstacle(txn_model(t), nat, &message);
	struct network_interface *eni;
	int rc;

	if (code)
		return fail(t, o->id, code, message, e);
	rc = interface_make(t, o->id, nat->subnet_id, INTERFACE_NAT_GATEWAY, NULL, NULL, &eni, e);
	if (rc)
		return rc;
	nat = EDIT(nat_gateway, t, o->id, e);
	rc = nat ? text_set(&nat->network_interface_id, eni->o.id, e) : -ENOMEM;
	if (!rc)
		rc = text_set(&nat->state, "available", e);
	return rc || !nat->allocation_id ? rc : associate(t, nat->allocation_id, eni, e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *eni = AS_CONST(nat_gateway, o)->network_interface_id;

	return eni ? txn_delete(t, eni, e) : 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct nat_gateway *nat = AS_CONST(nat_gateway, o);
	const struct object *eni =
		nat->network_interface_id ? model_get(m, nat->network_interface_id) : NULL;
	const struct object *eip = nat->allocation_id ? model_get(m, nat->allocation_id) : NULL;
	char text[IP_STRLEN];

	if (eip)
		json_set_str(out, "PublicIp",
			     ip_format(&AS_CONST(elastic_ip, eip)->public_ip, text));
	if (eni)
		json_set_str(
			out, "PrivateIp",
			ip_format(&AS_CONST(network_interface, eni)->private_ip_address, text));
}

const struct kind nat_gateway_kind = {
	.kind = KIND_NAT_GATEWAY,
	.name = "nat-gateway",
	.plural = "nat-gateways",
	.short_name = "nat",
	.id_prefix = "nat-",
	.id_field = "NatGatewayId",
	.help = "Lets private subnets out and nobody in",
	.size = sizeof(struct nat_gateway),
	.fields = fields,
	.check = check,
	.created = created,
	.deleting = deleting,
	.derive = derive,
};
