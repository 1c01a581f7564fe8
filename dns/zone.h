/* SPDX-License-Identifier: MIT
 * What a view holds, for look-up. Names are hashed in lower-case wire form; a node stands for every
 * name that exists: owners of records, origins of zones, domains of rules, and all names above them
 * (empty non-terminals, RFC 4592 section 2.2.2). Immutable once it is part of a snapshot.
 */
#ifndef VPCD_DNS_ZONE_H
#define VPCD_DNS_ZONE_H

#include "dns/rdata.h"
#include "dns/server.h"
#include "dns/wire.h"

struct dns_node;

struct dns_record {
	struct dns_record *next;
	uint16_t rdlen;
	uint8_t rdata[];
};

struct dns_rrset {
	struct dns_rrset *next; /* of the same owner; sets of one type follow one another */
	uint16_t type;
	uint32_t ttl; /* one a set (RFC 2181 section 5.2): the smallest given */
	struct dns_record *records;
	enum dns_routing_policy policy;
	uint32_t weight;
	char *set; /* NULL: simple */
};

/* Where to ask for names of a domain. */
struct dns_rule {
	struct dns_rule *next; /* of the view */
	size_t n;	       /* 0: a system rule */
	struct dns_target targets[DNS_TARGETS_MAX];
};

/* The next set of the same type, or NULL. */
const struct dns_rrset *dns_rrset_sibling(const struct dns_rrset *s);

struct dns_view *dns_view_ref(struct dns_view *v);
uint32_t dns_view_id(const struct dns_view *v);
bool dns_view_forwards(const struct dns_view *v);
/* A hash of all zones and records, whatever their order; 0 for NULL. */
uint64_t dns_view_digest(const struct dns_view *v);
const struct dns_rule *dns_view_rules(const struct dns_view *v); /* a list; NULL: none */

/* Calls fn for each name that exists, in no order. */
void dns_view_each(const struct dns_view *v,
		   void (*fn)(void *arg, const struct dns_view *v, const struct dns_node *n),
		   void *arg);

/* NULL: there is none. */
const struct dns_view *dns_snapshot_view(const struct dns_snapshot *s, uint32_t id);
const struct dns_client *dns_snapshot_client(const struct dns_snapshot *s, const struct ip *client);
/* Calls fn for each view. */
void dns_snapshot_each(const struct dns_snapshot *s,
		       void (*fn)(void *arg, const struct dns_view *v), void *arg);

enum dns_place {
	DNS_OUTSIDE, /* of every zone and rule: the public server's */
	DNS_INSIDE,  /* of a zone */
	DNS_RULED,   /* a forwarding rule's */
};

struct dns_found {
	const struct dns_view *view;
	enum dns_place place;
	const struct dns_node *zone;	 /* DNS_INSIDE: apex of the closest enclosing zone */
	struct dns_name origin;		 /* its name */
	const struct dns_node *node;	 /* NULL: the name does not exist … */
	const struct dns_node *wildcard; /* … but this one stands for it (RFC 4592); or NULL */
	const struct dns_node *cut;	 /* delegation at or above the name; NULL: none */
	struct dns_name cut_name;
	const struct dns_rule *rule; /* DNS_RULED */
};
/* Route 53 Developer Guide, "Resolving DNS queries between VPCs and your network": the most
 * specific domain wins; of the same domain a rule wins over a zone. name: in lower case. */
enum dns_place dns_view_find(const struct dns_view *v, const struct dns_name *name,
			     struct dns_found *ret);

/* The zone above the one that begins at the name, for what it says of the name (RFC 4035 section
 * 3.1.4.1: DS records are the parent's); false: the view has none, or none begins there. The node
 * is the parent's side of the name, or NULL. */
bool dns_view_find_parent(const struct dns_view *v, const struct dns_name *name,
			  struct dns_found *ret);

/* What proves that names are not there; NULL: no zone is signed. Known once the view is sealed. */
struct dns_denial;
const struct dns_denial *dns_view_denial(const struct dns_view *v);
/* The view is complete. */
int dns_view_seal(struct dns_view *v, struct err *e);
/* Trust anchors, a line each; NULL: answers from outside are not validated. */
const char *dns_view_anchors(const struct dns_view *v);

/* The node of exactly this name (in lower case); NULL: none. */
const struct dns_node *dns_view_node(const struct dns_view *v, const struct dns_name *name);
struct dns_name dns_node_name(const struct dns_node *n);
const uint8_t *dns_node_wire(const struct dns_node *n);
/* What the zone above says of a zone that begins here; NULL: nothing. */
const struct dns_node *dns_node_parent_side(const struct dns_node *n);
const struct dns_rrset *dns_node_rrsets(const struct dns_node *n); /* the first; NULL: no data */
const struct dns_rrset *dns_node_rrset(const struct dns_node *n, uint16_t type);

/* The zone's SOA record: its own or a made-up one. */
#define DNS_SOA_TTL 60
struct dns_soa {
	uint32_t ttl, negative_ttl; /* RFC 2308 section 5: the smaller of TTL and MINIMUM */
	uint16_t rdlen;
	uint8_t rdata[2 * DNS_NAME_MAX + 20];
};
void dns_zone_soa(const struct dns_found *f, struct dns_soa *ret);

/* ---- firewall.c ---- */

struct dns_firewall;
/* The rule that decides about a name (in lower case), or NULL. */
struct dns_verdict {
	struct dns_verdict *next;
	char *group;
	struct dns_domains *domains;
	enum dns_firewall_action action;
	enum dns_block_response response;
	struct dns_name override;
	uint32_t override_ttl;
};
const struct dns_verdict *dns_view_firewall(const struct dns_view *v, const struct dns_name *name);
bool dns_view_has_firewall(const struct dns_view *v);
bool dns_domains_match(const struct dns_domains *l, const struct dns_name *name);
const char *dns_domains_id(const struct dns_domains *l);
struct dns_domains *dns_domains_ref(struct dns_domains *l);
int dns_verdict_append(struct dns_verdict **list, const struct dns_firewall_rule *r, struct err *e);
const struct dns_verdict *dns_verdict_find(const struct dns_verdict *list,
					   const struct dns_name *name);
void dns_verdicts_free(struct dns_verdict *list);

/* ---- log.c ---- */

struct dns_log *dns_log_ref(struct dns_log *l);
void dns_log_line(struct dns_log *l, const char *line, size_t len);
/* Writes what is buffered. */
void dns_log_flush(struct dns_log *l);

/* Who the view is in log lines, and its logs. */
struct dns_view_log {
	char vpc[24], account[16], region[32];
	size_t n;
	struct dns_log *logs[DNS_LOGS_MAX];
};
const struct dns_view_log *dns_view_logs(const struct dns_view *v);

#endif
