/* SPDX-License-Identifier: MIT
 * Query log configuration: VPCs whose queries are written down. Route 53 Developer Guide, "Resolver
 * query logging"; Route 53 Resolver API, CreateResolverQueryLogConfig.
 */
#include <string.h>

#include "model/kinds/associations.h"
#include "model/kinds/common.h"

#define LOGS_PER_VPC 4 /* DNS_LOGS_MAX of dns/server.h */

static const struct field fields[] = {
	FIELD(query_log_config, vpc_ids, "VpcIds", .flags = COLUMN, .elem = &elem_vpc_id,
	      .help = "VPCs whose queries are logged"),
	{0},
};

static size_t logs_of(const struct model *m, const char *vpc)
{
	struct list one = {1, &vpc};
	size_t n = 0;

	model_for_each (o, m, KIND_QUERY_LOG_CONFIG)
		n += ids_common(&one, &AS_CONST(query_log_config, o)->vpc_ids) != NULL;
	return n;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct query_log_config *q = AS(query_log_config, new);
	const struct query_log_config *was = AS_CONST(query_log_config, old);
	char **v = q->vpc_ids.v;
	int rc = ids_unique(&q->vpc_ids, "VpcIds", e);

	for (size_t i = 0; i < q->vpc_ids.n && !rc; i++) {
		struct list one = {1, &v[i]};

		if (!(was && ids_common(&one, &was->vpc_ids)) &&
		    logs_of(txn_model(t), v[i]) >= LOGS_PER_VPC)
			rc = err_set(e, -EINVAL, "LimitExceededException", "VpcIds",
				     "%s has %d query logs already", v[i], LOGS_PER_VPC);
	}
	return rc;
}

const struct kind query_log_config_kind = {
	.kind = KIND_QUERY_LOG_CONFIG,
	.name = "resolver-query-log-config",
	.plural = "resolver-query-log-configs",
	.short_name = "rqlc",
	.id_prefix = "rqlc-",
	.id_field = "ResolverQueryLogConfigId",
	.help = "VPCs whose DNS queries are logged",
	.size = sizeof(struct query_log_config),
	.fields = fields,
	.check = check,
};
