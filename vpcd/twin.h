/* SPDX-License-Identifier: MIT
 * A twin of the network: what a model would be in the data plane, in maps of its own that nobody
 * else sees. Nothing of it is pinned or attached, and it has no flows; only traces can be asked of
 * it. It is made as the network is: planned, bound, compiled.
 */
#ifndef VPCD_VPCD_TWIN_H
#define VPCD_VPCD_TWIN_H

#include "vpcd/trace.h"

struct twin;

/* max_enis: as the running data plane has it (struct dataplane_config), so that what does not fit
 * there does not fit here. The model must outlive the twin. Takes some 30 MiB at the default size
 * and as long as the program's entry point takes to be verified. */
int twin_make(const struct model *m, uint32_t max_enis, struct twin **ret, struct err *e);
void twin_free(struct twin *t); /* NULL ok */
DEFINE_CLEANUP(struct twin *, twin_free)

/* What traces of it read. */
struct trace_env twin_env(const struct twin *t);

/* Has the internet's host that stands for all hold this address, and the one of the call before no
 * more. It must be nobody's. */
int twin_guest(struct twin *t, const struct ip *address, struct err *e);

#endif
