/* SPDX-License-Identifier: MIT
 * See nat_figures.h.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nat/gateway.h"
#include "vpcd/nat_figures.h"

struct nat_figures {
	struct dataplane *dp;
	struct names *names;
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

/* ---- life ---- */

int nat_figures_open(struct dataplane *dp, struct names *names, struct nat_figures **ret,
		     struct err *e)
{
	struct nat_figures *f = calloc(1, sizeof(*f));

	if (!f)
		return err_sys(e, -ENOMEM, "start");
	*f = (struct nat_figures){dp, names};
	*ret = f;
	return 0;
}

void nat_figures_close(struct nat_figures *f)
{
	free(f);
}
