/* SPDX-License-Identifier: MIT
 * Names, queries and replies on the wire, well-formed and not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "dns/server.h"
#include "dns/wire.h"
#include "lib/cleanup.h"

/* A literal's octets without its final NUL. */
#define OCTETS(s) (const uint8_t *)(s), sizeof(s) - 1

#define HEADER(counts) "\x12\x34\x01\x00" counts
#define ONE_QUESTION   HEADER("\0\1\0\0\0\0\0\0")
#define WITH_OPT       HEADER("\0\1\0\0\0\0\0\1")
#define QUESTION       "\3wWw\7example\3com\0\0\1\0\1"
#define OPT(flags, rd) "\0\0\x29\x10\0" flags rd

/* ---- names ---- */

static void name_from_text(const char *text, struct dns_name *n)
{
	struct err e = {0};

	if (dns_name_from_text(text, n, &e))
		fail_msg("%s: %s", text, e.msg);
}

static void names_of_text_print_as_they_were(void **state)
{
	static const char *const names[] = {".",
					    "com",
					    "www.Example.com",
					    "_sip._tcp.example.com",
					    "a\\.b.example.com",
					    "\\000\\255.com",
					    "*.example.com"};
	static const char *const printed[] = {".",
					      "com",
					      "www.Example.com",
					      "_sip._tcp.example.com",
					      "a\\046b.example.com",
					      "\\000\\255.com",
					      "*.example.com"};
	char buf[DNS_NAME_TEXT];
	struct dns_name n;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		name_from_text(names[i], &n);
		assert_string_equal(dns_name_to_text(&n, buf), printed[i]);
	}
	name_from_text("example.com.", &n);
	assert_string_equal(dns_name_to_text(&n, buf), "example.com");
	name_from_text("", &n);
	assert_int_equal(n.len, 1);
}

static void longest_label_and_name_pass_one_more_fails(void **state)
{
	char text[300] = "";
	struct dns_name n;
	struct err e;

	memset(text, 'a', 63);
	assert_int_equal(dns_name_check(text, &e), 0);
	memset(text, 'a', 64);
	assert_int_equal(dns_name_check(text, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "63"));
	/* 253 octets of text: 126 labels of one letter, dots between, and one letter more. */
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 253; i++)
		text[i] = i % 2 ? '.' : 'a';
	assert_int_equal(dns_name_from_text(text, &n, &e), 0);
	assert_int_equal(n.len, 255);
	text[252] = 'b';
	text[253] = 'b';
	assert_int_equal(dns_name_from_text(text, &n, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "253"));
	text[253] = '.';
	assert_int_equal(dns_name_from_text(text, &n, &e), 0);
}

static void malformed_text_names_are_refused(void **state)
{
	static const char *const bad[] = {"a..b", ".a", "..", "a\\", "a\\25", "a\\256", "a\\2x5"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(dns_name_check(bad[i], NULL), -EINVAL);
}

static void escaped_longest_name_fits_its_buffer(void **state)
{
	char buf[DNS_NAME_TEXT];
	struct dns_name n = {.len = 255}, back;

	for (unsigned at = 0, l = 63; at < 254; at += l + 1) {
		l = 254 - at > 64 ? 63 : 253 - at;
		n.b[at] = (uint8_t)l;
		memset(n.b + at + 1, 0xff, l);
	}
	n.b[254] = 0;
	assert_true(strlen(dns_name_to_text(&n, buf)) < DNS_NAME_TEXT);
	name_from_text(buf, &back);
	assert_true(dns_name_equal(&n, &back));
}

static void comparison_ignores_case_of_letters_only(void **state)
{
	struct dns_name a, b, c;

	name_from_text("WWW.example.COM", &a);
	name_from_text("www.EXAMPLE.com", &b);
	name_from_text("www.example.co\\013", &c);
	assert_true(dns_name_equal(&a, &b));
	assert_false(dns_name_equal(&a, &c));
	dns_name_lower(&a);
	assert_memory_equal(a.b, "\3www\7example\3com", a.len);
}

static void parent_of_names_ends_at_the_root(void **state)
{
	struct dns_name n;

	name_from_text("a.b", &n);
	n = dns_name_parent(&n);
	assert_memory_equal(n.b, "\1b", 3);
	n = dns_name_parent(&n);
	n = dns_name_parent(&n);
	assert_int_equal(n.len, 1);
}

static void compressed_name_is_followed_backwards(void **state)
{
	static const char msg[] = "\3com\0\7example\xc0\0\3www\xc0\5";
	struct dns_name n, want;
	size_t pos = 15;

	assert_int_equal(dns_name_parse(OCTETS(msg), &pos, &n), 0);
	name_from_text("www.example.com", &want);
	assert_true(dns_name_equal(&n, &want));
	assert_int_equal(pos, sizeof(msg) - 1);
}

static void pointers_forward_to_itself_or_in_a_loop_fail(void **state)
{
	static const struct {
		const char *b;
		size_t len, pos;
	} bad[] = {
		{"\xc0\0", 2, 0},	      /* itself */
		{"\xc0\2\0", 3, 0},	      /* forward */
		{"\1a\xc0\0", 4, 0},	      /* into its own labels */
		{"\1a\xc0\4\1b\xc0\0", 8, 4}, /* two that point at one another */
		{"\xff\xff\0", 3, 0},	      /* beyond the end */
		{"\xc0", 1, 0},		      /* half a pointer */
		{"\x40"
		 "a\0",
		 3, 0}, /* RFC 2673 label type */
		{"\x80"
		 "a\0",
		 3, 0},		/* reserved label type */
		{"\3ab", 3, 0}, /* label cut off */
		{"\1a", 2, 0},	/* no end */
		{"", 0, 0},
	};
	struct dns_name n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t pos = bad[i].pos;

		if (!dns_name_parse((const uint8_t *)bad[i].b, bad[i].len, &pos, &n))
			fail_msg("case %zu passed", i);
	}
}

static void name_over_255_octets_by_pointers_fails(void **state)
{
	uint8_t msg[600];
	struct dns_name n;
	size_t pos = 0, start;

	/* Three labels of 63, then again three that continue there. */
	for (int i = 0; i < 3; i++, pos += 64) {
		msg[pos] = 63;
		memset(msg + pos + 1, 'a', 63);
	}
	msg[pos++] = 0;
	start = pos;
	msg[pos] = 62;
	memset(msg + pos + 1, 'b', 62);
	msg[pos + 63] = 0xc0;
	msg[pos + 64] = 0;
	pos = start;
	assert_int_equal(dns_name_parse(msg, sizeof(msg), &pos, &n), -EBADMSG);
	msg[start] = 61;
	msg[start + 62] = 0xc0;
	msg[start + 63] = 0;
	pos = start;
	assert_int_equal(dns_name_parse(msg, sizeof(msg), &pos, &n), 0);
	assert_int_equal(n.len, 255);
}

/* ---- queries ---- */

static int query(const uint8_t *msg, size_t len, struct dns_query *q)
{
	/* On the heap and exact, so that ASan sees a read beyond the end. */
	cleanup_free uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, msg, len);
	return dns_query_parse(copy, len, q);
}

static void plain_query_is_read(void **state)
{
	struct dns_query q;

	assert_int_equal(query(OCTETS(ONE_QUESTION QUESTION), &q), 0);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, DNS_A);
	assert_int_equal(q.class, DNS_CLASS_IN);
	assert_false(q.edns);
	assert_int_equal(q.udp_size, DNS_UDP_MIN);
	assert_memory_equal(q.name.b, "\3wWw", 4);
}

static void edns_size_is_kept_within_bounds(void **state)
{
	struct dns_query q;

	assert_int_equal(query(OCTETS(WITH_OPT QUESTION OPT("\0\0\x80\0", "\0\0")), &q), 0);
	assert_true(q.edns && q.dnssec_ok);
	assert_int_equal(q.udp_size, DNS_UDP_MAX);
	assert_int_equal(query(OCTETS(WITH_OPT QUESTION "\0\0\x29\0\1\0\0\0\0\0\0"), &q), 0);
	assert_int_equal(q.udp_size, DNS_UDP_MIN);
	/* An option that nobody knows (code 65001, 2 octets) changes nothing. */
	assert_int_equal(query(OCTETS(WITH_OPT QUESTION OPT("\0\0\0\0", "\0\6\xfd\xe9\0\2ab")), &q),
			 0);
	assert_true(q.edns && !q.dnssec_ok);
}

static void short_messages_and_replies_stay_unanswered(void **state)
{
	struct dns_query q;

	for (size_t len = 0; len < DNS_HEADER_LEN; len++)
		assert_true(query((const uint8_t *)ONE_QUESTION, len, &q) < 0);
	assert_true(query(OCTETS("\x12\x34\x81\x80\0\1\0\0\0\0\0\0" QUESTION), &q) < 0);
}

static void refused_queries_get_the_right_code(void **state)
{
#define CASE(rcode, text)                     \
	{                                     \
		rcode, text, sizeof(text) - 1 \
	}
	static const struct {
		int rcode;
		const char *b;
		size_t len;
	} cases[] = {
		/* opcodes: STATUS, NOTIFY, UPDATE, 15 */
		CASE(DNS_NOTIMP, "\0\1\x10\0\0\1\0\0\0\0\0\0" QUESTION),
		CASE(DNS_NOTIMP, "\0\1\x20\0\0\1\0\0\0\0\0\0" QUESTION),
		CASE(DNS_NOTIMP, "\0\1\x28\0\0\1\0\0\0\0\0\0" QUESTION),
		CASE(DNS_NOTIMP, "\0\1\x78\0\0\0\0\0\0\0\0\0"),
		/* questions: none, two */
		CASE(DNS_FORMERR, HEADER("\0\0\0\0\0\0\0\0")),
		CASE(DNS_FORMERR, HEADER("\0\2\0\0\0\0\0\0") QUESTION QUESTION),
		/* cut off in the type; text behind the end; a record promised and not there */
		CASE(DNS_FORMERR, ONE_QUESTION "\1a\0\0\1\0"),
		CASE(DNS_FORMERR, ONE_QUESTION QUESTION "x"),
		CASE(DNS_FORMERR, WITH_OPT QUESTION),
		/* a pointer in the question */
		CASE(DNS_FORMERR, ONE_QUESTION "\1a\xc0\x0c\0\1\0\1"),
		/* OPT: twice, not at the root, in the answer section, an option cut off, version 1
		 */
		CASE(DNS_FORMERR, HEADER("\0\1\0\0\0\0\0\2") QUESTION OPT("\0\0\0\0", "\0\0")
					  OPT("\0\0\0\0", "\0\0")),
		CASE(DNS_FORMERR, WITH_OPT QUESTION "\1a" OPT("\0\0\0\0", "\0\0")),
		CASE(DNS_FORMERR, HEADER("\0\1\0\1\0\0\0\0") QUESTION OPT("\0\0\0\0", "\0\0")),
		CASE(DNS_FORMERR, WITH_OPT QUESTION OPT("\0\0\0\0", "\0\5\0\1\0\2a")),
		CASE(DNS_FORMERR, WITH_OPT QUESTION OPT("\0\0\0\0", "\0\3\0\1\0")),
		CASE(DNS_FORMERR, WITH_OPT QUESTION OPT("\0\0\0\0", "\0\xff")),
		CASE(DNS_BADVERS, WITH_OPT QUESTION OPT("\0\1\0\0", "\0\0")),
		/* classes CHAOS and ANY; types AXFR, IXFR, MAILB, TKEY, OPT, TSIG, 0 */
		CASE(DNS_REFUSED, ONE_QUESTION "\1a\0\0\1\0\3"),
		CASE(DNS_REFUSED, ONE_QUESTION "\1a\0\0\1\0\xff"),
		CASE(DNS_REFUSED, ONE_QUESTION "\1a\0\0\xfc\0\1"),
		CASE(DNS_REFUSED, ONE_QUESTION "\1a\0\0\xfb\0\1"),
		CASE(DNS_NOTIMP, ONE_QUESTION "\1a\0\0\xfd\0\1"),
		CASE(DNS_NOTIMP, ONE_QUESTION "\1a\0\0\xf9\0\1"),
		CASE(DNS_FORMERR, ONE_QUESTION "\1a\0\0\x29\0\1"),
		CASE(DNS_FORMERR, ONE_QUESTION "\1a\0\0\xfa\0\1"),
		CASE(DNS_FORMERR, ONE_QUESTION "\1a\0\0\0\0\1"),
		/* unknown but ordinary types are looked up */
		CASE(DNS_NOERROR, ONE_QUESTION "\1a\0\xff\x01\0\1"),
		CASE(DNS_NOERROR, ONE_QUESTION "\1a\0\0\x41\0\1"),
		CASE(DNS_NOERROR, ONE_QUESTION "\0\0\2\0\1"),
	};
#undef CASE
	struct dns_query q;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int rcode = query((const uint8_t *)cases[i].b, cases[i].len, &q);

		if (rcode != cases[i].rcode)
			fail_msg("case %zu: %d, not %d", i, rcode, cases[i].rcode);
	}
}

static void query_cut_at_every_octet_is_never_accepted(void **state)
{
	static const char msg[] = WITH_OPT QUESTION OPT("\0\0\0\0", "\0\6\0\1\0\2ab");
	struct dns_query q;

	for (size_t len = 0; len < sizeof(msg) - 1; len++)
		assert_int_not_equal(query((const uint8_t *)msg, len, &q), 0);
	assert_int_equal(query(OCTETS(msg), &q), 0);
}

/* ---- replies ---- */

static void begin(struct dns_query *q, struct dns_reply *r, uint8_t *buf, size_t limit, bool edns)
{
	if (edns)
		assert_int_equal(query(OCTETS(WITH_OPT QUESTION OPT("\0\0\x80\0", "\0\0")), q), 0);
	else
		assert_int_equal(query(OCTETS(ONE_QUESTION QUESTION), q), 0);
	dns_reply_begin(r, q, buf, limit);
}

static void reply_echoes_question_and_compresses_the_owner(void **state)
{
	static const uint8_t want[] = "\x12\x34\x85\x80\0\1\0\1\0\0\0\0" QUESTION
				      "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xa\0\0\1";
	uint8_t buf[DNS_UDP_MIN];
	struct dns_name owner;
	struct dns_query q;
	struct dns_reply r;

	begin(&q, &r, buf, sizeof(buf), false);
	name_from_text("www.example.com", &owner);
	assert_true(dns_reply_add(&r, DNS_ANSWER,
				  &(struct dns_rr){&owner, DNS_A, 60, OCTETS("\xa\0\0\1")}));
	assert_int_equal(dns_reply_end(&r, DNS_AA | DNS_RA, DNS_NOERROR), sizeof(want) - 1);
	assert_memory_equal(buf, want, sizeof(want) - 1);
}

static void reply_to_edns_carries_opt_with_extended_code(void **state)
{
	static const uint8_t opt[] = "\0\0\x29\x04\xd0\1\0\x80\0\0\0";
	uint8_t buf[DNS_UDP_MIN];
	struct dns_query q;
	struct dns_reply r;
	size_t n;

	begin(&q, &r, buf, sizeof(buf), true);
	n = dns_reply_end(&r, 0, DNS_BADVERS);
	assert_memory_equal(buf + n - DNS_OPT_LEN, opt, DNS_OPT_LEN);
	assert_int_equal(buf[3] & DNS_RCODE, 0);
	assert_int_equal(buf[11], 1);
}

static void rdata_names_are_compressed_for_old_types_only(void **state)
{
	static const uint8_t mx[] = "\0\xa\4mail\7example\3com";
	static const uint8_t srv[] = "\0\1\0\2\0\3\3www\7example\3com";
	uint8_t buf[DNS_UDP_MIN];
	struct dns_name owner;
	struct dns_query q;
	struct dns_reply r;
	size_t before;

	begin(&q, &r, buf, sizeof(buf), false);
	name_from_text("www.example.com", &owner);
	before = r.len;
	assert_true(dns_reply_add(&r, DNS_ANSWER,
				  &(struct dns_rr){&owner, DNS_MX, 60, mx, sizeof(mx)}));
	assert_memory_equal(buf + before + 12, "\0\xa\4mail\xc0\x10", 9);
	assert_int_equal(r.len, before + 21);
	before = r.len;
	assert_true(dns_reply_add(&r, DNS_ANSWER,
				  &(struct dns_rr){&owner, DNS_SRV, 60, srv, sizeof(srv)}));
	assert_int_equal(r.len, before + 12 + sizeof(srv));
}

/* Whatever the limit, a reply is whole records within it, and says TC where some are missing. */
static void replies_of_every_limit_hold_whole_rrsets_or_say_truncated(void **state)
{
	cleanup_free uint8_t *buf = malloc(2000);
	struct dns_name owner;

	name_from_text("www.example.com", &owner);
	for (size_t limit = DNS_UDP_MIN; limit < 900; limit++) {
		uint16_t count[DNS_SECTIONS];
		struct dns_reply r, mark;
		struct dns_query q;
		size_t n;
		int pos;

		begin(&q, &r, buf, limit, true);
		mark = dns_reply_mark(&r);
		for (uint32_t i = 0; i < 48; i++) {
			if (i % 12 == 0)
				mark = dns_reply_mark(&r);
			if (dns_reply_add(&r, DNS_ANSWER,
					  &(struct dns_rr){&owner, DNS_A, i, (uint8_t *)&i, 4}))
				continue;
			dns_reply_cut(&r, &mark);
			break;
		}
		n = dns_reply_end(&r, 0, DNS_NOERROR);
		assert_true(n <= limit);
		pos = dns_message_records(buf, n, count);
		assert_int_equal(count[DNS_ANSWER] % 12, 0);
		assert_int_equal(count[DNS_ANSWER] < 48, (buf[2] & 2) != 0);
		assert_int_equal(count[DNS_ANSWER], n >= 44 ? (n - 44) / 16 : 0);
		for (unsigned i = 0; i < count[DNS_ANSWER] + 1u; i++) {
			struct dns_rr_in in;
			size_t at = (size_t)pos;

			assert_int_equal(dns_rr_parse(buf, n, &at, &in), 0);
			pos = (int)at;
		}
		assert_int_equal(pos, n);
	}
}

static void nothing_is_added_behind_a_cut(void **state)
{
	uint8_t buf[DNS_UDP_MIN];
	struct dns_query q;
	struct dns_reply r, mark;
	struct dns_rr rr;

	begin(&q, &r, buf, sizeof(buf), false);
	mark = dns_reply_mark(&r);
	dns_reply_cut(&r, &mark);
	rr = (struct dns_rr){&q.name, DNS_A, 60, OCTETS("\xa\0\0\1")};
	assert_false(dns_reply_add(&r, DNS_ANSWER, &rr));
	dns_reply_end(&r, 0, DNS_NOERROR);
	assert_true(buf[2] & 2);
}

static void records_of_a_reply_are_read_back_with_names_written_out(void **state)
{
	static const uint8_t soa[] = "\2ns\7example\3com\0\1h\7example\3com\0"
				     "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	uint8_t buf[DNS_UDP_MIN];
	uint16_t count[DNS_SECTIONS];
	struct dns_rr_in in;
	struct dns_query q;
	struct dns_reply r;
	size_t n, pos;

	begin(&q, &r, buf, sizeof(buf), false);
	assert_true(dns_reply_add(&r, DNS_AUTHORITY,
				  &(struct dns_rr){&q.name, DNS_SOA, 7, soa, sizeof(soa) - 1}));
	n = dns_reply_end(&r, 0, DNS_NXDOMAIN);
	pos = (size_t)dns_message_records(buf, n, count);
	assert_int_equal(count[DNS_AUTHORITY], 1);
	assert_int_equal(dns_rr_parse(buf, n, &pos, &in), 0);
	assert_int_equal(in.rr.ttl, 7);
	assert_int_equal(in.rr.rdlen, sizeof(soa) - 1);
	assert_memory_equal(in.rr.rdata, soa, sizeof(soa) - 1);
	for (size_t cut = DNS_HEADER_LEN; cut < n; cut++) {
		cleanup_free uint8_t *copy = malloc(cut);
		int at;

		memcpy(copy, buf, cut);
		at = dns_message_records(copy, cut, count);
		pos = (size_t)at;
		assert_true(at < 0 || dns_rr_parse(copy, cut, &pos, &in) == -EBADMSG);
	}
}

/* ---- random octets ---- */

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* A million messages: octets that are random altogether, or a good query with some of them changed.
 */
static void random_messages_are_parsed_without_harm(void **state)
{
	static const char good[] = WITH_OPT QUESTION OPT("\0\0\0\0", "\0\6\0\1\0\2ab");
	uint32_t x = 20260101, accepted = 0;
	uint8_t out[DNS_UDP_MIN];

	for (int round = 0; round < 1000000; round++) {
		size_t len = next_random(&x) % 64;
		struct dns_query q;
		struct dns_reply r;
		uint8_t msg[64];
		int rcode;

		if (round % 2) {
			len = sizeof(good) - 1;
			memcpy(msg, good, len);
			for (unsigned i = next_random(&x) % 4; i; i--)
				msg[next_random(&x) % len] = (uint8_t)next_random(&x);
		} else {
			for (size_t i = 0; i < len; i++)
				msg[i] = (uint8_t)(next_random(&x) >> 8);
			msg[2] = 0;
		}
		rcode = dns_query_parse(msg, len, &q);
		if (rcode < 0)
			continue;
		accepted += rcode == 0;
		assert_in_range(q.udp_size, DNS_UDP_MIN, DNS_UDP_MAX);
		dns_reply_begin(&r, &q, out, sizeof(out));
		assert_in_range(dns_reply_end(&r, DNS_RA, (enum dns_rcode)rcode), DNS_HEADER_LEN,
				sizeof(out));
		assert_memory_equal(out, msg, 2);
	}
	assert_true(accepted > 1000); /* the parser was past its first checks */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_text_print_as_they_were),
		cmocka_unit_test(longest_label_and_name_pass_one_more_fails),
		cmocka_unit_test(malformed_text_names_are_refused),
		cmocka_unit_test(escaped_longest_name_fits_its_buffer),
		cmocka_unit_test(comparison_ignores_case_of_letters_only),
		cmocka_unit_test(parent_of_names_ends_at_the_root),
		cmocka_unit_test(compressed_name_is_followed_backwards),
		cmocka_unit_test(pointers_forward_to_itself_or_in_a_loop_fail),
		cmocka_unit_test(name_over_255_octets_by_pointers_fails),
		cmocka_unit_test(plain_query_is_read),
		cmocka_unit_test(edns_size_is_kept_within_bounds),
		cmocka_unit_test(short_messages_and_replies_stay_unanswered),
		cmocka_unit_test(refused_queries_get_the_right_code),
		cmocka_unit_test(query_cut_at_every_octet_is_never_accepted),
		cmocka_unit_test(reply_echoes_question_and_compresses_the_owner),
		cmocka_unit_test(reply_to_edns_carries_opt_with_extended_code),
		cmocka_unit_test(rdata_names_are_compressed_for_old_types_only),
		cmocka_unit_test(replies_of_every_limit_hold_whole_rrsets_or_say_truncated),
		cmocka_unit_test(nothing_is_added_behind_a_cut),
		cmocka_unit_test(records_of_a_reply_are_read_back_with_names_written_out),
		cmocka_unit_test(random_messages_are_parsed_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
