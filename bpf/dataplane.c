/* SPDX-License-Identifier: MIT
 * Opening, pinning and closing; the mapped arrays; the dry entry point. See dataplane.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/btf.h>

#include "bpf/private.h"
#include "eni.skel.h"
#include "lib/cleanup.h"
#include "lib/fault.h"

#define DEFAULT_FLOWS 524288
#define DEFAULT_ENIS  4096
#define MAX_FLOWS     (1u << 26)
#define MAX_ENIS      (1u << 20)

/* ---- sizes ---- */

/* Entries of each map, from the number of interfaces. */
static void set_sizes(struct eni_bpf *s, uint32_t enis, uint32_t flows)
{
	const struct {
		struct bpf_map *map;
		uint32_t n;
	} sizes[] = {
		{s->maps.enis, enis + 64},
		{s->maps.subnets, enis / 2 + 256},
		{s->maps.vpcs, enis / 4 + 64},
		{s->maps.addresses, 2 * enis + 256},
		{s->maps.routes, 8 * enis + 1024},
		{s->maps.nats, enis / 8 + 64},
		{s->maps.group_rules, enis + 64},
		{s->maps.acl_rules, enis + 64},
		{s->maps.classifiers, 4 * enis + 512},
		/* Tries take memory by the entry: dozens of sets of 1,000 rules fit. */
		{s->maps.rule_addresses, 64 * enis + 65536},
		{s->maps.rule_ports, 64 * enis + 524288},
		{s->maps.rule_hits, 16 * enis + 16384},
		{s->maps.rule_totals, 8 * enis + 65536},
		{s->maps.gateways, enis / 4 + 64},
		{s->maps.rule_peers, 16 * enis + 1024},
		{s->maps.fragments, FRAGMENT_SLOTS * (enis + 64)},
		{s->maps.eni_flows, enis + 64},
		{s->maps.eni_totals, enis + 64},
		{s->maps.mirrors, enis + 64},
		{s->maps.mirror_counts, enis + 64},
		{s->maps.names, 16 * enis + 1024},
		{s->maps.linklocal, enis + 64},
		{s->maps.dns_answers, 16 * enis + 131072},
		{s->maps.drops, 8 * enis + 1024},
		{s->maps.nat_stats, enis / 8 + 64},
		{s->maps.nat_ports, NAT_CROWDED},
		{s->maps.nat_refusals, NAT_REFUSALS},
		{s->maps.flows, flows},
		{s->maps.flow_parts, FLOW_PARTS_MAX},
		{s->maps.flow_logged, enis + enis / 8 + 128},
		{s->maps.flow_log_told, enis + enis / 8 + 128},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		bpf_map__set_max_entries(sizes[i].map, sizes[i].n);
}

/* ---- loading ---- */

#define LOG_SIZE (16u << 20) /* of the verifier; kernels before 6.4 fail where it is too small */

/* What the programs need, newest first. Asked only when a load failed, since each probe loads. */
static const char *missing_feature(void)
{
	static const struct {
		enum bpf_prog_type prog;
		enum bpf_func_id helper;
		const char *name;
	} features[] = {
		{BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_loop, "bpf_loop (5.17)"},
		{BPF_PROG_TYPE_SYSCALL, BPF_FUNC_for_each_map_elem,
		 "programs that run by system call (5.14)"},
		{BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns,
		 "bpf_ktime_get_coarse_ns (5.11)"},
		{BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_redirect_peer, "bpf_redirect_peer (5.10)"},
	};

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return "type information (CONFIG_DEBUG_INFO_BTF)";
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (!libbpf_probe_bpf_helper(features[i].prog, features[i].helper, NULL))
			return features[i].name;
	return NULL;
}

/* The verifier's last word: the line before its statistics. */
static const char *last_complaint(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		return NULL;
	*end = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

static int explain_load(int rc, char *log, struct err *e)
{
	const char *missing, *complaint = last_complaint(log);

	if (rc == -EPERM)
		return err_sys(e, rc,
			       "load the eBPF programs (needs CAP_BPF, CAP_NET_ADMIN and "
			       "CAP_PERFMON)");
	missing = missing_feature();
	if (missing)
		return err_set(e, -ENOSYS, "Unsupported", "",
			       "the kernel lacks %s; vpcd needs Linux 6.1 or newer with eBPF",
			       missing);
	return complaint ? err_sys(e, rc, "load the eBPF programs: %s", complaint)
			 : err_sys(e, rc, "load the eBPF programs");
}

static bool kernel_has_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool there = btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return there;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

/* The kernel rounds elements up to 8 bytes. */
_Static_assert(sizeof(struct rules_pair) == 8 && sizeof(struct retire_entry) % 8 == 0, "strides");

static int map_array(struct bpf_map *map, struct mapped *ret, struct err *e)
{
	size_t size = (bpf_map__value_size(map) + 7) & ~7ul, page = (size_t)sysconf(_SC_PAGESIZE);

	ret->len = (size * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
	ret->p = mmap(NULL, ret->len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (ret->p != MAP_FAILED)
		return 0;
	ret->p = NULL;
	return err_sys(e, -errno, "map %s", bpf_map__name(map));
}

static void take_maps(struct dataplane *dp, const struct eni_bpf *s)
{
	struct bpf_map *const maps[DP_MAP_COUNT] = {
		[DP_ENIS] = s->maps.enis,
		[DP_SUBNETS] = s->maps.subnets,
		[DP_VPCS] = s->maps.vpcs,
		[DP_ADDRESSES] = s->maps.addresses,
		[DP_ROUTES] = s->maps.routes,
		[DP_NATS] = s->maps.nats,
		[DP_MIRRORS] = s->maps.mirrors,
		[DP_CLASSIFIERS] = s->maps.classifiers,
		[DP_RULE_ADDRESSES] = s->maps.rule_addresses,
		[DP_RULE_PORTS] = s->maps.rule_ports,
		[DP_RULE_PEERS] = s->maps.rule_peers,
		[DP_GATEWAYS] = s->maps.gateways,
		[DP_RULE_TOTALS] = s->maps.rule_totals,
		[DP_NAMES] = s->maps.names,
		[DP_DNS_ANSWERS] = s->maps.dns_answers,
	};
	const size_t cpus = (size_t)dp->n_cpus;

	for (int i = 0; i < DP_MAP_COUNT; i++)
		dp->maps[i] = (struct map_ref){bpf_map__fd(maps[i]), dataplane_map_name(i),
					       dataplane_key_size(i), dataplane_value_size(i)};
	dp->flows = (struct map_ref){bpf_map__fd(s->maps.flows), "flows", sizeof(struct flow_key),
				     sizeof(struct flow)};
	dp->linklocal = (struct map_ref){bpf_map__fd(s->maps.linklocal), "linklocal",
					 sizeof(uint32_t), sizeof(struct linklocal)};
	dp->mirror_counts = (struct map_ref){bpf_map__fd(s->maps.mirror_counts), "mirror_counts",
					     sizeof(uint32_t), cpus * sizeof(struct mirror_count)};
	dp->drops = (struct map_ref){bpf_map__fd(s->maps.drops), "drops", sizeof(struct drop_key),
				     cpus * sizeof(struct counter)};
	dp->nat_stats = (struct map_ref){bpf_map__fd(s->maps.nat_stats), "nat_stats",
					 sizeof(uint32_t), cpus * sizeof(struct nat_stats)};
	dp->nat_refusals = (struct map_ref){bpf_map__fd(s->maps.nat_refusals), "nat_refusals",
					    sizeof(struct nat_destination), sizeof(uint64_t)};
	dp->fragments = (struct map_ref){bpf_map__fd(s->maps.fragments), "fragments",
					 sizeof(struct fragment_key), sizeof(struct fragment)};
	dp->eni_totals = (struct map_ref){bpf_map__fd(s->maps.eni_totals), "eni_totals",
					  sizeof(uint32_t), sizeof(struct eni_totals)};
	dp->eni_flows = (struct map_ref){bpf_map__fd(s->maps.eni_flows), "eni_flows",
					 sizeof(uint32_t), sizeof(struct eni_flows)};
	dp->flow_parts =
		(struct map_ref){bpf_map__fd(s->maps.flow_parts), "flow_parts",
				 sizeof(struct flow_part_key), sizeof(struct flow_part_counts)};
	dp->flow_logged = (struct map_ref){bpf_map__fd(s->maps.flow_logged), "flow_logged",
					   sizeof(uint32_t), sizeof(struct flow_log_loss)};
	dp->flows_common = (struct map_ref){bpf_map__fd(s->maps.flows_common), "flows_common",
					    sizeof(uint32_t), sizeof(uint32_t)};
	dp->flow_log_told = (struct map_ref){bpf_map__fd(s->maps.flow_log_told), "flow_log_told",
					     sizeof(uint32_t), sizeof(struct flow_log_loss)};
	dp->rule_hits = (struct map_ref){bpf_map__fd(s->maps.rule_hits), "rule_hits",
					 sizeof(uint32_t), cpus * sizeof(uint64_t)};
	dp->drop_events = bpf_map__fd(s->maps.drop_events);
	dp->n_rule_hits = bpf_map__max_entries(s->maps.rule_hits);
	dp->group_sets = bpf_map__max_entries(s->maps.group_rules);
}

static void take_programs(struct dataplane *dp, const struct eni_bpf *s)
{
	dp->eni_prog = bpf_program__fd(s->progs.eni_ingress);
	dp->trace_prog = bpf_program__fd(s->progs.eni_trace);
	dp->mirror_prog = bpf_program__fd(s->progs.eni_mirror);
	dp->retire_prog = bpf_program__fd(s->progs.flows_retire);
	dp->correct_prog = bpf_program__fd(s->progs.flows_correct);
}

static int map_arrays(struct dataplane *dp, const struct eni_bpf *s, struct err *e)
{
	int rc = map_array(s->maps.config, &dp->config, e);

	if (!rc)
		rc = map_array(s->maps.group_rules, &dp->group_rules, e);
	if (!rc)
		rc = map_array(s->maps.acl_rules, &dp->acl_rules, e);
	if (!rc)
		rc = map_array(s->maps.retire, &dp->retire, e);
	if (!rc)
		rc = map_array(s->maps.trail, &dp->trail, e);
	if (!rc)
		rc = map_array(s->maps.drop_watch, &dp->drop_watch, e);
	return rc ? rc : map_array(s->maps.mirror_device, &dp->mirror_device, e);
}

static void only_trace(struct eni_bpf *s)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, s->obj)
		bpf_program__set_autoload(p, p == s->progs.eni_trace);
}

/* The parts of the flow table (abi.h, eni_flows); two entries a flow. The resolver asks for
 * everybody, so its part is none of the common one. */
static void divide_flows(struct dp_config *c, uint32_t enis, uint32_t entries)
{
	uint32_t flows = entries / 2;

	c->flow_share = flows / 2 / enis;
	c->share_for_all = flows / 64;
	c->flow_common = flows / 8 * 3 - c->share_for_all;
}

static uint32_t enis_of(const struct dataplane_config *cfg)
{
	return cfg->max_enis ? cfg->max_enis : DEFAULT_ENIS;
}

static uint32_t flows_of(const struct dataplane_config *cfg)
{
	return cfg->max_flows ? cfg->max_flows : DEFAULT_FLOWS;
}

static int open_object(struct dataplane *dp, const struct dataplane_config *cfg, char *log,
		       struct err *e)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_SIZE);
	struct eni_bpf *s = eni_bpf__open_opts(&opts);

	if (!s)
		return err_sys(e, -errno, "open the eBPF programs");
	dp->skeleton = s;
	set_sizes(s, enis_of(cfg), flows_of(cfg));
	if (cfg->only_trace)
		only_trace(s);
	return cfg->pin_dir ? pins_set(s->obj, cfg->pin_dir, e) : 0;
}

static int load(struct dataplane *dp, const struct dataplane_config *cfg, struct err *e)
{
	cleanup_free char *log = calloc(1, LOG_SIZE);
	int rc;

	if (!log)
		return err_sys(e, -ENOMEM, "load the eBPF programs");
	rc = open_object(dp, cfg, log, e);
	if (rc)
		return rc;
	rc = fault_hit("bpf.load");
	if (!rc)
		rc = eni_bpf__load(dp->skeleton);
	if (rc)
		return explain_load(rc, log, e);
	take_maps(dp, dp->skeleton);
	take_programs(dp, dp->skeleton);
	rc = map_arrays(dp, dp->skeleton, e);
	if (!rc)
		divide_flows(dp->config.p, enis_of(cfg), flows_of(cfg));
	if (!rc)
		rc = map_reader_open(&dp->flow_parts, &dp->parts, e);
	return rc ? rc : map_reader_open(&dp->flows, &dp->collector, e);
}

static int check_config(const struct dataplane_config *cfg, struct err *e)
{
	if (cfg->max_enis > MAX_ENIS)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "%u interfaces are more than %u", cfg->max_enis, MAX_ENIS);
	if (cfg->max_flows > MAX_FLOWS)
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "%u flows are more than %u",
			       cfg->max_flows, MAX_FLOWS);
	if (!cfg->only_trace && flows_of(cfg) / 4 < enis_of(cfg))
		return err_set(
			e, -EINVAL, "InvalidParameterValue", "",
			"a flow table of %u entries gives %u interfaces no share: at least %u",
			flows_of(cfg), enis_of(cfg), 4 * enis_of(cfg));
	return 0;
}

int dataplane_open(const struct dataplane_config *cfg, struct dataplane **ret, struct err *e)
{
	struct dataplane *dp;
	int rc = check_config(cfg, e);

	if (rc)
		return rc;
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return err_sys(e, -ENOMEM, "data plane");
	libbpf_set_print(quiet);
	dp->n_cpus = libbpf_num_possible_cpus();
	rc = dp->n_cpus < 0 ? err_sys(e, dp->n_cpus, "count the CPUs") : load(dp, cfg, e);
	if (rc) {
		dataplane_close(dp);
		return rc;
	}
	dp->checks_checksum_start = kernel_has_function("bpf_cast_to_kern_ctx");
	*ret = dp;
	return 0;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	struct mapped *const arrays[] = {&dp->config,	    &dp->group_rules, &dp->acl_rules,
					 &dp->retire,	    &dp->trail,	      &dp->drop_watch,
					 &dp->mirror_device};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		if (arrays[i]->p)
			munmap(arrays[i]->p, arrays[i]->len);
	map_reader_close(&dp->collector);
	map_reader_close(&dp->parts);
	ring_buffer__free(dp->drop_ring);
	eni_bpf__destroy(dp->skeleton);
	free(dp);
}

int dataplane_eni_prog(const struct dataplane *dp)
{
	return dp->eni_prog;
}

int dataplane_trace_prog(const struct dataplane *dp)
{
	return dp->trace_prog;
}

int dataplane_mirror_prog(const struct dataplane *dp)
{
	return dp->mirror_prog;
}

bool dataplane_checks_checksum_start(const struct dataplane *dp)
{
	return dp->checks_checksum_start;
}

/* ---- mapped arrays ---- */

uint32_t dataplane_group_sets(const struct dataplane *dp)
{
	return dp->group_sets;
}

/* Both ids change in one store, so that no packet sees half of a switch. */
static void pair_store(struct mapped *array, uint32_t i, struct rules_pair pair)
{
	uint64_t v;

	memcpy(&v, &pair, sizeof(v));
	__atomic_store_n((uint64_t *)array->p + i, v, __ATOMIC_RELEASE);
}

static struct rules_pair pair_load(const struct mapped *array, uint32_t i)
{
	uint64_t v = __atomic_load_n((const uint64_t *)array->p + i, __ATOMIC_ACQUIRE);
	struct rules_pair pair;

	memcpy(&pair, &v, sizeof(pair));
	return pair;
}

void dataplane_set_group_rules(struct dataplane *dp, uint32_t set, struct rules_pair pair)
{
	pair_store(&dp->group_rules, set, pair);
}

struct rules_pair dataplane_group_rules(const struct dataplane *dp, uint32_t set)
{
	return pair_load(&dp->group_rules, set);
}

void dataplane_set_acl_rules(struct dataplane *dp, uint32_t acl, struct rules_pair pair)
{
	pair_store(&dp->acl_rules, acl, pair);
}

struct rules_pair dataplane_acl_rules(const struct dataplane *dp, uint32_t acl)
{
	return pair_load(&dp->acl_rules, acl);
}

static struct dp_config *config(const struct dataplane *dp)
{
	return dp->config.p;
}

void dataplane_bump_generation(struct dataplane *dp)
{
	__atomic_fetch_add(&config(dp)->generation, 1, __ATOMIC_RELEASE);
}

void dataplane_bump_group_generation(struct dataplane *dp)
{
	__atomic_fetch_add(&config(dp)->group_generation, 1, __ATOMIC_RELEASE);
}

void dataplane_set_service(struct dataplane *dp, uint32_t ifindex)
{
	__atomic_store_n(&config(dp)->service_ifindex, ifindex, __ATOMIC_RELEASE);
}

uint32_t dataplane_service(const struct dataplane *dp)
{
	return __atomic_load_n(&config(dp)->service_ifindex, __ATOMIC_ACQUIRE);
}

void dataplane_set_mirror_device(struct dataplane *dp, uint32_t ifindex)
{
	struct mirror_device *d = dp->mirror_device.p;

	__atomic_store_n(&d->ifindex, ifindex, __ATOMIC_RELEASE);
}

uint64_t dataplane_clock_offset(const struct dataplane *dp)
{
	return __atomic_load_n(&config(dp)->clock_offset_ns, __ATOMIC_ACQUIRE);
}

uint32_t dataplane_flows_common_max(const struct dataplane *dp)
{
	return config(dp)->flow_common;
}

void dataplane_set_linklocal(struct dataplane *dp, uint32_t packets)
{
	__atomic_store_n(&config(dp)->linklocal_packets, packets, __ATOMIC_RELEASE);
}

uint64_t dataplane_now(const struct dataplane *dp)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec +
	       dataplane_clock_offset(dp);
}

void dataplane_clock_advance(struct dataplane *dp, uint64_t ns)
{
	__atomic_fetch_add(&config(dp)->clock_offset_ns, ns, __ATOMIC_ACQ_REL);
}

/* ---- the dry entry point ---- */

struct trail *dataplane_trail(struct dataplane *dp)
{
	return dp->trail.p;
}

int dataplane_trace(struct dataplane *dp, uint32_t ifindex, const void *frame, size_t len,
		    struct trace_result *ret, struct err *e)
{
	struct __sk_buff out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .ctx_out = &out, .ctx_size_out = sizeof(out));

	dataplane_trail(dp)->ifindex = ifindex;
	if (bpf_prog_test_run_opts(dp->trace_prog, &opts))
		return err_sys(e, -errno, "trace a frame of %zu bytes from interface %u", len,
			       ifindex);
	*ret = (struct trace_result){.reason = out.cb[0],
				     .output_ifindex = out.cb[1],
				     .flags = out.cb[2],
				     .hops = out.cb[3]};
	return 0;
}
