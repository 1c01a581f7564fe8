/* SPDX-License-Identifier: MIT
 * See recorded.h.
 */
#include "vpcd/recorded.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"

/* Who holds an address, in each space that knows it. */
struct holder {
	const struct item_address *item;
	struct holder *next;
};

struct known_address {
	struct ip ip;
	struct holder *holders;
	UT_hash_handle hh;
};

struct known_mac {
	struct mac mac;
	const char *attachment;
	UT_hash_handle hh;
};

struct recorded {
	struct trace_env env[SIDES];
	const char *vpc; /* NULL: not said */
	struct known_address *addresses;
	struct known_mac *macs;
};

/* ---- what is known ---- */

static int address_add(struct recorded *r, const struct item_address *item)
{
	struct holder *h = calloc(1, sizeof(*h));
	struct known_address *a;

	if (!h)
		return -ENOMEM;
	h->item = item;
	HASH_FIND(hh, r->addresses, &item->address, sizeof(item->address), a);
	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a) {
			free(h);
			return -ENOMEM;
		}
		a->ip = item->address;
		HASH_ADD(hh, r->addresses, ip, sizeof(a->ip), a);
	}
	h->next = a->holders;
	a->holders = h;
	return 0;
}

static int mac_add(struct recorded *r, const struct item *it)
{
	struct known_mac *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->mac = ((const struct item_eni *)it->body)->mac;
	m->attachment = it->key;
	HASH_ADD(hh, r->macs, mac, sizeof(m->mac), m);
	return 0;
}

static int index_fill(struct recorded *r)
{
	const struct plan *p = r->env[BEFORE].plan;
	int rc = 0;

	for (const struct item *it = plan_next(p, ITEM_ADDRESS, NULL); it && !rc;
	     it = plan_next(p, ITEM_ADDRESS, it))
		rc = address_add(r, it->body);
	for (const struct item *it = plan_next(p, ITEM_ENI, NULL); it && !rc;
	     it = plan_next(p, ITEM_ENI, it))
		rc = mac_add(r, it);
	return rc;
}

int recorded_open(const struct trace_env env[SIDES], const char *vpc, struct recorded **ret,
		  struct err *e)
{
	struct recorded *r = calloc(1, sizeof(*r));
	const struct object *o = NULL;
	int rc;

	if (!r)
		return err_sys(e, -ENOMEM, "recorded flows");
	memcpy(r->env, env, sizeof(r->env));
	rc = vpc ? model_resolve(env[BEFORE].model, KIND_VPC, vpc, NULL, &o, e) : 0;
	r->vpc = o ? o->id : NULL;
	if (!rc && index_fill(r))
		rc = err_sys(e, -ENOMEM, "recorded flows");
	if (rc) {
		recorded_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void recorded_free(struct recorded *r)
{
	struct known_address *a, *a_tmp;
	struct known_mac *m, *m_tmp;

	if (!r)
		return;
	HASH_ITER (hh, r->addresses, a, a_tmp) {
		HASH_DEL(r->addresses, a);
		while (a->holders) {
			struct holder *h = a->holders;

			a->holders = h->next;
			free(h);
		}
		free(a);
	}
	HASH_ITER (hh, r->macs, m, m_tmp) {
		HASH_DEL(r->macs, m);
		free(m);
	}
	free(r);
}

static const struct holder *holders_of(const struct recorded *r, const struct ip *ip)
{
	struct known_address *a;

	HASH_FIND(hh, r->addresses, ip, sizeof(*ip), a);
	return a ? a->holders : NULL;
}

/* ---- reading ---- */

static int address_read(const struct json *flow, const char *key, struct ip *ret, struct err *e)
{
	const char *text = json_str(json_get(flow, key));

	memset(ret, 0, sizeof(*ret));
	if (text && !ip_parse(text, ret))
		return 0;
	return err_set(e, -EINVAL, "InvalidParameterValue", key,
		       "%s of a flow is an address, not \"%.64s\"", key, text ? text : "");
}

static int flow_read(const struct json *flow, struct ip *from, struct ip *to,
		     struct recorded_flow *ret, struct err *e)
{
	const char *service = json_str(json_get(flow, "Service"));
	int rc = address_read(flow, "From", from, e);

	if (!rc)
		rc = address_read(flow, "To", to, e);
	if (!rc)
		rc = trace_service_parse(service ? service : "", IPPROTO_TCP, &ret->service, e);
	if (rc)
		return rc;
	if (ret->service.any || from->family != to->family)
		return err_set(e, -EINVAL, "InvalidParameterValue", "Service",
			       "a flow is of one service and one address family");
	ret->family = from->family;
	ret->from_port = (uint16_t)json_num(json_get(flow, "FromPort"));
	ret->packets = json_num(json_get(flow, "Packets"));
	return 0;
}

/* ---- where it was seen ---- */

static const char *attachment_by_mac(const struct recorded *r, const struct json *flow,
				     const char *key)
{
	const char *text = json_str(json_get(flow, key));
	struct known_mac *m;
	struct mac mac;

	if (!text || mac_parse(text, &mac))
		return NULL;
	HASH_FIND(hh, r->macs, &mac, sizeof(mac), m);
	return m ? m->attachment : NULL;
}

/* The interface that saw it; NULL: not said, or not known. */
static const char *seen_at(const struct recorded *r, const struct json *flow)
{
	const char *id = json_str(json_get(flow, "Interface"));
	const char *at = id && plan_get(r->env[BEFORE].plan, ITEM_ENI, id) ? id : NULL;

	if (!at)
		at = attachment_by_mac(r, flow, "FromMac");
	return at ? at : attachment_by_mac(r, flow, "ToMac");
}

/* The same, also where it is a gateway's, which no packet starts at. */
static const char *witness(const struct recorded *r, const struct json *flow)
{
	const char *id = json_str(json_get(flow, "Interface"));

	return id && model_get(r->env[BEFORE].model, id) ? id : seen_at(r, flow);
}

static bool in_vpc(const struct holder *h)
{
	return strcmp(h->item->vpc, SYMBOL_INTERNET) && strcmp(h->item->vpc, SYMBOL_SERVICE);
}

static bool vpc_has(const struct holder *h, const char *vpc)
{
	for (; h; h = h->next)
		if (!strcmp(h->item->vpc, vpc))
			return true;
	return false;
}

/* The one VPC that has both addresses; NULL: none, or several (*ret_several). */
static const char *common_vpc(const struct recorded *r, const struct ip *from, const struct ip *to,
			      bool *ret_several)
{
	const struct holder *other = holders_of(r, to);
	const char *found = NULL;

	for (const struct holder *h = holders_of(r, from); h; h = h->next) {
		if (!in_vpc(h) || !vpc_has(other, h->item->vpc))
			continue;
		*ret_several = found != NULL;
		if (found)
			return NULL;
		found = h->item->vpc;
	}
	return found;
}

static const char *scope_of(const struct recorded *r, const struct json *flow,
			    const struct ip *from, const struct ip *to, bool *ret_several)
{
	const struct model *m = r->env[BEFORE].model;
	const char *at = seen_at(r, flow), *vpc = json_str(json_get(flow, "Vpc"));
	const struct item *it = at ? plan_get(r->env[BEFORE].plan, ITEM_ENI, at) : NULL;

	*ret_several = false;
	if (it && !(((const struct item_eni *)it->body)->flags & ENI_INTERNET))
		return ((const struct item_eni *)it->body)->vpc;
	if (vpc && model_get(m, vpc))
		return vpc;
	return r->vpc ? r->vpc : common_vpc(r, from, to, ret_several);
}

/* ---- whose it is ---- */

/* Hosts of the internet may have it: not private (RFC 1918, 6598, 4193), not of the link, no
 * multicast, not reserved. */
static bool is_public(const struct ip *ip)
{
	static const char *const never[] = {"0.0.0.0/8",      "10.0.0.0/8",	"100.64.0.0/10",
					    "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
					    "192.168.0.0/16", "224.0.0.0/3",	"::/3",
					    "fc00::/7",	      "fe80::/10",	"ff00::/8"};
	struct cidr c;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!cidr_parse(never[i], &c) && cidr_contains_ip(&c, ip))
			return false;
	return true;
}

/* The holder in the flow's VPC; else the only one of another VPC; else who has it in the internet.
 * NULL: nobody, or with *ret_several more than one. */
static const struct item_address *holder_find(const struct holder *all, const char *scope,
					      bool *ret_several)
{
	const struct item_address *elsewhere = NULL, *outside = NULL;

	*ret_several = false;
	for (const struct holder *h = all; h; h = h->next) {
		if (scope && !strcmp(h->item->vpc, scope))
			return h->item;
		if (!in_vpc(h)) {
			outside = h->item;
			continue;
		}
		*ret_several = elsewhere != NULL;
		elsewhere = h->item;
	}
	if (*ret_several)
		return NULL;
	return elsewhere ? elsewhere : outside;
}

/* A sandbox rather than its interface: it is known by name. */
static const struct object *owner_of(const struct model *m, const char *attachment)
{
	const struct object *o = model_get(m, attachment), *owner = NULL;

	if (o && o->kind->kind == KIND_NETWORK_INTERFACE)
		owner = model_get(m, AS_CONST(network_interface, o)->attachment_id ?: "");
	return owner ? owner : o;
}

static bool side_holds(const struct trace_env *env, const char *space, const struct ip *ip,
		       const char *attachment)
{
	char key[2 * SYMBOL_LEN + 8], text[IP_STRLEN];
	const struct item *it;

	snprintf(key, sizeof(key), "%s %s", space, ip_format(ip, text));
	it = plan_get(env->plan, ITEM_ADDRESS, key);
	return it && !strcmp(((const struct item_address *)it->body)->holder, attachment);
}

/* The address that was seen, where the end still has it; else its present one. */
static void end_narrow(const struct trace_env *env, const struct ip *ip, struct trace_end *end)
{
	bool is_private = side_holds(env, end->vpc, ip, end->attachment);

	if (!is_private && !side_holds(env, SYMBOL_INTERNET, ip, end->attachment))
		return;
	if (ip->family == AF_INET6)
		end->address6 = *ip;
	else if (is_private)
		end->address = *ip;
	else /* its public one, as it stands in the packet */
		end->public_address = *ip;
}

static void guest_fill(const struct ip *ip, struct twin_end *ret)
{
	char text[IP_STRLEN];

	*ret = (struct twin_end){0};
	snprintf(ret->name, sizeof(ret->name), "%s", ip_format(ip, text));
	for (int side = 0; side < SIDES; side++) {
		struct trace_end *end = &ret->at[side];

		ret->there[side] = true;
		snprintf(end->name, sizeof(end->name), "%s", text);
		symbol_set(end->attachment, SYMBOL_PUBLIC_DNS);
		symbol_set(end->vpc, SYMBOL_INTERNET);
		end->is_internet = end->is_literal = true;
		if (ip->family == AF_INET6)
			end->address6 = *ip;
		else
			end->address = *ip;
	}
}

static void obstacle_set(struct recorded_flow *f, const char *fmt, const struct ip *ip)
{
	char text[IP_STRLEN];

	snprintf(f->obstacle, sizeof(f->obstacle), fmt, ip_format(ip, text));
}

static int end_find(const struct recorded *r, const struct ip *ip, const char *scope,
		    struct recorded_flow *f, struct twin_end *ret, struct err *e)
{
	bool several;
	const struct item_address *a = holder_find(holders_of(r, ip), scope, &several);
	const struct object *o;
	int rc;

	if (several) {
		obstacle_set(f, "several VPCs have %s: say which by --vpc", ip);
		return 0;
	}
	if (!a && is_public(ip)) {
		guest_fill(ip, ret);
		f->guest = *ip;
		return 0;
	}
	o = a && a->kind != ADDR_NAT ? owner_of(r->env[BEFORE].model, a->holder) : NULL;
	if (!o) {
		obstacle_set(
			f,
			a ? "%s is a NAT gateway's or a service's: the flow was seen translated"
			  : "no interface has %s",
			ip);
		return 0;
	}
	rc = twin_end_of(r->env, BEFORE, o, ret, e);
	for (int side = 0; side < SIDES && !rc; side++)
		if (ret->there[side])
			end_narrow(&r->env[side], ip, &ret->at[side]);
	return rc;
}

int recorded_find(const struct recorded *r, const struct json *flow, struct recorded_flow *ret,
		  struct err *e)
{
	struct ip from, to;
	const char *scope;
	bool several;
	int rc;

	*ret = (struct recorded_flow){0};
	rc = flow_read(flow, &from, &to, ret, e);
	if (rc)
		return rc;
	symbol_set(ret->seen_at, witness(r, flow));
	scope = scope_of(r, flow, &from, &to, &several);
	if (several) {
		obstacle_set(ret, "several VPCs have %s and its peer: say which by --vpc", &from);
		return 0;
	}
	rc = end_find(r, &from, scope, ret, &ret->from, e);
	if (!rc && !ret->obstacle[0])
		rc = end_find(r, &to, scope, ret, &ret->to, e);
	if (!rc && !ret->obstacle[0] && !strcmp(ret->from.at[BEFORE].vpc, SYMBOL_INTERNET) &&
	    !strcmp(ret->to.at[BEFORE].vpc, SYMBOL_INTERNET))
		obstacle_set(ret, "%s and its peer are both outside of any VPC", &from);
	return rc;
}
