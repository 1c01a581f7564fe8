/* SPDX-License-Identifier: MIT
 * See resolver.h.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "lib/cleanup.h"
#include "vpcd/resolver.h"

struct resolver {
	struct fabric *fabric;
	struct names *names;
	struct dns_server *server;
	int service_fd, public_fd; /* network namespaces */
};

uint32_t service_address(uint32_t ifindex)
{
	return htonl(SERVICE_CLIENTS | (ifindex & 0x3fffff));
}

struct resolver *resolver_new(struct fabric *f, struct names *n)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r)
		*r = (struct resolver){.fabric = f, .names = n, .service_fd = -1, .public_fd = -1};
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	dns_server_stop(r->server);
	cleanup_closep(&r->service_fd);
	cleanup_closep(&r->public_fd);
	free(r);
}

static int open_netns(struct resolver *r, const char *id, int *fd, struct err *e)
{
	if (*fd < 0)
		*fd = fabric_open_netns(r->fabric, id, e);
	return *fd < 0 ? *fd : 0;
}

static int start(struct resolver *r, struct err *e)
{
	struct dns_listener listeners[2];
	struct dns_server_config cfg = {.listeners = listeners,
					.n_listeners = ARRAY_SIZE(listeners)};
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
	cfg.forward_netns_fd = r->service_fd;
	cfg.forwarder = ip_from_v4(INTERNET_DNS);
	rc = dns_server_start(&cfg, &r->server, e);
	return rc ? err_wrap(e, "resolver") : 0;
}

static int add_items(struct resolver *r, const struct plan *p, struct dns_snapshot *s,
		     enum item_type type, struct err *e)
{
	for (const struct item *it = plan_next(p, type, NULL); it; it = plan_next(p, type, it)) {
		const struct item_record *rec = it->body;
		const char *owner = rec->text, *rrtype = owner + strlen(owner) + 1;
		uint32_t view = names_find(r->names, NAME_VPC, rec->view);
		int rc = 0;

		if (!view)
			continue; /* its VPC failed: nobody can ask */
		if (type == ITEM_DNS_ZONE)
			rc = dns_zone_add(s, view, owner, e);
		else
			rc = dns_record_add(s, view, owner, rrtype, rec->ttl,
					    rrtype + strlen(rrtype) + 1, e);
		if (rc == -EINVAL)
			continue; /* the model checks records: one that slips through is left out */
		if (rc)
			return rc;
	}
	return 0;
}

static int add_clients(struct resolver *r, const struct plan *p, struct dns_snapshot *s,
		       struct err *e)
{
	for (const struct item *it = plan_next(p, ITEM_ENI, NULL); it;
	     it = plan_next(p, ITEM_ENI, it)) {
		const struct item_eni *eni = it->body;
		uint32_t ifindex = names_find(r->names, NAME_INTERFACE, it->key);
		uint32_t view = names_find(r->names, NAME_VPC, eni->vpc);
		const struct item *v = plan_get(p, ITEM_VPC, eni->vpc);
		struct ip client;
		int rc;

		if (!ifindex || !view || !v || !((const struct item_vpc *)v->body)->dns_support)
			continue;
		client = ip_from_v4(ntohl(service_address(ifindex)));
		rc = dns_client_add(s, &client, view, e);
		if (rc)
			return rc;
	}
	return 0;
}

static void add_views(struct resolver *r, const struct plan *p, struct dns_snapshot *s)
{
	for (const struct item *it = plan_next(p, ITEM_VPC, NULL); it;
	     it = plan_next(p, ITEM_VPC, it)) {
		const struct item_vpc *vpc = it->body;
		uint32_t view = names_find(r->names, NAME_VPC, it->key);

		if (vpc->dns_support && view)
			dns_view_add(s, view, true);
	}
	dns_view_add(s, VPC_INTERNET, false);
}

int resolver_publish(struct resolver *r, const struct plan *p, struct err *e)
{
	struct dns_snapshot *s;
	int rc = r->server ? 0 : start(r, e);

	if (rc)
		return rc;
	s = dns_snapshot_new();
	if (!s)
		return err_sys(e, -ENOMEM, "resolver");
	add_views(r, p, s);
	rc = add_items(r, p, s, ITEM_DNS_ZONE, e);
	if (!rc)
		rc = add_items(r, p, s, ITEM_DNS_RECORD, e);
	if (!rc)
		rc = add_clients(r, p, s, e);
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
