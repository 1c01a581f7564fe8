/* SPDX-License-Identifier: MIT
 * See resolver.h.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <uthash.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/dns_answers.h"
#include "vpcd/resolver.h"

/* A view, kept until an item of it changes. */
struct view {
	UT_hash_handle hh;
	char symbol[SYMBOL_LEN];
	struct dns_view *view; /* NULL: to be built */
	bool building, wanted;
};

/* A list of domains, built once however many views use it. */
struct domains {
	UT_hash_handle hh;
	char id[SYMBOL_LEN];
	struct dns_domains *domains;
};

struct log {
	UT_hash_handle hh;
	char id[SYMBOL_LEN];
	struct dns_log *log;
};

struct resolver {
	struct resolver_config cfg;
	struct dns_server *server;
	struct dns_answers *answers; /* the kernel's */
	struct view *views;
	struct domains *domains;
	struct log *logs;
	int service_fd, public_fd; /* network namespaces */
};

uint32_t service_address(uint32_t ifindex)
{
	return htonl(SERVICE_CLIENTS | (ifindex & 0x3fffff));
}

/* fd00:ec2::253, and fd00:ec2:0:100::/96 for clients. */
static struct ip service_resolver6(void)
{
	return (struct ip){.family = AF_INET6, .b = {0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x53}};
}

struct ip service_address6(uint32_t ifindex)
{
	struct ip ip = {.family = AF_INET6, .b = {0xfd, 0, 0x0e, 0xc2, [6] = 1}};

	for (int i = 0; i < 4; i++)
		ip.b[12 + i] = (uint8_t)(ifindex >> (24 - 8 * i));
	return ip;
}

int resolver_new(const struct resolver_config *cfg, struct resolver **ret, struct err *e)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_sys(e, -ENOMEM, "resolver");
	*r = (struct resolver){.cfg = *cfg, .service_fd = -1, .public_fd = -1};
	rc = dns_answers_open(cfg->dp, &r->answers, e);
	if (rc) {
		resolver_free(r);
		return err_wrap(e, "resolver");
	}
	*ret = r;
	return 0;
}

static void domains_free(struct resolver *r, struct domains *d)
{
	HASH_DEL(r->domains, d);
	dns_domains_unref(d->domains);
	free(d);
}

void resolver_free(struct resolver *r)
{
	struct view *v, *vtmp;
	struct domains *d, *dtmp;
	struct log *l, *ltmp;

	if (!r)
		return;
	dns_server_stop(r->server);
	dns_answers_free(r->answers);
	HASH_ITER (hh, r->views, v, vtmp) {
		HASH_DEL(r->views, v);
		dns_view_unref(v->view);
		free(v);
	}
	HASH_ITER (hh, r->domains, d, dtmp)
		domains_free(r, d);
	HASH_ITER (hh, r->logs, l, ltmp) {
		HASH_DEL(r->logs, l);
		dns_log_unref(l->log);
		free(l);
	}
	cleanup_closep(&r->service_fd);
	cleanup_closep(&r->public_fd);
	free(r);
}

/* ---- what is to be built anew ---- */

static struct view *view_find(const struct resolver *r, const char *symbol)
{
	struct view *v;

	HASH_FIND_STR(r->views, symbol, v);
	return v;
}

static void view_outdate(struct view *v)
{
	if (v)
		dns_view_unref(TAKE(v->view));
}

void resolver_touch(struct resolver *r, const struct item *it)
{
	char symbol[SYMBOL_LEN] = "";
	struct domains *d;

	if (it->type == ITEM_DNS_DOMAINS) {
		HASH_FIND_STR(r->domains, it->key, d);
		if (d)
			domains_free(r, d);
		for (struct view *v = r->views; v; v = v->hh.next)
			view_outdate(v);
		return;
	}
	/* A key begins with its view, and an item that is gone has nothing but its key. */
	memcpy(symbol, it->key, strcspn(it->key, " ") < SYMBOL_LEN ? strcspn(it->key, " ") : 0);
	view_outdate(view_find(r, symbol));
}

static int open_netns(struct resolver *r, const char *id, int *fd, struct err *e)
{
	if (*fd < 0)
		*fd = fabric_open_netns(r->cfg.fabric, id, e);
	return *fd < 0 ? *fd : 0;
}

static int start(struct resolver *r, struct err *e)
{
	struct dns_listener listeners[3];
	struct dns_server_config cfg = {.listeners = listeners, .n_listeners = 2};
	int rc = open_netns(r, SYMBOL_SERVICE, &r->service_fd, e);

	if (!rc)
		rc = open_netns(r, SYMBOL_PUBLIC_DNS, &r->public_fd, e);
	if (rc)
		return err_wrap(e, "resolver");
	listeners[0] = (struct dns_listener){
		.netns_fd = r->service_fd, .address = ip_from_v4(SERVICE_RESOLVER), .view = -1};
	listeners[1] = (struct dns_listener){.netns_fd = r->public_fd,
					     .address = ip_from_v4(INTERNET_DNS),
					     .view = VPC_INTERNET};
	listeners[2] = (struct dns_listener){
		.netns_fd = r->service_fd, .address = service_resolver6(), .view = -1};
	if (!access("/proc/net/if_inet6", F_OK))
		cfg.n_listeners++; /* the kernel speaks IPv6 */
	cfg.forward_netns_fd = r->service_fd;
	cfg.forwarder = ip_from_v4(INTERNET_DNS);
	rc = dns_server_start(&cfg, &r->server, e);
	return rc ? err_wrap(e, "resolver") : 0;
}

/* ---- building views ---- */

/* The views that the plan wants; those that have to be built are begun. */
static int view_want(struct resolver *r, const char *symbol, uint32_t number, bool forward,
		     struct err *e)
{
	struct view *v = view_find(r, symbol);

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v)
			return err_sys(e, -ENOMEM, "DNS view");
		symbol_set(v->symbol, symbol);
		HASH_ADD_STR(r->views, symbol, v);
	}
	v->wanted = true;
	v->building = !v->view;
	if (!v->view)
		v->view = dns_view_new(number, forward);
	return v->view ? 0 : err_sys(e, -ENOMEM, "DNS view");
}

static int want_views(struct resolver *r, const struct plan *p, struct err *e)
{
	int rc;

	for (struct view *v = r->views; v; v = v->hh.next)
		v->wanted = v->building = false;
	rc = view_want(r, SYMBOL_INTERNET, VPC_INTERNET, false, e);
	for (const struct item *it = plan_next(p, ITEM_VPC, NULL); it && !rc;
	     it = plan_next(p, ITEM_VPC, it)) {
		const struct item_vpc *vpc = it->body;
		uint32_t number = names_find(r->cfg.names, NAME_VPC, it->key);

		if (vpc->dns_support && number) /* without a number it failed: nobody can ask */
			rc = view_want(r, it->key, number, true, e);
	}
	return rc;
}

static void drop_unwanted(struct resolver *r)
{
	struct view *v, *tmp;

	HASH_ITER (hh, r->views, v, tmp) {
		if (v->wanted)
			continue;
		HASH_DEL(r->views, v);
		dns_view_unref(v->view);
		free(v);
	}
}

/* The view under construction that an item belongs to; NULL: it stands, or there is none. */
static struct dns_view *view_building(struct resolver *r, const char *symbol)
{
	const struct view *v = view_find(r, symbol);

	return v && v->building ? v->view : NULL;
}

static int add_record(struct dns_view *v, const struct item_record *rec, struct err *e)
{
	const char *type = rec->text + strlen(rec->text) + 1, *rdata = type + strlen(type) + 1;
	const char *set = rdata + strlen(rdata) + 1, *zone = set + strlen(set) + 1;
	struct dns_routing routing = {.policy = rec->policy, .set = set, .weight = rec->weight};

	return dns_zone_record_add(v, *zone ? zone : NULL, rec->text, type, rec->ttl, rdata,
				   &routing, e);
}

static int add_rule(struct dns_view *v, const struct item_dns_rule *rule, struct err *e)
{
	struct dns_target targets[DNS_TARGETS_MAX] = {0};

	for (uint32_t i = 0; i < rule->n && i < DNS_TARGETS_MAX; i++)
		targets[i] = (struct dns_target){rule->targets[i].address, rule->targets[i].port};
	return dns_rule_add(v, rule->domain, targets, rule->n, e);
}

static int domains_get(struct resolver *r, const struct plan *p, const char *id,
		       struct dns_domains **ret, struct err *e)
{
	const struct item *it = plan_get(p, ITEM_DNS_DOMAINS, id);
	const char *at = it ? it->body : NULL, *end = it ? at + it->len : NULL;
	struct domains *d;
	int rc = 0;

	HASH_FIND_STR(r->domains, id, d);
	*ret = d ? d->domains : NULL;
	if (d || !it)
		return 0;
	d = calloc(1, sizeof(*d));
	if (d)
		d->domains = dns_domains_new(id);
	if (!d || !d->domains) {
		free(d);
		return err_sys(e, -ENOMEM, "firewall domain list");
	}
	symbol_set(d->id, id);
	HASH_ADD_STR(r->domains, id, d);
	for (; at < end && rc != -ENOMEM; at += strlen(at) + 1)
		rc = dns_domains_add(d->domains, at, e);
	*ret = d->domains;
	return rc == -ENOMEM ? rc : 0;
}

/* Of several groups the lowest priority is asked first, then of its rules. */
static int firewall_order(const void *a, const void *b)
{
	const struct item_dns_firewall *x = *(const struct item_dns_firewall *const *)a;
	const struct item_dns_firewall *y = *(const struct item_dns_firewall *const *)b;

	if (x->group_priority != y->group_priority)
		return x->group_priority < y->group_priority ? -1 : 1;
	if (strcmp(x->group, y->group))
		return strcmp(x->group, y->group);
	return x->priority < y->priority ? -1 : x->priority > y->priority;
}

static int add_firewall_rule(struct resolver *r, const struct plan *p,
			     const struct item_dns_firewall *f, struct err *e)
{
	struct dns_view *v = view_building(r, f->view);
	struct dns_domains *domains = NULL;
	int rc = v ? domains_get(r, p, f->domains, &domains, e) : 0;

	if (rc || !domains)
		return rc;
	return dns_firewall_add(v,
				&(struct dns_firewall_rule){.group = f->group,
							    .domains = domains,
							    .action = f->action,
							    .response = f->response,
							    .override_domain = f->override_domain,
							    .override_ttl = f->override_ttl},
				e);
}

static int add_firewalls(struct resolver *r, const struct plan *p, struct err *e)
{
	cleanup_free const struct item_dns_firewall **rules = NULL;
	size_t n = 0;
	int rc = 0;

	for (const struct item *it = plan_next(p, ITEM_DNS_FIREWALL, NULL); it;
	     it = plan_next(p, ITEM_DNS_FIREWALL, it))
		n++;
	if (!n)
		return 0;
	rules = calloc(n, sizeof(const struct item_dns_firewall *));
	if (!rules)
		return err_sys(e, -ENOMEM, "firewall rules");
	n = 0;
	for (const struct item *it = plan_next(p, ITEM_DNS_FIREWALL, NULL); it;
	     it = plan_next(p, ITEM_DNS_FIREWALL, it))
		rules[n++] = it->body;
	qsort(rules, n, sizeof(const struct item_dns_firewall *), firewall_order);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_firewall_rule(r, p, rules[i], e);
	return rc;
}

static int log_get(struct resolver *r, const char *id, struct dns_log **ret, struct err *e)
{
	char path[PATH_MAX + 64];
	struct log *l;
	int rc;

	HASH_FIND_STR(r->logs, id, l);
	if (l) {
		*ret = l->log;
		return 0;
	}
	snprintf(path, sizeof(path), "%s/query-logs", r->cfg.state_dir);
	if (mkdir(path, 0750) && errno != EEXIST)
		return err_sys(e, -errno, "%s", path);
	snprintf(path, sizeof(path), "%s/query-logs/%s.jsonl", r->cfg.state_dir, id);
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_sys(e, -ENOMEM, "query log");
	rc = dns_log_open(path, &l->log, e);
	if (rc) {
		free(l);
		return rc;
	}
	symbol_set(l->id, id);
	HASH_ADD_STR(r->logs, id, l);
	*ret = l->log;
	return 0;
}

static int add_log(struct resolver *r, const struct item *it, struct dns_view *v, struct err *e)
{
	const char *id = strchr(it->key, ' ');
	struct dns_log *log;
	int rc = log_get(r, id ? id + 1 : it->key, &log, e);

	return rc ? rc : dns_view_log(v, log, e);
}

static int add_item(struct resolver *r, const struct item *it, struct err *e)
{
	struct dns_view *v = view_building(r, it->body); /* bodies begin with the view */
	const struct item_record *rec = it->body;

	if (!v)
		return 0;
	switch (it->type) {
	case ITEM_DNS_ZONE:
		return dns_zone_add(v, rec->text, e);
	case ITEM_DNS_RECORD:
		return add_record(v, rec, e);
	case ITEM_DNS_RULE:
		return add_rule(v, it->body, e);
	case ITEM_DNSSEC:
		return dns_view_validate(v, ((const struct item_dnssec *)it->body)->anchors, e);
	case ITEM_DNS_LOG:
		return add_log(r, it, v, e);
	default:
		return 0;
	}
}

static int add_items(struct resolver *r, const struct plan *p, enum item_type type, struct err *e)
{
	for (const struct item *it = plan_next(p, type, NULL); it; it = plan_next(p, type, it)) {
		int rc = add_item(r, it, e);

		/* The model checks items: one that slips through is left out. */
		if (rc && rc != -EINVAL)
			return rc;
	}
	return 0;
}

static int build_views(struct resolver *r, const struct plan *p, struct err *e)
{
	static const enum item_type types[] = {ITEM_DNS_ZONE, ITEM_DNS_RECORD, ITEM_DNS_RULE,
					       ITEM_DNSSEC, ITEM_DNS_LOG};
	int rc = want_views(r, p, e);
	bool any = false;

	drop_unwanted(r);
	for (const struct view *v = r->views; v && !any; v = v->hh.next)
		any = v->building;
	for (struct view *v = r->views; v; v = v->hh.next)
		if (v->building)
			dns_view_describe(v->view, v->symbol, r->cfg.store->account,
					  r->cfg.store->region);
	for (size_t i = 0; i < ARRAY_SIZE(types) && any && !rc; i++)
		rc = add_items(r, p, types[i], e);
	if (!rc && any)
		rc = add_firewalls(r, p, e);
	for (struct view *v = r->views; v && rc; v = v->hh.next)
		if (v->building)
			view_outdate(v); /* half built */
	return rc;
}

/* ---- the kernel's answers ---- */

static bool is_wanted(void *arg, uint32_t vpc)
{
	const struct resolver *r = arg;

	for (const struct view *v = r->views; v; v = v->hh.next)
		if (dns_view_id(v->view) == vpc)
			return true;
	return false;
}

/* Before the change is acknowledged. What finds no room is left to the resolver. */
static void set_answers(struct resolver *r)
{
	struct err e = {0};

	if (dns_answers_retain(r->answers, is_wanted, r, &e))
		log_error("DNS answers not removed", "error", e.msg);
	for (const struct view *v = r->views; v; v = v->hh.next)
		if (v->building && dns_view_id(v->view) != VPC_INTERNET &&
		    dns_answers_set(r->answers, dns_view_id(v->view), v->view, &e))
			log_warn("the kernel does not hold all DNS answers", "view", v->symbol,
				 "error", e.msg);
}

/* ---- publishing ---- */

static int add_client(struct resolver *r, const struct plan *p, struct dns_snapshot *s,
		      const struct item *it, struct err *e)
{
	const struct item_eni *eni = it->body;
	const struct item *at = plan_get(p, ITEM_ATTACHMENT, it->key);
	uint32_t ifindex = names_find(r->cfg.names, NAME_INTERFACE, it->key);
	const struct view *v = view_find(r, eni->vpc);
	struct dns_client c = {.address = eni->address};
	int rc;

	if (!ifindex || !v)
		return 0;
	c.view = names_find(r->cfg.names, NAME_VPC, eni->vpc);
	snprintf(c.eni, sizeof(c.eni), "%.23s", it->key);
	if (at)
		snprintf(c.sandbox, sizeof(c.sandbox), "%.23s",
			 ((const struct item_attachment *)at->body)->owner);
	c.ip = ip_from_v4(ntohl(service_address(ifindex)));
	rc = dns_client_add(s, &c, e);
	if (rc)
		return rc;
	c.ip = service_address6(ifindex);
	return dns_client_add(s, &c, e);
}

static int fill_snapshot(struct resolver *r, const struct plan *p, struct dns_snapshot *s,
			 struct err *e)
{
	int rc = 0;

	for (struct view *v = r->views; v && !rc; v = v->hh.next)
		rc = dns_snapshot_add(s, v->view, e);
	for (const struct item *it = plan_next(p, ITEM_ENI, NULL); it && !rc;
	     it = plan_next(p, ITEM_ENI, it))
		rc = add_client(r, p, s, it, e);
	return rc;
}

int resolver_publish(struct resolver *r, const struct plan *p, struct err *e)
{
	struct dns_snapshot *s;
	int rc = r->server ? 0 : start(r, e);

	if (!rc)
		rc = build_views(r, p, e);
	if (rc)
		return err_wrap(e, "resolver");
	set_answers(r);
	s = dns_snapshot_new();
	if (!s)
		return err_sys(e, -ENOMEM, "resolver");
	rc = fill_snapshot(r, p, s, e);
	if (rc) {
		dns_snapshot_free(s);
		return err_wrap(e, "resolver");
	}
	dns_server_publish(r->server, s);
	return 0;
}

bool resolver_stats(const struct resolver *r, struct dns_stats *ret)
{
	if (r->server)
		dns_server_stats(r->server, ret);
	return r->server != NULL;
}
