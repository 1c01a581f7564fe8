/* SPDX-License-Identifier: MIT
 * All flow logs: what the data plane tells of packets becomes records of the logs that cover an
 * interface, window by window on the virtual clock.
 *
 * A flow is read when a window's end has passed since it was read last, by the same slices that
 * collect flows: its record then has what it carried since. So no sweep is made at a window's end;
 * records come within one round through the flow table after it, and those of a window that
 * interfaces have nothing to say of (NODATA) behind them. A log that is made begins likewise: once
 * what flows carried before has been taken off.
 *
 * Nothing is kept in memory but lines between two slices: what is not told yet stands in the
 * kernel, in flows and in flow_parts, where the next daemon finds it. A daemon that is killed
 * between asking and writing, some milliseconds, takes the lines of that slice with it.
 */
#ifndef VPCD_VPCD_FLOW_LOGS_H
#define VPCD_VPCD_FLOW_LOGS_H

#include "bpf/dataplane.h"
#include "lib/buf.h"
#include "model/store.h"
#include "vpcd/names.h"

struct flow_logs;

struct flow_logs_config {
	struct store *store;
	struct dataplane *dp;
	struct names *names;
	const char *state_dir;	 /* files lie in flow-logs/ below it */
	uint32_t file_mebibytes; /* 0: 16 */
	uint32_t files_kept;	 /* 0: 16 */
};

int flow_logs_open(const struct flow_logs_config *cfg, struct flow_logs **ret, struct err *e);
void flow_logs_close(struct flow_logs *f); /* logging goes on in the kernel; NULL ok */

/* After each slice of collection, and now and then with an empty one. True: it waits for the next.
 */
bool flow_logs_tick(void *logs, const struct flow_stats *slice);

/* Members of a flow log that is shown: LogDestination, FlowLogStatus, DeliverLogsStatus, … */
void flow_logs_describe(const struct flow_logs *f, const char *id, struct json *out);
/* Prometheus series. */
void flow_logs_metrics(const struct flow_logs *f, struct buf *out);

#endif
