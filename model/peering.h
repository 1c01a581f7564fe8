/* SPDX-License-Identifier: MIT
 * The life of VPC peering connections. VPC Peering Guide, peering-lifecycle:
 *
 *   request -> pending-acceptance -> active -> deleted
 *          \                     \-> rejected, expired (after 7 days), deleted
 *           \-> failed (blocks overlap)
 *
 * What is over is shown for a while. Routes to a deleted connection are blackholes.
 */
#ifndef VPCD_MODEL_PEERING_H
#define VPCD_MODEL_PEERING_H

#include "model/store.h"

#define PEERING_REQUEST_LIFE (7 * 86400) /* seconds that a request waits */
#define PEERING_FAILED_LIFE  (2 * 3600)	 /* seconds that a failed one is shown */
#define PEERING_OVER_LIFE                                                       \
	(2 * 86400) /* seconds that a rejected, expired or deleted one is shown \
		     */

/* Accept or reject a request: InvalidStateTransition (-EPERM) unless it is pending acceptance;
 * accepting counts towards the quota of active ones. */
int peering_accept(struct txn *t, const char *id, struct err *e);
int peering_reject(struct txn *t, const char *id, struct err *e);

/* Neither pending nor active: no packet and no decision will come of it any more. */
bool peering_is_over(const struct vpc_peering_connection *p);
/* Do its VPCs overlap, so that it would fail if it were asked for again? */
bool peering_would_fail(const struct model *m, const struct vpc_peering_connection *p);
/* The VPC at the other end; NULL: vpc_id is at neither. */
const char *peering_other_end(const struct vpc_peering_connection *p, const char *vpc_id);
/* The active connection of two VPCs; NULL: none. */
const struct vpc_peering_connection *model_active_peering(const struct model *m, const char *vpc_id,
							  const char *peer_vpc_id);

/* What time does to them: requests expire, what is over goes (struct kind, due and age). */
int64_t peering_due(const struct object *o);
int peering_age(struct txn *t, const struct object *o, struct err *e);

#endif
