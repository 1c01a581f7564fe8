/* SPDX-License-Identifier: MIT
 * Making namespaces and visiting them.
 */
#include "netns/userns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/fault.h"
#include "netns/fabric.h"

#define HELPER_STACK 16384

int netns_current(struct err *e)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, -errno, "open own network namespace") : fd;
}

int netns_open(const char *path, struct err *e)
{
	int rc = fault_hit("netns.ns_open");
	cleanup_close int fd = -1;

	if (!rc) {
		/* Not blocking: path may be a pipe. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		rc = fd < 0 ? -errno : 0;
	}
	if (rc)
		return err_sys(e, rc, "open namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_set(e, -EINVAL, "InvalidParameterValue", "NetnsPath",
			       "%s is no network namespace", path);
	return TAKE_FD(fd);
}

bool netns_equal(int a_fd, int b_fd)
{
	struct stat a, b;

	return !fstat(a_fd, &a) && !fstat(b_fd, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int file_write(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* A process whose namespaces are new; it waits to be killed. It shares our memory, files and
 * thread-local storage, so that a large daemon is not copied: it may do nothing but system calls
 * that cannot fail. */
__attribute__((no_sanitize("address", "undefined"))) static int helper_main(void *parent)
{
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (syscall(SYS_getppid) != *(pid_t *)parent)
		syscall(SYS_exit, 0);
	for (;;)
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	return 0;
}

/* All ids are mapped by us, who are privileged outside, so setgroups(2) stays allowed inside: it
 * can only drop or take groups of the sandbox's own range. */
static int helper_map_ids(pid_t pid, struct err *e)
{
	char path[64], map[64];
	int rc = fault_hit("netns.id_map");

	snprintf(map, sizeof(map), "0 %u %u\n", FABRIC_ID_BASE, FABRIC_ID_COUNT);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (!rc)
		rc = file_write(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (!rc)
		rc = file_write(path, map);
	return rc ? err_sys(e, rc, "map ids of user namespace") : 0;
}

int netns_new_owned(struct err *e)
{
	char stack[HELPER_STACK] __attribute__((aligned(16)));
	int flags = CLONE_NEWUSER | CLONE_NEWNET | CLONE_VM | CLONE_FILES;
	int rc = fault_hit("netns.clone"), fd = -1;
	pid_t self = getpid(), pid = -1;
	char path[64];

	if (!rc) {
		pid = clone(helper_main, stack + sizeof(stack), flags, &self);
		rc = pid < 0 ? -errno : 0;
	}
	if (rc)
		return err_sys(e, rc, "create user and network namespace");
	rc = helper_map_ids(pid, e);
	if (!rc) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		fd = netns_open(path, e);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return rc ? rc : fd;
}

static int netns_enter(int net_fd, struct err *e)
{
	int rc = fault_hit("netns.enter");

	if (!rc && setns(net_fd, CLONE_NEWNET))
		rc = -errno;
	return rc ? err_sys(e, rc, "enter network namespace") : 0;
}

static void netns_leave(int home_fd)
{
	/* It cannot fail, and a daemon that stayed in a sandbox's namespace must not go on. */
	if (setns(home_fd, CLONE_NEWNET))
		abort();
}

static int sysctl_write(const char *path, const char *text, struct err *e)
{
	int rc = fault_hit("netns.sysctl");

	if (!rc)
		rc = file_write(path, text);
	return rc ? err_sys(e, rc, "write %s", path) : 0;
}

/* In the sandbox's network namespace. Ids are those of the writer, thus ours. */
static int sandbox_sysctls(struct err *e)
{
	char groups[32];
	int rc;

	snprintf(groups, sizeof(groups), "%u %u", FABRIC_ID_BASE,
		 FABRIC_ID_BASE + FABRIC_ID_COUNT - 1);
	rc = sysctl_write("/proc/sys/net/ipv4/ping_group_range", groups, e);
	if (!rc)
		rc = sysctl_write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", e);
	/* Addresses and routes are given, and a device made from now on asks for none. A kernel
	 * without IPv6 has nothing to switch off. */
	if (!rc) {
		rc = sysctl_write("/proc/sys/net/ipv6/conf/default/accept_ra", "0", e);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

int netns_visit(int net_fd, int home_fd, bool sandbox, struct rtnl *ret, struct err *e)
{
	int rc = netns_enter(net_fd, e);

	if (rc)
		return rc;
	rc = rtnl_open(ret, e);
	if (!rc && sandbox)
		rc = sandbox_sysctls(e);
	netns_leave(home_fd);
	if (rc)
		rtnl_close(ret);
	return rc;
}

/* Only programs move packets here. Without IPv6 a new device costs no autoconfiguration. A kernel
 * without IPv6 has nothing to switch off. */
static int fabric_sysctls(struct err *e)
{
	static const struct {
		const char *path, *text;
	} list[] = {
		{"/proc/sys/net/ipv4/ip_forward", "0"},
		{"/proc/sys/net/ipv4/conf/default/forwarding", "0"},
		{"/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"},
		{"/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		int rc = sysctl_write(list[i].path, list[i].text, e);

		if (rc && rc != -ENOENT)
			return rc;
	}
	return 0;
}

int netns_new_fabric(int home_fd, struct err *e)
{
	int rc = fault_hit("netns.unshare"), fd;

	if (!rc && unshare(CLONE_NEWNET))
		rc = -errno;
	if (rc)
		return err_sys(e, rc, "create network namespace");
	fd = netns_current(e);
	rc = fd < 0 ? fd : fabric_sysctls(e);
	netns_leave(home_fd);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}
