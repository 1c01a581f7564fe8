/* SPDX-License-Identifier: MIT
 * Reasons of the data plane as explanation codes of Reachability Analyzer (Amazon VPC, Reachability
 * Analyzer guide, "Explanation codes"). ONE table; security groups need a look at their rules.
 */
#include <netinet/in.h>
#include <string.h>

#include "vpcd/rules.h"
#include "vpcd/trace.h"

/* Reasons that have no counterpart there (a frame that no instance could send, a full table) have
 * no code: the reason itself says it. */
static const char *const codes[DROP_REASON_COUNT] = {
	[DROP_NO_ENI] = "BAD_STATE_ATTACHMENT",
	[DROP_SOURCE_ADDRESS] = "ENI_SOURCE_DEST_CHECK_RESTRICTION",
	[DROP_DEST_CHECK] = "ENI_SOURCE_DEST_CHECK_RESTRICTION",
	[DROP_SG_EGRESS] = "ENI_SG_RULES_MISMATCH",
	[DROP_SG_INGRESS] = "ENI_SG_RULES_MISMATCH",
	[DROP_ACL_EGRESS] = "SUBNET_ACL_RESTRICTION",
	[DROP_ACL_INGRESS] = "SUBNET_ACL_RESTRICTION",
	[DROP_NO_ROUTE] = "NO_ROUTE_TO_DESTINATION",
	[DROP_BLACKHOLE] = "BAD_STATE_ROUTE",
	[DROP_NAT_STATE] = "BAD_STATE_ROUTE",
	[DROP_LOOP] = "NO_PATH",
	[DROP_NO_DESTINATION] = "NO_POSSIBLE_DESTINATION",
	[DROP_PEERING_SOURCE] = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
	[DROP_PEERING_DESTINATION] = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
	[DROP_IGW_NO_PUBLIC_IP] = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
	[DROP_IGW_PRIVATE_DESTINATION] = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
	[DROP_IGW_PRIVATE_SOURCE] = "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS",
	[DROP_IGW_VPC_DESTINATION] = "IGW_DESTINATION_ADDRESS_IN_VPC_CIDRS",
	[DROP_IGW_UNASSOCIATED] = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
	[DROP_INGRESS_NO_PUBLIC_IP] = "INGRESS_RTB_NO_PUBLIC_IP",
	[DROP_NAT_PROTOCOL] = "PROTOCOL_RESTRICTION",
	[DROP_NAT_UNSOLICITED] = "NO_POSSIBLE_DESTINATION",
	[DROP_UPLINK_UNSOLICITED] = "NO_POSSIBLE_DESTINATION",
	[DROP_EIGW_UNSOLICITED] = "NO_POSSIBLE_DESTINATION",
};

const struct trail_hop *trace_refusal(const struct trace_path *p, const struct trace_leg **ret_leg)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->legs[i].trail.n && j < TRAIL_HOPS; j++)
			if (p->legs[i].trail.hops[j].reason) {
				*ret_leg = &p->legs[i];
				return &p->legs[i].trail.hops[j];
			}
	return NULL;
}

const struct item *trace_hop_rules(const struct trace_env *env, const struct trail_hop *h)
{
	bool acl = h->kind == TRAIL_ACL;
	const char *symbol = names_symbol(env->names, acl ? NAME_ACL : NAME_GROUPS, h->number);

	return symbol ? plan_get(env->plan, acl ? ITEM_ACL : ITEM_GROUPS, symbol) : NULL;
}

/* The rules of the hop's direction. */
static const struct item_rule *rules_of(const struct item_rules *body, bool egress, uint32_t *ret_n)
{
	*ret_n = egress ? body->n_out : body->n_in;
	return body->rules + (egress ? body->n_in : 0);
}

/* No IPv6 packet has IPv4-mapped addresses. */
static bool is_ipv6(const struct ip128 *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) != 0;
}

const struct item_rule *trace_hop_rule(const struct trace_env *env, const struct trail_hop *h)
{
	const struct item *it = trace_hop_rules(env, h);
	const struct item_rule *rules;
	uint32_t n = 0;

	if (!it)
		return NULL;
	rules = rules_of(it->body, h->egress, &n);
	return rules_at(rules, n, is_ipv6(&h->saddr), h->rule);
}

/* ---- security groups ---- */

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Would the rule match the packet, whoever the peer is? */
static bool rule_fits(const struct item_rule *r, const struct trace_packet *p)
{
	int value = is_icmp(p->protocol) ? p->type : p->dport;

	if (r->protocol >= 0 && r->protocol != p->protocol)
		return false;
	if (r->from < 0)
		return true;
	if (is_icmp(p->protocol))
		return r->from == value && r->to <= 0;
	return r->from <= value && value <= r->to;
}

/* The groups of the other end, as a set's body. */
static const struct item_rules *peer_set(const struct trace_env *env, const struct trace_end *end)
{
	const struct item *it = plan_get(env->plan, ITEM_ENI, end->attachment);
	const struct item_eni *eni = it ? it->body : NULL;

	it = eni && eni->groups[0] ? plan_get(env->plan, ITEM_GROUPS, eni->groups) : NULL;
	return it ? it->body : NULL;
}

static bool refers_to(const struct item_rule *r, const struct item_rules *peer)
{
	for (size_t i = 0; peer && r->group[0] && i < GROUPS_PER_INTERFACE; i++)
		if (!strcmp(peer->groups[i], r->group))
			return true;
	return false;
}

/* Is there a rule that names the other end's group and would have matched, had a gateway, a
 * middlebox or a public address on the way not hidden it? */
static bool reference_lost(const struct trace_env *env, const struct trace_query *q,
			   const struct trace_leg *leg, const struct trail_hop *h,
			   const struct item_rules *body)
{
	const struct trace_packet *packet = &leg->in;
	const struct trace_end *other = (h->egress != 0) == packet->is_reply ? q->from : q->to;
	const struct item_rules *peer = peer_set(env, other);
	const struct item_rule *rules;
	uint32_t n;

	if (h->peer_groups)
		return false;
	rules = rules_of(body, h->egress, &n);
	for (uint32_t i = 0; i < n; i++)
		if (refers_to(&rules[i], peer) && rule_fits(&rules[i], packet))
			return true;
	return false;
}

static const char *group_code(const struct trace_env *env, const struct trace_query *q,
			      const struct trace_leg *leg, const struct trail_hop *h)
{
	const struct item *it = trace_hop_rules(env, h);
	uint32_t n;

	if (!it)
		return codes[h->reason];
	rules_of(it->body, h->egress, &n);
	if (!n)
		return "SG_HAS_NO_RULES";
	return reference_lost(env, q, leg, h, it->body) ? "SG_REFERENCES_NOT_PRESERVED"
							: codes[h->reason];
}

const char *trace_code(const struct trace_env *env, const struct trace_query *q,
		       const struct trace_path *p)
{
	const struct trace_leg *leg = NULL;
	const struct trail_hop *h = trace_refusal(p, &leg);

	if (p->astray)
		return strcmp(q->from->vpc, q->to->vpc) ? "DISCONNECTED_VPCS" : "NO_PATH";
	if (h && h->reason == p->reason && h->kind == TRAIL_GROUPS)
		return group_code(env, q, leg, h);
	/* From the internet, an address that nobody holds is one of no association. */
	if (p->reason == DROP_NO_DESTINATION && p->n == 1 && !p->legs[0].in.is_reply &&
	    !strcmp(q->from->vpc, SYMBOL_INTERNET))
		return codes[DROP_IGW_UNASSOCIATED];
	return codes[p->reason];
}
