/* SPDX-License-Identifier: MIT
 * A network namespace with a veth pair between it and the fabric.
 */
#include "netns/endpoint.h"

#include "netns/userns.h"
#include "netns/veth.h"

#define LOOPBACK_IFINDEX 1
/* In a namespace of ours nothing else has it, and it need not be asked for. */
#define PEER_IFINDEX 2

void endpoint_done(struct endpoint *ep)
{
	rtnl_close(&ep->rtnl);
	if (ep->net_fd >= 0)
		close(ep->net_fd);
	ep->net_fd = -1;
}

void endpoint_undo(struct fabric *f, struct endpoint *ep)
{
	if (ep->linked) {
		struct batch b = {0};

		veth_delete(&b, ep->ifindex);
		/* Nobody is left to tell of a failure; pending links go at the next start. */
		batch_send(&b, &f->rtnl, NULL);
		ep->linked = false;
	}
	endpoint_done(ep);
}

/* The link, with its program on before anything can be sent through it. If a message after the
 * first fails, the link is there: hence `linked` either way unless link_add itself failed. */
static int endpoint_link(struct fabric *f, struct endpoint *ep, const char *peer_name,
			 uint32_t peer, struct err *e)
{
	struct batch add = {0}, rest = {0};
	int rc;

	veth_add(&add, ep->ifindex, ep->net_fd, peer_name, peer);
	rc = batch_send(&add, &f->rtnl, e);
	if (rc)
		return rc;
	ep->linked = true;
	veth_program_add(&rest, ep->ifindex, f->cfg.prog_fd);
	link_up(&rest, "netns.link_up", ep->ifindex);
	return batch_send(&rest, &f->rtnl, e);
}

int endpoint_new(struct fabric *f, uint32_t ifindex, struct endpoint *ret, struct err *e)
{
	struct endpoint ep = {.ifindex = ifindex, .peer = PEER_IFINDEX, .rtnl = RTNL_CLOSED};
	int rc;

	ep.net_fd = netns_new_owned(e);
	if (ep.net_fd < 0)
		return ep.net_fd;
	rc = netns_visit(ep.net_fd, f->home_fd, true, &ep.rtnl, e);
	if (!rc)
		rc = endpoint_link(f, &ep, PEER_NAME, PEER_IFINDEX, e);
	if (rc) {
		endpoint_undo(f, &ep);
		return rc;
	}
	*ret = ep;
	return 0;
}

/* Refuses those in which a veth with a default route would cut off the host or the fabric. */
static int foreign_open(struct fabric *f, const struct attachment_spec *spec, struct err *e)
{
	const char *path = spec->netns_path;
	cleanup_close int fd = netns_open(path, e);

	if (fd < 0)
		return fd;
	if ((netns_equal(fd, f->home_fd) && !spec->uplink) || netns_equal(fd, f->net_fd))
		return err_set(e, -EINVAL, "InvalidParameterValue", "NetnsPath",
			       "%s is the host's own network namespace", path);
	return TAKE_FD(fd);
}

static int foreign_link(struct fabric *f, struct endpoint *ep, const char *path, const char *ifname,
			struct err *e)
{
	int found = link_find(&ep->rtnl, ifname, e), rc;

	if (found > 0)
		return err_set(e, -EEXIST, "InvalidParameterValue", "NetnsPath",
			       "%s has an interface %s already", path, ifname);
	if (found < 0)
		return found;
	rc = endpoint_link(f, ep, ifname, 0, e);
	if (rc)
		return rc;
	found = link_find(&ep->rtnl, ifname, e);
	if (found <= 0)
		return found ? found : err_sys(e, -ENODEV, "look up %s in %s", ifname, path);
	ep->peer = found;
	return 0;
}

int endpoint_new_foreign(struct fabric *f, const struct attachment_spec *spec, const char *ifname,
			 struct endpoint *ret, struct err *e)
{
	struct endpoint ep = {.ifindex = spec->ifindex, .rtnl = RTNL_CLOSED, .foreign = true};
	int rc;

	ep.net_fd = foreign_open(f, spec, e);
	if (ep.net_fd < 0)
		return ep.net_fd;
	rc = netns_visit(ep.net_fd, f->home_fd, false, &ep.rtnl, e);
	if (!rc)
		rc = foreign_link(f, &ep, spec->netns_path, ifname, e);
	if (rc) {
		endpoint_undo(f, &ep);
		return rc;
	}
	*ret = ep;
	return 0;
}

/* ---- what lies in the namespace ---- */

static bool has_ipv6(const struct attachment_spec *spec)
{
	for (size_t i = 0; i < spec->n_more_addresses; i++)
		if (spec->more_addresses[i].ip.family == AF_INET6)
			return true;
	return spec->address.ip.family == AF_INET6;
}

/* The kernel prefers the IPv6 address that came last: the first of the list is to be that. */
static void addresses_add(struct batch *b, uint32_t peer, const struct attachment_spec *spec)
{
	struct cidr link_local = address_link_local(&spec->mac);

	if (has_ipv6(spec))
		address_add(b, peer, &link_local);
	if (ip_is_set(&spec->address.ip))
		address_add(b, peer, &spec->address);
	for (size_t i = spec->n_more_addresses; i-- > 0;)
		address_add(b, peer, &spec->more_addresses[i]);
}

static void gateway_routes_add(struct batch *b, uint32_t peer, const struct attachment_spec *spec,
			       const struct ip *gateway)
{
	struct cidr all = {.ip.family = gateway->family};

	if (!ip_is_set(gateway))
		return;
	/* First: else the kernel may ask for it as soon as a route leads there. */
	if (spec->gateway_mac)
		neighbour_add(b, peer, gateway, spec->gateway_mac);
	if (!spec->no_default_route)
		route_add(b, peer, &all, gateway);
	for (size_t i = 0; i < spec->n_routes; i++)
		if (spec->routes[i].ip.family == gateway->family)
			route_add(b, peer, &spec->routes[i], gateway);
}

static void routes_add(struct batch *b, uint32_t peer, const struct attachment_spec *spec)
{
	gateway_routes_add(b, peer, spec, &spec->gateway);
	gateway_routes_add(b, peer, spec, &spec->gateway6);
}

int endpoint_configure(struct endpoint *ep, const struct attachment_spec *spec, struct err *e)
{
	struct batch b = {0};

	if (!ep->foreign)
		link_up(&b, "netns.lo_up", LOOPBACK_IFINDEX);
	peer_set(&b, ep->peer, spec->ifname ? spec->ifname : PEER_NAME, &spec->mac, spec->mtu,
		 spec->uplink);
	link_up(&b, "netns.peer_up", ep->peer);
	addresses_add(&b, ep->peer, spec);
	routes_add(&b, ep->peer, spec);
	return batch_send(&b, &ep->rtnl, e);
}

/* ---- changing it ---- */

static bool spec_has(const struct attachment_spec *spec, const struct cidr *address)
{
	if (!cidr_cmp(&spec->address, address))
		return true;
	for (size_t i = 0; i < spec->n_more_addresses; i++)
		if (!cidr_cmp(&spec->more_addresses[i], address))
			return true;
	return false;
}

/* Sends a batch of which some may be done already, or undone by whoever rules in there. */
static int batch_send_lenient(struct batch *b, struct rtnl *r, int ok, int ok_too, struct err *e)
{
	int rc = batch_send(b, r, e);

	return rc == ok || rc == ok_too ? 0 : rc;
}

static int addresses_remove(struct rtnl *r, uint32_t peer, const struct attachment_spec *old,
			    const struct attachment_spec *spec, struct err *e)
{
	const struct cidr all6 = {.ip.family = AF_INET6};
	struct cidr link_local = address_link_local(&old->mac);
	struct batch b = {0};

	if (ip_is_set(&old->address.ip) && !spec_has(spec, &old->address))
		address_delete(&b, peer, &old->address);
	for (size_t i = 0; i < old->n_more_addresses; i++)
		if (!spec_has(spec, &old->more_addresses[i]))
			address_delete(&b, peer, &old->more_addresses[i]);
	if (has_ipv6(old) && !has_ipv6(spec)) {
		address_delete(&b, peer, &link_local);
		if (ip_is_set(&old->gateway6) && !old->no_default_route)
			route_delete(&b, peer, &all6, &old->gateway6);
	}
	return b.n ? batch_send_lenient(&b, r, -EADDRNOTAVAIL, -ESRCH, e) : 0;
}

int endpoint_readdress(struct rtnl *r, uint32_t peer, const struct attachment_spec *old,
		       const struct attachment_spec *spec, struct err *e)
{
	struct batch addresses = {0}, routes = {0};
	int rc;

	/* Added before any goes: an interface never stands without address, and keeps its routes.
	 */
	addresses_add(&addresses, peer, spec);
	rc = batch_send(&addresses, r, e);
	if (!rc && old)
		rc = addresses_remove(r, peer, old, spec, e);
	if (rc)
		return rc;
	routes_add(&routes, peer, spec);
	return routes.n || routes.rc ? batch_send_lenient(&routes, r, -EEXIST, -EEXIST, e) : 0;
}
