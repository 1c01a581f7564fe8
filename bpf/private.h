/* SPDX-License-Identifier: MIT
 * What the files of the user-space half share.
 */
#ifndef VPCD_BPF_PRIVATE_H
#define VPCD_BPF_PRIVATE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/dataplane.h"

/* ---- maps.c: what one needs of a map to work on it ---- */

#define MAP_BATCH 1024

struct map_ref {
	int fd;
	const char *name;
	size_t key, value; /* bytes of an item */
};

/* A failed step on one key of a map; a full map is named as such. */
int map_error(struct err *e, int rc, const char *verb, const struct map_ref *m, const void *key);
/* Absent keys are no error. */
int map_delete(const struct map_ref *m, const void *keys, size_t n, struct err *e);

/* Reads a map in slices. Hash maps are read bucket by bucket: whatever changes meanwhile, no entry
 * is met twice or left out that was there all the time. */
struct map_reader {
	struct map_ref map;
	char *keys, *values; /* the slice */
	uint32_t n;
	bool has_cursor;
	char cursor[128];
};

int map_reader_open(const struct map_ref *m, struct map_reader *ret, struct err *e);
void map_reader_close(struct map_reader *r);
/* The next slice, of about `limit` items. 0: more follow; 1: that was the end, the next slice is
 * the first again. */
int map_reader_next(struct map_reader *r, uint32_t limit, struct err *e);

/* Calls fn for every entry; a non-zero return ends the walk and is returned. fn may change the map.
 */
int map_walk(const struct map_ref *m, int (*fn)(void *arg, const void *key, const void *value),
	     void *arg, struct err *e);

/* ---- pins.c ---- */

/* Has every map that outlives the daemon pinned, or taken over where it is pinned already. */
int pins_set(struct bpf_object *object, const char *dir, struct err *e);

/* ---- flows.c ---- */

#define GRACE_NS 200000000ull /* no program runs that long */

uint64_t kernel_now(void);
/* An interface's number of flows; what is open still gives nothing back any more. */
int eni_flows_forget(struct dataplane *dp, uint32_t ifindex, struct err *e);

/* ---- flow_log.c ---- */

/* Is it time to account for that half, for a log's sake? */
bool flow_log_wants(const struct dataplane *dp, const struct flow_key *k, const struct flow *f);
/* Tells the log; a part without packets is none. */
void flow_log_part(const struct dataplane *dp, const struct flow_part *p);

/* ---- dataplane.c ---- */

/* An array that is mapped into the daemon. */
struct mapped {
	void *p;
	size_t len;
};

struct dataplane {
	void *skeleton; /* struct eni_bpf of eni.skel.h */
	struct map_ref maps[DP_MAP_COUNT];
	struct map_ref eni_totals, flows, drops, nat_stats, rule_hits, fragments, eni_flows,
		flows_common, linklocal, flow_parts, flow_logged, flow_log_told, nat_refusals,
		mirror_counts;
	int eni_prog, trace_prog, mirror_prog, retire_prog, correct_prog;
	struct mapped config, group_rules, acl_rules, retire, trail, drop_watch, mirror_device;
	int drop_events; /* the ring buffer's descriptor */
	struct ring_buffer *drop_ring;
	struct drop_reader *drop_reader; /* while it is read */
	uint32_t group_sets, n_rule_hits;
	bool checks_checksum_start;
	int n_cpus;
	struct map_reader collector, parts;
	struct flow_log_reader {
		dataplane_part_fn *fn; /* NULL: nobody logs */
		void *arg;
		bool (*wanted)(void *arg, uint32_t ifindex);
		uint32_t due;	 /* virtual second: what was accounted before that is accounted */
		uint64_t turned; /* kernel time of the last turn */
	} log;
};

#endif
