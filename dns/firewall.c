/* SPDX-License-Identifier: MIT
 * The DNS firewall: sets of domains, and rules that say what is to become of their names (Route 53
 * Developer Guide, Resolver DNS Firewall).
 *
 * A set is one hash of names in wire form. An entry stands for its own name, for all names below
 * it, or both; so a look-up takes one probe for each label of the query, however long the list is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->hh.tbl = NULL)
#include <uthash.h>
/* Every step of a chain is a cache miss. (A table doubles as soon as one chain is that long: less
 * than this would need more buckets than there is memory.) */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

#include "dns/zone.h"
#include "lib/cleanup.h"

struct domain {
	UT_hash_handle hh;
	bool itself, below;
	uint8_t len;
	uint8_t name[];
};

struct dns_domains {
	unsigned refs;
	char id[48];
	struct domain *domains;
};

struct dns_domains *dns_domains_new(const char *id)
{
	struct dns_domains *l = calloc(1, sizeof(*l));

	if (l) {
		l->refs = 1;
		snprintf(l->id, sizeof(l->id), "%s", id);
	}
	return l;
}

struct dns_domains *dns_domains_ref(struct dns_domains *l)
{
	l->refs++;
	return l;
}

void dns_domains_unref(struct dns_domains *l)
{
	struct domain *d, *tmp;

	if (!l || --l->refs)
		return;
	HASH_ITER (hh, l->domains, d, tmp) {
		HASH_DEL(l->domains, d);
		free(d);
	}
	free(l);
}

const char *dns_domains_id(const struct dns_domains *l)
{
	return l->id;
}

/* The name without the asterisk; true in *ret_below: with one. */
static int domain_parse(const char *domain, struct dns_name *ret, bool *ret_below, struct err *e)
{
	const char *rest = domain;
	int rc;

	*ret_below = domain[0] == '*' && (!domain[1] || domain[1] == '.');
	if (*ret_below)
		rest += domain[1] ? 2 : 1;
	if (!*domain || strchr(rest, '*') || (*ret_below && domain[1] && !*rest))
		return err_set(e, -EINVAL, "ValidationException", "Domains",
			       "\"%.200s\": a domain, or *.domain for what is below it", domain);
	rc = dns_name_from_text(rest, ret, e);
	if (!rc)
		dns_name_lower(ret);
	return rc;
}

int dns_domain_check(const char *domain, struct err *e)
{
	struct dns_name name;
	bool below;

	return domain_parse(domain, &name, &below, e);
}

static struct domain *domain_find(const struct dns_domains *l, const uint8_t *name, unsigned len)
{
	struct domain *d;

	HASH_FIND(hh, l->domains, name, len, d);
	return d;
}

int dns_domains_add(struct dns_domains *l, const char *domain, struct err *e)
{
	struct dns_name name;
	struct domain *d;
	bool below;
	int rc = domain_parse(domain, &name, &below, e);

	if (rc)
		return rc;
	d = domain_find(l, name.b, name.len);
	if (!d) {
		d = calloc(1, sizeof(*d) + name.len);
		if (!d)
			return err_sys(e, -ENOMEM, "firewall domain");
		d->len = name.len;
		memcpy(d->name, name.b, name.len);
		HASH_ADD_KEYPTR(hh, l->domains, d->name, d->len, d);
		if (!d->hh.tbl) {
			free(d);
			return err_sys(e, -ENOMEM, "firewall domain");
		}
	}
	d->itself = d->itself || !below;
	d->below = d->below || below;
	return 0;
}

bool dns_domains_match(const struct dns_domains *l, const struct dns_name *name)
{
	const uint8_t *label = name->b, *end = name->b + name->len;

	for (;; label += *label + 1) {
		const struct domain *d = domain_find(l, label, (unsigned)(end - label));

		if (d && (label == name->b ? d->itself : d->below))
			return true;
		if (!*label)
			return d && d->below; /* "*" is the root's own name too */
	}
}

/* ---- rules ---- */

static void verdict_free(struct dns_verdict *v)
{
	dns_domains_unref(v->domains);
	free(v->group);
	free(v);
}

int dns_verdict_append(struct dns_verdict **list, const struct dns_firewall_rule *r, struct err *e)
{
	struct dns_verdict *v = calloc(1, sizeof(*v));
	int rc = 0;

	if (!v)
		return err_sys(e, -ENOMEM, "firewall rule");
	v->group = strdup(r->group ? r->group : "");
	v->domains = dns_domains_ref(r->domains);
	v->action = r->action;
	v->response = r->response;
	v->override_ttl = r->override_ttl;
	if (!v->group)
		rc = err_sys(e, -ENOMEM, "firewall rule");
	if (!rc && r->action == DNS_BLOCK && r->response == DNS_BLOCK_OVERRIDE)
		rc = dns_name_from_text(r->override_domain ? r->override_domain : "", &v->override,
					e);
	if (rc) {
		verdict_free(v);
		return rc;
	}
	dns_name_lower(&v->override);
	while (*list)
		list = &(*list)->next;
	*list = v;
	return 0;
}

const struct dns_verdict *dns_verdict_find(const struct dns_verdict *list,
					   const struct dns_name *name)
{
	for (const struct dns_verdict *v = list; v; v = v->next)
		if (dns_domains_match(v->domains, name))
			return v;
	return NULL;
}

void dns_verdicts_free(struct dns_verdict *list)
{
	for (struct dns_verdict *v = list, *next; v; v = next) {
		next = v->next;
		verdict_free(v);
	}
}
