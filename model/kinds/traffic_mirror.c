/* SPDX-License-Identifier: MIT
 * Traffic mirroring: targets, filters and sessions. VPC Traffic Mirroring guide (concepts, quotas);
 * EC2 API Reference, CreateTrafficMirrorTarget, CreateTrafficMirrorFilterRule,
 * CreateTrafficMirrorSession.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/kinds/common.h"

#define SESSIONS_PER_SOURCE 3
#define RULES_PER_FILTER    10
#define VNI_MAX		    16777215

static const struct network_interface *interface_of(const struct model *m, const char *id)
{
	const struct object *o = id ? model_get(m, id) : NULL;

	return AS_CONST(network_interface, o);
}

/* ---- targets ---- */

static const char *const target_types[] = {"network-interface", NULL};

static const struct field target_fields[] = {
	REF(traffic_mirror_target, network_interface_id, "NetworkInterfaceId",
	    KIND_NETWORK_INTERFACE, .flags = IMMUTABLE | WEAK | COLUMN,
	    .help = "Interface that gets the copies, or the name of what has it"),
	FIELD(traffic_mirror_target, type, "Type", .flags = COMPUTED | COLUMN,
	      .values = target_types, .def = "network-interface", .help = "What it is"),
	FIELD(traffic_mirror_target, description, "Description", .flags = IMMUTABLE, .max = 255,
	      .help = "What it is for"),
	{0},
};

static int role_refuse(struct err *e, const char *interface, const char *role, const char *object)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", "NetworkInterfaceId",
		       "%s is the %s of %s: no interface is source and target", interface, role,
		       object);
}

static int interface_check(const struct model *m, const char *id, struct err *e)
{
	const struct network_interface *eni = interface_of(m, id);

	if (eni && eni->interface_type == INTERFACE_NAT_GATEWAY)
		return err_set(e, -EINVAL, "InvalidParameterValue", "NetworkInterfaceId",
			       "%s is that of a NAT gateway", id);
	return 0;
}

static int target_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	const struct model *m = txn_model(t);
	const char *id = AS(traffic_mirror_target, new)->network_interface_id;
	const struct object *session =
		id ? find_referrer(m, id, KIND_TRAFFIC_MIRROR_SESSION, NULL, NULL) : NULL;

	if (!id && !old)
		return err_set(e, -EINVAL, "MissingParameter", "NetworkInterfaceId",
			       "a target needs a network interface");
	if (session)
		return role_refuse(e, id, "source", session->id);
	return interface_check(m, id, e);
}

const struct kind traffic_mirror_target_kind = {
	.kind = KIND_TRAFFIC_MIRROR_TARGET,
	.name = "traffic-mirror-target",
	.plural = "traffic-mirror-targets",
	.short_name = "tmt",
	.id_prefix = "tmt-",
	.id_field = "TrafficMirrorTargetId",
	.help = "Where copies of mirrored packets go",
	.size = sizeof(struct traffic_mirror_target),
	.fields = target_fields,
	.check = target_check,
};

/* ---- filters ---- */

static const char *const actions[] = {"accept", "reject", NULL};
static const char *const services[] = {"amazon-dns", NULL};

static const struct field range_fields[] = {
	FIELD(port_range, from_port, "FromPort", .flags = REQUIRED, .min = 0, .max = 65535,
	      .help = "First port"),
	FIELD(port_range, to_port, "ToPort", .flags = REQUIRED, .min = 0, .max = 65535,
	      .help = "Last port"),
	{0},
};

static const struct field rule_fields[] = {
	FIELD(traffic_mirror_rule, rule_number, "RuleNumber", .flags = REQUIRED, .min = 1,
	      .max = 32766, .help = "Order; the lowest that matches decides"),
	FIELD(traffic_mirror_rule, rule_action, "RuleAction", .flags = REQUIRED, .values = actions,
	      .help = "accept: it is copied; reject: it is not"),
	FIELD_AS(traffic_mirror_rule, protocol, "Protocol", T_PROTO, .def = "-1",
		 .help = "tcp, udp, icmp, icmpv6, a number, or -1 for all"),
	FIELD(traffic_mirror_rule, source, "SourceCidrBlock", .flags = REQUIRED,
	      .help = "Range of the packet's source"),
	FIELD(traffic_mirror_rule, destination, "DestinationCidrBlock", .flags = REQUIRED,
	      .help = "Range of its destination, of the same family"),
	FIELD_AS(traffic_mirror_rule, source_ports, "SourcePortRange", T_RECORD,
		 .fields = range_fields, .help = "Ports of the source, of TCP or UDP; absent: all"),
	FIELD_AS(traffic_mirror_rule, destination_ports, "DestinationPortRange", T_RECORD,
		 .fields = range_fields,
		 .help = "Ports of the destination, of TCP or UDP; absent: all"),
	FIELD(traffic_mirror_rule, description, "Description", .max = 255,
	      .help = "What it is for"),
	{0},
};

static const struct field elem_rule = {.name = "Rule",
				       .type = T_RECORD,
				       .size = sizeof(struct traffic_mirror_rule),
				       .fields = rule_fields};

static const struct field elem_service = {
	.name = "Service", .type = T_ENUM, .size = sizeof(int), .values = services};

static const struct field filter_fields[] = {
	FIELD(traffic_mirror_filter, ingress, "IngressFilterRules", .elem = &elem_rule,
	      .help = "Rules for what the source receives; none: nothing is copied"),
	FIELD(traffic_mirror_filter, egress, "EgressFilterRules", .elem = &elem_rule,
	      .help = "Rules for what the source sends; none: nothing is copied"),
	FIELD(traffic_mirror_filter, services, "NetworkServices", .elem = &elem_service,
	      .help = "amazon-dns: what it says to the resolver and hears is copied too"),
	FIELD(traffic_mirror_filter, description, "Description", .flags = IMMUTABLE, .max = 255,
	      .help = "What it is for"),
	{0},
};

static int rule_refuse(struct err *e, const char *list, size_t i, const char *field,
		       const char *fault)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%zu/%s", list, i, field);
	return err_set(e, -EINVAL, "InvalidParameterValue", path, "%s", fault);
}

static int ports_range_check(const struct traffic_mirror_rule *r, const struct port_range *v,
			     const char *list, size_t i, const char *field, struct err *e)
{
	if (!v->from_port && !v->to_port)
		return 0;
	if (r->protocol != IPPROTO_TCP && r->protocol != IPPROTO_UDP)
		return rule_refuse(e, list, i, field, "only rules for tcp or udp have ports");
	if (v->from_port > v->to_port)
		return rule_refuse(e, list, i, field, "FromPort is above ToPort");
	return 0;
}

static int rule_check(const struct traffic_mirror_rule *v, size_t i, const char *list,
		      struct err *e)
{
	const struct traffic_mirror_rule *r = &v[i];
	int rc;

	for (size_t j = 0; j < i; j++)
		if (v[j].rule_number == r->rule_number)
			return rule_refuse(e, list, i, "RuleNumber",
					   "another rule has this number");
	if (r->source.ip.family != r->destination.ip.family)
		return rule_refuse(e, list, i, "DestinationCidrBlock",
				   "source and destination are of one family");
	rc = ports_range_check(r, &r->source_ports, list, i, "SourcePortRange", e);
	return rc ? rc
		  : ports_range_check(r, &r->destination_ports, list, i, "DestinationPortRange", e);
}

static int rules_check(const struct list *rules, const char *list, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < rules->n && !rc; i++)
		rc = rule_check(rules->v, i, list, e);
	return rc;
}

static int filter_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	const struct traffic_mirror_filter *f = AS(traffic_mirror_filter, new);
	int rc = rules_check(&f->ingress, "IngressFilterRules", e);

	if (!rc)
		rc = rules_check(&f->egress, "EgressFilterRules", e);
	if (!rc && f->ingress.n + f->egress.n > RULES_PER_FILTER)
		rc = err_set(e, -ENOSPC, "TrafficMirrorFilterRuleLimitExceeded",
			     f->egress.n ? "EgressFilterRules" : "IngressFilterRules",
			     "a filter has at most %d rules", RULES_PER_FILTER);
	return rc;
}

const struct kind traffic_mirror_filter_kind = {
	.kind = KIND_TRAFFIC_MIRROR_FILTER,
	.name = "traffic-mirror-filter",
	.plural = "traffic-mirror-filters",
	.short_name = "tmf",
	.id_prefix = "tmf-",
	.id_field = "TrafficMirrorFilterId",
	.help = "Which packets are mirrored",
	.size = sizeof(struct traffic_mirror_filter),
	.fields = filter_fields,
	.check = filter_check,
};

/* ---- sessions ---- */

static const struct field session_fields[] = {
	REF(traffic_mirror_session, network_interface_id, "NetworkInterfaceId",
	    KIND_NETWORK_INTERFACE, .flags = REQUIRED | IMMUTABLE | CASCADE | COLUMN,
	    .help = "Source: the interface whose packets are copied, or the name of what has it"),
	REF(traffic_mirror_session, target_id, "TrafficMirrorTargetId", KIND_TRAFFIC_MIRROR_TARGET,
	    .flags = REQUIRED | COLUMN, .help = "Where the copies go"),
	REF(traffic_mirror_session, filter_id, "TrafficMirrorFilterId", KIND_TRAFFIC_MIRROR_FILTER,
	    .flags = REQUIRED | COLUMN, .help = "Which packets are copied"),
	FIELD(traffic_mirror_session, session_number, "SessionNumber", .flags = REQUIRED | COLUMN,
	      .min = 0, .max = 32766,
	      .help = "Order, 1 to 32766: the lowest of the source's that wants a packet gets it"),
	FIELD(traffic_mirror_session, packet_length, "PacketLength", .def = "0", .min = 0,
	      .max = 8500,
	      .help = "Bytes of each packet behind the VXLAN header; 0: as many as the way "
		      "carries"),
	FIELD(traffic_mirror_session, virtual_network_id, "VirtualNetworkId", .def = "0", .min = 0,
	      .max = VNI_MAX, .flags = COLUMN, .help = "VXLAN network identifier; 0: chosen"),
	FIELD(traffic_mirror_session, description, "Description", .max = 255,
	      .help = "What it is for"),
	{0},
};

static bool vni_is_taken(const struct model *m, const char *own, int64_t vni)
{
	model_for_each (o, m, KIND_TRAFFIC_MIRROR_SESSION)
		if (strcmp(o->id, own) &&
		    AS_CONST(traffic_mirror_session, o)->virtual_network_id == vni)
			return true;
	return false;
}

/* From the id, so that the same session always gets the same one. */
static void vni_choose(const struct model *m, struct traffic_mirror_session *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (const char *p = s->o.id; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	s->virtual_network_id = h % VNI_MAX + 1;
	while (vni_is_taken(m, s->o.id, s->virtual_network_id))
		s->virtual_network_id = s->virtual_network_id % VNI_MAX + 1;
}

static int source_check(const struct model *m, const struct traffic_mirror_session *s,
			struct err *e)
{
	const char *id = s->network_interface_id;
	const struct object *target = find_referrer(m, id, KIND_TRAFFIC_MIRROR_TARGET, NULL, NULL);

	if (target)
		return role_refuse(e, id, "interface", target->id);
	return interface_check(m, id, e);
}

static int neighbours_check(const struct model *m, const struct traffic_mirror_session *s,
			    struct err *e)
{
	size_t n = 0;

	model_for_each (o, m, KIND_TRAFFIC_MIRROR_SESSION) {
		const struct traffic_mirror_session *other = AS_CONST(traffic_mirror_session, o);

		if (!strcmp(o->id, s->o.id) ||
		    strcmp(other->network_interface_id, s->network_interface_id))
			continue;
		if (other->session_number == s->session_number)
			return err_set(e, -EEXIST, "InvalidParameterValue", "SessionNumber",
				       "%s has session %s of this number already",
				       s->network_interface_id, o->id);
		if (++n >= SESSIONS_PER_SOURCE)
			return err_set(e, -ENOSPC, "TrafficMirrorSessionsPerInterfaceLimitExceeded",
				       "NetworkInterfaceId", "%s has %d sessions already",
				       s->network_interface_id, SESSIONS_PER_SOURCE);
	}
	return 0;
}

static int session_check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct traffic_mirror_session *s = AS(traffic_mirror_session, new);
	const struct model *m = txn_model(t);
	int rc = source_check(m, s, e);

	if (!rc && !s->session_number)
		rc = err_set(e, -EINVAL, "InvalidParameterValue", "SessionNumber",
			     "0 is not a number from 1 to 32766");
	if (!rc)
		rc = neighbours_check(m, s, e);
	if (!rc && !s->virtual_network_id)
		vni_choose(m, s);
	return rc;
}

static void session_derive(const struct model *m, const struct object *o, struct json *out)
{
	json_set_str(out, "VpcId", model_object_vpc(m, o));
}

const struct kind traffic_mirror_session_kind = {
	.kind = KIND_TRAFFIC_MIRROR_SESSION,
	.name = "traffic-mirror-session",
	.plural = "traffic-mirror-sessions",
	.short_name = "tms",
	.id_prefix = "tms-",
	.id_field = "TrafficMirrorSessionId",
	.help = "Copies packets of an interface to a target",
	.size = sizeof(struct traffic_mirror_session),
	.fields = session_fields,
	.check = session_check,
	.derive = session_derive,
};
