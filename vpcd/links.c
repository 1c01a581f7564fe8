/* SPDX-License-Identifier: MIT
 * See links.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "lib/cleanup.h"
#include "vpcd/links.h"

struct link {
	char id[SYMBOL_LEN];
	uint32_t ifindex;
	bool has_program, alive, seen;
	struct item_attachment *body; /* as made; NULL: by an earlier daemon */
	size_t len;
	UT_hash_handle hh;
};

struct links {
	struct fabric *fabric;
	struct dataplane *dp;
	struct names *names;
	const char *run_dir;
	struct link *links;
	uint32_t *gone; /* indexes of what was removed, whose flows end with links_settle() */
	size_t n_gone, cap_gone;
};

struct links *links_new(struct fabric *f, struct dataplane *dp, struct names *names,
			const char *run_dir)
{
	struct links *l = calloc(1, sizeof(*l));

	if (l)
		*l = (struct links){.fabric = f, .dp = dp, .names = names, .run_dir = run_dir};
	return l;
}

static void link_free(struct links *l, struct link *k)
{
	HASH_DEL(l->links, k);
	free(k->body);
	free(k);
}

void links_free(struct links *l)
{
	struct link *k, *tmp;

	if (!l)
		return;
	HASH_ITER (hh, l->links, k, tmp)
		link_free(l, k);
	free(l->gone);
	free(l);
}

static struct link *link_find(const struct links *l, const char *id)
{
	struct link *k;

	HASH_FIND_STR(l->links, id, k);
	return k;
}

static struct link *link_add(struct links *l, const char *id, uint32_t ifindex)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	symbol_set(k->id, id);
	k->ifindex = ifindex;
	HASH_ADD_STR(l->links, id, k);
	return k;
}

bool links_up(const struct links *l, const char *id)
{
	return link_find(l, id) != NULL;
}

static int sync_one(void *arg, const struct attachment_state *st)
{
	struct links *l = arg;
	struct link *k = link_find(l, st->id);

	if (k && k->ifindex != st->ifindex) /* two of one id: the unknown one goes */
		return fabric_detach(l->fabric, st->id, st->ifindex, NULL);
	if (!k)
		k = link_add(l, st->id, st->ifindex);
	if (!k)
		return -ENOMEM;
	k->has_program = st->has_program;
	k->alive = st->up && st->namespace_alive;
	k->seen = true;
	return 0;
}

int links_sync(struct links *l, struct err *e)
{
	struct link *k, *tmp;
	int rc = fabric_list(l->fabric, sync_one, l, e);

	HASH_ITER (hh, l->links, k, tmp) {
		if (!rc && !k->seen)
			link_free(l, k);
		else
			k->seen = false;
	}
	return rc;
}

/* The interface index of a new attachment: the symbol's own, a pooled one, or a fresh one. */
static int pick_ifindex(struct links *l, const char *id, bool ours, uint32_t *ret, struct err *e)
{
	uint32_t pooled;

	*ret = names_find(l->names, NAME_INTERFACE, id);
	if (*ret)
		return 0;
	pooled = ours ? fabric_pool_take_ifindex(l->fabric) : 0;
	if (!pooled)
		return names_get(l->names, NAME_INTERFACE, id, ret, e);
	*ret = pooled;
	return names_bind(l->names, NAME_INTERFACE, id, pooled, e);
}

/* What an item says, as the fabric takes it; points into the item and into path. */
static struct attachment_spec spec_of(const struct links *l, const char *id,
				      const struct item_attachment *body, char *path, size_t len)
{
	struct attachment_spec spec = {.id = id,
				       .ifname = body->ifname,
				       .mac = body->mac,
				       .mtu = body->mtu,
				       .address = body->address,
				       .gateway = body->gateway,
				       .gateway6 = body->gateway6,
				       .more_addresses = body->more,
				       .n_more_addresses = body->n_more};

	if (body->netns_path[0] == '@')
		snprintf(path, len, "%s/ns/%s.net", l->run_dir, body->netns_path + 1);
	else
		snprintf(path, len, "%s", body->netns_path);
	if (path[0])
		spec.netns_path = path;
	spec.uplink = body->uplink;
	if (body->n_routes) {
		spec.no_default_route = true;
		spec.routes = body->more + body->n_more;
		spec.n_routes = body->n_routes;
	}
	return spec;
}

static void link_set_body(struct link *k, const struct item *it)
{
	free(k->body);
	k->body = malloc(it->len);
	k->len = k->body ? it->len : 0;
	if (k->body)
		memcpy(k->body, it->body, it->len);
}

static int attach(struct links *l, const struct item *it, struct err *e)
{
	char path[4096];
	struct attachment_spec spec = spec_of(l, it->key, it->body, path, sizeof(path));
	struct link *k;
	int rc = pick_ifindex(l, it->key, !path[0], &spec.ifindex, e);

	if (!rc)
		rc = fabric_attach(l->fabric, &spec, e);
	if (rc)
		return rc;
	k = link_add(l, it->key, spec.ifindex);
	if (!k)
		return err_sys(e, -ENOMEM, "attach %s", it->key);
	k->has_program = k->alive = true;
	link_set_body(k, it);
	return 0;
}

static bool body_equal(const struct link *k, const struct item *it)
{
	return k->body && k->len == it->len && !memcmp(k->body, it->body, it->len);
}

/* Nothing but addresses and routes differ: the link may stay. One of an earlier daemon's is taken
 * to be as wanted but for these. */
static bool same_link(const struct link *k, const struct item_attachment *body)
{
	const struct item_attachment *old = k->body;

	return !old ||
	       (!strcmp(old->owner, body->owner) && !strcmp(old->netns_path, body->netns_path) &&
		!strcmp(old->ifname, body->ifname) && old->mtu == body->mtu &&
		!memcmp(&old->mac, &body->mac, sizeof(old->mac)));
}

static int readdress(struct links *l, struct link *k, const struct item *it, struct err *e)
{
	char path[4096], old_path[4096];
	struct attachment_spec old, spec = spec_of(l, it->key, it->body, path, sizeof(path));
	int rc;

	if (k->body)
		old = spec_of(l, it->key, k->body, old_path, sizeof(old_path));
	rc = fabric_readdress(l->fabric, k->body ? &old : NULL, &spec, e);
	if (!rc)
		link_set_body(k, it);
	return rc;
}

int links_put(struct links *l, const struct item *it, struct err *e)
{
	struct link *k = link_find(l, it->key);
	int rc = 0;

	if (k && k->ifindex == names_find(l->names, NAME_INTERFACE, it->key) && k->alive &&
	    same_link(k, it->body)) {
		if (!body_equal(k, it))
			rc = readdress(l, k, it, e);
		if (rc || k->has_program)
			return rc;
		rc = fabric_attach_program(l->fabric, k->ifindex, e);
		k->has_program = !rc;
		return rc;
	}
	if (k) {
		rc = links_remove(l, it->key, e);
		if (rc)
			return rc;
	}
	return attach(l, it, e);
}

static int gone_add(struct links *l, uint32_t ifindex)
{
	if (l->n_gone == l->cap_gone) {
		size_t cap = l->cap_gone ? 2 * l->cap_gone : 64;
		void *v = reallocarray(l->gone, cap, sizeof(*l->gone));

		if (!v)
			return -ENOMEM;
		l->gone = v;
		l->cap_gone = cap;
	}
	l->gone[l->n_gone++] = ifindex;
	return 0;
}

int links_settle(struct links *l, struct err *e)
{
	int rc = l->n_gone ? dataplane_end_flows(l->dp, l->gone, l->n_gone, e) : 0;

	for (size_t i = 0; i < l->n_gone && !rc; i++)
		rc = dataplane_forget_counters(l->dp, l->gone[i], e);
	if (!rc)
		l->n_gone = 0;
	return rc;
}

int links_remove(struct links *l, const char *id, struct err *e)
{
	struct link *k = link_find(l, id);
	uint32_t ifindex = k ? k->ifindex : names_find(l->names, NAME_INTERFACE, id);
	int rc = 0;

	if (ifindex) {
		rc = fabric_detach(l->fabric, id, ifindex, e);
		if (!rc && gone_add(l, ifindex))
			rc = err_sys(e, -ENOMEM, "end its flows");
	}
	if (rc)
		return err_wrap(e, "detach %s", id);
	/* The index was this attachment's identity: the next one gets another. */
	names_release(l->names, NAME_INTERFACE, id);
	if (k)
		link_free(l, k);
	return 0;
}

int links_sweep(struct links *l, const struct plan *p, struct err *e)
{
	struct link *k, *tmp;
	int n = 0;

	HASH_ITER (hh, l->links, k, tmp) {
		int rc;

		if (plan_get(p, ITEM_ATTACHMENT, k->id))
			continue;
		rc = links_remove(l, k->id, e);
		if (rc)
			return rc;
		n++;
	}
	return n;
}
