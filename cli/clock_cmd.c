/* SPDX-License-Identifier: MIT
 * vpcctl clock: the time by which idle time-outs are measured.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

static int show(struct cli *c, const struct json *clock)
{
	if (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE) {
		output_object(&c->out, clock, "OffsetSeconds");
		return EXIT_DONE;
	}
	printf("%g s ahead of real time%s\n", json_num(json_get(clock, "OffsetSeconds")),
	       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	return EXIT_DONE;
}

static int advance(struct cli *c, const char *by, struct json **ret)
{
	cleanup_json struct json *body = json_new_obj();
	cleanup_buf struct buf path = {0};
	long ms = duration_parse(by);

	if (ms <= 0)
		return cli_usage(c, "%s is no duration: give 350s, 500ms, 6m or 2h", by);
	json_set_num(body, "AdvanceSeconds", (double)ms / 1000);
	buf_puts(&path, "/v1/clock");
	cli_change_query(c, &path);
	return client_call(c, "POST", buf_str(&path), body, ret);
}

int cmd_clock(struct cli *c)
{
	cleanup_json struct json *clock = NULL;
	char **words = c->args.pos;
	int n = c->args.n_pos, r;

	if (n == 2 && !strcmp(words[0], "advance"))
		r = advance(c, words[1], &clock);
	else if (!n || (n == 1 && !strcmp(words[0], "show")))
		r = client_get(c, "/v1/clock", &clock);
	else
		return cli_usage(c, "clock show, or clock advance DURATION");
	return r ? r : show(c, clock);
}
