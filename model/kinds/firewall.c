/* SPDX-License-Identifier: MIT
 * DNS firewall: lists of domains, and groups of rules that say what becomes of a query for one.
 * Route 53 Developer Guide, "Route 53 Resolver DNS Firewall"; Route 53 Resolver API,
 * CreateFirewallDomainList, CreateFirewallRule, AssociateFirewallRuleGroup.
 */
#include <ctype.h>
#include <string.h>

#include "model/kinds/associations.h"
#include "model/kinds/common.h"
#include "model/kinds/domain.h"

#define RULES_MAX   100
#define DOMAINS_MAX 100000

/* ---- domain lists ---- */

static const struct field elem_domain = {
	.name = "Domain", .type = T_STRING, .size = sizeof(char *), .min = 1, .max = 255};

static const struct field list_fields[] = {
	FIELD(firewall_domain_list, domains, "Domains", .elem = &elem_domain,
	      .help = "Names: example.com, *.example.com for all below it, or * for every name"),
	{0},
};

static int domain_entry_check(char **domain, struct err *e)
{
	char *rest = *domain;
	size_t n = strlen(rest);

	if (!strcmp(rest, "*"))
		return 0;
	if (n > 1 && rest[n - 1] == '.')
		rest[n - 1] = 0;
	if (!strncmp(rest, "*.", 2))
		rest += 2;
	if (!domain_is_valid(rest, false))
		return err_set(e, -EINVAL, "ValidationException", "Domains",
			       "\"%.64s\" is neither a domain name nor *.domain", *domain);
	for (; *rest; rest++)
		*rest = (char)tolower((unsigned char)*rest);
	return 0;
}

static int list_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct firewall_domain_list *l = AS(firewall_domain_list, new);
	char **v = l->domains.v;

	if (l->domains.n > DOMAINS_MAX)
		return err_set(e, -EINVAL, "LimitExceededException", "Domains",
			       "more than %d domains", DOMAINS_MAX);
	for (size_t i = 0; i < l->domains.n; i++) {
		int rc = domain_entry_check(&v[i], e);

		if (rc)
			return rc;
	}
	return 0;
}

const struct kind firewall_domain_list_kind = {
	.kind = KIND_FIREWALL_DOMAIN_LIST,
	.name = "firewall-domain-list",
	.plural = "firewall-domain-lists",
	.short_name = "fdl",
	.id_prefix = "rslvr-fdl-",
	.id_field = "FirewallDomainListId",
	.help = "Domains that DNS firewall rules speak of",
	.size = sizeof(struct firewall_domain_list),
	.fields = list_fields,
	.check = list_check,
};

/* ---- rule groups ---- */

static const char *const actions[] = {"ALLOW", "ALERT", "BLOCK", NULL};
static const char *const responses[] = {"NODATA", "NXDOMAIN", "OVERRIDE", NULL};

static const struct field rule_fields[] = {
	REF(firewall_rule, firewall_domain_list_id, "FirewallDomainListId",
	    KIND_FIREWALL_DOMAIN_LIST, .flags = REQUIRED, .help = "Domains that it is about"),
	FIELD(firewall_rule, priority, "Priority", .flags = REQUIRED, .min = 0, .max = 2147483647,
	      .help = "Place among the group's rules: the lowest is asked first"),
	FIELD(firewall_rule, action, "Action", .flags = REQUIRED, .values = actions,
	      .help = "ALLOW, ALERT (allow and log) or BLOCK"),
	FIELD(firewall_rule, block_response, "BlockResponse", .values = responses, .def = "NODATA",
	      .help = "What a blocked query is answered"),
	FIELD(firewall_rule, block_override_domain, "BlockOverrideDomain", .max = 254,
	      .help = "CNAME that OVERRIDE answers"),
	FIELD(firewall_rule, block_override_ttl, "BlockOverrideTtl", .def = "0", .min = 0,
	      .max = 604800, .help = "Seconds that the CNAME may be kept"),
	{0},
};
static const struct field elem_rule = {.name = "FirewallRule",
				       .type = T_RECORD,
				       .size = sizeof(struct firewall_rule),
				       .fields = rule_fields};

static const struct field group_fields[] = {
	FIELD(firewall_rule_group, firewall_rules, "FirewallRules", .elem = &elem_rule,
	      .help = "Rules; the first whose list has the name decides"),
	FIELD(firewall_rule_group, vpc_ids, "VpcIds", .flags = COLUMN, .elem = &elem_vpc_id,
	      .help = "VPCs whose queries it filters"),
	FIELD(firewall_rule_group, priority, "Priority", .flags = COLUMN, .def = "101", .min = 101,
	      .max = 8999, .help = "Place among the groups of a VPC: the lowest is asked first"),
	{0},
};

static int rule_refuse(struct err *e, size_t i, const char *field, const char *rule)
{
	char path[80];

	snprintf(path, sizeof(path), "FirewallRules/%zu/%s", i, field);
	return err_set(e, -EINVAL, "ValidationException", path, "%s", rule);
}

static int rule_check(struct firewall_rule *v, size_t i, struct err *e)
{
	struct firewall_rule *r = &v[i];
	bool override = r->action == FIREWALL_BLOCK && r->block_response == BLOCK_OVERRIDE;
	char path[80];

	for (size_t j = 0; j < i; j++)
		if (v[j].priority == r->priority)
			return rule_refuse(e, i, "Priority", "another rule has this priority");
	if (override && !r->block_override_domain)
		return rule_refuse(e, i, "BlockOverrideDomain",
				   "OVERRIDE needs a domain to answer");
	if (!override && r->block_override_domain)
		return rule_refuse(e, i, "BlockOverrideDomain",
				   "only a rule that blocks with OVERRIDE has one");
	if (!override)
		return 0;
	snprintf(path, sizeof(path), "FirewallRules/%zu/BlockOverrideDomain", i);
	return domain_check(&r->block_override_domain, path, e);
}

/* The order of a VPC's groups is no accident. */
static int association_check(struct txn *t, const struct firewall_rule_group *g, struct err *e)
{
	model_for_each (o, txn_model(t), KIND_FIREWALL_RULE_GROUP) {
		const struct firewall_rule_group *other = AS_CONST(firewall_rule_group, o);
		const char *vpc = ids_common(&g->vpc_ids, &other->vpc_ids);

		if (vpc && strcmp(o->id, g->o.id) && g->priority == other->priority)
			return err_set(e, -EEXIST, "ConflictException", "Priority",
				       "%s has group %s at priority %d already", vpc, o->id,
				       (int)g->priority);
	}
	return 0;
}

static int group_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct firewall_rule_group *g = AS(firewall_rule_group, new);
	int rc = ids_unique(&g->vpc_ids, "VpcIds", e);

	if (!rc && g->firewall_rules.n > RULES_MAX)
		rc = err_set(e, -EINVAL, "LimitExceededException", "FirewallRules",
			     "more than %d rules", RULES_MAX);
	for (size_t i = 0; i < g->firewall_rules.n && !rc; i++)
		rc = rule_check(g->firewall_rules.v, i, e);
	return rc ? rc : association_check(t, g, e);
}

const struct kind firewall_rule_group_kind = {
	.kind = KIND_FIREWALL_RULE_GROUP,
	.name = "firewall-rule-group",
	.plural = "firewall-rule-groups",
	.short_name = "frg",
	.id_prefix = "rslvr-frg-",
	.id_field = "FirewallRuleGroupId",
	.help = "DNS firewall rules and the VPCs that they filter",
	.size = sizeof(struct firewall_rule_group),
	.fields = group_fields,
	.check = group_check,
};
