/* SPDX-License-Identifier: MIT
 * From needs to rules: random needs against the plain reading of the rules (every need is admitted,
 * nothing else is, and no rule can be spared), and what a person would write of some.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vpcd/privilege_rules.h"

static const struct widening exact = {0, 32, 128};

static size_t one_member(void *arg, const char *group)
{
	return 1;
}

/* "wide" has more members than any other. */
static size_t wide_has_more(void *arg, const char *group)
{
	return strcmp(group, "wide") ? 1 : 100;
}

static struct need need_of(uint8_t protocol, uint16_t value, const char *peer, const char *group)
{
	struct need n = {.protocol = protocol, .value = value, .flows = 1, .packets = 2};

	assert_int_equal(ip_parse(peer, &n.peer), 0);
	if (group)
		symbol_set(n.groups[0], group);
	return n;
}

static void add(struct needs *n, uint8_t protocol, uint16_t value, const char *peer,
		const char *group)
{
	struct need need = need_of(protocol, value, peer, group);

	assert_int_equal(needs_add(n, &need), 0);
}

static void text_of(const struct proposed_rule *r, char *ret, size_t len)
{
	char cidr[CIDR_STRLEN];

	snprintf(ret, len, "%u %d-%d %s %zu", r->protocol, r->from, r->to,
		 r->group[0] ? r->group : cidr_format(&r->cidr, cidr), r->flows);
}

static void expect(struct needs *n, const struct widening *w, const char *const *rules)
{
	struct proposal p;
	char text[128];
	size_t i;

	assert_int_equal(needs_propose(n, w, wide_has_more, NULL, &p), 0);
	for (i = 0; rules[i]; i++) {
		assert_true(i < p.n);
		text_of(&p.v[i], text, sizeof(text));
		assert_string_equal(text, rules[i]);
	}
	assert_int_equal(p.n, i);
	proposal_done(&p);
	needs_free(n);
}

static void adjacent_ports_of_one_peer_become_a_range(void **state)
{
	struct needs *n = needs_new();

	add(n, IPPROTO_TCP, 80, "10.0.0.1", NULL);
	add(n, IPPROTO_TCP, 82, "10.0.0.1", NULL);
	add(n, IPPROTO_TCP, 81, "10.0.0.1", NULL);
	add(n, IPPROTO_TCP, 84, "10.0.0.1", NULL);
	add(n, IPPROTO_UDP, 83, "10.0.0.1", NULL);
	expect(n, &exact,
	       (const char *const[]){"6 80-82 10.0.0.1/32 3", "6 84-84 10.0.0.1/32 1",
				     "17 83-83 10.0.0.1/32 1", NULL});
}

static void gaps_are_closed_only_when_asked(void **state)
{
	const struct widening gap = {1, 32, 128};
	struct needs *n = needs_new();

	add(n, IPPROTO_TCP, 80, "10.0.0.1", NULL);
	add(n, IPPROTO_TCP, 82, "10.0.0.1", NULL);
	add(n, IPPROTO_TCP, 85, "10.0.0.1", NULL);
	expect(n, &gap,
	       (const char *const[]){"6 80-82 10.0.0.1/32 2", "6 85-85 10.0.0.1/32 1", NULL});
}

static void ranges_of_which_all_was_seen_are_joined(void **state)
{
	struct needs *n = needs_new();

	for (int i = 4; i < 9; i++) {
		char peer[IP_STRLEN];

		snprintf(peer, sizeof(peer), "10.0.0.%d", i);
		add(n, IPPROTO_TCP, 80, peer, NULL);
	}
	expect(n, &exact,
	       (const char *const[]){"6 80-80 10.0.0.4/30 4", "6 80-80 10.0.0.8/32 1", NULL});
}

static void prefixes_widen_what_is_asked(void **state)
{
	const struct widening wide = {0, 24, 64};
	struct needs *n = needs_new();

	add(n, IPPROTO_TCP, 80, "192.0.2.1", NULL);
	add(n, IPPROTO_TCP, 80, "192.0.2.200", NULL);
	add(n, IPPROTO_TCP, 80, "2001:db8::1", NULL);
	add(n, IPPROTO_TCP, 80, "10.0.0.1", "db");
	expect(n, &wide,
	       (const char *const[]){"6 80-80 192.0.2.0/24 2", "6 80-80 2001:db8::/64 1",
				     "6 80-80 db 1", NULL});
}

static void the_group_of_most_peers_is_chosen_then_the_smaller_one(void **state)
{
	struct needs *n = needs_new();
	struct need both = need_of(IPPROTO_TCP, 80, "10.0.0.1", "wide");

	symbol_set(both.groups[1], "narrow");
	assert_int_equal(needs_add(n, &both), 0);
	expect(n, &exact, (const char *const[]){"6 80-80 narrow 1", NULL});

	n = needs_new();
	assert_int_equal(needs_add(n, &both), 0);
	add(n, IPPROTO_TCP, 80, "10.0.0.2", "wide");
	add(n, IPPROTO_TCP, 80, "10.0.0.3", NULL);
	expect(n, &exact, (const char *const[]){"6 80-80 10.0.0.3/32 1", "6 80-80 wide 2", NULL});
}

static void icmp_has_types_and_others_have_nothing(void **state)
{
	struct needs *n = needs_new();

	add(n, IPPROTO_ICMP, 8, "10.0.0.1", NULL);
	add(n, IPPROTO_ICMP, 9, "10.0.0.1", NULL);
	add(n, 47, 0, "10.0.0.1", NULL);
	expect(n, &exact,
	       (const char *const[]){"1 8--1 10.0.0.1/32 1", "1 9--1 10.0.0.1/32 1",
				     "47 -1--1 10.0.0.1/32 1", NULL});
}

/* ---- random ---- */

#define PEERS 12
#define PORTS 6

/* Peers 0 to 5 are in groups: i is in group g if bit g of i is set; 0 is in none. */
static struct need random_need(void)
{
	unsigned peer = (unsigned)rand() % PEERS;
	char address[IP_STRLEN], group[8];
	struct need n;
	size_t k = 0;

	snprintf(address, sizeof(address), "10.0.0.%u", peer);
	n = need_of(rand() % 2 ? IPPROTO_TCP : IPPROTO_UDP, (uint16_t)(80 + rand() % PORTS),
		    address, NULL);
	n.egress = rand() % 2;
	for (unsigned g = 0; peer < 6 && g < 3; g++)
		if (peer >> g & 1) {
			snprintf(group, sizeof(group), "g%u", g);
			symbol_set(n.groups[k++], group);
		}
	return n;
}

static bool rule_admits(const struct proposed_rule *r, const struct need *n)
{
	if (r->egress != n->egress || r->protocol != n->protocol || n->value < r->from ||
	    n->value > r->to)
		return false;
	if (!r->group[0])
		return cidr_contains_ip(&r->cidr, &n->peer);
	for (size_t i = 0; i < GROUPS_PER_INTERFACE; i++)
		if (!strcmp(n->groups[i], r->group))
			return true;
	return false;
}

static size_t count_admitting(const struct proposal *p, const struct need *n,
			      const struct proposed_rule *but)
{
	size_t count = 0;

	for (size_t i = 0; i < p->n; i++)
		count += &p->v[i] != but && rule_admits(&p->v[i], n);
	return count;
}

static bool is_spared(const struct proposal *p, const struct proposed_rule *r,
		      const struct need *needs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!count_admitting(p, &needs[i], r))
			return false;
	return true;
}

/* An address in a range was seen with it, and some member of a group was. */
static void assert_explained(const struct proposed_rule *r, const struct need *needs, size_t n)
{
	for (int port = r->from; port <= r->to; port++)
		for (uint64_t a = 0; a < (r->group[0] ? 1 : cidr_size(&r->cidr)); a++) {
			struct ip peer = cidr_nth(&r->cidr, a);
			bool seen = false;

			for (size_t i = 0; i < n; i++)
				seen = seen ||
				       (needs[i].value == port && rule_admits(r, &needs[i]) &&
					(r->group[0] || !ip_cmp(&peer, &needs[i].peer)));
			assert_true(seen);
		}
}

static void random_needs_are_met_and_nothing_else(void **state)
{
	const char *env = getenv("VPCD_TEST_SEED");
	unsigned seed = env ? (unsigned)strtoul(env, NULL, 10) : 20;

	print_message("VPCD_TEST_SEED=%u\n", seed);
	srand(seed);
	for (int round = 0; round < 2000; round++) {
		struct needs *all = needs_new();
		struct need needs[40];
		size_t n = 1 + (size_t)rand() % 40;
		struct proposal p;

		for (size_t i = 0; i < n; i++) {
			needs[i] = random_need();
			assert_int_equal(needs_add(all, &needs[i]), 0);
		}
		assert_int_equal(needs_flows(all), n);
		assert_int_equal(needs_propose(all, &exact, one_member, NULL, &p), 0);
		for (size_t i = 0; i < n; i++)
			assert_true(count_admitting(&p, &needs[i], NULL) > 0);
		for (size_t i = 0; i < p.n; i++) {
			assert_explained(&p.v[i], needs, n);
			assert_false(is_spared(&p, &p.v[i], needs, n));
		}
		proposal_done(&p);
		needs_free(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adjacent_ports_of_one_peer_become_a_range),
		cmocka_unit_test(gaps_are_closed_only_when_asked),
		cmocka_unit_test(ranges_of_which_all_was_seen_are_joined),
		cmocka_unit_test(prefixes_widen_what_is_asked),
		cmocka_unit_test(the_group_of_most_peers_is_chosen_then_the_smaller_one),
		cmocka_unit_test(icmp_has_types_and_others_have_nothing),
		cmocka_unit_test(random_needs_are_met_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
