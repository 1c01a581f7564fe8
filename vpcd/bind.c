/* SPDX-License-Identifier: MIT
 * See bind.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "vpcd/bind.h"
#include "vpcd/resolver.h"
#include "vpcd/rules.h"

/* The number of a symbol that may be "": 0. The first failure sticks in *rc. */
static uint32_t number(struct names *n, enum name_space space, const char *symbol, int *rc,
		       struct err *e)
{
	uint32_t ret = 0;

	if (!*rc && symbol[0])
		*rc = names_get(n, space, symbol, &ret, e);
	return ret;
}

static int put_vpc(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_vpc *body = it->body;
	int rc = 0;
	uint32_t key = number(b->names, NAME_VPC, it->key, &rc, e);
	struct vpc_entry v = {
		.flags = body->dns_support ? VPC_DNS_SUPPORT : 0,
		.local_table = number(b->names, NAME_TABLE, body->local_table, &rc, e),
		.resolver = ip128_from(&body->resolver),
	};

	return rc ? rc : shadow_put(b->shadow, DP_VPCS, &key, &v);
}

static int put_subnet(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_subnet *body = it->body;
	int rc = 0;
	uint32_t key = number(b->names, NAME_SUBNET, it->key, &rc, e);
	struct subnet_entry v = {
		.vpc = number(b->names, NAME_VPC, body->vpc, &rc, e),
		.route_table = number(b->names, NAME_TABLE, body->route_table, &rc, e),
		.acl = number(b->names, NAME_ACL, body->acl, &rc, e),
		.router = ip128_from(&body->router),
		.prefix6 = ip128_from(&body->prefix6.ip),
		.prefix6_len = body->prefix6.len,
	};

	return rc ? rc : shadow_put(b->shadow, DP_SUBNETS, &key, &v);
}

static int put_eni(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_eni *body = it->body;
	int rc = 0;
	uint32_t key = number(b->names, NAME_INTERFACE, it->key, &rc, e);
	struct eni v = {
		.vpc = number(b->names, NAME_VPC, body->vpc, &rc, e),
		.subnet = number(b->names, NAME_SUBNET, body->subnet, &rc, e),
		.groups = number(b->names, NAME_GROUPS, body->groups, &rc, e),
		.flags = body->flags,
		.address = ip128_from(&body->address),
		.address6 = ip128_from(&body->address6),
		.tcp_established_timeout = body->tcp_established_timeout,
		.udp_timeout = body->udp_timeout,
		.udp_stream_timeout = body->udp_stream_timeout,
		.flow_quota = b->flow_quota,
		.mtu = body->mtu,
		.loss = body->loss,
		.output = OUTPUT_PEER,
	};

	memcpy(v.mac, body->mac.b, sizeof(v.mac));
	if (!(body->flags & (ENI_INTERNET | ENI_SERVICE)))
		v.service_address = service_address(key);
	return rc ? rc : shadow_put(b->shadow, DP_ENIS, &key, &v);
}

_Static_assert(sizeof(((struct item_nat *)0)->addresses) / sizeof(struct item_nat_address) ==
		       NAT_ADDRESSES_MAX,
	       "as many addresses in the plan as in the data plane");

static int put_nat(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_nat *body = it->body;
	int rc = 0;
	uint32_t key = number(b->names, NAME_NAT, it->key, &rc, e);
	struct nat_entry v = {
		.vpc = number(b->names, NAME_VPC, body->vpc, &rc, e),
		.subnet = number(b->names, NAME_SUBNET, body->subnet, &rc, e),
		.gateway = number(b->names, NAME_GATEWAY, body->gateway, &rc, e),
		.ifindex = number(b->names, NAME_INTERFACE, it->key, &rc, e),
		.n_addresses = body->n_addresses,
	};

	for (uint32_t i = 0; i < body->n_addresses; i++)
		v.addresses[i] = (struct nat_address){
			.private_address = ip128_from(&body->addresses[i].private_address),
			.public_address = ip128_from(&body->addresses[i].public_address),
		};
	if (body->available)
		v.flags |= NAT_AVAILABLE;
	return rc ? rc : shadow_put(b->shadow, DP_NATS, &key, &v);
}

static int put_gateway(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_gateway *body = it->body;
	int rc = 0;
	uint32_t key = number(b->names, NAME_GATEWAY, it->key, &rc, e);
	struct gateway_entry v = {
		.vpc = number(b->names, NAME_VPC, body->vpc, &rc, e),
		.route_table = number(b->names, NAME_TABLE, body->route_table, &rc, e),
	};

	return rc ? rc : shadow_put(b->shadow, DP_GATEWAYS, &key, &v);
}

static int put_address(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_address *body = it->body;
	enum name_space space = body->kind == ADDR_NAT ? NAME_NAT : NAME_INTERFACE;
	int rc = 0;
	struct addr_key key = {
		.vpc = number(b->names, NAME_VPC, body->vpc, &rc, e),
		.family = body->address.family,
		.address = ip128_from(&body->address),
	};
	struct addr_entry v = {
		.kind = body->kind,
		.ifindex = number(b->names, space, body->holder, &rc, e),
		.vpc = number(b->names, NAME_VPC, body->holder_vpc, &rc, e),
		.gateway = number(b->names, NAME_GATEWAY, body->gateway, &rc, e),
		.egress_gateway = number(b->names, NAME_GATEWAY, body->egress_gateway, &rc, e),
		.other = ip128_from(&body->other),
	};

	return rc ? rc : shadow_put(b->shadow, DP_ADDRESSES, &key, &v);
}

static int put_route(const struct bind *b, const struct item *it, struct err *e)
{
	static const enum name_space spaces[] = {
		[TARGET_INTERNET_GATEWAY] = NAME_GATEWAY,
		[TARGET_NAT_GATEWAY] = NAME_NAT,
		[TARGET_ENI] = NAME_INTERFACE,
		[TARGET_PEERING] = NAME_VPC,
		[TARGET_EGRESS_ONLY] = NAME_GATEWAY,
		[TARGET_ENI_PRIVATE] = NAME_INTERFACE,
	};
	const struct item_route *body = it->body;
	int rc = 0;
	struct route_key key = {
		.prefixlen = 64u + cidr_len128(&body->destination),
		.table = number(b->names, NAME_TABLE, body->table, &rc, e),
		.family = body->destination.ip.family,
		.address = ip128_from(&body->destination.ip),
	};
	struct route_entry v = {.target = body->target};

	if (body->id[0])
		v.id = number(b->names, spaces[body->target], body->id, &rc, e);
	return rc ? rc : shadow_put(b->shadow, DP_ROUTES, &key, &v);
}

/* IPv4 ranges as those of mapped addresses. */
static void put_range(const struct cidr *c, struct ip128 *net, struct ip128 *mask)
{
	unsigned len = cidr_len128(c);

	*net = ip128_from(&c->ip);
	for (unsigned i = 0; i < 16; i++)
		mask->b[i] = len >= 8 * (i + 1) ? 0xff
			     : len > 8 * i	? (uint8_t)(0xff00 >> (len - 8 * i))
						: 0;
}

static void put_filter(const struct item_mirror_rule *v, uint32_t n, struct mirror_filter *out)
{
	out->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct mirror_rule *r = &out->rules[i];

		put_range(&v[i].source, &r->saddr, &r->smask);
		put_range(&v[i].destination, &r->daddr, &r->dmask);
		r->sport_first = v[i].sport_first;
		r->sport_last = v[i].sport_last;
		r->dport_first = v[i].dport_first;
		r->dport_last = v[i].dport_last;
		r->family = v[i].source.ip.family;
		r->any_protocol = v[i].protocol < 0;
		r->protocol = (uint8_t)(v[i].protocol < 0 ? 0 : v[i].protocol);
		r->reject = v[i].reject;
	}
}

static int put_mirror(const struct bind *b, const struct item *it, struct err *e)
{
	const struct item_mirror *body = it->body;
	struct mirror v = {.n = body->n};
	int rc = 0;
	uint32_t key = number(b->names, NAME_INTERFACE, it->key, &rc, e);

	for (uint32_t i = 0; i < body->n; i++) {
		const struct item_mirror_session *from = &body->sessions[i];
		struct mirror_session *s = &v.sessions[i];

		s->target = ip128_from(&from->target);
		s->vni = from->vni;
		s->packet_length = from->packet_length;
		s->flags = from->dns ? MIRROR_DNS : 0;
		put_filter(from->in, from->n_in, &s->in);
		put_filter(from->out, from->n_out, &s->out);
	}
	return rc ? rc : shadow_put(b->shadow, DP_MIRRORS, &key, &v);
}

static void claim_name(const struct item *it, char *ret, size_t len)
{
	snprintf(ret, len, "%s %s", item_type_name(it->type), it->key);
}

int bind_put(const struct bind *b, const struct item *it, struct shadow_counts *counts,
	     struct err *e)
{
	static int (*const put[ITEM_TYPE_COUNT])(const struct bind *, const struct item *,
						 struct err *) = {
		[ITEM_VPC] = put_vpc,	      [ITEM_SUBNET] = put_subnet,
		[ITEM_ENI] = put_eni,	      [ITEM_NAT] = put_nat,
		[ITEM_GATEWAY] = put_gateway, [ITEM_ADDRESS] = put_address,
		[ITEM_ROUTE] = put_route,     [ITEM_MIRROR] = put_mirror,
	};
	char claim[160];
	int rc;

	claim_name(it, claim, sizeof(claim));
	shadow_begin(b->shadow, claim);
	rc = put[it->type](b, it, e);
	if (rc == -ENOMEM)
		return err_sys(e, rc, "%s", claim);
	if (rc)
		return rc;
	return shadow_commit(b->shadow, counts, e);
}

int bind_remove(const struct bind *b, const struct item *it, struct err *e)
{
	static const struct {
		bool own;
		enum name_space space;
	} released[ITEM_TYPE_COUNT] = {
		[ITEM_VPC] = {true, NAME_VPC},
		[ITEM_SUBNET] = {true, NAME_SUBNET},
		[ITEM_NAT] = {true, NAME_NAT},
	};
	char claim[160];
	int rc;

	claim_name(it, claim, sizeof(claim));
	rc = shadow_remove(b->shadow, claim, e);
	if (!rc && released[it->type].own)
		names_release(b->names, released[it->type].space, it->key);
	if (!rc && it->type == ITEM_NAT)
		names_release(b->names, NAME_INTERFACE, it->key);
	return rc;
}
