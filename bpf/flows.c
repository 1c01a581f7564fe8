/* SPDX-License-Identifier: MIT
 * Flows seen from user space: reading, retiring and collecting them. See dataplane.h.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/private.h"
#include "lib/cleanup.h"

#define BATCH	 1024
#define GRACE_NS 200000000ull /* no program runs that long */

struct batch {
	struct flow_key keys[BATCH];
	struct flow values[BATCH];
	uint32_t n;
};

/* Fills a batch from where the cursor stands. 0: more follow; 1: the table's end. */
static int batch_read(struct dataplane *dp, struct batch *b, uint32_t limit, uint32_t *cursor,
		      bool *has_cursor, struct err *e)
{
	uint32_t next;

	b->n = limit < BATCH ? limit : BATCH;
	if (bpf_map_lookup_batch(dp->flows, *has_cursor ? cursor : NULL, &next, b->keys, b->values,
				 &b->n, NULL)) {
		if (errno == ENOENT) {
			*has_cursor = false;
			return 1;
		}
		/* A bucket larger than what was asked for: ask for more. */
		if (errno == ENOSPC && limit < BATCH)
			return batch_read(dp, b, BATCH, cursor, has_cursor, e);
		return err_sys(e, -errno, "read map flows");
	}
	*cursor = next;
	*has_cursor = true;
	return 0;
}

int dataplane_flows(struct dataplane *dp,
		    int (*fn)(void *arg, const struct flow_key *k, const struct flow *f), void *arg,
		    struct err *e)
{
	cleanup_free struct batch *b = malloc(sizeof(*b));
	bool has_cursor = false;
	uint32_t cursor = 0;
	int end = 0, rc = 0;

	if (!b)
		return err_sys(e, -ENOMEM, "flows");
	while (!end) {
		end = batch_read(dp, b, BATCH, &cursor, &has_cursor, e);
		if (end < 0)
			return end;
		for (uint32_t i = 0; i < b->n; i++) {
			rc = fn(arg, &b->keys[i], &b->values[i]);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* ---- retiring ---- */

struct retiring {
	struct dataplane *dp;
	uint32_t n;
	struct flow_stats *stats;
};

static int retire_flush(struct retiring *r, struct err *e)
{
	struct retire_entry *v = r->dp->retire.p;
	struct retire_args args = {.n = r->n, .now = dataplane_now(r->dp)};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

	if (!r->n)
		return 0;
	if (bpf_prog_test_run_opts(r->dp->retire_prog, &opts) || opts.retval)
		return err_sys(e, -errno, "retire flows");
	for (uint32_t i = 0; r->stats && i < r->n; i++)
		r->stats->timed_out += v[i].retired && v[i].timed_out;
	r->n = 0;
	return 0;
}

static int retire_add(struct retiring *r, const struct flow_key *k, bool force, struct err *e)
{
	struct retire_entry *v = r->dp->retire.p;

	memset(&v[r->n], 0, sizeof(*v));
	v[r->n].key = *k;
	v[r->n].force = force;
	return ++r->n == RETIRE_MAX ? retire_flush(r, e) : 0;
}

static uint64_t kernel_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int collect_one(struct retiring *r, const struct flow_key *k, const struct flow *f,
		       uint64_t now, struct err *e)
{
	if (f->state == FLOW_DEAD) {
		if (f->last_seen_ns + GRACE_NS > kernel_now())
			return 0;
		if (bpf_map_delete_elem(r->dp->flows, k) && errno != ENOENT)
			return err_sys(e, -errno, "delete from map flows");
		r->stats->collected++;
		return 0;
	}
	r->stats->live += f->state == FLOW_LIVE;
	if (f->state == FLOW_CLOSED ||
	    (f->state == FLOW_LIVE && f->last_seen_ns + flow_timeout(k, f) <= now))
		return retire_add(r, k, false, e);
	return 0;
}

int dataplane_collect(struct dataplane *dp, size_t budget, struct flow_stats *ret, struct err *e)
{
	cleanup_free struct batch *b = malloc(sizeof(*b));
	struct retiring r = {.dp = dp, .stats = ret};
	uint64_t now = dataplane_now(dp);
	int end = 0, rc = 0;

	memset(ret, 0, sizeof(*ret));
	if (!b)
		return err_sys(e, -ENOMEM, "flows");
	while (!end && !rc && ret->entries < budget) {
		end = batch_read(dp, b, (uint32_t)(budget - ret->entries), &dp->cursor,
				 &dp->has_cursor, e);
		if (end < 0)
			return end;
		ret->entries += b->n;
		for (uint32_t i = 0; !rc && i < b->n; i++)
			rc = collect_one(&r, &b->keys[i], &b->values[i], now, e);
	}
	return rc ? rc : retire_flush(&r, e);
}

struct ending {
	struct retiring r;
	uint32_t ifindex;
	struct err *e;
};

static int end_one(void *arg, const struct flow_key *k, const struct flow *f)
{
	struct ending *x = arg;

	if (k->ifindex != x->ifindex && f->output_ifindex != x->ifindex)
		return 0;
	return retire_add(&x->r, k, true, x->e);
}

int dataplane_end_flows(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct ending x = {.r = {.dp = dp}, .ifindex = ifindex, .e = e};
	int rc = dataplane_flows(dp, end_one, &x, e);

	return rc ? rc : retire_flush(&x.r, e);
}
