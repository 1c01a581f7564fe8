/* SPDX-License-Identifier: MIT
 * Network interface (ENI). EC2 User Guide, using-eni.
 */
#include <stdio.h>
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/types.h"

static const char *const type_names[] = {"interface", "nat_gateway", "lambda", NULL};

const struct field connection_tracking_fields[] = {
	FIELD(connection_tracking, tcp_established_timeout, "TcpEstablishedTimeout", .def = "0",
	      .min = 0, .max = 432000,
	      .help = "Seconds, 60 to 432000, of an established TCP connection; 0: 432000"),
	FIELD(connection_tracking, udp_timeout, "UdpTimeout", .def = "0", .min = 0, .max = 60,
	      .help = "Seconds, 30 to 60, of UDP without a second exchange; 0: 30"),
	FIELD(connection_tracking, udp_stream_timeout, "UdpStreamTimeout", .def = "0", .min = 0,
	      .max = 180, .help = "Seconds, 60 to 180, of UDP with more than one exchange; 0: 180"),
	{0},
};

static const struct field fields[] = {
	REF(network_interface, subnet_id, "SubnetId", KIND_SUBNET,
	    .flags = REQUIRED | IMMUTABLE | COLUMN, .help = "Subnet that it lies in"),
	FIELD(network_interface, private_ip_address, "PrivateIpAddress",
	      .flags = ALLOCATED | COLUMN, .help = "Address; absent: the lowest free one"),
	FIELD(network_interface, secondary_private_ip_addresses, "SecondaryPrivateIpAddresses",
	      .elem = &elem_ip_auto, .help = "Further addresses; auto: the lowest free one"),
	FIELD(network_interface, ipv6_addresses, "Ipv6Addresses", .elem = &elem_ip_auto,
	      .help = "IPv6 addresses; auto: the lowest free one"),
	FIELD(network_interface, groups, "Groups", .elem = &elem_group,
	      .help = "Security groups; empty: the VPC's default group"),
	FIELD(network_interface, mac_address, "MacAddress", .flags = ALLOCATED,
	      .help = "Hardware address"),
	FIELD(network_interface, source_dest_check, "SourceDestCheck", .def = "true",
	      .help = "Whether packets that are not its own are dropped"),
	FIELD_AS(network_interface, connection_tracking, "ConnectionTrackingSpecification",
		 T_RECORD, .fields = connection_tracking_fields,
		 .help = "Idle time-outs of its flows"),
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

/* EC2 User Guide, security group connection tracking, idle timeouts. */
int connection_tracking_check(const struct connection_tracking *c, struct err *e)
{
	const struct {
		int64_t value, min, max;
		const char *name;
	} v[] = {{c->tcp_established_timeout, 60, 432000, "TcpEstablishedTimeout"},
		 {c->udp_timeout, 30, 60, "UdpTimeout"},
		 {c->udp_stream_timeout, 60, 180, "UdpStreamTimeout"}};
	char field[96];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		if (!v[i].value || (v[i].value >= v[i].min && v[i].value <= v[i].max))
			continue;
		snprintf(field, sizeof(field), "ConnectionTrackingSpecification/%s", v[i].name);
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%lld is not from %lld to %lld seconds", (long long)v[i].value,
			       (long long)v[i].min, (long long)v[i].max);
	}
	return 0;
}

static int primary_check(struct txn *t, struct network_interface *eni, const struct subnet *s,
			 struct err *e)
{
	static const struct mac none;

	if (!memcmp(&eni->mac_address, &none, sizeof(none)))
		eni->mac_address = ipam_mac(eni->o.id);
	if (eni->mac_address.b[0] & 1)
		return err_set(e, -EINVAL, "InvalidParameterValue", "MacAddress",
			       "a multicast address is no interface's");
	if (ip_is_set(&eni->private_ip_address))
		return ipam_subnet_check(txn_model(t), s, &eni->private_ip_address, NULL,
					 "PrivateIpAddress", e);
	return ipam_subnet_pick(txn_model(t), s, &eni->secondary_private_ip_addresses,
				&eni->private_ip_address, e);
}

static bool addresses_differ(const struct network_interface *a, const struct network_interface *b)
{
	const char *const names[] = {"SecondaryPrivateIpAddresses", "Ipv6Addresses"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct field *f = field_find(fields, names[i]);

		if (value_compare(f, field_at_const(f, a), field_at_const(f, b)))
			return true;
	}
	return false;
}

static int address_check(struct txn *t, const struct network_interface *old,
			 struct network_interface *eni, const struct subnet *s, struct err *e)
{
	int rc = old ? 0 : primary_check(t, eni, s, e);

	if (!rc && !old && !eni->ipv6_addresses.v && s->assign_ipv6_address_on_creation)
		rc = addresses_add_auto(&eni->ipv6_addresses, e);
	if (!rc && old && eni->interface_type != INTERFACE_INTERFACE && addresses_differ(old, eni))
		rc = err_set(e, -EINVAL, "OperationNotPermitted", "",
			     "the addresses of %s are %s's to change", old->o.id,
			     old->attachment_id);
	if (!rc)
		rc = addresses_check(t, s, old, &eni->private_ip_address,
				     &eni->secondary_private_ip_addresses, &eni->ipv6_addresses, e);
	return rc || !old ? rc : addresses_release(t, eni, e);
}

/* What the holder's record says of groups, addresses and check follows its interface. */
static int tell_holder(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const struct object *o =
		eni->attachment_id ? model_get(txn_model(t), eni->attachment_id) : NULL;

	if (o && o->kind->kind == KIND_INSTANCE) {
		struct instance *i = EDIT(instance, t, o->id, e);

		return i ? instance_follow(i, eni, e) : -ENOMEM;
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
	if (!rc)
		rc = address_check(t, AS_CONST(network_interface, old), eni, s, e);
	if (!rc)
		rc = connection_tracking_check(&eni->connection_tracking, e);
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
