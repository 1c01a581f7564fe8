/* SPDX-License-Identifier: MIT
 * Flows seen from user space: reading, ending and collecting them. See dataplane.h.
 */
#include <time.h>

#include "bpf/private.h"

#define GRACE_NS 200000000ull /* no program runs that long */

struct flow_walk {
	int (*fn)(void *arg, const struct flow_key *k, const struct flow *f);
	void *arg;
};

static int flow_one(void *arg, const void *key, const void *value)
{
	const struct flow_walk *w = arg;

	return w->fn(w->arg, key, value);
}

int dataplane_flows(struct dataplane *dp,
		    int (*fn)(void *arg, const struct flow_key *k, const struct flow *f), void *arg,
		    struct err *e)
{
	struct flow_walk w = {fn, arg};

	return map_walk(&dp->flows, flow_one, &w, e);
}

/* ---- marking DEAD: the daemon lists, the program marks ---- */

struct retiring {
	struct dataplane *dp;
	uint32_t n;
	uint64_t now, timed_out;
};

static int retire_flush(struct retiring *r, struct err *e)
{
	struct retire_args args = {.n = r->n, .now = r->now};
	const struct retire_entry *v = r->dp->retire.p;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

	if (r->n && bpf_prog_test_run_opts(r->dp->retire_prog, &opts))
		return err_sys(e, -errno, "retire flows");
	for (uint32_t i = 0; i < r->n; i++)
		r->timed_out += v[i].timed_out;
	r->n = 0;
	return 0;
}

static int retire_add(struct retiring *r, const struct flow_key *k, bool force, struct err *e)
{
	struct retire_entry *v = r->dp->retire.p;

	v[r->n] = (struct retire_entry){.key = *k, .force = force};
	return ++r->n == RETIRE_MAX ? retire_flush(r, e) : 0;
}

struct ending {
	struct retiring r;
	uint32_t ifindex;
	struct err *e;
};

static int end_one(void *arg, const void *key, const void *value)
{
	const struct flow_key *k = key;
	const struct flow *f = value;
	struct ending *x = arg;

	if (k->ifindex != x->ifindex && f->output_ifindex != x->ifindex)
		return 0;
	return retire_add(&x->r, k, true, x->e);
}

/* An empty table is read in 0.3 ms, one of 200,000 entries in 75 ms (262,144 buckets; Linux 6.18).
 * bpf_for_each_map_elem takes 4 and 19: most tables are nearly empty. */
int dataplane_end_flows(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct ending x = {.r = {.dp = dp}, .ifindex = ifindex, .e = e};
	int rc = map_walk(&dp->flows, end_one, &x, e);

	return rc ? rc : retire_flush(&x.r, e);
}

/* ---- collecting ---- */

static uint64_t kernel_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Marks what is to end in a slice, and deletes what ended long enough ago. */
static int collect_slice(struct retiring *r, const struct map_reader *slice, struct flow_stats *st,
			 struct err *e)
{
	const struct flow_key *k = (const struct flow_key *)slice->keys;
	const struct flow *f = (const struct flow *)slice->values;
	uint64_t dead_until = kernel_now() - GRACE_NS;
	struct flow_key done[MAP_BATCH];
	size_t n = 0;
	int rc = 0;

	for (uint32_t i = 0; i < slice->n && !rc; i++)
		if (f[i].state == FLOW_DEAD && f[i].last_seen_ns <= dead_until)
			done[n++] = k[i];
		else if (f[i].state == FLOW_CLOSED)
			rc = retire_add(r, &k[i], false, e);
		else if (f[i].state != FLOW_LIVE)
			continue;
		else if (f[i].last_seen_ns + flow_timeout(&k[i], &f[i]) <= r->now)
			rc = retire_add(r, &k[i], false, e);
		else
			st->live++;
	if (!rc)
		rc = map_delete(&r->dp->flows, done, n, e);
	st->entries += slice->n;
	st->collected += rc ? 0 : n;
	return rc;
}

int dataplane_collect(struct dataplane *dp, size_t budget, struct flow_stats *ret, struct err *e)
{
	struct retiring r = {.dp = dp, .now = dataplane_now(dp)};
	int end = 0, rc = 0;

	*ret = (struct flow_stats){0};
	while (!end && !rc && ret->entries < budget) {
		size_t left = budget - ret->entries;

		end = map_reader_next(&dp->collector, left < MAP_BATCH ? (uint32_t)left : MAP_BATCH,
				      e);
		rc = end < 0 ? end : collect_slice(&r, &dp->collector, ret, e);
	}
	if (!rc)
		rc = retire_flush(&r, e);
	ret->timed_out = r.timed_out;
	return rc;
}
