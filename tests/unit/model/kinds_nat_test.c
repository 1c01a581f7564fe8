/* SPDX-License-Identifier: MIT
 * The addresses of NAT gateways, and elastic IPs of secondary private addresses.
 */
#include <time.h>

#include "kinds_env.h"
#include "model/age.h"

static const struct network_interface *eni_of(struct txn *t, const char *nat)
{
	return GET(network_interface, t, GET(nat_gateway, t, nat)->network_interface_id);
}

static const struct ip *secondary(struct txn *t, const char *nat, size_t i)
{
	const struct list *l = &eni_of(t, nat)->secondary_private_ip_addresses;

	assert_true(i < l->n);
	return (const struct ip *)l->v + i;
}

static size_t n_secondary(struct txn *t, const char *nat)
{
	return eni_of(t, nat)->secondary_private_ip_addresses.n;
}

static void secondary_elastic_ips_get_addresses_of_the_subnet(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *a = make(t, KIND_ELASTIC_IP, "{}"), *b = make(t, KIND_ELASTIC_IP, "{}");
	const char *c = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'AllocationId': '%s', "
			       "'SecondaryAllocationIds': ['%s', '%s']}",
			       n.subnet, a, b, c);
	cleanup_json struct json *j = object_to_json(txn_model(t), model_get(txn_model(t), nat));
	const struct json *all = json_get(j, "NatGatewayAddresses");

	assert_int_equal(json_len(all), 3);
	assert_true(json_bool(json_get(json_at(all, 0), "IsPrimary")));
	assert_string_equal(json_str(json_get(json_at(all, 0), "AllocationId")), a);
	assert_false(json_bool(json_get(json_at(all, 2), "IsPrimary")));
	assert_string_equal(json_str(json_get(json_at(all, 2), "AllocationId")), c);
	assert_string_equal(json_str(json_get(json_at(all, 2), "PrivateIp")), "10.0.1.6");
	assert_string_equal(json_str(json_get(json_at(all, 2), "PublicIp")), "198.51.100.3");
	assert_ip(&GET(elastic_ip, t, b)->private_ip, "10.0.1.5");
	/* Nobody else gets them. */
	refuse_make(t, KIND_NETWORK_INTERFACE, "InvalidIPAddress.InUse", "PrivateIpAddress",
		    "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.6'}", n.subnet);
	refuse_patch(t, c, "Resource.AlreadyAssociated", "NetworkInterfaceId",
		     "{'NetworkInterfaceId': null}");
	refuse_patch(t, c, "Resource.AlreadyAssociated", "NetworkInterfaceId",
		     "{'PrivateIpAddress': '10.0.1.5'}");
	refuse_delete(t, c, "InvalidIPAddress.InUse");
	drop(t, nat);
	drop(t, c);
}

static void secondary_elastic_ips_come_and_go(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *a = make(t, KIND_ELASTIC_IP, "{}"), *b = make(t, KIND_ELASTIC_IP, "{}");
	const char *c = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}", n.subnet, a);

	change(t, nat, "{'SecondaryAllocationIds': ['%s', '%s']}", b, c);
	assert_int_equal(n_secondary(t, nat), 2);
	change(t, nat, "{'SecondaryAllocationIds': ['%s']}", c);
	assert_int_equal(n_secondary(t, nat), 1);
	assert_ip(secondary(t, nat, 0), "10.0.1.6");
	assert_null(GET(elastic_ip, t, b)->network_interface_id);
	assert_string_equal(GET(elastic_ip, t, c)->network_interface_id, eni_of(t, nat)->o.id);
	drop(t, b);
	change(t, nat, "{'SecondaryAllocationIds': []}");
	assert_int_equal(n_secondary(t, nat), 0);
	drop(t, c);
	refuse_patch(t, nat, "InvalidParameterValue", "AllocationId", "{'AllocationId': null}");
}

static void associated_secondary_elastic_ip_is_refused_and_nothing_changes(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *a = make(t, KIND_ELASTIC_IP, "{}"), *b = make(t, KIND_ELASTIC_IP, "{}");
	const char *used = make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}", eni);
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}", n.subnet, a);
	const char *failed;

	refuse_patch(t, nat, "Resource.AlreadyAssociated", "SecondaryAllocationIds",
		     "{'SecondaryAllocationIds': ['%s', '%s']}", b, used);
	assert_null(GET(elastic_ip, t, b)->network_interface_id);
	assert_int_equal(n_secondary(t, nat), 0);
	failed = make(t, KIND_NAT_GATEWAY,
		      "{'SubnetId': '%s', 'AllocationId': '%s', 'SecondaryAllocationIds': ['%s']}",
		      n.subnet, b, used);
	assert_string_equal(GET(nat_gateway, t, failed)->state, "failed");
	assert_string_equal(GET(nat_gateway, t, failed)->failure_code,
			    "Resource.AlreadyAssociated");
	/* A failed gateway holds nothing. */
	drop(t, b);
	assert_null(GET(nat_gateway, t, failed)->allocation_id);
	change(t, failed, "{'Name': 'failed'}");
}

static void wished_addresses_are_taken(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *a = make(t, KIND_ELASTIC_IP, "{}"), *b = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'AllocationId': '%s', 'PrivateIpAddress': "
			       "'10.0.1.9', 'SecondaryAllocationIds': ['%s'], "
			       "'SecondaryPrivateIpAddresses': ['10.0.1.77']}",
			       n.subnet, a, b);

	assert_ip(&eni_of(t, nat)->private_ip_address, "10.0.1.9");
	assert_ip(secondary(t, nat, 0), "10.0.1.77");
	assert_ip(&GET(elastic_ip, t, b)->private_ip, "10.0.1.77");
	refuse_make(t, KIND_NAT_GATEWAY, "InvalidIPAddress.InUse", "SecondaryPrivateIpAddresses",
		    "{'SubnetId': '%s', 'ConnectivityType': 'private', "
		    "'SecondaryPrivateIpAddresses': ['10.0.1.77']}",
		    n.subnet);
	refuse_make(t, KIND_NAT_GATEWAY, "InvalidParameterValue", "SecondaryPrivateIpAddresses",
		    "{'SubnetId': '%s', 'ConnectivityType': 'private', "
		    "'SecondaryPrivateIpAddresses': ['10.0.2.7']}",
		    n.subnet);
}

static void private_gateway_gets_as_many_as_asked(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *nat = make(t, KIND_NAT_GATEWAY,
			       "{'SubnetId': '%s', 'ConnectivityType': 'private', "
			       "'SecondaryPrivateIpAddressCount': 7}",
			       n.subnet);

	assert_int_equal(n_secondary(t, nat), 7);
	change(t, nat, "{'SecondaryPrivateIpAddressCount': 2}");
	assert_int_equal(n_secondary(t, nat), 2);
	assert_ip(secondary(t, nat, 1), "10.0.1.6");
	change(t, nat,
	       "{'SecondaryPrivateIpAddressCount': null, "
	       "'SecondaryPrivateIpAddresses': ['10.0.1.6', '10.0.1.50']}");
	assert_int_equal(n_secondary(t, nat), 2);
	assert_ip(secondary(t, nat, 0), "10.0.1.6");
	assert_ip(secondary(t, nat, 1), "10.0.1.50");
}

static void addresses_that_do_not_fit_together_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *a = make(t, KIND_ELASTIC_IP, "{}");
	static const struct {
		const char *code, *field, *spec;
	} bad[] = {
		{"InvalidParameterCombination", "SecondaryAllocationIds",
		 "'ConnectivityType': 'private', 'SecondaryAllocationIds': ['%s']"},
		{"InvalidParameterCombination", "SecondaryPrivateIpAddressCount",
		 "'AllocationId': '%s', 'SecondaryPrivateIpAddressCount': 1"},
		{"InvalidParameterCombination", "SecondaryPrivateIpAddressCount",
		 "'ConnectivityType': 'private', 'SecondaryPrivateIpAddressCount': 1, "
		 "'SecondaryPrivateIpAddresses': ['10.0.1.9']"},
		{"InvalidParameterCombination", "SecondaryPrivateIpAddresses",
		 "'AllocationId': '%s', 'SecondaryPrivateIpAddresses': ['10.0.1.9']"},
		{"InvalidParameterValue", "SecondaryAllocationIds",
		 "'AllocationId': '%1$s', 'SecondaryAllocationIds': ['%1$s']"},
		{"InvalidParameterValue", "SecondaryPrivateIpAddressCount",
		 "'ConnectivityType': 'private', 'SecondaryPrivateIpAddressCount': 8"},
		{"InvalidParameterValue", "SecondaryPrivateIpAddresses",
		 "'ConnectivityType': 'private', 'SecondaryPrivateIpAddresses': ['10.0.1.9', "
		 "'10.0.1.9']"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char spec[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
		snprintf(spec, sizeof(spec), bad[i].spec, a);
#pragma GCC diagnostic pop
		refuse_make(t, KIND_NAT_GATEWAY, bad[i].code, bad[i].field,
			    "{'SubnetId': '%s', %s}", n.subnet, spec);
	}
}

static void full_subnet_fails_secondary_addresses(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/28'}", n.vpc);
	const char *nat;

	for (int i = 0; i < 5; i++)
		make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s);
	nat = make(t, KIND_NAT_GATEWAY,
		   "{'SubnetId': '%s', 'ConnectivityType': 'private', "
		   "'SecondaryPrivateIpAddressCount': 6}",
		   s);
	assert_string_equal(GET(nat_gateway, t, nat)->failure_code,
			    "InsufficientFreeAddressesInSubnet");
	nat = make(t, KIND_NAT_GATEWAY,
		   "{'SubnetId': '%s', 'ConnectivityType': 'private', "
		   "'SecondaryPrivateIpAddressCount': 4}",
		   s);
	assert_string_equal(GET(nat_gateway, t, nat)->state, "pending");
	refuse_patch(t, nat, "InsufficientFreeAddressesInSubnet", "SubnetId",
		     "{'SecondaryPrivateIpAddressCount': 7}");
	assert_int_equal(n_secondary(t, nat), 4);
}

static void empty_pool_gives_nothing(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *last = NULL;

	for (int i = 0; i < 254; i++)
		last = make(t, KIND_ELASTIC_IP, "{}");
	refuse_make(t, KIND_ELASTIC_IP, "AddressLimitExceeded", "PublicIp", "{}");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterValue", "PublicIp",
		    "{'PublicIp': '198.51.100.0'}");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterValue", "PublicIp",
		    "{'PublicIp': '198.51.100.255'}");
	drop(t, last);
	make(t, KIND_ELASTIC_IP, "{}");
}

static void addresses_come_from_the_pool_that_is_named(void **state)
{
	struct store_config cfg = {.more_pools = {{.name = "lab"}}, .n_more_pools = 1};
	struct store *s;
	const char *a, *b, *c;
	struct txn *t;

	cidr_parse("192.0.2.8/30", &cfg.more_pools[0].range);
	assert_int_equal(store_open(":memory:", &cfg, &s, NULL), 0);
	t = txn_begin(s);
	a = make(t, KIND_ELASTIC_IP, "{'PublicIpv4Pool': 'lab'}");
	b = make(t, KIND_ELASTIC_IP, "{'PublicIp': '192.0.2.10'}");
	c = make(t, KIND_ELASTIC_IP, "{}");
	assert_ip(&GET(elastic_ip, t, a)->public_ip, "192.0.2.9");
	assert_string_equal(GET(elastic_ip, t, b)->public_ipv4_pool, "lab");
	assert_string_equal(GET(elastic_ip, t, c)->public_ipv4_pool, "amazon");
	refuse_make(t, KIND_ELASTIC_IP, "AddressLimitExceeded", "PublicIp",
		    "{'PublicIpv4Pool': 'lab'}");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterValue", "PublicIpv4Pool",
		    "{'PublicIpv4Pool': 'nobody'}");
	refuse_make(t, KIND_ELASTIC_IP, "InvalidParameterValue", "PublicIp",
		    "{'PublicIpv4Pool': 'amazon', 'PublicIp': '192.0.2.9'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidParameterValue", "Address",
		    "{'Address': '192.0.2.9'}");
	drop(t, a);
	make(t, KIND_ELASTIC_IP, "{'PublicIpv4Pool': 'lab'}");
	txn_abort(t);
	store_close(s);
}

/* ---- its end ---- */

static int64_t clock_at;

static int64_t fake_clock(void *arg)
{
	return clock_at;
}

static struct txn *lab_begin(struct store **ret)
{
	*ret = open_store(":memory:");
	clock_at = time(NULL);
	store_set_clock(*ret, fake_clock, NULL);
	return txn_begin(*ret);
}

static void age(struct store *s, int64_t now, int64_t next)
{
	int64_t due;
	struct err e;

	if (model_age(s, now, &due, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(due, next);
}

static const struct nat_gateway *shown(struct store *s)
{
	return AS_CONST(nat_gateway, model_first_shown(store_model(s), KIND_NAT_GATEWAY));
}

static void a_deleted_gateway_is_shown_for_an_hour_and_holds_nothing(void **state)
{
	struct store *s;
	struct txn *t = lab_begin(&s);
	struct net n = net_make(t);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}"), *nat, *other;
	const struct change *c;

	nat = make(t, KIND_NAT_GATEWAY, "{'Name': 'nat', 'SubnetId': '%s', 'AllocationId': '%s'}",
		   n.subnet, eip);
	commit(t);
	t = txn_begin(s);
	drop(t, nat);
	assert_string_equal(GET(nat_gateway, t, nat)->state, "deleting");
	assert_null(GET(nat_gateway, t, nat)->network_interface_id);
	assert_null(GET(elastic_ip, t, eip)->network_interface_id);
	assert_null(model_first(txn_model(t), KIND_NAT_GATEWAY));
	assert_int_equal(txn_changes(t, &c) > 0, 1);
	/* Its name and its address are free; nothing may be done with it. */
	other = make(t, KIND_NAT_GATEWAY, "{'Name': 'nat', 'SubnetId': '%s', 'AllocationId': '%s'}",
		     n.subnet, eip);
	assert_string_equal(GET(nat_gateway, t, other)->state, "pending");
	refuse_patch(t, nat, "IncorrectState", "", "{'Name': 'again'}");
	refuse_make(t, KIND_ROUTE_TABLE, "NatGatewayNotFound", "Routes/0/NatGatewayId",
		    "{'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
		    "'NatGatewayId': '%s'}]}",
		    n.vpc, nat);
	drop(t, other);
	drop(t, other); /* again is fine, and changes nothing */
	assert_non_null(model_get(txn_model(t), other));
	/* The subnet and the address go. */
	drop(t, n.subnet);
	drop(t, eip);
	commit(t);
	assert_non_null(shown(s));
	age(s, clock_at + 3599, clock_at + 3600);
	assert_non_null(shown(s));
	clock_at += 3600;
	age(s, clock_at, 0);
	assert_null(shown(s));
	store_close(s);
}

static void a_gateway_that_failed_at_creation_is_shown_for_an_hour(void **state)
{
	struct store *s;
	struct txn *t = lab_begin(&s);
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *subnet =
		make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.0.0/24'}", vpc);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}", subnet, eip);
	int64_t made = GET(nat_gateway, t, nat)->o.created;

	assert_string_equal(GET(nat_gateway, t, nat)->state, "failed");
	commit(t);
	age(s, made + 3599, made + 3600);
	assert_string_equal(shown(s)->state, "failed");
	clock_at = made + 3600;
	age(s, clock_at, 0);
	assert_null(shown(s));
	store_close(s);
}

static void a_failed_gateway_is_deleted_at_once(void **state)
{
	struct store *s;
	struct txn *t = lab_begin(&s);
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *subnet =
		make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.0.0/24'}", vpc);
	const char *eip = make(t, KIND_ELASTIC_IP, "{}");
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}", subnet, eip);

	drop(t, nat);
	assert_string_equal(GET(nat_gateway, t, nat)->state, "deleted");
	assert_string_equal(GET(nat_gateway, t, nat)->failure_code, "Gateway.NotAttached");
	txn_abort(t);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(secondary_elastic_ips_get_addresses_of_the_subnet),
		env_test(secondary_elastic_ips_come_and_go),
		env_test(associated_secondary_elastic_ip_is_refused_and_nothing_changes),
		env_test(wished_addresses_are_taken),
		env_test(private_gateway_gets_as_many_as_asked),
		env_test(addresses_that_do_not_fit_together_are_refused),
		env_test(full_subnet_fails_secondary_addresses),
		env_test(empty_pool_gives_nothing),
		cmocka_unit_test(a_deleted_gateway_is_shown_for_an_hour_and_holds_nothing),
		cmocka_unit_test(a_gateway_that_failed_at_creation_is_shown_for_an_hour),
		cmocka_unit_test(a_failed_gateway_is_deleted_at_once),
		cmocka_unit_test(addresses_come_from_the_pool_that_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
