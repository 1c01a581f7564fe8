/* SPDX-License-Identifier: MIT
 * Any octets as a query: what is answered is a well-formed reply to it, within its limits.
 */
#include <string.h>

#include "fuzz.h"
#include "view.h"

static void check_reply(const struct dns_query *q, const uint8_t *msg, size_t len, size_t limit)
{
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;
	unsigned records;

	HOLDS(len <= limit && rc > 0);
	HOLDS(msg[0] == q->id >> 8 && msg[1] == (q->id & 255) && (msg[2] & 0x80));
	HOLDS(!q->name.len || !memcmp(msg + DNS_HEADER_LEN, q->name.b, q->name.len));
	records = (unsigned)count[DNS_ANSWER] + count[DNS_AUTHORITY] + count[DNS_ADDITIONAL];
	for (unsigned i = 0; i < records; i++) {
		struct dns_rr_in in;

		HOLDS(!dns_rr_parse(msg, len, &pos, &in));
	}
	HOLDS(pos == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct dns_view *view;
	static uint8_t buf[DNS_TCP_MAX];
	struct dns_outcome out;
	struct dns_query q;
	int rcode = dns_query_parse(data, len, &q);
	size_t limit, n;

	if (!view)
		view = view_of_everything();
	if (rcode < 0)
		return 0;
	limit = len & 1 ? q.udp_size : DNS_TCP_MAX;
	if (rcode)
		n = dns_answer_error(&q, (enum dns_rcode)rcode, buf, limit);
	else
		n = dns_answer(
			&(struct dns_ask){.view = view, .query = &q, .random = (uint32_t)len}, buf,
			limit, &out);
	if (n)
		check_reply(&q, buf, n, limit);
	return 0;
}
