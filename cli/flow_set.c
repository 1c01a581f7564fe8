/* SPDX-License-Identifier: MIT
 * See flow_set.h. Of clients' ports only those that may mean something (below 1024) tell flows
 * apart; of the others one stands for all.
 */
#include "cli/flow_set.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#define PRIVILEGED 1024
#define EPHEMERAL  32768 /* Linux's, and above them those of RFC 6335 */

/* Zero-padded: it is hashed whole. */
struct flow_id {
	struct ip from, to; /* who opened it */
	uint8_t protocol, type;
	uint16_t port, from_port;
	char interface[48], vpc[48];
	struct mac from_mac, to_mac;
};

struct seen_flow {
	struct flow_id id;
	uint16_t from_port; /* one of the client's */
	uint64_t packets;
	UT_hash_handle hh;
};

struct flow_set {
	struct seen_flow *flows;
	size_t n;
};

struct flow_set *flow_set_new(void)
{
	return calloc(1, sizeof(struct flow_set));
}

void flow_set_free(struct flow_set *s)
{
	struct seen_flow *f, *tmp;

	if (!s)
		return;
	HASH_ITER (hh, s->flows, f, tmp) {
		HASH_DEL(s->flows, f);
		free(f);
	}
	free(s);
}

size_t flow_set_count(const struct flow_set *s)
{
	return s->n;
}

/* ---- whose flow it is ---- */

static struct seen_packet packet_turn(const struct seen_packet *p)
{
	struct seen_packet r = *p;

	r.from = p->to;
	r.to = p->from;
	r.from_port = p->to_port;
	r.to_port = p->from_port;
	r.from_mac = p->to_mac;
	r.to_mac = p->from_mac;
	return r;
}

/* The flow that the packet would be of if its sender had opened it. */
static struct flow_id id_of(const struct seen_packet *p)
{
	struct flow_id id;

	memset(&id, 0, sizeof(id));
	id.from = p->from;
	id.to = p->to;
	id.protocol = p->protocol;
	id.type = p->type;
	id.port = p->to_port;
	id.from_port = p->from_port < PRIVILEGED ? p->from_port : 0;
	memcpy(id.interface, p->interface, strnlen(p->interface, sizeof(id.interface) - 1));
	memcpy(id.vpc, p->vpc, strnlen(p->vpc, sizeof(id.vpc) - 1));
	id.from_mac = p->from_mac;
	id.to_mac = p->to_mac;
	return id;
}

static struct seen_flow *find(const struct flow_set *s, const struct flow_id *id)
{
	struct seen_flow *f;

	HASH_FIND(hh, s->flows, id, sizeof(*id), f);
	return f;
}

static struct seen_flow *find_of(const struct flow_set *s, const struct seen_packet *p)
{
	struct flow_id id = id_of(p);

	return find(s, &id);
}

static bool is_service(uint16_t port, uint16_t other)
{
	return port &&
	       (port < PRIVILEGED ? other >= PRIVILEGED : port < EPHEMERAL && other >= EPHEMERAL);
}

static bool is_answer(const struct flow_set *s, const struct seen_packet *p,
		      const struct seen_packet *turned)
{
	if (p->role != SEEN_UNKNOWN)
		return p->role == SEEN_ANSWERS;
	if (find_of(s, p))
		return false;
	return find_of(s, turned) || is_service(p->from_port, p->to_port);
}

int flow_set_add(struct flow_set *s, const struct seen_packet *p, struct err *e)
{
	const struct seen_packet turned = packet_turn(p);
	const struct seen_packet *opening = is_answer(s, p, &turned) ? &turned : p;
	const struct flow_id id = id_of(opening);
	struct seen_flow *f = find(s, &id);

	if (!f) {
		if (s->n == FLOW_SET_MAX)
			return err_set(e, -ENOSPC, "LimitExceeded", "",
				       "more than %d different flows: choose some, by a filter of "
				       "tcpdump or grep in front",
				       FLOW_SET_MAX);
		f = calloc(1, sizeof(*f));
		if (!f)
			return err_sys(e, -ENOMEM, "flows");
		f->id = id;
		f->from_port = opening->from_port;
		HASH_ADD(hh, s->flows, id, sizeof(f->id), f);
		s->n++;
	}
	f->packets += p->packets;
	return 0;
}

/* ---- as JSON ---- */

static void set_service(const struct flow_id *id, struct json *out)
{
	bool icmp = id->protocol == IPPROTO_ICMP || id->protocol == IPPROTO_ICMPV6;
	char text[32];

	snprintf(text, sizeof(text), "%d/%d", icmp ? id->type : id->port, id->protocol);
	json_set_str(out, "Service", text);
}

static void set_mac(struct json *out, const char *key, const struct mac *m)
{
	static const struct mac none;
	char text[MAC_STRLEN];

	if (memcmp(m, &none, sizeof(none)))
		json_set_str(out, key, mac_format(m, text));
}

static struct json *flow_json(const struct seen_flow *f)
{
	struct json *j = json_new_obj();
	char text[IP_STRLEN];

	json_set_str(j, "From", ip_format(&f->id.from, text));
	json_set_str(j, "To", ip_format(&f->id.to, text));
	set_service(&f->id, j);
	if (f->from_port)
		json_set_num(j, "FromPort", f->from_port);
	json_set_num(j, "Packets", (double)f->packets);
	if (f->id.interface[0])
		json_set_str(j, "Interface", f->id.interface);
	if (f->id.vpc[0])
		json_set_str(j, "Vpc", f->id.vpc);
	set_mac(j, "FromMac", &f->id.from_mac);
	set_mac(j, "ToMac", &f->id.to_mac);
	return j;
}

struct json *flow_set_json(const struct flow_set *s)
{
	struct json *out = json_new_arr();

	for (const struct seen_flow *f = s->flows; f; f = f->hh.next)
		json_append(out, flow_json(f));
	return out;
}
