/* SPDX-License-Identifier: MIT
 * Internet host: a sandbox on the simulated internet.
 */
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/kinds/domain.h"

static const struct field fields[] = {
	FIELD(internet_host, domain_name, "DomainName", .flags = IMMUTABLE | COLUMN, .max = 253,
	      .help = "Name that the public name server gives it; absent: its Name, if that is a "
		      "domain, \"www.example.com\""),
	FIELD(internet_host, address, "Address", .flags = ALLOCATED | COLUMN,
	      .help = "Public address; absent: the lowest free one of 203.0.113.0/24"),
	FIELD(internet_host, ipv6_address, "Ipv6Address", .flags = IMMUTABLE | COLUMN,
	      .help = "Public IPv6 address; absent: none"),
	FIELD(internet_host, packet_loss, "PacketLossPercent", .max = 100,
	      .help = "How many of 100 packets to it, and of those from it, are lost"),
	FIELD(internet_host, mac_address, "MacAddress", .flags = ALLOCATED,
	      .help = "Hardware address"),
	SANDBOX_FIELDS(internet_host),
	{0},
};

/* The router, the service namespace and the name server of the simulated internet. */
static bool is_builtin(uint32_t a)
{
	return a == 0xcb007100 || a == 0xcb007101 || a == 0xcb007102 || a == 0xcb007135 ||
	       a == 0xcb0071fe || a == 0xcb0071ff;
}

static bool is_taken(const struct model *m, const struct ip *ip)
{
	model_for_each (o, m, KIND_INTERNET_HOST)
		if (!ip_cmp(&AS_CONST(internet_host, o)->address, ip))
			return true;
	return false;
}

static int pick(const struct model *m, const struct cidr *pool, struct ip *ret, struct err *e)
{
	for (uint32_t i = 1; i < 255; i++) {
		*ret = ip_from_v4(0xcb007100 + i);
		if (!is_builtin(0xcb007100 + i) && !cidr_contains_ip(pool, ret) &&
		    !is_taken(m, ret))
			return 0;
	}
	return err_set(e, -ENOSPC, "AddressLimitExceeded", "Address",
		       "no address of 203.0.113.0/24 is free: give one of another range");
}

static bool is_special(const struct ip *ip)
{
	struct cidr range;

	for (size_t i = 0; ipam_special_range(i, &range); i++)
		if (cidr_contains_ip(&range, ip))
			return true;
	return false;
}

static int address_check(struct txn *t, struct internet_host *h, struct err *e)
{
	const struct store_config *cfg = store_configuration(txn_store(t));
	const struct cidr *pool = &cfg->pool;
	char text[IP_STRLEN], range[CIDR_STRLEN];

	if (!ip_is_set(&h->address))
		return pick(txn_model(t), pool, &h->address, e);
	ip_format(&h->address, text);
	if (h->address.family != AF_INET || is_special(&h->address))
		return err_set(e, -EINVAL, "InvalidParameterValue", "Address",
			       "%s is no public IPv4 address", text);
	for (size_t i = 0; i < cfg->n_more_pools; i++)
		if (cidr_contains_ip(&cfg->more_pools[i].range, &h->address))
			pool = &cfg->more_pools[i].range;
	if (cidr_contains_ip(pool, &h->address))
		return err_set(e, -EINVAL, "InvalidParameterValue", "Address",
			       "%s is of the elastic IPs' pool %s", text, cidr_format(pool, range));
	if (is_builtin(ip_to_v4(&h->address)))
		return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "Address",
			       "%s is the simulated internet's own", text);
	if (is_taken(txn_model(t), &h->address))
		return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "Address",
			       "%s is another internet host's", text);
	return 0;
}

/* The same of the simulated internet over IPv6. */
static bool is_builtin6(const struct ip *ip)
{
	struct cidr own;

	cidr_parse("2001:db8::/121", &own);
	return cidr_contains_ip(&own, ip);
}

static const struct object *holder6(const struct model *m, const struct ip *ip)
{
	model_for_each (o, m, KIND_INTERNET_HOST)
		if (!ip_cmp(&AS_CONST(internet_host, o)->ipv6_address, ip))
			return o;
	model_for_each (o, m, KIND_VPC) {
		const struct cidr *block = &AS_CONST(vpc, o)->ipv6_cidr_block;

		if (ip_is_set(&block->ip) && cidr_contains_ip(block, ip))
			return o;
	}
	return NULL;
}

static int ipv6_check(struct txn *t, const struct internet_host *h, struct err *e)
{
	const struct cidr *pool = &store_configuration(txn_store(t))->ipv6_pool;
	char text[IP_STRLEN], range[CIDR_STRLEN];
	const struct object *other;
	struct cidr global;

	if (!ip_is_set(&h->ipv6_address))
		return 0;
	ip_format(&h->ipv6_address, text);
	cidr_parse("2000::/3", &global);
	if (h->ipv6_address.family != AF_INET6 || !cidr_contains_ip(&global, &h->ipv6_address))
		return err_set(e, -EINVAL, "InvalidParameterValue", "Ipv6Address",
			       "%s is no public IPv6 address: they lie in 2000::/3", text);
	if (cidr_contains_ip(pool, &h->ipv6_address))
		return err_set(e, -EINVAL, "InvalidParameterValue", "Ipv6Address",
			       "%s is of the VPCs' pool %s", text, cidr_format(pool, range));
	if (is_builtin6(&h->ipv6_address))
		return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "Ipv6Address",
			       "%s is the simulated internet's own (2001:db8::/121)", text);
	other = holder6(txn_model(t), &h->ipv6_address);
	return other ? err_set(e, -EEXIST, "InvalidIPAddress.InUse", "Ipv6Address",
			       "%s is %s %s's already", text, other->kind->name,
			       other->name ? other->name : other->id)
		     : 0;
}

static bool is_domain(const char *name)
{
	return name && strchr(name, '.') && domain_is_valid(name, false);
}

static int name_check(struct txn *t, struct internet_host *h, struct err *e)
{
	int rc = 0;

	if (!h->domain_name && is_domain(h->o.name))
		rc = text_set(&h->domain_name, h->o.name, e);
	if (rc || !h->domain_name)
		return rc;
	rc = domain_check(&h->domain_name, "DomainName", e);
	if (rc)
		return rc;
	model_for_each (o, txn_model(t), KIND_INTERNET_HOST) {
		const char *other = AS_CONST(internet_host, o)->domain_name;

		if (other && strcmp(o->id, h->o.id) && !strcasecmp(other, h->domain_name))
			return err_set(e, -EEXIST, "InvalidParameterValue", "DomainName",
				       "%s is internet host %s's already", h->domain_name, o->id);
	}
	return object_name_default(&h->o, h->domain_name, e);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct internet_host *h = AS(internet_host, new);
	static const struct mac none;
	int rc = old ? 0 : name_check(t, h, e);

	if (!rc && !old)
		rc = address_check(t, h, e);
	if (!rc && !old)
		rc = ipv6_check(t, h, e);
	if (!memcmp(&h->mac_address, &none, sizeof(none)))
		h->mac_address = ipam_mac(new->id);
	return rc ? rc : sandbox_check(&h->sandbox, e);
}

const struct kind internet_host_kind = {
	.kind = KIND_INTERNET_HOST,
	.name = "internet-host",
	.plural = "internet-hosts",
	.id_prefix = "inet-",
	.id_field = "InternetHostId",
	.help = "A sandbox on the simulated internet",
	.size = sizeof(struct internet_host),
	.fields = fields,
	.check = check,
};
