/* SPDX-License-Identifier: MIT
 * Items of network interfaces, their groups and addresses, elastic IPs and NAT gateways.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

#define MTU_VPC 9001

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- group sets ---- */

struct rule_list {
	size_t n, cap;
	const struct security_group_rule **v;
};

static void rule_list_add(void *arg, const struct object *o)
{
	const struct security_group_rule *r = AS_CONST(security_group_rule, o);
	struct rule_list *l = arg;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (!l->v)
			abort();
	}
	l->v[l->n++] = r;
}

static int rule_order(const void *a, const void *b)
{
	const struct security_group_rule *x = *(const struct security_group_rule *const *)a;
	const struct security_group_rule *y = *(const struct security_group_rule *const *)b;

	if (x->is_egress != y->is_egress)
		return x->is_egress ? 1 : -1;
	return strcmp(x->o.id, y->o.id);
}

static void group_rule(struct item_rule *r, const struct security_group_rule *from)
{
	symbol_set(r->id, from->o.id);
	r->protocol = (int16_t)from->ip_protocol;
	r->from = (int32_t)from->from_port;
	r->to = (int32_t)from->to_port;
	if (from->referenced_group_id)
		symbol_set(r->group, from->referenced_group_id);
	else
		r->cidr = ip_is_set(&from->cidr_ipv4.ip) ? from->cidr_ipv4 : from->cidr_ipv6;
}

/* Rules of all groups of the set: referrers of a group include rules that merely name it as their
 * peer, so the owner is checked. Sorted: the same rules give the same body. */
static void rules_collect(const struct model *m, const char *const *groups, size_t n,
			  struct rule_list *ret)
{
	size_t kept = 0;

	for (size_t g = 0; g < n; g++) {
		size_t from = ret->n;

		model_referrers(m, groups[g], KIND_SECURITY_GROUP_RULE, rule_list_add, ret);
		for (size_t i = from; i < ret->n; i++)
			if (!strcmp(ret->v[i]->group_id, groups[g]))
				ret->v[kept++] = ret->v[i];
		ret->n = kept;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), rule_order);
}

static void emit_groups(struct plan_pass *pp, const char *symbol, const char *const *groups,
			size_t n)
{
	struct rule_list rules = {0};
	struct item_rules *body;
	size_t len;

	rules_collect(pp->model, groups, n, &rules);
	len = sizeof(*body) + rules.n * sizeof(body->rules[0]);
	body = calloc(1, len);
	if (!body)
		abort();
	for (size_t i = 0; i < n; i++)
		symbol_set(body->groups[i], groups[i]);
	for (size_t i = 0; i < rules.n; i++) {
		uint32_t *count = rules.v[i]->is_egress ? &body->n_out : &body->n_in;

		if (*count == RULES_MAX)
			continue; /* the model's quotas keep sets below this */
		group_rule(&body->rules[body->n_in + body->n_out], rules.v[i]);
		++*count;
	}
	plan_emit(pp, ITEM_GROUPS, symbol, body, len);
	free(rules.v);
	free(body);
}

/* The symbol of an interface's group set: a hash of the group ids. Interfaces with the same groups
 * share it, and its classifier. */
static void plan_groups(struct plan_pass *pp, const struct list *groups, char *ret_symbol)
{
	const char *sorted[GROUPS_PER_INTERFACE];
	XXH3_state_t *state;
	size_t n = groups->n < GROUPS_PER_INTERFACE ? groups->n : GROUPS_PER_INTERFACE;

	ret_symbol[0] = 0;
	if (!n)
		return;
	memcpy(sorted, groups->v, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_id);
	state = XXH3_createState();
	XXH3_64bits_reset(state);
	for (size_t i = 0; i < n; i++)
		XXH3_64bits_update(state, sorted[i], strlen(sorted[i]) + 1);
	snprintf(ret_symbol, SYMBOL_LEN, "groups:%016llx",
		 (unsigned long long)XXH3_64bits_digest(state));
	XXH3_freeState(state);
	if (!plan_shared(pp, ITEM_GROUPS, ret_symbol))
		emit_groups(pp, ret_symbol, sorted, n);
}

/* ---- interfaces ---- */

void plan_emit_address(struct plan_pass *pp, const char *vpc, const struct ip *address,
		       uint32_t kind, const char *holder, const char *holder_vpc,
		       const char *gateway, const struct ip *other)
{
	char key[2 * SYMBOL_LEN + 8], text[IP_STRLEN];
	struct item_address body;

	memset(&body, 0, sizeof(body));
	symbol_set(body.vpc, vpc);
	body.address = *address;
	body.kind = kind;
	symbol_set(body.holder, holder);
	symbol_set(body.holder_vpc, holder_vpc);
	symbol_set(body.gateway, gateway);
	if (other)
		body.other = *other;
	snprintf(key, sizeof(key), "%s %s", vpc, ip_format(address, text));
	plan_emit(pp, ITEM_ADDRESS, key, &body, sizeof(body));
}

static const char *igw_id(const struct model *m, const char *vpc_id)
{
	const struct internet_gateway *igw = model_vpc_internet_gateway(m, vpc_id);

	return igw ? igw->o.id : NULL;
}

static void emit_attachment(struct plan_pass *pp, const struct network_interface *eni,
			    const struct subnet *s, const struct sandbox *sandbox)
{
	struct item_attachment at;

	memset(&at, 0, sizeof(at));
	symbol_set(at.owner, eni->attachment_id);
	if (sandbox->netns_path)
		snprintf(at.netns_path, sizeof(at.netns_path), "%s", sandbox->netns_path);
	snprintf(at.ifname, sizeof(at.ifname), "eth0");
	at.mac = eni->mac_address;
	at.mtu = MTU_VPC;
	at.address = (struct cidr){eni->private_ip_address, s->cidr_block.len};
	at.gateway = cidr_nth(&s->cidr_block, 1);
	plan_emit(pp, ITEM_ATTACHMENT, eni->o.id, &at, sizeof(at));
}

static void emit_eni(struct plan_pass *pp, const struct network_interface *eni,
		     const struct subnet *s)
{
	struct item_eni en;

	memset(&en, 0, sizeof(en));
	symbol_set(en.vpc, s->vpc_id);
	symbol_set(en.subnet, s->o.id);
	plan_groups(pp, &eni->groups, en.groups);
	if (eni->source_dest_check)
		en.flags |= ENI_SOURCE_DEST_CHECK;
	if (eni->interface_type == INTERFACE_LAMBDA)
		en.flags |= ENI_ALWAYS_TRACKED;
	en.mac = eni->mac_address;
	en.mtu = MTU_VPC;
	en.address = eni->private_ip_address;
	plan_emit(pp, ITEM_ENI, eni->o.id, &en, sizeof(en));
}

void plan_network_interface(struct plan_pass *pp, const struct object *o)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);
	const struct model *m = pp->model;
	const struct object *so = model_get(m, eni->subnet_id);
	const struct object *holder = eni->attachment_id ? model_get(m, eni->attachment_id) : NULL;
	const struct sandbox *sandbox = holder ? object_sandbox_const(holder) : NULL;
	const struct subnet *s = AS_CONST(subnet, so);
	const struct elastic_ip *eip;
	const struct vpc *v;

	if (!s || !sandbox) /* without a sandbox it is no link; NAT gateways emit their own */
		return;
	eip = model_eni_elastic_ip(m, o->id);
	v = model_subnet_vpc(m, s);
	emit_attachment(pp, eni, s, sandbox);
	emit_eni(pp, eni, s);
	plan_emit_address(pp, s->vpc_id, &eni->private_ip_address, ADDR_ENI, o->id, s->vpc_id,
			  igw_id(m, s->vpc_id), eip ? &eip->public_ip : NULL);
	if (v)
		plan_dns_eni(pp, eni, v);
}

/* The public side of an elastic IP: who answers for it on the simulated internet. */
void plan_elastic_ip(struct plan_pass *pp, const struct object *o)
{
	const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
	const struct model *m = pp->model;
	const struct object *eo =
		eip->network_interface_id ? model_get(m, eip->network_interface_id) : NULL;
	const struct network_interface *eni = AS_CONST(network_interface, eo);
	const char *vpc = eni ? model_object_vpc(m, eo) : NULL;

	if (!vpc || !eni->attachment_id)
		return;
	if (eni->interface_type == INTERFACE_NAT_GATEWAY)
		plan_emit_address(pp, SYMBOL_INTERNET, &eip->public_ip, ADDR_NAT,
				  eni->attachment_id, vpc, igw_id(m, vpc), NULL);
	else
		plan_emit_address(pp, SYMBOL_INTERNET, &eip->public_ip, ADDR_PUBLIC, eo->id, vpc,
				  igw_id(m, vpc), &eip->private_ip);
}

static void nat_address(struct plan_pass *pp, struct item_nat *body,
			const struct network_interface *eni, const struct ip *ip, const char *vpc)
{
	const struct elastic_ip *eip = model_address_elastic_ip(pp->model, eni->o.id, ip);
	struct item_nat_address *a = &body->addresses[body->n_addresses];

	if (body->n_addresses == NAT_ADDRESSES_MAX)
		return;
	a->private_address = *ip;
	if (eip)
		a->public_address = eip->public_ip;
	body->n_addresses++;
	plan_emit_address(pp, vpc, ip, ADDR_NAT, eni->attachment_id, vpc, igw_id(pp->model, vpc),
			  NULL);
}

void plan_nat_gateway(struct plan_pass *pp, const struct object *o)
{
	const struct nat_gateway *nat = AS_CONST(nat_gateway, o);
	const struct model *m = pp->model;
	const struct object *eo =
		nat->network_interface_id ? model_get(m, nat->network_interface_id) : NULL;
	const struct object *so = model_get(m, nat->subnet_id);
	const struct network_interface *eni = AS_CONST(network_interface, eo);
	struct item_nat body;
	const char *vpc;

	if (!eni || !so) /* failed before it had an interface */
		return;
	vpc = AS_CONST(subnet, so)->vpc_id;
	memset(&body, 0, sizeof(body));
	symbol_set(body.vpc, vpc);
	symbol_set(body.subnet, so->id);
	symbol_set(body.gateway, igw_id(m, vpc));
	/* A pending one is made; its state follows once it is. */
	body.available = nat->state && strcmp(nat->state, "failed");
	body.is_public = nat->connectivity_type == NAT_PUBLIC;
	nat_address(pp, &body, eni, &eni->private_ip_address, vpc);
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		nat_address(pp, &body, eni,
			    (const struct ip *)eni->secondary_private_ip_addresses.v + i, vpc);
	plan_emit(pp, ITEM_NAT, o->id, &body, sizeof(body));
}
