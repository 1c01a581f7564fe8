/* SPDX-License-Identifier: MIT
 * See world.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "lib/cleanup.h"
#include "vpcd/apply.h"
#include "world.h"

#define FIRST_INDEX 1024 /* the first that vpcd/names.c hands out */
#define INDEXES	    256

struct world {
	bool uplink;
	struct store *store;
	struct event_loop *loop;
	struct fabric *fabric;
	struct names *names;
	struct apply *apply;
	/* Interfaces that there ever were: a deleted one's link may still send. */
	struct {
		char id[ID_LEN];
		uint32_t ifindex;
	} seen[INDEXES];
	size_t n_seen;
};

/* Loaded once for the process; worlds come and go over it. */
static struct {
	struct dataplane *dp;
	int flows, drops;
	unsigned cpus;
} programs = {.flows = -1, .drops = -1};

int world_enter(struct err *e)
{
	FILE *ip;

	if (unshare(CLONE_NEWNET))
		return err_sys(e, -errno, "network namespace");
	ip = popen("ip -batch -", "w");
	if (!ip)
		return err_sys(e, -errno, "ip");
	for (int i = FIRST_INDEX; i < FIRST_INDEX + INDEXES; i += 2)
		fprintf(ip, "link add v%d index %d type veth peer name v%d index %d\n", i, i, i + 1,
			i + 1);
	return pclose(ip) ? err_sys(e, -EIO, "devices") : 0;
}

/* A map of the programs by name: the driver looks where the daemon has no need to. */
static int map_open(const char *name)
{
	struct bpf_prog_info prog = {0};
	__u32 ids[64], len = sizeof(prog);

	prog.map_ids = (uintptr_t)ids;
	prog.nr_map_ids = 64;
	if (bpf_obj_get_info_by_fd(dataplane_eni_prog(programs.dp), &prog, &len))
		return -errno;
	for (__u32 i = 0; i < prog.nr_map_ids && i < 64; i++) {
		struct bpf_map_info info = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(info);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, name))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

static int programs_load(struct err *e)
{
	const struct dataplane_config cfg = {.max_flows = 1 << 16, .max_enis = 512};
	int rc = programs.dp ? 0 : dataplane_open(&cfg, &programs.dp, e);

	if (rc || programs.flows >= 0)
		return rc;
	programs.flows = map_open("flows");
	programs.drops = map_open("drops");
	programs.cpus = (unsigned)libbpf_num_possible_cpus();
	return programs.flows < 0 || programs.drops < 0 ? err_sys(e, -ENOENT, "maps") : 0;
}

void world_unload(void)
{
	if (!programs.dp)
		return;
	close(programs.flows);
	close(programs.drops);
	dataplane_close(programs.dp);
}

/* ---- emptying the tables ---- */

static int empty_map(int fd, size_t key_size)
{
	uint8_t key[256];

	if (key_size > sizeof(key))
		return -E2BIG;
	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return -errno;
	return 0;
}

static int drop_entry(void *arg, const void *key, const void *value)
{
	return dataplane_delete(programs.dp, *(enum dp_map *)arg, key, 1, NULL);
}

static int programs_empty(struct err *e)
{
	for (enum dp_map map = 0; map < DP_MAP_COUNT; map++) {
		int rc = dataplane_dump(programs.dp, map, drop_entry, &map, e);

		if (rc)
			return rc;
	}
	if (empty_map(programs.flows, sizeof(struct flow_key)) ||
	    empty_map(programs.drops, sizeof(struct drop_key)))
		return err_sys(e, -EIO, "empty maps");
	return dataplane_recount_flows(programs.dp, NULL, e); /* to none */
}

/* ---- the daemon ---- */

static int daemon_start(struct world *w, struct err *e)
{
	struct apply_config cfg = {
		.loop = w->loop, .store = w->store, .dp = programs.dp, .fabric = w->fabric};
	struct plan_uplink uplink = {.link = "vpcd-reference", .mtu = 1500, .n_pools = 1};
	int rc = names_open(programs.dp, &w->names, e);

	/* Too small for the resolver to have an address of it: that stays. */
	cidr_parse("198.51.100.0/31", &uplink.pools[0]);
	cfg.uplink = w->uplink ? &uplink : NULL;
	cfg.names = w->names;
	return rc ? rc : apply_open(&cfg, "/nonexistent", &w->apply, e);
}

static void daemon_stop(struct world *w)
{
	apply_close(TAKE(w->apply));
	names_free(TAKE(w->names));
}

static void applied(void *arg)
{
	event_loop_exit(arg, 0);
}

static void note_interface(void *arg, const char *symbol, uint32_t number)
{
	struct world *w = arg;

	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].ifindex == number)
			return;
	if (w->n_seen == INDEXES)
		return;
	snprintf(w->seen[w->n_seen].id, ID_LEN, "%s", symbol);
	w->seen[w->n_seen++].ifindex = number;
}

int world_apply(struct world *w, struct err *e)
{
	struct apply_stats st;

	if (!apply_when(w->apply, store_revision(w->store), applied, w->loop))
		return err_sys(e, -ENOMEM, "apply");
	event_loop_run(w->loop);
	names_each(w->names, NAME_INTERFACE, note_interface, w);
	apply_stats(w->apply, &st);
	return st.failures ? err_set(e, -EIO, "InternalError", "", "an item was not applied") : 0;
}

int world_open(struct world **ret, struct err *e)
{
	struct world *w = calloc(1, sizeof(*w));
	int rc = programs_load(e);

	if (!w)
		return err_sys(e, -ENOMEM, "world");
	*ret = w;
	w->fabric = fake_fabric_new();
	if (!rc)
		rc = programs_empty(e);
	if (!rc)
		rc = event_loop_new(&w->loop, e);
	if (!rc)
		rc = store_open(":memory:", NULL, &w->store, e);
	if (!rc)
		rc = daemon_start(w, e);
	return rc ? rc : world_apply(w, e);
}

void world_close(struct world *w)
{
	if (!w)
		return;
	daemon_stop(w);
	store_close(w->store);
	event_loop_free(w->loop);
	fake_fabric_free(w->fabric);
	free(w);
}

int world_restart(struct world *w, struct err *e)
{
	int rc;

	daemon_stop(w);
	rc = daemon_start(w, e);
	return rc ? rc : world_apply(w, e);
}

int world_uplink(struct world *w, struct err *e)
{
	w->uplink = true;
	return world_restart(w, e);
}

int world_collect(struct world *w, struct err *e)
{
	struct flow_stats st;

	return dataplane_collect(programs.dp, SIZE_MAX, &st, e);
}

struct store *world_store(const struct world *w)
{
	return w->store;
}

struct dataplane *world_dataplane(const struct world *w)
{
	return programs.dp;
}

/* ---- frames ---- */

static uint32_t index_of(const struct world *w, const char *eni)
{
	for (size_t i = w->n_seen; i > 0; i--)
		if (!strcmp(w->seen[i - 1].id, eni))
			return w->seen[i - 1].ifindex;
	return 0;
}

static const char *id_of(const struct world *w, uint32_t ifindex)
{
	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].ifindex == ifindex)
			return w->seen[i].id;
	return "";
}

static uint64_t drop_count(uint32_t ifindex, enum drop_reason reason)
{
	struct drop_key key = {.ifindex = ifindex, .reason = reason};
	struct counter c[256];
	uint64_t n = 0;

	if (programs.cpus > 256 || bpf_map_lookup_elem(programs.drops, &key, c))
		return 0;
	for (unsigned i = 0; i < programs.cpus; i++)
		n += c[i].packets;
	return n;
}

/* The reason whose counter the run raised. */
static enum drop_reason dropped_as(uint32_t ifindex, const uint64_t before[DROP_REASON_COUNT])
{
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (drop_count(ifindex, (enum drop_reason)i) != before[i])
			return (enum drop_reason)i;
	return DROP_REASON_COUNT;
}

int world_send(struct world *w, const char *eni, const uint8_t *frame, size_t len,
	       struct outcome *ret, struct err *e)
{
	uint32_t ifindex = index_of(w, eni);
	struct __sk_buff ctx = {.ifindex = ifindex};
	uint64_t before[DROP_REASON_COUNT];
	struct trail *trail = dataplane_trail(programs.dp);
	struct trace_result trace;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = ret->frame, .data_size_out = FRAME_MAX, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	int rc;

	ret->reason = DROP_NONE;
	trail->mode = TRAIL_LIVE;
	rc = dataplane_trace(programs.dp, ifindex, frame, len, &trace, e);
	if (rc)
		return err_wrap(e, "from %s (%u)", eni, ifindex);
	/* A trace goes on behind a gate that refused: the first one counts. */
	ret->traced = (enum drop_reason)(trail->reason ? trail->reason : trace.reason);
	snprintf(ret->output, sizeof(ret->output), "%s", id_of(w, trace.output_ifindex));
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		before[i] = drop_count(ifindex, (enum drop_reason)i);
	if (bpf_prog_test_run_opts(dataplane_eni_prog(programs.dp), &opts))
		return err_sys(e, -errno, "test run");
	ret->len = opts.data_size_out;
	ret->passed = opts.retval == TC_ACT_REDIRECT;
	ret->reason = dropped_as(ifindex, before);
	if (ret->passed && ret->reason == DROP_REASON_COUNT)
		ret->reason = DROP_NONE;
	return 0;
}
