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
	hosted_zone_kind, record_set_kind, prefix_list_kind, egress_only_internet_gateway_kind,
	vpc_peering_connection_kind, dhcp_options_kind, resolver_rule_kind,
	firewall_domain_list_kind, firewall_rule_group_kind, query_log_config_kind, flow_log_kind,
	traffic_mirror_target_kind, traffic_mirror_filter_kind, traffic_mirror_session_kind;

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
/* Have they a block in common, even in part? Then these two. */
bool vpcs_overlap(const struct vpc *a, const struct vpc *b, struct cidr *ret_a, struct cidr *ret_b);
/* Ranges, number and neighbours of its blocks; chooses an IPv6 block that is "auto". */
int vpc_blocks_check(struct txn *t, const struct vpc *old, struct vpc *v, struct err *e);

struct json *default_acl_entries(bool v6); /* what a VPC's default ACL is made with */

/* ---- peering: model/peering.h ---- */

extern const char *const peering_status_names[];
int peering_set_status(struct txn *t, struct vpc_peering_connection *p, enum peering_status status,
		       const char *message, struct err *e);

/* A rule for all protocols: peer is the field that names its peers ("CidrIpv6"). */
int group_rule_add(struct txn *t, const char *group_id, bool egress, const char *peer,
		   const char *value, struct err *e);

/* Would the quotas of what refers to a prefix list hold if it were as `as` says? */
int group_size_check(struct txn *t, const char *group_id, const struct prefix_list *as,
		     struct err *e);
int route_table_size_check(struct txn *t, const struct route_table *rtb,
			   const struct prefix_list *as, const char *field, struct err *e);

/* Ports of a rule by protocol: checks and normalises (-1 means all; a missing end is the begin). */
int ports_check(int protocol, int64_t *from, int64_t *to, const char *code, struct err *e);

/* Same group, direction and meaning? Ports normalised by ports_check(). */
bool security_group_rule_equal(const struct security_group_rule *a,
			       const struct security_group_rule *b);

/* Group ids of an interface: empty becomes the VPC's default group; all of that VPC, not too many.
 */
int groups_check(struct txn *t, const char *vpc_id, struct list *groups, const char *field,
		 struct err *e);
int ids_copy(const struct list *from, struct list *to, struct err *e); /* to is replaced */

/* ---- addresses of an interface ---- */

bool addresses_have(const struct list *l, const struct ip *ip);
/* Checks the lists that an interface of s is to have and chooses what is "auto": what `old` has
 * stays where it may. old NULL: a new one. */
int addresses_check(struct txn *t, const struct subnet *s, const struct network_interface *old,
		    const struct ip *primary, struct list *secondary, struct list *ipv6,
		    struct err *e);
int addresses_add_auto(struct list *l, struct err *e);
/* Elastic IPs of private addresses that the interface has no more are free again. */
int addresses_release(struct txn *t, const struct network_interface *eni, struct err *e);
int addresses_copy(const struct list *from, struct list *to, struct err *e); /* to is replaced */

extern const struct field connection_tracking_fields[];
int connection_tracking_check(const struct connection_tracking *c, struct err *e);

/* What an interface is made with; NULL and unset: its subnet's default. */
struct interface_input {
	const char *holder, *subnet_id;
	enum interface_type type;
	const struct ip *address;
	const struct list *secondary, *ipv6, *groups;
};

/* An instance's record of its interface's groups and addresses. */
int instance_follow(struct instance *i, const struct network_interface *eni, struct err *e);

/* Makes an interface for its holder. A NAT gateway's has no groups; only one of type interface
 * takes part in its subnet's AssignIpv6AddressOnCreation. */
int interface_make(struct txn *t, const struct interface_input *in, struct network_interface **ret,
		   struct err *e);

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
