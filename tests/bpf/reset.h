/* SPDX-License-Identifier: MIT
 * One load of the programs for all cases of a test program: the verifier takes most of a second,
 * seconds under emulation, where a case takes milliseconds. Between cases every map that a program
 * knows, and those of user space alone, are what they were when they were made: hashes and tries
 * empty, arrays zero, the configuration as dataplane_open() wrote it.
 */
#ifndef VPCD_TESTS_RESET_H
#define VPCD_TESTS_RESET_H

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/dataplane.h"

#define RESET_KEY   512
#define RESET_BATCH 256

static inline void reset_failed(const struct bpf_map_info *map, const char *verb)
{
	fprintf(stderr, "%s map %s: %s\n", verb, map->name, strerror(errno));
	abort();
}

/* The next key is asked for before one goes: what comes after a key that is gone is the first. */
static inline void map_empty(int fd, const struct bpf_map_info *map)
{
	char keys[2][RESET_KEY];
	int rc = bpf_map_get_next_key(fd, NULL, keys[0]);

	for (int i = 0; !rc; i = !i) {
		rc = bpf_map_get_next_key(fd, keys[i], keys[!i]);
		if (bpf_map_delete_elem(fd, keys[i]))
			reset_failed(map, "empty");
	}
	if (!bpf_map_get_next_key(fd, NULL, keys[0]))
		reset_failed(map, "empty");
}

static inline size_t map_stride(const struct bpf_map_info *map)
{
	size_t size = (map->value_size + 7) & ~7ul;
	int cpus = libbpf_num_possible_cpus();

	return map->type == BPF_MAP_TYPE_ARRAY ? map->value_size : size * (size_t)cpus;
}

static inline void map_zero(int fd, const struct bpf_map_info *map)
{
	char *zeros = calloc(RESET_BATCH, map_stride(map));
	uint32_t keys[RESET_BATCH];

	for (uint32_t i = 0, n; i < map->max_entries; i += n) {
		for (n = 0; n < RESET_BATCH && i + n < map->max_entries; n++)
			keys[n] = i + n;
		if (bpf_map_update_batch(fd, keys, zeros, &n, NULL))
			reset_failed(map, "zero");
	}
	free(zeros);
}

/* The configuration as dataplane_open() wrote it. */
static struct dp_config config_at_first;

static inline void config_reset(int fd, const struct bpf_map_info *map, bool first)
{
	uint32_t zero = 0;

	if (first ? bpf_map_lookup_elem(fd, &zero, &config_at_first)
		  : bpf_map_update_elem(fd, &zero, &config_at_first, BPF_ANY))
		reset_failed(map, "keep");
}

static inline void map_reset(int fd, const struct bpf_map_info *map, bool first)
{
	if (!strcmp(map->name, "config"))
		config_reset(fd, map, first);
	else if (first || strstr(map->name, ".rodata"))
		return;
	else if (map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		map_zero(fd, map);
	else if (map->type != BPF_MAP_TYPE_RINGBUF)
		map_empty(fd, map);
}

/* All maps of a program; first: it was just loaded. */
static inline void program_maps_reset(int prog, bool first)
{
	uint32_t ids[64], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = 64, .map_ids = (uintptr_t)ids};

	if (bpf_obj_get_info_by_fd(prog, &info, &len) || info.nr_map_ids > 64)
		abort();
	for (uint32_t i = 0; i < info.nr_map_ids; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);
		struct bpf_map_info map = {0};

		len = sizeof(map);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &len))
			abort();
		map_reset(fd, &map, first);
		close(fd);
	}
}

/* A collection that a case left half done ends here, so that the next one begins anew. */
static inline void collection_end(struct dataplane *dp)
{
	struct flow_stats st;

	if (dataplane_collect(dp, SIZE_MAX, &st, NULL))
		abort();
}

static struct dataplane *shared;
static uint32_t shared_flows;

static inline void shared_close(void)
{
	dataplane_close(shared);
	shared = NULL;
}

/* The data plane with empty maps; it is this program's, not the caller's. Another size than the
 * last caller's is another load. */
static inline struct dataplane *shared_open(const struct dataplane_config *cfg)
{
	bool first = !shared || shared_flows != cfg->max_flows;
	struct err e;

	if (first) {
		if (!shared)
			atexit(shared_close);
		shared_close();
		if (dataplane_open(cfg, &shared, &e)) {
			fprintf(stderr, "%s\n", e.msg);
			abort();
		}
		shared_flows = cfg->max_flows;
	}
	program_maps_reset(dataplane_eni_prog(shared), first);
	if (!first) {
		program_maps_reset(dataplane_trace_prog(shared), first);
		collection_end(shared);
	}
	return shared;
}

#endif
