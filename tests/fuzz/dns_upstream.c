/* SPDX-License-Identifier: MIT
 * Any octets as what upstream answers: the reply made of them is well-formed and within its limit.
 */
#include <string.h>

#include "dns/cache.h"
#include "fuzz.h"
#include "view.h"

static void check(const uint8_t *msg, size_t len, size_t limit)
{
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;

	HOLDS(rc > 0 && len <= limit);
	for (unsigned i = 0; i < (unsigned)count[DNS_ANSWER] + count[DNS_AUTHORITY]; i++) {
		struct dns_rr_in in;

		HOLDS(!dns_rr_parse(msg, len, &pos, &in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct dns_view *view;
	static struct dns_cache *cache;
	struct dns_query q = {.flags = DNS_RD, .type = DNS_A, .class = DNS_CLASS_IN};
	struct dns_upstream up = {.msg = data, .len = len};
	uint8_t buf[DNS_UDP_MAX];
	struct dns_outcome out;
	size_t limit = len & 1 ? DNS_UDP_MIN : DNS_UDP_MAX, n;

	if (!view)
		view = view_of_everything();
	if (!cache)
		cache = dns_cache_new();
	if (len < DNS_HEADER_LEN) /* the forwarder hands nothing shorter on */
		return 0;
	dns_name_from_text("www.example.com", &q.name, NULL);
	q.edns = len & 2;
	q.dnssec_ok = len & 4;
	up.name = q.name;
	dns_cache_put(cache, &up.name, DNS_A, data, len, len);
	n = dns_answer(&(struct dns_ask){.view = view, .query = &q, .up = &up}, buf, limit, &out);
	HOLDS(n);
	check(buf, n, limit);
	return 0;
}
