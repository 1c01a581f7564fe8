/* SPDX-License-Identifier: MIT
 * Internet gateway: 1:1 NAT between private and public addresses. VPC User Guide,
 * VPC_Internet_Gateway.
 */
#include <string.h>

#include "model/kinds/common.h"

static const struct field fields[] = {
	REF(internet_gateway, vpc_id, "VpcId", KIND_VPC, .flags = UNIQUE_REF | COLUMN,
	    .help = "VPC that it is attached to"),
	{0},
};

/* The first elastic IP that is mapped to an interface of the VPC. */
static const struct object *mapped_address(const struct model *m, const char *vpc_id)
{
	model_for_each (o, m, KIND_ELASTIC_IP) {
		const char *eni = AS_CONST(elastic_ip, o)->network_interface_id;
		const struct object *e = eni ? model_get(m, eni) : NULL;
		const char *vpc = e ? model_object_vpc(m, e) : NULL;

		if (vpc && !strcmp(vpc, vpc_id))
			return o;
	}
	return NULL;
}

static int detach_check(struct txn *t, const char *id, const char *vpc_id, struct err *e)
{
	const struct object *eip = mapped_address(txn_model(t), vpc_id);
	char text[IP_STRLEN];

	return eip ? err_set(e, -EBUSY, "DependencyViolation", "VpcId",
			     "%s serves public address %s (%s) of %s: disassociate it first", id,
			     ip_format(&AS_CONST(elastic_ip, eip)->public_ip, text), eip->id,
			     vpc_id)
		   : 0;
}

/* Its route table is of the VPC that it leaves. */
static int release_table(struct txn *t, const char *id, struct err *e)
{
	const struct route_table *found = model_gateway_route_table(txn_model(t), id);
	struct route_table *rtb = found ? EDIT(route_table, t, found->o.id, e) : NULL;

	if (!found)
		return 0;
	return rtb ? text_set(&rtb->gateway_id, NULL, e) : -ENOMEM;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	const char *was = old ? AS_CONST(internet_gateway, old)->vpc_id : NULL;
	const char *is = AS_CONST(internet_gateway, new)->vpc_id;

	int rc;

	if (!was || (is && !strcmp(was, is)))
		return 0;
	rc = detach_check(t, new->id, was, e);
	return rc ? rc : release_table(t, new->id, e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const char *vpc = AS_CONST(internet_gateway, o)->vpc_id;

	return vpc ? detach_check(t, o->id, vpc, e) : 0;
}

const struct kind internet_gateway_kind = {
	.kind = KIND_INTERNET_GATEWAY,
	.name = "internet-gateway",
	.plural = "internet-gateways",
	.short_name = "igw",
	.id_prefix = "igw-",
	.id_field = "InternetGatewayId",
	.help = "Translates public addresses of a VPC 1:1 to private ones",
	.size = sizeof(struct internet_gateway),
	.fields = fields,
	.check = check,
	.deleting = deleting,
};
