/* SPDX-License-Identifier: MIT
 * See forward.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/epoll.h>

#include <unbound.h>

#include "dns/cache.h"
#include "dns/forward.h"
#include "lib/cleanup.h"

struct forward {
	struct event_loop *loop;
	struct event_source *source;
	struct ub_ctx *ub;
	struct dns_cache *cache;
	struct dns_target servers[DNS_TARGETS_MAX];
	size_t n_servers;
	char *anchors; /* NULL: no validation */
	bool asked;    /* since the context was made: something may be cached */
	size_t n_pending;
	TAILQ_HEAD(, forward_query) pending; /* the oldest first */
};

uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* unbound.conf(5) */
static const char *const options[][2] = {
	{"do-not-query-localhost:", "no"},
	{"unblock-lan-zones:", "yes"}, /* what is private is for the view's zones to say */
	{"qname-minimisation:", "no"},
	{"edns-buffer-size:", "1232"},
	{"msg-cache-size:", "8m"},
	{"rrset-cache-size:", "16m"},
	{"outgoing-range:", "256"},
	{"num-queries-per-thread:", "1024"},
	{"outgoing-num-tcp:", "16"},
	{"prefetch:", "yes"}, /* in the last tenth of a name's time */
	/* RFC 8767 section 5: stale data only once an answer is overdue, and for a day. */
	{"serve-expired-ttl:", "86400"},
	{"serve-expired-client-timeout:", "1800"},
	{"serve-expired-reply-ttl:", "30"},
	/* A server that was away is asked again at once when it is back. */
	{"infra-host-ttl:", "2"},
	{"infra-keep-probing:", "yes"},
	{"infra-cache-max-rtt:", "1000"},
};

/* unbound answers these itself (RFC 6303, 8375, …): here they are names like any other. */
static const char *const transparent_zones[] = {
	"113.0.203.in-addr.arpa",
	"100.51.198.in-addr.arpa",
	"2.0.192.in-addr.arpa",
	"8.b.d.0.1.0.0.2.ip6.arpa",
	"test",
	"home.arpa",
};

static int set_server(struct ub_ctx *ub, const struct dns_target *t)
{
	char text[IP_STRLEN], at[IP_STRLEN + 8]; /* "address@port" */

	snprintf(at, sizeof(at), "%s@%u", ip_format(&t->address, text), t->port ? t->port : 53);
	return ub_ctx_set_fwd(ub, at);
}

/* A line at a time. */
static int add_anchors(struct ub_ctx *ub, const char *anchors)
{
	int rc = 0;

	for (size_t n; *anchors && !rc; anchors += n + (anchors[n] != 0)) {
		cleanup_free char *line = NULL;

		n = strcspn(anchors, "\n");
		line = strndup(anchors, n);
		rc = line ? (n ? ub_ctx_add_ta(ub, line) : 0) : UB_NOMEM;
	}
	return rc;
}

static int context_new(const struct dns_target *servers, size_t n, const char *anchors,
		       struct ub_ctx **ret, struct err *e)
{
	struct ub_ctx *ub = ub_ctx_create();
	int rc = 0;

	if (!ub)
		return err_sys(e, -ENOMEM, "libunbound context");
	ub_ctx_debugout(ub, NULL);
	rc = ub_ctx_set_option(ub, "module-config:", anchors ? "validator iterator" : "iterator");
	/* What is overdue may not be validated yet: then nothing is better than something stale. */
	if (!rc)
		rc = ub_ctx_set_option(ub, "serve-expired:", anchors ? "no" : "yes");
	if (!rc && anchors)
		rc = add_anchors(ub, anchors);
	for (size_t i = 0; i < ARRAY_SIZE(options) && !rc; i++)
		rc = ub_ctx_set_option(ub, options[i][0], options[i][1]);
	for (size_t i = 0; i < n && !rc; i++)
		rc = set_server(ub, &servers[i]);
	if (!rc)
		rc = ub_ctx_async(ub, 1);
	for (size_t i = 0; i < ARRAY_SIZE(transparent_zones) && !rc; i++)
		rc = ub_ctx_zone_add(ub, transparent_zones[i], "transparent");
	if (rc) {
		ub_ctx_delete(ub);
		return err_set(e, -EINVAL, "InternalError", "", "libunbound: %s", ub_strerror(rc));
	}
	*ret = ub;
	return 0;
}

static void on_readable(void *arg, int fd, uint32_t events)
{
	struct forward *f = arg;

	ub_process(f->ub);
}

int forward_new(struct event_loop *l, const struct forward_config *cfg, struct forward **ret,
		struct err *e)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_sys(e, -ENOMEM, "forwarder");
	f->loop = l;
	TAILQ_INIT(&f->pending);
	f->cache = dns_cache_new();
	f->anchors = cfg->anchors ? strdup(cfg->anchors) : NULL;
	if (!f->cache || (cfg->anchors && !f->anchors)) {
		forward_free(f);
		return err_sys(e, -ENOMEM, "forwarder");
	}
	memcpy(f->servers, cfg->servers, cfg->n * sizeof(*cfg->servers));
	f->n_servers = cfg->n;
	rc = context_new(f->servers, f->n_servers, f->anchors, &f->ub, e);
	if (!rc)
		rc = event_add_io(l, ub_fd(f->ub), EPOLLIN, on_readable, f, &f->source, e);
	if (rc) {
		forward_free(f);
		return rc;
	}
	*ret = f;
	return 0;
}

bool forward_is(const struct forward *f, const struct forward_config *cfg)
{
	if (f->n_servers != cfg->n || !f->anchors != !cfg->anchors ||
	    (f->anchors && strcmp(f->anchors, cfg->anchors)))
		return false;
	for (size_t i = 0; i < cfg->n; i++)
		if (ip_cmp(&f->servers[i].address, &cfg->servers[i].address) ||
		    f->servers[i].port != cfg->servers[i].port)
			return false;
	return true;
}

bool forward_validates(const struct forward *f)
{
	return f->anchors;
}

static void finish(struct forward_query *q, const uint8_t *msg, size_t len)
{
	struct forward *f = q->forward;

	TAILQ_REMOVE(&f->pending, q, link);
	f->n_pending--;
	q->done(q, msg, len);
}

static void take(struct forward_query *q, const uint8_t *msg, size_t len)
{
	dns_cache_put(q->forward->cache, &q->name, q->type, msg, len, monotonic_ns());
	finish(q, msg, len);
}

bool forward_cached(struct forward *f, const struct dns_name *name, uint16_t type,
		    const uint8_t **ret_msg, size_t *ret_len, uint32_t *ret_age)
{
	*ret_msg = dns_cache_get(f->cache, name, type, monotonic_ns(), ret_len, ret_age);
	return *ret_msg;
}

static void on_result(void *arg, int failed, struct ub_result *r)
{
	struct forward_query *q = arg;

	q->bogus = r && r->bogus ? (r->why_bogus ? r->why_bogus : "") : NULL;
	/* A bogus answer comes with its data: nobody may see them, or keep them. */
	if (failed || !r || q->bogus || !r->answer_packet || r->answer_len < DNS_HEADER_LEN)
		finish(q, NULL, 0);
	else
		take(q, r->answer_packet, (size_t)r->answer_len);
	ub_resolve_free(r);
}

void forward_free(struct forward *f)
{
	struct forward_query *q;

	if (!f)
		return;
	event_source_free(f->source);
	if (f->ub)
		ub_ctx_delete(f->ub);
	f->ub = NULL;
	while ((q = TAILQ_FIRST(&f->pending)))
		finish(q, NULL, 0);
	dns_cache_free(f->cache);
	free(f->anchors);
	free(f);
}

static int resolve(struct ub_ctx *ub, struct forward_query *q)
{
	char name[DNS_NAME_TEXT];

	return ub_resolve_async(ub, dns_name_to_text(&q->name, name), q->type, DNS_CLASS_IN, q,
				on_result, &q->async_id);
}

int forward_ask(struct forward *f, struct forward_query *q)
{
	if (f->n_pending >= FORWARD_PENDING_MAX)
		return -EBUSY;
	if (!f->ub || resolve(f->ub, q))
		return -EIO;
	f->asked = true;
	q->forward = f;
	q->bogus = NULL;
	q->deadline_ns = monotonic_ns() + FORWARD_TIMEOUT_NS;
	TAILQ_INSERT_TAIL(&f->pending, q, link);
	f->n_pending++;
	return 0;
}

size_t forward_tick(struct forward *f, uint64_t now_ns)
{
	struct forward_query *q;

	while ((q = TAILQ_FIRST(&f->pending)) && q->deadline_ns <= now_ns) {
		ub_cancel(f->ub, q->async_id);
		finish(q, NULL, 0);
	}
	return f->n_pending;
}

/* libunbound cannot empty its cache: a new context takes over. If none can be had, the old one
 * stays, with answers that its TTLs still allow. */
void forward_flush(struct forward *f)
{
	struct event_source *source;
	struct forward_query *q;
	struct ub_ctx *ub;

	if (!f->asked || context_new(f->servers, f->n_servers, f->anchors, &ub, NULL))
		return;
	if (event_add_io(f->loop, ub_fd(ub), EPOLLIN, on_readable, f, &source, NULL)) {
		ub_ctx_delete(ub);
		return;
	}
	event_source_free(f->source);
	ub_ctx_delete(f->ub); /* drops what is under way, without a call */
	f->ub = ub;
	f->source = source;
	dns_cache_clear(f->cache);
	f->asked = !TAILQ_EMPTY(&f->pending);
	TAILQ_FOREACH(q, &f->pending, link)
	if (resolve(ub, q))
		q->deadline_ns = 0; /* ended by the next tick */
}
