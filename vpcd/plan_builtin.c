/* SPDX-License-Identifier: MIT
 * Items of the built-in pseudo-VPC: its router, public name server and the service namespace, and
 * internet hosts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "model/ipam.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

#define MTU_INTERNET 1500

static struct ip ip6(const char *text)
{
	struct ip ip = {0};

	ip_parse(text, &ip);
	return ip;
}

static struct cidr block6(const char *text)
{
	struct cidr c = {0};

	cidr_parse(text, &c);
	return c;
}

/* Nobody's on the internet, or the simulated internet's own. */
static bool internal_range(size_t i, struct cidr *ret)
{
	if (i)
		return ipam_special_range(i - 1, ret);
	*ret = (struct cidr){ip_from_v4(0xcb007100), 24};
	return true;
}

bool uplink_never_carries(const struct cidr *block)
{
	struct cidr range;

	for (size_t i = 0; internal_range(i, &range); i++)
		if (cidr_contains(&range, block))
			return true;
	return false;
}

/* Where packets go that nobody on the simulated internet takes: local is nowhere. */
static void emit_internet_routes(struct plan_pass *pp, const struct plan_uplink *u)
{
	struct cidr all = {ip_from_v4(0), 0}, range;
	bool open = u && !u->n_allowed;

	plan_emit_route(pp, SYMBOL_INTERNET, &all, open ? TARGET_ENI : TARGET_LOCAL,
			open ? SYMBOL_UPLINK : NULL);
	if (!u)
		return;
	for (uint32_t i = 0; i < u->n_allowed; i++)
		plan_emit_route(pp, SYMBOL_INTERNET, &u->allowed[i], TARGET_ENI, SYMBOL_UPLINK);
	for (size_t i = 0; internal_range(i, &range); i++)
		plan_emit_route(pp, SYMBOL_INTERNET, &range, TARGET_LOCAL, NULL);
	for (uint32_t i = 0; i < u->n_pools; i++)
		plan_emit_route(pp, SYMBOL_INTERNET, &u->pools[i], TARGET_LOCAL, NULL);
}

static void builtin_subnet(struct plan_pass *pp, const char *vpc, const char *subnet,
			   uint32_t router, const char *prefix6)
{
	struct cidr all6 = {{.family = AF_INET6}, 0};
	struct item_vpc v;
	struct item_subnet s;

	memset(&v, 0, sizeof(v));
	symbol_set(v.local_table, vpc);
	plan_emit(pp, ITEM_VPC, vpc, &v, sizeof(v));
	memset(&s, 0, sizeof(s));
	symbol_set(s.vpc, vpc);
	symbol_set(s.route_table, vpc);
	s.router = ip_from_v4(router);
	s.prefix6 = block6(prefix6);
	plan_emit(pp, ITEM_SUBNET, subnet, &s, sizeof(s));
	if (strcmp(vpc, SYMBOL_INTERNET))
		return;
	emit_internet_routes(pp, plan_uplink(pp));
	plan_emit_route(pp, vpc, &all6, TARGET_LOCAL, NULL);
}

#define ROUTES_MAX (1 + ADDRESS_POOLS_MAX)

/* What the built-in interfaces and internet hosts have in common: address6 may be unset. routes:
 * at->n_routes of them. */
static void emit_interface(struct plan_pass *pp, const char *id, const char *vpc,
			   const char *subnet, uint32_t flags, struct item_attachment *at,
			   const struct ip *address6, const struct cidr *routes,
			   int64_t loss_percent)
{
	struct cidr more[1 + ROUTES_MAX] = {{*address6, 128}};
	struct item_eni en;

	at->n_more = ip_is_set(address6) ? 1 : 0;
	if (at->n_routes)
		memcpy(more + at->n_more, routes, at->n_routes * sizeof(*routes));
	plan_emit_attachment(pp, id, at, more);
	memset(&en, 0, sizeof(en));
	symbol_set(en.vpc, vpc);
	symbol_set(en.subnet, subnet);
	en.flags = flags;
	en.mac = at->mac;
	en.mtu = at->mtu;
	en.address = at->address.ip;
	en.address6 = *address6;
	en.loss = (uint16_t)(loss_percent * 100);
	plan_emit(pp, ITEM_ENI, id, &en, sizeof(en));
	plan_emit_address(pp, vpc, &en.address, ADDR_ENI, id, vpc, NULL, NULL);
	if (at->n_more)
		plan_emit_address(pp, vpc, address6, ADDR_ENI, id, vpc, NULL, address6);
}

static struct item_attachment attachment(const char *netns, const char *ifname,
					 const struct mac *mac, const struct ip *address,
					 uint32_t router)
{
	struct item_attachment at;

	memset(&at, 0, sizeof(at));
	snprintf(at.netns_path, sizeof(at.netns_path), "%s", netns);
	snprintf(at.ifname, sizeof(at.ifname), "%s", ifname);
	at.mac = *mac;
	at.mtu = MTU_INTERNET;
	at.address = (struct cidr){*address, 32};
	at.gateway = ip_from_v4(router);
	return at;
}

bool symbol_is_builtin(const char *symbol)
{
	return !strcmp(symbol, SYMBOL_INTERNET) || !strcmp(symbol, SYMBOL_INTERNET_SUBNET) ||
	       !strcmp(symbol, SYMBOL_SERVICE) || !strcmp(symbol, SYMBOL_SERVICE_INTERNET) ||
	       !strcmp(symbol, SYMBOL_PUBLIC_DNS) || !strcmp(symbol, SYMBOL_UPLINK);
}

/* The service namespace's first foot: resolver and metadata, reached by clients of all VPCs. */
static void emit_service(struct plan_pass *pp)
{
	struct mac mac = ipam_mac(SYMBOL_SERVICE);
	struct ip address = ip_from_v4(SERVICE_RESOLVER), address6 = ip6(SERVICE_RESOLVER6);
	struct item_attachment at = attachment("", "eth0", &mac, &address, SERVICE_ROUTER);
	const struct cidr clients[] = {{ip_from_v4(SERVICE_CLIENTS), 10}, block6(SERVICE_CLIENTS6)};

	at.gateway6 = ip6(ROUTER6);
	at.n_routes = ARRAY_SIZE(clients);
	emit_interface(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SYMBOL_SERVICE, ENI_SERVICE, &at,
		       &address6, clients, 0);
}

static void emit_internet_interface(struct plan_pass *pp, const char *id, const char *netns,
				    const char *ifname, const struct ip *address,
				    const struct ip *address6, uint32_t flags)
{
	struct mac mac = ipam_mac(id);
	struct item_attachment at = attachment(netns, ifname, &mac, address, INTERNET_ROUTER);

	if (ip_is_set(address6))
		at.gateway6 = ip6(ROUTER6);
	emit_interface(pp, id, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET,
		       ENI_INTERNET | ENI_SOURCE_DEST_CHECK | flags, &at, address6, NULL, 0);
}

/* What asks for names outside. Where there is a way out it has the default pool's network address,
 * which is nobody's, so that answers come back to this instance. */
static void emit_service_internet(struct plan_pass *pp)
{
	const struct plan_uplink *u = plan_uplink(pp);
	struct ip address = ip_from_v4(INTERNET_SERVICE), none = {0};

	if (u && cidr_size(&u->pools[0]) > 2)
		address = u->pools[0].ip;
	emit_internet_interface(pp, SYMBOL_SERVICE_INTERNET, "@" SYMBOL_SERVICE, "eth1", &address,
				&none, ENI_FOR_ALL);
}

/* One end here, the other in the daemon's own namespace, with routes back to what leaves. */
static void emit_uplink(struct plan_pass *pp, const struct plan_uplink *u)
{
	const struct ip none = {0};
	struct mac mac = ipam_mac(SYMBOL_UPLINK);
	struct ip ip = ip_from_v4(INTERNET_UPLINK);
	struct item_attachment at =
		attachment("/proc/self/ns/net", u->link, &mac, &ip, INTERNET_ROUTER);

	at.uplink = true;
	at.n_routes = u->n_pools;
	if (u->mtu < at.mtu)
		at.mtu = u->mtu;
	emit_interface(pp, SYMBOL_UPLINK, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET,
		       ENI_INTERNET | ENI_UPLINK, &at, &none, u->pools, 0);
}

void plan_builtin(struct plan_pass *pp)
{
	const struct ip dns = ip_from_v4(INTERNET_DNS), dns6 = ip6(INTERNET_DNS6);

	builtin_subnet(pp, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET, INTERNET_ROUTER,
		       INTERNET_BLOCK6);
	builtin_subnet(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SERVICE_ROUTER,
		       SERVICE_RESOLVER6 "/128");
	emit_service(pp);
	emit_service_internet(pp);
	emit_internet_interface(pp, SYMBOL_PUBLIC_DNS, "", "eth0", &dns, &dns6, ENI_STAYS);
	if (plan_uplink(pp))
		emit_uplink(pp, plan_uplink(pp));
	plan_dns_zone(pp, SYMBOL_INTERNET, "");
}

/* An internet host's address may be any public one: its link has a /32 and an onlink router. */
void plan_internet_host(struct plan_pass *pp, const struct object *o)
{
	const struct internet_host *h = AS_CONST(internet_host, o);
	struct item_attachment at =
		attachment(h->sandbox.netns_path ? h->sandbox.netns_path : "", "eth0",
			   &h->mac_address, &h->address, INTERNET_ROUTER);

	symbol_set(at.owner, o->id);
	if (ip_is_set(&h->ipv6_address))
		at.gateway6 = ip6(ROUTER6);
	emit_interface(pp, o->id, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET,
		       ENI_INTERNET | ENI_SOURCE_DEST_CHECK | ENI_STAYS, &at, &h->ipv6_address,
		       NULL, h->packet_loss);
	if (h->domain_name)
		plan_dns_address(pp, SYMBOL_INTERNET, h->domain_name, 60, &h->address);
	if (h->domain_name && ip_is_set(&h->ipv6_address))
		plan_dns_address(pp, SYMBOL_INTERNET, h->domain_name, 60, &h->ipv6_address);
	plan_sandbox(pp, o);
}
