/* SPDX-License-Identifier: MIT
 * The forwarders that a server has: one for the public server, one more for each set of trust
 * anchors that views validate by, and one for each set of servers that resolver rules name; shared
 * by all who want the same.
 */
#include <stdlib.h>

#include "dns/serve.h"

#define FORWARDERS_MAX 64 /* each has a thread and a cache */

struct forwarders {
	struct dns_target public; /* address unset: outside names SERVFAIL */
	size_t n;
	struct forward *v[FORWARDERS_MAX];
};

int forwarders_new(struct dns_server *d, struct err *e)
{
	d->forwarders = calloc(1, sizeof(*d->forwarders));
	if (!d->forwarders)
		return err_sys(e, -ENOMEM, "forwarders");
	d->forwarders->public = (struct dns_target){d->forwarder, d->forwarder_port};
	return 0;
}

void forwarders_free(struct forwarders *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		forward_free(f->v[i]);
	free(f);
}

/* Only public names are validated: whoever a rule forwards to does it for its own (Route 53
 * Developer Guide, "Enabling DNSSEC validation"). */
static struct forward_config config_of(const struct forwarders *f, const struct dns_rule *rule,
				       const char *anchors)
{
	if (rule)
		return (struct forward_config){rule->targets, rule->n, NULL};
	return (struct forward_config){&f->public, 1, anchors};
}

struct forward *forwarders_get(struct dns_server *d, const struct dns_rule *rule,
			       const char *anchors)
{
	struct forwarders *f = d->forwarders;
	struct forward_config cfg = config_of(f, rule, anchors);

	if (!ip_is_set(&cfg.servers->address))
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		if (forward_is(f->v[i], &cfg))
			return f->v[i];
	if (f->n == FORWARDERS_MAX || forward_new(d->loop, &cfg, &f->v[f->n], NULL))
		return NULL;
	return f->v[f->n++];
}

struct wanted {
	const struct forwarders *all;
	const struct forward *f;
	bool yes;
};

static void look_for(void *arg, const struct dns_view *v)
{
	struct wanted *w = arg;
	struct forward_config cfg = config_of(w->all, NULL, dns_view_anchors(v));

	w->yes = w->yes || forward_is(w->f, &cfg);
	for (const struct dns_rule *r = dns_view_rules(v); r && !w->yes; r = r->next) {
		cfg = config_of(w->all, r, NULL);
		w->yes = r->n && forward_is(w->f, &cfg);
	}
}

/* The public one stays, whoever asks it: validating views do with CD. */
static bool is_wanted(const struct dns_server *d, const struct forward *f)
{
	struct forward_config public = config_of(d->forwarders, NULL, NULL);
	struct wanted w = {d->forwarders, f, forward_is(f, &public)};

	if (!w.yes)
		dns_snapshot_each(d->snapshot, look_for, &w);
	return w.yes;
}

void forwarders_retain(struct dns_server *d)
{
	struct forwarders *f = d->forwarders;

	for (size_t i = 0; i < f->n;) {
		struct forward *gone = f->v[i];

		if (is_wanted(d, gone)) {
			i++;
			continue;
		}
		f->v[i] = f->v[--f->n];
		forward_free(gone); /* what it was asked is asked of others now */
	}
}

void forwarders_flush(struct dns_server *d)
{
	for (size_t i = 0; i < d->forwarders->n; i++)
		forward_flush(d->forwarders->v[i]);
}

size_t forwarders_tick(struct dns_server *d, uint64_t now_ns)
{
	size_t busy = 0;

	for (size_t i = 0; i < d->forwarders->n; i++)
		busy += forward_tick(d->forwarders->v[i], now_ns);
	return busy;
}
