/* SPDX-License-Identifier: MIT
 * The directory of namespaces, run_dir/ns: a tmpfs of ours on which each namespace is a file
 * <id>.net. One of ours is bind-mounted there and lives by it; one that somebody else owns is a
 * symbolic link, which does not prolong its life. Private to netns/.
 */
#ifndef VPCD_NETNS_MOUNT_H
#define VPCD_NETNS_MOUNT_H

#include <stdbool.h>

#include "lib/err.h"

enum nsfile { NSFILE_NONE, NSFILE_OWN, NSFILE_FOREIGN };

/* Makes and mounts run_dir/ns unless it stands, and returns its path, malloc'd. */
int nsdir_open(const char *run_dir, char **ret, struct err *e);
/* Unmounts and removes it with all that is on it. */
int nsdir_purge(const char *run_dir, struct err *e);

/* Path of the file of id, malloc'd; NULL: out of memory. */
char *nsfile_path(const char *dir, const char *id);
enum nsfile nsfile_kind(const char *dir, const char *id);
int nsfile_bind(const char *dir, const char *id, int ns_fd, struct err *e);
int nsfile_link(const char *dir, const char *id, const char *target, struct err *e);
/* Removes either; absent: 0. */
int nsfile_remove(const char *dir, const char *id, struct err *e);
/* A descriptor of the network namespace, or -errno. */
int nsfile_open(const char *dir, const char *id, struct err *e);

#endif
