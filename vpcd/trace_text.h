/* SPDX-License-Identifier: MIT
 * Words of traces: rules, objects and packets as people write them. All texts are malloc'd or the
 * caller's buffer.
 */
#ifndef VPCD_VPCD_TRACE_TEXT_H
#define VPCD_VPCD_TRACE_TEXT_H

#include "vpcd/trace.h"

/* "tcp 5432 from orders", "100 allow tcp 80 from 0.0.0.0/0". */
char *trace_rule_text(const struct model *m, const struct item_rule *r, bool egress);
/* An ACL entry's number; 0: it is no entry. */
long trace_acl_number(const struct item_rule *r);
/* "vpc/name" where a shell takes it as it is, else the id. */
char *trace_object_name(const struct model *m, const char *id);
/* The sandbox that has an interface, or what the id is of itself; NULL: there is none. */
const struct object *trace_holder(const struct model *m, const char *interface);
/* "10.0.1.4:40000", "[2001:db8::1]:80", "10.0.1.4"; buf has 64 bytes. */
const char *trace_endpoint_text(const struct trace_packet *p, const struct ip128 *address,
				uint16_t port, char *buf);
/* "tcp 5432", "icmp 8", "47": the beginning of a rule that means the packet. */
void trace_service_text(const struct trace_packet *p, char *buf, size_t len);

#endif
