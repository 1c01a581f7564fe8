/* SPDX-License-Identifier: MIT
 * The VPC resolver. A thread of its own answers UDP and TCP port 53 on its listeners. What it knows
 * is an immutable snapshot: views (one a VPC, one for the public internet) with their zones, rules
 * and firewall, and which client address sees which view. Other names are forwarded (libunbound).
 *
 * Views are built once and shared by snapshots until something of theirs changes. They, and lists
 * of domains, belong to the publishing thread: the server only reads what it was handed.
 */
#ifndef VPCD_DNS_SERVER_H
#define VPCD_DNS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

struct dns_view;
struct dns_domains;
struct dns_snapshot;
struct dns_server;

/* ---- building a view ---- */

/* id: the caller's number for the view. forward: names outside its zones go upstream; otherwise
 * they are REFUSED. NULL: no memory. */
struct dns_view *dns_view_new(uint32_t id, bool forward);
void dns_view_unref(struct dns_view *v); /* snapshots hold references of their own; NULL ok */

/* A zone that the view is authoritative for: names below it never go upstream. origin: absolute,
 * any case; a final dot is optional in all names here. Its SOA is made up. */
int dns_zone_add(struct dns_view *v, const char *origin, struct err *e);

/* How several record sets of one name and type share its answers (Route 53 Developer Guide, routing
 * policies): weighted: one set is drawn by its weight; multivalue: up to eight records of all. */
enum dns_routing_policy { DNS_SIMPLE, DNS_WEIGHTED, DNS_MULTIVALUE };
struct dns_routing {
	enum dns_routing_policy policy;
	const char *set; /* tells the sets of a name and type apart */
	uint32_t weight;
};
#define DNS_MULTIVALUE_MAX 8

/* One record. type: "A", "TXT", …; rdata in master-file form. routing NULL: simple. A record
 * outside every zone of its view is served too (and is its own tiny zone). */
int dns_record_add(struct dns_view *v, const char *owner, const char *type, uint32_t ttl,
		   const char *rdata, const struct dns_routing *routing, struct err *e);

/* The same of a record that belongs to the zone of this origin, where it stands unless a deeper
 * zone of the view has the name. Zones are added first. */
int dns_zone_record_add(struct dns_view *v, const char *zone, const char *owner, const char *type,
			uint32_t ttl, const char *rdata, const struct dns_routing *routing,
			struct err *e);

/* Public names that the view asks for are validated (RFC 4035 section 5). anchors: DS or DNSKEY
 * records as text, a line each; what lies below none of them is insecure. */
int dns_view_validate(struct dns_view *v, const char *anchors, struct err *e);

/* Resolver rules: the most specific domain wins, a rule over a zone of the same domain. */
#define DNS_TARGETS_MAX 6
struct dns_target {
	struct ip address;
	uint16_t port; /* 0: 53 */
};
/* Names at and below the domain are asked of these servers; n 0: a system rule, which takes them
 * back from forwarding rules above it. */
int dns_rule_add(struct dns_view *v, const char *domain, const struct dns_target *targets, size_t n,
		 struct err *e);

/* ---- the DNS firewall ---- */

/* A set of domains: "example.com" is that name alone, "*.example.com" all names below it, "*" every
 * name. A look-up costs the same whether there are ten or 100,000. NULL: no memory. */
struct dns_domains *dns_domains_new(const char *id);
void dns_domains_unref(struct dns_domains *l); /* views hold references of their own; NULL ok */
int dns_domains_add(struct dns_domains *l, const char *domain, struct err *e);
int dns_domain_check(const char *domain, struct err *e); /* is it one of these forms? */

enum dns_firewall_action { DNS_ALLOW, DNS_ALERT, DNS_BLOCK };
enum dns_block_response { DNS_BLOCK_NODATA, DNS_BLOCK_NXDOMAIN, DNS_BLOCK_OVERRIDE };
struct dns_firewall_rule {
	const char *group; /* id, for the query log */
	struct dns_domains *domains;
	enum dns_firewall_action action;
	enum dns_block_response response;
	const char *override_domain; /* CNAME that DNS_BLOCK_OVERRIDE answers */
	uint32_t override_ttl;
};
/* Rules are asked in the order of their addition; the first that matches decides. */
int dns_firewall_add(struct dns_view *v, const struct dns_firewall_rule *r, struct err *e);

/* ---- query logs ---- */

struct dns_log;
/* Appends JSON lines to a file, which is made; -errno. */
int dns_log_open(const char *path, struct dns_log **ret, struct err *e);
void dns_log_unref(struct dns_log *l); /* views hold references of their own; NULL ok */
/* Who the view is in its log lines, and where these go; at most DNS_LOGS_MAX logs a view. */
#define DNS_LOGS_MAX 4
int dns_view_describe(struct dns_view *v, const char *vpc, const char *account, const char *region);
int dns_view_log(struct dns_view *v, struct dns_log *l, struct err *e);

/* ---- snapshots ---- */

struct dns_snapshot *dns_snapshot_new(void);
void dns_snapshot_free(struct dns_snapshot *s); /* NULL ok */
/* Takes a reference; nothing may be added to the view any more. */
int dns_snapshot_add(struct dns_snapshot *s, struct dns_view *v, struct err *e);

struct dns_client {
	struct ip ip;	   /* the source of its queries */
	struct ip address; /* what it calls itself: for logs */
	char eni[24], sandbox[24];
	uint32_t view; /* a client of no view that there is: REFUSED */
};
int dns_client_add(struct dns_snapshot *s, const struct dns_client *c, struct err *e);

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

#define DNS_STATS(X)                                              \
	X(queries, "Queries that the resolver received")          \
	X(answered, "Replies sent")                               \
	X(forwarded, "Queries that waited for upstream")          \
	X(nxdomain, "Replies with NXDOMAIN")                      \
	X(refused, "Replies with REFUSED")                        \
	X(servfail, "Replies with SERVFAIL")                      \
	X(malformed, "Messages that are no query")                \
	X(firewall_blocked, "Queries blocked by a firewall")      \
	X(firewall_alerted, "Queries that a firewall alerted of") \
	X(dnssec_secure, "Replies whose signatures hold")         \
	X(dnssec_bogus, "Queries refused for signatures that do not hold")

struct dns_stats {
#define DNS_STAT_MEMBER(name, help) uint64_t name;
	DNS_STATS(DNS_STAT_MEMBER)
#undef DNS_STAT_MEMBER
};
void dns_server_stats(const struct dns_server *d, struct dns_stats *ret);

/* ---- checks for the model, without a server ---- */

int dns_name_check(const char *name, struct err *e); /* 253 octets, labels of 63 */

#endif
