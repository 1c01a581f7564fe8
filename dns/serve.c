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
	uint32_t random;
	unsigned forwards;
	bool public; /* asked of the public server, by no rule */
};

static void count(struct dns_server *d, enum server_stat s)
{
	atomic_fetch_add_explicit(&d->stats[s], 1, memory_order_relaxed);
}

static void count_reply(struct dns_server *d, const uint8_t *reply)
{
	count(d, STAT_answered);
	switch (reply[3] & DNS_RCODE) {
	case DNS_NXDOMAIN:
		count(d, STAT_nxdomain);
		break;
	case DNS_REFUSED:
		count(d, STAT_refused);
		break;
	case DNS_SERVFAIL:
		count(d, STAT_servfail);
		break;
	case DNS_FORMERR:
		count(d, STAT_malformed);
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

const struct dns_view *serve_view(const struct dns_server *d, const struct dns_peer *p,
				  const struct dns_client **ret_client)
{
	struct ip ip;

	*ret_client = NULL;
	if (p->listener->cfg.view >= 0)
		return dns_snapshot_view(d->snapshot, (uint32_t)p->listener->cfg.view);
	ip = peer_ip(p);
	*ret_client = dns_snapshot_client(d->snapshot, &ip);
	return *ret_client ? dns_snapshot_view(d->snapshot, (*ret_client)->view) : NULL;
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

/* The query's place in the snapshot of now. */
static struct dns_ask ask_of(const struct dns_server *d, const struct dns_peer *p,
			     const struct dns_query *q)
{
	const struct dns_client *client;
	struct dns_ask ask = {.query = q, .view = serve_view(d, p, &client)};
	struct dns_name name;

	if (!ask.view || !dns_view_has_firewall(ask.view))
		return ask;
	name = q->name;
	dns_name_lower(&name);
	ask.verdict = dns_view_firewall(ask.view, &name);
	return ask;
}

static void count_verdict(struct dns_server *d, const struct dns_verdict *v)
{
	if (v && v->action == DNS_BLOCK)
		count(d, STAT_firewall_blocked);
	else if (v && v->action == DNS_ALERT)
		count(d, STAT_firewall_alerted);
}

/* A reply that leaves: counted and logged. */
static void conclude(struct dns_server *d, const struct dns_peer *peer, const struct dns_served *s)
{
	count_reply(d, s->reply);
	count_verdict(d, s->verdict);
	if (s->security == DNS_SECURE)
		count(d, STAT_dnssec_secure);
	else if (s->security == DNS_BOGUS)
		count(d, STAT_dnssec_bogus);
	if (d->snapshot)
		querylog_add(d, peer, s);
}

/* RFC 4035 section 3.2.2: whoever sets CD judges by himself. */
static const char *anchors_for(const struct dns_ask *ask)
{
	return ask->query->flags & DNS_CD ? NULL : dns_view_anchors(ask->view);
}

static int ask_upstream(struct dns_server *d, struct waiting *w, const struct dns_ask *ask,
			const struct dns_outcome *out)
{
	struct forward *f = forwarders_get(d, out->rule, anchors_for(ask));

	if (!f)
		return -ENOTCONN;
	w->fq.name = out->forward;
	w->public = !out->rule;
	return forward_ask(f, &w->fq);
}

/* It is validated, or need not be: that may have changed while the query waited. */
static bool is_believed(const struct waiting *w, const struct dns_ask *ask,
			const struct dns_upstream *up)
{
	return up->validated || !up->msg || !w->public || !ask->view || !anchors_for(ask);
}

static void on_upstream(struct forward_query *fq, const uint8_t *msg, size_t len)
{
	struct waiting *w = (struct waiting *)((char *)fq - offsetof(struct waiting, fq));
	struct dns_upstream up = {.name = fq->name,
				  .msg = msg,
				  .len = len,
				  .validated = forward_validates(fq->forward),
				  .bogus = fq->bogus};
	struct dns_server *d = w->server;
	uint8_t udp[DNS_UDP_MAX];
	uint8_t *buf = w->peer.conn ? d->tcp_reply + 2 : udp;
	size_t limit = reply_limit(&w->peer, &w->query, w->peer.conn ? DNS_TCP_MAX : sizeof(udp));
	/* Asked of the snapshot of now: what it knows is never answered from upstream. */
	struct dns_ask ask = ask_of(d, &w->peer, &w->query);
	struct dns_outcome out;
	size_t n;

	ask.up = is_believed(w, &ask, &up) ? &up : NULL;
	ask.random = w->random;
	n = dns_answer(&ask, buf, limit, &out);
	if (!n && w->forwards++ < FORWARDS_MAX && !ask_upstream(d, w, &ask, &out))
		return;
	if (!n)
		n = dns_answer_error(&w->query, DNS_SERVFAIL, buf, limit);
	conclude(d, &w->peer, &(struct dns_served){&w->query, ask.verdict, out.security, buf, n});
	if (w->peer.conn)
		tcp_send(w->peer.conn, buf, n);
	else
		udp_send(&w->peer, buf, n);
	waiting_free(w);
}

static int forward(struct dns_server *d, const struct dns_peer *peer, const struct dns_ask *ask,
		   const struct dns_outcome *out)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->server = d;
	w->peer = *peer;
	w->query = *ask->query;
	w->random = ask->random;
	w->fq.type = ask->query->type;
	w->fq.done = on_upstream;
	rc = ask_upstream(d, w, ask, out);
	if (rc) {
		free(w);
		return rc;
	}
	if (peer->conn)
		tcp_hold(peer->conn);
	count(d, STAT_forwarded);
	serve_need_tick(d);
	return 0;
}

static uint32_t next_random(struct dns_server *d)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 17;
	d->random ^= d->random << 5;
	return d->random;
}

/* By what upstream said a moment ago; 0: it must be asked. */
static size_t answer_cached(struct dns_server *d, const struct dns_ask *ask, uint8_t *buf,
			    size_t limit, struct dns_outcome *out)
{
	struct forward *f = forwarders_get(d, out->rule, anchors_for(ask));
	struct dns_upstream up = {.name = out->forward};
	struct dns_ask again = *ask;
	struct dns_outcome other;
	size_t n;

	if (!f || !forward_cached(f, &up.name, ask->query->type, &up.msg, &up.len, &up.age))
		return 0;
	up.validated = forward_validates(f);
	again.up = &up;
	n = dns_answer(&again, buf, limit, &other);
	out->security = other.security;
	return n;
}

static size_t answer_or_forward(struct dns_server *d, const struct dns_peer *peer,
				const struct dns_query *q, uint8_t *buf, size_t limit)
{
	struct dns_ask ask = ask_of(d, peer, q);
	struct dns_outcome out;
	size_t n;

	ask.random = next_random(d);
	n = dns_answer(&ask, buf, limit, &out);
	if (!n)
		n = answer_cached(d, &ask, buf, limit, &out);
	if (!n && !forward(d, peer, &ask, &out))
		return 0;
	if (!n)
		n = dns_answer_error(q, DNS_SERVFAIL, buf, limit);
	conclude(d, peer, &(struct dns_served){q, ask.verdict, out.security, buf, n});
	return n;
}

size_t serve_query(struct dns_server *d, const struct dns_peer *peer, const uint8_t *msg,
		   size_t len, uint8_t *buf, size_t limit)
{
	struct dns_query q;
	int rcode = dns_query_parse(msg, len, &q);
	size_t n;

	count(d, STAT_queries);
	if (rcode < 0) {
		count(d, STAT_malformed);
		return 0;
	}
	limit = reply_limit(peer, &q, limit);
	if (!rcode && !d->snapshot)
		rcode = DNS_SERVFAIL;
	if (!rcode)
		return answer_or_forward(d, peer, &q, buf, limit);
	n = dns_answer_error(&q, (enum dns_rcode)rcode, buf, limit);
	conclude(d, peer, &(struct dns_served){.query = &q, .reply = buf, .len = n});
	return n;
}

static void flush_view(void *arg, const struct dns_view *v)
{
	const struct dns_view_log *l = dns_view_logs(v);

	for (size_t i = 0; i < l->n; i++)
		dns_log_flush(l->logs[i]);
}

void serve_flush_logs(struct dns_server *d)
{
	if (!d->logged || !d->snapshot)
		return;
	dns_snapshot_each(d->snapshot, flush_view, NULL);
	d->logged = false;
}
