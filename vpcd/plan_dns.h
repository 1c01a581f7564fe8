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

/* A record as it is served; names absolute, without a final dot. */
struct plan_record {
	const char *view, *owner, *type; /* type "": a zone */
	uint32_t ttl;
	const char *rdata;
	uint32_t policy, weight; /* of one set among several: enum dns_routing_policy */
	const char *set;	 /* NULL: simple */
	const char *zone;	 /* NULL: whichever is closest */
};
void plan_dns_routed(struct plan_pass *pp, const struct plan_record *r);

void plan_dns_zone(struct plan_pass *pp, const char *view, const char *origin);
void plan_dns_text(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		   uint32_t ttl, const char *rdata);
/* An A or AAAA record. */
void plan_dns_address(struct plan_pass *pp, const char *view, const char *owner, uint32_t ttl,
		      const struct ip *address);
/* Zones for the reverse names of a block. */
void plan_dns_reverse(struct plan_pass *pp, const char *view, const struct cidr *block);
/* The zones that a VPC's view always has: its internal domain, the autodefined ones and those of
 * its blocks. */
void plan_dns_vpc(struct plan_pass *pp, const struct vpc *v);
/* Names of an interface: ip-A-B-C-D, ec2-A-B-C-D and, if it has one, its sandbox's name. */
void plan_dns_eni(struct plan_pass *pp, const struct network_interface *eni, const struct vpc *vpc);

#endif
