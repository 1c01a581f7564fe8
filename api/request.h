/* SPDX-License-Identifier: MIT
 * One request on its way through the API, and the handlers of all routes. Private to api/.
 */
#ifndef VPCD_API_REQUEST_H
#define VPCD_API_REQUEST_H

#include <microhttpd.h>

#include "api/api.h"

#define BODY_MAX     (16u << 20)
#define SEGMENTS_MAX 6
#define STATUSES     600

struct api {
	struct api_config cfg;
	struct MHD_Daemon *mhd;
	struct event_source *io, *again, *timer, *tick;
	struct request *waiting; /* for apply */
	struct stream *streams;
	struct replay *replays; /* answers kept for Idempotency-Key */
	uint64_t serial;
	uint64_t by_status[STATUSES]; /* answers */
};

struct request {
	struct api *api;
	struct MHD_Connection *conn;
	char id[24];		      /* X-Request-Id */
	char *segments[SEGMENTS_MAX]; /* decoded; of the path behind "/" */
	size_t n_segments;
	struct json *query; /* object of strings, decoded */
	const char *method;
	struct buf body;
	bool too_large, handled;

	/* the answer */
	unsigned status;
	struct json *answer; /* or text */
	char *text, *location, *etag, *allow;
	const char *content_type;
	struct stream *stream; /* or this */

	/* after the commit: completes the answer once the change is applied */
	void (*finish)(struct request *rq);
	void *finish_arg; /* malloc'd */
	uint64_t revision, ticket;
	bool applied;
	char replay_key[160];
	uint64_t replay_hash;
	struct request *prev, *next;
};

/* ---- answers ---- */

/* Fails the request: EC2's code, HTTP status by code and rc. */
void fail(struct request *rq, const struct err *e);
void fail_with(struct request *rq, unsigned status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Takes j over. */
void succeed(struct request *rq, unsigned status, struct json *j);

/* ---- what handlers ask ---- */

const char *query_get(const struct request *rq, const char *name); /* NULL: absent */
bool query_is_set(const struct request *rq, const char *name);	   /* "1", "true" or "" */
/* The body as JSON; false: the request has failed. */
bool body_json(struct request *rq, struct json **ret);
const struct model *request_model(const struct request *rq);
/* A whole number in the query; absent: 0. false: the request has failed. */
bool query_number(struct request *rq, const char *name, uint64_t *ret);
/* The object that a path segment names; NULL: the request has failed. */
const struct object *path_object(struct request *rq, const struct kind *k, const char *name);

/* The sandbox that the path's third segment names; NULL: the request has failed. */
const struct object *path_sandbox(struct request *rq);

/* ---- transactions: one a request ---- */

/* NULL: the request has failed. */
struct txn *change_begin(struct request *rq);
/* Commits, or aborts if it is a dry run; finish() runs once the change is applied, or now. arg:
 * malloc'd or NULL, becomes rq->finish_arg. */
void change_end(struct request *rq, struct txn *t, void (*finish)(struct request *rq), void *arg);
bool is_dry_run(const struct request *rq);

/* ---- streams ---- */

/* A response without an end: next() appends what there is to out; called again whenever something
 * may have happened. false ends it. */
struct stream {
	struct api *api;
	struct MHD_Connection *conn;
	struct event_source *hangup, *source;
	bool (*next)(struct stream *s, struct buf *out);
	void (*done)(struct stream *s); /* frees what is behind arg */
	void *arg;
	struct buf pending;
	size_t sent;
	bool suspended, gone;
	struct stream *prev, *next_stream;
};
/* Makes the request's answer a stream; takes arg over. */
void stream_start(struct request *rq, const char *content_type,
		  bool (*next)(struct stream *s, struct buf *out), void (*done)(struct stream *s),
		  void *arg);

/* Makes it a copy of what a non-blocking descriptor gives until its end; takes fd over. */
void stream_start_fd(struct request *rq, const char *content_type, int fd);

struct MHD_Response *stream_response(struct stream *s);

/* ---- routes ---- */

/* Finds and runs the handler. */
void route(struct request *rq);

void get_health(struct request *rq);
void get_status(struct request *rq);
void get_schema(struct request *rq);
void get_clock(struct request *rq);
void post_clock(struct request *rq);
void get_metrics(struct request *rq);
void get_resolve(struct request *rq);
void get_labs(struct request *rq);
void patch_lab(struct request *rq);
void get_events(struct request *rq);
void get_topology(struct request *rq);
void post_topology(struct request *rq);
void post_whatif(struct request *rq);
void delete_topology(struct request *rq);
void get_sandboxes(struct request *rq);
void get_sandbox(struct request *rq);
void get_sandbox_logs(struct request *rq);
void get_flow_log_records(struct request *rq);
void get_sandbox_capture(struct request *rq);
void get_capture(struct request *rq);
void post_trace(struct request *rq);
void post_test(struct request *rq);
void post_reach(struct request *rq);
void post_least_privilege(struct request *rq);

/* Reads the counters of rules, if objects of the kind show them: may hits_add do so? */
bool hits_read(const struct request *rq, const struct kind *k);
/* "Rules" with their hits of a group or an ACL; "Hits" of a rule. As of the last hits_read. */
void hits_add(const struct request *rq, const struct object *o, struct json *out);
void post_acl_entries(struct request *rq);
void delete_acl_entries(struct request *rq);
void post_routes(struct request *rq);
void delete_routes(struct request *rq);
void post_peering_accept(struct request *rq);
void post_peering_reject(struct request *rq);
void post_rules(struct request *rq);
void delete_rules(struct request *rq);
void post_changes(struct request *rq);
void get_objects(struct request *rq);
void post_object(struct request *rq);
void get_object(struct request *rq);
void patch_object(struct request *rq);
void delete_object(struct request *rq);

/* Stored answers (replay.c). true: the request is answered or refused. */
bool replay_find(struct request *rq);
void replay_keep(struct request *rq, const char *text);
void replays_free(struct api *a);

#endif
