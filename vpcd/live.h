/* SPDX-License-Identifier: MIT
 * Real connection attempts from within network namespaces: what a client there would see.
 */
#ifndef VPCD_VPCD_LIVE_H
#define VPCD_VPCD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

enum live_result {
	LIVE_UNTRIED,  /* a protocol that is not tried */
	LIVE_ANSWERED, /* something came back: data, or that nobody listens */
	LIVE_SILENT,
};

struct live_probe {
	int netns_fd;	  /* not owned */
	uint8_t protocol; /* TCP, UDP, and of ICMP echo requests */
	uint8_t type;
	uint16_t port;
	struct ip to;
	enum live_result result;
};

/* Can a silent attempt be told from one that nobody wanted to answer? Not over UDP. */
bool live_is_conclusive(const struct live_probe *p);
/* Tries all of them, some hundred at a time, each for at most wait_ms. Changes the thread's network
 * namespace: for a thread of its own. */
void live_try(struct live_probe *probes, size_t n, int wait_ms);

#endif
