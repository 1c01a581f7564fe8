/* SPDX-License-Identifier: MIT
 * vpcctl <kind> create|list|show|set|delete: five verbs for every kind, by the schema.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/spec.h"
#include "lib/buf.h"

static const struct opt create_opts[] = {
	{"name", 'n', OPT_VALUE, "NAME", "its name (tag Name)", NULL},
	{"tag", 0, OPT_VALUE, "KEY=VALUE", "a tag; repeatable", NULL},
	{"set", 0, OPT_VALUE, "FIELD=VALUE", "any field; the value may be JSON", NULL},
	{0},
};

static const struct opt set_opts[] = {
	{"unset", 0, OPT_VALUE, "FIELD", "back to its default", NULL},
	{0},
};

static const struct opt watch_opts[] = {
	{"watch", 0, OPT_FLAG, NULL, "list again whenever one changes", NULL},
	{0},
};

static void path_of(struct buf *path, const struct kind *k, const char *name)
{
	buf_printf(path, "/v1/%s", k->plural);
	if (name) {
		buf_puts(path, "/");
		url_add(path, name);
	}
}

/* "subnet private-a created (subnet-0a…)", or the object in the format asked for. */
static void change_print(struct cli *c, const struct json *obj, const char *done)
{
	const char *id = json_str(json_get(obj, c->kind->id_field));
	const char *name = json_str(json_get(obj, "Name"));
	const char *dry = args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "";

	if (c->out.quiet || (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE))
		output_object(&c->out, obj, c->kind->id_field);
	else if (name)
		printf("%s %s %s (%s)%s\n", c->kind->name, name, done, id ? id : "", dry);
	else
		printf("%s %s %s%s\n", c->kind->name, id ? id : "", done, dry);
}

static int kind_create(struct cli *c)
{
	cleanup_json struct json *spec = NULL, *obj = NULL;
	cleanup_buf struct buf path = {0};
	struct err e = {0};
	int r = spec_from_args(c->kind, &c->args, 0, &spec, &e);

	if (!r)
		r = spec_check_required(c->kind, spec, &e);
	if (r)
		return cli_usage(c, "%s%s%s", e.field, *e.field ? ": " : "", e.msg);
	path_of(&path, c->kind, NULL);
	cli_change_query(c, &path);
	r = client_call(c, "POST", buf_str(&path), spec, &obj);
	if (!r)
		change_print(c, obj, "created");
	return r;
}

static int kind_set(struct cli *c)
{
	cleanup_json struct json *patch = NULL, *obj = NULL;
	cleanup_buf struct buf path = {0};
	struct err e = {0};
	int r;

	if (!c->args.n_pos)
		return cli_usage(c, "which %s?", c->kind->name);
	r = spec_from_args(c->kind, &c->args, 1, &patch, &e);
	if (r)
		return cli_usage(c, "%s%s%s", e.field, *e.field ? ": " : "", e.msg);
	if (!json_len(patch))
		return cli_usage(c, "nothing to set");
	path_of(&path, c->kind, c->args.pos[0]);
	cli_change_query(c, &path);
	r = client_call(c, "PATCH", buf_str(&path), patch, &obj);
	if (!r)
		change_print(c, obj, "changed");
	return r;
}

static int kind_delete(struct cli *c)
{
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which %s?", c->kind->name);
	for (int i = 0; i < c->args.n_pos; i++) {
		cleanup_json struct json *obj = NULL;
		cleanup_buf struct buf path = {0};
		int r;

		path_of(&path, c->kind, c->args.pos[i]);
		cli_change_query(c, &path);
		r = client_call(c, "DELETE", buf_str(&path), NULL, &obj);
		if (!r)
			change_print(c, obj, "deleted");
		else
			worst = r;
	}
	return worst;
}

static int kind_show(struct cli *c)
{
	bool as_array = c->out.format == OUTPUT_JSON && c->args.n_pos > 1;
	cleanup_json struct json *all = json_new_arr();
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which %s?", c->kind->name);
	for (int i = 0; i < c->args.n_pos; i++) {
		cleanup_buf struct buf path = {0};
		struct json *obj = NULL;
		int r;

		path_of(&path, c->kind, c->args.pos[i]);
		r = client_get(c, buf_str(&path), &obj);
		if (r) {
			worst = r;
			continue;
		}
		if (!as_array) {
			if (json_len(all) && c->out.format <= OUTPUT_WIDE && !c->out.quiet)
				putchar('\n');
			show_object(c, obj);
		}
		json_append(all, obj);
	}
	if (as_array)
		output_object(&c->out, all, c->kind->id_field);
	return worst;
}

/* ---- list ---- */

/* "vpc-id=shop", "VpcId=shop", "tag:Team=x", "name=web" to the API's query. */
static int filter_add(struct cli *c, struct buf *path, const char *filter)
{
	const char *eq = strchr(filter, '=');
	cleanup_free char *key = eq ? strndup(filter, eq - filter) : NULL;
	const struct field *f;

	if (!key)
		return cli_usage(c, "--filter takes KEY=VALUE");
	f = kind_field(c->kind, key);
	buf_puts(path, "&");
	if (f) {
		buf_puts(path, f->name);
	} else if (!strncmp(key, "tag:", 4)) {
		buf_puts(path, "Tags.");
		url_add(path, key + 4);
	} else if (!strcasecmp(key, "name")) {
		buf_puts(path, "Name");
	} else if (!strcasecmp(key, "lab")) {
		buf_puts(path, "Lab");
	} else if (*key >= 'A' && *key <= 'Z') {
		url_add(path, key);
	} else {
		return cli_usage(c, "%s have no field %s", c->kind->plural, key);
	}
	buf_puts(path, "=");
	url_add(path, eq + 1);
	return 0;
}

static int list_page(struct cli *c, const char *after, struct json **ret)
{
	cleanup_buf struct buf path = {0};
	const char *filter;
	size_t i = 0;
	int r;

	path_of(&path, c->kind, NULL);
	buf_puts(&path, "?limit=1000");
	if (after) {
		buf_puts(&path, "&after=");
		url_add(&path, after);
	}
	while ((filter = args_next(&c->args, "filter", &i))) {
		r = filter_add(c, &path, filter);
		if (r)
			return r;
	}
	return client_get(c, buf_str(&path), ret);
}

static int list_fetch(struct cli *c, struct json *items, double *ret_revision)
{
	cleanup_free char *after = NULL;
	int r;

	do {
		cleanup_json struct json *page = NULL;
		const char *next;

		r = list_page(c, after, &page);
		if (r)
			return r;
		json_for_each (item, json_get(page, "Items"))
			json_append(items, json_copy(item));
		*ret_revision = json_num(json_get(page, "Revision"));
		next = json_str(json_get(page, "NextAfter"));
		free(after);
		after = next ? strdup(next) : NULL;
	} while (after);
	return 0;
}

struct columns {
	struct column v[64];
	char *names[64]; /* owned headers */
	size_t n;
};

static void column_add(struct columns *cols, const char *field, bool wide)
{
	if (cols->n == ARRAY_SIZE(cols->v))
		return;
	cols->names[cols->n] = kebab(field);
	cols->v[cols->n] = (struct column){cols->names[cols->n], field, wide};
	cols->n++;
}

static void columns_done(struct columns *cols)
{
	for (size_t i = 0; i < cols->n; i++)
		free(cols->names[i]);
}

static void columns_of_kind(const struct kind *k, struct columns *cols)
{
	column_add(cols, "Name", false);
	cols->v[cols->n++] = (struct column){"id", k->id_field, false};
	for (const struct field *f = k->fields; f->name; f++)
		column_add(cols, f->name, !(f->flags & COLUMN));
	column_add(cols, "Lab", true);
	column_add(cols, "Tags", true);
}

static int list_once(struct cli *c, double *ret_revision)
{
	cleanup_json struct json *items = json_new_arr();
	cleanup(columns_done) struct columns cols = {.n = 0};
	int r = list_fetch(c, items, ret_revision);

	if (r)
		return r;
	columns_of_kind(c->kind, &cols);
	return output_rows(&c->out, items, cols.v, cols.n, c->kind->id_field) ? EXIT_USAGE : 0;
}

/* Ends the stream at the first event of our kind. */
static bool event_is_other(void *arg, const char *line, size_t len)
{
	struct cli *c = arg;
	cleanup_json struct json *ev = NULL;
	const char *kind;

	if (json_parse(line, len, false, &ev, NULL))
		return true;
	kind = json_str(json_get(ev, "Kind"));
	return !kind || strcmp(kind, c->kind->name);
}

static int kind_list(struct cli *c)
{
	double revision = 0;
	int r;

	if (c->args.n_pos)
		return cli_usage(c, "list takes no names; see show");
	c->out.filters = NULL;
	r = list_once(c, &revision);
	while (!r && args_has(&c->args, "watch")) {
		char path[96];

		fflush(stdout);
		snprintf(path, sizeof(path), "/v1/events?watch=1&since=%.0f", revision);
		r = client_stream_lines(c, path, event_is_other, c);
		if (r)
			break;
		if (c->out.color)
			fputs("\033[H\033[2J", stdout);
		r = list_once(c, &revision);
	}
	return r;
}

/* clang-format off */
const struct command kind_commands[] = {
	{"create", "add", "", "Create one", NULL, kind_create,
	 {create_opts, change_opts}, .complete = NULL, .fields = true},
	{"list", "ls", "", "List them", "list -o wide", kind_list, {list_opts, watch_opts, wait_opts}, .complete = NULL},
	{"show", "describe get", "NAME…", "Show one in full", "show NAME -o json", kind_show,
	 {wait_opts}, .complete = "kind"},
	{"set", "update", "NAME", "Change fields of one", "set NAME --tag Team=x", kind_set,
	 {create_opts, set_opts, change_opts}, .complete = "kind", .fields = true},
	{"delete", "rm", "NAME…", "Delete them", "delete NAME", kind_delete, {change_opts}, .complete = "kind"},
	{"allow", NULL, "GROUP [RULE…]", "Add rules to a group", "allow db \"tcp 5432 from orders\"",
	 cmd_sg_allow, {sg_rule_opts, change_opts}, .complete = "kind", .only = KIND_SECURITY_GROUP},
	{"revoke", NULL, "GROUP [RULE…]", "Take rules away from a group",
	 "revoke db \"tcp 5432 from orders\"", cmd_sg_revoke, {sg_rule_opts, change_opts}, .complete = "kind",
	 .only = KIND_SECURITY_GROUP},
	{"unused", NULL, "[GROUP…]", "List rules that never decided", "unused", cmd_sg_unused,
	 {list_opts}, .complete = "kind", .only = KIND_SECURITY_GROUP},
	{"allow", NULL, "ACL NUMBER PROTO [PORT] from|to CIDR", "Add an entry that allows",
	 "allow strict 100 tcp 443 from 10.0.0.0/8", cmd_acl_allow, {acl_entry_opts, change_opts},
	 .complete = "kind", .only = KIND_NETWORK_ACL},
	{"deny", NULL, "ACL NUMBER PROTO [PORT] from|to CIDR", "Add an entry that denies",
	 "deny strict 90 all from 203.0.113.0/24", cmd_acl_deny, {acl_entry_opts, change_opts},
	 .complete = "kind", .only = KIND_NETWORK_ACL},
	{"remove", NULL, "ACL NUMBER in|out", "Remove an entry", "remove strict 100 in", cmd_acl_remove,
	 {change_opts}, .complete = "kind", .only = KIND_NETWORK_ACL},
	{"add-route", NULL, "TABLE DESTINATION TARGET", "Add a route", "add-route private 0.0.0.0/0 nat",
	 cmd_rtb_add_route, {change_opts}, .complete = "kind", .only = KIND_ROUTE_TABLE},
	{"set-route", "replace-route", "TABLE DESTINATION TARGET", "Change a route's target",
	 "set-route private 10.0.0.0/16 firewall", cmd_rtb_set_route, {change_opts}, .complete = "kind",
	 .only = KIND_ROUTE_TABLE},
	{"delete-route", NULL, "TABLE DESTINATION", "Delete a route", "delete-route private 0.0.0.0/0",
	 cmd_rtb_delete_route, {change_opts}, .complete = "kind", .only = KIND_ROUTE_TABLE},
	{"accept", NULL, "CONNECTION…", "Accept a request", "accept shop-data", cmd_pcx_accept,
	 {change_opts}, .complete = "kind", .only = KIND_VPC_PEERING_CONNECTION},
	{"reject", NULL, "CONNECTION…", "Reject a request", "reject shop-data", cmd_pcx_reject,
	 {change_opts}, .complete = "kind", .only = KIND_VPC_PEERING_CONNECTION},
	{"import", NULL, "FILE", "Read records from a master file, - for stdin", "import shop.test.zone --vpc shop",
	 cmd_zone_import, {zone_import_opts, change_opts}, .complete = "file", .only = KIND_HOSTED_ZONE},
	{"export", NULL, "NAME", "Write the records as a master file", "export shop.test",
	 cmd_zone_export, {NULL}, .complete = "kind", .only = KIND_HOSTED_ZONE},
	{0},
};
/* clang-format on */

const struct command *verb_find(const struct kind *k, const char *name)
{
	for (const struct command *cmd = kind_commands; cmd->name; cmd++) {
		const struct command one[] = {*cmd, {0}};

		if ((!cmd->only || cmd->only == k->kind) && command_find(one, name))
			return cmd;
	}
	return NULL;
}
