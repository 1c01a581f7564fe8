/* SPDX-License-Identifier: MIT
 * See instance.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "bpf/dataplane.h"
#include "lib/cleanup.h"
#include "netns/fabric.h"
#include "netns/supervisor.h"
#include "vpcd/instance.h"

#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1

int instance_check_kernel(struct err *e)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (geteuid() != 0)
		return err_set(e, -EPERM, "UnauthorizedOperation", "",
			       "vpcd needs root: it makes network namespaces and loads eBPF "
			       "programs (sudo vpcd)");
	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return err_sys(e, -errno, "uname");
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		return err_set(e, -ENOSYS, "Unsupported", "",
			       "kernel %s is too old: vpcd needs %d.%d or newer", u.release,
			       KERNEL_MAJOR, KERNEL_MINOR);
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return err_set(e, -ENOSYS, "Unsupported", "",
			       "this kernel has no BTF (/sys/kernel/btf/vmlinux): vpcd needs "
			       "CONFIG_DEBUG_INFO_BTF");
	return 0;
}

static int make_dir(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];

	for (const char *p = path + 1; p;) {
		p = strchr(p, '/');
		snprintf(part, sizeof(part), "%.*s", p ? (int)(p - path) : PATH_MAX - 1, path);
		if (mkdir(part, p ? 0755 : mode) && errno != EEXIST)
			return err_sys(e, -errno, "make directory %s", part);
		if (p)
			p++;
	}
	return 0;
}

int instance_make_dirs(const struct config *c, struct err *e)
{
	char path[PATH_MAX + 16];
	int rc = make_dir(c->run_dir, 0755, e);

	if (!rc)
		rc = make_dir(c->state_dir, 0750, e);
	snprintf(path, sizeof(path), "%s/logs", c->state_dir);
	if (!rc)
		rc = make_dir(path, 0750, e);
	snprintf(path, sizeof(path), "%s/bpf", c->run_dir);
	if (!rc)
		rc = make_dir(path, 0700, e);
	if (!rc && c->gid != (gid_t)-1) {
		snprintf(path, sizeof(path), "%s/logs", c->state_dir);
		if (chown(c->state_dir, 0, c->gid) || chown(path, 0, c->gid))
			return err_sys(e, -errno, "chown %s", c->state_dir);
	}
	return rc;
}

int instance_lock(const struct config *c, struct err *e)
{
	char path[PATH_MAX + 16], pid[32] = "";
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/lock", c->run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, -errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		n = read(fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		return err_set(e, -EBUSY, "IncorrectState", "",
			       "instance %s is run by another vpcd already (pid %s, %s); give "
			       "this one another name with --instance",
			       c->instance, pid[0] ? pid : "unknown", path);
	}
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, strlen(pid), 0) < 0)
		return err_sys(e, -errno, "write %s", path);
	return TAKE_FD(fd);
}

static bool is_bpffs(const char *path)
{
	struct statfs st;

	return !statfs(path, &st) && (unsigned long)st.f_type == BPF_FS_MAGIC;
}

int instance_mount_bpffs(const struct config *c, struct err *e)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/bpf", c->run_dir);
	if (is_bpffs(path))
		return 0;
	if (mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ||
	    mount(NULL, path, NULL, MS_PRIVATE, NULL))
		return err_sys(e, -errno, "mount a bpffs at %s", path);
	return 0;
}

int instance_listen(const struct config *c, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(c->socket) >= sizeof(sa.sun_path))
		return err_set(e, -ENAMETOOLONG, "InvalidParameterValue", "socket",
			       "socket path %s is longer than %zu characters", c->socket,
			       sizeof(sa.sun_path) - 1);
	strcpy(sa.sun_path, c->socket);
	/* The lock is ours: a socket that stands there is a dead daemon's. */
	unlink(c->socket);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || chmod(c->socket, 0660) ||
	    (c->gid != (gid_t)-1 && chown(c->socket, 0, c->gid)) || listen(fd, SOMAXCONN))
		return err_sys(e, -errno, "listen on %s", c->socket);
	return TAKE_FD(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path) && errno != ENOENT ? -1 : 0;
}

static int remove_tree(const char *path, struct err *e)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) && errno != ENOENT)
		return err_sys(e, -errno, "remove %s", path);
	return 0;
}

/* Only what is the instance's own: other instances may live in directories below. */
static int remove_own(const char *dir, const char *const *names, struct err *e)
{
	char path[PATH_MAX + 32];
	int rc = 0;

	for (; *names && !rc; names++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *names);
		rc = remove_tree(path, e);
	}
	if (!rc && rmdir(dir) && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT &&
	    errno != EBUSY)
		rc = err_sys(e, -errno, "remove %s", dir);
	return rc;
}

int instance_purge(const struct config *c, struct err *e)
{
	static const char *const state[] = {"vpcd.db",	  "vpcd.db-wal", "vpcd.db-shm", "logs",
					    "query-logs", "flow-logs",	 NULL};
	static const char *const run[] = {"ns", "bpf", "sandboxes", "lock", NULL};
	char bpf[PATH_MAX + 16];
	int rc = supervisor_purge(c->run_dir, e);

	if (!rc)
		rc = fabric_purge(c->run_dir, e);
	snprintf(bpf, sizeof(bpf), "%s/bpf", c->run_dir);
	if (!rc && is_bpffs(bpf)) {
		rc = dataplane_purge(bpf, e);
		if (!rc && umount2(bpf, MNT_DETACH))
			rc = err_sys(e, -errno, "unmount %s", bpf);
	}
	if (!rc)
		rc = remove_own(c->state_dir, state, e);
	unlink(c->socket);
	if (!rc)
		rc = remove_own(c->run_dir, run, e);
	return rc ? err_wrap(e, "purge instance %s", c->instance) : 0;
}
