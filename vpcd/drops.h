/* SPDX-License-Identifier: MIT
 * Captures of what the data plane drops, with the reason.
 *
 * Theory: while there is such a capture, the programs show each packet that they drop in a ring
 * (bpf/abi.h, drop_watch). The loop reads it in small portions, hands each packet to the captures
 * that want it, and writes to their pipes what fits. What finds no room, in the ring or with a
 * reader that is slow, is counted and said; neither the network nor the loop waits.
 */
#ifndef VPCD_VPCD_DROPS_H
#define VPCD_VPCD_DROPS_H

#include "lib/event.h"
#include "vpcd/capture_format.h"
#include "vpcd/trace.h"

struct drops;

struct drops_config {
	struct event_loop *loop;
	struct dataplane *dp;
	/* Names, plan and model as they are now; no namespaces. */
	struct trace_env (*env)(void *arg);
	void *arg;
};

struct drop_capture_config {
	const char *attachment; /* what it sent and what was meant for it; NULL: everybody's */
	const char *ifname, *description; /* for the file; NULL ok */
	const char *filter;		  /* pcap-filter(7); NULL or "": everything */
	uint64_t count;			  /* packets; 0: until the reader goes away */
	uint32_t snaplen;		  /* bytes of each packet; 0: DROP_FRAME_MAX, the most */
	enum capture_format format;	  /* not CAPTURE_PCAP: it has no place for reasons */
};

struct drops *drops_new(const struct drops_config *cfg); /* NULL: out of memory */
void drops_free(struct drops *d);			 /* ends all captures; NULL ok */

/* Starts a capture. *ret_fd: its pipe, non-blocking, the caller's; closing it ends the capture, and
 * so does the detachment of its interface. -EINVAL: the filter, see capture_filter.h. */
int drops_capture(struct drops *d, const struct drop_capture_config *cfg, int *ret_fd,
		  struct err *e);

#endif
