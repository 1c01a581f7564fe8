/* SPDX-License-Identifier: MIT
 * See age.h.
 */
#include "model/age.h"

/* The object that is due first; NULL: none ever is. */
static const struct object *first_due(const struct model *m)
{
	const struct object *first = NULL;

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
		const struct kind *kind = kinds[k];

		if (!kind->due)
			continue;
		for (const struct object *o = model_first_shown(m, k); o;
		     o = model_next_shown(m, o))
			if (kind->due(o) != DUE_NEVER &&
			    (!first || kind->due(o) < first->kind->due(first)))
				first = o;
	}
	return first;
}

static int age_one(struct txn *t, const struct object *o, struct err *e)
{
	return o->kind->age ? o->kind->age(t, o, e) : txn_delete(t, o->id, e);
}

int model_age(struct store *s, int64_t now, int64_t *ret_next, struct err *e)
{
	const struct object *o = first_due(store_model(s));
	struct txn *t = NULL;
	int rc = 0;

	if (o && o->kind->due(o) <= now) {
		t = txn_begin(s);
		if (!t)
			return err_set(e, -EBUSY, "InternalError", "", "a transaction is open");
	}
	while (t && !rc && (o = first_due(txn_model(t))) && o->kind->due(o) <= now)
		rc = age_one(t, o, e);
	if (rc) {
		txn_abort(t);
		return rc;
	}
	rc = t ? txn_commit(t, NULL, e) : 0;
	o = first_due(store_model(s));
	if (ret_next)
		*ret_next = o ? o->kind->due(o) : 0;
	return rc;
}
