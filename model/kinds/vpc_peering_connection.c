/* SPDX-License-Identifier: MIT
 * VPC peering connection. VPC Peering Guide; EC2 API Reference, CreateVpcPeeringConnection. Its
 * life: model/peering.h.
 */
#include <string.h>

#include "model/kinds/common.h"
#include "model/peering.h"

#define ACTIVE_MAX	50 /* a VPC */
#define OUTSTANDING_MAX 25 /* an account */

const char *const peering_status_names[] = {
	"pending-acceptance", "active", "rejected", "expired", "failed", "deleted", NULL};

static const struct field options_fields[] = {
	FIELD(peering_options, allow_dns_resolution_from_remote_vpc,
	      "AllowDnsResolutionFromRemoteVpc", .def = "false",
	      .help = "Whether public names of this side mean private addresses to the other"),
	{0},
};

static const struct field fields[] = {
	REF(vpc_peering_connection, vpc_id, "VpcId", KIND_VPC,
	    .flags = REQUIRED | IMMUTABLE | COLUMN, .help = "VPC that requests it"),
	REF(vpc_peering_connection, peer_vpc_id, "PeerVpcId", KIND_VPC,
	    .flags = REQUIRED | IMMUTABLE | COLUMN, .help = "VPC that accepts it"),
	FIELD(vpc_peering_connection, accept, "Accept", .def = "false",
	      .help = "Whether the accepter has said yes; it stays so"),
	FIELD(vpc_peering_connection, status, "Status", .flags = COMPUTED | COLUMN,
	      .values = peering_status_names, .def = "pending-acceptance",
	      .help = "Only an active one carries packets"),
	FIELD(vpc_peering_connection, status_message, "StatusMessage", .flags = COMPUTED,
	      .help = "Why it has its status"),
	FIELD_AS(vpc_peering_connection, expiration_time, "ExpirationTime", T_TIME,
		 .flags = COMPUTED, .help = "When a request that nobody accepts expires"),
	FIELD_AS(vpc_peering_connection, status_time, "StatusTime", T_TIME, .flags = COMPUTED,
		 .help = "Since when it has its status"),
	FIELD_AS(vpc_peering_connection, requester_options, "RequesterPeeringConnectionOptions",
		 T_RECORD, .fields = options_fields, .help = "Options of the requester's side"),
	FIELD_AS(vpc_peering_connection, accepter_options, "AccepterPeeringConnectionOptions",
		 T_RECORD, .fields = options_fields, .help = "Options of the accepter's side"),
	{0},
};

/* ---- what stands against it ---- */

static bool is_live_twin(const void *arg, const struct object *o)
{
	const struct vpc_peering_connection *p = arg, *other = AS_CONST(vpc_peering_connection, o);
	const char *end = peering_other_end(other, p->vpc_id);

	return strcmp(p->o.id, o->id) && !peering_is_over(other) && end &&
	       !strcmp(end, p->peer_vpc_id);
}

static int pair_check(struct txn *t, const struct vpc_peering_connection *p, struct err *e)
{
	const struct object *other;

	if (!strcmp(p->vpc_id, p->peer_vpc_id))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PeerVpcId",
			       "%s cannot be peered with itself", p->vpc_id);
	other = find_referrer(txn_model(t), p->vpc_id, KIND_VPC_PEERING_CONNECTION, is_live_twin,
			      p);
	return other ? err_set(e, -EEXIST, "VpcPeeringConnectionAlreadyExists", "PeerVpcId",
			       "%s and %s are peered already by %s (%s)", p->vpc_id, p->peer_vpc_id,
			       other->id,
			       peering_status_names[AS_CONST(vpc_peering_connection, other)
							    ->status])
		     : 0;
}

static bool is_active(const void *arg, const struct object *o)
{
	return strcmp(arg, o->id) && AS_CONST(vpc_peering_connection, o)->status == PEERING_ACTIVE;
}

static int active_quota_check(struct txn *t, const struct vpc_peering_connection *p, struct err *e)
{
	const char *const ends[] = {p->vpc_id, p->peer_vpc_id};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (count_referrers(txn_model(t), ends[i], KIND_VPC_PEERING_CONNECTION, is_active,
				    p->o.id) >= ACTIVE_MAX)
			return err_set(e, -ENOSPC, "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
				       i ? "PeerVpcId" : "VpcId",
				       "%s has %d active peering connections already", ends[i],
				       ACTIVE_MAX);
	return 0;
}

static int outstanding_quota_check(struct txn *t, struct err *e)
{
	size_t n = 0;

	model_for_each (o, txn_model(t), KIND_VPC_PEERING_CONNECTION)
		n += AS_CONST(vpc_peering_connection, o)->status == PEERING_PENDING_ACCEPTANCE;
	return n < OUTSTANDING_MAX
		       ? 0
		       : err_set(e, -ENOSPC, "OutstandingVpcPeeringConnectionLimitExceeded",
				 "VpcId", "%d requests wait for acceptance already",
				 OUTSTANDING_MAX);
}

/* ---- its beginning and acceptance ---- */

static int request(struct txn *t, struct vpc_peering_connection *p, struct err *e)
{
	const struct model *m = txn_model(t);
	struct cidr a, b;
	char text[CIDR_STRLEN], other[CIDR_STRLEN], message[256];
	int rc = pair_check(t, p, e);

	if (rc)
		return rc;
	if (vpcs_overlap(AS_CONST(vpc, model_get(m, p->vpc_id)),
			 AS_CONST(vpc, model_get(m, p->peer_vpc_id)), &a, &b)) {
		snprintf(message, sizeof(message), "the VPCs' blocks %s and %s overlap",
			 cidr_format(&a, text), cidr_format(&b, other));
		return peering_set_status(t, p, PEERING_FAILED, message, e);
	}
	if (p->accept)
		return 0;
	rc = outstanding_quota_check(t, e);
	return rc ? rc : peering_set_status(t, p, PEERING_PENDING_ACCEPTANCE, NULL, e);
}

static int accept_check(struct txn *t, const struct vpc_peering_connection *old,
			struct vpc_peering_connection *p, struct err *e)
{
	int rc;

	if (old && old->accept && !p->accept)
		return err_set(e, -EPERM, "InvalidStateTransition", "Accept",
			       "%s was accepted: delete it to end it", p->o.id);
	if (!p->accept || (old && old->accept) || (!old && p->status == PEERING_FAILED))
		return 0;
	if (p->status != PEERING_PENDING_ACCEPTANCE)
		return err_set(e, -EPERM, "InvalidStateTransition", "Accept",
			       "%s is %s: only one that is pending acceptance can be accepted",
			       p->o.id, peering_status_names[p->status]);
	rc = active_quota_check(t, p, e);
	return rc ? rc : peering_set_status(t, p, PEERING_ACTIVE, NULL, e);
}

/* EC2 API Reference, ModifyVpcPeeringConnectionOptions: of active ones alone. */
static int options_check(const struct vpc_peering_connection *p, struct err *e)
{
	const bool set[] = {p->requester_options.allow_dns_resolution_from_remote_vpc,
			    p->accepter_options.allow_dns_resolution_from_remote_vpc};

	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		if (set[i] && p->status == PEERING_PENDING_ACCEPTANCE)
			return err_set(e, -EPERM, "OperationNotPermitted",
				       i ? "AccepterPeeringConnectionOptions"
					 : "RequesterPeeringConnectionOptions",
				       "options can be set once the request is accepted");
	return 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct vpc_peering_connection *p = AS(vpc_peering_connection, new);
	int rc = old ? 0 : request(t, p, e);

	if (!rc)
		rc = accept_check(t, AS_CONST(vpc_peering_connection, old), p, e);
	return rc ? rc : options_check(p, e);
}

/* ---- its end ---- */

static bool past(const struct object *o)
{
	return AS_CONST(vpc_peering_connection, o)->status == PEERING_DELETED;
}

/* One that never was, or is over, goes at once. */
static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	struct vpc_peering_connection *p;
	int rc;

	if (peering_is_over(AS_CONST(vpc_peering_connection, o)))
		return past(o) && peering_due(o) > store_now(txn_store(t));
	p = EDIT(vpc_peering_connection, t, o->id, e);
	rc = p ? peering_set_status(t, p, PEERING_DELETED, NULL, e) : -ENOMEM;
	return rc ? rc : 1;
}

/* ---- the two ends ---- */

static void add_end(const struct model *m, const char *vpc_id, const char *name, struct json *out)
{
	const struct vpc *v = AS_CONST(vpc, model_get(m, vpc_id));
	struct json *info = json_new_obj();
	char text[CIDR_STRLEN];

	json_set_str(info, "VpcId", vpc_id);
	if (v) {
		json_set_str(info, "CidrBlock", cidr_format(&v->cidr_block, text));
		if (ip_is_set(&v->ipv6_cidr_block.ip))
			json_set_str(info, "Ipv6CidrBlock", cidr_format(&v->ipv6_cidr_block, text));
		json_set_str(info, "OwnerId", v->o.account);
		json_set_str(info, "Region", v->o.region);
	}
	json_set(out, name, info);
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct vpc_peering_connection *p = AS_CONST(vpc_peering_connection, o);

	add_end(m, p->vpc_id, "RequesterVpcInfo", out);
	add_end(m, p->peer_vpc_id, "AccepterVpcInfo", out);
}

const struct kind vpc_peering_connection_kind = {
	.kind = KIND_VPC_PEERING_CONNECTION,
	.name = "vpc-peering-connection",
	.plural = "vpc-peering-connections",
	.short_name = "pcx",
	.id_prefix = "pcx-",
	.id_field = "VpcPeeringConnectionId",
	.help = "Carries packets between two VPCs whose blocks do not overlap",
	.size = sizeof(struct vpc_peering_connection),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.past = past,
	.due = peering_due,
	.age = peering_age,
	.derive = derive,
};
