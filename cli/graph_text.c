/* SPDX-License-Identifier: MIT
 * See graph.h: a graph as a tree of text.
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

static const char *name_of(const struct json *g, const char *id)
{
	json_for_each (n, json_get(g, "Nodes"))
		if (!strcmp(get(n, "Id"), id))
			return get(n, "Name");
	return id;
}

/* Where its packets go. */
static void text_edges(const struct json *g, const struct json *node, struct buf *out)
{
	json_for_each (e, json_get(g, "Edges")) {
		const char *label = get(e, "Label");
		bool dead = !strcmp(get(e, "Kind"), "blackhole");

		if (strcmp(get(e, "From"), get(node, "Id")))
			continue;
		buf_printf(out, "  %s%s→ %s%s", label ? label : "", label ? " " : "",
			   name_of(g, get(e, "To")), dead ? " (blackhole)" : "");
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
