/* SPDX-License-Identifier: MIT
 * vpcctl trace: what the data plane would do with a packet, as a tree.
 */
#include "cli/trace_cmd.h"

#include <string.h>

#include "cli/cli.h"

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

/* ---- words ---- */

static void put_groups(const struct json *hop, struct buf *out)
{
	const struct json *groups = json_get(hop, "Groups");
	bool first = true;

	if (!json_len(groups))
		return;
	buf_puts(out, " [");
	json_for_each (g, groups) {
		buf_printf(out, "%s%s", first ? "" : ", ", json_str(g));
		first = false;
	}
	buf_puts(out, "]");
}

static void put_rewritten(const struct json *hop, struct buf *out)
{
	const struct json *r = json_get(hop, "Rewritten");

	if (get(r, "Source"))
		buf_printf(out, "  source becomes %s", get(r, "Source"));
	if (get(r, "Destination"))
		buf_printf(out, "  destination becomes %s", get(r, "Destination"));
}

void trace_hop_put(const struct json *hop, struct buf *out)
{
	const char *name = get(hop, "Name"), *id = get(hop, "Id");

	buf_puts(out, get(hop, "Kind"));
	if (get(hop, "Direction"))
		buf_printf(out, " %s", get(hop, "Direction"));
	if (get(hop, "Matched"))
		buf_printf(out, "  %s", get(hop, "Matched"));
	if (get(hop, "Target"))
		buf_printf(out, " → %s", get(hop, "TargetName") ?: get(hop, "Target"));
	put_groups(hop, out);
	if (name || id)
		buf_printf(out, name && id ? "  %s (%s)" : "  %s", name ? name : id, id);
	put_rewritten(hop, out);
	if (get(hop, "Reason"))
		buf_printf(out, "  DENY (%s)", get(hop, "Reason"));
}

/* The last rule that let it pass; without rules on the way, the last route. */
static const struct json *deciding_hop(const struct json *path)
{
	const struct json *rule = NULL, *route = NULL;

	json_for_each (hop, json_get(path, "Hops")) {
		if (!get(hop, "Matched"))
			continue;
		if (strcmp(get(hop, "Kind"), "route-table"))
			rule = hop;
		else
			route = hop;
	}
	return rule ? rule : route;
}

static void put_verdict(const struct json *t, struct buf *out)
{
	const struct json *forward = json_get(t, "Forward"), *back = json_get(t, "Return");
	const char *there = get(forward, "Verdict");
	bool blocked_there = there && !strcmp(there, "deny");
	const struct json *path = blocked_there ? forward : back, *rule;

	buf_printf(out, "%s → %s:%s: ", get(t, "From"), get(t, "To"), get(t, "Service"));
	if (!strcmp(get(t, "Verdict"), "deny")) {
		buf_printf(out, "DENY (%s): %s%s", get(t, "Code") ?: get(t, "Reason"),
			   blocked_there ? "" : "the reply: ", get(path, "Text") ?: "");
		return;
	}
	rule = deciding_hop(forward);
	buf_puts(out, "allow");
	if (rule)
		buf_printf(out, " (%s%s%s)", get(rule, "Matched"), get(rule, "Id") ? ", " : "",
			   get(rule, "Id") ?: "");
}

static void put_path(const struct json *path, const char *title, struct buf *out)
{
	const struct json *hops = json_get(path, "Hops");
	size_t left = json_len(hops);

	buf_printf(out, "%s  %s → %s", title, get(path, "Source"), get(path, "Destination"));
	if (json_get(path, "Mtu"))
		buf_printf(out, "  MTU %.0f", json_num(json_get(path, "Mtu")));
	buf_puts(out, "\n");
	json_for_each (hop, hops) {
		buf_puts(out, --left ? "├─ " : "└─ ");
		trace_hop_put(hop, out);
		buf_puts(out, "\n");
	}
}

static void trace_print(const struct json *t)
{
	cleanup_buf struct buf out = {0};

	put_verdict(t, &out);
	buf_puts(&out, "\n");
	put_path(json_get(t, "Forward"), "there", &out);
	if (json_get(t, "Return"))
		put_path(json_get(t, "Return"), "back", &out);
	if (get(t, "Opens"))
		buf_printf(&out, "to open it: %s\n", get(t, "Opens"));
	fputs(buf_str(&out), stdout);
}

/* ---- the command ---- */

/* A whole number; absent: nothing is set. */
static int number_set(struct cli *c, struct json *q, const char *member, const char *option,
		      long max)
{
	const char *text = args_value(&c->args, option);
	char *end = NULL;
	long v;

	if (!text)
		return 0;
	v = strtol(text, &end, 10);
	if (!*text || *end || v < 1 || v > max)
		return cli_usage(c, "--%s takes a number from 1 to %ld, not %s", option, max, text);
	json_set_num(q, member, (double)v);
	return 0;
}

int cmd_trace(struct cli *c)
{
	cleanup_json struct json *q = json_new_obj(), *answer = NULL;
	int r;

	if (c->args.n_pos != 2)
		return cli_usage(c, "from where to where? trace FROM TO[:PORT[/PROTO]]");
	json_set_str(q, "From", c->args.pos[0]);
	json_set_str(q, "To", c->args.pos[1]);
	if (args_has(&c->args, "ipv6"))
		json_set_num(q, "Family", 6);
	r = number_set(c, q, "FromPort", "from-port", 65535);
	if (!r)
		r = number_set(c, q, "Size", "size", 65535);
	if (!r)
		r = client_call(c, "POST", "/v1/trace", q, &answer);
	if (r)
		return r;
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
		trace_print(answer);
	else
		output_object(&c->out, answer, "Verdict");
	return !strcmp(get(answer, "Verdict") ?: "", "allow") ? EXIT_DONE : EXIT_REFUSED;
}
