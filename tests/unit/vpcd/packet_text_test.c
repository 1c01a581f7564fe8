/* SPDX-License-Identifier: MIT
 * Lines about packets: what they say, and that no cut makes them read past its end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "vpcd/packet_text.h"

/* Ethernet, IPv4 10.0.1.4 > 10.0.2.10, TCP 40000 > 5432, SYN. */
static const uint8_t tcp[] = {
	2,    0,    0, 0, 0,  1, 2, 0, 0,  0, 0,    2, 8,  0, 0x45, 0,	0,    40,
	0,    0,    0, 0, 64, 6, 0, 0, 10, 0, 1,    4, 10, 0, 2,    10, 0x9c, 0x40,
	0x15, 0x38, 0, 0, 0,  0, 0, 0, 0,  0, 0x50, 2, 0,  0, 0,    0,	0,    0,
};

/* IPv6 2001:db8::1 > 2001:db8::2, ICMPv6 echo request. */
static const uint8_t icmp6[] = {
	2,  0,	  0, 0,	   0,	 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0,    0, 8,    58,
	64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,    0,	  0,	0, 1, 0x20, 1, 0x0d, 0xb8,
	0,  0,	  0, 0,	   0,	 0, 0, 0, 0, 0, 0, 2, 128,  0,	  0,	0, 0, 0,    0, 0,
};

/* Behind the time. */
static char *line_of(const void *data, size_t len, uint16_t linktype, const char *comment)
{
	struct buf out = {0};
	struct captured p = {.data = data,
			     .len_captured = (uint32_t)len,
			     .len_original = 1500,
			     .direction = PACKET_OUTBOUND,
			     .comment = comment};

	packet_text(&out, linktype, &p);
	memmove(out.p, out.p + 16, out.len - 15);
	return buf_take(&out);
}

static void expect_line(const void *data, size_t len, const char *comment, const char *want)
{
	char *got = line_of(data, len, LINKTYPE_ETHERNET, comment);

	assert_string_equal(got, want);
	free(got);
}

static void a_whole_packet_is_named(void **state)
{
	expect_line(tcp, sizeof(tcp), NULL,
		    "out 10.0.1.4:40000 > 10.0.2.10:5432 tcp S 1500 bytes\n");
	expect_line(
		icmp6, sizeof(icmp6), "SG_INGRESS",
		"out 2001:db8::1 > 2001:db8::2 icmpv6 type 128 code 0 1500 bytes # SG_INGRESS\n");
}

static void a_later_fragment_has_no_ports(void **state)
{
	uint8_t f[sizeof(tcp)];

	memcpy(f, tcp, sizeof(f));
	f[21] = 1;
	expect_line(f, sizeof(f), NULL, "out 10.0.1.4 > 10.0.2.10 tcp fragment 1500 bytes\n");
}

/* Each cut in a block of its own size, so that the sanitizer sees a byte too many. */
static void a_cut_packet_is_read_to_its_end_only(void **state)
{
	for (size_t n = 0; n <= sizeof(icmp6); n++) {
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, icmp6, n);
		free(line_of(cut, n, LINKTYPE_ETHERNET, NULL));
		free(line_of(cut, n, LINKTYPE_LINUX_SLL2, NULL));
		memcpy(cut, tcp, n < sizeof(tcp) ? n : sizeof(tcp));
		free(line_of(cut, n < sizeof(tcp) ? n : sizeof(tcp), LINKTYPE_ETHERNET, NULL));
		free(cut);
	}
	expect_line(tcp, 20, NULL, "out ip cut short 1500 bytes\n");
	expect_line(tcp, 10, NULL, "out cut short 1500 bytes\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_packet_is_named),
		cmocka_unit_test(a_later_fragment_has_no_ports),
		cmocka_unit_test(a_cut_packet_is_read_to_its_end_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
