/* SPDX-License-Identifier: MIT
 * Flows seen from user space: reading, ending and collecting them. See dataplane.h.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/private.h"

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
	uint64_t now, timed_out, deleted;
};

static int retire_flush(struct retiring *r, struct err *e)
{
	struct retire_args args = {.n = r->n, .now = r->now};
	const struct retire_entry *v = r->dp->retire.p;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

	if (r->n && bpf_prog_test_run_opts(r->dp->retire_prog, &opts))
		return err_sys(e, -errno, "retire flows");
	for (uint32_t i = 0; i < r->n; i++) {
		r->timed_out += v[i].timed_out;
		r->deleted += v[i].deleted;
		flow_log_part(r->dp, &v[i].parts[0]);
		flow_log_part(r->dp, &v[i].parts[1]);
	}
	r->n = 0;
	return 0;
}

static int retire_add(struct retiring *r, const struct flow_key *k, enum retire_what what,
		      struct err *e)
{
	struct retire_entry *v = r->dp->retire.p;

	v[r->n] = (struct retire_entry){.key = *k, .what = what};
	return ++r->n == RETIRE_MAX ? retire_flush(r, e) : 0;
}

struct ending {
	struct retiring r;
	const uint32_t *gone; /* ascending */
	size_t n;
	struct err *e;
};

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_gone(const struct ending *x, uint32_t ifindex)
{
	return bsearch(&ifindex, x->gone, x->n, sizeof(ifindex), ascending);
}

static int end_one(void *arg, const void *key, const void *value)
{
	const struct flow_key *k = key;
	const struct flow *f = value;
	struct ending *x = arg;

	if (!is_gone(x, k->ifindex) && !is_gone(x, f->output_ifindex))
		return 0;
	return retire_add(&x->r, k, RETIRE_LIVE, x->e);
}

static int forget_fragments(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct fragment_key keys[FRAGMENT_SLOTS];

	for (uint32_t i = 0; i < FRAGMENT_SLOTS; i++)
		keys[i] = (struct fragment_key){.ifindex = ifindex, .slot = i};
	return map_delete(&dp->fragments, keys, FRAGMENT_SLOTS, e);
}

/* An empty table is read in 0.3 ms, one of 200,000 entries in 75 ms (262,144 buckets; Linux 6.18).
 * bpf_for_each_map_elem takes 4 and 19: most tables are nearly empty. */
int dataplane_end_flows(struct dataplane *dp, uint32_t *ifindexes, size_t n, struct err *e)
{
	struct ending x = {.r = {.dp = dp}, .gone = ifindexes, .n = n, .e = e};
	int rc;

	qsort(ifindexes, n, sizeof(*ifindexes), ascending);
	rc = map_walk(&dp->flows, end_one, &x, e);
	if (!rc)
		rc = retire_flush(&x.r, e);
	for (size_t i = 0; i < n && !rc; i++)
		rc = forget_fragments(dp, ifindexes[i], e);
	return rc;
}

/* ---- collecting ---- */

uint64_t kernel_now(void)
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
	int rc = 0;

	for (uint32_t i = 0; i < slice->n && !rc; i++)
		if (f[i].state == FLOW_DEAD && f[i].last_seen_ns <= dead_until)
			rc = retire_add(r, &k[i], RETIRE_DELETE, e);
		else if (f[i].state == FLOW_CLOSED)
			rc = retire_add(r, &k[i], RETIRE_EXPIRED, e);
		else if (f[i].state == FLOW_LIVE &&
			 f[i].last_seen_ns + flow_timeout(&k[i], &f[i]) <= r->now)
			rc = retire_add(r, &k[i], RETIRE_EXPIRED, e);
		else {
			st->live += f[i].state == FLOW_LIVE;
			if (flow_log_wants(r->dp, &k[i], &f[i]))
				rc = retire_add(r, &k[i], RETIRE_ACCOUNT, e);
		}
	st->entries += slice->n;
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
	ret->collected = r.deleted;
	ret->end = end == 1;
	return rc;
}

/* ---- how many flows an interface has open ---- */

int dataplane_eni_flows(struct dataplane *dp, uint32_t ifindex, struct eni_flows *ret,
			struct err *e)
{
	*ret = (struct eni_flows){0};
	if (!bpf_map_lookup_elem(dp->eni_flows.fd, &ifindex, ret) || errno == ENOENT)
		return 0;
	return map_error(e, -errno, "read", &dp->eni_flows, &ifindex);
}

int dataplane_flows_common(struct dataplane *dp, uint32_t *ret, struct err *e)
{
	uint32_t zero = 0;

	if (!bpf_map_lookup_elem(dp->flows_common.fd, &zero, ret))
		return 0;
	return map_error(e, -errno, "read", &dp->flows_common, &zero);
}

struct totals_walk {
	int (*fn)(void *arg, uint32_t ifindex, const struct eni_totals *t);
	void *arg;
};

static int totals_one(void *arg, const void *key, const void *value)
{
	const struct totals_walk *w = arg;

	return w->fn(w->arg, *(const uint32_t *)key, value);
}

static int totals_of_entry(void *arg, const void *key, const void *value)
{
	const struct totals_walk *w = arg;
	const struct flow_key *k = key;
	const struct flow *f = value;
	uint64_t packets = f->packets - (f->accounted_packets & FLOW_COUNTED);
	uint64_t bytes = f->bytes - (f->accounted_bytes & FLOW_COUNTED);
	int rc;

	if (!packets && !bytes)
		return 0;
	rc = w->fn(w->arg, k->ifindex,
		   &(struct eni_totals){.sent_packets = packets, .sent_bytes = bytes});
	return rc ? rc
		  : w->fn(w->arg, f->output_ifindex,
			  &(struct eni_totals){.received_packets = packets,
					       .received_bytes = bytes});
}

/* Totals first: what moves from an entry to them meanwhile is missed once, never counted twice. */
int dataplane_eni_totals(struct dataplane *dp,
			 int (*fn)(void *arg, uint32_t ifindex, const struct eni_totals *t),
			 void *arg, struct err *e)
{
	struct totals_walk w = {fn, arg};
	int rc = map_walk(&dp->eni_totals, totals_one, &w, e);

	return rc ? rc : map_walk(&dp->flows, totals_of_entry, &w, e);
}

struct eni_flows_walk {
	int (*fn)(void *arg, uint32_t ifindex, const struct eni_flows *f);
	void *arg;
};

static int eni_flows_one(void *arg, const void *key, const void *value)
{
	const struct eni_flows_walk *w = arg;
	uint32_t ifindex;

	memcpy(&ifindex, key, sizeof(ifindex));
	return w->fn(w->arg, ifindex, value);
}

int dataplane_eni_flows_each(struct dataplane *dp,
			     int (*fn)(void *arg, uint32_t ifindex, const struct eni_flows *f),
			     void *arg, struct err *e)
{
	struct eni_flows_walk w = {fn, arg};

	return map_walk(&dp->eni_flows, eni_flows_one, &w, e);
}

struct recount {
	struct dataplane *dp;
	struct err *e;
	struct tally {
		uint32_t ifindex, open, counted;
	} * v;
	size_t n, cap;
	uint32_t fixed;
};

static int recount_add(void *arg, uint32_t ifindex, const struct eni_flows *f)
{
	struct recount *r = arg;

	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		void *v = reallocarray(r->v, cap, sizeof(*r->v));

		if (!v)
			return err_sys(r->e, -ENOMEM, "recount flows");
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = (struct tally){.ifindex = ifindex, .open = f->open};
	return 0;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

static int recount_flow(void *arg, const struct flow_key *k, const struct flow *f)
{
	struct tally key = {.ifindex = k->ifindex}, *t;
	struct recount *r = arg;

	if (f->state != FLOW_LIVE || (f->flags & FLOW_REPLY))
		return 0;
	t = bsearch(&key, r->v, r->n, sizeof(*r->v), by_ifindex);
	if (t)
		t->counted++;
	return 0;
}

static int open_correct(struct dataplane *dp, uint32_t ifindex, uint32_t delta, struct err *e)
{
	struct correct_args args = {.ifindex = ifindex, .delta = delta};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));

	return bpf_prog_test_run_opts(dp->correct_prog, &opts)
		       ? err_sys(e, -errno, "correct the number of flows")
		       : 0;
}

int eni_flows_forget(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct eni_flows f;
	int rc = dataplane_eni_flows(dp, ifindex, &f, e);

	if (!rc && f.open > f.share)
		rc = open_correct(dp, 0, f.share - f.open, e);
	return rc ? rc : map_delete(&dp->eni_flows, &ifindex, 1, e);
}

/* By a difference, so that what is opened or closed meanwhile stays counted. */
static int recount_fix(struct recount *r, const struct tally *t)
{
	struct eni_flows now;
	int rc = dataplane_eni_flows(r->dp, t->ifindex, &now, r->e);

	if (rc || t->counted == t->open || now.open != t->open)
		return rc;
	r->fixed++;
	return open_correct(r->dp, t->ifindex, t->counted - t->open, r->e);
}

static int add_beyond(void *arg, uint32_t ifindex, const struct eni_flows *f)
{
	*(uint32_t *)arg += f->open > f->share ? f->open - f->share : 0;
	return 0;
}

/* The common part as the interfaces' numbers say it, unless it changed while they were read. */
static int recount_common(struct recount *r)
{
	uint32_t before, after, counted = 0;
	int rc = dataplane_flows_common(r->dp, &before, r->e);

	if (!rc)
		rc = dataplane_eni_flows_each(r->dp, add_beyond, &counted, r->e);
	if (!rc)
		rc = dataplane_flows_common(r->dp, &after, r->e);
	if (rc || before != after || counted == before)
		return rc;
	r->fixed++;
	return open_correct(r->dp, 0, counted - before, r->e);
}

int dataplane_recount_flows(struct dataplane *dp, uint32_t *ret_fixed, struct err *e)
{
	struct recount r = {.dp = dp, .e = e};
	int rc = dataplane_eni_flows_each(dp, recount_add, &r, e);

	if (!rc && r.n) {
		qsort(r.v, r.n, sizeof(*r.v), by_ifindex);
		rc = dataplane_flows(dp, recount_flow, &r, e);
	}
	for (size_t i = 0; i < r.n && !rc; i++)
		rc = recount_fix(&r, &r.v[i]);
	if (!rc)
		rc = recount_common(&r);
	free(r.v);
	if (ret_fixed)
		*ret_fixed = r.fixed;
	return rc;
}
