/* SPDX-License-Identifier: MIT
 * See drop_text.h.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "vpcd/drop_text.h"
#include "vpcd/trace_text.h"

static void put_name(const struct trace_env *env, struct buf *out, const char *id)
{
	cleanup_free char *name = trace_object_name(env->model, id);

	buf_puts(out, name);
}

static void put_groups(const struct trace_env *env, const struct trail_hop *h, struct buf *out)
{
	const struct item *set = trace_hop_rules(env, h);
	const struct item_rules *body = set ? set->body : NULL;

	for (size_t i = 0; body && i < GROUPS_PER_INTERFACE && body->groups[i][0]; i++) {
		if (i)
			buf_puts(out, ", ");
		put_name(env, out, body->groups[i]);
	}
}

static void put_acl(const struct trace_env *env, const struct trail_hop *h, struct buf *out)
{
	const char *id = names_symbol(env->names, NAME_ACL, h->number);
	const struct item_rule *rule = trace_hop_rule(env, h);
	cleanup_free char *text = rule ? trace_rule_text(env->model, rule, h->egress) : NULL;

	if (!id)
		return;
	put_name(env, out, id);
	buf_printf(out, ": %s", text ? text : "* deny all");
}

static void put_table(const struct trace_env *env, uint32_t subnet, struct buf *out)
{
	const char *id = names_symbol(env->names, NAME_SUBNET, subnet);
	const struct item *it = id ? plan_get(env->plan, ITEM_SUBNET, id) : NULL;

	if (it)
		put_name(env, out, ((const struct item_subnet *)it->body)->route_table);
}

static void put_resource(const struct trace_env *env, const struct drop_event *ev, struct buf *out)
{
	struct trail_hop h = {.number = ev->number, .rule = ev->rule};

	/* Rules are counted by family, and the family is the address's. */
	if (ev->frame[12] == 0x08 && !ev->frame[13])
		h.saddr.w[2] = htonl(0xffff);

	switch (ev->reason) {
	case DROP_SG_EGRESS:
	case DROP_SG_INGRESS:
		h.kind = TRAIL_GROUPS;
		put_groups(env, &h, out);
		break;
	case DROP_ACL_EGRESS:
	case DROP_ACL_INGRESS:
		h.kind = TRAIL_ACL;
		h.egress = ev->reason == DROP_ACL_EGRESS;
		put_acl(env, &h, out);
		break;
	case DROP_NO_ROUTE:
	case DROP_BLACKHOLE:
		put_table(env, ev->subnet, out);
	}
}

char *drop_text(const struct trace_env *env, const struct drop_event *ev)
{
	cleanup_buf struct buf resource = {0}, out = {0};

	put_resource(env, ev, &resource);
	buf_printf(&out, "%s: %s", drop_reason_name(ev->reason), drop_reason_text(ev->reason));
	if (resource.len)
		buf_printf(&out, " (%s)", buf_str(&resource));
	return buf_take(&out);
}
