/* SPDX-License-Identifier: MIT
 * Ends of traces in two networks at once: the one before a change and the one after. An end is the
 * same in both by its id, or, since a replacement has a new id, by lab, kind and name.
 */
#ifndef VPCD_VPCD_TWIN_ENDS_H
#define VPCD_VPCD_TWIN_ENDS_H

#include "vpcd/end_set.h"
#include "vpcd/trace.h"

enum { BEFORE, AFTER, SIDES };

struct twin_end {
	char name[128];
	bool there[SIDES];
	struct trace_end at[SIDES];
};

struct twin_ends {
	size_t n, cap;
	struct twin_end *v;
};

void twin_ends_done(struct twin_ends *s);

/* The object of the other side's model that is this one. NULL: none. */
const struct object *twin_counterpart(const struct model *from, const struct model *to,
				      const struct object *o);
/* What an object of one side's model is as an end in both. */
int twin_end_of(const struct trace_env env[SIDES], int side, const struct object *o,
		struct twin_end *ret, struct err *e);
/* The ends of a set before and of what is the same set after, each once. */
int twin_ends_merge(const struct trace_env env[SIDES], const struct end_set *before,
		    const struct end_set *after, struct twin_ends *ret, struct err *e);
/* All sandboxes of both, and the internet. */
int twin_ends_all(const struct trace_env env[SIDES], struct twin_ends *ret, struct err *e);

/* Are they the same one sandbox? */
bool twin_end_same(const struct twin_end *a, const struct twin_end *b);

#endif
