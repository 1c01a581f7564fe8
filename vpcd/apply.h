/* SPDX-License-Identifier: MIT
 * apply: makes the kernel what the plan says. It takes the plan's dirty items in order, binds their
 * symbols to numbers and performs the difference, a bounded slice a turn of the loop. Start,
 * change, restart, retry and audit are this one path; they differ only in what is dirty.
 */
#ifndef VPCD_VPCD_APPLY_H
#define VPCD_VPCD_APPLY_H

#include "bpf/dataplane.h"
#include "lib/event.h"
#include "model/store.h"
#include "netns/fabric.h"
#include "vpcd/names.h"
#include "vpcd/plan.h"
#include "vpcd/resolver.h"
#include "vpcd/sandboxes.h"

struct apply;

struct apply_config {
	struct event_loop *loop;
	struct store *store;
	struct dataplane *dp;
	struct fabric *fabric;
	struct names *names;
	struct sandboxes *sandboxes;
	struct resolver *resolver;
	const struct plan_uplink *uplink; /* NULL: none */
	/* Called after each slice of collecting flows, and with zeros when there was none, for a
	 * small table is not read all the time; true: it shall be read next time. May be NULL. */
	bool (*collected)(void *arg, const struct flow_stats *slice);
	void *collected_arg;
	uint32_t flow_quota; /* flows that an interface may have open; 0: FLOW_QUOTA_DEFAULT */
};

/* Reads the kernel, plans everything and starts. Takes the store's commit hook. */
int apply_open(const struct apply_config *cfg, const char *run_dir, struct apply **ret,
	       struct err *e);
void apply_close(struct apply *a); /* the network stays; NULL ok */

/* Everything committed up to this revision is applied, or failed and reported. */
uint64_t apply_revision(const struct apply *a);
/* Calls done from the loop once that holds for `revision`. Returns a ticket. */
uint64_t apply_when(struct apply *a, uint64_t revision, void (*done)(void *arg), void *arg);
void apply_forget(struct apply *a, uint64_t ticket);
/* Something that apply waits for has happened (a sandbox ended). */
void apply_kick(struct apply *a);

/* Virtual time has moved on: what it alone changes is looked at now. */
void apply_age(struct apply *a);

struct apply_stats {
	uint64_t items, failures, passes, ns, plan_ns, audits, repaired;
	uint64_t map_inserts, map_updates, map_deletes; /* entries of the data plane's maps */
	size_t failed, uncounted; /* now: items; rules that decide without being counted */
};
void apply_stats(const struct apply *a, struct apply_stats *ret);
/* Reads how often each rule decided. */
int apply_hits_read(struct apply *a, struct err *e);
/* How often the rule of an item_rule's id did, when they were last read. */
bool apply_hits(const struct apply *a, const char *rule, uint64_t *ret); /* as hits_get */
const struct plan *apply_plan(const struct apply *a);

#endif
