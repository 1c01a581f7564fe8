/* SPDX-License-Identifier: MIT
 * What all commands share: failures, time-outs, look-ups of commands and fields.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

static int fail_with(struct cli *c, enum exit_code code, const char *error_code, const char *field,
		     const char *msg)
{
	if (c->out.format == OUTPUT_JSON) {
		cleanup_json struct json *j = json_new_obj();
		struct json *error = json_new_obj();
		cleanup_free char *text = NULL;

		json_set_str(error, "Code", error_code);
		json_set_str(error, "Message", msg);
		json_set_str(error, "Field", field && *field ? field : NULL);
		json_set(j, "Error", error);
		text = json_print_pretty(j);
		fputs(text ? text : "", stderr);
	} else {
		fprintf(stderr, "vpcctl: %s%s%s\n", field && *field ? field : "",
			field && *field ? ": " : "", msg);
	}
	return code;
}

static const char *error_code_of(enum exit_code code)
{
	switch (code) {
	case EXIT_USAGE:
		return "InvalidUsage";
	case EXIT_NOT_FOUND:
		return "NotFound";
	case EXIT_UNREACHABLE:
		return "DaemonUnreachable";
	case EXIT_TIMED_OUT:
		return "TimedOut";
	default:
		return "Failed";
	}
}

int cli_fail(struct cli *c, enum exit_code code, const char *fmt, ...)
{
	cleanup_free char *msg = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&msg, fmt, ap);
	va_end(ap);
	if (n < 0)
		msg = NULL;
	return fail_with(c, code, error_code_of(code), NULL, msg ? msg : fmt);
}

int cli_fail_err(struct cli *c, enum exit_code code, const struct err *e)
{
	return fail_with(c, code, e->code, e->field, e->msg);
}

int cli_usage(struct cli *c, const char *fmt, ...)
{
	cleanup_free char *msg = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&msg, fmt, ap);
	va_end(ap);
	if (n < 0)
		msg = NULL;
	fail_with(c, EXIT_USAGE, error_code_of(EXIT_USAGE), NULL, msg ? msg : fmt);
	if (c->command && c->out.format != OUTPUT_JSON)
		fprintf(stderr, "vpcctl: see `vpcctl %s%s%s --help`\n",
			c->kind ? c->kind->name : "", c->kind ? " " : "", c->command->name);
	return EXIT_USAGE;
}

long duration_parse(const char *s)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	double v = strtod(s, &end);

	if (end == s || !(v >= 0) || v > 1e6)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit))
			return v * units[i].ms;
	return -EINVAL;
}

long cli_timeout(struct cli *c)
{
	const char *text = config_get(&c->config, SETTING_TIMEOUT);
	long ms = duration_parse(text);

	if (ms < 0)
		cli_usage(c, "%s is no duration: give 60s, 500ms or 2m", text);
	return ms;
}

void cli_change_query(const struct cli *c, struct buf *path)
{
	if (args_has(&c->args, "dry-run"))
		query_add(path, "dry_run", "1");
	if (args_has(&c->args, "no-wait"))
		query_add(path, "wait", "0");
}

/* Is `name` among words with spaces between them? */
static bool among(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = words; p && *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, name, n))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

const struct command *command_find(const struct command *table, const char *name)
{
	for (const struct command *cmd = table; cmd->name; cmd++)
		if (!strcmp(cmd->name, name) || among(cmd->aliases, name))
			return cmd;
	return NULL;
}

void command_tables(const struct command *cmd, const struct opt *fields,
		    const struct opt *ret[OPT_TABLES_MAX])
{
	size_t n = 0;

	if (fields)
		ret[n++] = fields;
	for (size_t i = 0; cmd->opts[i] && n < OPT_TABLES_MAX - 2; i++)
		ret[n++] = cmd->opts[i];
	ret[n++] = global_opts;
	ret[n] = NULL;
}

char *kebab(const char *field)
{
	struct buf b = {0};

	for (const char *p = field; *p; p++) {
		bool upper = *p >= 'A' && *p <= 'Z';
		char c = upper ? *p + ('a' - 'A') : *p;

		if (upper && p != field)
			buf_puts(&b, "-");
		buf_add(&b, &c, 1);
	}
	return buf_take(&b);
}

const struct field *kind_field(const struct kind *k, const char *text)
{
	for (const struct field *f = k->fields; f->name; f++) {
		cleanup_free char *name = kebab(f->name);

		if (!strcasecmp(text, f->name) || (name && !strcmp(text, name)))
			return f;
	}
	return NULL;
}
