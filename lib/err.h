/* SPDX-License-Identifier: MIT
 * Errors as values. A function that can fail returns 0 or a negative errno and, on failure only,
 * fills the caller's `struct err`. Leaves describe, callers wrap; only vpcd/ and api/ log.
 */
#ifndef VPCD_LIB_ERR_H
#define VPCD_LIB_ERR_H

#include <errno.h>

struct err {
	int rc;		 /* negative errno; 0: no error */
	char code[64];	 /* EC2 error code, "InternalError" for kernel and system failures */
	char field[192]; /* field or JSON pointer at fault, "" where none */
	char msg[640];	 /* for people, one line, no final full stop */
};

/* Each sets *e (if e is not NULL) and returns rc, so that a caller writes `return err_set(...)`.
 * rc: negative errno. */
int err_set(struct err *e, int rc, const char *code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A failed system call or kernel step: code InternalError, message "<fmt>: <strerror(-rc)>". */
int err_sys(struct err *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<fmt>: " before the message that *e holds and returns e->rc (-EIO where e is NULL). */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
