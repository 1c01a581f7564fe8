/* SPDX-License-Identifier: MIT
 * What the plan makes of single situations: routes of all kinds and their precedence, peering,
 * addresses of both families, ACLs that allow everything, prefix lists in rules.
 */

#include "bpf/abi.h"
#include "plan_env.h"

static void create(struct fixture *f, enum kind_id kind, const char *spec)
{
	cleanup_json struct json *j = spec_of(spec);
	struct txn *t = txn_begin(f->store);
	struct err e = {0};

	if (txn_create(t, kinds[kind], j, NULL, NULL, &e) || txn_commit(t, NULL, &e))
		fail_msg("%s: %s", spec, e.msg);
}

/* The id of an object by its name. */
static const char *id(struct fixture *f, enum kind_id kind, const char *name)
{
	const struct object *o;
	struct err e;

	if (model_resolve(store_model(f->store), kind, name, NULL, &o, &e))
		fail_msg("%s", e.msg);
	return o->id;
}

static void patch(struct fixture *f, enum kind_id kind, const char *name, const char *spec)
{
	cleanup_json struct json *j = spec_of(spec);
	struct txn *t = txn_begin(f->store);
	struct err e = {0};

	if (txn_update(t, id(f, kind, name), j, &e) || txn_commit(t, NULL, &e))
		fail_msg("%s: %s", spec, e.msg);
}

/* A VPC with a subnet of each family, an instance in it, and a table that the subnet uses. */
static int setup(void **state)
{
	struct fixture *f = fixture_new();

	create(f, KIND_VPC,
	       "{'Name': 'v', 'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': ['10.8.0.0/16'],"
	       " 'Ipv6CidrBlock': '2001:db8:1000::/56'}");
	create(f, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'v'}");
	create(f, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "{'Name': 'eigw', 'VpcId': 'v'}");
	create(f, KIND_ROUTE_TABLE, "{'Name': 't', 'VpcId': 'v'}");
	create(f, KIND_SUBNET,
	       "{'Name': 's', 'VpcId': 'v', 'CidrBlock': '10.0.1.0/24', 'RouteTableId': 't',"
	       " 'Ipv6CidrBlock': '2001:db8:1000:1::/64'}");
	create(f, KIND_INSTANCE,
	       "{'Name': 'i', 'SubnetId': 's', 'PrivateIpAddress': '10.0.1.10',"
	       " 'SecondaryPrivateIpAddresses': ['10.0.1.11'],"
	       " 'Ipv6Addresses': ['2001:db8:1000:1::10', '2001:db8:1000:1::11']}");
	*state = f;
	return 0;
}

static const void *item(struct fixture *f, enum item_type type, const char *scope, const char *key)
{
	char text[160];
	const struct item *it;

	snprintf(text, sizeof(text), "%s%s%s", scope, *key ? " " : "", key);
	it = plan_get(f->plan, type, text);
	return it ? it->body : NULL;
}

static uint32_t target(struct fixture *f, const char *table, const char *destination)
{
	const struct item_route *r =
		item(f, ITEM_ROUTE, id(f, KIND_ROUTE_TABLE, table), destination);

	assert_non_null(r);
	return r->target;
}

static const char *eni(struct fixture *f)
{
	const struct object *o = model_get(store_model(f->store), id(f, KIND_INSTANCE, "i"));

	return AS_CONST(instance, o)->network_interface_id;
}

static void every_block_is_local_in_tables_and_in_the_vpcs_own(void **state)
{
	static const char *const blocks[] = {"10.0.0.0/16", "10.8.0.0/16", "2001:db8:1000::/56"};
	struct fixture *f = *state;
	const struct item_vpc *v = item(f, ITEM_VPC, id(f, KIND_VPC, "v"), "");

	for (size_t i = 0; i < 3; i++) {
		const struct item_route *r = item(f, ITEM_ROUTE, v->local_table, blocks[i]);

		assert_int_equal(target(f, "t", blocks[i]), TARGET_LOCAL);
		assert_non_null(r);
		assert_int_equal(r->target, TARGET_LOCAL);
	}
	assert_string_equal(symbol_object(v->local_table), id(f, KIND_VPC, "v"));
}

static void each_target_has_its_route_and_a_missing_one_is_a_blackhole(void **state)
{
	struct fixture *f = *state;

	patch(f, KIND_ROUTE_TABLE, "t",
	      "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': 'igw'},"
	      " {'DestinationIpv6CidrBlock': '::/0', 'EgressOnlyInternetGatewayId': 'eigw'},"
	      " {'DestinationCidrBlock': '10.0.1.0/24', 'InstanceId': 'i'}]}");
	assert_int_equal(target(f, "t", "0.0.0.0/0"), TARGET_INTERNET_GATEWAY);
	assert_int_equal(target(f, "t", "::/0"), TARGET_EGRESS_ONLY);
	assert_int_equal(target(f, "t", "10.0.1.0/24"), TARGET_ENI);
	patch(f, KIND_INTERNET_GATEWAY, "igw", "{'VpcId': null}");
	assert_int_equal(target(f, "t", "0.0.0.0/0"), TARGET_BLACKHOLE);
}

static void the_local_route_is_retargeted_and_restored(void **state)
{
	struct fixture *f = *state;

	patch(f, KIND_ROUTE_TABLE, "t",
	      "{'Routes': [{'DestinationCidrBlock': '10.0.0.0/16', 'InstanceId': 'i'}]}");
	assert_int_equal(target(f, "t", "10.0.0.0/16"), TARGET_ENI);
	assert_int_equal(target(f, "t", "10.8.0.0/16"), TARGET_LOCAL);
	patch(f, KIND_ROUTE_TABLE, "t",
	      "{'Routes': [{'DestinationCidrBlock': '10.0.0.0/16', 'LocalTarget': true}]}");
	assert_int_equal(target(f, "t", "10.0.0.0/16"), TARGET_LOCAL);
}

static void a_static_route_wins_over_a_prefix_lists(void **state)
{
	struct fixture *f = *state;

	create(f, KIND_PREFIX_LIST,
	       "{'Name': 'pl', 'Entries': [{'Cidr': '192.0.2.0/24'}, {'Cidr': '198.18.0.0/15'}]}");
	patch(f, KIND_ROUTE_TABLE, "t",
	      "{'Routes': [{'DestinationPrefixListId': 'pl', 'InstanceId': 'i'},"
	      " {'DestinationCidrBlock': '192.0.2.0/24', 'GatewayId': 'igw'}]}");
	assert_int_equal(target(f, "t", "192.0.2.0/24"), TARGET_INTERNET_GATEWAY);
	assert_int_equal(target(f, "t", "198.18.0.0/15"), TARGET_ENI);
	patch(f, KIND_PREFIX_LIST, "pl", "{'Entries': [{'Cidr': '192.0.2.0/24'}]}");
	assert_null(item(f, ITEM_ROUTE, id(f, KIND_ROUTE_TABLE, "t"), "198.18.0.0/15"));
}

static void only_an_active_peering_is_a_target(void **state)
{
	struct fixture *f = *state;
	const struct item_route *r;

	create(f, KIND_VPC, "{'Name': 'w', 'CidrBlock': '10.20.0.0/16'}");
	create(f, KIND_VPC_PEERING_CONNECTION, "{'Name': 'p', 'VpcId': 'v', 'PeerVpcId': 'w'}");
	patch(f, KIND_ROUTE_TABLE, "t",
	      "{'Routes': [{'DestinationCidrBlock': '10.20.0.0/16',"
	      " 'VpcPeeringConnectionId': 'p'}]}");
	assert_int_equal(target(f, "t", "10.20.0.0/16"), TARGET_BLACKHOLE);
	patch(f, KIND_VPC_PEERING_CONNECTION, "p", "{'Accept': true}");
	assert_int_equal(target(f, "t", "10.20.0.0/16"), TARGET_PEERING);
	r = item(f, ITEM_ROUTE, id(f, KIND_ROUTE_TABLE, "t"), "10.20.0.0/16");
	assert_string_equal(r->id, id(f, KIND_VPC, "w"));
}

static void a_gateways_table_leads_to_interfaces_with_a_public_address(void **state)
{
	struct fixture *f = *state;
	const struct item_gateway *gw;
	char spec[200];

	create(f, KIND_ROUTE_TABLE,
	       "{'Name': 'edge', 'VpcId': 'v', 'GatewayId': 'igw', 'Routes':"
	       " [{'DestinationCidrBlock': '10.0.1.0/24', 'InstanceId': 'i'}]}");
	gw = item(f, ITEM_GATEWAY, id(f, KIND_INTERNET_GATEWAY, "igw"), "");
	assert_string_equal(gw->route_table, id(f, KIND_ROUTE_TABLE, "edge"));
	assert_int_equal(target(f, "edge", "10.0.1.0/24"), TARGET_ENI_PRIVATE);
	snprintf(spec, sizeof(spec), "{'Name': 'eip', 'NetworkInterfaceId': '%s'}", eni(f));
	create(f, KIND_ELASTIC_IP, spec);
	assert_int_equal(target(f, "edge", "10.0.1.0/24"), TARGET_ENI);
	patch(f, KIND_ROUTE_TABLE, "edge", "{'GatewayId': null}");
	gw = item(f, ITEM_GATEWAY, id(f, KIND_INTERNET_GATEWAY, "igw"), "");
	snprintf(spec, sizeof(spec), SYMBOL_LOCAL_TABLE "%s", id(f, KIND_VPC, "v"));
	assert_string_equal(gw->route_table, spec);
}

static void an_interface_holds_all_of_its_addresses(void **state)
{
	static const char *const addresses[] = {"10.0.1.10", "10.0.1.11", "2001:db8:1000:1::10",
						"2001:db8:1000:1::11"};
	struct fixture *f = *state;
	const struct item_attachment *at = item(f, ITEM_ATTACHMENT, eni(f), "");
	const struct item_address *a;

	for (size_t i = 0; i < 4; i++) {
		a = item(f, ITEM_ADDRESS, id(f, KIND_VPC, "v"), addresses[i]);
		assert_non_null(a);
		assert_string_equal(a->holder, eni(f));
		assert_int_equal(a->kind, ADDR_ENI);
	}
	assert_int_equal(at->n_more, 3);
	assert_int_equal(at->more[0].len, 32);
	assert_int_equal(at->more[1].len, 64);
	a = item(f, ITEM_ADDRESS, SYMBOL_INTERNET, "2001:db8:1000:1::10");
	assert_int_equal(a->kind, ADDR_PUBLIC);
	assert_string_equal(a->gateway, id(f, KIND_INTERNET_GATEWAY, "igw"));
	assert_string_equal(a->egress_gateway, id(f, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "eigw"));
	assert_null(item(f, ITEM_ADDRESS, SYMBOL_INTERNET, "10.0.1.11"));
}

static const char *acl_of_subnet(struct fixture *f)
{
	const struct item_subnet *s = item(f, ITEM_SUBNET, id(f, KIND_SUBNET, "s"), "");

	return s->acl;
}

static void an_acl_that_allows_both_families_costs_nothing(void **state)
{
#define ENTRY(n, egress, block, action)                                         \
	"{'RuleNumber': " #n ", 'Egress': " egress ", 'Protocol': '-1', " block \
	", 'RuleAction': '" action "'}"
	struct fixture *f = *state;

	assert_string_equal(acl_of_subnet(f), ""); /* the default one */
	create(f, KIND_NETWORK_ACL, "{'Name': 'a', 'VpcId': 'v'}");
	patch(f, KIND_SUBNET, "s", "{'NetworkAclId': 'a'}");
	assert_string_equal(acl_of_subnet(f), id(f, KIND_NETWORK_ACL, "a"));
	patch(f, KIND_NETWORK_ACL, "a",
	      "{'Entries': [" ENTRY(1, "true", "'CidrBlock': '0.0.0.0/0'", "allow") "," ENTRY(
		      1, "false", "'CidrBlock': '0.0.0.0/0'", "allow") "]}");
	assert_string_equal(acl_of_subnet(f), id(f, KIND_NETWORK_ACL, "a")); /* IPv6: denied */
	patch(f, KIND_NETWORK_ACL, "a",
	      "{'Entries': [" ENTRY(1, "true", "'CidrBlock': '0.0.0.0/0'", "allow") "," ENTRY(
		      1, "false", "'CidrBlock': '0.0.0.0/0'",
		      "allow") "," ENTRY(2, "true", "'Ipv6CidrBlock': '::/0'",
					 "allow") "," ENTRY(2, "false", "'Ipv6CidrBlock': '::/0'",
							    "allow") "]}");
	assert_string_equal(acl_of_subnet(f), "");
#undef ENTRY
}

static void a_prefix_list_in_a_rule_is_a_rule_for_each_entry(void **state)
{
	struct fixture *f = *state;
	const struct item_eni *en;
	const struct item_rules *rules;

	create(f, KIND_PREFIX_LIST,
	       "{'Name': 'pl', 'Entries': [{'Cidr': '192.0.2.0/24'}, {'Cidr': '198.18.0.0/15'}]}");
	create(f, KIND_SECURITY_GROUP, "{'VpcId': 'v', 'GroupName': 'g', 'Name': 'g'}");
	create(f, KIND_SECURITY_GROUP_RULE,
	       "{'GroupId': 'g', 'IpProtocol': 'tcp', 'FromPort': 1, 'ToPort': 2,"
	       " 'PrefixListId': 'pl'}");
	patch(f, KIND_INSTANCE, "i", "{'SecurityGroupIds': ['g']}");
	en = item(f, ITEM_ENI, eni(f), "");
	rules = item(f, ITEM_GROUPS, en->groups, "");
	assert_int_equal(rules->n_in, 2);
	assert_string_equal(rules->rules[0].id, rules->rules[1].id);
	assert_int_equal(rules->rules[0].cidr.len + rules->rules[1].cidr.len, 24 + 15);
	assert_int_equal(rules->n_out, 2); /* 0.0.0.0/0 and, since the VPC has IPv6, ::/0 */
	patch(f, KIND_PREFIX_LIST, "pl", "{'Entries': []}");
	rules = item(f, ITEM_GROUPS, en->groups, "");
	assert_int_equal(rules->n_in, 0);
}

static uint32_t internet_target(struct fixture *f, const char *destination)
{
	const struct item_route *r = item(f, ITEM_ROUTE, SYMBOL_INTERNET, destination);

	return r ? r->target : UINT32_MAX;
}

static void with_an_uplink(struct fixture *f, const char *allowed)
{
	struct plan_uplink u = {.link = "vpcd-x", .mtu = 1400, .n_pools = 1};

	cidr_parse("198.51.100.0/24", &u.pools[0]);
	if (allowed)
		cidr_parse(allowed, &u.allowed[u.n_allowed++]);
	plan_set_uplink(f->plan, &u);
	plan_full(f->plan, store_model(f->store));
}

static void an_uplink_is_the_internets_default_route(void **state)
{
	struct fixture *f = *state;
	const struct item_attachment *at;

	assert_int_equal(internet_target(f, "0.0.0.0/0"), TARGET_LOCAL);
	assert_null(item(f, ITEM_ATTACHMENT, SYMBOL_UPLINK, ""));
	with_an_uplink(f, NULL);
	assert_int_equal(internet_target(f, "0.0.0.0/0"), TARGET_ENI);
	assert_int_equal(internet_target(f, "::/0"), TARGET_LOCAL);
	assert_int_equal(internet_target(f, "198.51.100.0/24"), TARGET_LOCAL);
	assert_int_equal(internet_target(f, "203.0.113.0/24"), TARGET_LOCAL);
	assert_int_equal(internet_target(f, "192.168.0.0/16"), TARGET_LOCAL);
	assert_int_equal(internet_target(f, "169.254.0.0/16"), TARGET_LOCAL);
	at = item(f, ITEM_ATTACHMENT, SYMBOL_UPLINK, "");
	assert_true(at->uplink);
	assert_int_equal(at->mtu, 1400);
	assert_int_equal(at->n_routes, 1);
	assert_int_equal(at->more[at->n_more].len, 24);
	/* The resolver asks from an address that leads back to this instance. */
	assert_non_null(item(f, ITEM_ADDRESS, SYMBOL_INTERNET, "198.51.100.0"));
}

static void an_uplink_may_lead_to_some_addresses_alone(void **state)
{
	struct fixture *f = *state;

	with_an_uplink(f, "192.0.2.0/24");
	assert_int_equal(internet_target(f, "0.0.0.0/0"), TARGET_LOCAL);
	assert_int_equal(internet_target(f, "192.0.2.0/24"), TARGET_ENI);
}

#define ITEMS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ITEMS_TEST(every_block_is_local_in_tables_and_in_the_vpcs_own),
		ITEMS_TEST(each_target_has_its_route_and_a_missing_one_is_a_blackhole),
		ITEMS_TEST(the_local_route_is_retargeted_and_restored),
		ITEMS_TEST(a_static_route_wins_over_a_prefix_lists),
		ITEMS_TEST(only_an_active_peering_is_a_target),
		ITEMS_TEST(a_gateways_table_leads_to_interfaces_with_a_public_address),
		ITEMS_TEST(an_interface_holds_all_of_its_addresses),
		ITEMS_TEST(an_acl_that_allows_both_families_costs_nothing),
		ITEMS_TEST(an_uplink_is_the_internets_default_route),
		ITEMS_TEST(an_uplink_may_lead_to_some_addresses_alone),
		ITEMS_TEST(a_prefix_list_in_a_rule_is_a_rule_for_each_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
