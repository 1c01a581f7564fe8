/* SPDX-License-Identifier: MIT
 * The allocator behind names.h: two hashes over the same entries, and a map in the kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "vpcd/names.h"
#include "vpcd/plan.h"

static const struct {
	const char *name;
	uint32_t first;
	uint32_t last; /* 0: sized by the data plane's arrays */
} spaces[NAME_SPACE_COUNT] = {
	[NAME_VPC] = {"vpc", VPC_FIRST, INT32_MAX},
	[NAME_SUBNET] = {"subnet", 1, INT32_MAX},
	[NAME_TABLE] = {"rtb", 1, INT32_MAX},
	[NAME_GATEWAY] = {"igw", 1, INT32_MAX},
	[NAME_NAT] = {"nat", 1, INT32_MAX},
	/* 1 is lo; small ones leave room for what the kernel numbers by itself, those above for
	 * netns/mirror.c; 28 bits go into the mark of a copy (bpf/lib/mirror.h) */
	[NAME_INTERFACE] = {"if", 1024, 0x0ffffeff},
	[NAME_GROUPS] = {"groups", 1, 0},
	[NAME_ACL] = {"acl", 1, 0},
	[NAME_CLASSIFIER] = {"cls", 1, INT32_MAX},
};

struct name {
	struct name_key key; /* "<space>:<symbol>" */
	uint64_t number_id;  /* space << 32 | number */
	UT_hash_handle hh, hh_number;
};

struct names {
	struct dataplane *dp;
	struct name *by_key, *by_number;
	uint32_t next[NAME_SPACE_COUNT];
};

static void key_fill(struct name_key *key, enum name_space space, const char *symbol)
{
	memset(key, 0, sizeof(*key));
	snprintf(key->name, sizeof(key->name), "%s:%s", spaces[space].name, symbol);
}

static struct name *find(const struct names *n, enum name_space space, const char *symbol)
{
	struct name_key key;
	struct name *it;

	key_fill(&key, space, symbol);
	HASH_FIND(hh, n->by_key, &key, sizeof(key), it);
	return it;
}

static struct name *find_number(const struct names *n, enum name_space space, uint32_t number)
{
	uint64_t id = (uint64_t)space << 32 | number;
	struct name *it;

	HASH_FIND(hh_number, n->by_number, &id, sizeof(id), it);
	return it;
}

static struct name *insert(struct names *n, enum name_space space, const struct name_key *key,
			   uint32_t number)
{
	struct name *it = calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->key = *key;
	it->number_id = (uint64_t)space << 32 | number;
	HASH_ADD(hh, n->by_key, key, sizeof(it->key), it);
	HASH_ADD(hh_number, n->by_number, number_id, sizeof(it->number_id), it);
	return it;
}

static uint32_t space_last(const struct names *n, enum name_space space)
{
	return spaces[space].last ? spaces[space].last : dataplane_group_sets(n->dp) - 1;
}

/* One entry of the kernel's map: "<space>:<symbol>", or "next:<space>", the counter itself. */
static int load(void *arg, const void *k, const void *v)
{
	const struct name_key *key = k;
	uint32_t number = *(const uint32_t *)v;
	struct names *n = arg;

	for (int s = 0; s < NAME_SPACE_COUNT; s++) {
		size_t len = strlen(spaces[s].name);

		if (!strncmp(key->name, "next:", 5) && !strcmp(key->name + 5, spaces[s].name)) {
			n->next[s] = number;
			return 0;
		}
		if (!strncmp(key->name, spaces[s].name, len) && key->name[len] == ':')
			return insert(n, s, key, number) ? 0 : -ENOMEM;
	}
	return 0;
}

static int bind_builtin(struct names *n, const char *symbol, uint32_t number)
{
	struct name_key key;

	if (find(n, NAME_VPC, symbol))
		return 0;
	key_fill(&key, NAME_VPC, symbol);
	return insert(n, NAME_VPC, &key, number) ? 0 : -ENOMEM;
}

int names_open(struct dataplane *dp, struct names **ret, struct err *e)
{
	struct names *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return err_sys(e, -ENOMEM, "names");
	n->dp = dp;
	for (int s = 0; s < NAME_SPACE_COUNT; s++)
		n->next[s] = spaces[s].first;
	rc = dataplane_dump(dp, DP_NAMES, load, n, e);
	if (!rc && (bind_builtin(n, SYMBOL_INTERNET, VPC_INTERNET) ||
		    bind_builtin(n, SYMBOL_SERVICE, VPC_SERVICE)))
		rc = err_sys(e, -ENOMEM, "names");
	if (rc) {
		names_free(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void names_free(struct names *n)
{
	struct name *it, *tmp;

	if (!n)
		return;
	HASH_CLEAR(hh_number, n->by_number);
	HASH_ITER (hh, n->by_key, it, tmp) {
		HASH_DEL(n->by_key, it);
		free(it);
	}
	free(n);
}

uint32_t names_find(const struct names *n, enum name_space space, const char *symbol)
{
	const struct name *it = find(n, space, symbol);

	return it ? (uint32_t)it->number_id : 0;
}

const char *names_symbol(const struct names *n, enum name_space space, uint32_t number)
{
	const struct name *it = find_number(n, space, number);

	return it ? it->key.name + strlen(spaces[space].name) + 1 : NULL;
}

uint32_t names_fresh(struct names *n, enum name_space space)
{
	uint32_t first = spaces[space].first, last = space_last(n, space);
	uint32_t number = n->next[space];
	struct name_key key;

	for (uint32_t tries = 0; tries <= last - first; tries++, number++) {
		if (number < first || number > last)
			number = first;
		if (find_number(n, space, number))
			continue;
		n->next[space] = number + 1;
		memset(&key, 0, sizeof(key));
		snprintf(key.name, sizeof(key.name), "next:%s", spaces[space].name);
		if (dataplane_update(n->dp, DP_NAMES, &key, &n->next[space], 1, NULL))
			return 0;
		return number;
	}
	return 0;
}

int names_bind(struct names *n, enum name_space space, const char *symbol, uint32_t number,
	       struct err *e)
{
	struct name_key key;
	int rc;

	key_fill(&key, space, symbol);
	rc = dataplane_update(n->dp, DP_NAMES, &key, &number, 1, e);
	if (rc)
		return err_wrap(e, "bind %s", key.name);
	return insert(n, space, &key, number) ? 0 : err_sys(e, -ENOMEM, "bind %s", key.name);
}

int names_get(struct names *n, enum name_space space, const char *symbol, uint32_t *ret,
	      struct err *e)
{
	*ret = names_find(n, space, symbol);
	if (*ret)
		return 0;
	*ret = names_fresh(n, space);
	if (!*ret)
		return err_set(e, -ENOSPC, "InternalError", "", "no %s number left for %s (%u)",
			       spaces[space].name, symbol, space_last(n, space));
	return names_bind(n, space, symbol, *ret, e);
}

void names_each(const struct names *n, enum name_space space,
		void (*fn)(void *arg, const char *symbol, uint32_t number), void *arg)
{
	size_t skip = strlen(spaces[space].name) + 1;
	struct name *it, *tmp;

	HASH_ITER (hh, n->by_key, it, tmp)
		if (it->number_id >> 32 == space)
			fn(arg, it->key.name + skip, (uint32_t)it->number_id);
}

void names_release(struct names *n, enum name_space space, const char *symbol)
{
	struct name *it = find(n, space, symbol);

	if (!it)
		return;
	dataplane_delete(n->dp, DP_NAMES, &it->key, 1, NULL);
	HASH_DELETE(hh_number, n->by_number, it);
	HASH_DEL(n->by_key, it);
	free(it);
}
