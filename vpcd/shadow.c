/* SPDX-License-Identifier: MIT
 * See shadow.h. One hash of entries over all maps (key: map number and key bytes) and one of items;
 * an entry is in the list of the item that claims it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "lib/buf.h"
#include "vpcd/shadow.h"

#define KEY_MAX 80

struct claim;

struct entry {
	struct {
		uint32_t map;
		uint8_t key[KEY_MAX];
	} id;
	void *value;	     /* as the kernel has it; NULL: not there, or unknown */
	void *wanted;	     /* by the claim that is open */
	struct claim *claim; /* NULL: nobody's */
	bool seen;	     /* by the sync under way */
	struct entry *prev, *next;
	UT_hash_handle hh;
};

struct claim {
	char item[160];
	struct entry *entries;
	UT_hash_handle hh;
};

struct shadow {
	struct dataplane *dp;
	struct entry *entries;
	struct claim *claims;
	struct claim *open;
	struct shadow_counts totals;
};

struct shadow *shadow_new(struct dataplane *dp)
{
	struct shadow *s = calloc(1, sizeof(*s));

	if (s)
		s->dp = dp;
	return s;
}

static void entry_free(struct shadow *s, struct entry *en)
{
	if (en->claim)
		DL_DELETE(en->claim->entries, en);
	HASH_DEL(s->entries, en);
	free(en->value);
	free(en->wanted);
	free(en);
}

static void claim_free(struct shadow *s, struct claim *c)
{
	HASH_DEL(s->claims, c);
	free(c);
}

void shadow_free(struct shadow *s)
{
	struct entry *en, *en_tmp;
	struct claim *c, *c_tmp;

	if (!s)
		return;
	HASH_ITER (hh, s->entries, en, en_tmp)
		entry_free(s, en);
	HASH_ITER (hh, s->claims, c, c_tmp)
		claim_free(s, c);
	free(s);
}

static struct entry *entry_find(const struct shadow *s, enum dp_map map, const void *key,
				struct entry *probe)
{
	struct entry *en;

	memset(&probe->id, 0, sizeof(probe->id));
	probe->id.map = map;
	memcpy(probe->id.key, key, dataplane_key_size(map));
	HASH_FIND(hh, s->entries, &probe->id, sizeof(probe->id), en);
	return en;
}

static struct entry *entry_get(struct shadow *s, enum dp_map map, const void *key)
{
	struct entry probe, *en = entry_find(s, map, key, &probe);

	if (en)
		return en;
	en = calloc(1, sizeof(*en));
	if (!en)
		return NULL;
	en->id = probe.id;
	HASH_ADD(hh, s->entries, id, sizeof(en->id), en);
	return en;
}

bool shadow_get(const struct shadow *s, enum dp_map map, const void *key, void *ret)
{
	struct entry probe;
	const struct entry *en = entry_find(s, map, key, &probe);

	if (!en || !en->value)
		return false;
	memcpy(ret, en->value, dataplane_value_size(map));
	return true;
}

struct shadow_counts shadow_totals(const struct shadow *s)
{
	return s->totals;
}

static void *copy(const void *value, size_t len)
{
	void *p = malloc(len);

	if (p)
		memcpy(p, value, len);
	return p;
}

struct sync {
	struct shadow *s;
	enum dp_map map;
};

static int sync_entry(void *arg, const void *key, const void *value)
{
	struct sync *y = arg;
	struct entry *en = entry_get(y->s, y->map, key);

	if (!en)
		return -ENOMEM;
	free(en->value);
	en->value = copy(value, dataplane_value_size(y->map));
	en->seen = true;
	return en->value ? 0 : -ENOMEM;
}

int shadow_sync(struct shadow *s, struct err *e)
{
	struct entry *en, *tmp;

	/* From DP_RULE_TOTALS on they are kept by others. */
	for (enum dp_map map = 0; map < DP_RULE_TOTALS; map++) {
		struct sync y = {s, map};
		int rc = dataplane_dump(s->dp, map, sync_entry, &y, e);

		if (rc)
			return err_wrap(e, "read map %s", dataplane_map_name(map));
	}
	HASH_ITER (hh, s->entries, en, tmp) {
		if (!en->seen) { /* somebody deleted it: the next put writes it */
			free(en->value);
			en->value = NULL;
		}
		en->seen = false;
		if (!en->value && !en->claim)
			entry_free(s, en);
	}
	return 0;
}

static struct claim *claim_get(struct shadow *s, const char *item, bool make)
{
	struct claim *c;

	HASH_FIND_STR(s->claims, item, c);
	if (c || !make)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	snprintf(c->item, sizeof(c->item), "%s", item);
	HASH_ADD_STR(s->claims, item, c);
	return c;
}

void shadow_begin(struct shadow *s, const char *item)
{
	s->open = claim_get(s, item, true);
}

int shadow_put(struct shadow *s, enum dp_map map, const void *key, const void *value)
{
	struct entry *en = entry_get(s, map, key);

	if (!en)
		return -ENOMEM;
	if (en->claim != s->open) {
		if (en->claim)
			DL_DELETE(en->claim->entries, en);
		en->claim = s->open;
		DL_APPEND(s->open->entries, en);
	}
	free(en->wanted);
	en->wanted = copy(value, dataplane_value_size(map));
	return en->wanted ? 0 : -ENOMEM;
}

/* Entries of one map, gathered for one call. */
struct batch {
	struct buf keys, values;
	size_t n;
};

static void batch_add(struct batch *b, const struct entry *en, const void *value)
{
	buf_add(&b->keys, en->id.key, dataplane_key_size(en->id.map));
	if (value)
		buf_add(&b->values, value, dataplane_value_size(en->id.map));
	b->n++;
}

static void batch_done(struct batch *b)
{
	buf_done(&b->keys);
	buf_done(&b->values);
}

static bool entry_differs(const struct entry *en)
{
	return en->wanted &&
	       (!en->value || memcmp(en->value, en->wanted, dataplane_value_size(en->id.map)));
}

/* Updates what differs in one map. */
static int write_map(struct shadow *s, struct claim *c, enum dp_map map,
		     struct shadow_counts *counts, struct err *e)
{
	struct batch b = {0};
	struct entry *en;
	int rc = 0;

	DL_FOREACH(c->entries, en)
	{
		if (en->id.map != map || !entry_differs(en))
			continue;
		if (en->value)
			counts->updated++;
		else
			counts->inserted++;
		batch_add(&b, en, en->wanted);
	}
	if (b.n)
		rc = b.keys.rc || b.values.rc
			     ? err_sys(e, -ENOMEM, "map %s", dataplane_map_name(map))
			     : dataplane_update(s->dp, map, b.keys.p, b.values.p, b.n, e);
	batch_done(&b);
	return rc;
}

/* After the updates: what the item had before and did not put again. */
static int drop_map(struct shadow *s, struct claim *c, enum dp_map map, bool all,
		    struct shadow_counts *counts, struct err *e)
{
	struct batch b = {0};
	struct entry *en, *tmp;
	int rc = 0;

	DL_FOREACH(c->entries, en)
	if (en->id.map == map && (all || !en->wanted) && en->value)
		batch_add(&b, en, NULL);
	if (b.n)
		rc = dataplane_delete(s->dp, map, b.keys.p, b.n, e);
	counts->deleted += b.n;
	batch_done(&b);
	if (rc)
		return rc;
	DL_FOREACH_SAFE(c->entries, en, tmp)
	if (en->id.map == map && (all || !en->wanted))
		entry_free(s, en);
	return 0;
}

/* What was wanted is there now; after a failure the kernel's state is unknown. */
static void settle(struct claim *c, bool failed)
{
	struct entry *en;

	DL_FOREACH(c->entries, en)
	{
		if (!en->wanted)
			continue;
		free(en->value);
		en->value = failed ? NULL : en->wanted;
		if (failed)
			free(en->wanted);
		en->wanted = NULL;
	}
}

int shadow_commit(struct shadow *s, struct shadow_counts *counts, struct err *e)
{
	struct shadow_counts local = {0};
	struct claim *c = s->open;
	int rc = 0;

	s->open = NULL;
	/* Maps in the order of enum dp_map: an entry is there before one that leads to it. */
	for (int map = 0; !rc && map < DP_RULE_TOTALS; map++)
		rc = write_map(s, c, map, &local, e);
	for (int map = DP_RULE_TOTALS - 1; !rc && map >= 0; map--)
		rc = drop_map(s, c, map, false, &local, e);
	settle(c, rc != 0);
	s->totals.inserted += local.inserted;
	s->totals.updated += local.updated;
	s->totals.deleted += local.deleted;
	if (counts)
		*counts = local;
	if (!c->entries)
		claim_free(s, c);
	return rc;
}

int shadow_remove(struct shadow *s, const char *item, struct err *e)
{
	struct claim *c = claim_get(s, item, false);

	if (!c)
		return 0;
	for (int map = DP_RULE_TOTALS - 1; map >= 0; map--) {
		int rc = drop_map(s, c, map, true, &s->totals, e);

		if (rc)
			return rc;
	}
	claim_free(s, c);
	return 0;
}

int shadow_sweep(struct shadow *s, struct err *e)
{
	struct entry *en, *tmp;
	int n = 0;

	HASH_ITER (hh, s->entries, en, tmp) {
		int rc;

		if (en->claim)
			continue;
		rc = dataplane_delete(s->dp, en->id.map, en->id.key, 1, e);
		if (rc)
			return rc;
		entry_free(s, en);
		n++;
	}
	return n;
}
