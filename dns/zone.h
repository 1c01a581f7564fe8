/* SPDX-License-Identifier: MIT
 * What a snapshot holds, for look-up. Names are hashed in lower-case wire form; a node stands for
 * every name that exists: owners of records, origins of zones, and all names above them (empty
 * non-terminals, RFC 4592 section 2.2.2). Immutable once published.
 */
#ifndef VPCD_DNS_ZONE_H
#define VPCD_DNS_ZONE_H

#include "dns/rdata.h"
#include "dns/server.h"
#include "dns/wire.h"

struct dns_view;
struct dns_node;

struct dns_record {
	struct dns_record *next;
	uint16_t rdlen;
	uint8_t rdata[];
};

struct dns_rrset {
	struct dns_rrset *next; /* of the same owner */
	uint16_t type;
	uint32_t ttl; /* one a set (RFC 2181 section 5.2): the smallest given */
	struct dns_record *records;
};

/* NULL: there is none. */
const struct dns_view *dns_snapshot_view(const struct dns_snapshot *s, uint32_t id);
const struct dns_view *dns_snapshot_client(const struct dns_snapshot *s, const struct ip *client);

bool dns_view_forwards(const struct dns_view *v);
/* A hash of all zones and records, whatever their order; 0 for NULL. */
uint64_t dns_view_digest(const struct dns_view *v);

struct dns_found {
	const struct dns_node *zone; /* apex of the closest enclosing zone */
	struct dns_name origin;	     /* its name */
	const struct dns_node *node; /* NULL: the name does not exist */
};
/* name: in lower case. False: it lies outside every zone of the view. */
bool dns_view_find(const struct dns_view *v, const struct dns_name *name, struct dns_found *ret);

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

#endif
