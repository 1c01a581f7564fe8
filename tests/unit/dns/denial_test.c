/* SPDX-License-Identifier: MIT
 * Signed zones: which records prove what, on which side of a cut, and whose a name is.
 */
#include "ask.h"
#include "dns/denial.h"

#define SIG(type) type " 13 2 300 20300101000000 20200101000000 1 signed.test. AAAA"

static int view_open(void **state)
{
	*state = dns_view_new(1, false);
	return *state ? 0 : -1;
}

static int view_close(void **state)
{
	dns_view_unref(*state);
	return 0;
}

static void of(struct dns_view *v, const char *zone, const char *owner, const char *type,
	       const char *rdata)
{
	struct err e;

	ok(dns_zone_record_add(v, zone, owner, type, 300, rdata, NULL, &e), &e);
}

/* Owner and type of each record of the answer with DO, sections apart by "|". */
static char *shape(const struct dns_view *v, const char *name, const char *type)
{
	uint8_t msg[DNS_UDP_MAX];
	uint16_t count[DNS_SECTIONS];
	struct dns_outcome out;
	struct dns_query q;
	struct buf b = {0};
	size_t n, pos;

	query_make(&q, name, type);
	q.edns = q.dnssec_ok = true;
	n = dns_answer(&(struct dns_ask){.view = v, .query = &q}, msg, sizeof(msg), &out);
	assert_true(n > 0);
	pos = (size_t)dns_message_records(msg, n, count);
	buf_printf(&b, "%d", msg[3] & 15);
	for (int s = DNS_ANSWER; s < DNS_ADDITIONAL; s++) {
		buf_puts(&b, " |");
		for (unsigned i = 0; i < count[s]; i++) {
			char owner[DNS_NAME_TEXT], text[12];
			struct dns_rr_in in;

			assert_int_equal(dns_rr_parse(msg, n, &pos, &in), 0);
			buf_printf(&b, " %s %s", dns_name_to_text(&in.owner, owner),
				   dns_type_to_text(in.rr.type, text, sizeof(text)));
		}
	}
	return buf_take(&b);
}

static void is(const struct dns_view *v, const char *name, const char *type, const char *expected)
{
	cleanup_free char *text = shape(v, name, type);

	if (strcmp(text, expected))
		fail_msg("%s %s:\n  %s\nnot\n  %s", name, type, text, expected);
}

static void seal(struct dns_view *v)
{
	struct err e;

	ok(dns_view_seal(v, &e), &e);
}

static void records_of_signed_zones_print_as_they_were(void **state)
{
	static const char *const records[][2] = {
		{"DS", "12345 13 2 "
		       "e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766"},
		{"DNSKEY", "257 3 13 AAECAwQFBgcICQoLDA0ODw=="},
		{"RRSIG", "A 13 3 300 20300101000000 20200101000000 12345 a.test. AAECAwQ="},
		{"NSEC", "b.a.test. A TXT RRSIG NSEC CAA"},
		{"NSEC3", "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG"},
		{"NSEC3PARAM", "1 0 12 aabbccdd"},
	};
	struct dns_rdata rdata;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		uint16_t type = (uint16_t)dns_type_from_text(records[i][0], NULL);
		cleanup_buf struct buf text = {0};

		ok(dns_rdata_from_text(type, records[i][1], &rdata, &e), &e);
		dns_rdata_to_text(type, rdata.b, rdata.len, &text);
		assert_string_equal(buf_str(&text), records[i][1]);
		assert_int_equal(dns_rdata_from_text(type, "", &rdata, &e), -EINVAL);
	}
}

/* RFC 5155 appendix A: salt aabbccdd, 12 more iterations. */
static void names_hash_as_rfc_5155_says(void **state)
{
	static const char *const hashes[][2] = {
		{"example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
		{"a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
		{"*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
		{"xx.example", "t644ebqk9bibcna874givr6joj62mlhv"},
	};
	static const uint8_t params[] = {1, 0, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd};
	char text[DNS_NAME_TEXT];
	struct dns_name name, hash;

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		assert_int_equal(dns_name_from_text(hashes[i][0], &name, NULL), 0);
		assert_int_equal(dns_nsec3_hash(&name, params, sizeof(params), &hash), 0);
		assert_string_equal(dns_name_to_text(&hash, text), hashes[i][1]);
	}
	assert_int_equal(dns_nsec3_hash(&name, params, 8, &hash), -EBADMSG);
}

static void signed_zone(struct dns_view *v)
{
	static const char *const chain[] = {"signed.test", "b.signed.test", "x.y.signed.test",
					    "*.w.signed.test", "cut.signed.test"};
	static const char *const next[] = {"b.signed.test", "cut.signed.test", "signed.test",
					   "x.y.signed.test", "*.w.signed.test"};

	zone(v, "signed.test");
	for (size_t i = 0; i < ARRAY_SIZE(chain); i++) {
		char nsec[128];

		snprintf(nsec, sizeof(nsec), "%s. RRSIG NSEC", next[i]);
		of(v, "signed.test", chain[i], "NSEC", nsec);
		of(v, "signed.test", chain[i], "RRSIG", SIG("NSEC"));
		if (strcmp(chain[i], "cut.signed.test"))
			of(v, "signed.test", chain[i], "A", "192.0.2.1");
		of(v, "signed.test", chain[i], "RRSIG", SIG("A"));
	}
	of(v, "signed.test", "signed.test", "SOA", "ns.a. h.a. 1 2 3 4 60");
	of(v, "signed.test", "signed.test", "RRSIG", SIG("SOA"));
	of(v, "signed.test", "cut.signed.test", "NS", "ns.elsewhere.test");
}

#define NO "| signed.test SOA signed.test RRSIG"

static void each_denial_has_its_proof(void **state)
{
	struct dns_view *v = *state;

	signed_zone(v);
	seal(v);
	is(v, "b.signed.test", "A", "0 | b.signed.test A b.signed.test RRSIG |");
	is(v, "b.signed.test", "TXT", "0 | " NO " b.signed.test NSEC b.signed.test RRSIG");
	/* The name lies behind b, the wildcard that there is not behind the apex. */
	is(v, "c.signed.test", "A",
	   "3 | " NO " b.signed.test NSEC b.signed.test RRSIG signed.test NSEC signed.test RRSIG");
	is(v, "a.signed.test", "A", "3 | " NO " signed.test NSEC signed.test RRSIG");
	/* What only has names below it. */
	is(v, "y.signed.test", "A", "0 | " NO " *.w.signed.test NSEC *.w.signed.test RRSIG");
	is(v, "q.w.signed.test", "A",
	   "0 | q.w.signed.test A q.w.signed.test RRSIG"
	   " | *.w.signed.test NSEC *.w.signed.test RRSIG");
	is(v, "q.w.signed.test", "TXT", "0 | " NO " *.w.signed.test NSEC *.w.signed.test RRSIG");
	is(v, "zz.signed.test", "A",
	   "3 | " NO
	   " x.y.signed.test NSEC x.y.signed.test RRSIG signed.test NSEC signed.test RRSIG");
}

static void delegations_prove_that_they_are_not_signed(void **state)
{
	struct dns_view *v = *state;

	signed_zone(v);
	seal(v);
	is(v, "a.cut.signed.test", "A",
	   "0 | | cut.signed.test NS cut.signed.test NSEC cut.signed.test RRSIG");
	is(v, "cut.signed.test", "DS", "0 | " NO " cut.signed.test NSEC cut.signed.test RRSIG");
}

static void both_sides_of_a_cut_keep_their_own(void **state)
{
	struct dns_view *v = *state;

	zone(v, "cut.signed.test");
	signed_zone(v);
	of(v, "signed.test", "cut.signed.test", "DS",
	   "1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766");
	of(v, "signed.test", "cut.signed.test", "RRSIG", SIG("DS"));
	of(v, "cut.signed.test", "cut.signed.test", "NSEC", "cut.signed.test. SOA");
	of(v, "cut.signed.test", "cut.signed.test", "A", "192.0.2.9");
	seal(v);
	is(v, "cut.signed.test", "DS", "0 | cut.signed.test DS cut.signed.test RRSIG |");
	is(v, "cut.signed.test", "A", "0 | cut.signed.test A |");
	says(v, "cut.signed.test", "NSEC",
	     "NOERROR aa | cut.signed.test 300 NSEC cut.signed.test. SOA");
	is(v, "no.cut.signed.test", "A", "3 | | cut.signed.test SOA cut.signed.test NSEC");
	is(v, "cut.signed.test", "NS", "0 | | cut.signed.test SOA cut.signed.test NSEC");
}

/* The most specific zone wins, whatever the one above says of its names. */
static void a_zone_hides_what_lies_below_it_in_another(void **state)
{
	struct dns_view *v = *state;

	zone(v, "shop.test");
	zone(v, "in.shop.test");
	of(v, "shop.test", "a.in.shop.test", "A", "192.0.2.1");
	of(v, "shop.test", "in.shop.test", "TXT", "\"hidden\"");
	of(v, "shop.test", "www.shop.test", "A", "192.0.2.2");
	of(v, "in.shop.test", "b.in.shop.test", "A", "192.0.2.3");
	seal(v);
	is(v, "a.in.shop.test", "A", "3 | | in.shop.test SOA");
	is(v, "in.shop.test", "TXT", "0 | | in.shop.test SOA");
	is(v, "b.in.shop.test", "A", "0 | b.in.shop.test A |");
	is(v, "www.shop.test", "A", "0 | www.shop.test A |");
}

static void signatures_stand_beside_a_cname(void **state)
{
	struct dns_view *v = *state;

	zone(v, "signed.test");
	rr(v, "x.signed.test", "RRSIG", SIG("CNAME"));
	rr(v, "x.signed.test", "CNAME", "y.signed.test");
	rr(v, "x.signed.test", "NSEC", "z.signed.test. CNAME RRSIG NSEC");
	rr(v, "y.signed.test", "A", "192.0.2.1");
	assert_int_equal(dns_record_add(v, "x.signed.test", "A", 60, "192.0.2.1", NULL, NULL),
			 -EINVAL);
	seal(v);
	is(v, "x.signed.test", "A",
	   "0 | x.signed.test CNAME x.signed.test RRSIG y.signed.test A |");
}

/* ---- what upstream validated ---- */

static size_t upstream_says(uint8_t *msg, bool secure)
{
	static const uint8_t a[] = {192, 0, 2, 1};
	struct dns_reply r;
	struct dns_query q;

	query_make(&q, "www.out.test", "A");
	dns_reply_begin(&r, &q, msg, DNS_UDP_MIN);
	assert_true(dns_reply_add(&r, DNS_ANSWER, &(struct dns_rr){&q.name, DNS_A, 60, a, 4}));
	return dns_reply_end(&r, DNS_RA | (secure ? DNS_AD : 0), DNS_NOERROR);
}

static unsigned flags_of(struct dns_view *v, uint16_t flags, bool validated, bool secure,
			 const char *bogus, enum dns_security *ret_security)
{
	uint8_t up_msg[DNS_UDP_MIN], msg[DNS_UDP_MAX];
	struct dns_upstream up = {.msg = up_msg, .validated = validated, .bogus = bogus};
	struct dns_outcome out;
	struct dns_query q;

	query_make(&q, "www.out.test", "A");
	q.flags |= flags;
	up.name = q.name;
	up.len = upstream_says(up_msg, secure);
	assert_true(dns_answer(&(struct dns_ask){.view = v, .query = &q, .up = &up}, msg,
			       sizeof(msg), &out) > 0);
	*ret_security = out.security;
	return (unsigned)(msg[2] << 8 | msg[3]) & (DNS_AD | DNS_CD | DNS_RCODE);
}

static void ad_is_for_validated_answers_and_those_who_ask(void **state)
{
	struct dns_view *v = dns_view_new(1, true);
	enum dns_security s;

	assert_int_equal(flags_of(v, DNS_AD, true, true, NULL, &s), DNS_AD);
	assert_int_equal(s, DNS_SECURE);
	assert_int_equal(flags_of(v, 0, true, true, NULL, &s), 0);
	assert_int_equal(s, DNS_SECURE);
	assert_int_equal(flags_of(v, DNS_AD, true, false, NULL, &s), 0);
	assert_int_equal(s, DNS_INSECURE);
	/* What nobody validated is not authentic, whatever its own header says. */
	assert_int_equal(flags_of(v, DNS_AD, false, true, NULL, &s), 0);
	assert_int_equal(s, DNS_UNCHECKED);
	assert_int_equal(flags_of(v, DNS_AD, true, false, "no signature", &s), DNS_SERVFAIL);
	assert_int_equal(s, DNS_BOGUS);
	dns_view_unref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_signed_zones_print_as_they_were),
		cmocka_unit_test(names_hash_as_rfc_5155_says),
		cmocka_unit_test_setup_teardown(each_denial_has_its_proof, view_open, view_close),
		cmocka_unit_test_setup_teardown(delegations_prove_that_they_are_not_signed,
						view_open, view_close),
		cmocka_unit_test_setup_teardown(both_sides_of_a_cut_keep_their_own, view_open,
						view_close),
		cmocka_unit_test_setup_teardown(a_zone_hides_what_lies_below_it_in_another,
						view_open, view_close),
		cmocka_unit_test_setup_teardown(signatures_stand_beside_a_cname, view_open,
						view_close),
		cmocka_unit_test(ad_is_for_validated_answers_and_those_who_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
