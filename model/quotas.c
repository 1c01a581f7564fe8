/* SPDX-License-Identifier: MIT
 * See quotas.h.
 */
#include "model/quotas.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

static const struct {
	const char *name;
	size_t offset;
	unsigned def, max;
} names[] = {
	{"rules-per-group", offsetof(struct quotas, rules_per_group), 60, 1000},
	{"groups-per-interface", offsetof(struct quotas, groups_per_interface), 5, 16},
	{"entries-per-acl", offsetof(struct quotas, entries_per_acl), 20, 40},
	{"routes-per-table", offsetof(struct quotas, routes_per_table), 50, 1000},
	{"addresses-per-interface", offsetof(struct quotas, addresses_per_interface), 50, 256},
};

static unsigned *quota_at(struct quotas *q, size_t i)
{
	return (unsigned *)((char *)q + names[i].offset);
}

static int unknown(const char *text, struct err *e)
{
	cleanup_buf struct buf all = {0};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		buf_printf(&all, "%s%s", i ? ", " : "", names[i].name);
	return err_set(e, -EINVAL, "InvalidParameterValue", "quota",
		       "%.64s: give NAME=NUMBER of one of %s", text, buf_str(&all));
}

int quota_set(struct quotas *q, const char *text, struct err *e)
{
	size_t n = strcspn(text, "="), i = 0;
	unsigned long v;
	char *end;

	while (i < ARRAY_SIZE(names) &&
	       (strlen(names[i].name) != n || strncmp(names[i].name, text, n)))
		i++;
	if (i == ARRAY_SIZE(names) || text[n] != '=')
		return unknown(text, e);
	v = strtoul(text + n + 1, &end, 10);
	if (end == text + n + 1 || *end || v < 1 || v > names[i].max)
		return err_set(e, -EINVAL, "InvalidParameterValue", "quota",
			       "%.64s: a number from 1 to %u", text, names[i].max);
	*quota_at(q, i) = (unsigned)v;
	return 0;
}

int quotas_complete(struct quotas *q, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!*quota_at(q, i))
			*quota_at(q, i) = names[i].def;
	if (q->rules_per_group * q->groups_per_interface <= RULES_PER_INTERFACE)
		return 0;
	return err_set(e, -EINVAL, "InvalidParameterValue", "quota",
		       "%u rules a group times %u groups an interface exceed %d",
		       q->rules_per_group, q->groups_per_interface, RULES_PER_INTERFACE);
}
