/* SPDX-License-Identifier: MIT
 * Packets of a capture, down to what a flow is known by.
 */
#ifndef VPCD_CLI_RECORDED_PACKET_H
#define VPCD_CLI_RECORDED_PACKET_H

#include "cli/flow_set.h"

/* Ethernet, Linux cooked (both versions), raw IP: link is a DLT_ value of libpcap. */
bool recorded_link_is_known(int link);
/* A packet of such a link type, as far as it was captured. False: neither TCP, UDP nor ICMP that
 * opens or answers, a later fragment, or its headers are not all there. */
bool recorded_packet_read(int link, const uint8_t *data, size_t len, struct seen_packet *ret);

#endif
