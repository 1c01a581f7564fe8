/* SPDX-License-Identifier: MIT
 * See shrink.h: delta debugging over lines (Zeller and Hildebrandt, 2002), from large chunks to
 * single lines, until no line can go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shrink.h"

/* Runs the lines that are kept; true if they end in a difference, *ret_line: where. */
static bool differs(const struct script *s, const bool *kept, size_t *ret_line, char *difference,
		    size_t len)
{
	struct script part = {0};
	size_t *from = calloc(s->n + 1, sizeof(*from)), line = 0;
	struct run r;
	struct err e;
	bool found = false;

	if (!from)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (kept[i]) {
			from[part.n] = i;
			script_add(&part, s->lines[i]);
		}
	if (!run_open(&r, &e) && !script_run(&part, &r, &line, &e) && r.difference[0]) {
		found = true;
		*ret_line = from[line];
		snprintf(difference, len, "%s", r.difference);
	}
	run_done(&r);
	script_done(&part);
	free(from);
	return found;
}

/* Tries to leave out [at, at + n) of the lines that are kept. */
static bool leave_out(const struct script *s, bool *kept, size_t at, size_t n, char *difference,
		      size_t len)
{
	bool *trial = calloc(s->n, sizeof(*trial)), done;
	size_t line;

	if (!trial)
		abort();
	memcpy(trial, kept, s->n * sizeof(*kept));
	for (size_t i = at; i < at + n && i < s->n; i++)
		trial[i] = false;
	done = memcmp(trial, kept, s->n * sizeof(*kept)) &&
	       differs(s, trial, &line, difference, len);
	if (done) {
		memcpy(kept, trial, s->n * sizeof(*kept));
		for (size_t i = line + 1; i < s->n; i++)
			kept[i] = false;
	}
	free(trial);
	return done;
}

static void keep(struct script *s, const bool *kept)
{
	struct script part = {0};

	for (size_t i = 0; i < s->n; i++)
		if (kept[i])
			script_add(&part, s->lines[i]);
	script_done(s);
	*s = part;
}

int shrink(struct script *s, char *ret_difference, size_t len, struct err *e)
{
	bool *kept = calloc(s->n + 1, sizeof(*kept)), again = true;
	size_t line;

	if (!kept)
		return err_sys(e, -ENOMEM, "shrink");
	for (size_t i = 0; i < s->n; i++)
		kept[i] = true;
	if (!differs(s, kept, &line, ret_difference, len)) {
		free(kept);
		return err_set(e, -EAGAIN, "InternalError", "",
			       "the difference does not come back");
	}
	for (size_t i = line + 1; i < s->n; i++)
		kept[i] = false;
	for (size_t n = s->n / 2; n > 1; n /= 2)
		for (size_t at = 0; at < s->n; at += n)
			leave_out(s, kept, at, n, ret_difference, len);
	while (again) {
		again = false;
		for (size_t at = s->n; at > 0; at--)
			again |= kept[at - 1] && leave_out(s, kept, at - 1, 1, ret_difference, len);
	}
	keep(s, kept);
	free(kept);
	return 0;
}
