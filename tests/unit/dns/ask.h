/* SPDX-License-Identifier: MIT
 * Asking a view, and what it says as one line of text:
 *
 *   "NOERROR aa | www.a.test 60 A 10.0.0.1; ... | a.test 60 SOA ..."
 */
#ifndef DNS_ASK_H
#define DNS_ASK_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

#include "dns/answer.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

static inline void ok(int rc, const struct err *e)
{
	if (rc)
		fail_msg("%s: %s", e->code, e->msg);
}

static inline void zone(struct dns_view *v, const char *origin)
{
	struct err e;

	ok(dns_zone_add(v, origin, &e), &e);
}

static inline void rr(struct dns_view *v, const char *owner, const char *type, const char *rdata)
{
	struct err e;

	ok(dns_record_add(v, owner, type, 60, rdata, NULL, &e), &e);
}

static inline void query_make(struct dns_query *q, const char *name, const char *type)
{
	struct err e;

	*q = (struct dns_query){.id = 7, .flags = DNS_RD, .class = DNS_CLASS_IN, .udp_size = 512};
	ok(dns_name_from_text(name, &q->name, &e), &e);
	if (!strncmp(type, "TYPE", 4))
		q->type = (uint16_t)atoi(type + 4);
	else
		q->type = !strcmp(type, "ANY") ? DNS_ANY : (uint16_t)dns_type_from_text(type, NULL);
}

static inline void add_record_text(struct buf *b, const struct dns_rr_in *in)
{
	char name[DNS_NAME_TEXT], type[12];

	buf_printf(b, "%s %u %s ", dns_name_to_text(&in->owner, name), in->rr.ttl,
		   dns_type_to_text(in->rr.type, type, sizeof(type)));
	dns_rdata_to_text(in->rr.type, in->rr.rdata, in->rr.rdlen, b);
}

/* The reply as text; malloc'd. */
static inline char *reply_text(const uint8_t *msg, size_t len)
{
	static const char *const codes[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};
	struct buf b = {0};
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;

	assert_true(rc > 0);
	buf_printf(&b, "%s%s%s", codes[msg[3] & 15], msg[2] & 4 ? " aa" : "",
		   msg[2] & 2 ? " tc" : "");
	for (int s = DNS_ANSWER; s < DNS_SECTIONS; s++)
		for (unsigned i = 0; i < count[s]; i++) {
			struct dns_rr_in in;

			assert_int_equal(dns_rr_parse(msg, len, &pos, &in), 0);
			if (in.rr.type == DNS_OPT)
				continue;
			buf_puts(&b, i ? "; " : " | ");
			add_record_text(&b, &in);
		}
	assert_int_equal(pos, len);
	return buf_take(&b);
}

static inline char *ask_with(const struct dns_ask *base, const char *name, const char *type)
{
	uint8_t buf[DNS_UDP_MAX];
	struct dns_outcome out;
	struct dns_ask ask = *base;
	struct dns_query q;
	char *text, origin[DNS_NAME_TEXT];
	size_t n;

	query_make(&q, name, type);
	ask.query = &q;
	n = dns_answer(&ask, buf, sizeof(buf), &out);
	if (n)
		return reply_text(buf, n);
	assert_true(asprintf(&text, "%s %s", out.rule ? "RULE" : "PUBLIC",
			     dns_name_to_text(&out.forward, origin)) > 0);
	return text;
}

static inline void says(const struct dns_view *v, const char *name, const char *type,
			const char *expected)
{
	cleanup_free char *text = ask_with(&(struct dns_ask){.view = v}, name, type);

	if (strcmp(text, expected))
		fail_msg("%s %s:\n  %s\nnot\n  %s", name, type, text, expected);
}

/* The answer begins so. */
static inline void begins(const struct dns_view *v, const char *name, const char *type,
			  const char *expected)
{
	cleanup_free char *text = ask_with(&(struct dns_ask){.view = v}, name, type);

	if (strncmp(text, expected, strlen(expected)))
		fail_msg("%s %s:\n  %s\ndoes not begin with\n  %s", name, type, text, expected);
}

#endif
