/* SPDX-License-Identifier: MIT
 * The host's side of the way out of the simulated internet: what the kernel of the caller's own
 * network namespace forwards between a link of ours and a real interface, and how it translates.
 * The only user of libnftables.
 *
 * Theory: an nftables table of the instance's own (family ip) is the whole of it, and the record of
 * it: it is replaced in one transaction, goes in one, and outlives the daemon. It masquerades what
 * leaves by the interface from the given sources; forwards, between link and interface, what the
 * link opened and what belongs to that; and drops everything else to and from the link, the host's
 * own sockets included. Chains of others are not touched: what they drop stays dropped.
 *
 * Replies are forwarded only where the interface forwards (net.ipv4.conf.IFACE.forwarding). Where
 * it did not, it is made to, and a chain "vpcd_guard_<interface index>" drops everything else that
 * would now be forwarded from it. The last table that has one turns forwarding off again.
 */
#ifndef VPCD_NETNS_UPLINK_H
#define VPCD_NETNS_UPLINK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

/* Names of links of every instance begin with this: guards let it through. */
#define UPLINK_LINK_PREFIX "vpcd-"

struct uplink_spec {
	const char *table;	    /* the instance's own */
	const char *link;	    /* UPLINK_LINK_PREFIX…; need not be there yet */
	const char *iface;	    /* the real interface */
	const struct cidr *sources; /* IPv4 blocks */
	size_t n_sources;
};

/* Whether the interface is there and no route of somebody else leads to the sources: -ENODEV,
 * -EINVAL, -EEXIST, which name it. ret_mtu: the interface's. */
int uplink_check(const struct uplink_spec *spec, uint32_t *ret_mtu, struct err *e);
/* Makes it, or makes it anew where it differs. The same again is fine. */
int uplink_put(const struct uplink_spec *spec, struct err *e);
/* Takes the table away, and turns forwarding off if it was made for it. Absent: 0. */
int uplink_remove(const char *table, const char *iface, struct err *e);

#endif
