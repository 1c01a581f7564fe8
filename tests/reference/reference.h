/* SPDX-License-Identifier: MIT
 * A second, independent implementation of shared semantics: what a VPC does with a packet, written
 * as plainly as it can be. It shares nothing with plan, rule sets and programs but the model's
 * structs, lib/ and the list of drop reasons.
 *
 * Theory of operation. The state is the model (read at every packet, never cached), the time, and
 * what each interface remembers of connections. Every packet walks the topology from its sender to
 * its receiver, gate by gate, as if it were the first; the first gate that fails is the reason. A
 * group's gate at an interface is passed without asking the rules if that interface remembers the
 * connection as tracked. There is no flow table, no generation, no collection: whatever the data
 * plane does for speed must not be seen from here.
 *
 * What an interface remembers is keyed by the packet as this interface sends it, so the reply to a
 * packet that it receives. An address and port of a NAT gateway is chosen by the program (any free
 * one is right) and taken over from it; likewise a client's address before the resolver.
 */
#ifndef VPCD_TESTS_REFERENCE_REFERENCE_H
#define VPCD_TESTS_REFERENCE_REFERENCE_H

#include "bpf/abi.h"
#include "model/store.h"
#include "packet.h"

#define ID_LEN 48

struct reference;

struct reference *reference_new(void);
void reference_free(struct reference *r); /* NULL ok */

/* The model as it is from now on: after each change of the API. It must live until the next. */
void reference_model(struct reference *r, const struct model *m);
void reference_advance(struct reference *r, uint64_t seconds);
/* From now on the simulated internet has a way out. */
void reference_uplink(struct reference *r);

struct verdict {
	enum drop_reason reason;
	char output[ID_LEN]; /* interface that it is handed to; its sender's own: answered */
	struct packet out;   /* as handed over, MACs included */
	bool port_open;	     /* out.sport (an echo's icmp_id) may be any that is free */
	bool in_pieces;	     /* too large, but may be cut: test runs do not show pieces */
	bool source_open;    /* out.src may be any of 100.64.0.0/10, fd00:ec2:0:100::/96 */
	bool may_forget;     /* a later fragment, whose first may have lost its place */
	bool answered;	     /* dropped, and `out` goes back to the sender */
	bool by_nat;	     /* through a NAT gateway */
	unsigned choices;    /* addresses that a NAT gateway had to choose from; 0: no choice */
};

/* Judges a packet that an interface sends: the verdict of the present state, which stays as it is
 * until reference_commit. choice: which address a NAT gateway chooses, if it has to; any is right.
 */
void reference_judge(struct reference *r, const char *eni, const struct packet *p, unsigned choice,
		     struct verdict *ret);
/* The verdict was as judged (or the fragment forgotten); `out` is the packet as delivered, with
 * what was open decided (NULL: it was dropped). False: what was decided is not allowed (a port that
 * is taken). */
bool reference_commit(struct reference *r, const struct packet *out);

/* Entries that all interfaces remember, expired ones included: for figures. */
size_t reference_entries(const struct reference *r);

#endif
