/* SPDX-License-Identifier: MIT
 * What the API asks of the daemon: waiting for apply, status, metrics, sandboxes.
 */
#include <stddef.h>
#include <sys/utsname.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/daemon.h"
#include "vpcd/metrics_process.h"

static uint64_t when_applied(void *arg, uint64_t revision, void (*done)(void *), void *done_arg)
{
	struct daemon *d = arg;

	return apply_when(d->apply, revision, done, done_arg);
}

static void forget(void *arg, uint64_t ticket)
{
	struct daemon *d = arg;

	apply_forget(d->apply, ticket);
}

static struct json *status(void *arg)
{
	struct daemon *d = arg;
	struct json *j = json_new_obj(), *apply = json_new_obj(), *features = json_new_obj();
	struct apply_stats st;
	struct utsname u;

	apply_stats(d->apply, &st);
	json_set_str(j, "Instance", d->cfg.instance);
	json_set_str(j, "RunDirectory", d->cfg.run_dir);
	json_set_str(j, "StateDirectory", d->cfg.state_dir);
	json_set_num(j, "AppliedRevision", (double)apply_revision(d->apply));
	json_set_num(apply, "Items", (double)st.items);
	json_set_num(apply, "Failed", (double)st.failed);
	json_set_num(apply, "Audits", (double)st.audits);
	json_set_num(apply, "Repaired", (double)st.repaired);
	json_set(j, "Apply", apply);
	if (!uname(&u))
		json_set_str(features, "Kernel", u.release);
	json_set_bool(features, "ChecksumStartCheck", dataplane_checks_checksum_start(d->dp));
	json_set(j, "Features", features);
	if (d->cfg.uplink[0])
		json_set_str(j, "Uplink", d->cfg.uplink);
	return j;
}

/* ---- metrics ---- */

struct drop_series {
	const struct names *names;
	struct buf *out;
	bool bytes;
};

static int drop_metric(void *arg, const struct drop_key *k, const struct counter *c)
{
	const struct drop_series *s = arg;

	buf_printf(s->out, "vpcd_dropped_%s_total{", s->bytes ? "bytes" : "packets");
	interface_label(s->names, k->ifindex, s->out);
	buf_printf(s->out, ",reason=\"%s\"} %llu\n", drop_reason_name(k->reason),
		   (unsigned long long)(s->bytes ? c->bytes : c->packets));
	return 0;
}

static void drop_metrics(struct daemon *d, struct buf *out)
{
	struct drop_series s = {d->names, out, false};

	buf_puts(out, "# HELP vpcd_dropped_packets_total Packets dropped, by the interface that "
		      "sent them and by reason.\n"
		      "# TYPE vpcd_dropped_packets_total counter\n");
	dataplane_drops(d->dp, drop_metric, &s, NULL);
	buf_puts(out, "# HELP vpcd_dropped_bytes_total Bytes of frames dropped, by the same.\n"
		      "# TYPE vpcd_dropped_bytes_total counter\n");
	s.bytes = true;
	dataplane_drops(d->dp, drop_metric, &s, NULL);
}

static void apply_metrics(struct daemon *d, struct buf *out)
{
	struct apply_stats st;

	apply_stats(d->apply, &st);
	buf_printf(out,
		   "# HELP vpcd_apply_items_total Items of the plan applied.\n"
		   "# TYPE vpcd_apply_items_total counter\n"
		   "vpcd_apply_items_total %llu\n"
		   "# HELP vpcd_apply_failures_total Items that failed.\n"
		   "# TYPE vpcd_apply_failures_total counter\n"
		   "vpcd_apply_failures_total %llu\n"
		   "# HELP vpcd_apply_seconds_total Time spent applying.\n"
		   "# TYPE vpcd_apply_seconds_total counter\n"
		   "vpcd_apply_seconds_total %.6f\n"
		   "# HELP vpcd_plan_seconds_total Time spent planning changes.\n"
		   "# TYPE vpcd_plan_seconds_total counter\n"
		   "vpcd_plan_seconds_total %.6f\n"
		   "# HELP vpcd_apply_failed_items Items that wait for a retry.\n"
		   "# TYPE vpcd_apply_failed_items gauge\n"
		   "vpcd_apply_failed_items %zu\n",
		   (unsigned long long)st.items, (unsigned long long)st.failures,
		   (double)st.ns / 1e9, (double)st.plan_ns / 1e9, st.failed);
	buf_printf(out,
		   "# HELP vpcd_rules_not_counted Rules for whose hits no counters were left.\n"
		   "# TYPE vpcd_rules_not_counted gauge\nvpcd_rules_not_counted %zu\n",
		   st.uncounted);
	buf_printf(out,
		   "# HELP vpcd_map_writes_total Entries of the data plane's maps written.\n"
		   "# TYPE vpcd_map_writes_total counter\n"
		   "vpcd_map_writes_total{op=\"insert\"} %llu\n"
		   "vpcd_map_writes_total{op=\"update\"} %llu\n"
		   "vpcd_map_writes_total{op=\"delete\"} %llu\n",
		   (unsigned long long)st.map_inserts, (unsigned long long)st.map_updates,
		   (unsigned long long)st.map_deletes);
}

static void dns_metric(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out,
		   "# HELP vpcd_dns_%s_total %s.\n# TYPE vpcd_dns_%s_total counter\n"
		   "vpcd_dns_%s_total %llu\n",
		   name, help, name, name, (unsigned long long)value);
}

static void dns_metrics(struct daemon *d, struct buf *out)
{
	struct dns_stats st;

	if (!resolver_stats(d->resolver, &st))
		return;
#define DNS_METRIC(name, help) dns_metric(out, #name, help, st.name);
	DNS_STATS(DNS_METRIC)
#undef DNS_METRIC
}

/* ---- flows of interfaces ---- */

struct flow_series {
	struct dataplane *dp;
	struct buf *out;
	bool exceeded;
};

static void flow_metric(void *arg, const char *symbol, uint32_t ifindex)
{
	struct flow_series *s = arg;
	struct eni_flows f;

	if (dataplane_eni_flows(s->dp, ifindex, &f, NULL))
		return;
	if (s->exceeded)
		buf_printf(s->out,
			   "vpcd_conntrack_allowance_exceeded_total{network_interface=\"%s\"} "
			   "%llu\n",
			   symbol, (unsigned long long)f.allowance_exceeded);
	else
		buf_printf(s->out, "vpcd_open_flows{network_interface=\"%s\"} %u\n", symbol,
			   f.open);
}

static void flow_metrics(struct daemon *d, struct buf *out)
{
	struct flow_series s = {d->dp, out, false};
	uint32_t common;

	buf_puts(out, "# HELP vpcd_open_flows Flows that the interface opened and that live.\n"
		      "# TYPE vpcd_open_flows gauge\n");
	names_each(d->names, NAME_INTERFACE, flow_metric, &s);
	buf_puts(out, "# HELP vpcd_conntrack_allowance_exceeded_total Packets dropped because the "
		      "interface had as many flows open as it may.\n"
		      "# TYPE vpcd_conntrack_allowance_exceeded_total counter\n");
	s.exceeded = true;
	names_each(d->names, NAME_INTERFACE, flow_metric, &s);
	if (dataplane_flows_common(d->dp, &common, NULL))
		return;
	buf_printf(out,
		   "# HELP vpcd_common_flows Flows that interfaces have open beyond their shares.\n"
		   "# TYPE vpcd_common_flows gauge\nvpcd_common_flows %u\n"
		   "# HELP vpcd_common_flows_limit How many of these there may be.\n"
		   "# TYPE vpcd_common_flows_limit gauge\nvpcd_common_flows_limit %u\n",
		   common, dataplane_flows_common_max(d->dp));
}

static int hits_read(void *arg, struct err *e)
{
	struct daemon *d = arg;

	return apply_hits_read(d->apply, e);
}

static bool rule_hits(void *arg, const char *rule, uint64_t *ret)
{
	struct daemon *d = arg;

	return apply_hits(d->apply, rule, ret);
}

/* ---- link-local services ---- */

struct linklocal_series {
	struct dataplane *dp;
	struct buf *out;
	uint64_t answered;
};

static void linklocal_metric(void *arg, const char *symbol, uint32_t ifindex)
{
	struct linklocal_series *s = arg;
	struct linklocal l;

	if (dataplane_linklocal(s->dp, ifindex, &l, NULL))
		return;
	s->answered += l.answered;
	buf_printf(s->out,
		   "vpcd_linklocal_allowance_exceeded_total{network_interface=\"%s\"} %llu\n",
		   symbol, (unsigned long long)l.exceeded);
}

static void linklocal_metrics(struct daemon *d, struct buf *out)
{
	struct linklocal_series s = {d->dp, out, 0};

	buf_puts(out,
		 "# HELP vpcd_linklocal_allowance_exceeded_total Packets dropped above 1,024 a "
		 "second to link-local services.\n"
		 "# TYPE vpcd_linklocal_allowance_exceeded_total counter\n");
	names_each(d->names, NAME_INTERFACE, linklocal_metric, &s);
	dns_metric(out, "kernel_answers", "Queries that the kernel answered", s.answered);
}

static void metrics(void *arg, struct buf *out)
{
	struct daemon *d = arg;

	metrics_process_put(out);
	apply_metrics(d, out);
	dns_metrics(d, out);
	linklocal_metrics(d, out);
	nat_figures_metrics(d->nat, out);
	flow_metrics(d, out);
	drop_metrics(d, out);
	flow_logs_metrics(d->flow_logs, out);
	if (!d->interface_metrics)
		d->interface_metrics = interface_metrics_new();
	if (d->interface_metrics)
		interface_metrics_put(d->interface_metrics, d->dp, d->names, store_model(d->store),
				      out);
}

static struct json *sandbox(void *arg, const char *id)
{
	struct daemon *d = arg;

	return sandboxes_describe(d->sandboxes, id);
}

/* What an object shows beside what the model knows of it. */
static void figures(void *arg, const struct object *o, struct json *out)
{
	struct daemon *d = arg;

	if (o->kind->kind == KIND_NAT_GATEWAY)
		json_set(out, "Metrics", nat_figures_json(d->nat, o->id));
	if (o->kind->kind == KIND_FLOW_LOG)
		flow_logs_describe(d->flow_logs, o->id, out);
}

static int clock_advance(void *arg, uint64_t ms, bool dry, uint64_t *ret_offset_ms, struct err *e)
{
	struct daemon *d = arg;

	if (ms && !d->cfg.lab_clock)
		return err_set(e, -EPERM, "OperationNotPermitted", "",
			       "this daemon keeps real time: start it with --lab-clock");
	if (ms && !dry) {
		dataplane_clock_advance(d->dp, ms * 1000000);
		apply_age(d->apply);
		log_info("clock advanced", "ms", log_fmt("%llu", (unsigned long long)ms));
	}
	*ret_offset_ms = dataplane_clock_offset(d->dp) / 1000000;
	return 0;
}

struct api_hooks daemon_hooks(struct daemon *d)
{
	struct api_hooks h = {.arg = d,
			      .when_applied = when_applied,
			      .forget = forget,
			      .status = status,
			      .metrics = metrics,
			      .figures = figures,
			      .clock_advance = clock_advance,
			      .hits_read = hits_read,
			      .rule_hits = rule_hits,
			      .sandbox = sandbox};

	daemon_hooks_observe(&h);
	return h;
}
