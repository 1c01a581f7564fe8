/* SPDX-License-Identifier: MIT
 * One question asked of two networks, and what of the answers differs.
 */
#ifndef VPCD_VPCD_FLIPS_H
#define VPCD_VPCD_FLIPS_H

#include "vpcd/twin.h"
#include "vpcd/twin_ends.h"

#define FLIPS_SHOWN	 5000
#define FLIPS_TRACES_MAX 200000 /* of both networks together: about 3 seconds, 15 us each */

enum flip_answer { ANSWER_ABSENT, ANSWER_DENY, ANSWER_ALLOW };

struct flip_case {
	const struct twin_end *from, *to;
	struct trace_service service; /* not any */
	uint16_t to_port;	      /* the last of the ports that it stands for; 0: it alone */
	uint16_t from_port;	      /* 0: an ephemeral one */
	int family;		      /* 0: the one that both have */
	double packets;		      /* that were seen; 0: none were */
	const char *test;	      /* the assertion that asks; NULL: none */
	/* Names of ends of which the same is true; NULL: none. */
	const struct json *from_alike, *to_alike;
};

struct flips {
	struct trace_env env[SIDES];
	struct trace *trace[SIDES];
	size_t cases, traces, opened, closed, more;
	struct json *list; /* of those that flip; the caller's to take */
	/* The one that was listed last, which an adjacent range of ports may widen. */
	struct {
		struct json *flip;
		const struct twin_end *from, *to;
		uint8_t protocol;
		uint16_t to_port;
	} last;
};

int flips_init(struct flips *f, const struct twin *before, const struct twin *after, struct err *e);
void flips_done(struct flips *f);

/* Asks one side. What cannot be asked there is ABSENT (an end is not there) or denied. */
enum flip_answer flips_ask(struct flips *f, int side, const struct flip_case *c);
/* Asks both sides, and lists the case if a path opens or closes. -ENOSPC: too many questions. */
int flips_case(struct flips *f, const struct flip_case *c, struct err *e);
/* Every service that the rules of either side tell apart. */
int flips_services(struct flips *f, const struct flip_case *c, struct err *e);

#endif
