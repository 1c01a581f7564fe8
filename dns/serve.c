/* SPDX-License-Identifier: MIT
 * One query: parse, look up, answer now or when upstream has answered.
 */
#include <stddef.h>
#include <stdlib.h>

#include "dns/serve.h"

#define FORWARDS_MAX 3 /* a snapshot that changes meanwhile may send a query elsewhere */

/* A query that waits for upstream. */
struct waiting {
	struct forward_query fq;
	struct dns_server *server;
	struct dns_peer peer;
	struct dns_query query;
	unsigned forwards;
};

static void count(struct dns_server *d, enum server_stat s)
{
	atomic_fetch_add_explicit(&d->stats[s], 1, memory_order_relaxed);
}

static void count_reply(struct dns_server *d, const uint8_t *reply)
{
	count(d, STAT_ANSWERED);
	switch (reply[3] & DNS_RCODE) {
	case DNS_NXDOMAIN:
		count(d, STAT_NXDOMAIN);
		break;
	case DNS_REFUSED:
		count(d, STAT_REFUSED);
		break;
	case DNS_SERVFAIL:
		count(d, STAT_SERVFAIL);
		break;
	case DNS_FORMERR:
		count(d, STAT_MALFORMED);
		break;
	}
}

static struct ip peer_ip(const struct dns_peer *p)
{
	const struct sockaddr_in6 *v6 = (const void *)&p->addr;
	const struct sockaddr_in *v4 = (const void *)&p->addr;
	struct ip ip = {.family = AF_INET6};

	if (p->addr.ss_family == AF_INET)
		return ip_from_v4(ntohl(v4->sin_addr.s_addr));
	for (int i = 0; i < 16; i++)
		ip.b[i] = v6->sin6_addr.s6_addr[i];
	return ip;
}

static const struct dns_view *view_of(const struct dns_server *d, const struct dns_peer *p)
{
	struct ip ip;

	if (p->listener->cfg.view >= 0)
		return dns_snapshot_view(d->snapshot, (uint32_t)p->listener->cfg.view);
	ip = peer_ip(p);
	return dns_snapshot_client(d->snapshot, &ip);
}

static size_t reply_limit(const struct dns_peer *p, const struct dns_query *q, size_t limit)
{
	return p->conn || q->udp_size > limit ? limit : q->udp_size;
}

void serve_need_tick(struct dns_server *d)
{
	if (!d->ticking)
		d->ticking = !event_timer_set(d->tick, TICK_NS, TICK_NS);
}

static void waiting_free(struct waiting *w)
{
	if (w->peer.conn)
		tcp_release(w->peer.conn);
	free(w);
}

static void on_upstream(struct forward_query *fq, const uint8_t *msg, size_t len)
{
	struct waiting *w = (struct waiting *)((char *)fq - offsetof(struct waiting, fq));
	struct dns_upstream up = {fq->name, msg, len};
	struct dns_server *d = w->server;
	uint8_t udp[DNS_UDP_MAX];
	uint8_t *buf = w->peer.conn ? d->tcp_reply + 2 : udp;
	size_t limit = reply_limit(&w->peer, &w->query, w->peer.conn ? DNS_TCP_MAX : sizeof(udp));
	/* Asked of the snapshot of now: what it knows is never answered from upstream. */
	size_t n = dns_answer(view_of(d, &w->peer), &w->query, &up, buf, limit, &fq->name);

	if (!n && w->forwards++ < FORWARDS_MAX && !forward_ask(d->forward, fq))
		return;
	if (!n)
		n = dns_answer_error(&w->query, DNS_SERVFAIL, buf, limit);
	count_reply(d, buf);
	if (w->peer.conn)
		tcp_send(w->peer.conn, buf, n);
	else
		udp_send(&w->peer, buf, n);
	waiting_free(w);
}

static int forward(struct dns_server *d, const struct dns_peer *peer, const struct dns_query *q,
		   const struct dns_name *name)
{
	struct waiting *w;
	int rc;

	if (!d->forward)
		return -ENOTCONN;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->server = d;
	w->peer = *peer;
	w->query = *q;
	w->fq.name = *name;
	w->fq.type = q->type;
	w->fq.done = on_upstream;
	rc = forward_ask(d->forward, &w->fq);
	if (rc) {
		free(w);
		return rc;
	}
	if (peer->conn)
		tcp_hold(peer->conn);
	count(d, STAT_FORWARDED);
	serve_need_tick(d);
	return 0;
}

size_t serve_query(struct dns_server *d, const struct dns_peer *peer, const uint8_t *msg,
		   size_t len, uint8_t *buf, size_t limit)
{
	struct dns_query q;
	struct dns_name outside;
	int rcode = dns_query_parse(msg, len, &q);
	size_t n;

	count(d, STAT_QUERIES);
	if (rcode < 0) {
		count(d, STAT_MALFORMED);
		return 0;
	}
	limit = reply_limit(peer, &q, limit);
	if (!rcode && !d->snapshot)
		rcode = DNS_SERVFAIL;
	if (rcode) {
		n = dns_answer_error(&q, (enum dns_rcode)rcode, buf, limit);
	} else {
		n = dns_answer(view_of(d, peer), &q, NULL, buf, limit, &outside);
		if (!n && !forward(d, peer, &q, &outside))
			return 0;
		if (!n)
			n = dns_answer_error(&q, DNS_SERVFAIL, buf, limit);
	}
	count_reply(d, buf);
	return n;
}
