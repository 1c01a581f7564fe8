/* SPDX-License-Identifier: MIT
 * The plan that follows commit by commit equals the plan that is made anew, over random changes of
 * every kind; and the work list orders and acknowledges as plan.h says. The seed is printed;
 * VPCD_TEST_SEED repeats a run.
 */
#include <time.h>

#include "plan_env.h"

#define ROUNDS 400
#define STEPS  6

static int setup(void **state)
{
	const char *seed = getenv("VPCD_TEST_SEED");
	struct fixture *f = fixture_new();

	f->seed = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)time(NULL);
	*state = f;
	return 0;
}

static int pick(struct fixture *f, int n)
{
	return rand_r(&f->seed) % n;
}

/* A random object of a kind; "none": there is none. */
static const char *any(struct fixture *f, const struct model *m, enum kind_id kind)
{
	const char *id = "none";
	int n = 0;

	model_for_each (o, m, kind)
		if (!pick(f, ++n))
			id = o->id;
	return id;
}

/* Formats, with ' for ", and parses. */
__attribute__((format(printf, 1, 0))) static struct json *vspec(const char *fmt, va_list ap)
{
	cleanup_free char *text = NULL;

	assert_true(vasprintf(&text, fmt, ap) >= 0);
	return spec_of(text);
}

__attribute__((format(printf, 3, 4))) static bool make(struct txn *t, enum kind_id kind,
						       const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	va_list ap;

	va_start(ap, fmt);
	spec = vspec(fmt, ap);
	va_end(ap);
	return !txn_create(t, kinds[kind], spec, NULL, NULL, NULL);
}

__attribute__((format(printf, 3, 4))) static bool patch(struct txn *t, const char *id,
							const char *fmt, ...)
{
	cleanup_json struct json *spec = NULL;
	va_list ap;

	va_start(ap, fmt);
	spec = vspec(fmt, ap);
	va_end(ap);
	return !txn_update(t, id, spec, NULL);
}

/* A random target of a route: one member of its JSON. */
static void random_target(struct fixture *f, const struct model *m, bool v6, char *buf, size_t len)
{
	static const struct {
		const char *member;
		enum kind_id kind;
	} targets[] = {
		{"GatewayId", KIND_INTERNET_GATEWAY},
		{"InstanceId", KIND_INSTANCE},
		{"NetworkInterfaceId", KIND_NETWORK_INTERFACE},
		{"VpcPeeringConnectionId", KIND_VPC_PEERING_CONNECTION},
		{"NatGatewayId", KIND_NAT_GATEWAY},
		{"EgressOnlyInternetGatewayId", KIND_EGRESS_ONLY_INTERNET_GATEWAY},
	};
	int i = v6 && pick(f, 2) ? 5 : pick(f, 5);

	snprintf(buf, len, "'%s': '%s'", targets[i].member, any(f, m, targets[i].kind));
}

/* Routes of a table of random destinations, among them a VPC's own block, subnets and prefix lists.
 */
static void random_routes(struct fixture *f, const struct model *m, char *buf, size_t len)
{
	const struct object *s = model_get(m, any(f, m, KIND_SUBNET));
	char target[2][128], subnet[CIDR_STRLEN] = "10.200.0.0/24";

	random_target(f, m, false, target[0], sizeof(target[0]));
	random_target(f, m, true, target[1], sizeof(target[1]));
	if (s)
		cidr_format(&AS_CONST(subnet, s)->cidr_block, subnet);
	switch (pick(f, 5)) {
	case 0:
		snprintf(buf, len, "[{'DestinationCidrBlock': '0.0.0.0/0', %s}]", target[0]);
		break;
	case 1:
		snprintf(buf, len, "[{'DestinationIpv6CidrBlock': '::/0', %s}]", target[1]);
		break;
	case 2:
		snprintf(buf, len, "[{'DestinationCidrBlock': '10.%d.0.0/16', %s}]", pick(f, 4),
			 pick(f, 4) ? target[0] : "'LocalTarget': true");
		break;
	case 3:
		snprintf(buf, len, "[{'DestinationCidrBlock': '%s', %s}]", subnet, target[0]);
		break;
	default:
		snprintf(buf, len,
			 "[{'DestinationPrefixListId': '%s', %s},"
			 " {'DestinationCidrBlock': '192.168.1.0/24', 'GatewayId': '%s'}]",
			 any(f, m, KIND_PREFIX_LIST), target[0], any(f, m, KIND_INTERNET_GATEWAY));
	}
}

static bool create_policy(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);
	int n = pick(f, 20);

	switch (pick(f, 5)) {
	case 0:
		return make(t, KIND_VPC_PEERING_CONNECTION,
			    "{'VpcId': '%s', 'PeerVpcId': '%s', 'Accept': %s}", any(f, m, KIND_VPC),
			    any(f, m, KIND_VPC), n % 3 ? "true" : "false");
	case 1:
		return make(t, KIND_PREFIX_LIST,
			    "{'Name': 'pl%d', 'MaxEntries': 5, 'Entries':"
			    " [{'Cidr': '192.168.%d.0/24'}, {'Cidr': '10.%d.0.0/16'}]}",
			    n, pick(f, 3), n);
	case 2:
		return make(t, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "{'VpcId': '%s'}",
			    any(f, m, KIND_VPC));
	case 3:
		return make(t, KIND_SECURITY_GROUP_RULE,
			    "{'GroupId': '%s', 'IpProtocol': 'udp', 'FromPort': %d, 'ToPort': %d,"
			    " 'PrefixListId': '%s'}",
			    any(f, m, KIND_SECURITY_GROUP), n, n + 5, any(f, m, KIND_PREFIX_LIST));
	default:
		return make(t, KIND_SECURITY_GROUP_RULE,
			    "{'GroupId': '%s', 'IpProtocol': 'icmpv6', 'CidrIpv6':"
			    " '2001:db8:%d::/48'}",
			    any(f, m, KIND_SECURITY_GROUP), n);
	}
}

static bool create_network(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);
	char routes[1024];
	int n = pick(f, 20);

	switch (pick(f, 6)) {
	case 0:
		return make(t, KIND_VPC,
			    "{'Name': 'v%d', 'CidrBlock': '10.%d.0.0/16', 'EnableDnsHostnames': %s"
			    "%s}",
			    n, pick(f, 4), n % 2 ? "true" : "false",
			    pick(f, 3) ? ", 'Ipv6CidrBlock': 'auto'" : "");
	case 1: {
		const struct object *v = model_get(m, any(f, m, KIND_VPC));
		uint32_t base = v ? ip_to_v4(&AS_CONST(vpc, v)->cidr_block.ip) : 0;

		return make(t, KIND_SUBNET,
			    "{'Name': 's%d', 'VpcId': '%s', 'CidrBlock': '10.%u.%d.0/24',"
			    " 'MapPublicIpOnLaunch': %s%s}",
			    n, v ? v->id : "none", base >> 16 & 255, n, n % 3 ? "false" : "true",
			    v && ip_is_set(&AS_CONST(vpc, v)->ipv6_cidr_block.ip) && pick(f, 3)
				    ? ", 'Ipv6CidrBlock': 'auto',"
				      " 'AssignIpv6AddressOnCreation': true"
				    : "");
	}
	case 2:
		return make(t, KIND_INTERNET_GATEWAY, "{'VpcId': '%s'}", any(f, m, KIND_VPC));
	case 3:
		random_routes(f, m, routes, sizeof(routes));
		return make(t, KIND_ROUTE_TABLE, "{'VpcId': '%s', 'Routes': %s}",
			    any(f, m, KIND_VPC), routes);
	case 4:
		return make(t, KIND_NAT_GATEWAY, "{'SubnetId': '%s', 'AllocationId': '%s'}",
			    any(f, m, KIND_SUBNET), any(f, m, KIND_ELASTIC_IP));
	default:
		return make(t, KIND_NETWORK_ACL,
			    "{'VpcId': '%s', 'Entries': [{'RuleNumber': %d, 'Egress': %s,"
			    " 'Protocol': '-1', 'CidrBlock': '0.0.0.0/0', 'RuleAction': 'allow'},"
			    " {'RuleNumber': %d, 'Egress': false, 'Protocol': 'tcp', 'FromPort': 1,"
			    " 'ToPort': 99, 'Ipv6CidrBlock': '::/0', 'RuleAction': 'deny'}]}",
			    any(f, m, KIND_VPC), 1 + n, n % 2 ? "true" : "false", 50 + n);
	}
}

#define MIRROR_ANY "'SourceCidrBlock': '0.0.0.0/0', 'DestinationCidrBlock': '0.0.0.0/0'"

static bool create_mirror(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);
	int n = pick(f, 20);

	switch (pick(f, 4)) {
	case 0:
		return make(t, KIND_TRAFFIC_MIRROR_TARGET, "{'NetworkInterfaceId': '%s'}",
			    any(f, m, KIND_NETWORK_INTERFACE));
	case 1:
		return make(t, KIND_TRAFFIC_MIRROR_FILTER,
			    "{'EgressFilterRules': [{'RuleNumber': %d, 'RuleAction': "
			    "'accept', " MIRROR_ANY
			    "}, {'RuleNumber': 10, 'RuleAction': 'reject', " MIRROR_ANY "}]}",
			    11 + n);
	case 2:
		return patch(t, any(f, m, KIND_TRAFFIC_MIRROR_FILTER),
			     "{'IngressFilterRules': [{'RuleNumber': %d, 'RuleAction': "
			     "'accept', " MIRROR_ANY "}], 'NetworkServices': [%s]}",
			     n + 1, n % 2 ? "'amazon-dns'" : "");
	default:
		return make(t, KIND_TRAFFIC_MIRROR_SESSION,
			    "{'NetworkInterfaceId': '%s', 'TrafficMirrorTargetId': '%s',"
			    " 'TrafficMirrorFilterId': '%s', 'SessionNumber': %d}",
			    any(f, m, KIND_NETWORK_INTERFACE),
			    any(f, m, KIND_TRAFFIC_MIRROR_TARGET),
			    any(f, m, KIND_TRAFFIC_MIRROR_FILTER), n + 1);
	}
}

static bool create_workload(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);
	int n = pick(f, 20);

	switch (pick(f, 8)) {
	case 0:
		return make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'g%d'}",
			    any(f, m, KIND_VPC), n);
	case 1:
		return make(t, KIND_SECURITY_GROUP_RULE,
			    "{'GroupId': '%s', 'IsEgress': %s, 'IpProtocol': 'tcp', 'FromPort': %d,"
			    " 'ToPort': %d, 'ReferencedGroupId': '%s'}",
			    any(f, m, KIND_SECURITY_GROUP), n % 2 ? "true" : "false", n, n + 5,
			    any(f, m, KIND_SECURITY_GROUP));
	case 2:
		return make(t, KIND_INSTANCE,
			    "{'Name': 'i%d', 'SubnetId': '%s', 'SecurityGroupIds': ['%s']%s%s}", n,
			    any(f, m, KIND_SUBNET), any(f, m, KIND_SECURITY_GROUP),
			    pick(f, 3) ? "" : ", 'SecondaryPrivateIpAddresses': ['auto']",
			    pick(f, 3) ? "" : ", 'Ipv6Addresses': ['auto', 'auto']");
	case 3:
		return make(t, KIND_FUNCTION,
			    "{'Name': 'f%d', 'SubnetIds': ['%s'], 'Command': ['true']}", n,
			    any(f, m, KIND_SUBNET));
	case 4:
		return make(t, KIND_ELASTIC_IP, "{'NetworkInterfaceId': '%s'}",
			    any(f, m, KIND_NETWORK_INTERFACE)) ||
		       make(t, KIND_ELASTIC_IP, "{}");
	case 5:
		return make(t, KIND_INTERNET_HOST,
			    "{'Name': 'h%d.example', 'DomainName': 'h%d.example',"
			    " 'Address': '203.0.113.%d', 'Ipv6Address': '2001:db8::%d'}",
			    n, n, 80 + n, 80 + n);
	case 6:
		return make(t, KIND_HOSTED_ZONE, "{'DomainName': 'z%d.test', 'VpcIds': ['%s']}", n,
			    any(f, m, KIND_VPC));
	default:
		return make(t, KIND_RECORD_SET,
			    "{'HostedZoneId': '%s', 'RecordName': 'r%d', 'Type': 'A',"
			    " 'Values': ['@i%d']}",
			    any(f, m, KIND_HOSTED_ZONE), n, pick(f, 20));
	}
}

/* Objects on which packets' ways depend. */
static bool update_network(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);
	char routes[1024];

	switch (pick(f, 10)) {
	case 0:
		return patch(t, any(f, m, KIND_SUBNET), "{'RouteTableId': '%s'}",
			     any(f, m, KIND_ROUTE_TABLE));
	case 1:
		return patch(t, any(f, m, KIND_SUBNET), "{'NetworkAclId': '%s'}",
			     any(f, m, KIND_NETWORK_ACL));
	case 2:
		return patch(t, any(f, m, KIND_VPC), "{'EnableDnsHostnames': %s}",
			     pick(f, 2) ? "true" : "false");
	case 3:
		return patch(t, any(f, m, KIND_VPC), "{'SecondaryCidrBlocks': ['10.%d.0.0/20']}",
			     10 + pick(f, 5));
	case 4:
		return patch(t, any(f, m, KIND_INTERNET_GATEWAY),
			     pick(f, 2) ? "{'VpcId': '%s'}" : "{'VpcId': null}",
			     any(f, m, KIND_VPC));
	case 5: /* ingress routing */
		return patch(t, any(f, m, KIND_ROUTE_TABLE),
			     pick(f, 3) ? "{'GatewayId': '%s'}" : "{'GatewayId': null}",
			     any(f, m, KIND_INTERNET_GATEWAY));
	case 6:
		return patch(t, any(f, m, KIND_VPC_PEERING_CONNECTION), "{'Accept': true}");
	case 7:
		return patch(t, any(f, m, KIND_PREFIX_LIST),
			     "{'Entries': [{'Cidr': '192.168.%d.0/24'}]}", pick(f, 3));
	case 8: /* default ones too, which subnets read without naming them */
		return patch(
			t, any(f, m, KIND_NETWORK_ACL),
			pick(f, 2)
				? "{'Entries': []}"
				: "{'Entries': [{'RuleNumber': 1, 'Egress': %s, 'Protocol': '-1',"
				  " 'CidrBlock': '0.0.0.0/0', 'RuleAction': 'allow'}]}",
			pick(f, 2) ? "true" : "false");
	default:
		random_routes(f, m, routes, sizeof(routes));
		return patch(t, any(f, m, KIND_ROUTE_TABLE), "{'Routes': %s}", routes);
	}
}

static bool update_workload(struct fixture *f, struct txn *t)
{
	const struct model *m = txn_model(t);

	switch (pick(f, 6)) {
	case 0:
		return patch(t, any(f, m, KIND_INSTANCE), "{'SecurityGroupIds': ['%s']}",
			     any(f, m, KIND_SECURITY_GROUP));
	case 1:
		return patch(t, any(f, m, KIND_ELASTIC_IP), "{'NetworkInterfaceId': '%s'}",
			     any(f, m, KIND_NETWORK_INTERFACE));
	case 2:
		return patch(t, any(f, m, KIND_INSTANCE), "{'Name': 'i%d'}", pick(f, 20));
	case 3:
		return patch(t, any(f, m, KIND_NETWORK_INTERFACE),
			     "{'SecondaryPrivateIpAddresses': [%s]}", pick(f, 2) ? "'auto'" : "");
	case 4:
		return patch(t, any(f, m, KIND_NETWORK_INTERFACE), "{'Ipv6Addresses': [%s]}",
			     pick(f, 2) ? "'auto'" : "");
	default:
		return patch(t, any(f, m, KIND_NETWORK_INTERFACE),
			     "{'ConnectionTrackingSpecification': {'UdpTimeout': %d}}",
			     30 + pick(f, 30));
	}
}

static bool step(struct fixture *f, struct txn *t)
{
	switch (pick(f, 11)) {
	case 0:
		return !txn_delete(
			t,
			any(f, txn_model(t), KIND_NONE + 1 + pick(f, KIND_COUNT - KIND_NONE - 1)),
			NULL);
	case 1:
		return update_workload(f, t);
	case 2:
	case 3:
		return update_network(f, t);
	case 4:
	case 5:
	case 6:
		return create_workload(f, t);
	case 7:
		return create_policy(f, t);
	case 8:
		return create_mirror(f, t);
	default:
		return create_network(f, t);
	}
}

/* What the daemon reports meanwhile: a status change comes as a change as well. */
static void report_status(struct fixture *f)
{
	cleanup_json struct json *st = json_new_obj();

	json_set_str(st, "State", pick(f, 2) ? "available" : "failed");
	store_set_status(f->store, any(f, store_model(f->store), KIND_NAT_GATEWAY), st, NULL);
}

static void assert_plan_is_full_plan(struct fixture *f, int round)
{
	struct plan *fresh = plan_new();
	char which[256];

	plan_full(fresh, store_model(f->store));
	if (!plan_equal(f->plan, fresh, which, sizeof(which)))
		fail_msg("round %d: %s", round, which);
	plan_free(fresh);
}

static void random_changes_keep_the_incremental_plan_full(void **state)
{
	struct fixture *f = *state;
	unsigned accepted = 0, items = 0;

	print_message("seed %u\n", f->seed);
	for (int round = 0; round < ROUNDS; round++) {
		struct txn *t = txn_begin(f->store);
		struct err e;

		for (int i = 0; i < STEPS; i++)
			accepted += step(f, t);
		if (!pick(f, 6))
			txn_abort(t);
		else if (txn_commit(t, NULL, &e))
			fail_msg("%s", e.msg);
		if (!pick(f, 3))
			report_status(f);
		assert_plan_is_full_plan(f, round);
	}
	for (enum item_type type = 0; type < ITEM_TYPE_COUNT; type++) {
		unsigned n = 0;

		for (const struct item *it = NULL; (it = plan_next(f->plan, type, it));)
			n++;
		print_message("%s: %u\n", item_type_name(type), n);
		items += n;
	}
	assert_true(accepted > ROUNDS);
	assert_true(items > 100);
}

/* Acknowledges all; checks the order: changed ones by rising type, then removed ones by falling. */
static unsigned drain(struct plan *p)
{
	int last = -1;
	bool removing = false;
	unsigned n = 0;
	const struct item *it;

	while ((it = plan_dirty(p))) {
		if (!it->body && !removing) {
			removing = true;
			last = ITEM_TYPE_COUNT;
		}
		assert_int_equal(removing, !it->body);
		assert_true(removing ? (int)it->type <= last : (int)it->type >= last);
		last = it->type;
		plan_ack(p, it, false);
		n++;
	}
	return n;
}

static void commit_one(struct fixture *f, const char *name)
{
	struct txn *t = txn_begin(f->store);
	struct err e;

	assert_true(make(t, KIND_VPC, "{'Name': '%s', 'CidrBlock': '10.0.0.0/16'}", name));
	assert_true(make(t, KIND_SUBNET, "{'Name': 's', 'VpcId': '%s', 'CidrBlock': '10.0.1.0/24'}",
			 name));
	assert_true(make(t, KIND_INSTANCE, "{'Name': 'one', 'SubnetId': '%s/s'}", name));
	if (txn_commit(t, NULL, &e))
		fail_msg("%s", e.msg);
}

static void acknowledged_items_come_back_only_when_they_change(void **state)
{
	struct fixture *f = *state;
	struct txn *t;
	struct err e;

	commit_one(f, "v");
	assert_true(drain(f->plan) > 5);
	assert_null(plan_dirty(f->plan));

	t = txn_begin(f->store);
	assert_true(patch(t, any(f, txn_model(t), KIND_INSTANCE), "{'Tags': {'k': 'v'}}"));
	assert_int_equal(txn_commit(t, NULL, &e), 0);
	assert_null(plan_dirty(f->plan));

	plan_retry(f->plan, true);
	assert_true(drain(f->plan) > 5);

	t = txn_begin(f->store);
	assert_int_equal(txn_delete(t, any(f, txn_model(t), KIND_INSTANCE), &e), 0);
	assert_int_equal(txn_commit(t, NULL, &e), 0);
	assert_non_null(plan_dirty(f->plan));
	drain(f->plan);
	assert_plan_is_full_plan(f, 0);
}

static void failed_items_wait_for_a_retry(void **state)
{
	struct fixture *f = *state;
	const struct item *it;
	unsigned n = 0;

	drain(f->plan);
	commit_one(f, "v");
	while ((it = plan_dirty(f->plan))) {
		plan_ack(f->plan, it, it->type == ITEM_ATTACHMENT);
		n++;
	}
	assert_int_equal(plan_failed(f->plan), 1);
	assert_null(plan_dirty(f->plan));
	plan_retry(f->plan, false);
	it = plan_dirty(f->plan);
	assert_non_null(it);
	assert_int_equal(it->type, ITEM_ATTACHMENT);
	plan_ack(f->plan, it, false);
	assert_null(plan_dirty(f->plan));
	assert_int_equal(plan_failed(f->plan), 0);
}

#define PLAN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(random_changes_keep_the_incremental_plan_full),
		PLAN_TEST(acknowledged_items_come_back_only_when_they_change),
		PLAN_TEST(failed_items_wait_for_a_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
