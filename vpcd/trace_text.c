/* SPDX-License-Identifier: MIT
 * See trace_text.h.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "model/topology.h"
#include "vpcd/trace_text.h"

static bool has_ports(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static void put_protocol(struct buf *out, int protocol)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {{-1, "all"},
		     {IPPROTO_TCP, "tcp"},
		     {IPPROTO_UDP, "udp"},
		     {IPPROTO_ICMP, "icmp"},
		     {IPPROTO_ICMPV6, "icmpv6"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == protocol) {
			buf_puts(out, names[i].name);
			return;
		}
	buf_printf(out, "%d", protocol);
}

static void put_ports(struct buf *out, const struct item_rule *r)
{
	if (r->from < 0 || (has_ports(r->protocol) && r->from == 0 && r->to == 65535))
		return;
	buf_printf(out, " %d", r->from);
	if (r->to >= 0 && r->to != r->from)
		buf_printf(out, "%c%d", has_ports(r->protocol) ? '-' : '/', r->to);
}

long trace_acl_number(const struct item_rule *r)
{
	const char *slash = strrchr(r->id, '/');

	return slash ? strtol(slash + 1, NULL, 10) : 0;
}

char *trace_rule_text(const struct model *m, const struct item_rule *r, bool egress)
{
	cleanup_buf struct buf out = {0};
	long number = trace_acl_number(r);
	char cidr[CIDR_STRLEN];

	if (number)
		buf_printf(&out, "%ld %s ", number, r->deny ? "deny" : "allow");
	put_protocol(&out, r->protocol);
	put_ports(&out, r);
	buf_puts(&out, egress ? " to " : " from ");
	if (r->group[0]) {
		cleanup_free char *name = trace_object_name(m, r->group);

		buf_puts(&out, name);
	} else {
		buf_puts(&out, cidr_format(&r->cidr, cidr));
	}
	return buf_take(&out);
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr("._-", *s)))
			return false;
	return true;
}

char *trace_object_name(const struct model *m, const char *id)
{
	const struct object *o = model_get(m, id);
	const char *vpc_id = o ? model_object_vpc(m, o) : NULL, *name = o ? o->name : NULL;
	const struct object *vpc = vpc_id ? model_get(m, vpc_id) : NULL;
	cleanup_buf struct buf out = {0};
	const struct object *back;

	if (o && !name && o->kind->kind == KIND_SECURITY_GROUP)
		name = AS_CONST(security_group, o)->group_name;
	if (name && vpc && vpc != o && vpc->name && is_plain(vpc->name) && is_plain(name))
		buf_printf(&out, "%s/%s", vpc->name, name);
	else if (name && is_plain(name))
		buf_puts(&out, name);
	/* It must lead back to the object, and to it alone. */
	if (!out.len || model_resolve(m, o->kind->kind, out.p, NULL, &back, NULL) || back != o) {
		buf_done(&out);
		out = (struct buf){0};
		buf_puts(&out, id);
	}
	return buf_take(&out);
}

const struct object *trace_holder(const struct model *m, const char *interface)
{
	const struct object *o = model_get(m, interface), *holder = NULL;

	if (o && o->kind->kind == KIND_NETWORK_INTERFACE)
		holder = model_get(m, AS_CONST(network_interface, o)->attachment_id ?: "");
	return holder ? holder : o;
}

const char *trace_endpoint_text(const struct trace_packet *p, const struct ip128 *address,
				uint16_t port, char *buf)
{
	struct ip ip = {.family = p->family};
	char text[IP_STRLEN];

	memcpy(ip.b, address->b, 16);
	ip_format(&ip, text);
	if (has_ports(p->protocol))
		snprintf(buf, 64, p->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
	else
		snprintf(buf, 64, "%s", text);
	return buf;
}

void trace_service_text(const struct trace_packet *p, char *buf, size_t len)
{
	cleanup_buf struct buf out = {0};

	put_protocol(&out, p->protocol);
	if (has_ports(p->protocol))
		buf_printf(&out, " %u", p->dport);
	else if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
		buf_printf(&out, " %u", p->type);
	snprintf(buf, len, "%s", buf_str(&out));
}
