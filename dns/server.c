/* SPDX-License-Identifier: MIT
 * The server's thread: its sockets, its loop, and the handover of snapshots.
 *
 * The thread opens each listener in its namespace and then stands in the forwarding namespace for
 * good, so that libunbound, whose threads are born there, never sends from anywhere else.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "dns/serve.h"
#include "lib/cleanup.h"

/* ---- sockets, in their namespaces ---- */

static int netns_enter(int fd, struct err *e)
{
	return setns(fd, CLONE_NEWNET) ? err_sys(e, -errno, "enter network namespace") : 0;
}

static socklen_t listener_addr(const struct dns_listener *cfg, struct sockaddr_storage *ret)
{
	uint16_t port = htons(cfg->port ? cfg->port : 53);
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};

	if (cfg->address.family == AF_INET) {
		v4.sin_addr.s_addr = htonl(ip_to_v4(&cfg->address));
		memcpy(ret, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, cfg->address.b, sizeof(v6.sin6_addr));
	memcpy(ret, &v6, sizeof(v6));
	return sizeof(v6);
}

static int listener_open(struct listener *l, int home, struct err *e)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = listener_addr(&l->cfg, &addr);
	char text[IP_STRLEN];
	int rc = netns_enter(l->cfg.netns_fd < 0 ? home : l->cfg.netns_fd, e);

	if (!rc)
		rc = udp_open(l, (struct sockaddr *)&addr, len, e);
	if (!rc)
		rc = tcp_open(l, (struct sockaddr *)&addr, len, e);
	return rc ? err_wrap(e, "DNS on %s", ip_format(&l->cfg.address, text)) : 0;
}

static int sockets_open(struct dns_server *d, struct err *e)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int rc = home < 0 ? err_sys(e, -errno, "own network namespace") : 0;

	for (size_t i = 0; i < d->n_listeners && !rc; i++)
		rc = listener_open(&d->listeners[i], home, e);
	return rc ? rc : netns_enter(d->forward_netns_fd < 0 ? home : d->forward_netns_fd, e);
}

/* ---- the thread ---- */

/* Upstream may be one of our own listeners: if what it serves has changed, so may what was cached.
 */
static bool served_differs(const struct dns_server *d, const struct dns_snapshot *a,
			   const struct dns_snapshot *b)
{
	for (size_t i = 0; i < d->n_listeners; i++) {
		int32_t view = d->listeners[i].cfg.view;

		if (view >= 0 && dns_view_digest(dns_snapshot_view(a, (uint32_t)view)) !=
					 dns_view_digest(dns_snapshot_view(b, (uint32_t)view)))
			return true;
	}
	return false;
}

static void on_wake(void *arg, int fd, uint32_t events)
{
	struct dns_server *d = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	pthread_mutex_lock(&d->lock);
	if (d->next) {
		bool flush = d->snapshot && served_differs(d, d->snapshot, d->next);

		serve_flush_logs(d); /* the old views' logs may go with them */
		d->old = d->snapshot;
		d->snapshot = TAKE(d->next);
		forwarders_retain(d);
		if (flush)
			forwarders_flush(d);
		pthread_cond_broadcast(&d->changed);
	}
	if (d->stop)
		event_loop_exit(d->loop, 0);
	pthread_mutex_unlock(&d->lock);
}

static void on_tick(void *arg)
{
	struct dns_server *d = arg;
	uint64_t now = monotonic_ns();
	size_t busy = tcp_tick(d, now) + forwarders_tick(d, now);

	serve_flush_logs(d);
	if (!busy) {
		event_timer_set(d->tick, 0, 0);
		d->ticking = false;
	}
}

static int thread_setup(struct dns_server *d, struct err *e)
{
	int rc = sockets_open(d, e);

	if (!rc)
		rc = event_loop_new(&d->loop, e);
	if (!rc)
		rc = udp_batch_new(d, e);
	if (!rc)
		rc = event_add_io(d->loop, d->wake_fd, EPOLLIN, on_wake, d, NULL, e);
	if (!rc)
		rc = event_add_timer(d->loop, 0, 0, on_tick, d, &d->tick, e);
	if (!rc)
		rc = forwarders_new(d, e);
	for (size_t i = 0; i < d->n_listeners && !rc; i++) {
		rc = udp_watch(&d->listeners[i], e);
		if (!rc)
			rc = tcp_watch(&d->listeners[i], e);
	}
	return rc;
}

static void *thread_main(void *arg)
{
	struct dns_server *d = arg;
	int rc;

	pthread_setname_np(pthread_self(), "dns"); /* libunbound's threads get it too */
	rc = thread_setup(d, &d->start_err);
	pthread_mutex_lock(&d->lock);
	d->start_rc = rc;
	d->started = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (!rc)
		event_loop_run(d->loop);
	forwarders_free(d->forwarders);
	tcp_close_all(d);
	serve_flush_logs(d);
	event_loop_free(d->loop);
	return NULL;
}

/* ---- from outside ---- */

static void server_free(struct dns_server *d)
{
	for (size_t i = 0; i < d->n_listeners; i++) {
		cleanup_closep(&d->listeners[i].udp_fd);
		cleanup_closep(&d->listeners[i].tcp_fd);
	}
	cleanup_closep(&d->wake_fd);
	dns_snapshot_free(d->snapshot);
	dns_snapshot_free(d->next);
	free(d->udp);
	free(d->listeners);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct dns_server *server_new(const struct dns_server_config *cfg)
{
	struct dns_server *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	TAILQ_INIT(&d->conns);
	if (getrandom(&d->random, sizeof(d->random), 0) < 0 || !d->random)
		d->random = (uint32_t)monotonic_ns() | 1;
	d->forward_netns_fd = cfg->forward_netns_fd;
	d->forwarder = cfg->forwarder;
	d->forwarder_port = cfg->forwarder_port;
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->listeners = calloc(cfg->n_listeners, sizeof(*d->listeners));
	if (d->wake_fd < 0 || !d->listeners) {
		server_free(d);
		return NULL;
	}
	d->n_listeners = cfg->n_listeners;
	for (size_t i = 0; i < d->n_listeners; i++)
		d->listeners[i] = (struct listener){
			.server = d, .cfg = cfg->listeners[i], .udp_fd = -1, .tcp_fd = -1};
	return d;
}

/* Signals are the caller's business: the thread, and those that it starts, block them all. */
static int thread_start(struct dns_server *d)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&d->thread, NULL, thread_main, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int dns_server_start(const struct dns_server_config *cfg, struct dns_server **ret, struct err *e)
{
	struct dns_server *d;
	int rc;

	for (size_t i = 0; i < cfg->n_listeners; i++)
		if (!ip_is_set(&cfg->listeners[i].address))
			return err_set(e, -EINVAL, "InternalError", "", "DNS listener: no address");
	d = server_new(cfg);
	if (!d)
		return err_sys(e, -ENOMEM, "DNS server");
	rc = thread_start(d);
	if (rc) {
		server_free(d);
		return err_sys(e, rc, "DNS thread");
	}
	pthread_mutex_lock(&d->lock);
	while (!d->started)
		pthread_cond_wait(&d->changed, &d->lock);
	rc = d->start_rc;
	pthread_mutex_unlock(&d->lock);
	if (!rc) {
		*ret = d;
		return 0;
	}
	pthread_join(d->thread, NULL);
	if (e)
		*e = d->start_err;
	server_free(d);
	return rc;
}

static void wake(struct dns_server *d)
{
	const uint64_t one = 1;

	/* An eventfd takes it unless its counter is full, and then the thread wakes all the same.
	 */
	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void dns_server_publish(struct dns_server *d, struct dns_snapshot *take)
{
	struct dns_snapshot *old;

	pthread_mutex_lock(&d->lock);
	d->next = take;
	wake(d);
	/* The thread takes it between two queries: those before were answered, none is half done.
	 */
	while (d->next)
		pthread_cond_wait(&d->changed, &d->lock);
	old = TAKE(d->old);
	pthread_mutex_unlock(&d->lock);
	dns_snapshot_free(old);
}

void dns_server_stop(struct dns_server *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	wake(d);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	server_free(d);
}

void dns_server_stats(const struct dns_server *d, struct dns_stats *ret)
{
	uint64_t v[STAT_COUNT];

	for (int i = 0; i < STAT_COUNT; i++)
		v[i] = atomic_load_explicit(&d->stats[i], memory_order_relaxed);
#define DNS_STAT_COPY(name, help) ret->name = v[STAT_##name];
	DNS_STATS(DNS_STAT_COPY)
#undef DNS_STAT_COPY
}
