/* SPDX-License-Identifier: MIT
 * vpcctl least-privilege: the smallest rules of a group that admit what flow logs saw.
 */
#include <string.h>

#include "cli/recording.h"
#include "lib/buf.h"

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key)) ?: "";
}

static double number(const struct json *obj, const char *key)
{
	return json_num(json_get(obj, key));
}

/* ---- the report ---- */

static void put_rule(const struct cli *c, const char *word, const char *color, const char *rule,
		     struct buf *out)
{
	buf_printf(out, "  %s%-6s%s  %s", c->out.color ? color : "", word,
		   c->out.color ? "\033[0m" : "", rule);
}

static void put_proposed(const struct cli *c, const struct json *r, struct buf *out)
{
	bool keep = !strcmp(get(r, "Status"), "keep");
	const struct json *more = json_get(r, "AlsoAdmits");
	const char *comma = "";

	put_rule(c, keep ? "keep" : "allow", keep ? "" : "\033[32m", get(r, "Rule"), out);
	buf_printf(out, "  (%.0f flows, %.0f packets)", number(r, "Flows"), number(r, "Packets"));
	if (json_len(more))
		buf_puts(out, "  also admits ");
	json_for_each (name, more) {
		buf_printf(out, "%s%s", comma, json_str(name));
		comma = ", ";
	}
	buf_puts(out, "\n");
}

static void put_revoked(const struct cli *c, const struct json *r, struct buf *out)
{
	if (!strcmp(get(r, "Status"), "keep"))
		return;
	put_rule(c, "revoke", "\033[31m", get(r, "Rule"), out);
	if (number(r, "Flows") > 0)
		buf_printf(out, "  (decided %.0f flows, which the rules above admit)\n",
			   number(r, "Flows"));
	else
		buf_puts(out, "  (never used)\n");
}

static void put_flows(const struct json *list, const char *what, struct buf *out)
{
	json_for_each (flow, list)
		buf_printf(out, "%s %s → %s:%s: %s\n", what, get(flow, "From"), get(flow, "To"),
			   get(flow, "Service"), get(flow, "Message"));
}

static void put_effect(const struct json *a, struct buf *out)
{
	if (*get(a, "FlipsMessage"))
		buf_printf(out, "what else it opens or closes was not asked: %s\n",
			   get(a, "FlipsMessage"));
	else
		buf_printf(out, "of all paths it opens %.0f and closes %.0f\n", number(a, "Opened"),
			   number(a, "Closed"));
	json_for_each (flip, json_get(a, "Flips"))
		if (!strcmp(get(flip, "Change"), "opens"))
			buf_printf(out, "  opens  %s → %s:%s\n", get(flip, "From"), get(flip, "To"),
				   get(flip, "Service"));
}

static void report(const struct cli *c, const struct json *a)
{
	cleanup_buf struct buf out = {0};

	buf_printf(&out,
		   "%s: %.0f flows seen, %.0f of them need its rules; the proposal admits %.0f\n",
		   get(a, "SecurityGroup"), number(a, "Flows"),
		   number(a, "Flows") - number(a, "OtherFlows"), number(a, "Admitted"));
	json_for_each (r, json_get(a, "Rules"))
		put_proposed(c, r, &out);
	json_for_each (r, json_get(a, "Current"))
		put_revoked(c, r, &out);
	put_flows(json_get(a, "Refused"), "refused", &out);
	put_flows(json_get(a, "NotJudged"), "not judged", &out);
	put_effect(a, &out);
	json_for_each (command, json_get(a, "Commands"))
		buf_printf(&out, "%s\n", json_str(command));
	fputs(buf_str(&out), stdout);
}

/* ---- the question ---- */

static int number_set(struct cli *c, const char *option, const char *key, long max,
		      struct json *question)
{
	const char *text = args_value(&c->args, option);
	char *end = NULL;
	long v;

	if (!text)
		return EXIT_DONE;
	v = strtol(text, &end, 10);
	if (!*text || *end || v < 0 || v > max)
		return cli_usage(c, "--%s takes a number from 0 to %ld, not %s", option, max, text);
	json_set_num(question, key, (double)v);
	return EXIT_DONE;
}

static int question_make(struct cli *c, struct json *question)
{
	const char *logs = args_value(&c->args, "flow-logs");
	cleanup(flow_set_freep) struct flow_set *flows = flow_set_new();
	struct recording rec;
	int r = flows ? EXIT_DONE : cli_fail(c, EXIT_REFUSED, "out of memory");

	if (!r)
		r = number_set(c, "port-gap", "PortGap", 65535, question);
	if (!r)
		r = number_set(c, "prefix", "Prefix", 32, question);
	if (!r)
		r = number_set(c, "prefix6", "Prefix6", 128, question);
	if (!r)
		r = recording_read_flow_logs(c, logs, true, flows, &rec);
	if (r)
		return r;
	if (rec.refused)
		fprintf(stderr, "vpcctl: %llu records of what was rejected are left out\n",
			(unsigned long long)rec.refused);
	json_set_str(question, "SecurityGroup", c->args.pos[0]);
	json_set(question, "Flows", flow_set_json(flows));
	if (args_has(&c->args, "vpc"))
		json_set_str(question, "Vpc", args_value(&c->args, "vpc"));
	return EXIT_DONE;
}

int cmd_least_privilege(struct cli *c)
{
	cleanup_json struct json *question = json_new_obj(), *answer = NULL;
	int r;

	if (c->args.n_pos != 1 || !args_has(&c->args, "flow-logs"))
		return cli_usage(c, "which group, by what was seen? least-privilege SECURITY-GROUP "
				    "--flow-logs FILE");
	r = question_make(c, question);
	if (!r)
		r = client_call(c, "POST", "/v1/least-privilege", question, &answer);
	if (r)
		return r;
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
		report(c, answer);
	else
		output_object(&c->out, answer, "GroupId");
	return json_len(json_get(answer, "Refused")) ? EXIT_REFUSED : EXIT_DONE;
}
