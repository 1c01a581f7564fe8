/* SPDX-License-Identifier: MIT
 * Objects from and to JSON: values of every type, faults, merge patches, schemas.
 */
#include "test_kinds.h"

static struct store *store;
static struct txn *txn;

static int setup(void **state)
{
	store = open_store(":memory:");
	txn = txn_begin(store);
	return txn ? 0 : -1;
}

static int teardown(void **state)
{
	txn_abort(txn);
	store_close(store);
	return 0;
}

static const struct object *get(const char *id)
{
	return model_get(txn_model(txn), id);
}

static void assert_member(const char *id, const char *member, const char *expected)
{
	cleanup_json struct json *j = object_to_json(txn_model(txn), get(id));
	cleanup_free char *text = json_print(json_get(j, member));

	assert_string_equal(text, expected);
}

static void assert_refused(enum kind_id kind, const char *spec, const char *code, const char *field,
			   const char *msg)
{
	struct err e = {0};

	assert_true(try_make(txn, kind, &e, "%s", spec) < 0);
	assert_string_equal(e.code, code);
	assert_string_equal(e.field, field);
	if (!strstr(e.msg, msg))
		fail_msg("\"%s\" lacks \"%s\"", e.msg, msg);
}

static void whole_object_prints_in_order(void **state)
{
	const char *id = make(txn, KIND_VPC, "{'Name': 'shop', 'CidrBlock': '10.0.0.0/16'}");
	cleanup_json struct json *j = object_to_json(NULL, get(id));
	const char *const order[] = {"VpcId",
				     "Name",
				     "CidrBlock",
				     "SecondaryCidrBlocks",
				     "EnableDnsSupport",
				     "EnableDnsHostnames",
				     "State",
				     "OwnerId",
				     "Region",
				     "Tags",
				     "Revision",
				     "CreateTime"};
	size_t i = 0;

	json_for_each (m, j) {
		assert_true(i < ARRAY_SIZE(order));
		assert_string_equal(json_key(m), order[i++]);
	}
	assert_int_equal(i, ARRAY_SIZE(order));
	assert_string_equal(json_str(json_get(j, "OwnerId")), "123456789012");
	assert_string_equal(json_str(json_get(json_get(j, "Tags"), "Name")), "shop");
	assert_int_equal(strlen(json_str(json_get(j, "CreateTime"))),
			 strlen("2026-01-31T12:00:00Z"));
	assert_int_equal(strlen(id), strlen("vpc-") + 17);
	assert_int_equal(strspn(id + 4, "0123456789abcdef"), 17);
}

static void host_bits_are_cleared(void **state)
{
	const char *id = make(txn, KIND_VPC, "{'CidrBlock': '100.68.0.18/18'}");

	assert_member(id, "CidrBlock", "\"100.68.0.0/18\"");
}

static void wrong_values_say_field_value_and_rule(void **state)
{
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/33'}", "InvalidParameterValue",
		       "CidrBlock",
		       "CidrBlock: \"10.0.0.0/33\" is not an address range such as 10.0.0.0/16");
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'EnableDnsSupport': 'yes'}",
		       "InvalidParameterValue", "EnableDnsSupport", "\"yes\" is not true or false");
	assert_refused(
		KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': ['10.1.0.0/16', 7]}",
		"InvalidParameterValue", "SecondaryCidrBlocks/1", "7 is not an address range");
	assert_refused(KIND_VPC, "[]", "InvalidParameterValue", "", "array given");
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Tags': {'a': 1}}",
		       "InvalidParameterValue", "Tags/a", "1 is not a string");
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Name': 7}", "InvalidParameterValue",
		       "Name", "7 is not a string");
}

static void wrong_scalars_are_refused(void **state)
{
	const char *vpc = make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");

	assert_non_null(vpc);
	make(txn, KIND_SUBNET, "{'Name': 's', 'VpcId': 'v', 'CidrBlock': '10.0.1.0/24'}");
	make(txn, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'v'}");
	assert_refused(KIND_SECURITY_GROUP_RULE, "{'GroupId': 'g', 'IpProtocol': 'tpc'}",
		       "InvalidParameterValue", "IpProtocol", "a protocol: tcp, udp");
	assert_refused(KIND_SECURITY_GROUP_RULE, "{'GroupId': 'g', 'IpProtocol': 256}",
		       "InvalidParameterValue", "IpProtocol", "256 is not a protocol");
	assert_refused(KIND_SECURITY_GROUP_RULE,
		       "{'GroupId': 'g', 'IpProtocol': 'tcp', 'FromPort': 70000}",
		       "InvalidParameterValue", "FromPort",
		       "70000 is not an integer from -1 to 65535");
	assert_refused(KIND_SECURITY_GROUP_RULE,
		       "{'GroupId': 'g', 'IpProtocol': 'tcp', 'FromPort': 1.5}",
		       "InvalidParameterValue", "FromPort", "1.5 is not");
	assert_refused(KIND_SUBNET,
		       "{'VpcId': 'v', 'CidrBlock': '10.0.1.0/24', 'AvailabilityZone': ''}",
		       "InvalidParameterValue", "AvailabilityZone", "1 to 20 characters");
	assert_refused(KIND_NETWORK_INTERFACE, "{'SubnetId': 's', 'InterfaceType': 'lamda'}",
		       "InvalidParameterValue", "InterfaceType", "did you mean lambda?");
	assert_refused(KIND_NETWORK_INTERFACE, "{'SubnetId': 's', 'MacAddress': '02:00'}",
		       "InvalidParameterValue", "MacAddress", "is not a MAC address");
	assert_refused(KIND_NETWORK_INTERFACE, "{'SubnetId': 's', 'PrivateIpAddress': '10.0.1'}",
		       "InvalidParameterValue", "PrivateIpAddress", "is not an IP address");
	assert_refused(KIND_INSTANCE, "{'SubnetId': 's', 'Environment': ['a']}",
		       "InvalidParameterValue", "Environment", "is not an object of strings");
	assert_refused(KIND_INSTANCE, "{'SubnetId': 's', 'Command': 'ls'}", "InvalidParameterValue",
		       "Command", "is not an array");
}

static void unknown_field_gets_a_suggestion(void **state)
{
	assert_refused(KIND_SUBNET, "{'VpcId': 'v', 'CidrBlock': '10.0.0.0/24', 'CidrBlok': 1}",
		       "UnknownParameter", "CidrBlok",
		       "unknown field CidrBlok of subnet; did you mean CidrBlock?");
}

static void faults_in_records_say_where(void **state)
{
	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	assert_refused(KIND_ROUTE_TABLE, "{'VpcId': 'v', 'Routes': [{'GatwayId': 'x'}]}",
		       "UnknownParameter", "Routes/0/GatwayId", "did you mean GatewayId?");
	assert_refused(KIND_ROUTE_TABLE, "{'VpcId': 'v', 'Routes': [{'GatewayId': 'igw-1'}]}",
		       "MissingParameter", "Routes/0/DestinationCidrBlock", "required");
	assert_refused(KIND_ROUTE_TABLE,
		       "{'VpcId': 'v', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
		       " 'GatewayId': 'igw-1', 'NetworkInterfaceId': 'eni-1'}]}",
		       "InvalidParameterCombination", "Routes/0/NetworkInterfaceId", "exclude");
	assert_refused(KIND_ROUTE_TABLE,
		       "{'VpcId': 'v', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
		       " 'GatewayId': 'nope'}]}",
		       "InvalidInternetGatewayID.NotFound", "Routes/0/GatewayId",
		       "no internet-gateway");
}

static void required_field_must_be_given(void **state)
{
	assert_refused(KIND_SUBNET, "{'CidrBlock': '10.0.0.0/24'}", "MissingParameter", "VpcId",
		       "VpcId of subnet is required");
	assert_refused(KIND_SUBNET, "{'VpcId': null, 'CidrBlock': '10.0.0.0/24'}",
		       "MissingParameter", "VpcId", "required");
}

static void computed_fields_are_refused(void **state)
{
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'State': 'available'}",
		       "InvalidParameterValue", "State", "State of vpc is set by vpcd");
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'VpcId': 'vpc-1'}",
		       "InvalidParameterValue", "VpcId", "is set by vpcd");
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Revision': 1}",
		       "InvalidParameterValue", "Revision", "is set by vpcd");
}

static void excluding_fields_are_refused(void **state)
{
	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	make(txn, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'v'}");
	assert_refused(KIND_SECURITY_GROUP_RULE,
		       "{'GroupId': 'g', 'IpProtocol': 'tcp', 'CidrIpv4': '0.0.0.0/0',"
		       " 'ReferencedGroupId': 'g'}",
		       "InvalidParameterCombination", "ReferencedGroupId",
		       "CidrIpv4 and ReferencedGroupId exclude one another");
}

static void protocols_print_by_name_or_number(void **state)
{
	static const struct {
		const char *in, *out;
	} protos[] = {{"'tcp'", "\"tcp\""}, {"6", "\"tcp\""},	   {"'17'", "\"udp\""},
		      {"'all'", "\"-1\""},  {"'-1'", "\"-1\""},	   {"-1", "\"-1\""},
		      {"47", "\"47\""},	    {"'58'", "\"icmpv6\""}};

	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	make(txn, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'v'}");
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		assert_member(make(txn, KIND_SECURITY_GROUP_RULE,
				   "{'GroupId': 'g', 'IpProtocol': %s}", protos[i].in),
			      "IpProtocol", protos[i].out);
}

/* EC2 User Guide, tag restrictions. */
static void names_and_tags_have_limits(void **state)
{
	char name[300], spec[1200];
	const char *id;

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	id = make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Name': '%s'}", name);
	memset(name, 'x', sizeof(name));
	name[257] = '\0';
	snprintf(spec, sizeof(spec), "{'CidrBlock': '10.0.0.0/16', 'Name': '%s'}", name);
	assert_refused(KIND_VPC, spec, "InvalidParameterValue", "Name", "257 characters, at most");
	snprintf(spec, sizeof(spec), "{'CidrBlock': '10.0.0.0/16', 'Tags': {'a': '%s'}}", name);
	assert_refused(KIND_VPC, spec, "InvalidParameterValue", "Tags", "at most 256");
	name[129] = '\0';
	snprintf(spec, sizeof(spec), "{'CidrBlock': '10.0.0.0/16', 'Tags': {'%s': 'a'}}", name);
	assert_refused(KIND_VPC, spec, "InvalidParameterValue", "Tags", "at most 128");
	memset(name, 'x', sizeof(name));
	name[257] = '\0';
	assert_int_not_equal(patch(txn, id, NULL, "{'Name': '%s'}", name), 0);
	for (int i = 0; i < 49; i++) /* the name is one */
		assert_int_equal(patch(txn, id, NULL, "{'Tags': {'t%d': ''}}", i), 0);
	assert_int_not_equal(patch(txn, id, NULL, "{'Tags': {'t50': ''}}"), 0);
	/* Characters, not octets: 256 of two. */
	for (size_t i = 0; i < 256; i++)
		memcpy(spec + 2 * i, "\u00e9", 2);
	spec[512] = '\0';
	assert_int_equal(patch(txn, id, NULL, "{'Tags': {'t1': '%s'}}", spec), 0);
}

static void name_and_tag_name_are_one(void **state)
{
	const char *id = make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Tags': {'Name': 'a'}}");

	assert_string_equal(get(id)->name, "a");
	assert_int_equal(patch(txn, id, NULL, "{'Name': 'b'}"), 0);
	assert_member(id, "Tags", "{\"Name\": \"b\"}");
	assert_int_equal(patch(txn, id, NULL, "{'Tags': {'Name': null, 'x': 'y'}}"), 0);
	assert_null(get(id)->name);
	assert_refused(KIND_VPC, "{'CidrBlock': '10.0.0.0/16', 'Name': 'a', 'Tags': {'Name': 'b'}}",
		       "InvalidParameterCombination", "Name", "differ");
}

static void patch_merges_and_null_restores_the_default(void **state)
{
	const char *id =
		make(txn, KIND_VPC,
		     "{'CidrBlock': '10.0.0.0/16', 'EnableDnsSupport': false,"
		     " 'SecondaryCidrBlocks': ['10.1.0.0/16'], 'Tags': {'a': '1', 'b': '2'}}");

	assert_int_equal(patch(txn, id, NULL, "{'EnableDnsSupport': null, 'Tags': {'a': null}}"),
			 0);
	assert_member(id, "EnableDnsSupport", "true");
	assert_member(id, "SecondaryCidrBlocks", "[\"10.1.0.0/16\"]");
	assert_member(id, "Tags", "{\"b\": \"2\"}");
	assert_int_equal(patch(txn, id, NULL, "{'SecondaryCidrBlocks': null, 'Tags': null}"), 0);
	assert_member(id, "SecondaryCidrBlocks", "[]");
	assert_member(id, "Tags", "{}");
	assert_member(id, "State", "\"available\"");
}

static void patch_of_maps_merges_by_key(void **state)
{
	const char *id;

	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	make(txn, KIND_SUBNET, "{'Name': 's', 'VpcId': 'v', 'CidrBlock': '10.0.1.0/24'}");
	id = make(txn, KIND_INSTANCE, "{'SubnetId': 's', 'Environment': {'A': '1', 'B': '2'}}");
	assert_int_equal(patch(txn, id, NULL, "{'Environment': {'A': null, 'C': '3'}}"), 0);
	assert_member(id, "Environment", "{\"B\": \"2\", \"C\": \"3\"}");
}

static void patch_of_required_and_immutable_is_refused(void **state)
{
	const char *id = make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	struct err e;

	assert_int_equal(patch(txn, id, &e, "{'CidrBlock': null}"), -EINVAL);
	assert_string_equal(e.code, "MissingParameter");
	assert_int_equal(patch(txn, id, &e, "{'CidrBlock': '10.1.0.0/16'}"), -EPERM);
	assert_string_equal(e.code, "InvalidParameterValue");
	assert_non_null(strstr(e.msg, "immutable; it is 10.0.0.0/16"));
	assert_int_equal(patch(txn, id, &e, "{'CidrBlock': '10.0.0.0/16'}"), 0);
	assert_int_equal(patch(txn, id, &e, "{'State': 'failed'}"), -EINVAL);
	assert_int_equal(patch(txn, id, &e, "{'CidrBlok': 1}"), -EINVAL);
	assert_string_equal(e.code, "UnknownParameter");
	assert_int_equal(patch(txn, "vpc-0", &e, "{}"), -ENOENT);
}

static void allocated_field_is_immutable_once_set(void **state)
{
	const char *id;
	struct err e;

	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	id = make(txn, KIND_SUBNET, "{'VpcId': 'v', 'CidrBlock': '10.0.1.0/24'}");
	assert_member(id, "AvailabilityZone", "\"us-east-1a\"");
	assert_int_equal(patch(txn, id, &e, "{'AvailabilityZone': 'us-east-1b'}"), -EPERM);
	assert_int_equal(patch(txn, id, &e, "{'AvailabilityZone': null}"), -EPERM);
}

static void spec_makes_an_equal_object(void **state)
{
	const char *id, *other;
	cleanup_json struct json *spec = NULL, *again = NULL;
	const struct object *o;

	make(txn, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'v'}");
	id = make(txn, KIND_ROUTE_TABLE,
		  "{'Name': 'r', 'VpcId': 'v', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
		  " 'GatewayId': 'igw'}, {'DestinationCidrBlock': '2001:db8::/32'}]}");
	spec = object_spec(get(id));
	assert_null(json_get(spec, "Main"));
	assert_int_equal(txn_create(txn, kinds[KIND_ROUTE_TABLE], spec, NULL, &o, NULL), 0);
	other = o->id;
	again = object_spec(get(other));
	assert_true(json_equal(spec, again));
}

static void fields_format_as_text(void **state)
{
	const char *id = make(txn, KIND_VPC,
			      "{'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks':"
			      " ['10.1.0.0/16', '10.2.0.0/16']}");
	static const char *const expected[] = {"10.0.0.0/16", "10.1.0.0/16,10.2.0.0/16", "true",
					       "false", "available"};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		cleanup_free char *text = field_format(get(id), &vpc_fields[i]);

		assert_string_equal(text, expected[i]);
	}
}

static void kinds_are_found_by_any_spelling(void **state)
{
	const char *const names[] = {
		"security-group", "Security-Groups", "sg", "SG", "SecurityGroup",
		"securitygroups", "security_group"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_ptr_equal(kind_find(names[i]), kinds[KIND_SECURITY_GROUP]);
	assert_null(kind_find("security-grou"));
	assert_null(kind_find(""));
	assert_ptr_equal(kind_of_id("sgr-12"), kinds[KIND_SECURITY_GROUP_RULE]);
	assert_ptr_equal(kind_of_id("i-12"), kinds[KIND_INSTANCE]);
	assert_ptr_equal(kind_of_id("igw-12"), kinds[KIND_INTERNET_GATEWAY]);
	assert_null(kind_of_id("shop"));
}

static void json_schema_describes_input(void **state)
{
	cleanup_json struct json *j = kind_json_schema(kinds[KIND_ROUTE_TABLE]);
	struct json *properties = json_get(j, "properties");
	struct json *route = json_get(json_get(properties, "Routes"), "items");

	assert_null(json_get(properties, "Main"));
	assert_non_null(json_get(properties, "Tags"));
	assert_int_equal(json_type(json_get(j, "additionalProperties")), JSON_BOOL);
	assert_string_equal(json_str(json_at(json_get(j, "required"), 0)), "VpcId");
	assert_string_equal(json_str(json_get(route, "type")), "object");
	assert_non_null(json_get(json_get(route, "properties"), "GatewayId"));
}

static void schema_lists_every_kind_and_field(void **state)
{
	cleanup_json struct json *j = schema_describe();
	struct json *kind = json_at(json_get(j, "Kinds"), 0), *field;

	assert_string_equal(json_str(json_get(kind, "Name")), "vpc");
	field = json_at(json_get(kind, "Fields"), 0);
	assert_string_equal(json_str(json_get(field, "Name")), "CidrBlock");
	assert_string_equal(json_str(json_get(field, "Type")), "cidr");
	assert_int_equal(json_len(json_get(field, "Flags")), 3);
	assert_int_equal(json_len(json_get(kind, "Fields")), ARRAY_SIZE(vpc_fields) - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whole_object_prints_in_order),
		CASE(host_bits_are_cleared),
		CASE(wrong_values_say_field_value_and_rule),
		CASE(wrong_scalars_are_refused),
		CASE(unknown_field_gets_a_suggestion),
		CASE(faults_in_records_say_where),
		CASE(required_field_must_be_given),
		CASE(computed_fields_are_refused),
		CASE(excluding_fields_are_refused),
		CASE(protocols_print_by_name_or_number),
		CASE(names_and_tags_have_limits),
		CASE(name_and_tag_name_are_one),
		CASE(patch_merges_and_null_restores_the_default),
		CASE(patch_of_maps_merges_by_key),
		CASE(patch_of_required_and_immutable_is_refused),
		CASE(allocated_field_is_immutable_once_set),
		CASE(spec_makes_an_equal_object),
		CASE(fields_format_as_text),
		CASE(kinds_are_found_by_any_spelling),
		CASE(json_schema_describes_input),
		CASE(schema_lists_every_kind_and_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
