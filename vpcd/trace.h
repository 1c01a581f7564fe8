/* SPDX-License-Identifier: MIT
 * Asking the program that forwards the packets what it would do with one.
 *
 * Theory: the dry entry point walks a packet as the attached one does and notes in its trail what
 * it asked on the way; it enters no flow and counts nothing. It tells of one interface to the next,
 * so a way through a middlebox is walked leg by leg (the box is taken to send on unchanged what it
 * gets). The reply is walked in the same way, with the state that the way there would have left: it
 * is named to the program, not entered.
 */
#ifndef VPCD_VPCD_TRACE_H
#define VPCD_VPCD_TRACE_H

#include "bpf/dataplane.h"
#include "lib/json.h"
#include "vpcd/names.h"
#include "vpcd/trace_end.h"

#define TRACE_LEGS 6

/* What a trace reads. */
struct trace_env {
	struct dataplane *dp;
	const struct names *names;
	const struct plan *plan;
	const struct model *model;
};

/* A packet's own addresses, as it is where it stands. */
struct trace_packet {
	uint8_t family, protocol;
	bool is_reply;
	uint8_t type; /* ICMP */
	struct ip128 saddr, daddr;
	uint16_t sport, dport; /* host order; ICMP echo: the identifier in both */
};

struct trace_leg {
	uint32_t ifindex, output; /* from, to; 0: it arrives nowhere */
	enum drop_reason reason;  /* of the first gate that refused */
	uint32_t flags, nat;	  /* of the flow that it would open */
	struct trace_packet in, out;
	struct trail trail; /* its hops */
};

struct trace_path {
	enum drop_reason reason;
	bool astray;  /* it would arrive at another interface than the one meant */
	uint32_t mtu; /* the smallest of the legs' */
	size_t n;
	struct trace_leg legs[TRACE_LEGS];
};

struct trace_query {
	const struct trace_end *from, *to;
	struct trace_service service; /* not any */
	uint16_t from_port;	      /* 0: one of the ephemeral ones */
	uint32_t size;		      /* bytes of the IP packet, "do not fragment"; 0: small */
	int family;		      /* AF_INET, AF_INET6; 0: the one that both have, IPv4 first */
	bool verdict_only;	      /* what else stands against a refused path is not asked for */
};

/* A path that rules alone refuse is walked to its end all the same, and so is its way back: what
 * else stands against it is known then. */
struct trace {
	struct trace_path forward, back; /* back.n 0: it was not walked */
	bool allowed;			 /* the reply gets back too */
};

/* Chooses the family of a question that leaves it open, and the echo request of that family. */
void trace_settle(const struct trace_env *env, struct trace_query *q);

/* 0: *ret tells. -EINVAL: the ends have no address in common, or `from` cannot send. */
int trace_run(const struct trace_env *env, const struct trace_query *q, struct trace *ret,
	      struct err *e);

/* ---- what the numbers mean ---- */

/* Explanation code of Reachability Analyzer for a path that is refused; NULL: the path is open, or
 * there is none (the reason then says it). */
const char *trace_code(const struct trace_env *env, const struct trace_query *q,
		       const struct trace_path *p);
/* The first hop that refused, and its leg; NULL: none did. */
const struct trail_hop *trace_refusal(const struct trace_path *p, const struct trace_leg **ret_leg);
/* Did it go through this object (gateway, middlebox or peering's VPC)? */
bool trace_went_via(const struct trace_env *env, const struct trace_path *p, const char *id);

/* As REST says it (docs/api.md, POST /v1/trace). */
struct json *trace_json(const struct trace_env *env, const struct trace_query *q,
			const struct trace *t);
/* One hop of it, without what was rewritten there. */
struct json *trace_hop_json(const struct trace_env *env, const struct trace_leg *leg,
			    const struct trail_hop *h);
/* The smallest change that opens the path, as a command; malloc'd; NULL: there is none to name. */
char *trace_opening(const struct trace_env *env, const struct trace_query *q,
		    const struct trace *t);

/* What the plan has of the interface of this index; NULL: nothing. */
const struct item_eni *trace_eni(const struct trace_env *env, uint32_t ifindex);
/* The rule at which a hop of groups or an ACL stopped: NULL where none matched. */
const struct item_rule *trace_hop_rule(const struct trace_env *env, const struct trail_hop *h);
/* The rule set of such a hop; NULL: it is not planned (any more). */
const struct item *trace_hop_rules(const struct trace_env *env, const struct trail_hop *h);

#endif
