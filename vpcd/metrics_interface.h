/* SPDX-License-Identifier: MIT
 * Prometheus series of network interfaces.
 */
#ifndef VPCD_VPCD_METRICS_INTERFACE_H
#define VPCD_VPCD_METRICS_INTERFACE_H

#include "bpf/dataplane.h"
#include "lib/buf.h"
#include "model/store.h"
#include "vpcd/names.h"

/* What was reported before: counters never go back. */
struct interface_metrics;

struct interface_metrics *interface_metrics_new(void);
void interface_metrics_free(struct interface_metrics *m); /* NULL ok */

/* Appends vpcd_interface_… of every interface. Reads the flow table: 0.3 ms, 75 ms with 200,000
 * entries. */
void interface_metrics_put(struct interface_metrics *m, struct dataplane *dp, const struct names *n,
			   const struct model *model, struct buf *out);
/* Appends network_interface="eni-…". */
void interface_label(const struct names *n, uint32_t ifindex, struct buf *out);

#endif
