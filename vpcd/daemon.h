/* SPDX-License-Identifier: MIT
 * The daemon's parts: wired by main, passed by pointer, no globals.
 */
#ifndef VPCD_VPCD_DAEMON_H
#define VPCD_VPCD_DAEMON_H

#include "api/api.h"
#include "vpcd/apply.h"
#include "vpcd/config.h"
#include "vpcd/drops.h"
#include "vpcd/flow_logs.h"
#include "vpcd/metrics_interface.h"
#include "vpcd/nat_figures.h"
#include "vpcd/nat_refusals.h"
#include "vpcd/outside.h"

struct daemon {
	struct config cfg;
	char log_dir[PATH_MAX + 16]; /* sandboxes' logs */
	int lock_fd;
	struct event_loop *loop;
	struct zygote *zygote;
	struct store *store;
	struct dataplane *dp;
	struct fabric *fabric;
	struct names *names;
	struct sandboxes *sandboxes;
	struct resolver *resolver;
	struct outside *outside;
	struct apply *apply;
	struct nat_figures *nat;
	struct nat_refusals *nat_refusals;
	struct drops *drops;
	struct interface_metrics *interface_metrics;
	struct flow_logs *flow_logs;
	struct api *api;
};

/* What the API calls in the daemon (hooks.c). */
struct api_hooks daemon_hooks(struct daemon *d);
/* What traces read. arg: the daemon. */
struct trace_env daemon_trace_env(void *arg);
/* Those of hooks_observe.c: what shows and explains what packets do. */
void daemon_hooks_observe(struct api_hooks *h);

#endif
