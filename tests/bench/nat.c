/* SPDX-License-Identifier: MIT
 * bench_nat: what translation costs an established packet, by test runs of the compiled programs: a
 * line "<direction> <path> <ns>" for each, over the empty program. Same client, same TCP segment.
 *
 *   flat         to an instance of another subnet, untranslated
 *   elastic-ip   an instance with an elastic IP to the internet: one address rewritten
 *   nat          by a NAT gateway to the internet: address and port rewritten
 *
 * bench_nat [RUNS]: test runs a figure (default 20000), in stretches that take turns; of each path
 * the quickest stretch counts, since what else the machine did disturbed it least.
 */
#include "world.h"

#define STRETCHES 20

enum path { EMPTY, FLAT_OUT, FLAT_BACK, EIP_OUT, EIP_BACK, NAT_OUT, NAT_BACK, PATHS };
static const char *const names[] = {
	NULL, "out flat", "back flat", "out elastic-ip", "back elastic-ip", "out nat", "back nat"};

struct bench {
	struct world *w;
	int progs[PATHS];
	uint32_t from[PATHS];
	struct packet p[PATHS];
};

static int empty_program(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", insns, 2, NULL);

	if (fd < 0)
		fail_msg("empty program: %s", strerror(errno));
	return fd;
}

static void path_put(struct bench *b, enum path path, uint32_t from, uint32_t saddr, unsigned sport,
		     uint32_t daddr, unsigned dport)
{
	b->from[path] = from;
	packet_tcp(&b->p[path], mac_of(from), router_mac, saddr, sport, daddr, dport, 0x10);
}

/* Three segments; the port by which the connection is seen at the other end. */
static unsigned open_connection(struct world *w, uint32_t from, unsigned sport, uint32_t to,
				uint32_t daddr)
{
	struct packet p, q;
	uint32_t source;
	unsigned port;

	packet_tcp(&p, mac_of(from), router_mac, ip_of(from), sport, daddr, 80, 2);
	assert_passes(w, from, &p);
	source = packet_src(&p);
	port = packet_sport(&p);
	packet_tcp(&q, mac_of(to), router_mac, daddr, 80, source, port, 0x12);
	assert_passes(w, to, &q);
	packet_tcp(&p, mac_of(from), router_mac, ip_of(from), sport, daddr, 80, 0x10);
	assert_passes(w, from, &p);
	return port;
}

static void prepare(struct bench *b)
{
	struct world *w = b->w;
	unsigned port;

	for (int i = 0; i < PATHS; i++)
		b->progs[i] = i == EMPTY ? empty_program() : dataplane_eni_prog(w->dp);
	path_put(b, EMPTY, C, ip_of(C), 1, ip_of(W), 80);
	open_connection(w, C, 1, W, ip_of(W));
	path_put(b, FLAT_OUT, C, ip_of(C), 1, ip_of(W), 80);
	path_put(b, FLAT_BACK, W, ip_of(W), 80, ip_of(C), 1);
	open_connection(w, W, 2, H, IP_HOST);
	path_put(b, EIP_OUT, W, ip_of(W), 2, IP_HOST, 80);
	path_put(b, EIP_BACK, H, IP_HOST, 80, IP_WEB, 2);
	port = open_connection(w, C, 3, H, IP_HOST);
	path_put(b, NAT_OUT, C, ip_of(C), 3, IP_HOST, 80);
	path_put(b, NAT_BACK, H, IP_HOST, 80, IP_NAT, port);
}

static double stretch(const struct bench *b, enum path path, unsigned runs)
{
	struct __sk_buff ctx = {.ifindex = b->from[path]};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->p[path].b,
		    .data_size_in = (uint32_t)b->p[path].len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	uint64_t sum = 0;

	for (unsigned i = 0; i < runs; i++) {
		if (bpf_prog_test_run_opts(b->progs[path], &opts) ||
		    (path != EMPTY && opts.retval != TC_ACT_REDIRECT))
			fail_msg("%s: no packet of a flow", names[path]);
		sum += opts.duration;
	}
	return (double)sum / runs;
}

int main(int argc, char **argv)
{
	unsigned runs = (argc > 1 ? (unsigned)atoi(argv[1]) : 20000) / STRETCHES;
	double least[PATHS], one;
	struct bench b = {0};
	void *state;

	world_enter(NULL);
	world_setup(&state);
	b.w = state;
	prepare(&b);
	for (int i = 0; i < PATHS; i++)
		least[i] = stretch(&b, i, 10); /* warm */
	for (int n = 0; n < STRETCHES; n++)
		for (int i = 0; i < PATHS; i++) {
			one = stretch(&b, i, runs ? runs : 1);
			least[i] = !n || one < least[i] ? one : least[i];
		}
	for (int i = 1; i < PATHS; i++)
		printf("%s %.1f\n", names[i], least[i] - least[EMPTY]);
	world_teardown(&state);
	return 0;
}
