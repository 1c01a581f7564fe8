/* SPDX-License-Identifier: MIT
 * Addresses of subnets and of the elastic IP pool. Pure: what is in use is read from the model.
 * Reserved: a subnet's first four addresses and its last (VPC User Guide, subnet-sizing).
 */
#ifndef VPCD_MODEL_IPAM_H
#define VPCD_MODEL_IPAM_H

#include "model/store.h"

/* Lowest free address of a subnet. -ENOSPC: InsufficientFreeAddressesInSubnet. */
int ipam_subnet_pick(const struct model *m, const struct subnet *s, struct ip *ret, struct err *e);
/* May `ip` be given to an interface of s? InvalidParameterValue, InvalidIPAddress.InUse. */
int ipam_subnet_check(const struct model *m, const struct subnet *s, const struct ip *ip,
		      struct err *e);
uint64_t ipam_subnet_free(const struct model *m, const struct subnet *s);
/* Lowest free address of the elastic IP pool: AddressLimitExceeded. */
int ipam_pool_pick(const struct model *m, const struct cidr *pool, struct ip *ret, struct err *e);

struct ip ipam_router(const struct subnet *s); /* first address + 1 */
struct ip ipam_resolver(const struct vpc *v);  /* primary block + 2 */
/* A locally administered unicast MAC derived from an id; the same id gives the same MAC. */
struct mac ipam_mac(const char *id);

#endif
