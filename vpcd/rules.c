/* SPDX-License-Identifier: MIT
 * See rules.h. A table entry's bitmap holds every rule that covers the entry, not only those that
 * made it, since a look-up finds the longest entry alone. Entries are sorted so that those that
 * cover an entry are a stack: its bitmap is the topmost's and its own rules, whatever their number.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
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

/* One rule's part of the port table. */
struct port_part {
	struct rule_port_key key;
	uint32_t rule;
};

struct port_list {
	size_t n, cap;
	struct port_part *v;
};

static int port_list_add(struct port_list *l, uint32_t rule, uint32_t prefixlen, uint8_t protocol,
			 uint16_t port)
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
	l->v[l->n].rule = rule;
	l->v[l->n].key.prefixlen = prefixlen;
	l->v[l->n].key.protocol = protocol;
	l->v[l->n].key.port = htons(port);
	l->n++;
	return 0;
}

/* Splits [from, to] into the fewest prefixes: at most 30. */
static int port_list_add_range(struct port_list *l, uint32_t rule, uint8_t protocol, uint32_t from,
			       uint32_t to)
{
	while (from <= to) {
		unsigned bits = from ? (unsigned)__builtin_ctz(from) : PORT_BITS;
		int rc;

		if (bits > PORT_BITS)
			bits = PORT_BITS;
		while (from + (1u << bits) - 1 > to)
			bits--;
		rc = port_list_add(l, rule, PROTOCOL + PORT_BITS - bits, protocol, (uint16_t)from);
		if (rc)
			return rc;
		from += 1u << bits;
	}
	return 0;
}

static int port_list_add_rule(struct port_list *l, const struct item_rule *r, uint32_t rule)
{
	uint32_t from, to;

	if (r->protocol < 0)
		return port_list_add(l, rule, ANY, 0, 0);
	port_range(r, &from, &to);
	return port_list_add_range(l, rule, (uint8_t)r->protocol, from, to);
}

/* Order in which what covers a key comes before it, with nothing else but covered keys between. */
static int port_key_cmp(const struct rule_port_key *a, const struct rule_port_key *b)
{
	if ((a->prefixlen == ANY) != (b->prefixlen == ANY))
		return a->prefixlen == ANY ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return ntohs(a->port) < ntohs(b->port) ? -1 : 1;
	return a->prefixlen < b->prefixlen ? -1 : a->prefixlen > b->prefixlen;
}

static int port_part_cmp(const void *a, const void *b)
{
	return port_key_cmp(&((const struct port_part *)a)->key,
			    &((const struct port_part *)b)->key);
}

static bool port_key_covers(const struct rule_port_key *outer, const struct rule_port_key *inner)
{
	if (outer->prefixlen == ANY)
		return true;
	return outer->protocol == inner->protocol && outer->prefixlen <= inner->prefixlen &&
	       !((ntohs(outer->port) ^ ntohs(inner->port)) >>
		 (PORT_BITS + PROTOCOL - outer->prefixlen));
}

static int compile_ports(const struct item_rule *rules, size_t n, struct classifier_tables *t)
{
	struct port_list l = {0};
	size_t stack[PORT_BITS + 2], depth = 0; /* tables' keys that cover the last one */
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = port_list_add_rule(&l, &rules[i], (uint32_t)i);
	t->ports = calloc(l.n ? l.n : 1, sizeof(*t->ports));
	t->port_bitmaps = calloc(l.n ? l.n : 1, sizeof(*t->port_bitmaps));
	if (rc || !t->ports || !t->port_bitmaps) {
		free(l.v);
		return -ENOMEM;
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), port_part_cmp);
	for (size_t i = 0; i < l.n; i++) {
		const struct rule_port_key *k = &l.v[i].key;

		if (!t->n_ports || port_key_cmp(&t->ports[t->n_ports - 1], k)) {
			while (depth && !port_key_covers(&t->ports[stack[depth - 1]], k))
				depth--;
			if (depth)
				t->port_bitmaps[t->n_ports] = t->port_bitmaps[stack[depth - 1]];
			stack[depth++] = t->n_ports;
			t->ports[t->n_ports++] = *k;
		}
		bit_set(&t->port_bitmaps[t->n_ports - 1], l.v[i].rule);
	}
	free(l.v);
	return 0;
}

/* ---- addresses ---- */

static bool by_group(const struct item_rule *r)
{
	return r->group[0] != 0;
}

static bool concerns(const struct item_rule *r, bool v6)
{
	return by_group(r) || (r->cidr.ip.family == AF_INET6) == v6;
}

size_t rules_of_family(const struct item_rule *rules, size_t n, bool v6, struct item_rule *ret)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!concerns(&rules[i], v6))
			continue;
		if (ret)
			ret[kept] = rules[i];
		kept++;
	}
	return kept;
}

const struct item_rule *rules_at(const struct item_rule *rules, size_t n, bool v6, uint32_t bit)
{
	for (size_t i = 0; i < n; i++)
		if (concerns(&rules[i], v6) && !bit--)
			return &rules[i];
	return NULL;
}

struct address_part {
	struct cidr cidr;
	uint32_t rule;
};

/* As with ports: what covers a prefix comes before it. */
static int address_part_cmp(const void *a, const void *b)
{
	const struct cidr *x = &((const struct address_part *)a)->cidr;
	const struct cidr *y = &((const struct address_part *)b)->cidr;
	int c = ip_cmp(&x->ip, &y->ip);

	return c ? c : (int)x->len - (int)y->len;
}

static void address_add(struct classifier_tables *t, const struct cidr *c)
{
	struct rule_addr_key *k = &t->addresses[t->n_addresses++];

	k->prefixlen = 64 + cidr_len128(c);
	k->family = c->ip.family;
	k->address = ip128_from(&c->ip);
}

static int compile_addresses(const struct item_rule *rules, size_t n, struct classifier_tables *t)
{
	cleanup_free struct address_part *parts = calloc(n ? n : 1, sizeof(*parts));
	struct {
		struct cidr cidr;
		size_t i;
	} stack[129];
	size_t n_parts = 0, depth = 0;

	t->addresses = calloc(n ? n : 1, sizeof(*t->addresses));
	t->address_bitmaps = calloc(n ? n : 1, sizeof(*t->address_bitmaps));
	if (!parts || !t->addresses || !t->address_bitmaps)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!by_group(&rules[i]))
			parts[n_parts++] = (struct address_part){rules[i].cidr, (uint32_t)i};
	qsort(parts, n_parts, sizeof(*parts), address_part_cmp);
	for (size_t i = 0; i < n_parts; i++) {
		if (!i || cidr_cmp(&parts[i - 1].cidr, &parts[i].cidr)) {
			struct rules_bitmap *b = &t->address_bitmaps[t->n_addresses];

			while (depth && !cidr_contains(&stack[depth - 1].cidr, &parts[i].cidr))
				depth--;
			if (depth)
				*b = t->address_bitmaps[stack[depth - 1].i];
			stack[depth].cidr = parts[i].cidr;
			stack[depth++].i = t->n_addresses;
			address_add(t, &parts[i].cidr);
		}
		bit_set(&t->address_bitmaps[t->n_addresses - 1], parts[i].rule);
	}
	return 0;
}

/* ---- what is untracked ---- */

static bool open_to_all(const struct item_rule *r)
{
	return !by_group(r) && r->cidr.len == 0;
}

static bool all_ports(const struct item_rule *r)
{
	return r->from < 0 || (r->from == 0 && r->to == 0xffff);
}

struct rules_open rules_open(const struct item_rule *rules, size_t n)
{
	struct rules_open open = {0};

	for (size_t i = 0; i < n; i++) {
		const struct item_rule *r = &rules[i];
		int family = r->cidr.ip.family == AF_INET6;

		if (!open_to_all(r) || r->deny)
			continue;
		open.tcp[family] |= r->protocol < 0 || (r->protocol == IPPROTO_TCP && all_ports(r));
		open.udp[family] |= r->protocol < 0 || (r->protocol == IPPROTO_UDP && all_ports(r));
	}
	return open;
}

/* Whether the rule by itself leaves flows untracked: of its protocol, or for a rule of all
 * protocols both TCP and UDP. */
static bool leaves_untracked(const struct item_rule *r, const struct rules_open *reverse)
{
	int family = r->cidr.ip.family == AF_INET6;

	if (!open_to_all(r))
		return false;
	if (r->protocol == IPPROTO_TCP)
		return reverse->tcp[family];
	if (r->protocol == IPPROTO_UDP)
		return reverse->udp[family];
	return r->protocol < 0 && reverse->tcp[family] && reverse->udp[family];
}

/* A rule of all protocols whose reverse is open for TCP or UDP alone: a second rule behind all
 * others, of that protocol, says so. It never decides, since the first one matches too. */
static size_t add_halves(struct item_rule *rules, size_t n, const struct rules_open *reverse)
{
	size_t real = n;

	for (size_t i = 0; i < real && n < RULES_MAX; i++) {
		int family = rules[i].cidr.ip.family == AF_INET6;

		if (rules[i].protocol >= 0 || !open_to_all(&rules[i]) ||
		    reverse->tcp[family] == reverse->udp[family])
			continue;
		rules[n] = rules[i];
		rules[n].from = rules[n].to = -1;
		rules[n++].protocol = reverse->tcp[family] ? IPPROTO_TCP : IPPROTO_UDP;
	}
	return n;
}

/* A first rule that matches everything spares the look-ups, unless one behind it would say more:
 * that it leaves a flow untracked, which the first one does not. */
static uint32_t flags_of(const struct item_rule *rules, size_t n, const struct classifier *c)
{
	static const struct rules_bitmap none;
	bool says_all = (c->untracked.w[0] & 1) || !memcmp(&c->untracked, &none, sizeof(none));
	uint32_t flags = 0;

	if (n && open_to_all(&rules[0]) && rules[0].protocol < 0 && says_all)
		flags |= CLASSIFIER_OPEN;
	for (size_t i = 0; i < n; i++)
		if (by_group(&rules[i]))
			flags |= CLASSIFIER_PEERS;
	return flags;
}

int rules_compile(const struct item_rule *rules, size_t n, const struct rules_open *reverse,
		  struct classifier_tables *ret)
{
	cleanup_free struct item_rule *all = calloc(RULES_MAX, sizeof(*all));
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (!all)
		return -ENOMEM;
	memcpy(all, rules, n * sizeof(*all));
	n = add_halves(all, n, reverse);
	ret->info.rules = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		if (all[i].deny)
			bit_set(&ret->info.deny, i);
		if (leaves_untracked(&all[i], reverse))
			bit_set(&ret->info.untracked, i);
	}
	ret->info.flags = flags_of(all, n, &ret->info);
	rc = compile_addresses(all, n, ret);
	if (!rc)
		rc = compile_ports(all, n, ret);
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
