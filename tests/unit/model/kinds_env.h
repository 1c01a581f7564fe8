/* SPDX-License-Identifier: MIT
 * An open transaction on an empty store with the real kinds, and refusals by code and field.
 */
#ifndef KINDS_ENV_H
#define KINDS_ENV_H

#include "test_store.h"

struct env {
	struct store *s;
	struct txn *t;
};

static inline int env_open(void **state)
{
	struct env *v = calloc(1, sizeof(*v));

	v->s = open_store(":memory:");
	v->t = txn_begin(v->s);
	*state = v;
	return v->t ? 0 : -1;
}

static inline int env_close(void **state)
{
	struct env *v = *state;

	txn_abort(v->t);
	store_close(v->s);
	free(v);
	return 0;
}

#define env_test(f) cmocka_unit_test_setup_teardown(f, env_open, env_close)

/* ---- refusals ---- */

static inline void assert_refused(int rc, const struct err *e, const char *code, const char *field)
{
	if (!rc)
		fail_msg("accepted, not %s", code);
	if (strcmp(e->code, code) || strcmp(e->field, field))
		fail_msg("%s \"%s\", not %s \"%s\": %s", e->code, e->field, code, field, e->msg);
	assert_int_equal(rc, e->rc);
	assert_true(strlen(e->msg) > 10);
	assert_int_not_equal(e->msg[strlen(e->msg) - 1], '.');
}

__attribute__((format(printf, 5, 6))) static inline void
refuse_make(struct txn *t, enum kind_id kind, const char *code, const char *field, const char *fmt,
	    ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	struct err e = {0};
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	assert_refused(txn_create(t, kinds[kind], spec, NULL, NULL, &e), &e, code, field);
}

__attribute__((format(printf, 5, 6))) static inline void refuse_patch(struct txn *t, const char *id,
								      const char *code,
								      const char *field,
								      const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	struct err e = {0};
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	assert_refused(txn_update(t, id, spec, &e), &e, code, field);
}

static inline void refuse_delete(struct txn *t, const char *id, const char *code)
{
	struct err e = {0};

	assert_refused(txn_delete(t, id, &e), &e, code, "");
}

__attribute__((format(printf, 3, 4))) static inline void change(struct txn *t, const char *id,
								const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	cleanup_free char *text = NULL;
	struct err e = {0};
	va_list ap;

	va_start(ap, fmt);
	text = vquoted(fmt, ap);
	va_end(ap);
	spec = parse(text);
	if (txn_update(t, id, spec, &e))
		fail_msg("%s: %s: %s", text, e.code, e.msg);
}

static inline void drop(struct txn *t, const char *id)
{
	struct err e = {0};

	if (txn_delete(t, id, &e))
		fail_msg("%s: %s: %s", id, e.code, e.msg);
}

/* ---- objects ---- */

#define GET(type, t, id) AS_CONST(type, model_get(txn_model(t), id))

static inline void assert_ip(const struct ip *ip, const char *expected)
{
	char text[IP_STRLEN];

	assert_string_equal(ip_format(ip, text), expected);
}

/* A member of the object as REST prints it; "" if it is not a string. Lasts until the next call. */
static inline const char *printed(const struct txn *t, const char *id, const char *member)
{
	static char text[256];
	cleanup_json struct json *j = object_to_json(txn_model(t), model_get(txn_model(t), id));
	const char *v = json_str(json_get(j, member));

	snprintf(text, sizeof(text), "%s", v ? v : "");
	return text;
}

/* VPC 10.0.0.0/16 with an internet gateway and subnet 10.0.1.0/24. */
struct net {
	const char *vpc, *igw, *subnet;
};

static inline struct net net_make(struct txn *t)
{
	struct net n;

	n.vpc = make(t, KIND_VPC, "{'Name': 'shop', 'CidrBlock': '10.0.0.0/16'}");
	n.igw = make(t, KIND_INTERNET_GATEWAY, "{'VpcId': '%s'}", n.vpc);
	n.subnet = make(t, KIND_SUBNET, "{'Name': 'a', 'VpcId': '%s', 'CidrBlock': '10.0.1.0/24'}",
			n.vpc);
	return n;
}

#endif
