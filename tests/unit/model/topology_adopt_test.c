/* SPDX-License-Identifier: MIT
 * Labs beside one another and beside what was made by hand: whose names mean what, and taking
 * objects of no lab into one (up --adopt).
 */
#include "topology_env.h"

static const char file[] =
	"{'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16', 'InternetGateway': 'gw',"
	" 'Subnets': {'s': {'CidrBlock': '10.0.1.0/24', 'RouteTable': 't'}},"
	" 'RouteTables': {'t': {'Routes': {'0.0.0.0/0': 'gw'}}},"
	" 'SecurityGroups': {'g': {'Ingress': ['tcp 80 from g', 'tcp 81 from 0.0.0.0/0']}}}},"
	" 'Instances': {'i': {'Subnet': 'v/s', 'SecurityGroups': ['g'], 'PublicIp': 'auto'}},"
	" 'HostedZones': {'z.test': {'Vpcs': ['v'], 'Records': {'a A': '10.0.1.9'}}}}";

/* The file's objects as if they had been made one by one, or for a lab. */
static int load_for(struct lab *l, const char *text, const char *lab, bool adopt)
{
	cleanup_free char *copy = strdup(text);
	struct txn *t = txn_begin(l->s);
	char *name;
	int rc;

	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	forget(l);
	rc = topology_load(t, copy, strlen(copy), lab, NULL, "/srv/lab", adopt, &name, &l->steps,
			   &l->faults);
	free(name);
	for (size_t i = 0; rc && i < l->faults.n; i++)
		print_message("%s: %s\n", l->faults.v[i].pointer, l->faults.v[i].err.msg);
	if (rc)
		txn_abort(t);
	else
		commit(t);
	return rc;
}

static size_t count_of(const struct lab *l, enum kind_id kind, const char *lab)
{
	size_t n = 0;

	model_for_each (o, store_model(l->s), kind)
		n += lab ? o->lab && !strcmp(o->lab, lab) : !o->lab;
	return n;
}

static size_t total(const struct lab *l, const char *lab)
{
	size_t n = 0;

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		n += count_of(l, (enum kind_id)k, lab);
	return n;
}

/* Everything that there is belongs to no lab any more. */
static void disown(struct lab *l)
{
	struct txn *t = txn_begin(l->s);

	txn_set_lab(t, NULL);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, store_model(l->s), k)
			assert_int_equal(txn_adopt(t, o->id, NULL), 0);
	commit(t);
}

static void two_labs_of_one_file_mean_their_own_names(void **state)
{
	struct lab *l = *state;
	cleanup_json struct json *out = NULL;
	cleanup_free char *text = NULL;
	size_t n;

	assert_int_equal(load_for(l, file, "one", false), 0);
	n = total(l, "one");
	/* A zone is one VPC's and name's; the rest may stand twice. */
	assert_int_equal(load_for(l, file, "two", false), 0);
	assert_int_equal(total(l, "two"), n);
	assert_int_equal(total(l, "one"), n);
	model_for_each (o, store_model(l->s), KIND_INSTANCE) {
		const struct object *s =
			model_get(store_model(l->s), AS_CONST(instance, o)->subnet_id);

		assert_string_equal(s->lab, o->lab);
	}
	assert_int_equal(load_for(l, file, "one", false), 0);
	assert_int_equal(l->steps.n, 0);
	/* And a lab's export names them as its file did. */
	assert_int_equal(topology_export(store_model(l->s), "two", false, &out, NULL), 0);
	text = json_print(out);
	assert_null(strstr(text, "subnet-"));
	assert_null(strstr(text, "sg-"));
	assert_non_null(strstr(text, "tcp 80 from g"));
}

static void names_of_a_lab_may_be_of_what_stands_outside(void **state)
{
	struct lab *l = *state;

	assert_int_equal(load_for(l, file, "base", false), 0);
	assert_int_equal(load_for(l, "{'Instances': {'j': {'Subnet': 'v/s'}}}", "more", false), 0);
	assert_int_equal(count_of(l, KIND_INSTANCE, "more"), 1);
}

static void what_belongs_to_no_lab_is_adopted_unchanged(void **state)
{
	struct lab *l = *state;
	size_t n;

	assert_int_equal(load_for(l, file, "lab", false), 0);
	n = total(l, "lab");
	disown(l);
	assert_int_equal(total(l, "lab"), 0);
	assert_int_equal(load_for(l, file, "lab", true), 0);
	assert_int_equal(total(l, "lab"), n);
	assert_int_equal(total(l, NULL), 0);
	for (size_t i = 0; i < l->steps.n; i++) {
		assert_int_equal(l->steps.v[i].op, PLAN_UPDATE);
		assert_string_equal(l->steps.v[i].detail, "Lab: none -> lab");
	}
	assert_true(has_step(l, PLAN_UPDATE, KIND_INSTANCE, "i"));
	/* It is the lab's like any other. */
	assert_int_equal(load_for(l, file, "lab", false), 0);
	assert_int_equal(l->steps.n, 0);
	assert_int_equal(load_for(l, "{}", "lab", false), 0);
	assert_int_equal(total(l, "lab"), 0);
}

static void adoption_makes_what_the_file_says(void **state)
{
	struct lab *l = *state;
	cleanup_free char *other = with(file, "tcp 81", "tcp 82");

	assert_int_equal(load_for(l, file, "lab", false), 0);
	disown(l);
	assert_int_equal(load_for(l, other, "lab", true), 0);
	assert_int_equal(total(l, NULL), 0);
	assert_int_equal(load_for(l, other, "lab", false), 0);
	assert_int_equal(l->steps.n, 0);
}

static void another_labs_objects_are_never_adopted(void **state)
{
	struct lab *l = *state;
	size_t n;

	assert_int_equal(load_for(l, file, "theirs", false), 0);
	n = total(l, "theirs");
	assert_int_equal(load_for(l, file, "lab", true), 0);
	assert_int_equal(total(l, "theirs"), n);
	assert_int_equal(count_of(l, KIND_VPC, "lab"), 1);
}

static void what_the_file_does_not_name_stays_outside(void **state)
{
	struct lab *l = *state;

	assert_int_equal(load_for(l, file, "lab", false), 0);
	disown(l);
	assert_int_equal(load_for(l, "{'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16'}}}", "lab", true),
			 0);
	assert_int_equal(count_of(l, KIND_VPC, "lab"), 1);
	assert_int_equal(count_of(l, KIND_SUBNET, "lab"), 0);
	assert_int_equal(count_of(l, KIND_INSTANCE, NULL), 1);
	/* Main table, default group and ACL went along with their VPC. */
	assert_int_equal(count_of(l, KIND_NETWORK_ACL, "lab"), 1);
	assert_int_equal(count_of(l, KIND_ROUTE_TABLE, "lab"), 1);
}

static void a_conflict_with_what_belongs_to_no_lab_says_so(void **state)
{
	static const char eip[] = "{'ElasticIps': {'e': {'PublicIp': '198.51.100.7'}}}";
	struct lab *l = *state;

	assert_int_equal(load_for(l, eip, "lab", false), 0);
	disown(l);
	assert_int_not_equal(load_for(l, eip, "lab", false), 0);
	assert_int_equal(l->faults.n, 1);
	assert_string_equal(l->faults.v[0].err.code, "InvalidIPAddress.InUse");
	assert_non_null(strstr(l->faults.v[0].err.msg,
			       "; elastic-ip e belongs to no lab: --adopt makes it this one's"));
	assert_int_equal(load_for(l, eip, "lab", true), 0);
}

static void a_twin_of_what_belongs_to_no_lab_is_pointed_at(void **state)
{
	static const char vpc[] = "{'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16'}}}";
	struct lab *l = *state;

	assert_int_equal(load_for(l, vpc, "lab", false), 0);
	disown(l);
	assert_int_equal(load_for(l, vpc, "lab", false), 0);
	assert_int_equal(l->steps.n, 1);
	assert_string_equal(l->steps.v[0].detail,
			    "another of its name belongs to no lab: see --adopt");
}

static void a_rule_made_by_hand_goes_with_its_group(void **state)
{
	struct lab *l = *state;
	cleanup_json struct json *spec = NULL;
	struct plan_steps steps;
	struct txn *t;
	struct err e;

	assert_int_equal(load_for(l,
				  "{'Vpcs': {'v': {'CidrBlock': '10.0.0.0/16',"
				  " 'SecurityGroups': {'a': {}, 'b': {}}}}}",
				  "lab", false),
			 0);
	t = txn_begin(l->s);
	assert_int_equal(rule_parse("tcp 22 from a", &spec, &e), 0);
	json_set_str(spec, "GroupId", named(l, KIND_SECURITY_GROUP, "b")->id);
	assert_int_equal(txn_create(t, kinds[KIND_SECURITY_GROUP_RULE], spec, NULL, NULL, &e), 0);
	commit(t);
	assert_int_equal(count_of(l, KIND_SECURITY_GROUP_RULE, NULL), 1);
	t = txn_begin(l->s);
	if (topology_unload(t, "lab", &steps, &e))
		fail_msg("%s", e.msg);
	plan_steps_done(&steps);
	commit(t);
	assert_int_equal(total(l, NULL) + total(l, "lab"), 0);
}

static void a_labs_name_is_short_and_printable(void **state)
{
	struct lab *l = *state;
	char name[LAB_NAME_MAX + 2];

	memset(name, 'x', sizeof(name));
	name[LAB_NAME_MAX] = 0;
	assert_int_equal(load_for(l, "{}", name, false), 0);
	name[LAB_NAME_MAX] = 'x';
	name[LAB_NAME_MAX + 1] = 0;
	assert_int_equal(load_for(l, "{}", name, false), -EINVAL);
	assert_int_equal(load_for(l, "{}", "", false), -EINVAL);
	assert_int_equal(load_for(l, "{}", "a\nb", false), -EINVAL);
	assert_int_equal(load_for(l, "{}", "my lab", false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(two_labs_of_one_file_mean_their_own_names),
		LAB_TEST(names_of_a_lab_may_be_of_what_stands_outside),
		LAB_TEST(what_belongs_to_no_lab_is_adopted_unchanged),
		LAB_TEST(adoption_makes_what_the_file_says),
		LAB_TEST(another_labs_objects_are_never_adopted),
		LAB_TEST(what_the_file_does_not_name_stays_outside),
		LAB_TEST(a_conflict_with_what_belongs_to_no_lab_says_so),
		LAB_TEST(a_rule_made_by_hand_goes_with_its_group),
		LAB_TEST(a_labs_name_is_short_and_printable),
		LAB_TEST(a_twin_of_what_belongs_to_no_lab_is_pointed_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
