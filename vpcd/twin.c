/* SPDX-License-Identifier: MIT
 * See twin.h. Of the plan's items only those that end in maps are put; links, processes and names
 * are not made.
 */
#include "vpcd/twin.h"

#include <stdlib.h>
#include <string.h>

#include "vpcd/apply_rules.h"
#include "vpcd/bind.h"

/* It never has one; the least that gives every interface a share of the table. */
#define TWIN_FLOWS(enis) (4 * ((enis) ? (enis) : 8192))

struct twin {
	const struct model *model;
	struct dataplane *dp;
	struct names *names;
	struct plan *plan;
	struct shadow *shadow;
	struct rulesets *rulesets;
	struct item guest; /* body NULL: none */
};

static struct bind twin_bind(const struct twin *t)
{
	return (struct bind){.names = t->names, .shadow = t->shadow};
}

static int item_put(struct twin *t, const struct item *it, struct err *e)
{
	const struct bind b = twin_bind(t);
	bool changed;

	switch (it->type) {
	case ITEM_GROUPS:
	case ITEM_ACL:
		return rulesets_put(t->rulesets, it, &changed, e);
	case ITEM_VPC:
	case ITEM_SUBNET:
	case ITEM_ENI:
	case ITEM_NAT:
	case ITEM_GATEWAY:
	case ITEM_ADDRESS:
	case ITEM_ROUTE:
		return bind_put(&b, it, NULL, e);
	default:
		return 0;
	}
}

static int plan_put(struct twin *t, struct err *e)
{
	int rc = 0;

	for (int type = 0; type < ITEM_TYPE_COUNT && !rc; type++)
		for (const struct item *it = plan_next(t->plan, type, NULL); it && !rc;
		     it = plan_next(t->plan, type, it))
			rc = item_put(t, it, e);
	return rc;
}

static int parts_open(struct twin *t, uint32_t max_enis, struct err *e)
{
	const struct dataplane_config cfg = {
		.max_flows = TWIN_FLOWS(max_enis), .max_enis = max_enis, .only_trace = true};
	int rc = dataplane_open(&cfg, &t->dp, e);

	if (!rc)
		rc = names_open(t->dp, &t->names, e);
	if (rc)
		return rc;
	t->shadow = shadow_new(t->dp);
	t->plan = plan_new();
	if (!t->shadow || !t->plan)
		return err_sys(e, -ENOMEM, "plan");
	return rulesets_open(t->dp, t->names, t->shadow, &t->rulesets, e);
}

int twin_make(const struct model *m, uint32_t max_enis, struct twin **ret, struct err *e)
{
	cleanup(twin_freep) struct twin *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return err_sys(e, -ENOMEM, "twin");
	t->model = m;
	rc = parts_open(t, max_enis, e);
	if (rc)
		return err_wrap(e, "twin of the network");
	plan_full(t->plan, m);
	rc = plan_put(t, e);
	if (rc)
		return rc;
	dataplane_set_service(t->dp, names_find(t->names, NAME_INTERFACE, SYMBOL_SERVICE));
	*ret = TAKE(t);
	return 0;
}

void twin_free(struct twin *t)
{
	if (!t)
		return;
	rulesets_free(t->rulesets);
	shadow_free(t->shadow);
	plan_free(t->plan);
	names_free(t->names);
	dataplane_close(t->dp);
	free(t->guest.body);
	free(t);
}

struct trace_env twin_env(const struct twin *t)
{
	return (struct trace_env){
		.dp = t->dp, .names = t->names, .plan = t->plan, .model = t->model};
}

static int guest_leave(struct twin *t, struct err *e)
{
	const struct bind b = twin_bind(t);

	if (!t->guest.body)
		return 0;
	free(t->guest.body);
	t->guest.body = NULL;
	return bind_remove(&b, &t->guest, e);
}

int twin_guest(struct twin *t, const struct ip *address, struct err *e)
{
	const struct bind b = twin_bind(t);
	struct item_address *body;
	char text[IP_STRLEN];
	int rc = guest_leave(t, e);

	if (rc)
		return rc;
	body = calloc(1, sizeof(*body));
	if (!body)
		return err_sys(e, -ENOMEM, "twin");
	symbol_set(body->vpc, SYMBOL_INTERNET);
	symbol_set(body->holder, SYMBOL_PUBLIC_DNS);
	symbol_set(body->holder_vpc, SYMBOL_INTERNET);
	body->kind = ADDR_ENI;
	body->address = *address;
	if (address->family != ip_from_v4(0).family)
		body->other = *address;
	t->guest = (struct item){.type = ITEM_ADDRESS, .len = sizeof(*body), .body = body};
	snprintf(t->guest.key, sizeof(t->guest.key), "guest %s", ip_format(address, text));
	return bind_put(&b, &t->guest, NULL, e);
}
