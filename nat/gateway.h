/* SPDX-License-Identifier: MIT
 * The figures of NAT gateways, under CloudWatch's names. Translation itself is the walk's (bpf/).
 */
#ifndef VPCD_NAT_GATEWAY_H
#define VPCD_NAT_GATEWAY_H

#include <stdint.h>

#include "bpf/dataplane.h"
#include "lib/err.h"

/* The metrics of AWS/NATGateway (VPC User Guide, "NAT gateway metrics"), and what they are
 * called at /metrics, by the conventions of Prometheus. X(name, series, help) */
#define NAT_GATEWAY_METRICS(X)                                                                     \
	X(ActiveConnectionCount, active_connections, "Concurrent TCP connections")                 \
	X(BytesInFromDestination, in_from_destination_bytes_total,                                 \
	  "Bytes received from the destination")                                                   \
	X(BytesInFromSource, in_from_source_bytes_total, "Bytes received from clients in the VPC") \
	X(BytesOutToDestination, out_to_destination_bytes_total, "Bytes sent to the destination")  \
	X(BytesOutToSource, out_to_source_bytes_total, "Bytes sent to clients in the VPC")         \
	X(ConnectionAttemptCount, connection_attempts_total, "Connections attempted")              \
	X(ConnectionEstablishedCount, connections_established_total, "Connections established")    \
	X(ErrorPortAllocation, port_allocation_errors_total, "Times that no source port was free") \
	X(IdleTimeoutCount, idle_timeouts_total, "Connections ended after 350 s of silence")       \
	X(PacketsDropCount, dropped_packets_total, "Packets dropped by the gateway")               \
	X(PacketsInFromDestination, in_from_destination_packets_total,                             \
	  "Packets received from the destination")                                                 \
	X(PacketsInFromSource, in_from_source_packets_total,                                       \
	  "Packets received from clients in the VPC")                                              \
	X(PacketsOutToDestination, out_to_destination_packets_total,                               \
	  "Packets sent to the destination")                                                       \
	X(PacketsOutToSource, out_to_source_packets_total, "Packets sent to clients in the VPC")

/* Sums since the gateway was made; ActiveConnectionCount is of now. Bytes and packets are those
 * that pass, so what comes in goes out: what is dropped on the way counts as PacketsDropCount
 * alone. */
struct nat_gateway_metrics {
#define NAT_GATEWAY_METRIC(name, series, help) uint64_t name;
	NAT_GATEWAY_METRICS(NAT_GATEWAY_METRIC)
#undef NAT_GATEWAY_METRIC
};

/* The metrics of n gateways, known by their number in the data plane, in one walk over the flows; a
 * gateway without traffic has zeros. */
int nat_gateway_metrics(struct dataplane *dp, const uint32_t *numbers, size_t n,
			struct nat_gateway_metrics *ret, struct err *e);

#endif
