/* SPDX-License-Identifier: MIT
 * Every kernel step of the fabric fails once, at each of its calls; each failure must leave what
 * was there before, and the same call must then succeed.
 *
 * Faults are read from the environment once a process, so that each case runs in a process of its
 * own: this program with the argument "scenario". It exits with PASSED, FAULTED (the fault was met
 * and everything was right) or something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "fabric_env.h"

enum { PASSED = 0, FAULTED = 10, WRONG = 11 };

struct scenario {
	struct env env;
	int foreign_fd;
	unsigned faults;
};

static bool wrong(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s (%s)\n", getenv("VPCD_FAULT"), what, e->msg);
	return false;
}

/* A step that may fail once, if it then leaves everything as it was. */
static bool survives(struct scenario *s, int (*step)(struct scenario *s, struct err *e),
		     const char *what)
{
	struct census before = env_census(&s->env, s->foreign_fd), after;
	struct err e = {0};

	if (!step(s, &e))
		return true;
	s->faults++;
	after = env_census(&s->env, s->foreign_fd);
	if (!census_equal(&before, &after)) {
		fprintf(stderr, "fds %d %d, mounts %d %d, files %d %d, links %d %d, inner %d %d\n",
			before.fds, after.fds, before.mounts, after.mounts, before.files,
			after.files, before.links, after.links, before.inner, after.inner);
		return wrong(what, &e);
	}
	return !step(s, &e) || wrong("the second try failed", &e);
}

/* A step of removal: it may stop half way, and the second try goes on from there. */
static bool resumes(struct scenario *s, int (*step)(struct scenario *s, struct err *e))
{
	struct err e = {0};

	if (!step(s, &e))
		return true;
	s->faults++;
	return !step(s, &e) || wrong("the second try failed", &e);
}

static int open_fabric(struct scenario *s, struct err *e)
{
	return env_open(&s->env, 1, e);
}

static int attach_own(struct scenario *s, struct err *e)
{
	struct cidr routes[] = {env_cidr("172.16.0.0/12")};
	struct attachment_spec spec = env_spec(&s->env, "eni-own", 10);

	spec.ifindex = 5001;
	spec.routes = routes;
	spec.n_routes = 1;
	return fabric_attach(s->env.f, &spec, e);
}

static int attach_pooled(struct scenario *s, struct err *e)
{
	struct attachment_spec spec = env_spec(&s->env, "eni-pooled", 11);
	struct fabric *f = s->env.f;
	int rc;

	fabric_pool_fill(f);
	spec.ifindex = fabric_pool_take_ifindex(f);
	if (!spec.ifindex)
		return err_sys(e, -ENOENT, "pool");
	rc = fabric_attach(f, &spec, e);
	return rc;
}

static int attach_foreign(struct scenario *s, struct err *e)
{
	struct attachment_spec spec = env_spec(&s->env, "eni-foreign", 12);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->foreign_fd);
	spec.ifindex = 5003;
	spec.netns_path = path;
	return fabric_attach(s->env.f, &spec, e);
}

static int detach_own(struct scenario *s, struct err *e)
{
	return fabric_detach(s->env.f, "eni-own", 5001, e);
}

static int detach_foreign(struct scenario *s, struct err *e)
{
	return fabric_detach(s->env.f, "eni-foreign", 5003, e);
}

static int purge(struct scenario *s, struct err *e)
{
	return fabric_purge(s->env.run_dir, e);
}

static bool scenario_steps(struct scenario *s)
{
	bool ok = survives(s, open_fabric, "open") && survives(s, attach_own, "attach") &&
		  survives(s, attach_pooled, "attach pooled") &&
		  survives(s, attach_foreign, "attach foreign") && resumes(s, detach_own) &&
		  resumes(s, detach_foreign);

	fabric_close(s->env.f);
	s->env.f = NULL;
	return ok && resumes(s, purge);
}

static int scenario_main(void)
{
	struct scenario s = {.foreign_fd = env_foreign_netns()};
	struct census before, after;
	bool ok;

	if (!env_init(&s.env))
		return WRONG;
	before = env_census(&s.env, s.foreign_fd);
	ok = scenario_steps(&s);
	after = env_census(&s.env, s.foreign_fd);
	if (ok && !census_equal(&before, &after))
		ok = wrong("something is left", &(struct err){0});
	if (ok && waitpid(-1, NULL, __WALL) >= 0)
		ok = wrong("a process is left", &(struct err){0});
	env_done(&s.env);
	return !ok ? WRONG : s.faults ? FAULTED : PASSED;
}

static int scenario_run(const char *step, unsigned nth)
{
	char fault[96];
	int status;
	pid_t pid;

	snprintf(fault, sizeof(fault), "%s:%u=EIO", step, nth);
	pid = fork();
	if (!pid) {
		setenv("VPCD_FAULT", fault, 1);
		execl("/proc/self/exe", "fabric_fault_test", "scenario", NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Each call of the step in turn, until the scenario has no further one. Calls whose failure is of
 * no consequence (when undoing, closing, filling the pool) show as PASSED too: hence the count. */
static void step_fails_nothing_is_left(void **state)
{
	const char *step = *state;
	unsigned met = 0, quiet = 0;

	for (unsigned nth = 1; quiet < 3; nth++) {
		int rc = scenario_run(step, nth);

		assert_true(rc == PASSED || rc == FAULTED);
		met += rc == FAULTED;
		quiet = rc == PASSED ? quiet + 1 : 0;
	}
	assert_true(met > 0);
}

#define STEP(name)                                                                    \
	{                                                                             \
		name, step_fails_nothing_is_left, NULL, NULL, (void *)("netns." name) \
	}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STEP("tmpfs_mount"), STEP("unshare"),	STEP("sysctl"),	     STEP("socket"),
		STEP("enter"),	     STEP("ns_open"),	STEP("clone"),	     STEP("id_map"),
		STEP("file_create"), STEP("bind"),	STEP("link_add"),    STEP("qdisc_add"),
		STEP("filter_add"),  STEP("link_up"),	STEP("lo_up"),	     STEP("peer_set"),
		STEP("peer_up"),     STEP("addr_add"),	STEP("route_add"),   STEP("neigh_add"),
		STEP("link_commit"), STEP("group_set"), STEP("link_delete"), STEP("group_delete"),
		STEP("file_remove"),
	};

	if (geteuid()) {
		fprintf(stderr, "needs root\n");
		return 77;
	}
	if (argc > 1 && !strcmp(argv[1], "scenario"))
		return scenario_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
