/* SPDX-License-Identifier: MIT
 * The messages that make and change veth pairs and what lies on them.
 */
#include "netns/veth.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>

/* The handle and priority under which our filter stands, so that it can be found and replaced. */
#define FILTER_HANDLE 1
#define FILTER_PRIO   1

static struct nl_msg *link_msg(struct batch *b, const char *step, int type, int flags,
			       uint32_t ifindex)
{
	struct ifinfomsg i = {.ifi_index = ifindex};

	return batch_add(b, step, type, flags, &i, sizeof(i));
}

/* A locally administered MAC that no sandbox is told of: what a program lets through to the
 * fabric's own stack is for another host, and dropped. */
static struct mac host_mac(uint32_t ifindex)
{
	return (struct mac){{0x02, 0xfe, ifindex >> 24, ifindex >> 16, ifindex >> 8, ifindex}};
}

/* peer_netns: -1: that of the link itself. */
static void peer_nest(struct nl_msg *m, int peer_netns, const char *name, uint32_t ifindex,
		      uint32_t mtu)
{
	struct ifinfomsg i = {.ifi_index = ifindex};
	struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO), *data, *peer;

	nla_put_string(m, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(m, IFLA_INFO_DATA);
	peer = nla_nest_start(m, VETH_INFO_PEER);
	nlmsg_append(m, &i, sizeof(i), NLMSG_ALIGNTO);
	nla_put_string(m, IFLA_IFNAME, name);
	nla_put_u32(m, IFLA_MTU, mtu);
	if (peer_netns >= 0)
		nla_put_u32(m, IFLA_NET_NS_FD, peer_netns);
	nla_nest_end(m, peer);
	nla_nest_end(m, data);
	nla_nest_end(m, info);
}

void veth_add(struct batch *b, uint32_t ifindex, int peer_netns, const char *peer_name,
	      uint32_t peer)
{
	struct nl_msg *m =
		link_msg(b, "netns.link_add", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	struct mac mac = host_mac(ifindex);
	char name[IFNAMSIZ];

	if (!m)
		return;
	snprintf(name, sizeof(name), "eni%u", ifindex);
	nla_put_string(m, IFLA_IFNAME, name);
	nla_put(m, IFLA_ADDRESS, sizeof(mac.b), mac.b);
	nla_put_u32(m, IFLA_MTU, PEER_MTU);
	nla_put_u32(m, IFLA_GROUP, VETH_PENDING);
	peer_nest(m, peer_netns, peer_name, peer, PEER_MTU);
}

void veth_pair_add(struct batch *b, const char *name, uint32_t ifindex, const char *peer_name,
		   uint32_t peer, uint32_t mtu)
{
	struct nl_msg *m =
		link_msg(b, "netns.pair_add", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifindex);

	if (!m)
		return;
	nla_put_string(m, IFLA_IFNAME, name);
	nla_put_u32(m, IFLA_MTU, mtu);
	peer_nest(m, -1, peer_name, peer, mtu);
}

static void filter_put(struct nl_msg *m, int prog_fd)
{
	struct nlattr *options;

	nla_put_string(m, TCA_KIND, "bpf");
	options = nla_nest_start(m, TCA_OPTIONS);
	nla_put_u32(m, TCA_BPF_FD, prog_fd);
	nla_put_string(m, TCA_BPF_NAME, "vpcd");
	nla_put_u32(m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	nla_nest_end(m, options);
}

static struct tcmsg filter_header(uint32_t ifindex)
{
	return (struct tcmsg){
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = FILTER_HANDLE,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = TC_H_MAKE(FILTER_PRIO << 16, htons(ETH_P_ALL)),
	};
}

void veth_program_add(struct batch *b, uint32_t ifindex, int prog_fd)
{
	struct tcmsg qdisc = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	struct tcmsg filter = filter_header(ifindex);
	struct nl_msg *m;

	m = batch_add(b, "netns.qdisc_add", RTM_NEWQDISC, NLM_F_CREATE, &qdisc, sizeof(qdisc));
	if (m)
		nla_put_string(m, TCA_KIND, "clsact");
	m = batch_add(b, "netns.filter_add", RTM_NEWTFILTER, NLM_F_CREATE, &filter, sizeof(filter));
	if (m)
		filter_put(m, prog_fd);
}

void veth_commit(struct batch *b, uint32_t ifindex, const char *alias, uint16_t mtu)
{
	struct nl_msg *m = link_msg(b, "netns.link_commit", RTM_SETLINK, 0, ifindex);

	if (!m)
		return;
	nla_put_u32(m, IFLA_MTU, mtu);
	nla_put(m, IFLA_IFALIAS, strlen(alias), alias);
	nla_put_u32(m, IFLA_GROUP, VETH_ATTACHED);
}

void veth_group_set(struct batch *b, uint32_t ifindex, enum veth_group group)
{
	struct nl_msg *m = link_msg(b, "netns.group_set", RTM_SETLINK, 0, ifindex);

	if (m)
		nla_put_u32(m, IFLA_GROUP, group);
}

void veth_delete(struct batch *b, uint32_t ifindex)
{
	link_msg(b, "netns.link_delete", RTM_DELLINK, 0, ifindex);
}

void veth_group_delete(struct batch *b, enum veth_group group)
{
	struct nl_msg *m = link_msg(b, "netns.group_delete", RTM_DELLINK, 0, 0);

	if (m)
		nla_put_u32(m, IFLA_GROUP, group);
}

void link_up(struct batch *b, const char *step, uint32_t ifindex)
{
	struct ifinfomsg i = {.ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	batch_add(b, step, RTM_SETLINK, 0, &i, sizeof(i));
}

/* Within IFLA_AF_SPEC. */
static void no_address_put(struct nl_msg *m)
{
	struct nlattr *inet6 = nla_nest_start(m, AF_INET6);

	nla_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(m, inet6);
}

void link_no_address(struct batch *b, uint32_t ifindex)
{
	struct nl_msg *m = link_msg(b, "netns.address_mode_set", RTM_SETLINK, 0, ifindex);
	struct nlattr *spec;

	if (!m)
		return;
	spec = nla_nest_start(m, IFLA_AF_SPEC);
	no_address_put(m);
	nla_nest_end(m, spec);
}

/* As /proc/sys/net/ipv4/conf/<name>/forwarding does. */
static void forwarding_put(struct nl_msg *m)
{
	struct nlattr *conf = nla_nest_start(m, IFLA_INET_CONF);

	nla_put_u32(m, IPV4_DEVCONF_FORWARDING, 1);
	nla_nest_end(m, conf);
}

/* Before link_up: within one message the kernel would bring the link up first. */
void peer_set(struct batch *b, uint32_t ifindex, const char *name, const struct mac *mac,
	      uint16_t mtu, bool forwards)
{
	struct nl_msg *m = link_msg(b, "netns.peer_set", RTM_SETLINK, 0, ifindex);
	struct nlattr *spec, *inet;

	if (!m)
		return;
	nla_put_string(m, IFLA_IFNAME, name);
	nla_put(m, IFLA_ADDRESS, sizeof(mac->b), mac->b);
	nla_put_u32(m, IFLA_MTU, mtu);
	spec = nla_nest_start(m, IFLA_AF_SPEC);
	if (forwards) {
		inet = nla_nest_start(m, AF_INET);
		forwarding_put(m);
		nla_nest_end(m, inet);
	}
	no_address_put(m);
	nla_nest_end(m, spec);
}

static void ip_put(struct nl_msg *m, int attr, const struct ip *ip)
{
	if (ip->family == AF_INET)
		nla_put(m, attr, 4, ip->b + 12);
	else
		nla_put(m, attr, 16, ip->b);
}

/* IPv6 without duplicate address detection: the fabric knows that there is none. */
static void address_msg(struct batch *b, const char *step, int type, int flags, uint32_t ifindex,
			const struct cidr *address)
{
	struct ifaddrmsg a = {
		.ifa_family = address->ip.family,
		.ifa_prefixlen = address->len,
		.ifa_flags = address->ip.family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = ifindex,
	};
	struct nl_msg *m = batch_add(b, step, type, flags, &a, sizeof(a));

	if (!m)
		return;
	ip_put(m, IFA_LOCAL, &address->ip);
	ip_put(m, IFA_ADDRESS, &address->ip);
}

void address_add(struct batch *b, uint32_t ifindex, const struct cidr *address)
{
	address_msg(b, "netns.addr_add", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex,
		    address);
}

void address_delete(struct batch *b, uint32_t ifindex, const struct cidr *address)
{
	address_msg(b, "netns.addr_delete", RTM_DELADDR, 0, ifindex, address);
}

struct cidr address_link_local(const struct mac *mac)
{
	const uint8_t *m = mac->b;

	return (struct cidr){.ip = {.family = AF_INET6,
				    .b = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff,
					  0xfe, m[3], m[4], m[5]}},
			     .len = 64};
}

static void route_msg(struct batch *b, const char *step, int type, int flags, uint32_t ifindex,
		      const struct cidr *to, const struct ip *via)
{
	struct rtmsg r = {
		.rtm_family = to->ip.family,
		.rtm_dst_len = to->len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = RTNH_F_ONLINK,
	};
	struct nl_msg *m = batch_add(b, step, type, flags, &r, sizeof(r));

	if (!m)
		return;
	if (to->len)
		ip_put(m, RTA_DST, &to->ip);
	ip_put(m, RTA_GATEWAY, via);
	nla_put_u32(m, RTA_OIF, ifindex);
}

void route_add(struct batch *b, uint32_t ifindex, const struct cidr *to, const struct ip *via)
{
	route_msg(b, "netns.route_add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ifindex, to, via);
}

void route_delete(struct batch *b, uint32_t ifindex, const struct cidr *to, const struct ip *via)
{
	route_msg(b, "netns.route_delete", RTM_DELROUTE, 0, ifindex, to, via);
}

void neighbour_add(struct batch *b, uint32_t ifindex, const struct ip *ip, const struct mac *mac)
{
	struct ndmsg n = {
		.ndm_family = ip->family,
		.ndm_ifindex = ifindex,
		.ndm_state = NUD_PERMANENT,
	};
	struct nl_msg *m = batch_add(b, "netns.neigh_add", RTM_NEWNEIGH,
				     NLM_F_CREATE | NLM_F_REPLACE, &n, sizeof(n));

	if (!m)
		return;
	ip_put(m, NDA_DST, ip);
	nla_put(m, NDA_LLADDR, sizeof(mac->b), mac->b);
}

/* Reading. */

static bool veth_parse(struct nlmsghdr *h, struct veth_state *ret)
{
	struct ifinfomsg *i = nlmsg_data(h);
	struct nlattr *attrs[IFLA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWLINK || nlmsg_parse(h, sizeof(*i), attrs, IFLA_MAX, NULL) < 0 ||
	    !attrs[IFLA_LINK])
		return false;
	*ret = (struct veth_state){
		.ifindex = i->ifi_index,
		.peer = nla_get_u32(attrs[IFLA_LINK]),
		.netnsid = attrs[IFLA_LINK_NETNSID] ? nla_get_s32(attrs[IFLA_LINK_NETNSID]) : -1,
		.group = attrs[IFLA_GROUP] ? nla_get_u32(attrs[IFLA_GROUP]) : 0,
		.up = i->ifi_flags & IFF_UP,
	};
	if (attrs[IFLA_IFALIAS])
		nla_strlcpy(ret->alias, attrs[IFLA_IFALIAS], sizeof(ret->alias));
	return true;
}

struct veth_list {
	struct veth_state *p;
	size_t n, cap;
};

static int veth_list_add(void *arg, struct nlmsghdr *h)
{
	struct veth_list *l = arg;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		void *p = reallocarray(l->p, cap, sizeof(*l->p));

		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = cap;
	}
	l->n += veth_parse(h, &l->p[l->n]);
	return 0;
}

/* A request of type `type` with a fixed header; NULL: out of memory. */
static struct nl_msg *request_new(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_size(512);

	if (m && nlmsg_put(m, 0, 0, type, 0, flags) &&
	    !nlmsg_append(m, (void *)header, len, NLMSG_ALIGNTO))
		return m;
	nlmsg_free(m);
	return NULL;
}

int veth_list(struct rtnl *r, struct veth_state **ret, size_t *ret_n, struct err *e)
{
	struct ifinfomsg i = {0};
	struct nl_msg *m = request_new(RTM_GETLINK, NLM_F_DUMP, &i, sizeof(i));
	struct veth_list list = {0};
	int rc;

	if (!m)
		return err_sys(e, -ENOMEM, "list links");
	rc = rtnl_request(r, m, veth_list_add, &list, e);
	if (rc) {
		free(list.p);
		return rc;
	}
	*ret = list.p;
	*ret_n = list.n;
	return 0;
}

static int veth_get_one(void *arg, struct nlmsghdr *h)
{
	return veth_parse(h, arg) ? 0 : -ENODEV;
}

int veth_get(struct rtnl *r, uint32_t ifindex, struct veth_state *ret, struct err *e)
{
	struct ifinfomsg i = {.ifi_index = ifindex};
	struct nl_msg *m = request_new(RTM_GETLINK, 0, &i, sizeof(i));
	int rc;

	if (!m)
		return err_sys(e, -ENOMEM, "look up link");
	rc = rtnl_request(r, m, veth_get_one, ret, e);
	return rc == -ENODEV ? 0 : rc ? rc : 1;
}

static int link_get_index(void *arg, struct nlmsghdr *h)
{
	struct ifinfomsg *i = nlmsg_data(h);

	*(int *)arg = i->ifi_index;
	return 0;
}

int link_find(struct rtnl *r, const char *name, struct err *e)
{
	struct ifinfomsg i = {0};
	struct nl_msg *m = request_new(RTM_GETLINK, 0, &i, sizeof(i));
	int ifindex = 0, rc;

	if (!m)
		return err_sys(e, -ENOMEM, "look up link");
	nla_put_string(m, IFLA_IFNAME, name);
	rc = rtnl_request(r, m, link_get_index, &ifindex, e);
	return rc == -ENODEV ? 0 : rc ? rc : ifindex;
}

static int filter_get_id(void *arg, struct nlmsghdr *h)
{
	struct nlattr *attrs[TCA_MAX + 1], *options[TCA_BPF_MAX + 1];

	if (h->nlmsg_type == RTM_NEWTFILTER &&
	    nlmsg_parse(h, sizeof(struct tcmsg), attrs, TCA_MAX, NULL) >= 0 && attrs[TCA_OPTIONS] &&
	    nla_parse_nested(options, TCA_BPF_MAX, attrs[TCA_OPTIONS], NULL) >= 0 &&
	    options[TCA_BPF_ID])
		*(uint32_t *)arg = nla_get_u32(options[TCA_BPF_ID]);
	return 0;
}

int veth_has_program(struct rtnl *r, uint32_t ifindex, uint32_t prog_id, struct err *e)
{
	struct tcmsg t = filter_header(ifindex);
	struct nl_msg *m = request_new(RTM_GETTFILTER, 0, &t, sizeof(t));
	uint32_t id = 0;
	int rc;

	if (!m)
		return err_sys(e, -ENOMEM, "look up filter");
	nla_put_string(m, TCA_KIND, "bpf");
	rc = rtnl_request(r, m, filter_get_id, &id, e);
	/* The link, its qdisc or the filter are not there. */
	if (rc == -ENOENT || rc == -EINVAL || rc == -ENODEV)
		return 0;
	return rc ? rc : id == prog_id;
}

static int netnsid_read(void *arg, struct nlmsghdr *h)
{
	struct nlattr *attrs[NETNSA_MAX + 1];

	if (h->nlmsg_type == RTM_NEWNSID &&
	    nlmsg_parse(h, sizeof(struct rtgenmsg), attrs, NETNSA_MAX, NULL) >= 0 &&
	    attrs[NETNSA_NSID])
		*(int *)arg = nla_get_s32(attrs[NETNSA_NSID]);
	return 0;
}

int netnsid_get(struct rtnl *r, int ns_fd, int *ret, struct err *e)
{
	struct rtgenmsg g = {0};
	struct nl_msg *m = request_new(RTM_GETNSID, 0, &g, sizeof(g));

	if (!m)
		return err_sys(e, -ENOMEM, "look up namespace");
	nla_put_u32(m, NETNSA_FD, ns_fd);
	*ret = -1;
	return rtnl_request(r, m, netnsid_read, ret, e);
}
