/* SPDX-License-Identifier: MIT
 * bench_policy: what rule sets cost a packet, by test runs of the compiled programs: a line
 * "<what> rules-<n> <ns>" for each. The sets are compiled by the daemon's own compiler.
 *
 *   classifier    one evaluation of the receiver's rules: a walk of the dry entry point, less the
 *                 same walk to a receiver whose groups have no rule
 *   first         a first packet whole, its entry in the flow table included; each run a new flow
 *                 to another port
 *   established   a packet of a flow that these rules admitted
 *
 * bench_policy [RUNS]: test runs a figure (default 10000), in five stretches, of which the quickest
 * counts: what else the machine did disturbed it least. The last rule is the one that matches.
 */
#include "vpcd/rules.h"
#include "world6.h"

#define EMPTY_SET 19
#define FIRST_SET 20
#define SPREAD	  200 /* flows of a stretch: the world's flow table has room for 2048 */
#define STRETCHES 5

enum variant { IPV4_CIDR, IPV6_CIDR, IPV4_GROUP, VARIANTS };
static const char *const variant_names[] = {"ipv4-cidr", "ipv6-cidr", "ipv4-group"};
static const uint32_t counts[] = {1, 10, 100, 1000};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]) };
#define MEMBERS "sg-members" /* the group of the sender's set, 1 */

static struct ip ip_from(const struct ip128 *a, int family)
{
	struct ip ip = {.family = (uint8_t)family};

	memcpy(ip.b, a, sizeof(ip.b)); /* both v4-mapped */
	return ip;
}

/* Rule i of n: others' ranges or groups and a port each; the last: everything from the sender. */
static struct item_rule rule_make(enum variant v, uint32_t i, bool last)
{
	struct item_rule r = {.protocol = last ? -1 : IPPROTO_TCP, .from = -1, .to = -1};
	struct ip128 other = v == IPV6_CIDR ? v6(0x20010db8, 0xff000000 | i, 0, 0)
					    : v4(IP(10, 200 + i / 200, i % 200, 0));
	struct ip128 sender = v == IPV6_CIDR ? ip6_of(A) : v4(ip_of(A));

	if (!last)
		r.from = r.to = 1000 + (int32_t)i;
	if (v == IPV4_GROUP) {
		snprintf(r.group, sizeof(r.group), last ? MEMBERS : "sg-other-%u", i % 20);
		return r;
	}
	r.cidr.ip = ip_from(last ? &sender : &other, v == IPV6_CIDR ? AF_INET6 : AF_INET);
	r.cidr.len = v == IPV6_CIDR ? (last ? 128 : 64) : (last ? 32 : 24);
	return r;
}

static void put_tables(struct world *w, uint32_t id, struct classifier_tables *t)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		t->addresses[i].classifier = id;
		put(w, DP_RULE_ADDRESSES, &t->addresses[i], &t->address_bitmaps[i]);
	}
	for (size_t i = 0; i < t->n_ports; i++) {
		t->ports[i].classifier = id;
		put(w, DP_RULE_PORTS, &t->ports[i], &t->port_bitmaps[i]);
	}
	put(w, DP_CLASSIFIERS, &id, &t->info);
}

static void set_make(struct world *w, uint32_t set, enum variant v, uint32_t n)
{
	static const struct rules_open closed;
	static const char members[GROUPS_PER_INTERFACE][SYMBOL_LEN] = {MEMBERS};
	struct item_rule *rules = calloc(n, sizeof(*rules));
	uint32_t id = CLASSIFIER_ID(++w->classifiers, v == IPV6_CIDR);
	struct rule_peer_key peer = {.classifier = id, .groups = 1};
	struct rules_pair pair = {.in = w->classifiers, .out = dataplane_group_rules(w->dp, 1).out};
	struct rules_bitmap bitmap;
	struct classifier_tables t;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = rule_make(v, i, i == n - 1);
	if (rules_compile(rules, n, &closed, &t))
		fail_msg("rules_compile");
	put_tables(w, id, &t);
	if (rules_peer_bitmap(rules, n, members, &bitmap))
		put(w, DP_RULE_PEERS, &peer, &bitmap);
	dataplane_set_group_rules(w->dp, set, pair);
	classifier_tables_done(&t);
	free(rules);
}

static void packet_make(struct packet *p, enum variant v, uint32_t from, unsigned sport,
			unsigned dport, uint8_t flags)
{
	if (v == IPV6_CIDR)
		packet6_tcp(p, mac_of(from), mac_of(B), ip6_of(from), sport, ip6_of(B), dport,
			    flags);
	else
		packet_tcp(p, mac_of(from), mac_of(B), ip_of(from), sport, ip_of(B), dport, flags);
}

static void receiver_has(struct world *w, uint32_t groups)
{
	put_eni(w, B, 16, 1, groups, ENI_SOURCE_DEST_CHECK);
}

/* Why the dry entry point refuses a packet. */
static uint32_t verdict(struct world *w, uint32_t from, const struct packet *p)
{
	struct trace_result r;

	if (dataplane_trace(w->dp, from, p->b, p->len, &r, NULL))
		fail_msg("trace");
	return r.reason ? r.reason : dataplane_trail(w->dp)->reason;
}

/* The rules must judge: the sender passes, another does not. */
static void check(struct world *w, enum variant v, uint32_t set)
{
	struct packet p;

	receiver_has(w, set);
	packet_make(&p, v, A, 7, 80, 2);
	if (verdict(w, A, &p) != DROP_NONE)
		fail_msg("%s: dropped", variant_names[v]);
	put_eni(w, C, 16, 1, 3, ENI_SOURCE_DEST_CHECK); /* a neighbour with a set of its own */
	dataplane_set_group_rules(w->dp, 3, dataplane_group_rules(w->dp, 1));
	packet_make(&p, v, C, 7, 80, 2);
	if (verdict(w, C, &p) != DROP_SG_INGRESS)
		fail_msg("%s: not refused", variant_names[v]);
}

static double test_run(int prog, const struct packet *p, uint32_t repeat, uint32_t *ret_action)
{
	struct __sk_buff ctx = {.ifindex = A};
	struct packet out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->len,
		    .data_out = out.b, .data_size_out = sizeof(out.b), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(prog, &opts))
		fail_msg("test run: %s", strerror(errno));
	/* Else a repeated run would measure another packet than the first one. */
	if (memcmp(out.b, p->b, p->len))
		fail_msg("the program changed the frame");
	*ret_action = opts.retval;
	return opts.duration;
}

/* ns of a packet that must pass. */
static double sent(struct world *w, const struct packet *p, uint32_t repeat)
{
	uint32_t action;
	double ns = test_run(dataplane_eni_prog(w->dp), p, repeat, &action);

	if (action == TC_ACT_SHOT)
		fail_msg("dropped");
	return ns;
}

/* ns of a walk of the dry entry point, which must end as `reason`. */
static double walked(struct world *w, const struct packet *p, uint32_t repeat, uint32_t reason)
{
	uint32_t action;

	if (verdict(w, A, p) != reason)
		fail_msg("the dry entry point says otherwise");
	return test_run(dataplane_trace_prog(w->dp), p, repeat, &action);
}

/* First packets of new flows, to ports that the rules name: ns a packet. */
static double first_packets(struct world *w, enum variant v, unsigned sport)
{
	double sum = 0;

	for (unsigned i = 0; i < SPREAD; i++) {
		struct packet p;

		packet_make(&p, v, A, sport, 1000 + i * 17 % 1000, 2);
		sum += sent(w, &p, 1);
	}
	return sum / SPREAD;
}

/* Takes all flows out of the table, so that the next ones are new again. */
static void end_flows(struct world *w)
{
	struct flow_stats stats;

	if (dataplane_end_flows(w->dp, (uint32_t[]){A}, 1, NULL))
		fail_msg("end_flows");
	while (flows_of(w)->n)
		if (dataplane_collect(w->dp, 4096, &stats, NULL))
			fail_msg("collect");
}

/* Of a receiver whose groups have no rules ([0]) and with each number of them. */
struct figures {
	double dry[COUNTS + 1], first[COUNTS + 1], established[COUNTS + 1];
};

static void keep_least(double *least, double ns)
{
	if (!*least || ns < *least)
		*least = ns;
}

/* One stretch of every figure in turn, so that a change of the processor's clock meets them all. */
static void stretch(struct world *w, enum variant v, uint32_t runs, struct figures *f)
{
	struct packet p;

	for (uint32_t i = 0; i <= COUNTS; i++) {
		receiver_has(w, i ? FIRST_SET + v * COUNTS + i - 1 : EMPTY_SET);
		packet_make(&p, v, A, 7, 80, 2);
		keep_least(&f->dry[i], walked(w, &p, runs, i ? DROP_NONE : DROP_SG_INGRESS));
		if (!i)
			continue;
		keep_least(&f->first[i], first_packets(w, v, 2000 + i));
		packet_make(&p, v, A, 7, 443 + i, 0x10);
		sent(w, &p, 1);
		keep_least(&f->established[i], sent(w, &p, runs));
	}
	end_flows(w);
}

static void print_figures(enum variant v, const struct figures *f)
{
	const char *name = variant_names[v];

	for (uint32_t i = 1; i <= COUNTS; i++) {
		uint32_t n = counts[i - 1];

		printf("classifier/%s rules-%u %.1f\n", name, n, f->dry[i] - f->dry[0]);
		printf("first/%s rules-%u %.1f\n", name, n, f->first[i]);
		printf("established/%s rules-%u %.1f\n", name, n, f->established[i]);
	}
}

int main(int argc, char **argv)
{
	uint32_t runs = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000;
	struct world *w;
	void *state;

	if (runs < STRETCHES)
		fail_msg("RUNS must be at least %d", STRETCHES);
	world_enter(NULL);
	world6_setup_with(&state, 65536); /* room for all flows of a stretch */
	w = state;
	for (enum variant v = 0; v < VARIANTS; v++)
		for (uint32_t i = 0; i < COUNTS; i++)
			set_make(w, FIRST_SET + v * COUNTS + i, v, counts[i]);
	dataplane_set_group_rules(w->dp, EMPTY_SET,
				  (struct rules_pair){.out = dataplane_group_rules(w->dp, 1).out});
	for (enum variant v = 0; v < VARIANTS; v++) {
		struct figures f = {0};

		for (uint32_t i = 0; i < COUNTS; i++)
			check(w, v, FIRST_SET + v * COUNTS + i);
		for (int i = 0; i < STRETCHES; i++)
			stretch(w, v, runs / STRETCHES, &f);
		print_figures(v, &f);
	}
	world_teardown(&state);
	return 0;
}
