/* SPDX-License-Identifier: MIT
 * See ipam.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <xxhash.h>

#include "lib/cleanup.h"
#include "model/ipam.h"

#define RESERVED_FIRST 4
#define RESERVED_LAST  1

/* ---- addresses in use, as offsets within a block ---- */

struct used {
	const struct cidr *block;
	uint64_t *bits; /* one for each address */
	uint64_t n;
};

static void use(struct used *u, const struct ip *ip)
{
	uint64_t i;

	if (!cidr_contains_ip(u->block, ip))
		return;
	i = ip_to_v4(ip) - ip_to_v4(&u->block->ip);
	u->n += !(u->bits[i / 64] >> (i % 64) & 1);
	u->bits[i / 64] |= 1ull << (i % 64);
}

static int used_init(struct used *u, const struct cidr *block, struct err *e)
{
	*u = (struct used){.block = block};
	u->bits = calloc((cidr_size(block) + 63) / 64, sizeof(*u->bits));
	return u->bits ? 0 : err_sys(e, -ENOMEM, "addresses");
}

/* The lowest free one from `first` to `last`, exclusive; false: none. */
static bool lowest(const struct used *u, uint64_t first, uint64_t last, struct ip *ret)
{
	for (uint64_t i = first; i < last; i++)
		if (!(u->bits[i / 64] >> (i % 64) & 1)) {
			*ret = cidr_nth(u->block, i);
			return true;
		}
	return false;
}

static void use_interface(void *arg, const struct object *o)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);
	const struct ip *more = eni->secondary_private_ip_addresses.v;

	use(arg, &eni->private_ip_address);
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		use(arg, &more[i]);
}

static int subnet_used(const struct model *m, const struct subnet *s, struct used *ret,
		       struct err *e)
{
	int rc = used_init(ret, &s->cidr_block, e);

	if (!rc)
		model_referrers(m, s->o.id, KIND_NETWORK_INTERFACE, use_interface, ret);
	return rc;
}

/* ---- subnets ---- */

int ipam_subnet_pick(const struct model *m, const struct subnet *s, struct ip *ret, struct err *e)
{
	uint64_t size = cidr_size(&s->cidr_block);
	char text[CIDR_STRLEN];
	struct used u;
	int rc = subnet_used(m, s, &u, e);

	if (rc)
		return rc;
	if (!lowest(&u, RESERVED_FIRST, size - RESERVED_LAST, ret))
		rc = err_set(e, -ENOSPC, "InsufficientFreeAddressesInSubnet", "SubnetId",
			     "subnet %s (%s) has no free address", s->o.id,
			     cidr_format(&s->cidr_block, text));
	free(u.bits);
	return rc;
}

struct search {
	const struct ip *ip;
	const struct object *found;
};

static void find_address(void *arg, const struct object *o)
{
	if (eni_has_address(AS_CONST(network_interface, o), ((struct search *)arg)->ip))
		((struct search *)arg)->found = o;
}

int ipam_subnet_check(const struct model *m, const struct subnet *s, const struct ip *ip,
		      struct err *e)
{
	struct search search = {.ip = ip};
	char text[IP_STRLEN], block[CIDR_STRLEN];
	uint64_t i;

	ip_format(ip, text);
	cidr_format(&s->cidr_block, block);
	if (ip->family != AF_INET || !cidr_contains_ip(&s->cidr_block, ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PrivateIpAddress",
			       "%s lies outside subnet %s (%s)", text, s->o.id, block);
	i = ip_to_v4(ip) - ip_to_v4(&s->cidr_block.ip);
	if (i < RESERVED_FIRST || i >= cidr_size(&s->cidr_block) - RESERVED_LAST)
		return err_set(e, -EINVAL, "InvalidParameterValue", "PrivateIpAddress",
			       "%s is reserved: the first four addresses and the last of %s are",
			       text, block);
	model_referrers(m, s->o.id, KIND_NETWORK_INTERFACE, find_address, &search);
	if (search.found)
		return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "PrivateIpAddress",
			       "%s is %s's already", text, search.found->id);
	return 0;
}

uint64_t ipam_subnet_free(const struct model *m, const struct subnet *s)
{
	uint64_t size = cidr_size(&s->cidr_block), n;
	struct used u;

	if (subnet_used(m, s, &u, NULL))
		return 0;
	n = size - RESERVED_FIRST - RESERVED_LAST - u.n;
	free(u.bits);
	return n;
}

/* ---- the pool ---- */

int ipam_pool_pick(const struct model *m, const struct cidr *pool, struct ip *ret, struct err *e)
{
	uint64_t size = cidr_size(pool);
	/* Network and broadcast address of a real range are left alone. */
	uint64_t edge = size > 2;
	char text[CIDR_STRLEN];
	struct used u;
	int rc = used_init(&u, pool, e);

	if (rc)
		return rc;
	model_for_each (o, m, KIND_ELASTIC_IP)
		use(&u, &AS_CONST(elastic_ip, o)->public_ip);
	if (!lowest(&u, edge, size - edge, ret))
		rc = err_set(e, -ENOSPC, "AddressLimitExceeded", "PublicIp",
			     "the pool %s has no free address", cidr_format(pool, text));
	free(u.bits);
	return rc;
}

/* ---- derived addresses ---- */

struct ip ipam_router(const struct subnet *s)
{
	return ip_add(&s->cidr_block.ip, 1);
}

struct ip ipam_resolver(const struct vpc *v)
{
	return ip_add(&v->cidr_block.ip, 2);
}

struct mac ipam_mac(const char *id)
{
	uint64_t h = XXH3_64bits(id, strlen(id));
	struct mac m;

	memcpy(m.b, &h, sizeof(m.b));
	/* Locally administered, unicast, and never the router's 0a:ff:…. */
	m.b[0] = 0x02;
	return m;
}
