/* SPDX-License-Identifier: MIT
 * Flow log records. A table says of each field what it is and where a record keeps it.
 */
#include "model/flow_record.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "lib/cleanup.h"
#include "model/suggest.h"

enum value {
	VALUE_TEXT,
	VALUE_ADDRESS,
	VALUE_U8,
	VALUE_U16,
	VALUE_U64,
	VALUE_WORD, /* one of some; its number is kept */
};

static const char *const actions[] = {"ACCEPT", "REJECT", NULL};
static const char *const statuses[] = {"OK", "NODATA", "SKIPDATA", NULL};
static const char *const directions[] = {"ingress", "egress", NULL};
static const char *const types[] = {"IPv4", "IPv6", "EFA", NULL};

/* Fields that are not here are texts. */
static const struct {
	enum value value;
	size_t offset;
	const char *const *words;
} members[FLOW_FIELD_COUNT] = {
#define MEMBER(field, value_, member) [field] = {value_, offsetof(struct flow_record, member), NULL}
#define WORDS(field, words_, member) \
	[field] = {VALUE_WORD, offsetof(struct flow_record, member), words_}
	MEMBER(FLOW_FIELD_VERSION, VALUE_U16, version),
	MEMBER(FLOW_FIELD_SRCADDR, VALUE_ADDRESS, srcaddr),
	MEMBER(FLOW_FIELD_DSTADDR, VALUE_ADDRESS, dstaddr),
	MEMBER(FLOW_FIELD_SRCPORT, VALUE_U16, srcport),
	MEMBER(FLOW_FIELD_DSTPORT, VALUE_U16, dstport),
	MEMBER(FLOW_FIELD_PROTOCOL, VALUE_U8, protocol),
	MEMBER(FLOW_FIELD_PACKETS, VALUE_U64, packets),
	MEMBER(FLOW_FIELD_BYTES, VALUE_U64, bytes),
	MEMBER(FLOW_FIELD_START, VALUE_U64, start),
	MEMBER(FLOW_FIELD_END, VALUE_U64, end),
	WORDS(FLOW_FIELD_ACTION, actions, action),
	WORDS(FLOW_FIELD_LOG_STATUS, statuses, log_status),
	MEMBER(FLOW_FIELD_TCP_FLAGS, VALUE_U8, tcp_flags),
	WORDS(FLOW_FIELD_TYPE, types, type),
	MEMBER(FLOW_FIELD_PKT_SRCADDR, VALUE_ADDRESS, pkt_srcaddr),
	MEMBER(FLOW_FIELD_PKT_DSTADDR, VALUE_ADDRESS, pkt_dstaddr),
	WORDS(FLOW_FIELD_FLOW_DIRECTION, directions, flow_direction),
	MEMBER(FLOW_FIELD_TRAFFIC_PATH, VALUE_U8, traffic_path),
#undef MEMBER
#undef WORDS
};

static const struct {
	const char *name;
	unsigned version;
} names[FLOW_FIELD_COUNT] = {
#define FIELD_NAME(field, name_, version_) [FLOW_FIELD_##field] = {name_, version_},
	FLOW_FIELDS(FIELD_NAME)
#undef FIELD_NAME
};

_Static_assert(FLOW_FIELD_COUNT <= 64, "flow_record.has has a bit for each");

const struct flow_format flow_format_default = {
	.n = FLOW_FIELD_LOG_STATUS + 1,
	.fields = {FLOW_FIELD_VERSION, FLOW_FIELD_ACCOUNT_ID, FLOW_FIELD_INTERFACE_ID,
		   FLOW_FIELD_SRCADDR, FLOW_FIELD_DSTADDR, FLOW_FIELD_SRCPORT, FLOW_FIELD_DSTPORT,
		   FLOW_FIELD_PROTOCOL, FLOW_FIELD_PACKETS, FLOW_FIELD_BYTES, FLOW_FIELD_START,
		   FLOW_FIELD_END, FLOW_FIELD_ACTION, FLOW_FIELD_LOG_STATUS},
};

const char *flow_field_name(enum flow_field f)
{
	return f < FLOW_FIELD_COUNT ? names[f].name : "-";
}

void flow_record_set_text(struct flow_record *r, enum flow_field f, const char *text)
{
	r->text[f] = text;
	if (text && *text)
		r->has |= 1ull << f;
	else
		r->has &= ~(1ull << f);
}

/* ---- formats ---- */

#define SPACE " \t\r\n"

static enum flow_field field_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++)
		if (strlen(names[i].name) == len && !memcmp(names[i].name, name, len))
			return i;
	return FLOW_FIELD_OTHER;
}

static const char *field_suggest(const char *name, char *buf)
{
	struct suggestion s = {.wanted = name};

	for (unsigned i = 0; i < FLOW_FIELD_COUNT; i++)
		suggest(&s, names[i].name);
	return suggest_text(&s, buf);
}

bool flow_format_has(const struct flow_format *f, enum flow_field field)
{
	return memchr(f->fields, field, f->n) != NULL;
}

static int format_add(struct flow_format *f, enum flow_field field, const char *where,
		      struct err *e)
{
	if (field != FLOW_FIELD_OTHER && flow_format_has(f, field))
		return err_set(e, -EINVAL, "InvalidParameterValue", where,
			       "field %s is there twice", flow_field_name(field));
	if (f->n == FLOW_FORMAT_MAX)
		return err_set(e, -EINVAL, "InvalidParameterValue", where, "more than %d fields",
			       FLOW_FORMAT_MAX);
	f->fields[f->n++] = field;
	return 0;
}

/* One "${name}". */
static int format_word(struct flow_format *f, const char *word, size_t len, struct err *e)
{
	char name[64], hint[SUGGEST_STRLEN];
	enum flow_field field;

	if (len < 4 || word[0] != '$' || word[1] != '{' || memchr(word, '}', len) != word + len - 1)
		return err_set(e, -EINVAL, "InvalidParameterValue", "LogFormat",
			       "\"%.*s\": fields are written ${name}, with a space between them",
			       (int)(len < 100 ? len : 100), word);
	field = field_find(word + 2, len - 3);
	if (field != FLOW_FIELD_OTHER)
		return format_add(f, field, "LogFormat", e);
	snprintf(name, sizeof(name), "%.*s", (int)(len - 3 < 63 ? len - 3 : 63), word + 2);
	return err_set(e, -EINVAL, "InvalidParameterValue", "LogFormat", "no field %s%s", name,
		       field_suggest(name, hint));
}

int flow_format_parse(const char *text, struct flow_format *ret, struct err *e)
{
	struct flow_format f = {0};
	const char *p = text ? text : "";
	int rc;

	for (p += strspn(p, SPACE); *p; p += strspn(p, SPACE)) {
		size_t len = strcspn(p, SPACE);

		rc = format_word(&f, p, len, e);
		if (rc)
			return rc;
		p += len;
	}
	*ret = f.n ? f : flow_format_default;
	return 0;
}

int flow_format_parse_header(const char *line, struct flow_format *ret, struct err *e)
{
	const char *p = line + strspn(line, SPACE);
	struct flow_format f = {0};
	int rc;

	for (; *p; p += strspn(p, SPACE)) {
		size_t len = strcspn(p, SPACE);

		rc = format_add(&f, field_find(p, len), "header", e);
		if (rc)
			return rc;
		p += len;
	}
	if (!f.n)
		return err_set(e, -EINVAL, "InvalidParameterValue", "header", "no field");
	*ret = f;
	return 0;
}

bool flow_line_is_header(const char *line)
{
	const char *p = line + strspn(line, SPACE);

	return field_find(p, strcspn(p, SPACE)) != FLOW_FIELD_OTHER;
}

unsigned flow_format_version(const struct flow_format *f)
{
	unsigned version = 2;

	for (unsigned i = 0; i < f->n; i++)
		if (f->fields[i] < FLOW_FIELD_COUNT && names[f->fields[i]].version > version)
			version = names[f->fields[i]].version;
	return version;
}

void flow_format_print(const struct flow_format *f, struct buf *b)
{
	for (unsigned i = 0; i < f->n; i++)
		buf_printf(b, "%s${%s}", i ? " " : "", flow_field_name(f->fields[i]));
}

void flow_format_print_header(const struct flow_format *f, struct buf *b)
{
	for (unsigned i = 0; i < f->n; i++)
		buf_printf(b, "%s%s", i ? " " : "", flow_field_name(f->fields[i]));
}

/* ---- printing ---- */

/* Much of what a log is: without printf. */
static void print_number(uint64_t n, struct buf *b)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

static void print_value(const struct flow_record *r, enum flow_field f, struct buf *b)
{
	const void *p = (const char *)r + members[f].offset;
	char ip[IP_STRLEN];

	switch (members[f].value) {
	case VALUE_TEXT:
		buf_puts(b, r->text[f]);
		break;
	case VALUE_ADDRESS:
		buf_puts(b, ip_format(p, ip));
		break;
	case VALUE_U8:
		print_number(*(const uint8_t *)p, b);
		break;
	case VALUE_U16:
		print_number(*(const uint16_t *)p, b);
		break;
	case VALUE_U64:
		print_number(*(const uint64_t *)p, b);
		break;
	case VALUE_WORD:
		buf_puts(b, members[f].words[*(const uint8_t *)p]);
		break;
	}
}

void flow_record_print(const struct flow_record *r, const struct flow_format *f, struct buf *b)
{
	for (unsigned i = 0; i < f->n; i++) {
		enum flow_field field = f->fields[i];

		if (i)
			buf_puts(b, " ");
		if (field < FLOW_FIELD_COUNT && flow_record_has(r, field))
			print_value(r, field, b);
		else
			buf_puts(b, "-");
	}
}

/* ---- parsing ---- */

/* Decimal digits, nothing else. */
static int parse_number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned digit = (unsigned)(*s - '0');

		if (digit > 9 || n > (max - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	*ret = n;
	return 0;
}

static int wrong(struct err *e, enum flow_field f, const char *word, const char *what)
{
	return err_set(e, -EINVAL, "InvalidFlowRecord", flow_field_name(f), "\"%.100s\" is not %s",
		       word, what);
}

static int parse_word(const char *word, enum flow_field f, uint8_t *ret, struct err *e)
{
	const char *const *words = members[f].words;
	char expected[64] = "";

	for (uint8_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			*ret = i;
			return 0;
		}
		strcat(strcat(expected, i ? " or " : ""), words[i]);
	}
	return wrong(e, f, word, expected);
}

static int parse_value(const char *word, enum flow_field f, struct flow_record *r, struct err *e)
{
	void *p = (char *)r + members[f].offset;
	uint64_t n = 0;

	switch (members[f].value) {
	case VALUE_TEXT:
		r->text[f] = word;
		return 0;
	case VALUE_ADDRESS:
		return ip_parse(word, p) ? wrong(e, f, word, "an IP address") : 0;
	case VALUE_U8:
		if (parse_number(word, UINT8_MAX, &n))
			return wrong(e, f, word, "a number from 0 to 255");
		*(uint8_t *)p = (uint8_t)n;
		return 0;
	case VALUE_U16:
		if (parse_number(word, UINT16_MAX, &n))
			return wrong(e, f, word, "a number from 0 to 65535");
		*(uint16_t *)p = (uint16_t)n;
		return 0;
	case VALUE_U64:
		return parse_number(word, UINT64_MAX, p) ? wrong(e, f, word, "a number") : 0;
	case VALUE_WORD:
		return parse_word(word, f, p, e);
	}
	return 0;
}

int flow_record_parse(char *line, const struct flow_format *f, struct flow_record *ret,
		      struct err *e)
{
	char *save, *word = strtok_r(line, SPACE, &save);
	unsigned n = 0;
	int rc;

	memset(ret, 0, sizeof(*ret));
	for (; word; word = strtok_r(NULL, SPACE, &save), n++) {
		enum flow_field field = n < f->n ? f->fields[n] : FLOW_FIELD_OTHER;

		if (field == FLOW_FIELD_OTHER || !strcmp(word, "-"))
			continue;
		rc = parse_value(word, field, ret, e);
		if (rc)
			return rc;
		ret->has |= 1ull << field;
	}
	if (n != f->n)
		return err_set(e, -EINVAL, "InvalidFlowRecord", "",
			       "%u fields where the format has %u", n, f->n);
	return 0;
}
