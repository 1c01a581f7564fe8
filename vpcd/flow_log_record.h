/* SPDX-License-Identifier: MIT
 * From what the data plane tells of a flow to flow log records, one for each interface that sees
 * it: pure functions. VPC User Guide, "Flow log records".
 */
#ifndef VPCD_VPCD_FLOW_LOG_RECORD_H
#define VPCD_VPCD_FLOW_LOG_RECORD_H

#include "bpf/abi.h"
#include "model/flow_record.h"

/* An interface as its records show it. */
struct flow_log_interface {
	char id[40], vpc[40], subnet[40], instance[40]; /* instance "": none */
	char az_id[24];
	struct ip address, address6; /* primary ones */
};

/* Where packets go that an interface sends. */
enum flow_log_beyond { BEYOND_VPC, BEYOND_INTERNET, BEYOND_PEERING, BEYOND_UNKNOWN };

/* All of them: addresses, ports, packets, action, direction, flags and, if it was refused, why.
 * start and end are left: what the virtual clock says in Unix time is the caller's. */

/* What the sender's interface sees; `beyond` says where it went. */
void flow_log_record_sent(const struct flow_part *p, const struct flow_log_interface *self,
			  enum flow_log_beyond beyond, struct flow_record *ret);
/* What the receiver's sees. */
void flow_log_record_received(const struct flow_part *p, const struct flow_log_interface *self,
			      struct flow_record *ret);
/* What a NAT gateway's interface, self, sees of what is translated: that it gets it, and that it
 * sends it on. private_address: the one of the gateway that stands in the packets. */
void flow_log_record_nat(const struct flow_part *p, const struct flow_log_interface *self,
			 const struct ip *private_address, bool sends, enum flow_log_beyond beyond,
			 struct flow_record *ret);

/* "use1-az1" for us-east-1 and us-east-1a; "" where the names are of another form. */
void flow_log_az_id(const char *region, const char *zone, char *ret, size_t len);

#endif
