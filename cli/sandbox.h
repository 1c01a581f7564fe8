/* SPDX-License-Identifier: MIT
 * What the sandbox commands share.
 */
#ifndef VPCD_CLI_SANDBOX_H
#define VPCD_CLI_SANDBOX_H

#include "cli/cli.h"

/* An object's id: its first member, whatever its kind. */
const char *object_id(const struct json *obj);
/* GET /v1/sandboxes/<name>; reports. */
int sandbox_get(struct cli *c, const char *name, struct json **ret);
/* The control socket of a sandbox; malloc'd. With the daemon down, ids (and unique prefixes) are
 * looked up below the run directory. Reports. */
int sandbox_control(struct cli *c, const char *name, char **ret);
/* Spec of a new instance, function or foreign namespace from the options --name, --subnet, … */
struct json *sandbox_spec(const struct cli *c, bool function);
/* PATCH or DELETE of a sandbox by id; ret may be NULL. */
int sandbox_change(struct cli *c, const char *method, const char *id, const struct json *patch,
		   struct json **ret);
/* Like sandbox_change, of one that `name` names. */
int sandbox_change_named(struct cli *c, const char *method, const char *name,
			 const struct json *patch, struct json **ret);

#endif
