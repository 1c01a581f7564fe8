/* SPDX-License-Identifier: MIT
 * See graph.h: many sandboxes that reach and are reached alike are one node of a picture.
 *
 * Two are alike if they lie in one place, are of one kind, and every other sandbox reaches both or
 * neither, and is reached by both or neither. Whether members of a set reach one another is the
 * same for all of its pairs; that is an edge from the set to itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/graph.h"
#include "lib/buf.h"

struct merging {
	const struct json **nodes; /* what edges may join: n of them */
	size_t n;
	uint8_t *reach; /* n * n: from * n + to */
	size_t *set;	/* index of the first one that is alike */
	size_t *size;	/* of the set, by its first one */
};

static const char *get(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

static void merging_done(struct merging *m)
{
	free(m->nodes);
	free(m->reach);
	free(m->set);
	free(m->size);
}

static bool reaches(const struct merging *m, size_t from, size_t to)
{
	return m->reach[from * m->n + to];
}

static size_t index_of(const struct json *by_id, const char *id)
{
	return (size_t)json_num(json_get(by_id, id));
}

static bool equals(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* j is the first one of a set, and i may join it. */
static bool are_alike(const struct merging *m, size_t i, size_t j)
{
	if (!equals(get(m->nodes[i], "Parent"), get(m->nodes[j], "Parent")) ||
	    !equals(get(m->nodes[i], "Kind"), get(m->nodes[j], "Kind")) ||
	    reaches(m, i, j) != reaches(m, j, i))
		return false;
	for (size_t k = 0; k < m->n; k++) {
		if (k == i || k == j)
			continue;
		/* What the set's members are to one another, i is to them. */
		if (k < i && m->set[k] == j && reaches(m, j, k) != reaches(m, j, i))
			return false;
		if (reaches(m, i, k) != reaches(m, j, k) || reaches(m, k, i) != reaches(m, k, j))
			return false;
	}
	return true;
}

static void sets_find(struct merging *m)
{
	for (size_t i = 0; i < m->n; i++) {
		m->set[i] = i;
		for (size_t j = 0; j < i && m->set[i] == i; j++)
			if (m->set[j] == j && are_alike(m, i, j))
				m->set[i] = j;
		m->size[m->set[i]]++;
	}
}

/* "a … z" and "×26" for a set, the node itself for one of its own. */
static struct json *set_node(const struct merging *m, size_t first)
{
	struct json *node = json_copy(m->nodes[first]);
	const char *last = "";
	cleanup_buf struct buf name = {0}, detail = {0};

	if (m->size[first] < 2)
		return node;
	for (size_t i = 0; i < m->n; i++)
		if (m->set[i] == first)
			last = get(m->nodes[i], "Name");
	buf_printf(&name, "%s … %s", get(node, "Name"), last);
	buf_printf(&detail, "×%zu", m->size[first]);
	json_set_str(node, "Name", buf_str(&name));
	json_set_str(node, "Detail", buf_str(&detail));
	return node;
}

/* Do members of the one set reach those of the other? One pair of them stands for all. */
static bool set_reaches(const struct merging *m, size_t from, size_t to)
{
	if (from != to)
		return reaches(m, from, to);
	for (size_t i = from + 1; i < m->n; i++)
		if (m->set[i] == from)
			return reaches(m, from, i);
	return false;
}

static struct json *set_edges(const struct merging *m)
{
	struct json *edges = json_new_arr();

	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; j < m->n; j++) {
			struct json *e;

			if (m->set[i] != i || m->set[j] != j || !set_reaches(m, i, j))
				continue;
			e = json_new_obj();
			json_set_str(e, "From", get(m->nodes[i], "Id"));
			json_set_str(e, "To", get(m->nodes[j], "Id"));
			json_set_str(e, "Kind", "reach");
			json_append(edges, e);
		}
	return edges;
}

static struct json *merged(const struct merging *m, const struct json *g, const struct json *by_id)
{
	struct json *out = json_new_obj(), *nodes = json_new_arr();

	json_for_each (n, json_get(g, "Nodes")) {
		const char *id = get(n, "Id");
		size_t i = index_of(by_id, id);

		if (!json_get(by_id, id))
			json_append(nodes, json_copy(n));
		else if (m->set[i] == i)
			json_append(nodes, set_node(m, i));
	}
	json_set(out, "Nodes", nodes);
	json_set(out, "Edges", set_edges(m));
	return out;
}

static bool is_end(const char *kind)
{
	return !strcmp(kind, "instance") || !strcmp(kind, "function") ||
	       !strcmp(kind, "internet-host") || !strcmp(kind, "internet");
}

struct json *graph_merge(const struct json *g)
{
	const struct json *nodes = json_get(g, "Nodes"), *edges = json_get(g, "Edges");
	cleanup_json struct json *by_id = json_new_obj();
	struct merging m = {.nodes = calloc(json_len(nodes) + 1, sizeof(*m.nodes))};
	struct json *out = NULL;

	json_for_each (n, nodes) {
		if (!m.nodes || !is_end(get(n, "Kind")))
			continue;
		json_set_num(by_id, get(n, "Id"), (double)m.n);
		m.nodes[m.n++] = n;
	}
	m.reach = calloc(m.n + 1, m.n + 1);
	m.set = calloc(m.n + 1, sizeof(*m.set));
	m.size = calloc(m.n + 1, sizeof(*m.size));
	if (m.nodes && m.reach && m.set && m.size) {
		json_for_each (e, edges)
			if (json_get(by_id, get(e, "From")) && json_get(by_id, get(e, "To")))
				m.reach[index_of(by_id, get(e, "From")) * m.n +
					index_of(by_id, get(e, "To"))] = 1;
		sets_find(&m);
		out = merged(&m, g, by_id);
	}
	merging_done(&m);
	return out;
}
