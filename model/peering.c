/* SPDX-License-Identifier: MIT
 * The life of VPC peering connections; see peering.h.
 */
#include "model/peering.h"

#include <string.h>

#include "model/kinds/common.h"

#define NEVER INT64_MAX

bool peering_is_over(const struct vpc_peering_connection *p)
{
	return p->status != PEERING_PENDING_ACCEPTANCE && p->status != PEERING_ACTIVE;
}

bool peering_would_fail(const struct model *m, const struct vpc_peering_connection *p)
{
	struct cidr a, b;

	return vpcs_overlap(AS_CONST(vpc, model_get(m, p->vpc_id)),
			    AS_CONST(vpc, model_get(m, p->peer_vpc_id)), &a, &b);
}

const char *peering_other_end(const struct vpc_peering_connection *p, const char *vpc_id)
{
	if (!strcmp(p->vpc_id, vpc_id))
		return p->peer_vpc_id;
	return !strcmp(p->peer_vpc_id, vpc_id) ? p->vpc_id : NULL;
}

struct pair {
	const char *a, *b;
};

static bool connects(const void *arg, const struct object *o)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);
	const struct pair *pair = arg;
	const char *other = peering_other_end(p, pair->a);

	return p->status == PEERING_ACTIVE && other && !strcmp(other, pair->b);
}

const struct vpc_peering_connection *model_active_peering(const struct model *m, const char *vpc_id,
							  const char *peer_vpc_id)
{
	struct pair pair = {vpc_id, peer_vpc_id};

	return AS_CONST(vpc_peering_connection,
			find_referrer(m, vpc_id, KIND_VPC_PEERING_CONNECTION, connects, &pair));
}

/* ---- decisions ---- */

static const struct vpc_peering_connection *pending(struct txn *t, const char *id, const char *verb,
						    struct err *e)
{
	const struct object *o = model_get(txn_model(t), id);
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

	if (!o || o->kind->kind != KIND_VPC_PEERING_CONNECTION) {
		err_set(e, -ENOENT, "InvalidVpcPeeringConnectionID.NotFound", "",
			"no vpc-peering-connection %.64s", id);
		return NULL;
	}
	if (p->status == PEERING_PENDING_ACCEPTANCE)
		return p;
	err_set(e, -EPERM, "InvalidStateTransition", "",
		"%s is %s: only one that is pending acceptance can be %s", id,
		peering_status_names[p->status], verb);
	return NULL;
}

int peering_set_status(struct txn *t, struct vpc_peering_connection *p, enum peering_status status,
		       const char *message, struct err *e)
{
	p->status = status;
	p->status_time = store_now(txn_store(t));
	p->expiration_time =
		status == PEERING_PENDING_ACCEPTANCE ? p->status_time + PEERING_REQUEST_LIFE : 0;
	return text_set(&p->status_message, message, e);
}

int peering_accept(struct txn *t, const char *id, struct err *e)
{
	cleanup_json struct json *patch = json_new_obj();

	if (!pending(t, id, "accepted", e))
		return e->rc;
	json_set_bool(patch, "Accept", true);
	return txn_update(t, id, patch, e);
}

int peering_reject(struct txn *t, const char *id, struct err *e)
{
	struct vpc_peering_connection *p;

	if (!pending(t, id, "rejected", e))
		return e->rc;
	p = EDIT(vpc_peering_connection, t, id, e);
	return p ? peering_set_status(t, p, PEERING_REJECTED, "rejected by the accepter", e)
		 : -ENOMEM;
}

/* ---- time ---- */

/* When it changes by itself. */
static int64_t due(const struct vpc_peering_connection *p)
{
	switch (p->status) {
	case PEERING_PENDING_ACCEPTANCE:
		return p->expiration_time;
	case PEERING_FAILED:
		return p->status_time + PEERING_FAILED_LIFE;
	case PEERING_REJECTED:
	case PEERING_EXPIRED:
		return p->status_time + PEERING_OVER_LIFE;
	default:
		return NEVER;
	}
}

/* The connection that is due first. */
static const struct vpc_peering_connection *first_due(const struct model *m)
{
	const struct vpc_peering_connection *first = NULL;

	model_for_each (o, m, KIND_VPC_PEERING_CONNECTION) {
		const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

		if (!first || due(p) < due(first))
			first = p;
	}
	return first && due(first) != NEVER ? first : NULL;
}

static int age_one(struct txn *t, const struct vpc_peering_connection *p, struct err *e)
{
	struct vpc_peering_connection *mine;

	if (p->status != PEERING_PENDING_ACCEPTANCE)
		return txn_delete(t, p->o.id, e);
	mine = EDIT(vpc_peering_connection, t, p->o.id, e);
	return mine ? peering_set_status(t, mine, PEERING_EXPIRED, "nobody accepted it in 7 days",
					 e)
		    : -ENOMEM;
}

int peering_age(struct store *s, int64_t now, int64_t *ret_next, struct err *e)
{
	const struct vpc_peering_connection *p = first_due(store_model(s));
	struct txn *t = NULL;
	int rc = 0;

	if (p && due(p) <= now) {
		t = txn_begin(s);
		if (!t)
			return err_set(e, -EBUSY, "InternalError", "", "a transaction is open");
	}
	while (t && !rc && (p = first_due(txn_model(t))) && due(p) <= now)
		rc = age_one(t, p, e);
	if (rc) {
		txn_abort(t);
		return rc;
	}
	rc = t ? txn_commit(t, NULL, e) : 0;
	p = first_due(store_model(s));
	if (ret_next)
		*ret_next = p ? due(p) : 0;
	return rc;
}
