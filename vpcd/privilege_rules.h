/* SPDX-License-Identifier: MIT
 * From what a group's gates had to let pass to the fewest rules that let it pass, and nothing else
 * but what is asked for. No kernel, no model.
 */
#ifndef VPCD_VPCD_PRIVILEGE_RULES_H
#define VPCD_VPCD_PRIVILEGE_RULES_H

#include "lib/err.h"
#include "vpcd/plan.h"

/* What came to a gate, as it stood in the packet there. */
struct need {
	bool egress;
	uint8_t protocol;
	uint16_t value; /* port of TCP and UDP, type of ICMP; others: 0 */
	struct ip peer;
	/* Groups of the peer, where the way preserves its address: a reference can match. */
	char groups[GROUPS_PER_INTERFACE][SYMBOL_LEN];
	size_t flows;
	double packets;
};

struct needs;

struct needs *needs_new(void);
void needs_free(struct needs *n); /* NULL ok */
/* Adds flows and packets to the need that is the same but for them. */
int needs_add(struct needs *n, const struct need *need);
size_t needs_count(const struct needs *n);
size_t needs_flows(const struct needs *n); /* of all together */

struct proposed_rule {
	bool egress;
	uint8_t protocol;
	int32_t from, to;	/* -1: it has no ports; ICMP: type and -1 */
	char group[SYMBOL_LEN]; /* "": by cidr */
	struct cidr cidr;
	size_t flows; /* that it admits; of very many rules 0 */
	double packets;
};

struct proposal {
	size_t n;
	struct proposed_rule *v;
};
void proposal_done(struct proposal *p);

struct widening {
	uint32_t port_gap;	  /* ports that were not seen, but lie between, so many at most */
	uint8_t prefix4, prefix6; /* addresses count as these ranges; 32 and 128: as they are */
};

/* Of a service's peers, those that are members of groups become references: to the group that the
 * most of them are in, of equal ones to the one with the fewest members (members()); the others
 * become ranges, joined where all of the larger one was seen. Adjacent ports of the same peer
 * become one rule. */
int needs_propose(const struct needs *n, const struct widening *w,
		  size_t (*members)(void *arg, const char *group), void *arg, struct proposal *ret);
/* Did the peer at this address need all that the rule was needed for by any? */
bool needs_has_peer(const struct needs *n, const struct proposed_rule *r, const struct ip *peer);

#endif
