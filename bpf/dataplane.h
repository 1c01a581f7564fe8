/* SPDX-License-Identifier: MIT
 * The data plane's user-space half and the only user of libbpf: loads and pins the programs, adopts
 * pinned ones, and reads and writes the maps of abi.h. It knows keys and values, no model object.
 */
#ifndef VPCD_BPF_DATAPLANE_H
#define VPCD_BPF_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "lib/err.h"

struct dataplane;

struct dataplane_config {
	const char *pin_dir; /* on a bpffs; made if absent; NULL: nothing is pinned (tests) */
	uint32_t max_flows;  /* entries of the flow table, two a flow; 0: 524288; to 2^26 */
	uint32_t max_enis;   /* 0: 4096; to 2^20; the other maps are sized from it */
	bool only_trace;     /* no program but the dry entry point: nothing can be attached */
};

/* Loads the programs; maps that are pinned under pin_dir/v<ABI_VERSION>/ are taken over with what
 * they hold: one of another layout or size is an error (dataplane_purge() removes them). A kernel
 * that lacks a needed feature is named in *e. At the default sizes maps and programs take 138 MiB,
 * 116 of them the flow table (232 bytes an entry). A flow table that gives max_enis interfaces no
 * share is InvalidParameterValue. */
int dataplane_open(const struct dataplane_config *cfg, struct dataplane **ret, struct err *e);
void dataplane_close(struct dataplane *dp); /* pins stay; NULL ok */
/* Removes the pins of every ABI version below pin_dir; fine if it is not there. */
int dataplane_purge(const char *pin_dir, struct err *e);

/* Descriptors of the programs, for attaching; owned by dp. */
int dataplane_eni_prog(const struct dataplane *dp);
int dataplane_trace_prog(const struct dataplane *dp);
int dataplane_mirror_prog(const struct dataplane *dp); /* for the peer of the mirror device */
/* Whether the kernel can check CHECKSUM_PARTIAL headers (bpf_cast_to_kern_ctx, 6.2). */
bool dataplane_checks_checksum_start(const struct dataplane *dp);

/* The maps that the daemon writes. Key and value types: abi.h. */
enum dp_map {
	DP_ENIS,
	DP_SUBNETS,
	DP_VPCS,
	DP_ADDRESSES,
	DP_ROUTES,
	DP_NATS,
	DP_GATEWAYS,
	DP_MIRRORS,
	DP_CLASSIFIERS,
	DP_RULE_ADDRESSES,
	DP_RULE_PORTS,
	DP_RULE_PEERS,
	/* Not of the plan's items, but kept by other parts of the daemon: */
	DP_RULE_TOTALS, /* struct name_key (a rule's id) -> uint64_t; programs do not read it */
	DP_NAMES,
	DP_DNS_ANSWERS,
	DP_MAP_COUNT
};
size_t dataplane_key_size(enum dp_map map);
size_t dataplane_value_size(enum dp_map map);
const char *dataplane_map_name(enum dp_map map);

/* Batched. keys and values: n packed items. On failure the items before the failing one are done;
 * *e names map and key. */
int dataplane_update(struct dataplane *dp, enum dp_map map, const void *keys, const void *values,
		     size_t n, struct err *e);
/* Absent keys are no error. A NAT gateway's figures go with it. */
int dataplane_delete(struct dataplane *dp, enum dp_map map, const void *keys, size_t n,
		     struct err *e);
/* Calls fn for every entry; a non-zero return ends the walk and is returned. fn may change the map.
 */
int dataplane_dump(struct dataplane *dp, enum dp_map map,
		   int (*fn)(void *arg, const void *key, const void *value), void *arg,
		   struct err *e);

/* The mmapable arrays: one atomic 8-byte store each. set, acl: below dataplane_group_sets(). */
uint32_t dataplane_group_sets(const struct dataplane *dp);
void dataplane_set_group_rules(struct dataplane *dp, uint32_t set, struct rules_pair pair);
struct rules_pair dataplane_group_rules(const struct dataplane *dp, uint32_t set);
void dataplane_set_acl_rules(struct dataplane *dp, uint32_t acl, struct rules_pair pair);
struct rules_pair dataplane_acl_rules(const struct dataplane *dp, uint32_t acl);

void dataplane_bump_generation(struct dataplane *dp);
void dataplane_bump_group_generation(struct dataplane *dp);
void dataplane_set_service(struct dataplane *dp, uint32_t ifindex);
uint32_t dataplane_service(const struct dataplane *dp);
/* Packets a second that an interface may send to link-local services; 0: LINKLOCAL_PACKETS. */
void dataplane_set_linklocal(struct dataplane *dp, uint32_t packets);

/* The link that copies of mirrored packets go out by (struct mirror_device); 0: none. */
void dataplane_set_mirror_device(struct dataplane *dp, uint32_t ifindex);

/* Virtual time in ns, and moving it forward. */
uint64_t dataplane_now(const struct dataplane *dp);
void dataplane_clock_advance(struct dataplane *dp, uint64_t ns);
uint64_t dataplane_clock_offset(const struct dataplane *dp); /* ns ahead of CLOCK_MONOTONIC */

/* ---- flows ---- */

struct flow_stats {	    /* of one slice; entries: halves of flows */
	uint64_t entries;   /* looked at */
	uint64_t live;	    /* halves that are neither closed nor expired */
	uint64_t collected; /* halves deleted */
	uint64_t timed_out; /* flows that ended idle rather than closed */
	bool end;	    /* the slice ended at the table's end */
};
/* One bounded slice of collection: looks at about `budget` entries from where the last slice ended,
 * marks expired and closed pairs DEAD, deletes those whose grace period is over. At the table's end
 * it returns; the next slice begins anew. */
int dataplane_collect(struct dataplane *dp, size_t budget, struct flow_stats *ret, struct err *e);
/* Ends all flows that enter or leave by one of these interfaces (detach): none forwards any more,
 * and what they sent of fragments is forgotten. One pass over the table, whatever n is; sorts
 * ifindexes. */
int dataplane_end_flows(struct dataplane *dp, uint32_t *ifindexes, size_t n, struct err *e);
int dataplane_flows(struct dataplane *dp,
		    int (*fn)(void *arg, const struct flow_key *k, const struct flow *f), void *arg,
		    struct err *e);

/* Flows that an interface has open, and packets that its allowance refused; zeros: none yet. */
int dataplane_eni_flows(struct dataplane *dp, uint32_t ifindex, struct eni_flows *ret,
			struct err *e);
int dataplane_eni_flows_each(struct dataplane *dp,
			     int (*fn)(void *arg, uint32_t ifindex, const struct eni_flows *f),
			     void *arg, struct err *e);
/* Flows that all interfaces together have open beyond their shares, and how many they may. */
int dataplane_flows_common(struct dataplane *dp, uint32_t *ret, struct err *e);
uint32_t dataplane_flows_common_max(const struct dataplane *dp);
/* Counts each interface's LIVE flows in the table, and what they took of the common part, and sets
 * the numbers where they were off and nothing was opened or closed meanwhile; *ret_fixed (may be
 * NULL): how many numbers. Part of the audit: programs count exactly, but not across a crash
 * between two of their steps. */
int dataplane_recount_flows(struct dataplane *dp, uint32_t *ret_fixed, struct err *e);

/* ---- flow logs: flow_log.c ---- */

/* What a flow carried, or packets that were refused, from p->n.since on. Each is told once. */
typedef void dataplane_part_fn(void *arg, const struct flow_part *p);

/* Has fn told what flows carried whenever that is moved to the totals: when collection or an end
 * takes an entry, and, where wanted() says so of one of its interfaces, when collection meets a
 * flow that was accounted last before the virtual second `due` (dataplane_flow_log_due). fn NULL:
 * nobody logs; the programs keep nothing then. */
void dataplane_flow_log(struct dataplane *dp, dataplane_part_fn *fn,
			bool (*wanted)(void *arg, uint32_t ifindex), void *arg);
void dataplane_flow_log_due(struct dataplane *dp, uint32_t due);

/* Which interfaces' (and NAT gateways') packets the programs keep for the log where a flow does
 * not: those that were refused, those of an entry that another flow took over. */
int dataplane_flow_log_add(struct dataplane *dp, uint32_t ifindex, struct err *e);
int dataplane_flow_log_remove(struct dataplane *dp, uint32_t ifindex, struct err *e);
/* What found no room and was not told yet; zeros for an interface that is not there. */
int dataplane_flow_log_loss(struct dataplane *dp, uint32_t ifindex, struct flow_log_loss *ret,
			    struct err *e);
int dataplane_flow_log_loss_told(struct dataplane *dp, uint32_t ifindex,
				 const struct flow_log_loss *lost, struct err *e);

/* Interfaces that an earlier daemon added. */
int dataplane_flow_log_each(struct dataplane *dp,
			    int (*fn)(void *arg, uint32_t ifindex, const struct flow_log_loss *l),
			    void *arg, struct err *e);

/* Programs keep such packets in a new place from now on; those of before may be told 0.2 s later,
 * when no program can write there any more. */
void dataplane_flow_log_turn(struct dataplane *dp);
/* Since the last turn, of FLOW_PARTS_MAX. */
uint32_t dataplane_flow_log_entries(const struct dataplane *dp);
/* Tells what was kept before the last turn, looking at about `budget` of what is kept. 0: that was
 * all; 1: more follows; -EAGAIN: too early. */
int dataplane_flow_log_tell(struct dataplane *dp, size_t budget, struct err *e);

/* ---- counters ---- */

/* What interfaces sent and received, in parts to be added up: calls fn for sums and for each flow.
 * Packets that are forwarded count, drops do not. A part that is just being moved may be missing.
 */
int dataplane_eni_totals(struct dataplane *dp,
			 int (*fn)(void *arg, uint32_t ifindex, const struct eni_totals *t),
			 void *arg, struct err *e);

/* What became of copies, by source. */
int dataplane_mirror_counts(struct dataplane *dp,
			    int (*fn)(void *arg, uint32_t ifindex, const struct mirror_count *c),
			    void *arg, struct err *e);

const char *drop_reason_name(enum drop_reason r); /* "SG_INGRESS" */
const char *drop_reason_text(enum drop_reason r);
int dataplane_drops(struct dataplane *dp,
		    int (*fn)(void *arg, const struct drop_key *k, const struct counter *c),
		    void *arg, struct err *e);
/* Shows each packet that is dropped from now on, to `snaplen` bytes (0: no more; at most
 * DROP_FRAME_MAX). What nobody reads in time is lost and counted. */
int dataplane_drops_watch(struct dataplane *dp, uint32_t snaplen, struct err *e);
/* Readable while there is something to read; dp's own. Valid after the first watch. */
int dataplane_drops_fd(const struct dataplane *dp);
/* Calls fn for at most `limit` of them, oldest first. */
int dataplane_drops_read(struct dataplane *dp, uint32_t limit,
			 void (*fn)(void *arg, const struct drop_event *ev), void *arg,
			 struct err *e);
uint64_t dataplane_drops_lost(const struct dataplane *dp); /* since dataplane_open() */
/* The interface that the packet was meant for, by the maps that the programs ask; 0: none that is
 * known. */
uint32_t dataplane_drop_receiver(struct dataplane *dp, const struct drop_event *ev);
int dataplane_nat_stats(struct dataplane *dp, uint32_t nat, struct nat_stats *ret, struct err *e);
/* The destinations that gateways had no port to last, and how many packets that refused. fn: as for
 * dataplane_drops(). */
int dataplane_nat_refusals(struct dataplane *dp,
			   int (*fn)(void *arg, const struct nat_destination *to, uint64_t count),
			   void *arg, struct err *e);
/* Counters of rule_hits: how many there are; n of them from `first` on, summed over CPUs; setting
 * them to 0. A range that ends beyond the last is -EINVAL. */
uint32_t dataplane_rule_hits_size(const struct dataplane *dp);
int dataplane_rule_hits(struct dataplane *dp, uint32_t first, uint32_t n, uint64_t *ret,
			struct err *e);
int dataplane_rule_hits_clear(struct dataplane *dp, uint32_t first, uint32_t n, struct err *e);
/* What an interface sent to link-local services; zeros where it sent nothing. */
int dataplane_linklocal(struct dataplane *dp, uint32_t ifindex, struct linklocal *ret,
			struct err *e);
/* Forgets an interface's counters: drops, flows, copies, link-local services. */
int dataplane_forget_counters(struct dataplane *dp, uint32_t ifindex, struct err *e);

/* What the dry entry point takes for given (write it first), and what it met (read it after). */
struct trail *dataplane_trail(struct dataplane *dp);
/* Runs the dry entry point on a frame (Ethernet header on) as if it entered by ifindex, of which
 * the maps alone need to know. Changes nothing. */
int dataplane_trace(struct dataplane *dp, uint32_t ifindex, const void *frame, size_t len,
		    struct trace_result *ret, struct err *e);

#endif
