/* SPDX-License-Identifier: MIT
 * NAT gateway. What EC2 accepts and fails later ends in state failed here too (VPC User Guide,
 * nat-gateway-troubleshooting). Its addresses are those of its interface: nat_addresses.c.
 */
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/kinds/nat_addresses.h"

static const char *const connectivity_names[] = {"public", "private", NULL};

static const struct field elem_allocation = {.name = "AllocationId",
					     .type = T_REF,
					     .size = sizeof(char *),
					     .ref = KIND_ELASTIC_IP,
					     .flags = WEAK};

static const struct field fields[] = {
	REF(nat_gateway, subnet_id, "SubnetId", KIND_SUBNET, .flags = REQUIRED | IMMUTABLE | COLUMN,
	    .help = "Subnet that it lies in"),
	FIELD(nat_gateway, connectivity_type, "ConnectivityType", .flags = IMMUTABLE | COLUMN,
	      .values = connectivity_names, .def = "public",
	      .help = "public: translates to an elastic IP; private: to its own address"),
	REF(nat_gateway, allocation_id, "AllocationId", KIND_ELASTIC_IP, .flags = IMMUTABLE | WEAK,
	    .help = "Elastic IP of a public one"),
	FIELD(nat_gateway, secondary_allocation_ids, "SecondaryAllocationIds",
	      .elem = &elem_allocation,
	      .help = "Up to seven more elastic IPs, each with 55,000 ports to a destination"),
	FIELD(nat_gateway, private_ip_address, "PrivateIpAddress", .flags = ALLOCATED,
	      .help = "Address in the subnet; absent: the lowest free one"),
	FIELD(nat_gateway, secondary_private_ip_addresses, "SecondaryPrivateIpAddresses",
	      .elem = &elem_ip,
	      .help = "Secondary addresses in the subnet; absent: chosen, one an elastic IP"),
	FIELD(nat_gateway, secondary_private_ip_address_count, "SecondaryPrivateIpAddressCount",
	      .max = NAT_SECONDARY_MAX,
	      .help = "How many secondary addresses a private one gets, chosen by the daemon"),
	REF(nat_gateway, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Its interface"),
	FIELD(nat_gateway, state, "State", .flags = COMPUTED | COLUMN,
	      .help = "pending, available, failed, deleting or deleted"),
	FIELD(nat_gateway, failure_code, "FailureCode", .flags = COMPUTED,
	      .help = "Why it failed, as a code"),
	FIELD(nat_gateway, failure_message, "FailureMessage", .flags = COMPUTED,
	      .help = "Why it failed"),
	FIELD_AS(nat_gateway, delete_time, "DeleteTime", T_TIME, .flags = COMPUTED,
		 .help = "When it was deleted; it is shown for an hour"),
	{0},
};

static int type_check(const struct nat_gateway *nat, struct err *e)
{
	bool public = nat->connectivity_type == NAT_PUBLIC;

	if (public && !nat->allocation_id)
		return err_set(e, -EINVAL, "MissingParameter", "AllocationId",
			       "a public NAT gateway needs an elastic IP (AllocationId)");
	if (!public && nat->allocation_id)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "AllocationId",
			       "a private NAT gateway has no elastic IP");
	return 0;
}

static bool is_standing(const struct nat_gateway *nat)
{
	return nat->network_interface_id;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	const struct nat_gateway *was = AS_CONST(nat_gateway, old);
	struct nat_gateway *nat = AS(nat_gateway, new);
	int rc = 0;

	/* Its own elastic IP may be gone once it has failed. */
	if (!was || is_standing(was))
		rc = type_check(nat, e);
	if (!rc)
		rc = nat_addresses_check(t, was, nat, e);
	if (!rc && was && is_standing(was))
		rc = nat_addresses_change(t, was, nat, e);
	return rc || nat->state ? rc : text_set(&nat->state, "pending", e);
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

	if (nat->connectivity_type == NAT_PUBLIC && !model_vpc_internet_gateway(m, s->vpc_id)) {
		*ret_message = "the VPC has no internet gateway attached";
		return "Gateway.NotAttached";
	}
	if (nat_addresses_taken(m, nat)) {
		*ret_message = "an elastic IP is associated already";
		return "Resource.AlreadyAssociated";
	}
	if (ipam_subnet_free(m, s) < 1 + nat_addresses_secondary(nat)) {
		*ret_message = "the subnet has too few free addresses";
		return "InsufficientFreeAddressesInSubnet";
	}
	return NULL;
}

/* State stays pending until the data plane has it (vpcd/apply.c). */
static int created(struct txn *t, struct object *o, struct err *e)
{
	struct nat_gateway *nat = AS(nat_gateway, o);
	const char *message, *code = obstacle(txn_model(t), nat, &message);
	const struct interface_input in = {.holder = o->id,
					   .subnet_id = nat->subnet_id,
					   .type = INTERFACE_NAT_GATEWAY,
					   .address = &nat->private_ip_address};
	struct network_interface *eni;
	int rc;

	if (code)
		return fail(t, o->id, code, message, e);
	rc = interface_make(t, &in, &eni, e);
	if (rc)
		return rc;
	nat = EDIT(nat_gateway, t, o->id, e);
	if (!nat)
		return -ENOMEM;
	nat->private_ip_address = eni->private_ip_address;
	rc = text_set(&nat->network_interface_id, eni->o.id, e);
	return rc ? rc : nat_addresses_assign(t, nat, e);
}

/* ---- its end ---- */

static bool past(const struct object *o)
{
	return AS_CONST(nat_gateway, o)->delete_time;
}

/* One that failed later than at creation may still become available. */
static int64_t due(const struct object *o)
{
	const struct nat_gateway *nat = AS_CONST(nat_gateway, o);

	if (past(o))
		return nat->delete_time + NAT_GATEWAY_PAST_LIFE;
	return is_standing(nat) || !nat->state || strcmp(nat->state, "failed")
		       ? DUE_NEVER
		       : o->created + NAT_GATEWAY_PAST_LIFE;
}

/* Its addresses are free at once; the data plane says when the rest of it is gone (apply.c). */
static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *eni = AS_CONST(nat_gateway, o)->network_interface_id;
	const int64_t now = store_now(txn_store(t));
	const char *state = eni ? "deleting" : "deleted";
	struct nat_gateway *nat;
	int rc;

	if (due(o) <= now)
		return 0;
	if (past(o))
		return 1;
	rc = eni ? txn_delete(t, eni, e) : 0;
	nat = rc ? NULL : EDIT(nat_gateway, t, o->id, e);
	if (!nat)
		return rc ? rc : -ENOMEM;
	nat->delete_time = now;
	rc = text_set(&nat->network_interface_id, NULL, e);
	if (!rc)
		rc = text_set(&nat->state, state, e);
	return rc ? rc : 1;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct nat_gateway *nat = AS_CONST(nat_gateway, o);
	const struct object *eip = nat->allocation_id ? model_get(m, nat->allocation_id) : NULL;
	char text[IP_STRLEN];

	json_set_str(out, "VpcId", model_object_vpc(m, o));
	if (eip)
		json_set_str(out, "PublicIp",
			     ip_format(&AS_CONST(elastic_ip, eip)->public_ip, text));
	if (ip_is_set(&nat->private_ip_address))
		json_set_str(out, "PrivateIp", ip_format(&nat->private_ip_address, text));
	json_set(out, "NatGatewayAddresses", nat_addresses_describe(m, nat));
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
	.past = past,
	.due = due,
	.derive = derive,
};
