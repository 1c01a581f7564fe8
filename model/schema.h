/* SPDX-License-Identifier: MIT
 * One descriptor a kind. A resource kind is one C struct (model/kinds.h), one table of fields and
 * one check() (model/kinds/<kind>.c). The table feeds JSON, validation, references and delete
 * policy, persistence, REST, CLI flags and columns, completion, JSON Schema and the reference.
 * Field names are EC2's own.
 */
#ifndef VPCD_MODEL_SCHEMA_H
#define VPCD_MODEL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/json.h"

enum kind_id {
	KIND_NONE,
	KIND_VPC,
	KIND_SUBNET,
	KIND_ROUTE_TABLE,
	KIND_INTERNET_GATEWAY,
	KIND_EGRESS_ONLY_INTERNET_GATEWAY,
	KIND_NAT_GATEWAY,
	KIND_VPC_PEERING_CONNECTION,
	KIND_ELASTIC_IP,
	KIND_SECURITY_GROUP,
	KIND_SECURITY_GROUP_RULE,
	KIND_NETWORK_ACL,
	KIND_PREFIX_LIST,
	KIND_NETWORK_INTERFACE,
	KIND_INSTANCE,
	KIND_FUNCTION,
	KIND_INTERNET_HOST,
	KIND_HOSTED_ZONE,
	KIND_RECORD_SET,
	KIND_DHCP_OPTIONS,
	KIND_RESOLVER_RULE,
	KIND_FIREWALL_DOMAIN_LIST,
	KIND_FIREWALL_RULE_GROUP,
	KIND_QUERY_LOG_CONFIG,
	KIND_FLOW_LOG,
	KIND_TRAFFIC_MIRROR_TARGET,
	KIND_TRAFFIC_MIRROR_FILTER,
	KIND_TRAFFIC_MIRROR_SESSION,
	KIND_COUNT
};

enum field_type {
	T_BOOL,	  /* bool */
	T_INT,	  /* int64_t */
	T_ENUM,	  /* int: index into .values */
	T_STRING, /* char *, malloc'd; NULL: unset */
	T_IP,	  /* struct ip */
	T_CIDR,	  /* struct cidr */
	T_MAC,	  /* struct mac */
	T_PROTO, /* int: -1 all, else IP protocol number; written "tcp" "udp" "icmp" "icmpv6" "-1" N
		  */
	T_TIME,	 /* int64_t: Unix seconds; written RFC 3339 UTC */
	T_REF,	 /* char *: id of an object of kind .ref; names are accepted and resolved */
	T_LIST,	 /* struct list of .elem */
	T_RECORD, /* struct described by .fields */
	T_MAP,	  /* struct map: string to string */
};

enum field_flags {
	REQUIRED = 1,	/* must be given on creation */
	IMMUTABLE = 2,	/* a change means replacement */
	COMPUTED = 4,	/* status or allocated: refused as input */
	UNIQUE_REF = 8, /* at most one object of this kind may refer to the same target */
	CASCADE = 16,	/* the referring object goes with its target (a rule with its group) */
	WEAK = 32, /* the target may go: within a record the value dangles (a route: blackhole),
		    * otherwise it is cleared. So is a COMPUTED reference */
	ALLOCATED = 64, /* may be given; chosen by the daemon if absent; immutable afterwards */
	COLUMN = 128,	/* a column of the table that `list` prints; otherwise only -o wide */
	DANGLES = 256,	/* with WEAK: the value stays when its target goes (a stale rule) */
	NETWORK = 512,	/* a block with host bits set is refused, not cleared of them */
	AUTO = 1024,	/* a block or address may be "auto" (CIDR_AUTO, IP_AUTO): check() chooses */
};

/* The length of a block, and the family of an address, that was given as "auto". They never leave a
 * check(). */
#define CIDR_AUTO 255
#define IP_AUTO	  255

/* Items are packed: item i lies at v + i * elem size. One without items has v NULL if it was left
 * out, and another if it was given as empty. */
struct list {
	size_t n;
	void *v;
};

struct map {
	size_t n;
	char **keys, **values;
};

struct field {
	const char *name; /* EC2's: "CidrBlock" */
	enum field_type type;
	size_t offset, size;
	enum kind_id ref;	    /* T_REF, or a list of them */
	unsigned flags;		    /* enum field_flags */
	const char *oneof;	    /* fields with the same group name exclude one another */
	const char *def;	    /* default, as text */
	const char *const *values;  /* T_ENUM: NULL-terminated names */
	int64_t min, max;	    /* T_INT and T_STRING (length); both 0: unbounded */
	const struct field *elem;   /* T_LIST: describes an item (offset 0) */
	const struct field *fields; /* T_RECORD: terminated by .name == NULL */
	const char *help; /* one sentence, no full stop; required (a lint test holds it) */
};

struct model_entry;

/* What every object has, first in each kind's struct. Strings are owned. */
struct object {
	const struct kind *kind;
	struct model_entry *entry; /* the model's own; NULL outside it */
	char id[40];
	char *name;    /* tag Name; NULL if unnamed */
	char *account; /* owner, "123456789012" */
	char *region;
	char *lab;	   /* the lab that owns it; NULL: made by hand */
	struct map tags;   /* includes Name */
	uint64_t revision; /* of its last change; status leaves it */
	int64_t created;   /* Unix seconds */
};

struct txn;
struct model;

struct kind {
	enum kind_id kind;
	const char *name;	/* "security-group" */
	const char *plural;	/* "security-groups": the REST collection */
	const char *short_name; /* "sg", or NULL */
	const char *id_prefix;	/* "sg-" */
	const char *id_field;	/* "GroupId" */
	const char *help;
	size_t size;
	const struct field *fields; /* terminated by .name == NULL */

	/* Everything that the table cannot say. `old` is NULL on creation. May fill ALLOCATED and
	 * COMPUTED fields of `new`. Called inside the transaction, after references are resolved.
	 */
	int (*check)(struct txn *t, const struct object *old, struct object *new, struct err *e);
	/* After creation in the same transaction: objects that EC2 makes along (default group, main
	 * route table, primary interface). NULL: none. */
	int (*created)(struct txn *t, struct object *o, struct err *e);
	/* Before deletion in the same transaction: delete what `created` made, or refuse. 1: the
	 * object stays and is past now. */
	int (*deleting)(struct txn *t, const struct object *o, struct err *e);
	/* Is it deleted, and only shown for a while? NULL: never. A past object is met by its id
	 * and by model_next_shown() alone: it has no name, refers to nothing and cannot be changed.
	 */
	bool (*past)(const struct object *o);
	/* When (Unix seconds by the store's clock) time alone changes it, DUE_NEVER; NULL: never.
	 */
	int64_t (*due)(const struct object *o);
	/* What happens then; NULL: it is deleted. */
	int (*age)(struct txn *t, const struct object *o, struct err *e);
	/* Adds COMPUTED members that derive from other objects (Associations). NULL: none. */
	void (*derive)(const struct model *m, const struct object *o, struct json *out);
};

#define DUE_NEVER INT64_MAX

bool object_is_past(const struct object *o);

extern const struct kind *const kinds[KIND_COUNT]; /* kinds[KIND_NONE] is NULL */

/* By name, plural, short name or EC2's spelling, any case ("sg", "security-groups"); NULL: none. */
const struct kind *kind_find(const char *name);
/* The kind whose id_prefix an id has; NULL: none. */
const struct kind *kind_of_id(const char *id);
const struct field *field_find(const struct field *fields, const char *name);

/* Heap objects of a kind, defaults filled in. object_free accepts NULL. */
struct object *object_new(const struct kind *k);
void object_free(struct object *o);
struct object *object_copy(const struct object *o);

/* Whole object as REST prints it: id field, Name, the fields in table order, then OwnerId, Region,
 * Lab, Tags, Revision, CreateTime. With m, derived members too. Absent values are left out; empty
 * lists are []. */
struct json *object_to_json(const struct model *m, const struct object *o);
/* Input spec only (no COMPUTED field): what `export` and persistence write. */
struct json *object_spec(const struct object *o);

/* One value as text, for tables; malloc'd, "" for unset. */
char *field_format(const struct object *o, const struct field *f);

/* JSON Schema (draft 2020-12) of a kind's spec; of the topology file: model/topology.h. */
struct json *kind_json_schema(const struct kind *k);
/* All kinds with their fields, types, flags and help: GET /v1/schema, the source of CLI flags. */
struct json *schema_describe(void);

#endif
