/* SPDX-License-Identifier: MIT
 * The classifier compiler against the plain reading of the rules: random rule lists, random
 * packets, every rule asked one by one.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vpcd/rules.h"

struct packet {
	uint32_t address; /* IPv4, host order */
	uint8_t protocol;
	uint16_t port; /* or type << 8 | code */
};

/* What a longest-prefix look-up of the compiled tables gives. */
static struct rules_bitmap lookup_address(const struct classifier_tables *t, uint32_t address)
{
	struct rules_bitmap best = {0};
	unsigned longest = 0;

	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct rule_addr_key *k = &t->addresses[i];
		unsigned len = k->prefixlen - 64;
		uint32_t net;

		if (k->family != AF_INET)
			continue;
		net = ntohl(k->address.w[3]);
		if (len > 96 && (net ^ address) >> (128 - len))
			continue;
		if (len >= longest) {
			longest = len;
			best = t->address_bitmaps[i];
		}
	}
	return best;
}

static struct rules_bitmap lookup_port(const struct classifier_tables *t, const struct packet *p)
{
	struct rules_bitmap best = {0};
	unsigned longest = 0;

	for (size_t i = 0; i < t->n_ports; i++) {
		const struct rule_port_key *k = &t->ports[i];
		unsigned len = k->prefixlen;

		if (len >= 48 && k->protocol != p->protocol)
			continue;
		if (len > 48 && (ntohs(k->port) ^ p->port) >> (64 - len))
			continue;
		if (len >= longest) {
			longest = len;
			best = t->port_bitmaps[i];
		}
	}
	return best;
}

static bool plain_match(const struct item_rule *r, const struct packet *p)
{
	struct ip ip = ip_from_v4(p->address);

	if (r->group[0] || !cidr_contains_ip(&r->cidr, &ip))
		return false;
	if (r->protocol < 0)
		return true;
	if (r->protocol != p->protocol)
		return false;
	if (r->from < 0)
		return true;
	if (r->protocol == IPPROTO_ICMP)
		return r->from == p->port >> 8 && (r->to < 0 || r->to == (p->port & 0xff));
	return r->from <= p->port && p->port <= r->to;
}

static uint32_t seed = 12345;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void random_rule(struct item_rule *r)
{
	static const int protocols[] = {-1, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 47};
	struct cidr c = {ip_from_v4(0x0a000000 | rnd(1 << 10)),
			 (uint8_t)(rnd(4) ? 22 + rnd(11) : 0)};

	memset(r, 0, sizeof(*r));
	r->protocol = (int16_t)protocols[rnd(5)];
	r->from = r->to = -1;
	r->cidr = cidr_canonical(&c);
	if (r->protocol == IPPROTO_ICMP && rnd(2)) {
		r->from = (int32_t)rnd(20);
		r->to = rnd(2) ? -1 : (int32_t)rnd(4);
	} else if ((r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) && rnd(4)) {
		r->from = (int32_t)rnd(65536);
		r->to = r->from + (int32_t)rnd((uint32_t)(65536 - r->from));
	}
}

static void random_packet(struct packet *p, const struct item_rule *rules, size_t n)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 47};
	const struct item_rule *r = &rules[rnd((uint32_t)n)];

	p->address = 0x0a000000 | rnd(1 << 10);
	p->protocol = protocols[rnd(4)];
	p->port = p->protocol == 47 ? 0 : (uint16_t)rnd(65536);
	if (p->protocol == IPPROTO_ICMP)
		p->port = (uint16_t)(rnd(20) << 8 | rnd(4));
	else if (p->protocol != 47 && r->from >= 0 && rnd(2)) /* edges of a range */
		p->port = (uint16_t)((rnd(2) ? r->from : r->to) + (int)rnd(3) - 1);
}

static void random_rules_match_plain_reading(void **state)
{
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + rnd(round % 10 ? 30 : 300);
		struct item_rule *rules = calloc(n, sizeof(*rules));
		struct classifier_tables t;

		for (size_t i = 0; i < n; i++)
			random_rule(&rules[i]);
		assert_int_equal(rules_compile(rules, n, NULL, 0, &t), 0);
		for (int k = 0; k < 200; k++) {
			struct rules_bitmap a, b;
			struct packet p;

			random_packet(&p, rules, n);
			a = lookup_address(&t, p.address);
			b = lookup_port(&t, &p);
			for (size_t i = 0; i < n; i++)
				assert_int_equal((a.w[i / 64] & b.w[i / 64]) >> (i % 64) & 1,
						 plain_match(&rules[i], &p));
		}
		classifier_tables_done(&t);
		free(rules);
	}
}

static void full_port_range_is_one_entry(void **state)
{
	struct item_rule r = {
		.protocol = IPPROTO_TCP, .from = 0, .to = 65535, .cidr = {ip_from_v4(0), 0}};
	struct classifier_tables t;

	assert_int_equal(rules_compile(&r, 1, NULL, 0, &t), 0);
	assert_int_equal(t.n_ports, 1);
	assert_int_equal(t.ports[0].prefixlen, 48);
	classifier_tables_done(&t);
}

static void thousand_rules_fit(void **state)
{
	size_t n = RULES_MAX;
	struct item_rule *rules = calloc(n, sizeof(*rules));
	struct classifier_tables t;

	for (size_t i = 0; i < n; i++)
		random_rule(&rules[i]);
	assert_int_equal(rules_compile(rules, n, NULL, 0, &t), 0);
	assert_int_equal(t.info.words, RULES_WORDS);
	classifier_tables_done(&t);
	free(rules);
}

static void open_both_ways_is_untracked_otherwise_not(void **state)
{
	struct cidr all = {ip_from_v4(0), 0}, some = {ip_from_v4(0x0a000000), 8};
	struct item_rule in = {.protocol = IPPROTO_TCP, .from = 80, .to = 80, .cidr = all};
	struct item_rule out = {.protocol = -1, .from = -1, .to = -1, .cidr = all};
	struct classifier_tables t;

	assert_int_equal(rules_compile(&in, 1, &out, 1, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 1);
	classifier_tables_done(&t);

	out.protocol = IPPROTO_TCP; /* all ports must be open in reverse */
	out.from = 80;
	out.to = 80;
	assert_int_equal(rules_compile(&in, 1, &out, 1, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	classifier_tables_done(&t);

	out = (struct item_rule){.protocol = -1, .from = -1, .to = -1, .cidr = all};
	in.cidr = some;
	assert_int_equal(rules_compile(&in, 1, &out, 1, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	classifier_tables_done(&t);

	in.cidr = all;
	in.protocol = IPPROTO_ICMP; /* ICMP is always tracked */
	in.from = in.to = -1;
	assert_int_equal(rules_compile(&in, 1, &out, 1, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	classifier_tables_done(&t);
}

static void group_rule_matches_peers_of_the_group_only(void **state)
{
	struct item_rule rules[2] = {{.protocol = -1, .from = -1, .to = -1, .group = "sg-a"},
				     {.protocol = -1, .from = -1, .to = -1, .group = "sg-b"}};
	char groups[GROUPS_PER_INTERFACE][SYMBOL_LEN] = {"sg-b", "sg-c"};
	struct rules_bitmap b;

	assert_true(rules_peer_bitmap(rules, 2, (const char(*)[SYMBOL_LEN])groups, &b));
	assert_int_equal(b.w[0], 2);
	strcpy(groups[0], "sg-d");
	assert_false(rules_peer_bitmap(rules, 2, (const char(*)[SYMBOL_LEN])groups, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rules_match_plain_reading),
		cmocka_unit_test(full_port_range_is_one_entry),
		cmocka_unit_test(thousand_rules_fit),
		cmocka_unit_test(open_both_ways_is_untracked_otherwise_not),
		cmocka_unit_test(group_rule_matches_peers_of_the_group_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
