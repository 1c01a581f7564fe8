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

static void use_all(struct used *u, const struct list *ips)
{
	const struct ip *v = ips ? ips->v : NULL;

	for (size_t i = 0; v && i < ips->n; i++)
		use(u, &v[i]);
}

static void use_interface(void *arg, const struct object *o)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);

	use(arg, &eni->private_ip_address);
	use_all(arg, &eni->secondary_private_ip_addresses);
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

static int exhausted(const struct subnet *s, const struct cidr *block, struct err *e)
{
	char text[CIDR_STRLEN];

	return err_set(e, -ENOSPC, "InsufficientFreeAddressesInSubnet", "SubnetId",
		       "subnet %s (%s) has no free address", s->o.id, cidr_format(block, text));
}

int ipam_subnet_pick(const struct model *m, const struct subnet *s, const struct list *but,
		     struct ip *ret, struct err *e)
{
	uint64_t size = cidr_size(&s->cidr_block);
	struct used u;
	int rc = subnet_used(m, s, &u, e);

	if (rc)
		return rc;
	use_all(&u, but);
	if (!lowest(&u, RESERVED_FIRST, size - RESERVED_LAST, ret))
		rc = exhausted(s, &s->cidr_block, e);
	free(u.bits);
	return rc;
}

/* A growing list of addresses. */
struct addresses {
	struct ip *v;
	size_t n, cap;
	bool no_memory;
};

static void note(struct addresses *a, const struct list *ips)
{
	if (a->n + ips->n > a->cap) {
		size_t cap = 2 * (a->n + ips->n);
		struct ip *v = reallocarray(a->v, cap, sizeof(*v));

		a->no_memory |= !v;
		if (!v)
			return;
		a->v = v;
		a->cap = cap;
	}
	memcpy(a->v + a->n, ips->v, ips->n * sizeof(struct ip));
	a->n += ips->n;
}

static void note_interface(void *arg, const struct object *o)
{
	if (AS_CONST(network_interface, o)->ipv6_addresses.n)
		note(arg, &AS_CONST(network_interface, o)->ipv6_addresses);
}

static int order(const void *a, const void *b)
{
	return ip_cmp(a, b);
}

/* An IPv6 subnet is too large for a bit each: walk along what is in use, in order. */
int ipam_subnet_pick6(const struct model *m, const struct subnet *s, const struct list *but,
		      struct ip *ret, struct err *e)
{
	struct addresses a = {0};

	if (!ip_is_set(&s->ipv6_cidr_block.ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", "SubnetId",
			       "subnet %s has no IPv6 block", s->o.id);
	model_referrers(m, s->o.id, KIND_NETWORK_INTERFACE, note_interface, &a);
	if (but && but->n)
		note(&a, but);
	if (a.no_memory) {
		free(a.v);
		return err_sys(e, -ENOMEM, "addresses");
	}
	if (a.n)
		qsort(a.v, a.n, sizeof(*a.v), order);
	*ret = ip_add(&s->ipv6_cidr_block.ip, RESERVED_FIRST);
	for (size_t i = 0; i < a.n; i++)
		if (!ip_cmp(&a.v[i], ret))
			*ret = ip_add(ret, 1);
	free(a.v);
	return 0; /* 2^64 interfaces do not fit into memory */
}

struct search {
	const struct ip *ip;
	const char *but; /* an interface's id */
	const struct object *found;
};

static bool holds(const struct list *ips, const struct ip *ip)
{
	const struct ip *v = ips->v;

	for (size_t i = 0; i < ips->n; i++)
		if (!ip_cmp(&v[i], ip))
			return true;
	return false;
}

static void find_address(void *arg, const struct object *o)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);
	struct search *s = arg;

	if (s->but && !strcmp(s->but, o->id))
		return;
	if (!ip_cmp(&eni->private_ip_address, s->ip) ||
	    holds(&eni->secondary_private_ip_addresses, s->ip) ||
	    holds(&eni->ipv6_addresses, s->ip))
		s->found = o;
}

static bool is_reserved(const struct cidr *block, const struct ip *ip)
{
	struct ip last = block->ip;

	for (unsigned bit = cidr_len128(block); bit < 128; bit++)
		last.b[bit / 8] |= 0x80 >> bit % 8;
	if (!ip_cmp(ip, &last))
		return true;
	for (unsigned i = 0; i < RESERVED_FIRST; i++) {
		struct ip reserved = ip_add(&block->ip, i);

		if (!ip_cmp(ip, &reserved))
			return true;
	}
	return false;
}

int ipam_subnet_check(const struct model *m, const struct subnet *s, const struct ip *ip,
		      const char *eni, const char *field, struct err *e)
{
	const struct cidr *block = ip->family == AF_INET6 ? &s->ipv6_cidr_block : &s->cidr_block;
	struct search search = {.ip = ip, .but = eni};
	char text[IP_STRLEN], range[CIDR_STRLEN];

	ip_format(ip, text);
	cidr_format(block, range);
	if (!ip_is_set(&block->ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s: subnet %s has no IPv6 block", text, s->o.id);
	if (!cidr_contains_ip(block, ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s lies outside subnet %s (%s)", text, s->o.id, range);
	if (is_reserved(block, ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s is reserved: the first four addresses and the last of %s are",
			       text, range);
	model_referrers(m, s->o.id, KIND_NETWORK_INTERFACE, find_address, &search);
	return search.found ? err_set(e, -EEXIST, "InvalidIPAddress.InUse", field,
				      "%s is %s's already", text, search.found->id)
			    : 0;
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

/* ---- IPv6 blocks ---- */

/* The next block of that length; false: there is none in the family. */
static bool next_block(struct ip *ip, uint8_t len)
{
	for (int i = (len - 1) / 8; i >= 0; i--) {
		unsigned sum = ip->b[i] + (i == (len - 1) / 8 ? 0x80u >> (len - 1) % 8 : 1u);

		ip->b[i] = (uint8_t)sum;
		if (sum < 256)
			return true;
	}
	return false;
}

/* Some block of the model that c overlaps; NULL: none. */
typedef const struct cidr *taken_fn(const struct model *m, const char *vpc_id,
				    const struct cidr *c);

static const struct cidr *taken_by_vpc(const struct model *m, const char *vpc_id,
				       const struct cidr *c)
{
	model_for_each (o, m, KIND_VPC) {
		const struct cidr *block = &AS_CONST(vpc, o)->ipv6_cidr_block;

		if (ip_is_set(&block->ip) && cidr_overlaps(block, c))
			return block;
	}
	return NULL;
}

static const struct cidr *taken_by_subnet(const struct model *m, const char *vpc_id,
					  const struct cidr *c)
{
	model_for_each (o, m, KIND_SUBNET) {
		const struct cidr *block = &AS_CONST(subnet, o)->ipv6_cidr_block;

		if (!strcmp(AS_CONST(subnet, o)->vpc_id, vpc_id) && ip_is_set(&block->ip) &&
		    cidr_overlaps(block, c))
			return block;
	}
	return NULL;
}

/* Past each block that is in the way. */
static bool lowest_block(const struct model *m, const struct cidr *range, uint8_t len,
			 taken_fn *taken, const char *vpc_id, struct cidr *ret)
{
	const struct cidr *block;

	*ret = (struct cidr){range->ip, len};
	while (cidr_contains(range, ret) && (block = taken(m, vpc_id, ret))) {
		struct cidr in_the_way = *block;

		if (in_the_way.len < len)
			ret->ip = in_the_way.ip;
		if (!next_block(&ret->ip, in_the_way.len < len ? in_the_way.len : len))
			return false;
	}
	return cidr_contains(range, ret);
}

int ipam_vpc_pick(const struct model *m, const struct cidr *pool, struct cidr *ret, struct err *e)
{
	char text[CIDR_STRLEN];

	return lowest_block(m, pool, 56, taken_by_vpc, NULL, ret)
		       ? 0
		       : err_set(e, -ENOSPC, "InsufficientCidrBlocks", "Ipv6CidrBlock",
				 "the pool %s has no free /56", cidr_format(pool, text));
}

int ipam_subnet_block_pick(const struct model *m, const struct vpc *v, struct cidr *ret,
			   struct err *e)
{
	char text[CIDR_STRLEN];

	if (!ip_is_set(&v->ipv6_cidr_block.ip))
		return err_set(e, -EINVAL, "InvalidSubnet.Range", "Ipv6CidrBlock",
			       "the VPC has no IPv6 block");
	return lowest_block(m, &v->ipv6_cidr_block, 64, taken_by_subnet, v->o.id, ret)
		       ? 0
		       : err_set(e, -ENOSPC, "InsufficientCidrBlocks", "Ipv6CidrBlock",
				 "the VPC's block %s has no free /64",
				 cidr_format(&v->ipv6_cidr_block, text));
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

bool ipam_special_range(size_t i, struct cidr *ret)
{
	static const struct {
		uint32_t address;
		uint8_t len;
	} ranges[] = {{0, 8},		{0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
		      {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3}};

	if (i >= ARRAY_SIZE(ranges))
		return false;
	*ret = (struct cidr){ip_from_v4(ranges[i].address), ranges[i].len};
	return true;
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
