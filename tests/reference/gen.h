/* SPDX-License-Identifier: MIT
 * What the parts of the generator share. Internal to it; see generate.h.
 */
#ifndef VPCD_TESTS_REFERENCE_GEN_H
#define VPCD_TESTS_REFERENCE_GEN_H

#include "generate.h"

#define VPCS	  3
#define INSTANCES 32

/* v0 and v1 have the same IPv4 block, v2 another one, so that it can be peered with both. */
struct gen_vpc {
	unsigned octet; /* 10.<octet>.0.0/16; IPv6: 2001:db8:1000:<vpc>00::/56 */
	bool v6;
	unsigned subnets, groups, tables, acls;
};

struct gen {
	uint64_t state;
	struct script *script;
	struct run *run;
	struct err *e;
	int rc;
	bool uplink;
	unsigned packets; /* the last packet's number */
	unsigned named;	  /* objects made later have numbers of their own */
	unsigned vpcs, instances, functions, hosts, eips, nats;
	struct gen_vpc vpc[VPCS];
	struct {
		unsigned vpc, subnet, host;
		bool middlebox;
	} at[INSTANCES];
	struct {
		unsigned vpc, subnet;
	} nat[8];
};

unsigned gen_pick(struct gen *g, unsigned n); /* below n; 0 for 0 */
bool gen_chance(struct gen *g, unsigned percent);
bool gen_going_on(const struct gen *g);
/* Does and records one event; ' stands for ". */
void gen_emit(struct gen *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ONE_OF(g, ...)                                                   \
	({                                                               \
		static const int v_[] = {__VA_ARGS__};                   \
		v_[gen_pick(g, (unsigned)(sizeof(v_) / sizeof(v_[0])))]; \
	})
#define TEXT_OF(g, ...)                                                  \
	({                                                               \
		static const char *const v_[] = {__VA_ARGS__};           \
		v_[gen_pick(g, (unsigned)(sizeof(v_) / sizeof(v_[0])))]; \
	})

/* The address of a host's number in a subnet. */
const char *gen_address(const struct gen *g, bool v6, unsigned vpc, unsigned subnet, unsigned host,
			char buf[IP_STRLEN]);
unsigned gen_port(struct gen *g);

void gen_topology(struct gen *g);
void gen_change(struct gen *g);
void gen_packet(struct gen *g);
void gen_follow(struct gen *g); /* a reply, a repetition … of what was delivered */

#endif
