/* SPDX-License-Identifier: MIT
 * Verbs of network ACLs, route tables and peering connections, and the tables that `show` prints of
 * rules and routes.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

const struct opt acl_entry_opts[] = {
	{"replace", 0, OPT_FLAG, NULL, "the entry takes the place of the one of its number", NULL},
	{0},
};

/* Sends {member: [item]} and prints `done` of what was changed. */
static int list_change(struct cli *c, const char *method, const char *list, const char *member,
		       struct json *item, bool replace, const char *done)
{
	cleanup_json struct json *body = json_new_obj(), *answer = NULL;
	struct json *items = json_new_arr();
	cleanup_buf struct buf path = {0};
	int r;

	json_append(items, item);
	json_set(body, member, items);
	buf_printf(&path, "/v1/%s/", c->kind->plural);
	url_add(&path, c->args.pos[0]);
	buf_printf(&path, "/%s", list);
	cli_change_query(c, &path);
	if (replace)
		buf_printf(&path, "%creplace=1", strchr(buf_str(&path), '?') ? '&' : '?');
	r = client_call(c, method, buf_str(&path), body, &answer);
	if (r)
		return r;
	if (c->out.quiet || (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE))
		output_object(&c->out, answer, c->kind->id_field);
	else
		printf("%s: %s%s\n", c->args.pos[0], done,
		       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	return EXIT_DONE;
}

/* ---- network ACLs ---- */

/* Words from pos[2] on: "tcp 80 from 10.0.0.0/8", in one argument or several. */
static int entry_add(struct cli *c, const char *action)
{
	const struct args *a = &c->args;
	cleanup_buf struct buf entry = {0}, done = {0};

	if (a->n_pos < 3)
		return cli_usage(c, "which entry? acl %s ACL NUMBER PROTO [PORT] from|to CIDR",
				 action);
	buf_printf(&entry, "%s %s", a->pos[1], action);
	for (int i = 2; i < a->n_pos; i++)
		buf_printf(&entry, " %s", a->pos[i]);
	buf_printf(&done, "%s", buf_str(&entry));
	return list_change(c, "POST", "entries", "Entries", json_new_str(buf_str(&entry)),
			   args_has(a, "replace"), buf_str(&done));
}

int cmd_acl_allow(struct cli *c)
{
	return entry_add(c, "allow");
}

int cmd_acl_deny(struct cli *c)
{
	return entry_add(c, "deny");
}

int cmd_acl_remove(struct cli *c)
{
	const struct args *a = &c->args;
	const char *direction = a->n_pos == 3 ? a->pos[2] : "";
	bool in = !strcmp(direction, "in") || !strcmp(direction, "ingress");
	bool out = !strcmp(direction, "out") || !strcmp(direction, "egress");
	cleanup_buf struct buf done = {0};
	struct json *item;

	if (a->n_pos != 3 || (!in && !out) || !isdigit((unsigned char)*a->pos[1]))
		return cli_usage(c, "which entry? acl remove ACL NUMBER in|out");
	item = json_new_obj();
	json_set_num(item, "RuleNumber", strtod(a->pos[1], NULL));
	json_set_bool(item, "Egress", out);
	buf_printf(&done, "%s %s removed", a->pos[1], direction);
	return list_change(c, "DELETE", "entries", "Entries", item, false, buf_str(&done));
}

/* ---- route tables ---- */

static int route_change(struct cli *c, bool replace)
{
	const struct args *a = &c->args;
	cleanup_buf struct buf done = {0};
	struct json *item;

	if (a->n_pos != 3)
		return cli_usage(c, "route-table %s-route TABLE DESTINATION TARGET",
				 replace ? "set" : "add");
	item = json_new_obj();
	json_set_str(item, "Destination", a->pos[1]);
	json_set_str(item, "Target", a->pos[2]);
	buf_printf(&done, "%s by %s", a->pos[1], a->pos[2]);
	return list_change(c, "POST", "routes", "Routes", item, replace, buf_str(&done));
}

int cmd_rtb_add_route(struct cli *c)
{
	return route_change(c, false);
}

int cmd_rtb_set_route(struct cli *c)
{
	return route_change(c, true);
}

int cmd_rtb_delete_route(struct cli *c)
{
	cleanup_buf struct buf done = {0};
	struct json *item;

	if (c->args.n_pos != 2)
		return cli_usage(c, "route-table delete-route TABLE DESTINATION");
	item = json_new_obj();
	json_set_str(item, "Destination", c->args.pos[1]);
	buf_printf(&done, "%s deleted", c->args.pos[1]);
	return list_change(c, "DELETE", "routes", "Routes", item, false, buf_str(&done));
}

/* ---- peering ---- */

static int decide(struct cli *c, const char *verb)
{
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which vpc-peering-connection?");
	for (int i = 0; i < c->args.n_pos; i++) {
		cleanup_json struct json *answer = NULL;
		cleanup_buf struct buf path = {0};
		int r;

		buf_puts(&path, "/v1/vpc-peering-connections/");
		url_add(&path, c->args.pos[i]);
		buf_printf(&path, "/%s", verb);
		cli_change_query(c, &path);
		r = client_call(c, "POST", buf_str(&path), NULL, &answer);
		if (r)
			worst = r;
		else if (c->out.quiet ||
			 (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE))
			output_object(&c->out, answer, c->kind->id_field);
		else
			printf("%s: %s%s\n", c->args.pos[i], json_str(json_get(answer, "Status")),
			       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	}
	return worst;
}

int cmd_pcx_accept(struct cli *c)
{
	return decide(c, "accept");
}

int cmd_pcx_reject(struct cli *c)
{
	return decide(c, "reject");
}

/* ---- unused rules ---- */

/* The rules of a group that never decided, each with its group and direction. Returns how many are
 * not counted (Hits null), of which nobody knows. */
static int add_unused(const struct json *group, const char *label, struct json *rows)
{
	int uncounted = 0;

	json_for_each (rule, json_get(group, "Rules")) {
		struct json *row;

		uncounted += json_type(json_get(rule, "Hits")) == JSON_NULL;
		if (json_type(json_get(rule, "Hits")) == JSON_NULL ||
		    json_num(json_get(rule, "Hits")) > 0)
			continue;
		row = json_new_obj();
		json_set_str(row, "Group", label);
		json_set_str(row, "Direction",
			     json_bool(json_get(rule, "IsEgress")) ? "egress" : "ingress");
		json_set_str(row, "Rule", json_str(json_get(rule, "Rule")));
		json_set_str(row, "Description", json_str(json_get(rule, "Description")));
		json_set_str(row, "SecurityGroupRuleId",
			     json_str(json_get(rule, "SecurityGroupRuleId")));
		json_append(rows, row);
	}
	return uncounted;
}

static int group_get(struct cli *c, const char *name, struct json **ret)
{
	cleanup_buf struct buf path = {0};

	buf_puts(&path, "/v1/security-groups/");
	url_add(&path, name);
	return client_get(c, buf_str(&path), ret);
}

/* "shop/web", since groups of different VPCs may have one name. */
static void label_add(const struct json *vpcs, const struct json *group, struct buf *b)
{
	json_for_each (v, json_get(vpcs, "Items"))
		if (!strcmp(json_str(json_get(v, "VpcId")), json_str(json_get(group, "VpcId"))) &&
		    json_str(json_get(v, "Name")))
			buf_printf(b, "%s/", json_str(json_get(v, "Name")));
	buf_puts(b, json_str(json_get(group, "GroupName")));
}

static int unused_of(struct cli *c, const struct json *vpcs, const char *name, struct json *rows)
{
	cleanup_json struct json *group = NULL;
	cleanup_buf struct buf label = {0};
	int r = group_get(c, name, &group), uncounted;

	if (r)
		return r;
	if (!json_get(group, "Rules"))
		return cli_fail(c, EXIT_REFUSED, "this daemon does not count hits of rules");
	label_add(vpcs, group, &label);
	uncounted = add_unused(group, buf_str(&label), rows);
	if (uncounted)
		fprintf(stderr,
			"vpcctl: %s: %d rules are not listed, since they are not counted: the data "
			"plane has no counters left (vpcd_rules_not_counted)\n",
			buf_str(&label), uncounted);
	return EXIT_DONE;
}

int cmd_sg_unused(struct cli *c)
{
	static const struct column cols[] = {{"group", "Group", false},
					     {"direction", "Direction", false},
					     {"rule", "Rule", false},
					     {"id", "SecurityGroupRuleId", false},
					     {"description", "Description", true}};
	cleanup_json struct json *groups = NULL, *vpcs = NULL, *rows = json_new_arr();
	int r = client_get(c, "/v1/vpcs", &vpcs);

	for (int i = 0; !r && i < c->args.n_pos; i++)
		r = unused_of(c, vpcs, c->args.pos[i], rows);
	if (!r && !c->args.n_pos)
		r = client_get(c, "/v1/security-groups", &groups);
	json_for_each (group, json_get(groups, "Items"))
		if (!r)
			r = unused_of(c, vpcs, json_str(json_get(group, "GroupId")), rows);
	if (r)
		return r;
	return output_rows(&c->out, rows, cols, ARRAY_SIZE(cols), "SecurityGroupRuleId")
		       ? EXIT_USAGE
		       : EXIT_DONE;
}

/* ---- what `show` prints beneath an object ---- */

static const struct column group_cols[] = {{"direction", "Direction", false},
					   {"rule", "Rule", false},
					   {"hits", "Hits", false},
					   {"id", "SecurityGroupRuleId", false},
					   {"description", "Description", false}};
static const struct column acl_cols[] = {
	{"direction", "Direction", false}, {"entry", "Rule", false}, {"hits", "Hits", false}};
static const struct column route_cols[] = {{"destination", "Destination", false},
					   {"target", "Target", false},
					   {"state", "State", false}};

/* What a rule refers to may be gone, or no longer peered. */
static void mark_stale(struct json *row)
{
	cleanup_buf struct buf text = {0};

	if (!json_bool(json_get(row, "Stale")))
		return;
	buf_printf(&text, "%s (stale)", json_str(json_get(row, "Rule")));
	json_set_str(row, "Rule", buf_str(&text));
}

static void add_direction(struct json *row)
{
	const char *key = json_get(row, "IsEgress") ? "IsEgress" : "Egress";

	json_set_str(row, "Direction", json_bool(json_get(row, key)) ? "egress" : "ingress");
}

/* The name of the object of an id; the id itself where it has none or is gone. malloc'd. */
static char *name_of(struct cli *c, const char *id)
{
	cleanup_buf struct buf path = {0};
	struct request rq = {.method = "GET"};
	struct response resp;
	const char *name;
	char *ret;

	buf_puts(&path, "/v1/resolve/");
	url_add(&path, id);
	rq.path = buf_str(&path);
	client_perform(c, &rq, &resp);
	name = resp.status == 200 ? json_str(json_get(resp.json, "Name")) : NULL;
	ret = strdup(name ? name : id);
	response_done(&resp);
	return ret;
}

/* The members of a route that begin so, and not so: its destination and its target, by name. */
static void add_ends(struct cli *c, struct json *row)
{
	cleanup_json struct json *route = json_copy(row);

	json_for_each (m, route) {
		const char *key = json_key(m), *value = json_str(m);
		bool to = !strncmp(key, "Destination", 11);
		cleanup_free char *name = NULL;

		if (!strcmp(key, "State"))
			continue;
		if (!strcmp(key, "LocalTarget"))
			name = strdup("local");
		else if (value && !strchr(value, '/'))
			name = name_of(c, value);
		json_set_str(row, to ? "Destination" : "Target", name ? name : value);
	}
}

static void by_direction(const struct json *rows, struct json *out, bool egress)
{
	json_for_each (row, rows)
		if (!strcmp(json_str(json_get(row, "Direction")), egress ? "egress" : "ingress"))
			json_append(out, json_copy(row));
}

/* The list of the object that has a table of its own; NULL: none. */
static const char *table_of(const struct cli *c, const struct json *obj)
{
	switch (c->kind->kind) {
	case KIND_SECURITY_GROUP:
	case KIND_NETWORK_ACL:
		return json_get(obj, "Rules") ? "Rules" : NULL;
	case KIND_ROUTE_TABLE:
		return json_get(obj, "Routes") ? "Routes" : NULL;
	default:
		return NULL;
	}
}

static void table_print(struct cli *c, struct json *rows)
{
	cleanup_json struct json *sorted = json_new_arr();

	if (c->kind->kind == KIND_ROUTE_TABLE) {
		json_for_each (row, rows)
			add_ends(c, row);
		output_rows(&c->out, rows, route_cols, ARRAY_SIZE(route_cols), NULL);
		return;
	}
	json_for_each (row, rows) {
		add_direction(row);
		mark_stale(row);
	}
	by_direction(rows, sorted, false);
	by_direction(rows, sorted, true);
	if (c->kind->kind == KIND_SECURITY_GROUP)
		output_rows(&c->out, sorted, group_cols, ARRAY_SIZE(group_cols), NULL);
	else
		output_rows(&c->out, sorted, acl_cols, ARRAY_SIZE(acl_cols), NULL);
}

void show_object(struct cli *c, struct json *obj)
{
	static const char *const shown[] = {"Ingress", "Egress", "Entries"};
	const char *list = table_of(c, obj);
	cleanup_json struct json *rows = NULL, *rest = NULL;

	if (!list || c->out.quiet || c->out.format > OUTPUT_WIDE) {
		output_object(&c->out, obj, c->kind->id_field);
		return;
	}
	rest = json_copy(obj);
	rows = json_detach(rest, list);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		json_set(rest, shown[i], NULL); /* the table has them */
	output_object(&c->out, rest, c->kind->id_field);
	if (!json_len(rows))
		return;
	putchar('\n');
	table_print(c, rows);
}
