/* SPDX-License-Identifier: MIT
 * See trace.h: packets, legs, and the state that the way there leaves for the way back.
 */
#include <arpa/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/trace.h"

#define FRAME_MAX    128
#define ETHERNET_LEN 14
#define IP_DF	     0x4000
#define FROM_PORT    49152 /* RFC 6335: the first ephemeral one */

/* ---- frames ---- */

/* Headers lie at odd multiples of two, behind Ethernet's 14 bytes: they are made elsewhere and
 * copied. */

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t put_l4(const struct trace_packet *p, uint8_t *at)
{
	bool v6 = p->family == AF_INET6;

	if (p->protocol == IPPROTO_TCP) {
		struct tcphdr tcp = {.source = htons(p->sport),
				     .dest = htons(p->dport),
				     .doff = 5,
				     .syn = 1,
				     .ack = p->is_reply,
				     .window = htons(65535)};

		memcpy(at, &tcp, sizeof(tcp));
		return sizeof(tcp);
	}
	if (p->protocol == IPPROTO_UDP) {
		struct udphdr udp = {
			.source = htons(p->sport), .dest = htons(p->dport), .len = htons(8)};

		memcpy(at, &udp, sizeof(udp));
		return sizeof(udp);
	}
	if (p->protocol == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		at[0] = p->type;
		at[4] = (uint8_t)(p->sport >> 8);
		at[5] = (uint8_t)p->sport;
		return 8;
	}
	return 8;
}

static size_t put_ipv6(const struct trace_packet *p, uint8_t *at)
{
	struct ipv6hdr ip = {.version = 6, .nexthdr = p->protocol, .hop_limit = 64};
	size_t len = put_l4(p, at + sizeof(ip));

	ip.payload_len = htons((uint16_t)len);
	memcpy(&ip.saddr, p->saddr.b, 16);
	memcpy(&ip.daddr, p->daddr.b, 16);
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip) + len;
}

static size_t put_ipv4(const struct trace_packet *p, uint8_t *at)
{
	size_t len = sizeof(struct iphdr) + put_l4(p, at + sizeof(struct iphdr));
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .tot_len = htons((uint16_t)len),
			   .frag_off = htons(IP_DF),
			   .ttl = 64,
			   .protocol = p->protocol,
			   .saddr = p->saddr.w[3],
			   .daddr = p->daddr.w[3]};
	uint16_t words[sizeof(ip) / 2];
	uint32_t sum = 0;

	memcpy(words, &ip, sizeof(ip));
	for (size_t i = 0; i < sizeof(ip) / 2; i++)
		sum += words[i];
	ip.check = sum_fold(sum);
	memcpy(at, &ip, sizeof(ip));
	return len;
}

/* A frame of the packet as the interface would send it. The checksum of what is in it is left to
 * the kernel's imagination: programs do not verify it. */
static size_t frame_make(const struct trace_packet *p, const struct mac *from,
			 uint8_t frame[FRAME_MAX])
{
	static const uint8_t router[6] = ROUTER_MAC;
	uint16_t type = htons(p->family == AF_INET6 ? 0x86dd : 0x0800);

	memset(frame, 0, FRAME_MAX);
	memcpy(frame, router, 6);
	memcpy(frame + 6, from->b, 6);
	memcpy(frame + 12, &type, 2);
	frame += ETHERNET_LEN;
	return ETHERNET_LEN + (p->family == AF_INET6 ? put_ipv6(p, frame) : put_ipv4(p, frame));
}

/* ---- legs ---- */

const struct item_eni *trace_eni(const struct trace_env *env, uint32_t ifindex)
{
	const char *symbol = names_symbol(env->names, NAME_INTERFACE, ifindex);
	const struct item *it = symbol ? plan_get(env->plan, ITEM_ENI, symbol) : NULL;

	return it ? it->body : NULL;
}

/* The leg of the way there that arrived at an interface: what it sends now is a reply to it. */
static const struct trace_leg *leg_to(const struct trace_path *p, uint32_t ifindex)
{
	for (size_t i = p ? p->n : 0; i-- > 0;)
		if (p->legs[i].output == ifindex)
			return &p->legs[i];
	return NULL;
}

/* The half by which `opened`'s receiver would answer, as admission would enter it. */
static struct flow reply_flow(const struct trace_leg *opened)
{
	const uint32_t kept = FLOW_ROUTED | FLOW_TRACKED_IN | FLOW_TRACKED_OUT | FLOW_EGRESS_ONLY;
	struct flow f = {
		.state = FLOW_LIVE,
		.saddr = opened->in.daddr,
		.daddr = opened->in.saddr,
		.sport = htons(opened->in.dport),
		.dport = htons(opened->in.sport),
		.output_ifindex = opened->ifindex,
		.nat = opened->nat,
		.mtu = UINT16_MAX,
		.last_seen_ns = UINT64_MAX / 2, /* never idle */
		.flags = FLOW_REPLY | FLOW_ACL_UNKNOWN | (opened->flags & kept),
	};

	if (memcmp(&opened->in.saddr, &opened->out.saddr, sizeof(opened->in.saddr)) || opened->nat)
		f.flags |= FLOW_DNAT;
	if (memcmp(&opened->in.daddr, &opened->out.daddr, sizeof(opened->in.daddr)))
		f.flags |= FLOW_SNAT;
	return f;
}

/* What the program shall take for given. */
static void trail_prepare(struct trail *t, const struct trace_path *opened, uint32_t ifindex)
{
	const struct trace_leg *mine = leg_to(opened, ifindex);

	memset(t, 0, sizeof(*t));
	t->mode = mine ? TRAIL_REPLY : TRAIL_FRESH;
	if (mine)
		t->flow = reply_flow(mine);
	for (size_t i = 0; opened && i < opened->n && t->n_known < TRAIL_KNOWN; i++)
		if (opened->legs[i].flags & FLOW_TRACKED_OUT)
			t->known[t->n_known++] = opened->legs[i].ifindex;
}

static struct trace_packet packet_out(const struct trace_packet *in, const struct trail *t)
{
	struct trace_packet out = *in;

	out.saddr = t->saddr;
	out.daddr = t->daddr;
	out.sport = ntohs(t->sport);
	out.dport = ntohs(t->dport);
	return out;
}

static int leg_walk(const struct trace_env *env, const struct trace_path *opened,
		    struct trace_leg *leg, struct err *e)
{
	const struct item_eni *eni = trace_eni(env, leg->ifindex);
	struct trail *trail = dataplane_trail(env->dp);
	struct trace_result r;
	uint8_t frame[FRAME_MAX];
	size_t len;
	int rc;

	if (!eni)
		return err_set(e, -EINVAL, "IncorrectState", "",
			       "an interface on the way is not attached");
	len = frame_make(&leg->in, &eni->mac, frame);
	trail_prepare(trail, opened, leg->ifindex);
	rc = dataplane_trace(env->dp, leg->ifindex, frame, len, &r, e);
	if (rc)
		return rc;
	leg->trail = *trail;
	leg->reason = trail->reason ? trail->reason : r.reason;
	leg->output = r.reason ? 0 : r.output_ifindex;
	leg->flags = r.flags;
	leg->nat = trail->nat;
	leg->out = packet_out(&leg->in, trail);
	return 0;
}

/* Does the interface send on what it got, not being its destination? */
static bool is_middlebox(const struct trace_env *env, const struct trace_leg *leg)
{
	const char *symbol = names_symbol(env->names, NAME_INTERFACE, leg->output);
	const struct item_eni *eni = trace_eni(env, leg->output);
	char key[2 * SYMBOL_LEN + 8], text[IP_STRLEN];
	struct ip to = {.family = leg->out.family};
	const struct item *it;

	if (!symbol || !eni || (eni->flags & (ENI_SOURCE_DEST_CHECK | ENI_SERVICE | ENI_UPLINK)))
		return false;
	memcpy(to.b, leg->out.daddr.b, 16);
	snprintf(key, sizeof(key), "%s %s", eni->vpc, ip_format(&to, text));
	it = plan_get(env->plan, ITEM_ADDRESS, key);
	return !it || strcmp(((const struct item_address *)it->body)->holder, symbol);
}

static int path_walk(const struct trace_env *env, const struct trace_packet *first,
		     uint32_t ifindex, const struct trace_path *opened, struct trace_path *ret,
		     struct err *e)
{
	struct trace_packet p = *first;

	ret->n = 0;
	ret->reason = DROP_NONE;
	ret->mtu = UINT32_MAX;
	ret->astray = false;
	while (ret->n < TRACE_LEGS) {
		struct trace_leg *leg = &ret->legs[ret->n];
		int rc;

		leg->ifindex = ifindex;
		leg->in = p;
		rc = leg_walk(env, opened, leg, e);
		if (rc)
			return rc;
		ret->n++;
		if (!ret->reason)
			ret->reason = leg->reason;
		if (leg->trail.mtu < ret->mtu)
			ret->mtu = leg->trail.mtu;
		if (!leg->output || !is_middlebox(env, leg))
			return 0;
		ifindex = leg->output;
		p = leg->out;
	}
	if (!ret->reason)
		ret->reason = DROP_LOOP;
	return 0;
}

/* ---- a trace ---- */

/* RFC 792 and RFC 4443: echo request and reply. */
enum { ECHO_REPLY = 0, ECHO = 8, ECHO6 = 128, ECHO6_REPLY = 129 };

/* The family that is asked for, or that the service or the ends leave: IPv4 first. */
static int family_of(const struct trace_env *env, const struct trace_query *q)
{
	if (q->family)
		return q->family;
	if (q->service.protocol == IPPROTO_ICMPV6)
		return AF_INET6;
	if (q->service.protocol == IPPROTO_ICMP)
		return AF_INET;
	if (ip_is_set(&q->from->address)) {
		struct ip to = trace_address(env->model, env->plan, q->from, q->to, AF_INET);

		if (ip_is_set(&to))
			return AF_INET;
	}
	return AF_INET6;
}

void trace_settle(const struct trace_env *env, struct trace_query *q)
{
	q->family = family_of(env, q);
	if (!q->service.echo)
		return;
	q->service.protocol = q->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	q->service.type = q->family == AF_INET6 ? ECHO6 : ECHO;
}

static int packet_make(const struct trace_env *env, const struct trace_query *q,
		       struct trace_packet *ret, struct err *e)
{
	int family = family_of(env, q);
	uint8_t protocol = q->service.protocol;
	const struct ip *from = family == AF_INET6 ? &q->from->address6 : &q->from->address;
	struct ip to = trace_address(env->model, env->plan, q->from, q->to, family);
	bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;

	if (!ip_is_set(from) || !ip_is_set(&to))
		return err_set(
			e, -EINVAL, "InvalidParameterCombination", "", "%s has no IPv%d address",
			ip_is_set(from) ? q->to->name : q->from->name, family == AF_INET6 ? 6 : 4);
	if (protocol == (family == AF_INET6 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return err_set(e, -EINVAL, "InvalidParameterCombination", "",
			       "an echo request is 8/icmp over IPv4 and 128/icmpv6 over IPv6");
	*ret = (struct trace_packet){
		.family = (uint8_t)family, .protocol = protocol, .type = q->service.type};
	memcpy(ret->saddr.b, from->b, 16);
	memcpy(ret->daddr.b, to.b, 16);
	ret->sport = q->from_port ? q->from_port : FROM_PORT;
	ret->dport = icmp ? ret->sport : q->service.port;
	return 0;
}

static bool is_echo(const struct trace_packet *p)
{
	return p->protocol == IPPROTO_ICMP ? p->type == ECHO : p->type == ECHO6;
}

/* The packet that answers one as it arrived. */
static struct trace_packet packet_reply(const struct trace_packet *p)
{
	struct trace_packet r = *p;

	r.is_reply = true;
	r.saddr = p->daddr;
	r.daddr = p->saddr;
	r.sport = p->dport;
	r.dport = p->sport;
	if (is_echo(p))
		r.type = p->protocol == IPPROTO_ICMP ? ECHO_REPLY : ECHO6_REPLY;
	return r;
}

/* Some packets want no answer. */
static bool is_answered(const struct trace_packet *p)
{
	return (p->protocol != IPPROTO_ICMP && p->protocol != IPPROTO_ICMPV6) || is_echo(p);
}

static void size_judge(const struct trace_query *q, struct trace_path *p)
{
	if (!p->reason && q->size > p->mtu)
		p->reason = DROP_MTU;
}

/* Another interface may have the address where the packet comes to (VPCs may have equal ranges):
 * then nothing that a rule says leads to the one meant. */
static void arrival_judge(const struct trace_env *env, const struct trace_query *q,
			  struct trace_path *p)
{
	const struct trace_leg *last = &p->legs[p->n - 1];
	const char *symbol =
		last->output ? names_symbol(env->names, NAME_INTERFACE, last->output) : NULL;

	if (!symbol || q->to->is_literal || !q->to->attachment[0] || q->to->is_internet ||
	    !strcmp(symbol, q->to->attachment))
		return;
	p->astray = true;
	p->reason = DROP_NO_DESTINATION;
}

int trace_run(const struct trace_env *env, const struct trace_query *q, struct trace *ret,
	      struct err *e)
{
	uint32_t ifindex = q->from->attachment[0]
				   ? names_find(env->names, NAME_INTERFACE, q->from->attachment)
				   : 0;
	const struct trace_leg *last;
	struct trace_packet p;
	int rc = packet_make(env, q, &p, e);

	if (rc)
		return rc;
	if (!ifindex)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "%s has no interface that could send", q->from->name);
	ret->back.n = 0;
	ret->back.reason = DROP_NONE;
	rc = path_walk(env, &p, ifindex, NULL, &ret->forward, e);
	if (rc)
		return rc;
	size_judge(q, &ret->forward);
	arrival_judge(env, q, &ret->forward);
	last = &ret->forward.legs[ret->forward.n - 1];
	ret->allowed = !ret->forward.reason;
	if (!last->output || ret->forward.astray || !is_answered(&p) ||
	    (q->verdict_only && ret->forward.reason))
		return 0;
	p = packet_reply(&last->out);
	rc = path_walk(env, &p, last->output, &ret->forward, &ret->back, e);
	ret->allowed = ret->allowed && !ret->back.reason;
	return rc;
}
