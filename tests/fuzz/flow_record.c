/* SPDX-License-Identifier: MIT
 * Any text as a flow log file. What is accepted prints to a line that is accepted again and prints
 * the same; a format likewise.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "model/flow_record.h"

static void round_trip_format(const char *text)
{
	cleanup_buf struct buf a = {0}, b = {0};
	struct flow_format f, again;

	if (flow_format_parse(text, &f, NULL))
		return;
	flow_format_print(&f, &a);
	HOLDS(!flow_format_parse(buf_str(&a), &again, NULL));
	flow_format_print(&again, &b);
	HOLDS(!strcmp(buf_str(&a), buf_str(&b)));
}

static void round_trip_line(char *line, const struct flow_format *f)
{
	cleanup_buf struct buf a = {0}, b = {0};
	struct flow_record r, again;

	if (flow_record_parse(line, f, &r, NULL))
		return;
	flow_record_print(&r, f, &a);
	HOLDS(a.p && !flow_record_parse(a.p, f, &again, NULL));
	flow_record_print(&again, f, &b);
	a.len = 0;
	flow_record_print(&r, f, &a);
	HOLDS(!strcmp(buf_str(&a), buf_str(&b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct flow_format f = flow_format_default;
	char *text = strndup((const char *)data, len), *save, *line;

	if (!text)
		abort();
	round_trip_format(text);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (flow_line_is_header(line))
			flow_format_parse_header(line, &f, NULL);
		else
			round_trip_line(line, &f);
	free(text);
	return 0;
}
