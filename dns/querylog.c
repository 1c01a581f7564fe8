/* SPDX-License-Identifier: MIT
 * Query log lines: one JSON object a query, with the members of Route 53 Resolver's logs (Route 53
 * Developer Guide, "Values that appear in VPC Resolver query logs").
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dns/serve.h"
#include "lib/buf.h"

/* Text of names and record data is ASCII by its escapes: two characters remain to be quoted. */
static void quoted(struct buf *b, const char *s)
{
	buf_puts(b, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, s, 1);
	}
	buf_puts(b, "\"");
}

static void member(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\"%s\":", key);
	quoted(b, value);
}

static void add_time(struct buf *b)
{
	struct timespec now;
	char text[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	member(b, "query_timestamp", text);
}

static const char *rcode_text(unsigned rcode, char *buf, size_t len)
{
	static const char *const names[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	snprintf(buf, len, "RCODE%u", rcode);
	return buf;
}

static void add_answers(struct buf *b, const uint8_t *reply, size_t len)
{
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(reply, len, count);
	size_t pos = (size_t)rc;

	buf_puts(b, ",\"answers\":[");
	for (unsigned i = 0; rc >= 0 && i < count[DNS_ANSWER]; i++) {
		cleanup_buf struct buf text = {0};
		struct dns_rr_in in;
		char type[12];

		if (dns_rr_parse(reply, len, &pos, &in))
			break;
		dns_rdata_to_text(in.rr.type, in.rr.rdata, in.rr.rdlen, &text);
		buf_printf(b, "%s{\"Rdata\":", i ? "," : "");
		quoted(b, buf_str(&text));
		member(b, "Type", dns_type_to_text(in.rr.type, type, sizeof(type)));
		member(b, "Class", "IN");
		buf_puts(b, "}");
	}
	buf_puts(b, "]");
}

static void add_question(struct buf *b, const struct dns_query *q)
{
	char name[DNS_NAME_TEXT + 1], type[12], class[12];

	if (!q->name.len)
		return;
	dns_name_to_text(&q->name, name);
	if (strcmp(name, "."))
		strcat(name, ".");
	member(b, "query_name", name);
	member(b, "query_type", dns_type_to_text(q->type, type, sizeof(type)));
	snprintf(class, sizeof(class), "CLASS%u", q->class);
	member(b, "query_class", q->class == DNS_CLASS_IN ? "IN" : class);
}

static void add_client(struct buf *b, const struct dns_peer *peer, const struct dns_client *c)
{
	const struct sockaddr_in *v4 =
		(const void *)&peer->addr; /* the port is where IPv6 has it */
	char text[IP_STRLEN];

	if (c)
		member(b, "srcaddr", ip_format(&c->address, text));
	buf_printf(b, ",\"srcport\":\"%u\"", ntohs(v4->sin_port));
	member(b, "transport", peer->conn ? "TCP" : "UDP");
	if (!c)
		return;
	buf_puts(b, ",\"srcids\":{\"network_interface\":");
	quoted(b, c->eni);
	if (c->sandbox[0])
		member(b, c->sandbox[0] == 'i' ? "instance" : "function", c->sandbox);
	buf_puts(b, "}");
}

static void add_verdict(struct buf *b, const struct dns_verdict *v)
{
	static const char *const actions[] = {"ALLOW", "ALERT", "BLOCK"};

	if (!v || v->action == DNS_ALLOW)
		return;
	member(b, "firewall_rule_action", actions[v->action]);
	member(b, "firewall_rule_group_id", v->group);
	member(b, "firewall_domain_list_id", dns_domains_id(v->domains));
}

/* Not among Route 53's members. */
static void add_security(struct buf *b, enum dns_security s)
{
	static const char *const names[] = {
		[DNS_INSECURE] = "INSECURE", [DNS_SECURE] = "SECURE", [DNS_BOGUS] = "BOGUS"};

	if (s != DNS_UNCHECKED)
		member(b, "dnssec_status", names[s]);
}

void querylog_add(struct dns_server *d, const struct dns_peer *peer, const struct dns_served *s)
{
	const struct dns_client *client;
	const struct dns_view *view = serve_view(d, peer, &client);
	const struct dns_view_log *l = view ? dns_view_logs(view) : NULL;
	cleanup_buf struct buf line = {0};
	char rcode[12];

	if (!l || !l->n)
		return;
	buf_puts(&line, "{\"version\":\"1.100000\"");
	member(&line, "account_id", l->account);
	member(&line, "region", l->region);
	member(&line, "vpc_id", l->vpc);
	add_time(&line);
	add_question(&line, s->query);
	member(&line, "rcode", rcode_text(s->reply[3] & DNS_RCODE, rcode, sizeof(rcode)));
	add_answers(&line, s->reply, s->len);
	add_client(&line, peer, client);
	add_verdict(&line, s->verdict);
	add_security(&line, s->security);
	buf_puts(&line, "}\n");
	if (line.rc)
		return;
	for (size_t i = 0; i < l->n; i++)
		dns_log_line(l->logs[i], line.p, line.len);
	d->logged = true;
}
