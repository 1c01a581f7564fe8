/* SPDX-License-Identifier: MIT
 * Reading and writing maps: the daemon's own by dataplane.h, all of them by private.h.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/private.h"
#include "lib/cleanup.h"
#include "lib/fault.h"

static const struct {
	const char *name, *update_step;
	size_t key, value;
} shapes[DP_MAP_COUNT] = {
	[DP_ENIS] = {"enis", "bpf.eni_update", sizeof(uint32_t), sizeof(struct eni)},
	[DP_SUBNETS] = {"subnets", "bpf.subnet_update", sizeof(uint32_t),
			sizeof(struct subnet_entry)},
	[DP_VPCS] = {"vpcs", "bpf.vpc_update", sizeof(uint32_t), sizeof(struct vpc_entry)},
	[DP_ADDRESSES] = {"addresses", "bpf.address_update", sizeof(struct addr_key),
			  sizeof(struct addr_entry)},
	[DP_ROUTES] = {"routes", "bpf.route_update", sizeof(struct route_key),
		       sizeof(struct route_entry)},
	[DP_NATS] = {"nats", "bpf.nat_update", sizeof(uint32_t), sizeof(struct nat_entry)},
	[DP_MIRRORS] = {"mirrors", "bpf.mirror_update", sizeof(uint32_t), sizeof(struct mirror)},
	[DP_CLASSIFIERS] = {"classifiers", "bpf.classifier_update", sizeof(uint32_t),
			    sizeof(struct classifier)},
	[DP_RULE_ADDRESSES] = {"rule_addresses", "bpf.rule_address_update",
			       sizeof(struct rule_addr_key), sizeof(struct rules_bitmap)},
	[DP_RULE_PORTS] = {"rule_ports", "bpf.rule_port_update", sizeof(struct rule_port_key),
			   sizeof(struct rules_bitmap)},
	[DP_RULE_PEERS] = {"rule_peers", "bpf.rule_peer_update", sizeof(struct rule_peer_key),
			   sizeof(struct rules_bitmap)},
	[DP_GATEWAYS] = {"gateways", "bpf.gateway_update", sizeof(uint32_t),
			 sizeof(struct gateway_entry)},
	[DP_RULE_TOTALS] = {"rule_totals", "bpf.rule_total_update", sizeof(struct name_key),
			    sizeof(uint64_t)},
	[DP_NAMES] = {"names", "bpf.name_update", sizeof(struct name_key), sizeof(uint32_t)},
	[DP_DNS_ANSWERS] = {"dns_answers", "bpf.dns_answer_update", sizeof(struct dns_key),
			    sizeof(struct dns_value)},
};

size_t dataplane_key_size(enum dp_map map)
{
	return shapes[map].key;
}

size_t dataplane_value_size(enum dp_map map)
{
	return shapes[map].value;
}

const char *dataplane_map_name(enum dp_map map)
{
	return shapes[map].name;
}

/* ---- single maps ---- */

int map_error(struct err *e, int rc, const char *verb, const struct map_ref *m, const void *key)
{
	char hex[2 * 64 + 1] = "";
	const unsigned char *b = key;

	for (size_t i = 0; i < m->key && i < 64; i++)
		snprintf(hex + 2 * i, 3, "%02x", b[i]);
	/* Hash maps and tries say it differently. */
	if (rc == -E2BIG || rc == -ENOSPC)
		return err_set(e, rc, "InternalError", "", "%s map %s, key %s: the map is full",
			       verb, m->name, hex);
	return err_sys(e, rc, "%s map %s, key %s", verb, m->name, hex);
}

int map_delete(const struct map_ref *m, const void *keys, size_t n, struct err *e)
{
	uint32_t done = (uint32_t)n;

	if (n > 1 && !bpf_map_delete_batch(m->fd, keys, &done, NULL))
		return 0;
	/* A batch ends at the first absent key, and not all kernels batch all types. */
	for (size_t i = 0; i < n; i++) {
		const char *key = (const char *)keys + i * m->key;

		if (bpf_map_delete_elem(m->fd, key) && errno != ENOENT)
			return map_error(e, -errno, "delete from", m, key);
	}
	return 0;
}

int map_reader_open(const struct map_ref *m, struct map_reader *ret, struct err *e)
{
	*ret = (struct map_reader){.map = *m,
				   .keys = malloc(MAP_BATCH * m->key),
				   .values = malloc(MAP_BATCH * m->value)};
	if (ret->keys && ret->values)
		return 0;
	map_reader_close(ret);
	return err_sys(e, -ENOMEM, "read map %s", m->name);
}

void map_reader_close(struct map_reader *r)
{
	free(r->keys);
	free(r->values);
	*r = (struct map_reader){0};
}

int map_reader_next(struct map_reader *r, uint32_t limit, struct err *e)
{
	char next[sizeof(r->cursor)];

	r->n = limit < MAP_BATCH ? limit : MAP_BATCH;
	if (!bpf_map_lookup_batch(r->map.fd, r->has_cursor ? r->cursor : NULL, next, r->keys,
				  r->values, &r->n, NULL)) {
		memcpy(r->cursor, next, sizeof(r->cursor));
		r->has_cursor = true;
		return 0;
	}
	if (errno == ENOENT) {
		r->has_cursor = false;
		return 1;
	}
	/* A bucket of more entries than were asked for. */
	if (errno == ENOSPC && limit < MAP_BATCH)
		return map_reader_next(r, MAP_BATCH, e);
	return err_sys(e, -errno, "read map %s", r->map.name);
}

int map_walk(const struct map_ref *m, int (*fn)(void *arg, const void *key, const void *value),
	     void *arg, struct err *e)
{
	struct map_reader r;
	int rc = map_reader_open(m, &r, e), end = 0;

	while (!rc && !end) {
		end = map_reader_next(&r, MAP_BATCH, e);
		if (end < 0)
			rc = end;
		for (uint32_t i = 0; !rc && i < r.n; i++)
			rc = fn(arg, r.keys + i * m->key, r.values + i * m->value);
	}
	map_reader_close(&r);
	return rc;
}

/* ---- the daemon's maps ---- */

int dataplane_update(struct dataplane *dp, enum dp_map map, const void *keys, const void *values,
		     size_t n, struct err *e)
{
	const struct map_ref *m = &dp->maps[map];
	uint32_t done = (uint32_t)n;
	int rc = fault_hit(shapes[map].update_step);

	if (rc)
		return err_sys(e, rc, "write map %s", m->name);
	if (n > 1 && !bpf_map_update_batch(m->fd, keys, values, &done, NULL))
		return 0;
	/* Not all kernels batch all types; what failed otherwise fails again, by name. */
	for (size_t i = 0; i < n; i++) {
		const char *key = (const char *)keys + i * m->key;

		if (bpf_map_update_elem(m->fd, key, (const char *)values + i * m->value, BPF_ANY))
			return map_error(e, -errno, "write", m, key);
	}
	return 0;
}

int dataplane_delete(struct dataplane *dp, enum dp_map map, const void *keys, size_t n,
		     struct err *e)
{
	int rc = map_delete(&dp->maps[map], keys, n, e);

	return rc || map != DP_NATS ? rc : map_delete(&dp->nat_stats, keys, n, e);
}

int dataplane_dump(struct dataplane *dp, enum dp_map map,
		   int (*fn)(void *arg, const void *key, const void *value), void *arg,
		   struct err *e)
{
	return map_walk(&dp->maps[map], fn, arg, e);
}
