/* SPDX-License-Identifier: MIT
 * One entry of a network ACL, one route of a table at a time, as EC2's own calls change them
 * (CreateNetworkAclEntry, ReplaceRoute …).
 */
#ifndef VPCD_MODEL_ENTRIES_H
#define VPCD_MODEL_ENTRIES_H

#include "model/store.h"

/* entry: a record of Entries. replace: one of its number and direction must be there, otherwise
 * none may be: InvalidNetworkAclEntry.NotFound, NetworkAclEntryAlreadyExists. */
int acl_entry_put(struct txn *t, const char *acl_id, const struct json *entry, bool replace,
		  struct err *e);
int acl_entry_remove(struct txn *t, const char *acl_id, int64_t number, bool egress, struct err *e);

/* "0.0.0.0/0" and "igw", as in a topology file, to a record of Routes: names within the VPC win. */
int route_parse(const struct model *m, const char *vpc_id, const char *destination,
		const char *target, struct json **ret, struct err *e);
/* route: a record of Routes. The same for its destination: InvalidRoute.NotFound,
 * RouteAlreadyExists. */
int route_put(struct txn *t, const char *rtb_id, const struct json *route, bool replace,
	      struct err *e);
/* destination: a block, or a prefix list's id or name. */
int route_remove(struct txn *t, const char *rtb_id, const char *destination, struct err *e);

#endif
