/* SPDX-License-Identifier: MIT
 * vpcctl validate, diff, up, down, export, labs: one plan, three verbs.
 */
#include <string.h>

#include "cli/steps.h"
#include "cli/test_cmd.h"
#include "lib/buf.h"
#include "model/topology.h"

static const char *member(const struct json *obj, const char *key)
{
	const char *s = json_str(json_get(obj, key));

	return s ? s : "";
}

static struct plan_counts plan_print(const struct cli *c, const struct json *answer)
{
	const struct json *steps = json_get(answer, "Steps");

	if (c->out.quiet)
		return steps_count(steps);
	if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
		return steps_print(c, steps);
	output_object(&c->out, answer, "Lab");
	return steps_count(steps);
}

/* ---- requests ---- */

struct progress {
	struct cli *c;
	bool tty;
	unsigned n;
};

/* One event of the lab while its change is being applied. */
static bool progress_line(void *arg, const char *line, size_t len)
{
	struct progress *p = arg;
	cleanup_json struct json *ev = NULL;
	const char *state;

	if (p->c->out.quiet || json_parse(line, len, false, &ev, NULL))
		return true;
	p->n++;
	/* A deleted object's state is the one that it had. */
	state = strcmp(member(ev, "Type"), "deleted") ? member(ev, "State") : "";
	if (!*state)
		state = member(ev, "Type");
	fprintf(stderr, "%s[%u] %s %s: %s%s", p->tty ? "\r\033[K" : "", p->n, member(ev, "Kind"),
		*member(ev, "Name") ? member(ev, "Name") : member(ev, "Id"), state,
		p->tty ? "" : "\n");
	fflush(stderr);
	return true;
}

static void progress_end(const struct progress *p)
{
	if (p->tty && p->n)
		fputs("\r\033[K", stderr);
}

static double revision_now(struct cli *c)
{
	struct request rq = {.method = "GET", .path = "/v1/status", .timeout_ms = 5000};
	struct response resp;
	double revision;

	client_perform(c, &rq, &resp);
	revision = json_num(json_get(resp.json, "Revision"));
	response_done(&resp);
	return revision;
}

/* After Ctrl-C or a time-out: did the transaction happen? */
static int report_unfinished(struct cli *c, const struct response *resp, double revision_before)
{
	int r = resp->outcome == CALL_TIMED_OUT ? EXIT_TIMED_OUT : EXIT_INTERRUPTED;
	double now = revision_now(c);

	if (now > revision_before)
		return cli_fail(c, r,
				"%s; the change is committed (revision %.0f) and is being applied: "
				"see `vpcctl events -f --since %.0f`",
				r == EXIT_TIMED_OUT ? "timed out" : "interrupted", now,
				revision_before);
	return cli_fail(c, r, "%s; nothing was changed",
			r == EXIT_TIMED_OUT ? "timed out" : "interrupted");
}

static int plan_call(struct cli *c, const char *method, const char *path,
		     const struct topology_file *t, struct json **ret)
{
	cleanup_buf struct buf dry = {0};
	struct request rq = {.method = method, .timeout_ms = cli_timeout(c)};
	struct response resp;
	int r;

	buf_puts(&dry, path);
	query_add(&dry, "dry_run", "1");
	rq.path = buf_str(&dry);
	rq.body = t ? t->text : NULL;
	rq.body_len = t ? t->len : 0;
	if (rq.timeout_ms < 0)
		return EXIT_USAGE;
	client_perform(c, &rq, &resp);
	r = topology_report(c, t, &resp);
	*ret = TAKE(resp.json);
	return r;
}

static int change_call(struct cli *c, const char *method, const char *path,
		       const struct topology_file *t, const char *lab, struct json **ret)
{
	struct progress p = {.c = c, .tty = isatty(STDERR_FILENO)};
	cleanup_buf struct buf full = {0}, watch = {0};
	double revision = revision_now(c);
	struct request rq = {.method = method, .timeout_ms = cli_timeout(c)};
	struct response resp;
	int r;

	buf_puts(&full, path);
	cli_change_query(c, &full);
	buf_printf(&watch, "/v1/events?watch=1&since=%.0f", revision);
	query_add(&watch, "Lab", lab);
	rq.path = buf_str(&full);
	rq.body = t ? t->text : NULL;
	rq.body_len = t ? t->len : 0;
	rq.watch_path = buf_str(&watch);
	rq.on_line = progress_line;
	rq.arg = &p;
	client_perform(c, &rq, &resp);
	progress_end(&p);
	if (resp.outcome == CALL_TIMED_OUT || resp.outcome == CALL_INTERRUPTED)
		return report_unfinished(c, &resp, revision);
	r = topology_report(c, t, &resp);
	*ret = TAKE(resp.json);
	return r;
}

static bool confirm(struct cli *c, const struct plan_counts *n)
{
	char answer[16] = "";

	if (!n->delete || args_has(&c->args, "yes") || !isatty(STDIN_FILENO))
		return true;
	fprintf(stderr, "Delete or replace %u object%s? [y/N] ", n->delete,
		n->delete == 1 ? "" : "s");
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

/* Names the objects that ended in state failed. */
static int result_report(struct cli *c, const struct json *answer)
{
	const struct json *failed = json_get(answer, "Failed");

	json_for_each (f, failed)
		fprintf(stderr, "vpcctl: %s %s failed: %s\n", member(f, "Kind"),
			*member(f, "Name") ? member(f, "Name") : member(f, "Id"),
			member(f, "Reason"));
	if (!c->out.quiet && !json_len(failed))
		fprintf(stderr, "%s: revision %.0f %s\n", member(answer, "Lab"),
			json_num(json_get(answer, "Revision")),
			args_has(&c->args, "no-wait") ? "committed" : "applied");
	return json_len(failed) ? EXIT_REFUSED : EXIT_DONE;
}

/* Plan, question, change: what up and down have in common. */
static int plan_then_change(struct cli *c, const char *method, const char *path,
			    const struct topology_file *t, const char *lab)
{
	cleanup_json struct json *plan = NULL, *answer = NULL;
	bool json = c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_PATH;
	bool dry = args_has(&c->args, "dry-run");
	struct plan_counts n;
	int r = plan_call(c, method, path, t, &plan);

	if (r)
		return r;
	/* For programs the answer of the change itself is printed, once. */
	n = json && !dry ? steps_count(json_get(plan, "Steps")) : plan_print(c, plan);
	if (dry)
		return EXIT_DONE;
	if (!confirm(c, &n))
		return cli_fail(c, EXIT_REFUSED, "nothing was changed");
	r = change_call(c, method, path, t, lab, &answer);
	if (r)
		return r;
	if (json)
		plan_print(c, answer);
	return result_report(c, answer);
}

static void topology_path(const struct cli *c, const struct topology_file *t, struct buf *path)
{
	buf_puts(path, "/v1/topology?prune=1");
	query_add(path, "Lab", topology_file_lab(c, t));
	query_add(path, "Directory", t->directory);
	if (args_has(&c->args, "adopt"))
		query_add(path, "adopt", "1");
}

/* ---- commands ---- */

int cmd_diff(struct cli *c)
{
	cleanup(topology_file_done) struct topology_file t = {0};
	cleanup_json struct json *plan = NULL;
	cleanup_buf struct buf path = {0};
	struct plan_counts n;
	int r = topology_file_read(c, &t);

	if (r)
		return r;
	topology_path(c, &t, &path);
	r = plan_call(c, "POST", buf_str(&path), &t, &plan);
	if (r)
		return r;
	n = plan_print(c, plan);
	return n.add || n.change || n.delete ? EXIT_REFUSED : EXIT_DONE;
}

int cmd_up(struct cli *c)
{
	cleanup(topology_file_done) struct topology_file t = {0};
	cleanup_buf struct buf path = {0};
	int r = topology_file_read(c, &t);

	if (r)
		return r;
	topology_path(c, &t, &path);
	r = plan_then_change(c, "POST", buf_str(&path), &t, topology_file_lab(c, &t));
	if (!r && args_has(&c->args, "test") && !args_has(&c->args, "dry-run"))
		r = tests_run(c, &t);
	return r;
}

int cmd_down(struct cli *c)
{
	cleanup(topology_file_done) struct topology_file t = {0};
	const char *lab = config_get(&c->config, SETTING_LAB);
	cleanup_buf struct buf path = {0};
	int r;

	if (!lab) {
		r = topology_file_read(c, &t);
		if (r)
			return r;
		lab = topology_file_lab(c, &t);
	}
	buf_puts(&path, "/v1/topology");
	query_add(&path, "Lab", lab);
	return plan_then_change(c, "DELETE", buf_str(&path), NULL, lab);
}

int cmd_export(struct cli *c)
{
	cleanup_json struct json *doc = NULL;
	cleanup_buf struct buf path = {0};
	int r;

	buf_puts(&path, "/v1/topology");
	query_add(&path, "Lab", config_get(&c->config, SETTING_LAB));
	if (args_has(&c->args, "canonical"))
		query_add(&path, "canonical", "1");
	r = client_get(c, buf_str(&path), &doc);
	if (r)
		return r;
	if (c->out.format != OUTPUT_PATH)
		c->out.format = OUTPUT_JSON;
	output_object(&c->out, doc, "Lab");
	return EXIT_DONE;
}

static int labs_list(struct cli *c)
{
	static const struct column cols[] = {{"lab", "Lab", false},
					     {"objects", "Objects", false},
					     {"sandboxes", "Sandboxes", false}};
	cleanup_json struct json *answer = NULL;
	int r = client_get(c, "/v1/labs", &answer);

	if (r)
		return r;
	r = output_rows(&c->out, json_get(answer, "Items"), cols, ARRAY_SIZE(cols), "Lab");
	return r ? EXIT_USAGE : EXIT_DONE;
}

static int lab_set(struct cli *c, const char *lab)
{
	const char *loss = args_value(&c->args, "packet-loss-percent");
	cleanup_json struct json *body = json_new_obj(), *answer = NULL;
	cleanup_buf struct buf path = {0};
	char *end;
	long n = loss ? strtol(loss, &end, 10) : 0;
	int r;

	if (!loss || !*loss || *end)
		return cli_usage(c, "labs set LAB --packet-loss-percent N");
	json_set_num(body, "PacketLossPercent", (double)n);
	buf_puts(&path, "/v1/labs/");
	url_add(&path, lab);
	cli_change_query(c, &path);
	r = client_call(c, "PATCH", buf_str(&path), body, &answer);
	if (!r && !c->out.quiet)
		printf("%s: internet hosts lose %ld %% of the packets each way%s\n", lab, n,
		       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	return r;
}

int cmd_labs(struct cli *c)
{
	char **words = c->args.pos;

	if (c->args.n_pos == 2 && !strcmp(words[0], "set"))
		return lab_set(c, words[1]);
	if (c->args.n_pos)
		return cli_usage(c, "labs, or labs set LAB --packet-loss-percent N");
	return labs_list(c);
}

/* ---- validate ---- */

static void fault_json(struct json *errors, const struct fault *f)
{
	struct json *j = json_new_obj();

	json_set_str(j, "Pointer", f->pointer);
	json_set_num(j, "Line", f->line);
	json_set_num(j, "Column", f->col);
	json_set_str(j, "Code", f->err.code);
	json_set_str(j, "Message", f->err.msg);
	json_append(errors, j);
}

static void verdict_print(struct cli *c, const struct topology_file *t, const char *lab,
			  size_t objects, const struct faults *faults)
{
	cleanup_json struct json *j = NULL;
	struct json *errors;

	if (c->out.format != OUTPUT_JSON && c->out.format != OUTPUT_PATH) {
		for (size_t i = 0; i < faults->n; i++)
			topology_fault_print(t, faults->v[i].pointer, faults->v[i].line,
					     faults->v[i].col, faults->v[i].err.code,
					     faults->v[i].err.msg);
		if (!faults->n && !c->out.quiet)
			printf("%s: valid: lab %s, %zu objects\n", t->files[0].name, lab, objects);
		return;
	}
	j = json_new_obj();
	errors = json_new_arr();
	json_set_bool(j, "Valid", !faults->n);
	json_set_str(j, "Lab", lab);
	json_set_num(j, "Objects", objects);
	for (size_t i = 0; i < faults->n; i++)
		fault_json(errors, &faults->v[i]);
	json_set(j, "Errors", errors);
	output_object(&c->out, j, "Lab");
}

static int validate_in(struct cli *c, struct store *s, const struct topology_file *t)
{
	cleanup(plan_steps_done) struct plan_steps steps = {0};
	cleanup(faults_done) struct faults faults = {0};
	cleanup_free char *lab = NULL;
	struct txn *txn = txn_begin(s);
	int r;

	if (!txn)
		return cli_fail(c, EXIT_REFUSED, "out of memory");
	r = topology_load(txn, t->text, t->len, config_get(&c->config, SETTING_LAB),
			  topology_file_lab(c, t), t->directory, false, &lab, &steps, &faults);
	txn_abort(txn);
	if (r && !faults.n)
		return cli_fail(c, EXIT_USAGE, "%s: %s", t->files[0].name, strerror(-r));
	verdict_print(c, t, lab, steps.n, &faults);
	return faults.n ? EXIT_USAGE : EXIT_DONE;
}

int cmd_validate(struct cli *c)
{
	cleanup(topology_file_done) struct topology_file t = {0};
	struct store_config cfg = {0};
	struct store *s = NULL;
	struct err e = {0};
	int r = topology_file_read(c, &t);

	if (r)
		return r;
	if (store_open(":memory:", &cfg, &s, &e))
		return cli_fail_err(c, EXIT_REFUSED, &e);
	r = validate_in(c, s, &t);
	store_close(s);
	return r;
}
