/* SPDX-License-Identifier: MIT
 * See whatif_pairs.h.
 */
#include "vpcd/whatif_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/touched.h"

static bool end_is_touched(const struct touched *t, const struct twin_end *end)
{
	if (end->there[BEFORE] != end->there[AFTER] ||
	    strcmp(end->at[BEFORE].attachment, end->at[AFTER].attachment))
		return true;
	return touched_has(t, end->at[AFTER].attachment);
}

static int touched_pairs_ask(struct flips *f, const struct twin_ends *ends, const struct touched *t,
			     bool all, struct err *e)
{
	cleanup_free bool *touched = calloc(ends->n + 1, sizeof(*touched));
	struct flip_case c = {0};
	int rc = touched ? 0 : err_sys(e, -ENOMEM, "pairs");

	for (size_t i = 0; i < ends->n && !rc; i++)
		touched[i] = all || end_is_touched(t, &ends->v[i]);
	for (size_t i = 0; i < ends->n && !rc; i++)
		for (size_t j = 0; j < ends->n && !rc; j++) {
			c.from = &ends->v[i];
			c.to = &ends->v[j];
			if (i != j && (touched[i] || touched[j]))
				rc = flips_services(f, &c, e);
		}
	return rc;
}

int pairs_judge(struct flips *f, bool all, struct err *e)
{
	const struct trace_env *env = f->env;
	struct twin_ends ends = {0};
	struct touched *t = NULL;
	int rc = touched_find(env[BEFORE].plan, env[AFTER].plan, &t, e);

	if (!rc)
		rc = twin_ends_all(env, &ends, e);
	if (!rc)
		rc = touched_pairs_ask(f, &ends, t, all, e);
	f->last.flip = NULL;
	twin_ends_done(&ends);
	touched_free(t);
	return rc;
}
