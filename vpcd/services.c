/* SPDX-License-Identifier: MIT
 * See services.h.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "vpcd/services.h"

#define UNNAMED_PROTOCOL 47 /* GRE: stands for those that no rule names */

void services_done(struct services *s)
{
	free(s->v);
	*s = (struct services){0};
}

static int service_add(struct services *s, int protocol, int value)
{
	bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
	struct trace_service one = {.protocol = (uint8_t)protocol};

	if (value < 0 || value > (icmp ? 255 : 65535))
		return 0;
	if (icmp)
		one.type = (uint8_t)value;
	else if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		one.port = (uint16_t)value;
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(&s->v[i], &one, sizeof(one)))
			return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		void *v = reallocarray(s->v, cap, sizeof(*s->v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = one;
	return 0;
}

/* Where a rule's range begins, and what comes behind it. */
static int add_rule(struct services *s, const struct item_rule *r)
{
	static const int with_ports[] = {IPPROTO_TCP, IPPROTO_UDP};
	int rc = 0;

	if (r->protocol >= 0) {
		rc = service_add(s, r->protocol, r->from < 0 ? 1 : r->from);
		if (!rc && r->to >= 0)
			rc = service_add(s, r->protocol, r->to + 1);
		return rc;
	}
	for (size_t i = 0; i < ARRAY_SIZE(with_ports) && !rc; i++)
		rc = service_add(s, with_ports[i], 1);
	return rc;
}

static int add_rules(struct services *s, const struct item *it)
{
	const struct item_rules *body = it ? it->body : NULL;
	int rc = 0;

	for (uint32_t i = 0; body && i < body->n_in + body->n_out && !rc; i++)
		rc = add_rule(s, &body->rules[i]);
	return rc;
}

static int add_groups(const struct trace_env *env, struct services *s, const struct trace_end *end)
{
	const struct item *it =
		end->attachment[0] ? plan_get(env->plan, ITEM_ENI, end->attachment) : NULL;
	const struct item_eni *eni = it ? it->body : NULL;

	return eni && eni->groups[0] ? add_rules(s, plan_get(env->plan, ITEM_GROUPS, eni->groups))
				     : 0;
}

int services_between(const struct trace_env *env, const struct trace_end *from,
		     const struct trace_end *to, struct services *ret)
{
	bool v6 = !ip_is_set(&from->address) || !ip_is_set(&to->address);
	int rc = add_groups(env, ret, from);

	if (!rc)
		rc = add_groups(env, ret, to);
	for (const struct item *it = plan_next(env->plan, ITEM_ACL, NULL); it && !rc;
	     it = plan_next(env->plan, ITEM_ACL, it))
		rc = add_rules(ret, it);
	if (!rc)
		rc = service_add(ret, IPPROTO_TCP, 1);
	if (!rc)
		rc = service_add(ret, IPPROTO_UDP, 1);
	if (!rc)
		rc = service_add(ret, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, v6 ? 128 : 8);
	if (!rc)
		rc = service_add(ret, UNNAMED_PROTOCOL, 0);
	return rc;
}
