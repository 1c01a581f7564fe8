/* SPDX-License-Identifier: MIT
 * Shorthands of the topology file: routes by destination, ACL entries and prefix list entries as
 * texts. See topology_load.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "model/kinds/common.h"
#include "model/topology_load.h"
#include "model/types.h"

/* ---- routes ---- */

/* What a target may be, in the order in which names are looked up. */
const struct route_target_kind route_targets[N_ROUTE_TARGETS] = {
	{KIND_INTERNET_GATEWAY, "GatewayId", true},
	{KIND_EGRESS_ONLY_INTERNET_GATEWAY, "EgressOnlyInternetGatewayId", true},
	{KIND_NAT_GATEWAY, "NatGatewayId", true},
	{KIND_VPC_PEERING_CONNECTION, "VpcPeeringConnectionId", false},
	{KIND_INSTANCE, "InstanceId", false},
	{KIND_NETWORK_INTERFACE, "NetworkInterfaceId", false},
};

/* A name of this file wins over what was made otherwise. NULL: there is no such target. */
static const char *target_field(struct load *l, const char *target, const char *vpc)
{
	const struct object *found;

	for (size_t i = 0; i < N_ROUTE_TARGETS; i++)
		if (entry_find(l, route_targets[i].kind, target,
			       route_targets[i].of_vpc ? vpc : NULL))
			return route_targets[i].field;
	for (size_t i = 0; i < N_ROUTE_TARGETS; i++)
		if (kind_of_id(target) == kinds[route_targets[i].kind] ||
		    !model_resolve(txn_model(l->t), route_targets[i].kind, target, NULL, &found,
				   NULL))
			return route_targets[i].field;
	return NULL;
}

void route_set_destination(struct json *record, const char *text)
{
	struct cidr c;

	if (!cidr_parse(text, &c))
		json_set_str(record,
			     c.ip.family == AF_INET ? "DestinationCidrBlock"
						    : "DestinationIpv6CidrBlock",
			     text);
	else if (!strncmp(text, "pl:", 3))
		json_set_str(record, "DestinationPrefixListId", text + 3);
	else
		json_set_str(record, "DestinationPrefixListId", text);
}

static bool is_destination(struct load *l, const char *text)
{
	const struct object *found;
	const char *name = strncmp(text, "pl:", 3) ? text : text + 3;
	struct cidr c;

	return !cidr_parse(text, &c) || entry_find(l, KIND_PREFIX_LIST, name, NULL) ||
	       !model_resolve(txn_model(l->t), KIND_PREFIX_LIST, name, NULL, &found, NULL);
}

/* "0.0.0.0/0": "igw" becomes a record; NULL: a fault. */
static struct json *route_record(struct load *l, struct entry *e, const struct json *route,
				 const char *pointer)
{
	const char *to = json_key(route), *target = json_str(route), *field;
	struct json *record;
	char key[200];

	pointer_escape(to, key, sizeof(key));
	if (!target && !value_is_type(l, route, JSON_STRING, pointer, key))
		return NULL;
	field = strcmp(target, "local") ? target_field(l, target, e->vpc) : "LocalTarget";
	if (!field)
		fault_format(l, pointer, key, false, "InvalidParameterValue",
			     "\"%.64s\" is no gateway, NAT gateway, peering connection, interface "
			     "or instance, nor local",
			     target);
	if (!is_destination(l, to)) {
		fault_format(l, pointer, key, true, "InvalidParameterValue",
			     "\"%.64s\" is no address range such as 10.0.0.0/16 and no prefix list",
			     to);
		field = NULL;
	}
	if (!field)
		return NULL;
	record = json_new_obj();
	route_set_destination(record, to);
	if (strcmp(target, "local"))
		json_set_str(record, field, target);
	else
		json_set_bool(record, field, true);
	return record;
}

void expand_routes(struct load *l, struct entry *e)
{
	struct json *routes = json_get(e->spec, "Routes"), *list;
	char pointer[sizeof(e->pointer) + 8];

	if (json_type(routes) == JSON_ARRAY) /* the long form */
		return;
	snprintf(pointer, sizeof(pointer), "%.240s/Routes", e->pointer);
	if (routes && !value_is_type(l, routes, JSON_OBJECT, e->pointer, "Routes"))
		routes = NULL;
	list = json_new_arr();
	json_for_each (r, routes) {
		struct json *record = route_record(l, e, r, pointer);

		if (record)
			json_append(list, record);
		else
			e->failed = true;
	}
	json_set(e->spec, "Routes", list);
}

/* ---- ACL entries ---- */

#define ACL_GRAMMAR "an entry is NUMBER allow|deny PROTO [PORT[-PORT]] from|to CIDR"

/* "100 allow tcp 80 from 0.0.0.0/0" */
int acl_entry_parse(const char *text, struct json **ret, struct err *e)
{
	cleanup_json struct json *rule = NULL;
	struct json *out;
	char action[8] = "";
	int number = 0, used = 0;

	if (sscanf(text, "%6d %7s %n", &number, action, &used) < 2 || !used ||
	    (strcmp(action, "allow") && strcmp(action, "deny")))
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "\"%.128s\": " ACL_GRAMMAR,
			       text);
	if (rule_parse(text + used, &rule, e)) {
		if (e)
			strcpy(e->code, "InvalidParameterValue");
		return -EINVAL;
	}
	if (!json_get(rule, "CidrIpv4") && !json_get(rule, "CidrIpv6"))
		return err_set(
			e, -EINVAL, "InvalidParameterValue", "",
			"\"%.128s\": an ACL knows no groups and no prefix lists; " ACL_GRAMMAR,
			text);
	out = json_new_obj();
	json_set_num(out, "RuleNumber", number);
	json_set_str(out, "RuleAction", action);
	json_set_bool(out, "Egress", json_bool(json_get(rule, "IsEgress")));
	json_set(out, "Protocol", json_detach(rule, "IpProtocol"));
	json_set(out, "FromPort", json_detach(rule, "FromPort"));
	json_set(out, "ToPort", json_detach(rule, "ToPort"));
	json_set(out, "CidrBlock", json_detach(rule, "CidrIpv4"));
	json_set(out, "Ipv6CidrBlock", json_detach(rule, "CidrIpv6"));
	*ret = out;
	return 0;
}

char *acl_entry_format(const struct network_acl_entry *en)
{
	struct security_group_rule r = {.is_egress = en->egress,
					.ip_protocol = en->protocol,
					.from_port = en->from_port,
					.to_port = en->to_port,
					.cidr_ipv4 = en->cidr_block,
					.cidr_ipv6 = en->ipv6_cidr_block};
	cleanup_free char *rule = rule_format(NULL, &r);
	cleanup_buf struct buf b = {0};

	buf_printf(&b, "%d %s %s", (int)en->rule_number,
		   en->rule_action == ACL_ALLOW ? "allow" : "deny", rule ? rule : "");
	return buf_take(&b);
}

void expand_acl_entries(struct load *l, struct entry *e)
{
	struct json *entries = json_get(e->spec, "Entries"), *list;
	char tail[64];
	size_t i = 0;

	if (!entries || !value_is_type(l, entries, JSON_ARRAY, e->pointer, "Entries"))
		return;
	list = json_new_arr();
	json_for_each (it, entries) {
		struct json *record = NULL;
		struct err err;

		snprintf(tail, sizeof(tail), "Entries/%zu", i++);
		if (!json_str(it)) {
			json_append(list, json_copy(it));
		} else if (acl_entry_parse(json_str(it), &record, &err)) {
			fault_add(l, e->pointer, tail, false, &err);
			e->failed = true;
		} else {
			json_append(list, record);
		}
	}
	json_set(e->spec, "Entries", list);
}

/* ---- prefix list entries ---- */

/* The list's family is that of its first entry, unless it says one. */
static void guess_family(struct entry *e, const struct json *entries)
{
	struct cidr c;
	const char *first = json_str(json_get(json_at(entries, 0), "Cidr"));

	if (!json_get(e->spec, "AddressFamily") && first && !cidr_parse(first, &c) &&
	    c.ip.family == AF_INET6)
		json_set_str(e->spec, "AddressFamily", "IPv6");
}

void expand_list_entries(struct load *l, struct entry *e)
{
	struct json *entries = json_get(e->spec, "Entries"), *list;

	if (!entries || !value_is_type(l, entries, JSON_ARRAY, e->pointer, "Entries"))
		return;
	list = json_new_arr();
	json_for_each (it, entries) {
		struct json *record = json_str(it) ? json_new_obj() : json_copy(it);

		if (json_str(it))
			json_set_str(record, "Cidr", json_str(it));
		json_append(list, record);
	}
	guess_family(e, list);
	json_set(e->spec, "Entries", list);
}
