/* SPDX-License-Identifier: MIT
 * The ends of a trace as people write them: sandboxes, interfaces, gateways, addresses and
 * "internet" by name, with a port behind them.
 */
#ifndef VPCD_VPCD_TRACE_END_H
#define VPCD_VPCD_TRACE_END_H

#include "vpcd/plan.h"

struct trace_end {
	char name[128];		     /* as it was written, without the port */
	const struct object *object; /* sandbox, interface or gateway; NULL: none */
	char attachment[SYMBOL_LEN]; /* its interface; "": none, so that nothing can start here */
	char vpc[SYMBOL_LEN];	     /* vpc id, or SYMBOL_INTERNET; "": of no VPC */
	struct ip address, address6; /* private; primary ones; unset: none */
	struct ip public_address;    /* unset: none */
	bool is_internet;	     /* the whole of it: a host of it stands for all */
	bool is_literal;	     /* an address was written: it is meant as it is */
};

/* What is asked for at the destination. */
struct trace_service {
	bool echo;	  /* none was named: an echo request, of the family that is chosen */
	bool any;	  /* everything that any rule of the two ends could mean */
	uint8_t protocol; /* IP protocol number */
	uint16_t port;	  /* TCP and UDP; others: 0 */
	uint8_t type;	  /* ICMP, whose code is 0 */
};

/* NAME[@eth0], id, address, or "internet". Unknown names: -ENOENT with a suggestion. */
int trace_end_parse(const struct model *m, const struct plan *p, const char *text,
		    struct trace_end *ret, struct err *e);
/* END[:SERVICE]: "db:5432/tcp" (tcp may be left out), "[2001:db8::1]:53/udp", "web:8/icmp",
 * "host:any", "10.0.1.4:47" …; without a service an echo request. */
int trace_target_parse(const struct model *m, const struct plan *p, const char *text,
		       struct trace_end *ret_end, struct trace_service *ret_service, struct err *e);
/* "5432", "5432/tcp", "8/icmp", "any"; default_protocol where none is said. */
int trace_service_parse(const char *text, int default_protocol, struct trace_service *ret,
			struct err *e);
/* "5432/tcp"; returns buf. */
const char *trace_service_format(const struct trace_service *s, char *buf, size_t len);

/* The address by which `from` would reach `to`: the private one within a VPC and over a peering,
 * else the public one, if it has one. Unset: none of that family. */
struct ip trace_address(const struct model *m, const struct plan *p, const struct trace_end *from,
			const struct trace_end *to, int family);

#endif
