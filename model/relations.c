/* SPDX-License-Identifier: MIT
 * Relations between objects that plan and checks both need; see store.h.
 */
#include <string.h>

#include "model/store.h"

const struct vpc *model_subnet_vpc(const struct model *m, const struct subnet *s)
{
	return AS_CONST(vpc, model_get(m, s->vpc_id));
}

/* The first referrer that `match` takes. */
struct search {
	bool (*match)(const struct object *o, const char *id);
	const char *id;
	const struct object *found;
};

static void search_one(void *arg, const struct object *o)
{
	struct search *s = arg;

	if (!s->found && s->match(o, s->id))
		s->found = o;
}

static const struct object *search(const struct model *m, const char *id, enum kind_id kind,
				   bool (*match)(const struct object *o, const char *id))
{
	struct search s = {.match = match, .id = id};

	if (id)
		model_referrers(m, id, kind, search_one, &s);
	return s.found;
}

static bool is_main_table(const struct object *o, const char *vpc_id)
{
	return AS_CONST(route_table, o)->main;
}

const struct route_table *model_subnet_route_table(const struct model *m, const struct subnet *s)
{
	const struct object *o = s->route_table_id ? model_get(m, s->route_table_id) : NULL;

	if (!o)
		o = search(m, s->vpc_id, KIND_ROUTE_TABLE, is_main_table);
	return AS_CONST(route_table, o);
}

static bool is_default_acl(const struct object *o, const char *vpc_id)
{
	return AS_CONST(network_acl, o)->is_default;
}

const struct network_acl *model_subnet_network_acl(const struct model *m, const struct subnet *s)
{
	const struct object *o = s->network_acl_id ? model_get(m, s->network_acl_id) : NULL;

	if (!o)
		o = search(m, s->vpc_id, KIND_NETWORK_ACL, is_default_acl);
	return AS_CONST(network_acl, o);
}

static bool any(const struct object *o, const char *id)
{
	return true;
}

const struct internet_gateway *model_vpc_internet_gateway(const struct model *m, const char *vpc_id)
{
	return AS_CONST(internet_gateway, search(m, vpc_id, KIND_INTERNET_GATEWAY, any));
}

static bool is_default_group(const struct object *o, const char *vpc_id)
{
	const char *name = AS_CONST(security_group, o)->group_name;

	return name && !strcmp(name, "default");
}

const struct security_group *model_vpc_default_group(const struct model *m, const char *vpc_id)
{
	return AS_CONST(security_group, search(m, vpc_id, KIND_SECURITY_GROUP, is_default_group));
}

bool eni_has_address(const struct network_interface *eni, const struct ip *ip)
{
	const struct ip *more = eni->secondary_private_ip_addresses.v;
	bool found = !ip_cmp(&eni->private_ip_address, ip);

	for (size_t i = 0; !found && i < eni->secondary_private_ip_addresses.n; i++)
		found = !ip_cmp(&more[i], ip);
	return found;
}

struct address_search {
	const struct ip *private_ip;
	const struct elastic_ip *found;
};

static void find_elastic_ip(void *arg, const struct object *o)
{
	const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
	struct address_search *s = arg;

	if (!ip_cmp(&eip->private_ip, s->private_ip))
		s->found = eip;
}

const struct elastic_ip *model_address_elastic_ip(const struct model *m, const char *eni_id,
						  const struct ip *private_ip)
{
	struct address_search s = {.private_ip = private_ip};

	model_referrers(m, eni_id, KIND_ELASTIC_IP, find_elastic_ip, &s);
	return s.found;
}

const struct elastic_ip *model_eni_elastic_ip(const struct model *m, const char *eni_id)
{
	const struct object *eni = model_get(m, eni_id);

	return eni ? model_address_elastic_ip(m, eni_id,
					      &AS_CONST(network_interface, eni)->private_ip_address)
		   : NULL;
}

static const char *vpc_of_id(const struct model *m, const char *id)
{
	const struct object *o = id ? model_get(m, id) : NULL;

	return o ? model_object_vpc(m, o) : NULL;
}

static const char *function_vpc(const struct model *m, const struct function *f)
{
	return f->subnet_ids.n ? vpc_of_id(m, *(char **)f->subnet_ids.v) : NULL;
}

const char *model_object_vpc(const struct model *m, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_VPC:
		return o->id;
	case KIND_SUBNET:
		return AS_CONST(subnet, o)->vpc_id;
	case KIND_ROUTE_TABLE:
		return AS_CONST(route_table, o)->vpc_id;
	case KIND_INTERNET_GATEWAY:
		return AS_CONST(internet_gateway, o)->vpc_id;
	case KIND_EGRESS_ONLY_INTERNET_GATEWAY:
		return AS_CONST(egress_only_internet_gateway, o)->vpc_id;
	case KIND_SECURITY_GROUP:
		return AS_CONST(security_group, o)->vpc_id;
	case KIND_NETWORK_ACL:
		return AS_CONST(network_acl, o)->vpc_id;
	case KIND_NAT_GATEWAY:
		return vpc_of_id(m, AS_CONST(nat_gateway, o)->subnet_id);
	case KIND_NETWORK_INTERFACE:
		return vpc_of_id(m, AS_CONST(network_interface, o)->subnet_id);
	case KIND_INSTANCE:
		return vpc_of_id(m, AS_CONST(instance, o)->subnet_id);
	case KIND_ELASTIC_IP:
		return vpc_of_id(m, AS_CONST(elastic_ip, o)->network_interface_id);
	case KIND_TRAFFIC_MIRROR_SESSION:
		return vpc_of_id(m, AS_CONST(traffic_mirror_session, o)->network_interface_id);
	case KIND_SECURITY_GROUP_RULE:
		return vpc_of_id(m, AS_CONST(security_group_rule, o)->group_id);
	case KIND_FUNCTION:
		return function_vpc(m, AS_CONST(function, o));
	default:
		return NULL;
	}
}
