/* SPDX-License-Identifier: MIT
 * What the API asks of the daemon to show what packets do: captures.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "vpcd/assertions.h"
#include "vpcd/capture.h"
#include "vpcd/daemon.h"
#include "vpcd/privilege.h"
#include "vpcd/reach.h"
#include "vpcd/trace.h"
#include "vpcd/whatif.h"

/* The attachment of a sandbox: its network interface, or for an internet host itself. */
static const char *attachment_of(const struct model *m, const char *id)
{
	const struct object *o = model_get(m, id);

	if (o && o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	if (o && o->kind->kind == KIND_FUNCTION)
		return AS_CONST(function, o)->network_interface_id;
	return o ? o->id : NULL;
}

static enum capture_format capture_format_of(const char *name)
{
	if (!strcmp(name, "text"))
		return CAPTURE_TEXT;
	return strcmp(name, "pcap") ? CAPTURE_PCAPNG : CAPTURE_PCAP;
}

static int no_interface(const char *id, struct err *e)
{
	return err_set(e, -ENOENT, "InvalidNetworkInterfaceID.NotFound", "",
		       "%s has no network interface", id);
}

static uint32_t snaplen_of(const struct api_capture *c)
{
	return c->snaplen < CAPTURE_SNAPLEN ? (uint32_t)c->snaplen : CAPTURE_SNAPLEN;
}

static int capture_sandbox(struct daemon *d, const struct api_capture *c, struct err *e)
{
	const struct model *m = store_model(d->store);
	const struct object *o = model_get(m, c->id);
	const char *at = attachment_of(m, c->id);
	const struct item *it = at ? plan_get(apply_plan(d->apply), ITEM_ATTACHMENT, at) : NULL;
	const struct item_attachment *body = it ? it->body : NULL;
	cleanup_close int netns = -1;
	int rc, fd = -1;

	if (!o || !body)
		return no_interface(c->id, e);
	netns = fabric_open_netns(d->fabric, at, e);
	if (netns < 0)
		return netns;
	struct capture_config cfg = {.netns_fd = netns,
				     .ifname = c->any ? NULL : body->ifname,
				     .description = o->name ? o->name : o->id,
				     .mac = body->mac,
				     .filter = c->filter,
				     .count = c->count,
				     .snaplen = snaplen_of(c),
				     .format = capture_format_of(c->format)};
	rc = capture_start(&cfg, &fd, e);
	return rc ? rc : fd;
}

static int capture_drops(struct daemon *d, const struct api_capture *c, struct err *e)
{
	const struct model *m = store_model(d->store);
	const struct object *o = c->id ? model_get(m, c->id) : NULL;
	const char *at = c->id ? attachment_of(m, c->id) : NULL;
	const struct item *it = at ? plan_get(apply_plan(d->apply), ITEM_ATTACHMENT, at) : NULL;
	struct drop_capture_config cfg = {.attachment = at,
					  .filter = c->filter,
					  .count = c->count,
					  .snaplen = snaplen_of(c),
					  .format = capture_format_of(c->format)};
	int fd, rc;

	if (c->id && (!o || !it))
		return no_interface(c->id, e);
	if (cfg.format == CAPTURE_PCAP)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "format",
			       "pcap files have no place for reasons; pcapng and text have");
	if (o) {
		cfg.ifname = ((const struct item_attachment *)it->body)->ifname;
		cfg.description = o->name ? o->name : o->id;
	}
	rc = drops_capture(d->drops, &cfg, &fd, e);
	return rc ? rc : fd;
}

static int capture(void *arg, const struct api_capture *c, struct err *e)
{
	return c->drops ? capture_drops(arg, c, e) : capture_sandbox(arg, c, e);
}

/* ---- traces ---- */

struct trace_env daemon_trace_env(void *arg)
{
	const struct daemon *d = arg;

	return (struct trace_env){.dp = d->dp,
				  .names = d->names,
				  .plan = apply_plan(d->apply),
				  .model = store_model(d->store)};
}

static int query_members(const struct json *question, struct err *e)
{
	static const char *const known[] = {"From", "To", "FromPort", "Size", "Family"};

	json_for_each (m, question) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			found = found || !strcmp(json_key(m), known[i]);
		if (!found)
			return err_set(e, -EINVAL, "UnknownParameter", json_key(m),
				       "unknown member %.64s of a trace", json_key(m));
	}
	if (!json_str(json_get(question, "From")) || !json_str(json_get(question, "To")))
		return err_set(e, -EINVAL, "MissingParameter", "",
			       "a trace has From and To, both strings");
	return 0;
}

static int query_read(const struct trace_env *env, const struct json *question,
		      struct trace_query *q, struct trace_end *from, struct trace_end *to,
		      struct err *e)
{
	double family = json_num(json_get(question, "Family"));
	int rc = query_members(question, e);

	if (!rc)
		rc = trace_end_parse(env->model, env->plan, json_str(json_get(question, "From")),
				     from, e);
	if (!rc)
		rc = trace_target_parse(env->model, env->plan, json_str(json_get(question, "To")),
					to, &q->service, e);
	if (rc)
		return rc;
	if (q->service.any)
		return err_set(e, -EINVAL, "InvalidParameterValue", "To",
			       "a trace is of one port; any is for tests");
	q->from = from;
	q->to = to;
	q->from_port = (uint16_t)json_num(json_get(question, "FromPort"));
	q->size = (uint32_t)json_num(json_get(question, "Size"));
	q->family = family == 6 ? AF_INET6 : family == 4 ? AF_INET : 0;
	trace_settle(env, q);
	return 0;
}

static struct json *trace(void *arg, const struct json *question, struct err *e)
{
	cleanup_free struct trace *t = calloc(1, sizeof(*t));
	const struct trace_env env = daemon_trace_env(arg);
	struct trace_query q = {0};
	struct trace_end from, to;
	int rc = t ? query_read(&env, question, &q, &from, &to, e) : err_sys(e, -ENOMEM, "trace");

	if (!rc)
		rc = trace_run(&env, &q, t, e);
	return rc ? NULL : trace_json(&env, &q, t);
}

static struct json *test(void *arg, const struct json *question, struct err *e)
{
	const struct trace_env env = daemon_trace_env(arg);

	return assertions_judge(&env, question, NULL, e);
}

static struct json *reach(void *arg, const struct json *question, struct err *e)
{
	const struct trace_env env = daemon_trace_env(arg);

	return reach_judge(&env, question, e);
}

static struct json *whatif(void *arg, const struct model *after, const char *lab,
			   const struct json *question, struct err *e)
{
	struct daemon *d = arg;
	const struct whatif w = {.before = store_model(d->store),
				 .after = after,
				 .max_enis = d->cfg.max_interfaces,
				 .lab = lab};

	return whatif_judge(&w, question, e);
}

static struct json *least_privilege(void *arg, const struct json *question, struct err *e)
{
	struct daemon *d = arg;

	return privilege_judge(d->store, d->cfg.max_interfaces, question, e);
}

static int test_live(void *arg, const struct json *question, struct err *e)
{
	struct daemon *d = arg;
	const struct trace_env env = daemon_trace_env(d);
	struct live_tests *live = live_tests_new(d->fabric);
	struct json *answer = NULL;
	int fd = -1, rc = live ? 0 : err_sys(e, -ENOMEM, "test");

	if (!rc)
		answer = assertions_judge(&env, question, live, e);
	if (!answer) {
		live_tests_free(live);
		return e->rc;
	}
	rc = live_tests_run(live, answer, &fd, e);
	return rc ? rc : fd;
}

void daemon_hooks_observe(struct api_hooks *h)
{
	h->reach = reach;
	h->whatif = whatif;
	h->least_privilege = least_privilege;
	h->test_live = test_live;
	h->test = test;
	h->trace = trace;
	h->capture = capture;
}
