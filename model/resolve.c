/* SPDX-License-Identifier: MIT
 * From id, id prefix, name or "vpc/name" to an object; see store.h.
 */
#include "model/resolve.h"

#include <string.h>

#include "model/kinds.h"
#include "model/model.h"
#include "model/object.h"
#include "model/suggest.h"
#include "model/types.h"

#define PREFIX_MIN 4 /* characters of the random part */

/* EC2's codes (API Reference, errors-overview); Lambda's and Route 53's for what those own. */
static const char *const not_found_codes[KIND_COUNT] = {
	[KIND_NONE] = "InvalidID.NotFound",
	[KIND_VPC] = "InvalidVpcID.NotFound",
	[KIND_SUBNET] = "InvalidSubnetID.NotFound",
	[KIND_ROUTE_TABLE] = "InvalidRouteTableID.NotFound",
	[KIND_INTERNET_GATEWAY] = "InvalidInternetGatewayID.NotFound",
	[KIND_EGRESS_ONLY_INTERNET_GATEWAY] = "InvalidEgressOnlyInternetGatewayId.NotFound",
	[KIND_VPC_PEERING_CONNECTION] = "InvalidVpcPeeringConnectionID.NotFound",
	[KIND_PREFIX_LIST] = "InvalidPrefixListID.NotFound",
	[KIND_NAT_GATEWAY] = "NatGatewayNotFound",
	[KIND_ELASTIC_IP] = "InvalidAllocationID.NotFound",
	[KIND_SECURITY_GROUP] = "InvalidGroup.NotFound",
	[KIND_SECURITY_GROUP_RULE] = "InvalidSecurityGroupRuleId.NotFound",
	[KIND_NETWORK_ACL] = "InvalidNetworkAclID.NotFound",
	[KIND_NETWORK_INTERFACE] = "InvalidNetworkInterfaceID.NotFound",
	[KIND_INSTANCE] = "InvalidInstanceID.NotFound",
	[KIND_FUNCTION] = "ResourceNotFoundException",
	[KIND_INTERNET_HOST] = "InvalidInternetHostID.NotFound",
	[KIND_HOSTED_ZONE] = "NoSuchHostedZone",
	[KIND_RECORD_SET] = "InvalidRecordSetID.NotFound",
	[KIND_DHCP_OPTIONS] = "InvalidDhcpOptionsID.NotFound",
	[KIND_RESOLVER_RULE] = "ResourceNotFoundException",
	[KIND_FIREWALL_DOMAIN_LIST] = "ResourceNotFoundException",
	[KIND_FIREWALL_RULE_GROUP] = "ResourceNotFoundException",
	[KIND_QUERY_LOG_CONFIG] = "ResourceNotFoundException",
	[KIND_FLOW_LOG] = "InvalidFlowLogId.NotFound",
	[KIND_TRAFFIC_MIRROR_TARGET] = "InvalidTrafficMirrorTargetId.NotFound",
	[KIND_TRAFFIC_MIRROR_FILTER] = "InvalidTrafficMirrorFilterId.NotFound",
	[KIND_TRAFFIC_MIRROR_SESSION] = "InvalidTrafficMirrorSessionId.NotFound",
};

static const char *kind_name(enum kind_id kind)
{
	return kind ? kinds[kind]->name : "object";
}

/* What a text may mean: counted, the first few kept for the message. */
struct candidates {
	const struct object *v[4];
	size_t n;
};

static void candidate_add(struct candidates *c, const struct object *o)
{
	for (size_t i = 0; i < c->n && i < ARRAY_SIZE(c->v); i++)
		if (c->v[i] == o)
			return;
	if (c->n < ARRAY_SIZE(c->v))
		c->v[c->n] = o;
	c->n++;
}

static bool in_vpc(const struct model *m, const struct object *o, const char *vpc)
{
	const char *own = model_object_vpc(m, o);

	return own && !strcmp(own, vpc);
}

/* Objects of a name; with vpc, within that VPC; with lab, of that lab. */
static struct candidates find_of_lab(const struct model *m, enum kind_id kind, const char *name,
				     const char *vpc, const char *lab)
{
	const struct postings *p = model_named(m, name);
	struct candidates c = {.n = 0};

	for (size_t i = 0; p && i < p->n; i++) {
		const struct object *o = p->v[i].version;

		if (model_seen(m, o->entry) == o && (!kind || o->kind->kind == kind) &&
		    (!vpc || in_vpc(m, o, vpc)) && (!lab || (o->lab && !strcmp(o->lab, lab))))
			candidate_add(&c, o);
	}
	return c;
}

/* Several labs may have the same names: each means its own. */
static struct candidates find_named(const struct model *m, enum kind_id kind, const char *name,
				    const char *vpc)
{
	struct candidates c = {.n = 0};

	if (m->lab)
		c = find_of_lab(m, kind, name, vpc, m->lab);
	return c.n ? c : find_of_lab(m, kind, name, vpc, NULL);
}

/* "vpc/name" */
static struct candidates find_qualified(const struct model *m, enum kind_id kind, const char *text)
{
	const char *slash = strchr(text, '/');
	cleanup_free char *vpc_name = slash ? strndup(text, slash - text) : NULL;
	const struct object *vpc;

	if (!vpc_name || model_resolve(m, KIND_VPC, vpc_name, NULL, &vpc, NULL))
		return (struct candidates){.n = 0};
	return find_named(m, kind, slash + 1, vpc->id);
}

static struct candidates find_prefix(const struct model *m, enum kind_id kind, const char *text)
{
	const struct kind *k = kind_of_id(text);
	struct candidates c = {.n = 0};
	size_t len = strlen(text);

	if (!k || (kind && k->kind != kind) || len < strlen(k->id_prefix) + PREFIX_MIN)
		return c;
	model_for_each (o, m, k->kind) {
		if (!strncmp(o->id, text, len))
			candidate_add(&c, o);
	}
	return c;
}

static void suggest_names(const struct model *m, enum kind_id kind, struct suggestion *s)
{
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
		if (kind && k != (int)kind)
			continue;
		model_for_each (o, m, k) {
			suggest(s, o->name);
			if (*s->wanted == *o->id)
				suggest(s, o->id);
		}
	}
}

static int not_found(const struct model *m, enum kind_id kind, const char *text, struct err *e)
{
	const char *slash = strchr(text, '/');
	struct suggestion s = {.wanted = slash ? slash + 1 : text};
	char hint[SUGGEST_STRLEN];

	if (!e)
		return -ENOENT;
	suggest_names(m, kind, &s);
	return err_set(e, -ENOENT, not_found_codes[kind], "", "no %s \"%.128s\"%s", kind_name(kind),
		       text, suggest_text(&s, hint));
}

static int ambiguous(const struct model *m, const char *text, const struct candidates *c,
		     struct err *e)
{
	cleanup_buf struct buf names = {0};

	for (size_t i = 0; i < c->n && i < ARRAY_SIZE(c->v); i++) {
		const char *vpc_id = model_object_vpc(m, c->v[i]);
		const struct object *vpc = vpc_id ? model_get(m, vpc_id) : NULL;

		buf_printf(&names, "%s%s %s", i ? ", " : "", c->v[i]->kind->name, c->v[i]->id);
		if (vpc && vpc != c->v[i])
			buf_printf(&names, " in %s", vpc->name ? vpc->name : vpc->id);
	}
	if (c->n > ARRAY_SIZE(c->v))
		buf_printf(&names, " and %zu more", c->n - ARRAY_SIZE(c->v));
	return err_set(e, -EEXIST, "InvalidParameterValue", "", "\"%.128s\" is ambiguous: %s", text,
		       buf_str(&names));
}

static int wrong_kind(const struct object *o, enum kind_id kind, struct err *e)
{
	return err_set(e, -ENOENT, not_found_codes[kind], "", "%s is of kind %s, not %s", o->id,
		       o->kind->name, kind_name(kind));
}

/* The interface of a sandbox or gateway; NULL: it is nothing that has one. */
static const struct object *interface_of(const struct model *m, const struct object *o)
{
	const char *id = NULL;

	if (o->kind->kind == KIND_INSTANCE)
		id = AS_CONST(instance, o)->network_interface_id;
	else if (o->kind->kind == KIND_FUNCTION)
		id = AS_CONST(function, o)->network_interface_id;
	return id ? model_get(m, id) : NULL;
}

/* Interfaces rarely have names: "web" means that of instance or function web. */
static struct candidates find_attached(const struct model *m, const char *text,
				       const char *scope_vpc)
{
	static const enum kind_id holders[] = {KIND_INSTANCE, KIND_FUNCTION};
	struct candidates c = {.n = 0};
	const struct object *o;

	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		if (!model_resolve(m, holders[i], text, scope_vpc, &o, NULL) && interface_of(m, o))
			candidate_add(&c, interface_of(m, o));
	return c;
}

int model_resolve(const struct model *m, enum kind_id kind, const char *text, const char *scope_vpc,
		  const struct object **ret, struct err *e)
{
	const struct object *o = model_get(m, text);
	struct candidates c = {.n = 0};

	if (o && kind == KIND_NETWORK_INTERFACE && interface_of(m, o))
		o = interface_of(m, o);
	if (o && kind && o->kind->kind != kind)
		return wrong_kind(o, kind, e);
	if (o) {
		*ret = o;
		return 0;
	}
	if (scope_vpc)
		c = find_named(m, kind, text, scope_vpc);
	if (!c.n)
		c = find_named(m, kind, text, NULL);
	if (!c.n)
		c = find_qualified(m, kind, text);
	if (!c.n)
		c = find_prefix(m, kind, text);
	if (!c.n && kind == KIND_NETWORK_INTERFACE)
		c = find_attached(m, text, scope_vpc);
	if (!c.n)
		return not_found(m, kind, text, e);
	if (c.n > 1)
		return ambiguous(m, text, &c, e);
	*ret = c.v[0];
	return 0;
}

/* ---- an object's references ---- */

struct resolve_arg {
	const struct model *m;
	const char *scope_vpc;
	const struct object *old, *o;
	struct err *e;
};

static int same_ref(void *arg, char **value, const struct ref_at *at)
{
	return !strcmp(*value, arg);
}

static int resolve_ref(void *arg, char **value, const struct ref_at *at)
{
	struct resolve_arg *a = arg;
	const struct object *target;
	const char *scope = a->scope_vpc;
	char path[sizeof(a->e->field)], *id;
	int rc;

	if (at->flags & COMPUTED)
		return 0;
	if (!scope)
		scope = model_object_vpc(a->m, a->o);
	rc = model_resolve(a->m, at->field->ref, *value, scope, &target, a->e);
	if (!rc && object_is_past(target))
		rc = not_found(a->m, at->field->ref, *value, a->e);
	if (rc) {
		if (a->e->rc == -ENOENT && (at->flags & WEAK) && a->old &&
		    object_each_ref((struct object *)a->old, same_ref, *value))
			return 0;
		err_within(a->e, ref_path(at, path, sizeof(path)));
		return err_wrap(a->e, "%s", path);
	}
	if (!strcmp(target->id, *value))
		return 0;
	id = strdup(target->id);
	if (!id)
		return err_sys(a->e, -ENOMEM, "resolve");
	free(*value);
	*value = id;
	return 0;
}

int resolve_refs(const struct model *m, const char *scope_vpc, const struct object *old,
		 struct object *o, struct err *e)
{
	struct resolve_arg arg = {.m = m, .scope_vpc = scope_vpc, .old = old, .o = o, .e = e};

	return object_each_ref(o, resolve_ref, &arg);
}
