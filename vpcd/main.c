/* SPDX-License-Identifier: MIT
 * vpcd: wiring only. Parts are made in the order in which they depend on one another and taken down
 * in reverse; the network stays.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/daemon.h"
#include "vpcd/instance.h"

static void on_signal(void *arg, int signo)
{
	struct daemon *d = arg;

	log_info("ending; the network stays", "signal", strsignal(signo));
	event_loop_exit(d->loop, 0);
}

static void sandboxes_idle(void *arg)
{
	struct daemon *d = arg;

	apply_kick(d->apply);
}

static uint32_t fresh_ifindex(void *arg)
{
	struct daemon *d = arg;

	return names_fresh(d->names, NAME_INTERFACE);
}

/* The parts that make or adopt the network. The zygote comes first: its mount tree must lack ours.
 */
static int open_network(struct daemon *d, struct err *e)
{
	struct config *c = &d->cfg;
	char pins[PATH_MAX + 16];
	struct dataplane_config dp_cfg = {
		.pin_dir = pins, .max_flows = c->max_flows, .max_enis = c->max_interfaces};
	struct fabric_config fabric_cfg = {.run_dir = c->run_dir,
					   .pool_size = c->namespace_pool,
					   .new_ifindex = fresh_ifindex,
					   .arg = d};
	int rc = zygote_start(c->run_dir, c->gid, &d->zygote, e);

	if (!rc)
		rc = instance_mount_bpffs(c, e);
	snprintf(pins, sizeof(pins), "%s/bpf", c->run_dir);
	if (!rc)
		rc = dataplane_open(&dp_cfg, &d->dp, e);
	if (!rc)
		dataplane_set_linklocal(d->dp, d->cfg.linklocal_packets);
	if (!rc)
		rc = names_open(d->dp, &d->names, e);
	if (!rc) {
		fabric_cfg.prog_fd = dataplane_eni_prog(d->dp);
		rc = fabric_open(&fabric_cfg, &d->fabric, e);
	}
	return rc;
}

/* Unix time, as far ahead as the lab's clock. */
static int64_t virtual_seconds(void *arg)
{
	const struct daemon *d = arg;

	return time(NULL) + (int64_t)(dataplane_clock_offset(d->dp) / 1000000000ull);
}

static int open_store(struct daemon *d, struct err *e)
{
	struct store_config cfg = {.account = d->cfg.account,
				   .region = d->cfg.region,
				   .pool = d->cfg.pool,
				   .ipv6_pool = d->cfg.ipv6_pool,
				   .quotas = d->cfg.quotas};
	char path[PATH_MAX + 16];

	int rc;

	snprintf(path, sizeof(path), "%s/vpcd.db", d->cfg.state_dir);
	memcpy(cfg.more_pools, d->cfg.more_pools, sizeof(cfg.more_pools));
	cfg.n_more_pools = d->cfg.n_more_pools;
	rc = store_open(path, &cfg, &d->store, e);
	if (!rc)
		store_set_clock(d->store, virtual_seconds, d);
	return rc;
}

static int open_apply(struct daemon *d, struct err *e)
{
	struct sandboxes_config sb = {.loop = d->loop,
				      .store = d->store,
				      .zygote = d->zygote,
				      .fabric = d->fabric,
				      .run_dir = d->cfg.run_dir,
				      .log_dir = d->log_dir,
				      .idle = sandboxes_idle,
				      .arg = d};

	snprintf(d->log_dir, sizeof(d->log_dir), "%s/logs", d->cfg.state_dir);
	d->sandboxes = sandboxes_new(&sb);
	if (!d->sandboxes)
		return err_sys(e, -ENOMEM, "start");
	struct resolver_config rs = {.fabric = d->fabric,
				     .names = d->names,
				     .dp = d->dp,
				     .state_dir = d->cfg.state_dir,
				     .store = store_configuration(d->store)};
	int rc = resolver_new(&rs, &d->resolver, e);

	if (rc)
		return rc;
	struct flow_logs_config fl = {.store = d->store,
				      .dp = d->dp,
				      .names = d->names,
				      .state_dir = d->cfg.state_dir,
				      .file_mebibytes = d->cfg.flow_log_size,
				      .files_kept = d->cfg.flow_log_files};
	rc = flow_logs_open(&fl, &d->flow_logs, e);
	if (rc)
		return rc;
	struct apply_config ap = {.loop = d->loop,
				  .store = d->store,
				  .dp = d->dp,
				  .fabric = d->fabric,
				  .names = d->names,
				  .sandboxes = d->sandboxes,
				  .resolver = d->resolver,
				  .uplink = outside_plan(d->outside),
				  .collected = flow_logs_tick,
				  .collected_arg = d->flow_logs,
				  .flow_quota = d->cfg.flow_quota};
	return apply_open(&ap, d->cfg.run_dir, &d->apply, e);
}

static int open_drops(struct daemon *d, struct err *e)
{
	struct drops_config cfg = {.loop = d->loop, .dp = d->dp, .env = daemon_trace_env, .arg = d};

	d->drops = drops_new(&cfg);
	return d->drops ? 0 : err_sys(e, -ENOMEM, "start");
}

static int open_api(struct daemon *d, struct err *e)
{
	struct api_config cfg = {.loop = d->loop,
				 .store = d->store,
				 .listen_fd = instance_listen(&d->cfg, e),
				 .gid = d->cfg.gid,
				 .hooks = daemon_hooks(d)};

	return cfg.listen_fd < 0 ? cfg.listen_fd : api_start(&cfg, &d->api, e);
}

static void ready(void *arg)
{
	struct daemon *d = arg;

	log_info("ready", "version", VPCD_VERSION, "instance", d->cfg.instance, "socket",
		 d->cfg.socket, "revision",
		 log_fmt("%llu", (unsigned long long)store_revision(d->store)));
	sd_notify(0, "READY=1");
}

static int daemon_open(struct daemon *d, struct err *e)
{
	int rc = open_network(d, e);

	if (!rc)
		rc = event_loop_new(&d->loop, e);
	if (!rc)
		rc = event_add_signal(d->loop, SIGTERM, on_signal, d, e);
	if (!rc)
		rc = event_add_signal(d->loop, SIGINT, on_signal, d, e);
	if (!rc)
		rc = open_store(d, e);
	if (!rc)
		rc = outside_open(d->loop, &d->cfg, store_configuration(d->store), &d->outside, e);
	if (!rc)
		rc = open_apply(d, e);
	if (!rc)
		rc = nat_figures_open(d->dp, d->names, &d->nat, e);
	if (!rc)
		rc = nat_refusals_open(d->loop, d->dp, d->names, d->store, &d->nat_refusals, e);
	if (!rc)
		rc = open_drops(d, e);
	if (!rc)
		rc = open_api(d, e);
	if (!rc)
		apply_when(d->apply, store_revision(d->store), ready, d);
	return rc;
}

static void daemon_close(struct daemon *d)
{
	api_stop(d->api);
	drops_free(d->drops);
	nat_refusals_close(d->nat_refusals);
	nat_figures_close(d->nat);
	apply_close(d->apply);
	flow_logs_close(d->flow_logs);
	outside_close(d->outside);
	resolver_free(d->resolver);
	sandboxes_free(d->sandboxes);
	store_close(d->store);
	fabric_close(d->fabric);
	interface_metrics_free(d->interface_metrics);
	names_free(d->names);
	dataplane_close(d->dp);
	event_loop_free(d->loop);
	zygote_stop(d->zygote);
}

static int run(struct daemon *d, struct err *e)
{
	int rc = daemon_open(d, e);

	if (!rc)
		rc = event_loop_run(d->loop);
	sd_notify(0, "STOPPING=1");
	daemon_close(d);
	return rc;
}

int main(int argc, char **argv)
{
	struct daemon d = {.lock_fd = -1};
	struct err e = {0};
	int rc = config_parse(argc, argv, &d.cfg, &e);

	if (rc > 0)
		return 0;
	if (rc) {
		fprintf(stderr, "vpcd: %s\n", e.msg);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	rc = instance_check_kernel(&e);
	if (!rc)
		rc = instance_make_dirs(&d.cfg, &e);
	if (!rc) {
		d.lock_fd = instance_lock(&d.cfg, &e);
		rc = d.lock_fd < 0 ? d.lock_fd : 0;
	}
	if (!rc && d.cfg.purge)
		rc = outside_purge(&d.cfg, &e);
	if (!rc)
		rc = d.cfg.purge ? instance_purge(&d.cfg, &e) : run(&d, &e);
	if (rc)
		log_error("not running", "error", e.msg);
	cleanup_closep(&d.lock_fd);
	return rc ? 1 : 0;
}
