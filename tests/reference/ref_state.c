/* SPDX-License-Identifier: MIT
 * See ref_state.h. Time-outs: SEMANTICS.md, Tracking and Gateways; those of ICMP and of opening and
 * closing TCP are ours (docs/DIFFERENCES.md).
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "ref_state.h"

struct tuple tuple_of(const struct packet *p)
{
	struct tuple t = {.protocol = p->protocol, .src = p->src, .dst = p->dst};

	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) {
		t.sport = p->sport;
		t.dport = p->dport;
	} else if (packet_is_echo(p)) {
		t.echo = true;
		t.sport = p->icmp_id;
		t.dport = packet_is_echo_request(p) ? ECHO_REQUEST : ECHO_REPLY;
	} else if (packet_is_icmp(p)) {
		t.sport = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
		t.dport = ICMP_ONE_WAY;
	}
	return t;
}

struct tuple tuple_reverse(const struct tuple *t)
{
	struct tuple r = *t;

	r.src = t->dst;
	r.dst = t->src;
	if (t->echo) {
		r.dport = t->dport == ECHO_REQUEST ? ECHO_REPLY : ECHO_REQUEST;
	} else {
		r.sport = t->dport;
		r.dport = t->sport;
	}
	return r;
}

bool tuple_same(const struct tuple *a, const struct tuple *b)
{
	return a->protocol == b->protocol && a->echo == b->echo && !ip_cmp(&a->src, &b->src) &&
	       !ip_cmp(&a->dst, &b->dst) && a->sport == b->sport && a->dport == b->dport;
}

static unsigned entry_timeout(const struct entry *en)
{
	unsigned set = en->established ? en->established_timeout : en->opening_timeout;

	if (en->closing)
		return 30;
	if (en->nat[0])
		return 350;
	if (set)
		return set;
	switch (en->t.protocol) {
	case IPPROTO_TCP:
		return en->established ? 432000 : 60;
	case IPPROTO_UDP:
		return en->established ? 180 : 30;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 30;
	}
	return 600;
}

struct entry *memory_find(const struct memory *m, const char *eni, const struct tuple *t,
			  bool opening)
{
	for (struct entry *en = m->entries; en; en = en->next) {
		if (strcmp(en->eni, eni) || !tuple_same(&en->t, t))
			continue;
		if (m->now - en->last >= entry_timeout(en) || (opening && en->closing))
			return NULL;
		/* An echo reply is an answer or nothing: it opens no way back. */
		return t->echo && en->opened != (t->dport == ECHO_REQUEST) ? NULL : en;
	}
	return NULL;
}

void memory_forget(struct memory *m, const char *eni, const struct tuple *t)
{
	for (struct entry **p = &m->entries; *p;) {
		struct entry *en = *p;

		if (!strcmp(en->eni, eni) && tuple_same(&en->t, t)) {
			*p = en->next;
			free(en);
			m->n--;
		} else {
			p = &en->next;
		}
	}
}

struct entry *memory_make(struct memory *m, const char *eni, const struct tuple *t)
{
	struct entry *en = calloc(1, sizeof(*en));

	if (!en)
		abort();
	memory_forget(m, eni, t);
	strncpy(en->eni, eni, ID_LEN - 1);
	en->t = *t;
	en->last = m->now;
	en->next = m->entries;
	m->entries = en;
	m->n++;
	return en;
}

void memory_done(struct memory *m)
{
	struct entry *en;

	while ((en = m->entries)) {
		m->entries = en->next;
		free(en);
	}
	m->n = 0;
}

void entry_note(struct entry *en, const struct memory *m, const struct packet *p, bool sent)
{
	bool reply = sent != en->opened;

	en->last = m->now;
	if (p->protocol == IPPROTO_TCP) {
		if (p->tcp_flags & TCP_RST) {
			en->closing = true;
			return;
		}
		en->fin[sent] = en->fin[sent] || p->tcp_flags & TCP_FIN;
		en->closing = en->closing || (en->fin[0] && en->fin[1]);
	}
	en->replies += reply;
	/* TCP: the other end answered. UDP: more than one exchange. */
	if (en->replies && p->protocol == IPPROTO_TCP)
		en->established = true;
	if (en->replies > 1 && p->protocol == IPPROTO_UDP)
		en->established = true;
}

bool memory_port_taken(const struct memory *m, const struct tuple *to)
{
	for (struct entry *en = m->entries; en; en = en->next)
		if (en->nat[0] && en->opened && tuple_same(&en->to, to) &&
		    m->now - en->last < entry_timeout(en))
			return true;
	return false;
}
