/* SPDX-License-Identifier: MIT
 * Routes to all targets, local routes, gateway tables, prefix lists, and single entries. VPC User
 * Guide, VPC_Route_Tables.
 */
#include <sys/socket.h>

#include "kinds_env.h"
#include "lib/buf.h"
#include "model/entries.h"
#include "model/peering.h"

/* The VPC of net_make with IPv6, a firewall, an egress-only gateway, a NAT gateway, and a table. */
struct edge {
	struct net n;
	const char *fw, *eigw, *nat, *rtb;
};

static struct edge edge_make(struct txn *t)
{
	struct edge g = {.n = net_make(t)};

	change(t, g.n.vpc, "{'Ipv6CidrBlock': '2001:db8:4000::/56'}");
	change(t, g.n.subnet, "{'Ipv6CidrBlock': '2001:db8:4000:1::/64'}");
	g.fw = make(t, KIND_INSTANCE, "{'Name': 'fw', 'SubnetId': '%s'}", g.n.subnet);
	g.eigw = make(t, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "{'VpcId': '%s'}", g.n.vpc);
	g.nat = make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'ConnectivityType': 'private'}",
		     g.n.subnet);
	g.rtb = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", g.n.vpc);
	return g;
}

#define TO(destination, field, target) \
	"{'Routes': [{'" destination "', '" field "': '" target "'}]}"
#define V4(c) "DestinationCidrBlock': '" c
#define V6(c) "DestinationIpv6CidrBlock': '" c

/* The State of the route to a destination, as GET shows it; NULL: there is none. */
static const char *state_of(struct txn *t, const char *rtb, const char *destination)
{
	static char text[32];
	cleanup_json struct json *j = object_to_json(txn_model(t), model_get(txn_model(t), rtb));

	json_for_each (r, json_get(j, "Routes"))
		json_for_each (m, r)
			if (!strncmp(json_key(m), "Destination", 11) &&
			    !strcmp(json_str(m), destination)) {
				snprintf(text, sizeof(text), "%s", json_str(json_get(r, "State")));
				return text;
			}
	return NULL;
}

/* ---- targets ---- */

static void routes_of_both_families_have_all_targets(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.9.0.0/16'}");
	const char *pcx = make(t, KIND_VPC_PEERING_CONNECTION, "{'VpcId': '%s', 'PeerVpcId': '%s'}",
			       g.n.vpc, other);
	struct err e;

	change(t, g.rtb,
	       "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': '%s'}, "
	       "{'DestinationIpv6CidrBlock': '::/0', 'EgressOnlyInternetGatewayId': '%s'}, "
	       "{'DestinationCidrBlock': '10.9.0.0/16', 'VpcPeeringConnectionId': '%s'}, "
	       "{'DestinationCidrBlock': '192.0.2.0/24', 'NatGatewayId': '%s'}, "
	       "{'DestinationIpv6CidrBlock': '64:ff9b::/96', 'NatGatewayId': '%s'}, "
	       "{'DestinationIpv6CidrBlock': '2001:db8:9::/48', 'InstanceId': '%s'}]}",
	       g.n.igw, g.eigw, pcx, g.nat, g.nat, g.fw);
	assert_string_equal(state_of(t, g.rtb, "10.0.0.0/16"), "active");
	assert_string_equal(state_of(t, g.rtb, "2001:db8:4000::/56"), "active");
	assert_string_equal(state_of(t, g.rtb, "::/0"), "active");
	assert_string_equal(state_of(t, g.rtb, "2001:db8:9::/48"), "active");
	assert_string_equal(state_of(t, g.rtb, "10.9.0.0/16"), "blackhole"); /* pending */
	assert_int_equal(peering_accept(t, pcx, &e), 0);
	assert_string_equal(state_of(t, g.rtb, "10.9.0.0/16"), "active");
	drop(t, pcx);
	assert_string_equal(state_of(t, g.rtb, "10.9.0.0/16"), "blackhole");
	drop(t, g.eigw);
	assert_string_equal(state_of(t, g.rtb, "::/0"), "blackhole");
	change(t, g.n.igw, "{'VpcId': null}");
	assert_string_equal(state_of(t, g.rtb, "0.0.0.0/0"), "blackhole");
	drop(t, g.fw);
	assert_string_equal(state_of(t, g.rtb, "2001:db8:9::/48"), "blackhole");
}

static void targets_carry_their_family_only(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("0.0.0.0/0"), "EgressOnlyInternetGatewayId", "%s"), g.eigw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("::/0"), "NatGatewayId", "%s"), g.nat);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("::/0"), "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("0.0.0.0/0"), "GatewayId", "%s"), g.n.igw);
}

static void route_has_one_destination_and_one_target(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	refuse_patch(t, g.rtb, "MissingParameter", "Routes/0", "{'Routes': [{'GatewayId': '%s'}]}",
		     g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterCombination", "Routes/0",
		     "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0'}]}");
	refuse_patch(t, g.rtb, "InvalidParameterCombination", "Routes/0/DestinationIpv6CidrBlock",
		     "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
		     "'DestinationIpv6CidrBlock': '::/0', 'GatewayId': '%s'}]}",
		     g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterCombination", "Routes/0/GatewayId",
		     "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', 'LocalTarget': true, "
		     "'GatewayId': '%s'}]}",
		     g.n.igw);
	refuse_patch(t, g.rtb, "RouteAlreadyExists", "Routes/1",
		     "{'Routes': [{'DestinationIpv6CidrBlock': '::/0', 'GatewayId': '%s'}, "
		     "{'DestinationIpv6CidrBlock': '::/0', 'InstanceId': '%s'}]}",
		     g.n.igw, g.fw);
}

static void host_bits_of_a_destination_are_cleared(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	change(t, g.rtb, TO(V4("192.0.2.9/24"), "GatewayId", "%s"), g.n.igw);
	assert_string_equal(state_of(t, g.rtb, "192.0.2.0/24"), "active");
}

static void reserved_destinations_are_refused_and_wider_ones_are_not(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	static const char *const bad4[] = {"169.254.168.0/22", "169.254.169.254/32",
					   "169.254.171.0/24"};

	for (size_t i = 0; i < ARRAY_SIZE(bad4); i++)
		refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
			     TO(V4("%s"), "GatewayId", "%s"), bad4[i], g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("fd00:ec2::/32"), "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("fd00:ec2::253/128"), "GatewayId", "%s"), g.n.igw);
	change(t, g.rtb, TO(V4("169.254.0.0/16"), "GatewayId", "%s"), g.n.igw);
	change(t, g.rtb, TO(V6("fd00::/8"), "GatewayId", "%s"), g.n.igw);
}

/* ---- local ---- */

static void local_route_is_retargeted_and_restored(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	change(t, g.rtb, TO(V4("10.0.0.0/16"), "InstanceId", "%s"), g.fw);
	change(t, g.rtb, TO(V6("2001:db8:4000::/56"), "NetworkInterfaceId", "%s"),
	       GET(instance, t, g.fw)->network_interface_id);
	change(t, g.rtb, TO(V4("10.0.0.0/16"), "NatGatewayId", "%s"), g.nat);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("10.0.0.0/16"), "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("2001:db8:4000::/56"), "EgressOnlyInternetGatewayId", "%s"), g.eigw);
	change(t, g.rtb,
	       "{'Routes': [{'DestinationCidrBlock': '10.0.0.0/16', 'LocalTarget': true}]}");
	assert_int_equal(GET(route_table, t, g.rtb)->routes.n, 0); /* implied */
	assert_string_equal(state_of(t, g.rtb, "10.0.0.0/16"), "active");
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [{'DestinationCidrBlock': '10.1.0.0/16', 'LocalTarget': true}]}");
}

static void more_specific_than_local_is_a_whole_subnet(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	change(t, g.rtb, TO(V4("10.0.1.0/24"), "InstanceId", "%s"), g.fw);
	change(t, g.rtb, TO(V6("2001:db8:4000:1::/64"), "InstanceId", "%s"), g.fw);
	change(t, g.rtb, TO(V4("10.0.1.0/24"), "NatGatewayId", "%s"), g.nat);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("10.0.1.0/25"), "InstanceId", "%s"), g.fw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V6("2001:db8:4000:2::/64"), "InstanceId", "%s"), g.fw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("10.0.1.0/24"), "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     "{'Routes': [{'DestinationCidrBlock': '10.0.1.0/24', 'LocalTarget': true}]}");
}

static void what_was_read_may_be_written_back(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	cleanup_json struct json *read = NULL, *patch = json_new_obj();
	struct err e;

	change(t, g.rtb, TO(V4("0.0.0.0/0"), "GatewayId", "%s"), g.n.igw);
	read = object_to_json(txn_model(t), model_get(txn_model(t), g.rtb));
	assert_int_equal(json_len(json_get(read, "Routes")), 3); /* local ones too */
	json_set(patch, "Routes", json_detach(read, "Routes"));
	if (txn_update(t, g.rtb, patch, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(GET(route_table, t, g.rtb)->routes.n, 1);
}

/* ---- gateway tables ---- */

static void gateway_table_routes_the_vpcs_ranges_to_interfaces(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	change(t, g.rtb, "{'GatewayId': '%s'}", g.n.igw);
	assert_ptr_equal(model_gateway_route_table(txn_model(t), g.n.igw),
			 GET(route_table, t, g.rtb));
	change(t, g.rtb, TO(V4("10.0.1.0/24"), "InstanceId", "%s"), g.fw);
	change(t, g.rtb, TO(V4("10.0.0.0/16"), "InstanceId", "%s"), g.fw);
	change(t, g.rtb,
	       "{'Routes': [{'DestinationCidrBlock': '10.0.1.0/24', 'LocalTarget': true}]}");
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("0.0.0.0/0"), "InstanceId", "%s"), g.fw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("10.0.1.0/24"), "NatGatewayId", "%s"), g.nat);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO(V4("10.0.2.0/24"), "InstanceId", "%s"), g.fw);
	make(t, KIND_PREFIX_LIST, "{'Name': 'pl', 'Entries': [{'Cidr': '10.0.1.0/24'}]}");
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0",
		     TO("DestinationPrefixListId': 'pl", "InstanceId", "%s"), g.fw);
}

static void table_becomes_a_gateways_only_if_its_routes_fit(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	change(t, g.rtb, TO(V4("0.0.0.0/0"), "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "InvalidParameterValue", "Routes/0", "{'GatewayId': '%s'}", g.n.igw);
}

static void gateway_table_serves_no_subnet_and_is_never_main(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	const char *main_id =
		model_subnet_route_table(txn_model(t), GET(subnet, t, g.n.subnet))->o.id;
	const char *second = make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s'}", g.n.vpc);
	const char *loose = make(t, KIND_INTERNET_GATEWAY, "{}");

	refuse_patch(t, main_id, "InvalidParameterValue", "GatewayId", "{'GatewayId': '%s'}",
		     g.n.igw);
	change(t, g.n.subnet, "{'RouteTableId': '%s'}", g.rtb);
	refuse_patch(t, g.rtb, "Resource.AlreadyAssociated", "GatewayId", "{'GatewayId': '%s'}",
		     g.n.igw);
	change(t, g.n.subnet, "{'RouteTableId': null}");
	change(t, g.rtb, "{'GatewayId': '%s'}", g.n.igw);
	refuse_patch(t, g.n.subnet, "Resource.AlreadyAssociated", "RouteTableId",
		     "{'RouteTableId': '%s'}", g.rtb);
	refuse_patch(t, second, "Resource.AlreadyAssociated", "GatewayId", "{'GatewayId': '%s'}",
		     g.n.igw);
	refuse_patch(t, second, "Gateway.NotAttached", "GatewayId", "{'GatewayId': '%s'}", loose);
	refuse_delete(t, g.rtb, "DependencyViolation");
	drop(t, g.n.igw); /* the association goes with the gateway */
	assert_null(GET(route_table, t, g.rtb)->gateway_id);
	drop(t, g.rtb);
}

/* ---- prefix lists and quotas ---- */

static void prefix_list_holds_one_family_up_to_its_size(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *pl =
		make(t, KIND_PREFIX_LIST,
		     "{'Name': 'pl', 'Entries': [{'Cidr': '10.0.0.9/8'}], 'MaxEntries': 2}");

#define ENTRY(c) "{'Cidr': '" c "'}"
	assert_string_equal(printed(t, pl, "PrefixListName"), "pl");
	refuse_patch(t, pl, "InvalidParameterValue", "Entries/0/Cidr",
		     "{'Entries': [" ENTRY("::/0") "]}");
	refuse_patch(t, pl, "InvalidParameterValue", "Entries/1/Cidr",
		     "{'Entries': [" ENTRY("10.0.0.0/8") ", " ENTRY("10.1.0.0/8") "]}");
	refuse_patch(t, pl, "InvalidParameterValue", "Entries",
		     "{'Entries': [" ENTRY("10.0.0.0/8") ", " ENTRY("11.0.0.0/8") ", " ENTRY(
			     "12.0.0.0/8") "]}");
	refuse_patch(t, pl, "InvalidParameterValue", "MaxEntries", "{'MaxEntries': 1001}");
	make(t, KIND_PREFIX_LIST, "{'AddressFamily': 'IPv6', 'Entries': [" ENTRY("::/0") "]}");
}

static void prefix_list_counts_with_its_size_and_stays_while_used(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	const char *pl = make(t, KIND_PREFIX_LIST, "{'Name': 'pl', 'MaxEntries': 50}");
	const char *sg = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'g'}", g.n.vpc);

	change(t, g.rtb, TO("DestinationPrefixListId': 'pl", "GatewayId", "%s"), g.n.igw);
	refuse_patch(t, g.rtb, "RouteLimitExceeded", "Routes",
		     "{'Routes': [{'DestinationPrefixListId': 'pl', 'GatewayId': '%s'}, "
		     "{'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': '%s'}]}",
		     g.n.igw, g.n.igw);
	change(t, g.rtb,
	       "{'Routes': [{'DestinationPrefixListId': 'pl', 'GatewayId': '%s'}, "
	       "{'DestinationIpv6CidrBlock': '::/0', 'GatewayId': '%s'}]}",
	       g.n.igw, g.n.igw);
	refuse_patch(t, pl, "RouteLimitExceeded", "MaxEntries", "{'MaxEntries': 51}");
	refuse_delete(t, pl, "DependencyViolation");
	change(t, g.rtb, "{'Routes': []}");
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IpProtocol': 'tcp', 'PrefixListId': 'pl'}", sg);
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "RulesPerSecurityGroupLimitExceeded", "GroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'udp', 'PrefixListId': 'pl'}", sg);
	refuse_patch(t, pl, "RulesPerSecurityGroupLimitExceeded", "MaxEntries",
		     "{'MaxEntries': 61}");
	change(t, pl, "{'MaxEntries': 60}");
	refuse_make(t, KIND_SECURITY_GROUP_RULE, "RulesPerSecurityGroupLimitExceeded", "GroupId",
		    "{'GroupId': '%s', 'IpProtocol': 'udp', 'ReferencedGroupId': '%s'}", sg, sg);
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IpProtocol': 'udp', 'CidrIpv6': '::/0'}", sg);
	refuse_delete(t, pl, "DependencyViolation");
}

static void a_family_has_fifty_routes(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	cleanup_buf struct buf b = {0};

	for (int i = 0; i < 50; i++)
		buf_printf(&b,
			   "%s{'DestinationCidrBlock': '192.168.%d.0/24', 'GatewayId': '%s'}, "
			   "{'DestinationIpv6CidrBlock': '2001:db8:%d::/48', 'GatewayId': '%s'}",
			   i ? ", " : "", i, g.n.igw, i, g.n.igw);
	change(t, g.rtb, "{'Routes': [%s]}", buf_str(&b));
	refuse_patch(t, g.rtb, "RouteLimitExceeded", "Routes",
		     "{'Routes': [%s, {'DestinationIpv6CidrBlock': '::/0', 'GatewayId': '%s'}]}",
		     buf_str(&b), g.n.igw);
}

/* ---- one at a time ---- */

static void routes_change_one_at_a_time(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);
	const struct model *m = txn_model(t);
	cleanup_json struct json *by_igw = NULL, *by_fw = NULL, *local = NULL;
	struct err e;

	assert_int_equal(route_parse(m, g.n.vpc, "0.0.0.0/0", g.n.igw, &by_igw, &e), 0);
	assert_int_equal(route_parse(m, g.n.vpc, "0.0.0.0/0", "fw", &by_fw, &e), 0);
	assert_int_equal(route_parse(m, g.n.vpc, "10.0.0.0/16", "local", &local, &e), 0);
	assert_refused(route_put(t, g.rtb, by_igw, true, &e), &e, "InvalidRoute.NotFound", "");
	assert_int_equal(route_put(t, g.rtb, by_igw, false, &e), 0);
	assert_refused(route_put(t, g.rtb, by_fw, false, &e), &e, "RouteAlreadyExists", "");
	assert_int_equal(route_put(t, g.rtb, by_fw, true, &e), 0);
	assert_refused(route_put(t, g.rtb, local, false, &e), &e, "RouteAlreadyExists", "");
	assert_int_equal(route_put(t, g.rtb, local, true, &e), 0);
	assert_refused(route_remove(t, g.rtb, "10.0.0.0/16", &e), &e, "InvalidParameterValue", "");
	assert_refused(route_remove(t, g.rtb, "10.9.0.0/16", &e), &e, "InvalidRoute.NotFound", "");
	assert_int_equal(route_remove(t, g.rtb, "0.0.0.0/0", &e), 0);
	assert_int_equal(GET(route_table, t, g.rtb)->routes.n, 0);
	assert_int_not_equal(route_parse(m, g.n.vpc, "0.0.0.0/0", "nobody", &local, &e), 0);
}

static void acl_entries_change_one_at_a_time(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *acl = make(t, KIND_NETWORK_ACL, "{'VpcId': '%s'}", n.vpc);
	cleanup_json struct json *allow = parse("{\"RuleNumber\": 7, \"Protocol\": \"tcp\", "
						"\"CidrBlock\": \"10.0.0.9/8\", \"RuleAction\": "
						"\"allow\"}");
	cleanup_json struct json *deny = parse("{\"RuleNumber\": 7, \"Protocol\": \"-1\", "
					       "\"Ipv6CidrBlock\": \"::/0\", \"RuleAction\": "
					       "\"deny\"}");
	const struct network_acl_entry *v;
	struct err e;

	assert_refused(acl_entry_put(t, acl, allow, true, &e), &e,
		       "InvalidNetworkAclEntry.NotFound", "");
	assert_int_equal(acl_entry_put(t, acl, allow, false, &e), 0);
	assert_refused(acl_entry_put(t, acl, deny, false, &e), &e, "NetworkAclEntryAlreadyExists",
		       "RuleNumber");
	assert_int_equal(acl_entry_put(t, acl, deny, true, &e), 0);
	v = GET(network_acl, t, acl)->entries.v;
	assert_int_equal(GET(network_acl, t, acl)->entries.n, 1);
	assert_int_equal(v->rule_action, ACL_DENY);
	assert_refused(acl_entry_remove(t, acl, 7, true, &e), &e, "InvalidNetworkAclEntry.NotFound",
		       "");
	assert_int_equal(acl_entry_remove(t, acl, 7, false, &e), 0);
	assert_int_equal(GET(network_acl, t, acl)->entries.n, 0);
}

static void second_egress_only_gateway_of_a_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct edge g = edge_make(t);

	refuse_make(t, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "Resource.AlreadyAssociated", "VpcId",
		    "{'VpcId': '%s'}", g.n.vpc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(routes_of_both_families_have_all_targets),
		env_test(targets_carry_their_family_only),
		env_test(route_has_one_destination_and_one_target),
		env_test(host_bits_of_a_destination_are_cleared),
		env_test(reserved_destinations_are_refused_and_wider_ones_are_not),
		env_test(local_route_is_retargeted_and_restored),
		env_test(more_specific_than_local_is_a_whole_subnet),
		env_test(what_was_read_may_be_written_back),
		env_test(gateway_table_routes_the_vpcs_ranges_to_interfaces),
		env_test(table_becomes_a_gateways_only_if_its_routes_fit),
		env_test(gateway_table_serves_no_subnet_and_is_never_main),
		env_test(prefix_list_holds_one_family_up_to_its_size),
		env_test(prefix_list_counts_with_its_size_and_stays_while_used),
		env_test(a_family_has_fifty_routes),
		env_test(routes_change_one_at_a_time),
		env_test(acl_entries_change_one_at_a_time),
		env_test(second_egress_only_gateway_of_a_vpc_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
