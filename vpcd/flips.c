/* SPDX-License-Identifier: MIT
 * See flips.h. By which rule is told at the gate that refuses: on the side that denies, what
 * refused; on the side that allows, what the same gate found.
 */
#include "vpcd/flips.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vpcd/services.h"

int flips_init(struct flips *f, const struct twin *before, const struct twin *after, struct err *e)
{
	*f = (struct flips){.env = {[BEFORE] = twin_env(before), [AFTER] = twin_env(after)}};
	for (int side = 0; side < SIDES; side++) {
		f->trace[side] = calloc(1, sizeof(*f->trace[side]));
		if (!f->trace[side]) {
			flips_done(f);
			return err_sys(e, -ENOMEM, "traces");
		}
	}
	f->list = json_new_arr();
	return 0;
}

void flips_done(struct flips *f)
{
	for (int side = 0; side < SIDES; side++)
		free(f->trace[side]);
	json_free(f->list);
	*f = (struct flips){0};
}

static struct trace_query query_of(const struct flip_case *c, int side)
{
	return (struct trace_query){.from = &c->from->at[side],
				    .to = &c->to->at[side],
				    .service = c->service,
				    .from_port = c->from_port,
				    .family = c->family,
				    .verdict_only = true};
}

enum flip_answer flips_ask(struct flips *f, int side, const struct flip_case *c)
{
	const struct trace_query q = query_of(c, side);

	memset(f->trace[side], 0, offsetof(struct trace_path, legs));
	f->trace[side]->back.n = 0;
	if (!c->from->there[side] || !c->to->there[side])
		return ANSWER_ABSENT;
	f->traces++;
	if (trace_run(&f->env[side], &q, f->trace[side], NULL)) {
		f->trace[side]->forward.n = 0;
		return ANSWER_DENY;
	}
	return f->trace[side]->allowed ? ANSWER_ALLOW : ANSWER_DENY;
}

/* ---- by which rule or route ---- */

struct gate {
	bool back; /* on the reply's way */
	uint32_t kind;
	bool egress;
};

static const struct trace_path *path_of(const struct trace *t, bool back)
{
	return back ? &t->back : &t->forward;
}

static bool gate_of_refusal(const struct trace *t, struct gate *ret)
{
	const struct trace_leg *leg;
	const struct trail_hop *h;

	ret->back = !t->forward.reason;
	h = trace_refusal(path_of(t, ret->back), &leg);
	if (!h || h->reason != path_of(t, ret->back)->reason)
		return false;
	ret->kind = h->kind;
	ret->egress = h->egress;
	return true;
}

/* The hop of a path where it passes such a gate: the one that refuses, else the last. */
static const struct trail_hop *hop_at(const struct trace_path *p, const struct gate *g,
				      const struct trace_leg **ret_leg)
{
	const struct trail_hop *found = NULL;

	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->legs[i].trail.n && j < TRAIL_HOPS; j++) {
			const struct trail_hop *h = &p->legs[i].trail.hops[j];

			if (h->kind != g->kind || (h->egress != 0) != g->egress ||
			    (found && found->reason))
				continue;
			found = h;
			*ret_leg = &p->legs[i];
		}
	return found;
}

/* Without a gate that refuses, the receiver's groups have the last word. */
static struct gate deciding_gate(const struct flips *f, const enum flip_answer answers[SIDES])
{
	struct gate g;

	for (int side = 0; side < SIDES; side++)
		if (answers[side] == ANSWER_DENY && f->trace[side]->forward.n &&
		    gate_of_refusal(f->trace[side], &g))
			return g;
	return (struct gate){.kind = TRAIL_GROUPS};
}

static struct json *side_json(const struct flips *f, int side, const struct flip_case *c,
			      enum flip_answer answer, const struct gate *g)
{
	static const char *const words[] = {"absent", "deny", "allow"};
	const struct trace_query q = query_of(c, side);
	const struct trace *t = f->trace[side];
	const struct trace_path *refused = t->forward.reason ? &t->forward : &t->back;
	const struct trace_leg *leg = NULL;
	const struct trail_hop *h;
	struct json *out = json_new_obj();

	json_set_str(out, "Verdict", words[answer]);
	if (answer == ANSWER_ABSENT)
		return out;
	if (!t->forward.n) {
		json_set_str(out, "Text", "the ends have no address in common");
		return out;
	}
	if (answer == ANSWER_DENY) {
		json_set_str(out, "Code", trace_code(&f->env[side], &q, refused));
		json_set_str(out, "Reason", drop_reason_name(refused->reason));
		json_set_str(out, "Text", drop_reason_text(refused->reason));
		if (refused == &t->back)
			json_set_bool(out, "Reply", true);
	}
	h = hop_at(path_of(t, g->back), g, &leg);
	if (h)
		json_set(out, "By", trace_hop_json(&f->env[side], leg, h));
	return out;
}

/* ---- flips ---- */

static bool side_equal(const struct json *a, const struct json *b, const char *side)
{
	return json_equal(json_get(a, side), json_get(b, side));
}

/* A range of ports that follows the one that was listed last and flips alike is one with it. */
static bool last_widen(struct flips *f, const struct flip_case *c, const struct json *flip)
{
	if (!f->last.flip || !c->to_port || f->last.from != c->from || f->last.to != c->to ||
	    f->last.protocol != c->service.protocol || f->last.to_port + 1 != c->service.port ||
	    !side_equal(f->last.flip, flip, "Before") || !side_equal(f->last.flip, flip, "After"))
		return false;
	json_set_num(f->last.flip, "ToPort", c->to_port);
	f->last.to_port = c->to_port;
	return true;
}

static struct json *flip_json(const struct flips *f, const struct flip_case *c,
			      const enum flip_answer answers[SIDES])
{
	const struct gate g = deciding_gate(f, answers);
	struct json *j = json_new_obj();
	char text[32];

	json_set_str(j, "Change", answers[AFTER] == ANSWER_ALLOW ? "opens" : "closes");
	json_set_str(j, "From", c->from->name);
	json_set_str(j, "To", c->to->name);
	if (json_len(c->from_alike))
		json_set(j, "FromAlike", json_copy(c->from_alike));
	if (json_len(c->to_alike))
		json_set(j, "ToAlike", json_copy(c->to_alike));
	json_set_str(j, "Service", trace_service_format(&c->service, text, sizeof(text)));
	if (c->to_port > c->service.port)
		json_set_num(j, "ToPort", c->to_port);
	if (c->packets > 0)
		json_set_num(j, "Packets", c->packets);
	if (c->test)
		json_set_str(j, "Test", c->test);
	json_set(j, "Before", side_json(f, BEFORE, c, answers[BEFORE], &g));
	json_set(j, "After", side_json(f, AFTER, c, answers[AFTER], &g));
	return j;
}

static void flip_add(struct flips *f, const struct flip_case *c,
		     const enum flip_answer answers[SIDES])
{
	struct json *flip;

	if (f->opened + f->closed >= FLIPS_SHOWN) {
		f->last.flip = NULL;
		f->more++;
		return;
	}
	flip = flip_json(f, c, answers);
	if (last_widen(f, c, flip)) {
		json_free(flip);
		return;
	}
	if (answers[AFTER] == ANSWER_ALLOW)
		f->opened++;
	else
		f->closed++;
	json_append(f->list, flip);
	f->last.flip = flip;
	f->last.from = c->from;
	f->last.to = c->to;
	f->last.protocol = c->service.protocol;
	f->last.to_port = c->to_port;
}

int flips_case(struct flips *f, const struct flip_case *c, struct err *e)
{
	enum flip_answer answers[SIDES];

	if (f->traces >= FLIPS_TRACES_MAX)
		return err_set(e, -ENOSPC, "LimitExceeded", "",
			       "more than %d traces: ask for less, by tests of what matters",
			       FLIPS_TRACES_MAX);
	f->cases++;
	for (int side = 0; side < SIDES; side++)
		answers[side] = flips_ask(f, side, c);
	if ((answers[BEFORE] == ANSWER_ALLOW) != (answers[AFTER] == ANSWER_ALLOW))
		flip_add(f, c, answers);
	return 0;
}

/* ---- services ---- */

static int service_cmp(const void *a, const void *b)
{
	const struct trace_service *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->type > y->type) - (x->type < y->type);
}

/* The last port before the next service's: all rules are of one mind about what lies between. */
static uint16_t range_end(const struct services *s, size_t i)
{
	const struct trace_service *v = &s->v[i];

	if (v->protocol != IPPROTO_TCP && v->protocol != IPPROTO_UDP)
		return 0;
	return i + 1 < s->n && v[1].protocol == v->protocol ? (uint16_t)(v[1].port - 1) : 65535;
}

int flips_services(struct flips *f, const struct flip_case *c, struct err *e)
{
	struct services all = {0};
	struct flip_case one = *c;
	int rc = 0;

	for (int side = 0; side < SIDES && !rc; side++)
		if (c->from->there[side] && c->to->there[side])
			rc = services_between(&f->env[side], &c->from->at[side], &c->to->at[side],
					      &all);
	if (rc)
		err_sys(e, rc, "services");
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), service_cmp);
	for (size_t i = 0; i < all.n && !rc; i++) {
		one.service = all.v[i];
		one.to_port = range_end(&all, i);
		rc = flips_case(f, &one, e);
	}
	services_done(&all);
	return rc;
}
