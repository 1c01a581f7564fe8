/* SPDX-License-Identifier: MIT
 * vpcctl sg allow|revoke: rules are what people type most.
 */
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

const struct opt sg_rule_opts[] = {
	{"from", 0, OPT_VALUE, "PEER",
	 "who may send: CIDR, group, vpc/group or pl:PREFIX-LIST; repeatable", "security-group"},
	{"to", 0, OPT_VALUE, "PEER", "who may be sent to, likewise; repeatable", "security-group"},
	{"tcp", 0, OPT_MAYBE, "PORT[-PORT]", "TCP, all ports or some; repeatable", NULL},
	{"udp", 0, OPT_MAYBE, "PORT[-PORT]", "UDP, all ports or some; repeatable", NULL},
	{"icmp", 0, OPT_MAYBE, "TYPE[/CODE]", "ICMP, all or one type", NULL},
	{"icmpv6", 0, OPT_MAYBE, "TYPE[/CODE]", "ICMPv6, all or one type", NULL},
	{"proto", 0, OPT_VALUE, "N", "another protocol by number", NULL},
	{"all", 0, OPT_FLAG, NULL, "all traffic", NULL},
	{0},
};

static bool is_protocol(const char *option)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "icmpv6", "proto", "all"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(option, names[i]))
			return true;
	return false;
}

/* "tcp 5432 from orders" of one protocol option and one peer option. */
static void rule_add(struct json *rules, const struct args *a, size_t protocol, size_t peer)
{
	cleanup_buf struct buf rule = {0};
	const char *name = a->v[protocol].opt->name, *ports = a->v[protocol].value;

	if (strcmp(name, "proto"))
		buf_puts(&rule, name);
	if (ports)
		buf_printf(&rule, "%s%s", rule.len ? " " : "", ports);
	buf_printf(&rule, " %s %s", a->v[peer].opt->name, a->v[peer].value);
	json_append(rules, json_new_str(buf_str(&rule)));
}

/* Every protocol option with every --from and --to. */
static int rules_from_options(struct cli *c, struct json *rules)
{
	const struct args *a = &c->args;
	bool protocols = false, peers = false;

	for (size_t i = 0; i < a->n; i++) {
		if (!is_protocol(a->v[i].opt->name))
			continue;
		protocols = true;
		for (size_t j = 0; j < a->n; j++)
			if (!strcmp(a->v[j].opt->name, "from") || !strcmp(a->v[j].opt->name, "to"))
				rule_add(rules, a, i, j);
	}
	peers = args_has(a, "from") || args_has(a, "to");
	if (protocols != peers)
		return cli_usage(c, protocols
					    ? "whom? add --from PEER or --to PEER"
					    : "what? add --tcp PORT, --udp PORT, --icmp, --icmpv6, "
					      "--proto N or --all");
	return 0;
}

/* Rules as arguments: one an argument, or one in several words. */
static void rules_from_words(const struct args *a, struct json *rules)
{
	cleanup_buf struct buf rule = {0};

	if (a->n_pos > 1 && strchr(a->pos[1], ' ')) {
		for (int i = 1; i < a->n_pos; i++)
			json_append(rules, json_new_str(a->pos[i]));
		return;
	}
	for (int i = 1; i < a->n_pos; i++)
		buf_printf(&rule, "%s%s", i > 1 ? " " : "", a->pos[i]);
	if (rule.len)
		json_append(rules, json_new_str(buf_str(&rule)));
}

static void answer_print(struct cli *c, const struct json *answer, const struct json *rules,
			 const char *done)
{
	const struct json *items = json_get(answer, "Items");

	if (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE) {
		output_object(&c->out, c->out.format == OUTPUT_JSON ? items : answer,
			      "SecurityGroupRuleId");
		return;
	}
	if (c->out.quiet) {
		json_for_each (item, items)
			output_object(&c->out, item, "SecurityGroupRuleId");
		return;
	}
	json_for_each (rule, rules)
		printf("%s: %s %s%s\n", c->args.pos[0], json_str(rule), done,
		       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
}

static int rules_change(struct cli *c, const char *method, const char *done)
{
	cleanup_json struct json *body = json_new_obj(), *answer = NULL;
	struct json *rules = json_new_arr();
	cleanup_buf struct buf path = {0};
	int r;

	json_set(body, "Rules", rules);
	if (!c->args.n_pos)
		return cli_usage(c, "which security group?");
	rules_from_words(&c->args, rules);
	r = rules_from_options(c, rules);
	if (r)
		return r;
	if (!json_len(rules))
		return cli_usage(c, "which rule?");
	buf_puts(&path, "/v1/security-groups/");
	url_add(&path, c->args.pos[0]);
	buf_puts(&path, "/rules");
	cli_change_query(c, &path);
	r = client_call(c, method, buf_str(&path), body, &answer);
	if (!r)
		answer_print(c, answer, rules, done);
	return r;
}

int cmd_sg_allow(struct cli *c)
{
	return rules_change(c, "POST", "allowed");
}

int cmd_sg_revoke(struct cli *c)
{
	return rules_change(c, "DELETE", "revoked");
}
