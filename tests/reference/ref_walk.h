/* SPDX-License-Identifier: MIT
 * The walk of a packet from its sender's interface to its receiver's. Internal to the reference.
 */
#ifndef VPCD_TESTS_REFERENCE_REF_WALK_H
#define VPCD_TESTS_REFERENCE_REF_WALK_H

#include "ref_model.h"
#include "ref_state.h"
#include "reference.h"

/* A packet on its way. */
struct walk {
	const struct packet *p;
	struct place from, to;
	struct tuple at;	     /* as it is here */
	const char *vpc;	     /* where it is; NULL: on the internet */
	const struct subnet *subnet; /* NULL: in none */
	bool local;		     /* by local and peering routes alone: references may match */
	bool routed;		     /* left the sender's link by the router */
	unsigned mtu, hops;
	char nat[ID_LEN];     /* gateway passed */
	unsigned nat_choice;  /* which of its addresses a new connection gets */
	unsigned nat_choices; /* of how many */
	bool egress_only;
	bool port_open, source_open;
	const struct entry *known; /* the sender's entry of this connection; NULL: none */
	bool of_error;		   /* an ICMP error about that connection, not a packet of it */
	uint8_t icmp_type, icmp_code;
	bool tracked_out, tracked_in;
};

struct reference {
	const struct model *m;
	bool uplink; /* the simulated internet has a way out */
	struct memory memory;
	struct walk w; /* of the last judgement */
	enum drop_reason reason;
	bool ended; /* by it the connection ends */
	bool answered;
};

/* From the sender on: 0 and `to`, or the first gate that fails. */
enum drop_reason walk_run(struct reference *r, struct walk *w);

bool ip_within4(const struct ip *a, uint32_t net, unsigned len);
bool ip_within6(const struct ip *a, const char *block);
bool ip_is_multicast(const struct ip *a);
bool packet_opens(const struct packet *p); /* a TCP connection */
/* Does the VPC's resolver answer at an address? v NULL: no. */
bool vpc_resolves_at(const struct vpc *v, const struct ip *a);

#endif
