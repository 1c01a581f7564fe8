/* SPDX-License-Identifier: MIT
 * A picture of the network as nodes and edges, and its formats.
 */
#ifndef VPCD_CLI_GRAPH_H
#define VPCD_CLI_GRAPH_H

#include "cli/cli.h"

/* Asks the daemon for what there is (lab NULL: everything) and makes of it
 *   {"Nodes": [{"Id", "Kind", "Name", "Detail"?, "Parent"?, "Public"?}], "Edges": [{"From", "To",
 * "Kind", "Label"?}]} Parents stand before their children: VPCs, subnets, what lies in them;
 * "internet" is a node. Kinds of edges: "route", "ingress-route" (of a gateway's own table),
 * "blackhole" (a route that leads to what does not take packets), "attachment", "peering", "reach".
 * Reports; returns an exit code. */
int graph_collect(struct cli *c, const char *lab, struct json **ret);
/* Puts "reach" edges in place of the others, and leaves gateways out: who may talk to whom on a
 * port ("80", "53/udp"). */
int graph_reach(struct cli *c, const char *lab, const char *service, struct json *g);

/* For a picture of who may talk to whom: sandboxes of one place that reach and are reached alike
 * are one node. A new graph; NULL: out of memory. */
struct json *graph_merge(const struct json *g);

/* A tree of boxes, for terminals. */
void graph_text(const struct json *g, struct buf *out);
/* For Graphviz: VPCs and subnets are clusters. */
void graph_dot(const struct json *g, struct buf *out);

#endif
