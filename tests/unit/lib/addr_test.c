/* SPDX-License-Identifier: MIT
 * Addresses: strict parsing, formatting, prefix arithmetic in both families.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/addr.h"

#include "lib/cleanup.h"

static struct ip ip_of(const char *s)
{
	struct ip ip;

	assert_int_equal(ip_parse(s, &ip), 0);
	return ip;
}

static struct cidr cidr_of(const char *s)
{
	struct cidr c;

	assert_int_equal(cidr_parse(s, &c), 0);
	return c;
}

static void assert_cidr(const struct cidr *c, const char *expect)
{
	char s[CIDR_STRLEN];

	assert_string_equal(cidr_format(c, s), expect);
}

static void both_families_round_trip(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "10.0.1.255", "::", "2001:db8::1",
					    "::ffff:1.2.3.4"};
	char s[IP_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ip ip = ip_of(texts[i]);

		assert_string_equal(ip_format(&ip, s), texts[i]);
	}
}

static void malformed_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	     "10.0.1",	     "10.0.0.01/8", "10.0.0.0/33", "10.0.0.0",
		"10.0.0.0/", "10.0.0.0/08",  "10.0.0.0/-1", "10.0.0.0/1x", "::/129",
		"x/8",	     "10.0.0.0/1000"};
	struct cidr c;
	struct ip ip;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cidr_parse(bad[i], &c), -22);
	assert_int_equal(ip_parse("10.0.0.256", &ip), -22);
	assert_int_equal(ip_parse(" 10.0.0.1", &ip), -22);
}

static void unset_values_format_to_nothing(void **state)
{
	struct ip ip = {0};
	struct cidr c = {0};
	struct mac m = {0};
	char s[CIDR_STRLEN];

	assert_false(ip_is_set(&ip));
	assert_string_equal(ip_format(&ip, s), "");
	assert_string_equal(cidr_format(&c, s), "");
	assert_string_equal(mac_format(&m, s), "");
}

static void ipv4_is_v4_mapped(void **state)
{
	struct ip ip = ip_of("10.1.2.3");
	static const uint8_t expect[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3};

	assert_memory_equal(ip.b, expect, sizeof(expect));
	assert_int_equal(ip_to_v4(&ip), 0x0a010203);
	ip = ip_from_v4(0x0a010203);
	assert_memory_equal(ip.b, expect, sizeof(expect));
}

static void adding_carries_and_wraps(void **state)
{
	char s[IP_STRLEN];
	struct ip a = ip_of("10.0.0.255"), b = ip_of("255.255.255.255"),
		  c = ip_of("2001:db8::ffff"), d = ip_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

	a = ip_add(&a, 1);
	assert_string_equal(ip_format(&a, s), "10.0.1.0");
	b = ip_add(&b, 1);
	assert_string_equal(ip_format(&b, s), "0.0.0.0");
	c = ip_add(&c, UINT64_MAX);
	assert_string_equal(ip_format(&c, s), "2001:db8:0:1::fffe");
	d = ip_add(&d, 2);
	assert_string_equal(ip_format(&d, s), "::1");
}

static void host_bits_are_cleared_when_canonical(void **state)
{
	struct cidr a = cidr_of("100.68.0.18/18"), b = cidr_of("2001:db8::ffff/33"),
		    c = cidr_of("1.2.3.4/0"), d = cidr_of("1.2.3.4/32");

	assert_false(cidr_is_canonical(&a));
	a = cidr_canonical(&a);
	assert_cidr(&a, "100.68.0.0/18");
	assert_true(cidr_is_canonical(&a));
	b = cidr_canonical(&b);
	assert_cidr(&b, "2001:db8::/33");
	c = cidr_canonical(&c);
	assert_cidr(&c, "0.0.0.0/0");
	assert_true(cidr_is_canonical(&d));
}

static void containment_knows_families_and_edges(void **state)
{
	struct cidr vpc = cidr_of("10.0.0.0/16"), subnet = cidr_of("10.0.255.0/24"),
		    other = cidr_of("10.1.0.0/16"), all4 = cidr_of("0.0.0.0/0"),
		    all6 = cidr_of("::/0");
	struct ip in = ip_of("10.0.255.255"), out = ip_of("10.1.0.0"), none = {0};

	assert_true(cidr_contains(&vpc, &subnet));
	assert_true(cidr_contains(&vpc, &vpc));
	assert_false(cidr_contains(&subnet, &vpc));
	assert_true(cidr_overlaps(&subnet, &vpc));
	assert_true(cidr_overlaps(&vpc, &subnet));
	assert_false(cidr_overlaps(&vpc, &other));
	assert_true(cidr_contains_ip(&vpc, &in));
	assert_false(cidr_contains_ip(&vpc, &out));
	assert_false(cidr_contains_ip(&all6, &in));
	assert_false(cidr_overlaps(&all4, &all6));
	assert_false(cidr_contains_ip(&all4, &none));
}

static void sizes_and_positions(void **state)
{
	struct cidr a = cidr_of("10.0.0.77/24"), all6 = cidr_of("::/0"), one = cidr_of("::1/128");
	struct ip ip = cidr_nth(&a, 255);
	char s[IP_STRLEN];

	assert_int_equal(cidr_size(&a), 256);
	assert_true(cidr_size(&all6) == UINT64_MAX);
	assert_int_equal(cidr_size(&one), 1);
	assert_string_equal(ip_format(&ip, s), "10.0.0.255");
	assert_int_equal(cidr_len128(&a), 120);
	assert_int_equal(cidr_len128(&one), 128);
}

static void order_is_by_family_then_address_then_length(void **state)
{
	struct cidr a = cidr_of("10.0.0.0/8"), b = cidr_of("10.0.0.0/16"), c = cidr_of("::/0");

	assert_true(cidr_cmp(&a, &b) < 0);
	assert_true(cidr_cmp(&b, &a) > 0);
	assert_true(cidr_cmp(&b, &c) < 0);
	assert_int_equal(cidr_cmp(&a, &a), 0);
}

static void macs_round_trip(void **state)
{
	struct mac m;
	char s[MAC_STRLEN];

	assert_int_equal(mac_parse("02:aB:00:ff:10:9e", &m), 0);
	assert_string_equal(mac_format(&m, s), "02:ab:00:ff:10:9e");
	assert_int_equal(mac_parse("02:ab:00:ff:10", &m), -22);
	assert_int_equal(mac_parse("02:ab:00:ff:10:9g", &m), -22);
	assert_int_equal(mac_parse("02-ab-00-ff-10-9e", &m), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_round_trip),
		cmocka_unit_test(malformed_addresses_are_refused),
		cmocka_unit_test(unset_values_format_to_nothing),
		cmocka_unit_test(ipv4_is_v4_mapped),
		cmocka_unit_test(adding_carries_and_wraps),
		cmocka_unit_test(host_bits_are_cleared_when_canonical),
		cmocka_unit_test(containment_knows_families_and_edges),
		cmocka_unit_test(sizes_and_positions),
		cmocka_unit_test(order_is_by_family_then_address_then_length),
		cmocka_unit_test(macs_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
