/* SPDX-License-Identifier: MIT
 * See live_tests.h.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/cleanup.h"
#include "vpcd/live_tests.h"

#define WAIT_MS 1500 /* a SYN is sent again after one second */

struct live_case {
	size_t test;
	char from[128], to[128], service[32];
	bool allowed; /* says the program */
};

struct namespace
{
	char attachment[SYMBOL_LEN];
	int fd;
	UT_hash_handle hh;
};

struct live_tests {
	struct fabric *fabric;
	struct namespace *namespaces;
	struct live_case *cases;
	struct live_probe *probes; /* of the same index */
	size_t n;
	struct json *answer;
	int pipe;
};

struct live_tests *live_tests_new(struct fabric *f)
{
	struct live_tests *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct live_tests){.fabric = f,
				 .cases = calloc(LIVE_CASES_MAX, sizeof(*l->cases)),
				 .probes = calloc(LIVE_CASES_MAX, sizeof(*l->probes)),
				 .pipe = -1};
	if (l->cases && l->probes)
		return l;
	live_tests_free(l);
	return NULL;
}

void live_tests_free(struct live_tests *l)
{
	struct namespace *ns, *tmp;

	if (!l)
		return;
	HASH_ITER (hh, l->namespaces, ns, tmp) {
		HASH_DEL(l->namespaces, ns);
		close(ns->fd);
		free(ns);
	}
	cleanup_closep(&l->pipe);
	json_free(l->answer);
	free(l->cases);
	free(l->probes);
	free(l);
}

/* Opened once for each interface; -1: it has none of its own. */
static int namespace_of(struct live_tests *l, const char *attachment)
{
	struct namespace *ns;

	HASH_FIND_STR(l->namespaces, attachment, ns);
	if (ns)
		return ns->fd;
	ns = calloc(1, sizeof(*ns));
	if (!ns)
		return -1;
	snprintf(ns->attachment, sizeof(ns->attachment), "%s", attachment);
	ns->fd = fabric_open_netns(l->fabric, attachment, NULL);
	if (ns->fd < 0) {
		free(ns);
		return -1;
	}
	HASH_ADD_STR(l->namespaces, attachment, ns);
	return ns->fd;
}

int live_tests_add(struct live_tests *l, size_t test, const struct trace_query *q,
		   const struct trace_path *forward, bool allowed)
{
	const struct trace_packet *p = &forward->legs[0].in;
	struct live_probe *probe = &l->probes[l->n];
	struct live_case *c = &l->cases[l->n];

	if (l->n == LIVE_CASES_MAX)
		return -ENOSPC;
	*probe = (struct live_probe){.netns_fd = namespace_of(l, q->from->attachment),
				     .protocol = p->protocol,
				     .type = p->type,
				     .port = p->dport,
				     .to = {.family = p->family}};
	memcpy(probe->to.b, p->daddr.b, 16);
	if (probe->netns_fd < 0 || forward->astray)
		return 0;
	c->test = test;
	c->allowed = allowed;
	snprintf(c->from, sizeof(c->from), "%s", q->from->name);
	snprintf(c->to, sizeof(c->to), "%s", q->to->name);
	trace_service_format(&q->service, c->service, sizeof(c->service));
	l->n++;
	return 0;
}

/* ---- the thread ---- */

static bool disagrees(const struct live_case *c, const struct live_probe *p)
{
	if (p->result == LIVE_UNTRIED)
		return false;
	if (p->result == LIVE_ANSWERED)
		return !c->allowed;
	return c->allowed && live_is_conclusive(p);
}

static void put_disagreement(struct json *answer, const struct live_case *c)
{
	struct json *test = json_at(json_get(answer, "Tests"), c->test);
	struct json *f = json_new_obj();

	json_set_str(f, "From", c->from);
	json_set_str(f, "To", c->to);
	json_set_str(f, "Service", c->service);
	json_set_str(f, "Verdict", c->allowed ? "allow" : "deny");
	json_set_str(f, "Message",
		     c->allowed ? "disagreement: the program would let it pass, a real attempt got "
				  "no answer"
				: "disagreement: the program would drop it, a real attempt was "
				  "answered");
	if (!json_get(test, "Failures"))
		json_set(test, "Failures", json_new_arr());
	json_append(json_get(test, "Failures"), f);
	if (!strcmp(json_str(json_get(test, "Result")) ?: "", "pass")) {
		json_set_str(test, "Result", "fail");
		json_set_num(answer, "Passed", json_num(json_get(answer, "Passed")) - 1);
		json_set_num(answer, "Failed", json_num(json_get(answer, "Failed")) + 1);
	}
}

static void write_answer(const struct live_tests *l)
{
	cleanup_free char *text = json_print(l->answer);
	size_t left = text ? strlen(text) : 0;
	const char *p = text;

	while (left) {
		ssize_t n = write(l->pipe, p, left);

		if (n < 0 && errno != EINTR)
			return; /* nobody wants to know any more */
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
}

static void *live_thread(void *arg)
{
	struct live_tests *l = arg;
	size_t tried = 0, differ = 0;

	live_try(l->probes, l->n, WAIT_MS);
	for (size_t i = 0; i < l->n; i++) {
		tried += l->probes[i].result != LIVE_UNTRIED;
		if (!disagrees(&l->cases[i], &l->probes[i]))
			continue;
		differ++;
		put_disagreement(l->answer, &l->cases[i]);
	}
	json_set_num(l->answer, "Tried", (double)tried);
	json_set_num(l->answer, "Disagreements", (double)differ);
	write_answer(l);
	live_tests_free(l);
	return NULL;
}

int live_tests_run(struct live_tests *l, struct json *answer, int *ret_fd, struct err *e)
{
	sigset_t all, old;
	pthread_t thread;
	int fds[2], rc;

	l->answer = answer;
	if (pipe2(fds, O_CLOEXEC)) {
		rc = -errno;
		live_tests_free(l);
		return err_sys(e, rc, "test");
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	l->pipe = fds[1];
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, live_thread, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		close(fds[0]);
		live_tests_free(l);
		return err_sys(e, -rc, "test");
	}
	pthread_setname_np(thread, "live-tests");
	pthread_detach(thread);
	*ret_fd = fds[0];
	return 0;
}
