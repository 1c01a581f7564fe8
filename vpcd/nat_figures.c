/* SPDX-License-Identifier: MIT
 * See nat_figures.h.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "nat/gateway.h"
#include "vpcd/nat_figures.h"

#define WATCH_NS 1000000000ull

/* Port refusals of a gateway that were logged. */
struct refusals {
	uint32_t number;
	uint64_t logged;
};

struct nat_figures {
	struct dataplane *dp;
	struct names *names;
	struct event_source *timer;
	struct refusals *seen;
	size_t n_seen;
};

/* ---- the gateways that there are ---- */

struct gateways {
	size_t n, cap;
	uint32_t *numbers;
	const char **ids;
};

static void count_gateway(void *arg, const char *symbol, uint32_t number)
{
	++*(size_t *)arg;
}

static void add_gateway(void *arg, const char *symbol, uint32_t number)
{
	struct gateways *g = arg;

	if (g->n == g->cap)
		return;
	g->numbers[g->n] = number;
	g->ids[g->n++] = symbol;
}

static void gateways_done(struct gateways *g)
{
	free(g->numbers);
	free(g->ids);
}

static int gateways_list(struct nat_figures *f, struct gateways *ret)
{
	*ret = (struct gateways){0};
	names_each(f->names, NAME_NAT, count_gateway, &ret->cap);
	if (!ret->cap)
		return 0;
	ret->numbers = calloc(ret->cap, sizeof(*ret->numbers));
	ret->ids = calloc(ret->cap, sizeof(*ret->ids));
	if (!ret->numbers || !ret->ids) {
		gateways_done(ret);
		*ret = (struct gateways){0};
		return -ENOMEM;
	}
	names_each(f->names, NAME_NAT, add_gateway, ret);
	return 0;
}

/* ---- showing ---- */

static void metric(const struct gateways *g, const struct nat_gateway_metrics *m, const char *name,
		   const char *help, size_t offset, struct buf *out)
{
	bool sum = !strcmp(name + strlen(name) - strlen("_total"), "_total");

	buf_printf(out, "# HELP vpcd_nat_gateway_%s %s.\n# TYPE vpcd_nat_gateway_%s %s\n", name,
		   help, name, sum ? "counter" : "gauge");
	for (size_t i = 0; i < g->n; i++)
		buf_printf(out, "vpcd_nat_gateway_%s{nat_gateway=\"%s\"} %llu\n", name, g->ids[i],
			   *(const unsigned long long *)((const char *)&m[i] + offset));
}

void nat_figures_metrics(struct nat_figures *f, struct buf *out)
{
	cleanup_free struct nat_gateway_metrics *m = NULL;
	struct gateways g;

	if (gateways_list(f, &g) || !g.n)
		return;
	m = calloc(g.n, sizeof(*m));
	if (m && !nat_gateway_metrics(f->dp, g.numbers, g.n, m, NULL)) {
#define METRIC(name, series, help) \
	metric(&g, m, #series, help, offsetof(struct nat_gateway_metrics, name), out);
		NAT_GATEWAY_METRICS(METRIC)
#undef METRIC
	}
	gateways_done(&g);
}

struct json *nat_figures_json(struct nat_figures *f, const char *id)
{
	uint32_t number = names_find(f->names, NAME_NAT, id);
	struct nat_gateway_metrics m;
	struct json *j;

	if (!number || nat_gateway_metrics(f->dp, &number, 1, &m, NULL))
		return NULL;
	j = json_new_obj();
#define MEMBER(name, series, help) json_set_num(j, #name, (double)m.name);
	NAT_GATEWAY_METRICS(MEMBER)
#undef MEMBER
	return j;
}

/* ---- refusals ---- */

/* What was logged of a gateway; numbers are never given twice while a gateway stands. */
static struct refusals *refusals_of(struct nat_figures *f, uint32_t number)
{
	struct refusals *more;

	for (size_t i = 0; i < f->n_seen; i++)
		if (f->seen[i].number == number)
			return &f->seen[i];
	more = reallocarray(f->seen, f->n_seen + 1, sizeof(*more));
	if (!more)
		return NULL;
	f->seen = more;
	f->seen[f->n_seen] = (struct refusals){.number = number};
	return &f->seen[f->n_seen++];
}

static void refusals_log(struct nat_figures *f, const char *id, uint32_t number, bool quiet)
{
	struct refusals *r = refusals_of(f, number);
	struct nat_stats s;

	if (!r || dataplane_nat_stats(f->dp, number, &s, NULL))
		return;
	if (s.error_port_allocation > r->logged && !quiet)
		log_warn("NAT gateway has no free port", "gateway", id, "refused",
			 log_fmt("%llu", (unsigned long long)(s.error_port_allocation - r->logged)),
			 "ErrorPortAllocation",
			 log_fmt("%llu", (unsigned long long)s.error_port_allocation));
	r->logged = s.error_port_allocation;
}

static void look(struct nat_figures *f, bool quiet)
{
	struct gateways g;
	size_t kept = 0;

	if (gateways_list(f, &g))
		return;
	for (size_t i = 0; i < g.n; i++)
		refusals_log(f, g.ids[i], g.numbers[i], quiet);
	/* Those that went are forgotten. */
	for (size_t i = 0; i < f->n_seen; i++)
		for (size_t j = 0; j < g.n; j++)
			if (f->seen[i].number == g.numbers[j]) {
				f->seen[kept++] = f->seen[i];
				break;
			}
	f->n_seen = kept;
	gateways_done(&g);
}

static void watch(void *arg)
{
	look(arg, false);
}

int nat_figures_open(struct event_loop *loop, struct dataplane *dp, struct names *names,
		     struct nat_figures **ret, struct err *e)
{
	struct nat_figures *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_sys(e, -ENOMEM, "start");
	f->dp = dp;
	f->names = names;
	rc = event_add_timer(loop, WATCH_NS, WATCH_NS, watch, f, &f->timer, e);
	if (rc) {
		free(f);
		return rc;
	}
	look(f, true); /* what an earlier daemon has logged */
	*ret = f;
	return 0;
}

void nat_figures_close(struct nat_figures *f)
{
	if (!f)
		return;
	event_source_free(f->timer);
	free(f->seen);
	free(f);
}
