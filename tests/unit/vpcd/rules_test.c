/* SPDX-License-Identifier: MIT
 * The classifier compiler against the plain reading of the rules: random rule lists of both
 * families, random packets, every rule asked one by one.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "vpcd/rules.h"

struct packet {
	struct ip address;
	uint8_t protocol;
	uint16_t port; /* or type << 8 | code */
};

/* What a longest-prefix look-up of the compiled tables gives. */
static struct rules_bitmap lookup_address(const struct classifier_tables *t, const struct ip *ip)
{
	struct rules_bitmap best = {0};
	unsigned longest = 0;

	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct rule_addr_key *k = &t->addresses[i];
		unsigned len = k->prefixlen - 64;
		struct cidr c = {.ip = {.family = k->family}, .len = (uint8_t)len};

		memcpy(c.ip.b, k->address.b, sizeof(c.ip.b));
		if (k->family == AF_INET)
			c.len = (uint8_t)(len - 96);
		if (!cidr_contains_ip(&c, ip))
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
	if (r->group[0] || !cidr_contains_ip(&r->cidr, &p->address))
		return false;
	if (r->protocol < 0)
		return true;
	if (r->protocol != p->protocol)
		return false;
	if (r->from < 0)
		return true;
	if (r->protocol == IPPROTO_ICMP || r->protocol == IPPROTO_ICMPV6)
		return r->from == p->port >> 8 && (r->to < 0 || r->to == (p->port & 0xff));
	return r->from <= p->port && p->port <= r->to;
}

static const struct rules_open none;

static uint32_t seed = 12345;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* 1,024 addresses of either family: 10.0.0.0/22 or 2001:db8::/118. */
static struct ip random_address(void)
{
	struct ip ip = {AF_INET6, {0x20, 0x01, 0x0d, 0xb8}};
	uint32_t n = rnd(1 << 10);

	if (rnd(2))
		return ip_from_v4(0x0a000000 | n);
	ip.b[14] = (uint8_t)(n >> 8);
	ip.b[15] = (uint8_t)n;
	return ip;
}

static void random_rule(struct item_rule *r)
{
	static const int protocols[] = {-1,	      IPPROTO_TCP, IPPROTO_UDP,
					IPPROTO_ICMP, 47,	   IPPROTO_ICMPV6};
	struct cidr c = {.ip = random_address()};

	if (rnd(4))
		c.len = (uint8_t)((c.ip.family == AF_INET ? 22 : 118) + rnd(11));
	memset(r, 0, sizeof(*r));
	r->protocol = (int16_t)protocols[rnd(6)];
	r->from = r->to = -1;
	r->cidr = cidr_canonical(&c);
	if ((r->protocol == IPPROTO_ICMP || r->protocol == IPPROTO_ICMPV6) && rnd(2)) {
		r->from = (int32_t)rnd(20);
		r->to = rnd(2) ? -1 : (int32_t)rnd(4);
	} else if ((r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) && rnd(4)) {
		r->from = (int32_t)rnd(65536);
		r->to = r->from + (int32_t)rnd((uint32_t)(65536 - r->from));
	}
}

static void random_packet(struct packet *p, const struct item_rule *rules, size_t n)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 47,
					    IPPROTO_ICMPV6};
	const struct item_rule *r = &rules[rnd((uint32_t)n)];

	p->address = random_address();
	p->protocol = protocols[rnd(5)];
	p->port = p->protocol == 47 ? 0 : (uint16_t)rnd(65536);
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
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
		assert_int_equal(rules_compile(rules, n, &none, &t), 0);
		for (int k = 0; k < 200; k++) {
			struct rules_bitmap a, b;
			struct packet p;

			random_packet(&p, rules, n);
			a = lookup_address(&t, &p.address);
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

	assert_int_equal(rules_compile(&r, 1, &none, &t), 0);
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
	assert_int_equal(rules_compile(rules, n, &none, &t), 0);
	assert_int_equal(t.info.rules, RULES_MAX);
	classifier_tables_done(&t);
	free(rules);
}

static void each_family_has_bits_of_its_own(void **state)
{
	struct item_rule rules[] = {
		{.id = "a", .cidr = {ip_from_v4(0x0a000000), 8}},
		{.id = "b", .cidr = {{AF_INET6, {0x20, 0x01}}, 16}},
		{.id = "c", .group = "sg-1"},
		{.id = "d", .cidr = {{AF_INET6, {0x20, 0x02}}, 16}},
		{.id = "e", .cidr = {ip_from_v4(0x0b000000), 8}},
	};
	static const char *const ids[2] = {"ace", "bcd"};
	struct item_rule part[5];

	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(rules_of_family(rules, 5, v6, NULL), 3);
		assert_int_equal(rules_of_family(rules, 5, v6, part), 3);
		for (uint32_t bit = 0; bit < 3; bit++) {
			assert_int_equal(part[bit].id[0], ids[v6][bit]);
			assert_int_equal(rules_at(rules, 5, v6, bit)->id[0], ids[v6][bit]);
		}
		assert_null(rules_at(rules, 5, v6, 3));
		assert_null(rules_at(rules, 5, v6, RULES_MAX));
	}
}

/* A rule list's open directions. */
static struct rules_open open_of(const struct item_rule *r)
{
	return rules_open(r, 1);
}

static void rules_of_all_protocols_are_untracked_by_half(void **state)
{
	struct cidr all = {ip_from_v4(0), 0};
	struct item_rule in = {.protocol = -1, .from = -1, .to = -1, .cidr = all};
	struct item_rule out = {.protocol = IPPROTO_UDP, .from = -1, .to = -1, .cidr = all};
	struct packet udp = {ip_from_v4(0x01020304), IPPROTO_UDP, 53};
	struct packet tcp = {ip_from_v4(0x01020304), IPPROTO_TCP, 53};
	struct rules_open open = open_of(&out);
	struct classifier_tables t;

	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 2); /* a second rule, behind the first */
	assert_int_equal(lookup_port(&t, &udp).w[0], 3);
	assert_int_equal(lookup_port(&t, &tcp).w[0], 1);
	assert_int_equal(lookup_address(&t, &udp.address).w[0], 3);
	classifier_tables_done(&t);
}

static void families_are_open_each_for_itself(void **state)
{
	struct cidr all4 = {ip_from_v4(0), 0}, all6 = {{.family = AF_INET6}, 0};
	struct item_rule in = {.protocol = IPPROTO_TCP, .from = 80, .to = 80, .cidr = all6};
	struct item_rule out = {.protocol = -1, .from = -1, .to = -1, .cidr = all4};
	struct rules_open open = open_of(&out);
	struct classifier_tables t;

	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	assert_int_equal(t.addresses[0].prefixlen, 64);
	classifier_tables_done(&t);
	out.cidr = all6;
	open = open_of(&out);
	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 1);
	classifier_tables_done(&t);
}

/* Many, but not one for each rule and port: at most 30 a range, and ranges share them. */
static void thousand_random_ranges_are_thousands_of_prefixes(void **state)
{
	size_t n = 1000;
	struct item_rule *rules = calloc(n, sizeof(*rules));
	struct classifier_tables t;

	for (size_t i = 0; i < n; i++) {
		uint32_t a = rnd(65536), b = rnd(65536);

		random_rule(&rules[i]);
		rules[i].protocol = IPPROTO_TCP;
		rules[i].from = (int32_t)(a < b ? a : b);
		rules[i].to = (int32_t)(a < b ? b : a);
	}
	assert_int_equal(rules_compile(rules, n, &none, &t), 0);
	assert_in_range(t.n_ports, 5000, 15000);
	classifier_tables_done(&t);
	free(rules);
}

static uint32_t flags(const struct item_rule *rules, size_t n, const struct rules_open *reverse)
{
	struct classifier_tables t;
	uint32_t f;

	assert_int_equal(rules_compile(rules, n, reverse, &t), 0);
	f = t.info.flags;
	classifier_tables_done(&t);
	return f;
}

static void a_first_rule_for_everything_is_known_as_such(void **state)
{
	struct item_rule rules[2] = {
		{.protocol = -1, .from = -1, .to = -1, .cidr = {ip_from_v4(0), 0}},
		{.protocol = IPPROTO_TCP, .from = 80, .to = 80, .cidr = {ip_from_v4(0), 0}}};
	struct item_rule turned[2] = {rules[1], rules[0]};
	struct rules_open tcp = {.tcp = {true}}, both = {.tcp = {true}, .udp = {true}};

	assert_int_equal(flags(rules, 2, &none), CLASSIFIER_OPEN);
	assert_int_equal(flags(turned, 2, &none), 0);
	assert_int_equal(flags(rules, 0, &none), 0);
	/* What the first one says of tracking holds for all, or it does not say all. */
	assert_int_equal(flags(rules, 2, &both), CLASSIFIER_OPEN);
	assert_int_equal(flags(rules, 2, &tcp), 0);
	rules[0].cidr.len = 1;
	assert_int_equal(flags(rules, 2, &none), 0);
	rules[0].cidr.len = 0;
	rules[0].protocol = IPPROTO_UDP;
	assert_int_equal(flags(rules, 2, &none), 0);
	rules[0] = (struct item_rule){.protocol = -1, .from = -1, .to = -1, .group = "sg-a"};
	assert_int_equal(flags(rules, 2, &none), CLASSIFIER_PEERS);
}

static void open_both_ways_is_untracked_otherwise_not(void **state)
{
	struct cidr all = {ip_from_v4(0), 0}, some = {ip_from_v4(0x0a000000), 8};
	struct item_rule in = {.protocol = IPPROTO_TCP, .from = 80, .to = 80, .cidr = all};
	struct item_rule out = {.protocol = -1, .from = -1, .to = -1, .cidr = all};
	struct classifier_tables t;
	struct rules_open open;

	open = open_of(&out);
	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 1);
	classifier_tables_done(&t);

	out.protocol = IPPROTO_TCP; /* all ports must be open in reverse */
	out.from = 80;
	out.to = 80;
	open = open_of(&out);
	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	classifier_tables_done(&t);

	out = (struct item_rule){.protocol = -1, .from = -1, .to = -1, .cidr = all};
	in.cidr = some;
	open = open_of(&out);
	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
	assert_int_equal(t.info.untracked.w[0], 0);
	classifier_tables_done(&t);

	in.cidr = all;
	in.protocol = IPPROTO_ICMP; /* ICMP is always tracked */
	in.from = in.to = -1;
	open = open_of(&out);
	assert_int_equal(rules_compile(&in, 1, &open, &t), 0);
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
		cmocka_unit_test(each_family_has_bits_of_its_own),
		cmocka_unit_test(thousand_random_ranges_are_thousands_of_prefixes),
		cmocka_unit_test(rules_of_all_protocols_are_untracked_by_half),
		cmocka_unit_test(families_are_open_each_for_itself),
		cmocka_unit_test(a_first_rule_for_everything_is_known_as_such),
		cmocka_unit_test(open_both_ways_is_untracked_otherwise_not),
		cmocka_unit_test(group_rule_matches_peers_of_the_group_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
