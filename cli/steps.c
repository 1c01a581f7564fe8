/* SPDX-License-Identifier: MIT
 * See steps.h.
 */
#include "cli/steps.h"

#include <stdio.h>
#include <string.h>

static const struct plan_mark {
	const char *op, *mark, *color;
	unsigned add, change, delete;
} marks[] = {
	{"create", "+", "\033[32m", 1, 0, 0},
	{"update", "~", "\033[33m", 0, 1, 0},
	{"replace", "-/+", "\033[31m", 1, 0, 1},
	{"delete", "-", "\033[31m", 0, 0, 1},
};

static const struct plan_mark *mark_of(const struct json *step)
{
	const char *op = json_str(json_get(step, "Op"));

	for (size_t i = 0; op && i < ARRAY_SIZE(marks); i++)
		if (!strcmp(op, marks[i].op))
			return &marks[i];
	return &marks[1];
}

static const char *member(const struct json *obj, const char *key)
{
	const char *s = json_str(json_get(obj, key));

	return s ? s : "";
}

static void step_print(const struct cli *c, const struct json *step)
{
	const struct plan_mark *m = mark_of(step);
	const char *name = member(step, "Name"), *detail = member(step, "Detail");

	printf("%s%3s %s %s%s%s%s%s\n", c->out.color ? m->color : "", m->mark, member(step, "Kind"),
	       *name ? name : member(step, "Id"), *detail ? " (" : "", detail, *detail ? ")" : "",
	       c->out.color ? "\033[0m" : "");
}

struct plan_counts steps_count(const struct json *steps)
{
	struct plan_counts n = {0};

	json_for_each (step, steps) {
		const struct plan_mark *m = mark_of(step);

		n.add += m->add;
		n.change += m->change;
		n.delete += m->delete;
	}
	return n;
}

struct plan_counts steps_print(const struct cli *c, const struct json *steps)
{
	struct plan_counts n = steps_count(steps);

	json_for_each (step, steps)
		step_print(c, step);
	printf("%u to add, %u to change, %u to delete\n", n.add, n.change, n.delete);
	fflush(stdout);
	return n;
}
