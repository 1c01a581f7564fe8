/* SPDX-License-Identifier: MIT
 * See graph.h: from lists of objects to nodes and edges.
 */
#include "cli/graph.h"

#include <string.h>

#include "lib/buf.h"

#define INTERNET "internet"

struct builder {
	struct cli *c;
	const char *lab;
	struct json *nodes, *edges;
	struct json *tables; /* route tables */
	struct json *holder; /* network interface id: id of what has it */
	struct json *lists;  /* prefix list id: its name */
};

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

/* The items of a collection; absent kinds have none. */
static int fetch(struct builder *b, const char *plural, struct json **ret)
{
	cleanup_json struct json *answer = NULL;
	cleanup_buf struct buf path = {0};
	int r;

	*ret = NULL;
	if (strcmp(plural, "sandboxes") && !kind_find(plural))
		return EXIT_DONE;
	buf_printf(&path, "/v1/%s", plural);
	if (strcmp(plural, "sandboxes"))
		query_add(&path, "Lab", b->lab);
	r = client_get(b->c, buf_str(&path), &answer);
	if (!r)
		*ret = json_detach(answer, "Items");
	return r;
}

static bool is_wanted(const struct builder *b, const struct json *item)
{
	const char *lab = get(item, "Lab");

	return !b->lab || (lab && !strcmp(lab, b->lab));
}

static struct json *node_add(struct builder *b, const char *id, const char *kind, const char *name,
			     const char *parent)
{
	struct json *n = json_new_obj();

	json_set_str(n, "Id", id);
	json_set_str(n, "Kind", kind);
	json_set_str(n, "Name", name ? name : id);
	json_set_str(n, "Parent", parent);
	json_append(b->nodes, n);
	return n;
}

static void edge_add(struct builder *b, const char *from, const char *to, const char *kind,
		     const char *label)
{
	struct json *e = json_new_obj();

	json_set_str(e, "From", from);
	json_set_str(e, "To", to);
	json_set_str(e, "Kind", kind);
	json_set_str(e, "Label", label);
	json_append(b->edges, e);
}

/* Values of several members, those that are there, with spaces between them. */
static void detail_set(struct json *node, const struct json *item, const char *const *members)
{
	cleanup_buf struct buf text = {0};
	const char *last = "";

	for (; *members; members++) {
		const char *v = get(item, *members);

		if (!v || !*v || !strcmp(v, last))
			continue;
		buf_printf(&text, "%s%s", text.len ? " " : "", v);
		last = v;
	}
	if (text.len)
		json_set_str(node, "Detail", buf_str(&text));
}

/* ---- kinds ---- */

/* Deleted ones are listed for a while. */
static bool is_past(const struct json *item)
{
	const char *state = get(item, "State") ?: get(item, "Status") ?: "";

	return !strcmp(state, "deleted");
}

/* A kind's objects as nodes below the object that `parent` refers to. */
static int add_kind(struct builder *b, const char *plural, const char *parent,
		    const char *const *details)
{
	const struct kind *k = kind_find(plural);
	cleanup_json struct json *items = NULL;
	int r = fetch(b, plural, &items);

	json_for_each (item, items)
		if (!is_past(item))
			detail_set(node_add(b, get(item, k->id_field), k->name, get(item, "Name"),
					    parent ? get(item, parent) : NULL),
				   item, details);
	return r;
}

static int add_sandboxes(struct builder *b)
{
	static const char *const details[] = {"PrivateIpAddress", "PublicIp", "Ipv6Address", NULL};
	cleanup_json struct json *items = NULL;
	int r = fetch(b, "sandboxes", &items);

	json_for_each (item, items) {
		const char *subnet = get(item, "SubnetId");

		if (is_wanted(b, item))
			detail_set(node_add(b, get(item, "Id"), get(item, "Kind"),
					    get(item, "Name"), subnet ? subnet : INTERNET),
				   item, details);
	}
	return r;
}

/* One member of a kind's objects by another. */
static int learn(struct builder *b, const char *plural, const char *key, const char *value,
		 struct json **ret)
{
	cleanup_json struct json *items = NULL;
	int r = fetch(b, plural, &items);

	*ret = json_new_obj();
	json_for_each (item, items)
		json_set_str(*ret, get(item, key), get(item, value));
	return r;
}

/* ---- edges ---- */

static const struct json *table_of(const struct builder *b, const struct json *subnet)
{
	const char *id = get(subnet, "RouteTableId"), *vpc = get(subnet, "VpcId");

	json_for_each (t, b->tables) {
		const char *table_vpc = get(t, "VpcId");

		if (id ? !strcmp(get(t, "RouteTableId"), id)
		       : json_bool(json_get(t, "Main")) && table_vpc && vpc &&
				    !strcmp(table_vpc, vpc))
			return t;
	}
	return NULL;
}

/* The destination of a route, and the object that it leads to; NULL: to none (local). */
static const char *route_ends(const struct builder *b, const struct json *route,
			      const char **ret_destination)
{
	const char *to = NULL, *list;

	*ret_destination = "";
	json_for_each (m, route) {
		const char *key = json_key(m), *value = json_str(m);

		if (!value)
			continue;
		if (!strncmp(key, "Destination", 11))
			*ret_destination = value;
		else if (strlen(key) > 2 && !strcmp(key + strlen(key) - 2, "Id"))
			to = value;
	}
	list = get(b->lists, *ret_destination);
	if (list)
		*ret_destination = list; /* as rules and routes name it */
	return to && get(b->holder, to) ? get(b->holder, to) : to;
}

static struct json *node_find(const struct json *nodes, const char *id)
{
	json_for_each (n, nodes)
		if (id && !strcmp(get(n, "Id"), id))
			return n;
	return NULL;
}

/* The edge of these ends; NULL: there is none yet. */
static struct json *edge_find(const struct builder *b, const char *from, const char *to,
			      const char *kind)
{
	json_for_each (e, b->edges)
		if (!strcmp(get(e, "From"), from) && !strcmp(get(e, "To"), to) &&
		    !strcmp(get(e, "Kind"), kind))
			return e;
	return NULL;
}

/* One edge a target, with all destinations that lead there; blackholes are edges of their own. */
static void add_routes(struct builder *b, const char *from, const struct json *table,
		       const char *kind)
{
	const char *destination;

	json_for_each (route, json_get(table, "Routes")) {
		const char *to = route_ends(b, route, &destination), *state = get(route, "State");
		bool dead = state && !strcmp(state, "blackhole");
		struct json *edge = to ? edge_find(b, from, to, dead ? "blackhole" : kind) : NULL;
		cleanup_buf struct buf label = {0};

		if (!to)
			continue;
		if (!edge) {
			edge_add(b, from, to, dead ? "blackhole" : kind, destination);
			continue;
		}
		buf_printf(&label, "%s, %s", get(edge, "Label"), destination);
		json_set_str(edge, "Label", buf_str(&label));
	}
}

/* VPC User Guide, configure-subnets: public is what has a direct route to an internet gateway. */
static void mark_public(struct builder *b, const struct json *subnet)
{
	const char *id = get(subnet, "SubnetId");
	struct json *node = node_find(b->nodes, id);

	json_for_each (e, b->edges)
		if (node && !strcmp(get(e, "From"), id) && !strcmp(get(e, "Kind"), "route") &&
		    !strncmp(get(e, "To"), "igw-", 4))
			json_set_bool(node, "Public", true);
}

static void add_all_routes(struct builder *b, const struct json *subnets)
{
	json_for_each (s, subnets) {
		add_routes(b, get(s, "SubnetId"), table_of(b, s), "route");
		mark_public(b, s);
	}
	json_for_each (t, b->tables)
		if (get(t, "GatewayId"))
			add_routes(b, get(t, "GatewayId"), t, "ingress-route");
}

static int add_edges(struct builder *b)
{
	cleanup_json struct json *subnets = NULL, *igws = NULL, *eigws = NULL, *peerings = NULL;
	int r = fetch(b, "subnets", &subnets);

	if (!r)
		r = fetch(b, "route-tables", &b->tables);
	if (!r)
		r = fetch(b, "internet-gateways", &igws);
	if (!r)
		r = fetch(b, "egress-only-internet-gateways", &eigws);
	if (!r)
		r = fetch(b, "vpc-peering-connections", &peerings);
	add_all_routes(b, subnets);
	json_for_each (g, igws)
		if (get(g, "VpcId"))
			edge_add(b, get(g, "InternetGatewayId"), INTERNET, "attachment", NULL);
	json_for_each (g, eigws)
		edge_add(b, get(g, "EgressOnlyInternetGatewayId"), INTERNET, "attachment", NULL);
	json_for_each (p, peerings) {
		edge_add(b, get(p, "VpcId"), get(p, "VpcPeeringConnectionId"), "peering", NULL);
		edge_add(b, get(p, "VpcPeeringConnectionId"), get(p, "PeerVpcId"), "peering", NULL);
	}
	return r;
}

/* Edges to what is gone (a route that is a blackhole now), or is of another lab, have no end. */
static struct json *whole_edges(const struct builder *b)
{
	struct json *whole = json_new_arr();

	json_for_each (e, b->edges)
		if (node_find(b->nodes, get(e, "From")) && node_find(b->nodes, get(e, "To")))
			json_append(whole, json_copy(e));
	return whole;
}

static int collect(struct builder *b)
{
	static const char *const vpc[] = {"CidrBlock", "Ipv6CidrBlock", NULL};
	static const char *const subnet[] = {"CidrBlock", "Ipv6CidrBlock", "AvailabilityZone",
					     NULL};
	static const char *const nat[] = {"PrivateIp", "PublicIp", NULL};
	static const char *const peering[] = {"Status", NULL}, *const none[] = {NULL};
	int r = add_kind(b, "vpcs", NULL, vpc);

	if (!r)
		r = add_kind(b, "internet-gateways", "VpcId", none);
	if (!r)
		r = add_kind(b, "egress-only-internet-gateways", "VpcId", none);
	if (!r)
		r = add_kind(b, "vpc-peering-connections", NULL, peering);
	if (!r)
		r = add_kind(b, "subnets", "VpcId", subnet);
	if (!r)
		r = add_kind(b, "nat-gateways", "SubnetId", nat);
	node_add(b, INTERNET, INTERNET, INTERNET, NULL);
	if (!r)
		r = add_sandboxes(b);
	if (!r)
		r = learn(b, "network-interfaces", "NetworkInterfaceId", "AttachmentId",
			  &b->holder);
	if (!r)
		r = learn(b, "prefix-lists", "PrefixListId", "Name", &b->lists);
	return r ? r : add_edges(b);
}

int graph_collect(struct cli *c, const char *lab, struct json **ret)
{
	struct builder b = {.c = c, .lab = lab, .nodes = json_new_arr(), .edges = json_new_arr()};
	int r = collect(&b);

	if (!r) {
		*ret = json_new_obj();
		json_set(*ret, "Edges", whole_edges(&b));
		json_set(*ret, "Nodes", b.nodes);
	} else {
		json_free(b.nodes);
	}
	json_free(b.edges);
	json_free(b.tables);
	json_free(b.holder);
	json_free(b.lists);
	return r;
}

/* Where packets go through is not what is asked. */
static struct json *ends_and_places(const struct json *nodes)
{
	static const char *const others[] = {"internet-gateway", "egress-only-internet-gateway",
					     "nat-gateway", "vpc-peering-connection"};
	struct json *kept = json_new_arr();

	json_for_each (n, nodes) {
		bool keep = true;

		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			keep = keep && strcmp(get(n, "Kind"), others[i]);
		if (keep)
			json_append(kept, json_copy(n));
	}
	return kept;
}

int graph_reach(struct cli *c, const char *lab, const char *service, struct json *g)
{
	cleanup_json struct json *question = json_new_obj(), *answer = NULL;
	struct json *edges = json_new_arr();
	int r;

	json_set_str(question, "Service", service);
	json_set_str(question, "Lab", lab);
	r = client_call(c, "POST", "/v1/reach", question, &answer);
	json_for_each (e, json_get(answer, "Edges")) {
		struct json *copy = json_copy(e);

		json_set_str(copy, "Kind", "reach");
		json_append(edges, copy);
	}
	json_set(g, "Edges", edges);
	json_set(g, "Nodes", ends_and_places(json_get(g, "Nodes")));
	return r;
}
