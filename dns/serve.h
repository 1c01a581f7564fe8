/* SPDX-License-Identifier: MIT
 * The server's inside: what its thread owns, and the seams between a query's logic (serve.c) and
 * the transports that carry it (udp.c, tcp.c).
 */
#ifndef VPCD_DNS_SERVE_H
#define VPCD_DNS_SERVE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "dns/answer.h"
#include "dns/forward.h"
#include "dns/server.h"
#include "lib/event.h"

#define TICK_NS		UINT64_C(250000000)
#define TCP_IDLE_NS	UINT64_C(10000000000) /* RFC 7766 section 6.2.3: a few seconds */
#define TCP_MAX		512
#define TCP_MAX_CLIENT	32
#define TCP_QUERY_MAX	4096
#define TCP_PENDING_MAX 64	      /* queries of one connection that wait for upstream */
#define TCP_OUT_MAX	(256u * 1024) /* unsent octets at which a connection is read no more */

enum server_stat {
#define DNS_STAT_ENUM(name, help) STAT_##name,
	DNS_STATS(DNS_STAT_ENUM)
#undef DNS_STAT_ENUM
		STAT_COUNT
};

struct listener {
	struct dns_server *server;
	struct dns_listener cfg;
	int udp_fd, tcp_fd;
	bool udp_tell; /* bound to no address of its own: which was asked is told by message */
};

struct forwarders;
struct udp_batch;
struct tcp_conn;
TAILQ_HEAD(tcp_conns, tcp_conn);

struct dns_server {
	/* Set before the thread starts. */
	struct listener *listeners;
	size_t n_listeners;
	int forward_netns_fd;
	struct ip forwarder;
	uint16_t forwarder_port;
	pthread_t thread;
	int wake_fd;

	/* The handover, under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct dns_snapshot *next; /* waits to be taken */
	struct dns_snapshot *old;  /* what it replaced: the publisher's to free */
	bool stop, started;
	int start_rc;
	struct err start_err;

	_Atomic uint64_t stats[STAT_COUNT];

	/* The thread's own. */
	struct event_loop *loop;
	struct event_source *tick;
	bool ticking;
	struct dns_snapshot *snapshot;
	struct forwarders *forwarders;
	bool logged;	 /* lines wait in some query log */
	uint32_t random; /* xorshift state: draws among record sets */
	struct udp_batch *udp;
	struct tcp_conns conns; /* the longest idle first */
	size_t n_conns;
	uint8_t tcp_reply[2 + DNS_TCP_MAX];
};

/* ---- serve.c: one query ---- */

/* Where a query came from and its reply goes. */
struct dns_peer {
	struct listener *listener;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	union {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
	} local;	       /* UDP: the address that was asked */
	struct tcp_conn *conn; /* TCP: holds a reference while the query waits; else NULL */
};

/* The reply's length, in buf; 0: none now (it comes later by udp_send or tcp_send, or never).
 * limit: octets of buf; over UDP what the client takes is less. */
size_t serve_query(struct dns_server *d, const struct dns_peer *peer, const uint8_t *msg,
		   size_t len, uint8_t *buf, size_t limit);
/* Writes the query logs' lines of the queries served since. */
void serve_flush_logs(struct dns_server *d);
/* Keeps the tick running while something may become overdue. */
void serve_need_tick(struct dns_server *d);

/* ---- udp.c ---- */

int udp_open(struct listener *l, const struct sockaddr *addr, socklen_t len, struct err *e);
int udp_watch(struct listener *l, struct err *e);
void udp_send(const struct dns_peer *peer, const uint8_t *reply, size_t len);
int udp_batch_new(struct dns_server *d, struct err *e);

/* ---- tcp.c ---- */

int tcp_open(struct listener *l, const struct sockaddr *addr, socklen_t len, struct err *e);
int tcp_watch(struct listener *l, struct err *e);
/* Queues a reply for a connection that may have been closed meanwhile. */
void tcp_send(struct tcp_conn *c, const uint8_t *reply, size_t len);
/* A query that waits for upstream holds its connection. */
void tcp_hold(struct tcp_conn *c);
void tcp_release(struct tcp_conn *c);
/* Closes idle connections; how many are left. */
size_t tcp_tick(struct dns_server *d, uint64_t now_ns);
void tcp_close_all(struct dns_server *d);

/* ---- forwarders.c: whom to ask for outside names ---- */

int forwarders_new(struct dns_server *d, struct err *e);
void forwarders_free(struct forwarders *f); /* NULL ok */
/* The forwarder of a rule, made at its first use; rule NULL: the public server's, which validates
 * by the anchors, if there are any. NULL: none. */
struct forward *forwarders_get(struct dns_server *d, const struct dns_rule *rule,
			       const char *anchors);
/* Keeps what the snapshot's views want, drops the others. */
void forwarders_retain(struct dns_server *d);
void forwarders_flush(struct dns_server *d);
size_t forwarders_tick(struct dns_server *d, uint64_t now_ns);

/* ---- querylog.c ---- */

/* A query that has its answer. */
struct dns_served {
	const struct dns_query *query;
	const struct dns_verdict *verdict; /* NULL: none */
	enum dns_security security;
	const uint8_t *reply;
	size_t len;
};
/* Adds a line about it to each log of its client's view. */
void querylog_add(struct dns_server *d, const struct dns_peer *peer, const struct dns_served *s);

/* ---- what these ask of serve.c ---- */

const struct dns_view *serve_view(const struct dns_server *d, const struct dns_peer *p,
				  const struct dns_client **ret_client);

#endif
