/* SPDX-License-Identifier: MIT
 * The store as a file: reopening, locks, versions, crashes, full disks; status, events, meta.
 */
#include "test_kinds.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64], path[96];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vpcd-store-test-%d-XXXXXX", getpid());
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char file[128];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

static void sql(const char *statements)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, statements, NULL, NULL, NULL))
		fail_msg("%s: %s", statements, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int sql_int(const char *query)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* A lab with a reference of every sort. Ends committed. */
static void make_lab(struct store *s)
{
	struct txn *t = txn_begin(s);

	txn_set_lab(t, "shop");
	make(t, KIND_VPC,
	     "{'Name': 'shop', 'CidrBlock': '10.0.0.0/16', 'SecondaryCidrBlocks': ['10.1.0.0/16'],"
	     " 'Tags': {'Größe': 'L \\n \\u0001', 'a': ''}}");
	make(t, KIND_SUBNET, "{'Name': 'a', 'VpcId': 'shop', 'CidrBlock': '10.0.0.0/24'}");
	make(t, KIND_INTERNET_GATEWAY, "{'Name': 'igw', 'VpcId': 'shop'}");
	make(t, KIND_ROUTE_TABLE,
	     "{'Name': 'r', 'VpcId': 'shop', 'Routes': [{'DestinationCidrBlock': '0.0.0.0/0',"
	     " 'GatewayId': 'igw'}]}");
	make(t, KIND_SECURITY_GROUP, "{'Name': 'g', 'VpcId': 'shop'}");
	make(t, KIND_SECURITY_GROUP_RULE,
	     "{'GroupId': 'g', 'IpProtocol': 'tcp', 'FromPort': 80, 'ReferencedGroupId': 'g'}");
	make(t, KIND_NETWORK_INTERFACE,
	     "{'Name': 'e', 'SubnetId': 'a', 'PrivateIpAddress': '10.0.0.9', 'Groups': ['g'],"
	     " 'MacAddress': '02:00:00:00:00:01', 'InterfaceType': 'lambda'}");
	make(t, KIND_INSTANCE,
	     "{'Name': 'web', 'SubnetId': 'a', 'Command': ['sh', '-c', 'exit'], 'Environment':"
	     " {'A': 'b'}}");
	make(t, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.7', 'NetworkInterfaceId': 'e'}");
	commit(t);
}

static const char *id_of(struct store *s, enum kind_id kind, const char *name)
{
	const struct object *o;
	struct err e;

	if (model_resolve(store_model(s), kind, name, NULL, &o, &e))
		fail_msg("%s", e.msg);
	return o->id;
}

/* ---- the file ---- */

static void reopened_store_equals(void **state)
{
	struct store *s = open_store(path);
	cleanup_free char *before = NULL, *after = NULL;
	uint64_t revision;

	make_lab(s);
	before = dump(store_model(s));
	revision = store_revision(s);
	store_close(s);
	s = open_store(path);
	after = dump(store_model(s));
	assert_string_equal(before, after);
	assert_int_equal(store_revision(s), revision);
	assert_string_equal(model_first(store_model(s), KIND_VPC)->lab, "shop");
	store_close(s);
	assert_true(sql_int("SELECT count(*) FROM ref WHERE field = 'Routes/0/GatewayId'") == 1);
	assert_int_equal(sql_int("SELECT count(*) FROM object"), 10 + 1);
}

static void configuration_has_defaults(void **state)
{
	struct store_config cfg = {.account = "42", .region = "eu-west-1"};
	struct store *s = open_store(":memory:");
	char pool[CIDR_STRLEN];

	assert_string_equal(store_configuration(s)->account, "123456789012");
	assert_string_equal(store_configuration(s)->region, "us-east-1");
	assert_string_equal(cidr_format(&store_configuration(s)->pool, pool), "198.51.100.0/24");
	store_close(s);
	assert_int_equal(store_open(":memory:", &cfg, &s, NULL), 0);
	assert_string_equal(store_configuration(s)->account, "42");
	make_lab(s);
	assert_string_equal(model_first(store_model(s), KIND_VPC)->region, "eu-west-1");
	store_close(s);
}

static void aborted_transaction_is_not_in_the_file(void **state)
{
	struct store *s = open_store(path);
	struct txn *t = txn_begin(s);

	make(t, KIND_VPC, "{'CidrBlock': '10.0.0.0/16'}");
	txn_abort(t);
	store_close(s);
	s = open_store(path);
	assert_null(model_first(store_model(s), KIND_VPC));
	assert_int_equal(store_revision(s), 0);
	store_close(s);
}

static void second_process_is_refused(void **state)
{
	struct store *s = open_store(path), *other;
	struct err e;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(store_open(path, NULL, &other, &e) == -EBUSY && strstr(e.msg, "another") ? 0
											       : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(s);
	store_close(open_store(path));
}

static void newer_schema_is_refused(void **state)
{
	struct store *s = open_store(path);
	struct err e;

	make_lab(s);
	store_close(s);
	sql("PRAGMA user_version = 999");
	assert_true(store_open(path, NULL, &s, &e) < 0);
	assert_non_null(strstr(e.msg, "schema version 999 is newer"));
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(sql_int("SELECT count(*) FROM object"), 11);
}

static void older_schema_is_upgraded(void **state)
{
	struct store *s;

	/* Version 0: our own file, empty. */
	sql("PRAGMA application_id = 1987076964");
	s = open_store(path);
	make_lab(s);
	store_close(s);
	assert_true(sql_int("PRAGMA user_version") >= 1);
}

static void foreign_database_is_refused(void **state)
{
	struct store *s;
	struct err e;

	sql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (7)");
	assert_true(store_open(path, NULL, &s, &e) < 0);
	assert_non_null(strstr(e.msg, "another program"));
	assert_int_equal(sql_int("SELECT x FROM theirs"), 7);
	assert_int_equal(sql_int("SELECT count(*) FROM sqlite_schema"), 1);
}

static void file_that_is_no_database_is_refused(void **state)
{
	FILE *f = fopen(path, "w");
	struct store *s;
	struct err e;

	for (int i = 0; i < 1000; i++)
		fputs("no database\n", f);
	fclose(f);
	assert_int_equal(store_open(path, NULL, &s, &e), -EUCLEAN);
	assert_non_null(strstr(e.msg, "not a database"));
	assert_int_equal(store_open("/nonexistent/store.db", NULL, &s, &e), -ENOENT);
}

static void unreadable_object_is_named(void **state)
{
	struct store *s = open_store(path);
	struct err e;

	make_lab(s);
	store_close(s);
	sql("UPDATE object SET spec = '{\"CidrBlock\": 7}' WHERE kind = 'vpc'");
	assert_true(store_open(path, NULL, &s, &e) < 0);
	assert_non_null(strstr(e.msg, "object vpc-"));
	assert_non_null(strstr(e.msg, "7 is not an address range"));
}

/* ---- crash and full disk ---- */

/* Commits a VPC with a subnet of the same name, over and over; a byte for each. */
static void commit_pairs(int fd)
{
	struct store *s = open_store(path);
	int first = (int)count(store_model(s), KIND_VPC);

	for (int i = first; i < first + 100000; i++) {
		struct txn *t = txn_begin(s);

		make(t, KIND_VPC, "{'Name': 'v%d', 'CidrBlock': '10.0.0.0/16'}", i);
		make(t, KIND_SUBNET, "{'VpcId': 'v%d', 'CidrBlock': '10.0.0.0/24'}", i);
		commit(t);
		if (write(fd, "", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void killed_process_leaves_whole_transactions(void **state)
{
	for (int round = 0; round < 5; round++) {
		size_t acknowledged = 0, had, found;
		struct store *s = open_store(path);
		char buf[64];
		int fds[2];
		ssize_t n;
		pid_t pid;

		had = count(store_model(s), KIND_VPC);
		store_close(s);
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (!pid)
			commit_pairs(fds[1]);
		close(fds[1]);
		while (acknowledged < 20 && (n = read(fds[0], buf, sizeof(buf))) > 0)
			acknowledged += n;
		kill(pid, SIGKILL);
		while ((n = read(fds[0], buf, sizeof(buf))) > 0)
			acknowledged += n;
		close(fds[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		s = open_store(path);
		found = count(store_model(s), KIND_VPC) - had;
		assert_true(found == acknowledged || found == acknowledged + 1);
		assert_int_equal(count(store_model(s), KIND_SUBNET), had + found);
		assert_int_equal(count(store_model(s), KIND_ROUTE_TABLE), had + found);
		store_close(s);
	}
}

/* Exit codes of the child: 0 as expected, 77 cannot mount, otherwise the line that failed. */
#define EXPECT(cond)                              \
	do {                                      \
		if (!(cond))                      \
			_exit(__LINE__ % 76 + 1); \
	} while (0)

static void fill_disk(void)
{
	cleanup_free char *before = NULL, *after = NULL;
	struct store *s;
	struct err e = {0};
	uint64_t revision;
	int r = 0;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=512k"))
		_exit(77);
	s = open_store(path);
	for (int i = 0; !r && i < 5000; i++) {
		struct txn *t = txn_begin(s);

		free(before);
		before = dump(store_model(s));
		revision = store_revision(s);
		make(t, KIND_VPC, "{'Name': 'v%d', 'CidrBlock': '10.0.0.0/16'}", i);
		r = txn_commit(t, NULL, &e);
	}
	EXPECT(r == -ENOSPC);
	EXPECT(strstr(e.msg, "no space left") && strstr(e.msg, "nothing was changed"));
	after = dump(store_model(s));
	EXPECT(!strcmp(before, after));
	EXPECT(store_revision(s) == revision);
	store_close(s);
	s = open_store(path);
	free(after);
	after = dump(store_model(s));
	EXPECT(!strcmp(before, after));
	store_close(s);
	_exit(0);
}

static void full_disk_changes_nothing(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		fill_disk();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a process of its own, whose environment makes the second commit fail: see main(). */
static int fail_second_commit(const char *file)
{
	struct store *s = open_store(file);
	struct txn *t;

	make_lab(s);
	t = txn_begin(s);
	make(t, KIND_VPC, "{'Name': 'x', 'CidrBlock': '10.0.0.0/16'}");
	EXPECT(txn_commit(t, NULL, NULL) == -EIO);
	EXPECT(count(store_model(s), KIND_VPC) == 1);
	t = txn_begin(s);
	make(t, KIND_VPC, "{'Name': 'y', 'CidrBlock': '10.0.0.0/16'}");
	EXPECT(txn_commit(t, NULL, NULL) == 0);
	store_close(s);
	return 0;
}

static void failed_commit_changes_nothing(void **state)
{
	struct store *s;
	pid_t pid = fork();
	int status;

	if (!pid) {
		setenv("VPCD_FAULT", "model.commit:2=EIO", 1);
		execl("/proc/self/exe", "store_test", path, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s = open_store(path);
	assert_int_equal(count(store_model(s), KIND_VPC), 2);
	assert_non_null(id_of(s, KIND_VPC, "y"));
	store_close(s);
}

/* ---- status ---- */

struct heard {
	size_t n;
	struct change last;
	const char *old_state;
};

static void listen(void *arg, uint64_t revision, const struct change *c, size_t n)
{
	struct heard *h = arg;

	h->n += n;
	h->last = *c;
	h->old_state = AS_CONST(vpc, c->old)->state;
	assert_string_equal(h->old_state, "available");
}

static void status_survives_reopening(void **state)
{
	cleanup_json struct json *status = parse("{\"State\": \"failed\"}");
	struct store *s = open_store(path);
	const struct object *o;
	struct heard h = {0};
	uint64_t revision;

	make_lab(s);
	o = model_first(store_model(s), KIND_VPC);
	revision = o->revision;
	store_on_commit(s, listen, &h);
	assert_int_equal(store_set_status(s, o->id, status, NULL), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.last.op, CHANGE_UPDATE);
	assert_ptr_equal(h.last.new, o); /* it stays where it was */
	assert_string_equal(AS_CONST(vpc, o)->state, "failed");
	assert_int_equal(store_revision(s), revision + 1);
	assert_int_equal(store_set_status(s, o->id, status, NULL), 0);
	assert_int_equal(h.n, 1);
	store_close(s);
	s = open_store(path);
	o = model_first(store_model(s), KIND_VPC);
	assert_string_equal(AS_CONST(vpc, o)->state, "failed");
	assert_int_equal(o->revision, revision);
	assert_int_equal(store_revision(s), revision + 1);
	store_close(s);
}

static void status_refuses_what_is_none(void **state)
{
	cleanup_json struct json *spec = parse("{\"CidrBlock\": \"10.0.0.0/16\"}");
	cleanup_json struct json *status = parse("{\"State\": \"failed\"}");
	struct store *s = open_store(":memory:");
	struct txn *t;
	struct err e;
	char id[40];

	make_lab(s);
	snprintf(id, sizeof(id), "%.39s", id_of(s, KIND_VPC, "shop"));
	assert_int_equal(store_set_status(s, id, spec, &e), -EINVAL);
	assert_int_equal(store_set_status(s, "vpc-0", status, &e), 0);
	t = txn_begin(s);
	assert_int_equal(store_set_status(s, id, status, &e), -EBUSY);
	txn_abort(t);
	assert_int_equal(store_set_status(s, id, status, &e), 0);
	store_close(s);
}

static void computed_reference_in_status_is_indexed(void **state)
{
	struct store *s = open_store(":memory:");
	cleanup_json struct json *status = json_new_obj();
	const struct object *o;
	struct txn *t;
	char eni[40];

	make_lab(s);
	snprintf(eni, sizeof(eni), "%.39s", id_of(s, KIND_NETWORK_INTERFACE, "e"));
	json_set_str(status, "AttachmentId", id_of(s, KIND_VPC, "shop"));
	assert_int_equal(store_set_status(s, eni, status, NULL), 0);
	json_set(status, "AttachmentId", json_new_null());
	assert_int_equal(store_set_status(s, eni, status, NULL), 0);
	t = txn_begin(s);
	o = model_get(txn_model(t), eni);
	assert_null(AS_CONST(network_interface, o)->attachment_id);
	assert_int_equal(txn_delete(t, eni, NULL), 0);
	commit(t);
	store_close(s);
}

/* ---- events and meta ---- */

struct events {
	size_t n;
	uint64_t first, last;
	char types[512];
};

static void collect(void *arg, const struct json *event)
{
	struct events *v = arg;

	v->last = (uint64_t)json_num(json_get(event, "Revision"));
	if (!v->n++)
		v->first = v->last;
	snprintf(v->types + strlen(v->types), sizeof(v->types) - strlen(v->types), "%.1s%.1s ",
		 json_str(json_get(event, "Type")), json_str(json_get(event, "Kind")));
}

static struct events events(struct store *s, uint64_t since, size_t limit)
{
	struct events v = {0};

	assert_int_equal(store_events(s, since, limit, collect, &v, NULL), 0);
	return v;
}

static void events_tell_what_happened_by_revision(void **state)
{
	cleanup_json struct json *status = parse("{\"State\": \"failed\"}");
	struct store *s = open_store(path);
	struct txn *t = txn_begin(s);
	struct events v;
	char vpc[40];

	make(t, KIND_VPC, "{'Name': 'v', 'CidrBlock': '10.0.0.0/16'}");
	commit(t);
	snprintf(vpc, sizeof(vpc), "%.39s", id_of(s, KIND_VPC, "v"));
	assert_int_equal(store_set_status(s, vpc, status, NULL), 0);
	t = txn_begin(s);
	assert_int_equal(patch(t, vpc, NULL, "{'Name': 'w'}"), 0);
	commit(t);
	t = txn_begin(s);
	assert_int_equal(txn_delete(t, vpc, NULL), 0);
	commit(t);
	store_close(s);
	s = open_store(path);
	v = events(s, 0, 100);
	assert_string_equal(v.types, "cv cr sv uv dr dv ");
	v = events(s, 2, 100);
	assert_int_equal(v.first, 3);
	assert_int_equal(v.n, 3);
	v = events(s, 4, 100);
	assert_int_equal(v.n, 0);
	/* A revision is never cut. */
	v = events(s, 0, 1);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.last, 1);
	v = events(s, v.last, 1);
	assert_string_equal(v.types, "sv ");
	store_close(s);
}

static void print_one(void *arg, const struct json *event)
{
	free(*(char **)arg);
	*(char **)arg = json_print(event);
}

static void event_names_object_lab_and_state(void **state)
{
	struct store *s = open_store(":memory:");
	cleanup_json struct json *status =
		parse("{\"Status\": \"failed\", \"StatusReason\": \"no link\"}");
	cleanup_free char *text = NULL;

	make_lab(s);
	assert_int_equal(store_set_status(s, id_of(s, KIND_NETWORK_INTERFACE, "e"), status, NULL),
			 0);
	assert_int_equal(store_events(s, 1, 10, print_one, &text, NULL), 0);
	assert_non_null(strstr(text, "\"Type\": \"status\", \"Kind\": \"network-interface\""));
	assert_non_null(strstr(text, "\"Name\": \"e\", \"Lab\": \"shop\", \"State\": \"failed\", "
				     "\"Reason\": \"no link\""));
	store_close(s);
}

static void oldest_events_are_dropped(void **state)
{
	struct store *s = open_store(":memory:");
	struct events v;
	struct txn *t;

	for (int round = 0; round < 3; round++) {
		t = txn_begin(s);
		make(t, KIND_VPC, "{'Name': 'v%d', 'CidrBlock': '10.0.0.0/16'}", round);
		for (int i = 0; i < STORE_EVENTS_KEPT / 2 - 2; i++)
			make(t, KIND_ELASTIC_IP, "{}");
		commit(t);
	}
	v = events(s, 0, 3 * STORE_EVENTS_KEPT);
	assert_int_equal(v.n, STORE_EVENTS_KEPT);
	assert_int_equal(v.last, 3);
	store_close(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(reopened_store_equals),
		CASE(configuration_has_defaults),
		CASE(aborted_transaction_is_not_in_the_file),
		CASE(second_process_is_refused),
		CASE(newer_schema_is_refused),
		CASE(older_schema_is_upgraded),
		CASE(foreign_database_is_refused),
		CASE(file_that_is_no_database_is_refused),
		CASE(unreadable_object_is_named),
		CASE(killed_process_leaves_whole_transactions),
		CASE(full_disk_changes_nothing),
		CASE(failed_commit_changes_nothing),
		CASE(status_survives_reopening),
		CASE(status_refuses_what_is_none),
		CASE(computed_reference_in_status_is_indexed),
		CASE(events_tell_what_happened_by_revision),
		CASE(event_names_object_lab_and_state),
		CASE(oldest_events_are_dropped),
	};

	if (argc == 2)
		return fail_second_commit(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
