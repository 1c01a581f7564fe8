/* SPDX-License-Identifier: MIT
 * One command in a sandbox, with our stdio: a conversation with the sandbox's control socket
 * (docs/sandbox-protocol.md).
 */
#ifndef VPCD_CLI_SESSION_H
#define VPCD_CLI_SESSION_H

#include "lib/err.h"
#include "lib/json.h"

struct session_options {
	bool interactive; /* pass stdin on; else the command reads nothing */
	bool tty;	  /* a terminal of its own, joined to ours */
};

/* Connects, waiting up to 5 seconds for a socket that is about to appear. */
int session_connect(const char *path, struct err *e);
/* Sends `request` ("start" or "exec"; "tty" is set here) with stdio over ctl and stays until the
 * command ends. Signals to us go to the command. 0 and *ret_exit, or -errno. */
int session_run(int ctl, struct json *request, const struct session_options *opt, int *ret_exit,
		struct err *e);
/* One request and its answer, without descriptors. */
int session_ask(int ctl, const struct json *request, struct json **ret, struct err *e);

#endif
