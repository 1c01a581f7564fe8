/* SPDX-License-Identifier: MIT
 * The table of kinds. To add one: its struct in kinds.h, its file in kinds/, a line here.
 */
#include "model/kinds/common.h"

const struct kind *const kinds[KIND_COUNT] = {
	[KIND_VPC] = &vpc_kind,
	[KIND_SUBNET] = &subnet_kind,
	[KIND_ROUTE_TABLE] = &route_table_kind,
	[KIND_INTERNET_GATEWAY] = &internet_gateway_kind,
	[KIND_EGRESS_ONLY_INTERNET_GATEWAY] = &egress_only_internet_gateway_kind,
	[KIND_NAT_GATEWAY] = &nat_gateway_kind,
	[KIND_VPC_PEERING_CONNECTION] = &vpc_peering_connection_kind,
	[KIND_ELASTIC_IP] = &elastic_ip_kind,
	[KIND_SECURITY_GROUP] = &security_group_kind,
	[KIND_SECURITY_GROUP_RULE] = &security_group_rule_kind,
	[KIND_NETWORK_ACL] = &network_acl_kind,
	[KIND_PREFIX_LIST] = &prefix_list_kind,
	[KIND_NETWORK_INTERFACE] = &network_interface_kind,
	[KIND_INSTANCE] = &instance_kind,
	[KIND_FUNCTION] = &function_kind,
	[KIND_INTERNET_HOST] = &internet_host_kind,
	[KIND_HOSTED_ZONE] = &hosted_zone_kind,
	[KIND_RECORD_SET] = &record_set_kind,
	[KIND_DHCP_OPTIONS] = &dhcp_options_kind,
	[KIND_RESOLVER_RULE] = &resolver_rule_kind,
	[KIND_FIREWALL_DOMAIN_LIST] = &firewall_domain_list_kind,
	[KIND_FIREWALL_RULE_GROUP] = &firewall_rule_group_kind,
	[KIND_QUERY_LOG_CONFIG] = &query_log_config_kind,
	[KIND_FLOW_LOG] = &flow_log_kind,
	[KIND_TRAFFIC_MIRROR_TARGET] = &traffic_mirror_target_kind,
	[KIND_TRAFFIC_MIRROR_FILTER] = &traffic_mirror_filter_kind,
	[KIND_TRAFFIC_MIRROR_SESSION] = &traffic_mirror_session_kind,
};

struct sandbox *object_sandbox(struct object *o)
{
	switch (o->kind->kind) {
	case KIND_INSTANCE:
		return &AS(instance, o)->sandbox;
	case KIND_FUNCTION:
		return &AS(function, o)->sandbox;
	case KIND_INTERNET_HOST:
		return &AS(internet_host, o)->sandbox;
	default:
		return NULL;
	}
}

const struct sandbox *object_sandbox_const(const struct object *o)
{
	return object_sandbox((struct object *)o);
}
