/* SPDX-License-Identifier: MIT
 * The forwarders that a server has: one for the public server, and one for each set of servers that
 * resolver rules name, shared by the rules that name the same.
 */
#include <stdlib.h>

#include "dns/serve.h"

#define FORWARDERS_MAX 64 /* each has a thread and a cache */

struct forwarders {
	struct forward *public; /* NULL: outside names SERVFAIL */
	size_t n;
	struct forward *v[FORWARDERS_MAX];
};

int forwarders_new(struct dns_server *d, struct err *e)
{
	struct dns_target public = {d->forwarder, d->forwarder_port};

	d->forwarders = calloc(1, sizeof(*d->forwarders));
	if (!d->forwarders)
		return err_sys(e, -ENOMEM, "forwarders");
	if (!ip_is_set(&d->forwarder))
		return 0;
	return forward_new(d->loop, &public, 1, &d->forwarders->public, e);
}

void forwarders_free(struct forwarders *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		forward_free(f->v[i]);
	forward_free(f->public);
	free(f);
}

struct forward *forwarders_get(struct dns_server *d, const struct dns_rule *rule)
{
	struct forwarders *f = d->forwarders;

	if (!rule)
		return f->public;
	for (size_t i = 0; i < f->n; i++)
		if (forward_asks(f->v[i], rule->targets, rule->n))
			return f->v[i];
	if (f->n == FORWARDERS_MAX ||
	    forward_new(d->loop, rule->targets, rule->n, &f->v[f->n], NULL))
		return NULL;
	return f->v[f->n++];
}

struct wanted {
	const struct forward *f;
	bool yes;
};

static void look_for(void *arg, const struct dns_view *v)
{
	struct wanted *w = arg;

	for (const struct dns_rule *r = dns_view_rules(v); r && !w->yes; r = r->next)
		w->yes = r->n && forward_asks(w->f, r->targets, r->n);
}

void forwarders_retain(struct dns_server *d)
{
	struct forwarders *f = d->forwarders;

	for (size_t i = 0; i < f->n;) {
		struct wanted w = {f->v[i], false};
		struct forward *gone = f->v[i];

		dns_snapshot_each(d->snapshot, look_for, &w);
		if (w.yes) {
			i++;
			continue;
		}
		f->v[i] = f->v[--f->n];
		forward_free(gone); /* what it was asked is asked of others now */
	}
}

void forwarders_flush(struct dns_server *d)
{
	if (d->forwarders->public)
		forward_flush(d->forwarders->public);
	for (size_t i = 0; i < d->forwarders->n; i++)
		forward_flush(d->forwarders->v[i]);
}

size_t forwarders_tick(struct dns_server *d, uint64_t now_ns)
{
	size_t busy = d->forwarders->public ? forward_tick(d->forwarders->public, now_ns) : 0;

	for (size_t i = 0; i < d->forwarders->n; i++)
		busy += forward_tick(d->forwarders->v[i], now_ns);
	return busy;
}
