/* SPDX-License-Identifier: MIT
 * Resolver rule: which servers are asked for the names of a domain. Route 53 Developer Guide,
 * "Managing forwarding rules"; Route 53 Resolver API, CreateResolverRule.
 */
#include <string.h>

#include "model/kinds/associations.h"
#include "model/kinds/common.h"
#include "model/kinds/domain.h"

#define TARGETS_MAX 6

static const char *const rule_types[] = {"FORWARD", "SYSTEM", NULL};

static const struct field target_fields[] = {
	FIELD(resolver_target, ip, "Ip", .flags = REQUIRED, .help = "Address of a name server"),
	FIELD(resolver_target, port, "Port", .def = "53", .min = 1, .max = 65535,
	      .help = "Its port"),
	{0},
};
static const struct field elem_target = {.name = "TargetIp",
					 .type = T_RECORD,
					 .size = sizeof(struct resolver_target),
					 .fields = target_fields};

static const struct field fields[] = {
	FIELD(resolver_rule, domain, "DomainName", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .max = 254,
	      .help = "Domain whose names, and those below it, follow the rule; . is every name"),
	FIELD(resolver_rule, rule_type, "RuleType", .flags = IMMUTABLE | COLUMN,
	      .values = rule_types, .def = "FORWARD",
	      .help = "FORWARD: to the targets; SYSTEM: as if no rule above forwarded"),
	FIELD(resolver_rule, target_ips, "TargetIps", .elem = &elem_target,
	      .help = "Name servers of a forwarding rule"),
	FIELD(resolver_rule, vpc_ids, "VpcIds", .flags = COLUMN, .elem = &elem_vpc_id,
	      .help = "VPCs that follow it"),
	{0},
};

static int targets_check(const struct resolver_rule *r, struct err *e)
{
	if (r->rule_type == RULE_SYSTEM && r->target_ips.n)
		return err_set(e, -EINVAL, "InvalidParameterException", "TargetIps",
			       "a system rule has no targets");
	if (r->rule_type == RULE_FORWARD && !r->target_ips.n)
		return err_set(e, -EINVAL, "InvalidParameterException", "TargetIps",
			       "a forwarding rule has one target at least");
	if (r->target_ips.n > TARGETS_MAX)
		return err_set(e, -EINVAL, "LimitExceededException", "TargetIps",
			       "more than %d targets", TARGETS_MAX);
	return 0;
}

/* A VPC follows one rule for a domain. */
static int association_check(struct txn *t, const struct resolver_rule *r, struct err *e)
{
	model_for_each (o, txn_model(t), KIND_RESOLVER_RULE) {
		const struct resolver_rule *other = AS_CONST(resolver_rule, o);
		const char *vpc = ids_common(&r->vpc_ids, &other->vpc_ids);

		if (vpc && strcmp(o->id, r->o.id) && !strcmp(r->domain, other->domain))
			return err_set(e, -EEXIST, "ResourceExistsException", "VpcIds",
				       "%s follows %s for %s already", vpc, o->id, r->domain);
	}
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct resolver_rule *r = AS(resolver_rule, new);
	int rc = strcmp(r->domain, ".") ? domain_check(&r->domain, "DomainName", e) : 0;

	if (!rc)
		rc = targets_check(r, e);
	if (!rc)
		rc = ids_unique(&r->vpc_ids, "VpcIds", e);
	if (!rc)
		rc = association_check(t, r, e);
	return rc ? rc : object_name_default(new, r->domain, e);
}

const struct kind resolver_rule_kind = {
	.kind = KIND_RESOLVER_RULE,
	.name = "resolver-rule",
	.plural = "resolver-rules",
	.short_name = "rslvr",
	.id_prefix = "rslvr-rr-",
	.id_field = "ResolverRuleId",
	.help = "Name servers that a VPC's resolver asks for a domain",
	.size = sizeof(struct resolver_rule),
	.fields = fields,
	.check = check,
};
