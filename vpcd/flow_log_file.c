/* SPDX-License-Identifier: MIT
 * See flow_log_file.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "lib/cleanup.h"
#include "lib/fault.h"
#include "vpcd/flow_log_file.h"

#define SIZE_MAX_DEFAULT (16u << 20)
#define KEPT_DEFAULT	 16
#define SLICE		 (256u << 10) /* some 3 ms of zlib */

struct flow_log_file {
	char dir[PATH_MAX], id[64], path[PATH_MAX + 80];
	char *header;
	uint64_t size_max, size;
	unsigned kept;
	int fd;
	/* what is being compressed */
	struct packing {
		char from[PATH_MAX + NAME_MAX + 2], temporary[PATH_MAX + NAME_MAX + 16],
			to[PATH_MAX + NAME_MAX + 8];
		int fd;
		gzFile gz;
		char slice[SLICE];
	} packing;
	bool unpacked; /* there may be files to compress */
};

/* ---- the file ---- */

/* Where the last whole line ends. */
static int64_t whole_lines(int fd, int64_t size)
{
	char chunk[4096];

	while (size > 0) {
		size_t n = size < (int64_t)sizeof(chunk) ? (size_t)size : sizeof(chunk);

		if (pread(fd, chunk, n, size - (int64_t)n) != (ssize_t)n)
			return -1;
		for (size_t i = n; i; i--)
			if (chunk[i - 1] == '\n')
				return size - (int64_t)n + (int64_t)i;
		size -= (int64_t)n;
	}
	return 0;
}

static int write_all(struct flow_log_file *f, const char *text, size_t len)
{
	int rc = fault_hit("flow_log.write");

	for (size_t done = 0; done < len && !rc;) {
		ssize_t n = write(f->fd, text + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (!n || errno != EINTR)
			rc = n ? -errno : -EIO;
	}
	if (!rc)
		f->size += len;
	else if (ftruncate(f->fd, (off_t)f->size))
		rc = -errno;
	return rc;
}

static int file_open(struct flow_log_file *f, struct err *e)
{
	struct stat st;
	int64_t whole;

	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (f->fd < 0 || fstat(f->fd, &st))
		return err_sys(e, -errno, "flow log %s", f->path);
	whole = whole_lines(f->fd, st.st_size);
	if (whole < 0 || (whole < st.st_size && ftruncate(f->fd, whole)))
		return err_sys(e, -errno, "flow log %s", f->path);
	f->size = (uint64_t)whole;
	return 0;
}

int flow_log_file_open(const struct flow_log_file_config *cfg, struct flow_log_file **ret,
		       struct err *e)
{
	struct flow_log_file *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_sys(e, -ENOMEM, "flow log");
	f->fd = f->packing.fd = -1;
	f->unpacked = true;
	f->size_max = cfg->size_max ? cfg->size_max : SIZE_MAX_DEFAULT;
	f->kept = cfg->files_kept ? cfg->files_kept : KEPT_DEFAULT;
	f->header = strdup(cfg->header);
	snprintf(f->dir, sizeof(f->dir), "%s", cfg->dir);
	snprintf(f->id, sizeof(f->id), "%s", cfg->id);
	snprintf(f->path, sizeof(f->path), "%s/%s.log", f->dir, f->id);
	if (!f->header)
		rc = err_sys(e, -ENOMEM, "flow log");
	else if (mkdir(f->dir, 0750) && errno != EEXIST)
		rc = err_sys(e, -errno, "make %s", f->dir);
	else
		rc = file_open(f, e);
	if (rc) {
		flow_log_file_free(f);
		return rc;
	}
	*ret = f;
	return 0;
}

static void packing_drop(struct packing *p)
{
	if (p->gz)
		gzclose(p->gz);
	if (p->fd >= 0) {
		close(p->fd);
		unlink(p->temporary);
	}
	p->gz = NULL;
	p->fd = -1;
}

void flow_log_file_free(struct flow_log_file *f)
{
	if (!f)
		return;
	packing_drop(&f->packing);
	cleanup_closep(&f->fd);
	free(f->header);
	free(f);
}

const char *flow_log_file_path(const struct flow_log_file *f)
{
	return f->path;
}

/* ---- files that moved aside ---- */

/* "ID-YYYYMMDDThhmmssZ…", of this log; the time makes the order of names that of age. */
static bool is_aside(const struct flow_log_file *f, const char *name)
{
	size_t n = strlen(f->id);

	return !strncmp(name, f->id, n) && name[n] == '-' && strlen(name + n) > 17 &&
	       name[n + 9] == 'T';
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

enum which { OLDEST, NEWEST };

/* One of those with an ending (NULL: any), and how many there are. */
static unsigned aside_find(const struct flow_log_file *f, enum which which, const char *end,
			   char ret[NAME_MAX + 1])
{
	DIR *d = opendir(f->dir);
	unsigned n = 0;

	for (struct dirent *en; d && (en = readdir(d));) {
		if (!is_aside(f, en->d_name) || (end && !ends_in(en->d_name, end)))
			continue;
		if (!n++ || (strcmp(en->d_name, ret) < 0) == (which == OLDEST))
			strcpy(ret, en->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static void forget_old(const struct flow_log_file *f)
{
	char name[NAME_MAX + 1], path[PATH_MAX + NAME_MAX + 2];

	while (aside_find(f, OLDEST, NULL, name) > f->kept) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, name);
		if (unlink(path))
			return;
	}
}

/* The time of the next: later than all others, whatever the clock says. */
static time_t aside_time(const struct flow_log_file *f, int64_t now)
{
	char name[NAME_MAX + 1];
	struct tm tm = {0};
	time_t newest = 0;

	if (aside_find(f, NEWEST, NULL, name) &&
	    strptime(name + strlen(f->id) + 1, "%Y%m%dT%H%M%SZ", &tm))
		newest = timegm(&tm);
	return newest < now ? (time_t)now : newest + 1;
}

static int move_aside(struct flow_log_file *f, int64_t now, struct err *e)
{
	time_t t = aside_time(f, now);
	char to[PATH_MAX + 128], stamp[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(to, sizeof(to), "%s/%s-%s.log", f->dir, f->id, stamp);
	if (rename(f->path, to))
		return err_sys(e, -errno, "move %s", f->path);
	cleanup_closep(&f->fd);
	f->fd = -1;
	f->unpacked = true;
	forget_old(f);
	return 0;
}

int flow_log_file_write(struct flow_log_file *f, const char *lines, size_t len, int64_t now,
			struct err *e)
{
	int rc = 0;

	if (f->fd >= 0 && f->size >= f->size_max)
		rc = move_aside(f, now, e);
	if (!rc && f->fd < 0)
		rc = file_open(f, e);
	if (rc)
		return rc;
	if (!f->size) {
		rc = write_all(f, f->header, strlen(f->header));
		if (!rc)
			rc = write_all(f, "\n", 1);
	}
	if (!rc)
		rc = write_all(f, lines, len);
	return rc ? err_sys(e, rc, "write %s", f->path) : 0;
}

/* ---- compressing ---- */

static int packing_begin(struct flow_log_file *f, const char *name, struct err *e)
{
	struct packing *p = &f->packing;
	int out;

	snprintf(p->from, sizeof(p->from), "%s/%s", f->dir, name);
	snprintf(p->to, sizeof(p->to), "%s.gz", p->from);
	snprintf(p->temporary, sizeof(p->temporary), "%s.gz.part", p->from);
	p->fd = open(p->from, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(e, -errno, "compress %s", p->from);
	out = open(p->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	p->gz = out >= 0 ? gzdopen(out, "w6") : NULL;
	if (p->gz)
		return 0;
	if (out >= 0)
		close(out);
	packing_drop(p);
	return err_sys(e, out < 0 ? -errno : -ENOMEM, "compress %s", p->from);
}

static int packing_end(struct packing *p, struct err *e)
{
	int rc = gzclose(TAKE(p->gz)) == Z_OK ? 0 : -EIO;

	if (!rc && rename(p->temporary, p->to))
		rc = -errno;
	if (rc) {
		packing_drop(p);
		return err_sys(e, rc, "compress %s", p->from);
	}
	unlink(p->from);
	close(TAKE_FD(p->fd));
	return 0;
}

static int packing_go_on(struct packing *p, struct err *e)
{
	ssize_t n = read(p->fd, p->slice, sizeof(p->slice));

	if (!n)
		return packing_end(p, e);
	if (n > 0 && gzwrite(p->gz, p->slice, (unsigned)n) == n)
		return 0;
	packing_drop(p);
	return err_sys(e, n < 0 ? -errno : -ENOSPC, "compress %s", p->from);
}

int flow_log_file_tick(struct flow_log_file *f, struct err *e)
{
	char name[NAME_MAX + 1];
	int rc = 0;

	if (f->packing.gz) {
		rc = packing_go_on(&f->packing, e);
	} else if (f->unpacked) {
		f->unpacked = aside_find(f, OLDEST, ".log", name) > 0;
		rc = f->unpacked ? packing_begin(f, name, e) : 0;
	}
	if (rc)
		f->unpacked = false; /* until the next one moves aside */
	return rc;
}
