/* SPDX-License-Identifier: MIT
 * Namespaces with veth and program kept ready. Each serves once: nothing leaks from one sandbox to
 * the next. They have no file, so they end with the daemon, however it ends.
 */
#include <stdlib.h>

#include "netns/endpoint.h"
#include "netns/veth.h"

static size_t pool_ready(const struct fabric *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_pool; i++)
		n += !f->pool[i].taken;
	return n;
}

static int pool_grow(struct fabric *f)
{
	size_t cap = f->pool_cap ? 2 * f->pool_cap : 16;
	void *p;

	if (f->n_pool < f->pool_cap)
		return 0;
	p = reallocarray(f->pool, cap, sizeof(*f->pool));
	if (!p)
		return -ENOMEM;
	f->pool = p;
	f->pool_cap = cap;
	return 0;
}

bool fabric_pool_fill(struct fabric *f)
{
	uint32_t ifindex;

	if (pool_ready(f) >= f->cfg.pool_size || !f->cfg.new_ifindex || pool_grow(f))
		return false;
	ifindex = f->cfg.new_ifindex(f->cfg.arg);
	/* A pool that cannot be filled makes attaching slower, no more. */
	if (!ifindex || endpoint_new(f, ifindex, &f->pool[f->n_pool], NULL))
		return false;
	f->n_pool++;
	return true;
}

uint32_t fabric_pool_take_ifindex(struct fabric *f)
{
	for (size_t i = 0; i < f->n_pool; i++) {
		if (f->pool[i].taken)
			continue;
		f->pool[i].taken = true;
		return f->pool[i].ifindex;
	}
	return 0;
}

bool pool_take(struct fabric *f, uint32_t ifindex, struct endpoint *ret)
{
	for (size_t i = 0; i < f->n_pool; i++) {
		if (f->pool[i].ifindex != ifindex)
			continue;
		*ret = f->pool[i];
		f->pool[i] = f->pool[--f->n_pool];
		return true;
	}
	return false;
}

void pool_done(struct fabric *f)
{
	struct batch b = {0};

	if (f->n_pool) {
		veth_group_delete(&b, VETH_PENDING);
		batch_send(&b, &f->rtnl, NULL);
	}
	for (size_t i = 0; i < f->n_pool; i++)
		endpoint_done(&f->pool[i]);
	free(f->pool);
	f->pool = NULL;
	f->n_pool = f->pool_cap = 0;
}
