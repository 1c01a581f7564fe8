/* SPDX-License-Identifier: MIT
 * See outside.h. Which interface it is stands in run_dir/uplink, for the purge and for a run with
 * another one.
 */
#include "vpcd/outside.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "netns/uplink.h"

#define LOOK_NS 60000000000ull

struct outside {
	char table[96];
	char iface[16];
	struct plan_uplink plan;
	struct event_source *timer;
	bool failed; /* and said so */
};

static void table_name(const struct config *c, char *ret, size_t len)
{
	snprintf(ret, len, "vpcd-%s", c->instance);
}

/* The instance's name, as far as an interface's name has room for it. */
static void link_name(const struct config *c, char ret[16])
{
	size_t n = strlen(c->instance);

	if (n <= 10)
		snprintf(ret, 16, UPLINK_LINK_PREFIX "%.10s", c->instance);
	else
		snprintf(ret, 16, UPLINK_LINK_PREFIX "%.3s%07x", c->instance,
			 XXH32(c->instance, n, 0) & 0xfffffff);
}

/* ---- the record ---- */

static void record_path(const struct config *c, char *ret, size_t len)
{
	snprintf(ret, len, "%s/uplink", c->run_dir);
}

static FILE *record_open(const struct config *c, const char *mode)
{
	char path[PATH_MAX + 16];

	record_path(c, path, sizeof(path));
	return fopen(path, mode);
}

/* "": there is none. */
static void record_read(const struct config *c, char ret[16])
{
	cleanup_fclose FILE *f = record_open(c, "r");

	if (!f || !fgets(ret, 16, f))
		ret[0] = 0;
	ret[strcspn(ret, "\n")] = 0;
}

static int record_write(const struct config *c, struct err *e)
{
	cleanup_fclose FILE *f = record_open(c, "w");

	if (!f || fprintf(f, "%s\n", c->uplink) < 0 || fflush(f))
		return err_sys(e, -errno, "write %s/uplink", c->run_dir);
	return 0;
}

int outside_purge(const struct config *c, struct err *e)
{
	char table[96], iface[16], path[PATH_MAX + 16];
	int rc;

	record_read(c, iface);
	if (!iface[0])
		return 0;
	table_name(c, table, sizeof(table));
	rc = uplink_remove(table, iface, e);
	record_path(c, path, sizeof(path));
	if (!rc)
		unlink(path);
	return rc;
}

/* ---- keeping it ---- */

static struct uplink_spec spec_of(const struct outside *o)
{
	return (struct uplink_spec){.table = o->table,
				    .link = o->plan.link,
				    .iface = o->iface,
				    .sources = o->plan.pools,
				    .n_sources = o->plan.n_pools};
}

static void look(void *arg)
{
	struct outside *o = arg;
	struct uplink_spec spec = spec_of(o);
	struct err e = {0};
	int rc = uplink_put(&spec, &e);

	if (rc && !o->failed)
		log_error("uplink does not stand", "interface", o->iface, "error", e.msg);
	else if (!rc && o->failed)
		log_info("uplink stands again", "interface", o->iface);
	o->failed = rc != 0;
}

static void fill(struct outside *o, const struct config *c, const struct store_config *store)
{
	struct plan_uplink *p = &o->plan;

	table_name(c, o->table, sizeof(o->table));
	strcpy(o->iface, c->uplink);
	link_name(c, p->link);
	p->pools[p->n_pools++] = store->pool;
	for (size_t i = 0; i < store->n_more_pools; i++)
		p->pools[p->n_pools++] = store->more_pools[i].range;
	memcpy(p->allowed, c->uplink_allowed, sizeof(p->allowed));
	p->n_allowed = c->n_uplink_allowed;
}

/* A link of that name that no run of ours made. */
static int link_check(const struct outside *o, const char *before, struct err *e)
{
	if (before[0] || !if_nametoindex(o->plan.link))
		return 0;
	return err_set(e, -EEXIST, "InvalidParameterValue", "uplink",
		       "an interface %s is there already, and not this instance's: give it another "
		       "name (--instance)",
		       o->plan.link);
}

static int make(struct outside *o, const struct config *c, struct event_loop *loop, struct err *e)
{
	struct uplink_spec spec = spec_of(o);
	uint32_t mtu = 0;
	int rc = uplink_check(&spec, &mtu, e);

	o->plan.mtu = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
	if (!rc)
		rc = record_write(c, e);
	if (!rc)
		rc = uplink_put(&spec, e);
	if (!rc)
		rc = event_add_timer(loop, LOOK_NS, LOOK_NS, look, o, &o->timer, e);
	return rc;
}

int outside_open(struct event_loop *loop, const struct config *c, const struct store_config *store,
		 struct outside **ret, struct err *e)
{
	char before[16];
	struct outside *o;
	int rc = 0;

	*ret = NULL;
	record_read(c, before);
	if (strcmp(before, c->uplink))
		rc = outside_purge(c, e);
	if (rc || !c->uplink[0])
		return rc;
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_sys(e, -ENOMEM, "uplink");
	fill(o, c, store);
	rc = link_check(o, before, e);
	if (!rc)
		rc = make(o, c, loop, e);
	if (rc) {
		outside_close(o);
		return rc;
	}
	log_warn("the simulated internet has a way out: sandboxes reach what this host reaches",
		 "interface", o->iface, "link", o->plan.link);
	*ret = o;
	return 0;
}

const struct plan_uplink *outside_plan(const struct outside *o)
{
	return o ? &o->plan : NULL;
}

void outside_close(struct outside *o)
{
	if (!o)
		return;
	event_source_free(o->timer);
	free(o);
}
