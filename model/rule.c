/* SPDX-License-Identifier: MIT
 * Security group rules as people write them: "tcp 5432 from orders". See topology.h.
 *
 *   PROTO [PORT[-PORT] | TYPE[/CODE]] from|to PEER
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "model/kinds/common.h"
#include "model/object.h"
#include "model/resolve.h"
#include "model/suggest.h"
#include "model/topology.h"
#include "model/types.h"

#define WORDS_MAX 4

static int refuse(struct err *e, const char *text, const char *rule)
{
	return err_set(
		e, -EINVAL, "InvalidPermission.Malformed", "",
		"\"%.128s\": %s; a rule is PROTO [PORT[-PORT]] from|to PEER, as in \"tcp 5432 "
		"from orders\"",
		text, rule);
}

/* ---- parsing ---- */

static bool number(const char *s, char **end, long max, long *ret)
{
	if (!isdigit((unsigned char)*s))
		return false;
	*ret = strtol(s, end, 10);
	return *ret <= max;
}

static bool set_protocol(struct json *spec, const char *word, bool *ret_icmp)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "icmpv6"};
	char *end;
	long n;

	*ret_icmp = !strncmp(word, "icmp", 4) || !strcmp(word, "1") || !strcmp(word, "58");
	if (!strcmp(word, "all") || !strcmp(word, "-1")) {
		json_set_str(spec, "IpProtocol", "-1");
		return true;
	}
	json_set_str(spec, "IpProtocol", word);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i]))
			return true;
	return number(word, &end, 255, &n) && !*end;
}

/* "80", "80-90", "8", "3/4". */
static bool set_ports(struct json *spec, const char *word, bool icmp)
{
	long from, to, max = icmp ? 255 : 65535;
	char *end;

	if (!number(word, &end, max, &from))
		return false;
	to = icmp ? -1 : from;
	if (*end == (icmp ? '/' : '-') &&
	    (!number(end + 1, &end, max, &to) || (!icmp && to < from)))
		return false;
	json_set_num(spec, "FromPort", from);
	json_set_num(spec, "ToPort", to);
	return !*end;
}

/* What is written like a range or an address is meant as one. */
static bool looks_numeric(const char *word)
{
	return (isdigit((unsigned char)word[0]) && strchr(word, '.')) || strstr(word, "::") ||
	       (strchr(word, ':') != strrchr(word, ':'));
}

/* NULL: done; otherwise what is wrong. */
static const char *set_peer(struct json *spec, const char *word)
{
	struct cidr c;
	struct ip ip;

	if (!cidr_parse(word, &c))
		json_set_str(spec, c.ip.family == AF_INET ? "CidrIpv4" : "CidrIpv6", word);
	else if (!ip_parse(word, &ip))
		return ip.family == AF_INET ? "an address needs its length, /32 for itself alone"
					    : "an address needs its length, /128 for itself alone";
	else if (looks_numeric(word))
		return "no CIDR block";
	else if (!strncmp(word, "pl:", 3))
		json_set_str(spec, "PrefixListId", word + 3);
	else if (kind_of_id(word) == kinds[KIND_PREFIX_LIST])
		json_set_str(spec, "PrefixListId", word);
	else
		json_set_str(spec, "ReferencedGroupId", word);
	return NULL;
}

/* Words of the text, cut in place; the last one takes the rest, since names may have spaces. */
static size_t split(char *text, char *words[WORDS_MAX + 1])
{
	size_t n = 0;

	while (n <= WORDS_MAX) {
		text += strspn(text, " \t");
		if (!*text)
			break;
		words[n++] = text;
		if (n > 1 && (!strcmp(words[n - 2], "from") || !strcmp(words[n - 2], "to"))) {
			size_t end = strlen(text);

			while (end && isspace((unsigned char)text[end - 1]))
				text[--end] = 0;
			break;
		}
		text += strcspn(text, " \t");
		if (*text)
			*text++ = 0;
	}
	return n;
}

int rule_parse(const char *text, struct json **ret_spec, struct err *e)
{
	cleanup_free char *copy = strdup(text);
	cleanup_json struct json *spec = json_new_obj();
	char *words[WORDS_MAX + 1];
	size_t n = copy ? split(copy, words) : 0;
	const char *fault;
	bool icmp;

	if (n != 3 && n != 4)
		return refuse(e, text, "a part is missing or too many");
	if (strcmp(words[n - 2], "from") && strcmp(words[n - 2], "to"))
		return refuse(e, text, "neither \"from\" nor \"to\" stands before the peer");
	if (!set_protocol(spec, words[0], &icmp))
		return refuse(e, text,
			      "unknown protocol (tcp, udp, icmp, icmpv6, all or a number)");
	if (n == 4 && !set_ports(spec, words[1], icmp))
		return refuse(e, text,
			      icmp ? "no ICMP type[/code]: they are 0 to 255"
				   : "no port or range of ports: 0 to 65535, the lower one first");
	fault = set_peer(spec, words[n - 1]);
	if (fault)
		return refuse(e, text, fault);
	json_set_bool(spec, "IsEgress", !strcmp(words[n - 2], "to"));
	*ret_spec = TAKE(spec);
	return 0;
}

void rule_settle(const struct model *m, const char *scope_vpc, struct json *spec)
{
	const char *name = json_str(json_get(spec, "ReferencedGroupId"));
	const struct object *o;

	if (!name || !model_resolve(m, KIND_SECURITY_GROUP, name, scope_vpc, &o, NULL) ||
	    model_resolve(m, KIND_PREFIX_LIST, name, NULL, &o, NULL))
		return;
	json_set_str(spec, "PrefixListId", o->id);
	json_set(spec, "ReferencedGroupId", NULL);
}

void rule_hint(const struct model *m, const struct json *spec, struct err *e)
{
	const char *name = json_str(json_get(spec, "ReferencedGroupId"));
	struct suggestion s = {.wanted = name};
	char hint[SUGGEST_STRLEN], msg[sizeof(e->msg)];

	if (!e || !name || strcmp(e->code, "InvalidGroup.NotFound") || strstr(e->msg, "did you"))
		return;
	model_for_each (o, m, KIND_PREFIX_LIST)
		suggest(&s, o->name);
	snprintf(msg, sizeof(msg), "%.400s, and no prefix list%s", e->msg, suggest_text(&s, hint));
	memcpy(e->msg, msg, sizeof(msg));
}

/* ---- printing ---- */

static void add_ports(struct buf *b, const struct security_group_rule *r)
{
	bool icmp = r->ip_protocol == 1 || r->ip_protocol == 58;

	if (r->from_port < 0)
		return;
	buf_printf(b, " %lld", (long long)r->from_port);
	if (icmp ? r->to_port >= 0 : r->to_port != r->from_port)
		buf_printf(b, "%c%lld", icmp ? '/' : '-', (long long)r->to_port);
}

static const char *own_vpc(const struct model *m, const struct security_group_rule *r)
{
	const struct object *own = model_get(m, r->group_id);

	return own ? AS_CONST(security_group, own)->vpc_id : NULL;
}

static bool means(const struct model *m, const char *text, const char *scope_vpc,
		  const struct object *o)
{
	const struct object *found;

	return !model_resolve(m, o->kind->kind, text, scope_vpc, &found, NULL) && found == o;
}

/* The name within its own VPC, otherwise "vpc/name", where that means this group again. */
static void add_group(struct buf *b, const struct model *m, const struct security_group_rule *r)
{
	const struct object *peer = model_get(m, r->referenced_group_id);
	const char *vpc_id = peer ? model_object_vpc(m, peer) : NULL, *own = own_vpc(m, r);
	const struct object *vpc = vpc_id ? model_get(m, vpc_id) : NULL;
	cleanup_buf struct buf qualified = {0};

	if (peer && peer->name && vpc && vpc->name)
		buf_printf(&qualified, "%s/%s", vpc->name, peer->name);
	if (peer && peer->name && own && vpc_id && !strcmp(own, vpc_id) &&
	    means(m, peer->name, own, peer))
		buf_puts(b, peer->name);
	else if (qualified.len && means(m, buf_str(&qualified), NULL, peer))
		buf_puts(b, buf_str(&qualified));
	else
		buf_puts(b, r->referenced_group_id);
}

/* A group of the name wins: then "pl:" insists. */
static void add_list(struct buf *b, const struct model *m, const struct security_group_rule *r)
{
	const struct object *pl = model_get(m, r->prefix_list_id), *found;

	if (!pl || !pl->name || model_resolve(m, KIND_PREFIX_LIST, pl->name, NULL, &found, NULL) ||
	    found != pl) {
		buf_puts(b, r->prefix_list_id);
		return;
	}
	if (!model_resolve(m, KIND_SECURITY_GROUP, pl->name, own_vpc(m, r), &found, NULL) ||
	    kind_of_id(pl->name))
		buf_puts(b, "pl:");
	buf_puts(b, pl->name);
}

char *rule_format(const struct model *m, const struct security_group_rule *r)
{
	const char *proto = proto_name(r->ip_protocol);
	cleanup_buf struct buf b = {0};
	char text[CIDR_STRLEN];

	if (r->ip_protocol < 0)
		buf_puts(&b, "all");
	else if (proto)
		buf_puts(&b, proto);
	else
		buf_printf(&b, "%d", r->ip_protocol);
	add_ports(&b, r);
	buf_puts(&b, r->is_egress ? " to " : " from ");
	if (r->referenced_group_id)
		add_group(&b, m, r);
	else if (r->prefix_list_id)
		add_list(&b, m, r);
	else
		buf_puts(&b,
			 cidr_format(ip_is_set(&r->cidr_ipv4.ip) ? &r->cidr_ipv4 : &r->cidr_ipv6,
				     text));
	return buf_take(&b);
}

/* ---- finding ---- */

struct search {
	const struct security_group_rule *wanted;
	const struct object *found;
};

static void compare(void *arg, const struct object *o)
{
	struct search *s = arg;

	if (security_group_rule_equal(s->wanted, AS_CONST(security_group_rule, o)))
		s->found = o;
}

int rule_find(const struct model *m, const struct object *group, const struct json *spec,
	      const struct object **ret, struct err *e)
{
	cleanup_object struct object *o = object_new(kinds[KIND_SECURITY_GROUP_RULE]);
	cleanup_json struct json *whole = json_copy(spec);
	struct security_group_rule *r = AS(security_group_rule, o);
	struct search s = {.wanted = r};
	int rc;

	if (!o || !whole)
		return err_sys(e, -ENOMEM, "rule");
	json_set_str(whole, "GroupId", group->id);
	rule_settle(m, AS_CONST(security_group, group)->vpc_id, whole);
	rc = object_input(o, whole, e);
	if (!rc)
		rc = resolve_refs(m, AS_CONST(security_group, group)->vpc_id, NULL, o, e);
	if (!rc)
		rc = ports_check(r->ip_protocol, &r->from_port, &r->to_port,
				 "InvalidPermission.Malformed", e);
	if (rc)
		return rc;
	model_referrers(m, group->id, KIND_SECURITY_GROUP_RULE, compare, &s);
	*ret = s.found;
	return s.found ? 0
		       : err_set(e, -ENOENT, "InvalidPermission.NotFound", "",
				 "group %s has no such rule",
				 group->name ? group->name : group->id);
}
