/* SPDX-License-Identifier: MIT
 * DNS items: their form, and the names that a VPC defines by itself.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "model/peering.h"
#include "vpcd/plan_dns.h"

#define TTL 60

/* Names below these never leave a VPC (Route 53 Developer Guide, "Domain names that VPC Resolver
 * creates autodefined system rules for"). */
static const char *const autodefined[] = {
	"10.in-addr.arpa",
	"16.172.in-addr.arpa",
	"17.172.in-addr.arpa",
	"18.172.in-addr.arpa",
	"19.172.in-addr.arpa",
	"20.172.in-addr.arpa",
	"21.172.in-addr.arpa",
	"22.172.in-addr.arpa",
	"23.172.in-addr.arpa",
	"24.172.in-addr.arpa",
	"25.172.in-addr.arpa",
	"26.172.in-addr.arpa",
	"27.172.in-addr.arpa",
	"28.172.in-addr.arpa",
	"29.172.in-addr.arpa",
	"30.172.in-addr.arpa",
	"31.172.in-addr.arpa",
	"168.192.in-addr.arpa",
	"254.169.254.169.in-addr.arpa",
	"127.in-addr.arpa",
	"localhost",
	"localdomain",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
};

const char *dns_internal_domain(const char *region, char *buf, size_t len)
{
	if (!strcmp(region, "us-east-1"))
		snprintf(buf, len, "ec2.internal");
	else
		snprintf(buf, len, "%s.compute.internal", region);
	return buf;
}

/* us-east-1 has a name of its own here too. */
static const char *public_domain(const char *region, char *buf, size_t len)
{
	if (!strcmp(region, "us-east-1"))
		snprintf(buf, len, "compute-1.amazonaws.com");
	else
		snprintf(buf, len, "%s.compute.amazonaws.com", region);
	return buf;
}

/* ---- items ---- */

void plan_dns_routed(struct plan_pass *pp, const struct plan_record *r)
{
	enum item_type type = *r->type ? ITEM_DNS_RECORD : ITEM_DNS_ZONE;
	char key[2 * SYMBOL_LEN + 8];
	cleanup_buf struct buf body = {0};
	struct item_record head;
	uint64_t hash = 14695981039346656037u;

	memset(&head, 0, sizeof(head));
	symbol_set(head.view, r->view);
	head.ttl = r->ttl;
	head.policy = r->policy;
	head.weight = r->weight;
	buf_add(&body, &head, offsetof(struct item_record, text));
	buf_add(&body, r->owner, strlen(r->owner) + 1);
	buf_add(&body, r->type, strlen(r->type) + 1);
	buf_add(&body, r->rdata, strlen(r->rdata) + 1);
	buf_add(&body, r->set ? r->set : "", r->set ? strlen(r->set) + 1 : 1);
	buf_add(&body, r->zone ? r->zone : "", r->zone ? strlen(r->zone) + 1 : 1);
	if (body.rc)
		abort();
	/* Names and rdata are longer than a key: it carries their hash (FNV-1a). */
	for (size_t i = offsetof(struct item_record, text); i < body.len; i++)
		hash = (hash ^ (uint8_t)body.p[i]) * 1099511628211u;
	snprintf(key, sizeof(key), "%s %.40s %016llx", r->view, r->owner, (unsigned long long)hash);
	plan_emit(pp, type, key, body.p, body.len);
}

void plan_dns_zone(struct plan_pass *pp, const char *view, const char *origin)
{
	plan_dns_routed(
		pp, &(struct plan_record){.view = view, .owner = origin, .type = "", .rdata = ""});
}

void plan_dns_text(struct plan_pass *pp, const char *view, const char *owner, const char *type,
		   uint32_t ttl, const char *rdata)
{
	plan_dns_routed(
		pp,
		&(struct plan_record){
			.view = view, .owner = owner, .type = type, .ttl = ttl, .rdata = rdata});
}

void plan_dns_address(struct plan_pass *pp, const char *view, const char *owner, uint32_t ttl,
		      const struct ip *address)
{
	char text[IP_STRLEN];

	plan_dns_text(pp, view, owner, address->family == AF_INET ? "A" : "AAAA", ttl,
		      ip_format(address, text));
}

/* ---- reverse names ---- */

/* "5.1.0.10.in-addr.arpa", or of the first `parts` octets (nibbles) alone. */
static const char *reverse_name(const struct ip *ip, unsigned parts, char *buf, size_t len)
{
	bool v4 = ip->family == AF_INET;
	size_t n = 0;

	while (parts-- && n < len) {
		unsigned octet = ip->b[v4 ? 12 + parts : parts / 2];

		if (v4)
			n += (size_t)snprintf(buf + n, len - n, "%u.", octet);
		else
			n += (size_t)snprintf(buf + n, len - n, "%x.",
					      parts % 2 ? octet & 15 : octet >> 4);
	}
	if (n < len)
		snprintf(buf + n, len - n, v4 ? "in-addr.arpa" : "ip6.arpa");
	return buf;
}

static const char *reverse_of(const struct ip *ip, char *buf, size_t len)
{
	return reverse_name(ip, ip->family == AF_INET ? 4 : 32, buf, len);
}

/* The zones that cover a block. Reverse names are cut at octets, so that a /18 has the zones of 64
 * /24; IPv6 blocks end at a nibble. */
void plan_dns_reverse(struct plan_pass *pp, const char *view, const struct cidr *block)
{
	bool v4 = block->ip.family == AF_INET;
	unsigned parts = v4 ? (block->len + 7u) / 8 : block->len / 4;
	unsigned zones = 1;
	struct ip ip = block->ip;
	char name[128];

	if (v4 && parts > 3)
		parts = 3; /* a zone of a /24 is fine enough */
	if (v4 && parts * 8 > block->len)
		zones = 1u << (parts * 8 - block->len);
	for (unsigned i = 0; i < zones; i++) {
		plan_dns_zone(pp, view, reverse_name(&ip, parts, name, sizeof(name)));
		if (v4)
			ip = ip_add(&ip, 1ull << (32 - 8 * parts));
	}
}

/* ---- a VPC's own names ---- */

static void reverse_blocks(struct plan_pass *pp, const char *view, const struct vpc *v)
{
	struct cidr block;

	for (size_t i = 0; vpc_block(v, i, &block); i++)
		plan_dns_reverse(pp, view, &block);
}

/* Who looks at whose names through a peering. */
struct look {
	struct plan_pass *pp;
	const struct vpc *vpc;
	const struct ip *address; /* of `owner`, a public name of an interface of the VPC */
	const char *owner;
};

/* The VPC at the other end of an active peering; NULL: none. */
static const struct vpc *peer_of(const struct look *l, const struct vpc_peering_connection *p)
{
	const char *other = peering_other_end(p, l->vpc->o.id);

	if (p->status != PEERING_ACTIVE || !other)
		return NULL;
	return AS_CONST(vpc, model_get(l->pp->model, other));
}

static void reverse_of_peer(void *arg, const struct object *o)
{
	const struct look *l = arg;
	const struct vpc *peer = peer_of(l, AS_CONST(vpc_peering_connection, o));

	if (peer)
		reverse_blocks(l->pp, l->vpc->o.id, peer);
}

static void validation(struct plan_pass *pp, const struct vpc *v)
{
	cleanup_buf struct buf body = {0};
	struct item_dnssec head;

	if (!v->enable_dnssec_validation)
		return;
	memset(&head, 0, sizeof(head));
	symbol_set(head.view, v->o.id);
	buf_add(&body, &head, offsetof(struct item_dnssec, anchors));
	for (size_t i = 0; i < v->dnssec_trust_anchors.n; i++)
		buf_printf(&body, "%s\n", ((char **)v->dnssec_trust_anchors.v)[i]);
	buf_add(&body, "", 1);
	if (body.rc)
		abort();
	plan_emit(pp, ITEM_DNSSEC, v->o.id, body.p, body.len);
}

void plan_dns_vpc(struct plan_pass *pp, const struct vpc *v)
{
	struct look l = {.pp = pp, .vpc = v};
	const char *view = v->o.id;
	char domain[128];

	plan_dns_zone(pp, view, dns_internal_domain(v->o.region, domain, sizeof(domain)));
	for (size_t i = 0; i < ARRAY_SIZE(autodefined); i++)
		plan_dns_zone(pp, view, autodefined[i]);
	plan_dns_text(pp, view, "localhost", "A", TTL, "127.0.0.1");
	plan_dns_text(pp, view, "localhost", "AAAA", TTL, "::1");
	plan_dns_text(pp, view, "1.0.0.127.in-addr.arpa", "PTR", TTL, "localhost");
	reverse_blocks(pp, view, v);
	validation(pp, v);
	model_referrers(pp->model, view, KIND_VPC_PEERING_CONNECTION, reverse_of_peer, &l);
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

static void dashed_name(const char *prefix, const struct ip *ip, const char *domain, char *ret,
			size_t len)
{
	uint32_t a = ip_to_v4(ip);

	snprintf(ret, len, "%s-%u-%u-%u-%u.%s", prefix, a >> 24, a >> 16 & 255, a >> 8 & 255,
		 a & 255, domain);
}

/* VPC Peering Guide, "Enable DNS resolution": this side lets the other resolve its public names to
 * private addresses; both VPCs have both DNS attributes. */
static void tell_peer(void *arg, const struct object *o)
{
	const struct look *l = arg;
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	const struct vpc *peer = peer_of(l, p);
	bool requester = !strcmp(p->vpc_id, l->vpc->o.id);
	const struct peering_options *own =
		requester ? &p->requester_options : &p->accepter_options;

	if (peer && own->allow_dns_resolution_from_remote_vpc && peer->enable_dns_support &&
	    peer->enable_dns_hostnames)
		plan_dns_address(l->pp, peer->o.id, l->owner, TTL, l->address);
}

/* The public name gives the private address inside, the public one outside. */
static void public_name(struct plan_pass *pp, const struct network_interface *eni,
			const struct vpc *vpc)
{
	const struct elastic_ip *eip = model_eni_elastic_ip(pp->model, eni->o.id);
	char domain[128], owner[256], reverse[128];
	struct look l = {pp, vpc, &eni->private_ip_address, owner};

	if (!eip)
		return;
	public_domain(vpc->o.region, domain, sizeof(domain));
	dashed_name("ec2", &eip->public_ip, domain, owner, sizeof(owner));
	plan_dns_address(pp, vpc->o.id, owner, TTL, &eni->private_ip_address);
	model_referrers(pp->model, vpc->o.id, KIND_VPC_PEERING_CONNECTION, tell_peer, &l);
	plan_dns_zone(pp, SYMBOL_INTERNET, domain);
	plan_dns_address(pp, SYMBOL_INTERNET, owner, TTL, &eip->public_ip);
	plan_dns_text(pp, SYMBOL_INTERNET, reverse_of(&eip->public_ip, reverse, sizeof(reverse)),
		      "PTR", TTL, owner);
}

/* "NAME.ec2.internal" of the sandbox that has the interface. */
static void sandbox_name(struct plan_pass *pp, const struct network_interface *eni,
			 const struct vpc *vpc, const char *name, bool reverse4)
{
	const struct ip *v6 = eni->ipv6_addresses.v;
	char reverse[128];

	plan_dns_address(pp, vpc->o.id, name, TTL, &eni->private_ip_address);
	if (reverse4)
		plan_dns_text(pp, vpc->o.id,
			      reverse_of(&eni->private_ip_address, reverse, sizeof(reverse)), "PTR",
			      TTL, name);
	for (size_t i = 0; i < eni->ipv6_addresses.n; i++) {
		plan_dns_address(pp, vpc->o.id, name, TTL, &v6[i]);
		plan_dns_text(pp, vpc->o.id, reverse_of(&v6[i], reverse, sizeof(reverse)), "PTR",
			      TTL, name);
	}
}

/* VPC User Guide, vpc-dns: names of addresses take both attributes. */
void plan_dns_eni(struct plan_pass *pp, const struct network_interface *eni, const struct vpc *vpc)
{
	const struct object *holder =
		eni->attachment_id ? model_get(pp->model, eni->attachment_id) : NULL;
	char domain[128], label[64], name[256], reverse[128];

	if (!vpc->enable_dns_support)
		return;
	dns_internal_domain(vpc->o.region, domain, sizeof(domain));
	if (holder && label_from_name(holder->name, label, sizeof(label))) {
		snprintf(name, sizeof(name), "%s.%s", label, domain);
		sandbox_name(pp, eni, vpc, name, !vpc->enable_dns_hostnames);
	}
	if (!vpc->enable_dns_hostnames)
		return;
	dashed_name("ip", &eni->private_ip_address, domain, name, sizeof(name));
	plan_dns_address(pp, vpc->o.id, name, TTL, &eni->private_ip_address);
	plan_dns_text(pp, vpc->o.id, reverse_of(&eni->private_ip_address, reverse, sizeof(reverse)),
		      "PTR", TTL, name);
	public_name(pp, eni, vpc);
}
