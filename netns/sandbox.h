/* SPDX-License-Identifier: MIT
 * The inside of a sandbox: its namespaces, its mount tree, and commands in it. Called by its
 * supervisor, which is the parent of every process here. Private to netns/.
 *
 * PID 1 is an init of ours that reaps orphans and does nothing else; the sandbox's command and
 * those of `exec` are started beside it in the same way, so there is one way only. When init is
 * killed, the kernel kills the rest.
 */
#ifndef VPCD_NETNS_SANDBOX_H
#define VPCD_NETNS_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "netns/supervisor.h"

/* Namespaces that a command joins, in the order in which they are joined. */
enum { NS_USER, NS_NET, NS_MNT, NS_PID, NS_UTS, NS_IPC, NS_CGROUP, NS_COUNT };
struct sandbox_ns {
	int fd[NS_COUNT]; /* -1: none */
};
void sandbox_ns_close(struct sandbox_ns *ns);

/* Makes the namespaces beside those of spec and the mount tree, and starts init. ret_ns: owned by
 * the caller. A failure leaves no process; e names the step. */
int sandbox_init_start(const struct supervisor_spec *spec, const char *run_dir,
		       struct sandbox_ns *ret_ns, pid_t *ret_init, struct err *e);

struct sandbox_command {
	const char *const *argv, *const *env, *const *capabilities; /* NULL-terminated */
	const char *directory;
	int stdio[3];
	bool tty; /* stdio is a terminal's slave, which becomes the controlling one */
	unsigned user;
};
/* Starts a command; it exits with 127 if it is not found, 126 if it cannot be executed. */
int sandbox_exec(const struct sandbox_ns *ns, const struct sandbox_command *c, pid_t *ret_pid,
		 struct err *e);

#endif
