/* SPDX-License-Identifier: MIT
 * Pins: the maps outlive the daemon under <pin_dir>/v<ABI_VERSION>/, and the next one takes them
 * over with what they hold. Programs are not pinned: filters hold the old ones until the new ones
 * replace them.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "bpf/private.h"
#include "lib/cleanup.h"

#define PATH_LEN 4096

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
		return errno == ENOENT ? 0 : err_sys(e, -errno, "open pinned map %s", path);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err_sys(e, -errno, "%s", path);
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.map_flags != bpf_map__map_flags(map))
		return err_set(e, -EEXIST, "InternalError", "",
			       "pinned map %s has another layout: vpcd --purge removes it", path);
	if (info.max_entries != bpf_map__max_entries(map))
		return err_set(e, -EEXIST, "InternalError", "",
			       "pinned map %s has room for %u entries, not %u: --max-flows and "
			       "--max-interfaces stay as they are until vpcd --purge",
			       path, info.max_entries, bpf_map__max_entries(map));
	return 0;
}

/* What is the load's own. */
static bool is_transient(const struct bpf_map *map)
{
	static const char *const names[] = {"scratch",	   "retire",	 "trail",
					    "dns_scratch", "drop_watch", "drop_events",
					    "drop_scratch"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(bpf_map__name(map), names[i]))
			return true;
	return bpf_map__is_internal(map);
}

int pins_set(struct bpf_object *object, const char *dir, struct err *e)
{
	char path[PATH_LEN + 64];
	struct bpf_map *map;
	int rc = make_dir(dir, e);

	if (!rc)
		rc = check_bpffs(dir, e);
	snprintf(path, sizeof(path), "%s/v%d", dir, ABI_VERSION);
	if (!rc)
		rc = make_dir(path, e);
	bpf_object__for_each_map(map, object)
	{
		if (rc)
			break;
		if (is_transient(map))
			continue;
		snprintf(path, sizeof(path), "%s/v%d/%s", dir, ABI_VERSION, bpf_map__name(map));
		rc = check_pinned(map, path, e);
		if (!rc && bpf_map__set_pin_path(map, path))
			rc = err_sys(e, -errno, "pin %s", path);
	}
	return rc;
}

/* ---- purging ---- */

static int is_version(const struct dirent *d)
{
	return d->d_name[0] == 'v' && d->d_name[1] &&
	       strspn(d->d_name + 1, "0123456789") == strlen(d->d_name + 1);
}

static int is_pin(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* The names in a directory, read before any of them is removed. */
static int list(const char *path, int (*filter)(const struct dirent *), struct dirent ***ret,
		struct err *e)
{
	int n = scandir(path, ret, filter, alphasort);

	return n < 0 ? err_sys(e, -errno, "read %s", path) : n;
}

static void list_free(struct dirent **v, int n)
{
	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static int purge_version(const char *dir, struct err *e)
{
	char path[PATH_LEN + 1024];
	struct dirent **pins = NULL;
	int n = list(dir, is_pin, &pins, e), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && !rc; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, pins[i]->d_name);
		if (unlink(path))
			rc = err_sys(e, -errno, "remove %s", path);
	}
	list_free(pins, n);
	return !rc && rmdir(dir) ? err_sys(e, -errno, "remove %s", dir) : rc;
}

int dataplane_purge(const char *pin_dir, struct err *e)
{
	char path[PATH_LEN + 512];
	struct dirent **versions = NULL;
	int n, rc;

	if (access(pin_dir, F_OK) && errno == ENOENT)
		return 0;
	rc = check_bpffs(pin_dir, e);
	if (rc)
		return rc;
	n = list(pin_dir, is_version, &versions, e);
	rc = n < 0 ? n : 0;
	for (int i = 0; i < n && !rc; i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, versions[i]->d_name);
		rc = purge_version(path, e);
	}
	list_free(versions, n);
	return rc;
}
