/* SPDX-License-Identifier: MIT
 * vpcctl events, status, config.
 */
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

/* ---- events ---- */

static const struct column event_columns[] = {
	{"revision", "Revision", false}, {"time", "Time", false},     {"type", "Type", false},
	{"kind", "Kind", false},	 {"name", "Name", false},     {"id", "Id", false},
	{"state", "State", false},	 {"reason", "Reason", false}, {"lab", "Lab", true},
};

struct event_reader {
	struct cli *c;
	struct json *all; /* NULL: print each as it comes */
};

/* One event a line: JSON lines for programs, words for people. */
static void event_print(struct cli *c, const struct json *ev)
{
	if (c->out.format == OUTPUT_JSON) {
		cleanup_free char *text = json_print(ev);

		puts(text ? text : "");
		return;
	}
	if (c->out.format == OUTPUT_PATH || c->out.format == OUTPUT_NAME || c->out.quiet) {
		output_object(&c->out, ev, "Id");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(event_columns); i++) {
		cleanup_free char *text = NULL;
		const struct json *v = json_get(ev, event_columns[i].path);

		if (!v || (event_columns[i].wide && c->out.format == OUTPUT_TABLE))
			continue;
		text = value_text(v, c->out.no_trunc);
		printf("%s%s", i ? " " : "", text ? text : "");
	}
	putchar('\n');
}

static bool event_line(void *arg, const char *line, size_t len)
{
	struct event_reader *er = arg;
	struct json *ev = NULL;

	if (json_parse(line, len, false, &ev, NULL))
		return true;
	if (er->all) {
		json_append(er->all, ev);
		return true;
	}
	event_print(er->c, ev);
	json_free(ev);
	return !fflush(stdout);
}

int cmd_events(struct cli *c)
{
	const char *since = args_value(&c->args, "since");
	struct event_reader er = {.c = c};
	cleanup_buf struct buf path = {0};
	int r;

	if (since && strspn(since, "0123456789") != strlen(since))
		return cli_usage(c, "--since takes a revision, not %s", since);
	buf_printf(&path, "/v1/events?since=%s", since ? since : "0");
	query_add(&path, "Lab", args_value(&c->args, "lab"));
	if (args_has(&c->args, "follow"))
		query_add(&path, "watch", "1");
	else
		er.all = json_new_arr();
	r = client_stream_lines(c, buf_str(&path), event_line, &er);
	if (!r && er.all &&
	    output_rows(&c->out, er.all, event_columns, ARRAY_SIZE(event_columns), "Id"))
		r = EXIT_USAGE;
	json_free(er.all);
	return r;
}

/* ---- status, config ---- */

int cmd_status(struct cli *c)
{
	cleanup_json struct json *status = NULL;
	int r = client_get(c, "/v1/status", &status);

	if (!r)
		output_object(&c->out, status, "Instance");
	return r;
}

int cmd_config(struct cli *c)
{
	static const struct column cols[] = {{"setting", "Setting", false},
					     {"value", "Value", false}},
				   with_origin[] = {{"setting", "Setting", false},
						    {"value", "Value", false},
						    {"origin", "Origin", false}};
	bool origin = args_has(&c->args, "origin");
	cleanup_json struct json *rows = json_new_arr();
	char from[512];
	int r;

	if (c->args.n_pos != 1 || strcmp(c->args.pos[0], "show"))
		return cli_usage(c, "config show [--origin]");
	for (int i = 0; i < SETTING_COUNT; i++) {
		struct json *row = json_new_obj();

		json_set_str(row, "Setting", setting_name(i));
		json_set_str(row, "Value", config_get(&c->config, i));
		json_set_str(row, "Origin", setting_origin(&c->config, i, from, sizeof(from)));
		json_append(rows, row);
	}
	c->out.no_trunc = true;
	r = origin ? output_rows(&c->out, rows, with_origin, ARRAY_SIZE(with_origin), "Setting")
		   : output_rows(&c->out, rows, cols, ARRAY_SIZE(cols), "Setting");
	return r ? EXIT_USAGE : EXIT_DONE;
}
