/* SPDX-License-Identifier: MIT
 * See flow_logs.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/flow_log.h"
#include "vpcd/flow_logs.h"

#define WINDOW	     60	  /* seconds: the shorter of both intervals */
#define ROUNDS	     2	  /* ends of the flow table until a whole round has passed for certain */
#define TELL_BUDGET  4096 /* kept parts a slice */
#define GONE_CUTS    3	  /* what is left of an interface's flows is told by then */
#define PARTS_URGENT (FLOW_PARTS_MAX / 4)

/* An interface that a log covers. */
struct interface {
	uint32_t ifindex;
	struct flow_log_interface of;
	struct flow_log_cover *covers;
	bool seen;
	unsigned gone; /* cuts since it went; 0: it is there */
	UT_hash_handle hh;
};

/* From asking flows and kept parts until all that was there has been told. */
enum cut { CUT_NONE, CUT_FLOWS, CUT_PARTS };

struct flow_logs {
	struct flow_logs_config cfg;
	char dir[4096];
	struct flow_log_sink *logs;
	struct interface *interfaces;
	uint64_t revision; /* of the model that these are from */
	time_t looked;	   /* when that was */
	bool unresolved;   /* some interface has no number yet */
	enum cut cut;
	unsigned rounds;
	bool urgent;	    /* the cut is of kept parts alone, for they are many */
	bool wanted;	    /* a cut, for a log that begins */
	int64_t window;	    /* Unix time / WINDOW */
	int64_t now, ahead; /* Unix seconds; and how far ahead of virtual ones */
};

/* ---- the model: which interface is in which log ---- */

static struct interface *interface_find(const struct flow_logs *f, uint32_t ifindex)
{
	struct interface *i;

	HASH_FIND(hh, f->interfaces, &ifindex, sizeof(ifindex), i);
	return i;
}

static bool is_wanted(void *arg, uint32_t ifindex)
{
	return interface_find(arg, ifindex) != NULL;
}

static void interface_free(struct flow_logs *f, struct interface *i)
{
	HASH_DEL(f->interfaces, i);
	for (struct flow_log_cover *c = i->covers, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(i);
}

static struct interface *interface_get(struct flow_logs *f, uint32_t ifindex)
{
	struct interface *i = interface_find(f, ifindex);
	struct err e = {0};

	if (i)
		return i;
	if (dataplane_flow_log_add(f->cfg.dp, ifindex, &e)) {
		log_error("packets of an interface are not logged", "error", e.msg);
		return NULL;
	}
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->ifindex = ifindex;
	HASH_ADD(hh, f->interfaces, ifindex, sizeof(i->ifindex), i);
	return i;
}

static void cover_add(struct interface *i, struct flow_log_sink *l)
{
	struct flow_log_cover *c = i->covers;

	while (c && c->log != l)
		c = c->next;
	if (c || !(c = calloc(1, sizeof(*c))))
		return;
	c->log = l;
	c->next = i->covers;
	i->covers = c;
}

/* How its records show it. */
static void interface_fill(struct flow_log_interface *of, const struct network_interface *eni,
			   const struct subnet *s)
{
	const char *holder = eni->attachment_id;

	*of = (struct flow_log_interface){.address = eni->private_ip_address};
	if (eni->ipv6_addresses.n)
		of->address6 = ((const struct ip *)eni->ipv6_addresses.v)[0];
	snprintf(of->id, sizeof(of->id), "%s", eni->o.id);
	snprintf(of->vpc, sizeof(of->vpc), "%s", s->vpc_id);
	snprintf(of->subnet, sizeof(of->subnet), "%s", eni->subnet_id);
	if (holder && !strncmp(holder, "i-", 2))
		snprintf(of->instance, sizeof(of->instance), "%s", holder);
	flow_log_az_id(eni->o.region, s->availability_zone, of->az_id, sizeof(of->az_id));
}

static bool covers(const char *resource, const struct network_interface *eni,
		   const struct subnet *s)
{
	return resource && (!strcmp(resource, eni->o.id) || !strcmp(resource, eni->subnet_id) ||
			    !strcmp(resource, s->vpc_id));
}

static void look_at_interface(struct flow_logs *f, const struct model *m,
			      const struct network_interface *eni)
{
	const struct subnet *s = AS_CONST(subnet, model_get(m, eni->subnet_id));
	/* A NAT gateway's stands in the data plane under the gateway's name. */
	const char *symbol =
		eni->interface_type == INTERFACE_NAT_GATEWAY ? eni->attachment_id : eni->o.id;
	struct interface *i = NULL;
	uint32_t ifindex;

	model_for_each (o, m, KIND_FLOW_LOG) {
		struct flow_log_sink *l;

		HASH_FIND_STR(f->logs, o->id, l);
		if (!s || !l || !covers(flow_log_resource(m, AS_CONST(flow_log, o)), eni, s))
			continue;
		ifindex = symbol ? names_find(f->cfg.names, NAME_INTERFACE, symbol) : 0;
		if (!ifindex)
			f->unresolved = true;
		i = ifindex ? interface_get(f, ifindex) : NULL;
		if (!i)
			return;
		i->seen = true;
		cover_add(i, l);
	}
	if (i)
		interface_fill(&i->of, eni, s);
}

static void log_begin(struct flow_logs *f, const struct flow_log *o, bool at_once)
{
	const struct flow_log_file_config file = {.dir = f->dir,
						  .size_max = (uint64_t)f->cfg.file_mebibytes << 20,
						  .files_kept = f->cfg.files_kept};
	struct flow_log_sink *l;
	struct err e = {0};

	if (flow_log_sink_new(o, &file, &l, &e)) {
		log_error("flow log does not begin", "flow_log", o->o.id, "error", e.msg);
		return;
	}
	l->active = at_once;
	l->window_start = f->now / l->interval * l->interval;
	f->wanted = f->wanted || !at_once;
	HASH_ADD_STR(f->logs, id, l);
	l->seen = true;
}

static void log_end(struct flow_logs *f, struct flow_log_sink *l)
{
	struct interface *i, *tmp;

	flow_log_sink_flush(l, f->now);
	HASH_ITER (hh, f->interfaces, i, tmp) {
		struct flow_log_cover **at = &i->covers, *c;

		while ((c = *at)) {
			if (c->log != l) {
				at = &c->next;
				continue;
			}
			*at = c->next;
			free(c);
		}
	}
	HASH_DEL(f->logs, l);
	flow_log_sink_free(l);
}

static void look_at_logs(struct flow_logs *f, const struct model *m, bool at_once)
{
	struct flow_log_sink *l, *tmp;

	HASH_ITER (hh, f->logs, l, tmp)
		l->seen = false;
	model_for_each (o, m, KIND_FLOW_LOG) {
		HASH_FIND_STR(f->logs, o->id, l);
		if (l)
			l->seen = true;
		else
			log_begin(f, AS_CONST(flow_log, o), at_once);
	}
	HASH_ITER (hh, f->logs, l, tmp)
		if (!l->seen)
			log_end(f, l);
}

/* What changed in the model. at_once: these are logs that an earlier daemon began. */
static void look(struct flow_logs *f, bool at_once)
{
	const struct model *m = store_model(f->cfg.store);
	uint64_t revision = store_revision(f->cfg.store);
	struct interface *i, *tmp;

	if (revision == f->revision && (!f->unresolved || f->looked == time(NULL)))
		return;
	f->revision = revision;
	f->looked = time(NULL);
	f->unresolved = false;
	look_at_logs(f, m, at_once);
	if (!f->logs && !f->interfaces)
		return;
	HASH_ITER (hh, f->interfaces, i, tmp)
		i->seen = false;
	model_for_each (o, m, KIND_NETWORK_INTERFACE)
		look_at_interface(f, m, AS_CONST(network_interface, o));
	HASH_ITER (hh, f->interfaces, i, tmp)
		i->gone = i->seen ? 0 : i->gone ? i->gone : 1;
}

/* ---- records ---- */

static void emit(struct flow_logs *f, struct interface *i, const struct flow_part *p,
		 struct flow_record *r)
{
	int64_t end = p->n.last_ns ? (int64_t)(p->n.last_ns / 1000000000ull) + f->ahead : f->now;

	r->start = (uint64_t)((int64_t)p->n.since + f->ahead);
	r->end = (uint64_t)end > r->start ? (uint64_t)end : r->start;
	for (struct flow_log_cover *c = i->covers; c; c = c->next)
		flow_log_sink_add(c->log, c, r, f->now);
}

/* Where a packet goes from an interface of that VPC. */
static enum flow_log_beyond beyond(const struct flow_logs *f, const struct flow_part *p,
				   const char *vpc)
{
	const struct interface *to = interface_find(f, p->of.output_ifindex);
	const char *id = names_symbol(f->cfg.names, NAME_INTERFACE, p->of.output_ifindex);
	const struct model *m = store_model(f->cfg.store);
	const struct object *o = id ? model_get(m, id) : NULL;
	const char *other = to ? to->of.vpc : o ? model_object_vpc(m, o) : NULL;

	if (p->of.flags & (FLOW_SNAT | FLOW_DNAT | FLOW_EGRESS_ONLY))
		return BEYOND_INTERNET;
	if (!other)
		return id ? BEYOND_INTERNET : BEYOND_UNKNOWN;
	return strcmp(other, vpc) ? BEYOND_PEERING : BEYOND_VPC;
}

/* The private address that stands for a gateway's public one; its own primary one if it is none. */
static struct ip private_of(const struct model *m, const struct nat_gateway *nat,
			    const struct ip128 *public)
{
	struct ip ip = {.family = AF_INET};

	memcpy(ip.b, public->b, sizeof(ip.b));
	for (size_t i = 0; i < nat->secondary_private_ip_addresses.n; i++) {
		const struct ip *own = (const struct ip *)nat->secondary_private_ip_addresses.v + i;
		const char *id = i < nat->secondary_allocation_ids.n
					 ? ((char **)nat->secondary_allocation_ids.v)[i]
					 : NULL;
		const struct elastic_ip *eip = id ? AS_CONST(elastic_ip, model_get(m, id)) : NULL;

		if (!ip_cmp(own, &ip) || (eip && !ip_cmp(&eip->public_ip, &ip)))
			return *own;
	}
	return nat->private_ip_address;
}

/* A NAT gateway's interface sees what it translates twice. */
static void emit_nat(struct flow_logs *f, const struct flow_part *p)
{
	const char *id = names_symbol(f->cfg.names, NAME_NAT, p->of.nat);
	const struct model *m = store_model(f->cfg.store);
	const struct nat_gateway *nat = id ? AS_CONST(nat_gateway, model_get(m, id)) : NULL;
	struct interface *i =
		id ? interface_find(f, names_find(f->cfg.names, NAME_INTERFACE, id)) : NULL;
	struct flow_record r;
	struct ip private;

	if (!nat || !i)
		return;
	private = private_of(m, nat, p->of.flags & FLOW_REPLY ? &p->of.key.daddr : &p->of.saddr);
	if (p->of.reason) {
		flow_log_record_nat(p, &i->of, &private, p->of.reason == DROP_ACL_EGRESS,
				    BEYOND_UNKNOWN, &r);
		emit(f, i, p, &r);
		return;
	}
	flow_log_record_nat(p, &i->of, &private, false, BEYOND_UNKNOWN, &r);
	emit(f, i, p, &r);
	flow_log_record_nat(p, &i->of, &private, true,
			    p->of.flags & FLOW_REPLY ? BEYOND_VPC : BEYOND_INTERNET, &r);
	emit(f, i, p, &r);
}

static void emit_refused(struct flow_logs *f, const struct flow_part *p)
{
	struct interface *to = interface_find(f, p->of.output_ifindex);
	struct interface *from = interface_find(f, p->of.key.ifindex);
	struct flow_record r;

	if (p->of.nat && !p->of.output_ifindex) {
		emit_nat(f, p);
	} else if (p->of.output_ifindex && to) {
		flow_log_record_received(p, &to->of, &r);
		emit(f, to, p, &r);
	} else if (!p->of.output_ifindex && from) {
		flow_log_record_sent(p, &from->of, BEYOND_UNKNOWN, &r);
		emit(f, from, p, &r);
	}
}

/* What went to or came from the resolver and the like is not logged, as in AWS. */
static bool is_of_service(const struct flow_logs *f, const struct flow_part *p)
{
	const uint32_t service = dataplane_service(f->cfg.dp);

	return p->of.key.ifindex == service || p->of.output_ifindex == service;
}

static void on_part(void *arg, const struct flow_part *p)
{
	struct flow_logs *f = arg;
	struct interface *from = interface_find(f, p->of.key.ifindex);
	struct interface *to = interface_find(f, p->of.output_ifindex);
	struct flow_record r;

	if (is_of_service(f, p))
		return;
	if (p->of.reason) {
		emit_refused(f, p);
		return;
	}
	if (from) {
		flow_log_record_sent(p, &from->of,
				     p->of.nat ? BEYOND_VPC : beyond(f, p, from->of.vpc), &r);
		emit(f, from, p, &r);
	}
	if (to) {
		flow_log_record_received(p, &to->of, &r);
		emit(f, to, p, &r);
	}
	if (p->of.nat)
		emit_nat(f, p);
}

/* ---- windows ---- */

/* What the data plane had no room for is lost to each log of the interface. */
static void loss_take(struct flow_logs *f, struct interface *i)
{
	struct flow_log_loss lost;

	if (dataplane_flow_log_loss(f->cfg.dp, i->ifindex, &lost, NULL) || !lost.packets)
		return;
	for (struct flow_log_cover *c = i->covers; c; c = c->next) {
		if (!c->log->active || c->log->traffic == FLOW_LOG_ACCEPT)
			continue;
		c->lost.packets += lost.packets;
		c->lost.bytes += lost.bytes;
		c->log->lost.packets += lost.packets;
		c->log->lost.bytes += lost.bytes;
	}
	dataplane_flow_log_loss_told(f->cfg.dp, i->ifindex, &lost, NULL);
}

static bool window_ended(const struct flow_logs *f, const struct flow_log_sink *l)
{
	return l->active && f->now / l->interval * l->interval > l->window_start;
}

static void end_windows(struct flow_logs *f)
{
	struct flow_log_sink *l, *ltmp;
	struct interface *i, *tmp;

	HASH_ITER (hh, f->interfaces, i, tmp) {
		loss_take(f, i);
		for (struct flow_log_cover *c = i->covers; c; c = c->next)
			if (window_ended(f, c->log) && (!i->gone || c->lost.packets))
				flow_log_sink_end_window(
					c->log, c, &i->of,
					f->now / c->log->interval * c->log->interval, f->now);
	}
	HASH_ITER (hh, f->logs, l, ltmp)
		if (window_ended(f, l)) {
			flow_log_sink_flush(l, f->now);
			l->window_start = f->now / l->interval * l->interval;
			l->windows++;
		}
}

/* Interfaces that went, once nothing of theirs can come any more. */
static void forget_gone(struct flow_logs *f)
{
	struct interface *i, *tmp;

	HASH_ITER (hh, f->interfaces, i, tmp) {
		if (!i->gone || i->gone++ < GONE_CUTS)
			continue;
		for (struct flow_log_cover *c = i->covers; c; c = c->next)
			flow_log_sink_flush(c->log, f->now);
		dataplane_flow_log_remove(f->cfg.dp, i->ifindex, NULL);
		interface_free(f, i);
	}
}

/* What is kept must not wait for a round through a large flow table. */
static void cut_urgently(struct flow_logs *f)
{
	dataplane_flow_log_turn(f->cfg.dp);
	f->cut = CUT_PARTS;
	f->urgent = true;
}

static void cut_begin(struct flow_logs *f, bool all)
{
	/* Flows of this very second belong to what comes, but for a log that begins. */
	dataplane_flow_log_due(f->cfg.dp, (uint32_t)(f->now - f->ahead + all));
	dataplane_flow_log_turn(f->cfg.dp);
	f->cut = CUT_FLOWS;
	f->rounds = 0;
	f->wanted = false;
}

static void cut_end(struct flow_logs *f)
{
	struct flow_log_sink *l, *tmp;

	f->cut = CUT_NONE;
	if (f->urgent) {
		f->urgent = false;
		return;
	}
	end_windows(f);
	f->window = f->now / WINDOW;
	forget_gone(f);
	HASH_ITER (hh, f->logs, l, tmp) {
		if (l->active || f->wanted)
			continue;
		l->active = true;
		l->window_start = f->now;
	}
}

static void cut_go_on(struct flow_logs *f, const struct flow_stats *slice)
{
	struct err e = {0};
	int rc;

	if (f->cut == CUT_FLOWS) {
		f->rounds += slice->end;
		if (f->rounds >= ROUNDS)
			f->cut = CUT_PARTS;
	}
	if (f->cut != CUT_PARTS)
		return;
	rc = dataplane_flow_log_tell(f->cfg.dp, TELL_BUDGET, &e);
	if (rc < 0 && rc != -EAGAIN)
		log_error("refused packets are not logged", "error", e.msg);
	if (!rc)
		cut_end(f);
}

static void set_clock(struct flow_logs *f)
{
	const int64_t offset = (int64_t)(dataplane_clock_offset(f->cfg.dp) / 1000000000ull);

	f->now = time(NULL) + offset;
	f->ahead = f->now - (int64_t)(dataplane_now(f->cfg.dp) / 1000000000ull);
}

bool flow_logs_tick(void *logs, const struct flow_stats *slice)
{
	struct flow_logs *f = logs;
	struct flow_log_sink *l, *tmp;
	struct err e = {0};

	set_clock(f);
	look(f, false);
	dataplane_flow_log(f->cfg.dp, f->logs ? on_part : NULL, is_wanted, f);
	if (!f->logs && !f->interfaces)
		return false;
	if (f->cut)
		cut_go_on(f, slice);
	else if (f->wanted || f->now / WINDOW != f->window)
		cut_begin(f, f->wanted);
	else if (dataplane_flow_log_entries(f->cfg.dp) > PARTS_URGENT)
		cut_urgently(f);
	HASH_ITER (hh, f->logs, l, tmp) {
		flow_log_sink_flush(l, f->now);
		if (flow_log_file_tick(l->file, &e))
			log_warn("flow log file is not compressed", "flow_log", l->id, "error",
				 e.msg);
	}
	return f->cut == CUT_FLOWS;
}

/* ---- showing ---- */

void flow_logs_describe(const struct flow_logs *f, const char *id, struct json *out)
{
	struct flow_log_sink *l;

	HASH_FIND_STR(f->logs, id, l);
	json_set_str(out, "FlowLogStatus", l && l->active ? "ACTIVE" : "PENDING");
	if (!l)
		return;
	json_set_str(out, "LogDestination", flow_log_file_path(l->file));
	json_set_str(out, "DeliverLogsStatus", l->failure.rc ? "FAILED" : "SUCCESS");
	if (l->failure.rc)
		json_set_str(out, "DeliverLogsErrorMessage", l->failure.msg);
	json_set_num(out, "WindowsEnded", (double)l->windows);
	json_set_num(out, "RecordsWritten", (double)l->written.records);
	json_set_num(out, "RecordsLost", (double)l->lost.records);
	json_set_num(out, "PacketsLost", (double)l->lost.packets);
}

void flow_logs_metrics(const struct flow_logs *f, struct buf *out)
{
	static const char *const series[][2] = {
		{"records", "Records written to flow logs."},
		{"lost_records", "Records that could not be written."},
		{"lost_packets", "Packets that are in no record."}};
	struct flow_log_sink *l, *tmp;

	for (size_t s = 0; s < ARRAY_SIZE(series); s++) {
		buf_printf(
			out,
			"# HELP vpcd_flow_log_%s_total %s\n# TYPE vpcd_flow_log_%s_total counter\n",
			series[s][0], series[s][1], series[s][0]);
		HASH_ITER (hh, f->logs, l, tmp)
			buf_printf(out, "vpcd_flow_log_%s_total{flow_log=\"%s\"} %llu\n",
				   series[s][0], l->id,
				   (unsigned long long)(s == 0	 ? l->written.records
							: s == 1 ? l->lost.records
								 : l->lost.packets));
	}
}

/* ---- life ---- */

static int forget_stray(void *arg, uint32_t ifindex, const struct flow_log_loss *l)
{
	struct flow_logs *f = arg;

	if (names_symbol(f->cfg.names, NAME_INTERFACE, ifindex))
		return 0;
	return dataplane_flow_log_remove(f->cfg.dp, ifindex, NULL);
}

int flow_logs_open(const struct flow_logs_config *cfg, struct flow_logs **ret, struct err *e)
{
	struct flow_logs *f = calloc(1, sizeof(*f));

	if (!f)
		return err_sys(e, -ENOMEM, "flow logs");
	f->cfg = *cfg;
	f->revision = UINT64_MAX;
	snprintf(f->dir, sizeof(f->dir), "%s/flow-logs", cfg->state_dir);
	set_clock(f);
	f->window = f->now / WINDOW;
	look(f, true);
	dataplane_flow_log(cfg->dp, f->logs ? on_part : NULL, is_wanted, f);
	dataplane_flow_log_each(cfg->dp, forget_stray, f, NULL);
	*ret = f;
	return 0;
}

void flow_logs_close(struct flow_logs *f)
{
	struct flow_log_sink *l, *ltmp;
	struct interface *i, *tmp;

	if (!f)
		return;
	HASH_ITER (hh, f->logs, l, ltmp)
		log_end(f, l);
	HASH_ITER (hh, f->interfaces, i, tmp)
		interface_free(f, i);
	free(f);
}
