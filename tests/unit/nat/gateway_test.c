/* SPDX-License-Identifier: MIT
 * NAT gateways against a data plane that remembers what it was told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <netinet/in.h>

#include "nat/gateway.h"

struct dataplane {
	uint32_t number;
	struct nat_entry entry;
	unsigned n_updates, n_deletes;
	struct nat_stats stats; /* of gateway 7 */
	struct flow_key keys[8];
	struct flow flows[8];
	unsigned n_flows;
	int fail;
};

int dataplane_update(struct dataplane *dp, enum dp_map map, const void *keys, const void *values,
		     size_t n, struct err *e)
{
	assert_int_equal(map, DP_NATS);
	assert_int_equal(n, 1);
	if (dp->fail)
		return err_sys(e, dp->fail, "map update");
	memcpy(&dp->number, keys, sizeof(dp->number));
	memcpy(&dp->entry, values, sizeof(dp->entry));
	dp->n_updates++;
	return 0;
}

int dataplane_delete(struct dataplane *dp, enum dp_map map, const void *keys, size_t n,
		     struct err *e)
{
	assert_int_equal(map, DP_NATS);
	assert_int_equal(n, 1);
	memcpy(&dp->number, keys, sizeof(dp->number));
	dp->n_deletes++;
	return 0;
}

int dataplane_nat_stats(struct dataplane *dp, uint32_t nat, struct nat_stats *ret, struct err *e)
{
	if (dp->fail)
		return err_sys(e, dp->fail, "map look-up");
	if (nat != 7)
		return -ENOENT;
	*ret = dp->stats;
	return 0;
}

int dataplane_flows(struct dataplane *dp,
		    int (*fn)(void *arg, const struct flow_key *k, const struct flow *f), void *arg,
		    struct err *e)
{
	for (unsigned i = 0; i < dp->n_flows; i++) {
		int rc = fn(arg, &dp->keys[i], &dp->flows[i]);

		if (rc)
			return rc;
	}
	return 0;
}

static void add_flow(struct dataplane *dp, uint32_t nat, uint8_t protocol, uint32_t state,
		     uint16_t flags)
{
	dp->keys[dp->n_flows] = (struct flow_key){.protocol = protocol};
	dp->flows[dp->n_flows++] = (struct flow){.nat = nat, .state = state, .flags = flags};
}

static void public_gateway_put_writes_its_entry(void **state)
{
	struct dataplane dp = {0};
	struct nat_gateway_spec spec = {.number = 7,
					.vpc = 16,
					.subnet = 17,
					.gateway = 18,
					.ifindex = 1000,
					.address = ip_from_v4(0x0a000005),
					.public_address = ip_from_v4(0xc6336405),
					.available = true,
					.is_public = true};
	static const uint8_t private[16] = {[10] = 0xff, 0xff, 10, 0, 0, 5};
	static const uint8_t public[16] = {[10] = 0xff, 0xff, 198, 51, 100, 5};

	assert_int_equal(nat_gateway_put(&dp, &spec, NULL), 0);
	assert_int_equal(dp.number, 7);
	assert_int_equal(dp.entry.vpc, 16);
	assert_int_equal(dp.entry.subnet, 17);
	assert_int_equal(dp.entry.gateway, 18);
	assert_int_equal(dp.entry.ifindex, 1000);
	assert_int_equal(dp.entry.flags, NAT_AVAILABLE | NAT_IS_PUBLIC);
	assert_memory_equal(dp.entry.address.b, private, 16);
	assert_memory_equal(dp.entry.public_address.b, public, 16);
}

static void private_failed_gateway_has_no_flags_and_no_public_address(void **state)
{
	struct dataplane dp = {0};
	struct nat_gateway_spec spec = {.number = 3, .address = ip_from_v4(0x0a000005)};
	static const uint8_t none[16];

	assert_int_equal(nat_gateway_put(&dp, &spec, NULL), 0);
	assert_int_equal(dp.entry.flags, 0);
	assert_memory_equal(dp.entry.public_address.b, none, 16);
}

static void kernel_failure_names_the_gateway(void **state)
{
	struct dataplane dp = {.fail = -ENOMEM};
	struct nat_gateway_spec spec = {.number = 7};
	struct nat_gateway_metrics m;
	struct err e = {0};

	assert_int_equal(nat_gateway_put(&dp, &spec, &e), -ENOMEM);
	assert_non_null(strstr(e.msg, "NAT gateway 7"));
	assert_int_equal(nat_gateway_metrics(&dp, &spec.number, 1, &m, &e), -ENOMEM);
}

static void removed_gateway_is_deleted_by_number(void **state)
{
	struct dataplane dp = {0};

	assert_int_equal(nat_gateway_remove(&dp, 9, NULL), 0);
	assert_int_equal(dp.number, 9);
	assert_int_equal(dp.n_deletes, 1);
}

static void metrics_take_cloudwatch_directions(void **state)
{
	struct dataplane dp = {.stats = {.connection_attempts = 1,
					 .connections_established = 2,
					 .error_port_allocation = 3,
					 .idle_timeouts = 4,
					 .packets_out = 5,
					 .bytes_out = 6,
					 .packets_in = 7,
					 .bytes_in = 8,
					 .packets_dropped = 9}};
	const uint32_t number = 7;
	struct nat_gateway_metrics m;

	assert_int_equal(nat_gateway_metrics(&dp, &number, 1, &m, NULL), 0);
	assert_int_equal(m.ConnectionAttemptCount, 1);
	assert_int_equal(m.ConnectionEstablishedCount, 2);
	assert_int_equal(m.ErrorPortAllocation, 3);
	assert_int_equal(m.IdleTimeoutCount, 4);
	assert_int_equal(m.PacketsOutToDestination, 5);
	assert_int_equal(m.PacketsInFromSource, 5);
	assert_int_equal(m.BytesOutToDestination, 6);
	assert_int_equal(m.BytesInFromSource, 6);
	assert_int_equal(m.PacketsInFromDestination, 7);
	assert_int_equal(m.PacketsOutToSource, 7);
	assert_int_equal(m.BytesInFromDestination, 8);
	assert_int_equal(m.BytesOutToSource, 8);
	assert_int_equal(m.PacketsDropCount, 9);
	assert_int_equal(m.ActiveConnectionCount, 0);
}

static void active_connections_are_live_tcp_openers_of_each_gateway(void **state)
{
	const uint32_t numbers[] = {7, 8, 9};
	struct dataplane dp = {0};
	struct nat_gateway_metrics m[3];

	add_flow(&dp, 7, IPPROTO_TCP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 7, IPPROTO_TCP, FLOW_LIVE, FLOW_DNAT | FLOW_REPLY);
	add_flow(&dp, 7, IPPROTO_TCP, FLOW_LIVE, FLOW_SNAT | FLOW_ESTABLISHED);
	add_flow(&dp, 7, IPPROTO_TCP, FLOW_DEAD, FLOW_SNAT);
	add_flow(&dp, 7, IPPROTO_UDP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 8, IPPROTO_TCP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 0, IPPROTO_TCP, FLOW_LIVE, 0);
	assert_int_equal(nat_gateway_metrics(&dp, numbers, 3, m, NULL), 0);
	assert_int_equal(m[0].ActiveConnectionCount, 2);
	assert_int_equal(m[1].ActiveConnectionCount, 1);
	assert_int_equal(m[2].ActiveConnectionCount, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_gateway_put_writes_its_entry),
		cmocka_unit_test(private_failed_gateway_has_no_flags_and_no_public_address),
		cmocka_unit_test(kernel_failure_names_the_gateway),
		cmocka_unit_test(removed_gateway_is_deleted_by_number),
		cmocka_unit_test(metrics_take_cloudwatch_directions),
		cmocka_unit_test(active_connections_are_live_tcp_openers_of_each_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
