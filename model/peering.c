/* SPDX-License-Identifier: MIT
 * The life of VPC peering connections; see peering.h.
 */
#include "model/peering.h"

#include <string.h>

#include "model/kinds/common.h"

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

int64_t peering_due(const struct object *o)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

	switch (p->status) {
	case PEERING_PENDING_ACCEPTANCE:
		return p->expiration_time;
	case PEERING_FAILED:
		return p->status_time + PEERING_FAILED_LIFE;
	case PEERING_REJECTED:
	case PEERING_EXPIRED:
	case PEERING_DELETED:
		return p->status_time + PEERING_OVER_LIFE;
	default:
		return DUE_NEVER;
	}
}

int peering_age(struct txn *t, const struct object *o, struct err *e)
{
	struct vpc_peering_connection *mine;

	if (AS_CONST(vpc_peering_connection, o)->status != PEERING_PENDING_ACCEPTANCE)
		return txn_delete(t, o->id, e);
	mine = EDIT(vpc_peering_connection, t, o->id, e);
	return mine ? peering_set_status(t, mine, PEERING_EXPIRED, "nobody accepted it in 7 days",
					 e)
		    : -ENOMEM;
}
