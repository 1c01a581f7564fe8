/* SPDX-License-Identifier: MIT
 * Any bytes as a packet of a capture: the first says of which link type. What is read has addresses
 * of one family, and makes a flow that goes by them.
 */
#include <netinet/in.h>
#include <string.h>

#include <pcap/dlt.h>

#include "cli/recorded_packet.h"
#include "fuzz.h"

static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup(flow_set_freep) struct flow_set *flows = flow_set_new();
	struct seen_packet p;
	int link;

	if (!len || !flows)
		return 0;
	link = links[data[0] % ARRAY_SIZE(links)];
	HOLDS(recorded_link_is_known(link));
	if (!recorded_packet_read(link, data + 1, len - 1, &p))
		return 0;
	HOLDS(p.from.family == p.to.family &&
	      (p.from.family == AF_INET || p.from.family == AF_INET6));
	HOLDS(p.packets == 1);
	HOLDS(!flow_set_add(flows, &p, NULL));
	p.role = SEEN_UNKNOWN;
	HOLDS(!flow_set_add(flows, &p, NULL));
	HOLDS(flow_set_count(flows) == 1);
	return 0;
}
