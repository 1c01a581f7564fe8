/* SPDX-License-Identifier: MIT
 * VPC, subnet, route table, internet gateway and network ACL.
 */
#include "kinds_env.h"

/* ---- vpc ---- */

static void vpc_range_outside_16_to_28_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const ranges[] = {"10.0.0.0/15",    "10.0.0.0/29",  "2001:db8::/56",
					     "169.254.0.0/16", "127.0.0.0/16", "224.1.0.0/16"};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		refuse_make(t, KIND_VPC, "InvalidVpc.Range", "CidrBlock", "{'CidrBlock': '%s'}",
			    ranges[i]);
	make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/28'}");
}

static void vpc_range_is_made_canonical(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *id = make(t, KIND_VPC, "{'CidrBlock': '100.68.0.18/18'}");

	assert_string_equal(printed(t, id, "CidrBlock"), "100.68.0.0/18");
	assert_string_equal(printed(t, id, "State"), "available");
}

static void secondary_blocks_that_do_not_fit_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const mixes[][2] = {
		{"10.0.0.0/16", "192.168.0.0/16"}, {"10.0.0.0/16", "198.19.0.0/16"},
		{"198.19.0.0/16", "10.0.0.0/16"},  {"100.64.0.0/16", "10.0.0.0/16"},
		{"8.8.0.0/16", "172.16.0.0/16"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++)
		refuse_make(t, KIND_VPC, "InvalidVpc.Range", "SecondaryCidrBlocks/0",
			    "{'CidrBlock': '%s', 'SecondaryCidrBlocks': ['%s']}", mixes[i][0],
			    mixes[i][1]);
	make(t, KIND_VPC,
	     "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': "
	     "['10.1.0.0/16', '100.64.0.0/16', '8.8.0.0/16']}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "SecondaryCidrBlocks/1",
		    "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': "
		    "['10.1.0.0/16', '10.1.128.0/20']}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "SecondaryCidrBlocks/0",
		    "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': ['10.0.1.0/24']}");
}

static void sixth_block_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;

	refuse_make(t, KIND_VPC, "VpcLimitExceeded", "SecondaryCidrBlocks",
		    "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': ['10.1.0.0/16', "
		    "'10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16', '10.5.0.0/16']}");
}

static void block_with_a_route_or_subnet_in_it_stays_as_it_is(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC,
			       "{'CidrBlock': '10.0.0.0/16', "
			       "'SecondaryCidrBlocks': ['10.1.0.0/16']}");
	const char *igw = make(t, KIND_INTERNET_GATEWAY, "{'VpcId': '%s'}", vpc);

	make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.1.1.0/24'}", vpc);
	refuse_patch(t, vpc, "DependencyViolation", "SecondaryCidrBlocks",
		     "{'SecondaryCidrBlocks': []}");
	make(t, KIND_ROUTE_TABLE,
	     "{'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': '10.2.8.0/24', "
	     "'GatewayId': '%s'}]}",
	     vpc, igw);
	refuse_patch(t, vpc, "InvalidVpc.Range", "SecondaryCidrBlocks/1",
		     "{'SecondaryCidrBlocks': ['10.1.0.0/16', '10.2.0.0/16']}");
	change(t, vpc, "{'SecondaryCidrBlocks': ['10.1.0.0/16', '10.3.0.0/16']}");
}

static void vpc_brings_main_table_default_group_and_acl(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const struct model *m = txn_model(t);
	struct net n = net_make(t);
	const struct subnet *s = GET(subnet, t, n.subnet);
	const struct route_table *rtb = model_subnet_route_table(m, s);
	const struct network_acl *acl = model_subnet_network_acl(m, s);
	const struct security_group *sg = model_vpc_default_group(m, n.vpc);
	const struct network_acl_entry *e = acl->entries.v;

	assert_true(rtb->main);
	assert_int_equal(rtb->routes.n, 0);
	assert_string_equal(rtb->o.name, "main");
	assert_true(acl->is_default);
	assert_string_equal(acl->o.name, "default");
	assert_int_equal(acl->entries.n, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e[i].rule_number, 100);
		assert_int_equal(e[i].egress, i);
		assert_int_equal(e[i].protocol, -1);
		assert_int_equal(e[i].cidr_block.len, 0);
		assert_int_equal(e[i].rule_action, ACL_ALLOW);
	}
	assert_string_equal(sg->o.name, "default");
}

static void vpc_takes_what_it_made_along(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");

	drop(t, vpc);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		assert_int_equal(count(txn_model(t), k), 0);
}

static void vpc_in_use_stays_whole(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);

	refuse_delete(t, n.vpc, "DependencyViolation");
	drop(t, n.subnet);
	refuse_delete(t, n.vpc, "DependencyViolation");
	assert_non_null(model_vpc_default_group(txn_model(t), n.vpc));
	drop(t, n.igw);
	make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'web'}", n.vpc);
	refuse_delete(t, n.vpc, "DependencyViolation");
	assert_int_equal(count(txn_model(t), KIND_ROUTE_TABLE), 1);
	assert_int_equal(count(txn_model(t), KIND_SECURITY_GROUP), 2);
	assert_int_equal(count(txn_model(t), KIND_NETWORK_ACL), 1);
}

static void dns_hostnames_need_dns_support(void **state)
{
	struct txn *t = ((struct env *)*state)->t;

	refuse_make(t, KIND_VPC, "InvalidParameterCombination", "EnableDnsHostnames",
		    "{'CidrBlock': '10.0.0.0/16', 'EnableDnsSupport': false, "
		    "'EnableDnsHostnames': true}");
}

/* ---- subnet ---- */

static void subnet_outside_its_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const char *const ranges[] = {"10.1.0.0/24", "10.0.0.0/15", "10.0.2.0/29",
					     "2001:db8::/64"};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		refuse_make(t, KIND_SUBNET, "InvalidSubnet.Range", "CidrBlock",
			    "{'VpcId': '%s', 'CidrBlock': '%s'}", n.vpc, ranges[i]);
	change(t, n.vpc, "{'SecondaryCidrBlocks': ['10.1.0.0/16']}");
	make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.1.0.0/24'}", n.vpc);
}

static void overlapping_subnet_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");

	refuse_make(t, KIND_SUBNET, "InvalidSubnet.Conflict", "CidrBlock",
		    "{'VpcId': '%s', 'CidrBlock': '10.0.0.0/23'}", n.vpc);
	refuse_make(t, KIND_SUBNET, "InvalidSubnet.Conflict", "CidrBlock",
		    "{'VpcId': '%s', 'CidrBlock': '10.0.1.128/28'}", n.vpc);
	make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.1.0/24'}", other);
}

static void zone_is_of_the_region(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *b;

	assert_string_equal(printed(t, n.subnet, "AvailabilityZone"), "us-east-1a");
	b = make(t, KIND_SUBNET,
		 "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/24', 'AvailabilityZone': 'us-east-1b'}",
		 n.vpc);
	assert_string_equal(printed(t, b, "AvailabilityZone"), "us-east-1b");
	refuse_make(t, KIND_SUBNET, "InvalidParameterValue", "AvailabilityZone",
		    "{'VpcId': '%s', 'CidrBlock': '10.0.3.0/24', "
		    "'AvailabilityZone': 'eu-west-1a'}",
		    n.vpc);
	refuse_patch(t, b, "InvalidParameterValue", "AvailabilityZone",
		     "{'AvailabilityZone': 'us-east-1c'}");
}

static void table_and_acl_of_another_vpc_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", other);
	const char *acl = make(t, KIND_NETWORK_ACL, "{'VpcId': '%s'}", other);

	refuse_patch(t, n.subnet, "InvalidParameterValue", "RouteTableId", "{'RouteTableId': '%s'}",
		     rtb);
	refuse_patch(t, n.subnet, "InvalidParameterValue", "NetworkAclId", "{'NetworkAclId': '%s'}",
		     acl);
	rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", n.vpc);
	change(t, n.subnet, "{'RouteTableId': '%s'}", rtb);
	refuse_delete(t, rtb, "DependencyViolation");
	change(t, n.subnet, "{'RouteTableId': null}");
	drop(t, rtb);
}

static void two_hundred_first_subnet_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");

	for (int i = 0; i < 200; i++)
		make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.%d.0/24'}", vpc, i);
	refuse_make(t, KIND_SUBNET, "SubnetLimitExceeded", "VpcId",
		    "{'VpcId': '%s', 'CidrBlock': '10.0.200.0/24'}", vpc);
}

static void subnet_in_use_stays(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	cleanup_json struct json *j =
		object_to_json(txn_model(t), model_get(txn_model(t), n.subnet));

	assert_int_equal(json_num(json_get(j, "AvailableIpAddressCount")), 250);
	refuse_delete(t, n.subnet, "DependencyViolation");
	drop(t, eni);
	drop(t, n.subnet);
}

/* ---- route table ---- */

#define ROUTE(dst, target, id) "{'DestinationCidrBlock': '" dst "', '" target "': '" id "'}"

static void route_needs_exactly_one_target(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);

	refuse_make(t, KIND_ROUTE_TABLE, "InvalidParameterCombination", "Routes/0",
		    "{'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0'}]}", n.vpc);
	refuse_make(t, KIND_ROUTE_TABLE, "InvalidParameterCombination", "Routes/0/InstanceId",
		    "{'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
		    "'GatewayId': '%s', 'InstanceId': '%s'}]}",
		    n.vpc, n.igw, i);
}

static void destination_given_twice_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);

	refuse_make(t, KIND_ROUTE_TABLE, "RouteAlreadyExists", "Routes/1",
		    "{'VpcId': '%s', 'Routes': [" ROUTE("0.0.0.0/0", "GatewayId", "%s") ", " ROUTE(
			    "0.0.0.0/0", "GatewayId", "%s") "]}",
		    n.vpc, n.igw, n.igw);
}

static void route_within_the_vpc_is_a_whole_subnets(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", n.vpc);

	change(t, n.vpc, "{'SecondaryCidrBlocks': ['10.1.0.0/16']}");
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("10.0.0.0/16", "GatewayId", "%s") "]}", n.igw);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("10.0.1.0/25", "NetworkInterfaceId", "%s") "]}", eni);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("10.0.1.0/24", "GatewayId", "%s") "]}", n.igw);
	change(t, rtb, "{'Routes': [" ROUTE("10.0.1.0/24", "NetworkInterfaceId", "%s") "]}", eni);
	change(t, rtb, "{'Routes': [" ROUTE("10.0.0.0/8", "NetworkInterfaceId", "%s") "]}", eni);
}

static void reserved_and_ipv6_destinations_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", n.vpc);

	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("169.254.169.254/32", "GatewayId", "%s") "]}", n.igw);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("::/0", "GatewayId", "%s") "]}", n.igw);
}

static void target_of_another_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.9.0.0/16'}");
	const char *rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", other);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'ConnectivityType': 'private'}", n.subnet);
	const char *igw = make(t, KIND_INTERNET_GATEWAY, "{}");

	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("0.0.0.0/0", "GatewayId", "%s") "]}", n.igw);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("0.0.0.0/0", "InstanceId", "%s") "]}", i);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("0.0.0.0/0", "NatGatewayId", "%s") "]}", nat);
	refuse_patch(t, rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [" ROUTE("0.0.0.0/0", "NetworkInterfaceId", "%s") "]}",
		     GET(instance, t, i)->network_interface_id);
	refuse_patch(t, rtb, "Gateway.NotAttached", "Routes/0",
		     "{'Routes': [" ROUTE("0.0.0.0/0", "GatewayId", "%s") "]}", igw);
}

static void route_to_what_has_gone_stays_as_a_blackhole(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *rtb =
		make(t, KIND_ROUTE_TABLE,
		     "{'VpcId': '%s', 'Routes': [" ROUTE("0.0.0.0/0", "InstanceId", "%s") "]}",
		     n.vpc, i);
	char gone[40];

	snprintf(gone, sizeof(gone), "%s", i);
	drop(t, i);
	assert_int_equal(GET(route_table, t, rtb)->routes.n, 1);
	/* A change of another route leaves it alone. */
	change(t, rtb,
	       "{'Routes': [" ROUTE("0.0.0.0/0", "InstanceId",
				    "%s") ", " ROUTE("192.168.0.0/16", "GatewayId", "%s") "]}",
	       gone, n.igw);
	assert_int_equal(GET(route_table, t, rtb)->routes.n, 2);
}

static void fifty_first_route_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	cleanup_json struct json *spec = json_new_obj();
	struct json *routes = json_new_arr();
	struct err e = {0};
	char dst[32];

	for (int i = 0; i < 51; i++) {
		struct json *r = json_new_obj();

		snprintf(dst, sizeof(dst), "192.168.%d.0/24", i);
		json_set_str(r, "DestinationCidrBlock", dst);
		json_set_str(r, "GatewayId", n.igw);
		json_append(routes, r);
	}
	json_set_str(spec, "VpcId", n.vpc);
	json_set(spec, "Routes", routes);
	assert_refused(txn_create(t, kinds[KIND_ROUTE_TABLE], spec, NULL, NULL, &e), &e,
		       "RouteLimitExceeded", "Routes");
}

static void main_table_goes_with_its_vpc_only(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const struct route_table *rtb =
		model_subnet_route_table(txn_model(t), GET(subnet, t, n.subnet));

	refuse_delete(t, rtb->o.id, "DependencyViolation");
	refuse_make(t, KIND_ROUTE_TABLE, "InvalidParameterValue", "Main",
		    "{'VpcId': '%s', 'Main': true}", n.vpc);
}

/* ---- internet gateway ---- */

static void second_gateway_of_a_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *igw = make(t, KIND_INTERNET_GATEWAY, "{}");

	refuse_make(t, KIND_INTERNET_GATEWAY, "Resource.AlreadyAssociated", "VpcId",
		    "{'VpcId': '%s'}", n.vpc);
	refuse_patch(t, igw, "Resource.AlreadyAssociated", "VpcId", "{'VpcId': '%s'}", n.vpc);
}

static void gateway_stays_while_addresses_are_mapped(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *eip = make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);
	struct err e = {0};

	refuse_patch(t, n.igw, "DependencyViolation", "VpcId", "{'VpcId': null}");
	assert_refused(txn_delete(t, n.igw, &e), &e, "DependencyViolation", "VpcId");
	change(t, eip, "{'NetworkInterfaceId': null}");
	change(t, n.igw, "{'VpcId': null}");
	change(t, n.igw, "{'VpcId': '%s'}", n.vpc);
	drop(t, n.igw);
}

/* ---- network ACL ---- */

#define ENTRY(n, more) "{'RuleNumber': " #n ", 'Protocol': " more ", 'RuleAction': 'allow'}"

static void acl_entry_out_of_bounds_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const char *const bad[][2] = {
		{"Entries/0/RuleNumber", ENTRY(0, "'-1', 'CidrBlock': '0.0.0.0/0'")},
		{"Entries/0/RuleNumber", ENTRY(32767, "'-1', 'CidrBlock': '0.0.0.0/0'")},
		{"Entries/0",
		 ENTRY(1, "'tcp', 'FromPort': 9, 'ToPort': 8, 'CidrBlock': '0.0.0.0/0'")},
		{"Entries/0", ENTRY(1, "'icmp', 'FromPort': 256, 'CidrBlock': '0.0.0.0/0'")},
		{"Entries/0", ENTRY(1, "'47', 'FromPort': 1, 'CidrBlock': '0.0.0.0/0'")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_NETWORK_ACL, "InvalidParameterValue", bad[i][0],
			    "{'VpcId': '%s', 'Entries': [%s]}", n.vpc, bad[i][1]);
	make(t, KIND_NETWORK_ACL, "{'VpcId': '%s', 'Entries': [%s]}", n.vpc,
	     ENTRY(32766, "'udp', 'FromPort': 53, 'CidrBlock': '10.0.0.7/8'"));
}

static void rule_number_is_unique_in_its_direction(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *in = ENTRY(7, "'-1', 'CidrBlock': '0.0.0.0/0'");
	const char *out = ENTRY(7, "'-1', 'Egress': true, 'CidrBlock': '0.0.0.0/0'");

	make(t, KIND_NETWORK_ACL, "{'VpcId': '%s', 'Entries': [%s, %s]}", n.vpc, in, out);
	refuse_make(t, KIND_NETWORK_ACL, "NetworkAclEntryAlreadyExists", "Entries/1",
		    "{'VpcId': '%s', 'Entries': [%s, %s]}", n.vpc, in, in);
}

/* Entries 1 to n4 for IPv4, then n6 for IPv6, all ingress. */
static int make_acl(struct txn *t, const char *vpc, int n4, int n6, struct err *e)
{
	cleanup_json struct json *spec = json_new_obj();
	struct json *entries = json_new_arr();

	for (int i = 0; i < n4 + n6; i++) {
		struct json *en = json_new_obj();

		json_set_num(en, "RuleNumber", i + 1);
		json_set_str(en, "Protocol", "tcp");
		json_set_num(en, "FromPort", i + 1);
		json_set_str(en, i < n4 ? "CidrBlock" : "Ipv6CidrBlock",
			     i < n4 ? "0.0.0.0/0" : "::/0");
		json_set_str(en, "RuleAction", "deny");
		json_append(entries, en);
	}
	json_set_str(spec, "VpcId", vpc);
	json_set(spec, "Entries", entries);
	return txn_create(t, kinds[KIND_NETWORK_ACL], spec, NULL, NULL, e);
}

static void twenty_entries_of_a_family_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	struct err e = {0};

	assert_int_equal(make_acl(t, n.vpc, 19, 19, &e), 0);
	assert_refused(make_acl(t, n.vpc, 20, 0, &e), &e, "NetworkAclEntryLimitExceeded",
		       "Entries/19");
	assert_refused(make_acl(t, n.vpc, 0, 20, &e), &e, "NetworkAclEntryLimitExceeded",
		       "Entries/19");
}

static void acl_in_use_and_default_acl_stay(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *acl = make(t, KIND_NETWORK_ACL, "{'VpcId': '%s'}", n.vpc);

	refuse_delete(t, model_subnet_network_acl(txn_model(t), GET(subnet, t, n.subnet))->o.id,
		      "OperationNotPermitted");
	change(t, n.subnet, "{'NetworkAclId': '%s'}", acl);
	refuse_delete(t, acl, "DependencyViolation");
	change(t, n.subnet, "{'NetworkAclId': null}");
	drop(t, acl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(vpc_range_outside_16_to_28_is_refused),
		env_test(vpc_range_is_made_canonical),
		env_test(secondary_blocks_that_do_not_fit_are_refused),
		env_test(sixth_block_is_refused),
		env_test(block_with_a_route_or_subnet_in_it_stays_as_it_is),
		env_test(vpc_brings_main_table_default_group_and_acl),
		env_test(vpc_takes_what_it_made_along),
		env_test(vpc_in_use_stays_whole),
		env_test(dns_hostnames_need_dns_support),
		env_test(subnet_outside_its_vpc_is_refused),
		env_test(overlapping_subnet_is_refused),
		env_test(zone_is_of_the_region),
		env_test(table_and_acl_of_another_vpc_are_refused),
		env_test(two_hundred_first_subnet_is_refused),
		env_test(subnet_in_use_stays),
		env_test(route_needs_exactly_one_target),
		env_test(destination_given_twice_is_refused),
		env_test(route_within_the_vpc_is_a_whole_subnets),
		env_test(reserved_and_ipv6_destinations_are_refused),
		env_test(target_of_another_vpc_is_refused),
		env_test(route_to_what_has_gone_stays_as_a_blackhole),
		env_test(fifty_first_route_is_refused),
		env_test(main_table_goes_with_its_vpc_only),
		env_test(second_gateway_of_a_vpc_is_refused),
		env_test(gateway_stays_while_addresses_are_mapped),
		env_test(acl_entry_out_of_bounds_is_refused),
		env_test(rule_number_is_unique_in_its_direction),
		env_test(twenty_entries_of_a_family_are_refused),
		env_test(acl_in_use_and_default_acl_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
