/* SPDX-License-Identifier: MIT
 * See fixed.h.
 */
#include <string.h>

#include "dns/answer.h"
#include "dns/fixed.h"

struct each {
	void (*fn)(void *arg, const struct dns_fixed *f);
	void *arg;
};

static bool has_addresses(const struct dns_node *n)
{
	return dns_node_rrset(n, DNS_A) || dns_node_rrset(n, DNS_AAAA) ||
	       dns_node_rrset(n, DNS_CNAME);
}

/* Whoever looks the name up ends it at the first zero octet. */
static bool name_fits(const struct dns_name *n)
{
	return n->len <= DNS_FIXED_NAME && memchr(n->b, 0, n->len) == n->b + n->len - 1;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void give(const struct each *each, const struct dns_query *q, const uint8_t *msg, size_t n)
{
	size_t question = DNS_HEADER_LEN + q->name.len + 4u;
	struct dns_fixed f = {.name = q->name,
			      .type = q->type,
			      .flags = get16(msg + 2) & (DNS_AA | DNS_RA | DNS_RCODE),
			      .answers = (uint16_t)get16(msg + 6),
			      .authority = (uint16_t)get16(msg + 8),
			      .body = msg + question};

	/* Nothing that has no place there: truncated, or with an additional section. */
	if (n - question > DNS_FIXED_BODY || (get16(msg + 2) & DNS_TC) || get16(msg + 10))
		return;
	f.len = (uint16_t)(n - question);
	each->fn(each->arg, &f);
}

static void answer_one(const struct each *each, const struct dns_view *v,
		       const struct dns_name *name, uint16_t type)
{
	uint8_t msg[DNS_UDP_MIN];
	struct dns_query q = {.name = *name,
			      .type = type,
			      .class = DNS_CLASS_IN,
			      .flags = DNS_RD,
			      .edns = true, /* its room is kept free */
			      .udp_size = sizeof(msg)};
	struct dns_outcome out;
	size_t n = dns_answer(&(struct dns_ask){.view = v, .query = &q}, msg, sizeof(msg), &out);

	if (!n || out.varies)
		return;
	/* OPT is the last record and the only additional one. */
	msg[11]--;
	give(each, &q, msg, n - DNS_OPT_LEN);
}

static void answer_node(void *arg, const struct dns_view *v, const struct dns_node *n)
{
	const struct each *each = arg;
	const struct dns_verdict *verdict;
	struct dns_name name;

	if (!has_addresses(n))
		return;
	name = dns_node_name(n);
	verdict = dns_view_firewall(v, &name);
	if (!name_fits(&name) || (verdict && verdict->action != DNS_ALLOW))
		return;
	answer_one(each, v, &name, DNS_A);
	answer_one(each, v, &name, DNS_AAAA);
}

void dns_view_fixed(const struct dns_view *v, void (*fn)(void *arg, const struct dns_fixed *f),
		    void *arg)
{
	struct each each = {fn, arg};

	if (!dns_view_logs(v)->n)
		dns_view_each(v, answer_node, &each);
}
