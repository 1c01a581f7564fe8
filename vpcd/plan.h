/* SPDX-License-Identifier: MIT
 * plan: a pure function from the model to the desired kernel state, in symbols. No kernel, no
 * sockets, no clock.
 *
 * Desired state is a set of items. An item has a type, a key that is unique within the type, and a
 * body of plain bytes, so that two states are compared by memcmp and a full plan can be held
 * against an incremental one. Each object of the model owns the items that plan_<kind>() derives
 * from it; equal items of several owners (a rule set that two ENIs share) are one item. `apply`
 * binds symbols to numbers and performs the difference.
 */
#ifndef VPCD_VPCD_PLAN_H
#define VPCD_VPCD_PLAN_H

#include "model/store.h"

#define SYMBOL_LEN 48 /* "eni-0123456789abcdef0", "groups:<16 hex>"; NUL-padded */

/* In the order in which they are created; deletion runs backwards. One noun, one number space. */
enum item_type {
	ITEM_VPC,	   /* key: vpc id */
	ITEM_GROUPS,	   /* key: group set symbol; body: struct item_rules and what follows */
	ITEM_ACL,	   /* key: acl id; body as ITEM_GROUPS, without groups */
	ITEM_SUBNET,	   /* key: subnet id */
	ITEM_ATTACHMENT,   /* key: eni id: namespace, veth and address of a sandbox */
	ITEM_ENI,	   /* key: eni id: what the program knows of it */
	ITEM_NAT,	   /* key: nat gateway id */
	ITEM_GATEWAY,	   /* key: internet gateway id, while it is attached */
	ITEM_ADDRESS,	   /* key: "<vpc id> <address>" */
	ITEM_ROUTE,	   /* key: "<route table id> <destination>" */
	ITEM_MIRROR,	   /* key: eni id: its traffic mirror sessions */
	ITEM_SANDBOX,	   /* key: instance, function or internet host id: its process */
	ITEM_DNS_ZONE,	   /* key: "<view> <origin>"; view: vpc id or SYMBOL_INTERNET */
	ITEM_DNS_RECORD,   /* key: "<view> <owner> <hash of all of it>" */
	ITEM_DNS_RULE,	   /* key: "<view> <rule id>" */
	ITEM_DNS_DOMAINS,  /* key: domain list id; body: its domains, each NUL-terminated */
	ITEM_DNS_FIREWALL, /* key: "<view> <rule group id> <rule's priority>" */
	ITEM_DNSSEC,  /* key: "<view>"; body: struct item_dnssec: its public names are validated */
	ITEM_DNS_LOG, /* key: "<view> <query log config id>"; body: the view's symbol */
	ITEM_TYPE_COUNT
};

struct item {
	enum item_type type;
	char key[2 * SYMBOL_LEN + 8];
	size_t len;
	void *body; /* malloc'd; one of the structs below, zero-padded */
};

/* ---- bodies ---- */

struct item_vpc {
	struct ip resolver; /* unset: no DNS support */
	bool dns_support;
	char local_table[SYMBOL_LEN]; /* its blocks, all local */
};

struct item_subnet {
	char vpc[SYMBOL_LEN], route_table[SYMBOL_LEN], acl[SYMBOL_LEN]; /* acl "": allow all */
	struct ip router;
	struct cidr prefix6; /* unset: no IPv6 */
};

/* A rule in order; ports and types as in abi.h. A rule of the model that names a prefix list is
 * several here, one for each of its entries. */
struct item_rule {
	/* For trace and hit counters: "sgr-…", or of network_acl_entry_id() */
	char id[SYMBOL_LEN];
	bool deny;
	int16_t protocol;	/* -1: all */
	int32_t from, to;	/* -1: all */
	struct cidr cidr;	/* unset: by group */
	char group[SYMBOL_LEN]; /* referenced group id; "": by CIDR */
};

#define GROUPS_PER_INTERFACE 16
struct item_rules {
	char groups[GROUPS_PER_INTERFACE][SYMBOL_LEN]; /* the set's group ids, sorted */
	uint32_t n_in, n_out;	  /* rules follow: n_in ingress, then n_out egress */
	struct item_rule rules[]; /* more than RULES_MAX of a direction are refused by apply */
};

struct item_attachment {
	char owner[SYMBOL_LEN]; /* sandbox id, or "" for the service namespace */
	char netns_path[256];	/* "": a namespace of ours; "@ID": that of another attachment */
	char ifname[16];
	struct mac mac;
	uint16_t mtu;
	struct cidr address;
	struct ip gateway, gateway6; /* unset: none of that family */
	bool uplink;		     /* in the daemon's own namespace, which forwards */
	uint32_t n_more;	     /* addresses, IPv6 ones in order of preference */
	uint32_t n_routes;	     /* set: these alone via the gateways, no default routes */
	struct cidr more[];	     /* the addresses, then the routes */
};

struct item_eni {
	char vpc[SYMBOL_LEN], subnet[SYMBOL_LEN];
	char groups[SYMBOL_LEN]; /* group set symbol (ITEM_GROUPS); "": none */
	uint32_t flags;		 /* enum eni_flags of abi.h */
	struct mac mac;
	uint16_t mtu;
	struct ip address, address6; /* primary ones; address6 unset: none */
	uint32_t tcp_established_timeout, udp_timeout, udp_stream_timeout; /* s, 0: default */
	uint16_t loss; /* of 10,000 packets; of internet hosts */
};

struct item_gateway {
	char vpc[SYMBOL_LEN];
	char route_table[SYMBOL_LEN]; /* ingress routing; "": the VPC's local table */
};

struct item_nat {
	char vpc[SYMBOL_LEN], subnet[SYMBOL_LEN], gateway[SYMBOL_LEN];
	bool available;
	uint32_t n_addresses;
	struct item_nat_address {
		struct ip private_address, public_address;
	} addresses[8]; /* NAT_ADDRESSES_MAX */
};

struct item_address {
	char vpc[SYMBOL_LEN];
	struct ip address;
	uint32_t kind;		 /* enum addr_kind of abi.h */
	char holder[SYMBOL_LEN]; /* eni id, or nat gateway id */
	char holder_vpc[SYMBOL_LEN];
	char gateway[SYMBOL_LEN];	 /* internet gateway of the VPC; "": none */
	char egress_gateway[SYMBOL_LEN]; /* IPv6: egress-only gateway of the VPC; "": none */
	struct ip other;
};

struct item_route {
	char table[SYMBOL_LEN];
	struct cidr destination;
	uint32_t target;     /* enum route_target of abi.h */
	char id[SYMBOL_LEN]; /* TARGET_PEERING: the peer VPC */
};

struct item_mirror_rule {
	bool reject;
	int16_t protocol; /* -1: all */
	struct cidr source, destination;
	uint16_t sport_first, sport_last, dport_first, dport_last;
};

struct item_mirror_session {
	struct ip target; /* IPv4 */
	uint32_t vni, packet_length;
	bool dns;
	uint32_t n_in, n_out;			 /* rules, by number */
	struct item_mirror_rule in[10], out[10]; /* MIRROR_RULES */
};

struct item_mirror {
	uint32_t n;				/* sessions whose target is there, by number */
	struct item_mirror_session sessions[3]; /* MIRROR_SESSIONS */
};

struct item_record {
	char view[SYMBOL_LEN];
	uint32_t ttl;
	uint32_t policy, weight; /* enum dns_routing_policy of dns/server.h */
	/* Owner, type, rdata, set and the zone that it belongs to ("": the closest), each
	 * NUL-terminated; zones: the origin. */
	char text[];
};

struct item_dnssec {
	char view[SYMBOL_LEN];
	char anchors[]; /* trust anchors, a line each, NUL-terminated */
};

#define RULE_TARGETS_MAX 6
struct item_dns_rule {
	char view[SYMBOL_LEN];
	char domain[256];
	uint32_t n; /* 0: a system rule */
	struct {
		struct ip address;
		uint16_t port;
	} targets[RULE_TARGETS_MAX];
};

struct item_dns_firewall {
	char view[SYMBOL_LEN], group[SYMBOL_LEN], domains[SYMBOL_LEN];
	uint32_t group_priority, priority; /* the lower is asked first */
	uint32_t action, response;	   /* enums of dns/server.h */
	uint32_t override_ttl;
	char override_domain[256];
};

/* ITEM_SANDBOX's body is canonical JSON text: see plan_sandbox.c. */

/* Symbols of the built-in pseudo-VPC. */
#define SYMBOL_INTERNET		"internet"
#define SYMBOL_INTERNET_SUBNET	"internet-subnet"
#define SYMBOL_SERVICE		"service" /* VPC, subnet and first foot of the service namespace */
#define SYMBOL_SERVICE_INTERNET "service-internet" /* its second foot: upstream queries */
#define SYMBOL_PUBLIC_DNS	"public-dns"	   /* the simulated internet's name server */
#define SYMBOL_UPLINK		"uplink"	   /* its way out, if it has one */

/* The route table of a VPC's blocks alone: "local:vpc-…". */
#define SYMBOL_LOCAL_TABLE "local:"

/* The id of the object that a symbol stands for: that of "local:vpc-…" is "vpc-…". */
const char *symbol_object(const char *symbol);
/* One of those above? */
bool symbol_is_builtin(const char *symbol);

#define INTERNET_ROUTER	 0xcb007101 /* 203.0.113.1 */
#define INTERNET_SERVICE 0xcb007102 /* 203.0.113.2 */
#define INTERNET_DNS	 0xcb007135 /* 203.0.113.53 */
#define INTERNET_UPLINK	 0xcb0071fe /* 203.0.113.254 */
#define SERVICE_RESOLVER 0xa9fea9fd /* 169.254.169.253 */
#define SERVICE_ROUTER	 0xa9fea901 /* 169.254.169.1 */
#define SERVICE_CLIENTS	 0x64400000 /* 100.64.0.0/10: clients as the service namespace sees them */
/* And over IPv6 (VPC User Guide, vpc-dns; the router: subnet-sizing). Clients: a /96, the interface
 * index in the last 32 bits. */
#define ROUTER6		  "fe80:ec2::1"
#define SERVICE_RESOLVER6 "fd00:ec2::253"
#define SERVICE_CLIENTS6  "fd00:ec2:0:100::/96"
#define INTERNET_DNS6	  "2001:db8::35"
#define INTERNET_BLOCK6	  "2001:db8::/32" /* RFC 3849 */

/* ---- the desired state ---- */

struct plan; /* items and who owns them */

struct plan *plan_new(void);
void plan_free(struct plan *p); /* NULL ok */

/* The way out of the simulated internet; of the command line, not of the model. */
#define UPLINK_ALLOWED_MAX 16
struct plan_uplink {
	char link[16]; /* name of its end in the daemon's own namespace; "": no uplink */
	uint16_t mtu;
	uint32_t n_pools, n_allowed;
	struct cidr pools[1 + ADDRESS_POOLS_MAX]; /* of the addresses that leave; first: default */
	struct cidr allowed[UPLINK_ALLOWED_MAX];  /* destinations; none: all that are public */
};
/* Before plan_full(). Copied. */
void plan_set_uplink(struct plan *p, const struct plan_uplink *u);

/* Recomputes everything. */
void plan_full(struct plan *p, const struct model *m);
/* Recomputes what a commit's changes can affect: the objects and their dependants. m: the model
 * after the commit. */
void plan_changes(struct plan *p, const struct model *m, const struct change *c, size_t n);

/* NULL if it is not desired. */
const struct item *plan_get(const struct plan *p, enum item_type type, const char *key);
/* Desired items of a type in order of emission; NULL starts. */
const struct item *plan_next(const struct plan *p, enum item_type type, const struct item *it);
/* The object that first asked for an item: for status and messages. */
const char *plan_owner(const struct item *it);
/* Same items, same bodies? On a difference names one in ret (type and key), for tests. */
bool plan_equal(const struct plan *a, const struct plan *b, char *ret, size_t len);

/* The work list of apply. An item is dirty from the moment that it differs from what was last
 * acknowledged. The next one in order: changed items by rising type, then items no longer desired
 * (body NULL) by falling type; NULL: all is applied. */
const struct item *plan_dirty(const struct plan *p);
/* The item is applied (a removed one is forgotten) or, with failed, set aside until plan_retry. */
void plan_ack(struct plan *p, const struct item *it, bool failed);
/* Failed items become dirty again; with all, every item does (audit). */
void plan_retry(struct plan *p, bool all);
size_t plan_failed(const struct plan *p);
bool plan_has_failed(const struct item *it); /* it was set aside */

const char *item_type_name(enum item_type t);

/* ---- for plan_<kind>() functions, in plan_*.c ---- */

struct plan_pass {
	struct plan *plan;
	const struct model *model;
	const char *owner;
};
/* Body bytes are copied. */
void plan_emit(struct plan_pass *pp, enum item_type type, const char *key, const void *body,
	       size_t len);
/* Was the item emitted in this pass already, by another owner? Then it is shared and need not be
 * computed again. */
bool plan_shared(struct plan_pass *pp, enum item_type type, const char *key);

/* ITEM_ADDRESS: gateway and other may be NULL. */
void plan_emit_address(struct plan_pass *pp, const char *vpc, const struct ip *address,
		       uint32_t kind, const char *holder, const char *holder_vpc,
		       const char *gateway, const struct ip *other);
/* ITEM_ROUTE; id may be NULL. */
void plan_emit_route(struct plan_pass *pp, const char *table, const struct cidr *dst,
		     uint32_t target, const char *id);
/* ITEM_ATTACHMENT: `at`, its n_more addresses and n_routes routes. */
void plan_emit_attachment(struct plan_pass *pp, const char *id, const struct item_attachment *at,
			  const struct cidr *more);
/* ITEM_GROUPS of an interface's groups (list of char *): their symbol; "" for none. */
void plan_emit_groups(struct plan_pass *pp, const struct list *groups, char *ret_symbol);
/* ITEM_MIRROR of an interface that sessions have as their source: the flags (enum eni_flags) that
 * it has for them. */
uint32_t plan_emit_mirror(struct plan_pass *pp, const struct network_interface *eni);
/* The table with a VPC's blocks alone. */
void plan_local_table(const char *vpc, char *ret_symbol);

/* NULL: there is none. */
const struct plan_uplink *plan_uplink(const struct plan_pass *pp);
/* Does no packet to that block ever leave by the uplink, whatever is allowed? */
bool uplink_never_carries(const struct cidr *block);

void plan_builtin(struct plan_pass *pp);
void plan_vpc(struct plan_pass *pp, const struct object *o);
void plan_subnet(struct plan_pass *pp, const struct object *o);
void plan_route_table(struct plan_pass *pp, const struct object *o);
void plan_internet_gateway(struct plan_pass *pp, const struct object *o);
void plan_nat_gateway(struct plan_pass *pp, const struct object *o);
void plan_elastic_ip(struct plan_pass *pp, const struct object *o);
void plan_network_acl(struct plan_pass *pp, const struct object *o);
void plan_network_interface(struct plan_pass *pp, const struct object *o);
void plan_sandbox(struct plan_pass *pp, const struct object *o); /* instance, function */
void plan_internet_host(struct plan_pass *pp, const struct object *o);
void plan_hosted_zone(struct plan_pass *pp, const struct object *o);
void plan_record_set(struct plan_pass *pp, const struct object *o);
void plan_resolver_rule(struct plan_pass *pp, const struct object *o);
void plan_firewall_domain_list(struct plan_pass *pp, const struct object *o);
void plan_firewall_rule_group(struct plan_pass *pp, const struct object *o);
void plan_query_log_config(struct plan_pass *pp, const struct object *o);

/* Calls fn for each id whose items the changes can affect, each once. */
void plan_affected(const struct model *m, const struct change *c, size_t n,
		   void (*fn)(void *arg, const char *id), void *arg);

void symbol_set(char *dst, const char *src); /* NUL-pads to SYMBOL_LEN; NULL: "" */

#endif
