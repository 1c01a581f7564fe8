/* SPDX-License-Identifier: MIT
 * The daemon's command line.
 */
#ifndef VPCD_VPCD_CONFIG_H
#define VPCD_VPCD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "model/store.h"
#include "vpcd/plan.h"

struct config {
	char instance[64]; /* "default" */
	char socket[PATH_MAX], state_dir[PATH_MAX], run_dir[PATH_MAX];
	char group[64];
	gid_t gid; /* of `group`; -1: there is no such group */
	const char *account, *region;
	struct cidr pool, ipv6_pool;
	struct address_pool more_pools[ADDRESS_POOLS_MAX];
	size_t n_more_pools;
	char uplink[16]; /* interface; "": none */
	struct cidr uplink_allowed[UPLINK_ALLOWED_MAX];
	uint32_t n_uplink_allowed;
	uint32_t linklocal_packets; /* a second; 0: the default */
	uint32_t max_flows, max_interfaces;
	uint32_t flow_quota;			/* of an interface; 0: the default */
	uint32_t flow_log_size, flow_log_files; /* MiB of a file, files kept; 0: the default */
	struct quotas quotas;			/* 0: AWS's default */
	unsigned namespace_pool;
	bool lab_clock; /* virtual time may be moved forward */
	bool purge;
};

/* 0: go on; 1: --help or --version was printed; -EINVAL: *e says what is wrong. */
int config_parse(int argc, char **argv, struct config *ret, struct err *e);

#endif
