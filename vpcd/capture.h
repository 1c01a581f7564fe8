/* SPDX-License-Identifier: MIT
 * Captures within network namespaces.
 *
 * Theory: each capture is a thread that lives in the namespace (namespaces of the network are a
 * thread's) and writes whole packets into a pipe; whoever holds the pipe's other end streams them.
 * A reader that is slow fills the pipe, then libpcap's ring; what does not fit there is counted and
 * said in the capture. A reader that goes away ends the thread. The network never waits.
 */
#ifndef VPCD_VPCD_CAPTURE_H
#define VPCD_VPCD_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "vpcd/capture_format.h"

#define CAPTURE_SNAPLEN 262144

struct capture_config {
	int netns_fd;		 /* not owned */
	const char *ifname;	 /* NULL: all interfaces of the namespace */
	const char *description; /* whose interface it is, for the file; NULL ok */
	struct mac mac;		 /* of the interface: tells outbound from inbound */
	const char *filter;	 /* pcap-filter(7); NULL or "": everything */
	uint64_t count;		 /* packets; 0: until the reader goes away */
	uint32_t snaplen;	 /* bytes of each packet; 0: all */
	enum capture_format format;
};

#define CAPTURE_PIPE_BYTES (1 << 20) /* the most that is allowed without privilege */

/* Starts a capture. *ret_fd: its pipe, non-blocking, the caller's; closing it ends the capture.
 * -EINVAL: the filter, see capture_filter.h. */
int capture_start(const struct capture_config *cfg, int *ret_fd, struct err *e);

#endif
