/* SPDX-License-Identifier: MIT
 * Snapshots: views, zones, records, clients.
 */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->hh.tbl = NULL)
#include <uthash.h>

#include "dns/zone.h"
#include "lib/cleanup.h"

struct dns_node {
	UT_hash_handle hh;
	struct dns_rrset *rrsets;
	bool apex;
	uint8_t len;
	uint8_t name[];
};

struct dns_view {
	UT_hash_handle hh;
	uint32_t id;
	bool forward;
	uint64_t digest;
	struct dns_node *nodes;
};

struct client {
	UT_hash_handle hh;
	struct ip ip;
	uint32_t view;
};

struct dns_snapshot {
	struct dns_view *views;
	struct client *clients;
};

struct dns_snapshot *dns_snapshot_new(void)
{
	return calloc(1, sizeof(struct dns_snapshot));
}

static void node_free(struct dns_node *n)
{
	for (struct dns_rrset *s = n->rrsets, *next; s; s = next) {
		next = s->next;
		for (struct dns_record *r = s->records, *after; r; r = after) {
			after = r->next;
			free(r);
		}
		free(s);
	}
	free(n);
}

static void view_free(struct dns_view *v)
{
	struct dns_node *n, *tmp;

	HASH_ITER (hh, v->nodes, n, tmp) {
		HASH_DEL(v->nodes, n);
		node_free(n);
	}
	free(v);
}

void dns_snapshot_free(struct dns_snapshot *s)
{
	struct dns_view *v, *vtmp;
	struct client *c, *ctmp;

	if (!s)
		return;
	HASH_ITER (hh, s->views, v, vtmp) {
		HASH_DEL(s->views, v);
		view_free(v);
	}
	HASH_ITER (hh, s->clients, c, ctmp) {
		HASH_DEL(s->clients, c);
		free(c);
	}
	free(s);
}

static struct dns_view *view_get(const struct dns_snapshot *s, uint32_t id)
{
	struct dns_view *v;

	HASH_FIND(hh, s->views, &id, sizeof(id), v);
	return v;
}

void dns_view_add(struct dns_snapshot *s, uint32_t id, bool forward)
{
	struct dns_view *v = view_get(s, id);

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v)
			return; /* the view's zones and records will find it missing */
		v->id = id;
		HASH_ADD(hh, s->views, id, sizeof(v->id), v);
		if (!v->hh.tbl) {
			free(v);
			return;
		}
	}
	v->forward = forward;
}

static int view_require(struct dns_snapshot *s, uint32_t id, struct dns_view **ret, struct err *e)
{
	*ret = view_get(s, id);
	return *ret ? 0 : err_sys(e, -ENOENT, "DNS view %u", id);
}

static struct dns_node *node_find(const struct dns_view *v, const uint8_t *name, unsigned len)
{
	struct dns_node *n;

	HASH_FIND(hh, v->nodes, name, len, n);
	return n;
}

static struct dns_node *node_make(struct dns_view *v, const uint8_t *name, unsigned len)
{
	struct dns_node *n = node_find(v, name, len);

	if (n)
		return n;
	n = calloc(1, sizeof(*n) + len);
	if (!n)
		return NULL;
	n->len = (uint8_t)len;
	memcpy(n->name, name, len);
	HASH_ADD_KEYPTR(hh, v->nodes, n->name, len, n);
	if (!n->hh.tbl) {
		free(n);
		return NULL;
	}
	return n;
}

/* The node of a name and of all names above it. name: in lower case. */
static int node_require(struct dns_view *v, const struct dns_name *name, struct dns_node **ret,
			struct err *e)
{
	const uint8_t *label = name->b, *end = name->b + name->len;

	*ret = node_find(v, label, name->len);
	if (*ret)
		return 0;
	for (;; label += *label + 1) {
		bool known = node_find(v, label, (unsigned)(end - label)) != NULL;
		struct dns_node *n = node_make(v, label, (unsigned)(end - label));

		if (!n)
			return err_sys(e, -ENOMEM, "DNS name");
		if (label == name->b)
			*ret = n;
		if (known || !*label)
			return 0;
	}
}

/* FNV-1a; sums of these do not depend on the order. */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	for (const uint8_t *p = data; n--; p++)
		h = (h ^ *p) * 0x100000001b3;
	return h;
}

#define HASH_START 0xcbf29ce484222325

static int lower_name(const char *text, struct dns_name *ret, struct err *e)
{
	int rc = dns_name_from_text(text, ret, e);

	if (!rc)
		dns_name_lower(ret);
	return rc;
}

int dns_zone_add(struct dns_snapshot *s, uint32_t view, const char *origin, struct err *e)
{
	struct dns_name name;
	struct dns_view *v;
	struct dns_node *n;
	int rc = view_require(s, view, &v, e);

	if (!rc)
		rc = lower_name(origin, &name, e);
	if (!rc)
		rc = node_require(v, &name, &n, e);
	if (rc || n->apex)
		return rc;
	n->apex = true;
	v->digest += hash(HASH_START, name.b, name.len);
	return 0;
}

/* RFC 2181 section 10.1: a CNAME stands alone, and once. */
static bool clashes(const struct dns_node *n, uint16_t type)
{
	const struct dns_rrset *cname = dns_node_rrset(n, DNS_CNAME);

	return type == DNS_CNAME ? n->rrsets != NULL : cname != NULL;
}

static struct dns_rrset *rrset_make(struct dns_node *n, uint16_t type, uint32_t ttl)
{
	struct dns_rrset *s = (struct dns_rrset *)dns_node_rrset(n, type);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		*s = (struct dns_rrset){.next = n->rrsets, .type = type, .ttl = ttl};
		n->rrsets = s;
	}
	if (ttl < s->ttl)
		s->ttl = ttl;
	return s;
}

/* Appends, so that answers keep the order of the caller; a double is left out. */
static int record_append(struct dns_rrset *s, const struct dns_rdata *rdata, struct err *e)
{
	struct dns_record **at = &s->records, *r;

	for (; *at; at = &(*at)->next)
		if ((*at)->rdlen == rdata->len && !memcmp((*at)->rdata, rdata->b, rdata->len))
			return 0;
	r = malloc(sizeof(*r) + rdata->len);
	if (!r)
		return err_sys(e, -ENOMEM, "DNS record");
	r->next = NULL;
	r->rdlen = rdata->len;
	memcpy(r->rdata, rdata->b, rdata->len);
	*at = r;
	return 0;
}

int dns_record_add(struct dns_snapshot *s, uint32_t view, const char *owner, const char *type,
		   uint32_t ttl, const char *text, struct err *e)
{
	int rc, t = dns_type_from_text(type, e);
	struct dns_rdata rdata;
	struct dns_rrset *set;
	struct dns_name name;
	struct dns_view *v;
	struct dns_node *n;

	if (t < 0)
		return t;
	rc = view_require(s, view, &v, e);
	if (!rc)
		rc = lower_name(owner, &name, e);
	if (!rc)
		rc = dns_rdata_from_text((uint16_t)t, text, &rdata, e);
	if (!rc)
		rc = node_require(v, &name, &n, e);
	if (rc)
		return rc;
	set = (struct dns_rrset *)dns_node_rrset(n, (uint16_t)t);
	if (set && t == DNS_CNAME && set->records && set->records->rdlen == rdata.len &&
	    !memcmp(set->records->rdata, rdata.b, rdata.len))
		return 0;
	if (clashes(n, (uint16_t)t))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "",
			       "%.200s: a CNAME beside other records", owner);
	set = rrset_make(n, (uint16_t)t, ttl);
	if (!set)
		return err_sys(e, -ENOMEM, "DNS record");
	v->digest += hash(
		hash(hash(hash(HASH_START, name.b, name.len), &t, sizeof(t)), &ttl, sizeof(ttl)),
		rdata.b, rdata.len);
	return record_append(set, &rdata, e);
}

int dns_client_add(struct dns_snapshot *s, const struct ip *client, uint32_t view, struct err *e)
{
	struct client *c;

	HASH_FIND(hh, s->clients, client, sizeof(*client), c);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return err_sys(e, -ENOMEM, "DNS client");
		c->ip = *client;
		HASH_ADD(hh, s->clients, ip, sizeof(c->ip), c);
		if (!c->hh.tbl) {
			free(c);
			return err_sys(e, -ENOMEM, "DNS client");
		}
	}
	c->view = view;
	return 0;
}

/* ---- look-up ---- */

const struct dns_view *dns_snapshot_view(const struct dns_snapshot *s, uint32_t id)
{
	return view_get(s, id);
}

const struct dns_view *dns_snapshot_client(const struct dns_snapshot *s, const struct ip *client)
{
	struct client *c;

	HASH_FIND(hh, s->clients, client, sizeof(*client), c);
	return c ? view_get(s, c->view) : NULL;
}

bool dns_view_forwards(const struct dns_view *v)
{
	return v->forward;
}

uint64_t dns_view_digest(const struct dns_view *v)
{
	return v ? v->digest : 0;
}

bool dns_view_find(const struct dns_view *v, const struct dns_name *name, struct dns_found *ret)
{
	const uint8_t *label = name->b, *end = name->b + name->len;

	*ret = (struct dns_found){.node = node_find(v, name->b, name->len)};
	for (;; label += *label + 1) {
		const struct dns_node *n = node_find(v, label, (unsigned)(end - label));

		/* An owner outside every zone is a zone of its own. */
		if (n && (n->apex || (n->rrsets && !ret->zone)))
			ret->zone = n;
		if ((n && n->apex) || !*label)
			break;
	}
	if (!ret->zone)
		return false;
	ret->origin.len = ret->zone->len;
	memcpy(ret->origin.b, ret->zone->name, ret->zone->len);
	return true;
}

const struct dns_rrset *dns_node_rrsets(const struct dns_node *n)
{
	return n->rrsets;
}

const struct dns_rrset *dns_node_rrset(const struct dns_node *n, uint16_t type)
{
	const struct dns_rrset *s = n->rrsets;

	while (s && s->type != type)
		s = s->next;
	return s;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* MNAME is the origin; RNAME hostmaster.<origin>, where that is no name too long. */
static uint16_t soa_make_up(const struct dns_name *origin, uint8_t *p)
{
	static const uint8_t mailbox[] = "\012hostmaster";
	/* SERIAL REFRESH RETRY EXPIRE MINIMUM */
	static const uint32_t numbers[] = {1, 7200, 900, 1209600, DNS_SOA_TTL};
	uint8_t *start = p;

	memcpy(p, origin->b, origin->len);
	p += origin->len;
	if (origin->len + sizeof(mailbox) - 1 <= DNS_NAME_MAX) {
		memcpy(p, mailbox, sizeof(mailbox) - 1);
		p += sizeof(mailbox) - 1;
	}
	memcpy(p, origin->b, origin->len);
	p += origin->len;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++, p += 4)
		put_be32(p, numbers[i]);
	return (uint16_t)(p - start);
}

void dns_zone_soa(const struct dns_found *f, struct dns_soa *ret)
{
	const struct dns_rrset *own = dns_node_rrset(f->zone, DNS_SOA);
	const uint8_t *minimum;
	uint32_t m;

	ret->ttl = own ? own->ttl : DNS_SOA_TTL;
	if (own) {
		ret->rdlen = own->records->rdlen;
		memcpy(ret->rdata, own->records->rdata, ret->rdlen);
	} else {
		ret->rdlen = soa_make_up(&f->origin, ret->rdata);
	}
	minimum = ret->rdata + ret->rdlen - 4;
	m = (uint32_t)minimum[0] << 24 | minimum[1] << 16 | minimum[2] << 8 | minimum[3];
	ret->negative_ttl = m < ret->ttl ? m : ret->ttl;
}
