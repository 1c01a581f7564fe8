/* SPDX-License-Identifier: MIT
 * Which objects' items can a change affect? The objects changed, some that they refer to (an
 * elastic IP changes its interface's address item), and whatever refers to any of these,
 * transitively. A test holds that recomputing them gives what recomputing everything gives.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/cleanup.h"
#include "vpcd/plan.h"

struct member {
	char id[SYMBOL_LEN];
	UT_hash_handle hh;
};

struct set {
	const struct model *m;
	struct member *members;
};

static void add(struct set *s, const char *id);

static void add_referrer(void *arg, const struct object *o)
{
	add(arg, o->id);
}

/* A session's items are its source's, whatever of it (target, filter) has changed. */
static void add_source(struct set *s, const char *id)
{
	const struct object *o = model_get(s->m, id);

	if (o && o->kind->kind == KIND_TRAFFIC_MIRROR_SESSION)
		add(s, AS_CONST(traffic_mirror_session, o)->network_interface_id);
}

static void add(struct set *s, const char *id)
{
	struct member *found;

	if (!id)
		return;
	HASH_FIND_STR(s->members, id, found);
	if (found)
		return;
	found = calloc(1, sizeof(*found));
	if (!found)
		abort();
	symbol_set(found->id, id);
	HASH_ADD_STR(s->members, id, found);
	model_referrers(s->m, id, KIND_NONE, add_referrer, s);
	add_source(s, id);
}

/* Records that name an instance ("@db") depend on it by name, not by reference. */
static void add_name_records(struct set *s)
{
	model_for_each (o, s->m, KIND_RECORD_SET) {
		const struct record_set *r = AS_CONST(record_set, o);

		for (size_t i = 0; i < r->values.n; i++)
			if (((char **)r->values.v)[i][0] == '@')
				add(s, o->id);
	}
}

/* A rule's items are its group's. */
static void add_rule_group(void *arg, const struct object *o)
{
	add(arg, AS_CONST(security_group_rule, o)->group_id);
}

/* Subnets that name no ACL read their VPC's default one. */
static void add_default_acl_readers(struct set *s, const struct network_acl *acl)
{
	if (acl->is_default)
		model_referrers(s->m, acl->vpc_id, KIND_SUBNET, add_referrer, s);
}

/* A VPC's DNS attributes say which of its peers' names it sees. */
static void add_peers(void *arg, const struct object *o)
{
	add(arg, AS_CONST(vpc_peering_connection, o)->vpc_id);
	add(arg, AS_CONST(vpc_peering_connection, o)->peer_vpc_id);
}

/* What an object's items read through its own references. */
static void add_reads(struct set *s, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_INTERNET_GATEWAY:
		add(s, AS_CONST(internet_gateway, o)->vpc_id);
		break;
	case KIND_EGRESS_ONLY_INTERNET_GATEWAY:
		add(s, AS_CONST(egress_only_internet_gateway, o)->vpc_id);
		break;
	case KIND_ROUTE_TABLE: /* a gateway's own table */
		add(s, AS_CONST(route_table, o)->gateway_id);
		break;
	case KIND_VPC:
		model_referrers(s->m, o->id, KIND_VPC_PEERING_CONNECTION, add_peers, s);
		break;
	case KIND_VPC_PEERING_CONNECTION: /* references between the two VPCs' groups */
		add(s, AS_CONST(vpc_peering_connection, o)->vpc_id);
		add(s, AS_CONST(vpc_peering_connection, o)->peer_vpc_id);
		break;
	case KIND_SECURITY_GROUP: /* rules that name it are stale once it is gone */
	case KIND_PREFIX_LIST:
		model_referrers(s->m, o->id, KIND_SECURITY_GROUP_RULE, add_rule_group, s);
		break;
	case KIND_ELASTIC_IP:
		add(s, AS_CONST(elastic_ip, o)->network_interface_id);
		break;
	case KIND_SECURITY_GROUP_RULE:
		add(s, AS_CONST(security_group_rule, o)->group_id);
		break;
	case KIND_NETWORK_INTERFACE:
		add(s, AS_CONST(network_interface, o)->attachment_id);
		break;
	case KIND_INSTANCE:
		add(s, AS_CONST(instance, o)->network_interface_id);
		break;
	case KIND_FUNCTION:
		add(s, AS_CONST(function, o)->network_interface_id);
		break;
	case KIND_NAT_GATEWAY:
		add(s, AS_CONST(nat_gateway, o)->network_interface_id);
		add(s, AS_CONST(nat_gateway, o)->allocation_id);
		break;
	case KIND_TRAFFIC_MIRROR_SESSION:
		add(s, AS_CONST(traffic_mirror_session, o)->network_interface_id);
		break;
	case KIND_NETWORK_ACL:
		add_default_acl_readers(s, AS_CONST(network_acl, o));
		break;
	default:
		break;
	}
}

static void add_changed(struct set *s, const struct object *o)
{
	if (!o)
		return;
	add(s, o->id);
	add_reads(s, o);
}

static bool names_addresses(const struct object *o)
{
	return o && (o->kind->kind == KIND_INSTANCE || o->kind->kind == KIND_FUNCTION ||
		     o->kind->kind == KIND_NETWORK_INTERFACE || o->kind->kind == KIND_NAT_GATEWAY ||
		     o->kind->kind == KIND_ELASTIC_IP);
}

void plan_affected(const struct model *m, const struct change *c, size_t n,
		   void (*fn)(void *arg, const char *id), void *arg)
{
	struct set s = {.m = m};
	struct member *it, *tmp;
	bool names = false;

	for (size_t i = 0; i < n; i++) {
		add_changed(&s, c[i].old);
		add_changed(&s, c[i].new);
		names = names || names_addresses(c[i].old) || names_addresses(c[i].new);
	}
	if (names)
		add_name_records(&s);
	HASH_ITER (hh, s.members, it, tmp)
		fn(arg, it->id);
	HASH_ITER (hh, s.members, it, tmp) {
		HASH_DEL(s.members, it);
		free(it);
	}
}
