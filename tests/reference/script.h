/* SPDX-License-Identifier: MIT
 * A run as text: events, one a line, which both sides go through. What is generated, shrunk, kept
 * as a case and read by people is this.
 *
 *   create KIND JSON            by names; "@main:VPC", "@acl:VPC", "@sg:VPC" are what came with it,
 *                               "@eni:INSTANCE" its interface
 *   update NAME JSON            a merge patch
 *   delete NAME
 *   revoke GROUP N              the group's n-th rule, as they came, from 0
 *   packet N FROM PROTO SRC [PORT] DST [PORT] …    see packet_parse() in script.c
 *   reply N OF [FLAGS]          from whoever got packet OF, to where it came from
 *   again N OF [FLAGS]          the same packet once more
 *   forward N OF                the packet as it was got, sent on by a receiver that it is not for
 *   error N OF TYPE CODE        an ICMP error about packet OF from whoever got it
 *   fragment N OF OFFSET        a later fragment of packet OF, from its sender
 *   arp N FROM ADDRESS
 *   advance SECONDS
 *   collect
 *   restart
 *   uplink                      a restart with --uplink, which stays
 *
 * N is the packet's own number, for others to refer to. An event that cannot be (an object refused,
 * a reply to what was dropped) does nothing, so that any lines may be left out.
 */
#ifndef VPCD_TESTS_REFERENCE_SCRIPT_H
#define VPCD_TESTS_REFERENCE_SCRIPT_H

#include <stdio.h>

#include "reference.h"
#include "world.h"

struct script {
	size_t n, cap;
	char **lines;
};
void script_add(struct script *s, const char *line);
void script_done(struct script *s);
int script_read(const char *path, struct script *ret, struct err *e);
void script_write(const struct script *s, FILE *f);

/* Figures of all runs. */
struct figures {
	uint64_t events[16]; /* by enum event_kind */
	uint64_t refused;    /* changes that the model refused */
	uint64_t verdicts[DROP_REASON_COUNT];
	uint64_t known_flow; /* delivered packets of a connection that stood */
	uint64_t topologies, stalled;
};
enum event_kind {
	EVENT_CREATE,
	EVENT_UPDATE,
	EVENT_DELETE,
	EVENT_REVOKE,
	EVENT_PACKET,
	EVENT_REPLY,
	EVENT_AGAIN,
	EVENT_FORWARD,
	EVENT_ERROR,
	EVENT_FRAGMENT,
	EVENT_ARP,
	EVENT_ADVANCE,
	EVENT_COLLECT,
	EVENT_RESTART,
	EVENT_UPLINK,
	EVENT_KIND_COUNT
};
extern const char *const event_names[EVENT_KIND_COUNT];
void figures_add(struct figures *to, const struct figures *from);
void figures_print(const struct figures *f);

/* A packet that went through. */
struct delivery {
	unsigned n;
	char from[ID_LEN], to[ID_LEN];
	struct packet sent, got;
};

struct run {
	struct world *world;
	struct reference *reference;
	struct figures figures;
	struct delivery *deliveries; /* newest last */
	size_t n_deliveries;
	struct sender *senders; /* every name that ever sent */
	size_t n_senders;
	bool uplink;
	uint64_t began_ns;
	char difference[1024]; /* after run_line: what differs; "": nothing does */
};

int run_open(struct run *r, struct err *e);
void run_done(struct run *r);
/* One event on both sides: 0 (r->difference says whether they agree), or what is broken. */
int run_line(struct run *r, const char *line, struct err *e);
/* So much real time has passed that virtual time, which runs along, is a second off. */
bool run_stalled(const struct run *r);

/* A whole script; ends at the first difference and returns its line's index, n if there is none. */
int script_run(const struct script *s, struct run *r, size_t *ret_line, struct err *e);

#endif
