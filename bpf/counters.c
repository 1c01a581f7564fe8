/* SPDX-License-Identifier: MIT
 * Counters of the data plane, summed over CPUs. See dataplane.h.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/private.h"
#include "lib/cleanup.h"

static const struct {
	const char *name, *text;
} reasons[DROP_REASON_COUNT] = {
#define REASON(name_, text_) {#name_, text_},
	DROP_REASONS(REASON)
#undef REASON
};

const char *drop_reason_name(enum drop_reason r)
{
	return (unsigned)r < DROP_REASON_COUNT ? reasons[r].name : "UNKNOWN";
}

const char *drop_reason_text(enum drop_reason r)
{
	return (unsigned)r < DROP_REASON_COUNT ? reasons[r].text : "unknown reason";
}

/* A value of a per-CPU map is an array, one of `words` counters each a CPU. */
static void sum(const uint64_t *values, int n_cpus, uint64_t *ret, size_t words)
{
	memset(ret, 0, words * sizeof(*ret));
	for (size_t cpu = 0; cpu < (size_t)n_cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			ret[i] += values[cpu * words + i];
}

struct drop_walk {
	int n_cpus;
	int (*fn)(void *arg, const struct drop_key *k, const struct counter *c);
	void *arg;
};

static int drop_one(void *arg, const void *key, const void *values)
{
	const struct drop_walk *w = arg;
	struct counter c;

	sum(values, w->n_cpus, (uint64_t *)&c, sizeof(c) / 8);
	return w->fn(w->arg, key, &c);
}

int dataplane_drops(struct dataplane *dp,
		    int (*fn)(void *arg, const struct drop_key *k, const struct counter *c),
		    void *arg, struct err *e)
{
	struct drop_walk w = {dp->n_cpus, fn, arg};

	return map_walk(&dp->drops, drop_one, &w, e);
}

struct mirror_walk {
	int n_cpus;
	int (*fn)(void *arg, uint32_t ifindex, const struct mirror_count *c);
	void *arg;
};

static int mirror_one(void *arg, const void *key, const void *values)
{
	const struct mirror_walk *w = arg;
	struct mirror_count c;

	sum(values, w->n_cpus, (uint64_t *)&c, sizeof(c) / 8);
	return w->fn(w->arg, *(const uint32_t *)key, &c);
}

int dataplane_mirror_counts(struct dataplane *dp,
			    int (*fn)(void *arg, uint32_t ifindex, const struct mirror_count *c),
			    void *arg, struct err *e)
{
	struct mirror_walk w = {dp->n_cpus, fn, arg};

	return map_walk(&dp->mirror_counts, mirror_one, &w, e);
}

int dataplane_nat_stats(struct dataplane *dp, uint32_t nat, struct nat_stats *ret, struct err *e)
{
	cleanup_free uint64_t *values = malloc(dp->nat_stats.value);

	if (!values)
		return err_sys(e, -ENOMEM, "read map nat_stats");
	memset(ret, 0, sizeof(*ret));
	if (!bpf_map_lookup_elem(dp->nat_stats.fd, &nat, values))
		sum(values, dp->n_cpus, (uint64_t *)ret, sizeof(*ret) / 8);
	else if (errno != ENOENT)
		return map_error(e, -errno, "read", &dp->nat_stats, &nat);
	return 0;
}

struct refusal_walk {
	int (*fn)(void *arg, const struct nat_destination *to, uint64_t count);
	void *arg;
};

static int refusal_one(void *arg, const void *key, const void *value)
{
	const struct refusal_walk *w = arg;
	uint64_t count;

	memcpy(&count, value, sizeof(count));
	return w->fn(w->arg, key, count);
}

int dataplane_nat_refusals(struct dataplane *dp,
			   int (*fn)(void *arg, const struct nat_destination *to, uint64_t count),
			   void *arg, struct err *e)
{
	struct refusal_walk w = {fn, arg};

	return map_walk(&dp->nat_refusals, refusal_one, &w, e);
}

uint32_t dataplane_rule_hits_size(const struct dataplane *dp)
{
	return dp->n_rule_hits;
}

static int rule_hits_check(const struct dataplane *dp, uint32_t first, uint32_t n, struct err *e)
{
	if (first <= dp->n_rule_hits && n <= dp->n_rule_hits - first)
		return 0;
	return err_sys(e, -EINVAL, "rule hits %u to %u", first, first + n);
}

int dataplane_rule_hits(struct dataplane *dp, uint32_t first, uint32_t n, uint64_t *ret,
			struct err *e)
{
	cleanup_free uint64_t *values = malloc(dp->rule_hits.value);
	int rc = rule_hits_check(dp, first, n, e);

	if (rc)
		return rc;
	if (!values)
		return err_sys(e, -ENOMEM, "read map rule_hits");
	/* Arrays per CPU have no batches on every kernel; a look-up takes some 200 ns. */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = first + i;

		if (bpf_map_lookup_elem(dp->rule_hits.fd, &key, values))
			return map_error(e, -errno, "read", &dp->rule_hits, &key);
		sum(values, dp->n_cpus, &ret[i], 1);
	}
	return 0;
}

int dataplane_rule_hits_clear(struct dataplane *dp, uint32_t first, uint32_t n, struct err *e)
{
	cleanup_free void *zero = calloc(1, dp->rule_hits.value);
	int rc = rule_hits_check(dp, first, n, e);

	if (rc)
		return rc;
	if (!zero)
		return err_sys(e, -ENOMEM, "write map rule_hits");
	for (uint32_t key = first; key < first + n; key++)
		if (bpf_map_update_elem(dp->rule_hits.fd, &key, zero, BPF_ANY))
			return map_error(e, -errno, "write", &dp->rule_hits, &key);
	return 0;
}

int dataplane_linklocal(struct dataplane *dp, uint32_t ifindex, struct linklocal *ret,
			struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	if (!bpf_map_lookup_elem(dp->linklocal.fd, &ifindex, ret) || errno == ENOENT)
		return 0;
	return map_error(e, -errno, "read", &dp->linklocal, &ifindex);
}

int dataplane_forget_counters(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct drop_key keys[DROP_REASON_COUNT];
	int rc = map_delete(&dp->linklocal, &ifindex, 1, e);

	if (!rc)
		rc = map_delete(&dp->mirror_counts, &ifindex, 1, e);
	if (rc)
		return rc;
	for (uint32_t reason = 0; reason < DROP_REASON_COUNT; reason++)
		keys[reason] = (struct drop_key){.ifindex = ifindex, .reason = reason};
	rc = map_delete(&dp->drops, keys, DROP_REASON_COUNT, e);
	if (!rc)
		rc = map_delete(&dp->eni_totals, &ifindex, 1, e);
	return rc ? rc : eni_flows_forget(dp, ifindex, e);
}
