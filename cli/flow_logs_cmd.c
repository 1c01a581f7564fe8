/* SPDX-License-Identifier: MIT
 * vpcctl flow-logs: records, as they stand in the logs' files.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "lib/cleanup.h"

static bool write_through(void *arg, const char *data, size_t n)
{
	return fwrite(data, 1, n, stdout) == n && !fflush(stdout);
}

static int print_records(struct cli *c, const char *name)
{
	cleanup_buf struct buf path = {0};

	buf_puts(&path, "/v1/flow-logs/");
	url_add(&path, name);
	buf_puts(&path, "/records");
	if (args_has(&c->args, "follow"))
		query_add(&path, "follow", "1");
	query_add(&path, "tail", args_value(&c->args, "tail"));
	return client_stream(c, buf_str(&path), write_through, NULL);
}

/* Without a name: all of them, each with its header; one alone can be followed. */
int cmd_flow_logs(struct cli *c)
{
	cleanup_json struct json *answer = NULL;
	const struct json *items;
	int r;

	if (c->args.n_pos > 1)
		return cli_usage(c, "which flow log?");
	if (c->args.n_pos)
		return print_records(c, c->args.pos[0]);
	r = client_get(c, "/v1/flow-logs", &answer);
	items = json_get(answer, "Items");
	if (!r && !json_len(items))
		return cli_fail(c, EXIT_NOT_FOUND,
				"there is no flow log: see `vpcctl flow-log create --help`");
	if (!r && json_len(items) > 1 && args_has(&c->args, "follow"))
		return cli_usage(c, "which flow log? There are %zu", json_len(items));
	json_for_each (log, items) {
		if (!r)
			r = print_records(c, json_str(json_get(log, "FlowLogId")));
	}
	return r;
}
