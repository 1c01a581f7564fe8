/* SPDX-License-Identifier: MIT
 * See denial.h.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/denial.h"

#define LABELS_MAX 128

/* The owner of an NSEC or NSEC3 record. */
struct link {
	const struct dns_node *zone; /* its apex */
	const struct dns_node *node;
	const uint8_t *name;
};

struct dns_denial {
	size_t n, cap;
	int rc;
	struct link *v; /* zone by zone, names in canonical order */
};

static unsigned labels_of(const uint8_t *name, const uint8_t *ret[LABELS_MAX])
{
	unsigned n = 0;

	for (; *name && n < LABELS_MAX; name += *name + 1)
		ret[n++] = name;
	return n;
}

static int label_cmp(const uint8_t *a, const uint8_t *b)
{
	int rc = memcmp(a + 1, b + 1, *a < *b ? *a : *b);

	return rc ? rc : *a - *b;
}

/* RFC 4034 section 6.1; both in lower case. */
static int canonical_cmp(const uint8_t *a, const uint8_t *b)
{
	const uint8_t *la[LABELS_MAX], *lb[LABELS_MAX];
	unsigned na = labels_of(a, la), nb = labels_of(b, lb);

	while (na && nb) {
		int rc = label_cmp(la[--na], lb[--nb]);

		if (rc)
			return rc;
	}
	return na ? 1 : nb ? -1 : 0;
}

static int link_cmp(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->zone != y->zone)
		return (uintptr_t)x->zone < (uintptr_t)y->zone ? -1 : 1;
	return canonical_cmp(x->name, y->name);
}

/* ---- collecting ---- */

static bool is_link(const struct dns_node *n)
{
	return n && (dns_node_rrset(n, DNS_NSEC) || dns_node_rrset(n, DNS_NSEC3));
}

static void collect(struct dns_denial *d, const struct dns_node *zone, const struct dns_node *n)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 64;
		struct link *v = reallocarray(d->v, cap, sizeof(*v));

		if (!v) {
			d->rc = -ENOMEM;
			return;
		}
		d->v = v;
		d->cap = cap;
	}
	d->v[d->n++] = (struct link){zone, n, dns_node_wire(n)};
}

static void collect_node(void *arg, const struct dns_view *v, const struct dns_node *n)
{
	const struct dns_node *cut = dns_node_parent_side(n);
	struct dns_name name = dns_node_name(n);
	struct dns_found f;

	if (is_link(n) && dns_view_find(v, &name, &f) == DNS_INSIDE)
		collect(arg, f.zone, n);
	if (is_link(cut) && dns_view_find_parent(v, &name, &f))
		collect(arg, f.zone, cut);
}

struct dns_denial *dns_denial_new(const struct dns_view *v, int *ret_rc)
{
	struct dns_denial *d = calloc(1, sizeof(*d));

	*ret_rc = d ? 0 : -ENOMEM;
	if (!d)
		return NULL;
	dns_view_each(v, collect_node, d);
	*ret_rc = d->rc;
	if (d->rc || !d->n) {
		dns_denial_free(d);
		return NULL;
	}
	qsort(d->v, d->n, sizeof(*d->v), link_cmp);
	return d;
}

void dns_denial_free(struct dns_denial *d)
{
	if (!d)
		return;
	free(d->v);
	free(d);
}

/* ---- proving ---- */

/* One zone's part of the chain, and what is found in it. */
struct chain {
	const struct link *v;
	size_t n;
	const struct dns_found *f;
	const struct dns_rrset *nsec3; /* of the first link; NULL: a chain of NSEC */
	const struct dns_node **out;
	size_t n_out;
};

/* The first link whose zone is not before this one. */
static size_t zone_begin(const struct dns_denial *d, uintptr_t zone)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if ((uintptr_t)d->v[mid].zone < zone)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool chain_of(const struct dns_denial *d, const struct dns_found *f, struct chain *ret)
{
	size_t from = zone_begin(d, (uintptr_t)f->zone), to = zone_begin(d, (uintptr_t)f->zone + 1);

	*ret = (struct chain){.v = d->v + from, .n = to - from, .f = f};
	if (ret->n)
		ret->nsec3 = dns_node_rrset(ret->v->node, DNS_NSEC3);
	return ret->n;
}

/* The last link that is not behind the name; before the first one lies the last one. */
static const struct dns_node *covering(const struct chain *c, const struct dns_name *name,
				       bool *ret_exact)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (canonical_cmp(c->v[mid].name, name->b) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_exact = lo && !canonical_cmp(c->v[lo - 1].name, name->b);
	return c->v[lo ? lo - 1 : c->n - 1].node;
}

/* The same of the name that stands for it in the chain; NULL: no memory. */
static const struct dns_node *look(const struct chain *c, const struct dns_name *name, bool *exact)
{
	const struct dns_record *r = c->nsec3 ? c->nsec3->records : NULL;
	const struct dns_name *origin = &c->f->origin;
	struct dns_name hashed;

	if (!r)
		return covering(c, name, exact);
	if (dns_nsec3_hash(name, r->rdata, r->rdlen, &hashed) ||
	    hashed.len - 1 + origin->len > DNS_NAME_MAX)
		return NULL;
	memcpy(hashed.b + hashed.len - 1, origin->b, origin->len);
	hashed.len = (uint8_t)(hashed.len - 1 + origin->len);
	return covering(c, &hashed, exact);
}

static void add(struct chain *c, const struct dns_node *n)
{
	for (size_t i = 0; i < c->n_out; i++)
		if (c->out[i] == n)
			return;
	if (n && c->n_out < DNS_PROOF_MAX)
		c->out[c->n_out++] = n;
}

static void add_wildcard(struct chain *c, const struct dns_name *encloser)
{
	struct dns_name star = {.b = {1, '*'}};
	bool exact;

	if (encloser->len + 2u > DNS_NAME_MAX)
		return;
	star.len = (uint8_t)(encloser->len + 2);
	memcpy(star.b + 2, encloser->b, encloser->len);
	add(c, look(c, &star, &exact));
}

/* The closest name above that exists, and the one below it on the way. RFC 5155 section 7.2.1. */
static void closest(const struct chain *c, const struct dns_view *v, const struct dns_name *name,
		    struct dns_name *encloser, struct dns_name *next)
{
	bool exact = false;

	*encloser = *name;
	do {
		*next = *encloser;
		*encloser = dns_name_parent(next);
		if (c->nsec3)
			look(c, encloser, &exact);
		else
			exact = dns_view_node(v, encloser);
	} while (!exact && encloser->len > c->f->origin.len);
}

static void prove_nsec3(struct chain *c, const struct dns_view *v, const struct dns_name *name,
			enum dns_proof what)
{
	struct dns_name encloser, next;
	const struct dns_node *own;
	bool exact = false;

	own = look(c, name, &exact);
	if (what == DNS_NO_TYPE && exact) {
		add(c, own);
		return;
	}
	closest(c, v, name, &encloser, &next);
	if (what != DNS_EXPANDED)
		add(c, look(c, &encloser, &exact));
	add(c, look(c, &next, &exact));
	if (what == DNS_NO_NAME || what == DNS_EXPANDED_NO_TYPE)
		add_wildcard(c, &encloser);
}

size_t dns_denial_prove(const struct dns_denial *d, const struct dns_found *f,
			const struct dns_name *name, enum dns_proof what,
			const struct dns_node *ret[DNS_PROOF_MAX])
{
	struct dns_name encloser, next;
	struct chain c;
	bool exact;

	if (!d || !chain_of(d, f, &c))
		return 0;
	c.out = ret;
	if (c.nsec3) {
		prove_nsec3(&c, f->view, name, what);
		return c.n_out;
	}
	add(&c, look(&c, name, &exact));
	if (what == DNS_NO_NAME || what == DNS_EXPANDED_NO_TYPE) {
		closest(&c, f->view, name, &encloser, &next);
		add_wildcard(&c, &encloser);
	}
	return c.n_out;
}
