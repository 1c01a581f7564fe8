/* SPDX-License-Identifier: MIT
 * A query log's file. Lines are gathered and written when a batch of queries is answered; a file
 * that has grown large moves aside, so that a log never takes more than twice that room.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dns/zone.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

#define GATHER_MAX (64u << 10)
#define FILE_MAX   (64u << 20)

struct dns_log {
	unsigned refs;
	int fd;
	uint64_t size;
	char *path;
	struct buf lines;
};

static int file_open(struct dns_log *l, struct err *e)
{
	struct stat st;

	l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (l->fd < 0 || fstat(l->fd, &st))
		return err_sys(e, -errno, "query log %s", l->path);
	l->size = (uint64_t)st.st_size;
	return 0;
}

int dns_log_open(const char *path, struct dns_log **ret, struct err *e)
{
	struct dns_log *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return err_sys(e, -ENOMEM, "query log");
	l->refs = 1;
	l->fd = -1;
	l->path = strdup(path);
	rc = l->path ? file_open(l, e) : err_sys(e, -ENOMEM, "query log");
	if (rc) {
		dns_log_unref(l);
		return rc;
	}
	*ret = l;
	return 0;
}

struct dns_log *dns_log_ref(struct dns_log *l)
{
	l->refs++;
	return l;
}

void dns_log_unref(struct dns_log *l)
{
	if (!l || --l->refs)
		return;
	cleanup_closep(&l->fd);
	buf_done(&l->lines);
	free(l->path);
	free(l);
}

static void rotate(struct dns_log *l)
{
	char old[4096 + 4];

	snprintf(old, sizeof(old), "%s.1", l->path);
	if (rename(l->path, old))
		return;
	cleanup_closep(&l->fd);
	file_open(l, NULL);
}

void dns_log_line(struct dns_log *l, const char *line, size_t len)
{
	buf_add(&l->lines, line, len);
	if (l->lines.len >= GATHER_MAX)
		dns_log_flush(l);
}

/* What cannot be written is lost: answers do not wait for a disk that is full. */
void dns_log_flush(struct dns_log *l)
{
	if (!l->lines.len)
		return;
	if (l->size > FILE_MAX)
		rotate(l);
	if (l->fd >= 0 && write(l->fd, l->lines.p, l->lines.len) > 0)
		l->size += l->lines.len;
	buf_done(&l->lines);
	l->lines = (struct buf){0};
}
