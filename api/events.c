/* SPDX-License-Identifier: MIT
 * The event stream: JSON lines by revision, resumable.
 */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

#define EVENTS_AT_ONCE 500

struct watch {
	uint64_t since;
	bool follow;
	char *lab;
	struct buf *out;
};

static void add_event(void *arg, const struct json *event)
{
	struct watch *w = arg;
	const char *lab = json_str(json_get(event, "Lab"));
	cleanup_free char *text = NULL;

	w->since = (uint64_t)json_num(json_get(event, "Revision"));
	if (w->lab && (!lab || strcmp(lab, w->lab)))
		return;
	text = json_print(event);
	if (text)
		buf_printf(w->out, "%s\n", text);
}

static bool next_events(struct stream *s, struct buf *out)
{
	struct watch *w = s->arg;
	struct store *store = s->api->cfg.store;
	uint64_t before;

	w->out = out;
	do {
		before = w->since;
		if (w->since < store_revision(store) &&
		    store_events(store, w->since, EVENTS_AT_ONCE, add_event, w, NULL))
			return false;
	} while (w->since != before && out->len < 65536);
	return w->follow;
}

static void done_events(struct stream *s)
{
	struct watch *w = s->arg;

	free(w->lab);
}

void get_events(struct request *rq)
{
	const char *since = query_get(rq, "since"), *lab = query_get(rq, "Lab");
	char *end = NULL;
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return fail_with(rq, 500, "InternalError", "out of memory");
	w->since = since ? strtoull(since, &end, 10) : 0;
	if (since && (*end || !*since)) {
		free(w);
		return fail_with(rq, 400, "InvalidParameterValue", "since is a revision");
	}
	w->follow = query_is_set(rq, "watch");
	w->lab = lab ? strdup(lab) : NULL;
	stream_start(rq, "application/x-ndjson", next_events, done_events, w);
}
