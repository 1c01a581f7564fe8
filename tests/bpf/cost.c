/* SPDX-License-Identifier: MIT
 * datapath_cost: nanoseconds a packet for the paths through the program, over the empty program:
 * medians of interleaved rounds of single test runs. (A repeated run would go on with the frame as
 * the one before left it, which is another path.)
 */
#include "world6.h"

#define ROUNDS 15
#define RUNS   20000
#define OPENED 1000 /* flows a round; ROUNDS times as many, and as entries twice, fit the table */

static uint32_t cost(int prog, uint32_t eni, const struct packet *p)
{
	struct __sk_buff ctx = {.ifindex = eni};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	uint64_t sum = 0;

	for (int i = 0; i < RUNS; i++) {
		if (bpf_prog_test_run_opts(prog, &opts))
			fail_msg("test run: %s", strerror(errno));
		sum += opts.duration;
	}
	return (uint32_t)(sum / RUNS);
}

/* First packets that are let in: each of another port. */
static uint32_t cost_open(int prog)
{
	static unsigned port = 10000;
	struct __sk_buff ctx = {.ifindex = A};
	struct packet p;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.b, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	uint64_t sum = 0;

	for (int i = 0; i < OPENED; i++) {
		packet_udp(&p, mac_of(A), router_mac, ip_of(A), port++, ip_of(C), 7);
		opts.data_size_in = (uint32_t)p.len;
		if (bpf_prog_test_run_opts(prog, &opts) || opts.retval != TC_ACT_REDIRECT)
			fail_msg("a flow is not opened");
		sum += opts.duration;
	}
	return (uint32_t)(sum / OPENED);
}

static int ascending(const void *a, const void *b)
{
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int empty_program(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", insns, 2, NULL);
}

int main(void)
{
	static const char *const names[] = {"empty program",
					    "neighbour, established",
					    "other subnet, established",
					    "elastic IP, established",
					    "NAT gateway, established",
					    "dropped by a group (walk)",
					    "IPv6: neighbour, established",
					    "IPv6: other subnet, established",
					    "IPv6: internet, established",
					    "IPv6: dropped by a group (walk)",
					    "opens a flow"};
	enum { CASES = sizeof(names) / sizeof(names[0]) };
	uint32_t from[CASES] = {A, A, A, W, C, A, A, A, W, A, A}, ns[CASES][ROUNDS];
	struct packet p[CASES - 1];
	struct world *w;
	void *state;
	int progs[CASES];

	world_enter(NULL);
	world6_setup_with(&state, 1 << 18);
	w = state;
	put_eni(w, B, 16, 1, 2, ENI_SOURCE_DEST_CHECK);
	packet_udp(&p[0], mac_of(A), router_mac, ip_of(A), 1, ip_of(C), 7);
	packet_tcp(&p[1], mac_of(A), mac_of(B), ip_of(A), 2, ip_of(B), 80, 0x10);
	packet_tcp(&p[2], mac_of(A), router_mac, ip_of(A), 2, ip_of(C), 80, 0x10);
	packet_tcp(&p[3], mac_of(W), router_mac, ip_of(W), 2, IP_HOST, 80, 0x10);
	packet_tcp(&p[4], mac_of(C), router_mac, ip_of(C), 2, IP_HOST, 80, 0x10);
	packet_udp(&p[5], mac_of(A), mac_of(B), ip_of(A), 3, ip_of(B), 9);
	packet6_tcp(&p[6], mac_of(A), mac_of(B), ip6_of(A), 2, ip6_of(B), 80, 0x10);
	packet6_tcp(&p[7], mac_of(A), router_mac, ip6_of(A), 2, ip6_of(C), 80, 0x10);
	packet6_tcp(&p[8], mac_of(W), router_mac, ip6_of(W), 2, ip6_of(H), 80, 0x10);
	packet6_udp(&p[9], mac_of(A), mac_of(B), ip6_of(A), 3, ip6_of(B), 9);
	for (int i = 0; i < CASES - 1; i++) {
		struct packet first = p[i];

		if (i == 4) /* a gateway resets what it does not know */
			packet_tcp(&first, mac_of(C), router_mac, ip_of(C), 2, IP_HOST, 80, 2);
		progs[i] = i ? dataplane_eni_prog(w->dp) : empty_program();
		run(w, from[i], &first);
	}
	for (int r = 0; r < ROUNDS; r++)
		for (int i = 0; i < CASES; i++)
			ns[i][r] = i == CASES - 1 ? cost_open(dataplane_eni_prog(w->dp))
						  : cost(progs[i], from[i], &p[i]);
	for (int i = 0; i < CASES; i++) {
		for (int r = 0; i && r < ROUNDS; r++)
			ns[i][r] -= ns[0][r] < ns[i][r] ? ns[0][r] : ns[i][r];
		if (!i)
			continue;
		qsort(ns[i], ROUNDS, sizeof(ns[i][0]), ascending);
		printf("%-32s %4u ns (%u to %u)\n", names[i], ns[i][ROUNDS / 2], ns[i][ROUNDS / 4],
		       ns[i][3 * ROUNDS / 4]);
	}
	world_teardown(&state);
	return 0;
}
