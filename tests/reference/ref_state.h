/* SPDX-License-Identifier: MIT
 * What interfaces remember of connections. An entry belongs to one interface alone: two ends of a
 * connection are two entries, which may know different things.
 */
#ifndef VPCD_TESTS_REFERENCE_REF_STATE_H
#define VPCD_TESTS_REFERENCE_REF_STATE_H

#include "reference.h"

/* A packet's addresses and ports as seen at an interface. An echo has its identifier in sport, and
 * in dport which of request and reply it is; other ICMP its type and code. */
struct tuple {
	uint8_t protocol;
	bool echo;
	struct ip src, dst;
	uint16_t sport, dport;
};
#define ECHO_REQUEST 1
#define ECHO_REPLY   0
#define ICMP_ONE_WAY 0xffff /* dport: nothing is the reply to it */

struct tuple tuple_of(const struct packet *p);
struct tuple tuple_reverse(const struct tuple *t);
bool tuple_same(const struct tuple *a, const struct tuple *b);

struct entry {
	char eni[ID_LEN];
	struct tuple t;	      /* as this interface sends */
	struct tuple to;      /* what becomes of it on the way, */
	char out[ID_LEN];     /* and who gets it */
	char nat[ID_LEN];     /* NAT gateway on the way; "": none */
	bool opened;	      /* this interface sent the first packet */
	bool tracked;	      /* its gate let the first packet pass, tracked */
	bool egress_only;     /* opened through an egress-only gateway */
	bool fin[2], closing; /* fin: received, sent */
	bool ended;	      /* over, until somebody opens anew */
	bool established;
	unsigned replies;
	unsigned established_timeout, opening_timeout; /* seconds; 0: the protocol's */
	uint64_t last;
	struct entry *next;
};

/* What the first fragment of a packet said, as far as it was let through. */
struct first_fragment {
	char eni[ID_LEN];
	struct ip src, dst;
	uint8_t protocol;
	uint16_t id;
	struct tuple t;
	uint8_t icmp_type, icmp_code;
	size_t len; /* bytes of IP payload */
	uint64_t seen;
	struct first_fragment *next;
};

struct memory {
	struct entry *entries; /* newest first */
	struct first_fragment *fragments;
	uint64_t now; /* seconds */
	size_t n;
};

void memory_done(struct memory *m);
/* The entry of a live connection; NULL: none. opening: the packet asks for a new connection, which
 * one that is closing does not stand against. */
struct entry *memory_find(const struct memory *m, const char *eni, const struct tuple *t,
			  bool opening);
/* A fresh one in place of what was remembered. */
struct entry *memory_make(struct memory *m, const char *eni, const struct tuple *t);
void memory_forget(struct memory *m, const char *eni, const struct tuple *t);
/* Ends a connection: only one that is opened anew is remembered again. */
void memory_end(struct memory *m, const char *eni, const struct tuple *t);
bool memory_ended(const struct memory *m, const char *eni, const struct tuple *t);
/* A packet of the connection passes the entry's interface. */
void entry_note(struct entry *en, const struct memory *m, const struct packet *p, bool sent);
/* The first fragment that a later one follows; NULL: it is not known, or overlapped. */
const struct first_fragment *memory_fragment(const struct memory *m, const char *eni,
					     const struct packet *p);
void memory_note_fragment(struct memory *m, const char *eni, const struct packet *p);
void memory_forget_fragment(struct memory *m, const char *eni, const struct packet *p);
/* First fragments that an interface remembers: it has few places. */
unsigned memory_fragments(const struct memory *m, const char *eni);
/* Has a live connection of somebody else this translated source towards this destination? */
bool memory_port_taken(const struct memory *m, const char *eni, const struct tuple *t,
		       const struct tuple *to);

#endif
