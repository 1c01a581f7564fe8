/* SPDX-License-Identifier: MIT
 * rtnetlink in any network namespace: sockets, batches of changes, requests. Private to netns/.
 *
 * Theory: the kernel handles a datagram of several messages within sendmsg(2), in order, and goes
 * on after one that fails. So a batch asks for an acknowledgement of its last message only: an
 * earlier one is heard of if it failed, and a signal cannot end a batch half way.
 */
#ifndef VPCD_NETNS_RTNL_H
#define VPCD_NETNS_RTNL_H

#include <stddef.h>
#include <stdint.h>

#include <netlink/msg.h>

#include "lib/cleanup.h"
#include "lib/err.h"

struct rtnl {
	int fd; /* -1: closed */
	uint32_t seq;
};

#define RTNL_CLOSED ((struct rtnl){.fd = -1})

/* A socket in this thread's network namespace. */
int rtnl_open(struct rtnl *ret, struct err *e);
void rtnl_close(struct rtnl *r); /* closed ok */

struct batch {
	struct {
		struct nl_msg *msg;
		const char *step;
	} * items;
	size_t n, cap;
	int rc;		  /* sticky: no message is added after the first failure */
	const char *step; /* that failed */
};

/* Adds a message with the fixed header given and returns it for attributes (there is room for some
 * 900 bytes of them); NULL if a message before it failed. step: a static string "netns.<step>", for
 * fault injection and error messages. */
struct nl_msg *batch_add(struct batch *b, const char *step, int type, int flags, const void *header,
			 size_t len);
/* Sends the batch and frees its messages; the first failure counts. */
int batch_send(struct batch *b, struct rtnl *r, struct err *e);
void batch_done(struct batch *b);

#define cleanup_batch cleanup(batch_done)

/* Sends one request and calls fn for each message of the answer. Frees msg. fn must not use r. */
int rtnl_request(struct rtnl *r, struct nl_msg *msg, int (*fn)(void *arg, struct nlmsghdr *h),
		 void *arg, struct err *e);

#endif
