/* SPDX-License-Identifier: MIT
 * DNS over TCP (RFC 7766): length prefixes, pipelining with replies in any order, limits, idle
 * time-outs. A connection is read no further while it has too much to send or too many queries
 * wait.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dns/serve.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

struct tcp_conn {
	TAILQ_ENTRY(tcp_conn) link;
	struct dns_server *server;
	struct dns_peer peer;
	int fd; /* -1: closed, kept for the queries that wait */
	struct event_source *source;
	uint32_t events;
	unsigned waiting;
	bool ended; /* the client sends no more */
	uint64_t idle_at_ns;
	size_t in_len;
	struct buf out;
	size_t sent; /* octets of `out` that are gone */
	uint8_t in[2 + TCP_QUERY_MAX];
};

int tcp_open(struct listener *l, const struct sockaddr *addr, socklen_t len, struct err *e)
{
	bool v6 = addr->sa_family == AF_INET6;
	int on = 1, level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	cleanup_close int fd =
		socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(e, -errno, "TCP socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, level, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    (v6 && setsockopt(fd, level, IPV6_V6ONLY, &on, sizeof(on))))
		return err_sys(e, -errno, "TCP socket options");
	if (bind(fd, addr, len) || listen(fd, TCP_MAX_CLIENT))
		return err_sys(e, -errno, "bind TCP");
	l->tcp_fd = TAKE_FD(fd);
	return 0;
}

static void conn_free(struct tcp_conn *c)
{
	buf_done(&c->out);
	free(c);
}

/* Off the wire at once; the memory stays while queries wait. */
static void conn_close(struct tcp_conn *c)
{
	if (c->fd < 0)
		return;
	event_source_free(c->source);
	close(c->fd);
	c->fd = -1;
	TAILQ_REMOVE(&c->server->conns, c, link);
	c->server->n_conns--;
	if (!c->waiting)
		conn_free(c);
}

void tcp_close_all(struct dns_server *d)
{
	struct tcp_conn *c;

	while ((c = TAILQ_FIRST(&d->conns)))
		conn_close(c);
}

static void conn_touch(struct tcp_conn *c)
{
	c->idle_at_ns = monotonic_ns() + TCP_IDLE_NS;
	TAILQ_REMOVE(&c->server->conns, c, link);
	TAILQ_INSERT_TAIL(&c->server->conns, c, link);
}

size_t tcp_tick(struct dns_server *d, uint64_t now_ns)
{
	struct tcp_conn *c;

	while ((c = TAILQ_FIRST(&d->conns)) && c->idle_at_ns <= now_ns)
		conn_close(c);
	return d->n_conns;
}

static size_t unsent(const struct tcp_conn *c)
{
	return c->out.len - c->sent;
}

static bool may_read(const struct tcp_conn *c)
{
	return unsent(c) < TCP_OUT_MAX && c->waiting < TCP_PENDING_MAX;
}

/* -errno: the connection is broken. */
static int conn_flush(struct tcp_conn *c)
{
	while (unsent(c)) {
		ssize_t n = send(c->fd, c->out.p + c->sent, unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		c->sent += (size_t)n;
		conn_touch(c);
	}
	buf_done(&c->out);
	c->out = (struct buf){0};
	c->sent = 0;
	return 0;
}

static void queue(struct tcp_conn *c, const uint8_t *reply, size_t len)
{
	uint8_t prefix[2] = {(uint8_t)(len >> 8), (uint8_t)len};

	buf_add(&c->out, prefix, sizeof(prefix));
	buf_add(&c->out, reply, len);
}

/* Answers the complete queries of the input. -EMSGSIZE: one that is too long. */
static int conn_process(struct tcp_conn *c)
{
	struct dns_server *d = c->server;
	size_t at = 0;

	while (may_read(c) && c->in_len - at >= 2) {
		size_t len = (size_t)c->in[at] << 8 | c->in[at + 1], n;

		if (len > TCP_QUERY_MAX)
			return -EMSGSIZE;
		if (c->in_len - at - 2 < len)
			break;
		n = serve_query(d, &c->peer, c->in + at + 2, len, d->tcp_reply + 2, DNS_TCP_MAX);
		if (n)
			queue(c, d->tcp_reply + 2, n);
		at += 2 + len;
		conn_touch(c);
	}
	serve_flush_logs(d);
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return c->out.rc;
}

static void on_ready(void *arg, int fd, uint32_t events);

static int conn_watch(struct tcp_conn *c)
{
	bool in = may_read(c) && !c->ended && c->in_len < sizeof(c->in);
	uint32_t events = (in ? EPOLLIN : 0) | (unsent(c) ? EPOLLOUT : 0);

	if (c->source && events == c->events)
		return 0;
	event_source_free(TAKE(c->source));
	c->events = events;
	return event_add_io(c->server->loop, c->fd, events, on_ready, c, &c->source, NULL);
}

/* Whatever happened: answer, send, watch for what comes next, or close. */
static void conn_advance(struct tcp_conn *c)
{
	int rc;

	do {
		rc = conn_process(c);
		if (!rc)
			rc = conn_flush(c);
		/* What was held back for want of room is answered now. */
	} while (!rc && !unsent(c) && may_read(c) && c->in_len >= 2 &&
		 c->in_len - 2 >= ((size_t)c->in[0] << 8 | c->in[1]));
	if (!rc && c->ended && !unsent(c) && !c->waiting)
		rc = -EPIPE; /* all is said */
	if (!rc)
		rc = conn_watch(c);
	if (rc)
		conn_close(c);
}

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct tcp_conn *c = arg;
	ssize_t n;

	if (events & (EPOLLERR | EPOLLHUP)) {
		conn_close(c);
		return;
	}
	if ((events & EPOLLIN) && c->in_len < sizeof(c->in)) {
		n = recv(fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN) {
			conn_close(c);
			return;
		}
		c->ended |= n == 0;
		c->in_len += n > 0 ? (size_t)n : 0;
	}
	conn_advance(c);
}

void tcp_send(struct tcp_conn *c, const uint8_t *reply, size_t len)
{
	if (c->fd >= 0)
		queue(c, reply, len);
}

void tcp_hold(struct tcp_conn *c)
{
	c->waiting++;
}

void tcp_release(struct tcp_conn *c)
{
	c->waiting--;
	if (c->fd >= 0)
		conn_advance(c);
	else if (!c->waiting)
		conn_free(c);
}

static bool same_client(const struct dns_peer *a, const struct dns_peer *b)
{
	const struct sockaddr_in6 *a6 = (const void *)&a->addr, *b6 = (const void *)&b->addr;
	const struct sockaddr_in *a4 = (const void *)&a->addr, *b4 = (const void *)&b->addr;

	if (a->addr.ss_family != b->addr.ss_family)
		return false;
	return a->addr.ss_family == AF_INET ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
					    : IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

/* Makes room: nobody holds more than his share, and the longest idle goes when all is full. */
static void make_room(struct dns_server *d, const struct dns_peer *p)
{
	struct tcp_conn *c, *oldest = NULL;
	unsigned n = 0;

	TAILQ_FOREACH(c, &d->conns, link)
	{
		if (!same_client(&c->peer, p))
			continue;
		oldest = oldest ? oldest : c;
		n++;
	}
	if (n >= TCP_MAX_CLIENT)
		conn_close(oldest);
	else if (d->n_conns >= TCP_MAX)
		conn_close(TAILQ_FIRST(&d->conns));
}

static void on_connection(void *arg, int listen_fd, uint32_t events)
{
	struct listener *l = arg;
	struct dns_server *d = l->server;
	struct dns_peer peer = {.listener = l, .addr_len = sizeof(peer.addr)};
	cleanup_close int fd = accept4(listen_fd, (struct sockaddr *)&peer.addr, &peer.addr_len,
				       SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct tcp_conn *c;

	if (fd < 0) {
		/* Out of descriptors: an idle connection gives way to the one that waits. */
		if ((errno == EMFILE || errno == ENFILE) && !TAILQ_EMPTY(&d->conns))
			conn_close(TAILQ_FIRST(&d->conns));
		return;
	}
	make_room(d, &peer);
	c = malloc(sizeof(*c));
	if (!c)
		return;
	memset(c, 0, offsetof(struct tcp_conn, in));
	c->server = d;
	c->peer = peer;
	c->peer.conn = c;
	c->fd = TAKE_FD(fd);
	TAILQ_INSERT_TAIL(&d->conns, c, link);
	d->n_conns++;
	conn_touch(c);
	serve_need_tick(d);
	conn_advance(c);
}

int tcp_watch(struct listener *l, struct err *e)
{
	return event_add_io(l->server->loop, l->tcp_fd, EPOLLIN, on_connection, l, NULL, e);
}
