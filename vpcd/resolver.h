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

struct resolver *resolver_new(struct fabric *f, struct names *n);
void resolver_free(struct resolver *r); /* NULL ok */

/* Starts the server if it does not run yet, then publishes what the plan says. */
int resolver_publish(struct resolver *r, const struct plan *p, struct err *e);
/* false while it does not run. */
bool resolver_stats(const struct resolver *r, struct dns_stats *ret);

/* The address by which the service namespace knows an interface: 100.64.0.0/10 + its index, so it
 * is unique and not used again before four million interfaces later. Network order. */
uint32_t service_address(uint32_t ifindex);

#endif
