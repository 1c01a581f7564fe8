/* SPDX-License-Identifier: MIT
 * See rules.h. A table entry's bitmap holds every rule that covers the entry, not only those that
 * made it, since a look-up finds the longest entry alone.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "vpcd/rules.h"

#define PORT_BITS 16
#define ANY	  32 /* prefix length of "any protocol" */
#define PROTOCOL  48 /* of a protocol with all its ports */

struct ip128 ip128_from(const struct ip *ip)
{
	struct ip128 a;

	memcpy(a.b, ip->b, sizeof(a.b));
	return a;
}

static void bit_set(struct rules_bitmap *b, size_t i)
{
	b->w[i / 64] |= 1ULL << (i % 64);
}

/* ---- ports ---- */

/* A rule's ports as a range of the 16-bit field: ports, or type << 8 | code. */
static void port_range(const struct item_rule *r, uint32_t *ret_from, uint32_t *ret_to)
{
	bool icmp = r->protocol == IPPROTO_ICMP || r->protocol == IPPROTO_ICMPV6;

	*ret_from = 0;
	*ret_to = 0xffff;
	if (r->from < 0)
		return;
	if (icmp) {
		*ret_from = (uint32_t)r->from << 8 | (r->to < 0 ? 0 : (uint32_t)r->to);
		*ret_to = (uint32_t)r->from << 8 | (r->to < 0 ? 0xff : (uint32_t)r->to);
	} else if (r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) {
		*ret_from = (uint32_t)r->from;
		*ret_to = (uint32_t)r->to;
	}
}

static bool rule_covers_port(const struct item_rule *r, const struct rule_port_key *k)
{
	uint32_t from, to, first, last;

	if (r->protocol < 0)
		return true;
	if (k->prefixlen == ANY || r->protocol != k->protocol)
		return false;
	port_range(r, &from, &to);
	first = ntohs(k->port);
	last = first | (0xffffu >> (k->prefixlen - PROTOCOL) & 0xffff);
	return from <= first && last <= to;
}

struct port_list {
	size_t n, cap;
	struct rule_port_key *v;
};

static int port_list_add(struct port_list *l, uint32_t prefixlen, uint8_t protocol, uint16_t port)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		void *v = reallocarray(l->v, cap, sizeof(*l->v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	memset(&l->v[l->n], 0, sizeof(*l->v));
	l->v[l->n].prefixlen = prefixlen;
	l->v[l->n].protocol = protocol;
	l->v[l->n].port = htons(port);
	l->n++;
	return 0;
}

/* Splits [from, to] into the fewest prefixes: at most 30. */
static int port_list_add_range(struct port_list *l, uint8_t protocol, uint32_t from, uint32_t to)
{
	while (from <= to) {
		unsigned bits = from ? (unsigned)__builtin_ctz(from) : PORT_BITS;
		int rc;

		if (bits > PORT_BITS)
			bits = PORT_BITS;
		while (from + (1u << bits) - 1 > to)
			bits--;
		rc = port_list_add(l, PROTOCOL + PORT_BITS - bits, protocol, (uint16_t)from);
		if (rc)
			return rc;
		from += 1u << bits;
	}
	return 0;
}

static int port_key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rule_port_key));
}

static int collect_ports(const struct item_rule *rules, size_t n, struct port_list *l)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		uint32_t from, to;

		port_range(&rules[i], &from, &to);
		rc = rules[i].protocol < 0
			     ? port_list_add(l, ANY, 0, 0)
			     : port_list_add_range(l, (uint8_t)rules[i].protocol, from, to);
	}
	if (rc || !l->n)
		return rc;
	qsort(l->v, l->n, sizeof(*l->v), port_key_cmp);
	for (size_t i = 0; i < l->n; i++)
		if (!kept || port_key_cmp(&l->v[kept - 1], &l->v[i]))
			l->v[kept++] = l->v[i];
	l->n = kept;
	return 0;
}

static int compile_ports(const struct item_rule *rules, size_t n, struct classifier_tables *t)
{
	struct port_list l = {0};
	int rc = collect_ports(rules, n, &l);

	t->ports = l.v;
	t->n_ports = l.n;
	if (rc || !l.n)
		return rc;
	t->port_bitmaps = calloc(l.n, sizeof(*t->port_bitmaps));
	if (!t->port_bitmaps)
		return -ENOMEM;
	for (size_t k = 0; k < l.n; k++)
		for (size_t i = 0; i < n; i++)
			if (rule_covers_port(&rules[i], &l.v[k]))
				bit_set(&t->port_bitmaps[k], i);
	return 0;
}

/* ---- addresses ---- */

static bool by_group(const struct item_rule *r)
{
	return r->group[0] != 0;
}

static bool address_known(const struct item_rule *rules, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!by_group(&rules[j]) && !cidr_cmp(&rules[j].cidr, &rules[i].cidr))
			return true;
	return false;
}

static int compile_addresses(const struct item_rule *rules, size_t n, struct classifier_tables *t)
{
	t->addresses = calloc(n ? n : 1, sizeof(*t->addresses));
	t->address_bitmaps = calloc(n ? n : 1, sizeof(*t->address_bitmaps));
	if (!t->addresses || !t->address_bitmaps)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct rule_addr_key *k = &t->addresses[t->n_addresses];

		if (by_group(&rules[i]) || address_known(rules, i))
			continue;
		k->prefixlen = 64 + cidr_len128(&rules[i].cidr);
		k->family = rules[i].cidr.ip.family;
		k->address = ip128_from(&rules[i].cidr.ip);
		for (size_t j = 0; j < n; j++)
			if (!by_group(&rules[j]) && cidr_contains(&rules[j].cidr, &rules[i].cidr))
				bit_set(&t->address_bitmaps[t->n_addresses], j);
		t->n_addresses++;
	}
	return 0;
}

/* ---- what is untracked ---- */

static bool open_to_all(const struct item_rule *r)
{
	return !by_group(r) && r->cidr.len == 0;
}

/* Does the other direction have a rule open to all addresses of the family and all ports of the
 * protocol (-1: of both TCP and UDP)? */
static bool reverse_open(const struct item_rule *reverse, size_t n, uint8_t family, int protocol)
{
	for (size_t i = 0; i < n; i++) {
		const struct item_rule *r = &reverse[i];
		bool all_ports = r->from < 0 || (r->from == 0 && r->to == 0xffff);

		if (open_to_all(r) && r->cidr.ip.family == family &&
		    (r->protocol < 0 || (r->protocol == protocol && all_ports)))
			return true;
	}
	return false;
}

static bool leaves_untracked(const struct item_rule *r, const struct item_rule *reverse, size_t n)
{
	uint8_t family = r->cidr.ip.family;

	if (!open_to_all(r))
		return false;
	if (r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP)
		return reverse_open(reverse, n, family, r->protocol);
	return r->protocol < 0 && reverse_open(reverse, n, family, IPPROTO_TCP) &&
	       reverse_open(reverse, n, family, IPPROTO_UDP);
}

int rules_compile(const struct item_rule *rules, size_t n, const struct item_rule *reverse,
		  size_t n_reverse, struct classifier_tables *ret)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->info.words = (uint32_t)((n + 63) / 64);
	for (size_t i = 0; i < n; i++) {
		if (rules[i].deny)
			bit_set(&ret->info.deny, i);
		if (leaves_untracked(&rules[i], reverse, n_reverse))
			bit_set(&ret->info.untracked, i);
	}
	rc = compile_addresses(rules, n, ret);
	if (!rc)
		rc = compile_ports(rules, n, ret);
	if (rc)
		classifier_tables_done(ret);
	return rc;
}

void classifier_tables_done(struct classifier_tables *t)
{
	free(t->addresses);
	free(t->address_bitmaps);
	free(t->ports);
	free(t->port_bitmaps);
	memset(t, 0, sizeof(*t));
}

bool rules_peer_bitmap(const struct item_rule *rules, size_t n, const char (*groups)[SYMBOL_LEN],
		       struct rules_bitmap *ret)
{
	bool any = false;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < n; i++) {
		if (!by_group(&rules[i]))
			continue;
		for (int g = 0; g < GROUPS_PER_INTERFACE && groups[g][0]; g++) {
			if (strcmp(rules[i].group, groups[g]))
				continue;
			bit_set(ret, i);
			any = true;
		}
	}
	return any;
}
