/* SPDX-License-Identifier: MIT
 * Names outside every zone: asked of given servers through libunbound, which caches, fetches
 * popular names again before they end, and serves stale ones while no server answers (RFC 8767).
 * libunbound works in a thread of its own that is born, and opens its sockets, in the network
 * namespace of the thread that calls forward_ask(): whoever owns a forwarder stands in the right
 * one. Nothing is read from the host (resolv.conf, hosts), nobody but the given servers is asked,
 * and only a forwarder with trust anchors validates (RFC 4035 section 5). All functions are called
 * from the loop's thread.
 */
#ifndef VPCD_DNS_FORWARD_H
#define VPCD_DNS_FORWARD_H

#include <sys/queue.h>

#include "dns/server.h"
#include "dns/wire.h"
#include "lib/addr.h"
#include "lib/event.h"

#define FORWARD_TIMEOUT_NS  UINT64_C(4000000000) /* clients give up after 5 s (resolv.conf(5)) */
#define FORWARD_PENDING_MAX 2048

struct forward;
struct forward_query;

/* msg: upstream's answer, valid during the call, with AD where it was validated and is secure;
 * NULL: none in time. The query is over. */
typedef void forward_fn(struct forward_query *q, const uint8_t *msg, size_t len);

/* A question under way; lives in the caller's own struct. */
struct forward_query {
	struct dns_name name; /* set by the caller, as are type and done */
	uint16_t type;
	forward_fn *done;
	const char *bogus; /* for done: why the answer is not to be believed; NULL: it is */
	/* forward.c's */
	TAILQ_ENTRY(forward_query) link;
	struct forward *forward;
	uint64_t deadline_ns;
	int async_id;
};

/* Whom a forwarder asks, and what it believes. */
struct forward_config {
	const struct dns_target *servers;
	size_t n;
	const char
		*anchors; /* trust anchors, a line each (dns_view_validate); NULL: no validation */
};
int forward_new(struct event_loop *l, const struct forward_config *cfg, struct forward **ret,
		struct err *e);
/* Is it the one that cfg wants? */
bool forward_is(const struct forward *f, const struct forward_config *cfg);
bool forward_validates(const struct forward *f);
/* Calls `done` of what is under way with NULL. NULL ok. */
void forward_free(struct forward *f);
/* What is known of the name (in lower case) without asking; *ret_msg lives until the next call on
 * f. False: it must be asked for. */
bool forward_cached(struct forward *f, const struct dns_name *name, uint16_t type,
		    const uint8_t **ret_msg, size_t *ret_len, uint32_t *ret_age);
/* `done` is called later, never from within. -EBUSY: too many under way. */
int forward_ask(struct forward *f, struct forward_query *q);
/* Ends what is overdue (now_ns: CLOCK_MONOTONIC). Returns how many are still under way. */
size_t forward_tick(struct forward *f, uint64_t now_ns);
/* Forgets what is cached; what is under way is asked anew. */
void forward_flush(struct forward *f);

uint64_t monotonic_ns(void);

#endif
