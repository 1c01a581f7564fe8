/* SPDX-License-Identifier: MIT
 * DNS answers of the programs: octet by octet those of the resolver's own code, over random zones
 * and queries; and what is not theirs to answer.
 */
#include "world6.h"

#include <time.h>

#include "dns/answer.h"
#include "dns/fixed.h"

#define UDP	 (ETH + IP4)
#define MESSAGE	 (UDP + 8)
#define VPC	 16
#define REDIRECT TC_ACT_REDIRECT
#define ROUNDS	 60
#define QUERIES	 400

static struct dns_view *view;

/* ---- what the kernel holds ---- */

static void put_fixed(void *arg, const struct dns_fixed *f)
{
	struct dns_key k = {.vpc = VPC, .type = f->type, .name_len = f->name.len};
	struct dns_value v = {
		.flags = f->flags, .answers = f->answers, .authority = f->authority, .len = f->len};

	memcpy(v.name, f->name.b, f->name.len);
	memcpy(v.body, f->body, f->len);
	for (unsigned i = 0; i < f->name.len; i += 8) {
		uint64_t octets;

		memcpy(&octets, v.name + i, sizeof(octets));
		k.hash = dns_hash(k.hash, octets);
	}
	put(arg, DP_DNS_ANSWERS, &k, &v);
}

static int remove_one(void *arg, const void *key, const void *value)
{
	struct world *w = arg;

	return dataplane_delete(w->dp, DP_DNS_ANSWERS, key, 1, NULL);
}

static void hold(struct world *w)
{
	dataplane_dump(w->dp, DP_DNS_ANSWERS, remove_one, w, NULL);
	dns_view_fixed(view, put_fixed, w);
}

static void record(const char *owner, const char *type, const char *rdata)
{
	struct err e;

	/* Random records may clash: they are left out then. */
	dns_record_add(view, owner, type, 60, rdata, NULL, &e);
}

static void view_fresh(void)
{
	dns_view_unref(view);
	view = dns_view_new(VPC, true);
	dns_zone_add(view, "ec2.internal", NULL);
	dns_zone_add(view, "shop.test", NULL);
}

/* ---- queries ---- */

struct query {
	uint8_t b[512];
	size_t len;
};

static void add(struct query *q, const void *data, size_t n)
{
	memcpy(q->b + q->len, data, n);
	q->len += n;
}

static void query_begin(struct query *q, uint16_t flags, const char *name, uint16_t type)
{
	uint8_t head[12] = {0xab, 0xcd}, tail[4];
	struct dns_name n;

	assert_int_equal(dns_name_from_text(name, &n, NULL), 0);
	put16be(head + 2, flags);
	put16be(head + 4, 1);
	put16be(tail, type);
	put16be(tail + 2, 1);
	q->len = 0;
	add(q, head, sizeof(head));
	add(q, n.b, n.len);
	add(q, tail, sizeof(tail));
}

static void query_opt(struct query *q, bool dnssec_ok, const void *options, size_t n)
{
	uint8_t opt[11] = {0, 0, 41, 0x10, 0, 0, 0, dnssec_ok ? 0x80 : 0, 0};

	put16be(opt + 9, (unsigned)n);
	q->b[11]++;
	add(q, opt, sizeof(opt));
	add(q, options, n);
}

static void packet_query(struct packet *p, const struct query *q)
{
	packet_begin(p, mac_of(A), router_mac, ip_of(A), RESOLVER, IPPROTO_UDP, 8 + q->len);
	put16be(p->b + UDP, 40000);
	put16be(p->b + UDP + 2, 53);
	put16be(p->b + UDP + 4, (unsigned)(8 + q->len));
	memcpy(p->b + MESSAGE, q->b, q->len);
	packet_seal(p);
}

/* What the resolver answers at once; 0: nothing, or only after asking upstream. */
static size_t resolver_says(const struct query *q, uint8_t *buf)
{
	struct dns_outcome out;
	struct dns_query parsed;
	int rcode = dns_query_parse(q->b, q->len, &parsed);

	if (rcode < 0)
		return 0;
	if (rcode)
		return dns_answer_error(&parsed, (enum dns_rcode)rcode, buf, parsed.udp_size);
	return dns_answer(&(struct dns_ask){.view = view, .query = &parsed}, buf, parsed.udp_size,
			  &out);
}

static int run_into(struct world *w, uint32_t eni, const struct packet *p, struct packet *out)
{
	*out = *p;
	return run(w, eni, out);
}

/* Runs the program; true: it answered, and then the answer is checked in all its parts. */
static bool program_says(struct world *w, const struct query *q)
{
	struct packet p, out;
	uint8_t want[DNS_UDP_MAX];
	size_t n;
	int action;

	/* A second of its own: the allowance is another test's. */
	dataplane_clock_advance(w->dp, 1000000000);
	packet_query(&p, q);
	action = run_into(w, A, &p, &out);
	if (memcmp(out.b, mac_of(A), 6))
		return false; /* on its way to the resolver, or dropped */
	assert_int_equal(action, REDIRECT);
	n = resolver_says(q, want);
	assert_int_equal(out.len, MESSAGE + n);
	if (memcmp(out.b + MESSAGE, want, n)) {
		for (size_t i = 0; i < n; i++)
			if (out.b[MESSAGE + i] != want[i])
				fail_msg("octet %zu of %zu: %02x, not %02x", i, n,
					 out.b[MESSAGE + i], want[i]);
	}
	assert_memory_equal(out.b + 6, router_mac, 6);
	assert_int_equal(packet_src(&out), RESOLVER);
	assert_int_equal(packet_dst(&out), ip_of(A));
	assert_int_equal(packet_sport(&out), 53);
	assert_int_equal(packet_dport(&out), 40000);
	assert_int_equal(get16be(out.b + UDP + 4), 8 + n);
	assert_true(checksums_right(&out));
	return true;
}

/* ---- cases ---- */

static void own_names_are_answered_in_the_kernel(void **state)
{
	static const char cookie[] = "\0\12\0\10abcdefgh";
	struct world *w = *state;
	struct query q;

	view_fresh();
	record("db.ec2.internal", "A", "10.0.1.50");
	record("six.ec2.internal", "AAAA", "2001:db8::6");
	record("pg.shop.test", "CNAME", "db.ec2.internal");
	hold(w);
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	assert_true(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_AAAA);
	assert_true(program_says(w, &q));
	query_begin(&q, DNS_RD | DNS_CD, "dB.eC2.InTeRnAl", DNS_A);
	assert_true(program_says(w, &q));
	query_begin(&q, 0, "pg.SHOP.test", DNS_A);
	assert_true(program_says(w, &q));
	query_opt(&q, true, "", 0);
	assert_true(program_says(w, &q));
	query_begin(&q, DNS_RD, "six.ec2.internal", DNS_AAAA);
	query_opt(&q, false, cookie, sizeof(cookie) - 1);
	assert_true(program_says(w, &q));
}

static void the_resolver_over_ipv6_is_answered_for_too(void **state)
{
	struct world *w = *state;
	const size_t message = ETH + IP6 + 8;
	uint8_t want[DNS_UDP_MAX];
	struct packet p, out;
	struct query q;
	size_t n;

	view_fresh();
	record("db.ec2.internal", "A", "10.0.1.50");
	record("db.ec2.internal", "AAAA", "2001:db8::50");
	hold(w);
	put_holder6(w, A, VPC, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		query_begin(&q, DNS_RD, i & 1 ? "DB.ec2.internal" : "no.ec2.internal", DNS_AAAA);
		if (i & 2)
			query_opt(&q, true, "", 0);
		packet6_begin(&p, mac_of(A), router_mac, ip6_of(A), ip6_of(S), IPPROTO_UDP,
			      8 + q.len);
		put16be(p.b + ETH + IP6, 40001);
		put16be(p.b + ETH + IP6 + 2, 53);
		put16be(p.b + ETH + IP6 + 4, (unsigned)(8 + q.len));
		assert_true(q.len <= sizeof(q.b));
		memcpy(p.b + message, q.b, q.len);
		packet6_seal(&p);
		dataplane_clock_advance(w->dp, 1000000000);
		run_into(w, A, &p, &out);
		assert_int_equal(!memcmp(out.b, mac_of(A), 6), i & 1);
		if (!(i & 1))
			continue;
		n = resolver_says(&q, want);
		assert_int_equal(out.len, message + n);
		assert_memory_equal(out.b + message, want, n);
		assert_memory_equal(out.b + ETH + 8, ip6_of(S).b, 16);
		assert_memory_equal(out.b + ETH + 24, ip6_of(A).b, 16);
		assert_int_equal(get16be(out.b + ETH + 4), 8 + n);
		assert_true(checksums_right6(&out));
	}
}

static void other_queries_go_to_the_resolver(void **state)
{
	static const char six[] = "\0\3\0\0\0\3\0\0\0\3\0\0\0\3\0\0\0\3\0\0\0\3\0\0";
	struct world *w = *state;
	struct query q;

	view_fresh();
	record("db.ec2.internal", "A", "10.0.1.50");
	record("out.shop.test", "CNAME", "www.example.com");
	hold(w);
	query_begin(&q, DNS_RD, "no.ec2.internal", DNS_A);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "out.shop.test", DNS_A);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_TXT);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD | DNS_QR, "db.ec2.internal", DNS_A);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD | 0x0800, "db.ec2.internal", DNS_A);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	q.b[q.len - 1] = 3; /* CHAOS */
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	add(&q, "x", 1);
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	query_opt(&q, false, "", 0);
	q.b[q.len - 5] = 1; /* version */
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	query_opt(&q, false, "\0\3\0\5ab", 6); /* an option cut short */
	assert_false(program_says(w, &q));
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	query_opt(&q, false, six, sizeof(six) - 1);
	assert_false(program_says(w, &q));
}

static void another_vpcs_names_are_not_answered(void **state)
{
	struct world *w = *state;
	struct packet p, out;
	struct query q;

	view_fresh();
	record("db.ec2.internal", "A", "10.0.1.50");
	hold(w);
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	packet_begin(&p, mac_of(X), router_mac, ip_of(X), RESOLVER, IPPROTO_UDP, 8 + q.len);
	put16be(p.b + UDP + 2, 53);
	put16be(p.b + UDP + 4, (unsigned)(8 + q.len));
	memcpy(p.b + MESSAGE, q.b, q.len);
	packet_seal(&p);
	run_into(w, X, &p, &out);
	assert_memory_not_equal(out.b, mac_of(X), 6);
}

static void longest_names_and_answers_fit_or_go_to_the_resolver(void **state)
{
	struct world *w = *state;
	char name[256];
	struct query q;

	view_fresh();
	/* 128 octets on the wire are the most; labels of all lengths around it. */
	for (int n = 100; n < 140; n++) {
		snprintf(name, sizeof(name), "%.*s.%.*s.shop.test", 50,
			 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", n - 62,
			 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
			 "bbbbbbbbbb");
		if (n - 62 <= 63)
			record(name, "A", "10.0.0.1");
	}
	for (int i = 0; i < 40; i++) {
		char address[24];

		snprintf(address, sizeof(address), "10.0.2.%d", i);
		record("many.shop.test", "A", address);
		if (i < 15)
			record("fifteen.shop.test", "A", address);
	}
	hold(w);
	query_begin(&q, DNS_RD, "fifteen.shop.test", DNS_A);
	assert_true(program_says(w, &q));
	query_begin(&q, DNS_RD, "many.shop.test", DNS_A);
	assert_false(program_says(w, &q));
	for (int n = 100; n < 125; n++) {
		snprintf(name, sizeof(name), "%.*s.%.*s.shop.test", 50,
			 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n - 62,
			 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
			 "bbbbbbbbbb");
		query_begin(&q, DNS_RD, name, DNS_A);
		assert_int_equal(program_says(w, &q), q.len - 16 <= DNS_KEY_NAME);
	}
}

/* ---- random ---- */

static unsigned dice(unsigned n)
{
	return (unsigned)random() % n;
}

static const char *random_name(char *buf, size_t len)
{
	static const char *const labels[] = {"a", "b", "db", "x-1", "\\001\\255", "Www", "*", "_s"};
	static const char *const origins[] = {"ec2.internal", "shop.test", "Shop.TEST",
					      "other.test"};
	size_t n = 0;

	for (unsigned i = dice(4); i; i--)
		n += (size_t)snprintf(buf + n, len - n, "%s.", labels[dice(ARRAY_SIZE(labels))]);
	snprintf(buf + n, len - n, "%s", origins[dice(ARRAY_SIZE(origins))]);
	return buf;
}

static void random_zone(void)
{
	char owner[256], rdata[256];

	view_fresh();
	for (unsigned i = 0; i < 60; i++) {
		random_name(owner, sizeof(owner));
		switch (dice(5)) {
		case 0:
		case 1:
			snprintf(rdata, sizeof(rdata), "10.%u.%u.%u", dice(256), dice(256),
				 dice(256));
			record(owner, "A", rdata);
			break;
		case 2:
			snprintf(rdata, sizeof(rdata), "2001:db8::%x", dice(65536));
			record(owner, "AAAA", rdata);
			break;
		case 3:
			record(owner, "CNAME", random_name(rdata, sizeof(rdata)));
			break;
		default:
			record(owner, "TXT", "\"text\"");
		}
	}
}

static void random_query(struct query *q)
{
	static const uint16_t types[] = {DNS_A, DNS_A, DNS_AAAA, DNS_AAAA, DNS_TXT, DNS_CNAME, 65};
	static const uint16_t flags[] = {DNS_RD, DNS_RD, DNS_RD | DNS_CD,
					 0,	 0x0120, DNS_RD | 0x0040};
	uint8_t options[40] = {0, (uint8_t)dice(16)};
	char name[256];
	size_t n = dice(20);

	query_begin(q, flags[dice(ARRAY_SIZE(flags))], random_name(name, sizeof(name)),
		    types[dice(ARRAY_SIZE(types))]);
	if (dice(2))
		return;
	put16be(options + 2, (unsigned)n);
	query_opt(q, dice(2), options, dice(3) ? 0 : 4 + n);
	if (!dice(8)) /* something in it is wrong */
		q->b[dice((unsigned)q->len)] ^= (uint8_t)(1 << dice(8));
}

static void program_and_resolver_answer_alike(void **state)
{
	unsigned seed = (unsigned)time(NULL), answered = 0;
	struct world *w = *state;

	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < ROUNDS; round++) {
		random_zone();
		hold(w);
		for (int i = 0; i < QUERIES; i++) {
			struct query q;

			random_query(&q);
			answered += program_says(w, &q);
		}
	}
	/* A test that compares nothing holds nothing. */
	assert_true(answered > ROUNDS * QUERIES / 20);
}

/* ---- the allowance ---- */

static void more_packets_a_second_than_allowed_are_dropped(void **state)
{
	struct world *w = *state;
	struct linklocal before = {0}, after = {0};
	struct packet p, out;
	unsigned passed = 0, seconds = 0;
	struct query q;

	view_fresh();
	record("db.ec2.internal", "A", "10.0.1.50");
	hold(w);
	query_begin(&q, DNS_RD, "db.ec2.internal", DNS_A);
	packet_query(&p, &q);
	dataplane_clock_advance(w->dp, 2000000000);
	dataplane_linklocal(w->dp, A, &before, NULL);
	/* Real time passes too: as many as the seconds that were begun allow. */
	for (int i = 0; i < 3000; i++) {
		struct linklocal now = {0};

		passed += run_into(w, A, &p, &out) == REDIRECT;
		dataplane_linklocal(w->dp, A, &now, NULL);
		seconds += now.window >> 32 != after.window >> 32;
		after = now;
	}
	assert_true(passed <= seconds * LINKLOCAL_PACKETS);
	if (seconds == 1)
		assert_int_equal(passed, LINKLOCAL_PACKETS);
	assert_int_equal(after.exceeded - before.exceeded, 3000 - passed);
	assert_int_equal(after.answered - before.answered, passed);
	/* The next second is a new one. */
	dataplane_clock_advance(w->dp, 1000000000);
	assert_int_equal(run_into(w, A, &p, &out), REDIRECT);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(own_names_are_answered_in_the_kernel),
		WORLD_TEST(the_resolver_over_ipv6_is_answered_for_too),
		WORLD_TEST(other_queries_go_to_the_resolver),
		WORLD_TEST(another_vpcs_names_are_not_answered),
		WORLD_TEST(longest_names_and_answers_fit_or_go_to_the_resolver),
		WORLD_TEST(program_and_resolver_answer_alike),
		WORLD_TEST(more_packets_a_second_than_allowed_are_dropped),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
