/* SPDX-License-Identifier: MIT
 * Recorded traffic from files: captures and flow logs. Read as streams, whatever their size; what
 * is kept is a flow_set. Failures are said on stderr; the results are exit codes.
 */
#ifndef VPCD_CLI_RECORDING_H
#define VPCD_CLI_RECORDING_H

#include "cli/cli.h"
#include "cli/flow_set.h"

/* What was in a file, beside its flows. */
struct recording {
	uint64_t packets; /* or records */
	uint64_t skipped; /* neither TCP, UDP nor ICMP, cut too short, later fragments, … */
	uint64_t refused; /* records of what was rejected */
};

/* A capture that libpcap reads: pcap or pcapng of Ethernet, Linux "cooked" or raw IP; "-" is stdin.
 * What lies before the place where a file is cut counts, and the cut is said. */
int recording_read_pcap(struct cli *c, const char *path, struct flow_set *flows,
			struct recording *ret);
/* Flow log records, plain or gzip. accepted: those of what was rejected are left out. */
int recording_read_flow_logs(struct cli *c, const char *path, bool accepted, struct flow_set *flows,
			     struct recording *ret);

#endif
