/* SPDX-License-Identifier: MIT
 * See sandbox.h. Theory: a process that joins a user namespace cannot come back, and one that
 * creates a PID namespace is not in it. So each start forks a helper, which joins and then clones
 * the process proper with CLONE_PARENT, as a child of the supervisor, and ends.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cap-ng.h>

#include "lib/cleanup.h"
#include "lib/fault.h"
#include "netns/mounts.h"
#include "netns/sandbox.h"

#define NEW_NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)

void sandbox_ns_close(struct sandbox_ns *ns)
{
	for (int i = 0; i < NS_COUNT; i++) {
		cleanup_closep(&ns->fd[i]);
		ns->fd[i] = -1;
	}
}

/* ---- reports from helper and process to the supervisor ---- */

struct report {
	pid_t pid;
	struct err e;
};

static int report(int fd, pid_t pid, const struct err *e)
{
	struct report r = {.pid = pid};

	if (e)
		r.e = *e;
	return write(fd, &r, sizeof(r)) == sizeof(r) ? 0 : -1;
}

static int report_read(int fd, struct report *ret, struct err *e)
{
	ssize_t n;

	do
		n = read(fd, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*ret))
		return err_sys(e, -ECHILD, "start of the sandbox ended early");
	if (ret->e.rc && e)
		*e = ret->e;
	return ret->e.rc;
}

static void die(int fd, const struct err *e)
{
	report(fd, 0, e);
	_exit(125);
}

/* ---- joining ---- */

/* The first user of the namespace; files of the host's root are nobody's there. */
static int become_root(struct err *e)
{
	if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return err_sys(e, -errno, "become root of the sandbox");
	return 0;
}

static int join(const struct sandbox_ns *ns, struct err *e)
{
	static const int types[NS_COUNT] = {CLONE_NEWUSER,  CLONE_NEWNET, CLONE_NEWNS,
					    CLONE_NEWPID,   CLONE_NEWUTS, CLONE_NEWIPC,
					    CLONE_NEWCGROUP};
	int rc = 0;

	for (int i = 0; i < NS_COUNT && !rc; i++) {
		if (ns->fd[i] >= 0 && setns(ns->fd[i], types[i]))
			rc = err_sys(e, -errno, "join the sandbox's namespaces");
		if (!rc && i == NS_USER)
			rc = become_root(e);
	}
	return rc;
}

/* A child of our parent. */
static pid_t clone_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
}

/* All but the capabilities named: bounding, permitted, effective and inheritable. Last step of
 * all: what comes after has no privilege. */
static int drop_capabilities(const char *const *keep, struct err *e)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (; keep && *keep; keep++) {
		int cap = capng_name_to_capability(*keep);

		if (cap >= 0)
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
					     CAPNG_BOUNDING_SET,
				     (unsigned)cap);
	}
	if (capng_apply(CAPNG_SELECT_BOTH))
		return err_sys(e, -EPERM, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_sys(e, -errno, "no new privileges");
	return 0;
}

/* ---- init ---- */

static void reap_for_ever(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwaitinfo(&child, NULL);
	}
}

static void run_init(const struct supervisor_spec *spec, const char *run_dir, int fd)
{
	struct err e = {0};
	int null, rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "vpcd-init");
	reset_signals();
	setsid();
	umask(022);
	rc = mounts_make(spec, run_dir, &e);
	if (!rc && sethostname(spec->hostname, strlen(spec->hostname)))
		rc = err_sys(&e, -errno, "set the host name %s", spec->hostname);
	if (!rc)
		rc = drop_capabilities(NULL, &e);
	if (rc)
		die(fd, &e);
	/* Dropping credentials resets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	report(fd, 0, NULL);
	close_range(3, ~0u, 0);
	reap_for_ever();
}

static void init_helper(const struct supervisor_spec *spec, const char *run_dir, int fd)
{
	struct sandbox_ns ns = {{spec->userns_fd, spec->netns_fd, -1, -1, -1, -1, -1}};
	struct err e = {0};
	pid_t pid;
	int rc = join(&ns, &e);

	if (!rc && unshare(NEW_NAMESPACES))
		rc = err_sys(&e, -errno, "make the sandbox's namespaces");
	if (rc)
		die(fd, &e);
	pid = clone_sibling();
	if (!pid)
		run_init(spec, run_dir, fd);
	if (pid < 0)
		err_sys(&e, -errno, "start the sandbox's init");
	report(fd, pid, pid < 0 ? &e : NULL);
	_exit(0);
}

/* Forks a helper that runs until it has reported; its report is the pid of the process proper. */
static int await_helper(pid_t helper, int fd, pid_t *ret, struct err *e)
{
	struct report r;
	int rc = helper < 0 ? err_sys(e, -errno, "fork") : report_read(fd, &r, e);

	if (helper > 0)
		while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
			;
	if (!rc)
		*ret = r.pid;
	return rc;
}

static int open_ns(pid_t init, const struct supervisor_spec *spec, struct sandbox_ns *ns,
		   struct err *e)
{
	static const char *const names[NS_COUNT] = {"user", "net", "mnt",   "pid",
						    "uts",  "ipc", "cgroup"};
	char path[64];

	for (int i = 0; i < NS_COUNT; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", init, names[i]);
		ns->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (ns->fd[i] < 0)
			return err_sys(e, -errno, "%s", path);
	}
	return 0;
}

int sandbox_init_start(const struct supervisor_spec *spec, const char *run_dir,
		       struct sandbox_ns *ret_ns, pid_t *ret_init, struct err *e)
{
	struct report ready;
	pid_t helper, init = 0;
	int p[2], rc = fault_hit("netns.sandbox_start");

	for (int i = 0; i < NS_COUNT; i++)
		ret_ns->fd[i] = -1;
	if (rc || pipe2(p, O_CLOEXEC))
		return err_sys(e, rc ? rc : -errno, "start the sandbox");
	helper = fork();
	if (!helper)
		init_helper(spec, run_dir, p[1]);
	close(p[1]);
	/* Two reports on one pipe, in either order: the pid and init's own. */
	rc = await_helper(helper, p[0], &init, e);
	if (!rc)
		rc = report_read(p[0], &ready, e);
	if (!rc && !init)
		init = ready.pid;
	if (!rc)
		rc = open_ns(init, spec, ret_ns, e);
	close(p[0]);
	if (!rc) {
		*ret_init = init;
		return 0;
	}
	if (init > 0) {
		kill(init, SIGKILL);
		waitpid(init, NULL, 0);
	}
	sandbox_ns_close(ret_ns);
	return rc;
}

/* ---- commands ---- */

static int take_stdio(const struct sandbox_command *c, struct err *e)
{
	int high[3];

	for (int i = 0; i < 3; i++)
		high[i] = fcntl(c->stdio[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			return err_sys(e, -errno, "standard streams");
	if (c->tty && ioctl(0, TIOCSCTTY, 0))
		return err_sys(e, -errno, "controlling terminal");
	return 0;
}

static void run_command(const struct sandbox_command *c, int fd)
{
	struct err e = {0};
	int code, rc;

	setsid();
	umask(022);
	reset_signals();
	rc = take_stdio(c, &e);
	if (!rc && chdir(c->directory) && chdir("/"))
		rc = err_sys(&e, -errno, "enter %s", c->directory);
	if (!rc && c->user &&
	    (setresgid(c->user, c->user, c->user) || setresuid(c->user, c->user, c->user)))
		rc = err_sys(&e, -errno, "become user %u", c->user);
	if (!rc)
		rc = drop_capabilities(c->capabilities, &e);
	if (rc)
		die(fd, &e);
	report(fd, 0, NULL);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	environ = (char **)c->env;
	execvp(c->argv[0], (char *const *)c->argv);
	code = errno == ENOENT ? 127 : 126;
	dprintf(2, "%s: %s\n", c->argv[0], strerror(errno));
	_exit(code);
}

int sandbox_exec(const struct sandbox_ns *ns, const struct sandbox_command *c, pid_t *ret_pid,
		 struct err *e)
{
	struct report ready;
	pid_t helper, pid = 0;
	int p[2], rc;

	if (pipe2(p, O_CLOEXEC))
		return err_sys(e, -errno, "start the command");
	helper = fork();
	if (!helper) {
		struct err he = {0};

		if (join(ns, &he))
			die(p[1], &he);
		pid = clone_sibling();
		if (!pid)
			run_command(c, p[1]);
		if (pid < 0)
			err_sys(&he, -errno, "start the command");
		report(p[1], pid, pid < 0 ? &he : NULL);
		_exit(0);
	}
	close(p[1]);
	rc = await_helper(helper, p[0], &pid, e);
	if (!rc)
		rc = report_read(p[0], &ready, e);
	if (!rc && !pid)
		pid = ready.pid;
	close(p[0]);
	if (!rc)
		*ret_pid = pid;
	return rc;
}
