/* SPDX-License-Identifier: MIT
 * Opening, pinning and closing; the mapped arrays; the dry entry point. See dataplane.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <bpf/btf.h>
#include <linux/magic.h>

#include "bpf/private.h"
#include "eni.skel.h"
#include "lib/cleanup.h"
#include "lib/fault.h"

#define DEFAULT_FLOWS 262144
#define DEFAULT_ENIS  8192

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
		{s->maps.acl_rules, enis / 4 + 64},
		{s->maps.classifiers, 2 * enis + 256},
		{s->maps.rule_addresses, 16 * enis + 1024},
		{s->maps.rule_ports, 16 * enis + 65536},
		{s->maps.rule_peers, 16 * enis + 1024},
		{s->maps.names, 16 * enis + 1024},
		{s->maps.drops, 8 * enis + 1024},
		{s->maps.nat_stats, enis / 8 + 64},
		{s->maps.flows, flows},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		bpf_map__set_max_entries(sizes[i].map, sizes[i].n);
}

/* ---- pins ---- */

static int make_dir(const char *path, struct err *e)
{
	return mkdir(path, 0700) && errno != EEXIST ? err_sys(e, -errno, "make %s", path) : 0;
}

static int check_bpffs(const char *path, struct err *e)
{
	struct statfs st;

	if (statfs(path, &st))
		return err_sys(e, -errno, "%s", path);
	if ((unsigned long)st.f_type != BPF_FS_MAGIC)
		return err_set(e, -EINVAL, "InternalError", "",
			       "%s is not on a bpf filesystem: mount -t bpf bpf %s", path, path);
	return 0;
}

/* A pinned map of another shape cannot be taken over: it is named before libbpf refuses it. */
static int check_pinned(struct bpf_map *map, const char *path, struct err *e)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	cleanup_close int fd = bpf_obj_get(path);

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err_sys(e, -errno, "%s", path);
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map))
		return err_set(e, -EEXIST, "InternalError", "",
			       "pinned map %s has another layout: vpcd --purge removes it", path);
	if (info.max_entries != bpf_map__max_entries(map))
		return err_set(e, -EEXIST, "InternalError", "",
			       "pinned map %s has room for %u entries, not %u: --max-flows and "
			       "--max-interfaces stay as they are until vpcd --purge",
			       path, info.max_entries, bpf_map__max_entries(map));
	return 0;
}

static int set_pins(struct eni_bpf *s, const char *dir, struct err *e)
{
	char path[4096 + 64];
	struct bpf_map *map;
	int rc;

	rc = make_dir(dir, e);
	if (!rc)
		rc = check_bpffs(dir, e);
	snprintf(path, sizeof(path), "%s/v%d", dir, ABI_VERSION);
	if (!rc)
		rc = make_dir(path, e);
	bpf_object__for_each_map(map, s->obj)
	{
		if (rc)
			break;
		if (map == s->maps.scratch || map == s->maps.retire || bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/v%d/%s", dir, ABI_VERSION, bpf_map__name(map));
		rc = check_pinned(map, path, e);
		if (!rc && bpf_map__set_pin_path(map, path))
			rc = err_sys(e, -errno, "pin %s", path);
	}
	return rc;
}

int dataplane_purge(const char *pin_dir, struct err *e)
{
	char path[4096 + 512];
	DIR *d = opendir(pin_dir), *v;
	struct dirent *ent, *pin;
	int rc = 0;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%s", pin_dir);
	while (!rc && (ent = readdir(d))) {
		if (ent->d_name[0] != 'v')
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, ent->d_name);
		v = opendir(path);
		while (v && !rc && (pin = readdir(v)))
			if (pin->d_name[0] != '.' && unlinkat(dirfd(v), pin->d_name, 0))
				rc = err_sys(e, -errno, "remove %s/%s", path, pin->d_name);
		if (v)
			closedir(v);
		if (!rc && rmdir(path))
			rc = err_sys(e, -errno, "remove %s", path);
	}
	closedir(d);
	return rc;
}

/* ---- loading ---- */

/* Why a load failed, as far as the kernel can tell: asked only then, since each probe loads. */
static int explain_load(int rc, struct err *e)
{
	static const struct {
		enum bpf_func_id helper;
		const char *name;
	} helpers[] = {{BPF_FUNC_redirect_peer, "bpf_redirect_peer (5.10)"},
		       {BPF_FUNC_ktime_get_coarse_ns, "bpf_ktime_get_coarse_ns (5.11)"},
		       {BPF_FUNC_loop, "bpf_loop (5.17)"}};

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (!libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helpers[i].helper, NULL))
			return err_set(e, -ENOSYS, "Unsupported", "",
				       "this kernel has no %s: vpcd needs Linux 6.1 or newer with "
				       "eBPF",
				       helpers[i].name);
	return err_sys(e, rc, "load the eBPF programs");
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

static void take_descriptors(struct dataplane *dp, const struct eni_bpf *s)
{
	struct bpf_map *const maps[DP_MAP_COUNT] = {
		[DP_ENIS] = s->maps.enis,
		[DP_SUBNETS] = s->maps.subnets,
		[DP_VPCS] = s->maps.vpcs,
		[DP_ADDRESSES] = s->maps.addresses,
		[DP_ROUTES] = s->maps.routes,
		[DP_NATS] = s->maps.nats,
		[DP_CLASSIFIERS] = s->maps.classifiers,
		[DP_RULE_ADDRESSES] = s->maps.rule_addresses,
		[DP_RULE_PORTS] = s->maps.rule_ports,
		[DP_RULE_PEERS] = s->maps.rule_peers,
		[DP_NAMES] = s->maps.names,
	};

	for (int i = 0; i < DP_MAP_COUNT; i++)
		dp->fds[i] = bpf_map__fd(maps[i]);
	dp->flows = bpf_map__fd(s->maps.flows);
	dp->drops = bpf_map__fd(s->maps.drops);
	dp->nat_stats = bpf_map__fd(s->maps.nat_stats);
	dp->eni_prog = bpf_program__fd(s->progs.eni_ingress);
	dp->trace_prog = bpf_program__fd(s->progs.eni_trace);
	dp->retire_prog = bpf_program__fd(s->progs.flows_retire);
	dp->group_sets = bpf_map__max_entries(s->maps.group_rules);
	dp->acls = bpf_map__max_entries(s->maps.acl_rules);
}

static int map_arrays(struct dataplane *dp, const struct eni_bpf *s, struct err *e)
{
	int rc = map_array(s->maps.config, &dp->config, e);

	if (!rc)
		rc = map_array(s->maps.group_rules, &dp->group_rules, e);
	if (!rc)
		rc = map_array(s->maps.acl_rules, &dp->acl_rules, e);
	return rc ? rc : map_array(s->maps.retire, &dp->retire, e);
}

static int load(struct dataplane *dp, const struct dataplane_config *cfg, struct err *e)
{
	struct eni_bpf *s = eni_bpf__open();
	int rc;

	if (!s)
		return err_sys(e, -errno, "open the eBPF programs");
	dp->skeleton = s;
	set_sizes(s, cfg->max_enis ? cfg->max_enis : DEFAULT_ENIS,
		  cfg->max_flows ? cfg->max_flows : DEFAULT_FLOWS);
	rc = cfg->pin_dir ? set_pins(s, cfg->pin_dir, e) : 0;
	if (rc)
		return rc;
	rc = fault_hit("bpf.load");
	if (!rc)
		rc = eni_bpf__load(s);
	if (rc)
		return explain_load(rc, e);
	take_descriptors(dp, s);
	return map_arrays(dp, s, e);
}

int dataplane_open(const struct dataplane_config *cfg, struct dataplane **ret, struct err *e)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	int rc;

	if (!dp)
		return err_sys(e, -ENOMEM, "data plane");
	libbpf_set_print(quiet);
	dp->n_cpus = libbpf_num_possible_cpus();
	rc = load(dp, cfg, e);
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
	struct mapped *const arrays[] = {&dp->config, &dp->group_rules, &dp->acl_rules,
					 &dp->retire};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		if (arrays[i]->p)
			munmap(arrays[i]->p, arrays[i]->len);
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

uint64_t dataplane_now(const struct dataplane *dp)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec +
	       __atomic_load_n(&config(dp)->clock_offset_ns, __ATOMIC_ACQUIRE);
}

void dataplane_clock_advance(struct dataplane *dp, uint64_t ns)
{
	__atomic_fetch_add(&config(dp)->clock_offset_ns, ns, __ATOMIC_ACQ_REL);
}

/* ---- the dry entry point ---- */

int dataplane_trace(struct dataplane *dp, uint32_t ifindex, const void *frame, size_t len,
		    struct trace_result *ret, struct err *e)
{
	struct __sk_buff in = {.ifindex = ifindex}, out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .ctx_out = &out,
		    .ctx_size_out = sizeof(out));

	if (bpf_prog_test_run_opts(dp->trace_prog, &opts))
		return errno == ENODEV || errno == EINVAL
			       ? err_sys(e, -errno,
					 "trace from interface %u (is it of this namespace?)",
					 ifindex)
			       : err_sys(e, -errno, "trace from interface %u", ifindex);
	*ret = (struct trace_result){.reason = out.cb[0],
				     .output_ifindex = out.cb[1],
				     .flags = out.cb[2],
				     .hops = out.cb[3]};
	return 0;
}
