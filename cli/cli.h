/* SPDX-License-Identifier: MIT
 * vpcctl: what all its commands share. A command is one line of a table (struct command); main.c
 * finds it, parses its options and runs it with one struct cli. Commands print data on stdout and
 * the rest on stderr, and return an exit code.
 */
#ifndef VPCD_CLI_CLI_H
#define VPCD_CLI_CLI_H

#include "cli/args.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/output.h"
#include "lib/err.h"
#include "lib/json.h"
#include "model/schema.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* refused or failed; diff: differs */
	EXIT_USAGE = 2,	  /* usage or invalid file */
	EXIT_NOT_FOUND = 3,
	EXIT_UNREACHABLE = 4,
	EXIT_TIMED_OUT = 5,
	EXIT_CHILD_FAILED = 125, /* run, exec: vpcctl itself failed */
	EXIT_INTERRUPTED = 130,
};

struct cli {
	struct config config;
	struct args args;
	struct output out;
	struct client *client; /* made at the first call */
	const struct command *command;
	const struct kind *kind; /* of `vpcctl <kind> <verb>` */
};

struct command {
	const char *name;
	const char *aliases; /* with spaces between them; NULL: none */
	const char *usage;   /* positional arguments: "FILE…" */
	const char *help;    /* one sentence, no full stop */
	const char *example; /* runnable */
	int (*run)(struct cli *c);
	const struct opt *opts[OPT_TABLES_MAX];
	const char *complete; /* of positional arguments, as in struct opt */
	bool first_ends;      /* options end at the first positional argument */
	bool runs_child;      /* vpcctl's own failures become EXIT_CHILD_FAILED */
	bool fields;	      /* a kind's verb: takes a flag for each of its fields */
	enum kind_id only;    /* a kind's verb: of this kind alone */
};

/* Tables end with .name == NULL. */
extern const struct command commands[];	     /* vpcctl <command>, main.c */
extern const struct command kind_commands[]; /* vpcctl <kind> <verb>, kind_cmd.c */

/* By name or alias; NULL: none. */
const struct command *command_find(const struct command *table, const char *name);
/* A verb that a kind has; NULL: none. */
const struct command *verb_find(const struct kind *k, const char *name);

/* Options that many commands have. */
extern const struct opt global_opts[], list_opts[], change_opts[], wait_opts[], sg_rule_opts[],
	acl_entry_opts[], zone_import_opts[];

/* A command's option tables with a kind's fields and the global ones behind them; fields: what
 * kind_opts() gave, or NULL. */
void command_tables(const struct command *cmd, const struct opt *fields,
		    const struct opt *ret[OPT_TABLES_MAX]);
/* Flags made of a kind's fields; malloc'd, end with kind_opts_free. */
struct opt *kind_opts(const struct kind *k);
void kind_opts_free(struct opt *o);

/* "CidrBlock" -> "cidr-block"; malloc'd. */
char *kebab(const char *field);
/* The field whose kebab-case or own spelling this is; NULL: none. */
const struct field *kind_field(const struct kind *k, const char *text);

/* One object as `show` prints it: its rules, entries or routes as a table beneath. */
void show_object(struct cli *c, struct json *obj);

void help_main(void);
void help_command(const struct kind *k, const struct command *cmd);
void help_kind(const struct kind *k);

/* Prints "vpcctl: …" on stderr (with -o json: an error object) and returns `code`. */
int cli_fail(struct cli *c, enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int cli_fail_err(struct cli *c, enum exit_code code, const struct err *e);
/* A usage error: names the command's help. */
int cli_usage(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "60s", "500ms", "2m", "30" (seconds) to milliseconds; -EINVAL. */
long duration_parse(const char *s);
/* Milliseconds that --timeout or the configuration allows a change; -EINVAL: reported. */
long cli_timeout(struct cli *c);
/* Adds dry_run=1 and wait=0 to a path's query as the options say. */
void cli_change_query(const struct cli *c, struct buf *path);

/* Commands, one file a noun. */
int cmd_validate(struct cli *c);
int cmd_flow_logs(struct cli *c);
int cmd_diff(struct cli *c);
int cmd_up(struct cli *c);
int cmd_down(struct cli *c);
int cmd_export(struct cli *c);
int cmd_labs(struct cli *c);
int cmd_run(struct cli *c);
int cmd_exec(struct cli *c);
int cmd_shell(struct cli *c);
int cmd_ps(struct cli *c);
int cmd_logs(struct cli *c);
int cmd_stop(struct cli *c);
int cmd_start(struct cli *c);
int cmd_wait(struct cli *c);
int cmd_connect(struct cli *c);
int cmd_disconnect(struct cli *c);
int cmd_delete(struct cli *c);
int cmd_events(struct cli *c);
int cmd_status(struct cli *c);
int cmd_clock(struct cli *c);
int cmd_explain(struct cli *c);
int cmd_schema(struct cli *c);
int cmd_config(struct cli *c);
int cmd_completion(struct cli *c);
int cmd_complete(struct cli *c);
int cmd_help(struct cli *c);
int cmd_capture(struct cli *c);
int cmd_graph(struct cli *c);
int cmd_trace(struct cli *c);
int cmd_acl_allow(struct cli *c);
int cmd_acl_deny(struct cli *c);
int cmd_acl_remove(struct cli *c);
int cmd_rtb_add_route(struct cli *c);
int cmd_rtb_set_route(struct cli *c);
int cmd_rtb_delete_route(struct cli *c);
int cmd_pcx_accept(struct cli *c);
int cmd_pcx_reject(struct cli *c);
int cmd_sg_unused(struct cli *c);
int cmd_test(struct cli *c);
int cmd_whatif(struct cli *c);
int cmd_least_privilege(struct cli *c);
int cmd_sg_allow(struct cli *c);
int cmd_sg_revoke(struct cli *c);
int cmd_zone_import(struct cli *c);
int cmd_zone_export(struct cli *c);

#endif
