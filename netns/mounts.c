/* SPDX-License-Identifier: MIT
 * See mounts.h. The namespace belongs to the sandbox's user namespace: what it inherits is locked,
 * so it is covered, not unmounted.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/cleanup.h"
#include "netns/mounts.h"

#define OWN "/run/sandbox" /* where the files of the sandbox lie */

static int mount_at(const char *type, const char *path, unsigned long flags, const char *data,
		    struct err *e)
{
	if (mount(type, path, type, flags, data))
		return err_sys(e, -errno, "mount %s at %s", type, path);
	return 0;
}

static int read_only(struct err *e)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return err_sys(e, -errno, "make the mount tree private");
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)))
		return err_sys(e, -errno, "make the mount tree read-only");
	return 0;
}

/* Makes every missing directory of an absolute path. */
static int make_path(const char *path, struct err *e)
{
	char part[PATH_MAX];

	for (const char *p = path + 1; p;) {
		p = strchr(p, '/');
		snprintf(part, sizeof(part), "%.*s", p ? (int)(p - path) : PATH_MAX - 1, path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return err_sys(e, -errno, "make %s", part);
		if (p)
			p++;
	}
	return 0;
}

static bool lies_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && path[n] == '/';
}

/* A copy of the working directory's tree, taken before what hides it. -1: not needed. */
static int keep_directory(const char *dir)
{
	if (!dir || (!lies_in(dir, "/tmp") && !lies_in(dir, "/run")))
		return -1;
	return (int)syscall(SYS_open_tree, AT_FDCWD, dir,
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static int restore_directory(int tree, const char *dir, struct err *e)
{
	int rc;

	if (tree < 0)
		return 0;
	rc = make_path(dir, e);
	if (!rc && syscall(SYS_move_mount, tree, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH))
		rc = err_sys(e, -errno, "mount %s", dir);
	return rc;
}

static int write_file(const char *path, const char *text, struct err *e)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_sys(e, -errno, "write %s", path);
	return 0;
}

/* Puts a file of ours over one of /etc. A link into /run (systemd-resolved's) finds nothing there
 * any more: its target is made. */
static int cover(const char *etc, const char *name, const char *text, struct err *e)
{
	char own[64], target[PATH_MAX], dir[PATH_MAX + 8];
	struct stat st;
	ssize_t n;
	int rc;

	snprintf(own, sizeof(own), OWN "/%s", name);
	rc = write_file(own, text, e);
	if (rc || lstat(etc, &st))
		return rc; /* the host has none either */
	if (S_ISLNK(st.st_mode) && access(etc, F_OK)) {
		n = readlink(etc, target, sizeof(target) - 6);
		if (n <= 0)
			return 0;
		target[n] = 0;
		snprintf(dir, sizeof(dir), "%s%s", target[0] == '/' ? "" : "/etc/", target);
		*strrchr(dir, '/') = 0;
		rc = make_path(dir, e);
		return rc ? rc : write_file(etc, text, e);
	}
	if (mount(own, etc, NULL, MS_BIND, NULL))
		return err_sys(e, -errno, "mount %s", etc);
	return 0;
}

static int cover_files(const struct supervisor_spec *spec, struct err *e)
{
	char hostname[300];
	int rc;

	snprintf(hostname, sizeof(hostname), "%s\n", spec->hostname);
	if (mkdir(OWN, 0755))
		return err_sys(e, -errno, "make " OWN);
	rc = cover("/etc/resolv.conf", "resolv.conf", spec->resolv_conf ?: "", e);
	if (!rc)
		rc = cover("/etc/hosts", "hosts", spec->hosts ?: "", e);
	return rc ? rc : cover("/etc/hostname", "hostname", hostname, e);
}

/* Of its own network namespace; where the kernel refuses (parts of the host's are covered), none.
 */
static int make_sys(struct err *e)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;

	if (!mount("sysfs", "/sys", "sysfs", flags, NULL))
		return 0;
	return mount_at("tmpfs", "/sys", flags, "mode=755,size=0", e);
}

static int hide(const char *path, struct err *e)
{
	if (lies_in(path, "/tmp") || lies_in(path, "/run"))
		return 0;
	/* Behind a directory that the sandbox's root may not search it is out of reach anyway. */
	if (access(path, F_OK) && errno == EACCES)
		return 0;
	return mount_at("tmpfs", path, MS_NOSUID | MS_NODEV | MS_RDONLY, "mode=755,size=4k", e);
}

int mounts_make(const struct supervisor_spec *spec, const char *run_dir, struct err *e)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV;
	cleanup_close int tree = -1;
	int rc = read_only(e);

	if (!rc)
		tree = keep_directory(spec->directory);
	if (!rc)
		rc = hide(run_dir, e);
	if (!rc)
		rc = mount_at("tmpfs", "/tmp", plain, "mode=1777", e);
	if (!rc)
		rc = mount_at("tmpfs", "/run", plain, "mode=755", e);
	if (!rc && !access("/dev/shm", F_OK))
		rc = mount_at("tmpfs", "/dev/shm", plain, "mode=1777", e);
	if (!rc)
		rc = mount_at("proc", "/proc", plain | MS_NOEXEC, NULL, e);
	if (!rc)
		rc = make_sys(e);
	if (!rc)
		rc = cover_files(spec, e);
	return rc ? rc : restore_directory(tree, spec->directory, e);
}
