/* SPDX-License-Identifier: MIT
 * Compiles a rule list to the bit-vector classifier of abi.h: for each distinct prefix, and each
 * distinct (protocol, port prefix), the bitmap of the rules that cover it. Pure.
 */
#ifndef VPCD_VPCD_RULES_H
#define VPCD_VPCD_RULES_H

#include "bpf/abi.h"
#include "vpcd/plan.h"

struct classifier_tables {
	struct classifier info;
	size_t n_addresses, n_ports;
	struct rule_addr_key *addresses; /* .classifier is 0: the caller fills it in */
	struct rules_bitmap *address_bitmaps;
	struct rule_port_key *ports;
	struct rules_bitmap *port_bitmaps;
};

/* The rules of a list that concern a family, in their order: those by a block of it, and group
 * references, which concern both. Bit n of the family's classifier is the n-th of them. ret: room
 * for n; NULL: they are only counted. Returns how many. */
size_t rules_of_family(const struct item_rule *rules, size_t n, bool v6, struct item_rule *ret);
/* That of a bit, in the list itself; NULL: no rule of the list. */
const struct item_rule *rules_at(const struct item_rule *rules, size_t n, bool v6, uint32_t bit);

/* What a direction's rules open to all addresses (0.0.0.0/0: [0], ::/0: [1]) with all ports. That
 * of the other direction decides what is untracked (EC2 User Guide, security group connection
 * tracking). */
struct rules_open {
	bool tcp[2], udp[2];
};
struct rules_open rules_open(const struct item_rule *rules, size_t n);

/* rules: of one family, at most RULES_MAX. reverse: of the other direction's rules; all false:
 * nothing is untracked. info.hits stays 0. 0, or -ENOMEM. Costs O(prefixes): 1,000 rules of random
 * port ranges are some 7,000 to 13,000 prefixes and take 3 ms. */
int rules_compile(const struct item_rule *rules, size_t n, const struct rules_open *reverse,
		  struct classifier_tables *ret);
void classifier_tables_done(struct classifier_tables *t);

/* Bitmap of the rules that refer to one of the groups; false if none does. */
bool rules_peer_bitmap(const struct item_rule *rules, size_t n, const char (*groups)[SYMBOL_LEN],
		       struct rules_bitmap *ret);

/* An address of either family as programs see it. */
struct ip128 ip128_from(const struct ip *ip);

#endif
