/* SPDX-License-Identifier: MIT
 * Recorded flows: whose packets they were. A recording says addresses, which several VPCs may have;
 * what saw the packet (an interface's id or MAC, a VPC) tells which one is meant.
 */
#ifndef VPCD_VPCD_RECORDED_H
#define VPCD_VPCD_RECORDED_H

#include "lib/json.h"
#include "vpcd/twin_ends.h"

struct recorded;

struct recorded_flow {
	struct twin_end from, to;
	struct ip guest; /* the address of the end that is nobody's, but some host's outside */
	struct trace_service service;
	uint16_t from_port;
	int family;
	double packets;
	char seen_at[SYMBOL_LEN]; /* the interface that saw it; "": not known */
	char obstacle[256];	  /* why it cannot be judged; "": it can */
};

/* vpc: where a flow belongs that does not say it; an id or a name; NULL: where both its addresses
 * are. */
int recorded_open(const struct trace_env env[SIDES], const char *vpc, struct recorded **ret,
		  struct err *e);
void recorded_free(struct recorded *r); /* NULL ok */

/* {"From": address, "To": address, "Service": "5432/tcp", "FromPort"?, "Packets"?, "Interface"?: id
 * of the interface that saw it, "Vpc"?: id, "FromMac"?, "ToMac"?}: the ends, by what the network is
 * before. What cannot be judged is no error: ret->obstacle. */
int recorded_find(const struct recorded *r, const struct json *flow, struct recorded_flow *ret,
		  struct err *e);

#endif
