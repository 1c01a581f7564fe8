/* SPDX-License-Identifier: MIT
 * What an instance owns on the machine outside the kernel's network: directories, the lock, the
 * bpffs with its pins, and the check that the kernel will do.
 */
#ifndef VPCD_VPCD_INSTANCE_H
#define VPCD_VPCD_INSTANCE_H

#include "vpcd/config.h"

/* Kernel 6.1 or newer, and the privileges: names what is missing. */
int instance_check_kernel(struct err *e);

/* Makes the directories. */
int instance_make_dirs(const struct config *c, struct err *e);
/* -EBUSY names the daemon that has it. Returns the descriptor that holds the lock. */
int instance_lock(const struct config *c, struct err *e);
/* A bpffs of our own at run_dir/bpf, mounted unless it is. */
int instance_mount_bpffs(const struct config *c, struct err *e);
/* The API's listening socket. Returns the descriptor. */
int instance_listen(const struct config *c, struct err *e);

/* Removes everything that the instance made: sandboxes, network, pins, mounts, directories. The
 * lock is held. */
int instance_purge(const struct config *c, struct err *e);

#endif
