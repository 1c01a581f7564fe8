/* SPDX-License-Identifier: MIT
 * See graph.h: a graph as Graphviz reads it. VPCs and subnets are clusters, coloured as in diagrams
 * of AWS: what has a route to an internet gateway is green.
 */
#include <math.h>
#include <string.h>

#include "cli/graph.h"
#include "lib/buf.h"

#define NAME_SHOWN 48 /* bytes of a name, at least */
#define STACK_MAX  6  /* so many nodes of a cluster stand above one another; more, in columns */

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

static bool equals(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool is_child(const struct json *node, const char *parent)
{
	const char *p = get(node, "Parent");

	return parent ? equals(p, parent) : !p;
}

static const struct json *node_find(const struct json *nodes, const char *id)
{
	json_for_each (n, nodes)
		if (equals(get(n, "Id"), id))
			return n;
	return NULL;
}

static bool is_box(const struct json *nodes, const struct json *node)
{
	const char *kind = get(node, "Kind");

	if (equals(kind, "vpc") || equals(kind, "subnet"))
		return true;
	json_for_each (n, nodes)
		if (is_child(n, get(node, "Id")))
			return true;
	return false;
}

/* ---- labels ---- */

/* Graphviz's labels of this kind are XML. */
static void xml_add(struct buf *out, char c)
{
	if (c == '<')
		buf_puts(out, "&lt;");
	else if (c == '>')
		buf_puts(out, "&gt;");
	else if (c == '&')
		buf_puts(out, "&amp;");
	else if (c == '"')
		buf_puts(out, "&quot;");
	else
		buf_printf(out, "%c", (unsigned char)c < ' ' || c == 127 ? ' ' : c);
}

/* No more than a picture can hold, and no part of a character. */
static void put_name(struct buf *out, const char *s)
{
	size_t n = 0;

	for (; *s && (n < NAME_SHOWN || (*s & 0xc0) == 0x80); s++, n++)
		xml_add(out, *s);
	if (*s)
		buf_puts(out, "…");
}

static void put_text(struct buf *out, const char *s, const char *space)
{
	for (; *s; s++)
		if (*s == ' ')
			buf_puts(out, space);
		else
			xml_add(out, *s);
}

/* A node has a line for each of its addresses; what is wide anyway has one for all. */
static void put_label(struct buf *out, const struct json *node, bool box)
{
	const char *detail = get(node, "Detail"), *kind = get(node, "Kind"),
		   *name = get(node, "Name");

	buf_puts(out, "label=<<B>");
	put_name(out, name);
	buf_puts(out, "</B>");
	if (strcmp(kind, name)) {
		buf_puts(out, box ? "  <FONT COLOR=\"#6b7280\">"
				  : "<BR/><FONT COLOR=\"#6b7280\" POINT-SIZE=\"8\">");
		put_text(out, kind, " ");
		buf_puts(out, "</FONT>");
	}
	if (detail) {
		buf_puts(out, box ? "<BR ALIGN=\"LEFT\"/>" : "<BR/>");
		put_text(out, detail, box ? "  " : "<BR/>");
		buf_puts(out, box ? "<BR ALIGN=\"LEFT\"/>" : "");
	}
	buf_puts(out, ">");
}

/* ---- nodes ---- */

struct look {
	const char *kind, *line, *fill;
};

static const struct look looks[] = {
	{"vpc", "#8c4fff", "#fcfaff"},
	{"public-subnet", "#7aa116", "#f2f7e6"},
	{"subnet", "#00a4a6", "#e9f6f6"},
	{"internet", "#9ca3af", "#f9fafb"},
	{"instance", "#ed7100", "#ffffff"},
	{"function", "#c925d1", "#ffffff"},
	{"internet-host", "#6b7280", "#ffffff"},
	{"internet-gateway", "#8c4fff", "#f3ecff"},
	{"egress-only-internet-gateway", "#8c4fff", "#f3ecff"},
	{"nat-gateway", "#8c4fff", "#f3ecff"},
	{"vpc-peering-connection", "#e7157b", "#fdeaf3"},
};

static const struct look *look_of(const char *kind)
{
	static const struct look plain = {"", "#6b7280", "#ffffff"};

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (!strcmp(looks[i].kind, kind))
			return &looks[i];
	return &plain;
}

static void put_node(const struct json *node, const char *indent, struct buf *out)
{
	const struct look *look = look_of(get(node, "Kind"));

	buf_printf(out, "%s\"%s\" [color=\"%s\", fillcolor=\"%s\", ", indent, get(node, "Id"),
		   look->line, look->fill);
	put_label(out, node, false);
	buf_puts(out, "];\n");
}

/* Without edges of their own nodes would stand in one column: invisible edges make several. */
static void put_columns(const struct json *nodes, const char *parent, const char *indent,
			struct buf *out)
{
	const char *before[64];
	size_t n = 0, rows, at = 0;

	json_for_each (c, nodes)
		n += is_child(c, parent) && !is_box(nodes, c);
	rows = (size_t)ceil(sqrt(1.5 * (double)n));
	if (n <= STACK_MAX || rows > ARRAY_SIZE(before))
		return;
	json_for_each (c, nodes) {
		const char *id = get(c, "Id");

		if (!is_child(c, parent) || is_box(nodes, c))
			continue;
		if (at >= rows)
			buf_printf(out, "%s\"%s\" -> \"%s\" [style=invis];\n", indent,
				   before[at % rows], id);
		before[at++ % rows] = id;
	}
}

static void put_children(const struct json *nodes, const char *parent, const char *indent,
			 struct buf *out);

/* Edges of a cluster begin at a point within it. */
static void put_box(const struct json *nodes, const struct json *node, const char *indent,
		    struct buf *out)
{
	const struct look *look =
		look_of(json_bool(json_get(node, "Public")) ? "public-subnet" : get(node, "Kind"));
	const char *id = get(node, "Id");
	cleanup_buf struct buf below = {0};

	buf_printf(&below, "%s\t", indent);
	buf_printf(out, "%ssubgraph \"cluster_%s\" {\n%scolor=\"%s\"; fillcolor=\"%s\"; ", indent,
		   id, buf_str(&below), look->line, look->fill);
	put_label(out, node, true);
	buf_printf(out, ";\n%s\"%s\" [shape=point, style=invis, width=0, label=\"\"];\n",
		   buf_str(&below), id);
	put_children(nodes, id, buf_str(&below), out);
	buf_printf(out, "%s}\n", indent);
}

static void put_children(const struct json *nodes, const char *parent, const char *indent,
			 struct buf *out)
{
	json_for_each (n, nodes) {
		if (!is_child(n, parent))
			continue;
		if (is_box(nodes, n))
			put_box(nodes, n, indent, out);
		else
			put_node(n, indent, out);
	}
	if (parent)
		put_columns(nodes, parent, indent, out);
}

/* ---- edges ---- */

static const char *edge_style(const char *kind)
{
	static const struct {
		const char *kind, *style;
	} styles[] = {
		{"peering", "dir=none, style=dashed, color=\"#e7157b\""},
		{"reach", "color=\"#16a34a\""},
		{"blackhole", "style=dashed, color=\"#dc2626\", fontcolor=\"#dc2626\""},
		{"ingress-route", "style=dashed"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
		if (!strcmp(styles[i].kind, kind))
			return styles[i].style;
	return "style=solid";
}

/* Destinations of a route, a line each. */
static void put_destinations(struct buf *out, const char *label)
{
	for (; *label; label++)
		if (label[0] == ',' && label[1] == ' ') {
			buf_puts(out, "<BR/>");
			label++;
		} else {
			xml_add(out, *label);
		}
}

/* Who may talk to one another have one line. */
static bool has_reverse(const struct json *edges, const struct json *edge)
{
	if (strcmp(get(edge, "Kind"), "reach") || equals(get(edge, "From"), get(edge, "To")))
		return false;
	json_for_each (e, edges)
		if (equals(get(e, "From"), get(edge, "To")) &&
		    equals(get(e, "To"), get(edge, "From")))
			return true;
	return false;
}

/* An edge to or from a cluster ends at its border. */
static void put_cluster(const struct json *nodes, const char *attribute, const char *id,
			struct buf *out)
{
	if (is_box(nodes, node_find(nodes, id)))
		buf_printf(out, ", %s=\"cluster_%s\"", attribute, id);
}

static void put_edge(const struct json *g, const struct json *e, struct buf *out)
{
	const char *from = get(e, "From"), *to = get(e, "To"), *label = get(e, "Label");
	const struct json *nodes = json_get(g, "Nodes");
	bool mutual = has_reverse(json_get(g, "Edges"), e);

	/* The internet reaches what lies in it: nothing to draw. */
	if ((mutual && strcmp(from, to) > 0) || is_child(node_find(nodes, from), to) ||
	    is_child(node_find(nodes, to), from))
		return;
	buf_printf(out, "\t\"%s\" -> \"%s\" [%s%s", from, to, edge_style(get(e, "Kind")),
		   mutual ? ", dir=both" : "");
	put_cluster(nodes, "ltail", from, out);
	put_cluster(nodes, "lhead", to, out);
	if (label) {
		buf_puts(out, ", label=<");
		put_destinations(out, label);
		buf_puts(out, ">");
	}
	buf_puts(out, "];\n");
}

void graph_dot(const struct json *g, struct buf *out)
{
	buf_puts(out, "digraph vpcd {\n"
		      "\tgraph [rankdir=LR, compound=true, fontname=\"sans-serif\", fontsize=11, "
		      "style=\"rounded,filled\", labeljust=l, nodesep=0.15, ranksep=0.6];\n"
		      "\tnode [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", "
		      "fontsize=10, margin=\"0.12,0.06\"];\n"
		      "\tedge [fontname=\"sans-serif\", fontsize=9, color=\"#475569\", "
		      "arrowsize=0.7];\n");
	put_children(json_get(g, "Nodes"), NULL, "\t", out);
	json_for_each (e, json_get(g, "Edges"))
		put_edge(g, e, out);
	buf_puts(out, "}\n");
}
