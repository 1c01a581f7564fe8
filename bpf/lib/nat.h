/* SPDX-License-Identifier: MIT
 * Ports of NAT gateways. A port is free if the key of its reply half is: claiming that key is the
 * allocation, so that two CPUs never give the same one, and a port is taken per destination only
 * (endpoint-dependent mapping, RFC 4787 section 4.1).
 */
#ifndef VPCD_BPF_LIB_NAT_H
#define VPCD_BPF_LIB_NAT_H

#include "bpf/lib/flow.h"

#define NAT_PORT_FIRST 1024
#define NAT_PORTS      64512
#define NAT_PROBES     64

static __always_inline __u32 nat_hash(const struct walk *w)
{
	__u32 h = w->key.ifindex * 0x9e3779b1u;

	h = (h ^ w->key.saddr.w[3]) * 0x85ebca6bu;
	h = (h ^ w->key.daddr.w[3]) * 0xc2b2ae35u;
	h = (h ^ ((__u32)w->key.sport << 16 | w->key.dport)) * 0x27d4eb2fu;
	return h ^ h >> 15;
}

static __noinline struct nat_stats *nat_stats_of(__u32 number)
{
	struct nat_stats *s = bpf_map_lookup_elem(&nat_stats, &number), zero = {};

	/* The figures of a deleted gateway do not come back with what is left of its flows. */
	if (s || !bpf_map_lookup_elem(&nats, &number))
		return s;
	bpf_map_update_elem(&nat_stats, &number, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&nat_stats, &number);
}

/* Claims a reply key with a free port: 0 and w->reverse_key.dport set (for an echo: sport), or the
 * reason. */
__noinline int nat_claim_port(struct walk *w)
{
	struct nat_stats *s;
	__u32 start;

	w = walk_own(w);
	if (!w)
		return DROP_INTERNAL;
	start = nat_hash(w);
	for (__u32 i = 0; i < NAT_PROBES; i++) {
		__be16 port = bpf_htons(NAT_PORT_FIRST + (start + i * 7919) % NAT_PORTS);
		int rc;

		if (w->is.is_echo)
			w->reverse_key.sport = port;
		else
			w->reverse_key.dport = port;
		rc = flow_claim(&w->reverse_key, &w->key, &w->flow, w->now);
		if (rc == CLAIM_OK)
			return DROP_NONE;
		if (rc == CLAIM_FULL)
			return DROP_FLOW_TABLE_FULL;
	}
	s = nat_stats_of(w->nat);
	if (s)
		s->error_port_allocation++;
	return DROP_NAT_PORTS;
}

static __always_inline void nat_count(__u32 number, const struct flow *f, __u32 len, int attempt,
				      int established)
{
	struct nat_stats *s = nat_stats_of(number);

	if (!s)
		return;
	s->connection_attempts += attempt;
	s->connections_established += established;
	if (f->flags & FLOW_REPLY) {
		s->packets_in++;
		s->bytes_in += len;
	} else {
		s->packets_out++;
		s->bytes_out += len;
	}
}

#endif
