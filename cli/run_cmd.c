/* SPDX-License-Identifier: MIT
 * vpcctl run, exec, shell: commands with our stdio in sandboxes.
 */
#include <string.h>

#include "cli/sandbox.h"
#include "cli/session.h"
#include "lib/buf.h"

static struct session_options session_options_of(const struct cli *c)
{
	return (struct session_options){.interactive = args_has(&c->args, "interactive"),
					.tty = args_has(&c->args, "tty")};
}

static struct json *argv_json(const struct cli *c, int first)
{
	struct json *argv = json_new_arr();

	for (int i = first; i < c->args.n_pos; i++)
		json_append(argv, json_new_str(c->args.pos[i]));
	return argv;
}

/* -e K=V, or -e K for our own value. NULL: none. */
static struct json *environment(const struct cli *c)
{
	struct json *env = NULL;
	const char *pair;
	size_t i = 0;

	while ((pair = args_next(&c->args, "env", &i))) {
		cleanup_free char *key = strndup(pair, strcspn(pair, "="));
		const char *value = strchr(pair, '=');

		value = value ? value + 1 : getenv(pair);
		if (!env)
			env = json_new_obj();
		if (key && value)
			json_set_str(env, key, value);
	}
	return env;
}

/* A terminal's programs want to know which. */
static void terminal_environment(struct json *request, const char *member, bool tty)
{
	const char *term = getenv("TERM");

	if (!tty || !term)
		return;
	if (!json_get(request, member))
		json_set(request, member, json_new_obj());
	if (!json_get(json_get(request, member), "TERM"))
		json_set_str(json_get(request, member), "TERM", term);
}

/* Connects and stays with the command to its end. */
static int session_at(struct cli *c, const char *control, struct json *request,
		      const struct session_options *opt, int *ret_child)
{
	struct err e = {0};
	cleanup_close int ctl = session_connect(control, &e);

	if (ctl < 0)
		return cli_fail_err(c, EXIT_REFUSED, &e);
	if (session_run(ctl, request, opt, ret_child, &e))
		return cli_fail_err(c, EXIT_REFUSED, &e);
	return EXIT_DONE;
}

/* ---- run ---- */

static struct json *run_spec(const struct cli *c)
{
	struct json *spec = sandbox_spec(c, args_has(&c->args, "function"));
	bool detach = args_has(&c->args, "detach");

	json_set(spec, "Command", argv_json(c, 0));
	json_set(spec, "Environment", environment(c));
	terminal_environment(spec, "Environment", !detach && args_has(&c->args, "tty"));
	json_set_str(spec, "WorkingDirectory", args_value(&c->args, "workdir"));
	json_set_str(spec, "Stdio", detach ? "log" : "attach");
	if (args_has(&c->args, "rm"))
		json_set_bool(spec, "AutoRemove", true);
	return spec;
}

/* Deletes the sandbox unless the daemon, which does the same, came first. */
static void remove_quietly(struct cli *c, const char *id)
{
	const struct kind *k = kind_of_id(id);
	struct request rq = {.method = "DELETE", .timeout_ms = cli_timeout(c)};
	cleanup_buf struct buf path = {0};
	struct response resp;

	if (!k)
		return;
	buf_printf(&path, "/v1/%s/%s", k->plural, id);
	rq.path = buf_str(&path);
	client_perform(c, &rq, &resp);
	if (resp.outcome != CALL_ANSWERED || (resp.status >= 300 && resp.status != 404))
		client_report(c, &resp);
	response_done(&resp);
}

static int run_attached(struct cli *c, const char *id, int *ret_child)
{
	struct session_options opt = session_options_of(c);
	cleanup_json struct json *request = json_new_obj();
	cleanup_free char *control = NULL;
	int r = sandbox_control(c, id, &control);

	if (r)
		return r;
	json_set_str(request, "op", "start");
	return session_at(c, control, request, &opt, ret_child);
}

static int run_sandbox(struct cli *c, int *ret_child)
{
	bool function = args_has(&c->args, "function"), detach = args_has(&c->args, "detach");
	cleanup_json struct json *spec = NULL, *obj = NULL;
	cleanup_buf struct buf path = {0};
	int r;

	if (!c->args.n_pos && !detach)
		return cli_usage(c, "which command? (with -d: none, for an idle sandbox)");
	if (detach && (args_has(&c->args, "tty") || args_has(&c->args, "interactive")))
		return cli_usage(c, "-d goes with neither -i nor -t");
	spec = run_spec(c);
	buf_puts(&path, function ? "/v1/functions" : "/v1/instances");
	cli_change_query(c, &path);
	r = client_call(c, "POST", buf_str(&path), spec, &obj);
	if (r)
		return r;
	if (detach || args_has(&c->args, "dry-run")) {
		if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
			puts(object_id(obj));
		else
			output_object(&c->out, obj, function ? "FunctionId" : "InstanceId");
		return EXIT_DONE;
	}
	r = run_attached(c, object_id(obj), ret_child);
	if (args_has(&c->args, "rm"))
		remove_quietly(c, object_id(obj));
	return r;
}

int cmd_run(struct cli *c)
{
	int child = 0;

	return run_sandbox(c, &child) ? EXIT_CHILD_FAILED : child;
}

/* ---- exec, shell ---- */

static int exec_in(struct cli *c, struct json *argv, const struct session_options *opt,
		   int *ret_child)
{
	cleanup_json struct json *request = json_new_obj();
	const char *user = args_value(&c->args, "user");
	cleanup_free char *control = NULL;
	int r;

	json_set_str(request, "op", "exec");
	json_set(request, "argv", argv);
	json_set(request, "env", environment(c));
	terminal_environment(request, "env", opt->tty);
	json_set_str(request, "cwd", args_value(&c->args, "workdir"));
	json_set_num(request, "user", user ? strtoul(user, NULL, 10) : 0);
	r = sandbox_control(c, c->args.pos[0], &control);
	return r ? r : session_at(c, control, request, opt, ret_child);
}

int cmd_exec(struct cli *c)
{
	struct session_options opt = session_options_of(c);
	int first = 1, child = 0;

	/* Options end at the sandbox's name, so that getopt leaves a "--" behind it to us. */
	if (c->args.n_pos > 1 && !strcmp(c->args.pos[1], "--"))
		first = 2;
	if (c->args.n_pos <= first) {
		cli_usage(c, c->args.n_pos ? "which command?" : "which sandbox?");
		return EXIT_CHILD_FAILED;
	}
	return exec_in(c, argv_json(c, first), &opt, &child) ? EXIT_CHILD_FAILED : child;
}

int cmd_shell(struct cli *c)
{
	struct session_options opt = {.interactive = true, .tty = isatty(STDIN_FILENO)};
	struct json *argv;
	int child = 0;

	if (!c->args.n_pos) {
		cli_usage(c, "which sandbox?");
		return EXIT_CHILD_FAILED;
	}
	argv = argv_json(c, 1);
	/* A sandbox sees the host's files. */
	if (!json_len(argv))
		json_append(argv,
			    json_new_str(access("/bin/bash", X_OK) ? "/bin/sh" : "/bin/bash"));
	return exec_in(c, argv, &opt, &child) ? EXIT_CHILD_FAILED : child;
}
