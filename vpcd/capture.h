/* SPDX-License-Identifier: MIT
 * Captures within network namespaces, and the only user of libpcap.
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

enum capture_format { CAPTURE_PCAPNG, CAPTURE_PCAP, CAPTURE_TEXT };

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

/* -EINVAL with libpcap's own message and the column (from 1) of the word at fault. */
int capture_check_filter(const char *filter, bool any, struct err *e);

/* Starts a capture. *ret_fd: its pipe, non-blocking, the caller's; closing it ends the capture. */
int capture_start(const struct capture_config *cfg, int *ret_fd, struct err *e);

#endif
