/* SPDX-License-Identifier: MIT
 * A lab as a topology file that loads to the same lab.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/topology_load.h"
#include "model/types.h"

struct export
{
	const struct model *m;
	const char *lab;
	bool canonical;
	struct json *doc;
};

static bool is_exported(const struct export *x, const struct object *o)
{
	return !x->lab || (o->lab && !strcmp(o->lab, x->lab));
}

static struct json *block(struct json *parent, const char *name)
{
	struct json *b = json_get(parent, name);

	if (!b) {
		b = json_new_obj();
		json_set(parent, name, b);
	}
	return b;
}

/* How a reference is written: the name where it means the object again, in a VPC of its own. */
static struct json *reference(const struct export *x, const char *id, const char *scope_vpc)
{
	const struct object *o = id ? model_get(x->m, id) : NULL, *found;
	cleanup_free char *label = NULL;

	if (!o)
		return id ? json_new_str(id) : NULL;
	if (o->name && !model_resolve(x->m, o->kind->kind, o->name, scope_vpc, &found, NULL) &&
	    found == o)
		return json_new_str(o->name);
	label = object_label(x->m, o);
	if (label && !model_resolve(x->m, o->kind->kind, label, NULL, &found, NULL) && found == o)
		return json_new_str(label);
	return json_new_str(id);
}

static struct json *references(const struct export *x, const struct list *ids,
			       const char *scope_vpc)
{
	struct json *arr = json_new_arr();

	for (size_t i = 0; i < ids->n; i++)
		json_append(arr, reference(x, ((char **)ids->v)[i], scope_vpc));
	return arr;
}

static bool is_default_value(const struct field *f, const struct object *o)
{
	struct object *fresh = object_new(o->kind);
	bool same = fresh && !value_compare(f, field_at_const(f, fresh), field_at_const(f, o));

	object_free(fresh);
	return same;
}

/* The keys that stand for plain fields; references and what was left to the daemon aside. */
static struct json *plain(const struct object *o)
{
	struct json *out = json_new_obj(), *tags;

	for (const struct key *k = block_keys(o->kind->kind); k->key; k++) {
		const struct field *f = k->field ? field_find(o->kind->fields, k->field) : NULL;

		if (!f || f->type == T_REF ||
		    (f->elem && (f->elem->type == T_REF || f->elem->fields)))
			continue;
		if (!is_default_value(f, o))
			json_set(out, k->key, value_print(f, field_at_const(f, o)));
	}
	tags = json_new_obj();
	for (size_t i = 0; i < o->tags.n; i++)
		if (strcmp(o->tags.keys[i], "Name"))
			json_set_str(tags, o->tags.keys[i], o->tags.values[i]);
	if (json_len(tags))
		json_set(out, "Tags", tags);
	else
		json_free(tags);
	return out;
}

static const char *name_of(const struct object *o)
{
	return o->name ? o->name : o->id;
}

/* ---- rules and routes ---- */

static struct json *record_without(const struct object *o, const char *const *drop)
{
	struct json *spec = object_spec(o);

	for (; *drop; drop++)
		json_set(spec, *drop, NULL);
	return spec;
}

struct rules {
	const struct export *x;
	const char *group, *vpc;
	struct json *out[2]; /* ingress, egress */
};

static void add_rule(void *arg, const struct object *o)
{
	static const char *const drop[] = {"GroupId", "IsEgress", NULL};
	struct rules *r = arg;
	const struct security_group_rule *rule = AS_CONST(security_group_rule, o);
	struct json *j;

	if (strcmp(rule->group_id, r->group))
		return;
	if (r->x->canonical || rule->description) {
		j = record_without(o, drop);
		if (rule->referenced_group_id)
			json_set(j, "ReferencedGroupId",
				 reference(r->x, rule->referenced_group_id, r->vpc));
	} else {
		cleanup_free char *text = rule_format(r->x->m, rule);

		j = json_new_str(text);
	}
	json_append(r->out[rule->is_egress], j);
}

static bool is_only(const struct json *arr, const char *text)
{
	return json_len(arr) == 1 && json_str(json_at(arr, 0)) &&
	       !strcmp(json_str(json_at(arr, 0)), text);
}

static void export_group(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct security_group *sg = AS_CONST(security_group, o);
	struct rules r = {x, o->id, sg->vpc_id, {json_new_arr(), json_new_arr()}};
	struct json *out = plain(o);
	bool is_default = !strcmp(sg->group_name, "default");

	model_referrers(x->m, o->id, KIND_SECURITY_GROUP_RULE, add_rule, &r);
	if (is_default ? !is_only(r.out[0], "all from default") : json_len(r.out[0]) > 0)
		json_set(out, "Ingress", r.out[0]);
	else
		json_free(r.out[0]);
	if (!is_only(r.out[1], "all to 0.0.0.0/0"))
		json_set(out, "Egress", r.out[1]);
	else
		json_free(r.out[1]);
	if (is_default)
		json_set(out, "Description", NULL);
	if (is_default && !json_len(out))
		json_free(out);
	else
		json_set(block(vpc, "SecurityGroups"), name_of(o), out);
}

static const char *route_target(const struct route *r)
{
	return r->gateway_id		 ? r->gateway_id
	       : r->nat_gateway_id	 ? r->nat_gateway_id
	       : r->network_interface_id ? r->network_interface_id
					 : r->instance_id;
}

/* A blackhole's target is gone: it cannot be written, for it could not be loaded. */
static struct json *routes_short(const struct export *x, const struct route_table *t)
{
	const struct route *r = t->routes.v;
	struct json *out = json_new_obj();
	char text[CIDR_STRLEN];

	for (size_t i = 0; i < t->routes.n; i++)
		if (route_target(&r[i]) && model_get(x->m, route_target(&r[i])))
			json_set(out, cidr_format(&r[i].destination, text),
				 reference(x, route_target(&r[i]), t->vpc_id));
	return out;
}

static void export_table(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct route_table *t = AS_CONST(route_table, o);
	struct json *out;

	if (t->main && !t->routes.n)
		return;
	out = plain(o);
	if (t->main)
		json_set_bool(out, "Main", true);
	json_set(out, "Routes", routes_short(x, t));
	json_set(block(vpc, "RouteTables"), name_of(o), out);
}

/* ---- what a VPC owns ---- */

static void export_subnet(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct subnet *s = AS_CONST(subnet, o);
	struct json *out = plain(o);

	json_set(out, "RouteTable", reference(x, s->route_table_id, s->vpc_id));
	json_set(out, "NetworkAcl", reference(x, s->network_acl_id, s->vpc_id));
	json_set(block(vpc, "Subnets"), name_of(o), out);
}

/* The elastic IP that load makes of "PublicIp" has this name. */
static bool is_own_address(const struct object *eip, const char *name)
{
	return eip && eip->name && !strcmp(eip->name, name);
}

static void export_nat(const struct export *x, const struct object *o, const struct object *vpc_obj,
		       struct json *vpc)
{
	const struct nat_gateway *n = AS_CONST(nat_gateway, o);
	const struct object *eip = n->allocation_id ? model_get(x->m, n->allocation_id) : NULL;
	struct json *out = plain(o);
	char name[300], text[IP_STRLEN];

	json_set(out, "Subnet", reference(x, n->subnet_id, vpc_obj->id));
	snprintf(name, sizeof(name), "%s-%s", name_of(vpc_obj), name_of(o));
	if (is_own_address(eip, name))
		json_set_str(out, "PublicIp",
			     ip_format(&AS_CONST(elastic_ip, eip)->public_ip, text));
	else if (eip)
		json_set(out, "ElasticIp", reference(x, eip->id, NULL));
	if (n->secondary_allocation_ids.n)
		json_set(out, "SecondaryElasticIps",
			 references(x, &n->secondary_allocation_ids, NULL));
	json_set(block(vpc, "NatGateways"), name_of(o), out);
}

static void export_acl(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct field *f = field_find(o->kind->fields, "Entries");
	struct json *out = plain(o);

	json_set(out, "Entries", value_print(f, field_at_const(f, o)));
	json_set(block(vpc, "NetworkAcls"), name_of(o), out);
}

static void export_owned(const struct export *x, const struct object *o, const struct object *vpc,
			 struct json *out)
{
	switch (o->kind->kind) {
	case KIND_INTERNET_GATEWAY:
		json_set_str(out, "InternetGateway", name_of(o));
		break;
	case KIND_SUBNET:
		export_subnet(x, o, out);
		break;
	case KIND_SECURITY_GROUP:
		export_group(x, o, out);
		break;
	case KIND_NETWORK_ACL:
		if (!AS_CONST(network_acl, o)->is_default)
			export_acl(x, o, out);
		break;
	case KIND_NAT_GATEWAY:
		export_nat(x, o, vpc, out);
		break;
	case KIND_ROUTE_TABLE:
		export_table(x, o, out);
		break;
	default:
		break;
	}
}

static void export_vpc(const struct export *x, const struct object *v)
{
	static const enum kind_id owned[] = {KIND_INTERNET_GATEWAY, KIND_SUBNET,
					     KIND_NAT_GATEWAY,	    KIND_ROUTE_TABLE,
					     KIND_SECURITY_GROUP,   KIND_NETWORK_ACL};
	struct json *out = plain(v);

	for (size_t k = 0; k < ARRAY_SIZE(owned); k++)
		model_for_each (o, x->m, owned[k]) {
			const char *vpc = model_object_vpc(x->m, o);

			if (vpc && !strcmp(vpc, v->id) && is_exported(x, o))
				export_owned(x, o, v, out);
		}
	if (AS_CONST(vpc, v)->dhcp_options_id)
		json_set(out, "DhcpOptions", reference(x, AS_CONST(vpc, v)->dhcp_options_id, NULL));
	json_set(block(x->doc, "Vpcs"), name_of(v), out);
}

/* ---- the rest ---- */

static void export_instance(const struct export *x, const struct object *o)
{
	const struct instance *i = AS_CONST(instance, o);
	const struct elastic_ip *eip = i->network_interface_id
					       ? model_eni_elastic_ip(x->m, i->network_interface_id)
					       : NULL;
	const char *vpc = model_object_vpc(x->m, o);
	struct json *out = plain(o);
	char text[IP_STRLEN];

	json_set(out, "Subnet", reference(x, i->subnet_id, NULL));
	json_set(out, "SecurityGroups", references(x, &i->security_group_ids, vpc));
	if (eip && !eip->auto_assigned && is_own_address(&eip->o, name_of(o)))
		json_set_str(out, "PublicIp", ip_format(&eip->public_ip, text));
	else if (eip && !eip->auto_assigned)
		json_set(out, "ElasticIp", reference(x, eip->o.id, NULL));
	json_set(block(x->doc, "Instances"), name_of(o), out);
}

static void export_function(const struct export *x, const struct object *o)
{
	const struct function *f = AS_CONST(function, o);
	struct json *out = plain(o);

	json_set(out, "Subnets", references(x, &f->subnet_ids, NULL));
	json_set(out, "SecurityGroups",
		 references(x, &f->security_group_ids, model_object_vpc(x->m, o)));
	json_set(block(x->doc, "Functions"), name_of(o), out);
}

static void add_record(void *arg, const struct object *o)
{
	const struct record_set *r = AS_CONST(record_set, o);
	struct json *values = json_new_arr(), *out = values;
	const char *set = r->set_identifier;
	char key[450];

	for (size_t i = 0; i < r->values.n; i++)
		json_append(values, json_new_str(((char **)r->values.v)[i]));
	if (r->ttl != 60 || set) {
		out = json_new_obj();
		if (r->ttl != 60)
			json_set_num(out, "TTL", (double)r->ttl);
		if (r->weight)
			json_set_num(out, "Weight", (double)r->weight);
		if (r->multi_value_answer)
			json_set_bool(out, "MultiValueAnswer", true);
		json_set(out, "Values", values);
	}
	snprintf(key, sizeof(key), "%s %s%s%s", r->record_name, r->type, set ? " " : "",
		 set ? set : "");
	json_set(arg, key, out);
}

static void export_zone(const struct export *x, const struct object *o)
{
	const struct hosted_zone *z = AS_CONST(hosted_zone, o);
	struct json *out = plain(o), *records = json_new_obj();

	if (z->vpc_ids.n)
		json_set(out, "Vpcs", references(x, &z->vpc_ids, NULL));
	model_referrers(x->m, o->id, KIND_RECORD_SET, add_record, records);
	json_set(out, "Records", records);
	json_set(block(x->doc, "HostedZones"), z->domain, out);
}

/* An object that names the VPCs it is for. */
static struct json *associated(const struct export *x, const struct object *o,
			       const struct list *vpc_ids)
{
	struct json *out = plain(o);

	if (vpc_ids->n)
		json_set(out, "Vpcs", references(x, vpc_ids, NULL));
	return out;
}

static void export_resolver_rule(const struct export *x, const struct object *o)
{
	const struct resolver_rule *r = AS_CONST(resolver_rule, o);
	struct json *out = associated(x, o, &r->vpc_ids);
	const struct field *targets = field_find(o->kind->fields, "TargetIps");

	if (r->target_ips.n)
		json_set(out, "TargetIps", value_print(targets, &r->target_ips));
	json_set(block(x->doc, "ResolverRules"), name_of(o), out);
}

static void export_rule_group(const struct export *x, const struct object *o)
{
	const struct firewall_rule_group *g = AS_CONST(firewall_rule_group, o);
	const struct firewall_rule *v = g->firewall_rules.v;
	struct json *out = associated(x, o, &g->vpc_ids);
	struct json *rules =
		value_print(field_find(o->kind->fields, "FirewallRules"), &g->firewall_rules);

	for (size_t i = 0; i < g->firewall_rules.n; i++)
		json_set(json_at(rules, i), "FirewallDomainListId",
			 reference(x, v[i].firewall_domain_list_id, NULL));
	json_set(out, "FirewallRules", rules);
	json_set(block(x->doc, "FirewallRuleGroups"), name_of(o), out);
}

static void export_dns(const struct export *x, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_RESOLVER_RULE:
		export_resolver_rule(x, o);
		break;
	case KIND_FIREWALL_RULE_GROUP:
		export_rule_group(x, o);
		break;
	case KIND_FIREWALL_DOMAIN_LIST:
		json_set(block(x->doc, "FirewallDomainLists"), name_of(o), plain(o));
		break;
	case KIND_QUERY_LOG_CONFIG:
		json_set(block(x->doc, "QueryLogConfigs"), name_of(o),
			 associated(x, o, &AS_CONST(query_log_config, o)->vpc_ids));
		break;
	case KIND_DHCP_OPTIONS:
		json_set(block(x->doc, "DhcpOptions"), name_of(o), plain(o));
		break;
	default:
		break;
	}
}

/* Elastic IPs that are not the address of a NAT gateway or instance by "PublicIp". */
static bool is_free_standing(const struct export *x, const struct object *o)
{
	const char *eni_id = AS_CONST(elastic_ip, o)->network_interface_id;
	const struct object *eni = eni_id ? model_get(x->m, eni_id) : NULL;
	const char *holder_id = eni ? AS_CONST(network_interface, eni)->attachment_id : NULL;
	const struct object *holder = holder_id ? model_get(x->m, holder_id) : NULL;
	const struct object *vpc;
	char name[300];

	if (AS_CONST(elastic_ip, o)->auto_assigned)
		return false;
	if (!holder)
		return true;
	vpc = model_get(x->m, model_object_vpc(x->m, holder));
	if (holder->kind->kind == KIND_NAT_GATEWAY && vpc)
		snprintf(name, sizeof(name), "%s-%s", name_of(vpc), name_of(holder));
	else
		snprintf(name, sizeof(name), "%s", name_of(holder));
	return !is_own_address(o, name);
}

static void export_object(const struct export *x, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_VPC:
		export_vpc(x, o);
		break;
	case KIND_ELASTIC_IP:
		if (is_free_standing(x, o))
			json_set(block(x->doc, "ElasticIps"), name_of(o), plain(o));
		break;
	case KIND_INSTANCE:
		export_instance(x, o);
		break;
	case KIND_FUNCTION:
		export_function(x, o);
		break;
	case KIND_INTERNET_HOST:
		json_set(block(x->doc, "InternetHosts"), name_of(o), plain(o));
		break;
	case KIND_HOSTED_ZONE:
		export_zone(x, o);
		break;
	default:
		export_dns(x, o);
	}
}

int topology_export(const struct model *m, const char *lab, bool canonical, struct json **ret,
		    struct err *e)
{
	static const enum kind_id top[] = {KIND_VPC,
					   KIND_ELASTIC_IP,
					   KIND_INSTANCE,
					   KIND_FUNCTION,
					   KIND_INTERNET_HOST,
					   KIND_HOSTED_ZONE,
					   KIND_DHCP_OPTIONS,
					   KIND_RESOLVER_RULE,
					   KIND_FIREWALL_DOMAIN_LIST,
					   KIND_FIREWALL_RULE_GROUP,
					   KIND_QUERY_LOG_CONFIG};
	struct export x = {m, lab, canonical, json_new_obj()};

	if (!x.doc)
		return err_sys(e, -ENOMEM, "export");
	if (lab)
		json_set_str(x.doc, "Lab", lab);
	for (size_t k = 0; k < ARRAY_SIZE(top); k++)
		model_for_each (o, m, top[k])
			if (is_exported(&x, o))
				export_object(&x, o);
	*ret = x.doc;
	return 0;
}
