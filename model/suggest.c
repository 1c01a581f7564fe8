/* SPDX-License-Identifier: MIT
 * See suggest.h. Case does not count; two letters swapped count one (optimal string alignment).
 */
#include "model/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LONGEST 64

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[3][LONGEST + 1];

	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = i;
		for (size_t j = 1; j <= m; j++) {
			cur[j] = min2(min2(up[j], cur[j - 1]) + 1,
				      up[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				cur[j] = min2(cur[j], up2[j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

void suggest(struct suggestion *s, const char *candidate)
{
	size_t n = strlen(s->wanted), m = candidate ? strlen(candidate) : 0;
	unsigned d;

	if (!m || n > LONGEST || m > LONGEST)
		return;
	d = distance(s->wanted, n, candidate, m);
	/* The beginning of a name is near too: what is missing counts as one letter. */
	if (n >= 3 && n < m && !strncasecmp(s->wanted, candidate, n))
		d = 1;
	if (3 * d > (n > m ? n : m) || (s->best && d >= s->distance))
		return;
	s->best = candidate;
	s->distance = d;
}

const char *suggest_text(const struct suggestion *s, char *buf)
{
	*buf = '\0';
	if (s->best)
		snprintf(buf, SUGGEST_STRLEN, "; did you mean %s?", s->best);
	return buf;
}
