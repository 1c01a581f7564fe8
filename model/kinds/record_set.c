/* SPDX-License-Identifier: MIT
 * Record set: all records of one name and type in a hosted zone.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/domain.h"

static const struct field elem_value = {
	.name = "Value", .type = T_STRING, .size = sizeof(char *), .min = 1, .max = 4000};

static const struct field fields[] = {
	REF(record_set, hosted_zone_id, "HostedZoneId", KIND_HOSTED_ZONE,
	    .flags = REQUIRED | IMMUTABLE | CASCADE | COLUMN, .help = "Zone that it belongs to"),
	FIELD(record_set, record_name, "RecordName", .flags = REQUIRED | IMMUTABLE | COLUMN,
	      .max = 253, .help = "Name within the zone; @ is the zone's own, * a wildcard"),
	FIELD(record_set, type, "Type", .flags = REQUIRED | IMMUTABLE | COLUMN, .max = 8,
	      .help = "A, AAAA, CNAME, TXT, MX, SRV, NS, PTR or CAA"),
	FIELD(record_set, ttl, "TTL", .def = "60", .min = 0, .max = 2147483647,
	      .help = "Seconds that an answer may be kept"),
	FIELD(record_set, values, "Values", .flags = REQUIRED | COLUMN, .elem = &elem_value,
	      .help = "Data as in a master file, or @NAME for a sandbox's address"),
	{0},
};

static int refuse(struct err *e, const struct record_set *r, const char *value, const char *rule)
{
	return err_set(e, -EINVAL, "InvalidChangeBatch", "Values", "%s \"%.64s\" of %s: %s",
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

/* N numbers up to 65535, then a name: MX (1) and SRV (3). */
static bool is_numbers_and_target(const char *value, int n)
{
	char *end;

	for (; n > 0; n--) {
		unsigned long v = strtoul(value, &end, 10);

		if (end == value || v > 65535 || *end != ' ')
			return false;
		value = end + strspn(end, " ");
	}
	return is_target(value);
}

static int address_value(struct txn *t, const struct record_set *r, const char *value,
			 struct err *e)
{
	int family = strcmp(r->type, "A") ? AF_INET6 : AF_INET;
	struct ip ip;

	if (value[0] != '@')
		return ip_parse(value, &ip) || ip.family != family
			       ? refuse(e, r, value, "no address of that family")
			       : 0;
	if (family != AF_INET)
		return refuse(e, r, value, "a sandbox has an IPv4 address only");
	if (!model_resolve(txn_model(t), KIND_INSTANCE, value + 1, NULL, NULL, NULL) ||
	    !model_resolve(txn_model(t), KIND_FUNCTION, value + 1, NULL, NULL, NULL))
		return 0;
	return refuse(e, r, value, "no instance or function of that name");
}

static int value_check(struct txn *t, const struct record_set *r, const char *value, struct err *e)
{
	if (!strcmp(r->type, "A") || !strcmp(r->type, "AAAA"))
		return address_value(t, r, value, e);
	if (!strcmp(r->type, "CNAME") || !strcmp(r->type, "NS") || !strcmp(r->type, "PTR"))
		return is_target(value) ? 0 : refuse(e, r, value, "no domain name");
	if (!strcmp(r->type, "MX"))
		return is_numbers_and_target(value, 1) ? 0 : refuse(e, r, value, "not \"10 NAME\"");
	if (!strcmp(r->type, "SRV"))
		return is_numbers_and_target(value, 3)
			       ? 0
			       : refuse(e, r, value, "not \"1 1 PORT NAME\"");
	return 0; /* TXT and CAA are text */
}

static int type_check(struct record_set *r, struct err *e)
{
	static const char *const types[] = {"A",  "AAAA", "CNAME", "TXT", "MX",
					    "NS", "SRV",  "PTR",   "CAA"};

	for (char *p = r->type; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(r->type, types[i]))
			return 0;
	return err_set(e, -EINVAL, "InvalidParameterValue", "Type",
		       "%s: A, AAAA, CNAME, TXT, MX, NS, SRV, PTR and CAA are served", r->type);
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
	for (char *p = r->record_name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

static bool clashes(const void *arg, const struct object *o)
{
	const struct record_set *r = arg, *other = AS_CONST(record_set, o);

	return strcmp(r->o.id, o->id) && !strcmp(r->record_name, other->record_name) &&
	       (!strcmp(r->type, other->type) || !strcmp(r->type, "CNAME") ||
		!strcmp(other->type, "CNAME"));
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct record_set *r = AS(record_set, new);
	const struct hosted_zone *z =
		AS_CONST(hosted_zone, model_get(txn_model(t), r->hosted_zone_id));
	const struct object *other;
	int rc = type_check(r, e);

	if (!rc && z)
		rc = name_check(r, z, e);
	if (!rc && (!r->values.n || (r->values.n > 1 && !strcmp(r->type, "CNAME"))))
		rc = err_set(e, -EINVAL, "InvalidChangeBatch", "Values", "%s of %s: %zu values",
			     r->type, r->record_name, r->values.n);
	for (size_t i = 0; !rc && i < r->values.n; i++)
		rc = value_check(t, r, ((char **)r->values.v)[i], e);
	if (rc)
		return rc;
	other = find_referrer(txn_model(t), r->hosted_zone_id, KIND_RECORD_SET, clashes, r);
	if (other)
		return err_set(e, -EEXIST, "InvalidChangeBatch", "RecordName",
			       "%s has %s records already (%s): %s", r->record_name,
			       AS_CONST(record_set, other)->type, other->id,
			       strcmp(r->type, AS_CONST(record_set, other)->type)
				       ? "a CNAME stands alone"
				       : "change them");
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
