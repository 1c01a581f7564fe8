/* SPDX-License-Identifier: MIT
 * Items of the resolver: zones and records of views. A view is a VPC's id, or SYMBOL_INTERNET for
 * what the simulated internet's name server knows.
 */
#ifndef VPCD_VPCD_PLAN_DNS_H
#define VPCD_VPCD_PLAN_DNS_H

#include "vpcd/plan.h"

/* The zone that a VPC's own names lie in: "ec2.internal", or "<region>.compute.internal"
 * (VPC User Guide, vpc-dns). */
const char *dns_internal_domain(const char *region, char *buf, size_t len);

void plan_dns_zone(struct plan_pass *pp, const char *view, const char *origin);
void plan_dns_text(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		   uint32_t ttl, const char *rdata);
/* An A record. */
void plan_dns_record(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		     uint32_t ttl, const struct ip *address);
/* The zones that every VPC view has: its internal domain and the autodefined reverse zones. */
void plan_dns_vpc(struct plan_pass *pp, const char *vpc_id);
/* Names of an interface: ip-A-B-C-D and, if it has one, its instance's or function's name. */
void plan_dns_eni(struct plan_pass *pp, const struct network_interface *eni, const struct vpc *vpc);

#endif
