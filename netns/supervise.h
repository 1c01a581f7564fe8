/* SPDX-License-Identifier: MIT
 * The supervisor's own process, and how a spec travels to it. Private to netns/.
 */
#ifndef VPCD_NETNS_SUPERVISE_H
#define VPCD_NETNS_SUPERVISE_H

#include <limits.h>

#include "lib/json.h"
#include "netns/supervisor.h"

/* What the zygote knows and all supervisors share. */
struct supervise_config {
	char run_dir[PATH_MAX];
	gid_t gid;
};

/* Descriptors that go with a spec, in this order. */
enum { SPEC_USERNS, SPEC_NETNS, SPEC_LOG, SPEC_RESULT, SPEC_FDS };

struct json *spec_to_json(const struct supervisor_spec *spec);
/* Strings of ret belong to j, the vectors to the caller: spec_done(). */
int spec_from_json(const struct json *j, const int fds[SPEC_FDS], struct supervisor_spec *ret,
		   struct err *e);
void spec_done(struct supervisor_spec *spec);

/* Runs a supervisor; does not return. result_fd: where the outcome of the start goes, a struct err
 * (rc 0: it runs). */
void supervise(const struct supervise_config *cfg, const struct supervisor_spec *spec, int log_fd,
	       int result_fd) __attribute__((noreturn));

/* run_dir/sandboxes/<id>[/<file>]; returns buf. */
const char *sandbox_path(const char *run_dir, const char *id, const char *file, char *buf,
			 size_t len);
/* Removes a sandbox's directory. */
void sandbox_directory_remove(const char *run_dir, const char *id);

#endif
