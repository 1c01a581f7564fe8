/* SPDX-License-Identifier: MIT
 * Any text as a record of a zone file: the type's first letter, then its data. What is accepted
 * prints to text that is accepted again, as the same octets.
 */
#include <string.h>

#include "dns/rdata.h"
#include "dns/server.h"
#include "dns/wire.h"
#include "fuzz.h"

static const char *const types[] = {"A",   "AAAA", "CNAME", "PTR", "MX",
				    "TXT", "SRV",  "NS",    "SOA", "CAA"};

static void round_trip_name(const char *text)
{
	char printed[DNS_NAME_TEXT];
	struct dns_name n, again;

	if (dns_name_from_text(text, &n, NULL))
		return;
	HOLDS(!dns_name_from_text(dns_name_to_text(&n, printed), &again, NULL));
	HOLDS(n.len == again.len && !memcmp(n.b, again.b, n.len));
}

static void round_trip_data(uint16_t type, const char *text)
{
	static struct dns_rdata a, b;
	cleanup_buf struct buf printed = {0};

	if (dns_rdata_from_text(type, text, &a, NULL))
		return;
	dns_rdata_to_text(type, a.b, a.len, &printed);
	HOLDS(!dns_rdata_from_text(type, buf_str(&printed), &b, NULL));
	HOLDS(a.len == b.len && !memcmp(a.b, b.b, a.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (!len)
		return 0;
	text = strndup((const char *)data + 1, len - 1);
	if (!text)
		abort();
	round_trip_name(text);
	dns_domain_check(text, NULL);
	round_trip_data((uint16_t)dns_type_from_text(types[data[0] % 10], NULL), text);
	free(text);
	return 0;
}
