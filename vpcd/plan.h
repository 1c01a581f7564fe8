/* SPDX-License-Identifier: MIT
 * plan: a pure function from the model to the desired kernel state, in symbols. No kernel, no
 * sockets, no clock.
 *
 * Desired state is a set of items. An item has a type, a key that is unique within the type, and a
 * body of plain bytes, so that two states are compared by memcmp and a full plan can be held against
 * an incremental one. Each object of the model owns the items that plan_<kind>() derives from it;
 * equal items of several owners (a rule set that two ENIs share) are one item. `apply` binds symbols
 * to numbers and performs the difference.
 */
#ifndef VPCD_VPCD_PLAN_H
#define VPCD_VPCD_PLAN_H

#include "model/store.h"

#define SYMBOL_LEN 48 /* "eni-0123456789abcdef0", "groups:<16 hex>"; NUL-padded */

/* In the order in which they are created; deletion runs backwards. */
enum item_type {
	ITEM_VPC,	 /* key: vpc id */
	ITEM_RULES,	 /* key: rule set symbol; body: struct item_rules + rules */
	ITEM_ACL,	 /* key: acl id; body as ITEM_RULES, both directions */
	ITEM_SUBNET,	 /* key: subnet id */
	ITEM_ATTACHMENT, /* key: eni id: namespace, veth and address of a sandbox */
	ITEM_ENI,	 /* key: eni id: what the program knows of it */
	ITEM_NAT,	 /* key: nat gateway id */
	ITEM_ADDRESS,	 /* key: "<vpc id> <address>" */
	ITEM_ROUTE,	 /* key: "<route table id> <destination>" */
	ITEM_SANDBOX,	 /* key: instance, function or internet host id: its process */
	ITEM_DNS_VIEW,	 /* key: vpc id: its zones and records */
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
};

struct item_subnet {
	char vpc[SYMBOL_LEN], route_table[SYMBOL_LEN], acl[SYMBOL_LEN]; /* acl "": allow all */
	struct ip router;
};

/* A rule in order; ports and types as in abi.h. */
struct item_rule {
	char id[SYMBOL_LEN]; /* for trace and hit counters */
	bool deny;
	int16_t protocol;    /* -1: all */
	int32_t from, to;    /* -1: all */
	struct cidr cidr;    /* unset: by group */
	char group[SYMBOL_LEN]; /* referenced group id; "": by CIDR */
};

struct item_rules {
	uint32_t n_in, n_out;	  /* rules follow: n_in ingress, then n_out egress */
	struct item_rule rules[]; /* at most RULES_MAX each */
};

struct item_attachment {
	char owner[SYMBOL_LEN];	 /* sandbox id */
	char netns_path[256];	 /* "": a namespace of ours */
	struct mac mac;
	uint16_t mtu;
	struct cidr address;
	struct ip gateway;
};

struct item_eni {
	char vpc[SYMBOL_LEN], subnet[SYMBOL_LEN];
	char groups[SYMBOL_LEN]; /* rule set symbol (ITEM_RULES); "": none */
	uint32_t flags;		 /* enum eni_flags of abi.h */
	struct mac mac;
	uint16_t mtu;
	struct ip address;
};

struct item_nat {
	char vpc[SYMBOL_LEN], subnet[SYMBOL_LEN], gateway[SYMBOL_LEN];
	bool available, is_public;
	struct ip address, public_address;
};

struct item_address {
	char vpc[SYMBOL_LEN];
	struct ip address;
	uint32_t kind;		   /* enum addr_kind of abi.h */
	char holder[SYMBOL_LEN];   /* eni id, or nat gateway id */
	char holder_vpc[SYMBOL_LEN];
	char gateway[SYMBOL_LEN];  /* internet gateway of the VPC; "": none */
	struct ip other;
};

struct item_route {
	char table[SYMBOL_LEN];
	struct cidr destination;
	uint32_t target; /* enum route_target of abi.h */
	char id[SYMBOL_LEN];
};

/* ITEM_SANDBOX and ITEM_DNS_VIEW bodies are canonical JSON text (vpcd/plan_sandbox.c,
 * vpcd/plan_dns.c say which). */

/* Symbols of the built-in pseudo-VPC. */
#define SYMBOL_INTERNET	     "internet"
#define SYMBOL_INTERNET_SUBNET "internet-subnet"

/* ---- the desired state ---- */

struct plan; /* items and who owns them */

struct plan *plan_new(void);
void plan_free(struct plan *p); /* NULL ok */

/* Recomputes everything. */
void plan_full(struct plan *p, const struct model *m);
/* Recomputes what a commit's changes can affect: the objects and their dependants. m: the model
 * after the commit. */
void plan_changes(struct plan *p, const struct model *m, const struct change *c, size_t n);

const struct item *plan_get(const struct plan *p, enum item_type type, const char *key);
/* Items of a type in no particular order; NULL starts. */
const struct item *plan_next(const struct plan *p, enum item_type type, const struct item *it);
/* Object that owns an item (the first one), for status and messages. */
const char *plan_owner(const struct plan *p, const struct item *it);
/* Same items, same bodies? On a difference names one in ret (type and key), for tests. */
bool plan_equal(const struct plan *a, const struct plan *b, char *ret, size_t len);

/* Items that changed since plan_ack(), each once: apply's work list. */
const struct item *plan_dirty(struct plan *p);

#endif
