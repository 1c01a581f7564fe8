/* SPDX-License-Identifier: MIT
 * A table of kinds that uses every type, flag and hook, for tests of the model's core: it stays as
 * it is while the real kinds grow. Included by one source of a program.
 */
#ifndef TEST_KINDS_H
#define TEST_KINDS_H

#include "model/field.h"
#include "test_store.h"

/* ---- kinds ---- */

static const struct field vpc_fields[] = {
	FIELD(vpc, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .help = "Range"),
	FIELD(vpc, secondary_cidr_blocks, "SecondaryCidrBlocks", .elem = &elem_cidr,
	      .help = "More ranges"),
	FIELD(vpc, enable_dns_support, "EnableDnsSupport", .def = "true", .help = "Resolver"),
	FIELD(vpc, enable_dns_hostnames, "EnableDnsHostnames", .help = "Names"),
	FIELD(vpc, state, "State", .flags = COMPUTED, .help = "State"),
	{0},
};

static const struct field subnet_fields[] = {
	REF(subnet, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE, .help = "VPC"),
	FIELD(subnet, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE, .help = "Range"),
	FIELD(subnet, availability_zone, "AvailabilityZone", .flags = ALLOCATED, .min = 1,
	      .max = 20, .help = "Zone"),
	FIELD(subnet, map_public_ip_on_launch, "MapPublicIpOnLaunch", .help = "Public addresses"),
	REF(subnet, route_table_id, "RouteTableId", KIND_ROUTE_TABLE, .help = "Route table"),
	FIELD(subnet, state, "State", .flags = COMPUTED, .help = "State"),
	{0},
};

static const struct field route_fields[] = {
	FIELD(route, destination, "DestinationCidrBlock", .flags = REQUIRED, .help = "Destination"),
	REF(route, gateway_id, "GatewayId", KIND_INTERNET_GATEWAY, .oneof = "target", .flags = WEAK,
	    .help = "Gateway"),
	REF(route, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .oneof = "target", .flags = WEAK, .help = "Interface"),
	{0},
};
static const struct field elem_route = {
	.name = "Route", .type = T_RECORD, .size = sizeof(struct route), .fields = route_fields};
static const struct field route_table_fields[] = {
	REF(route_table, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE, .help = "VPC"),
	FIELD(route_table, main, "Main", .flags = COMPUTED, .help = "The VPC's own"),
	FIELD(route_table, routes, "Routes", .elem = &elem_route, .help = "Routes"),
	{0},
};

static const struct field internet_gateway_fields[] = {
	REF(internet_gateway, vpc_id, "VpcId", KIND_VPC, .flags = UNIQUE_REF, .help = "VPC"),
	{0},
};

static const struct field elastic_ip_fields[] = {
	FIELD(elastic_ip, public_ip, "PublicIp", .flags = ALLOCATED, .help = "Address"),
	REF(elastic_ip, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = WEAK | UNIQUE_REF, .help = "Interface"),
	{0},
};

static const struct field security_group_fields[] = {
	REF(security_group, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE,
	    .help = "VPC"),
	FIELD(security_group, group_name, "GroupName", .max = 255, .help = "Name of the group"),
	{0},
};

static const struct field security_group_rule_fields[] = {
	REF(security_group_rule, group_id, "GroupId", KIND_SECURITY_GROUP,
	    .flags = REQUIRED | IMMUTABLE | CASCADE, .help = "Group"),
	FIELD_AS(security_group_rule, ip_protocol, "IpProtocol", T_PROTO, .flags = REQUIRED,
		 .help = "Protocol"),
	FIELD(security_group_rule, from_port, "FromPort", .def = "-1", .min = -1, .max = 65535,
	      .help = "Port"),
	FIELD(security_group_rule, cidr_ipv4, "CidrIpv4", .oneof = "peer", .help = "Peer"),
	REF(security_group_rule, referenced_group_id, "ReferencedGroupId", KIND_SECURITY_GROUP,
	    .oneof = "peer", .help = "Peer"),
	{0},
};

static const char *const interface_types[] = {"interface", "nat_gateway", "lambda", NULL};
static const struct field group_ref = {
	.name = "Group", .type = T_REF, .size = sizeof(char *), .ref = KIND_SECURITY_GROUP};
static const struct field network_interface_fields[] = {
	REF(network_interface, subnet_id, "SubnetId", KIND_SUBNET, .flags = REQUIRED | IMMUTABLE,
	    .help = "Subnet"),
	FIELD(network_interface, private_ip_address, "PrivateIpAddress", .flags = ALLOCATED,
	      .help = "Address"),
	FIELD(network_interface, groups, "Groups", .elem = &group_ref, .help = "Groups"),
	FIELD(network_interface, mac_address, "MacAddress", .flags = ALLOCATED, .help = "MAC"),
	FIELD(network_interface, interface_type, "InterfaceType", .values = interface_types,
	      .help = "Type"),
	REF(network_interface, attachment_id, "AttachmentId", KIND_NONE, .flags = COMPUTED,
	    .help = "Holder"),
	FIELD(network_interface, status, "Status", .flags = COMPUTED, .help = "Status"),
	FIELD(network_interface, status_reason, "StatusReason", .flags = COMPUTED,
	      .help = "Why it failed"),
	{0},
};

static const struct field instance_fields[] = {
	REF(instance, subnet_id, "SubnetId", KIND_SUBNET, .flags = REQUIRED | IMMUTABLE,
	    .help = "Subnet"),
	FIELD(instance, sandbox.command, "Command", .elem = &elem_string, .help = "Command"),
	FIELD(instance, sandbox.environment, "Environment", .help = "Variables"),
	FIELD(instance, sandbox.exit_code, "ExitCode", .def = "-1", .flags = COMPUTED,
	      .help = "Exit code"),
	REF(instance, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = COMPUTED, .help = "Primary interface"),
	{0},
};

/* ---- hooks ---- */

static int vpc_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct vpc *v = AS(vpc, new);

	if (v->cidr_block.len < 16)
		return err_set(e, -EINVAL, "InvalidVpc.Range", "CidrBlock", "larger than /16");
	if (!v->state)
		v->state = strdup("available");
	return 0;
}

static int vpc_created(struct txn *t, struct object *o, struct err *e)
{
	cleanup_json struct json *spec = json_new_obj();
	const struct object *rtb;
	int r;

	json_set_str(spec, "VpcId", o->id);
	r = txn_create(t, kinds[KIND_ROUTE_TABLE], spec, o->id, &rtb, e);
	if (!r)
		AS(route_table, txn_edit(t, rtb->id))->main = true;
	return r;
}

static void find_main(void *arg, const struct object *o)
{
	if (AS_CONST(route_table, o)->main)
		*(const char **)arg = o->id;
}

static int vpc_deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *main_id = NULL;

	model_referrers(txn_model(t), o->id, KIND_ROUTE_TABLE, find_main, &main_id);
	return main_id ? txn_delete(t, main_id, e) : 0;
}

static int route_table_deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct route_table *r = AS_CONST(route_table, o);

	if (r->main && !txn_deleting(t, r->vpc_id))
		return err_set(e, -EBUSY, "DependencyViolation", "", "%s is a main table", o->id);
	return 0;
}

static int subnet_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct subnet *s = AS(subnet, new);
	const struct vpc *v = AS_CONST(vpc, model_get(txn_model(t), s->vpc_id));

	if (!cidr_contains(&v->cidr_block, &s->cidr_block))
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "CidrBlock", "outside its VPC");
	if (!s->availability_zone)
		s->availability_zone = strdup("us-east-1a");
	return 0;
}

/* An instance brings its interface. Address 0.0.0.0 stands for "none is free". */
static int instance_created(struct txn *t, struct object *o, struct err *e)
{
	struct instance *i = AS(instance, o);
	cleanup_json struct json *spec = json_new_obj();
	const struct object *eni;
	int r;

	json_set_str(spec, "SubnetId", i->subnet_id);
	r = txn_create(t, kinds[KIND_NETWORK_INTERFACE], spec, NULL, &eni, e);
	if (r)
		return r;
	AS(network_interface, txn_edit(t, eni->id))->attachment_id = strdup(o->id);
	AS(instance, txn_edit(t, o->id))->network_interface_id = strdup(eni->id);
	if (i->sandbox.command.n && !strcmp(*(char **)i->sandbox.command.v, "fail"))
		return err_set(e, -ENOSPC, "InsufficientFreeAddressesInSubnet", "", "none free");
	return 0;
}

static int instance_deleting(struct txn *t, const struct object *o, struct err *e)
{
	return txn_delete(t, AS_CONST(instance, o)->network_interface_id, e);
}

static int network_interface_deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *holder = AS_CONST(network_interface, o)->attachment_id;

	if (holder && !txn_deleting(t, holder))
		return err_set(e, -EBUSY, "InvalidNetworkInterface.InUse", "", "%s has it", holder);
	return 0;
}

#define TEST_KIND(id_, struct_, name_, prefix, id_field_, ...)                           \
	[id_] = &(const struct kind)                                                     \
	{                                                                                \
		.kind = id_, .name = name_, .plural = name_ "s", .id_prefix = prefix,    \
		.id_field = id_field_, .help = "A kind", .size = sizeof(struct struct_), \
		.fields = struct_##_fields, __VA_ARGS__                                  \
	}

const struct kind *const kinds[KIND_COUNT] = {
	TEST_KIND(KIND_VPC, vpc, "vpc", "vpc-", "VpcId", .check = vpc_check, .created = vpc_created,
		  .deleting = vpc_deleting),
	TEST_KIND(KIND_SUBNET, subnet, "subnet", "subnet-", "SubnetId", .check = subnet_check),
	TEST_KIND(KIND_ROUTE_TABLE, route_table, "route-table", "rtb-", "RouteTableId",
		  .short_name = "rtb", .deleting = route_table_deleting),
	TEST_KIND(KIND_INTERNET_GATEWAY, internet_gateway, "internet-gateway", "igw-",
		  "InternetGatewayId"),
	TEST_KIND(KIND_ELASTIC_IP, elastic_ip, "elastic-ip", "eipalloc-", "AllocationId"),
	TEST_KIND(KIND_SECURITY_GROUP, security_group, "security-group", "sg-", "GroupId",
		  .short_name = "sg"),
	TEST_KIND(KIND_SECURITY_GROUP_RULE, security_group_rule, "security-group-rule", "sgr-",
		  "SecurityGroupRuleId"),
	TEST_KIND(KIND_NETWORK_INTERFACE, network_interface, "network-interface", "eni-",
		  "NetworkInterfaceId", .deleting = network_interface_deleting),
	TEST_KIND(KIND_INSTANCE, instance, "instance", "i-", "InstanceId",
		  .created = instance_created, .deleting = instance_deleting),
};

#endif
