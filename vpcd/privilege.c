/* SPDX-License-Identifier: MIT
 * See privilege.h.
 */
#include "vpcd/privilege.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/buf.h"
#include "model/topology.h"
#include "vpcd/privilege_rules.h"
#include "vpcd/recorded.h"
#include "vpcd/trace_text.h"
#include "vpcd/whatif_pairs.h"

#define NAMES_SHOWN 20

/* By id: rules of the group that decided, groups and how many members they have. */
struct tally {
	char id[SYMBOL_LEN];
	size_t n;
	UT_hash_handle hh;
};

struct privilege {
	struct store *store;
	uint32_t max_enis;
	const struct json *question;
	const struct object *group; /* as it is */
	char *name;		    /* of it, as commands take it */
	struct txn *txn;
	struct twin *now, *bare,
		*proposed; /* the network; with no rules of the group; with these */
	struct tally *used, *members;
	struct needs *needs;
	struct proposal proposal;
	size_t flows, skipped, idle; /* idle: flows that need nothing of the group */
	size_t admitted;
	struct json *not_judged, *refused;
};

/* ---- tallies ---- */

static struct tally *tally_get(struct tally **all, const char *id)
{
	struct tally *t;

	HASH_FIND_STR(*all, id, t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	symbol_set(t->id, id);
	HASH_ADD_STR(*all, id, t);
	return t;
}

static size_t tally_count(struct tally *all, const char *id)
{
	struct tally *t;

	HASH_FIND_STR(all, id, t);
	return t ? t->n : 0;
}

static void tally_free(struct tally *all)
{
	struct tally *t, *tmp;

	HASH_ITER (hh, all, t, tmp) {
		HASH_DEL(all, t);
		free(t);
	}
}

static const struct item_rules *groups_of(const struct trace_env *env, const struct item *eni)
{
	const struct item_eni *body = eni->body;
	const struct item *it =
		body->groups[0] ? plan_get(env->plan, ITEM_GROUPS, body->groups) : NULL;

	return it ? it->body : NULL;
}

static bool set_has(const struct item_rules *set, const char *group)
{
	for (size_t i = 0; set && i < GROUPS_PER_INTERFACE; i++)
		if (!strcmp(set->groups[i], group))
			return true;
	return false;
}

static int members_count(struct privilege *p, struct err *e)
{
	const struct trace_env env = twin_env(p->now);

	for (const struct item *it = plan_next(env.plan, ITEM_ENI, NULL); it;
	     it = plan_next(env.plan, ITEM_ENI, it)) {
		const struct item_rules *set = groups_of(&env, it);

		for (size_t i = 0; set && i < GROUPS_PER_INTERFACE && set->groups[i][0]; i++) {
			struct tally *t = tally_get(&p->members, set->groups[i]);

			if (!t)
				return err_sys(e, -ENOMEM, "groups");
			t->n++;
		}
	}
	return 0;
}

static size_t members_of(void *arg, const char *group)
{
	const struct privilege *p = arg;

	return tally_count(p->members, group);
}

/* ---- the group's gates on a way ---- */

typedef int gate_fn(struct privilege *p, const struct trace_env *env, const struct trace_leg *leg,
		    const struct trail_hop *h, const struct recorded_flow *flow);

/* A record tells of the gates of the interface that saw it alone: the sender's says that a packet
 * left, not that it was let in. */
static bool is_witness(const struct trace_env *env, const struct trace_leg *leg,
		       const struct trail_hop *h, const struct recorded_flow *flow)
{
	const char *eni =
		names_symbol(env->names, NAME_INTERFACE, h->egress ? leg->ifindex : leg->output);

	return !flow->seen_at[0] || (eni && !strcmp(eni, flow->seen_at));
}

static int gates_each(struct privilege *p, const struct trace_env *env, const struct trace_path *w,
		      const struct recorded_flow *flow, gate_fn *fn)
{
	int rc = 0;

	for (size_t i = 0; i < w->n; i++)
		for (size_t j = 0; j < w->legs[i].trail.n && j < TRAIL_HOPS && !rc; j++) {
			const struct trail_hop *h = &w->legs[i].trail.hops[j];
			const struct item *set =
				h->kind == TRAIL_GROUPS ? trace_hop_rules(env, h) : NULL;

			if (set && set_has(set->body, p->group->id) &&
			    is_witness(env, &w->legs[i], h, flow))
				rc = fn(p, env, &w->legs[i], h, flow);
		}
	return rc;
}

static int use_note(struct privilege *p, const struct trace_env *env, const struct trace_leg *leg,
		    const struct trail_hop *h, const struct recorded_flow *flow)
{
	const struct item_rule *rule = h->reason ? NULL : trace_hop_rule(env, h);
	struct tally *t = rule ? tally_get(&p->used, rule->id) : NULL;

	if (rule && !t)
		return -ENOMEM;
	if (t)
		t->n++;
	return 0;
}

static uint16_t service_value(const struct trace_packet *in, const struct trail_hop *h)
{
	if (in->protocol == IPPROTO_ICMP || in->protocol == IPPROTO_ICMPV6)
		return in->type;
	return in->protocol == IPPROTO_TCP || in->protocol == IPPROTO_UDP ? ntohs(h->dport) : 0;
}

static int need_note(struct privilege *p, const struct trace_env *env, const struct trace_leg *leg,
		     const struct trail_hop *h, const struct recorded_flow *flow)
{
	const struct ip128 *peer = h->egress ? &h->daddr : &h->saddr;
	const char *symbol =
		h->peer_groups ? names_symbol(env->names, NAME_GROUPS, h->peer_groups) : NULL;
	const struct item *set = symbol ? plan_get(env->plan, ITEM_GROUPS, symbol) : NULL;
	struct need need = {.egress = h->egress,
			    .protocol = leg->in.protocol,
			    .value = service_value(&leg->in, h),
			    .peer.family = leg->in.family,
			    .flows = 1,
			    .packets = flow->packets};

	if (!h->reason) /* another group admits it */
		return 0;
	memcpy(need.peer.b, peer->b, 16);
	if (set)
		memcpy(need.groups, ((const struct item_rules *)set->body)->groups,
		       sizeof(need.groups));
	return needs_add(p->needs, &need);
}

static int refusal_note(struct privilege *p, const struct trace_env *env,
			const struct trace_leg *leg, const struct trail_hop *h,
			const struct recorded_flow *flow)
{
	return h->reason ? 1 : 0;
}

/* ---- flows, in two twins ---- */

typedef int flow_fn(struct privilege *p, struct flips *f, const struct flip_case *c,
		    const struct recorded_flow *flow, const struct json *record);

static int flow_ask(struct privilege *p, struct flips *f, struct twin *const twins[SIDES],
		    const struct recorded *recorded, const struct json *record, flow_fn *fn,
		    struct err *e)
{
	struct recorded_flow flow;
	int rc = recorded_find(recorded, record, &flow, e);
	struct flip_case c = {.from = &flow.from,
			      .to = &flow.to,
			      .service = flow.service,
			      .from_port = flow.from_port,
			      .family = flow.family};

	for (int side = 0; side < SIDES && !rc && ip_is_set(&flow.guest); side++)
		rc = twin_guest(twins[side], &flow.guest, e);
	if (rc)
		return rc;
	rc = fn(p, f, &c, &flow, record);
	return rc < 0 ? err_sys(e, rc, "flows") : 0;
}

static int flows_each(struct privilege *p, struct flips *f, struct twin *const twins[SIDES],
		      flow_fn *fn, struct err *e)
{
	const char *vpc = json_str(json_get(p->question, "Vpc"));
	struct recorded *recorded = NULL;
	int rc = recorded_open(f->env, vpc, &recorded, e);

	json_for_each (record, json_get(p->question, "Flows"))
		if (!rc)
			rc = flow_ask(p, f, twins, recorded, record, fn, e);
	recorded_free(recorded);
	return rc;
}

static void list_add(struct json *list, const struct json *record, const char *message)
{
	struct json *j;

	if (json_len(list) >= NAMES_SHOWN)
		return;
	j = json_copy(record);
	json_set_str(j, "Message", message);
	json_append(list, j);
}

/* What it needs of the group (bare), and which rules let it pass now. */
static int flow_learn(struct privilege *p, struct flips *f, const struct flip_case *c,
		      const struct recorded_flow *flow, const struct json *record)
{
	size_t before = needs_flows(p->needs);
	int rc = 0;

	if (flow->obstacle[0]) {
		p->skipped++;
		list_add(p->not_judged, record, flow->obstacle);
		return 0;
	}
	p->flows++;
	if (flips_ask(f, BEFORE, c) != ANSWER_ABSENT)
		rc = gates_each(p, &f->env[BEFORE], &f->trace[BEFORE]->forward, flow, use_note);
	if (!rc && flips_ask(f, AFTER, c) != ANSWER_ABSENT)
		rc = gates_each(p, &f->env[AFTER], &f->trace[AFTER]->forward, flow, need_note);
	if (needs_flows(p->needs) == before)
		p->idle++;
	return rc;
}

/* Does the proposal let it pass, as far as the group has a say? */
static int flow_verify(struct privilege *p, struct flips *f, const struct flip_case *c,
		       const struct recorded_flow *flow, const struct json *record)
{
	const struct trace *t = f->trace[AFTER];

	if (flow->obstacle[0])
		return 0;
	if (flips_ask(f, AFTER, c) == ANSWER_ALLOW ||
	    (!gates_each(p, &f->env[AFTER], &t->forward, flow, refusal_note) &&
	     !gates_each(p, &f->env[AFTER], &t->back, flow, refusal_note)))
		p->admitted++;
	else
		list_add(p->refused, record, "the proposed rules refuse it");
	return 0;
}

/* ---- rules in the model ---- */

static const struct security_group_rule *rule_next(const struct model *m, const char *group,
						   const struct object *o)
{
	o = o ? model_next(m, o) : model_first(m, KIND_SECURITY_GROUP_RULE);
	while (o && strcmp(AS_CONST(security_group_rule, o)->group_id, group))
		o = model_next(m, o);
	return o ? AS_CONST(security_group_rule, o) : NULL;
}

static int rules_strip(struct privilege *p, struct err *e)
{
	const struct security_group_rule *r;
	int rc = 0;

	while (!rc && (r = rule_next(txn_model(p->txn), p->group->id, NULL)))
		rc = txn_delete(p->txn, r->o.id, e);
	return rc;
}

static char *rule_text(const struct privilege *p, const struct proposed_rule *r)
{
	struct item_rule it = {
		.protocol = r->protocol, .from = r->from, .to = r->to, .cidr = r->cidr};

	symbol_set(it.group, r->group);
	return trace_rule_text(store_model(p->store), &it, r->egress);
}

static int rule_create(struct privilege *p, const char *text, struct err *e)
{
	const char *vpc = AS_CONST(security_group, p->group)->vpc_id;
	cleanup_json struct json *spec = NULL;
	int rc = rule_parse(text, &spec, e);

	if (rc)
		return rc;
	json_set_str(spec, "GroupId", p->group->id);
	rule_settle(txn_model(p->txn), vpc, spec);
	return txn_create(p->txn, kinds[KIND_SECURITY_GROUP_RULE], spec, vpc, NULL, e);
}

static int rules_create(struct privilege *p, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < p->proposal.n && !rc; i++) {
		cleanup_free char *text = rule_text(p, &p->proposal.v[i]);

		rc = rule_create(p, text, e);
	}
	return rc ? err_wrap(e, "%zu rules are needed: widen by PortGap or Prefix", p->proposal.n)
		  : 0;
}

/* The rule of the group that a text means; NULL: it has none. */
static const struct object *rule_standing(const struct privilege *p, const char *text)
{
	cleanup_json struct json *spec = NULL;
	const struct object *o = NULL;

	if (rule_parse(text, &spec, NULL) ||
	    rule_find(store_model(p->store), p->group, spec, &o, NULL))
		return NULL;
	return o;
}

/* ---- steps ---- */

static int question_number(const struct json *q, const char *key, double max, double absent,
			   double *ret, struct err *e)
{
	const struct json *v = json_get(q, key);

	*ret = v ? json_num(v) : absent;
	if (!v || (json_is_int(v) && *ret >= 0 && *ret <= max))
		return 0;
	return err_set(e, -EINVAL, "InvalidParameterValue", key, "%s is a number from 0 to %.0f",
		       key, max);
}

static int widening_read(const struct json *q, struct widening *ret, struct err *e)
{
	double gap, prefix4, prefix6;
	int rc = question_number(q, "PortGap", 65535, 0, &gap, e);

	if (!rc)
		rc = question_number(q, "Prefix", 32, 32, &prefix4, e);
	if (!rc)
		rc = question_number(q, "Prefix6", 128, 128, &prefix6, e);
	if (!rc)
		*ret = (struct widening){(uint32_t)gap, (uint8_t)prefix4, (uint8_t)prefix6};
	return rc;
}

static int question_read(struct privilege *p, struct err *e)
{
	const char *group = json_str(json_get(p->question, "SecurityGroup"));

	if (!group || json_type(json_get(p->question, "Flows")) != JSON_ARRAY)
		return err_set(e, -EINVAL, "MissingParameter", "",
			       "SecurityGroup is a name or id, Flows an array");
	return model_resolve(store_model(p->store), KIND_SECURITY_GROUP, group, NULL, &p->group, e);
}

static int learn(struct privilege *p, struct err *e)
{
	struct twin *twins[SIDES];
	struct flips f = {0};
	int rc = twin_make(store_model(p->store), p->max_enis, &p->now, e);

	if (!rc)
		rc = members_count(p, e);
	if (!rc)
		rc = rules_strip(p, e);
	if (!rc)
		rc = twin_make(txn_model(p->txn), p->max_enis, &p->bare, e);
	if (!rc)
		rc = flips_init(&f, p->now, p->bare, e);
	twins[BEFORE] = p->now;
	twins[AFTER] = p->bare;
	if (!rc)
		rc = flows_each(p, &f, twins, flow_learn, e);
	flips_done(&f);
	if (!rc && !p->flows)
		rc = err_set(e, -EINVAL, "InvalidParameterValue", "Flows",
			     "none of the %zu flows can be judged: %s", p->skipped,
			     json_str(json_get(json_at(p->not_judged, 0), "Message"))
				     ?: "there are none");
	return rc;
}

/* Whether all passes, and what else the change opens and closes. */
static int verify(struct privilege *p, struct json *out, struct err *e)
{
	struct twin *twins[SIDES];
	struct err limit = {0};
	struct flips f = {0};
	int rc = rules_create(p, e);

	if (!rc)
		rc = twin_make(txn_model(p->txn), p->max_enis, &p->proposed, e);
	if (!rc)
		rc = flips_init(&f, p->now, p->proposed, e);
	twins[BEFORE] = p->now;
	twins[AFTER] = p->proposed;
	if (!rc)
		rc = flows_each(p, &f, twins, flow_verify, e);
	if (!rc && pairs_judge(&f, false, &limit))
		json_set_str(out, "FlipsMessage", limit.msg);
	if (!rc) {
		json_set(out, "Flips", TAKE(f.list));
		json_set_num(out, "Opened", (double)f.opened);
		json_set_num(out, "Closed", (double)f.closed);
	}
	flips_done(&f);
	return rc;
}

/* ---- the answer ---- */

/* Members of a rule's group that were not seen: a reference admits them too. */
static void set_also_admits(const struct privilege *p, const struct proposed_rule *r,
			    struct json *out)
{
	const struct trace_env env = twin_env(p->now);
	struct json *names = json_new_arr();

	for (const struct item *it = plan_next(env.plan, ITEM_ENI, NULL); it && r->group[0];
	     it = plan_next(env.plan, ITEM_ENI, it)) {
		const struct item_eni *eni = it->body;
		const struct object *o = model_get(env.model, it->key), *owner;

		if (!set_has(groups_of(&env, it), r->group) ||
		    needs_has_peer(p->needs, r, &eni->address) ||
		    needs_has_peer(p->needs, r, &eni->address6))
			continue;
		owner = o && o->kind->kind == KIND_NETWORK_INTERFACE
				? model_get(env.model,
					    AS_CONST(network_interface, o)->attachment_id ?: "")
				: NULL;
		if (json_len(names) < NAMES_SHOWN)
			json_append(names,
				    json_new_str(owner && owner->name ? owner->name : it->key));
	}
	if (json_len(names))
		json_set(out, "AlsoAdmits", names);
	else
		json_free(names);
}

static struct json *proposed_json(const struct privilege *p, struct json *commands,
				  struct json *topology, struct tally **kept)
{
	struct json *rules = json_new_arr();

	for (size_t i = 0; i < p->proposal.n; i++) {
		const struct proposed_rule *r = &p->proposal.v[i];
		cleanup_free char *text = rule_text(p, r);
		const struct object *standing = rule_standing(p, text);
		cleanup_buf struct buf command = {0};
		struct json *j = json_new_obj();

		json_set_str(j, "Rule", text);
		json_set_str(j, "Status", standing ? "keep" : "allow");
		json_set_num(j, "Flows", (double)r->flows);
		json_set_num(j, "Packets", r->packets);
		set_also_admits(p, r, j);
		json_append(rules, j);
		json_append(json_get(topology, r->egress ? "Egress" : "Ingress"),
			    json_new_str(text));
		if (standing) {
			tally_get(kept, standing->id);
			continue;
		}
		buf_printf(&command, "vpcctl sg allow %s \"%s\"", p->name, text);
		json_append(commands, json_new_str(buf_str(&command)));
	}
	return rules;
}

static struct json *current_json(const struct privilege *p, struct json *commands,
				 struct tally *kept)
{
	const struct model *m = store_model(p->store);
	struct json *rules = json_new_arr();

	for (const struct security_group_rule *r = rule_next(m, p->group->id, NULL); r;
	     r = rule_next(m, p->group->id, &r->o)) {
		cleanup_free char *text = rule_format(m, r);
		cleanup_buf struct buf command = {0};
		struct json *j = json_new_obj();
		struct tally *keep;

		HASH_FIND_STR(kept, r->o.id, keep);
		json_set_str(j, "SecurityGroupRuleId", r->o.id);
		json_set_str(j, "Rule", text);
		json_set_str(j, "Status", keep ? "keep" : "revoke");
		json_set_num(j, "Flows", (double)tally_count(p->used, r->o.id));
		json_append(rules, j);
		if (keep)
			continue;
		buf_printf(&command, "vpcctl sg revoke %s \"%s\"", p->name, text);
		json_append(commands, json_new_str(buf_str(&command)));
	}
	return rules;
}

static void answer_make(struct privilege *p, struct json *out)
{
	struct json *commands = json_new_arr(), *topology = json_new_obj();
	struct tally *kept = NULL;

	json_set(topology, "Ingress", json_new_arr());
	json_set(topology, "Egress", json_new_arr());
	json_set_str(out, "SecurityGroup", p->name);
	json_set_str(out, "GroupId", p->group->id);
	json_set_num(out, "Flows", (double)p->flows);
	json_set_num(out, "OtherFlows", (double)p->idle);
	json_set_num(out, "Admitted", (double)p->admitted);
	json_set(out, "Refused", TAKE(p->refused));
	json_set_num(out, "NotJudgedFlows", (double)p->skipped);
	json_set(out, "NotJudged", TAKE(p->not_judged));
	json_set(out, "Rules", proposed_json(p, commands, topology, &kept));
	json_set(out, "Current", current_json(p, commands, kept));
	json_set(out, "Commands", commands);
	json_set(out, "Topology", topology);
	tally_free(kept);
}

static void privilege_done(struct privilege *p)
{
	twin_free(p->proposed);
	twin_free(p->bare);
	twin_free(p->now);
	txn_abort(p->txn);
	tally_free(p->used);
	tally_free(p->members);
	needs_free(p->needs);
	proposal_done(&p->proposal);
	json_free(p->not_judged);
	json_free(p->refused);
	free(p->name);
}

static int privilege_run(struct privilege *p, struct json *out, struct err *e)
{
	struct widening w = {0};
	int rc = question_read(p, e);

	if (!rc)
		rc = widening_read(p->question, &w, e);
	if (rc)
		return rc;
	p->name = trace_object_name(store_model(p->store), p->group->id);
	p->needs = needs_new();
	p->txn = txn_begin(p->store);
	if (!p->needs || !p->txn)
		return err_sys(e, p->txn ? -ENOMEM : -EBUSY, "least privilege");
	rc = learn(p, e);
	if (!rc && needs_propose(p->needs, &w, members_of, p, &p->proposal))
		rc = err_sys(e, -ENOMEM, "rules");
	return rc ? rc : verify(p, out, e);
}

struct json *privilege_judge(struct store *store, uint32_t max_enis, const struct json *question,
			     struct err *e)
{
	struct privilege p = {.store = store,
			      .max_enis = max_enis,
			      .question = question,
			      .not_judged = json_new_arr(),
			      .refused = json_new_arr()};
	cleanup_json struct json *out = json_new_obj();
	int rc = privilege_run(&p, out, e);

	if (!rc)
		answer_make(&p, out);
	privilege_done(&p);
	return rc ? NULL : TAKE(out);
}
