/* SPDX-License-Identifier: MIT
 * What NAT gateways count. Packets and bytes are counted by the flow that they belong to, as every
 * flow's are, and go to its gateway's sums when it ends: an established packet costs nothing more.
 */
#ifndef VPCD_BPF_LIB_NAT_STATS_H
#define VPCD_BPF_LIB_NAT_STATS_H

#include "bpf/lib/walk.h"

static __always_inline struct nat_stats *nat_stats_of(__u32 number)
{
	struct nat_stats *s = bpf_map_lookup_elem(&nat_stats, &number);
	const struct walk *w = walk_mine();

	/* The figures of a deleted gateway do not come back with what is left of its flows. */
	if (s || !w || !bpf_map_lookup_elem(&nats, &number))
		return s;
	bpf_map_update_elem(&nat_stats, &number, &w->no_stats, BPF_NOEXIST);
	return bpf_map_lookup_elem(&nat_stats, &number);
}

/* A half that is not LIVE any more. */
static __noinline void nat_fold(__u32 number, __u32 reply, __u64 packets, __u64 bytes)
{
	struct nat_stats *s = nat_stats_of(number);

	if (!s)
		return;
	if (reply) {
		s->packets_in += packets;
		s->bytes_in += bytes;
	} else {
		s->packets_out += packets;
		s->bytes_out += bytes;
	}
}

enum nat_event { NAT_ATTEMPT, NAT_ESTABLISHED, NAT_REFUSED, NAT_TIMED_OUT, NAT_DROPPED };

static __noinline void nat_count(__u32 number, enum nat_event event)
{
	struct nat_stats *s = nat_stats_of(number);

	if (!s)
		return;
	switch (event) {
	case NAT_ATTEMPT:
		s->connection_attempts++;
		break;
	case NAT_ESTABLISHED:
		s->connections_established++;
		break;
	case NAT_REFUSED:
		s->error_port_allocation++;
		break;
	case NAT_TIMED_OUT:
		s->idle_timeouts++;
		break;
	case NAT_DROPPED:
		s->packets_dropped++;
		break;
	}
}

#endif
