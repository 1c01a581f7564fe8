/* SPDX-License-Identifier: MIT
 * The HTTP API on a unix socket (libmicrohttpd inside our epoll loop) over the store. docs/api.md
 * is its reference. It sees the model only; what the daemon does with a change comes by hooks.
 */
#ifndef VPCD_API_API_H
#define VPCD_API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/event.h"
#include "lib/json.h"
#include "model/store.h"

struct api;

/* What GET /v1/sandboxes/<name>/capture and GET /v1/capture ask for. */
struct api_capture {
	const char *id;		 /* of the sandbox; NULL: of all */
	const char *filter;	 /* pcap-filter(7); NULL: everything */
	const char *format;	 /* "pcapng", "pcap", "text" */
	uint64_t count, snaplen; /* 0: no limit */
	bool any;		 /* all interfaces of its namespace */
	bool drops;		 /* what the data plane dropped, with the reason */
};

/* Calls into the daemon. All are called from the loop's thread. */
struct api_hooks {
	void *arg;
	/* Calls done(done_arg, steps_failed) from the loop (never from within) once what was
	 * committed up to `revision` is applied. Returns a ticket for forget(). */
	uint64_t (*when_applied)(void *arg, uint64_t revision, void (*done)(void *done_arg),
				 void *done_arg);
	void (*forget)(void *arg, uint64_t ticket);
	/* Members for GET /v1/status, beside what the API knows itself. */
	struct json *(*status)(void *arg);
	/* Prometheus text, beside the API's own series. */
	void (*metrics)(void *arg, struct buf *out);
	/* Adds members to an object that is shown alone: figures that the model does not hold. */
	void (*figures)(void *arg, const struct object *o, struct json *out);
	/* Moves virtual time `ms` milliseconds forward (0: only reads it; dry: only checks) and
	 * returns in *ret_offset_ms how far it is ahead of the kernel's. -EPERM and *e: the daemon
	 * keeps real time. NULL: there is no clock. */
	int (*clock_advance)(void *arg, uint64_t ms, bool dry, uint64_t *ret_offset_ms,
			     struct err *e);
	/* How often the rule of an id decided: a security group rule's ("sgr-…"), or an ACL entry's
	 * (network_acl_entry_id). hits_read reads the counters; rule_hits says what was
	 * read: false: it decides somewhere without being counted. */
	int (*hits_read)(void *arg, struct err *e);
	bool (*rule_hits)(void *arg, const char *rule, uint64_t *ret);
	/* {"ControlSocket": path, "LogFile": path, "NetnsPath": path} of an instance, function or
	 * internet host; NULL: it has none (yet). */
	struct json *(*sandbox)(void *arg, const char *id);
	/* Starts a capture. Returns a non-blocking descriptor to read it from, which the API
	 * closes to end it, or a negative errno. */
	int (*capture)(void *arg, const struct api_capture *c, struct err *e);
	/* Answers POST /v1/trace and POST /v1/test; NULL: *e. */
	struct json *(*trace)(void *arg, const struct json *question, struct err *e);
	struct json *(*test)(void *arg, const struct json *question, struct err *e);
	/* Answers POST /v1/reach. */
	struct json *(*reach)(void *arg, const struct json *question, struct err *e);
	/* Answers POST /v1/whatif: what is different in `changed`, the model as the request's
	 * topology would make it. lab: the topology's. */
	struct json *(*whatif)(void *arg, const struct model *changed, const char *lab,
			       const struct json *question, struct err *e);
	/* Answers POST /v1/least-privilege. */
	struct json *(*least_privilege)(void *arg, const struct json *question, struct err *e);
	/* test() with real attempts: a non-blocking descriptor to read the answer from, which the
	 * API closes, or a negative errno. */
	int (*test_live)(void *arg, const struct json *question, struct err *e);
};

struct api_config {
	struct event_loop *loop;
	struct store *store;
	int listen_fd; /* a listening unix socket; the API takes it over */
	gid_t gid; /* members (and root, and our own uid) may speak; -1: root and own uid only */
	struct api_hooks hooks;
};

int api_start(const struct api_config *cfg, struct api **ret, struct err *e);
void api_stop(struct api *a); /* ends open connections; NULL ok */

#endif
