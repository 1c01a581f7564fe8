/* SPDX-License-Identifier: MIT
 * The directory of namespaces, run_dir/ns.
 */
#include "netns/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/cleanup.h"
#include "lib/fault.h"
#include "netns/userns.h"

static char *path_join(const char *dir, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s%s", dir, name, suffix) < 0 ? NULL : path;
}

/* Whether a file system of its own is mounted on the directory. */
static bool is_mounted(const char *parent, const char *dir)
{
	struct stat a, b;

	return !stat(parent, &a) && !stat(dir, &b) && a.st_dev != b.st_dev;
}

static int tmpfs_mount(const char *run_dir, const char *dir)
{
	int rc = fault_hit("netns.tmpfs_mount");

	if (!rc && !is_mounted(run_dir, dir) &&
	    mount("vpcd", dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		rc = -errno;
	/* Else each bind on it would spread to every mount namespace below a shared root. */
	if (!rc && mount(NULL, dir, NULL, MS_PRIVATE, NULL))
		rc = -errno;
	return rc;
}

int nsdir_open(const char *run_dir, char **ret, struct err *e)
{
	cleanup_free char *dir = path_join(run_dir, "ns", "");
	bool made;
	int rc;

	if (!dir)
		return err_sys(e, -ENOMEM, "namespaces");
	made = !mkdir(dir, 0700);
	if (!made && errno != EEXIST)
		return err_sys(e, -errno, "make %s", dir);
	rc = tmpfs_mount(run_dir, dir);
	if (rc) {
		if (made && (!umount2(dir, MNT_DETACH) || errno == EINVAL))
			rmdir(dir);
		return err_sys(e, rc, "mount %s", dir);
	}
	*ret = TAKE(dir);
	return 0;
}

int nsdir_purge(const char *run_dir, struct err *e)
{
	cleanup_free char *dir = path_join(run_dir, "ns", "");

	if (!dir)
		return err_sys(e, -ENOMEM, "namespaces");
	/* Detaching takes every namespace on it along. */
	while (is_mounted(run_dir, dir))
		if (umount2(dir, MNT_DETACH))
			return err_sys(e, -errno, "unmount %s", dir);
	return rmdir(dir) && errno != ENOENT ? err_sys(e, -errno, "remove %s", dir) : 0;
}

char *nsfile_path(const char *dir, const char *id)
{
	return path_join(dir, id, ".net");
}

enum nsfile nsfile_kind(const char *dir, const char *id)
{
	cleanup_free char *path = nsfile_path(dir, id);
	struct stat st;

	if (!path || lstat(path, &st))
		return NSFILE_NONE;
	return S_ISLNK(st.st_mode) ? NSFILE_FOREIGN : NSFILE_OWN;
}

static int bind_fd(const char *path, int ns_fd)
{
	char source[32];
	int rc = fault_hit("netns.bind");

	snprintf(source, sizeof(source), "/proc/self/fd/%d", ns_fd);
	return rc || !mount(source, path, NULL, MS_BIND, NULL) ? rc : -errno;
}

int nsfile_bind(const char *dir, const char *id, int ns_fd, struct err *e)
{
	cleanup_free char *path = nsfile_path(dir, id);
	int rc = fault_hit("netns.file_create"), fd;

	if (!path)
		return err_sys(e, -ENOMEM, "namespace file");
	if (!rc) {
		fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
		rc = fd < 0 ? -errno : 0;
	}
	if (rc)
		return err_sys(e, rc, "create %s", path);
	close(fd);
	rc = bind_fd(path, ns_fd);
	if (!rc)
		return 0;
	unlink(path);
	return err_sys(e, rc, "bind namespace to %s", path);
}

int nsfile_link(const char *dir, const char *id, const char *target, struct err *e)
{
	cleanup_free char *path = nsfile_path(dir, id);
	int rc = fault_hit("netns.file_create");

	if (!path)
		return err_sys(e, -ENOMEM, "namespace file");
	if (!rc && symlink(target, path))
		rc = -errno;
	return rc ? err_sys(e, rc, "create %s", path) : 0;
}

int nsfile_remove(const char *dir, const char *id, struct err *e)
{
	cleanup_free char *path = nsfile_path(dir, id);
	int rc = fault_hit("netns.file_remove");

	if (!path)
		return err_sys(e, -ENOMEM, "namespace file");
	/* EINVAL: no mount, but half made, or a link. */
	if (!rc && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL)
		rc = -errno;
	if (!rc && unlink(path))
		rc = -errno;
	return rc && rc != -ENOENT ? err_sys(e, rc, "remove %s", path) : 0;
}

int nsfile_open(const char *dir, const char *id, struct err *e)
{
	cleanup_free char *path = nsfile_path(dir, id);

	return path ? netns_open(path, e) : err_sys(e, -ENOMEM, "namespace file");
}
