/* SPDX-License-Identifier: MIT
 * Flow logs without a data plane: what parts of flows look like at each interface, and the files.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "model/flow_file.h"
#include "vpcd/flow_log_file.h"
#include "vpcd/flow_log_record.h"

/* ---- records ---- */

static struct ip128 v4(const char *text)
{
	struct ip128 a = {0};
	struct ip ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	memcpy(a.b, ip.b, sizeof(a.b));
	return a;
}

static const struct flow_log_interface *self(const char *address)
{
	static struct flow_log_interface i;

	i = (struct flow_log_interface){
		.id = "eni-1", .vpc = "vpc-1", .subnet = "subnet-1", .az_id = "use1-az2"};
	assert_int_equal(ip_parse(address, &i.address), 0);
	return &i;
}

/* 10.0.1.10:4000 to 203.0.113.80:443 by a NAT gateway: 198.51.100.10:1024 to it. */
static struct flow_part translated(void)
{
	struct flow_part p = {.of = {.nat = 7, .flags = FLOW_SNAT, .output_ifindex = 9},
			      .n = {.packets = 3, .bytes = 180, .tcp_flags = 2}};

	p.of.key = (struct flow_key){.ifindex = 8,
				     .family = AF_INET,
				     .protocol = IPPROTO_TCP,
				     .sport = htons(4000),
				     .dport = htons(443),
				     .saddr = v4("10.0.1.10"),
				     .daddr = v4("203.0.113.80")};
	p.of.saddr = v4("198.51.100.10");
	p.of.daddr = v4("203.0.113.80");
	p.of.sport = htons(1024);
	p.of.dport = htons(443);
	return p;
}

static void assert_line(const struct flow_record *r, const char *expected)
{
	cleanup_buf struct buf b = {0};
	struct flow_format f;

	assert_int_equal(flow_format_parse("${flow-direction} ${srcaddr} ${dstaddr} ${pkt-srcaddr} "
					   "${pkt-dstaddr} ${srcport} ${dstport} ${packets} "
					   "${bytes} ${tcp-flags} ${action} ${traffic-path} "
					   "${vpcd-drop-reason}",
					   &f, NULL),
			 0);
	flow_record_print(r, &f, &b);
	assert_string_equal(buf_str(&b), expected);
}

static void sender_is_shown_by_its_primary_address(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;

	p.of.key.saddr = v4("10.0.1.11"); /* a secondary one */
	flow_log_record_sent(&p, self("10.0.1.10"), BEYOND_VPC, &r);
	assert_line(&r, "egress 10.0.1.10 203.0.113.80 10.0.1.11 203.0.113.80 4000 443 3 180 2 "
			"ACCEPT 1 -");
}

static void receiver_sees_what_was_rewritten(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;

	p.of.daddr = v4("10.0.0.21");
	flow_log_record_received(&p, self("10.0.0.20"), &r);
	assert_line(&r, "ingress 198.51.100.10 10.0.0.20 198.51.100.10 10.0.0.21 1024 443 3 180 2 "
			"ACCEPT - -");
}

static void gateway_sees_a_packet_twice(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;
	struct ip own;

	ip_parse("10.0.0.9", &own);
	flow_log_record_nat(&p, self("10.0.0.9"), &own, false, BEYOND_UNKNOWN, &r);
	assert_line(&r, "ingress 10.0.1.10 10.0.0.9 10.0.1.10 203.0.113.80 4000 443 3 180 2 "
			"ACCEPT - -");
	flow_log_record_nat(&p, self("10.0.0.9"), &own, true, BEYOND_INTERNET, &r);
	assert_line(&r, "egress 10.0.0.9 203.0.113.80 10.0.0.9 203.0.113.80 1024 443 3 180 2 "
			"ACCEPT 8 -");
}

static void gateway_sees_a_reply_twice(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;
	struct ip own;

	ip_parse("10.0.0.9", &own);
	p.of.flags = FLOW_DNAT | FLOW_REPLY;
	p.of.key.saddr = p.of.saddr = v4("203.0.113.80");
	p.of.key.daddr = v4("198.51.100.10");
	p.of.daddr = v4("10.0.1.10");
	p.of.key.sport = p.of.sport = htons(443);
	p.of.key.dport = htons(1024);
	p.of.dport = htons(4000);
	flow_log_record_nat(&p, self("10.0.0.9"), &own, false, BEYOND_UNKNOWN, &r);
	assert_line(&r, "ingress 203.0.113.80 10.0.0.9 203.0.113.80 10.0.0.9 443 1024 3 180 2 "
			"ACCEPT - -");
	flow_log_record_nat(&p, self("10.0.0.9"), &own, true, BEYOND_VPC, &r);
	assert_line(&r, "egress 10.0.0.9 10.0.1.10 203.0.113.80 10.0.1.10 443 4000 3 180 2 "
			"ACCEPT 1 -");
}

static void refusal_has_its_reason_and_no_path(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;

	p.of.reason = DROP_ACL_EGRESS;
	flow_log_record_sent(&p, self("10.0.1.10"), BEYOND_INTERNET, &r);
	assert_line(&r, "egress 10.0.1.10 203.0.113.80 10.0.1.10 203.0.113.80 4000 443 3 180 2 "
			"REJECT - ACL_EGRESS");
}

static void icmp_has_no_ports_and_no_flags(void **state)
{
	struct flow_part p = translated();
	struct flow_record r;

	p.of.key.protocol = IPPROTO_ICMP;
	flow_log_record_sent(&p, self("10.0.1.10"), BEYOND_VPC, &r);
	assert_line(&r, "egress 10.0.1.10 203.0.113.80 10.0.1.10 203.0.113.80 0 0 3 180 - ACCEPT "
			"1 -");
}

static void zones_have_ids(void **state)
{
	static const char *const cases[][3] = {{"us-east-1", "us-east-1a", "use1-az1"},
					       {"eu-central-2", "eu-central-2c", "euc2-az3"},
					       {"ap-southeast-1", "ap-southeast-1b", "apse1-az2"},
					       {"us-east-1", "us-east-2a", ""},
					       {"us-east-1", "us-east-1", ""},
					       {"lab", "laba", ""},
					       {"lab-here-1", "lab-here-1a", ""}};
	char id[24];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		flow_log_az_id(cases[i][0], cases[i][1], id, sizeof(id));
		assert_string_equal(id, cases[i][2]);
	}
}

/* ---- files ---- */

#define DIRECTORY "flow_log_test.tmp"
#define LINE	  "2 1 eni-1 - - - - - - - 1 2 - NODATA\n"

static int files_begin(void **state)
{
	return system("rm -rf " DIRECTORY);
}

static struct flow_log_file *file_open(uint64_t size_max)
{
	const struct flow_log_file_config cfg = {
		.dir = DIRECTORY,
		.id = "fl-1",
		.header = "version account-id interface-id srcaddr dstaddr srcport dstport "
			  "protocol packets bytes start end action log-status",
		.size_max = size_max,
		.files_kept = 3};
	struct flow_log_file *f;
	struct err e;

	if (flow_log_file_open(&cfg, &f, &e))
		fail_msg("%s", e.msg);
	return f;
}

static void put(struct flow_log_file *f, int64_t now)
{
	struct err e;

	if (flow_log_file_write(f, LINE, strlen(LINE), now, &e))
		fail_msg("%s", e.msg);
}

static unsigned lines_of(const char *name)
{
	cleanup_flow_file struct flow_file *f = NULL;
	char path[256];
	struct flow_record r;
	struct err e = {0};
	unsigned n = 0;
	int rc;

	snprintf(path, sizeof(path), DIRECTORY "/%s", name);
	if (flow_file_open(path, NULL, &f, &e))
		fail_msg("%s", e.msg);
	while ((rc = flow_file_next(f, &r, &e)) == 1)
		n++;
	if (rc)
		fail_msg("%s", e.msg);
	return n;
}

static unsigned files_with(const char *part)
{
	DIR *d = opendir(DIRECTORY);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *en; (en = readdir(d));)
		n += strstr(en->d_name, part) != NULL;
	closedir(d);
	return n;
}

static void a_file_goes_on_where_it_ended(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct flow_log_file *f = file_open(0);

		put(f, 0);
		flow_log_file_free(f);
	}
	assert_int_equal(lines_of("fl-1.log"), 3);
}

static void a_line_that_was_cut_is_removed(void **state)
{
	struct flow_log_file *f = file_open(0);
	int fd;

	put(f, 0);
	flow_log_file_free(f);
	fd = open(DIRECTORY "/fl-1.log", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "2 1 eni-1 - -", 13), 13);
	close(fd);
	f = file_open(0);
	put(f, 0);
	flow_log_file_free(f);
	assert_int_equal(lines_of("fl-1.log"), 2);
}

static void large_files_move_aside_and_the_oldest_go(void **state)
{
	struct flow_log_file *f = file_open(1);
	struct err e;

	for (int i = 0; i < 6; i++)
		put(f, 1000000000); /* all in one second */
	assert_int_equal(files_with("fl-1-"), 3);
	for (int i = 0; i < 20; i++)
		if (flow_log_file_tick(f, &e))
			fail_msg("%s", e.msg);
	assert_int_equal(files_with(".log.gz"), 3);
	assert_int_equal(files_with(".part"), 0);
	assert_int_equal(lines_of("fl-1-20010909T014644Z.log.gz"), 1); /* the newest */
	assert_int_equal(lines_of("fl-1-20010909T014642Z.log.gz"), 1);
	assert_int_equal(lines_of("fl-1.log"), 1);
	flow_log_file_free(f);
}

static void what_was_being_compressed_is_compressed_again(void **state)
{
	struct flow_log_file *f = file_open(1);
	struct err e;

	put(f, 1000000000);
	put(f, 1000000000);
	assert_int_equal(flow_log_file_tick(f, &e), 0); /* begun */
	assert_int_equal(files_with(".part"), 1);
	flow_log_file_free(f);
	f = file_open(1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(flow_log_file_tick(f, &e), 0);
	assert_int_equal(files_with(".log.gz"), 1);
	assert_int_equal(files_with("Z.log"), 1); /* that one */
	flow_log_file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sender_is_shown_by_its_primary_address),
		cmocka_unit_test(receiver_sees_what_was_rewritten),
		cmocka_unit_test(gateway_sees_a_packet_twice),
		cmocka_unit_test(gateway_sees_a_reply_twice),
		cmocka_unit_test(refusal_has_its_reason_and_no_path),
		cmocka_unit_test(icmp_has_no_ports_and_no_flags),
		cmocka_unit_test(zones_have_ids),
		cmocka_unit_test_setup(a_file_goes_on_where_it_ended, files_begin),
		cmocka_unit_test_setup(a_line_that_was_cut_is_removed, files_begin),
		cmocka_unit_test_setup(large_files_move_aside_and_the_oldest_go, files_begin),
		cmocka_unit_test_setup_teardown(what_was_being_compressed_is_compressed_again,
						files_begin, files_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
