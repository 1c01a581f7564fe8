/* SPDX-License-Identifier: MIT
 * Items of network interfaces and their addresses, elastic IPs and NAT gateways.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

#define MTU_VPC 9001

/* ---- addresses ---- */

/* A VPC's way out. */
struct gateways {
	const char *internet, *egress_only; /* ids; NULL: none */
};

static void emit_address(struct plan_pass *pp, const struct item_address *a)
{
	char key[2 * SYMBOL_LEN + 8], text[IP_STRLEN];

	snprintf(key, sizeof(key), "%s %s", a->vpc, ip_format(&a->address, text));
	plan_emit(pp, ITEM_ADDRESS, key, a, sizeof(*a));
}

static struct item_address address_of(const char *vpc, const struct ip *address, uint32_t kind,
				      const char *holder, const char *holder_vpc)
{
	struct item_address a;

	memset(&a, 0, sizeof(a));
	symbol_set(a.vpc, vpc);
	a.address = *address;
	a.kind = kind;
	symbol_set(a.holder, holder);
	symbol_set(a.holder_vpc, holder_vpc);
	return a;
}

void plan_emit_address(struct plan_pass *pp, const char *vpc, const struct ip *address,
		       uint32_t kind, const char *holder, const char *holder_vpc,
		       const char *gateway, const struct ip *other)
{
	struct item_address a = address_of(vpc, address, kind, holder, holder_vpc);

	symbol_set(a.gateway, gateway);
	if (other)
		a.other = *other;
	emit_address(pp, &a);
}

/* An IPv6 address is the same within and without: no gateway translates it. */
static void emit_address6(struct plan_pass *pp, const struct network_interface *eni,
			  const char *vpc, const struct ip *ip, const struct gateways *gw)
{
	struct item_address a = address_of(vpc, ip, ADDR_ENI, eni->o.id, vpc);

	symbol_set(a.gateway, gw->internet);
	symbol_set(a.egress_gateway, gw->egress_only);
	a.other = *ip;
	emit_address(pp, &a);
	symbol_set(a.vpc, SYMBOL_INTERNET);
	a.kind = ADDR_PUBLIC;
	emit_address(pp, &a);
}

static void first_id(void *arg, const struct object *o)
{
	const char **ret = arg;

	if (!*ret)
		*ret = o->id;
}

static const char *igw_id(const struct model *m, const char *vpc_id)
{
	const struct internet_gateway *igw = model_vpc_internet_gateway(m, vpc_id);

	return igw ? igw->o.id : NULL;
}

static struct gateways gateways_of(const struct model *m, const char *vpc_id)
{
	struct gateways gw = {.internet = igw_id(m, vpc_id)};

	model_referrers(m, vpc_id, KIND_EGRESS_ONLY_INTERNET_GATEWAY, first_id, &gw.egress_only);
	return gw;
}

static void emit_address4(struct plan_pass *pp, const struct network_interface *eni,
			  const char *vpc, const struct ip *ip, const struct gateways *gw)
{
	const struct elastic_ip *eip = model_address_elastic_ip(pp->model, eni->o.id, ip);

	plan_emit_address(pp, vpc, ip, ADDR_ENI, eni->o.id, vpc, gw->internet,
			  eip ? &eip->public_ip : NULL);
}

static void emit_addresses(struct plan_pass *pp, const struct network_interface *eni,
			   const char *vpc)
{
	const struct ip *more = eni->secondary_private_ip_addresses.v;
	const struct ip *ipv6 = eni->ipv6_addresses.v;
	struct gateways gw = gateways_of(pp->model, vpc);

	emit_address4(pp, eni, vpc, &eni->private_ip_address, &gw);
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		emit_address4(pp, eni, vpc, &more[i], &gw);
	for (size_t i = 0; i < eni->ipv6_addresses.n; i++)
		emit_address6(pp, eni, vpc, &ipv6[i], &gw);
}

/* ---- interfaces ---- */

void plan_emit_attachment(struct plan_pass *pp, const char *id, const struct item_attachment *at,
			  const struct cidr *more)
{
	size_t n = at->n_more + at->n_routes, len = sizeof(*at) + n * sizeof(*more);
	cleanup_free struct item_attachment *body = calloc(1, len);

	if (!body)
		abort();
	memcpy(body, at, sizeof(*at));
	if (n)
		memcpy(body->more, more, n * sizeof(*more));
	plan_emit(pp, ITEM_ATTACHMENT, id, body, len);
}

/* Secondary IPv4 addresses are /32, so that none goes with another; IPv6 neighbours are on link. */
static void emit_attachment(struct plan_pass *pp, const struct network_interface *eni,
			    const struct subnet *s, const struct sandbox *sandbox)
{
	const struct list *more = &eni->secondary_private_ip_addresses;
	const struct list *ipv6 = &eni->ipv6_addresses;
	cleanup_free struct cidr *v = calloc(more->n + ipv6->n + 1, sizeof(*v));
	struct item_attachment at;

	if (!v)
		abort();
	memset(&at, 0, sizeof(at));
	symbol_set(at.owner, eni->attachment_id);
	if (sandbox->netns_path)
		snprintf(at.netns_path, sizeof(at.netns_path), "%s", sandbox->netns_path);
	snprintf(at.ifname, sizeof(at.ifname), "eth0");
	at.mac = eni->mac_address;
	at.mtu = MTU_VPC;
	at.address = (struct cidr){eni->private_ip_address, s->cidr_block.len};
	at.gateway = cidr_nth(&s->cidr_block, 1);
	if (ipv6->n)
		ip_parse(ROUTER6, &at.gateway6);
	for (size_t i = 0; i < more->n; i++)
		v[at.n_more++] = (struct cidr){((const struct ip *)more->v)[i], 32};
	for (size_t i = 0; i < ipv6->n; i++)
		v[at.n_more++] =
			(struct cidr){((const struct ip *)ipv6->v)[i], s->ipv6_cidr_block.len};
	plan_emit_attachment(pp, eni->o.id, &at, v);
}

static void emit_eni(struct plan_pass *pp, const struct network_interface *eni,
		     const struct subnet *s)
{
	const struct connection_tracking *ct = &eni->connection_tracking;
	struct item_eni en;

	memset(&en, 0, sizeof(en));
	symbol_set(en.vpc, s->vpc_id);
	symbol_set(en.subnet, s->o.id);
	plan_emit_groups(pp, &eni->groups, en.groups);
	if (eni->source_dest_check)
		en.flags |= ENI_SOURCE_DEST_CHECK;
	if (eni->interface_type == INTERFACE_LAMBDA)
		en.flags |= ENI_ALWAYS_TRACKED;
	en.flags |= plan_emit_mirror(pp, eni);
	en.mac = eni->mac_address;
	en.mtu = MTU_VPC;
	en.address = eni->private_ip_address;
	if (eni->ipv6_addresses.n)
		en.address6 = *(const struct ip *)eni->ipv6_addresses.v;
	en.tcp_established_timeout = (uint32_t)ct->tcp_established_timeout;
	en.udp_timeout = (uint32_t)ct->udp_timeout;
	en.udp_stream_timeout = (uint32_t)ct->udp_stream_timeout;
	plan_emit(pp, ITEM_ENI, eni->o.id, &en, sizeof(en));
}

void plan_network_interface(struct plan_pass *pp, const struct object *o)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);
	const struct model *m = pp->model;
	const struct object *so = model_get(m, eni->subnet_id);
	const struct object *holder = eni->attachment_id ? model_get(m, eni->attachment_id) : NULL;
	const struct sandbox *sandbox = holder ? object_sandbox_const(holder) : NULL;
	const struct subnet *s = AS_CONST(subnet, so);
	const struct vpc *v;

	if (!s || !sandbox) /* without a sandbox it is no link; NAT gateways emit their own */
		return;
	v = model_subnet_vpc(m, s);
	emit_attachment(pp, eni, s, sandbox);
	emit_eni(pp, eni, s);
	emit_addresses(pp, eni, s->vpc_id);
	if (v)
		plan_dns_eni(pp, eni, v);
}

/* The public side of an elastic IP: who answers for it on the simulated internet. */
void plan_elastic_ip(struct plan_pass *pp, const struct object *o)
{
	const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
	const struct model *m = pp->model;
	const struct object *eo =
		eip->network_interface_id ? model_get(m, eip->network_interface_id) : NULL;
	const struct network_interface *eni = AS_CONST(network_interface, eo);
	const char *vpc = eni ? model_object_vpc(m, eo) : NULL;

	if (!vpc || !eni->attachment_id)
		return;
	if (eni->interface_type == INTERFACE_NAT_GATEWAY)
		plan_emit_address(pp, SYMBOL_INTERNET, &eip->public_ip, ADDR_NAT,
				  eni->attachment_id, vpc, igw_id(m, vpc), &eip->private_ip);
	else
		plan_emit_address(pp, SYMBOL_INTERNET, &eip->public_ip, ADDR_PUBLIC, eo->id, vpc,
				  igw_id(m, vpc), &eip->private_ip);
}

static void nat_address(struct plan_pass *pp, struct item_nat *body,
			const struct network_interface *eni, const struct ip *ip, const char *vpc)
{
	const struct elastic_ip *eip = model_address_elastic_ip(pp->model, eni->o.id, ip);
	struct item_nat_address *a = &body->addresses[body->n_addresses];

	if (body->n_addresses == NAT_ADDRESSES_MAX)
		return;
	a->private_address = *ip;
	if (eip)
		a->public_address = eip->public_ip;
	body->n_addresses++;
	plan_emit_address(pp, vpc, ip, ADDR_NAT, eni->attachment_id, vpc, igw_id(pp->model, vpc),
			  eip ? &eip->public_ip : NULL);
}

void plan_nat_gateway(struct plan_pass *pp, const struct object *o)
{
	const struct nat_gateway *nat = AS_CONST(nat_gateway, o);
	const struct model *m = pp->model;
	const struct object *eo =
		nat->network_interface_id ? model_get(m, nat->network_interface_id) : NULL;
	const struct object *so = model_get(m, nat->subnet_id);
	const struct network_interface *eni = AS_CONST(network_interface, eo);
	struct item_nat body;
	const char *vpc;

	if (!eni || !so) /* failed before it had an interface */
		return;
	vpc = AS_CONST(subnet, so)->vpc_id;
	memset(&body, 0, sizeof(body));
	symbol_set(body.vpc, vpc);
	symbol_set(body.subnet, so->id);
	symbol_set(body.gateway, igw_id(m, vpc));
	/* A pending one is made; its state follows once it is. */
	body.available = nat->state && strcmp(nat->state, "failed");
	nat_address(pp, &body, eni, &eni->private_ip_address, vpc);
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		nat_address(pp, &body, eni,
			    (const struct ip *)eni->secondary_private_ip_addresses.v + i, vpc);
	plan_emit(pp, ITEM_NAT, o->id, &body, sizeof(body));
}
