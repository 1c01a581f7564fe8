/* SPDX-License-Identifier: MIT
 * Topology files and labs.
 */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "model/topology.h"

/* ---- answers ---- */

static struct json *step_json(const struct plan_step *s)
{
	static const char *const ops[] = {"create", "update", "replace", "delete"};
	struct json *j = json_new_obj();

	json_set_str(j, "Op", ops[s->op]);
	json_set_str(j, "Kind", kinds[s->kind]->name);
	json_set_str(j, "Id", s->id);
	json_set_str(j, "Name", s->name);
	json_set_str(j, "Detail", s->detail);
	return j;
}

static struct json *answer_new(const char *lab, const struct plan_steps *steps)
{
	struct json *out = json_new_obj(), *arr = json_new_arr();

	for (size_t i = 0; i < steps->n; i++)
		json_append(arr, step_json(&steps->v[i]));
	json_set_str(out, "Lab", lab);
	json_set(out, "Steps", arr);
	json_set(out, "Failed", json_new_arr());
	return out;
}

static void fail_faults(struct request *rq, const struct faults *f)
{
	struct json *errors = json_new_arr();

	fail(rq, &f->v[0].err);
	for (size_t i = 0; i < f->n; i++) {
		struct json *j = json_new_obj();

		json_set_str(j, "Code", f->v[i].err.code);
		json_set_str(j, "Message", f->v[i].err.msg);
		json_set_str(j, "Pointer", f->v[i].pointer);
		if (f->v[i].line) {
			json_set_num(j, "Line", f->v[i].line);
			json_set_num(j, "Column", f->v[i].col);
		}
		json_append(errors, j);
	}
	json_set(json_get(rq->answer, "Error"), "Errors", errors);
}

/* ---- what failed ---- */

static const char *failure_of(const struct object *o)
{
	const struct sandbox *sb = object_sandbox_const(o);

	if (sb)
		return sb->state && !strcmp(sb->state, "failed") ? sb->state_reason : NULL;
	if (o->kind->kind == KIND_NAT_GATEWAY) {
		const struct nat_gateway *n = AS_CONST(nat_gateway, o);

		return n->state && !strcmp(n->state, "failed") ? n->failure_message : NULL;
	}
	if (o->kind->kind == KIND_VPC_PEERING_CONNECTION) {
		const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

		return p->status == PEERING_FAILED ? p->status_message : NULL;
	}
	if (o->kind->kind == KIND_NETWORK_INTERFACE) {
		const struct network_interface *n = AS_CONST(network_interface, o);

		return n->status && !strcmp(n->status, "failed") ? n->status_reason : NULL;
	}
	return NULL;
}

static void list_failed(struct request *rq)
{
	const struct model *m = request_model(rq);
	struct json *failed = json_new_arr();
	const char *lab = rq->finish_arg;

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, m, k) {
			const char *reason = failure_of(o);
			struct json *j;

			if (!reason || !o->lab || strcmp(o->lab, lab))
				continue;
			j = json_new_obj();
			json_set_str(j, "Kind", o->kind->name);
			json_set_str(j, "Id", o->id);
			json_set_str(j, "Name", o->name);
			json_set_str(j, "Reason", reason);
			json_append(failed, j);
		}
	json_set(rq->answer, "Failed", failed);
	json_set_num(rq->answer, "Revision", (double)rq->revision);
}

static void show_revision(struct request *rq)
{
	json_set_num(rq->answer, "Revision", (double)rq->revision);
}

/* ---- handlers ---- */

void post_topology(struct request *rq)
{
	struct plan_steps steps = {0};
	struct faults faults = {0};
	char *lab = NULL;
	struct txn *t = change_begin(rq);

	if (!t)
		return;
	if (topology_load(t, buf_str(&rq->body), rq->body.len, query_get(rq, "Lab"), "default",
			  query_get(rq, "Directory"), query_is_set(rq, "adopt"), &lab, &steps,
			  &faults)) {
		if (faults.n)
			fail_faults(rq, &faults);
		else
			fail_with(rq, 500, "InternalError", "the file could not be loaded");
		txn_abort(t);
	} else {
		succeed(rq, 200, answer_new(lab, &steps));
		change_end(rq, t, list_failed, strdup(lab));
	}
	free(lab);
	plan_steps_done(&steps);
	faults_done(&faults);
}

/* The topology is loaded as for a dry run; with the change still open the daemon compares. */
static void whatif_answer(struct request *rq, const struct txn *t, const char *lab,
			  const struct plan_steps *steps, const struct json *question)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	cleanup_json struct json *answer = NULL;
	struct err e = {0};
	struct json *out;

	answer = h->whatif(h->arg, txn_model(t), lab, question, &e);
	if (!answer)
		return fail(rq, &e);
	out = answer_new(lab, steps);
	json_set(out, "Failed", NULL);
	json_merge(out, answer);
	succeed(rq, 200, out);
}

void post_whatif(struct request *rq)
{
	cleanup_json struct json *question = NULL;
	struct plan_steps steps = {0};
	struct faults faults = {0};
	const char *text;
	char *lab = NULL;
	struct txn *t;

	if (!body_json(rq, &question))
		return;
	text = json_str(json_get(question, "Topology"));
	if (!text)
		return fail_with(rq, 400, "MissingParameter",
				 "Topology is the text of a topology file");
	if (!rq->api->cfg.hooks.whatif)
		return fail_with(rq, 501, "UnsupportedOperation", "this daemon forwards nothing");
	t = change_begin(rq);
	if (!t)
		return;
	if (!topology_load(t, text, strlen(text), query_get(rq, "Lab"), "default",
			   query_get(rq, "Directory"), query_is_set(rq, "adopt"), &lab, &steps,
			   &faults))
		whatif_answer(rq, t, lab, &steps, question);
	else if (faults.n)
		fail_faults(rq, &faults);
	else
		fail_with(rq, 500, "InternalError", "the file could not be loaded");
	txn_abort(t);
	free(lab);
	plan_steps_done(&steps);
	faults_done(&faults);
}

static bool lab_exists(const struct model *m, const char *lab)
{
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, m, k)
			if (o->lab && !strcmp(o->lab, lab))
				return true;
	return false;
}

void delete_topology(struct request *rq)
{
	const char *lab = query_get(rq, "Lab");
	struct plan_steps steps = {0};
	struct txn *t;
	struct err e;

	if (!lab) {
		fail_with(rq, 400, "MissingParameter", "which lab? (Lab=NAME)");
		return;
	}
	if (!lab_exists(request_model(rq), lab)) {
		fail_with(rq, 404, "InvalidLab.NotFound", "no lab %s", lab);
		return;
	}
	t = change_begin(rq);
	if (!t)
		return;
	if (topology_unload(t, lab, &steps, &e)) {
		fail(rq, &e);
		txn_abort(t);
	} else {
		succeed(rq, 200, answer_new(lab, &steps));
		change_end(rq, t, show_revision, NULL);
	}
	plan_steps_done(&steps);
}

void get_topology(struct request *rq)
{
	const char *lab = query_get(rq, "Lab");
	struct json *j;
	struct err e;

	if (lab && !lab_exists(request_model(rq), lab))
		fail_with(rq, 404, "InvalidLab.NotFound", "no lab %s", lab);
	else if (topology_export(request_model(rq), lab, query_is_set(rq, "canonical"), &j, &e))
		fail(rq, &e);
	else
		succeed(rq, 200, j);
}

/* Every internet host of the lab, or none. */
static int hosts_patch(struct txn *t, const char *lab, const struct json *patch, struct err *e)
{
	size_t n = 0;
	int rc = 0;

	model_for_each (o, txn_model(t), KIND_INTERNET_HOST) {
		if (!o->lab || strcmp(o->lab, lab))
			continue;
		rc = txn_update(t, o->id, patch, e);
		if (rc)
			return rc;
		n++;
	}
	return n ? 0
		 : err_set(e, -EPERM, "IncorrectState", "PacketLossPercent",
			   "lab %s has no internet hosts, which alone lose packets", lab);
}

/* {"PacketLossPercent": 5}: of all of its internet hosts. */
void patch_lab(struct request *rq)
{
	const char *lab = rq->segments[2];
	cleanup_json struct json *body = NULL;
	struct txn *t;
	struct err e;

	if (!body_json(rq, &body))
		return;
	if (!lab_exists(request_model(rq), lab)) {
		fail_with(rq, 404, "InvalidLab.NotFound", "no lab %s", lab);
		return;
	}
	if (json_len(body) != 1 || json_type(json_get(body, "PacketLossPercent")) != JSON_NUMBER) {
		fail_with(rq, 400, "InvalidParameterValue",
			  "of a lab PacketLossPercent may be set, a number, and nothing else");
		return;
	}
	t = change_begin(rq);
	if (!t)
		return;
	if (hosts_patch(t, lab, body, &e)) {
		fail(rq, &e);
		txn_abort(t);
		return;
	}
	succeed(rq, 200, json_copy(body));
	change_end(rq, t, show_revision, NULL);
}

void get_labs(struct request *rq)
{
	struct json *out = json_new_obj(), *items = json_new_arr(), *labs = json_new_obj();

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, request_model(rq), k) {
			struct json *lab = o->lab ? json_get(labs, o->lab) : NULL;

			if (!o->lab)
				continue;
			if (!lab) {
				lab = json_new_obj();
				json_set_str(lab, "Lab", o->lab);
				json_set_num(lab, "Objects", 0);
				json_set_num(lab, "Sandboxes", 0);
				json_set(labs, o->lab, lab);
			}
			json_set_num(lab, "Objects", json_num(json_get(lab, "Objects")) + 1);
			if (object_sandbox_const(o))
				json_set_num(lab, "Sandboxes",
					     json_num(json_get(lab, "Sandboxes")) + 1);
		}
	json_for_each (lab, labs)
		json_append(items, json_copy(lab));
	json_free(labs);
	json_set(out, "Items", items);
	succeed(rq, 200, out);
}
