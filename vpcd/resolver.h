/* SPDX-License-Identifier: MIT
 * The VPC resolver's place in the daemon: it starts the DNS server in the service namespace and the
 * simulated internet's name server beside it, and publishes a snapshot of the plan's DNS items.
 */
#ifndef VPCD_VPCD_RESOLVER_H
#define VPCD_VPCD_RESOLVER_H

#include "dns/server.h"
#include "netns/fabric.h"
#include "vpcd/names.h"
#include "vpcd/plan.h"

struct resolver;

struct resolver_config {
	struct fabric *fabric;
	struct names *names;
	struct dataplane *dp;		  /* answers what it can (dns_answers.h) */
	const char *state_dir;		  /* query logs go to files below it */
	const struct store_config *store; /* account and region that they name */
};

/* What cfg points to outlives the resolver. */
int resolver_new(const struct resolver_config *cfg, struct resolver **ret, struct err *e);
void resolver_free(struct resolver *r); /* NULL ok */

/* An item (of a VPC or of DNS) is new, has changed or is gone: what was built from it is built anew
 * by the next publish. */
void resolver_touch(struct resolver *r, const struct item *it);
/* Starts the server if it does not run yet, then publishes what the plan says. */
int resolver_publish(struct resolver *r, const struct plan *p, struct err *e);
/* false while it does not run. */
bool resolver_stats(const struct resolver *r, struct dns_stats *ret);

/* The address by which the service namespace knows an interface: 100.64.0.0/10 + its index, so it
 * is unique and not used again before four million interfaces later. Network order. */
uint32_t service_address(uint32_t ifindex);
/* The same over IPv6: fd00:ec2:0:100::/96 + the index. */
struct ip service_address6(uint32_t ifindex);

#endif
