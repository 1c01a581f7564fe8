/* SPDX-License-Identifier: MIT
 * Views: zones, records and rules, and finding the place of a name among them.
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

#include "dns/denial.h"
#include "dns/zone.h"
#include "lib/cleanup.h"

struct dns_node {
	UT_hash_handle hh;
	struct dns_rrset *rrsets;
	const struct dns_rule *rule;
	struct dns_node
		*parent_side; /* of an apex: DS, NS and what signs them, of the zone above */
	bool apex;
	uint8_t len;
	uint8_t name[];
};

struct dns_view {
	unsigned refs;
	uint32_t id;
	bool forward, sealed;
	uint64_t digest;
	struct dns_node *nodes;
	struct dns_rule *rules;
	struct dns_verdict *firewall;
	struct dns_view_log log;
	struct dns_denial *denial;
	char *anchors;
};

struct dns_view *dns_view_new(uint32_t id, bool forward)
{
	struct dns_view *v = calloc(1, sizeof(*v));

	if (v)
		*v = (struct dns_view){.refs = 1, .id = id, .forward = forward};
	return v;
}

static void rrset_free(struct dns_rrset *s)
{
	for (struct dns_record *r = s->records, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	free(s->set);
	free(s);
}

static void node_free(struct dns_node *n)
{
	if (!n)
		return;
	node_free(n->parent_side);
	for (struct dns_rrset *s = n->rrsets, *next; s; s = next) {
		next = s->next;
		rrset_free(s);
	}
	free(n);
}

struct dns_view *dns_view_ref(struct dns_view *v)
{
	v->refs++;
	return v;
}

void dns_view_unref(struct dns_view *v)
{
	struct dns_node *n, *tmp;

	if (!v || --v->refs)
		return;
	HASH_ITER (hh, v->nodes, n, tmp) {
		HASH_DEL(v->nodes, n);
		node_free(n);
	}
	for (struct dns_rule *r = v->rules, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	dns_verdicts_free(v->firewall);
	for (size_t i = 0; i < v->log.n; i++)
		dns_log_unref(v->log.logs[i]);
	dns_denial_free(v->denial);
	free(v->anchors);
	free(v);
}

static struct dns_node *node_find(const struct dns_view *v, const uint8_t *name, unsigned len)
{
	struct dns_node *n;

	HASH_FIND(hh, v->nodes, name, len, n);
	return n;
}

static struct dns_node *node_new(const uint8_t *name, unsigned len)
{
	struct dns_node *n = calloc(1, sizeof(*n) + len);

	if (!n)
		return NULL;
	n->len = (uint8_t)len;
	memcpy(n->name, name, len);
	return n;
}

static struct dns_node *node_make(struct dns_view *v, const uint8_t *name, unsigned len)
{
	struct dns_node *n = node_find(v, name, len);

	if (n)
		return n;
	n = node_new(name, len);
	if (!n)
		return NULL;
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

int dns_zone_add(struct dns_view *v, const char *origin, struct err *e)
{
	struct dns_name name;
	struct dns_node *n;
	int rc = lower_name(origin, &name, e);

	if (!rc)
		rc = node_require(v, &name, &n, e);
	if (rc || n->apex)
		return rc;
	n->apex = true;
	v->digest += hash(HASH_START, name.b, name.len);
	return 0;
}

int dns_rule_add(struct dns_view *v, const char *domain, const struct dns_target *targets, size_t n,
		 struct err *e)
{
	struct dns_name name;
	struct dns_node *node;
	struct dns_rule *r;
	int rc = lower_name(domain, &name, e);

	if (!rc && n > DNS_TARGETS_MAX)
		rc = err_set(e, -EINVAL, "LimitExceededException", "TargetIps",
			     "%.200s: more than %d servers", domain, DNS_TARGETS_MAX);
	if (!rc)
		rc = node_require(v, &name, &node, e);
	if (rc || node->rule) /* the first one stands: the model lets no second one in */
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(e, -ENOMEM, "DNS rule");
	r->n = n;
	if (n)
		memcpy(r->targets, targets, n * sizeof(*targets));
	r->next = v->rules;
	v->rules = r;
	node->rule = r;
	return 0;
}

/* ---- records ---- */

static bool is_beside_cname(uint16_t type)
{
	return type == DNS_CNAME || type == DNS_RRSIG || type == DNS_NSEC;
}

/* RFC 2181 section 10.1: a CNAME stands alone, and once; RFC 4034 section 3: but for what signs it.
 */
static bool clashes(const struct dns_node *n, uint16_t type, const struct dns_rrset *same)
{
	if (type != DNS_CNAME)
		return !is_beside_cname(type) && dns_node_rrset(n, DNS_CNAME);
	if (same)
		return same->records;
	for (const struct dns_rrset *s = n->rrsets; s; s = s->next)
		if (!is_beside_cname(s->type))
			return true;
	return false;
}

static bool is_set(const struct dns_rrset *s, uint16_t type, const char *set)
{
	return s->type == type && (s->set ? set && !strcmp(s->set, set) : !set);
}

static struct dns_rrset *rrset_find(const struct dns_node *n, uint16_t type, const char *set)
{
	struct dns_rrset *s = n->rrsets;

	while (s && !is_set(s, type, set))
		s = s->next;
	return s;
}

/* Behind those of its type, so that siblings follow one another. */
static struct dns_rrset *rrset_make(struct dns_node *n, uint16_t type, uint32_t ttl,
				    const struct dns_routing *routing)
{
	struct dns_rrset *s = calloc(1, sizeof(*s)), **at = &n->rrsets;

	if (!s)
		return NULL;
	*s = (struct dns_rrset){.type = type, .ttl = ttl};
	if (routing && routing->policy != DNS_SIMPLE) {
		s->policy = routing->policy;
		s->weight = routing->weight;
		s->set = strdup(routing->set);
		if (!s->set) {
			free(s);
			return NULL;
		}
	}
	while (*at && (*at)->type != type)
		at = &(*at)->next;
	while (*at && (*at)->type == type)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
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

static bool has_record(const struct dns_rrset *s, const struct dns_rdata *rdata)
{
	for (const struct dns_record *r = s ? s->records : NULL; r; r = r->next)
		if (r->rdlen == rdata->len && !memcmp(r->rdata, rdata->b, rdata->len))
			return true;
	return false;
}

static void digest_record(struct dns_view *v, const struct dns_name *name, int type, uint32_t ttl,
			  const struct dns_routing *routing, const struct dns_rdata *rdata)
{
	uint64_t h = hash(HASH_START, name->b, name->len);

	h = hash(hash(h, &type, sizeof(type)), &ttl, sizeof(ttl));
	if (routing && routing->policy != DNS_SIMPLE)
		h = hash(hash(h, routing->set, strlen(routing->set)), &routing->weight,
			 sizeof(routing->weight));
	v->digest += hash(h, rdata->b, rdata->len);
}

/* The zone of the view that is closest below `zone` on the way to the name; NULL: the name is
 * `zone`'s own. */
static struct dns_node *zone_between(const struct dns_view *v, const struct dns_name *zone,
				     const struct dns_name *name)
{
	const uint8_t *label = name->b, *end = name->b + name->len;
	struct dns_node *between = NULL;

	for (; end - label > zone->len; label += *label + 1) {
		struct dns_node *n = node_find(v, label, (unsigned)(end - label));

		between = n && n->apex ? n : between;
	}
	return between;
}

/* What a zone says of the zone below that begins there (RFC 4035 section 2.6). */
static bool is_of_cut(uint16_t type)
{
	return type == DNS_NS || type == DNS_DS || type == DNS_NSEC || type == DNS_RRSIG;
}

/* Where a record of the zone stands; *ret NULL: nowhere, it is hidden by a deeper zone. */
static int record_place(struct dns_view *v, const char *zone, const struct dns_name *name,
			uint16_t type, struct dns_node **ret, struct err *e)
{
	struct dns_node *below = NULL;
	struct dns_name origin;
	int rc = zone ? lower_name(zone, &origin, e) : 0;

	if (rc)
		return rc;
	if (zone)
		below = zone_between(v, &origin, name);
	if (!below)
		return node_require(v, name, ret, e);
	*ret = NULL;
	if (below->len != name->len || !is_of_cut(type))
		return 0;
	if (!below->parent_side)
		below->parent_side = node_new(name->b, name->len);
	*ret = below->parent_side;
	return *ret ? 0 : err_sys(e, -ENOMEM, "DNS name");
}

int dns_zone_record_add(struct dns_view *v, const char *zone, const char *owner, const char *type,
			uint32_t ttl, const char *text, const struct dns_routing *routing,
			struct err *e)
{
	const char *id = routing && routing->policy != DNS_SIMPLE ? routing->set : NULL;
	int rc, t = dns_type_from_text(type, e);
	struct dns_rdata rdata;
	struct dns_rrset *set;
	struct dns_name name;
	struct dns_node *n = NULL;

	if (t < 0)
		return t;
	rc = lower_name(owner, &name, e);
	if (!rc)
		rc = dns_rdata_from_text((uint16_t)t, text, &rdata, e);
	if (!rc)
		rc = record_place(v, zone, &name, (uint16_t)t, &n, e);
	if (rc || !n)
		return rc;
	set = rrset_find(n, (uint16_t)t, id);
	if (has_record(set, &rdata)) {
		set->ttl = ttl < set->ttl ? ttl : set->ttl;
		return 0;
	}
	if (clashes(n, (uint16_t)t, set))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "",
			       "%.200s: a CNAME beside other records", owner);
	if (!set)
		set = rrset_make(n, (uint16_t)t, ttl, routing);
	if (!set)
		return err_sys(e, -ENOMEM, "DNS record");
	set->ttl = ttl < set->ttl ? ttl : set->ttl;
	digest_record(v, &name, t, ttl, routing, &rdata);
	return record_append(set, &rdata, e);
}

int dns_record_add(struct dns_view *v, const char *owner, const char *type, uint32_t ttl,
		   const char *text, const struct dns_routing *routing, struct err *e)
{
	return dns_zone_record_add(v, NULL, owner, type, ttl, text, routing, e);
}

int dns_view_validate(struct dns_view *v, const char *anchors, struct err *e)
{
	v->anchors = strdup(anchors);
	return v->anchors ? 0 : err_sys(e, -ENOMEM, "trust anchors");
}

int dns_view_seal(struct dns_view *v, struct err *e)
{
	int rc;

	if (v->sealed) /* and read by the server: once is enough */
		return 0;
	v->denial = dns_denial_new(v, &rc);
	v->sealed = !rc;
	return rc ? err_sys(e, rc, "signed zones") : 0;
}

int dns_firewall_add(struct dns_view *v, const struct dns_firewall_rule *r, struct err *e)
{
	return dns_verdict_append(&v->firewall, r, e);
}

int dns_view_describe(struct dns_view *v, const char *vpc, const char *account, const char *region)
{
	snprintf(v->log.vpc, sizeof(v->log.vpc), "%s", vpc);
	snprintf(v->log.account, sizeof(v->log.account), "%s", account);
	snprintf(v->log.region, sizeof(v->log.region), "%s", region);
	return 0;
}

int dns_view_log(struct dns_view *v, struct dns_log *l, struct err *e)
{
	if (v->log.n == DNS_LOGS_MAX)
		return err_set(e, -EINVAL, "LimitExceededException", "", "more than %d query logs",
			       DNS_LOGS_MAX);
	v->log.logs[v->log.n++] = dns_log_ref(l);
	return 0;
}

/* ---- look-up ---- */

uint32_t dns_view_id(const struct dns_view *v)
{
	return v->id;
}

bool dns_view_forwards(const struct dns_view *v)
{
	return v->forward;
}

uint64_t dns_view_digest(const struct dns_view *v)
{
	return v ? v->digest : 0;
}

const struct dns_rule *dns_view_rules(const struct dns_view *v)
{
	return v->rules;
}

const struct dns_view_log *dns_view_logs(const struct dns_view *v)
{
	return &v->log;
}

bool dns_view_has_firewall(const struct dns_view *v)
{
	return v->firewall;
}

const struct dns_verdict *dns_view_firewall(const struct dns_view *v, const struct dns_name *name)
{
	return dns_verdict_find(v->firewall, name);
}

void dns_view_each(const struct dns_view *v,
		   void (*fn)(void *arg, const struct dns_view *v, const struct dns_node *n),
		   void *arg)
{
	for (const struct dns_node *n = v->nodes; n; n = n->hh.next)
		fn(arg, v, n);
}

static void name_set(struct dns_name *n, const uint8_t *b, unsigned len)
{
	n->len = (uint8_t)len;
	memcpy(n->b, b, len);
}

/* RFC 4592 section 3.3.1: the source of synthesis is the asterisk below the closest encloser. */
static const struct dns_node *wildcard_below(const struct dns_view *v, const struct dns_node *n)
{
	struct dns_name star = {.b = {1, '*'}};

	if (n->len + 2u > DNS_NAME_MAX)
		return NULL;
	memcpy(star.b + 2, n->name, n->len);
	return node_find(v, star.b, n->len + 2u);
}

static bool is_cut(const struct dns_node *n)
{
	return n->rrsets && !n->apex && dns_node_rrset(n, DNS_NS);
}

/* How far the way from the query's name to the root has come. */
struct search {
	const struct dns_rule *rule;  /* forwards, unless a record outside every zone is closer */
	const struct dns_node *owner; /* the closest name with records, while no zone is found */
	bool system;		      /* a system rule was met: forwarding rules above are off */
};

/* One name on the way. True: the zone is found. */
static bool visit(struct search *s, const struct dns_node *n, struct dns_found *ret)
{
	if (n->rule && n->rule->n && !s->system && !s->rule)
		s->rule = n->rule;
	if (n->rule && !n->rule->n)
		s->system = true;
	if (n->rrsets && !s->owner)
		s->owner = n;
	if (is_cut(n)) {
		ret->cut = n;
		name_set(&ret->cut_name, n->name, n->len);
	}
	if (n->apex)
		ret->zone = n;
	return n->apex;
}

static enum dns_place place_of(const struct search *s, struct dns_found *ret)
{
	/* An owner outside every zone is a zone of its own, and closer than any rule. */
	if (!ret->zone && s->owner)
		ret->zone = s->owner;
	else if (s->rule)
		ret->zone = NULL;
	if (ret->zone)
		return DNS_INSIDE;
	ret->rule = s->rule;
	return s->rule ? DNS_RULED : DNS_OUTSIDE;
}

enum dns_place dns_view_find(const struct dns_view *v, const struct dns_name *name,
			     struct dns_found *ret)
{
	const uint8_t *label = name->b, *end = name->b + name->len;
	const struct dns_node *encloser = NULL;
	struct search s = {0};

	ret->view = v;
	ret->zone = ret->node = ret->wildcard = ret->cut = NULL;
	ret->rule = NULL;
	for (;; label += *label + 1) {
		const struct dns_node *n = node_find(v, label, (unsigned)(end - label));

		if (n && label == name->b)
			ret->node = n;
		if (n && !encloser)
			encloser = n;
		if ((n && visit(&s, n, ret)) || !*label)
			break;
	}
	ret->place = place_of(&s, ret);
	if (ret->place != DNS_INSIDE)
		return ret->place;
	name_set(&ret->origin, ret->zone->name, ret->zone->len);
	if (!ret->zone->apex)
		ret->cut = NULL; /* there is no zone that could delegate */
	else if (!ret->node && !ret->cut)
		ret->wildcard = wildcard_below(v, encloser);
	return ret->place;
}

bool dns_view_find_parent(const struct dns_view *v, const struct dns_name *name,
			  struct dns_found *ret)
{
	const struct dns_node *child = node_find(v, name->b, name->len);
	struct dns_name above = dns_name_parent(name);

	if (!child || !child->apex || name->len == 1 ||
	    dns_view_find(v, &above, ret) != DNS_INSIDE || !ret->zone->apex)
		return false;
	ret->node = child->parent_side;
	ret->wildcard = ret->cut = NULL;
	return true;
}

const struct dns_denial *dns_view_denial(const struct dns_view *v)
{
	return v->denial;
}

const char *dns_view_anchors(const struct dns_view *v)
{
	return v->anchors;
}

const struct dns_node *dns_view_node(const struct dns_view *v, const struct dns_name *name)
{
	return node_find(v, name->b, name->len);
}

struct dns_name dns_node_name(const struct dns_node *n)
{
	struct dns_name name;

	name_set(&name, n->name, n->len);
	return name;
}

const uint8_t *dns_node_wire(const struct dns_node *n)
{
	return n->name;
}

const struct dns_node *dns_node_parent_side(const struct dns_node *n)
{
	return n->parent_side;
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

const struct dns_rrset *dns_rrset_sibling(const struct dns_rrset *s)
{
	return s->next && s->next->type == s->type ? s->next : NULL;
}

/* ---- SOA ---- */

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
