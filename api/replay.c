/* SPDX-License-Identifier: MIT
 * Idempotency-Key: the same POST again is answered as the first time, without doing it twice. Kept
 * in memory: 1,000 answers, for 24 hours.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "api/request.h"

#define REPLAYS_MAX 1000
#define REPLAY_AGE  86400

struct replay {
	char key[160];
	uint64_t hash; /* of path, query and body */
	unsigned status;
	char *text, *location;
	time_t made;
	UT_hash_handle hh;
};

static uint64_t hash_add(uint64_t h, const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const unsigned char *)data)[i]) * 1099511628211u;
	return (h ^ 0xff) * 1099511628211u;
}

static uint64_t hash_of(const struct request *rq)
{
	cleanup_free char *query = json_print(rq->query);
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < rq->n_segments; i++)
		h = hash_add(h, rq->segments[i], strlen(rq->segments[i]));
	if (query)
		h = hash_add(h, query, strlen(query));
	return hash_add(h, buf_str(&rq->body), rq->body.len);
}

static void replay_free(struct api *a, struct replay *r)
{
	HASH_DEL(a->replays, r);
	free(r->text);
	free(r->location);
	free(r);
}

void replays_free(struct api *a)
{
	struct replay *r, *tmp;

	HASH_ITER (hh, a->replays, r, tmp)
		replay_free(a, r);
}

/* Insertion order is age. */
static void forget_old(struct api *a)
{
	struct replay *r, *tmp;

	HASH_ITER (hh, a->replays, r, tmp) {
		if (r->made + REPLAY_AGE > time(NULL) && HASH_COUNT(a->replays) < REPLAYS_MAX)
			return;
		replay_free(a, r);
	}
}

bool replay_find(struct request *rq)
{
	const char *key = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Idempotency-Key");
	struct replay *r;

	if (!key || strcmp(rq->method, "POST") || is_dry_run(rq))
		return false;
	if (strlen(key) >= sizeof(rq->replay_key)) {
		fail_with(rq, 400, "InvalidParameterValue",
			  "an Idempotency-Key has at most %zu characters",
			  sizeof(rq->replay_key) - 1);
		return true;
	}
	forget_old(rq->api);
	rq->replay_hash = hash_of(rq);
	HASH_FIND_STR(rq->api->replays, key, r);
	if (!r) {
		strcpy(rq->replay_key, key);
		return false;
	}
	if (r->hash != rq->replay_hash) {
		fail_with(rq, 409, "IdempotentParameterMismatch",
			  "Idempotency-Key %s was used with another request", key);
		return true;
	}
	rq->status = r->status;
	rq->text = strdup(r->text);
	rq->location = r->location ? strdup(r->location) : NULL;
	return true;
}

/* What failed may be tried again. */
void replay_keep(struct request *rq, const char *text)
{
	struct replay *r = rq->replay_key[0] && rq->status < 300 ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return;
	strcpy(r->key, rq->replay_key);
	r->hash = rq->replay_hash;
	r->status = rq->status;
	r->text = strdup(text);
	r->location = rq->location ? strdup(rq->location) : NULL;
	r->made = time(NULL);
	HASH_ADD_STR(rq->api->replays, key, r);
}
