/* SPDX-License-Identifier: MIT
 * A view with something of everything, for the DNS targets.
 */
#ifndef VPCD_TESTS_FUZZ_VIEW_H
#define VPCD_TESTS_FUZZ_VIEW_H

#include <stdio.h>

#include "dns/answer.h"
#include "dns/zone.h"

static inline struct dns_view *view_of_everything(void)
{
	static const char *const records[][3] = {
		{"a.test", "NS", "ns.a.test"},
		{"www.a.test", "A", "10.0.0.1"},
		{"www.a.test", "AAAA", "2001:db8::1"},
		{"*.w.a.test", "TXT", "\"wild\""},
		{"c.a.test", "CNAME", "www.a.test"},
		{"loop.a.test", "CNAME", "loop.a.test"},
		{"out.a.test", "CNAME", "www.example.com"},
		{"a.test", "MX", "10 mail.a.test"},
		{"_s._tcp.a.test", "SRV", "1 2 3 www.a.test"},
		{"sub.a.test", "NS", "ns.sub.a.test"},
		{"ns.sub.a.test", "A", "10.0.0.2"},
		{"a.test", "CAA", "0 issue \"ca\""},
		{"5.0.0.10.in-addr.arpa", "PTR", "www.a.test"},
		{"a.test", "NSEC", "www.a.test. A RRSIG"},
		{"a.test", "RRSIG", "NSEC 13 2 60 20300101000000 20200101000000 1 a.test. AAAA"},
		{"www.a.test", "NSEC", "a.test. A RRSIG"},
		{"www.a.test", "RRSIG", "A 13 2 60 20300101000000 20200101000000 1 a.test. AAAA"},
		{"sub.a.test", "DS", "1 13 1 e2d3c916f6deeac73294e8268fb5885044a833fc"},
		{"b.test", "DNSKEY", "257 3 13 AAECAwQF"},
		{"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.b.test", "NSEC3",
		 "1 1 2 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG"},
		{"*.w.b.test", "A", "10.0.0.3"},
	};
	struct dns_view *v = dns_view_new(1, true);
	struct dns_target server = {.port = 53};

	ip_parse("192.0.2.53", &server.address);
	dns_zone_add(v, "a.test", NULL);
	dns_zone_add(v, "b.test", NULL);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		dns_record_add(v, records[i][0], records[i][1], 60, records[i][2], NULL, NULL);
	for (int i = 0; i < 60; i++) { /* more than a datagram takes */
		char address[24], set[8];
		struct dns_routing multi = {DNS_MULTIVALUE, set, 0};

		snprintf(address, sizeof(address), "10.0.1.%d", i);
		snprintf(set, sizeof(set), "s%d", i);
		dns_record_add(v, "many.a.test", "A", 60, address, NULL, NULL);
		dns_record_add(v, "multi.a.test", "A", 60, address, &multi, NULL);
	}
	dns_rule_add(v, "corp.test", &server, 1, NULL);
	dns_view_seal(v, NULL);
	return v;
}

#endif
