/* SPDX-License-Identifier: MIT
 * Instances, functions and internet hosts: their sandboxes, interfaces and addresses.
 */
#include "kinds_env.h"

static const struct network_interface *eni_of(struct txn *t, const char *id)
{
	const struct object *o = model_get(txn_model(t), id);

	return GET(network_interface, t,
		   o->kind->kind == KIND_INSTANCE ? AS_CONST(instance, o)->network_interface_id
						  : AS_CONST(function, o)->network_interface_id);
}

static const char *first_group(const struct list *groups)
{
	return groups->n ? *(char **)groups->v : "";
}

/* ---- instance ---- */

static void instance_brings_its_interface(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *a = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *b = make(t, KIND_INSTANCE,
			     "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.20', "
			     "'SourceDestCheck': false}",
			     n.subnet);

	assert_ip(&GET(instance, t, a)->private_ip_address, "10.0.1.4");
	assert_ip(&eni_of(t, a)->private_ip_address, "10.0.1.4");
	assert_ip(&eni_of(t, b)->private_ip_address, "10.0.1.20");
	assert_string_equal(eni_of(t, a)->attachment_id, a);
	assert_string_equal(eni_of(t, a)->status, "in-use");
	assert_true(eni_of(t, a)->source_dest_check);
	assert_false(eni_of(t, b)->source_dest_check);
	assert_string_equal(GET(instance, t, a)->sandbox.state, "pending");
	assert_int_equal(GET(instance, t, a)->sandbox.exit_code, -1);
	assert_string_equal(printed(t, a, "VpcId"), n.vpc);
	refuse_make(t, KIND_INSTANCE, "InvalidIPAddress.InUse", "PrivateIpAddress",
		    "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.20'}", n.subnet);
	refuse_patch(t, a, "InvalidParameterValue", "PrivateIpAddress",
		     "{'PrivateIpAddress': '10.0.1.21'}");
}

static void refused_instance_leaves_nothing(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);

	change(t, n.subnet, "{'MapPublicIpOnLaunch': true}");
	refuse_make(t, KIND_INSTANCE, "InvalidParameterValue", "PrivateIpAddress",
		    "{'SubnetId': '%s', 'PrivateIpAddress': '10.0.1.1'}", n.subnet);
	assert_int_equal(count(txn_model(t), KIND_INSTANCE), 0);
	assert_int_equal(count(txn_model(t), KIND_NETWORK_INTERFACE), 0);
	assert_int_equal(count(txn_model(t), KIND_ELASTIC_IP), 0);
}

static void groups_and_check_flow_both_ways(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	const char *f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s']}", n.subnet);
	const char *web = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'w'}", n.vpc);
	const char *db = make(t, KIND_SECURITY_GROUP, "{'VpcId': '%s', 'GroupName': 'db'}", n.vpc);

	change(t, i, "{'SecurityGroupIds': ['%s'], 'SourceDestCheck': false}", web);
	change(t, f, "{'SecurityGroupIds': ['%s']}", web);
	assert_string_equal(first_group(&eni_of(t, i)->groups), web);
	assert_false(eni_of(t, i)->source_dest_check);
	assert_string_equal(first_group(&eni_of(t, f)->groups), web);

	change(t, eni_of(t, i)->o.id, "{'Groups': ['%s'], 'SourceDestCheck': true}", db);
	change(t, eni_of(t, f)->o.id, "{'Groups': ['%s']}", db);
	assert_string_equal(first_group(&GET(instance, t, i)->security_group_ids), db);
	assert_true(GET(instance, t, i)->source_dest_check);
	assert_string_equal(first_group(&GET(function, t, f)->security_group_ids), db);
	drop(t, web);
	refuse_delete(t, db, "DependencyViolation");
	change(t, i, "{'SecurityGroupIds': []}");
	assert_string_equal(first_group(&eni_of(t, i)->groups),
			    model_vpc_default_group(txn_model(t), n.vpc)->o.id);
}

static void group_of_another_vpc_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *other = make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	const char *sg = model_vpc_default_group(txn_model(t), other)->o.id;

	refuse_make(t, KIND_INSTANCE, "InvalidGroup.NotFound", "SecurityGroupIds",
		    "{'SubnetId': '%s', 'SecurityGroupIds': ['%s']}", n.subnet, sg);
	refuse_make(t, KIND_FUNCTION, "InvalidGroup.NotFound", "SecurityGroupIds",
		    "{'SubnetIds': ['%s'], 'SecurityGroupIds': ['%s']}", n.subnet, sg);
}

static void public_address_comes_and_goes_with_the_instance(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const struct elastic_ip *eip;
	const char *i, *eni;

	change(t, n.subnet, "{'MapPublicIpOnLaunch': true}");
	i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	eip = model_eni_elastic_ip(txn_model(t), eni_of(t, i)->o.id);
	assert_true(eip->auto_assigned);
	assert_ip(&eip->private_ip, "10.0.1.4");
	assert_string_equal(printed(t, i, "PublicIpAddress"), "198.51.100.1");
	assert_string_equal(printed(t, eip->o.id, "InstanceId"), i);
	eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", n.subnet);
	refuse_patch(t, eip->o.id, "OperationNotPermitted", "NetworkInterfaceId",
		     "{'NetworkInterfaceId': '%s'}", eni);
	refuse_patch(t, eip->o.id, "OperationNotPermitted", "NetworkInterfaceId",
		     "{'NetworkInterfaceId': null}");
	refuse_delete(t, eip->o.id, "InvalidIPAddress.InUse");
	drop(t, i);
	assert_int_equal(count(txn_model(t), KIND_ELASTIC_IP), 0);
}

static void elastic_ip_replaces_the_automatic_one(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i, *eip;

	change(t, n.subnet, "{'MapPublicIpOnLaunch': true}");
	i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);
	eip = make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.20', 'NetworkInterfaceId': '%s'}",
		   eni_of(t, i)->o.id);
	assert_int_equal(count(txn_model(t), KIND_ELASTIC_IP), 1);
	assert_string_equal(printed(t, i, "PublicIpAddress"), "198.51.100.20");
	drop(t, i);
	assert_null(GET(elastic_ip, t, eip)->network_interface_id);
}

static void name_is_a_host_name(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const char *const bad[] = {
		"web 1",
		"web_1",
		"-web",
		"web-",
		"web.1",
		"wéb",
		"a123456789b123456789c123456789d123456789e123456789f123456789g123"};
	const char *i;

	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		refuse_make(t, KIND_INSTANCE, "InvalidParameterValue", "Name",
			    "{'SubnetId': '%s', 'Name': '%s'}", n.subnet, bad[k]);
		refuse_make(t, KIND_FUNCTION, "InvalidParameterValue", "Name",
			    "{'SubnetIds': ['%s'], 'Name': '%s'}", n.subnet, bad[k]);
	}
	i = make(t, KIND_INSTANCE, "{'SubnetId': '%s', 'Name': 'Web-1'}", n.subnet);
	refuse_patch(t, i, "InvalidParameterValue", "Name", "{'Name': 'web 1'}");
}

/* ---- sandbox ---- */

static void sandbox_without_sense_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	static const char *const bad[][3] = {
		{"InvalidParameterValue", "Command", "'Command': ['']"},
		{"InvalidParameterValue", "Environment", "'Environment': {'A=B': 'c'}"},
		{"InvalidParameterValue", "Environment", "'Environment': {'': 'c'}"},
		{"InvalidParameterValue", "Capabilities", "'Capabilities': ['CAP_NET_RAW']"},
		{"InvalidParameterValue", "Capabilities", "'Capabilities': ['everything']"},
		{"InvalidParameterValue", "WorkingDirectory", "'WorkingDirectory': 'tmp'"},
		{"InvalidParameterValue", "NetnsPath", "'NetnsPath': 'netns/x'"},
		{"InvalidParameterValue", "DesiredState", "'DesiredState': 'asleep'"},
		{"InvalidParameterCombination", "Command",
		 "'NetnsPath': '/run/netns/x', 'Command': ['true']"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		refuse_make(t, KIND_INSTANCE, bad[i][0], bad[i][1], "{'SubnetId': '%s', %s}",
			    n.subnet, bad[i][2]);
		refuse_make(t, KIND_FUNCTION, bad[i][0], bad[i][1], "{'SubnetIds': ['%s'], %s}",
			    n.subnet, bad[i][2]);
		refuse_make(t, KIND_INTERNET_HOST, bad[i][0], bad[i][1], "{%s}", bad[i][2]);
	}
	make(t, KIND_INSTANCE,
	     "{'SubnetId': '%s', 'Command': ['nc', '-lk', '', '80'], 'Environment': {'A': ''}, "
	     "'Capabilities': ['net_raw'], 'WorkingDirectory': '/tmp', 'Stdio': 'attach', "
	     "'AutoRemove': true}",
	     n.subnet);
}

static void command_that_fits_no_message_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	cleanup_free char *word = calloc(1, 97 * 1024);

	memset(word, 'x', 96 * 1024);
	refuse_make(t, KIND_INSTANCE, "InvalidParameterValue", "Command",
		    "{'SubnetId': '%s', 'Command': ['%s']}", n.subnet, word);
}

static void what_makes_a_sandbox_is_immutable(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *i = make(t, KIND_INSTANCE, "{'SubnetId': '%s'}", n.subnet);

	refuse_patch(t, i, "InvalidParameterValue", "NetnsPath", "{'NetnsPath': '/run/netns/x'}");
	refuse_patch(t, i, "InvalidParameterValue", "Stdio", "{'Stdio': 'attach'}");
	change(t, i, "{'Command': ['true'], 'DesiredState': 'stopped'}");
	assert_int_equal(object_sandbox_const(model_get(txn_model(t), i))->desired_state,
			 SANDBOX_STOPPED);
	assert_null(object_sandbox_const(model_get(txn_model(t), n.vpc)));
}

/* ---- function ---- */

static void function_lies_in_the_first_subnet_with_room(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);
	const char *s = make(t, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.0.2.0/28'}", n.vpc);
	const char *f;

	for (int i = 0; i < 10; i++)
		make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': '%s'}", s);
	f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s', '%s']}", s, n.subnet);
	assert_string_equal(eni_of(t, f)->subnet_id, s);
	assert_int_equal(eni_of(t, f)->interface_type, INTERFACE_LAMBDA);
	assert_string_equal(printed(t, f, "PrivateIpAddress"), "10.0.2.14");
	f = make(t, KIND_FUNCTION, "{'SubnetIds': ['%s', '%s']}", s, n.subnet);
	assert_string_equal(eni_of(t, f)->subnet_id, n.subnet);
	refuse_make(t, KIND_FUNCTION, "InsufficientFreeAddressesInSubnet", "SubnetIds",
		    "{'SubnetIds': ['%s']}", s);
}

static void function_never_has_a_public_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net n = net_make(t);

	change(t, n.subnet, "{'MapPublicIpOnLaunch': true}");
	make(t, KIND_FUNCTION, "{'SubnetIds': ['%s']}", n.subnet);
	assert_int_equal(count(txn_model(t), KIND_ELASTIC_IP), 0);
}

static void subnets_of_a_function_are_of_one_vpc(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	struct net a = net_make(t), b;

	change(t, a.vpc, "{'Name': 'other'}");
	b = net_make(t);
	refuse_make(t, KIND_FUNCTION, "InvalidParameterValue", "SubnetIds", "{'SubnetIds': []}");
	refuse_make(t, KIND_FUNCTION, "InvalidParameterValue", "SubnetIds",
		    "{'SubnetIds': ['%s', '%s']}", a.subnet, b.subnet);
}

/* ---- internet host ---- */

static void internet_host_gets_address_mac_and_name(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *a = make(t, KIND_INTERNET_HOST, "{'DomainName': 'WWW.Example.com.'}");
	const char *b = make(t, KIND_INTERNET_HOST, "{'Address': '8.8.8.8'}");
	const struct internet_host *h = GET(internet_host, t, a);

	assert_ip(&h->address, "203.0.113.3");
	assert_string_equal(h->domain_name, "www.example.com");
	assert_string_equal(h->o.name, "www.example.com");
	assert_int_equal(h->mac_address.b[0] & 3, 2);
	assert_ip(&GET(internet_host, t, b)->address, "8.8.8.8");
	assert_null(model_get(txn_model(t), b)->name);
}

static void internet_address_that_is_not_public_is_refused(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	static const char *const special[] = {"10.0.0.1",    "172.16.0.1",  "192.168.1.1",
					      "100.64.0.1",  "127.0.0.1",   "224.0.0.1",
					      "240.0.0.1",   "169.254.1.1", "0.0.0.1",
					      "2001:db8::1", "::1",	    "198.51.100.7"};
	static const char *const builtin[] = {"203.0.113.0",  "203.0.113.1",   "203.0.113.2",
					      "203.0.113.53", "203.0.113.254", "203.0.113.255"};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		refuse_make(t, KIND_INTERNET_HOST, "InvalidParameterValue", "Address",
			    "{'Address': '%s'}", special[i]);
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
		refuse_make(t, KIND_INTERNET_HOST, "InvalidIPAddress.InUse", "Address",
			    "{'Address': '%s'}", builtin[i]);
	make(t, KIND_INTERNET_HOST, "{'Address': '203.0.113.80'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidIPAddress.InUse", "Address",
		    "{'Address': '203.0.113.80'}");
}

static void full_internet_gives_no_address(void **state)
{
	struct txn *t = ((struct env *)*state)->t;

	for (int i = 0; i < 250; i++)
		make(t, KIND_INTERNET_HOST, "{}");
	refuse_make(t, KIND_INTERNET_HOST, "AddressLimitExceeded", "Address", "{}");
	make(t, KIND_INTERNET_HOST, "{'Address': '192.0.2.1'}");
}

static void domain_name_is_valid_and_unique(void **state)
{
	struct txn *t = ((struct env *)*state)->t;
	const char *h = make(t, KIND_INTERNET_HOST, "{'DomainName': 'www.example.com'}");

	refuse_make(t, KIND_INTERNET_HOST, "InvalidParameterValue", "DomainName",
		    "{'DomainName': 'WWW.example.com'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidDomainName", "DomainName",
		    "{'DomainName': 'www..com'}");
	refuse_make(t, KIND_INTERNET_HOST, "InvalidDomainName", "DomainName",
		    "{'DomainName': '*.example.com'}");
	refuse_patch(t, h, "InvalidParameterValue", "DomainName", "{'DomainName': 'w.test'}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(instance_brings_its_interface),
		env_test(refused_instance_leaves_nothing),
		env_test(groups_and_check_flow_both_ways),
		env_test(group_of_another_vpc_is_refused),
		env_test(public_address_comes_and_goes_with_the_instance),
		env_test(elastic_ip_replaces_the_automatic_one),
		env_test(name_is_a_host_name),
		env_test(sandbox_without_sense_is_refused),
		env_test(command_that_fits_no_message_is_refused),
		env_test(what_makes_a_sandbox_is_immutable),
		env_test(function_lies_in_the_first_subnet_with_room),
		env_test(function_never_has_a_public_address),
		env_test(subnets_of_a_function_are_of_one_vpc),
		env_test(internet_host_gets_address_mac_and_name),
		env_test(internet_address_that_is_not_public_is_refused),
		env_test(full_internet_gives_no_address),
		env_test(domain_name_is_valid_and_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
