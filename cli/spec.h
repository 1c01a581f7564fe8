/* SPDX-License-Identifier: MIT
 * Specs made of flags: text from the command line to JSON by the types of a kind's fields.
 */
#ifndef VPCD_CLI_SPEC_H
#define VPCD_CLI_SPEC_H

#include "cli/args.h"
#include "lib/err.h"
#include "lib/json.h"
#include "model/schema.h"

/* Takes the fields' flags and --name, --tag, --set and --unset of the command line into *ret, and
 * positional arguments from `first` on as the Command of kinds that have one. */
int spec_from_args(const struct kind *k, const struct args *a, int first, struct json **ret,
		   struct err *e);
/* Names the flags of required fields that a new object's spec lacks. */
int spec_check_required(const struct kind *k, const struct json *spec, struct err *e);

#endif
