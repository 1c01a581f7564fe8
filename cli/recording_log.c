/* SPDX-License-Identifier: MIT
 * Records of flow logs (VPC User Guide, "Flow log records"): each is one way of a flow as one
 * interface saw it.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cli/recording.h"
#include "model/flow_file.h"

#define TCP_SYN 2
#define TCP_ACK 16 /* counted with SYN only: SYN-ACK is 18 */

static enum seen_role role_of(const struct flow_record *r)
{
	if (r->protocol != IPPROTO_TCP || !flow_record_has(r, FLOW_FIELD_TCP_FLAGS) ||
	    !(r->tcp_flags & TCP_SYN))
		return SEEN_UNKNOWN;
	return r->tcp_flags & TCP_ACK ? SEEN_ANSWERS : SEEN_OPENS;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static void text_copy(const struct flow_record *r, enum flow_field f, char *ret, size_t len)
{
	if (flow_record_has(r, f))
		snprintf(ret, len, "%s", r->text[f]);
}

/* False: it says too little, or it is of no packets. The packet's own addresses go before those of
 * the interface. */
static bool record_read(const struct flow_record *r, struct seen_packet *ret)
{
	bool pkt = flow_record_has(r, FLOW_FIELD_PKT_SRCADDR) &&
		   flow_record_has(r, FLOW_FIELD_PKT_DSTADDR);

	if (flow_record_has(r, FLOW_FIELD_LOG_STATUS) && r->log_status != FLOW_STATUS_OK)
		return false;
	if (!flow_record_has(r, FLOW_FIELD_PROTOCOL) ||
	    (!pkt &&
	     (!flow_record_has(r, FLOW_FIELD_SRCADDR) || !flow_record_has(r, FLOW_FIELD_DSTADDR))))
		return false;
	*ret = (struct seen_packet){.from = pkt ? r->pkt_srcaddr : r->srcaddr,
				    .to = pkt ? r->pkt_dstaddr : r->dstaddr,
				    .protocol = r->protocol,
				    .from_port = r->srcport,
				    .to_port = r->dstport,
				    .role = role_of(r),
				    .packets = flow_record_has(r, FLOW_FIELD_PACKETS) ? r->packets
										      : 1};
	/* Records do not tell ICMP's types: the echo request stands for what was sent first. */
	if (is_icmp(r->protocol)) {
		ret->type = r->protocol == IPPROTO_ICMP ? 8 : 128;
		ret->from_port = ret->to_port = 0;
	}
	text_copy(r, FLOW_FIELD_INTERFACE_ID, ret->interface, sizeof(ret->interface));
	text_copy(r, FLOW_FIELD_VPC_ID, ret->vpc, sizeof(ret->vpc));
	return true;
}

static bool is_rejected(const struct flow_record *r)
{
	return flow_record_has(r, FLOW_FIELD_ACTION) && r->action == FLOW_ACTION_REJECT;
}

static int records_read(struct cli *c, struct flow_file *f, const char *path, bool accepted,
			struct flow_set *flows, struct recording *ret)
{
	struct flow_record record;
	struct seen_packet p;
	struct err e = {0};
	int rc;

	while ((rc = flow_file_next(f, &record, &e)) == 1) {
		ret->packets++;
		if (accepted && is_rejected(&record))
			ret->refused++;
		else if (!record_read(&record, &p))
			ret->skipped++;
		else if (flow_set_add(flows, &p, &e))
			return cli_fail(c, EXIT_REFUSED, "%s: %s", path, e.msg);
	}
	return rc ? cli_fail(c, EXIT_USAGE, "%s", e.msg) : EXIT_DONE;
}

int recording_read_flow_logs(struct cli *c, const char *path, bool accepted, struct flow_set *flows,
			     struct recording *ret)
{
	cleanup_flow_file struct flow_file *f = NULL;
	struct err e = {0};
	int r;

	*ret = (struct recording){0};
	if (flow_file_open(path, NULL, &f, &e))
		return cli_fail(c, EXIT_USAGE, "%s", e.msg);
	r = records_read(c, f, path, accepted, flows, ret);
	if (!r && !flow_set_count(flows))
		r = cli_fail(c, EXIT_USAGE, "%s: no flow among its %llu records", path,
			     (unsigned long long)ret->packets);
	return r;
}
