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

/* The sum of 64-bit counters over all CPUs: `words` of them a value. */
static int sum_lookup(const struct dataplane *dp, int fd, const void *key, uint64_t *ret,
		      size_t words)
{
	cleanup_free uint64_t *v = calloc((size_t)dp->n_cpus * words, sizeof(*v));

	if (!v)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, key, v))
		return -errno;
	memset(ret, 0, words * sizeof(*ret));
	for (size_t cpu = 0; cpu < (size_t)dp->n_cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			ret[i] += v[cpu * words + i];
	return 0;
}

int dataplane_drops(struct dataplane *dp,
		    int (*fn)(void *arg, const struct drop_key *k, const struct counter *c),
		    void *arg, struct err *e)
{
	struct drop_key key, next;
	bool first = true;
	int rc = 0;

	while (!rc && !bpf_map_get_next_key(dp->drops, first ? NULL : &key, &next)) {
		struct counter c;

		first = false;
		key = next;
		rc = sum_lookup(dp, dp->drops, &key, (uint64_t *)&c, sizeof(c) / 8);
		if (!rc)
			rc = fn(arg, &key, &c);
		else if (rc == -ENOENT)
			rc = 0;
		else
			return err_sys(e, rc, "read map drops");
	}
	return rc;
}

int dataplane_nat_stats(struct dataplane *dp, uint32_t nat, struct nat_stats *ret, struct err *e)
{
	int rc = sum_lookup(dp, dp->nat_stats, &nat, (uint64_t *)ret, sizeof(*ret) / 8);

	if (rc == -ENOENT) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	return rc ? err_sys(e, rc, "read map nat_stats") : 0;
}

int dataplane_forget_counters(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	for (uint32_t reason = 0; reason < DROP_REASON_COUNT; reason++) {
		struct drop_key key = {.ifindex = ifindex, .reason = reason};

		if (bpf_map_delete_elem(dp->drops, &key) && errno != ENOENT)
			return err_sys(e, -errno, "delete from map drops");
	}
	return 0;
}
