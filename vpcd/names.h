/* SPDX-License-Identifier: MIT
 * Symbols to numbers. Each number space is a noun of abi.h; what is allocated stands in the pinned
 * `names` map before it is used, so that the next daemon binds the same symbols to the same
 * numbers. Numbers are handed out in rising order and not reused before a space wraps around.
 */
#ifndef VPCD_VPCD_NAMES_H
#define VPCD_VPCD_NAMES_H

#include <stdint.h>

#include "bpf/dataplane.h"
#include "lib/err.h"

struct names;

enum name_space {
	NAME_VPC,
	NAME_SUBNET,
	NAME_TABLE,
	NAME_GATEWAY, /* internet gateways, egress-only ones too */
	NAME_NAT,
	NAME_INTERFACE, /* interface indexes */
	NAME_GROUPS,	/* group sets: index of group_rules */
	NAME_ACL,	/* index of acl_rules */
	NAME_CLASSIFIER,
	NAME_SPACE_COUNT
};

/* Reads what is allocated from the data plane's map. */
int names_open(struct dataplane *dp, struct names **ret, struct err *e);
void names_free(struct names *n); /* NULL ok */

/* 0: not bound. The symbols of the pseudo-VPCs are bound from the start. */
uint32_t names_find(const struct names *n, enum name_space space, const char *symbol);
/* The symbol that has a number; NULL: none. It lasts until it is released. */
const char *names_symbol(const struct names *n, enum name_space space, uint32_t number);
/* The symbol's number, allocated if it has none. */
int names_get(struct names *n, enum name_space space, const char *symbol, uint32_t *ret,
	      struct err *e);
/* Binds a symbol to a number that names_fresh handed out before (a pooled interface index). */
int names_bind(struct names *n, enum name_space space, const char *symbol, uint32_t number,
	       struct err *e);
/* A number that nobody has and nobody gets again; 0: none left. */
uint32_t names_fresh(struct names *n, enum name_space space);
/* Calls fn for every symbol of a space. */
void names_each(const struct names *n, enum name_space space,
		void (*fn)(void *arg, const char *symbol, uint32_t number), void *arg);
void names_release(struct names *n, enum name_space space, const char *symbol);

#endif
