/* SPDX-License-Identifier: MIT
 * The bit-vector classifier and the gates that ask it. What a rule set costs does not depend on the
 * number of its rules.
 */
#ifndef VPCD_BPF_LIB_RULES_H
#define VPCD_BPF_LIB_RULES_H

#include "bpf/lib/parse.h"
#include "bpf/lib/trail.h"

static __always_inline void count_hit(__u32 base, __u32 rule)
{
	__u32 i = base + rule;
	__u64 *n = bpf_map_lookup_elem(&rule_hits, &i);

	if (n)
		*n += 1;
}

static __always_inline int take_rule(struct walk *w, const struct classifier *c, __u32 word)
{
	__u64 m = w->matched.w[word];

	w->rule = word * 64 + first_bit(m);
	w->match_deny = !!(c->deny.w[word] & m & -m);
	if (c->hits && !w->dry)
		count_hit(c->hits, w->rule);
	return 1;
}

/* Other protocols are always tracked (EC2, Security group connection tracking). */
static __always_inline int may_be_untracked(const struct walk *w)
{
	return w->key.protocol == IPPROTO_TCP || w->key.protocol == IPPROTO_UDP;
}

/* The first rule of w->classifier that matches match_address, peer_groups, protocol and port: 1 and
 * its bit in w->rule; 0: none. match_untracked: a rule that leaves flows untracked matches too. */
__noinline int rules_match(struct walk *w)
{
	const struct rules_bitmap *by_address, *by_port, *by_peer = NULL;
	const struct classifier *c;
	struct rule_peer_key peer;
	__u64 untracked = 0;
	__u32 id, words, i;

	w = walk_own(w);
	if (!w)
		return 0;
	id = CLASSIFIER_ID(w->classifier, w->key.family == AF_INET6);
	c = bpf_map_lookup_elem(&classifiers, &id);
	if (!c)
		return 0;
	if (c->flags & CLASSIFIER_OPEN) {
		w->matched.w[0] = 1;
		w->match_untracked = (c->untracked.w[0] & 1) && may_be_untracked(w);
		return take_rule(w, c, 0);
	}
	w->addr_key.prefixlen = 64 + 128;
	w->addr_key.classifier = id;
	w->addr_key.family = w->key.family;
	w->addr_key.address = w->match_address;
	by_address = bpf_map_lookup_elem(&rule_addresses, &w->addr_key);
	w->port_key.prefixlen = 64;
	w->port_key.classifier = id;
	w->port_key.protocol = w->key.protocol;
	w->port_key.port =
		is_icmp(&w->key) ? bpf_htons(w->is.icmp_type << 8 | w->is.icmp_code) : w->at.dport;
	by_port = bpf_map_lookup_elem(&rule_ports, &w->port_key);
	if (w->peer_groups && (c->flags & CLASSIFIER_PEERS)) {
		peer.classifier = id;
		peer.groups = w->peer_groups;
		by_peer = bpf_map_lookup_elem(&rule_peers, &peer);
	}
	if (!by_port)
		return 0;
	/* Without branches, so that the verifier sees one state a word, not one a set of rules. */
	by_address = by_address ? by_address : &w->no_rules;
	by_peer = by_peer ? by_peer : &w->no_rules;
	words = (c->rules + 63) / 64;
	for (i = 0; i < RULES_WORDS && i < words; i++) {
		__u64 m = (by_address->w[i] | by_peer->w[i]) & by_port->w[i];

		w->matched.w[i] = m;
		untracked |= m & c->untracked.w[i];
	}
	w->match_untracked = untracked && may_be_untracked(w);
	for (i = 0; i < RULES_WORDS && i < words; i++)
		if (w->matched.w[i])
			return take_rule(w, c, i);
	return 0;
}

/* A security group gate: groups is the set of the interface, peer_groups that of the other end (0:
 * references do not match). 0, or the reason. */
__noinline int gate_groups(struct walk *w, __u32 groups, __u32 peer_groups, __u32 egress)
{
	const struct rules_pair *pair;
	int matched;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	w->match_untracked = 0;
	if (!groups)
		return DROP_NONE;
	pair = bpf_map_lookup_elem(&group_rules, &groups);
	if (!pair)
		return DROP_INTERNAL;
	/* One read: the pair is switched by one store. */
	w->classifier = egress ? *(volatile __u32 *)&pair->out : *(volatile __u32 *)&pair->in;
	w->peer_groups = peer_groups;
	w->match_address = egress ? w->at.daddr : w->at.saddr;
	matched = rules_match(w);
	return trail_gate(w, egress ? TRAIL_GROUPS | TRAIL_EGRESS : TRAIL_GROUPS, groups,
			  matched  ? DROP_NONE
			  : egress ? DROP_SG_EGRESS
				   : DROP_SG_INGRESS,
			  matched);
}

/* A network ACL at the edge of a subnet. 0, or the reason. */
__noinline int gate_acl(struct walk *w, __u32 subnet, __u32 egress)
{
	const struct subnet_entry *s;
	const struct rules_pair *pair;
	int matched;
	__u32 acl;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	s = bpf_map_lookup_elem(&subnets, &subnet);
	if (!s || !s->acl)
		return DROP_NONE;
	acl = s->acl;
	pair = bpf_map_lookup_elem(&acl_rules, &acl);
	if (!pair)
		return DROP_INTERNAL;
	w->classifier = egress ? *(volatile __u32 *)&pair->out : *(volatile __u32 *)&pair->in;
	w->peer_groups = 0;
	w->match_address = egress ? w->at.daddr : w->at.saddr;
	matched = rules_match(w);
	return trail_gate(w, egress ? TRAIL_ACL | TRAIL_EGRESS : TRAIL_ACL, acl,
			  matched && !w->match_deny ? DROP_NONE
			  : egress		    ? DROP_ACL_EGRESS
						    : DROP_ACL_INGRESS,
			  matched);
}

#endif
