/* SPDX-License-Identifier: MIT
 * Taking objects into a lab that were made by hand, as `terraform import` does: what belongs to no
 * lab and is the file's by kind, name and VPC becomes the lab's before the file is applied, so that
 * it is changed instead of made a second time. What belongs to another lab is never taken.
 */
#include <stdlib.h>
#include <string.h>

#include "model/topology_load.h"

static const enum kind_id named[] = {
	KIND_VPC,
	KIND_INTERNET_GATEWAY,
	KIND_EGRESS_ONLY_INTERNET_GATEWAY,
	KIND_SUBNET,
	KIND_SECURITY_GROUP,
	KIND_NETWORK_ACL,
	KIND_NAT_GATEWAY,
	KIND_ROUTE_TABLE,
	KIND_VPC_PEERING_CONNECTION,
	KIND_PREFIX_LIST,
	KIND_ELASTIC_IP,
	KIND_INSTANCE,
	KIND_FUNCTION,
	KIND_INTERNET_HOST,
	KIND_HOSTED_ZONE,
	KIND_DHCP_OPTIONS,
	KIND_RESOLVER_RULE,
	KIND_FIREWALL_DOMAIN_LIST,
	KIND_FIREWALL_RULE_GROUP,
	KIND_QUERY_LOG_CONFIG,
};

const struct object *unowned_namesake(const struct model *m, enum kind_id kind, const char *name)
{
	model_for_each (o, m, kind)
		if (!o->lab && o->name && !strcmp(o->name, name))
			return o;
	return NULL;
}

static void adopt(struct load *l, struct entry *e, const char *id)
{
	struct err err;

	if (txn_adopt(l->t, id, &err))
		entry_fault(l, e, &err);
}

/* Entries know their objects' ids while this goes on: what is nested is looked for in its VPC. */
static void adopt_entries(struct load *l, enum kind_id kind)
{
	for (size_t i = 0; i < l->n; i++) {
		struct entry *e = &l->v[i];
		const struct object *o;

		if (e->kind != kind || (e->vpc && !entry_vpc_id(l, e)))
			continue;
		o = entry_object(l, e, l->lab);
		if (!o) {
			o = entry_object(l, e, NULL);
			if (o)
				adopt(l, e, o->id);
		}
		if (o)
			memcpy(e->id, o->id, sizeof(e->id));
	}
}

const char *object_owner(const struct model *m, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_ROUTE_TABLE:
	case KIND_NETWORK_ACL:
	case KIND_SECURITY_GROUP:
		return object_came_along(o) ? model_object_vpc(m, o) : NULL;
	case KIND_NETWORK_INTERFACE:
		return AS_CONST(network_interface, o)->attachment_id;
	case KIND_ELASTIC_IP:
		return AS_CONST(elastic_ip, o)->auto_assigned
			       ? AS_CONST(elastic_ip, o)->network_interface_id
			       : NULL;
	case KIND_SECURITY_GROUP_RULE:
		return AS_CONST(security_group_rule, o)->group_id;
	case KIND_RECORD_SET:
		return AS_CONST(record_set, o)->hosted_zone_id;
	default:
		return NULL;
	}
}

static void adopt_followers(struct load *l)
{
	static const enum kind_id following[] = {KIND_ROUTE_TABLE,    KIND_NETWORK_ACL,
						 KIND_SECURITY_GROUP, KIND_NETWORK_INTERFACE,
						 KIND_ELASTIC_IP,     KIND_SECURITY_GROUP_RULE,
						 KIND_RECORD_SET};
	const struct model *m = txn_model(l->t);

	for (size_t k = 0; k < ARRAY_SIZE(following); k++) {
		struct ids ids = {0};

		model_for_each (o, m, following[k]) {
			const char *id = o->lab ? NULL : object_owner(m, o);
			const struct object *owner = id ? model_get(m, id) : NULL;

			if (owner && object_of_lab(owner, l->lab))
				ids_add(&ids, o);
		}
		for (size_t i = 0; i < ids.n; i++)
			txn_adopt(l->t, ids.v[i], NULL);
		free(ids.v);
	}
}

void topology_adopt(struct load *l)
{
	for (size_t k = 0; k < ARRAY_SIZE(named); k++)
		adopt_entries(l, named[k]);
	adopt_followers(l);
	for (size_t i = 0; i < l->n; i++)
		l->v[i].id[0] = 0;
}
