/* SPDX-License-Identifier: MIT
 * See generate.h: the random source, and what comes when.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

#define LINE 4096

/* splitmix64 */
static uint64_t next(struct gen *g)
{
	uint64_t z = (g->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

unsigned gen_pick(struct gen *g, unsigned n)
{
	return n ? (unsigned)(next(g) % n) : 0;
}

bool gen_chance(struct gen *g, unsigned percent)
{
	return gen_pick(g, 100) < percent;
}

bool gen_going_on(const struct gen *g)
{
	return !g->rc && !g->run->difference[0];
}

void gen_emit(struct gen *g, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	if (!gen_going_on(g))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\'')
			*p = '"';
	script_add(g->script, line);
	g->rc = run_line(g->run, line, g->e);
}

const char *gen_address(const struct gen *g, bool v6, unsigned vpc, unsigned subnet, unsigned host,
			char buf[IP_STRLEN])
{
	if (v6)
		snprintf(buf, IP_STRLEN, "2001:db8:1000:%x::%x", vpc * 256 + subnet + 1, host);
	else
		snprintf(buf, IP_STRLEN, "10.%u.%u.%u", g->vpc[vpc].octet, subnet + 1, host);
	return buf;
}

unsigned gen_port(struct gen *g)
{
	return (unsigned)ONE_OF(g, 22, 53, 80, 443, 1024, 5000, 40000);
}

static void random_advance(struct gen *g)
{
	gen_emit(g, "advance %u",
		 (unsigned)ONE_OF(g, 1, 5, 10, 15, 29, 30, 31, 45, 59, 60, 61, 100, 179, 180, 181,
				  300, 349, 350, 351, 599, 600, 601, 431999, 432000));
}

static void random_event(struct gen *g)
{
	unsigned n = gen_pick(g, 1000);

	if (n < 420)
		gen_packet(g);
	else if (n < 910)
		gen_follow(g);
	else if (n < 960)
		gen_change(g);
	else if (n < 985)
		random_advance(g);
	else if (n < 997)
		gen_emit(g, "collect");
	else
		gen_emit(g, "restart");
}

int generate_run(uint64_t seed, unsigned events, struct script *s, struct run *r, struct err *e)
{
	struct gen g = {.state = seed, .script = s, .run = r, .e = e};

	g.uplink = gen_chance(&g, 30);
	if (g.uplink)
		gen_emit(&g, "uplink");
	gen_topology(&g);
	for (unsigned i = 0; i < events && gen_going_on(&g) && !run_stalled(r); i++)
		random_event(&g);
	return g.rc;
}
