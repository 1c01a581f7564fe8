/* SPDX-License-Identifier: MIT
 * Scalar value types; see types.h. Lists, records and maps: compound.c.
 */
#include "model/types.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model/suggest.h"

#define VALUE_SHOWN 60 /* characters of a refused value */

int value_refuse(const struct json *j, struct err *e, const char *fmt, ...)
{
	cleanup_free char *text = json_print(j);
	char rule[sizeof(e->msg) / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rule, sizeof(rule), fmt, ap);
	va_end(ap);
	return err_set(e, -EINVAL, "InvalidParameterValue", "", "%.*s%s is not %s", VALUE_SHOWN,
		       text ? text : "", text && strlen(text) > VALUE_SHOWN ? "…" : "", rule);
}

int err_within(struct err *e, const char *name)
{
	char path[2 * sizeof(e->field)];

	snprintf(path, sizeof(path), "%.*s%s%.*s", 180, name, *e->field ? "/" : "", 180, e->field);
	snprintf(e->field, sizeof(e->field), "%.*s", (int)sizeof(e->field) - 1, path);
	return e->rc;
}

static int no_memory(struct err *e)
{
	return err_sys(e, -ENOMEM, "parse");
}

/* ---- bool ---- */

static int bool_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	if (json_type(j) != JSON_BOOL)
		return value_refuse(j, e, "true or false");
	*(bool *)p = json_bool(j);
	return 0;
}

static struct json *bool_print(const struct field *f, const void *p)
{
	return json_new_bool(*(const bool *)p);
}

static int bool_compare(const struct field *f, const void *a, const void *b)
{
	return *(const bool *)a - *(const bool *)b;
}

static void bool_format(const struct field *f, const void *p, struct buf *b)
{
	buf_puts(b, *(const bool *)p ? "true" : "false");
}

static void bool_schema(const struct field *f, struct json *out)
{
	json_set_str(out, "type", "boolean");
}

/* ---- int ---- */

static bool bounded(const struct field *f)
{
	return f->min || f->max;
}

static int int_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	int64_t v = (int64_t)json_num(j);

	if (bounded(f) && (!json_is_int(j) || v < f->min || v > f->max))
		return value_refuse(j, e, "an integer from %lld to %lld", (long long)f->min,
				    (long long)f->max);
	if (!json_is_int(j))
		return value_refuse(j, e, "an integer");
	*(int64_t *)p = v;
	return 0;
}

static struct json *int_print(const struct field *f, const void *p)
{
	return json_new_num(*(const int64_t *)p);
}

static int int_compare(const struct field *f, const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void int_format(const struct field *f, const void *p, struct buf *b)
{
	buf_printf(b, "%lld", (long long)*(const int64_t *)p);
}

static void int_schema(const struct field *f, struct json *out)
{
	json_set_str(out, "type", "integer");
	if (!bounded(f))
		return;
	json_set_num(out, "minimum", f->min);
	json_set_num(out, "maximum", f->max);
}

/* ---- enum ---- */

static int enum_refuse(const struct field *f, const struct json *j, struct err *e)
{
	struct suggestion s = {.wanted = json_str(j) ? json_str(j) : ""};
	cleanup_buf struct buf names = {0};
	char hint[SUGGEST_STRLEN];

	for (int i = 0; f->values[i]; i++) {
		buf_printf(&names, "%s%s", i ? ", " : "", f->values[i]);
		suggest(&s, f->values[i]);
	}
	return value_refuse(j, e, "one of %s%s", buf_str(&names), suggest_text(&s, hint));
}

static int enum_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	for (int i = 0; s && f->values[i]; i++) {
		if (strcmp(s, f->values[i]))
			continue;
		*(int *)p = i;
		return 0;
	}
	return enum_refuse(f, j, e);
}

static struct json *enum_print(const struct field *f, const void *p)
{
	return json_new_str(f->values[*(const int *)p]);
}

static int enum_compare(const struct field *f, const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void enum_format(const struct field *f, const void *p, struct buf *b)
{
	buf_puts(b, f->values[*(const int *)p]);
}

static void enum_schema(const struct field *f, struct json *out)
{
	struct json *names = json_new_arr();

	for (int i = 0; f->values[i]; i++)
		json_append(names, json_new_str(f->values[i]));
	json_set(out, "enum", names);
}

/* ---- string and ref ---- */

/* UTF-8 characters, as JSON Schema counts. */
static int64_t characters(const char *s)
{
	int64_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static int string_store(const char *s, void *p, struct err *e)
{
	char *copy = strdup(s);

	if (!copy)
		return no_memory(e);
	free(*(char **)p);
	*(char **)p = copy;
	return 0;
}

static int string_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	if (!s)
		return value_refuse(j, e, "a string");
	if (bounded(f) && (characters(s) < f->min || characters(s) > f->max))
		return value_refuse(j, e, "a string of %lld to %lld characters", (long long)f->min,
				    (long long)f->max);
	return string_store(s, p, e);
}

static int ref_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	if (!s || !*s)
		return value_refuse(j, e, "the id or name of %s %s",
				    f->ref ? kinds[f->ref]->name : "an", f->ref ? "" : "object");
	return string_store(s, p, e);
}

static struct json *string_print(const struct field *f, const void *p)
{
	const char *s = *(char *const *)p;

	return s ? json_new_str(s) : NULL;
}

static int string_compare(const struct field *f, const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return x && y ? strcmp(x, y) : !!x - !!y;
}

static void string_format(const struct field *f, const void *p, struct buf *b)
{
	const char *s = *(char *const *)p;

	buf_puts(b, s ? s : "");
}

static void string_schema(const struct field *f, struct json *out)
{
	json_set_str(out, "type", "string");
	if (!bounded(f))
		return;
	json_set_num(out, "minLength", f->min);
	json_set_num(out, "maxLength", f->max);
}

static void string_done(const struct field *f, void *p)
{
	free(*(char **)p);
}

static int string_copy(const struct field *f, const void *from, void *to)
{
	const char *s = *(char *const *)from;
	char *copy = s ? strdup(s) : NULL;

	*(char **)to = copy;
	return s && !copy ? -ENOMEM : 0;
}

/* ---- ip, cidr, mac: a parser and a formatter of lib/addr.h each ---- */

static void pattern_schema(struct json *out, const char *pattern)
{
	json_set_str(out, "type", "string");
	json_set_str(out, "pattern", pattern);
}

static int ip_value_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	if (s && (f->flags & AUTO) && !strcmp(s, "auto")) {
		*(struct ip *)p = (struct ip){.family = IP_AUTO};
		return 0;
	}
	if (!s || ip_parse(s, p))
		return value_refuse(j, e, "an IP address such as 10.0.0.5%s",
				    f->flags & AUTO ? ", or \"auto\"" : "");
	return 0;
}

static void ip_value_format(const struct field *f, const void *p, struct buf *b)
{
	char text[IP_STRLEN];

	buf_puts(b, ip_format(p, text));
}

static int ip_value_compare(const struct field *f, const void *a, const void *b)
{
	return ip_cmp(a, b);
}

static void ip_schema(const struct field *f, struct json *out)
{
	pattern_schema(out, f->flags & AUTO ? "^([0-9A-Fa-f:.]+|auto)$" : "^[0-9A-Fa-f:.]+$");
}

/* Host bits are cleared, as EC2 does (VPC User Guide, vpc-cidr-blocks). */
static int cidr_value_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);
	struct cidr c;

	if (s && (f->flags & AUTO) && !strcmp(s, "auto")) {
		*(struct cidr *)p = (struct cidr){.len = CIDR_AUTO};
		return 0;
	}
	if (!s || cidr_parse(s, &c))
		return value_refuse(j, e, "an address range such as 10.0.0.0/16%s",
				    f->flags & AUTO ? ", or \"auto\"" : "");
	if ((f->flags & NETWORK) && !cidr_is_canonical(&c)) {
		char text[CIDR_STRLEN];

		c = cidr_canonical(&c);
		return value_refuse(j, e, "a network address: host bits are set, %s has none",
				    cidr_format(&c, text));
	}
	*(struct cidr *)p = cidr_canonical(&c);
	return 0;
}

static void cidr_value_format(const struct field *f, const void *p, struct buf *b)
{
	char text[CIDR_STRLEN];

	buf_puts(b, cidr_format(p, text));
}

static int cidr_value_compare(const struct field *f, const void *a, const void *b)
{
	return cidr_cmp(a, b);
}

static void cidr_schema(const struct field *f, struct json *out)
{
	pattern_schema(out, f->flags & AUTO ? "^([0-9A-Fa-f:.]+/[0-9]{1,3}|auto)$"
					    : "^[0-9A-Fa-f:.]+/[0-9]{1,3}$");
}

static int mac_value_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	if (!s || mac_parse(s, p))
		return value_refuse(j, e, "a MAC address such as 02:00:00:00:00:01");
	return 0;
}

static void mac_value_format(const struct field *f, const void *p, struct buf *b)
{
	char text[MAC_STRLEN];

	buf_puts(b, mac_format(p, text));
}

static int mac_value_compare(const struct field *f, const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mac));
}

static void mac_schema(const struct field *f, struct json *out)
{
	pattern_schema(out, "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$");
}

/* Of a type whose JSON is the text that `format` writes. */
static struct json *text_print(const struct field *f, const void *p)
{
	cleanup_buf struct buf b = {0};

	value_format(f, p, &b);
	return b.len ? json_new_str(buf_str(&b)) : NULL;
}

/* ---- proto ---- */

static const struct {
	int number;
	const char *name;
} protos[] = {{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "icmpv6"}, {-1, "-1"}};

const char *proto_name(int proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (protos[i].number == proto)
			return protos[i].name;
	return NULL;
}

/* Decimal digits of 0 to 255; -2: none. */
static int proto_number(const char *s)
{
	int n = 0;

	if (!*s || strlen(s) > 3)
		return -2;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -2;
		n = 10 * n + *s - '0';
	}
	return n > 255 ? -2 : n;
}

static int proto_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);
	int n = -2;

	if (s)
		n = !strcmp(s, "all") ? -1 : proto_number(s);
	else if (json_is_int(j) && json_num(j) >= -1 && json_num(j) <= 255)
		n = (int)json_num(j);
	for (size_t i = 0; s && i < ARRAY_SIZE(protos); i++)
		if (!strcmp(s, protos[i].name))
			n = protos[i].number;
	if (n < -1)
		return value_refuse(j, e,
				    "a protocol: tcp, udp, icmp, icmpv6, -1 for all, or a "
				    "number from 0 to 255");
	*(int *)p = n;
	return 0;
}

static void proto_format(const struct field *f, const void *p, struct buf *b)
{
	int n = *(const int *)p;
	const char *name = proto_name(n);

	if (name)
		buf_puts(b, name);
	else
		buf_printf(b, "%d", n);
}

static void proto_schema(const struct field *f, struct json *out)
{
	struct json *types = json_new_arr();

	json_append(types, json_new_str("string"));
	json_append(types, json_new_str("integer"));
	json_set(out, "type", types);
}

/* ---- time ---- */

int time_parse(const char *s, int64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return -EINVAL;
	*ret = timegm(&tm);
	return 0;
}

const char *time_format(int64_t t, char *buf)
{
	time_t seconds = t;
	struct tm tm;

	*buf = '\0';
	if (gmtime_r(&seconds, &tm))
		strftime(buf, TIME_STRLEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static int time_value_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	const char *s = json_str(j);

	if (!s || time_parse(s, p))
		return value_refuse(j, e, "a time such as 2026-01-31T12:00:00Z");
	return 0;
}

static void time_value_format(const struct field *f, const void *p, struct buf *b)
{
	int64_t t = *(const int64_t *)p;
	char text[TIME_STRLEN];

	buf_puts(b, t ? time_format(t, text) : "");
}

static void time_schema(const struct field *f, struct json *out)
{
	json_set_str(out, "type", "string");
	json_set_str(out, "format", "date-time");
}

/* ---- all of them ---- */

static const struct type_ops scalars[] = {
	[T_BOOL] = {"bool", bool_parse, bool_print, bool_compare, bool_format, bool_schema},
	[T_INT] = {"int", int_parse, int_print, int_compare, int_format, int_schema},
	[T_ENUM] = {"enum", enum_parse, enum_print, enum_compare, enum_format, enum_schema},
	[T_STRING] = {"string", string_parse, string_print, string_compare, string_format,
		      string_schema, string_done, string_copy},
	[T_IP] = {"ip", ip_value_parse, text_print, ip_value_compare, ip_value_format, ip_schema},
	[T_CIDR] = {"cidr", cidr_value_parse, text_print, cidr_value_compare, cidr_value_format,
		    cidr_schema},
	[T_MAC] = {"mac", mac_value_parse, text_print, mac_value_compare, mac_value_format,
		   mac_schema},
	[T_PROTO] = {"proto", proto_parse, text_print, enum_compare, proto_format, proto_schema},
	[T_TIME] = {"time", time_value_parse, text_print, int_compare, time_value_format,
		    time_schema},
	[T_REF] = {"ref", ref_parse, string_print, string_compare, string_format, string_schema,
		   string_done, string_copy},
};

const struct type_ops *type_of(const struct field *f)
{
	switch (f->type) {
	case T_LIST:
		return &type_list;
	case T_RECORD:
		return &type_record;
	case T_MAP:
		return &type_map;
	default:
		return &scalars[f->type];
	}
}

int value_parse(const struct field *f, const struct json *j, void *p, struct err *e)
{
	return type_of(f)->parse(f, j, p, e);
}

struct json *value_print(const struct field *f, const void *p)
{
	return type_of(f)->print(f, p);
}

int value_compare(const struct field *f, const void *a, const void *b)
{
	return type_of(f)->compare(f, a, b);
}

int value_copy(const struct field *f, const void *from, void *to)
{
	if (type_of(f)->copy)
		return type_of(f)->copy(f, from, to);
	memcpy(to, from, f->size);
	return 0;
}

void value_clear(const struct field *f, void *p)
{
	if (type_of(f)->done)
		type_of(f)->done(f, p);
	memset(p, 0, f->size);
}

void value_format(const struct field *f, const void *p, struct buf *b)
{
	type_of(f)->format(f, p, b);
}

struct json *value_schema(const struct field *f)
{
	struct json *out = json_new_obj();

	type_of(f)->schema(f, out);
	return out;
}

/* JSON of a plain value; anything else is a string. */
static struct json *text_to_json(const struct field *f, const char *text)
{
	struct json *j;
	bool plain = f->type == T_BOOL || f->type == T_INT || f->type == T_LIST ||
		     f->type == T_MAP || f->type == T_RECORD;

	if (!plain || json_parse(text, strlen(text), false, &j, NULL))
		return json_new_str(text);
	return j;
}

struct json *field_schema(const struct field *f)
{
	struct json *s = value_schema(f);

	json_set_str(s, "description", f->help);
	if (f->def)
		json_set(s, "default", text_to_json(f, f->def));
	return s;
}

int value_parse_text(const struct field *f, const char *text, void *p, struct err *e)
{
	cleanup_json struct json *j = text_to_json(f, text);

	return value_parse(f, j, p, e);
}

bool value_is_set(const struct field *f, const void *p)
{
	switch (f->type) {
	case T_BOOL:
	case T_INT:
	case T_ENUM:
	case T_PROTO:
	case T_RECORD:
		return true;
	case T_LIST:
		return ((const struct list *)p)->n;
	case T_MAP:
		return ((const struct map *)p)->n;
	default:
		for (size_t i = 0; i < f->size; i++)
			if (((const char *)p)[i])
				return true;
		return false;
	}
}

bool value_is_absent(const struct field *f, const void *p)
{
	return f->oneof && (f->type == T_BOOL ? !*(const bool *)p : !value_is_set(f, p));
}
