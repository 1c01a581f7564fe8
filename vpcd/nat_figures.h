/* SPDX-License-Identifier: MIT
 * What NAT gateways count, under CloudWatch's names, for GET /metrics and for one gateway.
 */
#ifndef VPCD_VPCD_NAT_FIGURES_H
#define VPCD_VPCD_NAT_FIGURES_H

#include "bpf/dataplane.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "vpcd/names.h"

struct nat_figures;

/* dp and names outlive it. */
int nat_figures_open(struct dataplane *dp, struct names *names, struct nat_figures **ret,
		     struct err *e);
void nat_figures_close(struct nat_figures *f); /* NULL ok */

/* Prometheus text of all gateways. */
void nat_figures_metrics(struct nat_figures *f, struct buf *out);
/* {"ActiveConnectionCount": N, …} of one; NULL: it has none (it failed). */
struct json *nat_figures_json(struct nat_figures *f, const char *id);

#endif
