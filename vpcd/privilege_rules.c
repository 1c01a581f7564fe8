/* SPDX-License-Identifier: MIT
 * See privilege_rules.h.
 */
#include "vpcd/privilege_rules.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/cleanup.h"

/* More rules than a group may have (quotas.h) will not be taken anyway. */
#define SPARE_MAX 512

struct kept_need {
	struct need need;
	UT_hash_handle hh;
};

struct needs {
	struct kept_need *all;
	size_t flows;
};

/* Flows and packets are behind what tells needs apart. */
#define NEED_KEY offsetof(struct need, flows)

struct needs *needs_new(void)
{
	return calloc(1, sizeof(struct needs));
}

void needs_free(struct needs *n)
{
	struct kept_need *k, *tmp;

	if (!n)
		return;
	HASH_ITER (hh, n->all, k, tmp) {
		HASH_DEL(n->all, k);
		free(k);
	}
	free(n);
}

size_t needs_count(const struct needs *n)
{
	return HASH_COUNT(n->all);
}

/* Without what lies between members. */
static void need_copy(struct need *ret, const struct need *from)
{
	memset(ret, 0, sizeof(*ret));
	ret->egress = from->egress;
	ret->protocol = from->protocol;
	ret->value = from->value;
	ret->peer = from->peer;
	for (size_t i = 0; i < GROUPS_PER_INTERFACE; i++)
		symbol_set(ret->groups[i], from->groups[i]);
}

int needs_add(struct needs *n, const struct need *need)
{
	struct kept_need *k, fresh;

	need_copy(&fresh.need, need);
	HASH_FIND(hh, n->all, &fresh.need, NEED_KEY, k);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return -ENOMEM;
		need_copy(&k->need, need);
		HASH_ADD(hh, n->all, need, NEED_KEY, k);
	}
	k->need.flows += need->flows;
	k->need.packets += need->packets;
	n->flows += need->flows;
	return 0;
}

size_t needs_flows(const struct needs *n)
{
	return n->flows;
}

static bool rule_is_of_service(const struct proposed_rule *r, const struct need *need)
{
	int32_t last = r->to < 0 ? r->from : r->to;

	return need->egress == r->egress && need->protocol == r->protocol &&
	       (r->from < 0 || (need->value >= r->from && need->value <= last));
}

static bool is_in(const struct need *need, const char *group)
{
	for (size_t i = 0; i < GROUPS_PER_INTERFACE && need->groups[i][0]; i++)
		if (!strcmp(need->groups[i], group))
			return true;
	return false;
}

static bool rule_admits(const struct proposed_rule *r, const struct need *need)
{
	return rule_is_of_service(r, need) &&
	       (r->group[0] ? is_in(need, r->group) : cidr_contains_ip(&r->cidr, &need->peer));
}

bool needs_has_peer(const struct needs *n, const struct proposed_rule *r, const struct ip *peer)
{
	uint8_t by_any[8192] = {0}, by_peer[8192] = {0}; /* a bit for each port */

	for (const struct kept_need *k = n->all; k; k = k->hh.next) {
		const uint16_t v = k->need.value;

		if (!rule_admits(r, &k->need))
			continue;
		by_any[v / 8] |= (uint8_t)(1 << v % 8);
		if (!ip_cmp(&k->need.peer, peer))
			by_peer[v / 8] |= (uint8_t)(1 << v % 8);
	}
	return !memcmp(by_any, by_peer, sizeof(by_any));
}

void proposal_done(struct proposal *p)
{
	free(p->v);
	*p = (struct proposal){0};
}

/* ---- one rule a need, by its best target ---- */

struct bucket { /* needs of one service */
	const struct need **v;
	size_t n;
};

static size_t count_open(const struct bucket *b, const bool *covered, const char *group)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += !covered[i] && is_in(b->v[i], group);
	return n;
}

struct choice {
	const char *group;
	size_t covers, members;
};

static bool is_better(const struct choice *a, const struct choice *b)
{
	if (!b->group || a->covers != b->covers)
		return !b->group || a->covers > b->covers;
	if (a->members != b->members)
		return a->members < b->members;
	return strcmp(a->group, b->group) < 0;
}

/* The group that most of those that are not covered yet are in; NULL: none is in any. */
static const char *best_group(const struct bucket *b, const bool *covered,
			      size_t (*members)(void *arg, const char *group), void *arg)
{
	struct choice best = {0};

	for (size_t i = 0; i < b->n; i++) {
		if (covered[i])
			continue;
		for (size_t g = 0; g < GROUPS_PER_INTERFACE && b->v[i]->groups[g][0]; g++) {
			struct choice c = {.group = b->v[i]->groups[g]};

			if (best.group && !strcmp(best.group, c.group))
				continue;
			c.covers = count_open(b, covered, c.group);
			c.members = members(arg, c.group);
			if (is_better(&c, &best))
				best = c;
		}
	}
	return best.group;
}

static struct proposed_rule rule_of(const struct need *need, const struct widening *w)
{
	const bool ports = need->protocol == IPPROTO_TCP || need->protocol == IPPROTO_UDP;
	const bool icmp = need->protocol == IPPROTO_ICMP || need->protocol == IPPROTO_ICMPV6;
	struct cidr c = {need->peer, need->peer.family == AF_INET6 ? w->prefix6 : w->prefix4};

	return (struct proposed_rule){.egress = need->egress,
				      .protocol = need->protocol,
				      .from = ports || icmp ? need->value : -1,
				      .to = ports ? need->value : -1,
				      .cidr = cidr_canonical(&c)};
}

/* rules: one for each need of the bucket. */
static int bucket_assign(const struct bucket *b, const struct widening *w,
			 size_t (*members)(void *arg, const char *group), void *arg,
			 struct proposed_rule *rules)
{
	cleanup_free bool *covered = calloc(b->n + 1, sizeof(*covered));
	const char *group;

	if (!covered)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		rules[i] = rule_of(b->v[i], w);
	while ((group = best_group(b, covered, members, arg)))
		for (size_t i = 0; i < b->n; i++) {
			if (covered[i] || !is_in(b->v[i], group))
				continue;
			covered[i] = true;
			symbol_set(rules[i].group, group);
			rules[i].cidr = (struct cidr){0};
		}
	return 0;
}

/* ---- joining ---- */

static int number_cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int service_cmp(bool egress_a, uint8_t protocol_a, bool egress_b, uint8_t protocol_b)
{
	int c = number_cmp(egress_a, egress_b);

	return c ? c : number_cmp(protocol_a, protocol_b);
}

static int need_cmp(const void *a, const void *b)
{
	const struct need *x = *(const struct need *const *)a, *y = *(const struct need *const *)b;
	int c = service_cmp(x->egress, x->protocol, y->egress, y->protocol);

	if (!c)
		c = number_cmp(x->value, y->value);
	return c ? c : ip_cmp(&x->peer, &y->peer);
}

static int target_cmp(const struct proposed_rule *x, const struct proposed_rule *y)
{
	int c = strcmp(x->group, y->group);

	return c ? c : cidr_cmp(&x->cidr, &y->cidr);
}

/* By service, then port, then target: ranges that are neighbours stand side by side. */
static int by_port(const void *a, const void *b)
{
	const struct proposed_rule *x = a, *y = b;
	int c = service_cmp(x->egress, x->protocol, y->egress, y->protocol);

	if (!c)
		c = number_cmp(x->from, y->from);
	return c ? c : target_cmp(x, y);
}

/* By service, then target, then port: ports that are neighbours stand side by side. */
static int by_target(const void *a, const void *b)
{
	const struct proposed_rule *x = a, *y = b;
	int c = service_cmp(x->egress, x->protocol, y->egress, y->protocol);

	if (!c)
		c = target_cmp(x, y);
	return c ? c : number_cmp(x->from, y->from);
}

/* The range that two ranges are the halves of. */
static bool is_halves(const struct cidr *a, const struct cidr *b, struct cidr *ret)
{
	struct cidr parent = *a;

	if (!a->len || a->len != b->len || a->ip.family != b->ip.family || !cidr_cmp(a, b))
		return false;
	parent.len--;
	parent = cidr_canonical(&parent);
	*ret = parent;
	return cidr_contains(&parent, b);
}

static bool same_service(const struct proposed_rule *a, const struct proposed_rule *b)
{
	return a->egress == b->egress && a->protocol == b->protocol && a->from == b->from;
}

/* Equal targets of one service, and halves of a range, become one. */
static void join_peers(struct proposal *p)
{
	size_t kept = 0;

	qsort(p->v, p->n, sizeof(*p->v), by_port);
	for (size_t i = 0; i < p->n; i++) {
		struct proposed_rule r = p->v[i];

		while (kept && same_service(&p->v[kept - 1], &r)) {
			struct proposed_rule *last = &p->v[kept - 1];
			struct cidr parent;

			if (!target_cmp(last, &r))
				;
			else if (!r.group[0] && !last->group[0] &&
				 is_halves(&last->cidr, &r.cidr, &parent))
				r.cidr = parent;
			else
				break;
			kept--;
		}
		p->v[kept++] = r;
	}
	p->n = kept;
}

static void join_ports(struct proposal *p, uint32_t gap)
{
	size_t kept = 0;

	qsort(p->v, p->n, sizeof(*p->v), by_target);
	for (size_t i = 0; i < p->n; i++) {
		struct proposed_rule *last = kept ? &p->v[kept - 1] : NULL, *r = &p->v[i];

		if (last && r->to >= 0 && last->to >= 0 && last->egress == r->egress &&
		    last->protocol == r->protocol && !target_cmp(last, r) &&
		    (int64_t)r->from <= (int64_t)last->to + 1 + gap) {
			last->to = r->to;
		} else {
			p->v[kept++] = *r;
		}
	}
	p->n = kept;
}

/* ---- what can be spared ---- */

static bool is_spared(const struct needs *n, const struct proposal *p, size_t rule)
{
	for (const struct kept_need *k = n->all; k; k = k->hh.next) {
		bool others = !rule_admits(&p->v[rule], &k->need);

		for (size_t i = 0; i < p->n && !others; i++)
			others = i != rule && rule_admits(&p->v[i], &k->need);
		if (!others)
			return false;
	}
	return true;
}

/* Peers may be in several groups: what the first choice took may later be in all the others'. */
static void spare(const struct needs *n, struct proposal *p)
{
	for (size_t i = p->n; i-- > 0;)
		if (is_spared(n, p, i)) {
			memmove(&p->v[i], &p->v[i + 1], (p->n - i - 1) * sizeof(*p->v));
			p->n--;
		}
}

static void count(const struct needs *n, struct proposal *p)
{
	for (size_t i = 0; i < p->n; i++) {
		p->v[i].flows = 0;
		p->v[i].packets = 0;
		for (const struct kept_need *k = n->all; k; k = k->hh.next)
			if (rule_admits(&p->v[i], &k->need)) {
				p->v[i].flows += k->need.flows;
				p->v[i].packets += k->need.packets;
			}
	}
}

static const struct need **needs_sorted(const struct needs *n)
{
	const struct need **v = calloc(needs_count(n) + 1, sizeof(*v));
	size_t i = 0;

	for (const struct kept_need *k = n->all; v && k; k = k->hh.next)
		v[i++] = &k->need;
	if (v)
		qsort(v, i, sizeof(*v), need_cmp);
	return v;
}

static bool same_bucket(const struct need *a, const struct need *b)
{
	return a->egress == b->egress && a->protocol == b->protocol && a->value == b->value;
}

int needs_propose(const struct needs *n, const struct widening *w,
		  size_t (*members)(void *arg, const char *group), void *arg, struct proposal *ret)
{
	cleanup_free const struct need **v = needs_sorted(n);
	size_t total = needs_count(n);
	int rc = 0;

	*ret = (struct proposal){total, calloc(total + 1, sizeof(*ret->v))};
	if (!v || !ret->v)
		rc = -ENOMEM;
	for (size_t i = 0, end; i < total && !rc; i = end) {
		for (end = i + 1; end < total && same_bucket(v[i], v[end]); end++)
			;
		rc = bucket_assign(&(struct bucket){v + i, end - i}, w, members, arg, ret->v + i);
	}
	if (rc) {
		proposal_done(ret);
		return rc;
	}
	join_peers(ret);
	join_ports(ret, w->port_gap);
	if (ret->n <= SPARE_MAX) {
		spare(n, ret);
		count(n, ret);
	}
	return 0;
}
