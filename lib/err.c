/* SPDX-License-Identifier: MIT
 * Errors as values.
 */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void err_vset(struct err *e, int rc, const char *code, const char *field, const char *fmt,
		     va_list ap)
{
	/* Format first: an argument may point into *e. */
	char msg[sizeof(e->msg)];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	e->rc = rc;
	if (code != e->code)
		snprintf(e->code, sizeof(e->code), "%s", code);
	if (field != e->field)
		snprintf(e->field, sizeof(e->field), "%s", field ? field : "");
	memcpy(e->msg, msg, sizeof(msg));
}

int err_set(struct err *e, int rc, const char *code, const char *field, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return rc;
	va_start(ap, fmt);
	err_vset(e, rc, code, field, fmt, ap);
	va_end(ap);
	return rc;
}

int err_sys(struct err *e, int rc, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (!e)
		return rc;
	va_start(ap, fmt);
	err_vset(e, rc, "InternalError", "", fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", strerror(-rc));
	return rc;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char msg[2 * sizeof(e->msg)];
	va_list ap;
	int n;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(e->msg))
		n = sizeof(e->msg) - 1;
	snprintf(msg + n, sizeof(msg) - n, ": %s", e->msg);
	memcpy(e->msg, msg, sizeof(e->msg) - 1);
	e->msg[sizeof(e->msg) - 1] = '\0';
	return e->rc;
}
