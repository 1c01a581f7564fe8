/* SPDX-License-Identifier: MIT
 * Snapshots: the views and who sees which.
 */
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->hh.tbl = NULL)
#include <uthash.h>
/* Every step of a chain is a cache miss. (A table doubles as soon as one chain is that long: less
 * than this would need more buckets than there is memory.) */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

#include "dns/zone.h"
#include "lib/cleanup.h"

struct seen {
	UT_hash_handle hh;
	uint32_t id;
	struct dns_view *view;
};

struct client {
	UT_hash_handle hh;
	struct dns_client c;
};

struct dns_snapshot {
	struct seen *views;
	struct client *clients;
};

struct dns_snapshot *dns_snapshot_new(void)
{
	return calloc(1, sizeof(struct dns_snapshot));
}

void dns_snapshot_free(struct dns_snapshot *s)
{
	struct seen *v, *vtmp;
	struct client *c, *ctmp;

	if (!s)
		return;
	HASH_ITER (hh, s->views, v, vtmp) {
		HASH_DEL(s->views, v);
		dns_view_unref(v->view);
		free(v);
	}
	HASH_ITER (hh, s->clients, c, ctmp) {
		HASH_DEL(s->clients, c);
		free(c);
	}
	free(s);
}

static struct seen *view_get(const struct dns_snapshot *s, uint32_t id)
{
	struct seen *v;

	HASH_FIND(hh, s->views, &id, sizeof(id), v);
	return v;
}

int dns_snapshot_add(struct dns_snapshot *s, struct dns_view *v, struct err *e)
{
	struct seen *seen;
	int rc = dns_view_seal(v, e);

	if (rc)
		return rc;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		return err_sys(e, -ENOMEM, "DNS view");
	seen->id = dns_view_id(v);
	HASH_ADD(hh, s->views, id, sizeof(seen->id), seen);
	if (!seen->hh.tbl) {
		free(seen);
		return err_sys(e, -ENOMEM, "DNS view");
	}
	seen->view = dns_view_ref(v);
	return 0;
}

int dns_client_add(struct dns_snapshot *s, const struct dns_client *client, struct err *e)
{
	struct client *c;

	HASH_FIND(hh, s->clients, &client->ip, sizeof(client->ip), c);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return err_sys(e, -ENOMEM, "DNS client");
		c->c.ip = client->ip;
		HASH_ADD(hh, s->clients, c.ip, sizeof(c->c.ip), c);
		if (!c->hh.tbl) {
			free(c);
			return err_sys(e, -ENOMEM, "DNS client");
		}
	}
	c->c = *client;
	return 0;
}

/* ---- look-up ---- */

const struct dns_view *dns_snapshot_view(const struct dns_snapshot *s, uint32_t id)
{
	const struct seen *v = view_get(s, id);

	return v ? v->view : NULL;
}

const struct dns_client *dns_snapshot_client(const struct dns_snapshot *s, const struct ip *client)
{
	struct client *c;

	HASH_FIND(hh, s->clients, client, sizeof(*client), c);
	return c ? &c->c : NULL;
}

void dns_snapshot_each(const struct dns_snapshot *s,
		       void (*fn)(void *arg, const struct dns_view *v), void *arg)
{
	for (const struct seen *v = s->views; v; v = v->hh.next)
		fn(arg, v->view);
}
