/* SPDX-License-Identifier: MIT
 * Record set: all records of one name and type in a hosted zone.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/domain.h"
#include "model/kinds/signed.h"

static const struct field elem_value = {
	.name = "Value", .type = T_STRING, .size = sizeof(char *), .min = 1, .max = 4000};

static const struct field fields[] = {
	REF(record_set, hosted_zone_id, "HostedZoneId", KIND_HOSTED_ZONE,
	    .flags = REQUIRED | IMMUTABLE | CASCADE | COLUMN, .help = "Zone that it belongs to"),
	FIELD(record_set, record_name, "RecordName", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .max = 253, .help = "Name within the zone; @ is the zone's own, * a wildcard"),
	FIELD(record_set, type, "Type", .flags = REQUIRED | IMMUTABLE | COLUMN, .max = 10,
	      .help = "A, AAAA, CNAME, TXT, MX, SRV, NS, PTR or CAA; of public zones also SOA, DS, "
		      "DNSKEY, RRSIG, NSEC, NSEC3 and NSEC3PARAM"),
	FIELD(record_set, ttl, "TTL", .def = "60", .min = 0, .max = 2147483647,
	      .help = "Seconds that an answer may be kept"),
	FIELD(record_set, values, "Values", .flags = REQUIRED | COLUMN, .elem = &elem_value,
	      .help = "Data as in a master file, or @NAME for the address of what has that name"),
	FIELD(record_set, set_identifier, "SetIdentifier", .flags = IMMUTABLE, .min = 1, .max = 128,
	      .help = "Tells this set from others of the same name and type"),
	FIELD(record_set, weight, "Weight", .def = "0", .min = 0, .max = 255,
	      .help = "Share of the answers that a set with an identifier gets"),
	FIELD(record_set, multi_value_answer, "MultiValueAnswer", .flags = IMMUTABLE,
	      .def = "false", .help = "Whether up to eight records of all such sets are answered"),
	{0},
};

static int refuse(struct err *e, const struct record_set *r, const char *value, const char *rule)
{
	return err_set(e, -EINVAL, "InvalidChangeBatch", "Values", "%s \"%.64s\" of %.64s: %s",
		       r->type, value, r->record_name, rule);
}

static bool is_target(const char *value)
{
	char name[256];
	size_t n = strlen(value);

	if (!n || n >= sizeof(name))
		return false;
	memcpy(name, value, n + 1);
	if (name[n - 1] == '.')
		name[n - 1] = 0;
	return domain_is_valid(name, false);
}

/* N numbers up to 65535, then a name, or "." for none: MX (RFC 7505) and SRV (RFC 2782). */
static bool is_numbers_and_target(const char *value, int n)
{
	char *end;

	for (; n > 0; n--) {
		unsigned long v = strtoul(value, &end, 10);

		if (!isdigit((unsigned char)*value) || v > 65535 || *end != ' ')
			return false;
		value = end + strspn(end, " ");
	}
	return !strcmp(value, ".") || is_target(value);
}

/* Length of an octet as written: itself, \DDD or \X; 0: malformed. */
static size_t octet_length(const char *s)
{
	if (*s != '\\')
		return 1;
	if (!isdigit((unsigned char)s[1]))
		return s[1] ? 2 : 0;
	return isdigit((unsigned char)s[2]) && isdigit((unsigned char)s[3]) &&
			       (s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0' < 256
		       ? 4
		       : 0;
}

/* Behind one character-string, quoted or a word (RFC 1035, section 5.1); NULL: malformed. */
static const char *string_end(const char *s, size_t max)
{
	bool quoted = *s == '"';
	size_t n = 0;

	for (s += quoted; *s && *s != (quoted ? '"' : ' '); n++) {
		if (!octet_length(s))
			return NULL;
		s += octet_length(s);
	}
	if (n > max || (quoted && *s++ != '"') || (!quoted && !n))
		return NULL;
	return s + strspn(s, " ");
}

static bool is_text(const char *value)
{
	do {
		value = string_end(value, 255);
	} while (value && *value);
	return value;
}

/* 0 issue "ca.test" (RFC 8659) */
static bool is_caa(const char *value)
{
	size_t tag;
	char *end;

	if (!isdigit((unsigned char)*value) || strtoul(value, &end, 10) > 255 || *end != ' ')
		return false;
	value = end + strspn(end, " ");
	for (tag = 0; isalnum((unsigned char)value[tag]); tag++)
		;
	if (!tag || tag > 15 || value[tag] != ' ')
		return false;
	value = string_end(value + tag + strspn(value + tag, " "), 4000);
	return value && !*value;
}

/* ---- addresses ---- */

/* What an alias may name, in the order in which it is looked for. */
static const enum kind_id alias_kinds[] = {KIND_INSTANCE, KIND_FUNCTION, KIND_NETWORK_INTERFACE,
					   KIND_NAT_GATEWAY};

/* Whoever has the name, first where the zone is seen. */
static int name_resolve(struct txn *t, const struct hosted_zone *z, const char *name, struct err *e)
{
	const struct object *o;
	struct err other;
	int rc = -ENOENT;

	for (size_t i = 0; i == 0 || i < z->vpc_ids.n; i++) {
		const char *vpc = z->vpc_ids.n ? ((char **)z->vpc_ids.v)[i] : NULL;

		for (size_t k = 0; k < ARRAY_SIZE(alias_kinds); k++) {
			if (!model_resolve(txn_model(t), alias_kinds[k], name, vpc, &o, &other))
				return 0;
			if (rc == -ENOENT && (!k || other.rc != -ENOENT))
				*e = other;
			rc = e->rc;
		}
	}
	return rc;
}

static bool stood_before(const struct record_set *old, const char *value)
{
	for (size_t i = 0; old && i < old->values.n; i++)
		if (!strcmp(((char **)old->values.v)[i], value))
			return true;
	return false;
}

static int name_value(struct txn *t, const struct record_set *r, const struct record_set *old,
		      const char *value, struct err *e)
{
	const struct object *z = model_get(txn_model(t), r->hosted_zone_id);
	struct err why;

	if (strcmp(r->type, "A") && strcmp(r->type, "AAAA"))
		return refuse(e, r, value, "only A and AAAA records are aliases");
	if (stood_before(old, value)) /* it may have gone: no answer */
		return 0;
	return name_resolve(t, AS_CONST(hosted_zone, z), value + 1, &why)
		       ? refuse(e, r, value, why.msg)
		       : 0;
}

/* ---- values ---- */

static bool is_address(const char *value, int family)
{
	struct ip ip;

	return !ip_parse(value, &ip) && ip.family == family;
}

static bool is_ipv4(const char *value)
{
	return is_address(value, AF_INET);
}

static bool is_ipv6(const char *value)
{
	return is_address(value, AF_INET6);
}

static bool is_mx(const char *value)
{
	return is_numbers_and_target(value, 1);
}

static bool is_srv(const char *value)
{
	return is_numbers_and_target(value, 3);
}

/* Types without is_valid are those of signed zones. */
#define SIGNED "not the data of such a record (RFC 1035, 4034, 5155)"

static const struct record_type {
	const char *name;
	bool (*is_valid)(const char *value);
	const char *rule;
} types[] = {
	{"A", is_ipv4, "not an IPv4 address or @NAME"},
	{"AAAA", is_ipv6, "not an IPv6 address"},
	{"CNAME", is_target, "not a domain name"},
	{"TXT", is_text, "not strings of at most 255 octets each, in double quotes"},
	{"MX", is_mx, "not a preference and a name, \"10 mail.example.com\""},
	{"NS", is_target, "not a domain name"},
	{"SRV", is_srv, "not priority, weight, port and name, \"1 1 443 www.example.com\""},
	{"PTR", is_target, "not a domain name"},
	{"CAA", is_caa, "not flags, tag and value, '0 issue \"ca.example.com\"'"},
	{"SOA", NULL, SIGNED},
	{"DS", NULL, SIGNED},
	{"DNSKEY", NULL, SIGNED},
	{"RRSIG", NULL, SIGNED},
	{"NSEC", NULL, SIGNED},
	{"NSEC3", NULL, SIGNED},
	{"NSEC3PARAM", NULL, SIGNED},
};

static const struct record_type *type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

static bool value_is_valid(const struct record_type *type, const char *value)
{
	return type->is_valid ? type->is_valid(value) : signed_data_is_valid(type->name, value);
}

static int values_check(struct txn *t, const struct record_set *r, const struct record_set *old,
			struct err *e)
{
	const struct record_type *type = type_find(r->type);
	char **v = r->values.v;

	if (!r->values.n)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "Values", "%s of %s: no values",
			       r->type, r->record_name);
	if (r->values.n > 1 && (!strcmp(r->type, "CNAME") || !strcmp(r->type, "SOA")))
		return refuse(e, r, v[1], "such a set has one value");
	for (size_t i = 0; i < r->values.n; i++) {
		int rc = v[i][0] == '@' ? name_value(t, r, old, v[i], e) : 0;

		if (rc)
			return rc;
		if (v[i][0] != '@' && !value_is_valid(type, v[i]))
			return refuse(e, r, v[i], type->rule);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(v[i], v[j]))
				return refuse(e, r, v[i], "given twice");
	}
	return 0;
}

static int type_check(struct record_set *r, struct err *e)
{
	for (char *p = r->type; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return type_find(r->type)
		       ? 0
		       : err_set(e, -EINVAL, "InvalidParameterValue", "Type",
				 "%s: A, AAAA, CNAME, TXT, MX, NS, SRV, PTR and CAA are served",
				 r->type);
}

/* Where the records of a signed zone may stand (RFC 4034, 4035 section 2, 5155). */
static int signed_check(const struct record_set *r, const struct hosted_zone *z, struct err *e)
{
	bool apex = !strcmp(r->record_name, "@");

	if (type_find(r->type)->is_valid)
		return 0;
	if (z->vpc_ids.n)
		return err_set(
			e, -EINVAL, "InvalidChangeBatch", "Type",
			"%s: zones of VPCs are not signed, and have an SOA record of their own",
			r->type);
	if (r->set_identifier)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "SetIdentifier",
			       "%s records come in one set", r->type);
	if (!strcmp(r->type, "DS") && apex)
		return err_set(
			e, -EINVAL, "InvalidChangeBatch", "RecordName",
			"DS records stand at the name of a zone below, not at the zone's own");
	if (!apex && (!strcmp(r->type, "SOA") || !strcmp(r->type, "DNSKEY") ||
		      !strcmp(r->type, "NSEC3PARAM")))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "RecordName",
			       "%s records stand at the zone's own name, @", r->type);
	return 0;
}

static int name_check(struct record_set *r, const struct hosted_zone *z, struct err *e)
{
	bool apex = !strcmp(r->record_name, "@");

	if (!apex && !domain_is_valid(r->record_name, true))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "RecordName",
			       "%.64s is no name within a zone", r->record_name);
	if (strlen(r->record_name) + 1 + strlen(z->domain) > 253)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "RecordName",
			       "%.64s.%.64s is longer than 253 characters", r->record_name,
			       z->domain);
	if (apex && !strcmp(r->type, "CNAME"))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "RecordName",
			       "the zone's own name holds other records: no CNAME beside them");
	if (!strcmp(r->type, "NS") && !apex && (z->vpc_ids.n || r->record_name[0] == '*'))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "RecordName",
			       "%.64s NS: private zones and wildcards delegate nothing",
			       r->record_name);
	for (char *p = r->record_name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

/* Route 53 Developer Guide, "Values specific for weighted records", "… for multivalue answer". */
static int routing_check(const struct record_set *r, struct err *e)
{
	if (!r->set_identifier && (r->weight || r->multi_value_answer))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "SetIdentifier",
			       "weighted and multivalue sets are told apart by one");
	if (r->multi_value_answer && r->weight)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "Weight",
			       "a set is weighted or multivalue, not both");
	if (r->multi_value_answer && (!strcmp(r->type, "CNAME") || !strcmp(r->type, "NS")))
		return err_set(e, -EINVAL, "InvalidChangeBatch", "MultiValueAnswer",
			       "%s records have no multivalue answers", r->type);
	return 0;
}

/* Sets that share a name and type share their policy, and each has an identifier of its own. */
static bool goes_with(const struct record_set *a, const struct record_set *b)
{
	return a->set_identifier && b->set_identifier &&
	       a->multi_value_answer == b->multi_value_answer &&
	       strcmp(a->set_identifier, b->set_identifier);
}

/* RFC 2181 section 10.1; RFC 4034 section 3: but for what signs it. */
static bool is_beside_cname(const char *type)
{
	return !strcmp(type, "RRSIG") || !strcmp(type, "NSEC");
}

static bool clashes(const void *arg, const struct object *o)
{
	const struct record_set *r = arg, *other = AS_CONST(record_set, o);
	bool same_type = !strcmp(r->type, other->type);

	if (!strcmp(r->o.id, o->id) || strcmp(r->record_name, other->record_name))
		return false;
	if (same_type)
		return !goes_with(r, other);
	return (!strcmp(r->type, "CNAME") && !is_beside_cname(other->type)) ||
	       (!strcmp(other->type, "CNAME") && !is_beside_cname(r->type));
}

static const char *clash_rule(const struct record_set *r, const struct record_set *other)
{
	if (strcmp(r->type, other->type))
		return "a CNAME stands alone";
	if (!r->set_identifier && !other->set_identifier)
		return "change them";
	return "several sets have identifiers, each its own, and are all weighted or all "
	       "multivalue";
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct record_set *r = AS(record_set, new);
	const struct hosted_zone *z =
		AS_CONST(hosted_zone, model_get(txn_model(t), r->hosted_zone_id));
	const struct object *other;
	int rc = type_check(r, e);

	if (!rc)
		rc = name_check(r, z, e);
	if (!rc)
		rc = signed_check(r, z, e);
	if (!rc)
		rc = values_check(t, r, AS_CONST(record_set, old), e);
	if (!rc)
		rc = routing_check(r, e);
	if (rc || old) /* name, type and identifier are what they were */
		return rc;
	other = find_referrer(txn_model(t), r->hosted_zone_id, KIND_RECORD_SET, clashes, r);
	if (other)
		return err_set(e, -EEXIST, "InvalidChangeBatch", "RecordName",
			       "%s has %s records already (%s): %s", r->record_name,
			       AS_CONST(record_set, other)->type, other->id,
			       clash_rule(r, AS_CONST(record_set, other)));
	return 0;
}

const struct kind record_set_kind = {
	.kind = KIND_RECORD_SET,
	.name = "record-set",
	.plural = "record-sets",
	.short_name = "record",
	.id_prefix = "rr-",
	.id_field = "RecordSetId",
	.help = "The records of one name and type",
	.size = sizeof(struct record_set),
	.fields = fields,
	.check = check,
};
