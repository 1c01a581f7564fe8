/* SPDX-License-Identifier: MIT
 * What Prometheus's clients say of a process, under the names that all of them use
 * (prometheus.io, Writing client libraries, "Process metrics").
 */
#ifndef VPCD_VPCD_METRICS_PROCESS_H
#define VPCD_VPCD_METRICS_PROCESS_H

#include "lib/buf.h"

/* The daemon's own processor time, memory, descriptors and start, and its version. What the kernel
 * does not tell is left out. */
void metrics_process_put(struct buf *out);

#endif
