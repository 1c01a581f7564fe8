/* SPDX-License-Identifier: MIT
 * What a view answers: zones, wildcards, chains, delegations, rules, routing policies.
 */
#include "ask.h"

#define SOA(origin) origin " 60 SOA " origin ". hostmaster." origin ". 1 7200 900 1209600 60"

static int view_open(void **state)
{
	*state = dns_view_new(1, true);
	return *state ? 0 : -1;
}

static int view_close(void **state)
{
	dns_view_unref(*state);
	return 0;
}

/* ---- zones ---- */

static void names_of_a_zone_never_go_upstream(void **state)
{
	struct dns_view *v = *state;

	zone(v, "A.test.");
	rr(v, "www.a.test", "A", "10.0.0.1");
	rr(v, "www.a.test", "A", "10.0.0.2");
	says(v, "www.a.test", "A",
	     "NOERROR aa | www.a.test 60 A 10.0.0.1; www.a.test 60 A 10.0.0.2");
	says(v, "www.a.test", "AAAA", "NOERROR aa | " SOA("a.test"));
	says(v, "www.a.test", "TYPE65", "NOERROR aa | " SOA("a.test"));
	says(v, "no.a.test", "A", "NXDOMAIN aa | " SOA("a.test"));
	says(v, "a.test", "SOA", "NOERROR aa | " SOA("a.test"));
	says(v, "test", "A", "PUBLIC test");
	says(v, "b.test", "A", "PUBLIC b.test");
}

static void every_record_type_is_served_as_written(void **state)
{
	static const char *const records[][2] = {
		{"A", "192.0.2.1"},
		{"AAAA", "2001:db8::1"},
		{"CAA", "0 issue \"ca.test\""},
		{"MX", "10 mail.a.test."},
		{"NS", "ns.a.test."},
		{"PTR", "x.a.test."},
		{"SRV", "1 2 443 www.a.test."},
		{"TXT", "\"v=spf1 -all\" \"quo\\\"te\""},
		{"SOA", "ns.a.test. admin.a.test. 5 4 3 2 1"},
	};
	struct dns_view *v = *state;

	zone(v, "a.test");
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		rr(v, "a.test", records[i][0], records[i][1]);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		char expected[256];

		snprintf(expected, sizeof(expected), "NOERROR aa | a.test 60 %s %s", records[i][0],
			 records[i][1]);
		says(v, "a.test", records[i][0], expected);
	}
	/* RFC 2308 section 5: the smaller of the SOA's TTL and its MINIMUM. */
	says(v, "no.a.test", "A", "NXDOMAIN aa | a.test 1 SOA ns.a.test. admin.a.test. 5 4 3 2 1");
}

static void the_most_specific_zone_answers(void **state)
{
	struct dns_view *v = *state;

	zone(v, "test");
	zone(v, "a.test");
	rr(v, "x.test", "A", "10.0.0.1");
	rr(v, "x.a.test", "A", "10.0.0.2");
	says(v, "x.test", "A", "NOERROR aa | x.test 60 A 10.0.0.1");
	says(v, "x.a.test", "A", "NOERROR aa | x.a.test 60 A 10.0.0.2");
	says(v, "y.a.test", "A", "NXDOMAIN aa | " SOA("a.test"));
	says(v, "y.test", "A", "NXDOMAIN aa | " SOA("test"));
}

static void names_between_a_zone_and_an_owner_exist(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "x.y.z.a.test", "A", "10.0.0.1");
	says(v, "y.z.a.test", "A", "NOERROR aa | " SOA("a.test"));
	says(v, "q.z.a.test", "A", "NXDOMAIN aa | " SOA("a.test"));
}

static void any_is_answered_by_one_set(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "www.a.test", "TXT", "\"x\"");
	rr(v, "www.a.test", "A", "10.0.0.1");
	says(v, "www.a.test", "ANY", "NOERROR aa | www.a.test 60 TXT \"x\"");
	says(v, "b.test", "ANY", "NOERROR | b.test 3789 HINFO \\# 9 075246433834383200");
}

/* ---- wildcards: the zone of RFC 4592 section 2.2.1 ---- */

static void wildcards_answer_as_rfc_4592_says(void **state)
{
	struct dns_view *v = *state;

	zone(v, "example");
	rr(v, "example", "NS", "ns.example.com");
	rr(v, "*.example", "TXT", "\"this is a wildcard\"");
	rr(v, "*.example", "MX", "10 host1.example");
	rr(v, "sub.*.example", "TXT", "\"this is not a wildcard\"");
	rr(v, "host1.example", "A", "192.0.2.1");
	rr(v, "_ssh._tcp.host1.example", "SRV", "0 0 22 host1.example");
	rr(v, "_ssh._tcp.host2.example", "SRV", "0 0 22 host1.example");
	rr(v, "subdel.example", "NS", "ns.example.com");

	says(v, "host3.example", "MX", "NOERROR aa | host3.example 60 MX 10 host1.example.");
	begins(v, "host3.example", "A", "NOERROR aa | example 60 SOA");
	says(v, "foo.bar.example", "TXT",
	     "NOERROR aa | foo.bar.example 60 TXT \"this is a wildcard\"");
	begins(v, "host1.example", "MX", "NOERROR aa | example 60 SOA");
	begins(v, "sub.*.example", "MX", "NOERROR aa | example 60 SOA");
	begins(v, "_telnet._tcp.host1.example", "SRV", "NXDOMAIN aa");
	says(v, "host.subdel.example", "A", "NOERROR | subdel.example 60 NS ns.example.com.");
	begins(v, "ghost.*.example", "MX", "NXDOMAIN aa");
	says(v, "*.example", "MX", "NOERROR aa | *.example 60 MX 10 host1.example.");
}

static void wildcard_cname_is_followed(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "*.a.test", "CNAME", "www.a.test");
	rr(v, "www.a.test", "A", "10.0.0.1");
	says(v, "deep.er.a.test", "A",
	     "NOERROR aa | deep.er.a.test 60 CNAME www.a.test.; www.a.test 60 A 10.0.0.1");
}

/* ---- chains ---- */

static void chains_lead_through_zones_and_out(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	zone(v, "b.test");
	rr(v, "x.a.test", "CNAME", "y.b.test");
	rr(v, "y.b.test", "CNAME", "z.a.test");
	rr(v, "z.a.test", "A", "10.0.0.3");
	rr(v, "out.a.test", "CNAME", "www.example.com");
	says(v, "x.a.test", "A",
	     "NOERROR aa | x.a.test 60 CNAME y.b.test.; y.b.test 60 CNAME z.a.test.; "
	     "z.a.test 60 A 10.0.0.3");
	says(v, "x.a.test", "CNAME", "NOERROR aa | x.a.test 60 CNAME y.b.test.");
	says(v, "out.a.test", "A", "PUBLIC www.example.com");
	begins(v, "x.a.test", "AAAA",
	       "NOERROR aa | x.a.test 60 CNAME y.b.test.; y.b.test 60 CNAME z.a.test. | a.test 60 "
	       "SOA");
}

static void loops_end_in_servfail(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "x.a.test", "CNAME", "y.a.test");
	rr(v, "y.a.test", "CNAME", "x.a.test");
	rr(v, "self.a.test", "CNAME", "self.a.test");
	says(v, "x.a.test", "A", "SERVFAIL");
	says(v, "self.a.test", "A", "SERVFAIL");
}

static void cname_beside_others_is_refused(void **state)
{
	struct dns_view *v = *state;
	struct err e;

	zone(v, "a.test");
	rr(v, "x.a.test", "A", "10.0.0.1");
	assert_int_equal(dns_record_add(v, "x.a.test", "CNAME", 60, "y.a.test", NULL, &e), -EINVAL);
	assert_string_equal(e.code, "InvalidChangeBatch");
	rr(v, "y.a.test", "CNAME", "x.a.test");
	assert_int_equal(dns_record_add(v, "y.a.test", "A", 60, "10.0.0.1", NULL, &e), -EINVAL);
	assert_int_equal(dns_record_add(v, "y.a.test", "CNAME", 60, "z.a.test", NULL, &e), -EINVAL);
}

/* ---- what upstream says ---- */

/* An upstream reply with a chain of CNAMEs and an address at its end. */
static size_t upstream_make(uint8_t *buf, size_t limit, const char *const *names, size_t n,
			    const char *address)
{
	struct dns_query q;
	struct dns_reply r;
	struct dns_rdata rdata;

	query_make(&q, names[0], "A");
	dns_reply_begin(&r, &q, buf, limit);
	for (size_t i = 0; i < n; i++) {
		struct dns_name owner;
		bool last = i + 1 == n;

		dns_name_from_text(names[i], &owner, NULL);
		dns_rdata_from_text(last ? DNS_A : DNS_CNAME, last ? address : names[i + 1], &rdata,
				    NULL);
		assert_true(dns_reply_add(
			&r, DNS_ANSWER,
			&(struct dns_rr){&owner, last ? DNS_A : DNS_CNAME, 5, rdata.b, rdata.len}));
	}
	return dns_reply_end(&r, DNS_RA, DNS_NOERROR);
}

static void ask_upstream(struct dns_view *v, const char *const *names, size_t n,
			 const char *address, const char *question, const char *expected)
{
	uint8_t msg[DNS_UDP_MAX];
	struct dns_upstream up = {.msg = msg};
	cleanup_free char *text = NULL;

	up.len = upstream_make(msg, sizeof(msg), names, n, address);
	dns_name_from_text(names[0], &up.name, NULL);
	text = ask_with(&(struct dns_ask){.view = v, .up = &up}, question, "A");
	assert_string_equal(text, expected);
}

static void upstream_answers_are_passed_on(void **state)
{
	static const char *const names[] = {"www.example.com", "cdn.example.net"};
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "out.a.test", "CNAME", "www.example.com");
	ask_upstream(v, names, 2, "203.0.113.9", "www.example.com",
		     "NOERROR | www.example.com 5 CNAME cdn.example.net.; "
		     "cdn.example.net 5 A 203.0.113.9");
	ask_upstream(v, names, 2, "203.0.113.9", "out.a.test",
		     "NOERROR aa | out.a.test 60 CNAME www.example.com.; "
		     "www.example.com 5 CNAME cdn.example.net.; cdn.example.net 5 A 203.0.113.9");
}

static void a_chain_of_upstream_comes_back_to_what_the_view_knows(void **state)
{
	static const char *const names[] = {"www.example.com", "x.a.test"};
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "x.a.test", "A", "10.0.0.1");
	ask_upstream(v, names, 2, "203.0.113.9", "www.example.com",
		     "NOERROR | www.example.com 5 CNAME x.a.test.; x.a.test 60 A 10.0.0.1");
}

static void no_upstream_is_servfail(void **state)
{
	struct dns_upstream up = {.msg = NULL};
	cleanup_free char *text = NULL;

	dns_name_from_text("b.test", &up.name, NULL);
	text = ask_with(&(struct dns_ask){.view = *state, .up = &up}, "b.test", "A");
	assert_string_equal(text, "SERVFAIL");
}

/* ---- delegation ---- */

static void delegated_names_are_referred(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "sub.a.test", "NS", "ns.sub.a.test");
	rr(v, "ns.sub.a.test", "A", "10.0.0.53");
	says(v, "www.sub.a.test", "A",
	     "NOERROR | sub.a.test 60 NS ns.sub.a.test. | ns.sub.a.test 60 A 10.0.0.53");
	says(v, "sub.a.test", "NS",
	     "NOERROR | sub.a.test 60 NS ns.sub.a.test. | ns.sub.a.test 60 A 10.0.0.53");
	/* A zone of its own there is no delegation. */
	zone(v, "sub.a.test");
	says(v, "sub.a.test", "NS", "NOERROR aa | sub.a.test 60 NS ns.sub.a.test.");
	begins(v, "www.sub.a.test", "A", "NXDOMAIN aa");
}

/* ---- resolver rules: the most specific domain wins, of the same a rule ---- */

static void rule(struct dns_view *v, const char *domain, const char *server)
{
	struct dns_target t = {.port = 53};
	struct err e;

	if (server)
		assert_int_equal(ip_parse(server, &t.address), 0);
	ok(dns_rule_add(v, domain, &t, server ? 1 : 0, &e), &e);
}

static void rules_and_zones_rank_by_domain(void **state)
{
	struct dns_view *v = *state;

	zone(v, "test");
	zone(v, "in.corp.test");
	zone(v, "same.test");
	rr(v, "x.test", "A", "10.0.0.1");
	rr(v, "x.corp.test", "A", "10.0.0.2");
	rr(v, "x.in.corp.test", "A", "10.0.0.3");
	rr(v, "x.same.test", "A", "10.0.0.4");
	rule(v, "corp.test", "192.0.2.53");
	rule(v, "same.test", "192.0.2.53");
	rule(v, "sys.corp.test", NULL);
	says(v, "x.test", "A", "NOERROR aa | x.test 60 A 10.0.0.1");
	says(v, "x.corp.test", "A", "RULE x.corp.test");
	says(v, "corp.test", "A", "RULE corp.test");
	says(v, "x.in.corp.test", "A", "NOERROR aa | x.in.corp.test 60 A 10.0.0.3");
	says(v, "x.same.test", "A", "RULE x.same.test");
	/* A system rule gives the domain back to what would answer without the rule above it. */
	begins(v, "x.sys.corp.test", "A", "NXDOMAIN aa | test 60 SOA");
}

static void a_rule_for_everything_leaves_zones_alone(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "ec2-1.compute.test", "A", "10.0.0.9");
	rule(v, ".", "192.0.2.53");
	rule(v, "example.org", NULL);
	begins(v, "x.a.test", "A", "NXDOMAIN aa");
	says(v, "www.example.com", "A", "RULE www.example.com");
	says(v, "www.example.org", "A", "PUBLIC www.example.org");
	/* A record outside every zone is closer than any rule. */
	says(v, "ec2-1.compute.test", "A", "NOERROR aa | ec2-1.compute.test 60 A 10.0.0.9");
}

static void a_cname_may_lead_to_a_rule(void **state)
{
	struct dns_view *v = *state;

	zone(v, "a.test");
	rr(v, "x.a.test", "CNAME", "y.corp.test");
	rule(v, "corp.test", "192.0.2.53");
	says(v, "x.a.test", "A", "RULE y.corp.test");
}

/* ---- routing policies ---- */

static void routed(struct dns_view *v, enum dns_routing_policy policy, const char *set,
		   uint32_t weight, const char *address)
{
	struct dns_routing r = {policy, set, weight};
	struct err e;

	ok(dns_record_add(v, "www.a.test", "A", 60, address, &r, &e), &e);
}

/* Asks n times; how often each of the addresses 10.0.0.0 to 10.0.0.15 came. */
static void draw(const struct dns_view *v, int n, int counts[16], int *ret_per_answer)
{
	uint32_t random = 12345;

	memset(counts, 0, 16 * sizeof(*counts));
	for (int i = 0; i < n; i++) {
		struct dns_ask ask = {.view = v, .random = random = random * 1664525 + 1013904223};
		cleanup_free char *text = ask_with(&ask, "www.a.test", "A");
		int found = 0;

		for (const char *p = text; (p = strstr(p, " A 10.0.0.")); p++, found++)
			counts[atoi(p + 10) & 15]++;
		assert_true(found > 0 && (!*ret_per_answer || found == *ret_per_answer));
		*ret_per_answer = found;
	}
}

static void weighted_sets_share_by_weight(void **state)
{
	struct dns_view *v = *state;
	int counts[16], per = 1;

	zone(v, "a.test");
	routed(v, DNS_WEIGHTED, "blue", 3, "10.0.0.1");
	routed(v, DNS_WEIGHTED, "green", 1, "10.0.0.2");
	routed(v, DNS_WEIGHTED, "off", 0, "10.0.0.3");
	draw(v, 4000, counts, &per);
	assert_in_range(counts[1], 2800, 3200);
	assert_in_range(counts[2], 800, 1200);
	assert_int_equal(counts[3], 0);
}

static void weights_of_zero_are_equal(void **state)
{
	struct dns_view *v = *state;
	int counts[16], per = 1;

	zone(v, "a.test");
	routed(v, DNS_WEIGHTED, "a", 0, "10.0.0.1");
	routed(v, DNS_WEIGHTED, "b", 0, "10.0.0.2");
	draw(v, 2000, counts, &per);
	assert_in_range(counts[1], 850, 1150);
	assert_in_range(counts[2], 850, 1150);
}

static void multivalue_answers_have_eight_of_all(void **state)
{
	struct dns_view *v = *state;
	int counts[16], per = 8;

	zone(v, "a.test");
	for (int i = 0; i < 12; i++) {
		char set[8], address[16];

		snprintf(set, sizeof(set), "s%d", i);
		snprintf(address, sizeof(address), "10.0.0.%d", i);
		routed(v, DNS_MULTIVALUE, set, 0, address);
	}
	draw(v, 1200, counts, &per);
	for (int i = 0; i < 12; i++)
		assert_in_range(counts[i], 680, 920);
}

static void drawn_answers_vary_and_others_do_not(void **state)
{
	struct dns_view *v = *state;
	uint8_t buf[DNS_UDP_MAX];
	struct dns_outcome out;
	struct dns_query q;

	zone(v, "a.test");
	routed(v, DNS_WEIGHTED, "a", 1, "10.0.0.1");
	rr(v, "plain.a.test", "A", "10.0.0.2");
	rr(v, "to.a.test", "CNAME", "www.a.test");
	query_make(&q, "www.a.test", "A");
	assert_true(dns_answer(&(struct dns_ask){.view = v, .query = &q}, buf, sizeof(buf), &out));
	assert_true(out.varies);
	query_make(&q, "to.a.test", "A");
	assert_true(dns_answer(&(struct dns_ask){.view = v, .query = &q}, buf, sizeof(buf), &out));
	assert_true(out.varies);
	query_make(&q, "plain.a.test", "A");
	assert_true(dns_answer(&(struct dns_ask){.view = v, .query = &q}, buf, sizeof(buf), &out));
	assert_false(out.varies);
}

/* ---- the firewall ---- */

static struct dns_domains *list(const char *const *names, size_t n)
{
	struct dns_domains *l = dns_domains_new("rslvr-fdl-1");
	struct err e;

	for (size_t i = 0; i < n; i++)
		ok(dns_domains_add(l, names[i], &e), &e);
	return l;
}

static bool matches(const struct dns_domains *l, const char *text)
{
	struct dns_name name;

	dns_name_from_text(text, &name, NULL);
	dns_name_lower(&name);
	return dns_domains_match(l, &name);
}

static void domain_lists_match_names_and_what_is_below(void **state)
{
	static const char *const names[] = {"Exact.test", "*.below.test", "both.test",
					    "*.both.test"};
	static const char *const bad[] = {"", "a..b", "*a.test", "a.*.test", "*."};
	struct dns_domains *l = list(names, ARRAY_SIZE(names));

	assert_true(matches(l, "EXACT.test"));
	assert_false(matches(l, "www.exact.test"));
	assert_false(matches(l, "below.test"));
	assert_true(matches(l, "a.below.test"));
	assert_true(matches(l, "a.b.below.test"));
	assert_false(matches(l, "notbelow.test"));
	assert_true(matches(l, "both.test"));
	assert_true(matches(l, "a.both.test"));
	assert_false(matches(l, "test"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(dns_domain_check(bad[i], NULL), -EINVAL);
	ok(dns_domains_add(l, "*", NULL), NULL);
	assert_true(matches(l, "whatever"));
	assert_true(matches(l, "."));
	dns_domains_unref(l);
}

static void firewalled(struct dns_view *v, const char *name, const char *type, const char *expected)
{
	struct dns_name n;
	struct dns_ask ask = {.view = v};
	cleanup_free char *text = NULL;

	dns_name_from_text(name, &n, NULL);
	ask.verdict = dns_view_firewall(v, &n);
	text = ask_with(&ask, name, type);
	if (strcmp(text, expected))
		fail_msg("%s: %s, not %s", name, text, expected);
}

static void the_first_rule_that_matches_decides(void **state)
{
	static const char *const good[] = {"good.bad.test"},
				 *const bad[] = {"bad.test", "*.bad.test"},
				 *const worse[] = {"*.worse.test"}, *const over[] = {"over.test"};
	struct dns_domains *lists[] = {list(good, 1), list(bad, 2), list(worse, 1), list(over, 1)};
	struct dns_firewall_rule rules[] = {
		{"frg", lists[0], DNS_ALLOW, 0, NULL, 0},
		{"frg", lists[1], DNS_BLOCK, DNS_BLOCK_NXDOMAIN, NULL, 0},
		{"frg", lists[2], DNS_BLOCK, DNS_BLOCK_NODATA, NULL, 0},
		{"frg", lists[3], DNS_BLOCK, DNS_BLOCK_OVERRIDE, "www.a.test", 5},
	};
	struct dns_view *v = *state;
	struct err e;

	zone(v, "a.test");
	rr(v, "www.a.test", "A", "10.0.0.1");
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		ok(dns_firewall_add(v, &rules[i], &e), &e);
		dns_domains_unref(lists[i]);
	}
	firewalled(v, "good.bad.test", "A", "PUBLIC good.bad.test");
	firewalled(v, "bad.test", "A", "NXDOMAIN");
	firewalled(v, "x.bad.test", "A", "NXDOMAIN");
	firewalled(v, "x.worse.test", "A", "NOERROR");
	firewalled(v, "worse.test", "A", "PUBLIC worse.test");
	firewalled(v, "over.test", "A",
		   "NOERROR | over.test 5 CNAME www.a.test.; www.a.test 60 A 10.0.0.1");
	firewalled(v, "over.test", "CNAME", "NOERROR | over.test 5 CNAME www.a.test.");
	firewalled(v, "www.a.test", "A", "NOERROR aa | www.a.test 60 A 10.0.0.1");
}

#define view_test(f) cmocka_unit_test_setup_teardown(f, view_open, view_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		view_test(names_of_a_zone_never_go_upstream),
		view_test(every_record_type_is_served_as_written),
		view_test(the_most_specific_zone_answers),
		view_test(names_between_a_zone_and_an_owner_exist),
		view_test(any_is_answered_by_one_set),
		view_test(wildcards_answer_as_rfc_4592_says),
		view_test(wildcard_cname_is_followed),
		view_test(chains_lead_through_zones_and_out),
		view_test(loops_end_in_servfail),
		view_test(cname_beside_others_is_refused),
		view_test(upstream_answers_are_passed_on),
		view_test(a_chain_of_upstream_comes_back_to_what_the_view_knows),
		view_test(no_upstream_is_servfail),
		view_test(delegated_names_are_referred),
		view_test(rules_and_zones_rank_by_domain),
		view_test(a_rule_for_everything_leaves_zones_alone),
		view_test(a_cname_may_lead_to_a_rule),
		view_test(weighted_sets_share_by_weight),
		view_test(weights_of_zero_are_equal),
		view_test(multivalue_answers_have_eight_of_all),
		view_test(drawn_answers_vary_and_others_do_not),
		view_test(domain_lists_match_names_and_what_is_below),
		view_test(the_first_rule_that_matches_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
