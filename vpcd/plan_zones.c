/* SPDX-License-Identifier: MIT
 * Items of hosted zones and their records, in every view that sees them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dns/server.h"
#include "lib/cleanup.h"
#include "vpcd/plan_dns.h"

/* Calls fn for each view that a zone is seen in: its VPCs with both DNS attributes (VPC User Guide,
 * vpc-dns), or the internet for a public zone. */
static void zone_views(struct plan_pass *pp, const struct hosted_zone *z,
		       const struct record_set *r,
		       void (*fn)(struct plan_pass *, const char *, const struct hosted_zone *,
				  const struct record_set *))
{
	if (!z->vpc_ids.n)
		fn(pp, SYMBOL_INTERNET, z, r);
	for (size_t i = 0; i < z->vpc_ids.n; i++) {
		const struct object *o = model_get(pp->model, ((char **)z->vpc_ids.v)[i]);
		const struct vpc *v = AS_CONST(vpc, o);

		if (v && v->enable_dns_support && v->enable_dns_hostnames)
			fn(pp, o->id, z, r);
	}
}

static void emit_zone(struct plan_pass *pp, const char *view, const struct hosted_zone *z,
		      const struct record_set *r)
{
	plan_dns_zone(pp, view, z->domain);
}

void plan_hosted_zone(struct plan_pass *pp, const struct object *o)
{
	zone_views(pp, AS_CONST(hosted_zone, o), NULL, emit_zone);
}

/* ---- aliases ---- */

static const char *interface_of(const struct object *o)
{
	switch (o->kind->kind) {
	case KIND_INSTANCE:
		return AS_CONST(instance, o)->network_interface_id;
	case KIND_FUNCTION:
		return AS_CONST(function, o)->network_interface_id;
	case KIND_NAT_GATEWAY:
		return AS_CONST(nat_gateway, o)->network_interface_id;
	default:
		return o->id;
	}
}

/* "@db": the interface of the instance, function, interface or NAT gateway of that name, in the
 * view's VPC first. */
static const struct network_interface *alias_target(const struct model *m, const char *name,
						    const char *view)
{
	static const enum kind_id alias_kinds[] = {KIND_INSTANCE, KIND_FUNCTION,
						   KIND_NETWORK_INTERFACE, KIND_NAT_GATEWAY};
	const struct object *o = NULL;
	const char *eni;

	for (size_t i = 0; i < ARRAY_SIZE(alias_kinds); i++)
		if (!model_resolve(m, alias_kinds[i], name, view, &o, NULL))
			break;
	eni = o ? interface_of(o) : NULL;
	return eni ? AS_CONST(network_interface, model_get(m, eni)) : NULL;
}

/* What the view may know of the interface: a public zone its public address, a private zone its
 * private one. An IPv6 address is both. NULL: none of the family. */
static const struct ip *alias_address(const struct model *m, const struct network_interface *eni,
				      int family, bool public)
{
	const struct elastic_ip *eip;

	if (family == AF_INET6)
		return eni->ipv6_addresses.n ? eni->ipv6_addresses.v : NULL;
	if (!public)
		return &eni->private_ip_address;
	eip = model_eni_elastic_ip(m, eni->o.id);
	return eip ? &eip->public_ip : NULL;
}

static void emit_alias(struct plan_pass *pp, struct plan_record *rec, const char *name)
{
	bool public = !strcmp(rec->view, SYMBOL_INTERNET);
	const struct network_interface *eni = alias_target(pp->model, name, rec->view);
	int family = strcmp(rec->type, "A") ? AF_INET6 : AF_INET;
	const struct ip *ip = eni ? alias_address(pp->model, eni, family, public) : NULL;
	char text[IP_STRLEN];

	if (!ip) /* its target is gone, or has no such address: no answer */
		return;
	rec->rdata = ip_format(ip, text);
	plan_dns_routed(pp, rec);
}

/* ---- records ---- */

static void emit_record(struct plan_pass *pp, const char *view, const struct hosted_zone *z,
			const struct record_set *r)
{
	char owner[512];
	struct plan_record rec = {.view = view,
				  .owner = owner,
				  .zone = z->domain,
				  .type = r->type,
				  .ttl = (uint32_t)r->ttl,
				  .set = r->set_identifier,
				  .weight = (uint32_t)r->weight};

	if (r->set_identifier)
		rec.policy = r->multi_value_answer ? DNS_MULTIVALUE : DNS_WEIGHTED;
	if (!strcmp(r->record_name, "@"))
		snprintf(owner, sizeof(owner), "%s", z->domain);
	else
		snprintf(owner, sizeof(owner), "%s.%s", r->record_name, z->domain);
	for (size_t i = 0; i < r->values.n; i++) {
		rec.rdata = ((char **)r->values.v)[i];
		if (rec.rdata[0] == '@')
			emit_alias(pp, &rec, rec.rdata + 1);
		else
			plan_dns_routed(pp, &rec);
	}
}

void plan_record_set(struct plan_pass *pp, const struct object *o)
{
	const struct record_set *r = AS_CONST(record_set, o);
	const struct object *z = model_get(pp->model, r->hosted_zone_id);

	if (z)
		zone_views(pp, AS_CONST(hosted_zone, z), r, emit_record);
}
