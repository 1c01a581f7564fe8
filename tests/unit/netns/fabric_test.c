/* SPDX-License-Identifier: MIT
 * The fabric on real namespaces: what an attachment looks like from within, adoption, foreign
 * namespaces, the pool, and that nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <time.h>

#include "fabric_env.h"

static int setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));
	struct err e = {0};

	*state = env;
	if (!env_init(env) || env_open(env, 0, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	env_done(env);
	assert_int_equal(env_count_mounts(env->run_dir), 0);
	assert_int_equal(access(env->run_dir, F_OK), -1);
	free(env);
	return 0;
}

static void attach(struct env *env, const struct attachment_spec *spec)
{
	struct err e;

	if (fabric_attach(env->f, spec, &e))
		fail_msg("%s", e.msg);
}

/* A command in a namespace by descriptor; its first 4 KiB of output in buf. */
static const char *within(int ns_fd, const char *command, char *buf)
{
	char line[512];
	size_t n = 0;
	FILE *f;

	snprintf(line, sizeof(line), "nsenter --net=/proc/%d/fd/%d %s 2>&1", getpid(), ns_fd,
		 command);
	f = popen(line, "r");
	assert_non_null(f);
	n = fread(buf, 1, 4095, f);
	buf[n] = 0;
	pclose(f);
	return buf;
}

static void an_attachment_has_address_route_neighbour_and_mtu(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	cleanup_close int ns = -1;
	char out[4096], command[64];

	spec.mtu = 9001;
	attach(env, &spec);
	ns = fabric_open_netns(env->f, "eni-a", NULL);
	assert_true(ns >= 0);
	assert_non_null(strstr(within(ns, "ip addr show eth0", out), "10.0.1.10/24"));
	assert_non_null(strstr(out, "mtu 9001"));
	assert_non_null(strstr(out, "02:00:00:00:02:0a"));
	assert_non_null(strstr(within(ns, "ip route", out), "default via 10.0.1.1 dev eth0"));
	assert_non_null(strstr(within(ns, "ip neigh", out), "PERMANENT"));
	assert_non_null(strstr(within(ns, "ip addr show lo", out), "127.0.0.1"));
	snprintf(command, sizeof(command), "tc filter show dev eni%u ingress", spec.ifindex);
	assert_non_null(strstr(within(fabric_fd(env->f), command, out), "direct-action"));
}

static void a_gateway_outside_the_prefix_is_on_link(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "inet-a", 10);
	cleanup_close int ns = -1;
	char out[4096];

	spec.address = env_cidr("203.0.113.80/32");
	spec.gateway = ip_from_v4(0xcb007101);
	spec.gateway_mac = NULL;
	attach(env, &spec);
	ns = fabric_open_netns(env->f, "inet-a", NULL);
	assert_non_null(strstr(within(ns, "ip route", out), "default via 203.0.113.1 dev eth0"));
	assert_non_null(strstr(out, "onlink"));
}

static const char *addresses(int ns, char *buf)
{
	return within(ns, "ip -o addr show dev eth0", buf);
}

static void ipv6_comes_ready_to_use(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	struct cidr more[] = {env_cidr("10.0.1.11/32"), env_cidr("2001:db8:1::10/64")};
	cleanup_close int ns = -1;
	char out[4096];

	spec.gateway_mac = NULL;
	spec.gateway6 = env_cidr("fe80:ec2::1/128").ip;
	spec.more_addresses = more;
	spec.n_more_addresses = ARRAY_SIZE(more);
	attach(env, &spec);
	ns = fabric_open_netns(env->f, "eni-a", NULL);
	assert_true(ns >= 0);
	addresses(ns, out);
	assert_non_null(strstr(out, "10.0.1.10/24"));
	assert_non_null(strstr(out, "10.0.1.11/32"));
	assert_non_null(strstr(out, "2001:db8:1::10/64 scope global nodad"));
	assert_non_null(strstr(out, "fe80::ff:fe00:20a/64 scope link nodad"));
	assert_null(strstr(out, "tentative"));
	assert_non_null(strstr(within(ns, "ip -6 route", out), "default via fe80:ec2::1 dev eth0"));
	assert_non_null(strstr(within(ns, "ip route", out), "default via 10.0.1.1 dev eth0"));
	assert_non_null(strstr(within(ns, "cat /proc/sys/net/ipv6/conf/eth0/accept_ra", out), "0"));
}

static void addresses_change_without_remaking_the_interface(void **state)
{
	struct env *env = *state;
	struct attachment_spec old = env_spec(env, "eni-a", 10), spec = old;
	struct cidr before[] = {env_cidr("10.0.1.11/32")};
	struct cidr after[] = {env_cidr("10.0.1.12/32"), env_cidr("2001:db8:1::10/64")};
	struct err e;
	cleanup_close int ns = -1;
	char out[4096];

	old.more_addresses = before;
	old.n_more_addresses = ARRAY_SIZE(before);
	attach(env, &old);
	ns = fabric_open_netns(env->f, "eni-a", NULL);
	within(ns, "ip addr add 192.0.2.1/32 dev eth0", out); /* somebody's own */
	spec.more_addresses = after;
	spec.n_more_addresses = ARRAY_SIZE(after);
	spec.gateway6 = env_cidr("fe80:ec2::1/128").ip;
	for (int twice = 0; twice < 2; twice++)
		if (fabric_readdress(env->f, &old, &spec, &e))
			fail_msg("%s", e.msg);
	addresses(ns, out);
	assert_null(strstr(out, "10.0.1.11/"));
	assert_non_null(strstr(out, "10.0.1.10/24"));
	assert_non_null(strstr(out, "10.0.1.12/32"));
	assert_non_null(strstr(out, "192.0.2.1/32"));
	assert_non_null(strstr(out, "2001:db8:1::10/64"));
	assert_non_null(strstr(within(ns, "ip -6 route", out), "default via fe80:ec2::1"));

	if (fabric_readdress(env->f, &spec, &old, &e))
		fail_msg("%s", e.msg);
	assert_null(strstr(addresses(ns, out), "inet6"));
	assert_non_null(strstr(out, "10.0.1.11/32"));
	assert_null(strstr(within(ns, "ip -6 route", out), "default"));
	assert_non_null(strstr(within(ns, "ip route", out), "default via 10.0.1.1"));

	if (fabric_readdress(env->f, NULL, &spec, &e)) /* a daemon that knows of none before */
		fail_msg("%s", e.msg);
	assert_non_null(strstr(addresses(ns, out), "2001:db8:1::10/64"));
	assert_non_null(strstr(out, "10.0.1.11/32"));
}

struct found {
	unsigned n, ours;
	struct attachment_state last;
	char id[64];
};

static int find(void *arg, const struct attachment_state *a)
{
	struct found *f = arg;

	f->n++;
	f->ours += a->has_program;
	f->last = *a;
	snprintf(f->id, sizeof(f->id), "%s", a->id);
	return 0;
}

static struct found list(struct env *env)
{
	struct found f = {0};
	struct err e;

	if (fabric_list(env->f, find, &f, &e))
		fail_msg("%s", e.msg);
	return f;
}

static void a_second_daemon_finds_what_stands(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	struct found f;
	struct err e;

	attach(env, &spec);
	fabric_close(env->f);
	env->f = NULL;
	close(env->prog_fd);
	env->prog_fd = env_program(); /* loaded anew: another one */
	if (env_open(env, 0, &e))
		fail_msg("%s", e.msg);
	f = list(env);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.id, "eni-a");
	assert_int_equal(f.last.ifindex, spec.ifindex);
	assert_true(f.last.up && f.last.namespace_alive);
	assert_false(f.last.has_program);
	assert_int_equal(fabric_attach_program(env->f, spec.ifindex, &e), 0);
	assert_true(list(env).last.has_program);
	assert_int_equal(fabric_attach(env->f, &spec, &e), -EEXIST);
}

static void a_detached_one_is_gone_and_detaching_again_is_fine(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	struct err e;

	attach(env, &spec);
	assert_int_equal(fabric_detach(env->f, "eni-a", spec.ifindex, &e), 0);
	assert_int_equal(list(env).n, 0);
	assert_true(fabric_open_netns(env->f, "eni-a", NULL) < 0);
	assert_int_equal(fabric_detach(env->f, "eni-a", spec.ifindex, &e), 0);
	spec.ifindex = env->next_ifindex++;
	attach(env, &spec);
	assert_int_equal(list(env).n, 1);
}

static void what_a_descriptor_keeps_alive_is_reaped(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	cleanup_close int ns = -1;
	struct census before = env_census(env, -1), after;
	const struct timespec pause = {.tv_nsec = 50000000};

	attach(env, &spec);
	ns = fabric_open_netns(env->f, "eni-a", NULL);
	assert_int_equal(fabric_detach(env->f, "eni-a", spec.ifindex, NULL), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(fabric_reap(env->f, NULL), 0);
		after = env_census(env, -1);
		if (after.links == before.links)
			break;
		nanosleep(&pause, NULL);
	}
	assert_int_equal(after.links, before.links);
}

static void a_foreign_namespace_gets_an_interface_and_loses_it(void **state)
{
	struct env *env = *state;
	cleanup_close int ns = env_foreign_netns();
	struct attachment_spec spec = env_spec(env, "eni-f", 10);
	struct census before = env_census(env, ns), after;
	char path[64], out[4096];
	struct err e;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), ns);
	spec.netns_path = path;
	attach(env, &spec);
	assert_non_null(strstr(within(ns, "ip addr show eth0", out), "10.0.1.10/24"));
	assert_true(list(env).last.namespace_alive);
	spec.id = "eni-g"; /* the interface's name is taken there */
	spec.ifindex = env->next_ifindex++;
	assert_int_equal(fabric_attach(env->f, &spec, &e), -EEXIST);
	assert_int_equal(fabric_detach(env->f, "eni-f", spec.ifindex - 1, &e), 0);
	after = env_census(env, ns);
	assert_true(census_equal(&before, &after));
	spec.netns_path = "/etc/passwd";
	assert_int_not_equal(fabric_attach(env->f, &spec, &e), 0);
	assert_non_null(strstr(e.msg, "/etc/passwd"));
}

static void a_sandboxs_root_has_no_power_over_the_fabric(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec = env_spec(env, "eni-a", 10);
	cleanup_close int net = -1, user = -1;
	pid_t pid;
	int status;

	attach(env, &spec);
	net = fabric_open_netns(env->f, "eni-a", NULL);
	user = fabric_open_userns(env->f, "eni-a", NULL);
	assert_true(net >= 0 && user >= 0);
	pid = fork();
	if (!pid)
		_exit(setns(user, CLONE_NEWUSER) || setns(net, CLONE_NEWNET) ? 2
		      : setns(fabric_fd(env->f), CLONE_NEWNET)		     ? 0
									     : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void the_pool_is_used_up_one_by_one(void **state)
{
	struct env *env = *state;
	struct attachment_spec spec;
	uint32_t ifindex;
	struct err e;

	fabric_close(env->f);
	env->f = NULL;
	if (env_open(env, 3, &e))
		fail_msg("%s", e.msg);
	while (fabric_pool_fill(env->f))
		;
	assert_int_equal(list(env).n, 0); /* its members are nobody's yet */
	for (unsigned i = 0; i < 3; i++) {
		char id[16];

		ifindex = fabric_pool_take_ifindex(env->f);
		assert_int_not_equal(ifindex, 0);
		snprintf(id, sizeof(id), "eni-%u", i);
		spec = env_spec(env, id, 10 + i);
		spec.ifindex = ifindex;
		attach(env, &spec);
	}
	assert_int_equal(fabric_pool_take_ifindex(env->f), 0);
	assert_int_equal(list(env).n, 3);
	assert_int_equal(list(env).ours, 3);
}

static void two_hundred_attachments_come_and_go(void **state)
{
	struct env *env = *state;
	struct census before = env_census(env, -1), after;
	uint32_t first = env->next_ifindex;
	const struct timespec pause = {.tv_nsec = 50000000};
	char id[16];

	for (unsigned i = 0; i < 200; i++) {
		struct attachment_spec spec;

		snprintf(id, sizeof(id), "eni-%u", i);
		spec = env_spec(env, id, 10 + i % 200);
		attach(env, &spec);
	}
	assert_int_equal(list(env).n, 200);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "eni-%u", i);
		assert_int_equal(fabric_detach(env->f, id, first + i, NULL), 0);
	}
	for (int i = 0; i < 200; i++) {
		fabric_reap(env->f, NULL);
		after = env_census(env, -1);
		if (census_equal(&before, &after))
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("links %d %d, files %d %d, fds %d %d", before.links, after.links, before.files,
		 after.files, before.fds, after.fds);
}

static void bad_names_are_refused(void **state)
{
	static const char *const names[] = {"", "..", "a/b", "../../etc/x"};
	struct env *env = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct attachment_spec spec = env_spec(env, names[i], 10);

		assert_int_not_equal(fabric_attach(env->f, &spec, &e), 0);
	}
	assert_int_equal(list(env).n, 0);
}

#define FABRIC_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FABRIC_TEST(an_attachment_has_address_route_neighbour_and_mtu),
		FABRIC_TEST(a_gateway_outside_the_prefix_is_on_link),
		FABRIC_TEST(ipv6_comes_ready_to_use),
		FABRIC_TEST(addresses_change_without_remaking_the_interface),
		FABRIC_TEST(a_second_daemon_finds_what_stands),
		FABRIC_TEST(a_detached_one_is_gone_and_detaching_again_is_fine),
		FABRIC_TEST(what_a_descriptor_keeps_alive_is_reaped),
		FABRIC_TEST(a_foreign_namespace_gets_an_interface_and_loses_it),
		FABRIC_TEST(a_sandboxs_root_has_no_power_over_the_fabric),
		FABRIC_TEST(the_pool_is_used_up_one_by_one),
		FABRIC_TEST(two_hundred_attachments_come_and_go),
		FABRIC_TEST(bad_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
