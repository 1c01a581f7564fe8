/* SPDX-License-Identifier: MIT
 * Random transactions: what a committed model says equals what the file says, an aborted or refused
 * one leaves no trace, and the reverse index equals a search of everything. The seed is printed;
 * VPCD_TEST_SEED repeats a run.
 */
#include "test_kinds.h"

#define ROUNDS 150
#define STEPS  12

static unsigned seed;

static int pick(int n)
{
	return rand_r(&seed) % n;
}

/* A random object of a kind; NULL: none. */
static const char *any(const struct model *m, enum kind_id kind)
{
	size_t n = count(m, kind), i = 0, wanted = n ? pick((int)n) : 0;

	model_for_each (o, m, kind) {
		if (i++ == wanted)
			return o->id;
	}
	return "none";
}

static void create(struct txn *t)
{
	const struct model *m = txn_model(t);
	int n = pick(30);

	switch (pick(9)) {
	case 0:
		try_make(t, KIND_VPC, NULL, "{'Name': 'v%d', 'CidrBlock': '10.%d.0.0/16'}", n, n);
		break;
	case 1:
		try_make(t, KIND_SUBNET, NULL,
			 "{'Name': 's%d', 'VpcId': '%s', 'CidrBlock': '10.%d.%d.0/24'}", n,
			 any(m, KIND_VPC), pick(30), n);
		break;
	case 2:
		try_make(t, KIND_INTERNET_GATEWAY, NULL, "{'VpcId': '%s'}", any(m, KIND_VPC));
		break;
	case 3:
		try_make(t, KIND_ROUTE_TABLE, NULL,
			 "{'VpcId': '%s', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
			 " 'GatewayId': '%s'}, {'DestinationCidrBlock': '10.0.0.0/8',"
			 " 'NetworkInterfaceId': '%s'}]}",
			 any(m, KIND_VPC), any(m, KIND_INTERNET_GATEWAY),
			 any(m, KIND_NETWORK_INTERFACE));
		break;
	case 4:
		try_make(t, KIND_SECURITY_GROUP, NULL, "{'VpcId': '%s'}", any(m, KIND_VPC));
		break;
	case 5:
		try_make(t, KIND_SECURITY_GROUP_RULE, NULL,
			 "{'GroupId': '%s', 'IpProtocol': '%d', 'ReferencedGroupId': '%s'}",
			 any(m, KIND_SECURITY_GROUP), n, any(m, KIND_SECURITY_GROUP));
		break;
	case 6:
		try_make(t, KIND_NETWORK_INTERFACE, NULL, "{'SubnetId': '%s', 'Groups': ['%s']}",
			 any(m, KIND_SUBNET), any(m, KIND_SECURITY_GROUP));
		break;
	case 7:
		try_make(t, KIND_INSTANCE, NULL, "{'SubnetId': '%s', 'Command': ['%s']}",
			 any(m, KIND_SUBNET), n % 3 ? "true" : "fail");
		break;
	case 8:
		try_make(t, KIND_ELASTIC_IP, NULL, "{'NetworkInterfaceId': '%s'}",
			 any(m, KIND_NETWORK_INTERFACE));
		break;
	}
}

static void update(struct txn *t)
{
	const struct model *m = txn_model(t);
	struct subnet *s;

	switch (pick(6)) {
	case 0:
		patch(t, any(m, KIND_SUBNET), NULL, "{'RouteTableId': '%s'}",
		      any(m, KIND_ROUTE_TABLE));
		break;
	case 1:
		patch(t, any(m, KIND_SUBNET), NULL, "{'RouteTableId': null}");
		break;
	case 2:
		patch(t, any(m, KIND_NETWORK_INTERFACE), NULL, "{'Groups': ['%s', '%s']}",
		      any(m, KIND_SECURITY_GROUP), any(m, KIND_SECURITY_GROUP));
		break;
	case 3:
		patch(t, any(m, KIND_ELASTIC_IP), NULL, "{'NetworkInterfaceId': '%s'}",
		      any(m, KIND_NETWORK_INTERFACE));
		break;
	case 4:
		patch(t, any(m, KIND_VPC), NULL, "{'Name': 'w%d', 'Tags': {'k': '%d'}}", pick(9),
		      pick(9));
		break;
	case 5:
		s = AS(subnet, txn_edit(t, any(m, KIND_SUBNET)));
		if (s) {
			free(s->state);
			s->state = strdup(pick(2) ? "pending" : "available");
		}
		break;
	}
}

/* One step; a refused one must leave no trace. */
static void step(struct txn *t)
{
	cleanup_free char *before = NULL, *after = NULL;
	const struct model *m = txn_model(t);
	enum kind_id kind = 1 + pick(KIND_COUNT - 1);

	switch (pick(4)) {
	case 0:
	case 1:
		create(t);
		break;
	case 2:
		update(t);
		break;
	case 3:
		before = dump(m);
		if (!txn_delete(t, any(m, kind), NULL))
			break;
		after = dump(m);
		assert_string_equal(before, after);
		break;
	}
}

/* ---- the reverse index against a search of everything ---- */

struct scan {
	const char *id;
	size_t n;
};

static void scan(struct scan *s, const struct json *j)
{
	const char *text = json_str(j);

	s->n += text && !strcmp(text, s->id);
	json_for_each (c, j)
		scan(s, c);
}

static void count_one(void *arg, const struct object *o)
{
	(*(size_t *)arg)++;
}

static size_t mentions(const struct model *m, const char *id)
{
	size_t n = 0;

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		model_for_each (o, m, k) {
			cleanup_json struct json *j = object_to_json(m, o);
			struct scan s = {.id = id};

			/* The object's own id comes first. */
			for (struct json *c = json_next(json_first(j)); c; c = json_next(c))
				scan(&s, c);
			n += s.n > 0;
		}
	return n;
}

static void assert_index(const struct model *m)
{
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
		const char *id = any(m, k);
		size_t n = 0;

		model_referrers(m, id, KIND_NONE, count_one, &n);
		if (strcmp(id, "none"))
			assert_int_equal(n, mentions(m, id));
	}
}

static struct store *reopen(struct store *s, const char *path)
{
	cleanup_free char *before = dump(store_model(s)), *after = NULL;

	store_close(s);
	s = open_store(path);
	after = dump(store_model(s));
	assert_string_equal(before, after);
	assert_index(store_model(s));
	return s;
}

static void random_transactions_survive_reopening(void **state)
{
	const char *path = *state;
	struct store *s = open_store(path);

	for (int round = 0; round < ROUNDS; round++) {
		struct txn *t = txn_begin(s);
		cleanup_free char *before = dump(store_model(s)), *mine = NULL, *after = NULL;

		for (int i = 0; i < STEPS; i++)
			step(t);
		assert_index(txn_model(t));
		mine = dump(store_model(s));
		assert_string_equal(before, mine);
		if (pick(3)) {
			commit(t);
			assert_index(store_model(s));
		} else {
			txn_abort(t);
			after = dump(store_model(s));
			assert_string_equal(before, after);
		}
		if (!pick(5))
			s = reopen(s, path);
	}
	assert_true(count(store_model(s), KIND_VPC) > 0);
	store_close(reopen(s, path));
}

static int setup(void **state)
{
	static char dir[64], path[96];

	snprintf(dir, sizeof(dir), "/tmp/vpcd-property-test-%d-XXXXXX", getpid());
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", dir);
	*state = path;
	seed = getenv("VPCD_TEST_SEED") ? (unsigned)atoi(getenv("VPCD_TEST_SEED")) : 1;
	print_message("seed %u\n", seed);
	return 0;
}

static int teardown(void **state)
{
	const char *path = *state;
	char other[128];

	snprintf(other, sizeof(other), "%s-wal", path);
	unlink(other);
	unlink(path);
	*strrchr(strcpy(other, path), '/') = '\0';
	return rmdir(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_transactions_survive_reopening, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
