/* SPDX-License-Identifier: MIT
 * What the files of the user-space half share.
 */
#ifndef VPCD_BPF_PRIVATE_H
#define VPCD_BPF_PRIVATE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/dataplane.h"

/* An array that is mapped into the daemon. */
struct mapped {
	void *p;
	size_t len;
};

struct dataplane {
	void *skeleton; /* struct eni_bpf of eni.skel.h */
	struct bpf_object *object;
	int fds[DP_MAP_COUNT];
	int flows, drops, nat_stats;
	int eni_prog, trace_prog, retire_prog;
	struct mapped config, group_rules, acl_rules, retire;
	uint32_t group_sets, acls;
	bool checks_checksum_start;
	int n_cpus;
	uint32_t cursor; /* of collection */
	bool has_cursor;
};

#endif
