/* SPDX-License-Identifier: MIT
 * The zygote: forked from the daemon before it has mounts, threads or descriptors that a sandbox's
 * supervisor must not inherit, it forks a supervisor for each spec that it is sent. It ends with
 * the daemon; supervisors live on.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/cleanup.h"
#include "lib/fault.h"
#include "lib/sockmsg.h"
#include "netns/supervise.h"

struct zygote {
	pid_t pid;
	int fd;
	gid_t gid;
};

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cleanup_closep(&fds[i]);
}

static void handle(const struct supervise_config *cfg, const struct json *msg, const int *fds)
{
	struct supervisor_spec spec;
	struct err e = {0};

	if (fork())
		return;
	if (spec_from_json(msg, fds, &spec, &e)) {
		if (write(fds[SPEC_RESULT], &e, sizeof(e)) < 0)
			_exit(2);
		_exit(1);
	}
	supervise(cfg, &spec, fds[SPEC_LOG], fds[SPEC_RESULT]);
}

static void zygote_run(int fd, const struct supervise_config *cfg)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Keep nothing of the daemon's: its lock would outlive it. */
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	fd = dup2(fd, 3);
	close_range(4, ~0u, 0);
	prctl(PR_SET_NAME, "vpcd-zygote");
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGCHLD, SIG_IGN);
	/* What ends the daemon from a terminal ends neither it nor supervisors. */
	setsid();
	for (;;) {
		cleanup_json struct json *msg = NULL;
		int fds[SPEC_FDS];
		size_t n = SPEC_FDS;
		struct err e;

		if (sockmsg_recv(fd, &msg, fds, &n, &e) <= 0)
			_exit(0);
		if (n == SPEC_FDS)
			handle(cfg, msg, fds);
		close_all(fds, n);
	}
}

int zygote_start(const char *run_dir, gid_t gid, struct zygote **ret, struct err *e)
{
	struct supervise_config cfg = {.gid = gid};
	struct zygote *z;
	char path[PATH_MAX + 16];
	int sv[2];

	snprintf(cfg.run_dir, sizeof(cfg.run_dir), "%s", run_dir);
	snprintf(path, sizeof(path), "%s/sandboxes", run_dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		return err_sys(e, -errno, "make %s", path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_sys(e, -errno, "socketpair");
	z = calloc(1, sizeof(*z));
	if (z)
		z->pid = fork();
	if (!z || z->pid < 0) {
		close_all(sv, 2);
		free(z);
		return err_sys(e, z ? -errno : -ENOMEM, "start the zygote");
	}
	if (!z->pid)
		zygote_run(sv[1], &cfg);
	close(sv[1]);
	z->fd = sv[0];
	z->gid = gid;
	*ret = z;
	return 0;
}

void zygote_stop(struct zygote *z)
{
	if (!z)
		return;
	close(z->fd);
	while (waitpid(z->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(z);
}

/* ---- asking it ---- */

static int open_log(const struct zygote *z, const char *path, struct err *e)
{
	cleanup_close int fd = open(path ? path : "/dev/null",
				    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return err_sys(e, -errno, "open %s", path);
	if (path && z->gid != (gid_t)-1 && fchown(fd, -1, z->gid))
		return err_sys(e, -errno, "chown %s", path);
	return TAKE_FD(fd);
}

/* The outcome of a start, or what its sudden end means. */
static int read_result(int fd, struct err *e)
{
	struct err result;
	ssize_t n;

	do
		n = read(fd, &result, sizeof(result));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(result))
		return err_sys(e, -ECHILD, "the supervisor ended at its start");
	if (result.rc && e)
		*e = result;
	return result.rc;
}

int supervisor_start(struct zygote *z, const struct supervisor_spec *spec, struct err *e)
{
	cleanup_json struct json *msg = spec_to_json(spec);
	cleanup_close int log = -1, result = -1, result_write = -1;
	int p[2], rc = fault_hit("netns.supervisor_start");

	if (rc)
		return err_sys(e, rc, "start sandbox %s", spec->id);
	log = open_log(z, spec->log_path, e);
	if (log < 0)
		return err_wrap(e, "start sandbox %s", spec->id);
	if (pipe2(p, O_CLOEXEC))
		return err_sys(e, -errno, "start sandbox %s", spec->id);
	result = p[0];
	result_write = p[1];
	int fds[SPEC_FDS] = {spec->userns_fd, spec->netns_fd, log, result_write};
	rc = sockmsg_send(z->fd, msg, fds, SPEC_FDS, e);
	cleanup_closep(&result_write);
	result_write = -1;
	if (!rc)
		rc = read_result(result, e);
	return rc ? err_wrap(e, "start sandbox %s", spec->id) : 0;
}
