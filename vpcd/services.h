/* SPDX-License-Identifier: MIT
 * "any": the services that stand for all, as the rules on a way cut them up.
 */
#ifndef VPCD_VPCD_SERVICES_H
#define VPCD_VPCD_SERVICES_H

#include "vpcd/trace.h"

struct services {
	size_t n, cap;
	struct trace_service *v;
};

/* What gates let pass is made of ranges, and what all of them let pass begins where one of these
 * begins, or behind one that is denied. So if any packet passes from the one end to the other, one
 * of these services does. */
int services_between(const struct trace_env *env, const struct trace_end *from,
		     const struct trace_end *to, struct services *ret);
void services_done(struct services *s);

#endif
