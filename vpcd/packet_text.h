/* SPDX-License-Identifier: MIT
 * One line about a packet, for people: addresses, ports, protocol, TCP flags. Programs that want
 * more read the capture itself.
 */
#ifndef VPCD_VPCD_PACKET_TEXT_H
#define VPCD_VPCD_PACKET_TEXT_H

#include "vpcd/pcapng.h"

/* Appends "12:00:00.000123 out 10.0.1.4:40000 > 10.0.2.10:5432 tcp S 60 bytes\n"; behind a comment
 * " # comment". Times are local. linktype: LINKTYPE_ETHERNET or LINKTYPE_LINUX_SLL2. */
void packet_text(struct buf *out, uint16_t linktype, const struct captured *p);

#endif
