/* SPDX-License-Identifier: MIT
 * Addresses of subnets and of the pool.
 */
#include "kinds_env.h"
#include "model/ipam.h"

static const struct subnet *small_subnet(struct txn *t)
{
	const char *vpc = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");

	return GET(subnet, t,
		   make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.16/28'}", vpc));
}

static const char *make_eni(struct txn *t, const struct subnet *s)
{
	return make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s->o.id);
}

static void lowest_free_address_is_picked(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const struct subnet *s = small_subnet(t);
	const char *first = make_eni(t, s);
	struct ip ip;

	make_eni(t, s);
	assert_int_equal(ipam_subnet_pick(txn_model(t), s, NULL, &ip, NULL), 0);
	assert_ip(&ip, "10.0.2.22");
	drop(t, first);
	assert_int_equal(ipam_subnet_pick(txn_model(t), s, NULL, &ip, NULL), 0);
	assert_ip(&ip, "10.0.2.20");
}

static void sixteen_addresses_serve_eleven_interfaces(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const struct subnet *s = small_subnet(t);
	struct err e = {0};
	struct ip ip;

	for (int i = 11; i > 0; i--) {
		assert_int_equal(ipam_subnet_free(txn_model(t), s), i);
		make_eni(t, s);
	}
	assert_int_equal(ipam_subnet_free(txn_model(t), s), 0);
	assert_refused(ipam_subnet_pick(txn_model(t), s, NULL, &ip, &e), &e,
		       "InsufficientFreeAddressesInSubnet", "SubnetId");
	assert_int_equal(e.rc, -ENOSPC);
}

static void reserved_foreign_and_used_addresses_are_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const struct subnet *s = small_subnet(t);
	static const char *const bad[] = {"10.0.2.16", "10.0.2.17", "10.0.2.18", "10.0.2.19",
					  "10.0.2.31", "10.0.2.15", "10.0.2.32", "2001:db8::1"};
	struct err e = {0};
	struct ip ip;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(ip_parse(bad[i], &ip), 0);
		assert_refused(
			ipam_subnet_check(txn_model(t), s, &ip, NULL, "PrivateIpAddress", &e), &e,
			"InvalidParameterValue", "PrivateIpAddress");
	}
	ip_parse("10.0.2.20", &ip);
	assert_int_equal(ipam_subnet_check(txn_model(t), s, &ip, NULL, "PrivateIpAddress", &e), 0);
	make_eni(t, s);
	assert_refused(ipam_subnet_check(txn_model(t), s, &ip, NULL, "PrivateIpAddress", &e), &e,
		       "InvalidIPAddress.InUse", "PrivateIpAddress");
	ip_parse("10.0.2.30", &ip);
	assert_int_equal(ipam_subnet_check(txn_model(t), s, &ip, NULL, "PrivateIpAddress", &e), 0);
}

static void pool_gives_all_but_its_edges(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct cidr pool, host;
	struct err e = {0};
	struct ip ip;

	cidr_parse("198.51.100.8/30", &pool);
	cidr_parse("198.51.100.40/32", &host);
	assert_int_equal(ipam_pool_pick(txn_model(t), &pool, &ip, &e), 0);
	assert_ip(&ip, "198.51.100.9");
	make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.9'}");
	assert_int_equal(ipam_pool_pick(txn_model(t), &pool, &ip, &e), 0);
	assert_ip(&ip, "198.51.100.10");
	make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.10'}");
	assert_refused(ipam_pool_pick(txn_model(t), &pool, &ip, &e), &e, "AddressLimitExceeded",
		       "PublicIp");
	assert_int_equal(ipam_pool_pick(txn_model(t), &host, &ip, &e), 0);
	assert_ip(&ip, "198.51.100.40");
}

static void router_and_resolver_are_reserved_addresses(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const struct subnet *s = small_subnet(t);
	struct ip router = ipam_router(s);
	struct ip resolver = ipam_resolver(model_subnet_vpc(txn_model(t), s));

	assert_ip(&router, "10.0.2.17");
	assert_ip(&resolver, "10.0.0.2");
}

static void mac_follows_from_the_id(void **state)
{
	struct mac a = ipam_mac("eni-1"), again = ipam_mac("eni-1"), b = ipam_mac("eni-2");

	assert_memory_equal(&a, &again, sizeof(a));
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(a.b[0] & 3, 2); /* locally administered, unicast */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(lowest_free_address_is_picked),
		env_test(sixteen_addresses_serve_eleven_interfaces),
		env_test(reserved_foreign_and_used_addresses_are_refused),
		env_test(pool_gives_all_but_its_edges),
		env_test(router_and_resolver_are_reserved_addresses),
		env_test(mac_follows_from_the_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
