/* SPDX-License-Identifier: MIT
 * What the tests of the fabric share: a run directory of one's own, a program that passes
 * everything, and counting what stands.
 */
#ifndef VPCD_TESTS_FABRIC_ENV_H
#define VPCD_TESTS_FABRIC_ENV_H

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "netns/fabric.h"

struct env {
	char run_dir[64];
	int prog_fd;
	uint32_t next_ifindex;
	struct fabric *f;
};

/* What could be left over. links: in the fabric; inner: in the foreign namespace. */
struct census {
	int fds, mounts, files, links, inner;
};

static inline uint32_t env_ifindex(void *arg)
{
	struct env *env = arg;

	return env->next_ifindex++;
}

static inline int env_program(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_0,
		 .imm = 0}, /* TC_ACT_OK */
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pass", "GPL", insns, ARRAY_SIZE(insns),
			     NULL);
}

static inline int env_open(struct env *env, unsigned pool_size, struct err *e)
{
	struct fabric_config cfg = {
		.run_dir = env->run_dir,
		.prog_fd = env->prog_fd,
		.pool_size = pool_size,
		.new_ifindex = env_ifindex,
		.arg = env,
	};

	return fabric_open(&cfg, &env->f, e);
}

static inline bool env_init(struct env *env)
{
	*env = (struct env){.run_dir = "/tmp/fabric-test-XXXXXX", .next_ifindex = 100000};
	env->prog_fd = env_program();
	return env->prog_fd >= 0 && mkdtemp(env->run_dir);
}

static inline void env_done(struct env *env)
{
	fabric_close(env->f);
	env->f = NULL;
	fabric_purge(env->run_dir, NULL);
	rmdir(env->run_dir);
	close(env->prog_fd);
}

static inline struct cidr env_cidr(const char *s)
{
	struct cidr c = {0};

	cidr_parse(s, &c);
	return c;
}

/* A sandbox 10.0.1.<n>/24 with the gateway 10.0.1.1. */
static inline struct attachment_spec env_spec(struct env *env, const char *id, unsigned n)
{
	static const struct mac gateway_mac = {{0x02, 0, 0, 0, 1, 1}};
	struct attachment_spec spec = {
		.id = id,
		.ifindex = env->next_ifindex++,
		.mac = {{0x02, 0, 0, 0, 2, n}},
		.mtu = 1500,
		.address = {.ip = ip_from_v4(0x0a000100 + n), .len = 24},
		.gateway = ip_from_v4(0x0a000101),
		.gateway_mac = &gateway_mac,
	};

	return spec;
}

/* Runs fn in the network namespace ns_fd. */
static inline int env_within(int ns_fd, int (*fn)(void *arg), void *arg)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int rc;

	if (home < 0 || setns(ns_fd, CLONE_NEWNET))
		return -1;
	rc = fn(arg);
	if (setns(home, CLONE_NEWNET))
		abort();
	return rc;
}

/* A network namespace of the initial user namespace. */
static inline int env_foreign_netns(void)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	if (home < 0 || unshare(CLONE_NEWNET))
		return -1;
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(home, CLONE_NEWNET))
		abort();
	return fd;
}

static inline int env_count_dir(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline int env_count_mounts(const char *prefix)
{
	cleanup_fclose FILE *f = fopen("/proc/self/mountinfo", "r");
	char line[4096];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, prefix) != NULL;
	return n;
}

static inline int env_count_links(void *arg)
{
	struct if_nameindex *list = if_nameindex();
	int n = 0;

	while (list && list[n].if_index)
		n++;
	if_freenameindex(list);
	return n;
}

static inline struct census env_census(struct env *env, int foreign_fd)
{
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/ns", env->run_dir);
	return (struct census){
		.fds = env_count_dir("/proc/self/fd"),
		.mounts = env_count_mounts(env->run_dir),
		.files = env_count_dir(dir),
		.links = env->f ? env_within(fabric_fd(env->f), env_count_links, NULL) : 0,
		.inner = foreign_fd >= 0 ? env_within(foreign_fd, env_count_links, NULL) : 0,
	};
}

static inline bool census_equal(const struct census *a, const struct census *b)
{
	return a->fds == b->fds && a->mounts == b->mounts && a->files == b->files &&
	       a->links == b->links && a->inner == b->inner;
}

#endif
