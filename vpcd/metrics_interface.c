/* SPDX-License-Identifier: MIT
 * Series of network interfaces, by their ids and the names of what has them.
 */
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "vpcd/metrics_interface.h"

struct figures {
	uint32_t ifindex;
	struct eni_totals now, reported; /* counters never go back */
	UT_hash_handle hh;
};

struct interface_metrics {
	struct figures *by_ifindex;
};

struct interface_metrics *interface_metrics_new(void)
{
	return calloc(1, sizeof(struct interface_metrics));
}

void interface_metrics_free(struct interface_metrics *m)
{
	struct figures *f, *tmp;

	if (!m)
		return;
	HASH_ITER (hh, m->by_ifindex, f, tmp) {
		HASH_DEL(m->by_ifindex, f);
		free(f);
	}
	free(m);
}

static struct figures *figures_of(struct interface_metrics *m, uint32_t ifindex)
{
	struct figures *f;

	HASH_FIND(hh, m->by_ifindex, &ifindex, sizeof(ifindex), f);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->ifindex = ifindex;
	HASH_ADD(hh, m->by_ifindex, ifindex, sizeof(f->ifindex), f);
	return f;
}

static int add_totals(void *arg, uint32_t ifindex, const struct eni_totals *t)
{
	struct figures *f = figures_of(arg, ifindex);

	if (!f)
		return -ENOMEM;
	f->now.sent_packets += t->sent_packets;
	f->now.sent_bytes += t->sent_bytes;
	f->now.received_packets += t->received_packets;
	f->now.received_bytes += t->received_bytes;
	return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A part on its way from a flow to the sums may be missing from this reading. */
static void keep_rising(struct figures *f)
{
	f->reported.sent_packets = larger(f->reported.sent_packets, f->now.sent_packets);
	f->reported.sent_bytes = larger(f->reported.sent_bytes, f->now.sent_bytes);
	f->reported.received_packets =
		larger(f->reported.received_packets, f->now.received_packets);
	f->reported.received_bytes = larger(f->reported.received_bytes, f->now.received_bytes);
}

/* Detached interfaces have no symbol any more. */
static void forget_gone(struct interface_metrics *m, const struct names *n)
{
	struct figures *f, *tmp;

	HASH_ITER (hh, m->by_ifindex, f, tmp) {
		if (names_symbol(n, NAME_INTERFACE, f->ifindex))
			continue;
		HASH_DEL(m->by_ifindex, f);
		free(f);
	}
}

/* ---- text ---- */

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_printf(out, *s == '\n' ? "\\n" : *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

void interface_label(const struct names *n, uint32_t ifindex, struct buf *out)
{
	const char *id = names_symbol(n, NAME_INTERFACE, ifindex);

	if (id)
		buf_printf(out, "network_interface=\"%s\"", id);
	else
		buf_printf(out, "network_interface=\"if%u\"", ifindex);
}

struct info {
	const struct model *model;
	struct buf *out;
};

/* Names change and stand apart, so that a series does not. */
static void put_info(void *arg, const char *id, uint32_t ifindex)
{
	const struct info *x = arg;
	const struct object *o = model_get(x->model, id), *holder = o;
	const char *vpc = o ? model_object_vpc(x->model, o) : NULL, *subnet = NULL;

	if (o && o->kind->kind == KIND_NETWORK_INTERFACE) {
		subnet = AS_CONST(network_interface, o)->subnet_id;
		if (AS_CONST(network_interface, o)->attachment_id)
			holder = model_get(x->model, AS_CONST(network_interface, o)->attachment_id);
	}
	buf_printf(x->out, "vpcd_network_interface_info{network_interface=\"%s\",name=\"", id);
	put_escaped(x->out, !holder ? id : holder->name ? holder->name : holder->id);
	buf_printf(x->out, "\",kind=\"%s\",vpc=\"%s\",subnet=\"%s\"} 1\n",
		   holder ? holder->kind->name : "builtin", vpc ? vpc : "", subnet ? subnet : "");
}

enum series { SENT_PACKETS, SENT_BYTES, RECEIVED_PACKETS, RECEIVED_BYTES };

static const struct {
	const char *name, *help;
} series[] = {
	[SENT_PACKETS] = {"transmit_packets_total",
			  "Packets that the interface sent and that were forwarded."},
	[SENT_BYTES] = {"transmit_bytes_total", "Bytes of IP packets that it sent."},
	[RECEIVED_PACKETS] = {"receive_packets_total",
			      "Packets that were delivered to the interface."},
	[RECEIVED_BYTES] = {"receive_bytes_total", "Bytes of IP packets delivered to it."},
};

static uint64_t value_of(const struct figures *f, enum series s)
{
	const uint64_t values[] = {[SENT_PACKETS] = f->reported.sent_packets,
				   [SENT_BYTES] = f->reported.sent_bytes,
				   [RECEIVED_PACKETS] = f->reported.received_packets,
				   [RECEIVED_BYTES] = f->reported.received_bytes};

	return values[s];
}

/* ---- traffic mirroring ---- */

struct mirror_put {
	const struct names *names;
	struct buf *out;
	const char *name;
	size_t in, out_at; /* of struct mirror_count: what to print of each direction */
};

static void put_mirror_count(const struct mirror_put *m, uint32_t ifindex, const char *direction,
			     uint64_t value)
{
	buf_printf(m->out, "vpcd_%s{", m->name);
	interface_label(m->names, ifindex, m->out);
	buf_printf(m->out, ",direction=\"%s\"} %llu\n", direction, (unsigned long long)value);
}

static int put_mirror(void *arg, uint32_t ifindex, const struct mirror_count *c)
{
	const struct mirror_put *m = arg;

	if (!names_symbol(m->names, NAME_INTERFACE, ifindex))
		return 0;
	put_mirror_count(m, ifindex, "in", *(const uint64_t *)((const char *)c + m->in));
	put_mirror_count(m, ifindex, "out", *(const uint64_t *)((const char *)c + m->out_at));
	return 0;
}

static void mirror_metrics_put(struct dataplane *dp, const struct names *n, struct buf *out)
{
	static const struct {
		const char *name, *help;
		size_t in, out;
	} counts[] = {
		{"mirrored_packets_total", "Packets of the interface that were copied to a target.",
		 offsetof(struct mirror_count, in.packets),
		 offsetof(struct mirror_count, out.packets)},
		{"mirrored_bytes_total", "Bytes of their frames, before they were cut.",
		 offsetof(struct mirror_count, in.bytes), offsetof(struct mirror_count, out.bytes)},
		{"mirror_skipped_packets_total", "Packets that no target got for want of a way.",
		 offsetof(struct mirror_count, skipped_in.packets),
		 offsetof(struct mirror_count, skipped_out.packets)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct mirror_put m = {n, out, counts[i].name, counts[i].in, counts[i].out};

		buf_printf(out, "# HELP vpcd_%s %s\n# TYPE vpcd_%s counter\n", m.name,
			   counts[i].help, m.name);
		dataplane_mirror_counts(dp, put_mirror, &m, NULL);
	}
}

void interface_metrics_put(struct interface_metrics *m, struct dataplane *dp, const struct names *n,
			   const struct model *model, struct buf *out)
{
	struct figures *f, *tmp;

	HASH_ITER (hh, m->by_ifindex, f, tmp)
		f->now = (struct eni_totals){0};
	if (dataplane_eni_totals(dp, add_totals, m, NULL))
		return;
	forget_gone(m, n);
	HASH_ITER (hh, m->by_ifindex, f, tmp)
		keep_rising(f);
	for (size_t s = 0; s < ARRAY_SIZE(series); s++) {
		buf_printf(out, "# HELP vpcd_interface_%s %s\n# TYPE vpcd_interface_%s counter\n",
			   series[s].name, series[s].help, series[s].name);
		HASH_ITER (hh, m->by_ifindex, f, tmp) {
			buf_printf(out, "vpcd_interface_%s{", series[s].name);
			interface_label(n, f->ifindex, out);
			buf_printf(out, "} %llu\n", (unsigned long long)value_of(f, s));
		}
	}
	mirror_metrics_put(dp, n, out);
	buf_puts(out, "# HELP vpcd_network_interface_info Whose interface it is, and where.\n"
		      "# TYPE vpcd_network_interface_info gauge\n");
	names_each(n, NAME_INTERFACE, put_info, &(struct info){model, out});
}
