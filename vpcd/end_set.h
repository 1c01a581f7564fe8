/* SPDX-License-Identifier: MIT
 * Sets of ends, as assertions name them:
 *
 *   orders                one end, as a trace takes it      a,b       both
 *   private-* web-?       names by pattern (also VPC/NAME)  !orders   every sandbox but those
 *   all [sandboxes|instances|functions|internet-hosts]
 *   subnet|vpc|group PATTERN, tag KEY=PATTERN               sandboxes by where or what they are
 */
#ifndef VPCD_VPCD_END_SET_H
#define VPCD_VPCD_END_SET_H

#include "vpcd/trace_end.h"

struct end_set {
	size_t n, cap;
	struct trace_end *v;
};

/* lab: only what belongs to it is among sandboxes; NULL: all. A set that is empty is an error: an
 * assertion about nothing would hold whatever happens. */
int end_set_parse(const struct model *m, const struct plan *p, const char *lab, const char *text,
		  struct end_set *ret, struct err *e);
void end_set_done(struct end_set *s);

#endif
