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
		return en->ended || m->now - en->last >= entry_timeout(en) ||
				       (opening && en->closing)
			       ? NULL
			       : en;
	}
	return NULL;
}

bool memory_ended(const struct memory *m, const char *eni, const struct tuple *t)
{
	for (const struct entry *en = m->entries; en; en = en->next)
		if (!strcmp(en->eni, eni) && tuple_same(&en->t, t))
			return en->ended;
	return false;
}

void memory_end(struct memory *m, const char *eni, const struct tuple *t)
{
	for (struct entry *en = m->entries; en; en = en->next)
		if (!strcmp(en->eni, eni) && tuple_same(&en->t, t))
			en->ended = true;
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

/* ---- fragments ---- */

static bool same_packet(const struct first_fragment *f, const char *eni, const struct packet *p)
{
	return !strcmp(f->eni, eni) && f->id == p->fragment_id && f->protocol == p->protocol &&
	       !ip_cmp(&f->src, &p->src) && !ip_cmp(&f->dst, &p->dst);
}

const struct first_fragment *memory_fragment(const struct memory *m, const char *eni,
					     const struct packet *p)
{
	for (const struct first_fragment *f = m->fragments; f; f = f->next)
		if (same_packet(f, eni, p))
			return m->now - f->seen >= 30 || p->offset < f->len ? NULL : f;
	return NULL;
}

void memory_forget_fragment(struct memory *m, const char *eni, const struct packet *p)
{
	for (struct first_fragment **at = &m->fragments; *at;) {
		struct first_fragment *f = *at;

		if (same_packet(f, eni, p)) {
			*at = f->next;
			free(f);
		} else {
			at = &f->next;
		}
	}
}

void memory_note_fragment(struct memory *m, const char *eni, const struct packet *p)
{
	struct first_fragment *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	memory_forget_fragment(m, eni, p);
	strncpy(f->eni, eni, ID_LEN - 1);
	f->src = p->src;
	f->dst = p->dst;
	f->protocol = p->protocol;
	f->id = p->fragment_id;
	f->t = tuple_of(p);
	f->icmp_type = p->icmp_type;
	f->icmp_code = p->icmp_code;
	f->len = packet_ip_len(p) - (p->src.family == AF_INET6 ? 48 : 20);
	f->seen = m->now;
	f->next = m->fragments;
	m->fragments = f;
}

unsigned memory_fragments(const struct memory *m, const char *eni)
{
	unsigned n = 0;

	for (const struct first_fragment *f = m->fragments; f; f = f->next)
		n += !strcmp(f->eni, eni);
	return n;
}

void memory_done(struct memory *m)
{
	struct first_fragment *f;
	struct entry *en;

	while ((f = m->fragments)) {
		m->fragments = f->next;
		free(f);
	}

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
	if (p->protocol == IPPROTO_TCP && !p->offset) {
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

bool memory_port_taken(const struct memory *m, const char *eni, const struct tuple *t,
		       const struct tuple *to)
{
	for (struct entry *en = m->entries; en; en = en->next)
		if (en->nat[0] && en->opened && !en->ended && tuple_same(&en->to, to) &&
		    (strcmp(en->eni, eni) || !tuple_same(&en->t, t)) &&
		    m->now - en->last < entry_timeout(en))
			return true;
	return false;
}
