/* SPDX-License-Identifier: MIT
 * vpcctl test, and what `up --test` does after applying: assertions about who may talk to whom, as
 * a table, TAP or JUnit XML.
 */
#include "cli/test_cmd.h"

#include <string.h>

#include "lib/buf.h"

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key)) ?: "";
}

static bool has_passed(const struct json *test)
{
	return !strcmp(get(test, "Result"), "pass");
}

/* "web → db:5432/tcp is allowed" */
static void put_failure(const struct json *f, struct buf *out)
{
	buf_printf(out, "%s -> %s:%s %s", get(f, "From"), get(f, "To"), get(f, "Service"),
		   get(f, "Message"));
	if (*get(f, "Code") || *get(f, "Reason"))
		buf_printf(out, " (%s)", *get(f, "Code") ? get(f, "Code") : get(f, "Reason"));
}

void test_failures_put(const struct json *test, const char *indent, struct buf *out)
{
	if (*get(test, "Message"))
		buf_printf(out, "%s%s\n", indent, get(test, "Message"));
	json_for_each (f, json_get(test, "Failures")) {
		buf_puts(out, indent);
		put_failure(f, out);
		buf_puts(out, "\n");
	}
	if (json_get(test, "MoreFailures"))
		buf_printf(out, "%sand %.0f more\n", indent,
			   json_num(json_get(test, "MoreFailures")));
}

/* ---- reports ---- */

static void report_table(const struct cli *c, const struct json *answer, struct buf *out)
{
	json_for_each (test, json_get(answer, "Tests")) {
		bool passed = has_passed(test);
		const char *color = passed ? "\033[32m" : "\033[31m";
		const char *word = passed				  ? "ok   "
				   : !strcmp(get(test, "Result"), "fail") ? "FAIL "
									  : "ERROR";

		if (passed && c->out.quiet)
			continue;
		buf_printf(out, "%s%s%s %s", c->out.color ? color : "", word,
			   c->out.color ? "\033[0m" : "", get(test, "Name"));
		if (json_num(json_get(test, "Pairs")) > 1)
			buf_printf(out, " (%.0f pairs)", json_num(json_get(test, "Pairs")));
		buf_puts(out, "\n");
		test_failures_put(test, "      ", out);
	}
	buf_printf(out, "%.0f passed, %.0f failed", json_num(json_get(answer, "Passed")),
		   json_num(json_get(answer, "Failed")));
	if (json_num(json_get(answer, "Errors")) > 0)
		buf_printf(out, ", %.0f invalid", json_num(json_get(answer, "Errors")));
	if (json_get(answer, "Tried"))
		buf_printf(out, ", %.0f attempts made, %.0f disagree",
			   json_num(json_get(answer, "Tried")),
			   json_num(json_get(answer, "Disagreements")));
	buf_puts(out, "\n");
}

/* TAP 13; a description has no newline and no #. */
static void report_tap(const struct json *answer, struct buf *out)
{
	unsigned n = 0;

	buf_printf(out, "TAP version 13\n1..%zu\n", json_len(json_get(answer, "Tests")));
	json_for_each (test, json_get(answer, "Tests")) {
		buf_printf(out, "%s %u - ", has_passed(test) ? "ok" : "not ok", ++n);
		for (const char *s = get(test, "Name"); *s; s++)
			buf_printf(out, "%c", strchr("#\n", *s) ? ' ' : *s);
		buf_puts(out, "\n");
		if (has_passed(test))
			continue;
		buf_puts(out, "  ---\n  message: |\n");
		test_failures_put(test, "    ", out);
		buf_puts(out, "  ...\n");
	}
}

static void put_xml(struct buf *out, const char *s)
{
	static const struct {
		char c;
		const char *entity;
	} special[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};

	for (; *s; s++) {
		const char *entity = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(special); i++)
			if (special[i].c == *s)
				entity = special[i].entity;
		if (entity)
			buf_puts(out, entity);
		else if ((unsigned char)*s >= ' ' || *s == '\n' || *s == '\t')
			buf_add(out, s, 1);
	}
}

static void report_junit(const struct json *answer, const char *suite, struct buf *out)
{
	buf_printf(out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		   "<testsuite tests=\"%zu\" failures=\"%.0f\" errors=\"%.0f\" name=\"",
		   json_len(json_get(answer, "Tests")), json_num(json_get(answer, "Failed")),
		   json_num(json_get(answer, "Errors")));
	put_xml(out, suite);
	buf_puts(out, "\">\n");
	json_for_each (test, json_get(answer, "Tests")) {
		const char *element = !strcmp(get(test, "Result"), "fail") ? "failure" : "error";
		cleanup_buf struct buf text = {0};

		buf_puts(out, "<testcase classname=\"vpcd\" name=\"");
		put_xml(out, get(test, "Name"));
		if (has_passed(test)) {
			buf_puts(out, "\"/>\n");
			continue;
		}
		test_failures_put(test, "", &text);
		buf_printf(out, "\">\n<%s>", element);
		put_xml(out, buf_str(&text));
		buf_printf(out, "</%s>\n</testcase>\n", element);
	}
	buf_puts(out, "</testsuite>\n</testsuites>\n");
}

static void report(struct cli *c, const struct json *answer, const char *format, const char *suite)
{
	cleanup_buf struct buf out = {0};

	if (!strcmp(format, "tap"))
		report_tap(answer, &out);
	else if (!strcmp(format, "junit"))
		report_junit(answer, suite, &out);
	else
		report_table(c, answer, &out);
	fputs(buf_str(&out), stdout);
}

/* ---- running ---- */

int tests_read(struct cli *c, const struct topology_file *t, bool required, struct json **ret)
{
	cleanup_json struct json *doc = NULL;
	struct err e = {0};

	if (json_parse(t->text, t->len, true, &doc, &e))
		return cli_fail(c, EXIT_USAGE, "%s: %s", t->files[0].name, e.msg);
	*ret = json_type(doc) == JSON_ARRAY ? TAKE(doc) : json_detach(doc, "Tests");
	if (!*ret && !required)
		return EXIT_DONE;
	if (json_type(*ret) != JSON_ARRAY) {
		json_free(*ret);
		return cli_fail(c, EXIT_USAGE, "%s: no Tests: an array of assertions",
				t->files[0].name);
	}
	return EXIT_DONE;
}

static int outcome(const struct json *answer)
{
	if (json_num(json_get(answer, "Errors")) > 0)
		return EXIT_USAGE;
	return json_num(json_get(answer, "Failed")) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

int tests_run(struct cli *c, const struct topology_file *t)
{
	const char *format = args_value(&c->args, "report"), *lab = args_value(&c->args, "lab");
	cleanup_json struct json *question = json_new_obj(), *answer = NULL;
	struct json *tests = NULL;
	int r;

	if (format && strcmp(format, "table") && strcmp(format, "tap") && strcmp(format, "junit"))
		return cli_usage(c, "--report takes table, tap or junit, not %s", format);
	if (!lab)
		lab = t->file_lab;
	r = tests_read(c, t, true, &tests);
	if (r)
		return r;
	json_set(question, "Tests", tests);
	json_set_str(question, "Lab", lab);
	r = client_call(c, "POST", args_has(&c->args, "live") ? "/v1/test?live=1" : "/v1/test",
			question, &answer);
	if (r)
		return r;
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE || format)
		report(c, answer, format ? format : "table", lab ? lab : "vpcd");
	else
		output_object(&c->out, answer, "Passed");
	return outcome(answer);
}

int cmd_test(struct cli *c)
{
	struct topology_file t;
	int r = topology_file_read(c, &t);

	if (!r)
		r = tests_run(c, &t);
	topology_file_done(&t);
	return r;
}
