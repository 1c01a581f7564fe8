/* SPDX-License-Identifier: MIT
 * Reading and writing the maps that the daemon owns. See dataplane.h.
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
	[DP_CLASSIFIERS] = {"classifiers", "bpf.classifier_update", sizeof(uint32_t),
			    sizeof(struct classifier)},
	[DP_RULE_ADDRESSES] = {"rule_addresses", "bpf.rule_address_update",
			       sizeof(struct rule_addr_key), sizeof(struct rules_bitmap)},
	[DP_RULE_PORTS] = {"rule_ports", "bpf.rule_port_update", sizeof(struct rule_port_key),
			   sizeof(struct rules_bitmap)},
	[DP_RULE_PEERS] = {"rule_peers", "bpf.rule_peer_update", sizeof(struct rule_peer_key),
			   sizeof(struct rules_bitmap)},
	[DP_NAMES] = {"names", "bpf.name_update", sizeof(struct name_key), sizeof(uint32_t)},
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

static int update_each(struct dataplane *dp, enum dp_map map, const char *keys, const char *values,
		       size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(dp->fds[map], keys + i * shapes[map].key,
					values + i * shapes[map].value, BPF_ANY))
			return err_sys(e, -errno, "write map %s", shapes[map].name);
	return 0;
}

int dataplane_update(struct dataplane *dp, enum dp_map map, const void *keys, const void *values,
		     size_t n, struct err *e)
{
	uint32_t done = (uint32_t)n;
	int rc = fault_hit(shapes[map].update_step);

	if (rc)
		return err_sys(e, rc, "write map %s", shapes[map].name);
	if (n > 1 && !bpf_map_update_batch(dp->fds[map], keys, values, &done, NULL))
		return 0;
	/* Not all kernels batch all types; what failed otherwise fails again, alone. */
	return update_each(dp, map, keys, values, n, e);
}

int dataplane_delete(struct dataplane *dp, enum dp_map map, const void *keys, size_t n,
		     struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (bpf_map_delete_elem(dp->fds[map], (const char *)keys + i * shapes[map].key) &&
		    errno != ENOENT)
			return err_sys(e, -errno, "delete from map %s", shapes[map].name);
	return 0;
}

int dataplane_dump(struct dataplane *dp, enum dp_map map,
		   int (*fn)(void *arg, const void *key, const void *value), void *arg,
		   struct err *e)
{
	char key[128], next[128], value[512];
	bool first = true;
	int rc = 0;

	_Static_assert(sizeof(struct classifier) <= sizeof(value), "largest value");
	_Static_assert(sizeof(struct name_key) <= sizeof(key), "largest key");
	while (!rc && !bpf_map_get_next_key(dp->fds[map], first ? NULL : key, next)) {
		first = false;
		memcpy(key, next, shapes[map].key);
		if (!bpf_map_lookup_elem(dp->fds[map], key, value))
			rc = fn(arg, key, value);
		else if (errno != ENOENT)
			return err_sys(e, -errno, "read map %s", shapes[map].name);
	}
	if (!rc && errno != ENOENT)
		return err_sys(e, -errno, "read map %s", shapes[map].name);
	return rc;
}
