/* SPDX-License-Identifier: MIT
 * vpcctl ps, logs, stop, start, wait, connect, disconnect, delete.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "cli/sandbox.h"
#include "cli/session.h"
#include "lib/buf.h"

static const char *member(const struct json *obj, const char *key)
{
	const char *s = json_str(json_get(obj, key));

	return s ? s : "";
}

/* ---- ps, logs ---- */

static int ps_processes(struct cli *c)
{
	static const struct column cols[] = {{"pid", "pid", false}, {"command", "command", false}};
	cleanup_json struct json *request = json_new_obj(), *answer = NULL;
	cleanup_free char *control = NULL;
	cleanup_close int ctl = -1;
	struct err e = {0};
	int r = sandbox_control(c, c->args.pos[0], &control);

	if (r)
		return r;
	json_set_str(request, "op", "ps");
	ctl = session_connect(control, &e);
	if (ctl < 0 || session_ask(ctl, request, &answer, &e))
		return cli_fail_err(c, EXIT_REFUSED, &e);
	r = output_rows(&c->out, json_get(answer, "processes"), cols, ARRAY_SIZE(cols), "pid");
	return r ? EXIT_USAGE : EXIT_DONE;
}

/* The id member differs by kind: give all rows one. */
static void rows_identify(struct json *rows)
{
	json_for_each (row, rows) {
		const char *id = object_id(row);
		const struct kind *k = kind_of_id(id);

		if (!json_get(row, "Id"))
			json_set_str(row, "Id", id);
		if (!json_get(row, "Kind"))
			json_set_str(row, "Kind", k ? k->name : NULL);
	}
}

int cmd_ps(struct cli *c)
{
	static const struct column cols[] = {
		{"name", "Name", false},
		{"id", "Id", false},
		{"kind", "Kind", false},
		{"state", "State", false},
		{"address", "PrivateIpAddress", false},
		{"ipv6-addresses", "Ipv6Addresses", true},
		{"public-ip", "PublicIp", false},
		{"exit-code", "ExitCode", true},
		{"pid", "Pid", false},
		{"command", "Command", false},
		{"lab", "Lab", true},
		{"subnet-id", "SubnetId", true},
		{"state-reason", "StateReason", true},
	};
	cleanup_json struct json *answer = NULL;
	int r;

	if (c->args.n_pos)
		return ps_processes(c);
	r = client_get(c, "/v1/sandboxes", &answer);
	if (r)
		return r;
	rows_identify(json_get(answer, "Items"));
	r = output_rows(&c->out, json_get(answer, "Items"), cols, ARRAY_SIZE(cols), "Id");
	return r ? EXIT_USAGE : EXIT_DONE;
}

static bool write_through(void *arg, const char *data, size_t n)
{
	return fwrite(data, 1, n, stdout) == n && !fflush(stdout);
}

int cmd_logs(struct cli *c)
{
	cleanup_buf struct buf path = {0};

	if (c->args.n_pos != 1)
		return cli_usage(c, "which sandbox?");
	buf_puts(&path, "/v1/sandboxes/");
	url_add(&path, c->args.pos[0]);
	buf_puts(&path, "/logs");
	if (args_has(&c->args, "follow"))
		query_add(&path, "follow", "1");
	query_add(&path, "tail", args_value(&c->args, "tail"));
	return client_stream(c, buf_str(&path), write_through, NULL);
}

/* ---- stop, start ---- */

/* With the daemon down its supervisor still listens. */
static int stop_directly(struct cli *c, const char *name)
{
	cleanup_json struct json *request = json_new_obj(), *answer = NULL;
	cleanup_free char *control = NULL;
	cleanup_close int ctl = -1;
	struct err e = {0};
	int r = sandbox_control(c, name, &control);

	if (r)
		return r;
	json_set_str(request, "op", "kill");
	json_set_num(request, "signal", 15);
	json_set_num(request, "grace_ms", 10000);
	ctl = session_connect(control, &e);
	if (ctl < 0 || session_ask(ctl, request, &answer, &e))
		return cli_fail_err(c, EXIT_REFUSED, &e);
	return EXIT_DONE;
}

static bool daemon_answers(struct cli *c)
{
	struct request rq = {.method = "GET", .path = "/healthz", .timeout_ms = 5000};
	struct response resp;
	bool up;

	client_perform(c, &rq, &resp);
	up = resp.outcome != CALL_UNREACHABLE;
	response_done(&resp);
	return up;
}

static int desire(struct cli *c, const char *state, const char *done)
{
	cleanup_json struct json *patch = json_new_obj();
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which sandbox?");
	json_set_str(patch, "DesiredState", state);
	for (int i = 0; i < c->args.n_pos; i++) {
		const char *name = c->args.pos[i];
		int r = sandbox_change_named(c, "PATCH", name, patch, NULL);

		if (r)
			worst = r;
		else if (!c->out.quiet)
			printf("%s %s\n", name, done);
	}
	return worst;
}

int cmd_stop(struct cli *c)
{
	int worst = EXIT_DONE;

	if (daemon_answers(c))
		return desire(c, "stopped", "stopped");
	for (int i = 0; i < c->args.n_pos; i++) {
		int r = stop_directly(c, c->args.pos[i]);

		worst = r ? r : worst;
	}
	return c->args.n_pos ? worst : cli_usage(c, "which sandbox?");
}

/* A command that ended by itself is still desired to run: it is stopped first, so that running is a
 * change. */
static int start_again(struct cli *c, const char *name)
{
	cleanup_json struct json *sandbox = NULL, *patch = NULL;
	int r = sandbox_get(c, name, &sandbox);

	if (r || !strcmp(member(sandbox, "State"), "running") || args_has(&c->args, "dry-run"))
		return r;
	patch = json_new_obj();
	json_set_str(patch, "DesiredState", "stopped");
	return sandbox_change(c, "PATCH", object_id(sandbox), patch, NULL);
}

int cmd_start(struct cli *c)
{
	for (int i = 0; i < c->args.n_pos; i++) {
		int r = start_again(c, c->args.pos[i]);

		if (r)
			return r;
	}
	return desire(c, "running", "started");
}

/* ---- wait ---- */

static bool is_over(const struct json *sandbox)
{
	const char *state = member(sandbox, "State");

	return !strcmp(state, "stopped") || !strcmp(state, "failed");
}

/* Ends the stream at the first event of the sandbox. */
static bool event_of_other(void *arg, const char *line, size_t len)
{
	const char *id = arg;

	return !memmem(line, len, id, strlen(id));
}

static int wait_for(struct cli *c, const char *name, struct json **ret)
{
	for (;;) {
		cleanup_json struct json *status = NULL, *sandbox = NULL;
		cleanup_free char *id = NULL;
		char path[96];
		int r = client_get(c, "/v1/status", &status);

		/* The revision first: what happens behind the look is in the stream. */
		if (!r)
			r = sandbox_get(c, name, &sandbox);
		if (r)
			return r;
		if (is_over(sandbox)) {
			*ret = TAKE(sandbox);
			return EXIT_DONE;
		}
		id = strdup(object_id(sandbox));
		snprintf(path, sizeof(path), "/v1/events?watch=1&since=%.0f",
			 json_num(json_get(status, "Revision")));
		r = client_stream_lines(c, path, event_of_other, id);
		if (r)
			return r;
	}
}

int cmd_wait(struct cli *c)
{
	cleanup_json struct json *sandbox = NULL;
	const struct json *code;
	int r;

	if (c->args.n_pos != 1)
		return cli_usage(c, "which sandbox?");
	if (args_has(&c->args, "timeout")) {
		long ms = cli_timeout(c);

		if (ms < 0)
			return EXIT_USAGE;
		client_set_deadline(c, ms);
	}
	r = wait_for(c, c->args.pos[0], &sandbox);
	if (r)
		return r;
	code = json_get(sandbox, "ExitCode");
	if (!code)
		return cli_fail(c, EXIT_REFUSED, "%s is %s: %s", c->args.pos[0],
				member(sandbox, "State"), member(sandbox, "StateReason"));
	printf("%.0f\n", json_num(code));
	return EXIT_DONE;
}

/* ---- connect, disconnect ---- */

/* Whoever has CAP_NET_ADMIN in a namespace that the host's own user namespace owns has it over the
 * fabric's side of the link too. */
static void warn_if_host_owned(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC), owner = -1;
	struct stat ours, theirs;

	if (fd < 0)
		return;
	owner = ioctl(fd, NS_GET_USERNS);
	if (owner < 0 || fstat(owner, &theirs) || stat("/proc/self/ns/user", &ours))
		return;
	if (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
		fprintf(stderr,
			"vpcctl: warning: %s belongs to the host's user namespace: whoever "
			"has CAP_NET_ADMIN in it can get around the isolation\n",
			path);
}

int cmd_connect(struct cli *c)
{
	const char *netns = args_value(&c->args, "netns"), *pid = args_value(&c->args, "pid");
	cleanup_json struct json *spec = NULL, *obj = NULL;
	cleanup_free char *path = NULL;
	cleanup_buf struct buf url = {0};
	int r;

	if (!netns == !pid)
		return cli_usage(c, "which namespace? give --netns PATH or --pid PID");
	if (pid && strspn(pid, "0123456789") != strlen(pid))
		return cli_usage(c, "--pid takes a number, not %s", pid);
	if (netns ? !(path = realpath(netns, NULL)) : asprintf(&path, "/proc/%s/ns/net", pid) < 0)
		return cli_fail(c, EXIT_NOT_FOUND, "%s: %s", netns ? netns : pid, strerror(errno));
	warn_if_host_owned(path);
	spec = sandbox_spec(c, false);
	json_set_str(spec, "NetnsPath", path);
	buf_puts(&url, "/v1/instances");
	cli_change_query(c, &url);
	r = client_call(c, "POST", buf_str(&url), spec, &obj);
	if (r)
		return r;
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
		puts(object_id(obj));
	else
		output_object(&c->out, obj, "InstanceId");
	return EXIT_DONE;
}

static int disconnect_one(struct cli *c, const char *name)
{
	cleanup_json struct json *instance = NULL;
	cleanup_buf struct buf path = {0};
	int r;

	buf_puts(&path, "/v1/instances/");
	url_add(&path, name);
	r = client_get(c, buf_str(&path), &instance);
	if (r)
		return r;
	if (!*member(instance, "NetnsPath"))
		return cli_fail(c, EXIT_REFUSED, "%s was not made by connect: see delete", name);
	return sandbox_change(c, "DELETE", object_id(instance), NULL, NULL);
}

int cmd_disconnect(struct cli *c)
{
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which sandbox?");
	for (int i = 0; i < c->args.n_pos; i++) {
		int r = disconnect_one(c, c->args.pos[i]);

		if (r)
			worst = r;
		else if (!c->out.quiet)
			printf("%s disconnected\n", c->args.pos[i]);
	}
	return worst;
}

/* ---- delete ---- */

static int delete_one(struct cli *c, const char *name)
{
	cleanup_json struct json *obj = NULL, *deleted = NULL;
	cleanup_buf struct buf path = {0};
	int r;

	buf_puts(&path, "/v1/resolve/");
	url_add(&path, name);
	r = client_get(c, buf_str(&path), &obj);
	if (!r)
		r = sandbox_change(c, "DELETE", object_id(obj), NULL, &deleted);
	if (r)
		return r;
	if (c->out.quiet || (c->out.format != OUTPUT_TABLE && c->out.format != OUTPUT_WIDE))
		output_object(&c->out, deleted, json_key(json_first(deleted)));
	else
		printf("%s deleted%s\n", name,
		       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	return EXIT_DONE;
}

int cmd_delete(struct cli *c)
{
	int worst = EXIT_DONE;

	if (!c->args.n_pos)
		return cli_usage(c, "which object?");
	for (int i = 0; i < c->args.n_pos; i++) {
		int r = delete_one(c, c->args.pos[i]);

		worst = r ? r : worst;
	}
	return worst;
}
