/* SPDX-License-Identifier: MIT
 * Items of the built-in pseudo-VPC: its router, public name server and the service namespace, and
 * internet hosts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/abi.h"
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

static void builtin_subnet(struct plan_pass *pp, const char *vpc, const char *subnet,
			   uint32_t router, const char *prefix6)
{
	struct cidr all = {ip_from_v4(0), 0}, all6 = {{.family = AF_INET6}, 0};
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
	plan_emit_route(pp, vpc, &all, TARGET_LOCAL, NULL);
	plan_emit_route(pp, vpc, &all6, TARGET_LOCAL, NULL);
}

/* What the built-in interfaces and internet hosts have in common: address6 may be unset. */
static void emit_interface(struct plan_pass *pp, const char *id, const char *vpc,
			   const char *subnet, uint32_t flags, struct item_attachment *at,
			   const struct ip *address6, int64_t loss_percent)
{
	struct cidr more = {*address6, 128};
	struct item_eni en;

	at->n_more = ip_is_set(address6) ? 1 : 0;
	plan_emit_attachment(pp, id, at, &more);
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
	       !strcmp(symbol, SYMBOL_PUBLIC_DNS);
}

/* The service namespace's first foot: resolver and metadata, reached by clients of all VPCs. */
static void emit_service(struct plan_pass *pp)
{
	struct mac mac = ipam_mac(SYMBOL_SERVICE);
	struct ip address = ip_from_v4(SERVICE_RESOLVER), address6 = ip6(SERVICE_RESOLVER6);
	struct item_attachment at = attachment("", "eth0", &mac, &address, SERVICE_ROUTER);

	at.gateway6 = ip6(ROUTER6);
	at.route = (struct cidr){ip_from_v4(SERVICE_CLIENTS), 10};
	at.route6 = block6(SERVICE_CLIENTS6);
	emit_interface(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SYMBOL_SERVICE, ENI_SERVICE, &at,
		       &address6, 0);
}

static void emit_internet_interface(struct plan_pass *pp, const char *id, const char *netns,
				    const char *ifname, uint32_t address, const struct ip *address6)
{
	struct mac mac = ipam_mac(id);
	struct ip ip = ip_from_v4(address);
	struct item_attachment at = attachment(netns, ifname, &mac, &ip, INTERNET_ROUTER);

	if (ip_is_set(address6))
		at.gateway6 = ip6(ROUTER6);
	emit_interface(pp, id, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET,
		       ENI_INTERNET | ENI_SOURCE_DEST_CHECK, &at, address6, 0);
}

void plan_builtin(struct plan_pass *pp)
{
	struct ip none = {0}, dns6 = ip6(INTERNET_DNS6);

	builtin_subnet(pp, SYMBOL_INTERNET, SYMBOL_INTERNET_SUBNET, INTERNET_ROUTER,
		       INTERNET_BLOCK6);
	builtin_subnet(pp, SYMBOL_SERVICE, SYMBOL_SERVICE, SERVICE_ROUTER,
		       SERVICE_RESOLVER6 "/128");
	emit_service(pp);
	emit_internet_interface(pp, SYMBOL_SERVICE_INTERNET, "@" SYMBOL_SERVICE, "eth1",
				INTERNET_SERVICE, &none);
	emit_internet_interface(pp, SYMBOL_PUBLIC_DNS, "", "eth0", INTERNET_DNS, &dns6);
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
		       ENI_INTERNET | ENI_SOURCE_DEST_CHECK, &at, &h->ipv6_address, h->packet_loss);
	if (h->domain_name)
		plan_dns_address(pp, SYMBOL_INTERNET, h->domain_name, 60, &h->address);
	if (h->domain_name && ip_is_set(&h->ipv6_address))
		plan_dns_address(pp, SYMBOL_INTERNET, h->domain_name, 60, &h->ipv6_address);
	plan_sandbox(pp, o);
}
