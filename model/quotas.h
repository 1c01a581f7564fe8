/* SPDX-License-Identifier: MIT
 * Quotas of single objects. AWS's defaults; what EC2 lets people ask for may be asked for here too
 * (VPC User Guide, amazon-vpc-limits). Quotas of a region are not enforced.
 */
#ifndef VPCD_MODEL_QUOTAS_H
#define VPCD_MODEL_QUOTAS_H

#include "lib/err.h"

/* 0: the default. */
struct quotas {
	unsigned rules_per_group;	  /* of each direction and family: 60 */
	unsigned groups_per_interface;	  /* 5, at most 16; product with the former <= 1000 */
	unsigned entries_per_acl;	  /* of each direction and family, the final deny too: 20 */
	unsigned routes_per_table;	  /* of each family: 50 */
	unsigned addresses_per_interface; /* of each family: 50 */
};

/* Rules of a direction and family that the groups of one interface can have together (VPC User
 * Guide, Amazon VPC quotas). */
#define RULES_PER_INTERFACE 1000

/* "routes-per-table=100". InvalidParameterValue names the quotas there are, or the range. */
int quota_set(struct quotas *q, const char *text, struct err *e);
/* Fills defaults in. InvalidParameterValue: rules times groups exceed RULES_PER_INTERFACE. */
int quotas_complete(struct quotas *q, struct err *e);

#endif
