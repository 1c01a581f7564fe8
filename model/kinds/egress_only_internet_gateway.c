/* SPDX-License-Identifier: MIT
 * Egress-only internet gateway: IPv6 out and its replies in. VPC User Guide,
 * egress-only-internet-gateway. One a VPC.
 */
#include "model/kinds/common.h"

static const struct field fields[] = {
	REF(egress_only_internet_gateway, vpc_id, "VpcId", KIND_VPC,
	    .flags = REQUIRED | IMMUTABLE | UNIQUE_REF | COLUMN, .help = "VPC that it serves"),
	{0},
};

const struct kind egress_only_internet_gateway_kind = {
	.kind = KIND_EGRESS_ONLY_INTERNET_GATEWAY,
	.name = "egress-only-internet-gateway",
	.plural = "egress-only-internet-gateways",
	.short_name = "eigw",
	.id_prefix = "eigw-",
	.id_field = "EgressOnlyInternetGatewayId",
	.help = "Lets IPv6 connections out of a VPC and none in",
	.size = sizeof(struct egress_only_internet_gateway),
	.fields = fields,
};
