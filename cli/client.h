/* SPDX-License-Identifier: MIT
 * HTTP requests to vpcd over its unix socket (docs/api.md; the only user of libcurl).
 */
#ifndef VPCD_CLI_CLIENT_H
#define VPCD_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/json.h"

struct cli;
struct client;

/* Percent-encodes s as one path segment or query value. */
void url_add(struct buf *path, const char *s);
/* Adds ?key=value or &key=value; a NULL value adds nothing. */
void query_add(struct buf *path, const char *key, const char *value);

/* One line of a stream, without its end; false: no more, please. */
typedef bool line_fn(void *arg, const char *line, size_t len);

struct request {
	const char *method, *path;
	const char *body; /* NULL: none */
	size_t body_len;
	long timeout_ms; /* 0: none */
	/* Lines of this stream are shown while the request is under way; NULL: none. */
	const char *watch_path;
	line_fn *on_line;
	void *arg;
};

struct response {
	long status;	   /* HTTP's; 0 if the daemon did not answer */
	struct json *json; /* NULL: none */
	enum { CALL_ANSWERED, CALL_UNREACHABLE, CALL_TIMED_OUT, CALL_INTERRUPTED } outcome;
	int os_error; /* errno of a failed connection, 0 if unknown */
	char detail[256];
};
void response_done(struct response *r);

/* Performs a request and reports nothing. While it runs, Ctrl-C ends it (CALL_INTERRUPTED). */
void client_perform(struct cli *c, const struct request *rq, struct response *ret);
/* Says on stderr why a response is no success; returns the exit code, 0 for a success. */
int client_report(struct cli *c, const struct response *r);
/* Both, for the ordinary case. body and ret may be NULL. */
int client_call(struct cli *c, const char *method, const char *path, const struct json *body,
		struct json **ret);
int client_get(struct cli *c, const char *path, struct json **ret);

/* A GET whose answer is written as it comes; fn returns false to end it. Reports failures and
 * returns an exit code. */
int client_stream(struct cli *c, const char *path,
		  bool (*fn)(void *arg, const char *data, size_t n), void *arg);
/* The same; SIGINT and SIGTERM end it like an end of the stream and set *ret_interrupted. */
int client_stream_until(struct cli *c, const char *path,
			bool (*fn)(void *arg, const char *data, size_t n), void *arg,
			bool *ret_interrupted);
/* client_stream, line by line. */
int client_stream_lines(struct cli *c, const char *path, line_fn *fn, void *arg);
/* Streams end with EXIT_TIMED_OUT this long from now. */
void client_set_deadline(struct cli *c, long ms);
void client_free(struct client *cl); /* NULL ok */

#endif
