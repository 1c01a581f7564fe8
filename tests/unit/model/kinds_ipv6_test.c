/* SPDX-License-Identifier: MIT
 * IPv6 blocks and addresses, secondary private addresses, and time-outs of interfaces. Cases are
 * named by the rows of the conformance reference that they hold.
 */
#include <sys/socket.h>

#include "kinds_env.h"
#include "lib/buf.h"
#include "model/ipam.h"

/* ---- VPC blocks ---- */

static void vpc_block_is_44_to_60_in_steps_of_four(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const int good[] = {44, 48, 52, 56, 60}, bad[] = {32, 40, 45, 57, 62, 64, 128};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		drop(t, make(t, KIND_VPC,
			     "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:4000::/%d'}",
			     good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
			    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:4000::/%d'}",
			    bad[i]);
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '10.4.0.0/16'}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': 'fd00:ec2::/48'}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': 'fe80::/56'}");
}

static void vpc_blocks_never_overlap_one_another(void **state)
{
	struct txn *t = ((struct env *)*state)->t;

	make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:4000::/52'}");
	make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:4000:100::/56'}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:4000::/48'}");
}

static void auto_blocks_are_the_lowest_free_of_the_pool(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': 'auto'}");
	const char *b;

	make(t, KIND_VPC,
	     "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:1000:100::/56'}");
	b = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': 'auto'}");
	assert_string_equal(printed(t, a, "Ipv6CidrBlock"), "2001:db8:1000::/56");
	assert_string_equal(printed(t, b, "Ipv6CidrBlock"), "2001:db8:1000:200::/56");
	change(t, b, "{'Ipv6CidrBlock': 'auto'}");
	assert_string_equal(printed(t, b, "Ipv6CidrBlock"), "2001:db8:1000:200::/56");
	drop(t, a);
	a = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': 'auto'}");
	assert_string_equal(printed(t, a, "Ipv6CidrBlock"), "2001:db8:1000::/56");
}

/* VPC with a /56, subnet with its second /64. */
static struct net six(struct txn *t)
{
	struct net n = net_make(t);

	change(t, n.vpc, "{'Ipv6CidrBlock': '2001:db8:4000::/56'}");
	change(t, n.subnet, "{'Ipv6CidrBlock': '2001:db8:4000:1::/64'}");
	return n;
}

static void block_goes_when_no_subnet_lies_in_it(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);

	refuse_patch(t, n.vpc, "DependencyViolation", "Ipv6CidrBlock", "{'Ipv6CidrBlock': null}");
	refuse_patch(t, n.vpc, "DependencyViolation", "Ipv6CidrBlock",
		     "{'Ipv6CidrBlock': "
		     "'2001:db8:5000::/56'}");
	change(t, n.subnet, "{'Ipv6CidrBlock': null}");
	change(t, n.vpc, "{'Ipv6CidrBlock': null}");
}

/* ---- subnet blocks ---- */

static void subnet_block_is_44_to_64_within_its_vpcs(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *s = n.subnet;

	refuse_patch(t, s, "InvalidSubnet.Range", "Ipv6CidrBlock", "{'Ipv6CidrBlock': 'auto'}");
	change(t, n.vpc, "{'Ipv6CidrBlock': '2001:db8:4000::/44'}");
	refuse_patch(t, s, "InvalidSubnet.Range", "Ipv6CidrBlock",
		     "{'Ipv6CidrBlock': '2001:db8:5000::/64'}");
	refuse_patch(t, s, "InvalidSubnet.Range", "Ipv6CidrBlock",
		     "{'Ipv6CidrBlock': '2001:db8:4000::/65'}");
	refuse_patch(t, s, "InvalidSubnet.Range", "Ipv6CidrBlock",
		     "{'Ipv6CidrBlock': '2001:db8:4000::/62'}");
	change(t, s, "{'Ipv6CidrBlock': '2001:db8:4000::/60'}");
	refuse_make(t, KIND_SUBNET, "InvalidSubnet.Conflict", "Ipv6CidrBlock",
		    "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/24', 'Ipv6CidrBlock': "
		    "'2001:db8:4000:f::/64'}",
		    n.vpc);
	s = make(t, KIND_SUBNET,
		 "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/24', 'Ipv6CidrBlock': 'auto'}", n.vpc);
	assert_string_equal(printed(t, s, "Ipv6CidrBlock"), "2001:db8:4000:10::/64");
	change(t, s, "{'Ipv6CidrBlock': 'auto'}");
	assert_string_equal(printed(t, s, "Ipv6CidrBlock"), "2001:db8:4000:10::/64");
}

static void subnet_block_stays_while_addresses_are_in_use(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE,
			       "{'SubnetId': '%s', 'Ipv6Addresses': ['auto']}", n.subnet);

	refuse_patch(t, n.subnet, "DependencyViolation", "Ipv6CidrBlock",
		     "{'Ipv6CidrBlock': null}");
	change(t, eni, "{'Ipv6Addresses': []}");
	change(t, n.subnet, "{'Ipv6CidrBlock': null}");
}

/* ---- addresses ---- */

static void first_four_and_last_are_reserved_of_ipv6_too(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	static const char *const bad[] = {"2001:db8:4000:1::",
					  "2001:db8:4000:1::1",
					  "2001:db8:4000:1::2",
					  "2001:db8:4000:1::3",
					  "2001:db8:4000:1:ffff:ffff:ffff:ffff",
					  "2001:db8:4000:2::9",
					  "10.0.1.9"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidParameterValue", "Ipv6Addresses/0",
			    "{'SubnetId': '%s', 'Ipv6Addresses': ['%s']}", n.subnet, bad[i]);
	make(t, KIND_NETWORK_INTERFACE,
	     "{'SubnetId': '%s', 'Ipv6Addresses': ['2001:db8:4000:1::4', "
	     "'2001:db8:4000:1:ffff:ffff:ffff:fffe']}",
	     n.subnet);
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidIPAddress.InUse", "Ipv6Addresses/0",
		    "{'SubnetId': '%s', 'Ipv6Addresses': ['2001:db8:4000:1::4']}", n.subnet);
}

static const struct ip *six_of(struct txn *t, const char *eni, size_t i)
{
	const struct list *l = &GET(network_interface, t, eni)->ipv6_addresses;

	assert_true(i < l->n);
	return (const struct ip *)l->v + i;
}

static void auto_addresses_are_the_lowest_free_and_stay(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	const char *a = make(t, KIND_NETWORK_INTERFACE,
			     "{'SubnetId': '%s', 'Ipv6Addresses': ['auto', "
			     "'2001:db8:4000:1::5', 'auto']}",
			     n.subnet);
	const char *b = make(t, KIND_NETWORK_INTERFACE,
			     "{'SubnetId': '%s', 'Ipv6Addresses': ['auto']}", n.subnet);

	assert_ip(six_of(t, a, 0), "2001:db8:4000:1::4");
	assert_ip(six_of(t, a, 2), "2001:db8:4000:1::6");
	assert_ip(six_of(t, b, 0), "2001:db8:4000:1::7");
	change(t, a, "{'Ipv6Addresses': ['auto']}");
	change(t, b, "{'Ipv6Addresses': ['auto', 'auto']}");
	assert_ip(six_of(t, a, 0), "2001:db8:4000:1::4");
	assert_ip(six_of(t, b, 0), "2001:db8:4000:1::7");
	assert_ip(six_of(t, b, 1), "2001:db8:4000:1::5");
}

static void subnet_assigns_addresses_to_new_interfaces(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	const char *i, *f, *nat;

	change(t, n.subnet, "{'AssignIpv6AddressOnCreation': true}");
	i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	assert_int_equal(GET(instance, t, i)->ipv6_addresses.n, 1);
	assert_ip(six_of(t, GET(instance, t, i)->network_interface_id, 0), "2001:db8:4000:1::4");
	/* Unless it is said that there be none (EC2 API, CreateNetworkInterface: a count of 0). */
	i = make(t, KIND_INSTANCE, "{'SubnetId': '%s', 'Ipv6Addresses': []}", n.subnet);
	assert_int_equal(GET(instance, t, i)->ipv6_addresses.n, 0);
	i = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s', 'Ipv6Addresses': []}", n.subnet);
	assert_int_equal(GET(network_interface, t, i)->ipv6_addresses.n, 0);
	f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s']}", n.subnet);
	assert_int_equal(GET(network_interface, t, GET(function, t, f)->network_interface_id)
				 ->ipv6_addresses.n,
			 0);
	nat = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'ConnectivityType': 'private'}",
		   n.subnet);
	assert_int_equal(GET(network_interface, t, GET(nat_gateway, t, nat)->network_interface_id)
				 ->ipv6_addresses.n,
			 0);
}

static void assigning_needs_a_block(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);

	refuse_patch(t, n.subnet, "InvalidParameterCombination", "AssignIpv6AddressOnCreation",
		     "{'AssignIpv6AddressOnCreation': true}");
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidParameterValue", "SubnetId",
		    "{'SubnetId': '%s', 'Ipv6Addresses': ['auto']}", n.subnet);
}

static void function_has_ipv6_when_allowed(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	const char *v4 = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/24'}", n.vpc);
	const char *f = make(t, KIND_FUNCTION,
			     "{'SubnetIds': ['%s'], 'Ipv6AllowedForDualStack': true}", n.subnet);
	const char *eni = GET(function, t, f)->network_interface_id;

	assert_ip(six_of(t, eni, 0), "2001:db8:4000:1::4");
	change(t, f, "{'Ipv6AllowedForDualStack': false}");
	assert_int_equal(GET(network_interface, t, eni)->ipv6_addresses.n, 0);
	change(t, f, "{'Ipv6AllowedForDualStack': true}");
	assert_int_equal(GET(network_interface, t, eni)->ipv6_addresses.n, 1);
	refuse_make(t, KIND_FUNCTION, "InvalidParameterValue", "Ipv6AllowedForDualStack",
		    "{'SubnetIds': ['%s', '%s'], 'Ipv6AllowedForDualStack': true}", n.subnet, v4);
	refuse_patch(t, eni, "OperationNotPermitted", "", "{'Ipv6Addresses': ['auto', 'auto']}");
}

static void instance_and_interface_agree_on_addresses(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = six(t);
	const char *i = make(t, KIND_INSTANCE,
			     "{'SubnetId': '%s', 'SecondaryPrivateIpAddresses': ['10.0.1.77', "
			     "'auto'], 'Ipv6Addresses': ['auto']}",
			     n.subnet);
	const char *eni = GET(instance, t, i)->network_interface_id;
	const struct ip *second;

	assert_string_equal(printed(t, i, "PrivateIpAddress"), "10.0.1.4");
	second = (const struct ip *)GET(instance, t, i)->secondary_private_ip_addresses.v + 1;
	assert_ip(second, "10.0.1.5");
	change(t, eni, "{'Ipv6Addresses': [], 'SecondaryPrivateIpAddresses': ['10.0.1.77']}");
	assert_int_equal(GET(instance, t, i)->ipv6_addresses.n, 0);
	assert_int_equal(GET(instance, t, i)->secondary_private_ip_addresses.n, 1);
	change(t, i, "{'SecondaryPrivateIpAddresses': ['10.0.1.78', '10.0.1.77']}");
	assert_int_equal(GET(network_interface, t, eni)->secondary_private_ip_addresses.n, 2);
	refuse_patch(t, i, "InvalidParameterValue", "SecondaryPrivateIpAddresses/0",
		     "{'SecondaryPrivateIpAddresses': ['10.0.1.4']}");
	refuse_patch(t, i, "InvalidParameterValue", "SecondaryPrivateIpAddresses/1",
		     "{'SecondaryPrivateIpAddresses': ['10.0.1.8', '10.0.1.8']}");
}

static void interface_has_fifty_addresses_at_most(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	struct buf b = {0};

	for (int i = 0; i < 49; i++)
		buf_puts(&b, i ? ", 'auto'" : "'auto'");
	make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s', 'SecondaryPrivateIpAddresses': [%s]}",
	     n.subnet, buf_str(&b));
	refuse_make(t, KIND_NETWORK_INTERFACE, "PrivateIpAddressLimitExceeded",
		    "SecondaryPrivateIpAddresses",
		    "{'SubnetId': '%s', 'SecondaryPrivateIpAddresses': [%s, 'auto']}", n.subnet,
		    buf_str(&b));
	buf_done(&b);
}

static void elastic_ip_of_an_address_that_goes_is_free_again(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni =
		make(t, KIND_NETWORK_INTERFACE,
		     "{'SubnetId': '%s', 'SecondaryPrivateIpAddresses': ['10.0.1.9']}", n.subnet);
	const char *eip = make(t, KIND_ELASTIC_IP,
			       "{'NetworkInterfaceId': '%s', 'PrivateIpAddress': '10.0.1.9'}", eni);

	make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);
	change(t, eni, "{'SecondaryPrivateIpAddresses': []}");
	assert_null(GET(elastic_ip, t, eip)->network_interface_id);
	drop(t, eip);
	assert_non_null(model_eni_elastic_ip(txn_model(t), eni));
}

/* ---- tracking, internet hosts ---- */

static void tracking_time_outs_have_ranges(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const struct {
		const char *name;
		int good[2], bad[2];
	} v[] = {{"TcpEstablishedTimeout", {60, 432000}, {59, 432001}},
		 {"UdpTimeout", {30, 60}, {29, 61}},
		 {"UdpStreamTimeout", {60, 180}, {59, 181}}};
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *eni = GET(instance, t, i)->network_interface_id;

	for (size_t k = 0; k < ARRAY_SIZE(v); k++)
		for (size_t j = 0; j < 2; j++) {
			char field[96];

			snprintf(field, sizeof(field), "ConnectionTrackingSpecification/%s",
				 v[k].name);
			change(t, eni, "{'ConnectionTrackingSpecification': {'%s': %d}}", v[k].name,
			       v[k].good[j]);
			refuse_patch(t, eni, "InvalidParameterValue", field,
				     "{'ConnectionTrackingSpecification': {'%s': %d}}", v[k].name,
				     v[k].bad[j]);
		}
	assert_int_equal(GET(instance, t, i)->connection_tracking.udp_stream_timeout, 180);
}

static void internet_host_lies_in_no_vpc(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const bad[] = {"2001:db8:1000::9", "fd00::1", "fe80::1", "203.0.113.9"};

	six(t);
	make(t, KIND_INTERNET_HOST, "{'Ipv6Address': '2001:db8:80::80'}");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_make(t, KIND_INTERNET_HOST, "InvalidParameterValue", "Ipv6Address",
			    "{'Ipv6Address': '%s'}", bad[i]);
	refuse_make(t, KIND_INTERNET_HOST, "InvalidIPAddress.InUse", "Ipv6Address",
		    "{'Ipv6Address': '2001:db8:4000::9'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidIPAddress.InUse", "Ipv6Address",
		    "{'Ipv6Address': '2001:db8:80::80'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidIPAddress.InUse", "Ipv6Address",
		    "{'Ipv6Address': '2001:db8::53'}");
	refuse_make(t, KIND_VPC, "InvalidVpc.Range", "Ipv6CidrBlock",
		    "{'CidrBlock': '10.0.0.0/16', 'Ipv6CidrBlock': '2001:db8:80::/56'}");
}

/* ---- what IPv6 adds to defaults ---- */

static void default_acl_gets_101_unless_it_was_changed(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const struct network_acl *acl =
		model_subnet_network_acl(txn_model(t), GET(subnet, t, n.subnet));
	const struct network_acl_entry *v;
	char id[40];

	snprintf(id, sizeof(id), "%s", acl->o.id);
	change(t, id,
	       "{'Entries': [{'RuleNumber': 100, 'Protocol': '-1', 'CidrBlock': '0.0.0.0/0', "
	       "'RuleAction': 'allow', 'Egress': true}, {'RuleNumber': 100, 'Protocol': 'tcp', "
	       "'CidrBlock': '0.0.0.0/0', 'RuleAction': 'allow'}]}");
	change(t, n.vpc, "{'Ipv6CidrBlock': 'auto'}");
	acl = GET(network_acl, t, id);
	assert_int_equal(acl->entries.n, 3);
	v = (const struct network_acl_entry *)acl->entries.v + 2;
	assert_int_equal(v->rule_number, 101);
	assert_true(v->egress);
	assert_int_equal(v->ipv6_cidr_block.ip.family, AF_INET6);
	assert_int_equal(v->ipv6_cidr_block.len, 0);
}

static size_t egress_rules(struct txn *t, const char *group)
{
	size_t n = 0;

	model_for_each (o, txn_model(t), KIND_SECURITY_GROUP_RULE)
		n += AS_CONST(security_group_rule, o)->is_egress &&
		     !strcmp(AS_CONST(security_group_rule, o)->group_id, group);
	return n;
}

static void groups_let_ipv6_out_only_where_the_vpc_has_it(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *before =
		make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'before'}", n.vpc);
	const char *after;

	change(t, n.vpc, "{'Ipv6CidrBlock': 'auto'}");
	after = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'after'}", n.vpc);
	assert_int_equal(egress_rules(t, before), 1);
	assert_int_equal(egress_rules(t, after), 2);
	assert_int_equal(egress_rules(t, model_vpc_default_group(txn_model(t), n.vpc)->o.id), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(vpc_block_is_44_to_60_in_steps_of_four),
		env_test(vpc_blocks_never_overlap_one_another),
		env_test(auto_blocks_are_the_lowest_free_of_the_pool),
		env_test(block_goes_when_no_subnet_lies_in_it),
		env_test(subnet_block_is_44_to_64_within_its_vpcs),
		env_test(subnet_block_stays_while_addresses_are_in_use),
		env_test(first_four_and_last_are_reserved_of_ipv6_too),
		env_test(auto_addresses_are_the_lowest_free_and_stay),
		env_test(subnet_assigns_addresses_to_new_interfaces),
		env_test(assigning_needs_a_block),
		env_test(function_has_ipv6_when_allowed),
		env_test(instance_and_interface_agree_on_addresses),
		env_test(interface_has_fifty_addresses_at_most),
		env_test(elastic_ip_of_an_address_that_goes_is_free_again),
		env_test(tracking_time_outs_have_ranges),
		env_test(internet_host_lies_in_no_vpc),
		env_test(default_acl_gets_101_unless_it_was_changed),
		env_test(groups_let_ipv6_out_only_where_the_vpc_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
