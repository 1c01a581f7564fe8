/* SPDX-License-Identifier: MIT
 * See nat_refusals.h.
 */
#include "vpcd/nat_refusals.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/log.h"

#define WATCH_NS 1000000000ull
#define AGAIN_S	 60 /* before a destination is named again */
#define AT_ONCE	 8  /* destinations that one look names; the others come later */

/* A destination that was refused. */
struct refused {
	struct nat_destination to;
	uint64_t count, told; /* of the data plane; and of these, said */
	time_t when;	      /* it was said, CLOCK_MONOTONIC; 0: never */
	bool seen;	      /* by this look */
};

struct nat_refusals {
	struct dataplane *dp;
	struct names *names;
	struct store *store;
	struct event_source *timer;
	struct refused *v;
	size_t n, cap;
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + 1;
}

/* ---- what the data plane counted ---- */

static struct refused *refused_of(struct nat_refusals *r, const struct nat_destination *to)
{
	void *more;

	for (size_t i = 0; i < r->n; i++)
		if (!memcmp(&r->v[i].to, to, sizeof(*to)))
			return &r->v[i];
	if (r->n == r->cap) {
		more = reallocarray(r->v, r->cap + 64, sizeof(*r->v));
		if (!more)
			return NULL;
		r->v = more;
		r->cap += 64;
	}
	r->v[r->n] = (struct refused){.to = *to};
	return &r->v[r->n++];
}

static int read_one(void *arg, const struct nat_destination *to, uint64_t count)
{
	struct refused *x = refused_of(arg, to);

	if (!x)
		return -ENOMEM;
	if (count < x->told) /* it was crowded out, and is new */
		x->told = 0;
	x->count = count;
	x->seen = true;
	return 0;
}

/* False: it could not be read. */
static bool read_all(struct nat_refusals *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++)
		r->v[i].seen = false;
	if (dataplane_nat_refusals(r->dp, read_one, r, NULL))
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].seen)
			r->v[kept++] = r->v[i];
	r->n = kept;
	return true;
}

/* ---- saying it ---- */

/* "203.0.113.80:443/tcp", "203.0.113.80/icmp" */
static void destination_text(const struct nat_destination *to, char *ret, size_t len)
{
	struct ip ip = {.family = AF_INET};
	char address[IP_STRLEN];

	memcpy(ip.b, to->address.b, 16);
	ip_format(&ip, address);
	if (to->protocol == IPPROTO_ICMP)
		snprintf(ret, len, "%s/icmp", address);
	else
		snprintf(ret, len, "%s:%u/%s", address, ntohs(to->port),
			 to->protocol == IPPROTO_TCP ? "tcp" : "udp");
}

static void tell(struct nat_refusals *r, struct refused *x, const char *gateway)
{
	unsigned long long refused = (unsigned long long)(x->count - x->told);
	char to[IP_STRLEN + 16], reason[128];
	struct nat_stats s = {0};
	struct err e = {0};

	destination_text(&x->to, to, sizeof(to));
	dataplane_nat_stats(r->dp, x->to.nat, &s, NULL);
	log_warn("NAT gateway has no free port", "gateway", gateway, "destination", to, "refused",
		 log_fmt("%llu", refused), "ErrorPortAllocation",
		 log_fmt("%llu", (unsigned long long)s.error_port_allocation));
	snprintf(reason, sizeof(reason), "no free port to %s: %llu refused", to, refused);
	if (store_event(r->store, gateway, "port-allocation-error", reason, &e))
		log_error("event not stored", "gateway", gateway, "error", e.msg);
	x->told = x->count;
	x->when = now();
}

static void look(void *arg)
{
	struct nat_refusals *r = arg;
	size_t told = 0;

	if (!read_all(r))
		return;
	for (size_t i = 0; i < r->n && told < AT_ONCE; i++) {
		struct refused *x = &r->v[i];
		const char *gateway = names_symbol(r->names, NAME_NAT, x->to.nat);

		if (x->count == x->told || !gateway || (x->when && now() - x->when < AGAIN_S))
			continue;
		tell(r, x, gateway);
		told++;
	}
}

int nat_refusals_open(struct event_loop *loop, struct dataplane *dp, struct names *names,
		      struct store *store, struct nat_refusals **ret, struct err *e)
{
	struct nat_refusals *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_sys(e, -ENOMEM, "start");
	*r = (struct nat_refusals){.dp = dp, .names = names, .store = store};
	rc = event_add_timer(loop, WATCH_NS, WATCH_NS, look, r, &r->timer, e);
	if (rc) {
		free(r);
		return rc;
	}
	read_all(r);
	for (size_t i = 0; i < r->n; i++)
		r->v[i].told = r->v[i].count;
	*ret = r;
	return 0;
}

void nat_refusals_close(struct nat_refusals *r)
{
	if (!r)
		return;
	event_source_free(r->timer);
	free(r->v);
	free(r);
}
