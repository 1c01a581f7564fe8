/* SPDX-License-Identifier: MIT
 * See trace_end.h.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "vpcd/trace_end.h"

/* ---- kinds ---- */

static void fill_interface(const struct model *m, const struct object *o, struct trace_end *ret)
{
	const struct network_interface *eni = AS_CONST(network_interface, o);
	const struct elastic_ip *eip = model_eni_elastic_ip(m, o->id);

	symbol_set(ret->attachment, o->id);
	symbol_set(ret->vpc, model_object_vpc(m, o));
	ret->address = eni->private_ip_address;
	if (eni->ipv6_addresses.n)
		ret->address6 = ((const struct ip *)eni->ipv6_addresses.v)[0];
	if (eip)
		ret->public_address = eip->public_ip;
}

static void fill_internet(struct trace_end *ret)
{
	symbol_set(ret->attachment, SYMBOL_PUBLIC_DNS);
	symbol_set(ret->vpc, SYMBOL_INTERNET);
	ret->address = ip_from_v4(INTERNET_DNS);
	ip_parse(INTERNET_DNS6, &ret->address6);
	ret->is_internet = true;
}

static const char *interface_of(const struct object *o)
{
	if (o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	if (o->kind->kind == KIND_FUNCTION)
		return AS_CONST(function, o)->network_interface_id;
	return o->kind->kind == KIND_NAT_GATEWAY ? AS_CONST(nat_gateway, o)->network_interface_id
						 : o->id;
}

static int fill(const struct model *m, const struct object *o, struct trace_end *ret, struct err *e)
{
	const struct object *eni;

	ret->object = o;
	switch (o->kind->kind) {
	case KIND_INTERNET_GATEWAY:
		fill_internet(ret);
		return 0;
	case KIND_INTERNET_HOST:
		symbol_set(ret->attachment, o->id);
		symbol_set(ret->vpc, SYMBOL_INTERNET);
		ret->address = AS_CONST(internet_host, o)->address;
		ret->address6 = AS_CONST(internet_host, o)->ipv6_address;
		return 0;
	case KIND_INSTANCE:
	case KIND_FUNCTION:
	case KIND_NETWORK_INTERFACE:
	case KIND_NAT_GATEWAY:
		eni = interface_of(o) ? model_get(m, interface_of(o)) : NULL;
		if (!eni)
			return err_set(e, -EINVAL, "IncorrectState", "", "%s has no interface",
				       ret->name);
		fill_interface(m, eni, ret);
		if (o->kind->kind == KIND_NAT_GATEWAY)
			ret->attachment[0] = 0;
		return 0;
	default:
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "%s is a %s: packets start and end at instances, functions, "
			       "internet hosts, interfaces, gateways, addresses and \"internet\"",
			       ret->name, o->kind->name);
	}
}

/* ---- names ---- */

/* Other kinds may have the name too; what sends packets is meant first. */
static int find(const struct model *m, const char *text, const struct object **ret, struct err *e)
{
	static const enum kind_id sandboxes[] = {KIND_INSTANCE, KIND_FUNCTION, KIND_INTERNET_HOST},
				  others[] = {KIND_NETWORK_INTERFACE, KIND_NAT_GATEWAY,
					      KIND_INTERNET_GATEWAY};
	const struct object *o;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sandboxes); i++)
		if (!model_resolve(m, sandboxes[i], text, NULL, &o, NULL)) {
			*ret = o;
			n++;
		}
	for (size_t i = 0; !n && i < ARRAY_SIZE(others); i++)
		if (!model_resolve(m, others[i], text, NULL, &o, NULL)) {
			*ret = o;
			n++;
		}
	return n == 1 ? 0 : model_resolve(m, KIND_NONE, text, NULL, ret, e);
}

/* An address by itself: whose it is, if one interface has it. */
static int fill_address(const struct model *m, const struct plan *p, const struct ip *address,
			struct trace_end *ret)
{
	const struct item_address *found = NULL;
	size_t n = 0;

	for (const struct item *it = plan_next(p, ITEM_ADDRESS, NULL); it;
	     it = plan_next(p, ITEM_ADDRESS, it)) {
		const struct item_address *a = it->body;

		if (a->kind == ADDR_ENI && !ip_cmp(&a->address, address)) {
			found = a;
			n++;
		}
	}
	if (n == 1) {
		symbol_set(ret->attachment, found->holder);
		symbol_set(ret->vpc, found->holder_vpc);
		ret->object = model_get(m, found->holder);
	}
	if (address->family == AF_INET)
		ret->address = *address;
	else
		ret->address6 = *address;
	ret->is_literal = true;
	return 0;
}

int trace_end_parse(const struct model *m, const struct plan *p, const char *text,
		    struct trace_end *ret, struct err *e)
{
	const struct object *o;
	struct ip address;
	char *at;
	int rc;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "%s", text);
	if (!ip_parse(text, &address))
		return fill_address(m, p, &address, ret);
	at = strchr(ret->name, '@');
	if (at && strcmp(at, "@eth0"))
		return err_set(e, -ENOENT, "InvalidNetworkInterfaceID.NotFound", "",
			       "%s: a sandbox has one interface, eth0", text);
	if (at)
		*at = 0;
	rc = find(m, ret->name, &o, NULL);
	if (!rc)
		return fill(m, o, ret, e);
	if (!strcmp(ret->name, "internet")) {
		fill_internet(ret);
		return 0;
	}
	return find(m, ret->name, &o, e);
}

/* ---- services ---- */

static int service_error(const char *text, struct err *e)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", "",
		       "\"%.64s\" is no port: 443, 53/udp, 8/icmp, 0/47 or any", text);
}

static int protocol_number(const char *s)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"tcp", IPPROTO_TCP},
		     {"udp", IPPROTO_UDP},
		     {"icmp", IPPROTO_ICMP},
		     {"icmpv6", IPPROTO_ICMPV6}};
	char *end;
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, s))
			return names[i].number;
	n = strtol(s, &end, 10);
	return isdigit((unsigned char)*s) && !*end && n < 256 ? (int)n : -1;
}

static bool is_icmp(int protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

int trace_service_parse(const char *text, int default_protocol, struct trace_service *ret,
			struct err *e)
{
	const char *slash = strchr(text, '/');
	int protocol = slash ? protocol_number(slash + 1) : default_protocol;
	char *end;
	long n;

	*ret = (struct trace_service){0};
	if (!strcmp(text, "any")) {
		ret->any = true;
		return 0;
	}
	n = strtol(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != (slash ? '/' : 0) || protocol < 0 ||
	    n > (is_icmp(protocol) ? 255 : 65535))
		return service_error(text, e);
	ret->protocol = (uint8_t)protocol;
	if (is_icmp(protocol))
		ret->type = (uint8_t)n;
	else
		ret->port = (uint16_t)n;
	return 0;
}

const char *trace_service_format(const struct trace_service *s, char *buf, size_t len)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"},
		     {IPPROTO_UDP, "udp"},
		     {IPPROTO_ICMP, "icmp"},
		     {IPPROTO_ICMPV6, "icmpv6"}};
	unsigned n = is_icmp(s->protocol) ? s->type : s->port;

	snprintf(buf, len, s->any ? "any" : "%u/%u", n, s->protocol);
	for (size_t i = 0; !s->any && i < ARRAY_SIZE(names); i++)
		if (names[i].number == s->protocol)
			snprintf(buf, len, "%u/%s", n, names[i].name);
	return buf;
}

/* Where the service begins: the last colon, unless it is one of a bare IPv6 address. */
static const char *service_at(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (*text == '[') {
		const char *end = strchr(text, ']');

		return end && end[1] == ':' ? end + 1 : NULL;
	}
	return colon && strchr(text, ':') == colon ? colon : NULL;
}

int trace_target_parse(const struct model *m, const struct plan *p, const char *text,
		       struct trace_end *ret_end, struct trace_service *ret_service, struct err *e)
{
	const char *colon = service_at(text), *end = colon ? colon : text + strlen(text);
	bool bracket = *text == '[' && end[-1] == ']';
	cleanup_free char *name = strndup(text + bracket, (size_t)(end - text) - 2 * bracket);
	int rc = name ? trace_end_parse(m, p, name, ret_end, e) : -ENOMEM;

	if (rc)
		return rc;
	if (colon)
		return trace_service_parse(colon + 1, IPPROTO_TCP, ret_service, e);
	*ret_service = (struct trace_service){.echo = true};
	return 0;
}

/* ---- addresses ---- */

/* Does some table of the one VPC route to the other by a peering? */
static bool is_peered(const struct model *m, const struct plan *p, const char *vpc,
		      const char *peer)
{
	for (const struct item *it = plan_next(p, ITEM_ROUTE, NULL); it;
	     it = plan_next(p, ITEM_ROUTE, it)) {
		const struct item_route *r = it->body;
		const struct object *table;

		if (r->target != TARGET_PEERING || strcmp(r->id, peer))
			continue;
		table = model_get(m, r->table);
		if (table && !strcmp(AS_CONST(route_table, table)->vpc_id, vpc))
			return true;
	}
	return false;
}

struct ip trace_address(const struct model *m, const struct plan *p, const struct trace_end *from,
			const struct trace_end *to, int family)
{
	if (family == AF_INET6)
		return to->address6;
	if (to->is_literal || !ip_is_set(&to->public_address) || !strcmp(from->vpc, to->vpc) ||
	    is_peered(m, p, from->vpc, to->vpc))
		return to->address;
	return to->public_address;
}
