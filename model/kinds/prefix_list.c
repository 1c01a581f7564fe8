/* SPDX-License-Identifier: MIT
 * Customer-managed prefix list. VPC User Guide, managed-prefix-lists: its maximum size, not what it
 * holds, counts towards the quotas of what refers to it.
 */
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define ENTRIES_MAX 1000

static const char *const family_names[] = {"IPv4", "IPv6", NULL};

static const struct field entry_fields[] = {
	FIELD(prefix_list_entry, cidr, "Cidr", .flags = REQUIRED, .help = "Range of addresses"),
	FIELD(prefix_list_entry, description, "Description", .max = 255, .help = "What it is for"),
	{0},
};
static const struct field elem_entry = {.name = "Entry",
					.type = T_RECORD,
					.size = sizeof(struct prefix_list_entry),
					.fields = entry_fields};

static const struct field fields[] = {
	FIELD(prefix_list, address_family, "AddressFamily", .flags = IMMUTABLE | COLUMN,
	      .values = family_names, .def = "IPv4", .help = "Family of all its entries"),
	FIELD(prefix_list, max_entries, "MaxEntries", .flags = COLUMN, .def = "0", .min = 0,
	      .max = ENTRIES_MAX,
	      .help = "Size that it counts with where it is referred to; 0: as many as it has"),
	FIELD(prefix_list, entries, "Entries", .elem = &elem_entry, .help = "Its ranges"),
	{0},
};

static int entry_check(const struct prefix_list *pl, size_t i, struct err *e)
{
	const struct prefix_list_entry *v = pl->entries.v;
	bool v6 = v[i].cidr.ip.family == AF_INET6;
	char field[64], text[CIDR_STRLEN];

	snprintf(field, sizeof(field), "Entries/%zu/Cidr", i);
	cidr_format(&v[i].cidr, text);
	if (v6 != (pl->address_family == PREFIX_LIST_IPV6))
		return err_set(e, -EINVAL, "InvalidParameterValue", field,
			       "%s is of IPv%d, the list of %s (AddressFamily)", text, v6 ? 6 : 4,
			       family_names[pl->address_family]);
	for (size_t j = 0; j < i; j++)
		if (!cidr_cmp(&v[j].cidr, &v[i].cidr))
			return err_set(e, -EEXIST, "InvalidParameterValue", field,
				       "%s is there twice", text);
	return 0;
}

/* ---- what refers to it counts with its size ---- */

struct resize {
	struct txn *t;
	const struct prefix_list *as;
	struct err *e;
	int rc;
};

static void ask_referrer(void *arg, const struct object *o)
{
	struct resize *r = arg;

	if (r->rc)
		return;
	if (o->kind->kind == KIND_SECURITY_GROUP_RULE)
		r->rc = group_size_check(r->t, AS_CONST(security_group_rule, o)->group_id, r->as,
					 r->e);
	else if (o->kind->kind == KIND_ROUTE_TABLE)
		r->rc = route_table_size_check(r->t, AS_CONST(route_table, o), r->as, "MaxEntries",
					       r->e);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct prefix_list *pl = AS(prefix_list, new);
	struct resize resize = {t, pl, e, 0};
	size_t n = pl->entries.n;
	int rc = 0;

	if (n > ENTRIES_MAX)
		return err_set(e, -ENOSPC, "InvalidParameterValue", "Entries",
			       "%zu entries: a prefix list has at most %d", n, ENTRIES_MAX);
	if (!pl->max_entries)
		pl->max_entries = n ? (int64_t)n : 1;
	if ((int64_t)n > pl->max_entries)
		return err_set(e, -ENOSPC, "InvalidParameterValue", "Entries",
			       "%zu entries: the list has room for %lld (MaxEntries)", n,
			       (long long)pl->max_entries);
	for (size_t i = 0; !rc && i < n; i++)
		rc = entry_check(pl, i, e);
	if (!rc && old && pl->max_entries > AS_CONST(prefix_list, old)->max_entries)
		model_referrers(txn_model(t), old->id, KIND_NONE, ask_referrer, &resize);
	return rc ? rc : resize.rc;
}

static void add_association(void *arg, const struct object *o)
{
	json_append(arg, json_new_str(o->id));
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	struct json *users = json_new_arr();

	model_referrers(m, o->id, KIND_NONE, add_association, users);
	json_set_str(out, "PrefixListName", o->name);
	json_set(out, "Associations", users);
}

const struct kind prefix_list_kind = {
	.kind = KIND_PREFIX_LIST,
	.name = "prefix-list",
	.plural = "prefix-lists",
	.short_name = "pl",
	.id_prefix = "pl-",
	.id_field = "PrefixListId",
	.help = "Ranges of addresses that rules and routes name together",
	.size = sizeof(struct prefix_list),
	.fields = fields,
	.check = check,
	.derive = derive,
};
