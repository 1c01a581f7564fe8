/* SPDX-License-Identifier: MIT
 * From a topology file to entries. See topology_load.h.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "model/suggest.h"
#include "model/topology_load.h"

/* ---- keys ---- */

static const struct key vpc_keys[] = {{"CidrBlock", "CidrBlock"},
				      {"SecondaryCidrBlocks", "SecondaryCidrBlocks"},
				      {"Ipv6CidrBlock", "Ipv6CidrBlock"},
				      {"EnableDnsSupport", "EnableDnsSupport"},
				      {"EnableDnsHostnames", "EnableDnsHostnames"},
				      {"EnableDnssecValidation", "EnableDnssecValidation"},
				      {"DnssecTrustAnchors", "DnssecTrustAnchors"},
				      {"DhcpOptions", "DhcpOptionsId"},
				      {"Tags", "Tags"},
				      {"InternetGateway", NULL},
				      {"EgressOnlyInternetGateway", NULL},
				      {"Subnets", NULL},
				      {"RouteTables", NULL},
				      {"NatGateways", NULL},
				      {"SecurityGroups", NULL},
				      {"NetworkAcls", NULL},
				      {0}};
static const struct key subnet_keys[] = {
	{"CidrBlock", "CidrBlock"},
	{"Ipv6CidrBlock", "Ipv6CidrBlock"},
	{"AssignIpv6AddressOnCreation", "AssignIpv6AddressOnCreation"},
	{"AvailabilityZone", "AvailabilityZone"},
	{"MapPublicIpOnLaunch", "MapPublicIpOnLaunch"},
	{"RouteTable", "RouteTableId"},
	{"NetworkAcl", "NetworkAclId"},
	{"Tags", "Tags"},
	{0}};
static const struct key route_table_keys[] = {
	{"Routes", "Routes"}, {"Main", NULL}, {"Gateway", "GatewayId"}, {"Tags", "Tags"}, {0}};
static const struct key peering_keys[] = {
	{"Vpc", "VpcId"},
	{"PeerVpc", "PeerVpcId"},
	{"Accept", "Accept"},
	{"RequesterPeeringConnectionOptions", "RequesterPeeringConnectionOptions"},
	{"AccepterPeeringConnectionOptions", "AccepterPeeringConnectionOptions"},
	{"Tags", "Tags"},
	{0}};
static const struct key prefix_list_keys[] = {{"Entries", "Entries"},
					      {"MaxEntries", "MaxEntries"},
					      {"AddressFamily", "AddressFamily"},
					      {"Tags", "Tags"},
					      {0}};
static const struct key gateway_keys[] = {{0}};
static const struct key nat_keys[] = {
	{"Subnet", "SubnetId"},
	{"ConnectivityType", "ConnectivityType"},
	{"PublicIp", NULL},
	{"ElasticIp", "AllocationId"},
	{"SecondaryElasticIps", "SecondaryAllocationIds"},
	{"PrivateIpAddress", "PrivateIpAddress"},
	{"SecondaryPrivateIpAddresses", "SecondaryPrivateIpAddresses"},
	{"SecondaryPrivateIpAddressCount", "SecondaryPrivateIpAddressCount"},
	{"Tags", "Tags"},
	{0}};
static const struct key eip_keys[] = {
	{"PublicIp", "PublicIp"}, {"PublicIpv4Pool", "PublicIpv4Pool"}, {"Tags", "Tags"}, {0}};
static const struct key group_keys[] = {
	{"Description", "Description"}, {"Ingress", NULL}, {"Egress", NULL}, {"Tags", "Tags"}, {0}};
static const struct key acl_keys[] = {{"Entries", "Entries"}, {"Tags", "Tags"}, {0}};

#define SANDBOX_KEYS                                                                              \
	{"Command", "Command"}, {"Environment", "Environment"}, {"Capabilities", "Capabilities"}, \
		{"WorkingDirectory", "WorkingDirectory"}, {"DesiredState", "DesiredState"},       \
		{"NetnsPath", "NetnsPath"},                                                       \
	{                                                                                         \
		"Tags", "Tags"                                                                    \
	}

static const struct key instance_keys[] = {
	{"Subnet", "SubnetId"},
	{"PrivateIpAddress", "PrivateIpAddress"},
	{"SecondaryPrivateIpAddresses", "SecondaryPrivateIpAddresses"},
	{"Ipv6Addresses", "Ipv6Addresses"},
	{"SecurityGroups", "SecurityGroupIds"},
	{"SourceDestCheck", "SourceDestCheck"},
	{"ConnectionTrackingSpecification", "ConnectionTrackingSpecification"},
	{"PublicIp", NULL},
	{"ElasticIp", NULL},
	SANDBOX_KEYS,
	{0}};
static const struct key function_keys[] = {{"Subnets", "SubnetIds"},
					   {"SecurityGroups", "SecurityGroupIds"},
					   {"Ipv6AllowedForDualStack", "Ipv6AllowedForDualStack"},
					   SANDBOX_KEYS,
					   {0}};
static const struct key host_keys[] = {{"Address", "Address"},
				       {"Ipv6Address", "Ipv6Address"},
				       {"PacketLossPercent", "PacketLossPercent"},
				       SANDBOX_KEYS,
				       {0}};
static const struct key zone_keys[] = {
	{"Vpcs", "VpcIds"}, {"Records", NULL}, {"Tags", "Tags"}, {0}};
static const struct key dhcp_keys[] = {{"DomainName", "DomainName"},
				       {"DomainNameServers", "DomainNameServers"},
				       {"NtpServers", "NtpServers"},
				       {"NetbiosNameServers", "NetbiosNameServers"},
				       {"NetbiosNodeType", "NetbiosNodeType"},
				       {"Tags", "Tags"},
				       {0}};
static const struct key resolver_rule_keys[] = {
	{"DomainName", "DomainName"}, {"RuleType", "RuleType"}, {"TargetIps", "TargetIps"},
	{"Vpcs", "VpcIds"},	      {"Tags", "Tags"},		{0}};
static const struct key domain_list_keys[] = {{"Domains", "Domains"}, {"Tags", "Tags"}, {0}};
static const struct key rule_group_keys[] = {{"FirewallRules", "FirewallRules"},
					     {"Vpcs", "VpcIds"},
					     {"Priority", "Priority"},
					     {"Tags", "Tags"},
					     {0}};
static const struct key query_log_keys[] = {{"Vpcs", "VpcIds"}, {"Tags", "Tags"}, {0}};
static const struct key flow_log_keys[] = {{"Vpc", "VpcId"},
					   {"Subnet", "SubnetId"},
					   {"NetworkInterface", "NetworkInterfaceId"},
					   {"Instance", "InstanceId"},
					   {"Function", "FunctionId"},
					   {"TrafficType", "TrafficType"},
					   {"MaxAggregationInterval", "MaxAggregationInterval"},
					   {"LogFormat", "LogFormat"},
					   {"LogDestinationType", "LogDestinationType"},
					   {"Tags", "Tags"},
					   {0}};
static const struct key mirror_target_keys[] = {
	{"Interface", "NetworkInterfaceId"}, {"Description", "Description"}, {"Tags", "Tags"}, {0}};
static const struct key mirror_filter_keys[] = {{"IngressFilterRules", "IngressFilterRules"},
						{"EgressFilterRules", "EgressFilterRules"},
						{"NetworkServices", "NetworkServices"},
						{"Description", "Description"},
						{"Tags", "Tags"},
						{0}};
static const struct key mirror_session_keys[] = {{"Interface", "NetworkInterfaceId"},
						 {"Target", "TrafficMirrorTargetId"},
						 {"Filter", "TrafficMirrorFilterId"},
						 {"SessionNumber", "SessionNumber"},
						 {"PacketLength", "PacketLength"},
						 {"VirtualNetworkId", "VirtualNetworkId"},
						 {"Description", "Description"},
						 {"Tags", "Tags"},
						 {0}};
/* Of the file itself, beside top_blocks. */
static const char *const file_keys[] = {"$schema", "Lab", "PacketLossPercent", "Tests"};

/* In the order in which they are read. */
const struct block top_blocks[] = {{"Vpcs", KIND_VPC},
				   {"VpcPeeringConnections", KIND_VPC_PEERING_CONNECTION},
				   {"PrefixLists", KIND_PREFIX_LIST},
				   {"ElasticIps", KIND_ELASTIC_IP},
				   {"Instances", KIND_INSTANCE},
				   {"Functions", KIND_FUNCTION},
				   {"InternetHosts", KIND_INTERNET_HOST},
				   {"HostedZones", KIND_HOSTED_ZONE},
				   {"DhcpOptions", KIND_DHCP_OPTIONS},
				   {"ResolverRules", KIND_RESOLVER_RULE},
				   {"FirewallDomainLists", KIND_FIREWALL_DOMAIN_LIST},
				   {"FirewallRuleGroups", KIND_FIREWALL_RULE_GROUP},
				   {"QueryLogConfigs", KIND_QUERY_LOG_CONFIG},
				   {"FlowLogs", KIND_FLOW_LOG},
				   {"TrafficMirrorTargets", KIND_TRAFFIC_MIRROR_TARGET},
				   {"TrafficMirrorFilters", KIND_TRAFFIC_MIRROR_FILTER},
				   {"TrafficMirrorSessions", KIND_TRAFFIC_MIRROR_SESSION},
				   {0}};
const struct block vpc_blocks[] = {
	{"Subnets", KIND_SUBNET},	   {"SecurityGroups", KIND_SECURITY_GROUP},
	{"NetworkAcls", KIND_NETWORK_ACL}, {"NatGateways", KIND_NAT_GATEWAY},
	{"RouteTables", KIND_ROUTE_TABLE}, {0}};

const struct key *block_keys(enum kind_id kind)
{
	static const struct key *const blocks[KIND_COUNT] = {
		[KIND_VPC] = vpc_keys,
		[KIND_SUBNET] = subnet_keys,
		[KIND_ROUTE_TABLE] = route_table_keys,
		[KIND_INTERNET_GATEWAY] = gateway_keys,
		[KIND_EGRESS_ONLY_INTERNET_GATEWAY] = gateway_keys,
		[KIND_NAT_GATEWAY] = nat_keys,
		[KIND_VPC_PEERING_CONNECTION] = peering_keys,
		[KIND_PREFIX_LIST] = prefix_list_keys,
		[KIND_ELASTIC_IP] = eip_keys,
		[KIND_SECURITY_GROUP] = group_keys,
		[KIND_NETWORK_ACL] = acl_keys,
		[KIND_INSTANCE] = instance_keys,
		[KIND_FUNCTION] = function_keys,
		[KIND_INTERNET_HOST] = host_keys,
		[KIND_HOSTED_ZONE] = zone_keys,
		[KIND_DHCP_OPTIONS] = dhcp_keys,
		[KIND_RESOLVER_RULE] = resolver_rule_keys,
		[KIND_FIREWALL_DOMAIN_LIST] = domain_list_keys,
		[KIND_FIREWALL_RULE_GROUP] = rule_group_keys,
		[KIND_QUERY_LOG_CONFIG] = query_log_keys,
		[KIND_FLOW_LOG] = flow_log_keys,
		[KIND_TRAFFIC_MIRROR_TARGET] = mirror_target_keys,
		[KIND_TRAFFIC_MIRROR_FILTER] = mirror_filter_keys,
		[KIND_TRAFFIC_MIRROR_SESSION] = mirror_session_keys,
	};

	return blocks[kind];
}

/* ---- faults ---- */

const char *pointer_escape(const char *key, char *buf, size_t len)
{
	size_t n = 0;

	for (; *key && n + 3 < len; key++) {
		if (*key == '~' || *key == '/') {
			buf[n++] = '~';
			buf[n++] = *key == '~' ? '0' : '1';
		} else {
			buf[n++] = *key;
		}
	}
	buf[n] = 0;
	return buf;
}

/* What does not exist in the text (a missing key) stands at its parent. */
static void locate(struct load *l, struct fault *f, bool key)
{
	char p[sizeof(f->pointer)];

	snprintf(p, sizeof(p), "%s", f->pointer);
	while (json_locate(l->text, l->len, true, p, key, &f->line, &f->col)) {
		char *slash = strrchr(p, '/');

		if (!slash)
			return;
		*slash = 0;
		key = false;
	}
}

void fault_add(struct load *l, const char *pointer, const char *tail, bool key, const struct err *e)
{
	struct faults *fs = l->faults;
	struct fault *v = reallocarray(fs->v, fs->n + 1, sizeof(*v)), *f;

	if (!v) {
		l->no_memory = true;
		return;
	}
	fs->v = v;
	f = &v[fs->n++];
	memset(f, 0, sizeof(*f));
	f->err = *e;
	snprintf(f->pointer, sizeof(f->pointer), "%s%s%s", pointer, tail && *tail ? "/" : "",
		 tail ? tail : "");
	snprintf(f->err.field, sizeof(f->err.field), "%.190s", f->pointer);
	locate(l, f, key);
}

void fault_format(struct load *l, const char *pointer, const char *tail, bool key, const char *code,
		  const char *fmt, ...)
{
	struct err e = {.rc = -EINVAL};
	va_list ap;

	snprintf(e.code, sizeof(e.code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	va_end(ap);
	fault_add(l, pointer, tail, key, &e);
}

void fault_append(struct load *l, const char *fmt, ...)
{
	struct err *e = l->faults->n ? &l->faults->v[l->faults->n - 1].err : NULL;
	size_t len = e ? strlen(e->msg) : 0;
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(e->msg + len, sizeof(e->msg) - len, fmt, ap);
	va_end(ap);
}

void faults_done(struct faults *f)
{
	free(f->v);
	*f = (struct faults){0};
}

/* ---- entries ---- */

static struct entry *entry_add(struct load *l, enum kind_id kind, const char *name, const char *vpc,
			       const char *pointer, const struct json *body)
{
	struct entry *e;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct entry *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v) {
			l->no_memory = true;
			return NULL;
		}
		l->v = v;
		l->cap = cap;
	}
	e = &l->v[l->n++];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->name = strdup(name);
	e->vpc = vpc ? strdup(vpc) : NULL;
	e->body = body;
	e->spec = json_new_obj();
	snprintf(e->pointer, sizeof(e->pointer), "%s", pointer);
	return e;
}

struct entry *entry_find(struct load *l, enum kind_id kind, const char *name, const char *vpc)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind && !strcmp(l->v[i].name, name) &&
		    (!vpc || (l->v[i].vpc && !strcmp(l->v[i].vpc, vpc))))
			return &l->v[i];
	return NULL;
}

bool value_is_type(struct load *l, const struct json *j, enum json_type type, const char *pointer,
		   const char *tail)
{
	if (json_type(j) == type)
		return true;
	fault_format(l, pointer, tail, false, "InvalidParameterValue", "must be %s %s, not %s %s",
		     type == JSON_OBJECT || type == JSON_ARRAY ? "an" : "a", json_type_name(type),
		     json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY ? "an" : "a",
		     json_type_name(json_type(j)));
	return false;
}

/* Unknown keys are faults, with a suggestion. */
static void check_keys(struct load *l, const struct json *body, const struct key *keys,
		       const char *pointer)
{
	char suggestion[SUGGEST_STRLEN], escaped[200];

	json_for_each (member, body) {
		struct suggestion s = {.wanted = json_key(member)};
		const struct key *k = keys;

		while (k->key && strcmp(k->key, json_key(member)))
			suggest(&s, k++->key);
		if (!k->key)
			fault_format(l, pointer, pointer_escape(json_key(member), escaped, 200),
				     true, "UnknownParameter", "unknown key \"%.64s\"%s",
				     json_key(member), suggest_text(&s, suggestion));
	}
}

/* The keys that stand for fields, as a spec. */
static void fill_spec(struct entry *e)
{
	for (const struct key *k = block_keys(e->kind); k->key; k++) {
		const struct json *v = json_get(e->body, k->key);

		if (k->field && v)
			json_set(e->spec, k->field, json_copy(v));
	}
}

/* Where the command's files lie. */
static void set_directory(const struct load *l, struct entry *e)
{
	if (l->directory && json_len(json_get(e->spec, "Command")) &&
	    !json_get(e->spec, "WorkingDirectory"))
		json_set_str(e->spec, "WorkingDirectory", l->directory);
}

/* ---- addresses ---- */

/* "PublicIp" of an instance or NAT gateway: an elastic IP of its own. */
static void add_public_ip(struct load *l, const char *name, const struct json *value,
			  const char *pointer)
{
	char at[sizeof(((struct entry *)0)->pointer)];
	struct entry *e;

	if (!value || !value_is_type(l, value, JSON_STRING, pointer, "PublicIp"))
		return;
	if (entry_find(l, KIND_ELASTIC_IP, name, NULL)) {
		fault_format(l, pointer, "PublicIp", true, "InvalidParameterCombination",
			     "there is an elastic IP %s already", name);
		return;
	}
	snprintf(at, sizeof(at), "%s/PublicIp", pointer);
	e = entry_add(l, KIND_ELASTIC_IP, name, NULL, at, NULL);
	if (e && strcmp(json_str(value), "auto"))
		json_set_str(e->spec, "PublicIp", json_str(value));
}

/* ---- blocks ---- */

/* As the kinds keep it: lower case, no final dot. */
static void set_domain(struct entry *e)
{
	cleanup_free char *name = strdup(e->name);
	size_t n = name ? strlen(name) : 0;

	for (size_t i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	if (n > 1 && name[n - 1] == '.')
		name[n - 1] = 0;
	json_set_str(e->spec, "DomainName", name);
}

static void read_entry(struct load *l, enum kind_id kind, const char *name, const char *vpc,
		       const char *pointer, const struct json *body)
{
	struct entry *e;

	if (!*name)
		fault_format(l, pointer, NULL, true, "InvalidParameterValue",
			     "a %s's name is not empty", kinds[kind]->name);
	if (!value_is_type(l, body, JSON_OBJECT, pointer, NULL))
		return;
	check_keys(l, body, block_keys(kind), pointer);
	e = entry_add(l, kind, name, vpc, pointer, body);
	if (!e)
		return;
	fill_spec(e);
	if (kind == KIND_INSTANCE || kind == KIND_FUNCTION || kind == KIND_INTERNET_HOST)
		set_directory(l, e);
	if (kind == KIND_INTERNET_HOST || kind == KIND_HOSTED_ZONE)
		set_domain(e);
	if (kind == KIND_SECURITY_GROUP)
		json_set_str(e->spec, "GroupName", name);
	if (kind == KIND_NETWORK_ACL)
		expand_acl_entries(l, e);
	if (kind == KIND_PREFIX_LIST)
		expand_list_entries(l, e);
	if (kind == KIND_VPC_PEERING_CONNECTION && !json_get(body, "Accept"))
		json_set_bool(e->spec, "Accept", true);
}

/* Calls read_entry for each member of a block. */
static void read_block(struct load *l, enum kind_id kind, const char *vpc, const char *pointer,
		       const char *block, const struct json *body)
{
	char at[sizeof(((struct entry *)0)->pointer)], key[200];

	if (!body || !value_is_type(l, body, JSON_OBJECT, pointer, block))
		return;
	json_for_each (member, body) {
		snprintf(at, sizeof(at), "%.120s/%s/%.120s", pointer, block,
			 pointer_escape(json_key(member), key, sizeof(key)));
		read_entry(l, kind, json_key(member), vpc, at, member);
	}
}

/* A gateway that is no more than a name. */
static void read_gateway(struct load *l, enum kind_id kind, const char *vpc, const char *pointer,
			 const char *key, const struct json *name)
{
	char at[sizeof(((struct entry *)0)->pointer)];

	if (!name || !value_is_type(l, name, JSON_STRING, pointer, key))
		return;
	snprintf(at, sizeof(at), "%.220s/%s", pointer, key);
	if (!*json_str(name))
		fault_format(l, at, NULL, false, "InvalidParameterValue",
			     "a gateway's name is not empty");
	else
		entry_add(l, kind, json_str(name), vpc, at, NULL);
}

static void read_vpc(struct load *l, const struct json *body)
{
	char at[sizeof(((struct entry *)0)->pointer)], key[200];
	const char *name = json_key(body);

	snprintf(at, sizeof(at), "/Vpcs/%.200s", pointer_escape(name, key, sizeof(key)));
	if (strchr(name, '/'))
		fault_format(l, at, NULL, true, "InvalidParameterValue",
			     "a VPC's name has no \"/\": it separates VPC and name");
	read_entry(l, KIND_VPC, name, NULL, at, body);
	if (json_type(body) != JSON_OBJECT)
		return;
	read_gateway(l, KIND_INTERNET_GATEWAY, name, at, "InternetGateway",
		     json_get(body, "InternetGateway"));
	read_gateway(l, KIND_EGRESS_ONLY_INTERNET_GATEWAY, name, at, "EgressOnlyInternetGateway",
		     json_get(body, "EgressOnlyInternetGateway"));
	for (const struct block *b = vpc_blocks; b->key; b++)
		read_block(l, b->kind, name, at, b->key, json_get(body, b->key));
}

static void check_file_keys(struct load *l)
{
	struct key keys[ARRAY_SIZE(top_blocks) + ARRAY_SIZE(file_keys)] = {0};
	size_t n = 0;

	for (const struct block *b = top_blocks; b->key; b++)
		keys[n++].key = b->key;
	for (size_t i = 0; i < ARRAY_SIZE(file_keys); i++)
		keys[n++].key = file_keys[i];
	check_keys(l, l->doc, keys, "");
}

/* What the file's internet hosts lose that say nothing of it themselves. */
static void spread_loss(struct load *l, const struct json *loss)
{
	if (!loss || !value_is_type(l, loss, JSON_NUMBER, "", "PacketLossPercent"))
		return;
	if (!json_is_int(loss) || json_num(loss) < 0 || json_num(loss) > 100) {
		fault_format(l, "", "PacketLossPercent", false, "InvalidParameterValue",
			     "PacketLossPercent must be a whole number from 0 to 100");
		return;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == KIND_INTERNET_HOST &&
		    !json_get(l->v[i].spec, "PacketLossPercent"))
			json_set_num(l->v[i].spec, "PacketLossPercent", json_num(loss));
}

static void read_document(struct load *l)
{
	size_t n;

	check_file_keys(l);
	if (json_get(l->doc, "Vpcs") &&
	    value_is_type(l, json_get(l->doc, "Vpcs"), JSON_OBJECT, "", "Vpcs"))
		json_for_each (vpc, json_get(l->doc, "Vpcs"))
			read_vpc(l, vpc);
	for (const struct block *b = top_blocks; b->key; b++)
		if (b->kind != KIND_VPC)
			read_block(l, b->kind, NULL, "", b->key, json_get(l->doc, b->key));
	spread_loss(l, json_get(l->doc, "PacketLossPercent"));
	if (json_get(l->doc, "Tests"))
		value_is_type(l, json_get(l->doc, "Tests"), JSON_ARRAY, "", "Tests");
	/* What depends on all names being known. */
	n = l->n;
	for (size_t i = 0; i < n; i++) {
		char name[300];

		if (l->v[i].kind == KIND_ROUTE_TABLE)
			expand_routes(l, &l->v[i]);
		snprintf(name, sizeof(name), "%s%s%s", l->v[i].vpc ? l->v[i].vpc : "",
			 l->v[i].vpc ? "-" : "", l->v[i].name);
		if (l->v[i].kind != KIND_NAT_GATEWAY && l->v[i].kind != KIND_INSTANCE)
			continue;
		if (l->v[i].kind == KIND_NAT_GATEWAY && json_get(l->v[i].body, "PublicIp"))
			json_set_str(l->v[i].spec, "AllocationId", name);
		/* entry_add may move the list. */
		char pointer[sizeof(l->v[i].pointer)];

		memcpy(pointer, l->v[i].pointer, sizeof(pointer));
		add_public_ip(l, name, json_get(l->v[i].body, "PublicIp"), pointer);
	}
}

int lab_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (!len || len > LAB_NAME_MAX)
		return err_set(e, -EINVAL, "InvalidParameterValue", "Lab",
			       "a lab's name has 1 to %d bytes, not %zu", LAB_NAME_MAX, len);
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return err_set(e, -EINVAL, "InvalidParameterValue", "Lab",
				       "a lab's name has no control characters");
	return 0;
}

void topology_read(struct load *l, const char *lab_override, const char *lab_default)
{
	const struct json *lab;
	struct err e;

	if (json_parse(l->text, l->len, true, &l->doc, &e)) {
		struct faults *fs = l->faults;

		fault_add(l, "", NULL, false, &e);
		if (fs->n) /* the parser knows where it stopped */
			sscanf(e.msg, "line %u, column %u", &fs->v[0].line, &fs->v[0].col);
		return;
	}
	if (!value_is_type(l, l->doc, JSON_OBJECT, "", NULL))
		return;
	lab = json_get(l->doc, "Lab");
	if (lab && (!value_is_type(l, lab, JSON_STRING, "", "Lab")))
		return;
	if (lab_name_check(lab_override ? lab_override : lab ? json_str(lab) : "default", &e))
		fault_add(l, "", "Lab", false, &e);
	l->lab = strdup(lab_override  ? lab_override
			: lab	      ? json_str(lab)
			: lab_default ? lab_default
				      : "default");
	read_document(l);
}
