/* SPDX-License-Identifier: MIT
 * Addresses and blocks. Pure: what is in use is read from the model. Reserved: a subnet's first
 * four addresses and its last, of each family (VPC User Guide, subnet-sizing).
 */
#ifndef VPCD_MODEL_IPAM_H
#define VPCD_MODEL_IPAM_H

#include "model/store.h"

/* Lowest free address of a subnet, IPv4 or IPv6; none of `but` (struct ip; NULL: nothing).
 * -ENOSPC: InsufficientFreeAddressesInSubnet. Without IPv6 block: InvalidParameterValue. */
int ipam_subnet_pick(const struct model *m, const struct subnet *s, const struct list *but,
		     struct ip *ret, struct err *e);
int ipam_subnet_pick6(const struct model *m, const struct subnet *s, const struct list *but,
		      struct ip *ret, struct err *e);
/* May `ip`, of either family, be given to an interface of s? eni: the one that may have it already
 * (NULL: none). InvalidParameterValue, InvalidIPAddress.InUse, at `field`. */
int ipam_subnet_check(const struct model *m, const struct subnet *s, const struct ip *ip,
		      const char *eni, const char *field, struct err *e);
uint64_t ipam_subnet_free(const struct model *m, const struct subnet *s); /* of IPv4 */
/* Lowest free address of the elastic IP pool: AddressLimitExceeded. */
int ipam_pool_pick(const struct model *m, const struct cidr *pool, struct ip *ret, struct err *e);
/* The i-th IPv4 range that is nobody's on the internet (RFC 6890); false: there are no more. */
bool ipam_special_range(size_t i, struct cidr *ret);

/* Lowest free /56 of a pool that overlaps no VPC's block, and /64 of a VPC's IPv6 block that
 * overlaps no subnet's. -ENOSPC. */
int ipam_vpc_pick(const struct model *m, const struct cidr *pool, struct cidr *ret, struct err *e);
int ipam_subnet_block_pick(const struct model *m, const struct vpc *v, struct cidr *ret,
			   struct err *e);

struct ip ipam_router(const struct subnet *s); /* first address + 1 */
struct ip ipam_resolver(const struct vpc *v);  /* primary block + 2 */
/* A locally administered unicast MAC derived from an id; the same id gives the same MAC. */
struct mac ipam_mac(const char *id);

#endif
