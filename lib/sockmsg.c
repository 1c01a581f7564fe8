/* SPDX-License-Identifier: MIT
 * JSON messages with file descriptors over unix SOCK_SEQPACKET sockets.
 */
#include "lib/sockmsg.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

union fd_control {
	char buf[CMSG_SPACE(sizeof(int) * SOCKMSG_MAX_FD)];
	struct cmsghdr align;
};

static int address_of(const char *path, struct sockaddr_un *sa, struct err *e)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(e, -ENAMETOOLONG, "InternalError", "", "socket path %s is too long",
			       path);
	strcpy(sa->sun_path, path);
	return 0;
}

int sockmsg_listen(const char *path, int gid, struct err *e)
{
	cleanup_close int fd = -1;
	struct sockaddr_un sa;
	int r = address_of(path, &sa, e);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, -errno, "socket");
	/* The socket's mode before bind is what the file gets, less the umask: no window in which
	 * others can connect. */
	if (fchmod(fd, 0660))
		return err_sys(e, -errno, "chmod %s", path);
	if (unlink(path) && errno != ENOENT)
		return err_sys(e, -errno, "unlink %s", path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return err_sys(e, -errno, "bind %s", path);
	if (gid != -1 && chown(path, -1, gid))
		return err_sys(e, -errno, "chown %s", path);
	if (chmod(path, 0660))
		return err_sys(e, -errno, "chmod %s", path);
	if (listen(fd, SOMAXCONN))
		return err_sys(e, -errno, "listen %s", path);
	return TAKE_FD(fd);
}

int sockmsg_connect(const char *path, struct err *e)
{
	cleanup_close int fd = -1;
	struct sockaddr_un sa;
	int r = address_of(path, &sa, e);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, -errno, "socket");
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return err_sys(e, -errno, "connect %s", path);
	return TAKE_FD(fd);
}

int sockmsg_send(int fd, const struct json *msg, const int *fds, size_t n_fds, struct err *e)
{
	cleanup_free char *text = json_print(msg);
	union fd_control control = {0};
	struct iovec iov = {.iov_base = text};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (!text)
		return err_sys(e, -ENOMEM, "print a message");
	iov.iov_len = strlen(text);
	if (iov.iov_len > SOCKMSG_MAX || n_fds > SOCKMSG_MAX_FD)
		return err_sys(e, -EMSGSIZE, "send a message");
	if (n_fds) {
		struct cmsghdr *c = &control.align;

		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, -errno, "send a message") : 0;
}

/* Hands over as many received descriptors as fit and closes the others. */
static int take_fds(struct msghdr *mh, int *fds, size_t *n_fds)
{
	size_t cap = n_fds ? *n_fds : 0, n = 0;
	int r = mh->msg_flags & MSG_CTRUNC ? -EMSGSIZE : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < cap) {
				fds[n++] = fd;
			} else {
				close(fd);
				r = -EMSGSIZE;
			}
		}
	}
	if (n_fds)
		*n_fds = n;
	return r;
}

static void close_fds(int *fds, size_t *n_fds)
{
	for (size_t i = 0; n_fds && i < *n_fds; i++)
		close(fds[i]);
	if (n_fds)
		*n_fds = 0;
}

int sockmsg_recv(int fd, struct json **ret, int *fds, size_t *n_fds, struct err *e)
{
	cleanup_free char *text = malloc(SOCKMSG_MAX + 1);
	union fd_control control;
	struct iovec iov = {.iov_base = text, .iov_len = SOCKMSG_MAX + 1};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf)};
	ssize_t n;
	int r;

	if (!text)
		return err_sys(e, -ENOMEM, "receive a message");
	do
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		r = -errno;
		if (n_fds)
			*n_fds = 0;
		if (r == -EAGAIN)
			return r;
		return r == -ECONNRESET ? 0 : err_sys(e, r, "receive a message");
	}
	r = take_fds(&mh, fds, n_fds);
	if (r || n > SOCKMSG_MAX) {
		close_fds(fds, n_fds);
		return err_sys(e, -EMSGSIZE, "receive a message");
	}
	if (n == 0)
		return 0;
	r = json_parse(text, n, false, ret, e);
	if (r) {
		close_fds(fds, n_fds);
		return r;
	}
	return 1;
}
