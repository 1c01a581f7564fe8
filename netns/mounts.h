/* SPDX-License-Identifier: MIT
 * The mount tree of a sandbox. Private to netns/.
 */
#ifndef VPCD_NETNS_MOUNTS_H
#define VPCD_NETNS_MOUNTS_H

#include "netns/supervisor.h"

/* Called by the sandbox's init, alone in its mount namespace: the host's files read-only; /tmp,
 * /run, /dev/shm and /proc its own; the daemon's run directory empty; resolv.conf, hosts and
 * hostname as spec says. A working directory that this would hide stays visible. */
int mounts_make(const struct supervisor_spec *spec, const char *run_dir, struct err *e);

#endif
