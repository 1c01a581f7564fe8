/* SPDX-License-Identifier: MIT
 * Hosted zone: private to VPCs, or public on the simulated internet. Route 53 Developer Guide,
 * hosted-zones-private.
 */
#include <string.h>

#include "model/kinds/associations.h"
#include "model/kinds/common.h"
#include "model/kinds/domain.h"

static const struct field fields[] = {
	FIELD(hosted_zone, domain, "DomainName", .flags = REQUIRED | IMMUTABLE | COLUMN, .max = 254,
	      .help = "Domain whose names it holds"),
	FIELD(hosted_zone, vpc_ids, "VpcIds", .flags = COLUMN, .elem = &elem_vpc_id,
	      .help = "VPCs that see it; empty: public"),
	{0},
};

static bool shares_vpc(const struct hosted_zone *a, const struct hosted_zone *b)
{
	return (!a->vpc_ids.n && !b->vpc_ids.n) || ids_common(&a->vpc_ids, &b->vpc_ids);
}

/* Private names never become public by an update, nor the reverse. */
static int view_check(const struct hosted_zone *old, const struct hosted_zone *new, struct err *e)
{
	if (old->vpc_ids.n && !new->vpc_ids.n)
		return err_set(e, -EINVAL, "LastVPCAssociation", "VpcIds",
			       "zone %s is private: it keeps one VPC at least", new->domain);
	if (!old->vpc_ids.n && new->vpc_ids.n)
		return err_set(e, -EINVAL, "PublicZoneVPCAssociation", "VpcIds",
			       "zone %s is public: it has no VPCs", new->domain);
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct hosted_zone *z = AS(hosted_zone, new);
	int rc = domain_check(&z->domain, "DomainName", e);

	if (!rc && old)
		rc = view_check(AS_CONST(hosted_zone, old), z, e);
	if (rc)
		return rc;
	model_for_each (o, txn_model(t), KIND_HOSTED_ZONE) {
		const struct hosted_zone *other = AS_CONST(hosted_zone, o);

		if (strcmp(o->id, new->id) && !strcmp(other->domain, z->domain) &&
		    shares_vpc(other, z))
			return err_set(e, -EEXIST, "ConflictingDomainExists", "DomainName",
				       "zone %s (%s) serves %s there already", z->domain, o->id,
				       z->vpc_ids.n ? "one of these VPCs" : "the public");
	}
	return object_name_default(new, z->domain, e);
}

const struct kind hosted_zone_kind = {
	.kind = KIND_HOSTED_ZONE,
	.name = "hosted-zone",
	.plural = "hosted-zones",
	.short_name = "zone",
	.id_prefix = "zone-",
	.id_field = "HostedZoneId",
	.help = "Names of a domain, for VPCs or for the simulated internet",
	.size = sizeof(struct hosted_zone),
	.fields = fields,
	.check = check,
};
