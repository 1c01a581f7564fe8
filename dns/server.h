/* SPDX-License-Identifier: MIT
 * The VPC resolver. A thread of its own answers UDP and TCP port 53 on its listeners. What it knows
 * is an immutable snapshot: views (one a VPC, one for the public internet), their records, and
 * which client address belongs to which view. Other names are forwarded (libunbound).
 */
#ifndef VPCD_DNS_SERVER_H
#define VPCD_DNS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

struct dns_snapshot;
struct dns_server;

/* ---- building a snapshot ---- */

struct dns_snapshot *dns_snapshot_new(void);
void dns_snapshot_free(struct dns_snapshot *s); /* NULL ok */
/* id: the caller's number for the view. forward: names outside its zones go upstream; otherwise
 * they are REFUSED. */
void dns_view_add(struct dns_snapshot *s, uint32_t id, bool forward);
/* A zone that the view is authoritative for: names below it never go upstream. origin: absolute, no
 * final dot, any case. Its SOA is made up. */
int dns_zone_add(struct dns_snapshot *s, uint32_t view, const char *origin, struct err *e);
/* One record. owner: absolute name, no final dot. type: "A", "TXT", …; rdata in master-file form. A
 * record outside every zone of its view is served too (and is its own tiny zone). */
int dns_record_add(struct dns_snapshot *s, uint32_t view, const char *owner, const char *type,
		   uint32_t ttl, const char *rdata, struct err *e);
/* Queries from this source address see this view; a client in no view is REFUSED. */
int dns_client_add(struct dns_snapshot *s, const struct ip *client, uint32_t view, struct err *e);

/* ---- the server ---- */

struct dns_listener {
	int netns_fd;	   /* namespace that the socket lives in; not owned; < 0: the current one */
	struct ip address; /* bound with IP_FREEBIND; port 53 unless port is set */
	uint16_t port;
	int32_t view; /* >= 0: every client sees this view; < 0: by client address */
};

struct dns_server_config {
	const struct dns_listener *listeners;
	size_t n_listeners;
	int forward_netns_fd;	 /* namespace for upstream queries; < 0: the current one */
	struct ip forwarder;	 /* public server to forward to; unset: outside names SERVFAIL */
	uint16_t forwarder_port; /* 0: 53 */
};

/* Sockets are bound when it returns; until the first publish every query is SERVFAIL. */
int dns_server_start(const struct dns_server_config *cfg, struct dns_server **ret, struct err *e);
/* Hands the snapshot over; when it returns, no later answer comes from an older one. */
void dns_server_publish(struct dns_server *d, struct dns_snapshot *take);
void dns_server_stop(struct dns_server *d); /* NULL ok; joins the thread */

struct dns_stats {
	uint64_t queries, answered, forwarded, nxdomain, refused, servfail, malformed;
};
void dns_server_stats(const struct dns_server *d, struct dns_stats *ret);

/* ---- checks for the model, without a server ---- */

/* Is rdata well-formed for the type? Used before a record is accepted. */
int dns_rdata_check(const char *type, const char *rdata, struct err *e);
int dns_name_check(const char *name, struct err *e); /* 253 octets, labels of 63 */

#endif
