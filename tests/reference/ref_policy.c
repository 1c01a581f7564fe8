/* SPDX-License-Identifier: MIT
 * See ref_policy.h.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "ref_policy.h"

static bool list_has(const struct list *l, const char *id)
{
	char *const *v = l->v;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(v[i], id))
			return true;
	return false;
}

/* ---- protocol and ports, which groups and ACLs say alike ---- */

static bool transport_matches(int protocol, int64_t from, int64_t to, const struct question *q)
{
	if (protocol == -1)
		return true;
	if (protocol != q->protocol)
		return false;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return (from == -1 || from == q->icmp_type) && (to == -1 || to == q->icmp_code);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return from == -1 || (from <= q->dport && q->dport <= to);
	return true;
}

static bool range_matches(const struct cidr *c, const struct ip *a)
{
	return ip_is_set(&c->ip) && c->ip.family == a->family && cidr_contains_ip(c, a);
}

/* ---- groups ---- */

static bool list_covers(const struct model *m, const char *prefix_list, const struct ip *a)
{
	const struct object *o = model_get(m, prefix_list);
	const struct prefix_list *l = AS_CONST(prefix_list, o);
	const struct prefix_list_entry *v = l ? l->entries.v : NULL;

	for (size_t i = 0; l && i < l->entries.n; i++)
		if (range_matches(&v[i].cidr, a))
			return true;
	return false;
}

static bool peer_matches(const struct model *m, const struct security_group_rule *r,
			 const struct question *q)
{
	if (r->referenced_group_id)
		return q->other_groups && list_has(q->other_groups, r->referenced_group_id);
	if (r->prefix_list_id)
		return list_covers(m, r->prefix_list_id, &q->other);
	return range_matches(&r->cidr_ipv4, &q->other) || range_matches(&r->cidr_ipv6, &q->other);
}

/* Open to every address of the family: by itself, or by an entry of its prefix list. */
static bool open_to_all(const struct model *m, const struct security_group_rule *r, int family)
{
	const struct cidr *c = family == AF_INET ? &r->cidr_ipv4 : &r->cidr_ipv6;
	const struct object *o = r->prefix_list_id ? model_get(m, r->prefix_list_id) : NULL;
	const struct prefix_list *l = AS_CONST(prefix_list, o);
	const struct prefix_list_entry *v = l ? l->entries.v : NULL;

	for (size_t i = 0; l && i < l->entries.n; i++)
		if (v[i].cidr.ip.family == family && v[i].cidr.len == 0)
			return true;
	return ip_is_set(&c->ip) && c->len == 0;
}

static bool all_ports(const struct security_group_rule *r, int protocol)
{
	return r->ip_protocol == -1 ||
	       (r->ip_protocol == protocol &&
		(r->from_port == -1 || (r->from_port == 0 && r->to_port == 65535)));
}

/* The other direction's rule that, with an open one, leaves TCP and UDP untracked. */
static bool reverse_is_open(const struct model *m, const struct list *groups, bool egress,
			    const struct question *q)
{
	model_for_each (o, m, KIND_SECURITY_GROUP_RULE) {
		const struct security_group_rule *r = AS_CONST(security_group_rule, o);

		if (list_has(groups, r->group_id) && r->is_egress != egress &&
		    open_to_all(m, r, q->other.family) && all_ports(r, q->protocol))
			return true;
	}
	return false;
}

bool groups_allow(const struct model *m, const struct list *groups, bool egress,
		  const struct question *q, bool *ret_untracked)
{
	bool may_be_untracked = q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP;
	bool allowed = false;

	*ret_untracked = false;
	model_for_each (o, m, KIND_SECURITY_GROUP_RULE) {
		const struct security_group_rule *r = AS_CONST(security_group_rule, o);

		if (!list_has(groups, r->group_id) || r->is_egress != egress ||
		    !transport_matches(r->ip_protocol, r->from_port, r->to_port, q) ||
		    !peer_matches(m, r, q))
			continue;
		allowed = true;
		if (may_be_untracked && open_to_all(m, r, q->other.family) &&
		    reverse_is_open(m, groups, egress, q))
			*ret_untracked = true;
	}
	return allowed;
}

/* ---- ACLs ---- */

static const struct network_acl *subnet_acl(const struct model *m, const struct subnet *s)
{
	const struct object *named = s->network_acl_id ? model_get(m, s->network_acl_id) : NULL;

	if (named)
		return AS_CONST(network_acl, named);
	model_for_each (o, m, KIND_NETWORK_ACL) {
		const struct network_acl *a = AS_CONST(network_acl, o);

		if (a->is_default && !strcmp(a->vpc_id, s->vpc_id))
			return a;
	}
	return NULL;
}

bool acl_allows(const struct model *m, const struct subnet *s, bool egress,
		const struct question *q)
{
	const struct network_acl *a = subnet_acl(m, s);
	const struct network_acl_entry *v = a ? a->entries.v : NULL, *first = NULL;

	for (size_t i = 0; a && i < a->entries.n; i++)
		if (v[i].egress == egress &&
		    transport_matches(v[i].protocol, v[i].from_port, v[i].to_port, q) &&
		    (range_matches(&v[i].cidr_block, &q->other) ||
		     range_matches(&v[i].ipv6_cidr_block, &q->other)) &&
		    (!first || v[i].rule_number < first->rule_number))
			first = &v[i];
	return first && first->rule_action == ACL_ALLOW;
}
