/* SPDX-License-Identifier: MIT
 * Domain names as the kinds check them. Internal to model.
 */
#ifndef VPCD_MODEL_KINDS_DOMAIN_H
#define VPCD_MODEL_KINDS_DOMAIN_H

#include <stdbool.h>

#include "lib/err.h"

/* RFC 1035, section 2.3.4: labels of 1 to 63 octets, 253 characters in all. Letters, digits, - and
 * _, which service names need; with wildcard, the first label may be "*". */
bool domain_is_valid(const char *name, bool wildcard);
/* Lower case without the final dot, or InvalidParameterValue. */
int domain_check(char **name, const char *field, struct err *e);

#endif
