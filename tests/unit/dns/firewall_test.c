/* SPDX-License-Identifier: MIT
 * The DNS firewall: which rule decides, and that a long list costs what a short one costs.
 */
#include "ask.h"
#include "dns/zone.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static struct dns_domains *list_of(const char *const *domains)
{
	struct dns_domains *l = dns_domains_new("list");
	struct err e;

	assert_non_null(l);
	for (; *domains; domains++)
		ok(dns_domains_add(l, *domains, &e), &e);
	return l;
}

static bool matches(const struct dns_domains *l, const char *name)
{
	struct dns_name n;

	assert_int_equal(dns_name_from_text(name, &n, NULL), 0);
	dns_name_lower(&n);
	return dns_domains_match(l, &n);
}

static void a_domain_is_itself_and_a_star_what_is_below(void **state)
{
	struct dns_domains *l =
		list_of((const char *[]){"a.test", "*.B.test", "c.test", "*.c.test", NULL});

	assert_true(matches(l, "A.test"));
	assert_false(matches(l, "x.a.test"));
	assert_false(matches(l, "b.test"));
	assert_true(matches(l, "x.b.test"));
	assert_true(matches(l, "x.y.b.TEST"));
	assert_true(matches(l, "c.test"));
	assert_true(matches(l, "x.c.test"));
	assert_false(matches(l, "test"));
	assert_false(matches(l, "xa.test"));
	assert_false(matches(l, "."));
	dns_domains_unref(l);
	l = list_of((const char *[]){"*", NULL});
	assert_true(matches(l, "."));
	assert_true(matches(l, "x.y"));
	dns_domains_unref(l);
}

static void what_is_no_domain_is_refused(void **state)
{
	static const char *const bad[] = {"", "a..b", "x.*.b", "**", "*a.b", "*."};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(dns_domain_check(bad[i], NULL), -EINVAL);
}

static void rule(struct dns_view *v, struct dns_domains *l, enum dns_firewall_action action)
{
	struct err e;

	ok(dns_firewall_add(v, &(struct dns_firewall_rule){.domains = l, .action = action}, &e),
	   &e);
}

static void the_first_rule_that_has_the_name_decides(void **state)
{
	struct dns_domains *good = list_of((const char *[]){"good.bad.test", NULL});
	struct dns_domains *bad = list_of((const char *[]){"*.bad.test", NULL});
	struct dns_view *v = dns_view_new(1, true);
	struct dns_name name;

	rule(v, good, DNS_ALLOW);
	rule(v, bad, DNS_BLOCK);
	rule(v, good, DNS_BLOCK);
	dns_name_from_text("good.bad.test", &name, NULL);
	assert_int_equal(dns_view_firewall(v, &name)->action, DNS_ALLOW);
	dns_name_from_text("x.bad.test", &name, NULL);
	assert_int_equal(dns_view_firewall(v, &name)->action, DNS_BLOCK);
	dns_name_from_text("bad.test", &name, NULL);
	assert_null(dns_view_firewall(v, &name));
	dns_view_unref(v);
	dns_domains_unref(good);
	dns_domains_unref(bad);
}

/* ---- what it costs ---- */

static struct dns_domains *list_with(unsigned n)
{
	struct dns_domains *l = dns_domains_new("list");
	char domain[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(domain, sizeof(domain), "%sn%u.blocked.test", i & 1 ? "*." : "", i);
		assert_int_equal(dns_domains_add(l, domain, NULL), 0);
	}
	return l;
}

/* In a child that is stepped through: where the look-up begins and ends it stops itself. */
static void look_up(const struct dns_domains *l, const struct dns_name *name)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	dns_domains_match(l, name);
	raise(SIGSTOP);
	_exit(0);
}

/* How many instructions a look-up takes. */
static unsigned instructions(const struct dns_domains *l, const char *text)
{
	struct dns_name name;
	unsigned n = 0;
	int status;
	pid_t pid;

	assert_int_equal(dns_name_from_text(text, &name, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		look_up(l, &name);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	do {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
		n++;
	} while (WSTOPSIG(status) == SIGTRAP);
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return n;
}

static void a_hundred_thousand_names_cost_what_ten_cost(void **state)
{
	static const char *const names[] = {"n4.blocked.test",	 "x.n5.blocked.test",
					    "n6.blocked.test",	 "www.example.com",
					    "n4.a.blocked.test", "a.b.c.d.e.f.blocked.test"};
	struct dns_domains *few = list_with(10), *many = list_with(100000);
	unsigned least = 0, most = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		least += instructions(few, names[i]);
		most += instructions(many, names[i]);
	}
	printf("%zu look-ups: %u instructions in a list of 10, %u of 100,000\n", ARRAY_SIZE(names),
	       least, most);
	/* A step more of a chain here and there is chance; a look-up that grew would be thousands.
	 */
	assert_in_range(most, least * 3 / 4, least * 5 / 4);
	dns_domains_unref(few);
	dns_domains_unref(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_is_itself_and_a_star_what_is_below),
		cmocka_unit_test(what_is_no_domain_is_refused),
		cmocka_unit_test(the_first_rule_that_has_the_name_decides),
		cmocka_unit_test(a_hundred_thousand_names_cost_what_ten_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
