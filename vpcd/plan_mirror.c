/* SPDX-License-Identifier: MIT
 * Traffic mirror sessions, by their source.
 */
#include <string.h>

#include "bpf/abi.h"
#include "vpcd/plan.h"

_Static_assert(sizeof(((struct item_mirror *)0)->sessions) / sizeof(struct item_mirror_session) ==
			       MIRROR_SESSIONS &&
		       sizeof(((struct item_mirror_session *)0)->in) /
				       sizeof(struct item_mirror_rule) ==
			       MIRROR_RULES,
	       "as many sessions and rules in the plan as in the data plane");

struct sources {
	const struct traffic_mirror_session *v[MIRROR_SESSIONS];
	size_t n;
};

/* In the order of their numbers. */
static void add_session(void *arg, const struct object *o)
{
	const struct traffic_mirror_session *s = AS_CONST(traffic_mirror_session, o);
	struct sources *all = arg;
	size_t i = all->n;

	if (all->n == MIRROR_SESSIONS)
		return;
	for (; i > 0 && all->v[i - 1]->session_number > s->session_number; i--)
		all->v[i] = all->v[i - 1];
	all->v[i] = s;
	all->n++;
}

static void fill_ports(const struct port_range *r, uint16_t *first, uint16_t *last)
{
	bool all = !r->from_port && !r->to_port;

	*first = all ? 0 : (uint16_t)r->from_port;
	*last = all ? UINT16_MAX : (uint16_t)r->to_port;
}

static uint32_t fill_rules(const struct list *rules, struct item_mirror_rule *out)
{
	const struct traffic_mirror_rule *v = rules->v;
	uint32_t n = 0;
	int64_t last = 0;

	/* The lowest number above the last one, so many times. */
	while (n < rules->n && n < MIRROR_RULES) {
		const struct traffic_mirror_rule *next = NULL;

		for (size_t i = 0; i < rules->n; i++)
			if (v[i].rule_number > last &&
			    (!next || v[i].rule_number < next->rule_number))
				next = &v[i];
		if (!next)
			break;
		last = next->rule_number;
		out[n].reject = next->rule_action == MIRROR_REJECT;
		out[n].protocol = (int16_t)next->protocol;
		out[n].source = next->source;
		out[n].destination = next->destination;
		fill_ports(&next->source_ports, &out[n].sport_first, &out[n].sport_last);
		fill_ports(&next->destination_ports, &out[n].dport_first, &out[n].dport_last);
		n++;
	}
	return n;
}

/* False: its target is not there. */
static bool fill_session(const struct model *m, const struct traffic_mirror_session *s,
			 struct item_mirror_session *out)
{
	const struct object *to = model_get(m, s->target_id), *fo = model_get(m, s->filter_id);
	const struct traffic_mirror_target *target = AS_CONST(traffic_mirror_target, to);
	const struct traffic_mirror_filter *filter = AS_CONST(traffic_mirror_filter, fo);
	const char *id = target ? target->network_interface_id : NULL;
	const struct object *eo = id ? model_get(m, id) : NULL;

	if (!filter || !eo)
		return false;
	out->target = AS_CONST(network_interface, eo)->private_ip_address;
	out->vni = (uint32_t)s->virtual_network_id;
	out->packet_length = (uint32_t)s->packet_length;
	out->dns = filter->services.n;
	out->n_in = fill_rules(&filter->ingress, out->in);
	out->n_out = fill_rules(&filter->egress, out->out);
	return true;
}

uint32_t plan_emit_mirror(struct plan_pass *pp, const struct network_interface *eni)
{
	struct sources all = {.n = 0};
	struct item_mirror body;
	uint32_t flags = ENI_MIRRORED;

	memset(&body, 0, sizeof(body));
	model_referrers(pp->model, eni->o.id, KIND_TRAFFIC_MIRROR_SESSION, add_session, &all);
	for (size_t i = 0; i < all.n; i++)
		body.n += fill_session(pp->model, all.v[i], &body.sessions[body.n]);
	if (!body.n)
		return 0;
	for (uint32_t i = 0; i < body.n; i++)
		if (body.sessions[i].dns)
			flags |= ENI_MIRRORED_DNS;
	plan_emit(pp, ITEM_MIRROR, eni->o.id, &body, sizeof(body));
	return flags;
}
