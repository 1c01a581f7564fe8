/* SPDX-License-Identifier: MIT
 * Flow log records: formats, lines, files. The lines are those of AWS's user guide ("Flow log
 * record examples") where they can be.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>

#include "lib/cleanup.h"
#include "model/flow_file.h"

#define ACCEPTED                                                                         \
	"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 " \
	"4249 1418530010 1418530070 ACCEPT OK"
#define NO_DATA "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"

static struct flow_record parse(const char *line, const struct flow_format *f)
{
	static char text[1024];
	struct flow_record r;
	struct err e = {0};

	snprintf(text, sizeof(text), "%s", line);
	if (flow_record_parse(text, f, &r, &e))
		fail_msg("%s: %s", e.field, e.msg);
	return r;
}

static void refused(const char *line, const struct flow_format *f, const char *field,
		    const char *msg)
{
	struct flow_record r;
	struct err e = {0};
	char text[1024];

	snprintf(text, sizeof(text), "%s", line);
	assert_int_equal(flow_record_parse(text, f, &r, &e), -EINVAL);
	assert_string_equal(e.code, "InvalidFlowRecord");
	assert_string_equal(e.field, field);
	assert_string_equal(e.msg, msg);
}

/* ---- lines ---- */

static void default_line_parses(void **state)
{
	struct flow_record r = parse(ACCEPTED, &flow_format_default);
	char ip[IP_STRLEN];

	assert_int_equal(r.version, 2);
	assert_string_equal(r.text[FLOW_FIELD_INTERFACE_ID], "eni-1235b8ca123456789");
	assert_string_equal(ip_format(&r.srcaddr, ip), "172.31.16.139");
	assert_string_equal(ip_format(&r.dstaddr, ip), "172.31.16.21");
	assert_int_equal(r.srcport, 20641);
	assert_int_equal(r.dstport, 22);
	assert_int_equal(r.protocol, 6);
	assert_int_equal(r.packets, 20);
	assert_int_equal(r.bytes, 4249);
	assert_int_equal(r.end - r.start, 60);
	assert_int_equal(r.action, FLOW_ACTION_ACCEPT);
	assert_int_equal(r.log_status, FLOW_STATUS_OK);
	assert_true(flow_record_has(&r, FLOW_FIELD_LOG_STATUS));
	assert_false(flow_record_has(&r, FLOW_FIELD_VPC_ID));
}

static void line_without_data_has_no_values(void **state)
{
	struct flow_record r = parse(NO_DATA, &flow_format_default);

	assert_int_equal(r.log_status, FLOW_STATUS_NODATA);
	assert_false(flow_record_has(&r, FLOW_FIELD_SRCADDR));
	assert_false(flow_record_has(&r, FLOW_FIELD_PACKETS));
	assert_false(flow_record_has(&r, FLOW_FIELD_ACTION));
	assert_true(flow_record_has(&r, FLOW_FIELD_START));
}

static void assert_prints_as_it_was(const char *line, const struct flow_format *f)
{
	struct flow_record r = parse(line, f);
	cleanup_buf struct buf b = {0};

	flow_record_print(&r, f, &b);
	assert_string_equal(buf_str(&b), line);
}

static void parsed_line_prints_as_it_was(void **state)
{
	struct flow_format all, tcp;

	assert_prints_as_it_was(ACCEPTED, &flow_format_default);
	assert_prints_as_it_was(NO_DATA, &flow_format_default);
	/* "TCP flag sequence", "Traffic through a NAT gateway" of the user guide */
	assert_int_equal(flow_format_parse("${version} ${vpc-id} ${subnet-id} ${instance-id} "
					   "${interface-id} ${account-id} ${type} ${srcaddr} "
					   "${dstaddr} ${srcport} ${dstport} ${pkt-srcaddr} "
					   "${pkt-dstaddr} ${protocol} ${bytes} ${packets} "
					   "${start} ${end} ${action} ${tcp-flags} ${log-status}",
					   &tcp, NULL),
			 0);
	assert_prints_as_it_was(
		"3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 "
		"i-01234567890123456 eni-1235b8ca123456789 123456789010 IPv4 "
		"52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 568 8 "
		"1566848875 1566848933 ACCEPT 2 OK",
		&tcp);
	assert_int_equal(flow_format_parse("${flow-direction} ${traffic-path} ${type} ${srcaddr} "
					   "${vpcd-drop-reason} ${ecs-task-id} ${reject-reason}",
					   &all, NULL),
			 0);
	assert_prints_as_it_was("egress 8 IPv6 2001:db8::1 SG_INGRESS - BPA", &all);
	assert_prints_as_it_was("- - - - - - -", &all);
}

static void bad_value_names_its_field(void **state)
{
	refused("2 1 eni-1 10.0.0.1 10.0.0.300 1 2 6 1 1 1 1 ACCEPT OK", &flow_format_default,
		"dstaddr", "\"10.0.0.300\" is not an IP address");
	refused("2 1 eni-1 10.0.0.1 10.0.0.3 1 65536 6 1 1 1 1 ACCEPT OK", &flow_format_default,
		"dstport", "\"65536\" is not a number from 0 to 65535");
	refused("2 1 eni-1 10.0.0.1 10.0.0.3 1 1 256 1 1 1 1 ACCEPT OK", &flow_format_default,
		"protocol", "\"256\" is not a number from 0 to 255");
	refused("2 1 eni-1 10.0.0.1 10.0.0.3 1 1 6 18446744073709551616 1 1 1 ACCEPT OK",
		&flow_format_default, "packets", "\"18446744073709551616\" is not a number");
	refused("2 1 eni-1 10.0.0.1 10.0.0.3 1 1 6 1 -1 1 1 ACCEPT OK", &flow_format_default,
		"bytes", "\"-1\" is not a number");
	refused("2 1 eni-1 10.0.0.1 10.0.0.3 1 1 6 1 1 1 1 accept OK", &flow_format_default,
		"action", "\"accept\" is not ACCEPT or REJECT");
}

static void wrong_number_of_fields_is_refused(void **state)
{
	refused("2 1 eni-1", &flow_format_default, "", "3 fields where the format has 14");
	refused(ACCEPTED " 7", &flow_format_default, "", "15 fields where the format has 14");
}

static void largest_numbers_are_kept(void **state)
{
	assert_prints_as_it_was("2 1 eni-1 255.255.255.255 ffff::1 65535 0 255 "
				"18446744073709551615 0 0 18446744073709551615 REJECT SKIPDATA",
				&flow_format_default);
}

/* ---- formats ---- */

static void no_format_is_the_default(void **state)
{
	struct flow_format f;

	assert_int_equal(flow_format_parse(NULL, &f, NULL), 0);
	assert_memory_equal(&f, &flow_format_default, sizeof(f));
	assert_int_equal(flow_format_parse("  ", &f, NULL), 0);
	assert_memory_equal(&f, &flow_format_default, sizeof(f));
	assert_int_equal(flow_format_version(&f), 2);
}

static void version_is_the_highest_of_the_fields(void **state)
{
	struct flow_format f;

	flow_format_parse("${srcaddr} ${region} ${vpc-id}", &f, NULL);
	assert_int_equal(flow_format_version(&f), 4);
	flow_format_parse("${flow-direction}", &f, NULL);
	assert_int_equal(flow_format_version(&f), 5);
	flow_format_parse("${srcaddr} ${vpcd-drop-reason}", &f, NULL);
	assert_int_equal(flow_format_version(&f), 2);
}

static void format_prints_as_it_was(void **state)
{
	const char *text = "${srcaddr} ${pkt-dst-aws-service} ${vpcd-drop-reason}";
	cleanup_buf struct buf b = {0}, header = {0};
	struct flow_format f, again;

	assert_int_equal(flow_format_parse(text, &f, NULL), 0);
	flow_format_print(&f, &b);
	assert_string_equal(buf_str(&b), text);
	flow_format_print_header(&f, &header);
	assert_string_equal(buf_str(&header), "srcaddr pkt-dst-aws-service vpcd-drop-reason");
	assert_true(flow_line_is_header(buf_str(&header)));
	assert_int_equal(flow_format_parse_header(buf_str(&header), &again, NULL), 0);
	assert_memory_equal(&f, &again, sizeof(f));
}

static void bad_format_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{"${srcadr}", "no field srcadr; did you mean srcaddr?"},
		{"${srcaddr} ${srcaddr}", "field srcaddr is there twice"},
		{"srcaddr", "\"srcaddr\": fields are written ${name}, with a space between them"},
		{"${srcaddr},${dstaddr}", "\"${srcaddr},${dstaddr}\": fields are written ${name}, "
					  "with a space between them"},
		{"${}", "\"${}\": fields are written ${name}, with a space between them"},
		{"${srcaddr",
		 "\"${srcaddr\": fields are written ${name}, with a space between them"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct flow_format f;
		struct err e = {0};

		assert_int_equal(flow_format_parse(bad[i].text, &f, &e), -EINVAL);
		assert_string_equal(e.code, "InvalidParameterValue");
		assert_string_equal(e.field, "LogFormat");
		assert_string_equal(e.msg, bad[i].msg);
	}
}

/* ---- files ---- */

#define PATH "flow_record_test.tmp"

static void write_file(const char *text, size_t len, const char *mode)
{
	gzFile gz = gzopen(PATH, mode); /* "wT": as it is */

	assert_non_null(gz);
	assert_int_equal(gzwrite(gz, text, (unsigned)len), len);
	assert_int_equal(gzclose(gz), Z_OK);
}

static int remove_file(void **state)
{
	remove(PATH);
	return 0;
}

static void assert_reads(unsigned expected)
{
	cleanup_flow_file struct flow_file *f = NULL;
	struct flow_record r;
	struct err e = {0};
	unsigned n = 0;
	int rc;

	assert_int_equal(flow_file_open(PATH, NULL, &f, &e), 0);
	while ((rc = flow_file_next(f, &r, &e)) == 1) {
		assert_true(flow_record_has(&r, FLOW_FIELD_LOG_STATUS));
		n++;
	}
	if (rc)
		fail_msg("%s", e.msg);
	assert_int_equal(n, expected);
}

static void assert_fails(unsigned records, const char *msg)
{
	cleanup_flow_file struct flow_file *f = NULL;
	struct flow_record r;
	struct err e = {0};

	assert_int_equal(flow_file_open(PATH, NULL, &f, &e), 0);
	while (records--)
		assert_int_equal(flow_file_next(f, &r, &e), 1);
	assert_int_equal(flow_file_next(f, &r, &e), -EINVAL);
	assert_string_equal(e.msg, msg);
}

#define TEXT(s) s, sizeof(s) - 1

static void file_without_header_is_default(void **state)
{
	write_file(TEXT(ACCEPTED "\n" NO_DATA "\n"), "wT");
	assert_reads(2);
}

static void file_may_end_without_newline(void **state)
{
	write_file(TEXT(ACCEPTED "\r\n\n" NO_DATA), "wT");
	assert_reads(2);
}

static void compressed_file_reads_alike(void **state)
{
	write_file(TEXT(ACCEPTED "\n" NO_DATA "\n"), "wb");
	assert_reads(2);
}

static void joined_files_have_headers_within(void **state)
{
	write_file(TEXT("srcaddr log-status\n10.0.0.1 OK\n"), "wb");
	write_file(TEXT("log-status packets a-field-of-2031\nOK 7 x\nNODATA - -\n"), "ab");
	assert_reads(3);
}

static void fault_names_line_and_field(void **state)
{
	write_file(TEXT("srcaddr dstport log-status\n10.0.0.1 1 OK\n10.0.0.1 http OK\n"), "wT");
	assert_fails(1, PATH ", line 3: dstport: \"http\" is not a number from 0 to 65535");
	write_file(TEXT(ACCEPTED "\nhello\n"), "wT");
	assert_fails(1, PATH ", line 2: version: \"hello\" is not a number from 0 to 65535");
	write_file(TEXT("srcaddr srcaddr\n"), "wT");
	assert_fails(0, PATH ", line 1: header: field srcaddr is there twice");
	write_file(TEXT(ACCEPTED "\n2 1\n"), "wT");
	assert_fails(1, PATH ", line 2: 2 fields where the format has 14");
}

static void what_is_not_text_is_refused(void **state)
{
	write_file(TEXT(ACCEPTED "\n2 1\0 2\n"), "wT");
	assert_fails(1, PATH ", line 2: not text");
}

static void cut_compressed_file_is_a_fault(void **state)
{
	char bytes[4096];
	size_t len;
	FILE *f;

	write_file(TEXT(ACCEPTED "\n"), "wb");
	f = fopen(PATH, "r+");
	assert_non_null(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	assert_int_equal(ftruncate(fileno(f), (off_t)(len - 10)), 0);
	fclose(f);
	{
		cleanup_flow_file struct flow_file *file = NULL;
		struct flow_record r;
		struct err e = {0};
		int rc;

		assert_int_equal(flow_file_open(PATH, NULL, &file, &e), 0);
		while ((rc = flow_file_next(file, &r, &e)) == 1)
			;
		assert_int_equal(rc, -EINVAL);
		assert_non_null(strstr(e.msg, "unexpected end of file"));
	}
}

static void absent_file_is_named(void **state)
{
	struct flow_file *f;
	struct err e = {0};

	assert_int_equal(flow_file_open("nowhere/log", NULL, &f, &e), -ENOENT);
	assert_string_equal(e.msg, "open nowhere/log: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_line_parses),
		cmocka_unit_test(line_without_data_has_no_values),
		cmocka_unit_test(parsed_line_prints_as_it_was),
		cmocka_unit_test(bad_value_names_its_field),
		cmocka_unit_test(wrong_number_of_fields_is_refused),
		cmocka_unit_test(largest_numbers_are_kept),
		cmocka_unit_test(no_format_is_the_default),
		cmocka_unit_test(version_is_the_highest_of_the_fields),
		cmocka_unit_test(format_prints_as_it_was),
		cmocka_unit_test(bad_format_is_refused),
		cmocka_unit_test_teardown(file_without_header_is_default, remove_file),
		cmocka_unit_test_teardown(file_may_end_without_newline, remove_file),
		cmocka_unit_test_teardown(compressed_file_reads_alike, remove_file),
		cmocka_unit_test_teardown(joined_files_have_headers_within, remove_file),
		cmocka_unit_test_teardown(fault_names_line_and_field, remove_file),
		cmocka_unit_test_teardown(what_is_not_text_is_refused, remove_file),
		cmocka_unit_test_teardown(cut_compressed_file_is_a_fault, remove_file),
		cmocka_unit_test(absent_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
