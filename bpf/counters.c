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

int dataplane_forget_counters(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct drop_key keys[DROP_REASON_COUNT];

	for (uint32_t reason = 0; reason < DROP_REASON_COUNT; reason++)
		keys[reason] = (struct drop_key){.ifindex = ifindex, .reason = reason};
	return map_delete(&dp->drops, keys, DROP_REASON_COUNT, e);
}
