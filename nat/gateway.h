/* SPDX-License-Identifier: MIT
 * The figures of NAT gateways, under CloudWatch's names. Translation itself is the walk's (bpf/).
 */
#ifndef VPCD_NAT_GATEWAY_H
#define VPCD_NAT_GATEWAY_H

#include <stdint.h>

#include "bpf/dataplane.h"
#include "lib/err.h"

/* The metrics of AWS/NATGateway (VPC User Guide, "NAT gateway metrics"). X(name, help) */
#define NAT_GATEWAY_METRICS(X)                                               \
	X(ActiveConnectionCount, "Concurrent TCP connections")               \
	X(BytesInFromDestination, "Bytes received from the destination")     \
	X(BytesInFromSource, "Bytes received from clients in the VPC")       \
	X(BytesOutToDestination, "Bytes sent to the destination")            \
	X(BytesOutToSource, "Bytes sent to clients in the VPC")              \
	X(ConnectionAttemptCount, "Connections attempted")                   \
	X(ConnectionEstablishedCount, "Connections established")             \
	X(ErrorPortAllocation, "Times that no source port was free")         \
	X(IdleTimeoutCount, "Connections ended after 350 s of silence")      \
	X(PacketsDropCount, "Packets dropped by the gateway")                \
	X(PacketsInFromDestination, "Packets received from the destination") \
	X(PacketsInFromSource, "Packets received from clients in the VPC")   \
	X(PacketsOutToDestination, "Packets sent to the destination")        \
	X(PacketsOutToSource, "Packets sent to clients in the VPC")

/* Sums since the gateway was made; ActiveConnectionCount is of now. Bytes and packets are those
 * that pass, so what comes in goes out: what is dropped on the way counts as PacketsDropCount
 * alone. */
struct nat_gateway_metrics {
#define NAT_GATEWAY_METRIC(name, help) uint64_t name;
	NAT_GATEWAY_METRICS(NAT_GATEWAY_METRIC)
#undef NAT_GATEWAY_METRIC
};

/* The metrics of n gateways, known by their number in the data plane, in one walk over the flows; a
 * gateway without traffic has zeros. */
int nat_gateway_metrics(struct dataplane *dp, const uint32_t *numbers, size_t n,
			struct nat_gateway_metrics *ret, struct err *e);

#endif
