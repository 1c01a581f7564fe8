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

/* state_dir: query logs go to files below it; cfg: account and region that they name. Both outlive
 * the resolver. */
struct resolver *resolver_new(struct fabric *f, struct names *n, const char *state_dir,
			      const struct store_config *cfg);
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
