/* SPDX-License-Identifier: MIT
 * "Did you mean": the nearest of some names by edit distance.
 */
#ifndef VPCD_MODEL_SUGGEST_H
#define VPCD_MODEL_SUGGEST_H

struct suggestion {
	const char *wanted;
	const char *best; /* NULL: none near enough; the candidate's own pointer */
	unsigned distance;
};

/* Considers one candidate (NULL ok). Near enough: at most a third of the letters differ, or
 * `wanted` is how the candidate begins. */
void suggest(struct suggestion *s, const char *candidate);

#define SUGGEST_STRLEN 160
/* "; did you mean X?", or "" where there is none. */
const char *suggest_text(const struct suggestion *s, char *buf);

#endif
