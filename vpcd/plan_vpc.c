/* SPDX-License-Identifier: MIT
 * Items of VPCs, subnets, route tables and network ACLs, and of the built-in pseudo-VPC.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "model/ipam.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

#define MTU_VPC	     9001
#define MTU_INTERNET 1500

void plan_vpc(struct plan_pass *pp, const struct object *o)
{
	const struct vpc *v = AS_CONST(vpc, o);
	struct item_vpc body;

	memset(&body, 0, sizeof(body));
	body.dns_support = v->enable_dns_support;
	if (body.dns_support)
		body.resolver = ipam_resolver(v);
	plan_emit(pp, ITEM_VPC, o->id, &body, sizeof(body));
	if (body.dns_support)
		plan_dns_vpc(pp, o->id);
}

/* Whether the entry that comes first in a direction allows all of IPv4: nothing after it counts. */
static bool direction_allows_all(const struct network_acl *a, bool egress)
{
	const struct network_acl_entry *v = a->entries.v, *first = NULL;

	for (size_t i = 0; i < a->entries.n; i++)
		if (v[i].egress == egress && (!first || v[i].rule_number < first->rule_number))
			first = &v[i];
	return first && first->rule_action == ACL_ALLOW && first->protocol == -1 &&
	       first->cidr_block.len == 0 && first->cidr_block.ip.family == AF_INET;
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
	if (acl && !(direction_allows_all(acl, false) && direction_allows_all(acl, true)))
		symbol_set(body.acl, acl->o.id);
	body.router = ipam_router(s);
	plan_emit(pp, ITEM_SUBNET, o->id, &body, sizeof(body));
}

static void emit_route(struct plan_pass *pp, const char *table, const struct cidr *dst,
		       uint32_t target, const char *id)
{
	char key[2 * SYMBOL_LEN + 8], text[CIDR_STRLEN];
	struct item_route body;

	memset(&body, 0, sizeof(body));
	symbol_set(body.table, table);
	body.destination = *dst;
	body.target = target;
	symbol_set(body.id, id);
	snprintf(key, sizeof(key), "%s %s", table, cidr_format(dst, text));
	plan_emit(pp, ITEM_ROUTE, key, &body, sizeof(body));
}

static const char *instance_eni(const struct model *m, const char *instance_id)
{
	const struct object *o = model_get(m, instance_id);

	return o ? AS_CONST(instance, o)->network_interface_id : NULL;
}

static void emit_table_route(struct plan_pass *pp, const struct route_table *t,
			     const struct route *r)
{
	const struct model *m = pp->model;
	uint32_t target = TARGET_BLACKHOLE;
	const char *id = NULL;

	if (r->gateway_id) {
		const struct object *igw = model_get(m, r->gateway_id);

		if (igw && AS_CONST(internet_gateway, igw)->vpc_id &&
		    !strcmp(AS_CONST(internet_gateway, igw)->vpc_id, t->vpc_id)) {
			target = TARGET_INTERNET_GATEWAY;
			id = r->gateway_id;
		}
	} else if (r->nat_gateway_id) {
		const struct object *nat = model_get(m, r->nat_gateway_id);
		const char *state = nat ? AS_CONST(nat_gateway, nat)->state : NULL;

		if (state && strcmp(state, "failed")) {
			target = TARGET_NAT_GATEWAY;
			id = r->nat_gateway_id;
		}
	} else {
		id = r->network_interface_id ? r->network_interface_id
					     : instance_eni(m, r->instance_id);
		if (id && model_get(m, id))
			target = TARGET_ENI;
		else
			id = NULL;
	}
	emit_route(pp, t->o.id, &r->destination, target, id);
}

void plan_route_table(struct plan_pass *pp, const struct object *o)
{
	const struct route_table *t = AS_CONST(route_table, o);
	const struct object *vo = model_get(pp->model, t->vpc_id);
	const struct vpc *v = AS_CONST(vpc, vo);
	const struct route *r = t->routes.v;

	if (!v)
		return;
	emit_route(pp, o->id, &v->cidr_block, TARGET_LOCAL, NULL);
	for (size_t i = 0; i < v->secondary_cidr_blocks.n; i++)
		emit_route(pp, o->id, (struct cidr *)v->secondary_cidr_blocks.v + i, TARGET_LOCAL,
			   NULL);
	for (size_t i = 0; i < t->routes.n; i++)
		emit_table_route(pp, t, &r[i]);
}

static int entry_order(const void *a, const void *b)
{
	const struct network_acl_entry *x = *(const struct network_acl_entry *const *)a;
	const struct network_acl_entry *y = *(const struct network_acl_entry *const *)b;

	return x->rule_number < y->rule_number ? -1 : x->rule_number > y->rule_number;
}

static void acl_rule(struct item_rule *r, const struct network_acl_entry *en)
{
	snprintf(r->id, sizeof(r->id), "%d", (int)en->rule_number);
	r->deny = en->rule_action == ACL_DENY;
	r->protocol = en->protocol;
	r->from = en->from_port;
	r->to = en->to_port;
	r->cidr = en->cidr_block;
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
				acl_rule(&body->rules[body->n_in + body->n_out], sorted[i]),
					egress ? body->n_out++ : body->n_in++;
	free(sorted);
	plan_emit(pp, ITEM_ACL, o->id, body, len);
}

/* ---- the built-in pseudo-VPC: its router, public name server and the service namespace ---- */

static void builtin_subnet(struct plan_pass *pp, const char *vpc, const char *subnet,
			   uint32_t router)
{
	struct item_vpc v;
	struct item_subnet s;

	memset(&v, 0, sizeof(v));
	plan_emit(pp, ITEM_VPC, vpc, &v, sizeof(v));
	memset(&s, 0, sizeof(s));
	symbol_set(s.vpc, vpc);
	symbol_set(s.route_table, vpc);
	s.router = ip_from_v4(router);
	plan_emit(pp, ITEM_SUBNET, subnet, &s, sizeof(s));
}

static void builtin_eni(struct plan_pass *pp, const char *id, const char *vpc, const char *subnet,
			uint32_t address, uint32_t router, uint32_t flags, const char *netns,
			const char *ifname, const struct cidr *route)
{
	struct item_attachment at;
	struct item_eni en;
	struct ip ip = ip_from_v4(address);

	memset(&at, 0, sizeof(at));
	snprintf(at.netns_path, sizeof(at.netns_path), "%s", netns);
	snprintf(at.ifname, sizeof(at.ifname), "%s", ifname);
	at.mac = ipam_mac(id);
	at.mtu = MTU_INTERNET;
	at.address = (struct cidr){ip, 32};
	at.gateway = ip_from_v4(router);
	if (route)
		at.route = *route;
	plan_emit(pp, ITEM_ATTACHMENT, id, &at, sizeof(at));

	memset(&en, 0, sizeof(en));
	symbol_set(en.vpc, vpc);
	symbol_set(en.subnet, subnet);
	en.flags = flags;
	en.mac = at.mac;
	en.mtu = at.mtu;
	en.address = ip;
	plan_emit(pp, ITEM_ENI, id, &en, sizeof(en));
	plan_emit_address(pp, vpc, &ip, ADDR_ENI, id, vpc, NULL, NULL);
}

bool symbol_is_builtin(const char *symbol)
{
	return !strcmp(symbol, SYMBOL_INTERNET) || !strcmp(symbol, SYMBOL_INTERNET_SUBNET) ||
	       !strcmp(symbol, SYMBOL_SERVICE) || !strcmp(symbol, SYMBOL_SERVICE_INTERNET) ||
	       !strcmp(symbol, SYMBOL_PUBLIC_DNS);
}

void plan_builtin(struct plan_pass *pp)
{
	const uint32_t check = ENI_SOURCE_DEST_CHECK;
	struct cidr clients = {ip_from_v4(SERVICE_CLIENTS), 10}, all = {ip_from_v4(0), 0};

	builtin_subnet(pp, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET, INTERNET_ROUTER);
	emit_route(pp, SYMBOL_INTERNET, &all, TARGET_LOCAL, NULL);
	builtin_subnet(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SERVICE_ROUTER);
	builtin_eni(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SYMBOL_SERVICE, SERVICE_RESOLVER,
		    SERVICE_ROUTER, ENI_SERVICE, "", "eth0", &clients);
	builtin_eni(pp, SYMBOL_SERVICE_INTERNET, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET,
		    INTERNET_SERVICE, INTERNET_ROUTER, ENI_INTERNET | check, "@" SYMBOL_SERVICE,
		    "eth1", NULL);
	builtin_eni(pp, SYMBOL_PUBLIC_DNS, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET, INTERNET_DNS,
		    INTERNET_ROUTER, ENI_INTERNET | check, "", "eth0", NULL);
	plan_dns_zone(pp, SYMBOL_INTERNET, "");
}

/* An internet host's address may be any public one: its link has a /32 and an onlink router. */
void plan_internet_host(struct plan_pass *pp, const struct object *o)
{
	const struct internet_host *h = AS_CONST(internet_host, o);
	struct item_attachment at;
	struct item_eni en;

	memset(&at, 0, sizeof(at));
	symbol_set(at.owner, o->id);
	snprintf(at.netns_path, sizeof(at.netns_path), "%s",
		 h->sandbox.netns_path ? h->sandbox.netns_path : "");
	snprintf(at.ifname, sizeof(at.ifname), "eth0");
	at.mac = h->mac_address;
	at.mtu = MTU_INTERNET;
	at.address = (struct cidr){h->address, 32};
	at.gateway = ip_from_v4(INTERNET_ROUTER);
	plan_emit(pp, ITEM_ATTACHMENT, o->id, &at, sizeof(at));

	memset(&en, 0, sizeof(en));
	symbol_set(en.vpc, SYMBOL_INTERNET);
	symbol_set(en.subnet, SYMBOL_INTERNET_SUBNET);
	en.flags = ENI_INTERNET | ENI_SOURCE_DEST_CHECK;
	en.mac = at.mac;
	en.mtu = at.mtu;
	en.address = h->address;
	plan_emit(pp, ITEM_ENI, o->id, &en, sizeof(en));
	plan_emit_address(pp, SYMBOL_INTERNET, &h->address, ADDR_ENI, o->id, SYMBOL_INTERNET, NULL,
			  NULL);
	if (h->domain_name)
		plan_dns_record(pp, SYMBOL_INTERNET, h->domain_name, "A", 60, &h->address);
	plan_sandbox(pp, o);
}
