/* SPDX-License-Identifier: MIT
 * The store: intent, durable. It owns the SQLite database (nothing else speaks SQL) and the model,
 * the same objects in memory with indexes. One transaction changes both or neither.
 */
#ifndef VPCD_MODEL_STORE_H
#define VPCD_MODEL_STORE_H

#include "model/kinds.h"
#include "model/quotas.h"

struct store;
struct model_index;

/* A view of the objects: those that are committed, or what a transaction sees. */
struct model {
	struct model_index *index;
	bool transaction;
	const char *lab; /* names mean its objects first; NULL: all alike. Not owned */
};

/* The same view, in which names mean a lab's objects first. lab must outlive it. */
static inline struct model model_of_lab(const struct model *m, const char *lab)
{
	return (struct model){.index = m->index, .transaction = m->transaction, .lab = lab};
}
struct txn;

#define ADDRESS_POOLS_MAX   8
#define ADDRESS_POOL_AMAZON "amazon"

struct store_config {
	const char *account; /* NULL: 123456789012 */
	const char *region;  /* NULL: us-east-1 */
	struct cidr pool;    /* elastic IPs, "amazon"; unset: 198.51.100.0/24 */
	struct address_pool {
		char name[33];
		struct cidr range;
	} more_pools[ADDRESS_POOLS_MAX]; /* of elastic IPs, by name */
	size_t n_more_pools;
	struct cidr ipv6_pool; /* VPCs' IPv6 blocks by "auto"; unset: 2001:db8:1000::/36 */
	struct quotas quotas;
};

#define STORE_EVENTS_KEPT 10000

/* path: a file, made if absent, or ":memory:" (validate, tests). -EBUSY: another process holds it.
 * A schema version newer than ours is refused; an older one is upgraded. */
int store_open(const char *path, const struct store_config *cfg, struct store **ret, struct err *e);
void store_close(struct store *s);

const struct model *store_model(const struct store *s);
uint64_t store_revision(const struct store *s);
/* What the time is, in Unix seconds, for CreateTime and what expires; unset: time(). */
void store_set_clock(struct store *s, int64_t (*now)(void *arg), void *arg);
int64_t store_now(const struct store *s);
const struct store_config *store_configuration(const struct store *s); /* defaults filled in */

/* ---- reading the model; objects belong to it and live until the next commit ---- */

const struct object *model_get(const struct model *m, const char *id); /* NULL: none */
/* First and next object of a kind, in order of creation. */
const struct object *model_first(const struct model *m, enum kind_id kind);
const struct object *model_next(const struct model *m, const struct object *o);
/* Past ones too (schema.h). */
const struct object *model_first_shown(const struct model *m, enum kind_id kind);
const struct object *model_next_shown(const struct model *m, const struct object *o);
#define model_for_each(o, m, kind) \
	for (const struct object *o = model_first(m, kind); o; o = model_next(m, o))

/* Objects of `kind` (KIND_NONE: any) that refer to `id` by any field. Calls fn once for each, in no
 * particular order. */
void model_referrers(const struct model *m, const char *id, enum kind_id kind,
		     void (*fn)(void *arg, const struct object *o), void *arg);

/* Id, unique id prefix (4 characters of the random part or more), Name, or "vpc/name"; a network
 * interface also by its instance or function. kind KIND_NONE: any kind. scope_vpc (may be NULL):
 * names within this VPC win. Errors: -ENOENT with the kind's Invalid…NotFound code and a
 * suggestion, -EEXIST "ambiguous" naming the candidates. */
int model_resolve(const struct model *m, enum kind_id kind, const char *text, const char *scope_vpc,
		  const struct object **ret, struct err *e);

/* The blocks of a VPC, IPv4 (the primary one first), then IPv6. False: there is no i-th. */
bool vpc_block(const struct vpc *v, size_t i, struct cidr *ret);

/* Relations that plan and checks both need. NULL where absent. */
const struct vpc *model_subnet_vpc(const struct model *m, const struct subnet *s);
const struct route_table *model_subnet_route_table(const struct model *m, const struct subnet *s);
const struct network_acl *model_subnet_network_acl(const struct model *m, const struct subnet *s);
const struct internet_gateway *model_vpc_internet_gateway(const struct model *m,
							  const char *vpc_id);
const struct security_group *model_vpc_default_group(const struct model *m, const char *vpc_id);
/* Of the interface's primary address. */
const struct elastic_ip *model_eni_elastic_ip(const struct model *m, const char *eni_id);
/* The one that stands for an address of the interface. */
const struct elastic_ip *model_address_elastic_ip(const struct model *m, const char *eni_id,
						  const struct ip *private_ip);
/* Is it the interface's primary or a secondary private IPv4 address? */
bool eni_has_address(const struct network_interface *eni, const struct ip *ip);
/* The table that routes what comes in by an internet gateway. */
const struct route_table *model_gateway_route_table(const struct model *m, const char *gateway_id);
/* Has a route a target that can carry packets? Otherwise it is a blackhole. */
bool model_route_active(const struct model *m, const struct route_table *rtb,
			const struct route *r);
/* "acl-…/in/100", "acl-…/out/100": an entry by a name of its own. Returns buf. */
#define ACL_ENTRY_ID_LEN 40
const char *network_acl_entry_id(const struct network_acl *acl, const struct network_acl_entry *en,
				 char buf[ACL_ENTRY_ID_LEN]);
/* Refers to a group that is gone or no longer in a peered VPC: it matches nobody. */
bool security_group_rule_is_stale(const struct model *m, const struct security_group_rule *r);
/* The id of the VPC, subnet or network interface that a flow log is of; NULL: it has none yet. */
const char *flow_log_resource(const struct model *m, const struct flow_log *f);
const char *model_object_vpc(const struct model *m, const struct object *o); /* its VPC's id */

/* ---- changing it: all or nothing ---- */

/* One at a time (NULL: one is open, or no memory); the model keeps its old state until commit. A
 * txn_* call that fails leaves the transaction as it was before the call. */
struct txn *txn_begin(struct store *s);
/* The model as this transaction sees it. */
const struct model *txn_model(const struct txn *t);
struct store *txn_store(const struct txn *t);
/* Objects created from now on belong to this lab (NULL: none), and names mean its objects first. */
void txn_set_lab(struct txn *t, const char *lab);

/* spec: members by field name plus Name, Tags; unknown members are refused with a suggestion.
 * References may be names. *ret (may be NULL) lives until the transaction ends. e->field is the
 * path within the spec, "Routes/0/GatewayId", here and in txn_update. */
int txn_create(struct txn *t, const struct kind *k, const struct json *spec, const char *scope_vpc,
	       const struct object **ret, struct err *e);
/* Merge patch (RFC 7396) of the spec. IMMUTABLE fields: -EPERM, code InvalidParameterValue. */
int txn_update(struct txn *t, const char *id, const struct json *patch, struct err *e);
/* Gives an object to the transaction's lab. */
int txn_adopt(struct txn *t, const char *id, struct err *e);
/* DependencyViolation (-EBUSY) names what still refers to it. */
int txn_delete(struct txn *t, const char *id, struct err *e);
/* True while txn_delete(id) is under way: its deleting() may delete what nobody else may (a VPC its
 * main route table). The object is still to be seen then. */
bool txn_deleting(const struct txn *t, const char *id);
/* For check() and created(): set COMPUTED and ALLOCATED members of an object of this transaction.
 * Returns the transaction's own copy, to be changed before the next call on t; NULL: no such. */
struct object *txn_edit(struct txn *t, const char *id);

/* What this transaction did so far, in order; the array lasts until the next call on t. */
enum change_op {
	CHANGE_CREATE,
	CHANGE_UPDATE,
	CHANGE_DELETE,
	CHANGE_RETIRE /* deleted, and shown as past for a while: `new` */
};
struct change {
	enum change_op op;
	const struct object *old, *new; /* NULL on creation, deletion */
};
size_t txn_changes(const struct txn *t, const struct change **ret);

/* Durable when it returns 0 (0.25 ms); *ret_revision (may be NULL): the new revision. No change:
 * the old one. Frees t in any case; on failure nothing has changed. */
int txn_commit(struct txn *t, uint64_t *ret_revision, struct err *e);
void txn_abort(struct txn *t); /* NULL ok */

/* Called after each commit and status change, with the changed objects (both states). */
typedef void store_commit_fn(void *arg, uint64_t revision, const struct change *c, size_t n);
void store_on_commit(struct store *s, store_commit_fn *fn, void *arg);

/* ---- status: what the daemon found, apart from intent ---- */

/* Sets COMPUTED fields of an object by name ({"State": "failed", "StateReason": …}), persists and
 * makes an event if it differs. Unknown id: 0, nothing done. -EBUSY within a transaction. The
 * object stays where it is in memory; its revision stays, the store's grows. */
int store_set_status(struct store *s, const char *id, const struct json *status, struct err *e);

/* Tells of something that changes no object: an event of `type` about one, with a reason. Unknown
 * id: 0, nothing done. -EBUSY within a transaction. The store's revision grows. */
int store_event(struct store *s, const char *id, const char *type, const char *reason,
		struct err *e);

/* ---- events, by revision ---- */

/* JSON: {"Revision", "Time", "Type": created|updated|deleted|status|port-allocation-error, "Kind",
 * "Id", "Name", "Lab", "State"?, "Reason"?}. Calls fn for each event after `since`, oldest first,
 * until there were `limit` or more: a revision is never cut, so that its number resumes the stream.
 * The newest STORE_EVENTS_KEPT are kept. */
int store_events(struct store *s, uint64_t since, size_t limit,
		 void (*fn)(void *arg, const struct json *event), void *arg, struct err *e);

#endif
