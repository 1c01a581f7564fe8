/* SPDX-License-Identifier: MIT
 * Names, ids and prefixes to objects:
 *
 *   shop (vpc) -- private, web (subnets), web (group)
 *   other (vpc) -- private (subnet)
 */
#include "test_kinds.h"

static struct store *store;
static const struct model *model;
static char shop[40], other[40], shop_private[40], other_private[40], web_subnet[40], web_group[40];

static void keep(char *to, const char *id)
{
	memcpy(to, id, strlen(id) + 1);
}

static int setup(void **state)
{
	struct txn *t;

	store = open_store(":memory:");
	model = store_model(store);
	t = txn_begin(store);
	keep(shop, make(t, KIND_VPC, "{'Name': 'shop', 'CidrBlock': '10.0.0.0/16'}"));
	keep(other, make(t, KIND_VPC, "{'Name': 'other', 'CidrBlock': '10.0.0.0/16'}"));
	keep(shop_private, make(t, KIND_SUBNET,
				"{'Name': 'private', 'VpcId': 'shop',"
				" 'CidrBlock': '10.0.0.0/24'}"));
	keep(other_private, make(t, KIND_SUBNET,
				 "{'Name': 'private', 'VpcId': 'other',"
				 " 'CidrBlock': '10.0.0.0/24'}"));
	keep(web_subnet,
	     make(t, KIND_SUBNET, "{'Name': 'web', 'VpcId': 'shop', 'CidrBlock': '10.0.1.0/24'}"));
	keep(web_group, make(t, KIND_SECURITY_GROUP, "{'Name': 'web', 'VpcId': 'shop'}"));
	commit(t);
	return 0;
}

static int teardown(void **state)
{
	store_close(store);
	return 0;
}

static void assert_resolves(enum kind_id kind, const char *text, const char *scope, const char *id)
{
	const struct object *o = NULL;
	struct err e;

	if (model_resolve(model, kind, text, scope, &o, &e))
		fail_msg("%s: %s", text, e.msg);
	assert_string_equal(o->id, id);
}

static void assert_fails(enum kind_id kind, const char *text, int rc, const char *code,
			 const char *msg)
{
	const struct object *o;
	struct err e = {0};

	assert_int_equal(model_resolve(model, kind, text, NULL, &o, &e), rc);
	assert_string_equal(e.code, code);
	if (!strstr(e.msg, msg))
		fail_msg("\"%s\" lacks \"%s\"", e.msg, msg);
}

static void id_resolves(void **state)
{
	assert_resolves(KIND_VPC, shop, NULL, shop);
	assert_resolves(KIND_NONE, shop, NULL, shop);
}

static void id_of_another_kind_is_refused(void **state)
{
	assert_fails(KIND_SUBNET, shop, -ENOENT, "InvalidSubnetID.NotFound", "is of kind vpc");
}

static void name_resolves_within_its_kind(void **state)
{
	assert_resolves(KIND_VPC, "shop", NULL, shop);
	assert_resolves(KIND_SUBNET, "web", NULL, web_subnet);
	assert_resolves(KIND_SECURITY_GROUP, "web", NULL, web_group);
}

static void name_in_two_vpcs_is_ambiguous(void **state)
{
	assert_fails(KIND_SUBNET, "private", -EEXIST, "InvalidParameterValue", "is ambiguous");
	assert_fails(KIND_SUBNET, "private", -EEXIST, "InvalidParameterValue", shop_private);
	assert_fails(KIND_SUBNET, "private", -EEXIST, "InvalidParameterValue", "in other");
}

static void name_of_two_kinds_is_ambiguous_without_a_kind(void **state)
{
	assert_fails(KIND_NONE, "web", -EEXIST, "InvalidParameterValue", web_group);
}

static void scope_decides_between_vpcs(void **state)
{
	assert_resolves(KIND_SUBNET, "private", shop, shop_private);
	assert_resolves(KIND_SUBNET, "private", other, other_private);
}

static void name_outside_the_scope_still_resolves(void **state)
{
	assert_resolves(KIND_SUBNET, "web", other, web_subnet);
}

static void qualified_name_resolves(void **state)
{
	assert_resolves(KIND_SUBNET, "other/private", shop, other_private);
	assert_fails(KIND_SUBNET, "other/web", -ENOENT, "InvalidSubnetID.NotFound", "other/web");
	assert_fails(KIND_SUBNET, "nowhere/private", -ENOENT, "InvalidSubnetID.NotFound",
		     "private");
}

static void id_prefix_resolves_from_four_characters(void **state)
{
	char prefix[40];

	snprintf(prefix, sizeof(prefix), "%.*s", (int)strlen("subnet-") + 8, web_subnet);
	assert_resolves(KIND_SUBNET, prefix, NULL, web_subnet);
	assert_resolves(KIND_NONE, prefix, NULL, web_subnet);
	assert_fails(KIND_VPC, prefix, -ENOENT, "InvalidVpcID.NotFound", "no vpc");
	prefix[strlen("subnet-") + 3] = '\0';
	assert_fails(KIND_SUBNET, prefix, -ENOENT, "InvalidSubnetID.NotFound", "no subnet");
}

static void prefix_of_several_is_ambiguous(void **state)
{
	struct txn *t = txn_begin(store);
	const struct object *o;
	char prefix[sizeof("sg-") + 4] = "";
	int r = 0;
	struct err e;

	/* 16^4 prefixes: some collide among 2,000 (chance of none: 10^-13). */
	for (int i = 0; i < 2000; i++)
		make(t, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");
	model_for_each (g, txn_model(t), KIND_SECURITY_GROUP) {
		memcpy(prefix, g->id, sizeof(prefix) - 1);
		r = model_resolve(txn_model(t), KIND_SECURITY_GROUP, prefix, NULL, &o, &e);
		if (r)
			break;
		assert_ptr_equal(o, g);
	}
	assert_int_equal(r, -EEXIST);
	assert_non_null(strstr(e.msg, "is ambiguous: security-group sg-"));
	txn_abort(t);
}

static void unknown_name_gets_a_suggestion(void **state)
{
	assert_fails(KIND_VPC, "shpo", -ENOENT, "InvalidVpcID.NotFound",
		     "no vpc \"shpo\"; did you mean shop?");
	assert_fails(KIND_SUBNET, "shop/privat", -ENOENT, "InvalidSubnetID.NotFound",
		     "did you mean private?");
	assert_fails(KIND_VPC, "", -ENOENT, "InvalidVpcID.NotFound", "no vpc \"\"");
	assert_int_equal(model_resolve(model, KIND_VPC, "shpo", NULL, NULL, NULL), -ENOENT);
}

static void references_resolve_in_the_vpc_of_the_object(void **state)
{
	struct txn *t = txn_begin(store);
	const char *eni, *group;

	make(t, KIND_SECURITY_GROUP, "{'Name': 'web', 'VpcId': 'other'}");
	eni = make(t, KIND_NETWORK_INTERFACE, "{'SubnetId': 'shop/private', 'Groups': ['web']}");
	group = *(char **)AS_CONST(network_interface, model_get(txn_model(t), eni))->groups.v;
	assert_string_equal(group, web_group);
	assert_int_equal(patch(t, eni, NULL, "{'Groups': ['web', '%s']}", web_group), 0);
	txn_abort(t);
}

static void an_interface_goes_by_its_sandbox_too(void **state)
{
	struct txn *t = txn_begin(store);
	const struct object *o, *eni;
	const char *id, *named;
	struct err e;

	id = make(t, KIND_INSTANCE, "{'Name': 'db', 'SubnetId': 'shop/private'}");
	eni = model_get(txn_model(t),
			AS_CONST(instance, model_get(txn_model(t), id))->network_interface_id);
	assert_int_equal(model_resolve(txn_model(t), KIND_NETWORK_INTERFACE, "db", NULL, &o, &e),
			 0);
	assert_ptr_equal(o, eni);
	assert_int_equal(model_resolve(txn_model(t), KIND_NETWORK_INTERFACE, id, NULL, &o, &e), 0);
	assert_ptr_equal(o, eni);
	/* One of that name is meant first. */
	named = make(t, KIND_NETWORK_INTERFACE, "{'Name': 'db', 'SubnetId': 'shop/private'}");
	assert_int_equal(model_resolve(txn_model(t), KIND_NETWORK_INTERFACE, "db", NULL, &o, &e),
			 0);
	assert_string_equal(o->id, named);
	assert_int_equal(model_resolve(txn_model(t), KIND_NETWORK_INTERFACE, "dbb", NULL, &o, &e),
			 -ENOENT);
	txn_abort(t);
}

static void new_name_is_seen_by_the_transaction_alone(void **state)
{
	struct txn *t = txn_begin(store);
	const struct object *o;

	assert_int_equal(patch(t, other, NULL, "{'Name': 'renamed'}"), 0);
	assert_int_equal(model_resolve(txn_model(t), KIND_VPC, "renamed", NULL, &o, NULL), 0);
	assert_int_equal(model_resolve(txn_model(t), KIND_VPC, "other", NULL, &o, NULL), -ENOENT);
	assert_int_equal(model_resolve(model, KIND_VPC, "renamed", NULL, &o, NULL), -ENOENT);
	assert_resolves(KIND_VPC, "other", NULL, other);
	txn_abort(t);
	assert_resolves(KIND_VPC, "other", NULL, other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(id_resolves),
		CASE(id_of_another_kind_is_refused),
		CASE(name_resolves_within_its_kind),
		CASE(name_in_two_vpcs_is_ambiguous),
		CASE(name_of_two_kinds_is_ambiguous_without_a_kind),
		CASE(scope_decides_between_vpcs),
		CASE(name_outside_the_scope_still_resolves),
		CASE(qualified_name_resolves),
		CASE(id_prefix_resolves_from_four_characters),
		CASE(prefix_of_several_is_ambiguous),
		CASE(unknown_name_gets_a_suggestion),
		CASE(references_resolve_in_the_vpc_of_the_object),
		CASE(an_interface_goes_by_its_sandbox_too),
		CASE(new_name_is_seen_by_the_transaction_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
