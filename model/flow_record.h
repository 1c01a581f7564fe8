/* SPDX-License-Identifier: MIT
 * Flow log records: the fields, a format as a list of them, and a record as a line of text and
 * back.
 *
 * The fields, their order and meaning are AWS's (VPC User Guide, "Flow log records"), and one is
 * ours: vpcd-drop-reason, the data plane's reason (bpf/abi.h) of what was rejected; AWS's
 * reject-reason says something else. A field that a record has no value for is "-".
 */
#ifndef VPCD_MODEL_FLOW_RECORD_H
#define VPCD_MODEL_FLOW_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* X(enum, name, version that introduced it), in the order of the user guide. */
#define FLOW_FIELDS(X)                                                 \
	X(VERSION, "version", 2)                                       \
	X(ACCOUNT_ID, "account-id", 2)                                 \
	X(INTERFACE_ID, "interface-id", 2)                             \
	X(SRCADDR, "srcaddr", 2)                                       \
	X(DSTADDR, "dstaddr", 2)                                       \
	X(SRCPORT, "srcport", 2)                                       \
	X(DSTPORT, "dstport", 2)                                       \
	X(PROTOCOL, "protocol", 2)                                     \
	X(PACKETS, "packets", 2)                                       \
	X(BYTES, "bytes", 2)                                           \
	X(START, "start", 2)                                           \
	X(END, "end", 2)                                               \
	X(ACTION, "action", 2)                                         \
	X(LOG_STATUS, "log-status", 2)                                 \
	X(VPC_ID, "vpc-id", 3)                                         \
	X(SUBNET_ID, "subnet-id", 3)                                   \
	X(INSTANCE_ID, "instance-id", 3)                               \
	X(TCP_FLAGS, "tcp-flags", 3)                                   \
	X(TYPE, "type", 3)                                             \
	X(PKT_SRCADDR, "pkt-srcaddr", 3)                               \
	X(PKT_DSTADDR, "pkt-dstaddr", 3)                               \
	X(REGION, "region", 4)                                         \
	X(AZ_ID, "az-id", 4)                                           \
	X(SUBLOCATION_TYPE, "sublocation-type", 4)                     \
	X(SUBLOCATION_ID, "sublocation-id", 4)                         \
	X(PKT_SRC_AWS_SERVICE, "pkt-src-aws-service", 5)               \
	X(PKT_DST_AWS_SERVICE, "pkt-dst-aws-service", 5)               \
	X(FLOW_DIRECTION, "flow-direction", 5)                         \
	X(TRAFFIC_PATH, "traffic-path", 5)                             \
	X(ECS_CLUSTER_ARN, "ecs-cluster-arn", 7)                       \
	X(ECS_CLUSTER_NAME, "ecs-cluster-name", 7)                     \
	X(ECS_CONTAINER_INSTANCE_ARN, "ecs-container-instance-arn", 7) \
	X(ECS_CONTAINER_INSTANCE_ID, "ecs-container-instance-id", 7)   \
	X(ECS_CONTAINER_ID, "ecs-container-id", 7)                     \
	X(ECS_SECOND_CONTAINER_ID, "ecs-second-container-id", 7)       \
	X(ECS_SERVICE_NAME, "ecs-service-name", 7)                     \
	X(ECS_TASK_DEFINITION_ARN, "ecs-task-definition-arn", 7)       \
	X(ECS_TASK_ARN, "ecs-task-arn", 7)                             \
	X(ECS_TASK_ID, "ecs-task-id", 7)                               \
	X(REJECT_REASON, "reject-reason", 8)                           \
	X(RESOURCE_ID, "resource-id", 9)                               \
	X(ENCRYPTION_STATUS, "encryption-status", 10)                  \
	X(DROP_REASON, "vpcd-drop-reason", 2)

enum flow_field {
#define FLOW_FIELD_ENUM(name, text, version) FLOW_FIELD_##name,
	FLOW_FIELDS(FLOW_FIELD_ENUM)
#undef FLOW_FIELD_ENUM
		FLOW_FIELD_COUNT,
	FLOW_FIELD_OTHER = FLOW_FIELD_COUNT, /* of a header: a name that is not known */
};

enum flow_action { FLOW_ACTION_ACCEPT, FLOW_ACTION_REJECT };
enum flow_log_status { FLOW_STATUS_OK, FLOW_STATUS_NODATA, FLOW_STATUS_SKIPDATA };
enum flow_direction { FLOW_DIRECTION_INGRESS, FLOW_DIRECTION_EGRESS };
enum flow_type { FLOW_TYPE_IPV4, FLOW_TYPE_IPV6, FLOW_TYPE_EFA };

/* What a member holds counts only if flow_record_has() it. Texts are not owned. */
struct flow_record {
	uint64_t has;			    /* bit n: enum flow_field n */
	const char *text[FLOW_FIELD_COUNT]; /* of fields that are texts: ids, names, drop reason */
	struct ip srcaddr, dstaddr, pkt_srcaddr, pkt_dstaddr;
	uint64_t packets, bytes;
	uint64_t start, end; /* Unix seconds */
	uint16_t version, srcport, dstport;
	uint8_t protocol, tcp_flags, traffic_path;
	uint8_t action, log_status, flow_direction, type; /* enums above */
};

static inline bool flow_record_has(const struct flow_record *r, enum flow_field f)
{
	return r->has >> f & 1;
}

/* Sets a text; NULL and "" are "no value". */
void flow_record_set_text(struct flow_record *r, enum flow_field f, const char *text);

/* Which fields a line has, in which order. */
#define FLOW_FORMAT_MAX 64
struct flow_format {
	uint8_t n;
	uint8_t fields[FLOW_FORMAT_MAX]; /* enum flow_field */
};

/* Version 2's fields, in order. */
extern const struct flow_format flow_format_default;

const char *flow_field_name(enum flow_field f);

/* LogFormat: "${version} ${srcaddr} …", fields separated by white space. NULL and "" give the
 * default. -EINVAL: InvalidParameterValue of field LogFormat; an unknown name, one that is there
 * twice, none, or text between fields. */
int flow_format_parse(const char *text, struct flow_format *ret, struct err *e);

/* A file's header, "version srcaddr …": as files in S3 begin. A name that is not known becomes
 * FLOW_FIELD_OTHER, which reading skips: AWS adds fields. -EINVAL likewise, of field "header". */
int flow_format_parse_header(const char *line, struct flow_format *ret, struct err *e);

/* Is that line a header? (Its first word is the name of a field.) */
bool flow_line_is_header(const char *line);

/* The highest version among the fields: what the field `version` says. */
unsigned flow_format_version(const struct flow_format *f);
bool flow_format_has(const struct flow_format *f, enum flow_field field);

/* Append "${version} …"; "version …" without line end. */
void flow_format_print(const struct flow_format *f, struct buf *b);
void flow_format_print_header(const struct flow_format *f, struct buf *b);

/* Appends a record as a line, without its end. */
void flow_record_print(const struct flow_record *r, const struct flow_format *f, struct buf *b);

/* A line (without its end) into a record, whose texts point into it: the line is changed, ends of
 * words become NUL, and must outlive the record. -EINVAL: *e's field is the name of the field at
 * fault ("" where their number is wrong), code InvalidFlowRecord. */
int flow_record_parse(char *line, const struct flow_format *f, struct flow_record *ret,
		      struct err *e);

#endif
