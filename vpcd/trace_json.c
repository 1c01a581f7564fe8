/* SPDX-License-Identifier: MIT
 * A trace as JSON: numbers become ids and names, the program's hops the resources that people know.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "model/peering.h"
#include "model/topology.h"
#include "vpcd/trace.h"
#include "vpcd/trace_text.h"

struct context {
	const struct trace_env *env;
	const struct trace_packet *packet; /* of the leg */
	const char *vpc;		   /* of the leg's sender; "": none */
	struct ip128 saddr, daddr;	   /* at the hop before */
	__be16 sport, dport;
};

static void set_object(const struct trace_env *env, struct json *out, const char *kind,
		       const char *id)
{
	const struct object *o = id ? model_get(env->model, id) : NULL;

	json_set_str(out, "Kind", o ? o->kind->name : kind);
	json_set_str(out, "Id", id);
	if (o && o->name)
		json_set_str(out, "Name", o->name);
}

/* ---- kinds of hops ---- */

/* By its name in the host's network. */
static void put_uplink(const struct context *c, struct json *out)
{
	const struct item *it = plan_get(c->env->plan, ITEM_ATTACHMENT, SYMBOL_UPLINK);

	json_set_str(out, "Kind", "uplink");
	if (it)
		json_set_str(out, "Name", ((const struct item_attachment *)it->body)->ifname);
}

/* An interface goes by the name of what has it. */
static void put_interface(const struct context *c, const struct trail_hop *h, struct json *out)
{
	const char *id = names_symbol(c->env->names, NAME_INTERFACE, h->number);
	const struct object *holder = id ? trace_holder(c->env->model, id) : NULL;

	if (id && !strcmp(id, SYMBOL_UPLINK)) {
		put_uplink(c, out);
		return;
	}
	set_object(c->env, out, "network-interface", id);
	if (holder && strcmp(holder->id, id))
		json_set_str(out, "Name", holder->name ? holder->name : holder->id);
}

static void put_groups(const struct context *c, const struct trail_hop *h, struct json *out)
{
	const struct item_rule *rule = trace_hop_rule(c->env, h);
	const struct item *set = trace_hop_rules(c->env, h);
	struct json *groups = json_new_arr();
	const struct item_rules *body = set ? set->body : NULL;

	if (rule) {
		cleanup_free char *text = trace_rule_text(c->env->model, rule, h->egress);

		set_object(c->env, out, "security-group-rule", rule->id);
		json_set_str(out, "Matched", text);
	} else {
		json_set_str(out, "Kind", "security-group");
	}
	for (size_t i = 0; body && i < GROUPS_PER_INTERFACE && body->groups[i][0]; i++) {
		cleanup_free char *name = trace_object_name(c->env->model, body->groups[i]);

		if (!rule && !i)
			json_set_str(out, "Id", body->groups[i]);
		json_append(groups, json_new_str(name));
	}
	json_set(out, "Groups", groups);
}

static void put_acl(const struct context *c, const struct trail_hop *h, struct json *out)
{
	const struct item_rule *rule = trace_hop_rule(c->env, h);
	const char *id = names_symbol(c->env->names, NAME_ACL, h->number);

	set_object(c->env, out, "network-acl", id);
	if (rule) {
		cleanup_free char *text = trace_rule_text(c->env->model, rule, h->egress);

		json_set_num(out, "RuleNumber", (double)trace_acl_number(rule));
		json_set_str(out, "Matched", text);
	} else {
		json_set_str(out, "Matched", "* deny all: the final entry");
	}
}

/* The route that the table's trie found: the longest prefix. */
static const struct item_route *route_of(const struct context *c, const char *table,
					 const struct ip128 *address)
{
	const struct item_route *best = NULL;
	struct ip to = {.family = c->packet->family};

	memcpy(to.b, address->b, 16);
	for (const struct item *it = plan_next(c->env->plan, ITEM_ROUTE, NULL); it;
	     it = plan_next(c->env->plan, ITEM_ROUTE, it)) {
		const struct item_route *r = it->body;

		if (!strcmp(r->table, table) && cidr_contains_ip(&r->destination, &to) &&
		    (!best || r->destination.len > best->destination.len))
			best = r;
	}
	return best;
}

/* Packets know of a peering only the VPC that it leads to: two VPCs have one active connection. */
static const char *peering_id(const struct context *c, const char *peer)
{
	const struct vpc_peering_connection *p =
		peer ? model_active_peering(c->env->model, c->vpc, peer) : NULL;

	return p ? p->o.id : NULL;
}

static const char *target_text(const struct context *c, const struct item_route *r)
{
	switch (r->target) {
	case TARGET_BLACKHOLE:
		return "blackhole";
	case TARGET_LOCAL:
		return "local";
	case TARGET_PEERING:
		return peering_id(c, r->id);
	default:
		return r->id;
	}
}

/* What a target is called; NULL: nothing. An interface goes by the name of what has it. */
static const char *target_name(const struct context *c, const char *id)
{
	const struct object *o = id ? model_get(c->env->model, id) : NULL;

	if (o && o->kind->kind == KIND_NETWORK_INTERFACE && !o->name)
		o = model_get(c->env->model, AS_CONST(network_interface, o)->attachment_id ?: "");
	return o ? o->name : NULL;
}

static void put_route(const struct context *c, const struct trail_hop *h, struct json *out)
{
	const char *id = names_symbol(c->env->names, NAME_TABLE, h->number);
	const struct item_route *r = id ? route_of(c, id, &h->daddr) : NULL;
	char text[CIDR_STRLEN];

	set_object(c->env, out, "route-table", id);
	if (!r || h->reason == DROP_NO_ROUTE)
		return;
	json_set_str(out, "Matched", cidr_format(&r->destination, text));
	json_set_str(out, "Target", target_text(c, r));
	json_set_str(out, "TargetName", target_name(c, target_text(c, r)));
}

static void put_hop(const struct context *c, const struct trail_hop *h, struct json *out)
{
	const struct names *n = c->env->names;

	switch (h->kind) {
	case TRAIL_INTERFACE:
		put_interface(c, h, out);
		break;
	case TRAIL_TRACKED:
		put_interface(c, h, out);
		json_set_str(out, "Kind", "tracked-flow");
		break;
	case TRAIL_GROUPS:
		put_groups(c, h, out);
		break;
	case TRAIL_ACL:
		put_acl(c, h, out);
		break;
	case TRAIL_ROUTE:
		put_route(c, h, out);
		break;
	case TRAIL_INTERNET_GATEWAY:
		set_object(c->env, out, "internet-gateway",
			   names_symbol(n, NAME_GATEWAY, h->number));
		break;
	case TRAIL_EGRESS_ONLY:
		set_object(c->env, out, "egress-only-internet-gateway",
			   names_symbol(n, NAME_GATEWAY, h->number));
		break;
	case TRAIL_NAT_GATEWAY:
		set_object(c->env, out, "nat-gateway", names_symbol(n, NAME_NAT, h->number));
		break;
	case TRAIL_PEERING:
		set_object(c->env, out, "vpc-peering-connection",
			   peering_id(c, names_symbol(n, NAME_VPC, h->number)));
		break;
	case TRAIL_SERVICE:
		json_set_str(out, "Kind", "resolver");
		break;
	default:
		json_set_str(out, "Kind", "internet");
	}
}

/* ---- paths ---- */

static void put_rewritten(struct context *c, const struct trail_hop *h, struct json *out)
{
	bool source = memcmp(&c->saddr, &h->saddr, sizeof(h->saddr)) || c->sport != h->sport;
	bool destination = memcmp(&c->daddr, &h->daddr, sizeof(h->daddr)) || c->dport != h->dport;
	struct json *r = json_new_obj();
	char text[64];

	if (source)
		json_set_str(r, "Source",
			     trace_endpoint_text(c->packet, &h->saddr, ntohs(h->sport), text));
	if (destination)
		json_set_str(r, "Destination",
			     trace_endpoint_text(c->packet, &h->daddr, ntohs(h->dport), text));
	if (source || destination)
		json_set(out, "Rewritten", r);
	else
		json_free(r);
	c->saddr = h->saddr;
	c->daddr = h->daddr;
	c->sport = h->sport;
	c->dport = h->dport;
}

static bool has_direction(const struct trail_hop *h)
{
	return h->kind <= TRAIL_ACL || h->kind == TRAIL_INTERNET_GATEWAY ||
	       h->kind == TRAIL_NAT_GATEWAY;
}

static struct json *hop_json(struct context *c, const struct trail_hop *h)
{
	struct json *out = json_new_obj();

	put_hop(c, h, out);
	if (has_direction(h))
		json_set_str(out, "Direction", h->egress ? "egress" : "ingress");
	put_rewritten(c, h, out);
	if (h->reason)
		json_set_str(out, "Reason", drop_reason_name(h->reason));
	return out;
}

struct json *trace_hop_json(const struct trace_env *env, const struct trace_leg *leg,
			    const struct trail_hop *h)
{
	struct context c = {.env = env,
			    .packet = &leg->in,
			    .saddr = h->saddr,
			    .daddr = h->daddr,
			    .sport = h->sport,
			    .dport = h->dport};

	return hop_json(&c, h);
}

static void put_leg(const struct trace_env *env, const struct trace_leg *leg, struct json *hops)
{
	const struct item_eni *sender = trace_eni(env, leg->ifindex);
	struct context c = {.env = env,
			    .packet = &leg->in,
			    .vpc = sender ? sender->vpc : "",
			    .saddr = leg->in.saddr,
			    .daddr = leg->in.daddr,
			    .sport = htons(leg->in.sport),
			    .dport = htons(leg->in.dport)};

	for (size_t i = 0; i < leg->trail.n && i < TRAIL_HOPS; i++)
		json_append(hops, hop_json(&c, &leg->trail.hops[i]));
}

/* Some reasons are no gate's (too large, nobody there): where the way ends. */
static void put_last_reason(const struct trace_path *p, struct json *hops)
{
	struct json *last = json_at(hops, json_len(hops) - 1);
	const struct trace_leg *leg;

	if (p->reason && !trace_refusal(p, &leg) && last)
		json_set_str(last, "Reason", drop_reason_name(p->reason));
}

static struct json *path_json(const struct trace_env *env, const struct trace_query *q,
			      const struct trace_path *p)
{
	struct json *j = json_new_obj(), *hops = json_new_arr();
	const char *code = p->reason ? trace_code(env, q, p) : NULL;
	const struct trace_packet *in = &p->legs[0].in;
	char text[64];

	json_set_str(j, "Verdict", p->reason ? "deny" : "allow");
	if (p->reason) {
		json_set_str(j, "Code", code);
		json_set_str(j, "Reason", drop_reason_name(p->reason));
		json_set_str(j, "Text",
			     p->astray ? "another interface has the address there"
				       : drop_reason_text(p->reason));
	}
	json_set_str(j, "Source", trace_endpoint_text(in, &in->saddr, in->sport, text));
	json_set_str(j, "Destination", trace_endpoint_text(in, &in->daddr, in->dport, text));
	if (p->mtu && p->mtu < UINT32_MAX)
		json_set_num(j, "Mtu", p->mtu);
	for (size_t i = 0; i < p->n; i++)
		put_leg(env, &p->legs[i], hops);
	put_last_reason(p, hops);
	json_set(j, "Hops", hops);
	return j;
}

struct json *trace_json(const struct trace_env *env, const struct trace_query *q,
			const struct trace *t)
{
	const struct trace_path *refused = t->forward.reason ? &t->forward : &t->back;
	cleanup_free char *opens = t->allowed ? NULL : trace_opening(env, q, t);
	struct json *j = json_new_obj();
	char service[32];

	json_set_str(j, "From", q->from->name);
	json_set_str(j, "To", q->to->name);
	json_set_str(j, "Service", trace_service_format(&q->service, service, sizeof(service)));
	json_set_str(j, "Verdict", t->allowed ? "allow" : "deny");
	if (!t->allowed) {
		json_set_str(j, "Code", trace_code(env, q, refused));
		json_set_str(j, "Reason", drop_reason_name(refused->reason));
	}
	json_set(j, "Forward", path_json(env, q, &t->forward));
	if (t->back.n && !t->forward.reason)
		json_set(j, "Return", path_json(env, q, &t->back));
	json_set_str(j, "Opens", opens);
	return j;
}

bool trace_went_via(const struct trace_env *env, const struct trace_path *p, const char *id)
{
	struct json *hops = json_new_arr();
	bool found = false;

	for (size_t i = 0; i < p->n; i++)
		put_leg(env, &p->legs[i], hops);
	json_for_each (h, hops) {
		const char *hop = json_str(json_get(h, "Id"));

		found = found || (hop && !strcmp(hop, id));
	}
	json_free(hops);
	return found;
}
