/* SPDX-License-Identifier: MIT
 * Value types: one table of operations a type. A value lies at a pointer and is described by its
 * field; all-zero bytes are a valid unset value of every type. Internal to model.
 */
#ifndef VPCD_MODEL_TYPES_H
#define VPCD_MODEL_TYPES_H

#include "lib/buf.h"
#include "model/schema.h"

struct type_ops {
	const char *name; /* as schema_describe writes it */
	/* Replaces the value at p; unchanged on failure. e is not NULL; e->field becomes the path
	 * within the value, "" for the value itself. */
	int (*parse)(const struct field *f, const struct json *j, void *p, struct err *e);
	struct json *(*print)(const struct field *f, const void *p); /* NULL: unset */
	int (*compare)(const struct field *f, const void *a, const void *b);
	void (*format)(const struct field *f, const void *p, struct buf *b);
	/* Adds what a JSON Schema says of such a value. */
	void (*schema)(const struct field *f, struct json *out);
	/* NULL for values that own no memory. `done` leaves the bytes as they are. */
	void (*done)(const struct field *f, void *p);
	int (*copy)(const struct field *f, const void *from, void *to); /* to: unset */
};

const struct type_ops *type_of(const struct field *f);

/* The same by field, for values at p. */
int value_parse(const struct field *f, const struct json *j, void *p, struct err *e);
struct json *value_print(const struct field *f, const void *p);
int value_compare(const struct field *f, const void *a, const void *b);
int value_copy(const struct field *f, const void *from, void *to); /* to: unset */
void value_clear(const struct field *f, void *p);
void value_format(const struct field *f, const void *p, struct buf *b);
/* From the text of .def: JSON for lists, maps and records, the plain value otherwise. */
int value_parse_text(const struct field *f, const char *text, void *p, struct err *e);
bool value_is_set(const struct field *f, const void *p);
/* A bool that excludes others (.oneof) is absent when false: neither counted nor printed. */
bool value_is_absent(const struct field *f, const void *p);
struct json *value_schema(const struct field *f);
/* The same with the field's help and default. */
struct json *field_schema(const struct field *f);

/* The fields of a struct at base: objects and records alike. */
int fields_defaults(const struct field *fields, void *base, struct err *e);
void fields_clear(const struct field *fields, void *base);
int fields_copy(const struct field *fields, const void *from, void *to);
int fields_compare(const struct field *fields, const void *a, const void *b);
/* Excluding groups: at most one of each is set. */
int fields_check_oneof(const struct field *fields, const void *base, struct err *e);
/* InvalidParameterValue or UnknownParameter for a member that is no field, with a suggestion. */
int fields_refuse_unknown(const struct field *fields, const char *name, const char *of,
			  struct err *e);
/* {"type": "object", "properties": …} of what may be input. */
void fields_schema(const struct field *fields, struct json *out);

static inline void *field_at(const struct field *f, void *base)
{
	return (char *)base + f->offset;
}

static inline const void *field_at_const(const struct field *f, const void *base)
{
	return (const char *)base + f->offset;
}

#define field_for_each(f, fields) for (const struct field *f = (fields); f->name; f++)

extern const struct type_ops type_list, type_record, type_map; /* compound.c */

/* "<value> is not <rule>" with code InvalidParameterValue; the value is cut if long. */
int value_refuse(const struct json *j, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "<name>/" before e->field. Returns e->rc. */
int err_within(struct err *e, const char *name);

void map_done(struct map *m);
int map_copy(const struct map *from, struct map *to);
const char *map_get(const struct map *m, const char *key);	/* NULL: none */
int map_set(struct map *m, const char *key, const char *value); /* NULL value removes */

/* Names of IP protocols that are written by name; NULL: by number. */
const char *proto_name(int proto);
int time_parse(const char *s, int64_t *ret);
#define TIME_STRLEN 21
const char *time_format(int64_t t, char *buf); /* RFC 3339 UTC */

#endif
