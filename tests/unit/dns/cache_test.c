/* SPDX-License-Identifier: MIT
 * What a forwarder said is kept for seconds, and no longer than its TTL allows.
 */
#include "ask.h"

#include "dns/cache.h"

#define SECOND UINT64_C(1000000000)

static size_t message(uint8_t *buf, const char *name, uint32_t ttl, enum dns_rcode rcode)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	struct dns_name owner;
	struct dns_query q;
	struct dns_reply r;

	query_make(&q, name, "A");
	dns_name_from_text(name, &owner, NULL);
	dns_reply_begin(&r, &q, buf, DNS_UDP_MIN);
	if (ttl)
		assert_true(dns_reply_add(&r, DNS_ANSWER,
					  &(struct dns_rr){&owner, DNS_A, ttl, address, 4}));
	return dns_reply_end(&r, DNS_RA, rcode);
}

static void keep(struct dns_cache *c, const char *name, uint32_t ttl, enum dns_rcode rcode)
{
	uint8_t buf[DNS_UDP_MIN];
	struct dns_name n;
	size_t len = message(buf, name, ttl, rcode);

	dns_name_from_text(name, &n, NULL);
	dns_cache_put(c, &n, DNS_A, buf, len, SECOND);
}

/* Seconds of age, -1: not there. */
static int age(struct dns_cache *c, const char *name, uint16_t type, uint64_t now)
{
	struct dns_name n;
	uint32_t ret;
	size_t len;

	dns_name_from_text(name, &n, NULL);
	return dns_cache_get(c, &n, type, now, &len, &ret) ? (int)ret : -1;
}

static void answers_are_kept_for_five_seconds_at_most(void **state)
{
	struct dns_cache *c = dns_cache_new();

	keep(c, "a.test", 3600, DNS_NOERROR);
	assert_int_equal(age(c, "a.test", DNS_A, SECOND), 0);
	assert_int_equal(age(c, "a.test", DNS_A, 5 * SECOND), 4);
	assert_int_equal(age(c, "a.test", DNS_AAAA, 5 * SECOND), -1);
	assert_int_equal(age(c, "b.test", DNS_A, 5 * SECOND), -1);
	assert_int_equal(age(c, "a.test", DNS_A, 6 * SECOND), -1);
	dns_cache_free(c);
}

static void a_short_ttl_ends_it_sooner(void **state)
{
	struct dns_cache *c = dns_cache_new();

	keep(c, "a.test", 2, DNS_NOERROR);
	assert_int_equal(age(c, "a.test", DNS_A, SECOND + SECOND * 17 / 10), 1);
	assert_int_equal(age(c, "a.test", DNS_A, SECOND + SECOND * 18 / 10), -1);
	keep(c, "zero.test", 0, DNS_NOERROR);
	assert_int_equal(age(c, "zero.test", DNS_A, SECOND), -1);
	keep(c, "fail.test", 60, DNS_SERVFAIL);
	assert_int_equal(age(c, "fail.test", DNS_A, SECOND), -1);
	dns_cache_free(c);
}

static void the_oldest_makes_room_and_clearing_forgets_all(void **state)
{
	struct dns_cache *c = dns_cache_new();
	char name[32];

	for (int i = 0; i <= CACHE_ITEMS; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		keep(c, name, 60, DNS_NOERROR);
	}
	assert_int_equal(age(c, "n0.test", DNS_A, SECOND), -1);
	assert_int_equal(age(c, "n1.test", DNS_A, SECOND), 0);
	keep(c, "n1.test", 60, DNS_NXDOMAIN); /* again: in its place */
	assert_int_equal(age(c, "n2.test", DNS_A, SECOND), 0);
	dns_cache_clear(c);
	assert_int_equal(age(c, "n1.test", DNS_A, SECOND), -1);
	dns_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_kept_for_five_seconds_at_most),
		cmocka_unit_test(a_short_ttl_ends_it_sooner),
		cmocka_unit_test(the_oldest_makes_room_and_clearing_forgets_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
