/* SPDX-License-Identifier: MIT
 * The smallest rules of a security group that admit what was seen.
 *
 * Theory: what a flow needs of the group is not computed from its record, but asked. In a twin of
 * the network in which the group has no rules, each flow is traced, and every gate of the group's
 * members that refuses it is one need: with the addresses, the port and the peer's groups that the
 * program has there, behind whatever rewrote them. What other groups of an interface admit is no
 * need. Rules are made of the needs (privilege_rules.h), put into the model, and a third twin says
 * whether all that was seen passes, and what else the change opens and closes.
 */
#ifndef VPCD_VPCD_PRIVILEGE_H
#define VPCD_VPCD_PRIVILEGE_H

#include "lib/json.h"
#include "model/store.h"

/* {"SecurityGroup", "Flows": as of a what-if, "Vpc"?, "PortGap"?, "Prefix"?, "Prefix6"?}:
 * docs/api.md, POST /v1/least-privilege. The store is as before afterwards. max_enis: of the
 * running data plane. NULL: *e. */
struct json *privilege_judge(struct store *store, uint32_t max_enis, const struct json *question,
			     struct err *e);

#endif
