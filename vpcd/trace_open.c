/* SPDX-License-Identifier: MIT
 * The smallest change that opens a path, as commands to paste. The program's trail names every
 * group and ACL that refuses, there and back, so that one answer opens them all. A missing route or
 * public address is mended where the VPC has what it takes; what lies behind is known only then.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "model/peering.h"
#include "vpcd/trace_text.h"

struct opening {
	const struct trace_env *env;
	const struct trace_query *q;
	const struct trace_leg *leg; /* whose hops are looked at */
	struct buf out;
	struct given {
		const struct network_acl *acl;
		long number;
		bool egress;
	} given[16]; /* numbers of entries that stand in `out` */
	size_t n_given;
	bool closed; /* there is something that no command opens */
};

static void command(struct opening *o, const char *text)
{
	buf_printf(&o->out, "%s%s", o->out.len ? " && " : "", text);
}

static const struct trace_packet *packet_of(const struct opening *o)
{
	return &o->leg->in;
}

/* The end on the other side of a hop. */
static const struct trace_end *other_end(const struct opening *o, const struct trail_hop *h)
{
	return (h->egress != 0) == packet_of(o)->is_reply ? o->q->from : o->q->to;
}

/* The one address as it is seen at the hop; all of the internet where that is meant. */
static void peer_cidr(const struct opening *o, const struct trail_hop *h, char *buf, size_t len)
{
	const struct ip128 *a = h->egress ? &h->daddr : &h->saddr;
	bool v6 = packet_of(o)->family == AF_INET6;
	struct ip ip = {.family = packet_of(o)->family};
	char text[IP_STRLEN];

	memcpy(ip.b, a->b, 16);
	if (other_end(o, h)->is_internet)
		snprintf(buf, len, v6 ? "::/0" : "0.0.0.0/0");
	else
		snprintf(buf, len, "%s/%d", ip_format(&ip, text), v6 ? 128 : 32);
}

/* ---- security groups ---- */

/* The first group of the other end, where references hold; else its address. */
static char *group_peer(const struct opening *o, const struct trail_hop *h)
{
	const char *symbol =
		h->peer_groups ? names_symbol(o->env->names, NAME_GROUPS, h->peer_groups) : NULL;
	const struct item *it = symbol ? plan_get(o->env->plan, ITEM_GROUPS, symbol) : NULL;
	char cidr[CIDR_STRLEN];

	if (it)
		return trace_object_name(o->env->model,
					 ((const struct item_rules *)it->body)->groups[0]);
	peer_cidr(o, h, cidr, sizeof(cidr));
	return strdup(cidr);
}

static void open_groups(struct opening *o, const struct trail_hop *h)
{
	const struct item *set = trace_hop_rules(o->env, h);
	cleanup_free char *group = NULL, *peer = group_peer(o, h);
	cleanup_buf struct buf text = {0};
	char service[32];

	if (!set) {
		o->closed = true;
		return;
	}
	group = trace_object_name(o->env->model, ((const struct item_rules *)set->body)->groups[0]);
	trace_service_text(packet_of(o), service, sizeof(service));
	buf_printf(&text, "vpcctl sg allow %s \"%s %s %s\"", group, service,
		   h->egress ? "to" : "from", peer);
	command(o, buf_str(&text));
}

/* ---- network ACLs ---- */

static bool number_is_taken(const struct opening *o, const struct network_acl *acl, long number,
			    bool egress)
{
	const struct network_acl_entry *v = acl->entries.v;

	for (size_t i = 0; i < acl->entries.n; i++)
		if (v[i].rule_number == number && v[i].egress == egress)
			return true;
	for (size_t i = 0; i < o->n_given; i++)
		if (o->given[i].acl == acl && o->given[i].number == number &&
		    o->given[i].egress == egress)
			return true;
	return false;
}

/* A free number in front of the entry that denies, or behind all of them; 0: none. */
static long free_number(const struct opening *o, const struct network_acl *acl,
			const struct item_rule *denies, bool egress)
{
	const struct network_acl_entry *v = acl->entries.v;
	long n = denies ? trace_acl_number(denies) - 1 : 100;

	for (size_t i = 0; !denies && i < acl->entries.n; i++)
		if (v[i].egress == egress && v[i].rule_number >= n)
			n = (long)v[i].rule_number + 1;
	while (n > 0 && n <= 32766 && number_is_taken(o, acl, n, egress))
		n += denies ? -1 : 1;
	return n <= 32766 ? n : 0;
}

/* A reply goes to a port that the client chose (VPC User Guide, ephemeral ports). */
static void acl_service(const struct trace_packet *p, char *buf, size_t len)
{
	if (p->is_reply && (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP))
		snprintf(buf, len, "%s 1024-65535", p->protocol == IPPROTO_TCP ? "tcp" : "udp");
	else
		trace_service_text(p, buf, len);
}

static void open_acl(struct opening *o, const struct trail_hop *h)
{
	const char *id = names_symbol(o->env->names, NAME_ACL, h->number);
	const struct object *obj = id ? model_get(o->env->model, id) : NULL;
	const struct network_acl *acl = AS_CONST(network_acl, obj);
	long number = obj ? free_number(o, acl, trace_hop_rule(o->env, h), h->egress) : 0;
	cleanup_free char *name = obj ? trace_object_name(o->env->model, id) : NULL;
	cleanup_buf struct buf text = {0};
	char service[32], cidr[CIDR_STRLEN];

	if (!number || o->n_given == ARRAY_SIZE(o->given)) {
		o->closed = true;
		return;
	}
	o->given[o->n_given++] = (struct given){acl, number, h->egress};
	acl_service(packet_of(o), service, sizeof(service));
	peer_cidr(o, h, cidr, sizeof(cidr));
	buf_printf(&text, "vpcctl acl allow %s %ld %s %s %s", name, number, service,
		   h->egress ? "to" : "from", cidr);
	command(o, buf_str(&text));
}

/* ---- routes and addresses ---- */

static const struct object *nat_of(const struct model *m, const char *vpc)
{
	model_for_each (obj, m, KIND_NAT_GATEWAY) {
		const struct nat_gateway *n = AS_CONST(nat_gateway, obj);
		const char *own = model_object_vpc(m, obj);

		if (n->state && !strcmp(n->state, "available") &&
		    n->connectivity_type == NAT_PUBLIC && own && !strcmp(own, vpc))
			return obj;
	}
	return NULL;
}

static const struct object *egress_only_of(const struct model *m, const char *vpc)
{
	model_for_each (obj, m, KIND_EGRESS_ONLY_INTERNET_GATEWAY)
		if (!strcmp(AS_CONST(egress_only_internet_gateway, obj)->vpc_id ?: "", vpc))
			return obj;
	return NULL;
}

/* What leads to the destination: an id; NULL: nothing does. */
static const char *route_target(const struct opening *o, const struct trace_end *from,
				const struct trace_end *to)
{
	const struct internet_gateway *igw = model_vpc_internet_gateway(o->env->model, from->vpc);
	bool v6 = packet_of(o)->family == AF_INET6;
	const struct vpc_peering_connection *peering;
	const struct object *other;

	if (strcmp(to->vpc, SYMBOL_INTERNET)) {
		peering = model_active_peering(o->env->model, from->vpc, to->vpc);
		return peering ? peering->o.id : NULL;
	}
	if (igw && (v6 || ip_is_set(&from->public_address)))
		return igw->o.id;
	/* What only goes out takes no answer to what came in. */
	if (packet_of(o)->is_reply)
		return NULL;
	other = v6 ? egress_only_of(o->env->model, from->vpc) : nat_of(o->env->model, from->vpc);
	return other ? other->id : NULL;
}

static void open_route(struct opening *o, const struct trail_hop *h)
{
	bool reply = packet_of(o)->is_reply;
	const struct trace_end *from = reply ? o->q->to : o->q->from;
	const struct trace_end *to = reply ? o->q->from : o->q->to;
	const char *table = names_symbol(o->env->names, NAME_TABLE, h->number);
	const char *target = route_target(o, from, to);
	cleanup_free char *name = table ? trace_object_name(o->env->model, table) : NULL;
	cleanup_buf struct buf text = {0};
	struct trail_hop out = *h;
	char cidr[CIDR_STRLEN];

	if (!name || !target) {
		o->closed = true;
		return;
	}
	out.egress = 1;
	peer_cidr(o, &out, cidr, sizeof(cidr));
	buf_printf(&text, "vpcctl rtb add-route %s %s %s", name, cidr, target);
	command(o, buf_str(&text));
}

/* The peering connection by which the table's longest prefix would lead there, if it waits to be
 * accepted; NULL: the route is a blackhole for another reason. */
static const struct object *pending_peering(const struct opening *o, const struct trail_hop *h)
{
	const char *id = names_symbol(o->env->names, NAME_TABLE, h->number);
	const struct object *obj = id ? model_get(o->env->model, id) : NULL;
	const struct route_table *t = AS_CONST(route_table, obj);
	struct ip to = {.family = packet_of(o)->family};
	const struct route *best = NULL, *v = t ? t->routes.v : NULL;
	int best_len = -1;

	memcpy(to.b, h->daddr.b, 16);
	for (size_t i = 0; t && i < t->routes.n; i++) {
		const struct cidr *c =
			to.family == AF_INET6 ? &v[i].ipv6_destination : &v[i].destination;

		if (c->ip.family == to.family && cidr_contains_ip(c, &to) && c->len > best_len) {
			best = &v[i];
			best_len = c->len;
		}
	}
	obj = best && best->vpc_peering_connection_id
		      ? model_get(o->env->model, best->vpc_peering_connection_id)
		      : NULL;
	return obj && AS_CONST(vpc_peering_connection, obj)->status == PEERING_PENDING_ACCEPTANCE
		       ? obj
		       : NULL;
}

static void open_blackhole(struct opening *o, const struct trail_hop *h)
{
	const struct object *peering = pending_peering(o, h);
	cleanup_free char *name = NULL;
	cleanup_buf struct buf text = {0};

	if (!peering) {
		o->closed = true;
		return;
	}
	name = trace_object_name(o->env->model, peering->id);
	buf_printf(&text, "vpcctl pcx accept %s", name);
	command(o, buf_str(&text));
}

/* Functions have no public address in any subnet; a middlebox sends on what is not its own. */
static void open_public_address(struct opening *o)
{
	const char *sender = names_symbol(o->env->names, NAME_INTERFACE, o->leg->ifindex);
	const struct trace_end *from = packet_of(o)->is_reply ? o->q->to : o->q->from;
	const struct object *eni = model_get(o->env->model, from->attachment);
	cleanup_buf struct buf text = {0};

	if (!eni || eni->kind->kind != KIND_NETWORK_INTERFACE ||
	    AS_CONST(network_interface, eni)->interface_type == INTERFACE_LAMBDA ||
	    packet_of(o)->family == AF_INET6 || !sender || strcmp(sender, from->attachment)) {
		o->closed = true;
		return;
	}
	buf_printf(&text, "vpcctl eip create --network-interface-id %s", eni->id);
	command(o, buf_str(&text));
}

/* ---- a path ---- */

static void open_hop(struct opening *o, const struct trail_hop *h)
{
	if (h->kind == TRAIL_GROUPS)
		open_groups(o, h);
	else if (h->kind == TRAIL_ACL)
		open_acl(o, h);
	else if (h->reason == DROP_NO_ROUTE)
		open_route(o, h);
	else if (h->kind == TRAIL_ROUTE && h->reason == DROP_BLACKHOLE)
		open_blackhole(o, h);
	else if (h->reason == DROP_IGW_NO_PUBLIC_IP)
		open_public_address(o);
	else
		o->closed = true;
}

static void open_path(struct opening *o, const struct trace_path *p)
{
	const struct trace_leg *leg;

	for (size_t i = 0; i < p->n; i++) {
		o->leg = &p->legs[i];
		for (size_t j = 0; j < o->leg->trail.n && j < TRAIL_HOPS; j++)
			if (o->leg->trail.hops[j].reason)
				open_hop(o, &o->leg->trail.hops[j]);
	}
	/* What no hop refused has another cause: nobody there, too large. */
	if (p->reason && (p->astray || !trace_refusal(p, &leg)))
		o->closed = true;
}

char *trace_opening(const struct trace_env *env, const struct trace_query *q, const struct trace *t)
{
	struct opening o = {.env = env, .q = q};

	open_path(&o, &t->forward);
	open_path(&o, &t->back);
	if (o.closed || o.out.rc) {
		buf_done(&o.out);
		return NULL;
	}
	return o.out.len ? buf_take(&o.out) : NULL;
}
