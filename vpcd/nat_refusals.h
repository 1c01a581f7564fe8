/* SPDX-License-Identifier: MIT
 * Says which destinations NAT gateways had no free port to: a line in the log and an event
 * (port-allocation-error) for each, at most once a minute, with the number since it was said last.
 */
#ifndef VPCD_VPCD_NAT_REFUSALS_H
#define VPCD_VPCD_NAT_REFUSALS_H

#include "bpf/dataplane.h"
#include "lib/event.h"
#include "model/store.h"
#include "vpcd/names.h"

struct nat_refusals;

/* Looks once a second. What an earlier daemon counted is not said again. loop, dp, names and store
 * outlive it. */
int nat_refusals_open(struct event_loop *loop, struct dataplane *dp, struct names *names,
		      struct store *store, struct nat_refusals **ret, struct err *e);
void nat_refusals_close(struct nat_refusals *r); /* NULL ok */

#endif
