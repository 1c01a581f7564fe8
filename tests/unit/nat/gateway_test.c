/* SPDX-License-Identifier: MIT
 * NAT gateways against a data plane with given figures.
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
	struct nat_stats stats; /* of gateway 7 */
	struct flow_key keys[8];
	struct flow flows[8];
	unsigned n_flows;
	int fail;
};

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

static void kernel_failure_names_the_gateway(void **state)
{
	struct dataplane dp = {.fail = -ENOMEM};
	const uint32_t number = 7;
	struct nat_gateway_metrics m;
	struct err e = {0};

	assert_int_equal(nat_gateway_metrics(&dp, &number, 1, &m, &e), -ENOMEM);
	assert_non_null(strstr(e.msg, "NAT gateway 7"));
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
	add_flow(&dp, 7, IPPROTO_TCP, FLOW_LIVE, FLOW_SNAT | FLOW_ESTABLISHED | FLOW_CLOSING);
	add_flow(&dp, 7, IPPROTO_UDP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 8, IPPROTO_TCP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 0, IPPROTO_TCP, FLOW_LIVE, 0);
	assert_int_equal(nat_gateway_metrics(&dp, numbers, 3, m, NULL), 0);
	assert_int_equal(m[0].ActiveConnectionCount, 2);
	assert_int_equal(m[1].ActiveConnectionCount, 1);
	assert_int_equal(m[2].ActiveConnectionCount, 0);
}

static void packets_are_those_of_live_flows_and_of_what_ended(void **state)
{
	struct dataplane dp = {.stats = {.packets_out = 100, .bytes_out = 1000, .bytes_in = 50}};
	const uint32_t number = 7;
	struct nat_gateway_metrics m;

	add_flow(&dp, 7, IPPROTO_UDP, FLOW_LIVE, FLOW_SNAT);
	add_flow(&dp, 7, IPPROTO_UDP, FLOW_LIVE, FLOW_DNAT | FLOW_REPLY);
	add_flow(&dp, 7, IPPROTO_UDP, FLOW_CLOSED, FLOW_SNAT);
	for (unsigned i = 0; i < dp.n_flows; i++) {
		dp.flows[i].packets = 3;
		dp.flows[i].bytes = 40 + i;
	}
	assert_int_equal(nat_gateway_metrics(&dp, &number, 1, &m, NULL), 0);
	assert_int_equal(m.PacketsOutToDestination, 103);
	assert_int_equal(m.BytesInFromSource, 1040);
	assert_int_equal(m.PacketsInFromDestination, 3);
	assert_int_equal(m.BytesOutToSource, 91);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_failure_names_the_gateway),
		cmocka_unit_test(metrics_take_cloudwatch_directions),
		cmocka_unit_test(packets_are_those_of_live_flows_and_of_what_ended),
		cmocka_unit_test(active_connections_are_live_tcp_openers_of_each_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
