/* SPDX-License-Identifier: MIT
 * See gateway.h.
 */
#include <netinet/in.h>

#include "nat/gateway.h"

struct count {
	const uint32_t *numbers;
	size_t n;
	struct nat_gateway_metrics *ret;
};

static void add_half(struct nat_gateway_metrics *m, const struct flow_key *k, const struct flow *f)
{
	if (f->flags & FLOW_REPLY) {
		m->PacketsInFromDestination += f->packets;
		m->BytesInFromDestination += f->bytes;
		m->PacketsOutToSource += f->packets;
		m->BytesOutToSource += f->bytes;
		return;
	}
	m->PacketsInFromSource += f->packets;
	m->BytesInFromSource += f->bytes;
	m->PacketsOutToDestination += f->packets;
	m->BytesOutToDestination += f->bytes;
	/* A connection is counted by the half that its opener sent. */
	if (k->protocol == IPPROTO_TCP && !(f->flags & FLOW_CLOSING))
		m->ActiveConnectionCount++;
}

/* What ended is in the gateway's sums already. */
static int count_flow(void *arg, const struct flow_key *k, const struct flow *f)
{
	struct count *c = arg;

	if (!f->nat || f->state != FLOW_LIVE)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->numbers[i] == f->nat)
			add_half(&c->ret[i], k, f);
	return 0;
}

static int read_stats(struct dataplane *dp, uint32_t number, struct nat_gateway_metrics *ret,
		      struct err *e)
{
	struct nat_stats s = {0};
	int rc = dataplane_nat_stats(dp, number, &s, e);

	if (rc && rc != -ENOENT)
		return err_wrap(e, "NAT gateway %u", number);
	*ret = (struct nat_gateway_metrics){
		.BytesInFromDestination = s.bytes_in,
		.BytesInFromSource = s.bytes_out,
		.BytesOutToDestination = s.bytes_out,
		.BytesOutToSource = s.bytes_in,
		.ConnectionAttemptCount = s.connection_attempts,
		.ConnectionEstablishedCount = s.connections_established,
		.ErrorPortAllocation = s.error_port_allocation,
		.IdleTimeoutCount = s.idle_timeouts,
		.PacketsDropCount = s.packets_dropped,
		.PacketsInFromDestination = s.packets_in,
		.PacketsInFromSource = s.packets_out,
		.PacketsOutToDestination = s.packets_out,
		.PacketsOutToSource = s.packets_in,
	};
	return 0;
}

int nat_gateway_metrics(struct dataplane *dp, const uint32_t *numbers, size_t n,
			struct nat_gateway_metrics *ret, struct err *e)
{
	struct count c = {numbers, n, ret};

	for (size_t i = 0; i < n; i++) {
		int rc = read_stats(dp, numbers[i], &ret[i], e);

		if (rc)
			return rc;
	}
	return n ? dataplane_flows(dp, count_flow, &c, e) : 0;
}
