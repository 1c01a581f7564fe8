/* SPDX-License-Identifier: MIT
 * Flow log. VPC User Guide, "Logging IP traffic using VPC Flow Logs"; EC2 API, CreateFlowLogs and
 * FlowLog. Nothing of it changes once it is made, as in EC2.
 */
#include <string.h>

#include "model/flow_record.h"
#include "model/kinds/common.h"

static const char *const traffic_names[] = {"ACCEPT", "REJECT", "ALL", NULL};
static const char *const destination_names[] = {"file", NULL};

#define RESOURCE(member, name, kind, help_)                                      \
	REF(flow_log, member, name, kind, .flags = IMMUTABLE | CASCADE | COLUMN, \
	    .oneof = "resource", .help = help_)

static const struct field fields[] = {
	RESOURCE(vpc_id, "VpcId", KIND_VPC, "VPC whose packets are logged"),
	RESOURCE(subnet_id, "SubnetId", KIND_SUBNET, "Subnet whose packets are logged"),
	RESOURCE(network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
		 "Network interface whose packets are logged"),
	RESOURCE(instance_id, "InstanceId", KIND_INSTANCE,
		 "Instance, the packets of whose network interface are logged"),
	RESOURCE(function_id, "FunctionId", KIND_FUNCTION,
		 "Function, the packets of whose network interface are logged"),
	FIELD(flow_log, traffic_type, "TrafficType", .flags = IMMUTABLE | COLUMN,
	      .values = traffic_names, .def = "ALL",
	      .help = "Whether packets that passed, that were refused, or all are logged"),
	FIELD(flow_log, max_aggregation_interval, "MaxAggregationInterval",
	      .flags = IMMUTABLE | COLUMN, .def = "600", .min = 60, .max = 600,
	      .help = "Seconds of a record at most, 60 or 600"),
	FIELD(flow_log, log_format, "LogFormat", .flags = IMMUTABLE, .max = 2048,
	      .help = "Fields of a record, ${srcaddr} ${dstaddr} …; without it those of version 2"),
	FIELD(flow_log, log_destination_type, "LogDestinationType", .flags = IMMUTABLE,
	      .values = destination_names, .def = "file",
	      .help = "Where records go: a file of the daemon's"),
	{0},
};

/* The resource that it is made with: one of the five. */
static const char *resource_of(const struct flow_log *f)
{
	const char *const ids[] = {f->vpc_id, f->subnet_id, f->network_interface_id, f->instance_id,
				   f->function_id};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i])
			return ids[i];
	return NULL;
}

const char *flow_log_resource(const struct model *m, const struct flow_log *f)
{
	const char *id = resource_of(f);
	const struct object *o = id ? model_get(m, id) : NULL;

	if (o && o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	if (o && o->kind->kind == KIND_FUNCTION)
		return AS_CONST(function, o)->network_interface_id;
	return id;
}

/* A second one that says the same is refused, as in EC2. */
static bool says_the_same(const struct flow_log *a, const struct flow_log *b)
{
	return !strcmp(resource_of(a), resource_of(b)) && a->traffic_type == b->traffic_type &&
	       a->max_aggregation_interval == b->max_aggregation_interval &&
	       !strcmp(a->log_format ? a->log_format : "", b->log_format ? b->log_format : "");
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct flow_log *f = AS(flow_log, new);
	struct flow_format format;
	int rc;

	if (old)
		return 0;
	if (!resource_of(f))
		return err_set(e, -EINVAL, "MissingParameter", "VpcId",
			       "a flow log needs VpcId, SubnetId, NetworkInterfaceId, InstanceId "
			       "or FunctionId");
	if (f->max_aggregation_interval != 60 && f->max_aggregation_interval != 600)
		return err_set(e, -EINVAL, "InvalidParameterValue", "MaxAggregationInterval",
			       "%lld s; it is 60 or 600", (long long)f->max_aggregation_interval);
	rc = flow_format_parse(f->log_format, &format, e);
	if (rc)
		return rc;
	model_for_each (o, txn_model(t), KIND_FLOW_LOG)
		if (o != new &&strcmp(o->id, new->id) && says_the_same(AS_CONST(flow_log, o), f))
			return err_set(e, -EEXIST, "FlowLogAlreadyExists", "",
				       "%s logs the same of %s already", o->id, resource_of(f));
	return 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const struct flow_log *f = AS_CONST(flow_log, o);
	cleanup_buf struct buf b = {0};

	json_set_str(out, "ResourceId", flow_log_resource(m, f));
	json_set_str(out, "ResourceType",
		     f->vpc_id	    ? "VPC"
		     : f->subnet_id ? "Subnet"
				    : "NetworkInterface");
	if (!f->log_format) {
		flow_format_print(&flow_format_default, &b);
		json_set_str(out, "LogFormat", buf_str(&b));
	}
}

const struct kind flow_log_kind = {
	.kind = KIND_FLOW_LOG,
	.name = "flow-log",
	.plural = "flow-logs",
	.short_name = "fl",
	.id_prefix = "fl-",
	.id_field = "FlowLogId",
	.help = "A log of what an interface, a subnet or a VPC sends and receives",
	.size = sizeof(struct flow_log),
	.fields = fields,
	.check = check,
	.derive = derive,
};
