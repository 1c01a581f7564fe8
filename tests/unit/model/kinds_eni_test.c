/* SPDX-License-Identifier: MIT
 * Network interfaces, elastic IPs and NAT gateways.
 */
#include "kinds_env.h"

/* ---- network interface ---- */

static void interface_gets_address_mac_and_default_group(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *id = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const struct network_interface *eni = GET(network_interface, t, id);

	assert_ip(&eni->private_ip_address, "10.0.1.4");
	assert_int_equal(eni->groups.n, 1);
	assert_string_equal(*(char **)eni->groups.v,
			    model_vpc_default_group(txn_model(t), n.vpc)->o.id);
	assert_int_equal(eni->mac_address.b[0] & 3, 2);
	assert_true(eni->source_dest_check);
	assert_int_equal(eni->interface_type, INTERFACE_INTERFACE);
	assert_string_equal(eni->status, "available");
	assert_string_equal(printed(t, id, "VpcId"), n.vpc);
}

static void address_that_cannot_be_had_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const char *const bad[] = {"10.0.1.0", "10.0.1.3", "10.0.1.255", "10.0.2.7", "::1"};
	const char *id;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidParameterValue", "PrivateIpAddress",
			    "{'SubnetId': '%s', 'PrivateIpAddress': '%s'}", n.subnet, bad[i]);
	id = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.9'}",
		  n.subnet);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidIPAddress.InUse", "PrivateIpAddress",
		    "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.9'}", n.subnet);
	refuse_patch(t, id, "InvalidParameterValue", "PrivateIpAddress",
		     "{'PrivateIpAddress': '10.0.1.10'}");
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidParameterValue", "MacAddress",
		    "{'SubnetId': '%s', 'MacAddress': '01:00:5e:00:00:01'}", n.subnet);
}

static void full_subnet_gives_no_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/28'}", n.vpc);

	for (int i = 0; i < 11; i++)
		make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InsufficientFreeAddressesInSubnet", "SubnetId",
		    "{'SubnetId': '%s'}", s);
}

static void groups_that_do_not_fit_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *g[6];

	for (int i = 0; i < 6; i++)
		g[i] = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'g%d'}", n.vpc,
			    i);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidGroup.NotFound", "Groups",
		    "{'SubnetId': '%s', 'Groups': ['%s']}", n.subnet,
		    model_vpc_default_group(txn_model(t), other)->o.id);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidGroup.NotFound", "Groups/0",
		    "{'SubnetId': '%s', 'Groups': ['nobody']}", n.subnet);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidParameterValue", "Groups",
		    "{'SubnetId': '%s', 'Groups': ['%s', '%s']}", n.subnet, g[0], g[0]);
	refuse_make(t, KIND_NETWORK_INTERFACE, "SecurityGroupsPerInterfaceLimitExceeded", "Groups",
		    "{'SubnetId': '%s', 'Groups': ['%s', '%s', '%s', '%s', '%s', '%s']}", n.subnet,
		    g[0], g[1], g[2], g[3], g[4], g[5]);
	make(t, KIND_NETWORK_INTERFACE,
	     "{'SubnetId': '%s', 'Groups': ['%s', '%s', '%s', '%s', '%s']}", n.subnet, g[0], g[1],
	     g[2], g[3], g[4]);
}

static void attached_interface_goes_with_its_holder_only(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s']}", n.subnet);
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'ConnectivityType': 'private'}", n.subnet);

	refuse_delete(t, GET(instance, t, i)->network_interface_id,
		      "InvalidNetworkInterface.InUse");
	refuse_delete(t, GET(function, t, f)->network_interface_id,
		      "InvalidNetworkInterface.InUse");
	refuse_delete(t, GET(nat_gateway, t, nat)->network_interface_id,
		      "InvalidNetworkInterface.InUse");
	drop(t, i);
	drop(t, f);
	drop(t, nat);
	assert_int_equal(count(txn_model(t), KIND_NETWORK_INTERFACE), 0);
}

/* ---- elastic IP ---- */

static void address_comes_from_the_pool(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = make(t, KIND_ELASTIC_IP, "{}");
	const char *b = make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.10'}");

	assert_ip(&GET(elastic_ip, t, a)->public_ip, "198.51.100.1");
	assert_ip(&GET(elastic_ip, t, b)->public_ip, "198.51.100.10");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidIPAddress.InUse", "PublicIp",
		    "{'PublicIp': '198.51.100.10'}");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterValue", "PublicIp",
		    "{'PublicIp': '203.0.113.10'}");
	refuse_patch(t, a, "InvalidParameterValue", "PublicIp", "{'PublicIp': '198.51.100.11'}");
	drop(t, a);
	assert_ip(&GET(elastic_ip, t, make(t, KIND_ELASTIC_IP, "{}"))->public_ip, "198.51.100.1");
}

static void association_stands_for_the_primary_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *second = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *id = make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);

	assert_ip(&GET(elastic_ip, t, id)->private_ip, "10.0.1.4");
	assert_string_equal(printed(t, eni, "PublicIp"), "198.51.100.1");
	change(t, id, "{'NetworkInterfaceId': '%s'}", second);
	assert_ip(&GET(elastic_ip, t, id)->private_ip, "10.0.1.5");
	change(t, id, "{'NetworkInterfaceId': null}");
	assert_false(ip_is_set(&GET(elastic_ip, t, id)->private_ip));
	change(t, id, "{'NetworkInterfaceId': '%s', 'PrivateIpAddress': '10.0.1.4'}", eni);
}

static void private_address_that_is_not_the_interfaces_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *id = make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);

	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterCombination", "PrivateIpAddress",
		    "{'PrivateIpAddress': '10.0.1.4'}");
	refuse_patch(t, id, "InvalidParameterValue", "PrivateIpAddress",
		     "{'PrivateIpAddress': '10.0.1.5'}");
	change(t, id, "{'PrivateIpAddress': null}");
	assert_ip(&GET(elastic_ip, t, id)->private_ip, "10.0.1.4");
}

static void interface_has_one_address_at_most(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);

	make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);
	refuse_make(t, KIND_ELASTIC_IP, "Resource.AlreadyAssociated", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': '%s'}", eni);
}

static void association_needs_an_internet_gateway(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.0.0/24'}", vpc);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s);

	refuse_make(t, KIND_ELASTIC_IP, "Gateway.NotAttached", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': '%s'}", eni);
}

static void functions_and_nat_gateways_take_no_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s']}", n.subnet);
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'ConnectivityType': 'private'}", n.subnet);

	refuse_make(t, KIND_ELASTIC_IP, "OperationNotPermitted", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': '%s'}", GET(function, t, f)->network_interface_id);
	refuse_make(t, KIND_ELASTIC_IP, "OperationNotPermitted", "NetworkInterfaceId",
		    "{'NetworkInterfaceId': '%s'}", GET(nat_gateway, t, nat)->network_interface_id);
}

static void associated_address_stays_until_its_interface_goes(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *id = make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);

	refuse_delete(t, id, "InvalidIPAddress.InUse");
	drop(t, eni);
	assert_null(GET(elastic_ip, t, id)->network_interface_id);
	assert_false(ip_is_set(&GET(elastic_ip, t, id)->private_ip));
	drop(t, id);
}

/* ---- NAT gateway ---- */

static void public_gateway_takes_its_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *id = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}",
			      n.subnet, eip);
	const struct nat_gateway *nat = GET(nat_gateway, t, id);
	const struct network_interface *eni = GET(network_interface, t, nat->network_interface_id);

	assert_string_equal(nat->state, "pending");
	assert_null(nat->failure_code);
	assert_int_equal(eni->interface_type, INTERFACE_NAT_GATEWAY);
	assert_string_equal(eni->attachment_id, id);
	assert_string_equal(eni->status, "in-use");
	assert_int_equal(eni->groups.n, 0);
	assert_string_equal(GET(elastic_ip, t, eip)->network_interface_id, eni->o.id);
	assert_ip(&GET(elastic_ip, t, eip)->private_ip, "10.0.1.4");
	assert_string_equal(printed(t, id, "PublicIp"), "198.51.100.1");
	assert_string_equal(printed(t, id, "PrivateIp"), "10.0.1.4");
	refuse_patch(t, eni->o.id, "OperationNotPermitted", "Groups", "{'Groups': ['%s']}",
		     model_vpc_default_group(txn_model(t), n.vpc)->o.id);
}

static void gateways_address_is_not_to_be_taken(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *nat = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}",
			       n.subnet, eip);

	refuse_patch(t, eip, "Resource.AlreadyAssociated", "NetworkInterfaceId",
		     "{'NetworkInterfaceId': '%s'}", eni);
	refuse_patch(t, eip, "Resource.AlreadyAssociated", "NetworkInterfaceId",
		     "{'NetworkInterfaceId': null}");
	refuse_delete(t, eip, "InvalidIPAddress.InUse");
	drop(t, nat);
	assert_null(GET(elastic_ip, t, eip)->network_interface_id);
	drop(t, eip);
}

static void connectivity_and_address_go_together(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");

	refuse_make(t, KIND_NAT_GATEWAY, "MissingParameter", "AllocationId", "{'SubnetId': '%s'}",
		    n.subnet);
	refuse_make(t, KIND_NAT_GATEWAY, "InvalidParameterCombination", "AllocationId",
		    "{'SubnetId': '%s', 'ConnectivityType': 'private', 'AllocationId': '%s'}",
		    n.subnet, eip);
	refuse_make(t, KIND_NAT_GATEWAY, "InvalidAllocationID.NotFound", "AllocationId",
		    "{'SubnetId': '%s', 'AllocationId': 'eipalloc-nobody'}", n.subnet);
}

static void assert_failed(struct txn *t, const char *id, const char *code)
{
	const struct nat_gateway *nat = GET(nat_gateway, t, id);

	assert_string_equal(nat->state, "failed");
	assert_string_equal(nat->failure_code, code);
	assert_true(strlen(nat->failure_message) > 10);
	assert_null(nat->network_interface_id);
}

static void gateway_without_internet_gateway_fails(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.0.0/24'}", vpc);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}", s, eip);
	const char *private =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'ConnectivityType': 'private'}", s);

	assert_failed(t, nat, "Gateway.NotAttached");
	assert_null(GET(elastic_ip, t, eip)->network_interface_id);
	assert_string_equal(GET(nat_gateway, t, private)->state, "pending");
	drop(t, nat);
	drop(t, eip);
}

static void gateway_with_a_used_address_fails(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *first = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}",
				 n.subnet, eip);
	const char *second = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}",
				  n.subnet, eip);
	const char *eni;

	assert_failed(t, second, "Resource.AlreadyAssociated");
	drop(t, first);
	/* A failed gateway does not hold the address. */
	eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	change(t, eip, "{'NetworkInterfaceId': '%s'}", eni);
}

static void gateway_in_a_full_subnet_fails(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/28'}", n.vpc);
	const char *nat;

	for (int i = 0; i < 11; i++)
		make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s);
	nat = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'ConnectivityType': 'private'}", s);
	assert_failed(t, nat, "InsufficientFreeAddressesInSubnet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(interface_gets_address_mac_and_default_group),
		env_test(address_that_cannot_be_had_is_refused),
		env_test(full_subnet_gives_no_address),
		env_test(groups_that_do_not_fit_are_refused),
		env_test(attached_interface_goes_with_its_holder_only),
		env_test(address_comes_from_the_pool),
		env_test(association_stands_for_the_primary_address),
		env_test(private_address_that_is_not_the_interfaces_is_refused),
		env_test(interface_has_one_address_at_most),
		env_test(association_needs_an_internet_gateway),
		env_test(functions_and_nat_gateways_take_no_address),
		env_test(associated_address_stays_until_its_interface_goes),
		env_test(public_gateway_takes_its_address),
		env_test(gateways_address_is_not_to_be_taken),
		env_test(connectivity_and_address_go_together),
		env_test(gateway_without_internet_gateway_fails),
		env_test(gateway_with_a_used_address_fails),
		env_test(gateway_in_a_full_subnet_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
