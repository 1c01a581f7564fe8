/* SPDX-License-Identifier: MIT
 * Items of resolver rules, DNS firewall and query logs: each once in the view of every VPC that it
 * is associated with, while that VPC has a resolver.
 */
#include <stdio.h>
#include <string.h>

#include "dns/server.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "vpcd/plan_dns.h"

/* The i-th VPC's id, or NULL where it has no resolver. */
static const char *view_at(const struct plan_pass *pp, const struct list *vpc_ids, size_t i)
{
	const struct object *o = model_get(pp->model, ((char **)vpc_ids->v)[i]);

	return o && AS_CONST(vpc, o)->enable_dns_support ? o->id : NULL;
}

void plan_resolver_rule(struct plan_pass *pp, const struct object *o)
{
	const struct resolver_rule *r = AS_CONST(resolver_rule, o);
	const struct resolver_target *targets = r->target_ips.v;
	struct item_dns_rule body;

	memset(&body, 0, sizeof(body));
	snprintf(body.domain, sizeof(body.domain), "%s", r->domain);
	for (size_t i = 0; i < r->target_ips.n && i < RULE_TARGETS_MAX; i++, body.n++) {
		body.targets[i].address = targets[i].ip;
		body.targets[i].port = (uint16_t)targets[i].port;
	}
	for (size_t i = 0; i < r->vpc_ids.n; i++) {
		const char *view = view_at(pp, &r->vpc_ids, i);
		char key[2 * SYMBOL_LEN + 8];

		if (!view)
			continue;
		symbol_set(body.view, view);
		snprintf(key, sizeof(key), "%s %s", view, o->id);
		plan_emit(pp, ITEM_DNS_RULE, key, &body, sizeof(body));
	}
}

void plan_firewall_domain_list(struct plan_pass *pp, const struct object *o)
{
	const struct firewall_domain_list *l = AS_CONST(firewall_domain_list, o);
	cleanup_buf struct buf body = {0};

	for (size_t i = 0; i < l->domains.n; i++) {
		const char *domain = ((char **)l->domains.v)[i];

		buf_add(&body, domain, strlen(domain) + 1);
	}
	if (body.rc)
		abort();
	plan_emit(pp, ITEM_DNS_DOMAINS, o->id, buf_str(&body), body.len);
}

static void emit_rule(struct plan_pass *pp, const char *view, const struct firewall_rule_group *g,
		      const struct firewall_rule *r)
{
	struct item_dns_firewall body;
	char key[2 * SYMBOL_LEN + 8];

	memset(&body, 0, sizeof(body));
	symbol_set(body.view, view);
	symbol_set(body.group, g->o.id);
	symbol_set(body.domains, r->firewall_domain_list_id);
	body.group_priority = (uint32_t)g->priority;
	body.priority = (uint32_t)r->priority;
	body.action = (uint32_t)r->action;
	body.response = (uint32_t)r->block_response;
	body.override_ttl = (uint32_t)r->block_override_ttl;
	if (r->block_override_domain)
		snprintf(body.override_domain, sizeof(body.override_domain), "%s",
			 r->block_override_domain);
	snprintf(key, sizeof(key), "%s %s %u", view, g->o.id, body.priority);
	plan_emit(pp, ITEM_DNS_FIREWALL, key, &body, sizeof(body));
}

/* The model's and the resolver's numbers are the same. */
_Static_assert((int)FIREWALL_BLOCK == (int)DNS_BLOCK && (int)FIREWALL_ALERT == (int)DNS_ALERT &&
		       (int)BLOCK_OVERRIDE == (int)DNS_BLOCK_OVERRIDE &&
		       (int)BLOCK_NXDOMAIN == (int)DNS_BLOCK_NXDOMAIN,
	       "firewall enums");

void plan_firewall_rule_group(struct plan_pass *pp, const struct object *o)
{
	const struct firewall_rule_group *g = AS_CONST(firewall_rule_group, o);
	const struct firewall_rule *rules = g->firewall_rules.v;

	for (size_t i = 0; i < g->vpc_ids.n; i++) {
		const char *view = view_at(pp, &g->vpc_ids, i);

		for (size_t k = 0; view && k < g->firewall_rules.n; k++)
			emit_rule(pp, view, g, &rules[k]);
	}
}

void plan_query_log_config(struct plan_pass *pp, const struct object *o)
{
	const struct query_log_config *q = AS_CONST(query_log_config, o);

	for (size_t i = 0; i < q->vpc_ids.n; i++) {
		const char *view = view_at(pp, &q->vpc_ids, i);
		char key[2 * SYMBOL_LEN + 8], body[SYMBOL_LEN];

		if (!view)
			continue;
		symbol_set(body, view);
		snprintf(key, sizeof(key), "%s %s", view, o->id);
		plan_emit(pp, ITEM_DNS_LOG, key, body, sizeof(body));
	}
}
