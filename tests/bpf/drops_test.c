/* SPDX-License-Identifier: MIT
 * Dropped packets as they are shown: to whom, how much of them, and what refused. That each reason
 * shows the frame as it was sent is asserted wherever a drop is (world.h).
 */
#include "world.h"

static void udp(struct packet *p, uint32_t from, uint32_t to, unsigned dport)
{
	packet_udp(p, mac_of(from), router_mac, ip_of(from), 4000, to, dport);
}

static void nobody_listens_and_nothing_is_shown(void **state)
{
	struct world *w = *state;
	struct packet p;

	drops_listen(w, 0);
	udp(&p, A, IP(10, 9, 9, 9), 7);
	assert_int_equal(run(w, A, &p), TC_ACT_SHOT);
	assert_int_equal(drops_shown(w)->n, 0);
}

static void what_passes_is_not_shown(void **state)
{
	struct world *w = *state;
	struct packet p;

	drops_listen(w, 100);
	udp(&p, A, ip_of(C), 7);
	assert_passes(w, A, &p);
	assert_int_equal(drops_shown(w)->n, 0);
}

static void a_group_is_named_and_its_receiver(void **state)
{
	struct world *w = *state;
	const struct drop_event *ev;
	struct packet p;

	put_eni(w, C, 16, 2, 3, ENI_SOURCE_DEST_CHECK);
	udp(&p, A, ip_of(C), 7);
	drops_listen(w, DROP_FRAME_MAX);
	run(w, A, &p);
	ev = &drops_shown(w)->last;
	assert_int_equal(ev->reason, DROP_SG_INGRESS);
	assert_int_equal(ev->number, 3);
	assert_int_equal(ev->output_ifindex, C);
	assert_int_equal(dataplane_drop_receiver(w->dp, ev), C);
}

static void an_acl_is_named_and_the_entry_that_denied(void **state)
{
	struct world *w = *state;
	uint32_t deny = put_rule(w, 0, 0, 17, 7, 0, true, false);
	const struct drop_event *ev;
	struct packet p;

	dataplane_set_acl_rules(w->dp, 6, (struct rules_pair){allow_all(w), deny});
	put_subnet(w, 1, 16, 1, 6, IP(10, 0, 1, 1));
	drops_listen(w, DROP_FRAME_MAX);
	udp(&p, A, ip_of(C), 7);
	run(w, A, &p);
	ev = &drops_shown(w)->last;
	assert_int_equal(ev->reason, DROP_ACL_EGRESS);
	assert_int_equal(ev->number, 6);
	assert_int_equal(ev->rule, 0);
	assert_int_equal(ev->output_ifindex, 0);
	assert_int_equal(dataplane_drop_receiver(w->dp, ev), C); /* it would have been */
	udp(&p, A, ip_of(C), 8);
	run(w, A, &p);
	assert_int_equal(drops_shown(w)->last.rule, RULES_MAX); /* none matches */
}

static void a_route_that_is_not_there_names_the_subnet(void **state)
{
	struct world *w = *state;
	const struct drop_event *ev;
	struct packet p;

	drops_listen(w, DROP_FRAME_MAX);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	run(w, A, &p);
	ev = &drops_shown(w)->last;
	assert_int_equal(ev->reason, DROP_NO_ROUTE);
	assert_int_equal(ev->subnet, 1);
	assert_int_equal(dataplane_drop_receiver(w->dp, ev), 0);
}

static void a_public_address_leads_to_who_has_it(void **state)
{
	struct world *w = *state;
	struct packet p;

	put_eni(w, W, 16, 3, 3, ENI_SOURCE_DEST_CHECK);
	drops_listen(w, DROP_FRAME_MAX);
	udp(&p, H, IP_WEB, 80);
	run(w, H, &p);
	assert_int_equal(drops_shown(w)->last.reason, DROP_SG_INGRESS);
	udp(&p, A, IP_WEB, 80);
	run(w, A, &p);
	assert_int_equal(dataplane_drop_receiver(w->dp, &drops_shown(w)->last), W);
}

static void no_more_is_shown_than_was_asked_for(void **state)
{
	struct world *w = *state;
	const struct drop_event *ev;
	struct packet p;

	drops_listen(w, 20);
	udp(&p, A, IP(192, 0, 2, 1), 7);
	run(w, A, &p);
	ev = &drops_shown(w)->last;
	assert_int_equal(ev->captured, 20);
	assert_int_equal(ev->len, p.len);
}

static void count_one(void *arg, const struct drop_event *ev)
{
	++*(size_t *)arg;
}

static void the_ring_is_read_in_portions(void **state)
{
	struct world *w = *state;
	struct packet p;
	struct err e;
	size_t n = 0;

	drops_listen(w, 64);
	for (int i = 0; i < 10; i++) {
		udp(&p, A, IP(192, 0, 2, 1), 7);
		run(w, A, &p);
	}
	assert_int_equal(dataplane_drops_read(w->dp, 4, count_one, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_int_equal(dataplane_drops_read(w->dp, 100, count_one, &n, &e), 0);
	assert_int_equal(n, 10);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct world *w = *state;
	const int sent = 40000; /* of 110 bytes and more, into 2 MiB */
	size_t n = 0;
	struct packet p;
	struct err e;

	drops_listen(w, 64);
	for (int i = 0; i < sent; i++) {
		udp(&p, A, IP(192, 0, 2, 1), 7);
		run(w, A, &p);
	}
	assert_int_equal(drops(w, DROP_NO_ROUTE), sent);
	assert_int_equal(dataplane_drops_read(w->dp, UINT32_MAX, count_one, &n, &e), 0);
	assert_true(n > 0 && n < (size_t)sent);
	assert_int_equal(dataplane_drops_lost(w->dp) + n, sent);
}

static void a_trace_shows_nothing(void **state)
{
	struct world *w = *state;
	struct trace_result r;
	struct packet p;
	struct err e;

	drops_listen(w, DROP_FRAME_MAX);
	dataplane_trail(w->dp)->mode = TRAIL_FRESH;
	udp(&p, A, IP(192, 0, 2, 1), 7);
	assert_int_equal(dataplane_trace(w->dp, A, p.b, p.len, &r, &e), 0);
	assert_int_equal(r.reason, DROP_NO_ROUTE);
	assert_int_equal(drops_shown(w)->n, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nobody_listens_and_nothing_is_shown),
		T(what_passes_is_not_shown),
		T(a_group_is_named_and_its_receiver),
		T(an_acl_is_named_and_the_entry_that_denied),
		T(a_route_that_is_not_there_names_the_subnet),
		T(a_public_address_leads_to_who_has_it),
		T(no_more_is_shown_than_was_asked_for),
		T(the_ring_is_read_in_portions),
		T(what_finds_no_room_is_counted),
		T(a_trace_shows_nothing),
	};

	return cmocka_run_group_tests(tests, world_enter, NULL);
}
