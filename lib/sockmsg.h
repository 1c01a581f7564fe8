/* SPDX-License-Identifier: MIT
 * JSON messages with file descriptors over unix SOCK_SEQPACKET sockets.
 */
#ifndef VPCD_LIB_SOCKMSG_H
#define VPCD_LIB_SOCKMSG_H

#include <stddef.h>

#include "lib/json.h"

#define SOCKMSG_MAX    (128 * 1024)
#define SOCKMSG_MAX_FD 8

/* Listening socket at path (an old one is replaced), mode 0660, group gid (-1: unchanged). Returns
 * the descriptor (CLOEXEC, non-blocking) or -errno. */
int sockmsg_listen(const char *path, int gid, struct err *e);
int sockmsg_connect(const char *path, struct err *e);
/* Sends one message; the descriptors stay the caller's. */
int sockmsg_send(int fd, const struct json *msg, const int *fds, size_t n_fds, struct err *e);
/* Receives one message: 1, or 0 at the peer's end, -EAGAIN, -errno. fds (CLOEXEC) become the
 * caller's; *n_fds: in capacity, out count; more than fit are closed and -EMSGSIZE. */
int sockmsg_recv(int fd, struct json **ret, int *fds, size_t *n_fds, struct err *e);

#endif
