/* SPDX-License-Identifier: MIT
 * Transactions: views, references and what deletion does to them, all or nothing.
 */
#include "test_kinds.h"

static struct store *store;
static struct txn *txn;
static char vpc[40], subnet[40];

static void keep(char *to, const char *id)
{
	memcpy(to, id, strlen(id) + 1);
}

static int setup(void **state)
{
	store = open_store(":memory:");
	txn = txn_begin(store);
	keep(vpc, make(txn, KIND_VPC, "{'Name': 'shop', 'CidrBlock': '10.0.0.0/16'}"));
	keep(subnet,
	     make(txn, KIND_SUBNET, "{'Name': 'a', 'VpcId': 'shop', 'CidrBlock': '10.0.0.0/24'}"));
	commit(txn);
	txn = txn_begin(store);
	return 0;
}

static int teardown(void **state)
{
	txn_abort(txn);
	store_close(store);
	return 0;
}

static void next_txn(void)
{
	commit(txn);
	txn = txn_begin(store);
}

static const struct object *get(const char *id)
{
	return model_get(txn_model(txn), id);
}

static void assert_deleted(const char *id)
{
	struct err e;

	if (txn_delete(txn, id, &e))
		fail_msg("%s", e.msg);
	assert_null(get(id));
}

static void assert_undeletable(const char *id, const char *code, const char *msg)
{
	cleanup_free char *before = dump(txn_model(txn)), *after = NULL;
	struct err e = {0};

	assert_int_equal(txn_delete(txn, id, &e), -EBUSY);
	assert_string_equal(e.code, code);
	if (!strstr(e.msg, msg))
		fail_msg("\"%s\" lacks \"%s\"", e.msg, msg);
	after = dump(txn_model(txn));
	assert_string_equal(before, after);
}

/* ---- views ---- */

static void changes_are_seen_by_the_transaction_alone(void **state)
{
	const struct model *before = store_model(store);
	const char *id = make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");

	assert_int_equal(patch(txn, vpc, NULL, "{'EnableDnsSupport': false}"), 0);
	assert_deleted(subnet);
	assert_null(model_get(before, id));
	assert_non_null(model_get(before, subnet));
	assert_true(AS_CONST(vpc, model_get(before, vpc))->enable_dns_support);
	assert_false(AS_CONST(vpc, get(vpc))->enable_dns_support);
	assert_int_equal(count(before, KIND_SUBNET), 1);
	assert_int_equal(count(txn_model(txn), KIND_SUBNET), 0);
	assert_int_equal(count(txn_model(txn), KIND_SECURITY_GROUP), 1);
}

static void abort_leaves_nothing(void **state)
{
	cleanup_free char *before = dump(store_model(store)), *after = NULL;
	uint64_t revision = store_revision(store);

	make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	assert_deleted(subnet);
	assert_deleted(vpc);
	txn_abort(txn);
	after = dump(store_model(store));
	assert_string_equal(before, after);
	assert_int_equal(store_revision(store), revision);
	txn = txn_begin(store);
	assert_non_null(txn);
}

static void only_one_transaction_at_a_time(void **state)
{
	assert_null(txn_begin(store));
}

static void commit_without_changes_keeps_the_revision(void **state)
{
	uint64_t revision = store_revision(store), got;
	const struct change *c;

	assert_int_equal(patch(txn, vpc, NULL, "{'EnableDnsSupport': true}"), 0);
	assert_deleted(make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}"));
	assert_non_null(txn_edit(txn, subnet));
	assert_int_equal(txn_changes(txn, &c), 0);
	assert_int_equal(txn_commit(txn, &got, NULL), 0);
	assert_int_equal(got, revision);
	assert_int_equal(store_revision(store), revision);
	txn = txn_begin(store);
}

static void commit_numbers_what_changed(void **state)
{
	uint64_t revision = store_revision(store), got;

	assert_int_equal(patch(txn, vpc, NULL, "{'EnableDnsSupport': false}"), 0);
	assert_int_equal(txn_commit(txn, &got, NULL), 0);
	assert_int_equal(got, revision + 1);
	txn = txn_begin(store);
	assert_int_equal(get(vpc)->revision, revision + 1);
	assert_int_equal(get(subnet)->revision, revision);
}

static void changes_come_in_order(void **state)
{
	const struct change *c;
	char group[40];

	keep(group, make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}"));
	assert_int_equal(patch(txn, vpc, NULL, "{'EnableDnsSupport': false}"), 0);
	assert_int_equal(patch(txn, group, NULL, "{'GroupName': 'g'}"), 0);
	assert_deleted(subnet);
	assert_int_equal(txn_changes(txn, &c), 3);
	assert_int_equal(c[0].op, CHANGE_CREATE);
	assert_null(c[0].old);
	assert_string_equal(c[0].new->id, group);
	assert_int_equal(c[1].op, CHANGE_UPDATE);
	assert_true(AS_CONST(vpc, c[1].old)->enable_dns_support);
	assert_int_equal(c[2].op, CHANGE_DELETE);
	assert_string_equal(c[2].old->id, subnet);
	assert_null(c[2].new);
}

static void objects_keep_the_order_of_creation(void **state)
{
	const struct object *o;
	char second[40];

	keep(second, make(txn, KIND_SUBNET, "{'VpcId': 'shop', 'CidrBlock': '10.0.1.0/24'}"));
	assert_int_equal(patch(txn, subnet, NULL, "{'Name': 'z'}"), 0);
	next_txn();
	o = model_first(txn_model(txn), KIND_SUBNET);
	assert_string_equal(o->id, subnet);
	o = model_next(txn_model(txn), o);
	assert_string_equal(o->id, second);
	assert_null(model_next(txn_model(txn), o));
}

static void lab_marks_what_the_transaction_makes(void **state)
{
	char id[40];

	txn_set_lab(txn, "shop");
	keep(id, make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}"));
	next_txn();
	assert_string_equal(get(id)->lab, "shop");
	assert_null(get(vpc)->lab);
}

/* ---- all or nothing ---- */

static void refused_creation_leaves_nothing_of_its_hooks(void **state)
{
	cleanup_free char *before = dump(txn_model(txn)), *after = NULL;
	const struct change *c;
	struct err e;

	assert_int_equal(try_make(txn, KIND_INSTANCE, &e, "{'SubnetId': 'a', 'Command': ['fail']}"),
			 -ENOSPC);
	after = dump(txn_model(txn));
	assert_string_equal(before, after);
	assert_int_equal(txn_changes(txn, &c), 0);
	make(txn, KIND_INSTANCE, "{'SubnetId': 'a'}");
	assert_int_equal(txn_changes(txn, &c), 2);
	next_txn();
	assert_int_equal(count(txn_model(txn), KIND_NETWORK_INTERFACE), 1);
}

static void refused_update_leaves_the_object(void **state)
{
	cleanup_free char *before = dump(txn_model(txn)), *after = NULL;
	struct err e;

	assert_int_equal(
		patch(txn, subnet, &e, "{'MapPublicIpOnLaunch': true, 'RouteTableId': 'x'}"),
		-ENOENT);
	after = dump(txn_model(txn));
	assert_string_equal(before, after);
}

static void check_refuses(void **state)
{
	struct err e;

	assert_int_equal(
		try_make(txn, KIND_SUBNET, &e, "{'VpcId': 'shop', 'CidrBlock': '10.9.0.0/24'}"),
		-EINVAL);
	assert_string_equal(e.code, "InvalidSubnet.Range");
}

/* ---- references ---- */

static void referrers_follow_the_view(void **state)
{
	char rtb[40];
	struct subnet *s;

	keep(rtb, make(txn, KIND_ROUTE_TABLE, "{'VpcId': 'shop'}"));
	s = AS(subnet, txn_edit(txn, subnet));
	s->route_table_id = strdup(rtb);
	assert_undeletable(rtb, "DependencyViolation", subnet);
	assert_int_equal(patch(txn, subnet, NULL, "{'RouteTableId': null}"), 0);
	assert_deleted(rtb);
}

static void referenced_object_is_not_deleted(void **state)
{
	assert_undeletable(vpc, "DependencyViolation", "vpc ");
	assert_undeletable(vpc, "DependencyViolation", "(shop) is used by subnet subnet-");
	make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");
	make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");
	make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");
	assert_undeletable(vpc, "DependencyViolation", " and 1 more");
	assert_deleted(subnet);
}

static void references_in_lists_count(void **state)
{
	char group[40], eni[40];

	keep(group, make(txn, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'shop'}"));
	keep(eni, make(txn, KIND_NETWORK_INTERFACE, "{'SubnetId': 'a', 'Groups': ['g']}"));
	assert_undeletable(group, "DependencyViolation", eni);
	assert_int_equal(patch(txn, eni, NULL, "{'Groups': []}"), 0);
	assert_deleted(group);
}

static void deletion_takes_what_creation_made(void **state)
{
	assert_undeletable(model_first(txn_model(txn), KIND_ROUTE_TABLE)->id, "DependencyViolation",
			   "main table");
	assert_deleted(subnet);
	assert_deleted(vpc);
	assert_int_equal(count(txn_model(txn), KIND_ROUTE_TABLE), 0);
}

static void cascade_follows_its_target(void **state)
{
	char group[40], other[40], rule[40];

	keep(group, make(txn, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'shop'}"));
	keep(other, make(txn, KIND_SECURITY_GROUP, "{'Name': 'h', 'VpcId': 'shop'}"));
	keep(rule, make(txn, KIND_SECURITY_GROUP_RULE,
			"{'GroupId': 'g', 'IpProtocol': 'tcp',"
			" 'ReferencedGroupId': 'h'}"));
	make(txn, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': 'g', 'IpProtocol': 'tcp', 'ReferencedGroupId': 'g'}");
	assert_undeletable(other, "DependencyViolation", rule);
	assert_deleted(group);
	assert_null(get(rule));
	assert_int_equal(count(txn_model(txn), KIND_SECURITY_GROUP_RULE), 0);
	assert_deleted(other);
}

static void weak_reference_is_cleared(void **state)
{
	char eni[40], eip[40];

	keep(eni, make(txn, KIND_NETWORK_INTERFACE, "{'Name': 'e', 'SubnetId': 'a'}"));
	keep(eip,
	     make(txn, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.1', 'NetworkInterfaceId': 'e'}"));
	next_txn();
	assert_deleted(eni);
	assert_null(AS_CONST(elastic_ip, get(eip))->network_interface_id);
	next_txn();
	assert_null(AS_CONST(elastic_ip, get(eip))->network_interface_id);
}

static void weak_reference_in_a_record_dangles(void **state)
{
	char igw[40], rtb[40];
	const struct route *r;

	keep(igw, make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'shop'}"));
	keep(rtb, make(txn, KIND_ROUTE_TABLE,
		       "{'VpcId': 'shop', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
		       " 'GatewayId': 'igw'}]}"));
	next_txn();
	assert_deleted(igw);
	r = AS_CONST(route_table, get(rtb))->routes.v;
	assert_string_equal(r->gateway_id, igw);
	/* It may stay when other routes change, and be replaced, but not be made. */
	assert_int_equal(patch(txn, rtb, NULL,
			       "{'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId':"
			       " '%s'}, {'DestinationCidrBlock': '10.9.0.0/16'}]}",
			       igw),
			 0);
	assert_int_equal(patch(txn, subnet, NULL, "{'RouteTableId': '%s'}", igw), -ENOENT);
}

static void unique_reference_is_held(void **state)
{
	struct err e;

	make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'shop'}");
	assert_int_equal(try_make(txn, KIND_INTERNET_GATEWAY, &e, "{'VpcId': 'shop'}"), -EEXIST);
	assert_string_equal(e.code, "Resource.AlreadyAssociated");
	assert_string_equal(e.field, "VpcId");
	make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'free'}");
	make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'free2'}");
}

static void unique_reference_may_be_set_again_by_its_holder(void **state)
{
	const char *id = make(txn, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'shop'}");

	assert_int_equal(patch(txn, id, NULL, "{'VpcId': 'shop', 'Name': 'gw'}"), 0);
}

static void computed_references_hold_nobody(void **state)
{
	char instance[40], eni[40];

	keep(instance, make(txn, KIND_INSTANCE, "{'Name': 'web', 'SubnetId': 'a'}"));
	keep(eni, AS_CONST(instance, get(instance))->network_interface_id);
	next_txn();
	assert_undeletable(eni, "InvalidNetworkInterface.InUse", "has it");
	assert_undeletable(subnet, "DependencyViolation", instance);
	assert_deleted(instance);
	assert_null(get(eni));
	assert_deleted(subnet);
}

static void delete_of_unknown_id_is_refused(void **state)
{
	struct err e;

	assert_int_equal(txn_delete(txn, "vpc-0", &e), -ENOENT);
	assert_deleted(subnet);
	assert_int_equal(txn_delete(txn, subnet, &e), -ENOENT);
}

/* ---- listeners ---- */

struct heard {
	uint64_t revision;
	size_t n, creations, deletions;
};

static void listen(void *arg, uint64_t revision, const struct change *c, size_t n)
{
	struct heard *h = arg;

	h->revision = revision;
	h->n += n;
	for (size_t i = 0; i < n; i++) {
		h->creations += c[i].op == CHANGE_CREATE;
		h->deletions += c[i].op == CHANGE_DELETE;
		assert_true(!c[i].new || model_get(store_model(store), c[i].new->id) == c[i].new);
		assert_true(!c[i].old || c[i].old->id[0]);
	}
}

static void listener_hears_of_commits_alone(void **state)
{
	struct heard h = {0};

	store_on_commit(store, listen, &h);
	make(txn, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	txn_abort(txn);
	assert_int_equal(h.n, 0);
	txn = txn_begin(store);
	make(txn, KIND_SECURITY_GROUP, "{'VpcId': 'shop'}");
	assert_deleted(subnet);
	assert_int_equal(patch(txn, vpc, NULL, "{'Name': 'x'}"), 0);
	next_txn();
	assert_int_equal(h.n, 3);
	assert_int_equal(h.creations, 1);
	assert_int_equal(h.deletions, 1);
	assert_int_equal(h.revision, store_revision(store));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(changes_are_seen_by_the_transaction_alone),
		CASE(abort_leaves_nothing),
		CASE(only_one_transaction_at_a_time),
		CASE(commit_without_changes_keeps_the_revision),
		CASE(commit_numbers_what_changed),
		CASE(changes_come_in_order),
		CASE(objects_keep_the_order_of_creation),
		CASE(lab_marks_what_the_transaction_makes),
		CASE(refused_creation_leaves_nothing_of_its_hooks),
		CASE(refused_update_leaves_the_object),
		CASE(check_refuses),
		CASE(referrers_follow_the_view),
		CASE(referenced_object_is_not_deleted),
		CASE(references_in_lists_count),
		CASE(deletion_takes_what_creation_made),
		CASE(cascade_follows_its_target),
		CASE(weak_reference_is_cleared),
		CASE(weak_reference_in_a_record_dangles),
		CASE(unique_reference_is_held),
		CASE(unique_reference_may_be_set_again_by_its_holder),
		CASE(computed_references_hold_nobody),
		CASE(delete_of_unknown_id_is_refused),
		CASE(listener_hears_of_commits_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
