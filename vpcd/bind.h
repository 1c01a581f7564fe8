/* SPDX-License-Identifier: MIT
 * Items of the data plane bound to map entries: symbols become numbers, the entries go to the
 * shadow.
 */
#ifndef VPCD_VPCD_BIND_H
#define VPCD_VPCD_BIND_H

#include "vpcd/names.h"
#include "vpcd/plan.h"
#include "vpcd/shadow.h"

struct bind {
	struct names *names;
	struct shadow *shadow;
	uint32_t flow_quota; /* of every interface; 0: FLOW_QUOTA_DEFAULT */
};

/* Puts the entries of an item of type ITEM_VPC, ITEM_SUBNET, ITEM_ENI, ITEM_NAT, ITEM_GATEWAY,
 * ITEM_ADDRESS, ITEM_ROUTE or ITEM_MIRROR, all or none. counts: what had to be written. */
int bind_put(const struct bind *b, const struct item *it, struct shadow_counts *counts,
	     struct err *e);
int bind_remove(const struct bind *b, const struct item *it, struct err *e);

#endif
