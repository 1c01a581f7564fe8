/* SPDX-License-Identifier: MIT
 * Flows of a recording, however many packets it has: each is kept once, by who opened it.
 *
 * Who did is known of TCP from SYN and SYN-ACK, and of echo from request and reply. Otherwise a
 * packet belongs to a flow that was seen before, either way; and of one that was not, the end whose
 * port is a service's (below 1024, or below the ephemeral ones where the other's is not) did not
 * open it; and if that says nothing, the sender did.
 */
#ifndef VPCD_CLI_FLOW_SET_H
#define VPCD_CLI_FLOW_SET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/json.h"

#define FLOW_SET_MAX 65536

enum seen_role { SEEN_UNKNOWN, SEEN_OPENS, SEEN_ANSWERS };

/* A packet, or a record of several. */
struct seen_packet {
	struct ip from, to;
	uint8_t protocol;
	uint16_t from_port, to_port; /* 0: it has none */
	uint8_t type;		     /* of ICMP */
	enum seen_role role;
	uint64_t packets;
	/* Who saw it; "" and unset: not known. */
	char interface[48], vpc[48];
	struct mac from_mac, to_mac;
};

struct flow_set;

struct flow_set *flow_set_new(void);
void flow_set_free(struct flow_set *s); /* NULL ok */
/* -ENOSPC: more than FLOW_SET_MAX different flows. */
int flow_set_add(struct flow_set *s, const struct seen_packet *p, struct err *e);
size_t flow_set_count(const struct flow_set *s);
/* As POST /v1/whatif takes them. */
struct json *flow_set_json(const struct flow_set *s);

DEFINE_CLEANUP(struct flow_set *, flow_set_free)

#endif
