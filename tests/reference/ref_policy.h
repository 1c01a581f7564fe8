/* SPDX-License-Identifier: MIT
 * Security groups and network ACLs: SEMANTICS.md, rule by rule.
 */
#ifndef VPCD_TESTS_REFERENCE_REF_POLICY_H
#define VPCD_TESTS_REFERENCE_REF_POLICY_H

#include "packet.h"
#include "ref_model.h"

/* What a rule looks at: the packet at some point of its way. */
struct question {
	uint8_t protocol;
	uint16_t dport;
	uint8_t icmp_type, icmp_code;
	struct ip other; /* the other end's address: source going in, destination going out */
	/* Its groups, if a reference may match on this path; NULL: none match. */
	const struct list *other_groups;
};

/* Do the groups of an interface let it through? *ret_untracked: by a rule that leaves the flow
 * untracked. */
bool groups_allow(const struct model *m, const struct list *groups, bool egress,
		  const struct question *q, bool *ret_untracked);
bool acl_allows(const struct model *m, const struct subnet *s, bool egress,
		const struct question *q);

#endif
