/* SPDX-License-Identifier: MIT
 * Everything else that a frame can be: dropped by a named reason, and never a harm. The seed of the
 * random frames is printed; VPCD_TEST_SEED repeats a run.
 */
#include <time.h>

#include "world.h"

static void good(struct packet *p)
{
	packet_tcp(p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 80, 2);
}

static void good_udp(struct packet *p)
{
	packet_udp(p, mac_of(A), router_mac, ip_of(A), 4000, ip_of(C), 80);
}

/* One octet of a good frame changed, its IP checksum left as it may be: nobody checks it on a veth.
 */
static const struct mutation {
	const char *what;
	bool udp;
	size_t at;
	uint8_t value;
	enum drop_reason reason;
} mutations[] = {
	{"VLAN tag", false, 12, 0x81, DROP_VLAN},
	{"LLDP", false, 12, 0x88, DROP_ETHERTYPE},
	{"IPv6 by EtherType", false, 12, 0x86, DROP_ETHERTYPE}, /* 0x8600 is not it */
	{"multicast MAC", false, 0, 0x01, DROP_MULTICAST},
	{"source MAC", false, 11, 0x77, DROP_SOURCE_MAC},
	{"version 6", false, ETH, 0x65, DROP_MALFORMED},
	{"header of 16 octets", false, ETH, 0x44, DROP_MALFORMED},
	{"header of 24 octets", false, ETH, 0x46, DROP_IP_OPTIONS},
	{"longer than the frame", false, ETH + 2, 0x05, DROP_TRUNCATED},
	{"shorter than its header", false, ETH + 3, 0x05, DROP_MALFORMED},
	{"more fragments, of no multiple of 8", false, ETH + 6, 0x20, DROP_MALFORMED},
	{"fragment offset", false, ETH + 7, 0x01, DROP_FRAGMENT},
	{"TTL 0", false, ETH + 8, 0, DROP_MALFORMED},
	{"source of a neighbour", false, ETH + 15, 11, DROP_SOURCE_ADDRESS},
	{"source 127", false, ETH + 12, 127, DROP_SOURCE_ADDRESS},
	{"destination 224", false, ETH + 16, 224, DROP_MULTICAST},
	{"destination 169.254", false, ETH + 16, 169, DROP_NO_ROUTE},
	{"TCP header of 16 octets", false, ETH + IP4 + 12, 0x40, DROP_MALFORMED},
	{"TCP header of 60 octets", false, ETH + IP4 + 12, 0xf0, DROP_TRUNCATED},
	{"UDP of 7 octets", true, ETH + IP4 + 5, 7, DROP_MALFORMED},
	{"UDP longer than IP", true, ETH + IP4 + 4, 1, DROP_TRUNCATED},
};

static void every_mutation_is_dropped_by_its_reason(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		const struct mutation *m = &mutations[i];
		struct packet p;

		print_message("%s\n", m->what);
		if (m->udp)
			good_udp(&p);
		else
			good(&p);
		p.b[m->at] = m->value;
		assert_drops(w, A, &p, m->reason);
	}
	assert_int_equal(flows_of(w)->n, 0);
}

static void ipv6_and_link_local_are_named(void **state)
{
	struct world *w = *state;
	struct packet p;

	good(&p);
	put16be(p.b + 12, 0x86dd);
	assert_drops(w, A, &p, DROP_MALFORMED);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 1, IP(169, 254, 1, 1), 2);
	assert_drops(w, A, &p, DROP_LINK_LOCAL);
	packet_udp(&p, mac_of(A), router_mac, ip_of(A), 1, IP(255, 255, 255, 255), 2);
	assert_drops(w, A, &p, DROP_MULTICAST);
}

static void an_interface_that_is_not_attached_sends_nothing(void **state)
{
	struct world *w = *state;
	uint32_t key = A;
	struct packet p;

	assert_int_equal(dataplane_delete(w->dp, DP_ENIS, &key, 1, NULL), 0);
	good(&p);
	assert_drops(w, A, &p, DROP_NO_ENI);
}

static void frames_cut_at_every_length_are_dropped(void **state)
{
	struct world *w = *state;
	struct packet whole;

	good(&whole);
	for (size_t n = ETH + IP4; n < whole.len; n++) { /* a test run takes no less */
		struct packet p = whole;

		p.len = n;
		assert_int_equal(run(w, A, &p), TC_ACT_SHOT);
	}
	assert_int_equal(drops(w, DROP_TRUNCATED), whole.len - ETH - IP4);
	assert_int_equal(flows_of(w)->n, 0);
}

static bool is_known_mac(const uint8_t *mac)
{
	for (uint32_t i = A; i <= LAST; i++)
		if (!memcmp(mac, mac_of(i), 6))
			return true;
	return false;
}

static bool has_other_half(const struct flow_list *l, size_t i)
{
	const struct flow_key *k = &l->keys[i];
	const struct flow *f = &l->flows[i];
	struct flow_key other = {.ifindex = f->output_ifindex,
				 .family = k->family,
				 .protocol = k->protocol,
				 .sport = f->dport,
				 .dport = f->sport,
				 .saddr = f->daddr,
				 .daddr = f->saddr};

	if (k->protocol == IPPROTO_ICMP &&
	    (k->dport == htons(FLOW_ECHO_REQUEST) || k->dport == htons(FLOW_ECHO_REPLY))) {
		other.sport = f->sport;
		other.dport = f->dport ^ htons(1);
	}
	for (size_t j = 0; j < l->n; j++)
		if (!memcmp(&l->keys[j], &other, sizeof(other)))
			return l->flows[j].state == FLOW_LIVE;
	return false;
}

/* An echo reply that nobody asked for is passed on, and opens no way back. */
static bool is_unasked_reply(const struct flow_list *l, size_t i)
{
	const struct flow_key *k = &l->keys[i];

	return (k->protocol == IPPROTO_ICMP || k->protocol == IPPROTO_ICMPV6) &&
	       k->dport == htons(FLOW_ECHO_REPLY) && !(l->flows[i].flags & FLOW_REPLY);
}

static void assert_live_halves_know_each_other(struct world *w)
{
	const struct flow_list *l = flows_of(w);
	size_t live = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->flows[i].state != FLOW_LIVE || is_unasked_reply(l, i))
			continue;
		live++;
		assert_true(has_other_half(l, i));
	}
	assert_true(live > 100);
}

static bool is_reset_to(const struct packet *p, uint32_t eni)
{
	return p->len == ETH + IP4 + 20 && p->b[ETH + 9] == IPPROTO_TCP &&
	       p->b[ETH + IP4 + 13] & 4 && !memcmp(p->b, mac_of(eni), 6) && checksums_right(p);
}

/* Whatever is sent: a verdict that is one of two, a reason for each drop, a frame of the same
 * length to somebody who exists, and a table whose halves know each other. */
static void random_frames_do_no_harm(void **state)
{
	const char *given = getenv("VPCD_TEST_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	struct world *w = *state;
	uint64_t dropped = 0, counted = 0;

	print_message("seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		uint32_t from = A + (uint32_t)(rand_r(&seed) % (LAST - A + 1));
		uint32_t to = A + (uint32_t)(rand_r(&seed) % (LAST - A + 1));
		struct packet p;
		size_t len;

		if (rand_r(&seed) % 2)
			packet_udp(&p, mac_of(from), router_mac, ip_of(from), 1 + i % 9, ip_of(to),
				   53);
		else
			packet_tcp(&p, mac_of(from), router_mac, ip_of(from), 1 + i % 9, ip_of(to),
				   80, (uint8_t)rand_r(&seed));
		for (int n = rand_r(&seed) % 4; n > 0; n--)
			p.b[12 + (unsigned)rand_r(&seed) % (p.len - 12)] = (uint8_t)rand_r(&seed);
		len = p.len;
		if (run(w, from, &p) == TC_ACT_SHOT) {
			dropped++;
			continue;
		}
		if (is_reset_to(&p, from)) { /* of a NAT gateway: counted as dropped, too */
			dropped++;
			continue;
		}
		assert_int_equal(p.len, len);
		assert_true(is_known_mac(p.b));
	}
	for (int r = 0; r < DROP_REASON_COUNT; r++)
		counted += drops(w, (enum drop_reason)r);
	assert_int_equal(counted, dropped);
	assert_live_halves_know_each_other(w);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(every_mutation_is_dropped_by_its_reason),
		WORLD_TEST(ipv6_and_link_local_are_named),
		WORLD_TEST(an_interface_that_is_not_attached_sends_nothing),
		WORLD_TEST(frames_cut_at_every_length_are_dropped),
		WORLD_TEST(random_frames_do_no_harm),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
