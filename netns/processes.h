/* SPDX-License-Identifier: MIT
 * Processes of a PID namespace, from /proc. Private to netns/.
 */
#ifndef VPCD_NETNS_PROCESSES_H
#define VPCD_NETNS_PROCESSES_H

#include "lib/json.h"

/* [{"pid": within the namespace, "command": its command line}, …], without init. */
struct json *processes_list(int pid_ns_fd);

#endif
