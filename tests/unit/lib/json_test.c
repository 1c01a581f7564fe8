/* SPDX-License-Identifier: MIT
 * JSON: strictness, positions, printing, values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/json.h"

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err e = {0};

	if (json_parse(text, strlen(text), false, &j, &e))
		fail_msg("%s: %s", text, e.msg);
	return j;
}

static void assert_refused(const char *text, bool comments, const char *msg)
{
	struct json *j = NULL;
	struct err e = {0};

	assert_int_equal(json_parse(text, strlen(text), comments, &j, &e), -EINVAL);
	assert_string_equal(e.code, "MalformedJSON");
	assert_string_equal(e.msg, msg);
	assert_null(j);
}

static void syntax_errors_have_line_and_column(void **state)
{
	assert_refused("{\n  \"a\": 1,\n}", false,
		       "line 3, column 1: key in double quotes expected");
	assert_refused("{\"a\": [1, 2", false, "line 1, column 12: ',' or ']' expected");
	assert_refused("", false, "line 1, column 1: unexpected end");
	assert_refused("{\"a\" 1}", false, "line 1, column 6: ':' expected");
	assert_refused("{\"a\": 1} x", false,
		       "line 1, column 10: text behind the end of the value");
	assert_refused("[tru]", false, "line 1, column 2: value expected");
	/* Columns count characters, not bytes. */
	assert_refused("[\"\xc3\xa9\xe2\x82\xac\", x]", false, "line 1, column 8: value expected");
}

static void what_only_cjson_accepts_is_refused(void **state)
{
	assert_refused("[01]", false, "line 1, column 3: number with a leading zero");
	assert_refused("[1.]", false, "line 1, column 4: digit expected behind the decimal point");
	assert_refused("[-]", false, "line 1, column 3: digit expected");
	assert_refused("[1e]", false, "line 1, column 4: digit expected in the exponent");
	assert_refused("[1e999]", false, "line 1, column 2: number out of range");
	assert_refused("[\"a\nb\"]", false, "line 1, column 4: control character in a string");
	assert_refused("[\"\\u0000\"]", false, "line 1, column 9: \\u0000 is not supported");
	assert_refused("[\"\\ud800\"]", false, "line 1, column 9: lone high surrogate");
	assert_refused("[\"\\q\"]", false, "line 1, column 4: unknown escape sequence");
	assert_refused("[\f1]", false, "line 1, column 2: value expected");
}

static void invalid_utf8_is_refused(void **state)
{
	static const char *const bad[] = {
		"\"\x80\"",	    "\"\xc0\xaf\"",	    "\"\xe0\x80\x80\"",
		"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\""};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i], false, "line 1, column 2: invalid UTF-8");
}

static void nul_in_the_text_is_refused(void **state)
{
	struct json *j = NULL;

	assert_int_equal(json_parse("{}\0", 3, false, &j, NULL), -EINVAL);
	assert_int_equal(json_parse("\"a\0b\"", 5, false, &j, NULL), -EINVAL);
}

static void depth_is_limited(void **state)
{
	char text[2 * JSON_MAX_DEPTH + 3];
	struct json *j;

	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	text[2 * JSON_MAX_DEPTH] = '\0';
	j = parse(text);
	json_free(j);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	text[2 * JSON_MAX_DEPTH + 2] = '\0';
	assert_refused(text, false, "line 1, column 65: nested too deeply");
}

static void duplicate_keys_are_found_where_they_stand(void **state)
{
	assert_refused("{\"a\": 1, \"b\": 2, \"a\": 3}", false,
		       "line 1, column 18: duplicate key a");
	assert_refused("[1, {\"x\":\n {\"k\": 1,\n  \"\\u006b\": 2}}]", false,
		       "line 3, column 3: duplicate key k");
}

static void comments_count_as_spaces_only_where_allowed(void **state)
{
	const char *text = "{ // one\n \"a\": /* two\n lines */ \"// no comment\" }";
	cleanup_json struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), true, &j, NULL), 0);
	assert_string_equal(json_str(json_get(j, "a")), "// no comment");
	assert_refused(text, false, "line 1, column 3: key in double quotes expected");
	assert_refused("{} /* never ends", true, "line 1, column 4: unterminated comment");
	assert_refused("{\"a\": 1, // c\n \"a\": 2}", true, "line 2, column 2: duplicate key a");
}

static void assert_located(const char *text, const char *pointer, bool key, unsigned line,
			   unsigned col)
{
	unsigned l = 0, c = 0;

	assert_int_equal(json_locate(text, strlen(text), true, pointer, key, &l, &c), 0);
	assert_int_equal(l, line);
	assert_int_equal(c, col);
}

static void pointers_are_located(void **state)
{
	const char *text = "{ // \xc3\xa9\n"
			   "  \"Vpcs\": { \"shop\": { \"CidrBlock\": \"10.0.0.0/16\" } },\n"
			   "  \"a/b\": [1, {\"~\": null}], /* \xc3\xa9 */ \"\\u007a\": true\n"
			   "}";
	unsigned l, c;

	assert_located(text, "", false, 1, 1);
	assert_located(text, "/Vpcs", true, 2, 3);
	assert_located(text, "/Vpcs/shop/CidrBlock", false, 2, 36);
	assert_located(text, "/Vpcs/shop/CidrBlock", true, 2, 23);
	assert_located(text, "/a~1b/1/~0", false, 3, 20);
	assert_located(text, "/a~1b/0", true, 3, 11);
	assert_located(text, "/z", true, 3, 36);
	assert_int_equal(json_locate(text, strlen(text), true, "/Vpcs/none", false, &l, &c),
			 -ENOENT);
	assert_int_equal(json_locate(text, strlen(text), true, "/a~1b/2", false, &l, &c), -ENOENT);
	assert_int_equal(json_locate(text, strlen(text), true, "Vpcs", false, &l, &c), -ENOENT);
}

static void assert_prints(const char *text, const char *expect)
{
	cleanup_json struct json *j = parse(text);
	cleanup_free char *s = json_print(j);

	assert_string_equal(s, expect);
}

static void printing_round_trips(void **state)
{
	assert_prints(
		"{\"b\":[1,2.5,-0.1,1e3],\"a\":{},\"c\":[],\"d\":null,\"e\":true}",
		"{\"b\": [1, 2.5, -0.1, 1000], \"a\": {}, \"c\": [], \"d\": null, \"e\": true}");
	assert_prints("[9007199254740991, -9007199254740992, 1700000000]",
		      "[9007199254740991, -9007199254740992, 1700000000]");
	assert_prints("\"\\u00e9\\ud83d\\ude00 \\\"\\\\\\/\\n\\u0001\"",
		      "\"\xc3\xa9\xf0\x9f\x98\x80 \\\"\\\\/\\n\\u0001\"");
}

static void pretty_printing_indents_by_two(void **state)
{
	cleanup_json struct json *j = parse("{\"a\":[1,{\"b\":2}],\"c\":[]}");
	cleanup_free char *s = json_print_pretty(j);

	assert_string_equal(s, "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n"
			       "  \"c\": []\n}\n");
}

static void members_keep_order_when_replaced(void **state)
{
	cleanup_json struct json *j = parse("{\"a\": 1, \"b\": 2, \"c\": 3}");
	cleanup_json struct json *detached = json_detach(j, "c");
	cleanup_free char *s = NULL;

	assert_true(json_num(detached) == 3);
	json_set_str(j, "a", "x");
	json_set_bool(j, "d", true);
	json_set(j, "b", NULL);
	s = json_print(j);
	assert_string_equal(s, "{\"a\": \"x\", \"d\": true}");
	assert_null(json_detach(j, "none"));
}

static void keys_are_case_sensitive(void **state)
{
	cleanup_json struct json *j = parse("{\"Name\": 1}");

	assert_null(json_get(j, "name"));
	assert_non_null(json_get(j, "Name"));
}

static void wrong_types_read_as_nothing(void **state)
{
	cleanup_json struct json *j = parse("[\"s\", 1.5, 3]");

	assert_null(json_str(json_at(j, 1)));
	assert_true(json_num(json_at(j, 0)) == 0);
	assert_false(json_bool(json_at(j, 0)));
	assert_false(json_is_int(json_at(j, 1)));
	assert_true(json_is_int(json_at(j, 2)));
	assert_null(json_get(j, "x"));
	assert_null(json_at(j, 3));
	assert_int_equal(json_len(json_at(j, 0)), 0);
	assert_int_equal(json_len(NULL), 0);
	assert_null(json_str(NULL));
	assert_null(json_get(NULL, "x"));
	assert_int_equal(json_type(NULL), JSON_NULL);
	assert_string_equal(json_type_name(json_type(j)), "array");
}

/* The example of RFC 7396, section 3. */
static void merge_patch_follows_rfc_7396(void **state)
{
	cleanup_json struct json *target = parse(
		"{\"title\": \"Goodbye!\", \"author\": {\"givenName\": \"John\", \"familyName\": "
		"\"Doe\"}, \"tags\": [\"example\", \"sample\"], \"content\": \"text\"}");
	cleanup_json struct json *patch =
		parse("{\"title\": \"Hello!\", \"phoneNumber\": \"+01\", \"author\": "
		      "{\"familyName\": null}, \"tags\": [\"example\"], \"new\": {\"a\": {\"b\": "
		      "null}}}");
	cleanup_json struct json *expect =
		parse("{\"title\": \"Hello!\", \"author\": {\"givenName\": \"John\"}, \"tags\": "
		      "[\"example\"], \"content\": \"text\", \"phoneNumber\": \"+01\", \"new\": "
		      "{\"a\": {}}}");

	json_merge(target, patch);
	assert_true(json_equal(target, expect));
}

static void equality_ignores_order_of_members_only(void **state)
{
	cleanup_json struct json *a = parse("{\"x\": [1, 2], \"y\": null}");
	cleanup_json struct json *b = parse("{\"y\": null, \"x\": [1, 2]}");
	cleanup_json struct json *c = parse("{\"y\": null, \"x\": [2, 1]}");
	cleanup_json struct json *copy = json_copy(a);

	assert_true(json_equal(a, b));
	assert_false(json_equal(a, c));
	assert_true(json_equal(a, copy));
	assert_false(json_equal(a, NULL));
	assert_true(json_equal(NULL, NULL));
}

static void iteration_sees_every_child(void **state)
{
	cleanup_json struct json *j = parse("{\"a\": 1, \"b\": 2}");
	char keys[8] = "";

	json_for_each (m, j)
		strcat(keys, json_key(m));
	assert_string_equal(keys, "ab");
	json_for_each (m, NULL)
		fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax_errors_have_line_and_column),
		cmocka_unit_test(what_only_cjson_accepts_is_refused),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(nul_in_the_text_is_refused),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(duplicate_keys_are_found_where_they_stand),
		cmocka_unit_test(comments_count_as_spaces_only_where_allowed),
		cmocka_unit_test(pointers_are_located),
		cmocka_unit_test(printing_round_trips),
		cmocka_unit_test(pretty_printing_indents_by_two),
		cmocka_unit_test(members_keep_order_when_replaced),
		cmocka_unit_test(keys_are_case_sensitive),
		cmocka_unit_test(wrong_types_read_as_nothing),
		cmocka_unit_test(merge_patch_follows_rfc_7396),
		cmocka_unit_test(equality_ignores_order_of_members_only),
		cmocka_unit_test(iteration_sees_every_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
