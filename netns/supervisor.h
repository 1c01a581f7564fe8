/* SPDX-License-Identifier: MIT
 * Processes of sandboxes. Each sandbox has a supervisor of its own (as conmon does for containers),
 * forked from a zygote, so that daemon and sandbox can die and come back independently. It is the
 * parent of the sandbox's init, keeps its log and serves run_dir/sandboxes/<id>/ctl.sock: see
 * docs/sandbox-protocol.md.
 */
#ifndef VPCD_NETNS_SUPERVISOR_H
#define VPCD_NETNS_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/event.h"

struct zygote;

/* Forks the zygote. Call before run_dir/ns is mounted and before threads exist. gid: group that may
 * use control sockets (-1: root's). log_level: as in lib/log.h. */
int zygote_start(const char *run_dir, gid_t gid, struct zygote **ret, struct err *e);
void zygote_stop(struct zygote *z); /* supervisors live on; NULL ok */

struct supervisor_spec {
	const char *id; /* "i-…": names run_dir/sandboxes/<id>/ */
	const char *hostname;
	int netns_fd, userns_fd;	 /* of the attachment; not owned */
	const char *const *argv;	 /* NULL or empty: an idle sandbox */
	const char *const *env;		 /* "K=V", NULL-terminated */
	const char *const *capabilities; /* kept, "net_raw" …; NULL-terminated; NULL: none */
	const char *directory;		 /* NULL: "/" */
	bool attach; /* argv waits for a client that brings its stdio ("start") */
	const char *resolv_conf, *hosts; /* contents of the files */
	const char *log_path;		 /* stdout and stderr of argv; made 0640 */
};

/* Returns when the sandbox's init runs (argv exec'd, or idle, or waiting). A command that cannot be
 * executed is no error here: it ends with 126 or 127. */
int supervisor_start(struct zygote *z, const struct supervisor_spec *spec, struct err *e);

enum supervisor_state { SUPERVISOR_RUNNING, SUPERVISOR_EXITED, SUPERVISOR_LOST };

/* A connection to a sandbox's supervisor, started by this daemon or by one before it. fn is called
 * from the loop on each change of state; status: exit code, or 128 + signal. */
struct supervisor;
typedef void supervisor_fn(void *arg, enum supervisor_state state, int status);
/* -ENOENT: there is none. */
int supervisor_connect(struct event_loop *l, const char *run_dir, const char *id, supervisor_fn *fn,
		       void *arg, struct supervisor **ret, struct err *e);
void supervisor_disconnect(struct supervisor *s);      /* NULL ok */
pid_t supervisor_init_pid(const struct supervisor *s); /* of the sandbox's init, in our namespace */

/* SIGTERM to the sandbox's processes, SIGKILL after grace_ms (0: at once); the supervisor then
 * removes run_dir/sandboxes/<id>. fn above hears of it. Asynchronous. */
int supervisor_stop(struct supervisor *s, unsigned grace_ms, struct err *e);
/* Ids that have a directory below run_dir/sandboxes. */
int supervisor_list(const char *run_dir, int (*fn)(void *arg, const char *id), void *arg,
		    struct err *e);
/* Kills every sandbox of run_dir and waits for it (purge). */
int supervisor_purge(const char *run_dir, struct err *e);

#endif
