/* SPDX-License-Identifier: MIT
 * NAT gateways: their entry in the data plane and their figures, under CloudWatch's names.
 */
#ifndef VPCD_NAT_GATEWAY_H
#define VPCD_NAT_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"
#include "lib/addr.h"
#include "lib/err.h"

struct nat_gateway_spec {
	uint32_t number;	  /* the gateway's key in the data plane */
	uint32_t vpc, subnet;	  /* numbers */
	uint32_t gateway;	  /* number of the VPC's internet gateway; 0: none */
	uint32_t ifindex;	  /* identity of its interface */
	struct ip address;	  /* private, in its subnet */
	struct ip public_address; /* elastic IP; unset: none */
	bool available;		  /* false: packets are dropped with NAT_STATE */
	bool is_public;
};

/* Makes or replaces it. Flows under way keep the translation that they have. */
int nat_gateway_put(struct dataplane *dp, const struct nat_gateway_spec *spec, struct err *e);
/* Absent is no error. Flows end when they walk again: bump the generation. */
int nat_gateway_remove(struct dataplane *dp, uint32_t number, struct err *e);

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

/* The metrics of n gateways in one walk over the flows; a gateway without traffic has zeros. */
int nat_gateway_metrics(struct dataplane *dp, const uint32_t *numbers, size_t n,
			struct nat_gateway_metrics *ret, struct err *e);

#endif
