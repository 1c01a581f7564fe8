/* SPDX-License-Identifier: MIT
 * See event.h. State and Reason are whatever COMPUTED members of the kind go by these names.
 */
#include "model/event.h"

#include <string.h>
#include <time.h>

#include "model/types.h"

static bool is_named(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static void add_status(struct json *event, const char *member, const struct object *o,
		       const char *const *names)
{
	field_for_each (f, o->kind->fields) {
		if ((f->flags & COMPUTED) && is_named(f->name, names)) {
			json_set(event, member, value_print(f, field_at_const(f, o)));
			return;
		}
	}
}

struct json *event_new(uint64_t revision, const char *type, const struct object *o)
{
	static const char *const states[] = {"State", "Status", NULL};
	static const char *const reasons[] = {"StateReason", "StatusReason", "FailureMessage",
					      NULL};
	struct json *event = json_new_obj();
	char now[TIME_STRLEN];

	json_set_num(event, "Revision", revision);
	json_set_str(event, "Time", time_format(time(NULL), now));
	json_set_str(event, "Type", type);
	json_set_str(event, "Kind", o->kind->name);
	json_set_str(event, "Id", o->id);
	json_set_str(event, "Name", o->name);
	json_set_str(event, "Lab", o->lab);
	add_status(event, "State", o, states);
	add_status(event, "Reason", o, reasons);
	return event;
}
