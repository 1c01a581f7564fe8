/* SPDX-License-Identifier: MIT
 * See graph.h: a graph as a tree of text, and as Graphviz reads it.
 */
#include <string.h>

#include "cli/graph.h"
#include "lib/buf.h"

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

static bool is_child(const struct json *node, const char *parent)
{
	const char *p = get(node, "Parent");

	return parent ? p && !strcmp(p, parent) : !p;
}

static bool has_children(const struct json *nodes, const char *id)
{
	json_for_each (n, nodes)
		if (is_child(n, id))
			return true;
	return false;
}

static const char *name_of(const struct json *g, const char *id)
{
	json_for_each (n, json_get(g, "Nodes"))
		if (!strcmp(get(n, "Id"), id))
			return get(n, "Name");
	return id;
}

/* ---- text ---- */

/* Where its packets go. */
static void text_edges(const struct json *g, const struct json *node, struct buf *out)
{
	json_for_each (e, json_get(g, "Edges")) {
		const char *label = get(e, "Label");

		if (strcmp(get(e, "From"), get(node, "Id")))
			continue;
		buf_printf(out, "  %s%s→ %s", label ? label : "", label ? " " : "",
			   name_of(g, get(e, "To")));
	}
}

static void text_children(const struct json *g, const char *parent, const char *indent,
			  struct buf *out)
{
	const struct json *nodes = json_get(g, "Nodes");
	size_t left = 0;

	json_for_each (n, nodes)
		left += is_child(n, parent);
	json_for_each (n, nodes) {
		const char *detail = get(n, "Detail"), *kind = get(n, "Kind");
		cleanup_buf struct buf below = {0};

		if (!is_child(n, parent))
			continue;
		left--;
		buf_printf(out, "%s%s", indent, !parent ? "" : left ? "├─ " : "└─ ");
		buf_printf(out, strcmp(kind, get(n, "Name")) ? "%s %s" : "%s", kind,
			   get(n, "Name"));
		if (detail)
			buf_printf(out, "  %s", detail);
		text_edges(g, n, out);
		buf_puts(out, "\n");
		buf_printf(&below, "%s%s", indent, !parent ? "" : left ? "│  " : "   ");
		text_children(g, get(n, "Id"), buf_str(&below), out);
	}
}

void graph_text(const struct json *g, struct buf *out)
{
	text_children(g, NULL, "", out);
}

/* ---- dot ---- */

static const struct {
	const char *kind, *shape, *fill;
} looks[] = {
	{"instance", "box", "#dbeafe"},
	{"function", "component", "#ede9fe"},
	{"internet-host", "box", "#f3f4f6"},
	{"internet-gateway", "house", "#dcfce7"},
	{"egress-only-internet-gateway", "invhouse", "#dcfce7"},
	{"nat-gateway", "hexagon", "#fef3c7"},
	{"vpc-peering-connection", "diamond", "#fce7f3"},
};

/* Within double quotes; a new line is Graphviz's own escape. */
static void dot_quote(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

static void dot_label(struct buf *out, const struct json *node)
{
	const char *detail = get(node, "Detail"), *kind = get(node, "Kind");

	buf_puts(out, "label=\"");
	dot_quote(out, get(node, "Name"));
	if (strcmp(kind, get(node, "Name"))) {
		buf_puts(out, "\\n");
		dot_quote(out, kind);
	}
	if (detail) {
		buf_puts(out, "\\n");
		dot_quote(out, detail);
	}
	buf_puts(out, "\"");
}

static bool is_box(const struct json *nodes, const struct json *node)
{
	const char *kind = get(node, "Kind");

	return !strcmp(kind, "vpc") || !strcmp(kind, "subnet") ||
	       has_children(nodes, get(node, "Id"));
}

static void dot_node(const struct json *node, const char *indent, struct buf *out)
{
	const char *shape = "ellipse", *fill = "#ffffff";

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (!strcmp(looks[i].kind, get(node, "Kind"))) {
			shape = looks[i].shape;
			fill = looks[i].fill;
		}
	buf_printf(out, "%s\"%s\" [shape=%s, fillcolor=\"%s\", ", indent, get(node, "Id"), shape,
		   fill);
	dot_label(out, node);
	buf_puts(out, "];\n");
}

/* Edges of a cluster begin at a point within it. */
static void dot_children(const struct json *nodes, const char *parent, const char *indent,
			 struct buf *out)
{
	json_for_each (n, nodes) {
		const char *id = get(n, "Id");
		cleanup_buf struct buf below = {0};

		if (!is_child(n, parent))
			continue;
		if (!is_box(nodes, n)) {
			dot_node(n, indent, out);
			continue;
		}
		buf_printf(&below, "%s\t", indent);
		buf_printf(out, "%ssubgraph \"cluster_%s\" {\n%s", indent, id, buf_str(&below));
		dot_label(out, n);
		buf_printf(out, ";\n%s\"%s\" [shape=point, style=invis, width=0];\n",
			   buf_str(&below), id);
		dot_children(nodes, id, buf_str(&below), out);
		buf_printf(out, "%s}\n", indent);
	}
}

static const struct json *node_find(const struct json *nodes, const char *id)
{
	json_for_each (n, nodes)
		if (!strcmp(get(n, "Id"), id))
			return n;
	return NULL;
}

static void dot_edge(const struct json *nodes, const struct json *e, struct buf *out)
{
	const char *from = get(e, "From"), *to = get(e, "To"), *label = get(e, "Label");
	bool peering = !strcmp(get(e, "Kind"), "peering"), reach = !strcmp(get(e, "Kind"), "reach");

	buf_printf(out, "\t\"%s\" -> \"%s\" [", from, to);
	if (is_box(nodes, node_find(nodes, from)))
		buf_printf(out, "ltail=\"cluster_%s\", ", from);
	if (is_box(nodes, node_find(nodes, to)))
		buf_printf(out, "lhead=\"cluster_%s\", ", to);
	if (peering)
		buf_puts(out, "dir=none, style=dashed, ");
	if (reach)
		buf_puts(out, "color=\"#16a34a\", ");
	buf_puts(out, "label=\"");
	dot_quote(out, label ? label : "");
	buf_puts(out, "\"];\n");
}

void graph_dot(const struct json *g, struct buf *out)
{
	const struct json *nodes = json_get(g, "Nodes");

	buf_puts(out,
		 "digraph vpcd {\n"
		 "\tgraph [rankdir=LR, compound=true, fontname=\"sans-serif\", fontsize=11, "
		 "style=rounded, color=\"#9ca3af\"];\n"
		 "\tnode [style=filled, fontname=\"sans-serif\", fontsize=10, color=\"#6b7280\"];\n"
		 "\tedge [fontname=\"sans-serif\", fontsize=9, color=\"#6b7280\"];\n");
	dot_children(nodes, NULL, "\t", out);
	json_for_each (e, json_get(g, "Edges"))
		dot_edge(nodes, e, out);
	buf_puts(out, "}\n");
}
