/* SPDX-License-Identifier: MIT
 * Items of the resolver.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "vpcd/plan_dns.h"

#define TTL 60

/* Names below these never leave a VPC (Route 53 Developer Guide, autodefined rules). */
static const char *const reverse_zones[] = {
	"10.in-addr.arpa",	"168.192.in-addr.arpa", "127.in-addr.arpa",
	"254.169.in-addr.arpa", "16.172.in-addr.arpa",	"17.172.in-addr.arpa",
	"18.172.in-addr.arpa",	"19.172.in-addr.arpa",	"20.172.in-addr.arpa",
	"21.172.in-addr.arpa",	"22.172.in-addr.arpa",	"23.172.in-addr.arpa",
	"24.172.in-addr.arpa",	"25.172.in-addr.arpa",	"26.172.in-addr.arpa",
	"27.172.in-addr.arpa",	"28.172.in-addr.arpa",	"29.172.in-addr.arpa",
	"30.172.in-addr.arpa",	"31.172.in-addr.arpa",
};

const char *dns_internal_domain(const char *region, char *buf, size_t len)
{
	if (!strcmp(region, "us-east-1"))
		snprintf(buf, len, "ec2.internal");
	else
		snprintf(buf, len, "%s.compute.internal", region);
	return buf;
}

static void emit(struct plan_pass *pp, enum item_type type, const char *view, uint32_t ttl,
		 const char *owner, const char *rrtype, const char *rdata)
{
	char key[2 * SYMBOL_LEN + 8];
	cleanup_buf struct buf body = {0};
	struct item_record head;
	uint64_t hash = 14695981039346656037u;

	memset(&head, 0, sizeof(head));
	symbol_set(head.view, view);
	head.ttl = ttl;
	buf_add(&body, &head, offsetof(struct item_record, text));
	buf_add(&body, owner, strlen(owner) + 1);
	buf_add(&body, rrtype, strlen(rrtype) + 1);
	buf_add(&body, rdata, strlen(rdata) + 1);
	if (body.rc)
		abort();
	/* Names and rdata are longer than a key: it carries their hash (FNV-1a). */
	for (size_t i = offsetof(struct item_record, text); i < body.len; i++)
		hash = (hash ^ (uint8_t)body.p[i]) * 1099511628211u;
	snprintf(key, sizeof(key), "%s %.40s %016llx", view, owner, (unsigned long long)hash);
	plan_emit(pp, type, key, body.p, body.len);
}

void plan_dns_zone(struct plan_pass *pp, const char *view, const char *origin)
{
	emit(pp, ITEM_DNS_ZONE, view, 0, origin, "", "");
}

void plan_dns_text(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		   uint32_t ttl, const char *rdata)
{
	emit(pp, ITEM_DNS_RECORD, view, ttl, owner, type, rdata);
}

void plan_dns_record(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		     uint32_t ttl, const struct ip *address)
{
	char text[IP_STRLEN];

	plan_dns_text(pp, view, owner, type, ttl, ip_format(address, text));
}

void plan_dns_vpc(struct plan_pass *pp, const char *vpc_id)
{
	const struct object *v = model_get(pp->model, vpc_id);
	char domain[128];

	plan_dns_zone(pp, vpc_id, dns_internal_domain(v->region, domain, sizeof(domain)));
	for (size_t i = 0; i < ARRAY_SIZE(reverse_zones); i++)
		plan_dns_zone(pp, vpc_id, reverse_zones[i]);
}

/* A sandbox's name as one DNS label; false where it cannot be one. */
static bool label_from_name(const char *name, char *ret, size_t len)
{
	size_t n = name ? strlen(name) : 0;

	if (!n || n > 63 || n >= len || name[0] == '-' || name[n - 1] == '-')
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (name[i] && !isalnum((unsigned char)name[i]) && name[i] != '-')
			return false;
		ret[i] = (char)tolower((unsigned char)name[i]);
	}
	return true;
}

void plan_dns_eni(struct plan_pass *pp, const struct network_interface *eni, const struct vpc *vpc)
{
	const struct object *holder =
		eni->attachment_id ? model_get(pp->model, eni->attachment_id) : NULL;
	char domain[128], label[64], owner[256], name[256], reverse[64];
	uint32_t a = ip_to_v4(&eni->private_ip_address);
	bool named = holder && label_from_name(holder->name, label, sizeof(label));

	if (!vpc->enable_dns_support)
		return;
	dns_internal_domain(vpc->o.region, domain, sizeof(domain));
	snprintf(owner, sizeof(owner), "ip-%u-%u-%u-%u.%s", a >> 24, a >> 16 & 255, a >> 8 & 255,
		 a & 255, domain);
	if (vpc->enable_dns_hostnames)
		plan_dns_record(pp, vpc->o.id, owner, "A", TTL, &eni->private_ip_address);
	if (named) {
		snprintf(name, sizeof(name), "%s.%s", label, domain);
		plan_dns_record(pp, vpc->o.id, name, "A", TTL, &eni->private_ip_address);
	}
	if (!vpc->enable_dns_hostnames && !named)
		return;
	snprintf(reverse, sizeof(reverse), "%u.%u.%u.%u.in-addr.arpa", a & 255, a >> 8 & 255,
		 a >> 16 & 255, a >> 24);
	plan_dns_text(pp, vpc->o.id, reverse, "PTR", TTL, vpc->enable_dns_hostnames ? owner : name);
}

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

/* "@db": the private address of the instance or function of that name, in the view's VPC first. */
static const struct ip *named_address(const struct model *m, const char *name, const char *view)
{
	const struct object *o = NULL;
	const char *eni_id;

	if (model_resolve(m, KIND_INSTANCE, name, view, &o, NULL) < 0 &&
	    model_resolve(m, KIND_FUNCTION, name, view, &o, NULL) < 0)
		return NULL;
	eni_id = o->kind->kind == KIND_INSTANCE ? AS_CONST(instance, o)->network_interface_id
						: AS_CONST(function, o)->network_interface_id;
	o = eni_id ? model_get(m, eni_id) : NULL;
	return o ? &AS_CONST(network_interface, o)->private_ip_address : NULL;
}

static void emit_record(struct plan_pass *pp, const char *view, const struct hosted_zone *z,
			const struct record_set *r)
{
	char owner[512];

	if (!strcmp(r->record_name, "@"))
		snprintf(owner, sizeof(owner), "%s", z->domain);
	else
		snprintf(owner, sizeof(owner), "%s.%s", r->record_name, z->domain);
	for (size_t i = 0; i < r->values.n; i++) {
		const char *value = ((char **)r->values.v)[i];
		const struct ip *ip;

		if (value[0] != '@') {
			plan_dns_text(pp, view, owner, r->type, (uint32_t)r->ttl, value);
			continue;
		}
		ip = named_address(pp->model, value + 1, view);
		if (ip)
			plan_dns_record(pp, view, owner, r->type, (uint32_t)r->ttl, ip);
	}
}

void plan_record_set(struct plan_pass *pp, const struct object *o)
{
	const struct record_set *r = AS_CONST(record_set, o);
	const struct object *z = model_get(pp->model, r->hosted_zone_id);

	if (z)
		zone_views(pp, AS_CONST(hosted_zone, z), r, emit_record);
}
