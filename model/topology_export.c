/* SPDX-License-Identifier: MIT
 * A lab as a topology file that loads to the same lab.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/kinds/common.h"
#include "model/kinds/route.h"
#include "model/model.h"
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

	if (strcmp(rule->group_id, r->group) || security_group_rule_is_stale(r->x->m, rule))
		return; /* stale: it could not be loaded */
	if (r->x->canonical || rule->description) {
		j = record_without(o, drop);
		if (rule->referenced_group_id)
			json_set(j, "ReferencedGroupId",
				 reference(r->x, rule->referenced_group_id, r->vpc));
		if (rule->prefix_list_id)
			json_set(j, "PrefixListId", reference(r->x, rule->prefix_list_id, NULL));
	} else {
		cleanup_free char *text = rule_format(r->x->m, rule);

		j = json_new_str(text);
	}
	json_append(r->out[rule->is_egress], j);
}

/* Are the rules these texts, in any order? They are what an absent block means. */
static bool are_only(const struct json *arr, const char *const *texts)
{
	size_t n = 0;

	for (; texts[n]; n++) {
		bool found = false;

		json_for_each (it, arr)
			found |= json_str(it) && !strcmp(json_str(it), texts[n]);
		if (!found)
			return false;
	}
	return json_len(arr) == n;
}

static bool is_default_set(const struct export *x, const struct security_group *sg, bool egress,
			   const struct json *rules)
{
	static const char *const none[] = {NULL}, *const own[] = {"all from default", NULL},
				 *const out[] = {"all to 0.0.0.0/0", NULL},
				 *const out6[] = {"all to 0.0.0.0/0", "all to ::/0", NULL};
	const struct vpc *v = AS_CONST(vpc, model_get(x->m, sg->vpc_id));

	if (!egress)
		return are_only(rules, strcmp(sg->group_name, "default") ? none : own);
	return are_only(rules, ip_is_set(&v->ipv6_cidr_block.ip) ? out6 : out);
}

static void export_group(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct security_group *sg = AS_CONST(security_group, o);
	struct rules r = {x, o->id, sg->vpc_id, {json_new_arr(), json_new_arr()}};
	struct json *out = plain(o);
	bool is_default = !strcmp(sg->group_name, "default");

	model_referrers(x->m, o->id, KIND_SECURITY_GROUP_RULE, add_rule, &r);
	for (int egress = 0; egress < 2; egress++)
		if (!is_default_set(x, sg, egress, r.out[egress]))
			json_set(out, egress ? "Egress" : "Ingress", r.out[egress]);
		else
			json_free(r.out[egress]);
	if (is_default)
		json_set(out, "Description", NULL);
	if (is_default && !json_len(out))
		json_free(out);
	else
		json_set(block(vpc, "SecurityGroups"), name_of(o), out);
}

/* An instance's interface is written as the instance: the file knows no other. */
static struct json *route_target_json(const struct export *x, const struct route *r,
				      const char *vpc_id)
{
	const char *id = route_target(r);
	const struct object *o = id ? model_get(x->m, id) : NULL;
	const char *holder = o && o->kind->kind == KIND_NETWORK_INTERFACE
				     ? AS_CONST(network_interface, o)->attachment_id
				     : NULL;

	if (r->local)
		return json_new_str("local");
	if (holder && kind_of_id(holder) == kinds[KIND_INSTANCE])
		id = holder;
	/* A blackhole's target is gone: it cannot be written, for it could not be loaded. */
	return o ? reference(x, id, vpc_id) : NULL;
}

static char *destination_text(const struct export *x, const struct route *r)
{
	cleanup_json struct json *name = NULL;
	char text[CIDR_STRLEN], *label = NULL;

	if (!r->prefix_list_id)
		return strdup(route_destination(r, text));
	name = reference(x, r->prefix_list_id, NULL);
	return asprintf(&label, "%s", json_str(name)) < 0 ? NULL : label;
}

static struct json *routes_short(const struct export *x, const struct route_table *t)
{
	const struct route *r = t->routes.v;
	struct json *out = json_new_obj();

	for (size_t i = 0; i < t->routes.n; i++) {
		struct json *target = route_target_json(x, &r[i], t->vpc_id);
		cleanup_free char *to = destination_text(x, &r[i]);

		if (target && to)
			json_set(out, to, target);
	}
	return out;
}

/* The field of the target's kind, as in the kind's own table. */
static const char *target_field(const struct export *x, const struct route *r)
{
	field_for_each (f, elem_route.fields)
		if (f->oneof && !strcmp(f->oneof, "target") && f->type == T_REF &&
		    *(char *const *)field_at_const(f, r))
			return f->name;
	return "LocalTarget";
}

static struct json *routes_long(const struct export *x, const struct route_table *t)
{
	const struct route *r = t->routes.v;
	struct json *out = json_new_arr();

	for (size_t i = 0; i < t->routes.n; i++) {
		const char *id = route_target(&r[i]), *field = target_field(x, &r[i]);
		struct json *j;

		if (!r[i].local && !(id && model_get(x->m, id)))
			continue;
		j = value_print(&elem_route, &r[i]);
		if (r[i].prefix_list_id)
			json_set(j, "DestinationPrefixListId",
				 reference(x, r[i].prefix_list_id, NULL));
		if (r[i].network_interface_id) {
			json_set(j, "NetworkInterfaceId", NULL);
			field = kind_of_id(id) ? "NetworkInterfaceId" : field;
		}
		if (!r[i].local)
			json_set(j, field, reference(x, id, t->vpc_id));
		json_append(out, j);
	}
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
	if (t->gateway_id)
		json_set(out, "Gateway", reference(x, t->gateway_id, t->vpc_id));
	json_set(out, "Routes", x->canonical ? routes_long(x, t) : routes_short(x, t));
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

static bool is_as_made(const struct export *x, const struct network_acl *acl)
{
	const struct field *f = field_find(acl->o.kind->fields, "Entries");
	const struct vpc *v = AS_CONST(vpc, model_get(x->m, acl->vpc_id));
	cleanup_json struct json *made = default_acl_entries(ip_is_set(&v->ipv6_cidr_block.ip));
	struct list entries = {0};
	struct err e;
	bool same =
		!value_parse(f, made, &entries, &e) && !value_compare(f, &entries, &acl->entries);

	value_clear(f, &entries);
	return same;
}

static struct json *entries_short(const struct network_acl *acl)
{
	const struct network_acl_entry *v = acl->entries.v;
	struct json *out = json_new_arr();

	for (size_t i = 0; i < acl->entries.n; i++) {
		cleanup_free char *text = acl_entry_format(&v[i]);

		json_append(out, json_new_str(text));
	}
	return out;
}

static void export_acl(const struct export *x, const struct object *o, struct json *vpc)
{
	const struct field *f = field_find(o->kind->fields, "Entries");
	const struct network_acl *acl = AS_CONST(network_acl, o);
	struct json *out;

	if (acl->is_default && is_as_made(x, acl))
		return;
	out = plain(o);
	json_set(out, "Entries",
		 x->canonical ? value_print(f, field_at_const(f, o)) : entries_short(acl));
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
		export_acl(x, o, out);
		break;
	case KIND_EGRESS_ONLY_INTERNET_GATEWAY:
		json_set_str(out, "EgressOnlyInternetGateway", name_of(o));
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
	static const enum kind_id owned[] = {
		KIND_INTERNET_GATEWAY, KIND_EGRESS_ONLY_INTERNET_GATEWAY,
		KIND_SUBNET,	       KIND_NAT_GATEWAY,
		KIND_ROUTE_TABLE,      KIND_SECURITY_GROUP,
		KIND_NETWORK_ACL};
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

static void export_peering(const struct export *x, const struct object *o)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	struct json *out = plain(o);

	json_set(out, "Vpc", reference(x, p->vpc_id, NULL));
	json_set(out, "PeerVpc", reference(x, p->peer_vpc_id, NULL));
	json_set(out, "Accept", p->accept ? NULL : json_new_bool(false));
	json_set(block(x->doc, "VpcPeeringConnections"), name_of(o), out);
}

static struct json *list_entry(const struct export *x, const struct prefix_list_entry *en)
{
	struct json *j;
	char text[CIDR_STRLEN];

	cidr_format(&en->cidr, text);
	if (!x->canonical && !en->description)
		return json_new_str(text);
	j = json_new_obj();
	json_set_str(j, "Cidr", text);
	json_set_str(j, "Description", en->description);
	return j;
}

static void export_list(const struct export *x, const struct object *o)
{
	const struct prefix_list *pl = AS_CONST(prefix_list, o);
	const struct prefix_list_entry *v = pl->entries.v;
	struct json *out = plain(o), *entries = json_new_arr();

	for (size_t i = 0; i < pl->entries.n; i++)
		json_append(entries, list_entry(x, &v[i]));
	json_set(out, "Entries", entries);
	json_set(block(x->doc, "PrefixLists"), name_of(o), out);
}

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

static void export_flow_log(const struct export *x, const struct object *o)
{
	struct json *out = plain(o);

	for (const struct key *k = block_keys(KIND_FLOW_LOG); k->key; k++) {
		const struct field *f = k->field ? field_find(o->kind->fields, k->field) : NULL;

		if (f && f->type == T_REF)
			json_set(out, k->key,
				 reference(x, *(char *const *)field_at_const(f, o), NULL));
	}
	json_set(block(x->doc, "FlowLogs"), name_of(o), out);
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

/* An interface by the name of what has it, where that leads back to it. */
static struct json *interface_reference(const struct export *x, const char *id)
{
	const struct object *eni = model_get(x->m, id), *back;
	const char *holder = eni ? AS_CONST(network_interface, eni)->attachment_id : NULL;
	const struct object *o = holder ? model_get(x->m, holder) : NULL;

	if (o && o->name &&
	    !model_resolve(x->m, KIND_NETWORK_INTERFACE, o->name, NULL, &back, NULL) && back == eni)
		return json_new_str(o->name);
	return json_new_str(id);
}

static void export_mirror_filter(const struct export *x, const struct object *o)
{
	static const char *const lists[] = {"IngressFilterRules", "EgressFilterRules"};
	struct json *out = plain(o);

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct field *f = field_find(o->kind->fields, lists[i]);
		const struct list *l = field_at_const(f, o);

		if (l->n)
			json_set(out, lists[i], value_print(f, l));
	}
	json_set(block(x->doc, "TrafficMirrorFilters"), name_of(o), out);
}

static void export_mirror_target(const struct export *x, const struct object *o)
{
	const char *id = AS_CONST(traffic_mirror_target, o)->network_interface_id;
	struct json *out = plain(o);

	if (id)
		json_set(out, "Interface", interface_reference(x, id));
	json_set(block(x->doc, "TrafficMirrorTargets"), name_of(o), out);
}

static void export_mirror_session(const struct export *x, const struct object *o)
{
	const struct traffic_mirror_session *s = AS_CONST(traffic_mirror_session, o);
	struct json *out = plain(o);

	json_set(out, "Interface", interface_reference(x, s->network_interface_id));
	json_set(out, "Target", reference(x, s->target_id, NULL));
	json_set(out, "Filter", reference(x, s->filter_id, NULL));
	json_set(block(x->doc, "TrafficMirrorSessions"), name_of(o), out);
}

static void export_object(const struct export *x, const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_VPC:
		export_vpc(x, o);
		break;
	case KIND_VPC_PEERING_CONNECTION:
		export_peering(x, o);
		break;
	case KIND_PREFIX_LIST:
		export_list(x, o);
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
	case KIND_FLOW_LOG:
		export_flow_log(x, o);
		break;
	case KIND_TRAFFIC_MIRROR_TARGET:
		export_mirror_target(x, o);
		break;
	case KIND_TRAFFIC_MIRROR_FILTER:
		export_mirror_filter(x, o);
		break;
	case KIND_TRAFFIC_MIRROR_SESSION:
		export_mirror_session(x, o);
		break;
	default:
		export_dns(x, o);
	}
}

int topology_export(const struct model *m, const char *lab, bool canonical, struct json **ret,
		    struct err *e)
{
	static const enum kind_id top[] = {KIND_PREFIX_LIST,
					   KIND_VPC,
					   KIND_VPC_PEERING_CONNECTION,
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
					   KIND_FLOW_LOG,
					   KIND_TRAFFIC_MIRROR_TARGET,
					   KIND_TRAFFIC_MIRROR_FILTER,
					   KIND_TRAFFIC_MIRROR_SESSION};
	const struct model own = model_of_lab(m, lab);
	struct export x = {&own, lab, canonical, json_new_obj()};

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
