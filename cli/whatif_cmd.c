/* SPDX-License-Identifier: MIT
 * vpcctl whatif: which verdicts a changed topology file would flip.
 */
#include <string.h>

#include "cli/recording.h"
#include "cli/steps.h"
#include "cli/test_cmd.h"
#include "cli/trace_cmd.h"
#include "lib/buf.h"

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key)) ?: "";
}

/* ---- the report ---- */

/* "allow  security-group-rule ingress  tcp 5432 from shop/orders [shop/db]  sgr-…" */
static void put_side(const char *when, const struct json *side, struct buf *out)
{
	cleanup_json struct json *by = json_copy(json_get(side, "By"));
	const char *code = *get(side, "Code") ? get(side, "Code") : get(side, "Reason");
	bool denied = !strcmp(get(side, "Verdict"), "deny");

	buf_printf(out, "  %-6s  %s", when, denied ? "DENY" : get(side, "Verdict"));
	if (*code)
		buf_printf(out, " (%s)", code);
	if (*get(side, "Text"))
		buf_printf(out, ": %s%s", json_bool(json_get(side, "Reply")) ? "the reply: " : "",
			   get(side, "Text"));
	if (by) {
		json_set(by, "Reason", NULL);
		buf_puts(out, "  ");
		trace_hop_put(by, out);
	}
	buf_puts(out, "\n");
}

/* "5432/tcp", "6432-6500/tcp" */
static void put_service(const struct json *flip, struct buf *out)
{
	const char *service = get(flip, "Service"), *slash = strchr(service, '/');

	if (json_get(flip, "ToPort") && slash)
		buf_printf(out, "%.*s-%.0f%s", (int)(slash - service), service,
			   json_num(json_get(flip, "ToPort")), slash);
	else
		buf_puts(out, service);
}

/* "n4", "n4 (and 9 alike)" */
static void put_end(const struct json *flip, const char *key, const char *alike, struct buf *out)
{
	size_t others = json_len(json_get(flip, alike));

	buf_puts(out, get(flip, key));
	if (others)
		buf_printf(out, " (and %zu alike)", others);
}

static void put_flip(const struct cli *c, const struct json *flip, struct buf *out)
{
	bool opens = !strcmp(get(flip, "Change"), "opens");

	buf_printf(out, "%s%-6s%s  ", c->out.color ? opens ? "\033[33m" : "\033[31m" : "",
		   get(flip, "Change"), c->out.color ? "\033[0m" : "");
	put_end(flip, "From", "FromAlike", out);
	buf_puts(out, " → ");
	put_end(flip, "To", "ToAlike", out);
	buf_puts(out, ":");
	put_service(flip, out);
	if (json_get(flip, "Packets"))
		buf_printf(out, " (%.0f packets)", json_num(json_get(flip, "Packets")));
	if (*get(flip, "Test"))
		buf_printf(out, " [%s]", get(flip, "Test"));
	buf_puts(out, "\n");
	if (c->out.quiet)
		return;
	put_side("before", json_get(flip, "Before"), out);
	put_side("after", json_get(flip, "After"), out);
}

static void put_tests(const struct json *answer, struct buf *out)
{
	const struct json *before = json_get(answer, "TestsBefore"),
			  *after = json_get(answer, "TestsAfter");

	json_for_each (test, json_get(answer, "Tests")) {
		bool passes = !strcmp(get(test, "Result"), "pass");

		buf_printf(out, "%s  %s (before: %s)\n", passes ? "ok" : "FAIL", get(test, "Name"),
			   get(test, "Before"));
		test_failures_put(test, "      ", out);
	}
	if (before)
		buf_printf(
			out,
			"tests: %.0f passed, %.0f failed before; %.0f passed, %.0f failed after\n",
			json_num(json_get(before, "Passed")),
			json_num(json_get(before, "Failed")) + json_num(json_get(before, "Errors")),
			json_num(json_get(after, "Passed")),
			json_num(json_get(after, "Failed")) + json_num(json_get(after, "Errors")));
}

static void put_flows(const struct json *answer, struct buf *out)
{
	double left_out = json_num(json_get(answer, "NotJudgedFlows"));

	if (!json_get(answer, "Flows"))
		return;
	buf_printf(out, "flows: %.0f replayed", json_num(json_get(answer, "Flows")));
	if (left_out > 0)
		buf_printf(out, ", %.0f not", left_out);
	buf_puts(out, "\n");
	json_for_each (flow, json_get(answer, "NotJudged"))
		buf_printf(out, "  not %s → %s:%s: %s\n", get(flow, "From"), get(flow, "To"),
			   get(flow, "Service"), get(flow, "Message"));
}

static void report(const struct cli *c, const struct json *answer)
{
	cleanup_buf struct buf out = {0};

	if (!c->out.quiet)
		steps_print(c, json_get(answer, "Steps"));
	json_for_each (flip, json_get(answer, "Flips"))
		put_flip(c, flip, &out);
	if (json_get(answer, "MoreFlips"))
		buf_printf(&out, "and %.0f more\n", json_num(json_get(answer, "MoreFlips")));
	put_tests(answer, &out);
	put_flows(answer, &out);
	buf_printf(&out, "%.0f opens, %.0f closes; %.0f questions asked of both networks\n",
		   json_num(json_get(answer, "Opened")), json_num(json_get(answer, "Closed")),
		   json_num(json_get(answer, "Asked")));
	fputs(buf_str(&out), stdout);
}

/* ---- the question ---- */

static int tests_add(struct cli *c, const struct topology_file *own, struct json *question)
{
	const char *name = args_value(&c->args, "tests");
	cleanup(topology_file_done) struct topology_file other = {0};
	struct json *tests = NULL;
	int r = name ? topology_file_read_one(c, name, &other) : EXIT_DONE;

	if (!r)
		r = tests_read(c, name ? &other : own, name != NULL, &tests);
	if (tests)
		json_set(question, "Tests", tests);
	return r;
}

static int flows_add(struct cli *c, struct json *question)
{
	const char *pcap = args_value(&c->args, "pcap"), *logs = args_value(&c->args, "flow-logs");
	cleanup(flow_set_freep) struct flow_set *flows = flow_set_new();
	struct recording rec;
	int r = flows ? EXIT_DONE : cli_fail(c, EXIT_REFUSED, "out of memory");

	if (!r && pcap)
		r = recording_read_pcap(c, pcap, flows, &rec);
	if (!r && logs)
		r = recording_read_flow_logs(c, logs, false, flows, &rec);
	if (!r && (pcap || logs))
		json_set(question, "Flows", flow_set_json(flows));
	return r;
}

/* Tests and recordings are asked alone; without either, all that the change can touch. */
static int question_make(struct cli *c, const struct topology_file *t, struct json *question)
{
	bool recorded = args_has(&c->args, "pcap") || args_has(&c->args, "flow-logs");
	bool narrow = recorded || args_has(&c->args, "tests");
	int r = recorded ? flows_add(c, question) : EXIT_DONE;

	json_set_str(question, "Topology", t->text);
	json_set_bool(question, "Pairs", !narrow);
	if (args_has(&c->args, "all"))
		json_set_bool(question, "All", true);
	if (args_has(&c->args, "vpc"))
		json_set_str(question, "Vpc", args_value(&c->args, "vpc"));
	if (!r && (!recorded || args_has(&c->args, "tests")))
		r = tests_add(c, t, question);
	return r;
}

static int ask(struct cli *c, const struct topology_file *t, const struct json *question,
	       struct json **ret)
{
	cleanup_free char *body = json_print(question);
	cleanup_buf struct buf path = {0};
	struct request rq = {.method = "POST", .body = body, .timeout_ms = cli_timeout(c)};
	struct response resp;
	int r;

	if (rq.timeout_ms < 0)
		return EXIT_USAGE;
	if (!body)
		return cli_fail(c, EXIT_REFUSED, "out of memory");
	buf_puts(&path, "/v1/whatif");
	query_add(&path, "Lab", topology_file_lab(c, t));
	query_add(&path, "Directory", t->directory);
	rq.path = buf_str(&path);
	rq.body_len = strlen(body);
	client_perform(c, &rq, &resp);
	r = topology_report(c, t, &resp);
	*ret = TAKE(resp.json);
	return r;
}

int cmd_whatif(struct cli *c)
{
	cleanup(topology_file_done) struct topology_file t = {0};
	cleanup_json struct json *question = json_new_obj(), *answer = NULL;
	int r = topology_file_read(c, &t);

	if (!r)
		r = question_make(c, &t, question);
	if (!r)
		r = ask(c, &t, question, &answer);
	if (r)
		return r;
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
		report(c, answer);
	else
		output_object(&c->out, answer, "Lab");
	return json_len(json_get(answer, "Flips")) || json_len(json_get(answer, "Tests"))
		       ? EXIT_REFUSED
		       : EXIT_DONE;
}
