/* SPDX-License-Identifier: MIT
 * Captures as libpcap reads them.
 */
#include <stdio.h>

#include <pcap/pcap.h>

#include "cli/recorded_packet.h"
#include "cli/recording.h"

static int packets_read(struct cli *c, const char *path, pcap_t *pcap, struct flow_set *flows,
			struct recording *ret)
{
	const int link = pcap_datalink(pcap);
	struct pcap_pkthdr *h;
	const u_char *data;
	struct err e = {0};
	int rc;

	while ((rc = pcap_next_ex(pcap, &h, &data)) == 1) {
		struct seen_packet p;

		ret->packets++;
		if (!recorded_packet_read(link, data, h->caplen, &p))
			ret->skipped++;
		else if (flow_set_add(flows, &p, &e))
			return cli_fail(c, EXIT_REFUSED, "%s: %s", path, e.msg);
	}
	if (rc == PCAP_ERROR)
		fprintf(stderr, "vpcctl: %s: %s: what came before, %llu packets, counts\n", path,
			pcap_geterr(pcap), (unsigned long long)ret->packets);
	return EXIT_DONE;
}

int recording_read_pcap(struct cli *c, const char *path, struct flow_set *flows,
			struct recording *ret)
{
	char msg[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(path, msg);
	int link, r;

	*ret = (struct recording){0};
	if (!pcap)
		return cli_fail(c, EXIT_USAGE, "%s: %s", path, msg);
	link = pcap_datalink(pcap);
	if (recorded_link_is_known(link))
		r = packets_read(c, path, pcap, flows, ret);
	else
		r = cli_fail(c, EXIT_USAGE,
			     "%s: packets of link type %s: Ethernet, Linux cooked and raw IP can "
			     "be read",
			     path, pcap_datalink_val_to_name(link) ?: "unknown");
	pcap_close(pcap);
	if (!r && !flow_set_count(flows))
		r = cli_fail(c, EXIT_USAGE, "%s: no TCP, UDP or ICMP among its %llu packets", path,
			     (unsigned long long)ret->packets);
	return r;
}
