/* SPDX-License-Identifier: MIT
 * The kernel's DNS answers (bpf/lib/dns.h): what each view answers for its own names, kept equal to
 * the resolver's snapshot. What cannot be held there the resolver answers alone.
 */
#ifndef VPCD_VPCD_DNS_ANSWERS_H
#define VPCD_VPCD_DNS_ANSWERS_H

#include "bpf/dataplane.h"
#include "dns/fixed.h"

struct dns_answers;

/* Takes over what a daemon before left in the map. */
int dns_answers_open(struct dataplane *dp, struct dns_answers **ret, struct err *e);
void dns_answers_free(struct dns_answers *a); /* the map stays as it is; NULL ok */

/* Makes the VPC's answers those of the view; NULL: none. When it returns, the kernel gives no
 * other. -ENOSPC, -E2BIG: the map is full; what is in it is right. */
int dns_answers_set(struct dns_answers *a, uint32_t vpc, const struct dns_view *v, struct err *e);
/* Forgets all VPCs for which keep() does not hold. */
int dns_answers_retain(struct dns_answers *a, bool (*keep)(void *arg, uint32_t vpc), void *arg,
		       struct err *e);

#endif
