/* SPDX-License-Identifier: MIT
 * Every kind through the database, and through its own spec.
 */
#include <sys/stat.h>

#include "kinds_env.h"

/* A directory of its own for the database. */
struct file {
	char dir[64], path[128];
};

static int file_open(void **state)
{
	struct file *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/kinds_store_test.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/db", f->dir);
	*state = f;
	return 0;
}

static int file_close(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	struct file *f = *state;
	char path[160];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static void make_network(struct txn *t, struct net n)
{
	const char *eip = make(t, KIND_ELASTIC_IP, "{'Name': 'nat-ip'}");
	const char *nat =
		make(t, KIND_NAT_GATEWAY, "{'Name': 'nat', 'SubnetId': '%s', 'AllocationId': '%s'}",
		     n.subnet, eip);
	const char *rtb = make(t, KIND_ROUTE_TABLE,
			       "{'Name': 'r', 'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': "
			       "'0.0.0.0/0', 'NatGatewayId': '%s'}]}",
			       n.vpc, nat);
	const char *acl = make(t, KIND_NETWORK_ACL,
			       "{'Name': 'acl', 'VpcId': '%s', 'Entries': [{'RuleNumber': 7, "
			       "'Egress': true, 'Protocol': 'icmp', 'FromPort': 8, 'ToPort': 0, "
			       "'CidrBlock': '10.0.0.0/8', 'RuleAction': 'deny'}]}",
			       n.vpc);

	make(t, KIND_SUBNET,
	     "{'Name': 'b', 'VpcId': '%s', 'CidrBlock': '10.1.0.0/24', 'AvailabilityZone': "
	     "'us-east-1c', 'Ipv6CidrBlock': 'auto', 'AssignIpv6AddressOnCreation': true, "
	     "'MapPublicIpOnLaunch': true, 'RouteTableId': '%s', 'NetworkAclId': "
	     "'%s'}",
	     n.vpc, rtb, acl);
}

static void make_edges(struct txn *t, struct net n)
{
	const char *other = make(t, KIND_VPC,
				 "{'Name': 'other', 'CidrBlock': '10.8.0.0/16', 'Ipv6CidrBlock': "
				 "'fd12:3456:789a:4200::/56'}");
	const char *pcx = make(t, KIND_VPC_PEERING_CONNECTION,
			       "{'VpcId': '%s', 'PeerVpcId': '%s', 'Accept': true, "
			       "'AccepterPeeringConnectionOptions': "
			       "{'AllowDnsResolutionFromRemoteVpc': true}}",
			       n.vpc, other);
	const char *eigw = make(t, KIND_EGRESS_ONLY_INTERNET_GATEWAY, "{'VpcId': '%s'}", n.vpc);
	const char *pl = make(t, KIND_PREFIX_LIST,
			      "{'Name': 'offices', 'MaxEntries': 5, 'Entries': [{'Cidr': "
			      "'192.168.0.0/24', 'Description': 'a'}]}");

	make(t, KIND_ROUTE_TABLE,
	     "{'Name': 'edge', 'VpcId': '%s', 'GatewayId': '%s', 'Routes': "
	     "[{'DestinationCidrBlock': '10.0.1.0/24', 'LocalTarget': true}]}",
	     n.vpc, n.igw);
	make(t, KIND_ROUTE_TABLE,
	     "{'Name': 'six', 'VpcId': '%s', 'Routes': [{'DestinationIpv6CidrBlock': '::/0', "
	     "'EgressOnlyInternetGatewayId': '%s'}, {'DestinationPrefixListId': '%s', "
	     "'VpcPeeringConnectionId': '%s'}]}",
	     n.vpc, eigw, pl, pcx);
}

static void make_sandboxes(struct txn *t, struct net n, const char *sg)
{
	const char *eni = make(t, KIND_NETWORK_INTERFACE,
			       "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.77', 'MacAddress': "
			       "'02:00:00:00:00:07', 'SecondaryPrivateIpAddresses': ['auto'], "
			       "'ConnectionTrackingSpecification': {'UdpTimeout': 40}, "
			       "'SourceDestCheck': false, 'Description': 'x'}",
			       n.subnet);

	make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.9', 'NetworkInterfaceId': '%s'}", eni);
	make(t, KIND_INSTANCE,
	     "{'Name': 'db', 'Tags': {'Role': 'store'}, 'SubnetId': 'b', 'SecurityGroupIds': "
	     "['%s'], 'Command': ['sh', '-c', 'echo \\'$X\\''], 'Environment': {'X': 'y=z'}, "
	     "'Capabilities': ['net_raw'], 'WorkingDirectory': '/tmp', 'DesiredState': "
	     "'stopped', 'Stdio': 'attach', 'AutoRemove': true}",
	     sg);
	make(t, KIND_INSTANCE, "{'Name': 'foreign', 'SubnetId': 'b', 'NetnsPath': '/run/netns/x'}");
	make(t, KIND_FUNCTION, "{'Name': 'fn', 'SubnetIds': ['%s', 'b'], 'Command': ['true']}",
	     n.subnet);
	make(t, KIND_INTERNET_HOST, "{'DomainName': 'www.example.com', 'Command': ['nc']}");
}

static void make_names(struct txn *t, struct net n)
{
	const char *z =
		make(t, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", n.vpc);

	make(t, KIND_RECORD_SET,
	     "{'HostedZoneId': '%s', 'RecordName': 'db', 'Type': 'A', 'TTL': 5, 'Values': "
	     "['@db', '10.0.0.9']}",
	     z);
	make(t, KIND_RECORD_SET,
	     "{'HostedZoneId': '%s', 'RecordName': '@', 'Type': 'TXT', 'Values': ['\\'a b\\'']}",
	     z);
	make(t, KIND_RECORD_SET,
	     "{'HostedZoneId': '%s', 'RecordName': 'www', 'Type': 'A', 'Values': ['10.0.0.1'], "
	     "'SetIdentifier': 'blue', 'Weight': 7}",
	     z);
}

static void make_resolver(struct txn *t, struct net n)
{
	const char *dopt = make(t, KIND_DHCP_OPTIONS,
				"{'DomainName': 'corp.test', 'DomainNameServers': "
				"['AmazonProvidedDNS'], 'NtpServers': ['169.254.169.123'], "
				"'NetbiosNameServers': ['10.0.0.9'], 'NetbiosNodeType': 2}");
	const char *list = make(t, KIND_FIREWALL_DOMAIN_LIST, "{'Domains': ['bad.test', '*']}");

	change(t, n.vpc, "{'DhcpOptionsId': '%s'}", dopt);
	make(t, KIND_RESOLVER_RULE,
	     "{'DomainName': 'corp.test', 'TargetIps': [{'Ip': '192.0.2.53', 'Port': 54}], "
	     "'VpcIds': ['%s']}",
	     n.vpc);
	make(t, KIND_FIREWALL_RULE_GROUP,
	     "{'VpcIds': ['%s'], 'Priority': 200, 'FirewallRules': [{'FirewallDomainListId': '%s', "
	     "'Priority': 1, 'Action': 'BLOCK', 'BlockResponse': 'OVERRIDE', "
	     "'BlockOverrideDomain': 'wall.test', 'BlockOverrideTtl': 5}]}",
	     n.vpc, list);
	make(t, KIND_QUERY_LOG_CONFIG, "{'VpcIds': ['%s']}", n.vpc);
	make(t, KIND_FLOW_LOG,
	     "{'SubnetId': '%s', 'TrafficType': 'REJECT', 'MaxAggregationInterval': 60, "
	     "'LogFormat': '${srcaddr} ${vpcd-drop-reason}'}",
	     n.subnet);
}

static void make_mirror(struct txn *t, struct net n)
{
	const char *source = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *sink = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	const char *target = make(t, KIND_TRAFFIC_MIRROR_TARGET,
				  "{'NetworkInterfaceId': '%s', 'Description': 'ids'}", sink);
	const char *filter =
		make(t, KIND_TRAFFIC_MIRROR_FILTER,
		     "{'NetworkServices': ['amazon-dns'], 'IngressFilterRules': [{'RuleNumber': 9, "
		     "'RuleAction': 'reject', 'Protocol': 'udp', 'SourceCidrBlock': '::/0', "
		     "'DestinationCidrBlock': '::/0', 'SourcePortRange': {'FromPort': 1, 'ToPort': "
		     "2}, 'DestinationPortRange': {'FromPort': 3, 'ToPort': 4}}]}");

	make(t, KIND_TRAFFIC_MIRROR_SESSION,
	     "{'NetworkInterfaceId': '%s', 'TrafficMirrorTargetId': '%s', 'TrafficMirrorFilterId': "
	     "'%s', 'SessionNumber': 5, 'PacketLength': 128, 'VirtualNetworkId': 99}",
	     GET(instance, t, source)->network_interface_id, target, filter);
}

/* Some of every kind, most fields set. */
static void make_all(struct txn *t)
{
	struct net n = net_make(t);
	const char *sg;

	change(t, n.vpc,
	       "{'EnableDnsHostnames': true, 'SecondaryCidrBlocks': ['10.1.0.0/16'], "
	       "'Ipv6CidrBlock': 'auto'}");
	sg = make(t, KIND_SECURITY_GROUP,
		  "{'VpcId': '%s', 'GroupName': 'web', 'Description': 'front'}", n.vpc);
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': '%s', 'IpProtocol': 'tcp', 'FromPort': 80, 'ToPort': 90, 'CidrIpv6': "
	     "'2001:db8::/32', 'Description': 'six'}",
	     sg);
	make_network(t, n);
	make_edges(t, n);
	make_sandboxes(t, n, sg);
	make_names(t, n);
	make_resolver(t, n);
	make_mirror(t, n);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		assert_true(count(txn_model(t), k) > 0);
}

static void every_kind_survives_the_database(void **state)
{
	struct file *f = *state;
	struct store *s = open_store(f->path);
	struct txn *t = txn_begin(s);
	cleanup_free char *before = NULL, *after = NULL;

	txn_set_lab(t, "shop");
	make_all(t);
	commit(t);
	before = dump(store_model(s));
	store_close(s);
	s = open_store(f->path);
	after = dump(store_model(s));
	assert_string_equal(after, before);
	store_close(s);
}

static void status_survives_the_database(void **state)
{
	struct file *f = *state;
	struct store *s = open_store(f->path);
	struct txn *t = txn_begin(s);
	cleanup_free char *before = NULL, *after = NULL;
	cleanup_json struct json *failed =
		parse("{\"State\": \"failed\", \"StateReason\": \"no room\", \"ExitCode\": 7}");
	const struct object *o;

	make_all(t);
	commit(t);
	o = model_first(store_model(s), KIND_FUNCTION);
	assert_int_equal(store_set_status(s, o->id, failed, NULL), 0);
	assert_int_equal(object_sandbox_const(o)->exit_code, 7);
	before = dump(store_model(s));
	store_close(s);
	s = open_store(f->path);
	o = model_first(store_model(s), KIND_FUNCTION);
	assert_string_equal(object_sandbox_const(o)->state, "failed");
	assert_string_equal(object_sandbox_const(o)->state_reason, "no room");
	after = dump(store_model(s));
	assert_string_equal(after, before);
	store_close(s);
}

static void own_spec_changes_nothing(void **state)
{
	struct file *f = *state;
	struct store *s = open_store(f->path);
	struct txn *t = txn_begin(s);
	const struct change *c;

	make_all(t);
	commit(t);
	t = txn_begin(s);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
		model_for_each (o, store_model(s), k) {
			cleanup_json struct json *spec = object_spec(o);
			struct err e;

			if (txn_update(t, o->id, spec, &e))
				fail_msg("%s: %s", o->id, e.msg);
		}
	}
	assert_int_equal(txn_changes(t, &c), 0);
	txn_abort(t);
	store_close(s);
}

static bool delete_any(struct txn *t, enum kind_id kind)
{
	model_for_each (o, txn_model(t), kind)
		if (!txn_delete(t, o->id, NULL))
			return true;
	return false;
}

/* Whatever the order of attempts, refusals leave a way on. */
static void everything_can_be_deleted_in_some_order(void **state)
{
	struct file *f = *state;
	struct store *s = open_store(f->path);
	struct txn *t = txn_begin(s);
	bool progress = true;

	make_all(t);
	commit(t);
	t = txn_begin(s);
	while (progress) {
		progress = false;
		for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
			while (delete_any(t, k))
				progress = true;
	}
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		if (count(txn_model(t), k))
			fail_msg("%s is left", kinds[k]->plural);
	commit(t);
	store_close(s);
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, file_open, file_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		file_test(every_kind_survives_the_database),
		file_test(status_survives_the_database),
		file_test(own_spec_changes_nothing),
		file_test(everything_can_be_deleted_in_some_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
