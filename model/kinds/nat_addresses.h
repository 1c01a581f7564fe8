/* SPDX-License-Identifier: MIT
 * The addresses of a NAT gateway: private ones of its interface, each of a public gateway with an
 * elastic IP (EC2 API Reference, CreateNatGateway, AssociateNatGatewayAddress). Internal to model.
 */
#ifndef VPCD_MODEL_NAT_ADDRESSES_H
#define VPCD_MODEL_NAT_ADDRESSES_H

#include "model/kinds.h"

struct txn;
struct model;

/* What was asked for, whatever is free. was: NULL on creation. */
int nat_addresses_check(struct txn *t, const struct nat_gateway *was, const struct nat_gateway *nat,
			struct err *e);
/* Secondary addresses that it asks for. */
size_t nat_addresses_secondary(const struct nat_gateway *nat);
/* Is one of its elastic IPs somebody else's? */
bool nat_addresses_taken(const struct model *m, const struct nat_gateway *nat);

/* Gives a gateway that has its interface its secondary addresses and elastic IPs. */
int nat_addresses_assign(struct txn *t, const struct nat_gateway *nat, struct err *e);
/* From what it had to what it is to have: the others stay as they are. */
int nat_addresses_change(struct txn *t, const struct nat_gateway *was,
			 const struct nat_gateway *nat, struct err *e);

/* "NatGatewayAddresses", the primary one first. */
struct json *nat_addresses_describe(const struct model *m, const struct nat_gateway *nat);

#endif
