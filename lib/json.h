/* SPDX-License-Identifier: MIT
 * JSON values (the only user of cJSON). Objects keep the order of insertion.
 *
 * Ownership: a value obtained by get/at/iteration belongs to its document; json_set/json_append
 * take the child over. Numbers are doubles; integers are exact up to 2^53.
 */
#ifndef VPCD_LIB_JSON_H
#define VPCD_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"

struct json; /* one value: null, bool, number, string, array or object */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_MAX_DEPTH 64

/* Parses strict JSON (RFC 8259) or, with comments, JSON in which // and block comments count as
 * spaces. A syntax error gives -EINVAL, code MalformedJSON and "line L, column C: …"; duplicate
 * keys in one object, trailing text, invalid UTF-8 and a depth over JSON_MAX_DEPTH are errors. */
int json_parse(const char *text, size_t len, bool comments, struct json **ret, struct err *e);

/* Line and column (from 1) of the value that an RFC 6901 pointer names in the same text; with key,
 * of the member's key. -ENOENT if there is none. For error messages. */
int json_locate(const char *text, size_t len, bool comments, const char *pointer, bool key,
		unsigned *ret_line, unsigned *ret_col);

char *json_print(const struct json *j);	       /* one line; malloc'd */
char *json_print_pretty(const struct json *j); /* two-space indent, final newline; malloc'd */
void json_free(struct json *j);
struct json *json_copy(const struct json *j);
bool json_equal(const struct json *a, const struct json *b); /* order of members ignored */

enum json_type json_type(const struct json *j);
const char *json_type_name(enum json_type t); /* "object", … */

struct json *json_new_null(void);
struct json *json_new_bool(bool v);
struct json *json_new_num(double v);
struct json *json_new_str(const char *s);
struct json *json_new_arr(void);
struct json *json_new_obj(void);

bool json_bool(const struct json *j);	    /* false unless true */
double json_num(const struct json *j);	    /* 0 unless a number */
const char *json_str(const struct json *j); /* NULL unless a string */
bool json_is_int(const struct json *j);	    /* a number without a fraction, within 2^53 */

size_t json_len(const struct json *j); /* members or elements; 0 for scalars and NULL */
struct json *json_get(const struct json *obj, const char *key); /* NULL if absent */
struct json *json_at(const struct json *arr, size_t i);
const char *json_key(const struct json *member); /* key of an object's member, else NULL */
struct json *json_first(const struct json *container);
struct json *json_next(const struct json *child);

/* Replace or add a member. NULL v removes it. */
void json_set(struct json *obj, const char *key, struct json *v);
void json_set_str(struct json *obj, const char *key, const char *v);
void json_set_num(struct json *obj, const char *key, double v);
void json_set_bool(struct json *obj, const char *key, bool v);
void json_append(struct json *arr, struct json *v);
/* Detaches a member and hands it over; NULL if absent. */
struct json *json_detach(struct json *obj, const char *key);

/* RFC 7396: target := target merged with patch; null members of the patch remove. */
void json_merge(struct json *target, const struct json *patch);

#define json_for_each(it, container) \
	for (struct json *it = json_first(container); it; it = json_next(it))

DEFINE_CLEANUP(struct json *, json_free)
#define cleanup_json cleanup(json_freep)

#endif
