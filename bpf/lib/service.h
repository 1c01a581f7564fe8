/* SPDX-License-Identifier: MIT
 * The resolver's namespace serves all VPCs: a client gets an address that is its own there, so that
 * a socket knows who asks even where VPCs overlap. No gate filters the resolver.
 */
#ifndef VPCD_BPF_LIB_SERVICE_H
#define VPCD_BPF_LIB_SERVICE_H

#include "bpf/lib/link.h"

static __always_inline int walk_service(struct walk *w)
{
	const struct dp_config *cfg = dp_config();
	__u32 ifindex;

	if ((w->key.protocol != IPPROTO_UDP && w->key.protocol != IPPROTO_TCP && !w->is.of_error) ||
	    (w->at.dport != bpf_htons(53) && !w->is.of_error) || !w->self.service_address || !cfg)
		return DROP_LINK_LOCAL;
	ifindex = *(volatile const __u32 *)&cfg->service_ifindex;
	if (!target_load(w, ifindex))
		return DROP_LINK_LOCAL;
	w->output_ifindex = ifindex;
	if (w->key.family == AF_INET6) {
		w->at.saddr = ip128_words(CLIENT6, w->key.ifindex);
		w->at.daddr = ip128_words(RESOLVER6);
	} else {
		w->at.saddr = ip128_v4(w->self.service_address);
		w->at.daddr = w->target.address;
	}
	w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT | FLOW_TRACKED_IN;
	return DROP_NONE;
}

/* The resolver's answers: only back to where the question came from. */
static __always_inline int walk_from_service(struct walk *w)
{
	if (!w->is.has_flow)
		return DROP_NO_ROUTE;
	w->at = w->old;
	if (!target_load(w, w->output_ifindex))
		return DROP_NO_DESTINATION;
	w->flow_flags |= FLOW_ROUTED | FLOW_TRACKED_OUT | FLOW_TRACKED_IN;
	return DROP_NONE;
}

#endif
