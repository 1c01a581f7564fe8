/* SPDX-License-Identifier: MIT
 * Items of VPCs, subnets and network ACLs.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "model/ipam.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

void plan_vpc(struct plan_pass *pp, const struct object *o)
{
	const struct vpc *v = AS_CONST(vpc, o);
	struct item_vpc body;
	struct cidr block;

	memset(&body, 0, sizeof(body));
	plan_local_table(o->id, body.local_table);
	for (size_t i = 0; vpc_block(v, i, &block); i++)
		plan_emit_route(pp, body.local_table, &block, TARGET_LOCAL, NULL);
	body.dns_support = v->enable_dns_support;
	if (body.dns_support)
		body.resolver = ipam_resolver(v);
	plan_emit(pp, ITEM_VPC, o->id, &body, sizeof(body));
	if (body.dns_support)
		plan_dns_vpc(pp, v);
}

static const struct cidr *entry_block(const struct network_acl_entry *en)
{
	return ip_is_set(&en->cidr_block.ip) ? &en->cidr_block : &en->ipv6_cidr_block;
}

/* Whether the entry of a family that comes first in a direction allows all of it: nothing after it
 * counts. */
static bool direction_allows_all(const struct network_acl *a, bool egress, int family)
{
	const struct network_acl_entry *v = a->entries.v, *first = NULL;

	for (size_t i = 0; i < a->entries.n; i++)
		if (v[i].egress == egress && entry_block(&v[i])->ip.family == family &&
		    (!first || v[i].rule_number < first->rule_number))
			first = &v[i];
	return first && first->rule_action == ACL_ALLOW && first->protocol == -1 &&
	       entry_block(first)->len == 0;
}

static bool acl_allows_all(const struct network_acl *a, const struct subnet *s)
{
	for (int egress = 0; egress < 2; egress++) {
		if (!direction_allows_all(a, egress, AF_INET))
			return false;
		if (ip_is_set(&s->ipv6_cidr_block.ip) && !direction_allows_all(a, egress, AF_INET6))
			return false;
	}
	return true;
}

void plan_subnet(struct plan_pass *pp, const struct object *o)
{
	const struct subnet *s = AS_CONST(subnet, o);
	const struct route_table *rtb = model_subnet_route_table(pp->model, s);
	const struct network_acl *acl = model_subnet_network_acl(pp->model, s);
	struct item_subnet body;

	memset(&body, 0, sizeof(body));
	symbol_set(body.vpc, s->vpc_id);
	symbol_set(body.route_table, rtb ? rtb->o.id : NULL);
	/* An ACL that allows everything costs a packet nothing: it is left out. */
	if (acl && !acl_allows_all(acl, s))
		symbol_set(body.acl, acl->o.id);
	body.router = ipam_router(s);
	body.prefix6 = s->ipv6_cidr_block;
	plan_emit(pp, ITEM_SUBNET, o->id, &body, sizeof(body));
}

static int entry_order(const void *a, const void *b)
{
	const struct network_acl_entry *x = *(const struct network_acl_entry *const *)a;
	const struct network_acl_entry *y = *(const struct network_acl_entry *const *)b;

	return x->rule_number < y->rule_number ? -1 : x->rule_number > y->rule_number;
}

static void acl_rule(struct item_rule *r, const struct network_acl *acl,
		     const struct network_acl_entry *en)
{
	char id[ACL_ENTRY_ID_LEN];

	symbol_set(r->id, network_acl_entry_id(acl, en, id));
	r->deny = en->rule_action == ACL_DENY;
	r->protocol = en->protocol;
	r->from = en->from_port;
	r->to = en->to_port;
	r->cidr = *entry_block(en);
}

void plan_network_acl(struct plan_pass *pp, const struct object *o)
{
	const struct network_acl *a = AS_CONST(network_acl, o);
	const struct network_acl_entry *v = a->entries.v;
	const struct network_acl_entry **sorted;
	size_t n = a->entries.n, len = sizeof(struct item_rules) + n * sizeof(struct item_rule);
	cleanup_free struct item_rules *body = NULL;

	body = calloc(1, len);
	sorted = calloc(n, sizeof(*sorted));
	if (!body || !sorted)
		abort();
	for (size_t i = 0; i < n; i++)
		sorted[i] = &v[i];
	qsort(sorted, n, sizeof(*sorted), entry_order);
	for (int egress = 0; egress < 2; egress++)
		for (size_t i = 0; i < n; i++)
			if (sorted[i]->egress == egress)
				acl_rule(&body->rules[body->n_in + body->n_out], a, sorted[i]),
					egress ? body->n_out++ : body->n_in++;
	free(sorted);
	plan_emit(pp, ITEM_ACL, o->id, body, len);
}
