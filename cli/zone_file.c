/* SPDX-License-Identifier: MIT
 * See zone_file.h.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ldns/ldns.h>
#include <uthash.h>

#include "cli/zone_file.h"
#include "lib/buf.h"

/* A set's place in the file's list, by "name type". */
struct place {
	UT_hash_handle hh;
	size_t at;
	char key[];
};

struct reader {
	struct zone_file *out;
	struct place *places;
	ldns_rdf *origin; /* of the zone; NULL: not known yet */
	unsigned line;
	bool is_signed;
	struct err *e;
};

static int refuse(struct reader *r, const char *rule, const char *what)
{
	return err_set(r->e, -EINVAL, "InvalidZoneFile", "", "%s%s%.200s", rule, *what ? ": " : "",
		       what);
}

static char *text_of(const ldns_rdf *name)
{
	char *text = ldns_rdf2str(name);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		abort();
	if (n > 1 && text[n - 1] == '.')
		text[n - 1] = 0;
	for (char *p = text; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	return text;
}

/* The owner relative to the zone, "@" for its apex; NULL: it lies outside. malloc'd. */
static char *relative(const struct reader *r, const ldns_rdf *owner)
{
	cleanup_free char *name = text_of(owner);
	size_t n = strlen(name), zone = strlen(r->out->origin);

	if (!strcmp(name, r->out->origin))
		return strdup("@");
	if (n < zone + 2 || strcmp(name + n - zone, r->out->origin) || name[n - zone - 1] != '.')
		return NULL;
	return strndup(name, n - zone - 1);
}

/* The record's data; names in it are absolute. */
static char *data_of(const ldns_rr *rr)
{
	cleanup_buf struct buf b = {0};

	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		cleanup_free char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));
		size_t n = text ? strlen(text) : 0;

		if (n && text[n - 1] == ' ') /* a list of types ends so */
			text[n - 1] = 0;
		buf_printf(&b, "%s%s", i ? " " : "", text ? text : "");
	}
	return buf_take(&b);
}

static struct zone_set *set_get(struct reader *r, const char *name, const char *type)
{
	struct zone_file *z = r->out;
	char key[300];
	struct place *p;

	snprintf(key, sizeof(key), "%.260s %s", name, type);
	HASH_FIND_STR(r->places, key, p);
	if (p)
		return &z->v[p->at];
	if (z->n == z->cap) {
		z->cap = z->cap ? 2 * z->cap : 64;
		z->v = reallocarray(z->v, z->cap, sizeof(*z->v));
	}
	p = calloc(1, sizeof(*p) + strlen(key) + 1);
	if (!z->v || !p)
		abort();
	strcpy(p->key, key);
	p->at = z->n;
	HASH_ADD_STR(r->places, key, p);
	z->v[z->n] = (struct zone_set){r->line, json_new_obj()};
	json_set_str(z->v[z->n].spec, "RecordName", name);
	json_set_str(z->v[z->n].spec, "Type", type);
	json_set(z->v[z->n].spec, "Values", json_new_arr());
	return &z->v[z->n++];
}

/* One TTL a set: the smallest (RFC 2181 section 5.2). */
static void set_add(struct zone_set *s, uint32_t ttl, const char *data)
{
	const struct json *had = json_get(s->spec, "TTL");
	struct json *values = json_get(s->spec, "Values");

	if (!had || ttl < json_num(had))
		json_set_num(s->spec, "TTL", ttl);
	json_for_each (v, values)
		if (!strcmp(json_str(v), data))
			return;
	json_append(values, json_new_str(data));
}

static bool is_served(ldns_rr_type type)
{
	static const ldns_rr_type served[] = {
		LDNS_RR_TYPE_A,	    LDNS_RR_TYPE_AAAA, LDNS_RR_TYPE_CNAME, LDNS_RR_TYPE_TXT,
		LDNS_RR_TYPE_MX,    LDNS_RR_TYPE_NS,   LDNS_RR_TYPE_SRV,   LDNS_RR_TYPE_PTR,
		LDNS_RR_TYPE_CAA,   LDNS_RR_TYPE_SOA,  LDNS_RR_TYPE_DS,	   LDNS_RR_TYPE_DNSKEY,
		LDNS_RR_TYPE_RRSIG, LDNS_RR_TYPE_NSEC, LDNS_RR_TYPE_NSEC3, LDNS_RR_TYPE_NSEC3PARAM};

	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		if (served[i] == type)
			return true;
	return false;
}

/* A zone has an SOA record and name servers of its own, unless they are signed. */
static void leave_out_own(struct reader *r)
{
	struct zone_file *z = r->out;
	size_t kept = 0;

	for (size_t i = 0; i < z->n && !r->is_signed; i++) {
		const char *type = json_str(json_get(z->v[i].spec, "Type"));

		if (!strcmp(json_str(json_get(z->v[i].spec, "RecordName")), "@") &&
		    (!strcmp(type, "SOA") || !strcmp(type, "NS"))) {
			json_free(z->v[i].spec);
		} else {
			z->v[kept++] = z->v[i];
		}
	}
	z->n = r->is_signed ? z->n : kept;
}

static int record_add(struct reader *r, const ldns_rr *rr)
{
	cleanup_free char *type = ldns_rr_type2str(ldns_rr_get_type(rr));
	cleanup_free char *name = NULL, *data = NULL;

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return refuse(r, "only class IN is served", "");
	if (!r->out->origin)
		r->out->origin = text_of(ldns_rr_owner(rr)); /* a file begins with its SOA */
	name = relative(r, ldns_rr_owner(rr));
	if (!name) {
		cleanup_free char *owner = text_of(ldns_rr_owner(rr));

		return refuse(r, "the name lies outside the zone", owner);
	}
	r->is_signed |= ldns_rr_get_type(rr) == LDNS_RR_TYPE_DNSKEY;
	if (!is_served(ldns_rr_get_type(rr)))
		return refuse(
			r,
			"A, AAAA, CNAME, TXT, MX, NS, SRV, PTR, CAA and signed zones' types are "
			"served, not",
			type);
	data = data_of(rr);
	set_add(set_get(r, name, type), ldns_rr_ttl(rr), data);
	return 0;
}

static int read_all(struct reader *r, FILE *f)
{
	ldns_rdf *origin = r->out->origin ? ldns_dname_new_frm_str(r->out->origin) : NULL;
	ldns_rdf *previous = NULL;
	uint32_t ttl = 60;
	int line = 1, rc = 0;

	while (!rc && !feof(f)) {
		ldns_rr *rr = NULL;
		ldns_status s;

		r->line = (unsigned)line;
		s = ldns_rr_new_frm_fp_l(&rr, f, &ttl, &origin, &previous, &line);
		if (s == LDNS_STATUS_OK)
			rc = record_add(r, rr);
		else if (s == LDNS_STATUS_SYNTAX_INCLUDE)
			rc = refuse(r, "$INCLUDE and $GENERATE are not read", "");
		else if (s == LDNS_STATUS_SYNTAX_ORIGIN && !r->out->origin && origin)
			r->out->origin = text_of(origin);
		else if (s != LDNS_STATUS_SYNTAX_TTL && s != LDNS_STATUS_SYNTAX_ORIGIN &&
			 s != LDNS_STATUS_SYNTAX_EMPTY)
			rc = refuse(r, ldns_get_errorstr_by_id(s), "");
		ldns_rr_free(rr);
	}
	ldns_rdf_deep_free(origin);
	ldns_rdf_deep_free(previous);
	return rc;
}

int zone_file_read(FILE *f, const char *origin, struct zone_file *ret, unsigned *ret_line,
		   struct err *e)
{
	struct reader r = {.out = ret, .e = e};
	struct place *p, *tmp;
	int rc;

	*ret = (struct zone_file){.origin = origin ? strdup(origin) : NULL};
	rc = read_all(&r, f);
	leave_out_own(&r);
	*ret_line = r.line;
	HASH_ITER (hh, r.places, p, tmp) {
		HASH_DEL(r.places, p);
		free(p);
	}
	if (!rc && !ret->n) {
		*ret_line = 0;
		rc = err_set(e, -EINVAL, "InvalidZoneFile", "", "there is no record in it");
	}
	if (rc)
		zone_file_done(ret);
	return rc;
}

void zone_file_done(struct zone_file *z)
{
	for (size_t i = 0; i < z->n; i++)
		json_free(z->v[i].spec);
	free(z->v);
	free(z->origin);
	*z = (struct zone_file){0};
}

/* ---- writing ---- */

/* Names in record data are absolute, with or without a final dot; a master file wants it. */
static bool ends_with_name(const char *type)
{
	static const char *const types[] = {"CNAME", "MX", "NS", "SRV", "PTR"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcasecmp(types[i], type))
			return true;
	return false;
}

void zone_file_write(FILE *f, const char *origin, const struct json *records)
{
	fprintf(f, "$ORIGIN %s.\n", origin);
	json_for_each (r, records) {
		const char *type = json_str(json_get(r, "Type"));
		const char *set = json_str(json_get(r, "SetIdentifier"));

		json_for_each (v, json_get(r, "Values")) {
			const char *data = json_str(v);
			bool dot = ends_with_name(type) && data[strlen(data) - 1] != '.';

			fprintf(f, "%s%s\t%.0f\tIN\t%s\t%s%s", *data == '@' || set ? "; " : "",
				json_str(json_get(r, "RecordName")), json_num(json_get(r, "TTL")),
				type, data, dot ? "." : "");
			fprintf(f, "%s%s\n", set ? " ; set " : "", set ? set : "");
		}
	}
}
