/* SPDX-License-Identifier: MIT
 * What the kinds' checks share. Internal to model.
 */
#ifndef VPCD_MODEL_KINDS_COMMON_H
#define VPCD_MODEL_KINDS_COMMON_H

#include "model/field.h"
#include "model/store.h"

extern const struct kind vpc_kind, subnet_kind, route_table_kind, internet_gateway_kind,
	nat_gateway_kind, elastic_ip_kind, security_group_kind, security_group_rule_kind,
	network_acl_kind, network_interface_kind, instance_kind, function_kind, internet_host_kind,
	hosted_zone_kind, record_set_kind;

/* Replaces an owned string; NULL clears. -ENOMEM leaves it. */
int text_set(char **p, const char *value, struct err *e);
/* Sets the tag Name of an object that has none. */
int object_name_default(struct object *o, const char *name, struct err *e);

/* txn_edit of an object that is there; NULL: -ENOMEM in e. */
struct object *object_edit(struct txn *t, const char *id, struct err *e);
#define EDIT(type, t, id, e) AS(type, object_edit(t, id, e))

/* Creates an object from a spec that it takes over; *ret as txn_create's. */
int create_along(struct txn *t, enum kind_id kind, struct json *spec, const struct object **ret,
		 struct err *e);

/* Referrers of `id` of one kind for which match() holds; match NULL: all. */
typedef bool match_fn(const void *arg, const struct object *o);
const struct object *find_referrer(const struct model *m, const char *id, enum kind_id kind,
				   match_fn *match, const void *arg);
size_t count_referrers(const struct model *m, const char *id, enum kind_id kind, match_fn *match,
		       const void *arg);

/* Does one of the VPC's blocks contain c, or equal it? */
bool vpc_contains(const struct vpc *v, const struct cidr *c);
bool vpc_has_block(const struct vpc *v, const struct cidr *c);

/* Ports of a rule by protocol: checks and normalises (-1 means all; a missing end is the begin). */
int ports_check(int protocol, int64_t *from, int64_t *to, const char *code, struct err *e);

/* Same group, direction and meaning? Ports normalised by ports_check(). */
bool security_group_rule_equal(const struct security_group_rule *a,
			       const struct security_group_rule *b);

/* Group ids of an interface: empty becomes the VPC's default group; all of that VPC, at most 5. */
#define GROUPS_PER_ENI 5
int groups_check(struct txn *t, const char *vpc_id, struct list *groups, const char *field,
		 struct err *e);
int ids_copy(const struct list *from, struct list *to, struct err *e); /* to is replaced */

/* Makes an interface of that type for `holder`; groups and address may be NULL. */
int interface_make(struct txn *t, const char *holder, const char *subnet_id, int type,
		   const struct ip *address, const struct list *groups,
		   struct network_interface **ret, struct err *e);

/* ---- sandboxes ---- */

extern const char *const sandbox_desired_names[], *const sandbox_stdio_names[];
extern const struct field elem_group, elem_argument, elem_capability;

#define SANDBOX_FIELDS(struct_)                                                                 \
	FIELD(struct_, sandbox.command, "Command", .elem = &elem_argument,                      \
	      .help = "Program and arguments; without it the sandbox idles"),                   \
		FIELD(struct_, sandbox.environment, "Environment",                              \
		      .help = "Variables of the command"),                                      \
		FIELD(struct_, sandbox.capabilities, "Capabilities", .elem = &elem_capability,  \
		      .help = "Capabilities that processes keep in their own user namespace"),  \
		FIELD(struct_, sandbox.directory, "WorkingDirectory", .max = 4095,              \
		      .help = "Directory that the command starts in"),                          \
		FIELD(struct_, sandbox.desired_state, "DesiredState",                           \
		      .values = sandbox_desired_names, .def = "running",                        \
		      .help = "Whether the command is to run"),                                 \
		FIELD(struct_, sandbox.stdio, "Stdio", .values = sandbox_stdio_names,           \
		      .flags = IMMUTABLE, .def = "log",                                         \
		      .help = "log: output goes to the log; attach: waits for a client"),       \
		FIELD(struct_, sandbox.auto_remove, "AutoRemove",                               \
		      .help = "Whether it is deleted when its command ends"),                   \
		FIELD(struct_, sandbox.netns_path, "NetnsPath", .flags = IMMUTABLE, .max = 255, \
		      .help = "Network namespace of somebody else to connect"),                 \
		FIELD(struct_, sandbox.state, "State", .flags = COMPUTED | COLUMN,              \
		      .help = "pending, running, stopped or failed"),                           \
		FIELD(struct_, sandbox.state_reason, "StateReason", .flags = COMPUTED,          \
		      .help = "Why it failed"),                                                 \
		FIELD(struct_, sandbox.exit_code, "ExitCode", .flags = COMPUTED, .def = "-1",   \
		      .help = "Exit code of the command; -1 while there is none")

int sandbox_check(struct sandbox *s, struct err *e);
/* A sandbox's Name is its host name: RFC 1123, section 2.1. */
int host_name_check(const struct object *o, struct err *e);

#endif
