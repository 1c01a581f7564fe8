/* SPDX-License-Identifier: MIT
 * vpcctl: the table of commands, and the way from the command line to one of them.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/suggest.h"

const struct opt global_opts[] = {
	{"output", 'o', OPT_VALUE, "FORMAT", "table, wide, json, json=.path, name or tsv",
	 "table wide json name tsv"},
	{"json", 0, OPT_FLAG, NULL, "the same as -o json", NULL},
	{"quiet", 'q', OPT_FLAG, NULL, "print ids only", NULL},
	{"color", 0, OPT_VALUE, "WHEN", "auto, always or never", "auto always never"},
	{"socket", 0, OPT_VALUE, "PATH", "the daemon's socket", "file"},
	{"instance", 0, OPT_VALUE, "NAME", "the daemon's instance", NULL},
	{"help", 'h', OPT_FLAG, NULL, "print this help", NULL},
	{0},
};

static const struct opt main_opts[] = {
	{"version", 'V', OPT_FLAG, NULL, "print the version", NULL},
	{0},
};

const struct opt list_opts[] = {
	{"columns", 0, OPT_VALUE, "A,B", "columns of the table", NULL},
	{"sort", 0, OPT_VALUE, "[-]COLUMN", "order of the rows; - for the other way round", NULL},
	{"filter", 0, OPT_VALUE, "KEY=VALUE", "only rows that match; repeatable", NULL},
	{"no-headers", 0, OPT_FLAG, NULL, "leave the header line out", NULL},
	{"no-trunc", 0, OPT_FLAG, NULL, "print ids in full", NULL},
	{0},
};

const struct opt wait_opts[] = {
	{"timeout", 0, OPT_VALUE, "TIME", "give up waiting after it: 60s, 500ms, 2m", NULL},
	{0},
};

const struct opt change_opts[] = {
	{"dry-run", 0, OPT_FLAG, NULL, "check everything, change nothing", NULL},
	{"no-wait", 0, OPT_FLAG, NULL, "return once the change is committed", NULL},
	{"timeout", 0, OPT_VALUE, "TIME", "give up waiting after it: 60s, 500ms, 2m", NULL},
	{0},
};

static const struct opt file_opts[] = {
	{"file", 'f', OPT_VALUE, "FILE", "topology file, - for stdin; repeatable, later ones patch",
	 "file"},
	{"lab", 'p', OPT_VALUE, "LAB", "name of the lab; else the file's, else its directory's",
	 "lab"},
	{0},
};

static const struct opt lab_opts[] = {
	{"lab", 'p', OPT_VALUE, "LAB", "name of the lab", "lab"},
	{0},
};

static const struct opt yes_opts[] = {
	{"yes", 'y', OPT_FLAG, NULL, "do not ask before deleting or replacing", NULL},
	{0},
};

static const struct opt lab_set_opts[] = {
	{"packet-loss-percent", 0, OPT_VALUE, "N",
	 "of 100 packets to each of its internet hosts, and of those from it, so many are lost",
	 NULL},
	{0},
};

static const struct opt export_opts[] = {
	{"canonical", 0, OPT_FLAG, NULL, "long forms of rules and routes", NULL},
	{0},
};

static const struct opt place_opts[] = {
	{"name", 'n', OPT_VALUE, "NAME", "name of the sandbox", NULL},
	{"subnet", 's', OPT_VALUE, "SUBNET", "subnet of its interface; a function may have several",
	 "subnet"},
	{"security-group", 'g', OPT_VALUE, "GROUP", "security group; repeatable", "security-group"},
	{"ip", 0, OPT_VALUE, "ADDRESS", "private address (default: the lowest free one)", NULL},
	{0},
};

static const struct opt run_opts[] = {
	{"rm", 0, OPT_FLAG, NULL, "delete the sandbox when its command ends", NULL},
	{"detach", 'd', OPT_FLAG, NULL, "leave it running and print its id", NULL},
	{"function", 0, OPT_FLAG, NULL, "make a function, not an instance", NULL},
	{"cap-add", 0, OPT_VALUE, "CAP", "keep a capability: net_raw; repeatable",
	 "net_raw net_admin"},
	{0},
};

static const struct opt child_opts[] = {
	{"env", 'e', OPT_VALUE, "K=V", "environment variable; repeatable", NULL},
	{"interactive", 'i', OPT_FLAG, NULL, "pass stdin on", NULL},
	{"tty", 't', OPT_FLAG, NULL, "give the command a terminal", NULL},
	{"workdir", 'w', OPT_VALUE, "DIR", "working directory", "file"},
	{0},
};

static const struct opt exec_opts[] = {
	{"user", 'u', OPT_VALUE, "UID", "user id within the sandbox (default 0)", NULL},
	{0},
};

static const struct opt logs_opts[] = {
	{"follow", 'f', OPT_FLAG, NULL, "go on as lines come", NULL},
	{"tail", 'n', OPT_VALUE, "N", "only the last N lines", NULL},
	{0},
};

static const struct opt connect_opts[] = {
	{"netns", 0, OPT_VALUE, "PATH", "the network namespace, /run/netns/NAME", "file"},
	{"pid", 0, OPT_VALUE, "PID", "the network namespace of a process", NULL},
	{0},
};

static const struct opt events_opts[] = {
	{"follow", 'f', OPT_FLAG, NULL, "go on as events come", NULL},
	{"since", 0, OPT_VALUE, "REVISION", "only events after this revision", NULL},
	{"lab", 'p', OPT_VALUE, "LAB", "only those of a lab", "lab"},
	{0},
};

static const struct opt capture_opts[] = {
	{"write", 'w', OPT_VALUE, "FILE", "write packets to it, - for stdout", "file"},
	{"count", 'c', OPT_VALUE, "N", "end after N packets", NULL},
	{"any", 0, OPT_FLAG, NULL, "all interfaces of the sandbox, its loopback too", NULL},
	{"drops", 0, OPT_FLAG, NULL, "what it sent or should have got and was dropped, and why",
	 NULL},
	{"all", 0, OPT_FLAG, NULL, "with --drops and no SANDBOX: those of all sandboxes", NULL},
	{"format", 0, OPT_VALUE, "FORMAT", "of FILE: pcapng (default) or pcap", "pcapng pcap"},
	{"snaplen", 's', OPT_VALUE, "BYTES", "keep so much of each packet (default: all)", NULL},
	{"file-size", 'C', OPT_VALUE, "MB", "go on in a new file, FILE0, FILE1 …, after so much",
	 NULL},
	{"files", 'W', OPT_VALUE, "N", "keep N of them: the oldest is written over", NULL},
	{0},
};

static const struct opt trace_opts[] = {
	{"from-port", 0, OPT_VALUE, "PORT", "source port (default: an ephemeral one)", NULL},
	{"size", 0, OPT_VALUE, "BYTES", "of the IP packet, which shall not be fragmented", NULL},
	{"ipv6", '6', OPT_FLAG, NULL, "over IPv6, where both have addresses of both families",
	 NULL},
	{0},
};

static const struct opt report_opts[] = {
	{"live", 0, OPT_FLAG, NULL, "also try real connections; that they disagree is a failure",
	 NULL},
	{"report", 0, OPT_VALUE, "FORM", "of the tests: table (default), tap or junit",
	 "table tap junit"},
	{0},
};

static const struct opt adopt_opts[] = {
	{"adopt", 0, OPT_FLAG, NULL,
	 "take objects of its names that belong to no lab into this one", NULL},
	{0},
};

static const struct opt up_opts[] = {
	{"test", 0, OPT_FLAG, NULL, "then judge the file's Tests", NULL},
	{0},
};

static const struct opt whatif_opts[] = {
	{"tests", 0, OPT_VALUE, "FILE", "ask the pairs of its Tests alone", "file"},
	{"pcap", 0, OPT_VALUE, "FILE", "replay the flows of a capture, - for stdin", "file"},
	{"flow-logs", 0, OPT_VALUE, "FILE", "replay those of flow log records", "file"},
	{"vpc", 0, OPT_VALUE, "VPC", "whose addresses a recording's are that several VPCs have",
	 "vpc"},
	{"all", 0, OPT_FLAG, NULL, "ask every pair, not only those that the change can touch",
	 NULL},
	{0},
};

static const struct opt privilege_opts[] = {
	{"flow-logs", 0, OPT_VALUE, "FILE", "flow log records, plain or gzip, - for stdin", "file"},
	{"port-gap", 0, OPT_VALUE, "N", "join ports with at most N unseen ones between them", NULL},
	{"prefix", 0, OPT_VALUE, "LEN", "take IPv4 addresses for ranges of this length", NULL},
	{"prefix6", 0, OPT_VALUE, "LEN", "likewise IPv6 addresses", NULL},
	{"vpc", 0, OPT_VALUE, "VPC", "whose addresses are meant that several VPCs have", "vpc"},
	{0},
};

static const struct opt graph_opts[] = {
	{"format", 0, OPT_VALUE, "FORMAT", "svg, dot, json or text (default)", "svg dot json text"},
	{"reach", 0, OPT_VALUE, "PORT[/PROTO]", "who may talk to whom on it, not routes", NULL},
	{"lab", 'p', OPT_VALUE, "LAB", "only what is of a lab", "lab"},
	{0},
};

static const struct opt config_opts[] = {
	{"origin", 0, OPT_FLAG, NULL, "say where each value comes from", NULL},
	{0},
};

/* clang-format off */
const struct command commands[] = {
	/* the lab */
	{"validate", NULL, "[FILE]", "Check a topology file, without a daemon",
	 "vpcctl validate -f examples/functions.json", cmd_validate, {file_opts}, .complete = "file"},
	{"diff", NULL, "[FILE]", "Show what up would change; exit 1 if anything",
	 "vpcctl diff -f examples/functions.json", cmd_diff, {file_opts, adopt_opts, wait_opts}, .complete = "file"},
	{"up", NULL, "[FILE]", "Make the lab match its topology file",
	 "vpcctl up -f examples/functions.json", cmd_up, {file_opts, adopt_opts, yes_opts, change_opts, up_opts, report_opts}, .complete = "file"},
	{"down", NULL, "[FILE]", "Delete everything of a lab",
	 "vpcctl down -p shop", cmd_down, {file_opts, yes_opts, change_opts}, .complete = "file"},
	{"export", NULL, "", "Print a lab, or everything, as a topology file",
	 "vpcctl export -p shop > shop.json", cmd_export, {lab_opts, export_opts}, .complete = NULL},
	{"labs", NULL, "[set LAB]", "List the labs, or set what holds for all of one",
	 "vpcctl labs set shop --packet-loss-percent 5", cmd_labs, {list_opts, lab_set_opts, change_opts},
	 .complete = "set"},
	/* sandboxes */
	{"run", NULL, "[--] COMMAND [ARG…]", "Run a command in a new sandbox; its exit code is ours",
	 "vpcctl run --rm -it --subnet shop/public -- sh", cmd_run,
	 {place_opts, run_opts, child_opts, change_opts}, .complete = NULL, .first_ends = true, .runs_child = true},
	{"exec", NULL, "SANDBOX [--] COMMAND [ARG…]", "Run one more command in a sandbox",
	 "vpcctl exec web -- ip address", cmd_exec, {child_opts, exec_opts}, .complete = "sandbox",
	 .first_ends = true, .runs_child = true},
	{"shell", NULL, "SANDBOX [SHELL]", "Open a shell in a sandbox",
	 "vpcctl shell web", cmd_shell, {child_opts, exec_opts}, .complete = "sandbox", .runs_child = true},
	{"ps", NULL, "[SANDBOX]", "List the sandboxes, or the processes of one",
	 "vpcctl ps", cmd_ps, {list_opts}, .complete = "sandbox"},
	{"logs", NULL, "SANDBOX", "Print what a sandbox's command wrote",
	 "vpcctl logs -f --tail 20 web", cmd_logs, {logs_opts}, .complete = "sandbox"},
	{"stop", NULL, "SANDBOX…", "End the command of a sandbox; the sandbox stays",
	 "vpcctl stop web", cmd_stop, {change_opts}, .complete = "sandbox"},
	{"start", NULL, "SANDBOX…", "Start the command of a stopped sandbox",
	 "vpcctl start web", cmd_start, {change_opts}, .complete = "sandbox"},
	{"wait", NULL, "SANDBOX", "Wait for a sandbox's command to end and print its exit code",
	 "vpcctl wait --timeout 60s web", cmd_wait, {wait_opts}, .complete = "sandbox"},
	{"connect", NULL, "", "Give a network namespace of somebody else an interface in a subnet",
	 "vpcctl connect --netns /run/netns/lab --subnet shop/public --name lab", cmd_connect,
	 {place_opts, connect_opts, change_opts}, .complete = NULL},
	{"disconnect", NULL, "SANDBOX…", "Take such an interface away again",
	 "vpcctl disconnect lab", cmd_disconnect, {change_opts}, .complete = "sandbox"},
	{"delete", "rm", "OBJECT…", "Delete objects of any kind",
	 "vpcctl delete web", cmd_delete, {change_opts}, .complete = "sandbox"},
	/* what packets do */
	{"capture", NULL, "SANDBOX [FILTER…]", "Capture what a sandbox sends and receives",
	 "vpcctl capture web tcp port 80 -w - | tshark -r -", cmd_capture, {capture_opts},
	 .complete = "sandbox"},
	{"trace", NULL, "FROM TO[:PORT[/PROTO]]", "Ask the data plane what it would do with a packet; exit 1 if it is blocked",
	 "vpcctl trace orders db:5432/tcp", cmd_trace, {trace_opts}, .complete = "sandbox"},
	{"test", NULL, "[FILE]", "Judge a file's Tests: who may talk to whom; exit 1 if one fails",
	 "vpcctl test -f examples/functions.json --report tap", cmd_test, {file_opts, report_opts}, .complete = "file"},
	{"whatif", NULL, "[FILE]", "Say which verdicts a changed file would flip; exit 1 if one does",
	 "vpcctl whatif -f changed.json", cmd_whatif, {file_opts, whatif_opts, wait_opts}, .complete = "file"},
	{"least-privilege", NULL, "SECURITY-GROUP", "Propose the smallest rules that admit what flow logs saw",
	 "vpcctl least-privilege db --flow-logs flows.log", cmd_least_privilege, {privilege_opts}, .complete = "security-group"},
	{"flow-logs", NULL, "[FLOW-LOG]", "Print the records of flow logs",
	 "vpcctl flow-logs -f traffic", cmd_flow_logs, {logs_opts}, .complete = "flow-log"},
	{"graph", NULL, "", "Draw VPCs, subnets, gateways and sandboxes",
	 "vpcctl graph --format svg > lab.svg", cmd_graph, {graph_opts}, .complete = NULL},
	/* the rest */
	{"events", NULL, "", "Print what changed",
	 "vpcctl events -f --since 10", cmd_events, {events_opts, list_opts}, .complete = NULL},
	{"status", NULL, "", "Show the daemon's state",
	 "vpcctl status", cmd_status, {wait_opts}, .complete = NULL},
	{"clock", NULL, "show|advance DURATION", "Show the network's time, or move it forward (vpcd --lab-clock)",
	 "vpcctl clock advance 350s", cmd_clock, {change_opts}, .complete = "show advance"},
	{"explain", NULL, "KIND[.Field]", "Explain a kind of object or one of its fields",
	 "vpcctl explain subnet.CidrBlock", cmd_explain, {NULL}, .complete = "kinds"},
	{"schema", NULL, "[KIND]", "Print the JSON Schema of topology files, or of a kind's objects",
	 "vpcctl schema > vpcd.schema.json", cmd_schema, {NULL}, .complete = "kinds"},
	{"config", NULL, "show", "Print the settings in use",
	 "vpcctl config show --origin", cmd_config, {config_opts}, .complete = "show"},
	{"completion", NULL, "bash|zsh|fish", "Print a script that completes commands and names",
	 "vpcctl completion bash > /etc/bash_completion.d/vpcctl", cmd_completion, {NULL},
	 .complete = "bash zsh fish"},
	{"help", NULL, "[COMMAND]", "Print help",
	 "vpcctl help up", cmd_help, {NULL}, .complete = NULL},
	{"__complete", NULL, "", NULL, NULL, cmd_complete, {NULL}, .complete = NULL, .first_ends = true},
	{0},
};
/* clang-format on */

static int output_setup(struct cli *c)
{
	const char *format = config_get(&c->config, SETTING_OUTPUT);
	const char *color = config_get(&c->config, SETTING_COLOR);

	if (output_format_parse(&c->out, format))
		return cli_usage(c, "no output format %s: table, wide, json, json=.path, name, tsv",
				 format);
	if (strcmp(color, "auto") && strcmp(color, "always") && strcmp(color, "never"))
		return cli_usage(c, "--color takes auto, always or never, not %s", color);
	c->out.quiet = args_has(&c->args, "quiet");
	c->out.no_headers = args_has(&c->args, "no-headers");
	c->out.no_trunc = args_has(&c->args, "no-trunc");
	c->out.columns = args_value(&c->args, "columns");
	c->out.sort = args_value(&c->args, "sort");
	c->out.filters = &c->args;
	c->out.color = color_wanted(color, STDOUT_FILENO);
	return 0;
}

/* argv[0] is the command's own word. */
static int command_run(struct cli *c, int argc, char **argv)
{
	struct opt *fields = c->command->fields ? kind_opts(c->kind) : NULL;
	const struct opt *tables[OPT_TABLES_MAX];
	char prog[] = "vpcctl";
	int r = EXIT_USAGE;

	command_tables(c->command, fields, tables);
	argv[0] = prog; /* what getopt's messages begin with */
	if (args_parse(&c->args, argc, argv, tables, c->command->first_ends)) {
		fprintf(stderr, "vpcctl: see `vpcctl %s%s%s --help`\n",
			c->kind ? c->kind->name : "", c->kind ? " " : "", c->command->name);
	} else if (args_has(&c->args, "help")) {
		help_command(c->kind, c->command);
		r = EXIT_DONE;
	} else {
		config_load(&c->config, &c->args);
		r = output_setup(c);
		if (!r)
			r = c->command->run(c);
		else if (c->command->runs_child)
			r = EXIT_CHILD_FAILED;
	}
	kind_opts_free(fields);
	return r;
}

static int unknown_verb(struct cli *c, const char *verb)
{
	struct suggestion s = {.wanted = verb};
	char hint[SUGGEST_STRLEN];

	for (const struct command *cmd = kind_commands; cmd->name; cmd++)
		if (!cmd->only || cmd->only == c->kind->kind)
			suggest(&s, cmd->name);
	return cli_fail(c, EXIT_USAGE, "no verb %s for %s%s: see `vpcctl %s --help`", verb,
			c->kind->plural, suggest_text(&s, hint), c->kind->name);
}

/* vpcctl <kind> [<verb>]: no verb lists. */
static int kind_run(struct cli *c, int argc, char **argv)
{
	const char *verb = argc > 1 && *argv[1] != '-' ? argv[1] : NULL;

	if (!verb && argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		help_kind(c->kind);
		return EXIT_DONE;
	}
	c->command = verb_find(c->kind, verb ? verb : "list");
	if (!c->command)
		return unknown_verb(c, verb);
	return verb ? command_run(c, argc - 1, argv + 1) : command_run(c, argc, argv);
}

static int unknown_word(struct cli *c, const char *word)
{
	struct suggestion s = {.wanted = word};
	char hint[SUGGEST_STRLEN];

	for (const struct command *cmd = commands; cmd->name; cmd++)
		suggest(&s, cmd->help ? cmd->name : NULL);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
		suggest(&s, kinds[k]->name);
		suggest(&s, kinds[k]->plural);
	}
	return cli_fail(c, EXIT_USAGE, "no command or kind %s%s: see `vpcctl --help`", word,
			suggest_text(&s, hint));
}

static int main_run(struct cli *c, int argc, char **argv)
{
	const struct opt *tables[] = {main_opts, global_opts, NULL};
	const char *word;

	if (args_parse(&c->args, argc, argv, tables, true))
		return EXIT_USAGE;
	if (args_has(&c->args, "version")) {
		puts("vpcctl " VPCD_VERSION);
		return EXIT_DONE;
	}
	if (!c->args.n_pos || args_has(&c->args, "help")) {
		help_main();
		return c->args.n_pos || args_has(&c->args, "help") ? EXIT_DONE : EXIT_USAGE;
	}
	word = c->args.pos[0];
	c->command = command_find(commands, word);
	c->kind = kind_find(word);
	/* "flow-logs" prints records; with a verb behind it, it is the kind. */
	if (c->kind && (!c->command || (c->args.n_pos > 1 && verb_find(c->kind, c->args.pos[1]))))
		return kind_run(c, c->args.n_pos, c->args.pos);
	c->kind = NULL;
	if (c->command)
		return command_run(c, c->args.n_pos, c->args.pos);
	return unknown_word(c, word);
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	int r;

	r = main_run(&c, argc, argv);
	if (fflush(stdout) || ferror(stdout))
		r = r ? r : EXIT_REFUSED;
	client_free(c.client);
	args_done(&c.args);
	config_done(&c.config);
	return r;
}
