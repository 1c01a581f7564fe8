/* SPDX-License-Identifier: MIT
 * Flow logs' side of the data plane. See dataplane.h.
 *
 * What flows carried is read from them, a few at a time, by collection. What is in no flow is kept
 * in flow_parts under the number of an epoch: turning to a new one, and waiting until no program
 * can hold the old one, leaves entries that nobody writes any more; they are read and deleted.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/private.h"

static struct dp_config *config(const struct dataplane *dp)
{
	return dp->config.p;
}

static uint32_t epoch(const struct dataplane *dp)
{
	return __atomic_load_n(&config(dp)->flow_log, __ATOMIC_ACQUIRE);
}

static void set_epoch(struct dataplane *dp, uint32_t n)
{
	__atomic_store_n(&config(dp)->flow_log_entries, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&config(dp)->flow_log, n, __ATOMIC_RELEASE);
}

void dataplane_flow_log(struct dataplane *dp, dataplane_part_fn *fn,
			bool (*wanted)(void *arg, uint32_t ifindex), void *arg)
{
	dp->log.fn = fn;
	dp->log.wanted = wanted;
	dp->log.arg = arg;
	if (fn && !epoch(dp))
		set_epoch(dp, 1);
	if (!fn && epoch(dp))
		set_epoch(dp, 0);
}

void dataplane_flow_log_due(struct dataplane *dp, uint32_t due)
{
	dp->log.due = due;
}

/* ---- from flows ---- */

bool flow_log_wants(const struct dataplane *dp, const struct flow_key *k, const struct flow *f)
{
	const struct flow_log_reader *l = &dp->log;

	return l->fn && f->since < l->due && f->state != FLOW_CLAIMED &&
	       f->packets != (f->accounted_packets & FLOW_COUNTED) &&
	       (f->nat || l->wanted(l->arg, k->ifindex) || l->wanted(l->arg, f->output_ifindex));
}

void flow_log_part(const struct dataplane *dp, const struct flow_part *p)
{
	if (dp->log.fn && p->n.packets)
		dp->log.fn(dp->log.arg, p);
}

/* ---- from flow_parts ---- */

int dataplane_flow_log_add(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	struct flow_log_loss none = {0};

	if (bpf_map_update_elem(dp->flow_logged.fd, &ifindex, &none, BPF_NOEXIST) &&
	    errno != EEXIST)
		return map_error(e, -errno, "write", &dp->flow_logged, &ifindex);
	return 0;
}

static int loss_read(const struct map_ref *m, uint32_t ifindex, struct flow_log_loss *ret,
		     struct err *e)
{
	*ret = (struct flow_log_loss){0};
	if (!bpf_map_lookup_elem(m->fd, &ifindex, ret) || errno == ENOENT)
		return 0;
	return map_error(e, -errno, "read", m, &ifindex);
}

int dataplane_flow_log_loss(struct dataplane *dp, uint32_t ifindex, struct flow_log_loss *ret,
			    struct err *e)
{
	struct flow_log_loss told;
	int rc = loss_read(&dp->flow_logged, ifindex, ret, e);

	if (!rc)
		rc = loss_read(&dp->flow_log_told, ifindex, &told, e);
	if (rc)
		return rc;
	ret->packets -= told.packets;
	ret->bytes -= told.bytes;
	return 0;
}

int dataplane_flow_log_loss_told(struct dataplane *dp, uint32_t ifindex,
				 const struct flow_log_loss *lost, struct err *e)
{
	struct flow_log_loss told;
	int rc = loss_read(&dp->flow_log_told, ifindex, &told, e);

	if (rc)
		return rc;
	told.packets += lost->packets;
	told.bytes += lost->bytes;
	if (bpf_map_update_elem(dp->flow_log_told.fd, &ifindex, &told, BPF_ANY))
		return map_error(e, -errno, "write", &dp->flow_log_told, &ifindex);
	return 0;
}

int dataplane_flow_log_remove(struct dataplane *dp, uint32_t ifindex, struct err *e)
{
	int rc = map_delete(&dp->flow_log_told, &ifindex, 1, e);

	return rc ? rc : map_delete(&dp->flow_logged, &ifindex, 1, e);
}

struct logged_walk {
	int (*fn)(void *arg, uint32_t ifindex, const struct flow_log_loss *l);
	void *arg;
};

static int logged_one(void *arg, const void *key, const void *value)
{
	const struct logged_walk *w = arg;

	return w->fn(w->arg, *(const uint32_t *)key, value);
}

int dataplane_flow_log_each(struct dataplane *dp,
			    int (*fn)(void *arg, uint32_t ifindex, const struct flow_log_loss *l),
			    void *arg, struct err *e)
{
	struct logged_walk w = {fn, arg};

	return map_walk(&dp->flow_logged, logged_one, &w, e);
}

void dataplane_flow_log_turn(struct dataplane *dp)
{
	uint32_t next = epoch(dp) + 1;

	set_epoch(dp, next ? next : 1);
	dp->log.turned = kernel_now();
}

uint32_t dataplane_flow_log_entries(const struct dataplane *dp)
{
	return __atomic_load_n(&config(dp)->flow_log_entries, __ATOMIC_ACQUIRE);
}

/* The slice's parts of epochs that are over, told and deleted. */
static int tell_slice(struct dataplane *dp, const struct map_reader *slice, struct err *e)
{
	const struct flow_part_key *of = (const struct flow_part_key *)slice->keys;
	const struct flow_part_counts *n = (const struct flow_part_counts *)slice->values;
	const uint32_t now = epoch(dp);
	int rc = 0;

	for (uint32_t i = 0; i < slice->n && !rc; i++) {
		const struct flow_part p = {.of = of[i], .n = n[i]};

		if (p.of.epoch == now)
			continue;
		flow_log_part(dp, &p);
		rc = map_delete(&dp->flow_parts, &of[i], 1, e);
	}
	return rc;
}

int dataplane_flow_log_tell(struct dataplane *dp, size_t budget, struct err *e)
{
	int end = 0, rc = 0;

	if (kernel_now() < dp->log.turned + GRACE_NS)
		return -EAGAIN;
	for (size_t n = 0; !end && !rc && n < budget; n += dp->parts.n) {
		size_t left = budget - n;

		end = map_reader_next(&dp->parts, left < MAP_BATCH ? (uint32_t)left : MAP_BATCH, e);
		rc = end < 0 ? end : tell_slice(dp, &dp->parts, e);
	}
	return rc ? rc : !end;
}
