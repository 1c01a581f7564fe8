/* SPDX-License-Identifier: MIT
 * Ports of NAT gateways by the ten thousand, and what a gateway does to TCP.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "world.h"

#define WINDOW 55000

static struct nat_stats stats(struct world *w)
{
	struct nat_stats s;

	assert_int_equal(dataplane_nat_stats(w->dp, NAT, &s, NULL), 0);
	return s;
}

static void tcp(struct packet *p, uint32_t eni, unsigned sport, uint32_t dst, unsigned dport,
		uint8_t flags)
{
	packet_tcp(p, mac_of(eni), router_mac, ip_of(eni), sport, dst, dport, flags);
}

static void udp_out(struct packet *p, unsigned sport, unsigned dport)
{
	packet_udp(p, mac_of(C), router_mac, ip_of(C), sport, IP_HOST, dport);
}

/* A connection's opening from C; its port at the gateway. */
static unsigned open_from_c(struct world *w, unsigned sport, unsigned dport)
{
	struct packet p;

	tcp(&p, C, sport, IP_HOST, dport, 2);
	assert_passes(w, C, &p);
	return packet_sport(&p);
}

static void reply(struct world *w, unsigned port, unsigned dport, uint8_t flags)
{
	struct packet p;

	tcp(&p, H, dport, IP_NAT, port, flags);
	assert_passes(w, H, &p);
}

static void more(struct world *w, unsigned sport, unsigned dport, uint8_t flags)
{
	struct packet p;

	tcp(&p, C, sport, IP_HOST, dport, flags);
	assert_passes(w, C, &p);
}

/* Both ends' FINs, in order. */
static void close_in_order(struct world *w, unsigned sport, unsigned port, unsigned dport)
{
	more(w, sport, dport, 0x11);
	reply(w, port, dport, 0x11);
	more(w, sport, dport, 0x10);
}

/* ---- ports ---- */

/* Opens UDP flows of C to one destination until `n` stand; each port once. */
static void fill(struct world *w, unsigned from, unsigned n, uint8_t *seen, uint64_t *ret_worst)
{
	uint64_t before = stats(w).port_tries;

	for (unsigned i = from; i < n; i++) {
		struct packet p;
		uint64_t tries;

		udp_out(&p, 1 + i, 53);
		assert_passes(w, C, &p);
		assert_in_range(packet_sport(&p), 1024, 65535);
		assert_false(seen[packet_sport(&p)]);
		seen[packet_sport(&p)] = 1;
		if (!ret_worst)
			continue;
		tries = stats(w).port_tries;
		if (tries - before > *ret_worst)
			*ret_worst = tries - before;
		before = tries;
	}
}

/* VPC User Guide, NAT gateway basics: 55,000 to a destination, address and protocol. */
static void the_last_port_is_given_and_then_none(void **state)
{
	static uint8_t seen[65536];
	struct world *w = *state;
	uint64_t worst = 0, tries;
	struct packet p;

	memset(seen, 0, sizeof(seen));
	fill(w, 0, 50000, seen, NULL);
	tries = stats(w).port_tries;
	assert_in_range(tries, 50000, 130000); /* not two fail for each that succeeds */
	fill(w, 50000, WINDOW, seen, &worst);
	print_message("tries: %llu for 50,000 ports, then %llu for 5,000, %llu at most for one\n",
		      (unsigned long long)tries, (unsigned long long)(stats(w).port_tries - tries),
		      (unsigned long long)worst);
	assert_true(worst <= 72);
	assert_int_equal(stats(w).error_port_allocation, 0);
	udp_out(&p, 60000, 53);
	assert_drops(w, C, &p, DROP_NAT_PORTS);
	assert_int_equal(stats(w).error_port_allocation, 1);
	assert_int_equal(stats(w).connection_attempts, WINDOW);
	/* Another port, another protocol and another destination have their own. */
	udp_out(&p, 60000, 54);
	assert_passes(w, C, &p);
	tcp(&p, C, 60000, IP_HOST, 53, 2);
	assert_passes(w, C, &p);
	packet_echo(&p, mac_of(C), router_mac, ip_of(C), IP_HOST, 8, 60000);
	assert_passes(w, C, &p);
	/* And those that stand go on. */
	udp_out(&p, 17, 53);
	assert_passes(w, C, &p);
}

/* This process's map. */
static int ports_map(void)
{
	for (int fd = 3; fd < 1024; fd++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, "nat_ports"))
			return fd;
	}
	fail_msg("no map nat_ports");
	return -1;
}

/* As many other destinations get crowded as there is room for, twice. */
static void crowd(void)
{
	static struct nat_ports none;
	int fd = ports_map();

	for (uint32_t i = 0; i < 2 * NAT_CROWDED; i++) {
		struct nat_ports_key k = {.nat = 99, .protocol = 17, .destination = v4(i)};

		assert_int_equal(bpf_map_update_elem(fd, &k, &none, BPF_ANY), 0);
	}
}

/* What is known of crowded destinations is thrown out. */
static void forget_ports(void)
{
	struct nat_ports_key k;
	int fd = ports_map();

	while (!bpf_map_get_next_key(fd, NULL, &k))
		assert_int_equal(bpf_map_delete_elem(fd, &k), 0);
}

/* A destination that is asked for goes on at a try a flow, however many others there are. */
static void more_crowded_destinations_than_bitmaps_are_no_harm_to_one_in_use(void **state)
{
	static uint8_t seen[65536];
	struct world *w = *state;
	uint64_t worst = 0;

	memset(seen, 0, sizeof(seen));
	fill(w, 0, 50000, seen, NULL);
	for (unsigned n = 50000; n < WINDOW; n += 1000) {
		crowd();
		fill(w, n, n + 1000, seen, &worst);
	}
	assert_true(worst <= 72);
	assert_int_equal(stats(w).error_port_allocation, 0);
}

static void a_destination_that_was_crowded_out_finds_its_ports_again(void **state)
{
	static uint8_t seen[65536];
	struct world *w = *state;
	uint64_t worst = 0, before;
	unsigned refused = 0;
	struct packet p;

	memset(seen, 0, sizeof(seen));
	fill(w, 0, 50000, seen, NULL);
	/* Up to 52,000 of 55,000 each flow finds one at once. */
	for (unsigned n = 50000; n < 52000; n += 50) {
		forget_ports();
		fill(w, n, n + 50, seen, &worst);
	}
	assert_true(worst <= 8 + 256);
	assert_int_equal(stats(w).error_port_allocation, 0);
	fill(w, 52000, WINDOW - 1, seen, NULL);
	/* The very last one is found once the others were tried, 256 a packet. */
	forget_ports();
	before = stats(w).port_tries;
	do
		udp_out(&p, 60000, 53);
	while (run(w, C, &p) == TC_ACT_SHOT && ++refused < 2000);
	print_message("the last port: after %u refusals and %llu tries\n", refused,
		      (unsigned long long)(stats(w).port_tries - before));
	assert_in_range(refused, 1, WINDOW / 256);
	assert_false(seen[packet_sport(&p)]);
}

static void collect_all(struct world *w)
{
	struct flow_stats st;
	int passes = 0;

	/* Marked in one pass, deleted in one after the grace period. */
	for (uint64_t collected = 0; passes < 1000; passes++) {
		assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
		collected += st.collected;
		if (!st.entries)
			return;
		usleep(10000);
	}
	fail_msg("the table does not empty");
}

static void expired_ports_are_given_again_before_and_after_collection(void **state)
{
	static uint8_t seen[65536];
	struct world *w = *state;
	struct flow_stats st;

	memset(seen, 0, sizeof(seen));
	fill(w, 0, WINDOW, seen, NULL);
	dataplane_clock_advance(w->dp, 351ull * 1000000000);
	/* Nobody has collected: their keys are there. */
	memset(seen, 0, sizeof(seen));
	fill(w, 0, 1000, seen, NULL);
	assert_int_equal(stats(w).idle_timeouts, 1000);
	/* Marked, but within the grace period. */
	assert_int_equal(dataplane_collect(w->dp, 1 << 20, &st, NULL), 0);
	assert_int_equal(stats(w).idle_timeouts, WINDOW);
	fill(w, 1000, 2000, seen, NULL);
	/* Deleted: the bitmap has the ports for free. */
	dataplane_clock_advance(w->dp, 351ull * 1000000000);
	collect_all(w);
	memset(seen, 0, sizeof(seen));
	fill(w, 0, WINDOW, seen, NULL);
	assert_int_equal(stats(w).error_port_allocation, 0);
}

/* RFC 5382, section 4.3, would keep them for minutes: see docs/NAT.md. */
static void a_connection_closed_in_order_makes_room_for_one(void **state)
{
	struct world *w = *state;
	unsigned port = 0, other;
	struct packet p;

	for (unsigned i = 0; i < WINDOW; i++) {
		other = open_from_c(w, 1 + i, 80);
		if (i == 30000)
			port = other;
	}
	tcp(&p, C, 60000, IP_HOST, 80, 2);
	assert_drops(w, C, &p, DROP_NAT_PORTS);
	reply(w, port, 80, 0x12);
	more(w, 30001, 80, 0x10);
	close_in_order(w, 30001, port, 80);
	assert_int_equal(open_from_c(w, 60000, 80), port);
	tcp(&p, C, 60001, IP_HOST, 80, 2);
	assert_drops(w, C, &p, DROP_NAT_PORTS);
	/* What the old connection still sends does not enter the new one. */
	tcp(&p, C, 30001, IP_HOST, 80, 0x10);
	assert_int_not_equal(run(w, C, &p), TC_ACT_SHOT);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_int_equal(p.b[ETH + IP4 + 13], 4);
	reply(w, port, 80, 0x12);
}

static void the_next_address_is_used_when_one_is_full(void **state)
{
	struct world *w = *state;
	uint32_t number = NAT, second = IP(198, 51, 100, 11);
	struct addr_entry private = {
		.kind = ADDR_NAT, .ifindex = NAT, .vpc = 16, .gateway = IGW, .other = v4(second)};
	struct addr_entry public = private;
	struct nat_entry nat = {.vpc = 16,
				.subnet = 3,
				.flags = NAT_AVAILABLE,
				.gateway = IGW,
				.ifindex = NAT_ENI,
				.n_addresses = 2,
				.addresses = {{v4(IP(10, 0, 3, 9)), v4(IP_NAT)},
					      {v4(IP(10, 0, 3, 11)), v4(second)}}};
	unsigned by_address[2] = {0};
	uint32_t last = 0;
	struct packet p;

	put(w, DP_NATS, &number, &nat);
	public.other = v4(IP(10, 0, 3, 11));
	put_address(w, VPC_INTERNET, second, &public);
	put_address(w, 16, IP(10, 0, 3, 11), &private);
	for (unsigned i = 0; i < WINDOW + 1000; i++) {
		udp_out(&p, 1 + i, 53);
		assert_passes(w, C, &p);
		last = packet_src(&p);
		by_address[last == second]++;
		assert_true(last == second || last == IP_NAT);
	}
	/* A sender's flows leave by one address while that has ports. */
	assert_true((by_address[0] == WINDOW && by_address[1] == 1000) ||
		    (by_address[1] == WINDOW && by_address[0] == 1000));
	assert_int_equal(stats(w).error_port_allocation, 0);
	/* The reply finds back by either. */
	packet_udp(&p, mac_of(H), router_mac, IP_HOST, 53, last, packet_sport(&p));
	assert_passes(w, H, &p);
	assert_int_equal(packet_dport(&p), WINDOW + 1000);
	assert_int_equal(packet_dst(&p), ip_of(C));
}

/* ---- two CPUs ---- */

struct opener {
	struct world *w;
	unsigned cpu, first, passed;
};

static void *open_many(void *arg)
{
	struct opener *o = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(o->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return NULL;
	for (unsigned i = 0; i < 32000; i++) {
		struct packet p;

		udp_out(&p, o->first + i, 53);
		o->passed += run(o->w, C, &p) == TC_ACT_REDIRECT;
	}
	return NULL;
}

static int mark_port(void *arg, const struct flow_key *k, const struct flow *f)
{
	uint8_t *seen = arg;

	if (f->state != FLOW_LIVE || (f->flags & FLOW_REPLY))
		return 0;
	assert_false(seen[ntohs(f->sport)]);
	seen[ntohs(f->sport)] = 1;
	return 0;
}

static void two_cpus_never_give_the_same_port(void **state)
{
	static uint8_t seen[65536];
	struct opener o[2] = {{*state, 0, 1, 0}, {*state, 1, 32001, 0}};
	struct world *w = *state;
	pthread_t threads[2];
	unsigned n = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_many, &o[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(dataplane_flows(w->dp, mark_port, seen, NULL), 0);
	for (int i = 0; i < 65536; i++)
		n += seen[i];
	assert_int_equal(n, o[0].passed + o[1].passed);
	assert_int_equal(n, WINDOW);
	assert_int_equal(stats(w).error_port_allocation, 64000 - WINDOW);
}

/* ---- collection ---- */

/* As vpcd/apply.c does it, every 100 ms: no look at the whole table at once, whatever expired. */
static void expiry_is_worked_off_in_bounded_slices(void **state)
{
	const size_t budget = 8192, batch = 1024;
	static uint8_t seen[65536];
	struct world *w = *state;
	struct flow_stats st;
	uint64_t looked = 0;
	unsigned slices = 0;

	memset(seen, 0, sizeof(seen));
	fill(w, 0, WINDOW, seen, NULL);
	dataplane_clock_advance(w->dp, 351ull * 1000000000);
	while (looked < 2 * WINDOW) {
		assert_int_equal(dataplane_collect(w->dp, budget, &st, NULL), 0);
		assert_in_range(st.entries, 1, budget + batch);
		assert_int_equal(st.live, 0);
		looked += st.entries;
		slices++;
	}
	assert_int_equal(looked, 2 * WINDOW); /* each half once */
	assert_in_range(slices, 2 * WINDOW / (budget + batch), 2 * WINDOW / budget + 1);
	assert_int_equal(stats(w).idle_timeouts, WINDOW);
	collect_all(w);
}

/* ---- TCP ---- */

static void idle_connection_is_reset_at_its_next_packet(void **state)
{
	struct world *w = *state;
	unsigned port = open_from_c(w, 4000, 80);
	struct packet p;
	uint8_t *tcp_header = p.b + ETH + IP4;

	reply(w, port, 80, 0x12);
	more(w, 4000, 80, 0x10);
	dataplane_clock_advance(w->dp, 349ull * 1000000000);
	more(w, 4000, 80, 0x10);
	dataplane_clock_advance(w->dp, 351ull * 1000000000);
	tcp(&p, C, 4000, IP_HOST, 80, 0x18);
	put32be(tcp_header + 4, 1000);
	put32be(tcp_header + 8, 0xabcd0001);
	packet_seal(&p);
	assert_int_equal(run(w, C, &p), TC_ACT_REDIRECT);
	assert_int_equal(drops(w, DROP_NAT_IDLE), 1);
	/* To the sender, in the other end's name, with the sequence number that it waits for. */
	assert_int_equal(p.len, ETH + IP4 + 20);
	assert_memory_equal(p.b, mac_of(C), 6);
	assert_int_equal(packet_src(&p), IP_HOST);
	assert_int_equal(packet_dst(&p), ip_of(C));
	assert_int_equal(packet_sport(&p), 80);
	assert_int_equal(packet_dport(&p), 4000);
	assert_int_equal(tcp_header[13], 4);
	assert_int_equal(get32be(tcp_header + 4), 0xabcd0001);
	assert_true(checksums_right(&p));
	/* Nothing is told the other end; what it sends is unsolicited. */
	tcp(&p, H, 80, IP_NAT, port, 0x10);
	assert_drops(w, H, &p, DROP_NAT_UNSOLICITED);
	/* A new connection opens. */
	open_from_c(w, 4000, 80);
	assert_int_equal(stats(w).idle_timeouts, 1);
}

static void stray_segments_are_reset_after_rfc_9293(void **state)
{
	struct world *w = *state;
	struct packet p;
	uint8_t *tcp_header = p.b + ETH + IP4;

	/* Without an ACK: zero, and what came is acknowledged, the FIN too. */
	tcp(&p, C, 4000, IP_HOST, 80, 0x01);
	put32be(tcp_header + 4, 1000);
	packet_seal(&p);
	assert_int_equal(run(w, C, &p), TC_ACT_REDIRECT);
	assert_int_equal(tcp_header[13], 0x14);
	assert_int_equal(get32be(tcp_header + 4), 0);
	assert_int_equal(get32be(tcp_header + 8), 1000 + 10 + 1);
	assert_true(checksums_right(&p));
	/* A reset is not answered. */
	tcp(&p, C, 4000, IP_HOST, 80, 0x04);
	assert_drops(w, C, &p, DROP_NAT_IDLE);
	/* Only a gateway does that: a neighbour's stray segment is the rules' matter. */
	tcp(&p, A, 4000, ip_of(C), 80, 0x10);
	assert_passes(w, A, &p);
	assert_memory_equal(p.b, mac_of(C), 6);
}

/* Adds options before the payload's place and seals. */
static void syn_with(struct packet *p, uint32_t eni, uint32_t dst, unsigned sport, unsigned dport,
		     uint8_t flags, const uint8_t *options, size_t n)
{
	uint8_t *header = p->b + ETH + IP4;

	packet_tcp(p, mac_of(eni), router_mac, ip_of(eni), sport, dst, dport, flags);
	memcpy(header + 20, options, n);
	header[12] = (uint8_t)((20 + n) / 4 << 4);
	p->len = ETH + IP4 + 20 + n;
	packet_seal(p);
}

static void a_syn_offers_no_more_than_the_path_takes(void **state)
{
	const uint8_t first[] = {2, 4, 8961 >> 8, 8961 & 0xff, 4, 2, 1, 3, 3, 7, 0, 0};
	const uint8_t odd[] = {1, 2, 4, 8961 >> 8, 8961 & 0xff, 3, 3, 7};
	const uint8_t small[] = {1, 1, 2, 4, 536 >> 8, 536 & 0xff, 1, 0};
	const uint8_t broken[] = {2, 0, 0xff, 0xff};
	struct world *w = *state;
	struct packet p;
	uint8_t *options = p.b + ETH + IP4 + 20;
	unsigned port;

	syn_with(&p, C, IP_HOST, 4000, 80, 2, first, sizeof(first));
	assert_passes(w, C, &p);
	assert_int_equal(get16be(options + 2), 1460);
	assert_true(checksums_right(&p));
	port = packet_sport(&p);
	syn_with(&p, H, IP_NAT, 80, port, 0x12, first, sizeof(first));
	assert_passes(w, H, &p);
	assert_int_equal(get16be(options + 2), 1460);
	assert_true(checksums_right(&p));
	syn_with(&p, C, IP_HOST, 4001, 80, 2, odd, sizeof(odd));
	assert_passes(w, C, &p);
	assert_int_equal(get16be(options + 3), 1460);
	assert_true(checksums_right(&p));
	syn_with(&p, C, IP_HOST, 4002, 80, 2, small, sizeof(small));
	assert_passes(w, C, &p);
	assert_int_equal(get16be(options + 4), 536);
	assert_true(checksums_right(&p));
	syn_with(&p, C, IP_HOST, 4003, 80, 2, broken, sizeof(broken));
	assert_passes(w, C, &p);
	assert_int_equal(get16be(options + 2), 0xffff);
	assert_true(checksums_right(&p));
	/* Without a NAT gateway nobody touches it. */
	syn_with(&p, A, ip_of(C), 4004, 80, 2, first, sizeof(first));
	assert_passes(w, A, &p);
	assert_int_equal(get16be(options + 2), 8961);
}

static void ports_of_time_wait_open_anew_by_the_same_port(void **state)
{
	struct world *w = *state;
	unsigned port = open_from_c(w, 4000, 80);

	reply(w, port, 80, 0x12);
	close_in_order(w, 4000, port, 80);
	assert_int_equal(open_from_c(w, 4000, 80), port);
	reply(w, port, 80, 0x12);
	more(w, 4000, 80, 0x10);
	/* The same after a reset, by either end. */
	reply(w, port, 80, 0x14);
	assert_int_equal(open_from_c(w, 4000, 80), port);
	more(w, 4000, 80, 0x04);
	assert_int_equal(open_from_c(w, 4000, 80), port);
	reply(w, port, 80, 0x12);
}

/* RFC 5382, section 4.2 (REQ-2): both ends' SYNs cross. */
static void simultaneous_open_passes(void **state)
{
	struct world *w = *state;
	unsigned port = open_from_c(w, 4000, 80);

	reply(w, port, 80, 0x02);
	more(w, 4000, 80, 0x12);
	reply(w, port, 80, 0x12);
	more(w, 4000, 80, 0x10);
}

static void figures_are_of_all_packets(void **state)
{
	struct world *w = *state;
	unsigned port = open_from_c(w, 4000, 80);
	struct nat_stats s;

	reply(w, port, 80, 0x12);
	more(w, 4000, 80, 0x10);
	s = stats(w);
	assert_int_equal(s.connection_attempts, 1);
	assert_int_equal(s.connections_established, 1);
	assert_int_equal(s.packets_out, 0); /* they are the flow's still */
	assert_int_equal(half_at(w, C)->packets, 2);
	assert_int_equal(half_at(w, H)->packets, 1);
	dataplane_clock_advance(w->dp, 351ull * 1000000000);
	collect_all(w);
	s = stats(w);
	assert_int_equal(s.packets_out, 2);
	assert_int_equal(s.bytes_out, 2 * 50);
	assert_int_equal(s.packets_in, 1);
	assert_int_equal(s.bytes_in, 50);
	assert_int_equal(s.idle_timeouts, 1);
}

static int large_setup(void **state)
{
	/* Of which the common part has three eighths, two entries a flow. */
	return world_setup_with(state, 400000);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
#define LARGE_TEST(f) cmocka_unit_test_setup_teardown(f, large_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LARGE_TEST(the_last_port_is_given_and_then_none),
		LARGE_TEST(more_crowded_destinations_than_bitmaps_are_no_harm_to_one_in_use),
		LARGE_TEST(a_destination_that_was_crowded_out_finds_its_ports_again),
		LARGE_TEST(expired_ports_are_given_again_before_and_after_collection),
		LARGE_TEST(a_connection_closed_in_order_makes_room_for_one),
		LARGE_TEST(the_next_address_is_used_when_one_is_full),
		LARGE_TEST(two_cpus_never_give_the_same_port),
		LARGE_TEST(expiry_is_worked_off_in_bounded_slices),
		WORLD_TEST(idle_connection_is_reset_at_its_next_packet),
		WORLD_TEST(stray_segments_are_reset_after_rfc_9293),
		WORLD_TEST(a_syn_offers_no_more_than_the_path_takes),
		WORLD_TEST(ports_of_time_wait_open_anew_by_the_same_port),
		WORLD_TEST(simultaneous_open_passes),
		WORLD_TEST(figures_are_of_all_packets),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
